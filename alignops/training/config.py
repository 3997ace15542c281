"""The settings that every method shares."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW and its learning rate.

    Attributes:
        lr: peak learning rate.
        weight_decay: of matrices; vectors and scalars are not decayed.
        beta2: decay of the second moment.
        schedule: after the warm-up, "cosine" to zero, "step", or "constant".
        warmup_steps: steps of linear warm-up.
        decay_every: for "step": steps between decays.
        decay: for "step": factor of each decay.
        clip_norm: largest gradient norm; 0 = no limit.
    """

    lr: float = 1e-3
    weight_decay: float = 0.1
    beta2: float = 0.98
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup_steps: int = 100
    decay_every: int = 1000
    decay: float = 0.1
    clip_norm: float = 1.0


WITHOUT_INFLUENCE = frozenset({"loop.log_every", "loop.checkpoint_every", "loop.workers"})
"""Settings that a run may be taken up with other values of: they change no result."""


@dataclass(frozen=True)
class LoopConfig:
    """The course of a training.

    Attributes:
        steps: optimizer steps.
        batch_size: pairs per step.
        seed: of the weights, the order of the data and their augmentation.
        log_every: steps between lines of the log.
        checkpoint_every: steps between checkpoints.
        workers: processes that load data; the result does not depend on their number.
        precision: "no" is float32; the others are autocast.
    """

    steps: int = 1000
    batch_size: int = 64
    seed: int = 0
    log_every: int = 20
    checkpoint_every: int = 500
    workers: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"

    def __post_init__(self) -> None:
        """Refuse what no training can run with."""
        for name in ("steps", "batch_size", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"loop.{name} is {getattr(self, name)}; expected at least 1")
        if self.workers < 0:
            raise ValueError(f"loop.workers is {self.workers}; expected at least 0")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """What every method's configuration begins with.

    Attributes:
        loop: length, batch, seed.
        optimizer: AdamW and its schedule.
    """

    loop: LoopConfig = field(default_factory=LoopConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

"""The training loop, on Accelerate: one for all methods."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, cast

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from alignops.training.checkpoint import Checkpoints
from alignops.training.config import LoopConfig, OptimizerConfig
from alignops.training.finite_guard import FiniteGuard, require_finite_weights
from alignops.training.interruption import Interrupted, InterruptGuard
from alignops.training.log import Log
from alignops.training.optimizer import build_optimizer, build_scheduler
from alignops.training.run import Run
from alignops.training.sampler import Example, StepSampler
from alignops.training.state import TrainingState


class Examples(Protocol):
    """What a method trains on: items that are a function of `Example` alone."""

    def __len__(self) -> int:
        """Return the number of items."""

    def __getitem__(self, example: Example) -> Any:
        """Make one item; random choices are made by `example.random()`."""


def train(
    objective: nn.Module,
    examples: Examples,
    collate: Callable[[list[Any]], Any],
    run: Run,
    loop: LoopConfig,
    optimizer: OptimizerConfig,
    title: str = "training",
) -> None:
    """Train `objective` in place for `loop.steps` steps, resuming from the run's last checkpoint.

    A run that was killed and resumed ends with the same weights, bit for bit, on the same machine
    with the same number of threads: model, optimizer, scheduler and random states are in the
    checkpoint, and the data are a function of the step.

    Args:
        objective: maps a batch to its loss terms, a dict of 0-d tensors: their sum is minimised and
            each is logged. Only weights with `requires_grad` are trained.
        examples: training items, asked for by `Example`.
        collate: items to a batch of tensors.
        run: keeps checkpoints and log.
        loop: length, batch and so on.
        optimizer: AdamW and its schedule.
        title: what the progress bar says.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; a checkpoint was written first.
        ValueError: there are fewer items than a batch, or the loss is not finite.
        NotImplementedError: there is more than one process; the losses contrast within one.
    """
    accelerator = Accelerator(mixed_precision=loop.precision)
    if accelerator.num_processes > 1:
        raise NotImplementedError(
            f"training on {accelerator.num_processes} processes is not available yet; launch one"
        )
    torch.manual_seed(loop.seed)
    adamw = build_optimizer(objective, optimizer)
    schedule = build_scheduler(adamw, optimizer, loop.steps)
    state = TrainingState(objective, adamw, schedule, accelerator.scaler)
    module, adamw = accelerator.prepare(objective, adamw)
    checkpoints = Checkpoints(run.checkpoints, state)
    start = checkpoints.load_latest()
    guard = FiniteGuard(accelerator.device)
    batches = _batches(examples, collate, loop, start)

    module.train()
    with InterruptGuard() as interrupt, Log(run.log, title, start, loop.steps) as log:
        for step, batch in enumerate(batches, start=start + 1):
            terms = module(send_to_device(batch, accelerator.device))
            loss = torch.stack(list(terms.values())).sum()
            guard.watch(step, loss)
            adamw.zero_grad()
            accelerator.backward(loss)
            if optimizer.clip_norm:
                accelerator.clip_grad_norm_(module.parameters(), optimizer.clip_norm)
            adamw.step()
            rate = float(schedule.get_last_lr()[0])
            schedule.step()
            log.advance()
            if step % loop.log_every == 0 or step == loop.steps:
                guard.check()
                log.write(step, {"loss": loss.item(), **_floats(terms), "lr": rate})
            if step % loop.checkpoint_every == 0 or step == loop.steps or interrupt.asked:
                guard.check()
                require_finite_weights(objective, step)
                checkpoints.save(step)
            if interrupt.asked and step < loop.steps:
                raise Interrupted
    accelerator.free_memory()


def _batches(
    examples: Examples, collate: Callable[[list[Any]], Any], loop: LoopConfig, start: int
) -> Iterable[Any]:
    sampler = StepSampler(
        len(examples), loop.batch_size, seed=loop.seed, start=start, steps=loop.steps
    )
    return DataLoader(
        cast("Dataset[Any]", examples),
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=loop.workers,
        # Its own generator: the default would take a number from the global one at every start.
        generator=torch.Generator().manual_seed(loop.seed),
    )


def _floats(terms: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: term.item() for name, term in terms.items()} if len(terms) > 1 else {}

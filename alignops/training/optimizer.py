"""AdamW and the course of its learning rate."""

import math

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from alignops.training.config import OptimizerConfig


def build_optimizer(module: nn.Module, config: OptimizerConfig) -> AdamW:
    """AdamW over the weights that take gradient; only matrices are decayed."""
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in weights if w.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
    ]
    # Fused: one kernel per step instead of several per weight, which dominate for a small model on
    # a CPU.
    return AdamW(groups, lr=config.lr, betas=(0.9, config.beta2), fused=True)


def build_scheduler(optimizer: AdamW, config: OptimizerConfig, steps: int) -> LambdaLR:
    """Make the learning rate follow the configuration over `steps` steps."""

    def factor(step: int) -> float:
        if step < config.warmup_steps:
            return (step + 1) / config.warmup_steps
        if config.schedule == "constant":
            return 1.0
        if config.schedule == "step":
            return config.decay ** (step // config.decay_every)
        progress = (step - config.warmup_steps) / max(1, steps - config.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)

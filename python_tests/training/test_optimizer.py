import pytest
from torch import nn

from alignops.training.config import OptimizerConfig
from alignops.training.optimizer import build_optimizer, build_scheduler


def rates(steps, **overrides):
    config = OptimizerConfig(lr=1.0, **overrides)
    optimizer = build_optimizer(nn.Linear(2, 2), config)
    schedule = build_scheduler(optimizer, config, steps)
    seen = []
    for _ in range(steps):
        seen.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return seen


def test_the_schedules():
    assert rates(3, schedule="constant", warmup_steps=2) == [0.5, 1.0, 1.0]
    assert rates(5, schedule="step", warmup_steps=0, decay_every=2, decay=0.5) == [
        1.0,
        1.0,
        0.5,
        0.5,
        0.25,
    ]
    assert rates(4, schedule="cosine", warmup_steps=0) == pytest.approx(
        [1, 0.853553, 0.5, 0.146447], abs=1e-5
    )


def test_only_matrices_are_decayed_and_frozen_weights_left_out():
    module = nn.Linear(2, 2)
    decayed, others = build_optimizer(module, OptimizerConfig(weight_decay=0.3)).param_groups
    assert decayed["params"] == [module.weight]
    assert decayed["weight_decay"] == 0.3
    assert others["weight_decay"] == 0
    module.weight.requires_grad_(False)
    assert build_optimizer(module, OptimizerConfig()).param_groups[0]["params"] == []

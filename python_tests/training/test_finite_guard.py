import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from alignops.training.finite_guard import FiniteGuard, require_finite_weights


class NoReads(TorchDispatchMode):
    """Refuses every op that would synchronise with the device to read a number."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert "_local_scalar_dense" not in str(func)
        assert "nonzero" not in str(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf"])
def test_the_first_loss_that_is_not_finite_is_named(bad):
    guard = FiniteGuard(torch.device("cpu"))
    losses = [1.0, 2.0, float(bad), 3.0, float("nan")]
    for step, loss in enumerate(losses, start=1):
        guard.watch(step, torch.tensor(loss))
    with pytest.raises(ValueError, match=rf"the loss is {bad} at step 3; try a smaller"):
        guard.check()


def test_finite_losses_pass():
    guard = FiniteGuard(torch.device("cpu"))
    guard.watch(1, torch.tensor(3.0, dtype=torch.bfloat16))
    guard.check()


def test_watching_reads_nothing_from_the_device():
    guard = FiniteGuard(torch.device("cpu"))
    with NoReads():
        guard.watch(1, torch.tensor(float("nan")))
    with pytest.raises(ValueError, match="step 1"):
        guard.check()


def test_watching_keeps_no_graph():
    guard = FiniteGuard(torch.device("cpu"))
    guard.watch(1, torch.ones((), requires_grad=True) * 2)
    assert not guard._loss.requires_grad


def test_weights_that_are_not_finite_are_named():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    require_finite_weights(module, 7)
    with torch.no_grad():
        module[1].bias[0] = float("inf")
    with pytest.raises(ValueError, match=r"the weights of 1\.bias are not finite after step 7"):
        require_finite_weights(module, 7)
    require_finite_weights(module.requires_grad_(False), 7)

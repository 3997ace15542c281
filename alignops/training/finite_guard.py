"""Notices a loss or weights that are not finite, before they are kept."""

import torch
from torch import Tensor, nn


class FiniteGuard:
    """Remembers on the device the first loss that was not finite; nothing waits for the device.

    Args:
        device: of the losses.
    """

    def __init__(self, device: torch.device) -> None:
        self._step = torch.zeros((), dtype=torch.int64, device=device)  # 0: none so far
        self._loss = torch.zeros((), device=device)

    def watch(self, step: int, loss: Tensor) -> None:
        """Take note of the loss (0-d) of `step`, counted from 1."""
        loss = loss.detach()
        first = (self._step == 0) & ~torch.isfinite(loss)
        self._step = torch.where(first, step, self._step)
        self._loss = torch.where(first, loss.float(), self._loss)

    def check(self) -> None:
        """Wait for the device and say whether all is well so far.

        Raises:
            ValueError: a loss was not finite; names the first step.
        """
        if step := int(self._step):
            raise ValueError(
                f"the loss is {float(self._loss)} at step {step}; try a smaller optimizer.lr"
            )


@torch.no_grad()
def require_finite_weights(module: nn.Module, step: int) -> None:
    """Look at every trained weight: a finite loss can have a gradient that is not.

    Raises:
        ValueError: one is not finite; names it.
    """
    trained = [(name, w) for name, w in module.named_parameters() if w.requires_grad]
    if not trained:
        return
    finite = torch.stack([torch.isfinite(w).all() for _, w in trained]).tolist()
    for (name, _), well in zip(trained, finite, strict=True):
        if not well:
            raise ValueError(
                f"the weights of {name} are not finite after step {step}; try a smaller "
                "optimizer.lr"
            )

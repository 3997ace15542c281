"""Pad items of different lengths into one batch."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


def pad_rows(items: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Pad items to the longest of the batch.

    Args:
        items: B >= 1 tensors (n_i, ...), equal but for n_i, which may be 0.

    Returns:
        The items (B, n, ...), padded with zeros, and a mask (B, n) bool, True = valid; n is the
        largest n_i.

    Raises:
        ValueError: if there are no items.
    """
    if not items:
        raise ValueError("items is empty; expected at least one tensor")
    padded = pad_sequence(list(items), batch_first=True)
    lengths = torch.tensor([len(item) for item in items], device=padded.device)
    mask = torch.arange(padded.shape[1], device=padded.device) < lengths[:, None]
    return padded, mask

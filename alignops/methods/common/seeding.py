"""The seed of a training, for every generator that its checkpoints keep."""

import random

import numpy as np
import torch

_LARGEST = 2**32


def seed_generators(seed: int) -> None:
    """Seed the generators of Python, NumPy and torch; equal seeds give equal checkpoints."""
    random.seed(seed)
    np.random.seed(seed % _LARGEST)
    torch.manual_seed(seed)

"""What the methods that train a whole tower begin with: the tower, and the pairs it learns from."""

import torch

from alignops.data import PairedDataset
from alignops.methods.data import DataConfig, open_pairs
from alignops.models import Tower, TowerConfig, build_tower


def open_tower(data: DataConfig, tower: TowerConfig, seed: int) -> tuple[Tower, PairedDataset]:
    """Open the training pairs, and build the tower; a tiny one takes its words from them.

    Args:
        data: pairs to train on.
        tower: what to train, from which weights.
        seed: of random weights, and of whatever draws from torch's generator afterwards.

    Raises:
        FileNotFoundError: data or weights are missing.
        ValueError: the configuration or the data do not fit.
    """
    pairs = open_pairs(data).train
    torch.manual_seed(seed)
    return build_tower(tower, (text for texts in pairs.captions for text in texts)), pairs

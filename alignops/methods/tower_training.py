"""What the methods that train a whole model begin with: the model, and the pairs it learns from."""

import torch

from alignops.data import PairedDataset
from alignops.methods.data import DataConfig, open_pairs
from alignops.models import DualEncoder, DualEncoderConfig, build_dual_encoder


def open_model(
    data: DataConfig, model: DualEncoderConfig, seed: int
) -> tuple[DualEncoder, PairedDataset]:
    """Open the training pairs, and build the model; a tiny one takes its words from them.

    Args:
        data: pairs to train on.
        model: what to train, from which weights.
        seed: of random weights, and of whatever draws from torch's generator afterwards.

    Raises:
        FileNotFoundError: data or weights are missing.
        ValueError: the configuration or the data do not fit.
    """
    pairs = open_pairs(data).train
    torch.manual_seed(seed)
    return build_dual_encoder(model, (text for texts in pairs.captions for text in texts)), pairs

"""How AAHR scores: the dot product of what its two encoders make of frozen features."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from alignops.data import PairedDataset
from alignops.methods.aahr.features import LocalEncoder, collate_local, local_rows
from alignops.methods.aahr.objective import AahrEncoderConfig, AahrObjective
from alignops.methods.common.embedding import default_device, in_batches
from alignops.methods.common.frozen import Items
from alignops.methods.common.scorer import Scorer, Similarities
from alignops.methods.common.trained_encoders import load_weights, read_encoders, save_encoders
from alignops.models import AahrEncoder

_SIDES = ("image", "text")


class AahrScorer(Scorer):
    """The dot product of fused embeddings; only the encoders take part.

    Args:
        features: embeds images and captions.
        config: the sizes of the encoders.
        folder: what `save_scorer` wrote.

    Raises:
        DamagedError: a file of the folder is not as it was written.
        ValueError: it is of another base, or of encoders of another size.
    """

    def __init__(self, features: LocalEncoder, config: AahrEncoderConfig, folder: Path) -> None:
        self.features = features
        weights, _ = read_encoders(folder, base=features.fingerprint())
        self.image, self.text = (_encoder(weights, side, config) for side in _SIDES)
        load_weights(_both(self), weights, folder)
        for encoder in (self.image, self.text):
            encoder.to(default_device()).eval()

    def similarities(self, images: PairedDataset, captions: Sequence[str]) -> Similarities:
        """Score every image of a dataset with every caption; images' features are cached."""
        image = _embed(self.image, self.features.cached_images(images))
        text = _embed(self.text, self.features.captions(captions))
        score = image @ text.T
        return Similarities(score, score)


def save_scorer(objective: AahrObjective, features: LocalEncoder, folder: Path) -> None:
    """Write the two encoders of a trained objective."""
    save_encoders(_both(objective), folder, base=features.fingerprint())


def _both(owner: AahrObjective | AahrScorer) -> nn.ModuleDict:
    return nn.ModuleDict({side: getattr(owner, side) for side in _SIDES})


def _encoder(weights: Mapping[str, Tensor], side: str, config: AahrEncoderConfig) -> AahrEncoder:
    """Build a side's encoder, of the features' sizes that its weights have."""
    layers = ("project_local", "project_global.0")
    local, whole = (weights[f"{side}.{layer}.weight"].shape[1] for layer in layers)
    return AahrEncoder(local, whole, config.dim, config.heads, config.dropout)


def _embed(encoder: AahrEncoder, items: Items) -> Tensor:
    """Embed every item: float32 (len(items), D), on the CPU."""

    def embed(indices: Sequence[int]) -> Tensor:
        batch = [items[index] for index in indices]
        features = collate_local(*zip(*((i["pooled"], local_rows(i)) for i in batch), strict=True))
        moved = type(features)(*(part.to(default_device()) for part in features))
        fused: Tensor = encoder(moved).fused.float().cpu()
        return fused

    empty = torch.empty(0, encoder.gate.out_features)
    return torch.cat([empty, *in_batches(embed, range(len(items)))])

"""How AAHR scores: the dot product of what its two encoders make of frozen features."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from alignops.data import PairedDataset
from alignops.methods.aahr.features import LocalEncoder, collate_local, local_rows
from alignops.methods.aahr.objective import AahrEncoderConfig, AahrObjective
from alignops.methods.common.embedding import default_device, in_batches
from alignops.methods.common.frozen import Items
from alignops.methods.common.scorer import Scorer, Similarities
from alignops.models import AahrEncoder

_WEIGHTS = "encoders.safetensors"


class AahrScorer(Scorer):
    """The dot product of fused embeddings; only the encoders take part.

    Args:
        features: embeds images and captions.
        config: the sizes of the encoders.
        folder: what `save_encoders` wrote.
    """

    def __init__(self, features: LocalEncoder, config: AahrEncoderConfig, folder: Path) -> None:
        self.features = features
        weights = load_file(folder / _WEIGHTS)
        self.image = _encoder(weights, "image", config).to(default_device()).eval()
        self.text = _encoder(weights, "text", config).to(default_device()).eval()

    def similarities(self, images: PairedDataset, captions: Sequence[str]) -> Similarities:
        """Score every image of a dataset with every caption; images' features are cached."""
        image = _embed(self.image, self.features.cached_images(images))
        text = _embed(self.text, self.features.captions(captions))
        score = image @ text.T
        return Similarities(score, score)


def save_encoders(objective: AahrObjective, folder: Path) -> None:
    """Write the two encoders of a trained objective."""
    encoders = nn.ModuleDict({"image": objective.image, "text": objective.text})
    save_file(encoders.cpu().state_dict(), folder / _WEIGHTS)


def _encoder(weights: dict[str, Tensor], side: str, config: AahrEncoderConfig) -> AahrEncoder:
    """Rebuild a side's encoder, of the sizes that its weights have."""
    own = {
        name.removeprefix(f"{side}."): weight
        for name, weight in weights.items()
        if name.startswith(f"{side}.")
    }
    local, whole = own["project_local.weight"], own["project_global.0.weight"]
    sizes = local.shape[1], whole.shape[1]
    encoder = AahrEncoder(*sizes, config.dim, config.heads, config.dropout)
    encoder.load_state_dict(own)
    return encoder


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

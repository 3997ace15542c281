"""How ComAlign scores: frozen similarity and that of the encoders' components, weighted."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_model, save_model

from alignops.data import PairedDataset
from alignops.losses import ComponentFeatures
from alignops.methods.comalign.encoder import ComponentEncoder, collate_components
from alignops.methods.comalign.objective import ComAlignObjective
from alignops.methods.comalign.score import ScoreTerms, ScoreWeights, tune_weights
from alignops.methods.common.captions import CaptionTable
from alignops.methods.common.embedding import default_device, in_batches
from alignops.methods.common.scorer import Scorer, Similarities
from alignops.models import ComAlignEncoder
from alignops.ops import fgm_similarity

_WEIGHTS, _SCORE = "encoders.safetensors", "score.json"
_BATCH = 1024


class ComAlignScorer(Scorer):
    """ComAlign's inference score.

    Args:
        components: embeds images and captions in parts.
        objective: holds the two encoders.

    Attributes:
        weights: of the score's terms.
    """

    def __init__(self, components: ComponentEncoder, objective: ComAlignObjective) -> None:
        self.components = components
        self.objective = objective.to(default_device()).eval()
        self.weights = ScoreWeights()

    def similarities(self, images: PairedDataset, captions: Sequence[str]) -> Similarities:
        """Score every image of a dataset with every caption."""
        return self.terms(images, captions).weighted(self.weights)

    @torch.inference_mode()
    def terms(self, images: PairedDataset, captions: Sequence[str]) -> ScoreTerms:
        """Compute the terms of the score; the images' frozen features are cached."""
        cached = self.components.cached_images(images)
        image = collate_components([cached[index] for index in range(len(cached))])
        text = collate_components(self.components.captions(captions))
        z_image, z_text = _encode(self.objective.image, image), _encode(self.objective.text, text)
        entity = fgm_similarity(
            z_image.entities, z_text.entities, z_image.entity_mask, z_text.entity_mask
        )
        relation = fgm_similarity(
            z_image.relations, z_text.relations, z_image.relation_mask, z_text.relation_mask
        )
        return ScoreTerms(
            base=image.pooled @ text.pooled.T,
            whole=(z_image.pooled @ z_text.pooled.T).cpu(),
            i2t=(entity[0] + relation[0]).cpu(),
            t2i=(entity[1] + relation[1]).cpu(),
        )

    def tune(self, validation: PairedDataset) -> None:
        """Choose the weights of the terms on validation pairs."""
        self.objective.eval()
        table = CaptionTable(validation.captions)
        self.weights = tune_weights(self.terms(validation, table.texts), table.image_index)

    def save(self, folder: Path) -> None:
        """Write encoders and weights of the score."""
        save_model(self.objective, str(folder / _WEIGHTS))
        (folder / _SCORE).write_text(json.dumps(asdict(self.weights)))

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        load_model(self.objective, str(folder / _WEIGHTS))
        self.weights = ScoreWeights(**json.loads((folder / _SCORE).read_text()))


def _encode(encoder: ComAlignEncoder, frozen: ComponentFeatures) -> ComponentFeatures:
    moved = ComponentFeatures(*(part.to(default_device()) for part in frozen))

    def encode(rows: Sequence[int]) -> ComponentFeatures:
        first, end = rows[0], rows[-1] + 1
        encoded: ComponentFeatures = encoder(
            ComponentFeatures(*(part[first:end] for part in moved))
        )
        return encoded

    batches = in_batches(encode, range(len(frozen.pooled)), size=_BATCH)
    return ComponentFeatures(*(torch.cat(part) for part in zip(*batches, strict=True)))

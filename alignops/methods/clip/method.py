"""CLIP as a method: its configuration, its objective, and what it is trained on."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from alignops.losses import ClipLoss
from alignops.methods.clip.examples import ClipExamples, collate_pairs
from alignops.methods.common.end_to_end import (
    EndToEndConfig,
    load_embedding_scorer,
    open_model,
)
from alignops.methods.common.method import Method
from alignops.models import DualEncoder
from alignops.training import Recipe


@dataclass(frozen=True, kw_only=True)
class ClipConfig(EndToEndConfig):
    """Contrastive training of a dual encoder.

    Attributes:
        random_crop: smallest share of an image that a random crop keeps; 1 = whole images.
    """

    random_crop: float = 1.0


class ClipObjective(nn.Module):
    """The contrastive loss of a batch of pairs under a model."""

    def __init__(self, model: DualEncoder) -> None:
        super().__init__()
        self.model = model
        self.loss = ClipLoss()

    def forward(self, batch: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
        """Compute the loss of preprocessed images (B, 3, S, S) and token ids (B, L)."""
        images, tokens = batch
        image, text = self.model.encode_image(images), self.model.encode_text(tokens)
        return {"contrastive": self.loss(image, text, self.model.logit_scale)}


def recipe(config: ClipConfig) -> Recipe:
    """Train a dual encoder on pairs; it is saved as the run's model."""
    model, pairs = open_model(config)
    examples = ClipExamples(model, pairs, config.random_crop)
    return Recipe(ClipObjective(model), examples, collate_pairs, lambda run: model.save(run.model))


CLIP = Method("clip", ClipConfig, recipe, load_embedding_scorer)

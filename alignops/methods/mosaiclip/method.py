"""MosaiCLIP as a method: its configuration, its objective, and what it is trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from alignops.losses import MultiPositiveContrastiveLoss
from alignops.methods.common.end_to_end import EndToEndConfig, load_embedding_scorer, open_model
from alignops.methods.common.method import Method
from alignops.methods.mosaiclip.texts import Batch, Collate, MosaiClipExamples, TextConfig
from alignops.models import DualEncoder
from alignops.models.wise_ft import interpolate_vision, vision_weights
from alignops.settings import refuse_unused
from alignops.training import Recipe, Run


@dataclass(frozen=True, kw_only=True)
class MosaiClipConfig(EndToEndConfig):
    """MosaiCLIP from given weights (fine-tuning) or from random ones (pre-training).

    Attributes:
        texts: sub-graphs and negatives.
        wise_ft: weight of the trained image tower in the saved one, the rest is the one before
            training; 1 = as trained, 0.5 = the average of both. Below 1 the trained model is saved
            besides, as `trained`.
        random_crop: smallest share of an image that a random crop keeps; 1 = whole images.
    """

    texts: TextConfig = field(default_factory=TextConfig)
    wise_ft: float = 1.0
    random_crop: float = 1.0

    def __post_init__(self) -> None:
        """Check that `wise_ft` is in [0, 1], and refuse boxes that nobody looks at."""
        reason = "mosaiclip takes whole images"
        refuse_unused(self.data, ["detections"], group="data", reason=reason)
        if not 0 <= self.wise_ft <= 1:
            raise ValueError(f"wise_ft is {self.wise_ft}; expected a number between 0 and 1")


class MosaiClipObjective(nn.Module):
    """The multi-positive contrastive loss of a batch under a model."""

    def __init__(self, model: DualEncoder) -> None:
        super().__init__()
        self.model = model
        self.loss = MultiPositiveContrastiveLoss()

    def forward(self, batch: Batch) -> Mapping[str, Tensor]:
        """Compute the loss of a batch of images and their texts."""
        image = self.model.encode_image(batch.images)
        text = self.model.encode_text(batch.tokens)
        pairs = batch.image_index, batch.text_is_positive
        return {"contrastive": self.loss(image, text, *pairs, logit_scale=self.model.logit_scale)}


def recipe(config: MosaiClipConfig) -> Recipe:
    """Train a dual encoder on pairs and on parts of their captions; it is the run's model."""
    model, pairs = open_model(config)
    before = vision_weights(model)
    texts, crop = config.texts, config.random_crop
    examples = MosaiClipExamples(model, pairs.train, texts, config.loop.steps, crop)

    def save(run: Run) -> None:
        if config.wise_ft < 1:
            model.save(run.folder / "trained")
            interpolate_vision(model, before, config.wise_ft)
        model.save(run.model)

    return Recipe(MosaiClipObjective(model), examples, Collate(model, examples), save, pairs)


MOSAICLIP = Method("mosaiclip", MosaiClipConfig, recipe, load_embedding_scorer)

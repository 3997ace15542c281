"""MosaiCLIP: images contrasted with parts of their captions and with hard negatives of these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from alignops.losses import MultiPositiveContrastiveLoss
from alignops.methods.clip import load_clip
from alignops.methods.data import DataConfig
from alignops.methods.mosaiclip_texts import Batch, Collate, MosaiClipExamples, TextConfig
from alignops.methods.tower_training import open_model
from alignops.models import DualEncoder, DualEncoderConfig
from alignops.models.wise_ft import interpolate_vision, vision_weights
from alignops.training import LoopConfig, OptimizerConfig, Run, train
from alignops.training.config_values import to_values


@dataclass(frozen=True)
class MosaiClipConfig:
    """MosaiCLIP from given weights (fine-tuning) or from random ones (pre-training).

    Attributes:
        data: pairs to train on.
        model: what to train, from which weights.
        texts: sub-graphs and negatives.
        wise_ft: weight of the trained image tower in the saved one, the rest is the model before
            training; 1 = as trained, 0.5 = the average of both. Below 1 the trained model is saved
            besides, as `trained`.
        random_crop: smallest share of an image that a random crop keeps; 1 = whole images.
        loop: length, batch, seed.
        optimizer: AdamW and its schedule.
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: DualEncoderConfig = field(default_factory=DualEncoderConfig)
    texts: TextConfig = field(default_factory=TextConfig)
    wise_ft: float = 1.0
    random_crop: float = 1.0
    loop: LoopConfig = field(default_factory=LoopConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        """Refuse a weight that is none."""
        if not 0 <= self.wise_ft <= 1:
            raise ValueError(f"wise_ft is {self.wise_ft}, expected a number between 0 and 1")


class MosaiClipObjective(nn.Module):
    """The multi-positive contrastive loss of a batch under a model."""

    def __init__(self, model: DualEncoder) -> None:
        super().__init__()
        self.model = model
        self.loss = MultiPositiveContrastiveLoss()

    def forward(self, batch: Batch) -> Mapping[str, Tensor]:
        """Compute the loss of a batch of images and their texts."""
        loss = self.loss(
            self.model.encode_image(batch.images),
            self.model.encode_text(batch.tokens),
            batch.text_image,
            batch.text_is_positive,
            logit_scale=self.model.logit_scale,
        )
        return {"contrastive": loss}


def train_mosaiclip(config: MosaiClipConfig, folder: Path, title: str = "mosaiclip") -> Run:
    """Train a model on pairs and on parts of their captions, or take up an interrupted training.

    Args:
        config: the recipe.
        folder: of the run. The trained model is saved as its `model`.
        title: what the progress bar says.

    Raises:
        FileExistsError: the folder holds another run.
        FileNotFoundError: data or weights are missing.
        ValueError: the configuration or the data do not fit.
    """
    run = Run.open(folder, "mosaiclip", to_values(config))
    if run.model.is_dir():
        return run
    model, pairs = open_model(config.data, config.model, config.loop.seed)
    before = vision_weights(model)
    examples = MosaiClipExamples(model, pairs, config.texts, config.loop.steps, config.random_crop)
    train(
        MosaiClipObjective(model),
        examples,
        Collate(model, examples),
        run,
        config.loop,
        config.optimizer,
        title,
    )
    if config.wise_ft < 1:
        model.save(run.folder / "trained")
        interpolate_vision(model, before, config.wise_ft)
    model.save(run.model)
    return run


load_mosaiclip = load_clip
"""A trained model is scored like any other."""

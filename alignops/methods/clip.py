"""CLIP: the plain contrastive baseline, and the base that the other methods start from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from alignops.data import PairedDataset
from alignops.losses import ClipLoss
from alignops.methods.data import DataConfig
from alignops.methods.embedding import default_device, embed_images, embed_texts
from alignops.methods.images import TrainingImages
from alignops.methods.scorer import Scorer, Similarities
from alignops.methods.tower_training import open_model
from alignops.models import DualEncoder, DualEncoderConfig
from alignops.training import Example, LoopConfig, OptimizerConfig, Run, train
from alignops.training.config_values import to_values


@dataclass(frozen=True)
class ClipConfig:
    """Contrastive training of a model.

    Attributes:
        data: pairs to train on.
        model: what to train, from which weights.
        random_crop: smallest share of an image that a random crop keeps; 1 = whole images.
        loop: length, batch, seed.
        optimizer: AdamW and its schedule.
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: DualEncoderConfig = field(default_factory=DualEncoderConfig)
    random_crop: float = 1.0
    loop: LoopConfig = field(default_factory=LoopConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


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


class ClipExamples:
    """Preprocessed images, each with the tokens of one of its captions, drawn anew each time."""

    def __init__(self, model: DualEncoder, dataset: PairedDataset, random_crop: float) -> None:
        self._images = TrainingImages(model, dataset, random_crop)
        self._tokens = [model.tokenizer(captions) for captions in dataset.captions]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def __getitem__(self, example: Example) -> tuple[Tensor, Tensor]:
        """Give an image (3, S, S) and the token ids (L,) of one of its captions."""
        tokens = self._tokens[example.index][self.caption(example)]
        [crop] = example.random().spawn(1)  # beside the one that draws the caption
        return self._images.draw(example.index, crop), tokens

    def caption(self, example: Example) -> int:
        """Draw which of the captions is taken."""
        return int(example.random().integers(len(self._tokens[example.index])))


class ClipScorer(Scorer):
    """Cosine similarity of the global embeddings."""

    def __init__(self, model: DualEncoder) -> None:
        self.model = model.to(default_device()).eval()

    def similarities(self, images: PairedDataset, captions: Sequence[str]) -> Similarities:
        """Score every image of a dataset with every caption."""
        score = embed_images(self.model, images) @ embed_texts(self.model, captions).T
        return Similarities(score, score)


def train_clip(config: ClipConfig, folder: Path, title: str = "clip") -> Run:
    """Train a model on pairs, or take up a training that was interrupted.

    Args:
        config: the recipe.
        folder: of the run. The trained model is saved as its `model`.
        title: what the progress bar says.

    Raises:
        FileExistsError: the folder holds another run.
        FileNotFoundError: data or weights are missing.
        ValueError: the configuration or the data do not fit.
    """
    run = Run.open(folder, "clip", to_values(config))
    if run.model.is_dir():
        return run
    model, pairs = open_model(config.data, config.model, config.loop.seed)
    examples = ClipExamples(model, pairs, config.random_crop)
    train(ClipObjective(model), examples, _collate, run, config.loop, config.optimizer, title)
    model.save(run.model)
    return run


def load_clip(run: Run) -> ClipScorer:
    """Load the scorer of a finished run.

    Raises:
        FileNotFoundError: the run is not finished.
    """
    return ClipScorer(DualEncoder.load(str(run.finished_model())))


def _collate(items: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    images, tokens = zip(*items, strict=True)
    return torch.stack(images), torch.stack(tokens)

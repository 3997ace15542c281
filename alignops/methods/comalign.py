"""ComAlign: a light plug-in that aligns entities and relations on top of a frozen model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from alignops.data import FeatureCache, PairedDataset
from alignops.losses import Components, FineGrainedContrastiveLoss
from alignops.methods.comalign_score import ScoreTerms, ScoreWeights, tune_weights
from alignops.methods.components import (
    ComponentConfig,
    ComponentEncoder,
    Features,
    collate_components,
)
from alignops.methods.data import DataConfig, open_boxes, open_pairs
from alignops.methods.embedding import default_device
from alignops.methods.scorer import Scorer, Similarities
from alignops.models import ComAlignEncoder, DualEncoder
from alignops.ops import fgm_similarity
from alignops.training import Example, LoopConfig, OptimizerConfig, Run, train
from alignops.training.config_values import from_values, to_values

_WEIGHTS, _SCORE = "encoders.safetensors", "score.json"
_BATCH = 1024


@dataclass(frozen=True)
class BaseConfig:
    """The frozen model.

    Attributes:
        name: an open_clip model name, or the folder of a saved model (`model` in a run of clip).
        pretrained: an open_clip tag or a local checkpoint; a folder has its own weights.
    """

    name: str
    pretrained: str | None = None


@dataclass(frozen=True)
class EncoderConfig:
    """The two transformers.

    Attributes:
        layers: of each; the paper finds 1 or 2 best, 4 overfit.
        heads: attention heads.
        temperature: initial temperature of the loss.
    """

    layers: int = 2
    heads: int = 4
    temperature: float = 0.07


@dataclass(frozen=True)
class ComAlignConfig:
    """ComAlign on a frozen model.

    Attributes:
        base: the frozen model.
        data: pairs to train on; validation pairs choose the weights of the score.
        components: most parts of an image or caption.
        encoder: what is trained.
        features: folder of the frozen features, shared by all runs.
        loop: length, batch, seed.
        optimizer: AdamW and its schedule.
    """

    base: BaseConfig
    data: DataConfig = field(default_factory=DataConfig)
    components: ComponentConfig = field(default_factory=ComponentConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    features: Path = Path("runs/features")
    loop: LoopConfig = field(default_factory=LoopConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


class ComAlignObjective(nn.Module):
    """Two encoders and the three-level loss."""

    def __init__(self, dim: int, config: EncoderConfig) -> None:
        super().__init__()
        self.image = ComAlignEncoder(dim, config.layers, config.heads)
        self.text = ComAlignEncoder(dim, config.layers, config.heads)
        self.loss = FineGrainedContrastiveLoss(config.temperature)

    def forward(self, batch: tuple[Components, Components]) -> Mapping[str, Tensor]:
        """Compute the loss of the frozen components of B images and of their captions."""
        image, text = batch
        losses: Mapping[str, Tensor] = self.loss(self.image(image), self.text(text))
        return losses


class ComAlignExamples:
    """Frozen features of an image with those of one of its captions, drawn anew each time."""

    def __init__(
        self, images: FeatureCache, captions: FeatureCache, rows: Sequence[Sequence[int]]
    ) -> None:
        self._images = images
        self._captions = captions
        self._rows = rows

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def __getitem__(self, example: Example) -> tuple[Features, Features]:
        """Give the features of an image and of a caption."""
        rows = self._rows[example.index]
        caption = rows[int(example.random().integers(len(rows)))]
        return self._images[example.index], self._captions[caption]


class ComAlignScorer(Scorer):
    """ComAlign's inference score."""

    def __init__(
        self,
        components: ComponentEncoder,
        objective: ComAlignObjective,
        weights: ScoreWeights,
        features: Path,
    ) -> None:
        self.components = components
        self.objective = objective.eval()
        self.weights = weights
        self.features = features

    def similarities(self, images: PairedDataset, captions: Sequence[str]) -> Similarities:
        """Score every image of a dataset with every caption."""
        return self.terms(images, captions).weighted(self.weights)

    @torch.inference_mode()
    def terms(self, images: PairedDataset, captions: Sequence[str]) -> ScoreTerms:
        """Compute the terms of the score; the images' frozen features are cached."""
        cache = self.components.cached_images(images, self.features)
        image = collate_components([cache[index] for index in range(len(cache))])
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


def train_comalign(config: ComAlignConfig, folder: Path, title: str = "comalign") -> Run:
    """Train ComAlign on pairs, or take up a training that was interrupted.

    Args:
        config: the recipe.
        folder: of the run. Its `model` holds the encoders and the weights of the score.
        title: what the progress bar says.

    Raises:
        FileExistsError: the folder holds another run.
        FileNotFoundError: data, detections or the base are missing.
        ValueError: the configuration or the data do not fit.
    """
    run = Run.open(folder, "comalign", to_values(config))
    if run.model.is_dir():
        return run
    pairs = open_pairs(config.data)
    scorer = _untrained(config)
    train(
        scorer.objective,
        _examples(scorer.components, pairs.train, config.features),
        _collate,
        run,
        config.loop,
        config.optimizer,
        title,
    )
    scorer.objective.eval()
    scorer.weights = _tuned(scorer, pairs.validation)
    with run.writing_model() as model:
        save_model(scorer.objective, str(model / _WEIGHTS))
        (model / _SCORE).write_text(json.dumps(asdict(scorer.weights)))
    return run


def prepare_comalign(config: ComAlignConfig) -> None:
    """Compute the frozen features that training needs, into `config.features`."""
    components = _untrained(config).components
    _examples(components, open_pairs(config.data).train, config.features)


def load_comalign(run: Run) -> ComAlignScorer:
    """Load the scorer of a finished run.

    Raises:
        FileNotFoundError: the run is not finished, or its base is gone.
    """
    model = run.finished_model()
    scorer = _untrained(from_values(ComAlignConfig, run.settings))
    load_model(scorer.objective, str(model / _WEIGHTS))
    scorer.weights = ScoreWeights(**json.loads((model / _SCORE).read_text()))
    return scorer


def _untrained(config: ComAlignConfig) -> ComAlignScorer:
    model = DualEncoder.load(config.base.name, config.base.pretrained).to(default_device())
    components = ComponentEncoder(model, open_boxes(config.data), config.components)
    torch.manual_seed(config.loop.seed)
    objective = ComAlignObjective(model.embed_dim, config.encoder).to(default_device())
    return ComAlignScorer(components, objective, ScoreWeights(), config.features)


def _examples(components: ComponentEncoder, pairs: PairedDataset, folder: Path) -> ComAlignExamples:
    distinct = dict.fromkeys(text for texts in pairs.captions for text in texts)
    row = {text: index for index, text in enumerate(distinct)}
    images = components.cached_images(pairs, folder)
    captions = components.cached_captions(list(row), folder)
    return ComAlignExamples(images, captions, [[row[t] for t in texts] for texts in pairs.captions])


def _tuned(scorer: ComAlignScorer, validation: PairedDataset) -> ScoreWeights:
    texts = [text for texts in validation.captions for text in texts]
    owners = [image for image, texts in enumerate(validation.captions) for _ in texts]
    return tune_weights(scorer.terms(validation, texts), torch.tensor(owners))


def _collate(items: list[tuple[Features, Features]]) -> tuple[Components, Components]:
    images, captions = zip(*items, strict=True)
    return collate_components(images), collate_components(captions)


def _encode(encoder: ComAlignEncoder, frozen: Components) -> Components:
    batches = zip(*(torch.split(part.to(default_device()), _BATCH) for part in frozen), strict=True)
    encoded = [encoder(Components(*batch)) for batch in batches]
    return Components(*(torch.cat(part) for part in zip(*encoded, strict=True)))

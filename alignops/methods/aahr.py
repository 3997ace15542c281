"""AAHR: ambiguity-aware matching with high-order relations, on a frozen model's features."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from alignops.data import PairedDataset
from alignops.methods.aahr_objective import (
    AahrBatch,
    AahrEncoderConfig,
    AahrLossConfig,
    AahrObjective,
)
from alignops.methods.comalign import BaseConfig
from alignops.methods.components import ComponentConfig
from alignops.methods.data import DataConfig, open_boxes, open_pairs
from alignops.methods.embedding import default_device
from alignops.methods.local_features import (
    Features,
    Items,
    LocalEncoder,
    Regions,
    collate_local,
    local_rows,
)
from alignops.methods.scorer import Scorer, Similarities
from alignops.models import AahrEncoder, BertWords, DualEncoder
from alignops.training import Example, LoopConfig, OptimizerConfig, Run, train
from alignops.training.config_values import from_values, to_values

_WEIGHTS = "encoders.safetensors"
_BATCH = 256


@dataclass(frozen=True)
class AahrConfig:
    """AAHR on a frozen model.

    Attributes:
        base: the frozen model; of its image side nothing is used where regions are precomputed.
        data: pairs to train on.
        regions: local features of an image: the model's patches, or crops of boxes.
        components: most boxes of each kind.
        bert: folder of a `transformers` model whose tokens are a caption's words, frozen too;
            without one they are the model's own.
        encoder: what is trained.
        losses: by which losses.
        drop: share of regions and of words left out in training, drawn anew each time.
        features: folder of the frozen features, shared by all runs.
        loop: length, batch, seed.
        optimizer: AdamW and its schedule.
    """

    base: BaseConfig
    data: DataConfig = field(default_factory=DataConfig)
    regions: Regions = "patches"
    components: ComponentConfig = field(default_factory=ComponentConfig)
    bert: Path | None = None
    encoder: AahrEncoderConfig = field(default_factory=AahrEncoderConfig)
    losses: AahrLossConfig = field(default_factory=AahrLossConfig)
    drop: float = 0.2
    features: Path = Path("runs/features")
    loop: LoopConfig = field(default_factory=LoopConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        if not 0 <= self.drop < 1:
            raise ValueError(f"drop is {self.drop}, expected a share in [0, 1)")


class Pair(NamedTuple):
    """A caption and its image: of each the global feature (1, Dg) and the local ones (n, Dl)."""

    image: tuple[Tensor, Tensor]
    text: tuple[Tensor, Tensor]
    image_id: int


class AahrExamples:
    """A caption's features with its image's; an image comes as often as it has captions."""

    def __init__(
        self, images: Items, captions: Items, rows: Sequence[Sequence[int]], drop: float
    ) -> None:
        self._images = images
        self._captions = captions
        self._pairs = [(image, row) for image, owned in enumerate(rows) for row in owned]
        self._drop = drop

    @property
    def sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Sizes (Dl, Dg) of local and global features, of images and of captions."""
        index, row = self._pairs[0]
        return _sizes(self._images[index]), _sizes(self._captions[row])

    def __len__(self) -> int:
        """Return the number of captions."""
        return len(self._pairs)

    def __getitem__(self, example: Example) -> Pair:
        """Give a pair, some of its regions and words left out."""
        index, row = self._pairs[example.index]
        image, text = self._images[index], self._captions[row]
        random = example.random()
        regions = self._thinned(local_rows(image), random)
        words = self._thinned(local_rows(text), random)
        return Pair((image["pooled"], regions), (text["pooled"], words), index)

    def _thinned(self, rows: Tensor, random: np.random.Generator) -> Tensor:
        kept = torch.from_numpy(random.random(len(rows)) >= self._drop)
        return rows[kept] if kept.any() else rows


class AahrScorer(Scorer):
    """The dot product of fused embeddings; only the encoders take part."""

    def __init__(
        self, features: LocalEncoder, image: AahrEncoder, text: AahrEncoder, folder: Path
    ) -> None:
        self.features = features
        self.image = image.to(default_device()).eval()
        self.text = text.to(default_device()).eval()
        self.folder = folder

    def similarities(self, images: PairedDataset, captions: Sequence[str]) -> Similarities:
        """Score every image of a dataset with every caption; images' features are cached."""
        image = _embed(self.image, self.features.cached_images(images, self.folder))
        text = _embed(self.text, self.features.captions(captions))
        score = image @ text.T
        return Similarities(score, score)


def train_aahr(config: AahrConfig, folder: Path, title: str = "aahr") -> Run:
    """Train AAHR on pairs, or take up a training that was interrupted.

    Args:
        config: the recipe.
        folder: of the run. Its `model` holds the two encoders.
        title: what the progress bar says.

    Raises:
        FileExistsError: the folder holds another run.
        FileNotFoundError: data, detections, the base or BERT are missing.
        ValueError: the configuration or the data do not fit.
    """
    run = Run.open(folder, "aahr", to_values(config))
    if run.model.is_dir():
        return run
    examples = _examples(config)
    torch.manual_seed(config.loop.seed)
    objective = AahrObjective(*examples.sizes, config.encoder, config.losses, config.loop.steps)
    train(objective, examples, collate_pairs, run, config.loop, config.optimizer, title)
    encoders = nn.ModuleDict({"image": objective.image, "text": objective.text})
    with run.writing_model() as model:
        save_file(encoders.cpu().state_dict(), model / _WEIGHTS)
    return run


def prepare_aahr(config: AahrConfig) -> None:
    """Compute the frozen features that training needs, into `config.features`."""
    _examples(config)


def load_aahr(run: Run) -> AahrScorer:
    """Load the scorer of a finished run.

    Raises:
        FileNotFoundError: the run is not finished, or its base or BERT is gone.
    """
    config = from_values(AahrConfig, run.settings)
    weights = load_file(run.finished_model() / _WEIGHTS)
    image = _encoder(weights, "image", config.encoder)
    text = _encoder(weights, "text", config.encoder)
    return AahrScorer(_local_encoder(config), image, text, config.features)


def collate_pairs(items: Sequence[Pair]) -> AahrBatch:
    """Make a batch of pairs."""
    images, texts, ids = zip(*items, strict=True)
    image = collate_local(*zip(*images, strict=True))
    return AahrBatch(image, collate_local(*zip(*texts, strict=True)), torch.tensor(ids))


def _local_encoder(config: AahrConfig) -> LocalEncoder:
    model = DualEncoder.load(config.base.name, config.base.pretrained).to(default_device())
    bert = None if config.bert is None else BertWords(config.bert).to(default_device())
    return LocalEncoder(model, config.regions, open_boxes(config.data), config.components, bert)


def _examples(config: AahrConfig) -> AahrExamples:
    features, pairs = _local_encoder(config), open_pairs(config.data).train
    distinct = dict.fromkeys(chain.from_iterable(pairs.captions))
    row = {text: index for index, text in enumerate(distinct)}
    images = features.cached_images(pairs, config.features)
    captions = features.cached_captions(list(row), config.features)
    rows = [[row[text] for text in texts] for texts in pairs.captions]
    return AahrExamples(images, captions, rows, config.drop)


def _sizes(features: Features) -> tuple[int, int]:
    return local_rows(features).shape[1], features["pooled"].shape[1]


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


@torch.inference_mode()
def _embed(encoder: AahrEncoder, items: Items) -> Tensor:
    """Embed every item: float32 (len(items), D), on the CPU."""
    embeddings = [torch.empty(0, encoder.gate.out_features)]
    for start in range(0, len(items), _BATCH):
        batch = [items[index] for index in range(start, min(start + _BATCH, len(items)))]
        features = collate_local(*zip(*((i["pooled"], local_rows(i)) for i in batch), strict=True))
        moved = type(features)(*(part.to(default_device()) for part in features))
        embeddings.append(encoder(moved).fused.float().cpu())
    return torch.cat(embeddings)

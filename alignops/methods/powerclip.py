"""PowerCLIP: contrastive training that also aligns subsets of regions with phrases."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from alignops.data import PairedDataset, pad_rows
from alignops.losses import ClipLoss, PowersetTripletLoss
from alignops.methods.clip import ClipExamples, ClipScorer
from alignops.methods.data import DataConfig, open_pairs
from alignops.methods.regions import DrawRegions, RegionConfig, open_regions
from alignops.models import AveragePooledTower, Tower, TowerConfig, build_tower
from alignops.models.token_spans import read_text, token_spans
from alignops.text.pooling import pool_spans
from alignops.training import Example, LoopConfig, OptimizerConfig, Run, train
from alignops.training.config_values import from_values, to_values
from alignops.vision.pooling import pool_regions


@dataclass(frozen=True)
class PhraseConfig:
    """What regions are aligned with.

    Attributes:
        nodes: the nodes of the phrase "tree", or single "tokens" as an ablation.
        pooling: of a node's tokens: their "sum", as the paper has it, or their "mean".
    """

    nodes: Literal["tree", "tokens"] = "tree"
    pooling: Literal["sum", "mean"] = "sum"


@dataclass(frozen=True)
class PowersetConfig:
    """The triplet loss.

    Attributes:
        weight: of the triplet loss beside the contrastive one.
        tau: temperature of the aggregators.
        zeta: interpolation between the bounds of the similarity of regions to text.
        margin: of the triplet; the paper does not state it.
        directions: of the similarity; one alone is an ablation.
        subsets: False aligns single regions, as an ablation.
    """

    weight: float = 0.2
    tau: float = 0.001
    zeta: float = 0.75
    margin: float = 0.2
    directions: tuple[Literal["r2t", "t2r"], ...] = ("r2t", "t2r")
    subsets: bool = True


@dataclass(frozen=True)
class PowerClipConfig:
    """PowerCLIP training of a tower; regions, phrases and powerset default to the paper's values.

    Attributes:
        data: pairs to train on.
        tower: what to train, from which weights.
        average_pooling: of patches and of tokens; False keeps the tower's own pooling.
        regions: parts of an image.
        phrases: parts of a caption.
        powerset: their alignment.
        loop: length, batch, seed.
        optimizer: AdamW and its schedule.
    """

    data: DataConfig = field(default_factory=DataConfig)
    tower: TowerConfig = field(default_factory=TowerConfig)
    average_pooling: bool = True
    regions: RegionConfig = field(default_factory=RegionConfig)
    phrases: PhraseConfig = field(default_factory=PhraseConfig)
    powerset: PowersetConfig = field(default_factory=PowersetConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


class PowerClipBatch(NamedTuple):
    """A batch of pairs with their parts.

    Attributes:
        images: (B, 3, S, S), preprocessed.
        tokens: (B, L) int64, token ids.
        cover: (B, M, P), share of each patch in each region.
        region_mask: (B, M) bool, True = valid.
        spans: (B, K, 2) int64, first token of each phrase and one past the last.
        phrase_mask: (B, K) bool, True = valid.
    """

    images: Tensor
    tokens: Tensor
    cover: Tensor
    region_mask: Tensor
    spans: Tensor
    phrase_mask: Tensor


class PowerClipObjective(nn.Module):
    """The contrastive loss of a batch of pairs, and the triplet loss of their parts."""

    def __init__(self, tower: Tower, pooling: str, config: PowersetConfig) -> None:
        super().__init__()
        self.tower = tower
        self.pooling = pooling
        self.weight = config.weight
        self.contrastive = ClipLoss()
        self.powerset = PowersetTripletLoss(
            tau=config.tau,
            zeta=config.zeta,
            margin=config.margin,
            directions=config.directions,
            subsets=config.subsets,
        )

    def forward(self, batch: PowerClipBatch) -> Mapping[str, Tensor]:
        """Compute both terms, the second with its weight."""
        image = self.tower.encode_patches(batch.images)
        text = self.tower.encode_tokens(batch.tokens)
        regions = pool_regions(image.patches, batch.cover)
        phrases = pool_spans(text.tokens, batch.spans)
        if self.pooling == "mean":
            phrases = phrases / batch.spans.diff(dim=2).clamp(min=1)
        triplet = self.powerset(
            regions, phrases.to(regions.dtype), batch.region_mask, batch.phrase_mask
        )
        return {
            "contrastive": self.contrastive(image.pooled, text.pooled, self.tower.logit_scale),
            "powerset": self.weight * triplet,
        }


class PowerClipExamples:
    """Images with one of their captions, and the parts of both."""

    def __init__(
        self,
        pairs: ClipExamples,
        regions: DrawRegions,
        spans: Sequence[Sequence[Tensor]],
    ) -> None:
        self._pairs = pairs
        self._regions = regions
        self._spans = spans

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._pairs)

    def __getitem__(self, example: Example) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give image (3, S, S), token ids (L,), cover (m, P) and spans (k, 2)."""
        [rng] = example.random().spawn(1)  # beside the one that draws the caption
        cover = torch.from_numpy(self._regions(example.index, rng))
        spans = self._spans[example.index][self._pairs.caption(example)]
        return *self._pairs[example], cover, spans


def train_powerclip(config: PowerClipConfig, folder: Path, title: str = "powerclip") -> Run:
    """Train a tower on pairs, or take up a training that was interrupted.

    Args:
        config: the recipe.
        folder: of the run. The trained tower is saved as its `model`.
        title: what the progress bar says.

    Raises:
        FileExistsError: the folder holds another run.
        FileNotFoundError: data, masks or weights are missing.
        ValueError: the configuration, the tower or the data do not fit.
    """
    run = Run.open(folder, "powerclip", to_values(config))
    if run.model.is_dir():
        return run
    pairs = open_pairs(config.data).train
    torch.manual_seed(config.loop.seed)
    tower = build_tower(config.tower, (text for texts in pairs.captions for text in texts))
    if config.average_pooling:
        tower = AveragePooledTower(tower)
    examples = PowerClipExamples(
        ClipExamples(tower, pairs),
        open_regions(config.regions, config.data, pairs, tower),
        _spans(tower, pairs, config.phrases.nodes),
    )
    objective = PowerClipObjective(tower, config.phrases.pooling, config.powerset)
    train(objective, examples, _collate, run, config.loop, config.optimizer, title)
    tower.save(run.model)
    return run


def load_powerclip(run: Run) -> ClipScorer:
    """Load the scorer of a finished run: the cosine of the global embeddings.

    Raises:
        FileNotFoundError: the run is not finished.
    """
    tower = Tower.load(str(run.finished_model()))
    config = from_values(PowerClipConfig, run.settings)
    return ClipScorer(AveragePooledTower(tower) if config.average_pooling else tower)


def _spans(tower: Tower, pairs: PairedDataset, nodes: str) -> list[list[Tensor]]:
    """Find the spans (k, 2) of all captions."""
    distinct = list(dict.fromkeys(text for texts in pairs.captions for text in texts))
    find = _tree_nodes if nodes == "tree" else _single_tokens
    spans = dict(zip(distinct, find(tower, distinct), strict=True))
    return [[spans[text] for text in texts] for texts in pairs.captions]


def _tree_nodes(tower: Tower, captions: Sequence[str]) -> Iterable[Tensor]:
    from alignops.text.phrases import find_phrases  # imports spaCy

    texts = [read_text(tower.tokenizer, caption) for caption in captions]
    for text, phrases in zip(texts, find_phrases(texts), strict=True):
        yield token_spans(tower.tokenizer, text, [phrase.span for phrase in phrases])


def _single_tokens(tower: Tower, captions: Sequence[str]) -> Iterable[Tensor]:
    for end in tower.tokenizer(captions).argmax(dim=1).tolist():  # the end has the highest id
        yield torch.stack([torch.arange(1, end), torch.arange(2, end + 1)], dim=1)


def _collate(items: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> PowerClipBatch:
    images, tokens, cover, spans = zip(*items, strict=True)
    return PowerClipBatch(
        torch.stack(images), torch.stack(tokens), *pad_rows(cover), *pad_rows(spans)
    )

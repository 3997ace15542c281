"""PowerCLIP: contrastive training that also aligns subsets of regions with phrases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from alignops.data import PairedDataset
from alignops.losses import ClipLoss, PowersetTripletLoss
from alignops.methods.clip import ClipScorer
from alignops.methods.data import DataConfig
from alignops.methods.powerclip_examples import (
    PhraseConfig,
    PowerClipBatch,
    PowerClipExamples,
    collate_parts,
)
from alignops.methods.regions import RegionConfig, open_regions
from alignops.methods.tower_training import open_tower
from alignops.models import (
    AveragePooledTower,
    ImageEmbeddings,
    TextEmbeddings,
    Tower,
    TowerConfig,
)
from alignops.models.phrase_pooling import pool_spans
from alignops.training import LoopConfig, OptimizerConfig, Run, train
from alignops.training.config_values import from_values, to_values
from alignops.vision.pooling import pool_regions


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
        regions, phrases = self.parts(batch, image, text)
        triplet = self.powerset(regions, phrases, batch.region_mask, batch.phrase_mask)
        return {
            "contrastive": self.contrastive(image.pooled, text.pooled, self.tower.logit_scale),
            "powerset": self.weight * triplet,
        }

    def parts(
        self, batch: PowerClipBatch, image: ImageEmbeddings, text: TextEmbeddings
    ) -> tuple[Tensor, Tensor]:
        """Embed regions (B, M, D) and phrases (B, K, D), from the patches and the tokens."""
        regions = pool_regions(image.patches, batch.cover)
        phrases = pool_spans(text.tokens, batch.spans)
        if self.pooling == "mean":
            phrases = phrases / batch.spans.diff(dim=2).clamp(min=1)
        return regions, phrases.to(regions.dtype)


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
    tower, pairs = open_tower(config.data, config.tower, config.loop.seed)
    if config.average_pooling:
        tower = AveragePooledTower(tower)
    examples = open_examples(config, tower, pairs)
    objective = PowerClipObjective(tower, config.phrases.pooling, config.powerset)
    train(objective, examples, collate_parts, run, config.loop, config.optimizer, title)
    tower.save(run.model)
    return run


def open_examples(config: PowerClipConfig, tower: Tower, pairs: PairedDataset) -> PowerClipExamples:
    """Find the regions and phrases of pairs.

    Raises:
        FileNotFoundError: masks or detections are missing.
        ValueError: they, the tower or the data do not fit.
    """
    regions = open_regions(config.regions, config.data, pairs, tower)
    return PowerClipExamples(tower, pairs, regions, config.phrases.nodes)


def load_powerclip(run: Run) -> ClipScorer:
    """Load the scorer of a finished run: the cosine of the global embeddings.

    Raises:
        FileNotFoundError: the run is not finished.
    """
    tower = Tower.load(str(run.finished_model()))
    config = from_values(PowerClipConfig, run.settings)
    return ClipScorer(AveragePooledTower(tower) if config.average_pooling else tower)

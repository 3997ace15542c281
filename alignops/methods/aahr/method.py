"""AAHR as a method: its configuration, and what it is trained on."""

from dataclasses import dataclass, field
from pathlib import Path

from alignops.methods.aahr.examples import AahrExamples, collate_pairs
from alignops.methods.aahr.features import LocalEncoder, Regions
from alignops.methods.aahr.objective import AahrEncoderConfig, AahrLossConfig, AahrObjective
from alignops.methods.aahr.scorer import AahrScorer, save_scorer
from alignops.methods.common.boxes import BoxSource
from alignops.methods.common.frozen import FrozenConfig
from alignops.methods.common.method import Method
from alignops.methods.common.pairs import open_pairs
from alignops.methods.common.seeding import seed_generators
from alignops.models import BertWords
from alignops.settings import refuse_unused
from alignops.training import Recipe, Run


@dataclass(frozen=True, kw_only=True)
class AahrConfig(FrozenConfig):
    """AAHR on a frozen dual encoder; region features of the data take its image side's place.

    Attributes:
        regions: local features of an image: the model's patches, or crops of boxes.
        bert: folder of a frozen `transformers` model for the words; None = the base's own tokens.
        encoder: what is trained.
        losses: by which losses.
        drop: share of regions and of words left out in training, drawn anew each time.
    """

    regions: Regions = "patches"
    bert: Path | None = None
    encoder: AahrEncoderConfig = field(default_factory=AahrEncoderConfig)
    losses: AahrLossConfig = field(default_factory=AahrLossConfig)
    drop: float = 0.2

    def __post_init__(self) -> None:
        """Check that `drop` is a share, and that no box setting is without effect."""
        if not 0 <= self.drop < 1:
            raise ValueError(f"drop is {self.drop}; expected a share in [0, 1)")
        if self.regions != "boxes":
            refuse_unused(self.data, ["detections"], group="data", reason="regions are patches")


def recipe(config: AahrConfig) -> Recipe:
    """Train two encoders; they are the run's model."""
    pairs = open_pairs(config.data)
    features = _encoder(config)
    examples = AahrExamples(features.cached_pairs(pairs.train), config.drop)
    seed_generators(config.loop.seed)
    objective = AahrObjective(*examples.sizes, config.encoder, config.losses, config.loop.steps)

    def save(run: Run) -> None:
        with run.writing_model() as folder:
            save_scorer(objective, features, folder)

    return Recipe(objective, examples, collate_pairs, save, pairs)


def prepare(config: AahrConfig) -> Path:
    """Compute the frozen features of all pairs."""
    return _encoder(config).prepare(open_pairs(config.data))


def load_scorer(config: AahrConfig, folder: Path) -> AahrScorer:
    """Load the scorer of a finished model."""
    return AahrScorer(_encoder(config), config.encoder, folder)


def _encoder(config: AahrConfig) -> LocalEncoder:
    model, boxes = config.base.load(), BoxSource(config.data.detections)
    bert = None if config.bert is None else BertWords(config.bert).to(model.device)
    local = config.regions, boxes, config.components, bert
    return LocalEncoder(model, config.features_folder, *local)


AAHR = Method("aahr", AahrConfig, recipe, load_scorer, prepare)

"""ComAlign as a method: its configuration, and what it is trained on."""

from dataclasses import dataclass, field
from pathlib import Path

from alignops.methods.comalign.encoder import ComponentEncoder
from alignops.methods.comalign.examples import ComAlignExamples, collate_pairs
from alignops.methods.comalign.objective import ComAlignObjective, EncoderConfig
from alignops.methods.comalign.scorer import ComAlignScorer
from alignops.methods.common.boxes import BoxSource
from alignops.methods.common.frozen import FrozenConfig
from alignops.methods.common.method import Method
from alignops.methods.common.pairs import open_image_pairs
from alignops.methods.common.seeding import seed_generators
from alignops.training import Recipe, Run


@dataclass(frozen=True, kw_only=True)
class ComAlignConfig(FrozenConfig):
    """ComAlign on a frozen dual encoder; validation pairs choose the weights of the score.

    Attributes:
        encoder: what is trained.
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)


def recipe(config: ComAlignConfig) -> Recipe:
    """Train two encoders; they and the weights of the score are the run's model."""
    pairs = open_image_pairs(config.data)
    scorer = _untrained(config)
    examples = ComAlignExamples(scorer.components.cached_pairs(pairs.train))

    def save(run: Run) -> None:
        scorer.tune(pairs.validation)
        with run.writing_model() as folder:
            scorer.save(folder)

    return Recipe(scorer.objective, examples, collate_pairs, save, pairs)


def prepare(config: ComAlignConfig) -> Path:
    """Compute the frozen features of all pairs."""
    return _encoder(config).prepare(open_image_pairs(config.data))


def load_scorer(config: ComAlignConfig, folder: Path) -> ComAlignScorer:
    """Load the scorer of a finished model."""
    scorer = _untrained(config)
    scorer.load(folder)
    return scorer


def _encoder(config: ComAlignConfig) -> ComponentEncoder:
    boxes = BoxSource(config.data.detections)
    return ComponentEncoder(config.base.load(), config.features_folder, boxes, config.components)


def _untrained(config: ComAlignConfig) -> ComAlignScorer:
    encoder = _encoder(config)
    seed_generators(config.loop.seed)
    return ComAlignScorer(encoder, ComAlignObjective(encoder.model.embed_dim, config.encoder))


COMALIGN = Method("comalign", ComAlignConfig, recipe, load_scorer, prepare)

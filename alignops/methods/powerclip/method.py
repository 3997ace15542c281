"""PowerCLIP as a method: its configuration, and what it is trained on."""

from dataclasses import dataclass, field
from pathlib import Path

from alignops.data import PairedDataset
from alignops.methods.common.end_to_end import EmbeddingScorer, EndToEndConfig, open_model
from alignops.methods.common.method import Method
from alignops.methods.powerclip.examples import PhraseConfig, PowerClipExamples, collate_parts
from alignops.methods.powerclip.objective import PowerClipObjective, PowersetConfig
from alignops.methods.powerclip.regions import RegionConfig, open_regions
from alignops.models import AveragePooledDualEncoder, DualEncoder
from alignops.training import Recipe


@dataclass(frozen=True, kw_only=True)
class PowerClipConfig(EndToEndConfig):
    """PowerCLIP training; regions, phrases and powerset default to the paper's values.

    Attributes:
        average_pooling: of patches and of tokens; False keeps the model's own pooling.
        regions: parts of an image.
        phrases: parts of a caption.
        powerset: their alignment.
    """

    average_pooling: bool = True
    regions: RegionConfig = field(default_factory=RegionConfig)
    phrases: PhraseConfig = field(default_factory=PhraseConfig)
    powerset: PowersetConfig = field(default_factory=PowersetConfig)


def recipe(config: PowerClipConfig) -> Recipe:
    """Train a dual encoder on pairs and on their parts; it is saved as the run's model."""
    model, pairs = open_model(config)
    if config.average_pooling:
        model = AveragePooledDualEncoder(model)
    examples = open_examples(config, model, pairs)
    objective = PowerClipObjective(model, config.phrases.pooling, config.powerset)
    return Recipe(objective, examples, collate_parts, lambda run: model.save(run.model))


def open_examples(
    config: PowerClipConfig, model: DualEncoder, pairs: PairedDataset
) -> PowerClipExamples:
    """Find the regions and phrases of pairs.

    Raises:
        FileNotFoundError: masks or detections are missing.
        ValueError: they, the model or the data do not fit.
    """
    regions = open_regions(config.regions, config.data.detections, pairs, model)
    return PowerClipExamples(model, pairs, regions, config.phrases.nodes)


def load_scorer(config: PowerClipConfig, folder: Path) -> EmbeddingScorer:
    """Load the scorer: the cosine of the global embeddings, pooled as in training."""
    model = DualEncoder.load(str(folder))
    return EmbeddingScorer(AveragePooledDualEncoder(model) if config.average_pooling else model)


POWERCLIP = Method("powerclip", PowerClipConfig, recipe, load_scorer)

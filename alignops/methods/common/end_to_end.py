"""What the methods that train a whole dual encoder share: how it is opened, and how it scores."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alignops.data import PairedDataset, Splits
from alignops.methods.common.captions import CaptionTable
from alignops.methods.common.embedding import default_device, embed_images, embed_texts
from alignops.methods.common.pairs import MethodConfig, open_image_pairs
from alignops.methods.common.scorer import Scorer, Similarities
from alignops.methods.common.seeding import seed_generators
from alignops.models import DualEncoder, DualEncoderConfig, build_dual_encoder


@dataclass(frozen=True, kw_only=True)
class EndToEndConfig(MethodConfig):
    """Training of a whole dual encoder.

    Attributes:
        model: what to train, from which weights.
    """

    model: DualEncoderConfig = field(default_factory=DualEncoderConfig)


class EmbeddingScorer(Scorer):
    """Cosine similarity of the global embeddings."""

    def __init__(self, model: DualEncoder) -> None:
        self.model = model.to(default_device()).eval()

    def similarities(self, images: PairedDataset, captions: Sequence[str]) -> Similarities:
        """Score every image of a dataset with every caption."""
        score = embed_images(self.model, images) @ embed_texts(self.model, captions).T
        return Similarities(score, score)


def open_model(config: EndToEndConfig) -> tuple[DualEncoder, Splits[PairedDataset]]:
    """Open the pairs, and build the model; a tiny one takes its words from those of training.

    The seed is that of random weights, and of whatever draws from torch's generator afterwards.

    Raises:
        FileNotFoundError: data or weights are missing.
        ValueError: the configuration or the data do not fit.
    """
    pairs = open_image_pairs(config.data)
    seed_generators(config.loop.seed)
    return build_dual_encoder(config.model, CaptionTable(pairs.train.captions).texts), pairs


def load_embedding_scorer(config: EndToEndConfig, folder: Path) -> EmbeddingScorer:
    """Load the scorer of a model as open_clip has it; its configuration changes nothing in it."""
    return EmbeddingScorer(DualEncoder.load(str(folder)))

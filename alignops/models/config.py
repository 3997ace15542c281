"""Which tower to build."""

from collections.abc import Iterable
from dataclasses import dataclass

from alignops.models.tower import Tower


@dataclass(frozen=True)
class TowerConfig:
    """A tower by name.

    Attributes:
        name: "tiny", an open_clip model name, a saved folder, or an open_clip .json file.
        pretrained: an open_clip tag or a local checkpoint; None = random weights.
        image_size: of "tiny": image side in pixels, a multiple of 8.
        context_length: of "tiny": tokens per text, start and end included.
        words: of "tiny": its vocabulary; empty = the words of the training texts.
        minimum_count: of "tiny": words that are rarer in the training texts are unknown words.
    """

    name: str = "tiny"
    pretrained: str | None = None
    image_size: int = 32
    context_length: int = 16
    words: tuple[str, ...] = ()
    minimum_count: int = 1


def build_tower(config: TowerConfig, texts: Iterable[str]) -> Tower:
    """Build the tower; `texts` gives a tiny one its words, unless the configuration does."""
    if config.name != "tiny":
        return Tower.load(config.name, config.pretrained)
    return Tower.tiny(
        config.words or texts,
        image_size=config.image_size,
        context_length=config.context_length,
        minimum_count=1 if config.words else config.minimum_count,
    )

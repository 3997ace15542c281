"""Which dual encoder to build."""

from collections.abc import Iterable
from dataclasses import dataclass

from alignops.models.dual_encoder import DualEncoder
from alignops.settings import refuse_unused

_OF_TINY = ("image_size", "context_length", "words", "minimum_count")


@dataclass(frozen=True)
class DualEncoderConfig:
    """A dual encoder by name.

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


def build_dual_encoder(config: DualEncoderConfig, texts: Iterable[str]) -> DualEncoder:
    """Build the model; `texts` gives a tiny one its words, unless the configuration does.

    Raises:
        ValueError: name or tag are unknown, or a setting has no effect on this model.
        FileNotFoundError: the folder or the file is not there or not complete.
    """
    if config.name != "tiny":
        refuse_unused(config, _OF_TINY, group="model", reason=f"model.name is {config.name}")
        return DualEncoder.load(config.name, config.pretrained)
    refuse_unused(config, ["pretrained"], group="model", reason="model.name is tiny")
    return DualEncoder.tiny(
        config.words or texts,
        image_size=config.image_size,
        context_length=config.context_length,
        minimum_count=1 if config.words else config.minimum_count,
    )

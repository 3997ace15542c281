"""open_clip's models by name, configuration file or folder, and folders that open_clip reads."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from alignops.atomic_files import replacing_folder
from alignops.checksums import MANIFEST, DamagedError, verify_manifest, write_manifest
from alignops.models.checkpoint_file import first_line, load_checkpoint
from alignops.models.open_clip_config import read_folder_config, register_config
from alignops.models.tokenizer import WordTokenizer
from alignops.tensor_files import save_tensors

Tokenizer = Callable[[Sequence[str]], Tensor]

_CONFIG, _WEIGHTS, _VOCABULARY = (
    "open_clip_config.json",
    "open_clip_model.safetensors",
    "vocabulary.json",
)


class OpenClip(NamedTuple):
    """An open_clip model and what belongs to it.

    Attributes:
        network: the model.
        config: its open_clip configuration (`embed_dim`, `vision_cfg`, `text_cfg`).
        tokenizer: texts to int64 ids (B, context length).
    """

    network: Any  # open_clip gives its models no common type
    config: dict[str, Any]
    tokenizer: Tokenizer


def load_open_clip(name: str, pretrained: str | None = None) -> OpenClip:
    """Build the model called `name`; see `DualEncoder.load`."""
    import open_clip

    path = Path(name)
    if path.is_dir():
        return _load_folder(path, pretrained)
    if path.suffix == ".json":
        name = register_config(path)
    if name not in open_clip.list_models():
        raise ValueError(
            f"name is {name!r}; expected a name known to open_clip, a folder with {_CONFIG}, or a "
            ".json configuration"
        )
    network = _build(name, pretrained)
    return OpenClip(network, open_clip.get_model_config(name), open_clip.get_tokenizer(name))


def save_open_clip(model: OpenClip, folder: Path) -> None:
    """Write a folder that `load_open_clip` and open_clip's `local-dir:` schema both read."""
    network, config, tokenizer = model
    described = {"model_cfg": config, "preprocess_cfg": network.visual.preprocess_cfg}
    with replacing_folder(folder) as written:
        save_tensors(network.state_dict(), written / _WEIGHTS)
        (written / _CONFIG).write_text(json.dumps(described, indent=2))
        if isinstance(tokenizer, WordTokenizer):
            (written / _VOCABULARY).write_text(json.dumps(tokenizer.words))
        write_manifest(written)


def _build(name: str, pretrained: str | None) -> Any:
    """Build a model that open_clip knows by name."""
    import open_clip

    if pretrained is None:
        return open_clip.create_model(name)
    if Path(pretrained).is_file():
        with _weights_to_follow():
            network = open_clip.create_model(name, load_weights=False, pretrained_text=False)
        load_checkpoint(network, Path(pretrained))
        return network
    downloaded = _download(name, pretrained)
    try:
        return open_clip.create_model(name, pretrained=pretrained)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{downloaded}, downloaded for pretrained {pretrained!r}, holds no weights of {name}: "
            f"{first_line(error)}; delete it, and it is downloaded again"
        ) from error


def _download(name: str, tag: str) -> str:
    """Download the weights of a tag, unless they are in open_clip's cache."""
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(name)
    if tag not in tags:
        raise ValueError(
            f"pretrained is {tag!r}; expected a file or a tag of {name}: "
            f"{', '.join(tags) or 'it has none'}"
        )
    try:
        path: str = open_clip.download_pretrained(open_clip.get_pretrained_cfg(name, tag))
    except Exception as error:  # of whichever library it downloads with
        raise ConnectionError(
            f"pretrained is {tag!r}, and its weights could not be downloaded "
            f"({first_line(error)}); expected a network, or the path of a file with these weights "
            "in its place"
        ) from error
    return path


def _load_folder(folder: Path, pretrained: str | None) -> OpenClip:
    import open_clip

    if pretrained is not None:
        raise ValueError(
            f"pretrained is {pretrained!r}; expected None, as the folder {folder} has its own "
            "weights"
        )
    for name in (_CONFIG, _WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"the model folder {folder} has no {name}")
    _verify(folder)
    config = read_folder_config(folder / _CONFIG)
    source = f"local-dir:{folder}"
    try:
        with _weights_to_follow():
            network = open_clip.create_model(source, load_weights=False, pretrained_text=False)
        tokenizer = _read_tokenizer(folder, config) or open_clip.get_tokenizer(source)
    except (AssertionError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder} describes no model that open_clip can build: {first_line(error)}"
        ) from error
    load_checkpoint(network, folder / _WEIGHTS)
    return OpenClip(network, config, tokenizer)


def _verify(folder: Path) -> None:
    """Compare a folder with its checksums, where `save_open_clip` and not open_clip wrote it."""
    if (folder / MANIFEST).is_file():
        verify_manifest(folder)
        return
    if (folder / _VOCABULARY).is_file():  # which open_clip would not write
        raise DamagedError(
            f"{folder / MANIFEST} is missing; nothing says whether {folder} is whole"
        )
    warnings.warn(
        f"{folder} has no {MANIFEST}, so nobody would see damage of its weights; save the loaded "
        "model to have one",
        stacklevel=4,
    )


def _read_tokenizer(folder: Path, config: dict[str, Any]) -> WordTokenizer | None:
    """Read the vocabulary of a folder; None where the model has one of open_clip's tokenizers."""
    path = folder / _VOCABULARY
    if not path.is_file():
        return None
    words = json.loads(path.read_text(encoding="utf-8"))
    return WordTokenizer(words, config["text_cfg"]["context_length"])


@contextmanager
def _weights_to_follow() -> Iterator[None]:
    """Keep open_clip from warning of random weights where they are about to be replaced."""
    logger = logging.getLogger()

    def is_of_interest(record: logging.LogRecord) -> bool:
        return "No pretrained weights loaded" not in record.getMessage()

    logger.addFilter(is_of_interest)
    try:
        yield
    finally:
        logger.removeFilter(is_of_interest)

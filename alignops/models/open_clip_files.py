"""open_clip's models by name, configuration file or folder, and folders that open_clip reads."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from alignops.atomic_files import replacing_folder
from alignops.models.tokenizer import WordTokenizer

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
        name = _register(path)
    if name not in open_clip.list_models():
        raise ValueError(
            f"name is {name!r}; expected a name known to open_clip, a folder with {_CONFIG}, or a "
            ".json configuration"
        )
    _check_pretrained(name, pretrained)
    network = open_clip.create_model(name, pretrained=pretrained)
    return OpenClip(network, open_clip.get_model_config(name), open_clip.get_tokenizer(name))


def save_open_clip(model: OpenClip, folder: Path) -> None:
    """Write a folder that `load_open_clip` and open_clip's `local-dir:` schema both read."""
    from safetensors.torch import save_file

    network, config, tokenizer = model
    weights = {
        key: tensor.detach().cpu().contiguous() for key, tensor in network.state_dict().items()
    }
    described = {"model_cfg": config, "preprocess_cfg": network.visual.preprocess_cfg}
    with replacing_folder(folder) as written:
        save_file(weights, written / _WEIGHTS)
        (written / _CONFIG).write_text(json.dumps(described, indent=2))
        if isinstance(tokenizer, WordTokenizer):
            (written / _VOCABULARY).write_text(json.dumps(tokenizer.words))


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
    source = f"local-dir:{folder}"
    network = open_clip.create_model(source)
    config = open_clip.get_model_config(source)
    vocabulary = folder / _VOCABULARY
    if not vocabulary.is_file():
        return OpenClip(network, config, open_clip.get_tokenizer(source))
    words = json.loads(vocabulary.read_text())
    tokenizer = WordTokenizer(words, config["text_cfg"]["context_length"])
    return OpenClip(network, config, tokenizer)


def _register(path: Path) -> str:
    """Make a JSON configuration known to open_clip, under the file's stem."""
    import open_clip

    if not path.is_file():
        raise FileNotFoundError(f"the model configuration {path} does not exist")
    open_clip.add_model_config(path)
    return path.stem


def _check_pretrained(name: str, pretrained: str | None) -> None:
    import open_clip

    if pretrained is None or Path(pretrained).is_file():
        return
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained not in tags:
        raise ValueError(
            f"pretrained is {pretrained!r}; expected a file or a tag of {name}: "
            f"{', '.join(tags) or 'it has none'}"
        )

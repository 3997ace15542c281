"""Configurations of open_clip models, from files of anybody's; none may ask to run code."""

import json
from pathlib import Path
from typing import Any


def read_folder_config(path: Path) -> dict[str, Any]:
    """Read the configuration of the model in a folder.

    Args:
        path: JSON with the configuration as "model_cfg".

    Raises:
        ValueError: it holds something else, or asks for code of its own.
    """
    described = _read_json(path)
    return _checked(path, described.get("model_cfg") if isinstance(described, dict) else None)


def register_config(path: Path) -> str:
    """Make a configuration known to open_clip; gives its name there, the file's stem.

    Args:
        path: JSON with "embed_dim", "vision_cfg" and "text_cfg".

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else, or asks for code of its own.
    """
    import open_clip

    if not path.is_file():
        raise FileNotFoundError(f"the model configuration {path} does not exist")
    _checked(path, _read_json(path))
    open_clip.add_model_config(path)
    return path.stem


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the model configuration {path} is not JSON: {error}") from error


def _checked(path: Path, config: Any) -> dict[str, Any]:
    if (
        not isinstance(config, dict)
        or "embed_dim" not in config
        or not all(isinstance(config.get(tower), dict) for tower in ("vision_cfg", "text_cfg"))
    ):
        raise ValueError(
            f"the model configuration {path} is none of open_clip; expected embed_dim, vision_cfg "
            "and text_cfg"
        )
    if _asks_for_code(config):
        raise ValueError(
            f"the model configuration {path} asks to run code, by trust_remote_code; expected none"
        )
    return config


def _asks_for_code(value: Any) -> bool:
    """Whether a setting, which open_clip would hand on to `transformers`, lets code be run."""
    if isinstance(value, dict):
        return "trust_remote_code" in value or any(map(_asks_for_code, value.values()))
    return isinstance(value, list) and any(map(_asks_for_code, value))

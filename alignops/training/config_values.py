"""Configuration dataclasses to plain values, as YAML and JSON hold them, and back."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from jsonargparse import ArgumentError, ArgumentParser

from alignops.training.config_arguments import in_words

Config = TypeVar("Config")


def to_values(config: Any) -> Any:
    """Turn a dataclass into nested dicts of plain values."""
    if is_dataclass(config):
        return {field.name: to_values(getattr(config, field.name)) for field in fields(config)}
    if isinstance(config, tuple):
        return [to_values(element) for element in config]
    return str(config) if isinstance(config, Path) else config


def from_values(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a dataclass from what `to_values` gave.

    Raises:
        ValueError: a name or a value does not fit.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, "config")
    try:
        built = parser.instantiate(parser.parse_object({"config": dict(values)}))
    except ArgumentError as error:
        problem = in_words(str(error)).replace("config.", "", 1)
        raise ValueError(f"the configuration does not fit {kind.__name__}: {problem}") from error
    config: Config = built.config
    return config

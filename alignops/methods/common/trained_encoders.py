"""The model folder of a method that trains encoders on frozen features."""

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from alignops.checksums import DamagedError, verify_manifest, write_manifest
from alignops.tensor_files import load_tensors, require_fit, save_tensors

WEIGHTS = "encoders.safetensors"
_NUMBERS, _BASE = "encoders.json", "base"


def save_encoders(
    encoders: nn.Module, folder: Path, *, base: str, numbers: Mapping[str, float] | None = None
) -> None:
    """Write encoders into a folder, with the checksums of what is written.

    Args:
        encoders: what was trained.
        folder: an empty one.
        base: fingerprint of the models whose features they were trained on; on those of others
            they would mean nothing.
        numbers: what else was found in training.
    """
    save_tensors(encoders.state_dict(), folder / WEIGHTS)
    (folder / _NUMBERS).write_text(json.dumps({_BASE: base, **(numbers or {})}, indent=1) + "\n")
    write_manifest(folder)


def read_encoders(folder: Path, *, base: str) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Read weights and numbers that `save_encoders` wrote.

    Raises:
        DamagedError: a file is not as it was written.
        ValueError: `base` is another one.
    """
    verify_manifest(folder)
    try:
        numbers = json.loads((folder / _NUMBERS).read_text())
        trained_on = numbers.pop(_BASE)
        found = {str(name): float(number) for name, number in numbers.items()}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, OSError) as error:
        raise DamagedError(f"{folder / _NUMBERS} is damaged: {error!r}") from error
    if trained_on != base:
        raise ValueError(
            f"base.name leads to other weights than those that {folder} was trained on (their "
            f"SHA-256 is {base[:16]}...; expected {trained_on[:16]}...); put the same model there"
        )
    return load_tensors(folder / WEIGHTS), found


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], folder: Path) -> None:
    """Load weights of a folder into a module.

    Raises:
        ValueError: they are of another architecture; says which differ.
    """
    require_fit(module, weights, folder / WEIGHTS)
    module.load_state_dict(dict(weights))

"""A checkpoint of an open_clip model from a file of anybody's: read, and never run."""

from pathlib import Path
from typing import Any

from alignops.tensor_files import require_fit

_REFUSED = "weights_only"
"""In every message of `torch.load` about a pickle that it takes for more than tensors."""


def load_checkpoint(network: Any, path: Path) -> None:
    """Load weights into an open_clip model.

    Formats of other libraries are converted, and positions resized, as open_clip does.

    Args:
        network: the model.
        path: a `state_dict`, or a dict with one, as safetensors or by `torch.save`.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it holds no weights, more than weights, or those of another architecture; says
            which differ.
    """
    import open_clip

    try:
        open_clip.load_checkpoint(network, str(path), strict=True, weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # torch, pickle and safetensors raise a dozen kinds
        _require_readable(network, path)
        raise ValueError(f"{path} holds no weights of this model: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """Shorten what a library says to its first line."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _require_readable(network: Any, path: Path) -> None:
    """Find out which fault a file has."""
    from open_clip.factory import load_state_dict

    try:
        weights = load_state_dict(str(path), weights_only=True)
        tensors = {name: tensor for name, tensor in weights.items() if hasattr(tensor, "shape")}
    except Exception as error:  # as above
        if _REFUSED in str(error):
            raise ValueError(
                f"{path} is damaged, or holds more than weights, which could run code; expected a "
                "state_dict as safetensors or by torch.save"
            ) from error
        raise ValueError(f"{path} holds no weights: {first_line(error)}") from error
    require_fit(network, tensors, path)

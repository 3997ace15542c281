"""Named tensors in a file: safetensors, which holds numbers and no executable code."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from alignops.checksums import DamagedError

_SHOWN = 3


def save_tensors(
    tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors of any device and layout to a file whose mode follows the umask.

    Args:
        tensors: by name; tensors that share memory are each written in full.
        path: the file.
        metadata: strings to store with them.

        es:
        OSError: the file cannot be written, for example because the disk is full.
    """
    path.touch()
    mode = path.stat().st_mode  # safetensors makes the file readable by its owner alone
    try:
        save_file(_apart(tensors), path, metadata=dict(metadata) if metadata else None)
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {error}") from error
    path.chmod(mode)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read what `save_tensors` wrote, on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedError: it is not in this format, or truncated.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
    return tensors


def require_fit(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Compare the names and shapes of a file's tensors with those of a module's state.

    Raises:
        ValueError: they differ; says how.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    names = sorted(expected | given)
    differing = [name for name in names if expected.get(name) != given.get(name)]
    if not differing:
        return
    shown = [
        f"{name} is {given.get(name, 'missing')}; "
        f"expected {expected.get(name, 'none of this name')}"
        for name in differing[:_SHOWN]
    ]
    if more := len(differing) - len(shown):
        shown.append(f"and {more} more of {len(names)} tensors")
    raise ValueError(f"{path} is of another model: {', '.join(shown)}")


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give each tensor memory of its own, as safetensors requires; copy only where needed."""
    apart, seen = {}, set()
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        storage = own.untyped_storage().data_ptr()
        apart[name] = own.clone() if storage in seen else own
        seen.add(storage)
    return apart

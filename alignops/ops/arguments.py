"""Checks of the public functions' arguments, padding of jagged tensors, and autocast."""

from math import inf
from numbers import Real

import torch
from torch import Tensor

from alignops.ops.errors import Given, wrong_type, wrong_value
from alignops.reference.components import accumulation_dtype

_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
_FLOATING = "float64, float32, bfloat16 or float16"
# A number of the user's has to be finite in the type that the kernels take it in.
_LARGEST = torch.finfo(torch.float32).max


def component_pair(
    x: Tensor, y: Tensor, x_mask: Tensor | None, y_mask: Tensor | None, names: tuple[str, str]
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Check two batches of components (B, N, D) and their masks; pad jagged ones.

    `names` are the arguments' names in the caller, for error messages; their masks are called
    `<singular>_mask`.
    """
    x_name, y_name = names
    x, x_mask = _padded(x, x_mask, x_name)
    y, y_mask = _padded(y, y_mask, y_name)
    x, y = embedding_pair(x, y, names, dims=3)
    check_mask(x, x_mask, x_name)
    check_mask(y, y_mask, y_name)
    return x, y, x_mask, y_mask


def embedding_pair(
    x: Tensor, y: Tensor, names: tuple[str, str], dims: int
) -> tuple[Tensor, Tensor]:
    """Check two tensors for equal type, device and embedding size D; cast to the autocast type."""
    check_embeddings(x, y, names, dims)
    dtype = _computed_dtype(x)
    # A cast to the same type would add a node to an exported graph.
    x = x if x.dtype == dtype else x.to(dtype)
    return x, y if y.dtype == dtype else y.to(dtype)


def check_embeddings(x: Tensor, y: Tensor, names: tuple[str, str], dims: int) -> None:
    """Require two tensors of equal type, device and embedding size, with `dims` dimensions."""
    x_name, y_name = names
    shape = "(B, N, D)" if dims == 3 else "(B, D)"
    for tensor, name in ((x, x_name), (y, y_name)):
        check_dense(tensor, name, shape)
        if tensor.dtype not in _DTYPES:
            raise wrong_type(name, tensor, _FLOATING)
        if tensor.dim() != dims:
            raise wrong_value(name, tensor, f"{dims} dimensions {shape}")
    if x.device != y.device:
        raise wrong_value(y_name, Given(f"on {y.device}"), f"the device of {x_name}, {x.device}")
    if x.shape[-1] != y.shape[-1]:
        raise wrong_value(y_name, y, f"the embedding size of {x_name}, {x.shape[-1]}")
    if x.dtype != y.dtype and _computed_dtype(x) != _computed_dtype(y):
        raise wrong_type(y_name, y, f"the type of {x_name}, {x.dtype}")


def check_pairs(x: Tensor, y: Tensor, names: tuple[str, str]) -> None:
    """Require batches of equal size: row i of x belongs to row i of y."""
    if len(x) != len(y):
        raise wrong_value(names[1], y, f"{len(x)} rows, one for each of {names[0]}")


def check_size(embeddings: Tensor, name: str, dim: int) -> None:
    """Require embeddings of the module's size."""
    if embeddings.shape[-1] != dim:
        raise wrong_value(name, embeddings, f"embeddings of size {dim}, as dim")


def check_mask(components: Tensor, mask: Tensor | None, name: str) -> None:
    """Require a bool mask on the components' device, of their shape without D."""
    if mask is not None:
        check_tensor(mask, mask_name(name), torch.bool, components.shape[:-1], components, name)


def check_tensor(
    tensor: Tensor, name: str, dtype: torch.dtype, shape: tuple[int, ...], like: Tensor, of: str
) -> None:
    """Require a tensor of this type and shape on the device of `like`, which errors call `of`."""
    check_dense(tensor, name, str(dtype))
    if tensor.dtype != dtype or tensor.shape != shape:
        wrong = wrong_value if tensor.dtype == dtype else wrong_type
        expected = f"a {dtype} tensor of shape {tuple(shape)}, as {of} is {tuple(like.shape)}"
        raise wrong(name, tensor, expected)
    if tensor.device != like.device:
        raise wrong_value(name, Given(f"on {tensor.device}"), f"the device of {of}, {like.device}")


def check_dense(tensor: Tensor, name: str, expected: str) -> None:
    """Require a dense tensor: not nested, sparse or mkldnn."""
    if not isinstance(tensor, Tensor):
        raise wrong_type(name, tensor, f"a torch.Tensor, {expected}")
    if tensor.is_nested:
        raise wrong_type(name, tensor, f"a dense tensor, {expected}")
    if tensor.layout != torch.strided:
        raise wrong_type(name, Given(f"of layout {tensor.layout}"), f"a dense tensor, {expected}")


def finite_number(
    value: float, name: str, expected: str = "a finite number of float32's range"
) -> float:
    """Check a finite number."""
    number = _number(value, name, expected)
    if not -_LARGEST <= number <= _LARGEST:
        raise wrong_value(name, value, expected)
    return number


def positive_number(value: float, name: str) -> float:
    """Check a number above 0."""
    expected = "a finite number above 0, of float32's range"
    number = finite_number(value, name, expected)
    if number <= 0:
        raise wrong_value(name, value, expected)
    return number


def number_between(value: float, name: str, low: float, high: float) -> float:
    """Check a number in [low, high]; an infinite `high` is itself excluded."""
    expected = f"a finite number from {low} on" if high == inf else f"a number from {low} to {high}"
    number = _number(value, name, expected)
    if not low <= number <= high or number == inf:
        raise wrong_value(name, value, expected)
    return number


def whole_number(value: int, name: str, low: int) -> int:
    """Check a whole number, at least `low`."""
    expected = f"a whole number of at least {low}"
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, value, expected)
    if value < low:
        raise wrong_value(name, value, expected)
    return value


def one_of(value: str, name: str, choices: tuple[str, ...]) -> str:
    """Check a word against the choices."""
    expected = f"one of {', '.join(map(repr, choices))}"
    if not isinstance(value, str):
        raise wrong_type(name, value, expected)
    if value not in choices:
        raise wrong_value(name, value, expected)
    return value


def flag(value: bool, name: str) -> bool:
    """Check a bool."""
    if not isinstance(value, bool):
        raise wrong_type(name, value, "True or False")
    return value


def scale_tensor(scale: float | Tensor, name: str, like: Tensor) -> Tensor:
    """Turn a number or 0-d tensor into a 0-d tensor of `like`'s device and accumulation type."""
    dtype = accumulation_dtype(like.dtype)
    if not isinstance(scale, Tensor):
        expected = "a finite number, or a 0-d tensor, of float32's range"
        return number_tensor(finite_number(scale, name, expected), dtype, like.device)
    check_dense(scale, name, "0-d")
    if scale.dtype not in _DTYPES:
        raise wrong_type(name, scale, f"a number, or a 0-d tensor of {_FLOATING}")
    if scale.dim() != 0:
        raise wrong_value(name, scale, "a number, or a 0-d tensor")
    return scale.to(device=like.device, dtype=dtype)


def number_tensor(number: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Turn a number into a 0-d tensor without making torch.compile build a graph per value.

    torch.compile turns a changing float into an input of the graph only if it multiplies a tensor.
    """
    if torch.compiler.is_compiling():
        return torch.ones((), dtype=dtype, device=device) * number
    return torch.full((), number, dtype=dtype, device=device)


def mask_name(name: str) -> str:
    """Name of an argument's mask: `regions` has `region_mask`."""
    singular = name[:-3] + "y" if name.endswith("ies") else name.removesuffix("s")
    return f"{singular}_mask"


def _number(value: object, name: str, expected: str) -> float:
    """Check a number that is no bool. Refuses tensors: they would silently receive no gradient."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise wrong_type(name, value, expected)
    try:
        return float(value)
    except OverflowError:  # a whole number beyond float64
        return inf


def _computed_dtype(tensor: Tensor) -> torch.dtype:
    """Autocast type of the tensor's device if autocast is on, else its own; float64 stays."""
    kind = tensor.device.type
    if tensor.dtype == torch.float64 or not torch.amp.is_autocast_available(kind):
        return tensor.dtype
    if not torch.is_autocast_enabled(kind):
        return tensor.dtype
    return torch.get_autocast_dtype(kind)


def _padded(components: Tensor, mask: Tensor | None, name: str) -> tuple[Tensor, Tensor | None]:
    """Pad a jagged nested tensor (B, ragged, D) and give its mask; pass on any other tensor."""
    if not isinstance(components, Tensor) or not components.is_nested:
        return components, mask
    expected = "layout torch.jagged and shape (B, ragged, D)"
    if components.layout != torch.jagged or components.dim() != 3:
        raise wrong_value(name, components, expected)
    # The index of the ragged dimension has no public name.
    if components._ragged_idx != 1:  # type: ignore[attr-defined]
        raise wrong_value(name, Given("a jagged tensor that is transposed"), expected)
    if mask is not None:
        raise wrong_value(
            mask_name(name),
            Given(f"given beside a jagged {name}"),
            "None, as jagged rows are all valid",
        )
    components = components.contiguous()  # to_padded_tensor refuses holes
    padded = torch.nested.to_padded_tensor(components, 0.0)
    lengths = components.offsets().diff()  # type: ignore[attr-defined]
    return padded, torch.arange(padded.shape[1], device=padded.device) < lengths.unsqueeze(1)

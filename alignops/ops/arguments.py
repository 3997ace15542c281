"""What every public function does with its arguments: check, pad jagged ones, follow autocast."""

from math import inf
from numbers import Real

import torch
from torch import Tensor

from alignops.ops.errors import Given, wrong_type, wrong_value
from alignops.reference.components import accumulation_dtype

_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
_FLOATING = "float64, float32, bfloat16 or float16"


def component_pair(
    x: Tensor, y: Tensor, x_mask: Tensor | None, y_mask: Tensor | None, names: tuple[str, str]
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Two checked batches of components (B, N, D) with their masks; jagged ones come back padded.

    `names` are the arguments' names in the caller, for the errors; masks are named
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
    """Two checked tensors of one type, device and embedding size D, cast to the autocast type."""
    check_embeddings(x, y, names, dims)
    dtype = _computed_dtype(x)
    # A cast to its own type would be a node in an exported graph.
    x = x if x.dtype == dtype else x.to(dtype)
    return x, y if y.dtype == dtype else y.to(dtype)


def check_embeddings(x: Tensor, y: Tensor, names: tuple[str, str], dims: int) -> None:
    """Refuse two tensors that are not of one type, device and embedding size, and so many dims."""
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
    """Refuse two batches of which row i of one does not belong to row i of the other."""
    if len(x) != len(y):
        raise wrong_value(names[1], y, f"{len(x)} rows, one for each of {names[0]}")


def check_size(embeddings: Tensor, name: str, dim: int) -> None:
    """Refuse embeddings of another size than a module's own."""
    if embeddings.shape[-1] != dim:
        raise wrong_value(name, embeddings, f"embeddings of size {dim}, as dim")


def check_mask(components: Tensor, mask: Tensor | None, name: str) -> None:
    """Refuse a mask that is not bool, on another device, or not of the components' shape less D."""
    if mask is not None:
        check_tensor(mask, mask_name(name), torch.bool, components.shape[:-1], components, name)


def check_tensor(
    tensor: Tensor, name: str, dtype: torch.dtype, shape: tuple[int, ...], like: Tensor, of: str
) -> None:
    """Refuse what is not a tensor of such type and shape on the device of `like`, named `of`."""
    check_dense(tensor, name, str(dtype))
    if tensor.dtype != dtype or tensor.shape != shape:
        wrong = wrong_value if tensor.dtype == dtype else wrong_type
        expected = f"a {dtype} tensor of shape {tuple(shape)}, as {of} is {tuple(like.shape)}"
        raise wrong(name, tensor, expected)
    if tensor.device != like.device:
        raise wrong_value(name, Given(f"on {tensor.device}"), f"the device of {of}, {like.device}")


def check_dense(tensor: Tensor, name: str, expected: str) -> None:
    """Refuse what is not a tensor, or a nested, sparse or mkldnn one."""
    if not isinstance(tensor, Tensor):
        raise wrong_type(name, tensor, f"a torch.Tensor, {expected}")
    if tensor.is_nested:
        raise wrong_type(name, tensor, f"a dense tensor, {expected}")
    if tensor.layout != torch.strided:
        raise wrong_type(name, Given(f"of layout {tensor.layout}"), f"a dense tensor, {expected}")


def finite_number(value: float, name: str) -> float:
    """A checked number of the user's."""
    expected = "a finite number"
    number = _number(value, name, expected)
    if not -inf < number < inf:
        raise wrong_value(name, value, expected)
    return number


def positive_number(value: float, name: str) -> float:
    """A checked number above 0."""
    expected = "a finite number above 0"
    number = _number(value, name, expected)
    if not 0 < number < inf:
        raise wrong_value(name, value, expected)
    return number


def number_between(value: float, name: str, low: float, high: float) -> float:
    """A checked number of a closed range; `high` may be infinite, and is then no number itself."""
    expected = f"a finite number from {low} on" if high == inf else f"a number from {low} to {high}"
    number = _number(value, name, expected)
    if not low <= number <= high or number == inf:
        raise wrong_value(name, value, expected)
    return number


def whole_number(value: int, name: str, low: int) -> int:
    """A checked whole number, at least `low`."""
    expected = f"a whole number of at least {low}"
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, value, expected)
    if value < low:
        raise wrong_value(name, value, expected)
    return value


def one_of(value: str, name: str, choices: tuple[str, ...]) -> str:
    """A checked word, one of some."""
    expected = f"one of {', '.join(map(repr, choices))}"
    if not isinstance(value, str):
        raise wrong_type(name, value, expected)
    if value not in choices:
        raise wrong_value(name, value, expected)
    return value


def flag(value: bool, name: str) -> bool:
    """A checked True or False."""
    if not isinstance(value, bool):
        raise wrong_type(name, value, "True or False")
    return value


def scale_tensor(scale: float | Tensor, name: str, like: Tensor) -> Tensor:
    """A finite number or 0-d tensor as a 0-d tensor of `like`'s device and accumulation type."""
    dtype = accumulation_dtype(like.dtype)
    if not isinstance(scale, Tensor):
        expected = "a finite number, or a 0-d tensor"
        number = _number(scale, name, expected)
        if not -inf < number < inf:
            raise wrong_value(name, scale, expected)
        return number_tensor(number, dtype, like.device)
    check_dense(scale, name, "0-d")
    if scale.dtype not in _DTYPES:
        raise wrong_type(name, scale, f"a number, or a 0-d tensor of {_FLOATING}")
    if scale.dim() != 0:
        raise wrong_value(name, scale, "a number, or a 0-d tensor")
    return scale.to(device=like.device, dtype=dtype)


def number_tensor(number: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The number as a 0-d tensor, for which torch.compile makes no graph per value.

    It makes an input of the graph of a changing float that multiplies a tensor, and of no other.
    """
    if torch.compiler.is_compiling():
        return torch.ones((), dtype=dtype, device=device) * number
    return torch.full((), number, dtype=dtype, device=device)


def needs_grad(*tensors: Tensor) -> bool:
    """Whether autograd will ask for a gradient of any of them."""
    # Of a tensor inside torch.func.grad, requires_grad does not always say so.
    if torch._C._are_functorch_transforms_active():
        return True
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def mask_name(name: str) -> str:
    """The name of the mask that goes with an argument: of `regions`, `region_mask`."""
    singular = name[:-3] + "y" if name.endswith("ies") else name.removesuffix("s")
    return f"{singular}_mask"


def _number(value: object, name: str, expected: str) -> float:
    """Any number but a bool. A tensor is refused: no gradient would go to it, without a word."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise wrong_type(name, value, expected)
    return float(value)


def _computed_dtype(tensor: Tensor) -> torch.dtype:
    """The user's autocast type, if autocast is on for the tensor's device; float64 stays."""
    kind = tensor.device.type
    if tensor.dtype == torch.float64 or not torch.amp.is_autocast_available(kind):
        return tensor.dtype
    if not torch.is_autocast_enabled(kind):
        return tensor.dtype
    return torch.get_autocast_dtype(kind)


def _padded(components: Tensor, mask: Tensor | None, name: str) -> tuple[Tensor, Tensor | None]:
    """A jagged nested tensor (B, ragged, D) padded, with its mask; any other tensor as it is."""
    if not isinstance(components, Tensor) or not components.is_nested:
        return components, mask
    expected = "layout torch.jagged and shape (B, ragged, D)"
    if components.layout != torch.jagged or components.dim() != 3:
        raise wrong_value(name, components, expected)
    # Nested tensors have no public name for the place of the ragged dimension.
    if components._ragged_idx != 1:  # type: ignore[attr-defined]
        raise wrong_value(name, Given("a jagged tensor that is transposed"), expected)
    if mask is not None:
        raise wrong_value(
            mask_name(name),
            Given(f"given beside a jagged {name}"),
            "None, as jagged rows are all valid",
        )
    components = components.contiguous()  # one with holes cannot be padded
    padded = torch.nested.to_padded_tensor(components, 0.0)
    lengths = components.offsets().diff()  # type: ignore[attr-defined]
    return padded, torch.arange(padded.shape[1], device=padded.device) < lengths.unsqueeze(1)

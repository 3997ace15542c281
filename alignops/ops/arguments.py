"""What every public function does with its arguments: check, pad jagged ones, follow autocast."""

import torch
from torch import Tensor

_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


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
    x_name, y_name = names
    shape = "(B, N, D)" if dims == 3 else "(B, D)"
    for tensor, name in ((x, x_name), (y, y_name)):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} is a {type(tensor).__name__}; expected a torch.Tensor {shape}")
        if tensor.dim() != dims:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}; expected {dims} dimensions {shape}"
            )
        if tensor.dtype not in _DTYPES:
            raise TypeError(
                f"{name} is {tensor.dtype}; expected float64, float32, bfloat16 or float16"
            )
    if x.device != y.device:
        raise ValueError(f"{y_name} is on {y.device}; expected the device of {x_name}, {x.device}")
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"{y_name} has embedding size {y.shape[-1]}; expected that of {x_name}, {x.shape[-1]}"
        )
    x, y = _autocast(x), _autocast(y)
    if x.dtype != y.dtype:
        raise TypeError(f"{y_name} is {y.dtype}; expected the type of {x_name}, {x.dtype}")
    return x, y


def check_mask(components: Tensor, mask: Tensor | None, name: str) -> None:
    """Refuse a mask that is not bool, on another device, or not of the components' shape less D."""
    if mask is None:
        return
    mask_name = f"{_singular(name)}_mask"
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        given = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"{mask_name} is {given}; expected a torch.bool tensor, True = valid")
    if mask.device != components.device:
        raise ValueError(
            f"{mask_name} is on {mask.device}; expected {components.device}, as {name}"
        )
    if mask.shape != components.shape[:-1]:
        raise ValueError(
            f"{mask_name} has shape {tuple(mask.shape)}; expected {tuple(components.shape[:-1])} "
            f"for {name} of shape {tuple(components.shape)}"
        )


def check_positive(value: float, name: str) -> None:
    """Refuse a number that is not finite and above zero."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value}; expected a finite number above 0")


def needs_grad(*tensors: Tensor) -> bool:
    """Whether autograd will ask for a gradient of any of them."""
    # Of a tensor inside torch.func.grad, requires_grad does not always say so.
    if torch._C._are_functorch_transforms_active():
        return True
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _singular(name: str) -> str:
    return name.removesuffix("s")


def _autocast(tensor: Tensor) -> Tensor:
    """The tensor in the user's autocast type, if autocast is on for its device; never float64."""
    kind = tensor.device.type
    if tensor.dtype == torch.float64 or not torch.amp.is_autocast_available(kind):
        return tensor
    if not torch.is_autocast_enabled(kind):
        return tensor
    return tensor.to(torch.get_autocast_dtype(kind))


def _padded(components: Tensor, mask: Tensor | None, name: str) -> tuple[Tensor, Tensor | None]:
    """A jagged nested tensor (B, ragged, D) padded, with its mask; any other tensor as it is."""
    if not isinstance(components, Tensor) or not components.is_nested:
        return components, mask
    if components.layout != torch.jagged or components.dim() != 3:
        raise ValueError(
            f"{name} is a nested tensor; expected layout torch.jagged and shape (B, ragged, D)"
        )
    if mask is not None:
        raise ValueError(
            f"{_singular(name)}_mask is given beside a jagged {name}; "
            "expected None, as jagged rows are all valid"
        )
    padded = torch.nested.to_padded_tensor(components, 0.0)
    lengths = components.offsets().diff()  # type: ignore[attr-defined]
    return padded, torch.arange(padded.shape[1], device=padded.device) < lengths.unsqueeze(1)

"""How an op of ours enters torch: a schema, a fake kernel, a reference for every device.

A compiled kernel (csrc/cpu, alignops/kernels) registers itself for its own device and then takes
precedence over the reference, which stays the kernel of every device without one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from alignops.ops.arguments import one_of

_references: dict[Any, Callable[..., Any]] = {}


def define_op(
    name: str, schema: str, *, reference: Callable[..., Any], fake: Callable[..., Any]
) -> None:
    """Define `alignops::<name>`, with the reference as the kernel of any device."""
    qualified = f"alignops::{name}"
    torch.library.define(qualified, schema)
    torch.library.impl(qualified, "CompositeExplicitAutograd")(reference)
    op = getattr(torch.ops.alignops, name).default
    torch.library.register_fake(qualified)(_on_one_device(op, fake))
    _references[op] = reference
    _register_vmap(name)


def _on_one_device(op: Any, kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel for arguments on one device; torch itself calls it where any is on its own.

    A 0-d tensor of the CPU goes with any device, as in torch.
    """
    names = [argument.name for argument in op._schema.arguments]

    @wraps(kernel)
    def run(*args: Any, **kwargs: Any) -> Any:
        named = {**dict(zip(names, args, strict=False)), **kwargs}
        tensors = {name: value for name, value in named.items() if isinstance(value, Tensor)}
        (first, expected), *others = tensors.items()
        for name, tensor in others:
            is_number = tensor.dim() == 0 and tensor.device.type == "cpu"
            if tensor.device != expected.device and not is_number:
                raise ValueError(
                    f"{name} is on {tensor.device}; expected the device of {first}, "
                    f"{expected.device}"
                )
        return kernel(*args, **kwargs)

    return run


def use_triton(module: str, *names: str) -> None:
    """Make functions of alignops.kernels.<module> the kernels of such ops on a CUDA device.

    The module is imported by the first call, so that nobody else needs Triton. float64 is left to
    the reference: it has no tensor cores to gain from, and it is the type for checking.
    """
    for name in names:
        op = getattr(torch.ops.alignops, name).default
        torch.library.impl(f"alignops::{name}", "cuda")(_on_one_device(op, _on_cuda(module, name)))


def _on_cuda(module: str, name: str) -> Callable[..., Any]:
    reference = _references[getattr(torch.ops.alignops, name).default]

    def run(*args: Any, **kwargs: Any) -> Any:
        # Not by a number in double, such as tau.
        tensors = [arg for arg in args if isinstance(arg, Tensor) and arg.dim() > 0]
        if any(tensor.dtype == torch.float64 for tensor in tensors):
            return reference(*args, **kwargs)
        if find_spec("triton") is None:
            raise ImportError(
                f"alignops::{name} on a CUDA device needs Triton, which is not installed; install "
                "it with: pip install triton, or compute by definition under "
                'alignops.ops.backend("reference")'
            )
        kernel = getattr(import_module(f"alignops.kernels.{module}"), name)
        return kernel(*args, **kwargs)

    return run


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Choose what computes the ops of alignops inside a `with` block, for debugging.

    Args:
        name: "reference", the definition in plain torch, on any device. Gradients follow it too
            where `backward` is called inside the block.

    Raises:
        TypeError: `name` is no string.
        ValueError: another name.
    """
    one_of(name, "name", ("reference",))
    with _ByDefinition():  # type: ignore[no-untyped-call]
        yield


class _ByDefinition(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return _references.get(func, func)(*args, **kwargs or {})


def _register_vmap(name: str) -> None:
    """Let `torch.vmap` call the op once per element: samples are what the ops batch over."""
    op = getattr(torch.ops.alignops, name).default

    def per_element(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
        results = [
            op(*(a if d is None else a.select(d, i) for a, d in zip(args, in_dims, strict=True)))
            for i in range(info.batch_size)
        ]
        stacked = tuple(torch.stack(outputs) for outputs in zip(*results, strict=True))
        return stacked, (0,) * len(stacked)

    torch.library.register_vmap(f"alignops::{name}", per_element)

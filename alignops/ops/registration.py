"""Registration of the ops in torch: schema, fake kernel, and the reference for every device.

A compiled kernel (csrc/cpu, alignops/kernels) registers itself for its own device and takes
precedence there. Every other device runs the reference.
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
    """Define `alignops::<name>`, with the reference as the kernel of every device."""
    qualified = f"alignops::{name}"
    torch.library.define(qualified, schema)
    torch.library.impl(qualified, "CompositeExplicitAutograd")(reference)
    op = getattr(torch.ops.alignops, name).default
    torch.library.register_fake(qualified)(_on_one_device(op, fake))
    _references[op] = reference
    _register_vmap(name)


def _on_one_device(op: Any, kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Make a kernel require its arguments on one device; torch dispatches on any one of them.

    A 0-d CPU tensor goes with any device, as in torch.
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
    """Make functions of alignops.kernels.<module> the CUDA kernels of the ops of the same names.

    The first call imports the module, so only CUDA users need Triton. float64 stays with the
    reference: it is the type for checking, and tensor cores would not speed it up.
    """
    for name in names:
        op = getattr(torch.ops.alignops, name).default
        torch.library.impl(f"alignops::{name}", "cuda")(_on_one_device(op, _on_cuda(module, name)))


def _on_cuda(module: str, name: str) -> Callable[..., Any]:
    reference = _references[getattr(torch.ops.alignops, name).default]

    def run(*args: Any, **kwargs: Any) -> Any:
        # 0-d tensors do not decide: numbers such as tau are float64.
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
    """Choose which implementation of the ops runs inside a `with` block, for debugging.

    Args:
        name: "reference", the definition in plain torch, on any device. Gradients follow it too if
            `backward` is called inside the block.

    Raises:
        TypeError: `name` is no string.
        ValueError: `name` is unknown.
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
    """Let `torch.vmap` call the op once per element: the ops already batch over samples."""
    op = getattr(torch.ops.alignops, name).default

    def per_element(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
        given = list(zip(args, in_dims, strict=True))
        if info.batch_size == 0:  # one of zeros says the shapes
            given = [(a if d is None else a.new_zeros(a.sum(d, True).shape), d) for a, d in given]
        results = [
            op(*(a if d is None else a.select(d, i) for a, d in given))
            for i in range(max(info.batch_size, 1))
        ]
        stacked = tuple(
            torch.stack(outputs)[: info.batch_size] for outputs in zip(*results, strict=True)
        )
        return stacked, (0,) * len(stacked)

    torch.library.register_vmap(f"alignops::{name}", per_element)

"""The autograd kernel of an op, by names that torch keeps to itself.

`torch.library.register_autograd` refuses `torch.func.grad`, and lets forward mode pass with
tangents of zero. Registered here, the first works and the second raises a sentence. All private
names are imported at the top: of a torch that lacks one, `alignops.ops.autograd` learns it at once.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._C import (
    _any_requires_grad,
    _are_functorch_transforms_active,
    _AutoDispatchBelowAutograd,
)
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import forward_ad
from torch.autograd.forward_ad import _set_fwd_grad_enabled
from torch.autograd.function import _SingleLevelFunction

in_transform = _are_functorch_transforms_active


def register_autograd(
    name: str,
    backward: Callable[..., Any],
    setup_context: Callable[..., None],
    jvp: Callable[..., Any],
) -> None:
    """Register what differentiates `alignops::<name>`; see `alignops.ops.autograd`."""
    op = getattr(torch.ops.alignops, name).default
    defaults = [argument.default_value for argument in op._schema.arguments]

    def forward(ctx: Any, *args: Any) -> Any:
        # The levels below of torch.func differentiate this call, as they would if it had no node.
        with _AutoDispatchBelowAutograd(), torch.enable_grad(), _set_fwd_grad_enabled(True):
            outputs = op(*args)
        setup_context(ctx, args, outputs)
        return outputs

    methods = {"forward": forward, "backward": backward, "jvp": jvp}
    # Of one level: an op's autograd kernel is called once by each level of torch.func.
    node: Any = type(
        f"alignops_{name}",
        (_SingleLevelFunction,),
        {key: staticmethod(method) for key, method in methods.items()},
    )

    def differentiable(*args: Any) -> Any:
        if not _differentiates(args):
            with _AutoDispatchBelowAutograd():
                return op(*args)
        args = (*args, *defaults[len(args) :])  # the dispatcher leaves out what is at its default
        if not in_transform():
            return node.apply(*args)
        with enable_single_level_autograd_function():
            return node.apply(*args)

    torch.library.impl(f"alignops::{name}", "Autograd")(differentiable)


def _differentiates(args: tuple[Any, ...]) -> bool:
    """Whether a gradient of the call may be asked for, or a tangent is to go through it."""
    if torch.is_grad_enabled() and _any_requires_grad(*args):
        return True
    return forward_ad._current_level >= 0 and any(
        forward_ad.unpack_dual(arg).tangent is not None  # type: ignore[no-untyped-call]
        for arg in args
        if isinstance(arg, Tensor)
    )

"""How an op of ours is differentiated: once, in reverse mode, by torch.autograd or torch.func.

`torch.library.register_autograd` refuses `torch.func.grad`, and lets forward mode pass with
tangents of zero. Registered here, the first works and the second raises a sentence.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import forward_ad

_below_autograd = torch._C._AutoDispatchBelowAutograd


def differentiate(
    name: str, backward: Callable[..., Any], setup_context: Callable[..., None]
) -> None:
    """Give `alignops::<name>` its gradient, under torch.autograd and torch.func.

    Args:
        name: of the op.
        backward: maps the context and the gradients of the outputs to a gradient, or None, for each
            argument.
        setup_context: saves for it; called with `ctx`, the arguments and the outputs.
    """
    _register_autograd(name, backward, setup_context, _no_forward_mode(name))


def block_second_derivative(backward_name: str, function: str) -> None:
    """Raise a sentence where torch would silently return no second derivative."""

    def raise_sentence(ctx: Any, *grads: Any) -> None:
        raise RuntimeError(
            f"alignops.{function} has no second derivative: its backward was asked for a gradient "
            "(create_graph=True). Use alignops.reference for higher derivatives of small inputs."
        )

    _register_autograd(backward_name, raise_sentence, _save_nothing, raise_sentence)


def refuse_gradient(name: str, advice: str) -> None:
    """Raise a sentence where a gradient of an op without one is asked for."""

    def raise_sentence(ctx: Any, *grads: Any) -> None:
        raise RuntimeError(f"alignops.{name} has no gradient; {advice}")

    _register_autograd(name, raise_sentence, _save_nothing, raise_sentence)


def _no_forward_mode(name: str) -> Callable[..., None]:
    def raise_sentence(ctx: Any, *tangents: Any) -> None:
        raise RuntimeError(
            f"alignops.{name} has no forward-mode derivative (torch.func.jvp, torch.func.jacfwd, "
            "torch.autograd.forward_ad). Use reverse mode, torch.func.vjp or jacrev, or "
            "alignops.reference for small inputs."
        )

    return raise_sentence


def _save_nothing(ctx: Any, inputs: Any, output: Any) -> None:
    pass


def _register_autograd(
    name: str,
    backward: Callable[..., Any],
    setup_context: Callable[..., None],
    jvp: Callable[..., Any],
) -> None:
    op = getattr(torch.ops.alignops, name).default
    defaults = [argument.default_value for argument in op._schema.arguments]

    def forward(ctx: Any, *args: Any) -> Any:
        # The levels below of torch.func differentiate this call, as they would if it had no node.
        with _below_autograd(), torch.enable_grad(), forward_ad._set_fwd_grad_enabled(True):
            outputs = op(*args)
        setup_context(ctx, args, outputs)
        return outputs

    methods = {"forward": forward, "backward": backward, "jvp": jvp}
    # Of one level: an op's autograd kernel is called once by each level of torch.func.
    node: Any = type(
        f"alignops_{name}",
        (torch.autograd.function._SingleLevelFunction,),
        {key: staticmethod(method) for key, method in methods.items()},
    )

    def differentiable(*args: Any) -> Any:
        if not _differentiates(args):
            with _below_autograd():
                return op(*args)
        args = (*args, *defaults[len(args) :])  # the dispatcher leaves out what is at its default
        if not torch._C._are_functorch_transforms_active():
            return node.apply(*args)
        with enable_single_level_autograd_function():
            return node.apply(*args)

    torch.library.impl(f"alignops::{name}", "Autograd")(differentiable)


def _differentiates(args: tuple[Any, ...]) -> bool:
    """Whether a gradient of the call may be asked for, or a tangent is to go through it."""
    if torch.is_grad_enabled() and torch._C._any_requires_grad(*args):
        return True
    return forward_ad._current_level >= 0 and any(
        forward_ad.unpack_dual(arg).tangent is not None  # type: ignore[no-untyped-call]
        for arg in args
        if isinstance(arg, Tensor)
    )

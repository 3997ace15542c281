"""Gradients of the ops: first-order, reverse mode, under torch.autograd and torch.func.

`torch.library.register_autograd` refuses `torch.func.grad`, and silently returns zero tangents in
forward mode. With the registration here `torch.func.grad` works, and forward mode raises an error.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

try:
    from alignops.ops.autograd_kernel import in_transform, register_autograd
except ImportError as error:
    warnings.warn(
        f"torch {torch.__version__} is not one that alignops knows ({error}): the ops have "
        "gradients by backward() alone. torch refuses torch.func.grad of them, and forward mode "
        "takes their results for constants.",
        stacklevel=2,
    )

    def in_transform() -> bool:
        """No: torch.func refuses ops that are registered as below."""
        return False

    def register_autograd(
        name: str,
        backward: Callable[..., Any],
        setup_context: Callable[..., None],
        jvp: Callable[..., Any],
    ) -> None:
        """Register the gradient by torch.library, which takes no formula for forward mode."""
        torch.library.register_autograd(f"alignops::{name}", backward, setup_context=setup_context)


def differentiate(
    name: str, backward: Callable[..., Any], setup_context: Callable[..., None]
) -> None:
    """Give `alignops::<name>` its gradient, under torch.autograd and torch.func.

    Args:
        name: the op's name.
        backward: maps the context and the gradients of the outputs to a gradient, or None, for each
            argument.
        setup_context: saves what `backward` needs; called with `ctx`, the arguments and the
            outputs.
    """
    register_autograd(name, backward, setup_context, _no_forward_mode(name))


def block_second_derivative(backward_name: str, function: str) -> None:
    """Raise an error where torch would silently return no second derivative."""

    def raise_sentence(ctx: Any, *grads: Any) -> None:
        raise RuntimeError(
            f"alignops.{function} has no second derivative: its backward was asked for a gradient "
            "(create_graph=True). Use alignops.reference for higher derivatives of small inputs."
        )

    register_autograd(backward_name, raise_sentence, _save_nothing, raise_sentence)


def refuse_gradient(name: str, advice: str) -> None:
    """Raise an error if the gradient of an op without one is requested."""

    def raise_sentence(ctx: Any, *grads: Any) -> None:
        raise RuntimeError(f"alignops.{name} has no gradient; {advice}")

    register_autograd(name, raise_sentence, _save_nothing, raise_sentence)


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


def needs_grad(*tensors: Tensor) -> bool:
    """Whether autograd will ask for a gradient of any of them; of an exported program, never."""
    if torch.compiler.is_exporting():
        return False
    # Of a tensor inside torch.func.grad, requires_grad does not always say so.
    if in_transform():
        return True
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)

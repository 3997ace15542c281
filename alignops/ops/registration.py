"""How an op of ours enters torch: a schema, a fake kernel, a reference for every device.

A compiled kernel (csrc/cpu, alignops/kernels) registers itself for its own device and then takes
precedence over the reference, which stays the kernel of every device without one.
"""

from collections.abc import Callable
from typing import Any

import torch


def define_op(
    name: str, schema: str, *, reference: Callable[..., Any], fake: Callable[..., Any]
) -> None:
    """Define `alignops::<name>`, with the reference as the kernel of any device."""
    qualified = f"alignops::{name}"
    torch.library.define(qualified, schema)
    torch.library.impl(qualified, "CompositeExplicitAutograd")(reference)
    torch.library.register_fake(qualified)(fake)


def block_second_derivative(backward_name: str, function: str) -> None:
    """Raise a sentence where torch would silently return no second derivative."""

    def raise_sentence(ctx: Any, *grads: Any) -> None:
        raise RuntimeError(
            f"alignops.{function} has no second derivative: its backward was asked for a gradient "
            "(create_graph=True). Use alignops.reference for higher derivatives of small inputs."
        )

    torch.library.register_autograd(f"alignops::{backward_name}", raise_sentence)

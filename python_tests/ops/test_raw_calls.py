"""torch.ops.alignops.* refuses tensors that do not fit together, and never reads out of bounds."""

import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from child_process import run_python
from op_testing import CONTRASTIVE, OPS, SCAN, Op, Problem

import alignops
from alignops.reference.fgm import argmax_dtype

needs_kernels = pytest.mark.skipif(
    not alignops.build_info()["loaded"], reason="needs the compiled kernels"
)


# In a process of its own: a kernel that reads out of bounds may crash it.
@needs_kernels
def test_tensors_that_do_not_fit_are_refused():
    child = run_python(__file__)
    assert child.stdout == ""
    assert child.returncode == 0, child.stderr


@pytest.mark.parametrize("op", [*OPS, SCAN], ids=str)
def test_tensors_of_several_devices_are_refused(op):
    for call, arguments in raw_calls(op):
        for index, argument in enumerate(arguments):
            if not isinstance(argument, torch.Tensor):
                continue
            mixed = [*arguments[:index], argument.to("meta"), *arguments[index + 1 :]]
            with pytest.raises(ValueError, match=r"is on (meta|cpu); expected the device of \w+, "):
                call(*mixed)


@needs_kernels
@pytest.mark.parametrize(("count", "wrong"), [(5, 255), (300, -1), (300, 300), (40000, 2**31 - 1)])
@pytest.mark.parametrize("side", ["x_argmax", "y_argmax"])
def test_winners_that_are_no_component_are_refused(count, wrong, side):
    x, y, grad = torch.ones(2, count, 1), torch.ones(3, count, 1), torch.ones(2, 3)
    winners = {
        name: torch.zeros(2, 3, count, dtype=argmax_dtype(count))
        for name in ("x_argmax", "y_argmax")
    }
    backward = partial(torch.ops.alignops.fgm_similarity_backward, grad, grad, x, y, None, None)
    backward(**winners)
    winners[side][1, 2, -1] = wrong
    with pytest.raises(ValueError, match=rf"{side} holds {wrong}; expected the index of one of"):
        backward(**winners)


@needs_kernels
def test_no_message_says_where_the_library_was_built():
    messages = []
    many = torch.ones(1).expand(2**23, 1, 1)
    for call in (
        lambda: torch.ops.alignops.fgm_similarity(many, many),  # out of memory
        lambda: torch.ops.alignops.fgm_similarity(torch.ones(2), torch.ones(2)),
        lambda: torch.ops.alignops.similarity_logsumexp(*[torch.ones(2, 2).to_sparse()] * 3),
    ):
        with pytest.raises(Exception) as raised:  # noqa: PT011
            call()
        messages.append(str(raised.value))
    assert "memory" in messages[0]
    source, torch_folder = Path(__file__).parents[2], Path(torch.__file__).parent
    assert [m for m in messages if str(source) in m or str(torch_folder.parent) in m] == []


def print_what_is_accepted(name, call, arguments):
    call(*arguments)
    for index, wrong in unfitting(arguments):
        fitting = tuple(arguments[index].shape)
        what = f"{name}, argument {index}: {tuple(wrong.shape)} {wrong.dtype} for {fitting}"
        print(what, file=sys.stderr, flush=True)
        try:
            call(*arguments[:index], wrong, *arguments[index + 1 :])
        except (RuntimeError, ValueError):
            continue
        print("accepted", what, flush=True)


def raw_calls(op: Op):
    """Yield (overload, arguments) of the forward, and of the backward if there is one."""
    arguments = op.raw(*op.inputs(Problem(dtype=torch.float32)))
    if op is CONTRASTIVE:
        arguments[2][-1] = len(arguments[0]) - 1  # without the last image, this text has none
    yield op.overload, arguments
    if op is not SCAN:
        backward = getattr(torch.ops.alignops, f"{op.name}_backward").default
        yield backward, backward_arguments(op, arguments)


def backward_arguments(op, arguments):
    """Arguments of `<name>_backward`: output gradients, the forward's arguments, saved results."""
    outputs = op.overload(*arguments)
    saved = {
        "fgm_similarity": outputs[2:],
        "powerset_similarity": (),
        "exact_powerset_similarity": (),
        "similarity_logsumexp": outputs,
        "multi_positive_contrastive_loss": outputs[1:],
    }[op.name]
    differentiable = outputs[:1] if op is CONTRASTIVE else outputs[:2]
    tensors = [a for a in arguments if not isinstance(a, float)]
    numbers = [a for a in arguments if isinstance(a, float)]
    return [*map(torch.ones_like, differentiable), *tensors, *saved, *numbers]


def unfitting(arguments):
    """Yield (index, tensor): each tensor in turn with another type or rank, or too short."""
    for index, argument in enumerate(arguments):
        if not isinstance(argument, torch.Tensor):
            continue
        yield index, argument.int() if argument.is_floating_point() else argument.float()
        yield index, argument.expand(2, *argument.shape)
        for dim in range(argument.dim()):
            yield index, argument.narrow(dim, 0, argument.shape[dim] - 1)


if __name__ == "__main__":
    for op in OPS:
        for call, arguments in raw_calls(op):
            print_what_is_accepted(call.name(), call, arguments)

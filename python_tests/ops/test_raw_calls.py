"""torch.ops.alignops.* refuses tensors that do not fit together; it never reads out of bounds."""

import sys

import pytest
import torch
from child_process import run_python
from op_testing import COMPONENT_OPS, CONTRASTIVE, LOGSUMEXP, Problem

import alignops


# In a process of its own: a kernel that reads out of bounds may take it down.
@pytest.mark.skipif(not alignops.build_info()["loaded"], reason="needs the compiled kernels")
def test_tensors_that_do_not_fit_are_refused():
    child = run_python(__file__)
    assert child.stdout == ""
    assert child.returncode == 0, child.stderr


def print_what_is_accepted(name, call, arguments):
    call(*arguments)
    for index, wrong in unfitting(arguments):
        fitting = tuple(arguments[index].shape)
        what = f"{name}, argument {index}: {tuple(wrong.shape)} {wrong.dtype} for {fitting}"
        print(what, file=sys.stderr, flush=True)
        try:
            call(*arguments[:index], wrong, *arguments[index + 1 :])
        except RuntimeError:
            continue
        print("accepted", what, flush=True)


def backward_arguments(op, arguments):
    """Those of `<name>_backward`: output gradients, the forward's arguments, what it saved."""
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
    """(index, tensor): each tensor in turn of another type, of another rank, or too short."""
    for index, argument in enumerate(arguments):
        if not isinstance(argument, torch.Tensor):
            continue
        yield index, argument.int() if argument.is_floating_point() else argument.float()
        yield index, argument.expand(2, *argument.shape)
        for dim in range(argument.dim()):
            yield index, argument.narrow(dim, 0, argument.shape[dim] - 1)


if __name__ == "__main__":
    for op in (*COMPONENT_OPS, LOGSUMEXP, CONTRASTIVE):
        arguments = op.raw(*op.inputs(Problem(dtype=torch.float32)))
        if op is CONTRASTIVE:
            arguments[2][-1] = len(arguments[0]) - 1  # without the last image, this text has none
        backward = getattr(torch.ops.alignops, f"{op.name}_backward").default
        print_what_is_accepted(op.name, op.overload, arguments)
        print_what_is_accepted(f"{op.name}_backward", backward, backward_arguments(op, arguments))

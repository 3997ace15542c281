"""Derivatives of the ops by torch.autograd and torch.func, and refusals of those not supported."""

from pathlib import Path

import pytest
import torch
from child_process import run_python
from op_testing import COMPONENT_OPS, CONTRASTIVE, LOGSUMEXP, OPS, SCAN, Problem, with_grad
from torch.autograd import forward_ad
from torch.func import grad, grad_and_value, jacfwd, jacrev, jvp, vjp, vmap

import alignops

each_op = pytest.mark.parametrize("op", OPS, ids=str)
every_op = pytest.mark.parametrize("op", [*OPS, SCAN], ids=str)
each_scored = pytest.mark.parametrize("op", [*COMPONENT_OPS, LOGSUMEXP, SCAN], ids=str)
FORWARD_MODE = r"alignops\.{} has no (forward-mode derivative|gradient)"


def scalar(op, inputs):
    """Sum the op's outputs to a number, as a function of its first input."""
    return lambda x: sum(output.square().sum() for output in op.function(x, *inputs[1:]))


def by_autograd(function, x):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(function(x), x)[0]


@each_op
def test_reverse_mode_of_torch_func_is_that_of_autograd(op):
    inputs = op.inputs(Problem(mask="none"))
    function, x = scalar(op, inputs), inputs[0]
    expected = by_autograd(function, x)
    assert torch.equal(grad(function)(x), expected)
    assert torch.equal(jacrev(function)(x), expected)
    assert torch.equal(vjp(function, x)[1](torch.ones_like(function(x)))[0], expected)
    compiled = torch.compile(grad(function), fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x), expected)


@each_op
def test_a_value_inside_torch_func_has_its_gradient_outside(op):
    inputs = op.inputs(Problem(mask="none"))
    x = inputs[0]

    def value(x):
        function = lambda y: scalar(op, (x, y, *inputs[2:]))(x)  # noqa: E731
        return grad_and_value(function)(inputs[1])[1]

    assert torch.equal(grad(value)(x), by_autograd(scalar(op, inputs), x))


@each_op
def test_vmap_and_grad_go_into_each_other(op):
    inputs = op.inputs(Problem(mask="none"))
    function, batch = scalar(op, inputs), torch.stack([inputs[0], 2 * inputs[0], -inputs[0]])
    expected = torch.stack([by_autograd(function, x) for x in batch])
    assert torch.equal(vmap(grad(function))(batch), expected)
    assert torch.equal(grad(lambda batch: vmap(function)(batch).sum())(batch), expected)


@each_scored
@pytest.mark.parametrize("in_dims", [(0, None), (None, 0), (0, 0), (1, 0), (-1, 1)])
def test_vmap_calls_the_op_once_per_element(op, in_dims):
    drawn = [op.inputs(Problem(mask="none", seed=seed)) for seed in (1, 2, 3)]
    sides, rest = list(drawn[0][:2]), drawn[0][2:]
    expected = []
    for one in drawn:
        own = [
            side if d is None else new for side, new, d in zip(sides, one, in_dims, strict=False)
        ]
        expected.append(op.function(*own, *rest))
    for i, d in enumerate(in_dims):
        if d is not None:
            sides[i] = torch.stack([one[i] for one in drawn], d)
    outputs = vmap(lambda x, y: tuple(op.function(x, y, *rest)), in_dims)(*sides)
    for i, output in enumerate(outputs):
        assert torch.equal(output, torch.stack([one[i] for one in expected]))


@each_scored
def test_vmap_over_no_elements_has_the_shapes(op):
    x, y, *rest = op.inputs(Problem(mask="none"))
    expected = [(0, *output.shape) for output in op.function(x, y, *rest)]
    outputs = vmap(lambda x: tuple(op.function(x, y, *rest)))(x.expand(0, *x.shape))
    assert [output.shape for output in outputs] == expected


def test_vmap_takes_masks_and_indices_of_each_element():
    drawn = [CONTRASTIVE.inputs(Problem(mask="random", seed=seed)) for seed in (1, 2, 3)]
    expected = torch.stack([CONTRASTIVE.function(*inputs)[0] for inputs in drawn])
    stacked = [torch.stack(argument) for argument in zip(*drawn, strict=True)]
    assert torch.equal(vmap(lambda *inputs: CONTRASTIVE.function(*inputs)[0])(*stacked), expected)


@every_op
def test_forward_mode_is_refused_in_a_sentence(op):
    inputs = op.inputs(Problem(mask="none"))
    function, x = scalar(op, inputs), inputs[0]
    sentence = FORWARD_MODE.format(op.name)
    with pytest.raises(RuntimeError, match=sentence):
        jvp(function, (x,), (torch.ones_like(x),))
    with pytest.raises(RuntimeError, match=sentence):
        jacfwd(function)(x)
    with forward_ad.dual_level(), pytest.raises(RuntimeError, match=sentence):
        function(forward_ad.make_dual(x, torch.ones_like(x)))
    with forward_ad.dual_level():  # inputs without a tangent pass
        assert torch.equal(function(x), function(x.clone()))


@each_op
def test_second_derivatives_of_torch_func_are_refused_in_a_sentence(op):
    inputs = op.inputs(Problem(mask="none"))
    function, x = scalar(op, inputs), inputs[0]
    name = rf"alignops\.{op.name} has no"
    with pytest.raises(RuntimeError, match=name + " second derivative"):
        grad(lambda x: grad(function)(x).square().sum())(x)
    with pytest.raises(RuntimeError, match=name + " forward-mode derivative"):
        torch.func.hessian(function)(x)


@each_op
def test_a_second_derivative_is_refused_in_a_sentence(op):
    inputs = with_grad(op, op.inputs(Problem()))
    first = torch.autograd.grad(op.function(*inputs)[0].sum(), inputs[0], create_graph=True)[0]
    with pytest.raises(RuntimeError, match=rf"alignops\.{op.name} has no second derivative"):
        first.sum().backward()


def test_scan_has_no_gradient():
    x = torch.randn(2, 3, 4, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"alignops\.scan_similarity has no gradient; detach"):
        alignops.scan_similarity(x, x)[0].sum().backward()
    with pytest.raises(RuntimeError, match=r"alignops\.scan_similarity has no gradient; detach"):
        grad(lambda x: alignops.scan_similarity(x, x)[0].sum())(x.detach())


WITHOUT_A_PRIVATE_NAME = """
import sys, pytest, torch._functorch.autograd_function, torch._functorch.utils
del torch._functorch.utils.enable_single_level_autograd_function
with pytest.warns(UserWarning, match=r"the ops have gradients by backward\\(\\) alone"):
    import alignops
sys.exit(pytest.main(sys.argv[1:]))
"""


def test_a_torch_that_lacks_private_names_leaves_backward():
    tests = "test_gradients or test_a_second_derivative"
    child = run_python("-c", WITHOUT_A_PRIVATE_NAME, "-q", "-x", "-k", tests, Path(__file__).parent)
    assert child.returncode == 0, child.stdout + child.stderr

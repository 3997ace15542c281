"""The users' launch code in Triton's interpreter on the CPU, against the references.

The interpreter must be chosen before Triton is imported, so all of this runs in a process of its
own. Its bfloat16 products are wrong (triton 3.8), so bfloat16 is compiled here, not run.
"""

import math
import os

import pytest
import torch
from child_process import run_python
from hypothesis import given
from op_testing import (
    CONTRASTIVE,
    FGM,
    GATHERED,
    LOGSUMEXP,
    POWERSET,
    SCAN,
    Problem,
    assert_matches_reference,
    drawn,
    problems,
)
from powerset_truth import assert_no_worse_than_autograd, embeddings

import alignops
from alignops.reference import scan
from alignops.reference.fgm import argmax_dtype

pytest.importorskip("triton")
CHOSEN = os.environ.get("TRITON_INTERPRET") == "1"
interpreted = pytest.mark.skipif(not CHOSEN, reason="runs in a process of its own, from here")
each_op = pytest.mark.parametrize("op", [FGM, GATHERED, POWERSET, LOGSUMEXP, SCAN], ids=str)
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)

ON_GRID = (FGM, GATHERED)
# Across the edges of tiles: (batch, n, other, m, dim).
EDGES = {
    FGM: [(9, 10, 7, 11, 70), (3, 33, 9, 3, 5), (65, 1, 3, 1, 7), (1, 17, 2, 40, 130)],
    GATHERED: [(9, 10, 7, 11, 70), (35, 2, 40, 3, 5), (65, 1, 3, 1, 7), (1, 17, 2, 40, 260)],
    POWERSET: [
        *[(9, 10, 35, 2, 20), (3, 5, 70, 1, 5), (33, 1, 3, 2, 7), (1, 17, 2, 3, 130)],
        (1, 40, 2, 2, 5),  # in float32, regions of an image fill more than a tile
    ],
    LOGSUMEXP: [(65, 1, 129, 1, 70), (130, 1, 65, 1, 5), (3, 1, 2, 1, 260)],
    SCAN: [(9, 10, 7, 11, 70), (5, 33, 9, 3, 5), (65, 1, 3, 1, 7), (1, 17, 2, 40, 20)],
}
LARGE = {
    FGM: [(2, 140, 3, 70, 9), (1, 300, 2, 260, 4), (2, 3, 2, 257, 300)],
    GATHERED: [(2, 60, 3, 70, 9), (1, 255, 2, 5, 4), (2, 3, 1, 256, 4)],
    POWERSET: [(2, 70, 4, 5, 9), (1, 130, 2, 2, 300)],
    LOGSUMEXP: [(300, 1, 260, 1, 300)],
}


def edges(sizes):
    return [
        pytest.param(op, size, id=f"{op}-{'x'.join(map(str, size))}")
        for op, of_op in sizes.items()
        for size in of_op
    ]


@pytest.mark.skipif(CHOSEN, reason="this is that process")
def test_the_kernels_in_the_interpreter():
    child = run_python(
        *("-m", "pytest", __file__, "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider"),
        TRITON_INTERPRET="1",
    )
    assert child.returncode == 0, child.stdout


@pytest.mark.slow
@pytest.mark.skipif(CHOSEN, reason="this is that process")
def test_the_kernels_in_the_interpreter_on_larger_problems():
    child = run_python(
        *("-m", "pytest", __file__, "-q", "-x", "-m", "slow", "-p", "no:cacheprovider"),
        TRITON_INTERPRET="1",
    )
    assert child.returncode == 0, child.stdout


@pytest.fixture
def on_triton():
    from guarded_memory import OnTriton

    with OnTriton() as mode:
        yield mode
    assert mode.launched


@interpreted
@each_op
@each_dtype
def test_drawn_problems(op, dtype, on_triton):
    @drawn(max_examples=6)
    @given(problems(dtype=dtype, grid=op in ON_GRID))
    def check(problem):
        assert_matches_reference(op, problem)

    check()


@interpreted
@each_dtype
@pytest.mark.parametrize(("op", "size"), edges(EDGES))
def test_edges_of_tiles(op, size, dtype, on_triton):
    mask = "random" if math.prod(size) % 2 else "none"
    assert_matches_reference(op, Problem(*size, dtype, mask, grid=op in ON_GRID, seed=sum(size)))


@interpreted
@pytest.mark.slow
@each_dtype
@pytest.mark.parametrize("mask", ["none", "random"])
@pytest.mark.parametrize(("op", "size"), edges(LARGE))
def test_larger_problems(op, size, mask, dtype, on_triton):
    assert_matches_reference(op, Problem(*size, dtype, mask, grid=op in ON_GRID))


@interpreted
@pytest.mark.parametrize("norm", [1, 16, "randn"])
@pytest.mark.parametrize("tau", [1e-7, 1e-5, 1e-3, 1e-1, 10.0, 1e3])
def test_powerset_gradients_are_those_of_float64_for_every_tau(tau, norm, on_triton):
    assert_no_worse_than_autograd(embeddings(norm, (4, 5), (3, 7), 32), tau)


@interpreted
def test_powerset_of_a_tensor_with_itself(on_triton):
    x, _ = embeddings("randn", (4, 5), (1, 1), 32)
    assert_no_worse_than_autograd((x, x), 1.0)


@interpreted
@each_dtype
@pytest.mark.parametrize("mask", ["none", "random"])
def test_the_contrastive_loss_stands_on_them(mask, dtype, on_triton):
    assert_matches_reference(CONTRASTIVE, Problem(5, 2, 9, 1, 20, dtype, mask))


@interpreted
def test_winners_are_the_lowest_of_equals_and_the_first_nan(on_triton):
    x, y = torch.ones(1, 3, 2), torch.ones(1, 5, 2)
    x[0, 0] = -0.0
    _, _, x_argmax, y_argmax = torch.ops.alignops.fgm_similarity(x, y)
    assert x_argmax.tolist() == [[[0, 0, 0]]]
    assert y_argmax.tolist() == [[[1] * 5]]
    assert (x_argmax.dtype, y_argmax.dtype) == (torch.uint8, torch.uint8)
    y[0, 2:4] = torch.nan
    x_to_y, y_to_x, x_argmax, y_argmax = torch.ops.alignops.fgm_similarity(x, y)
    assert x_to_y.isnan().all()
    assert y_to_x.isnan().all()
    assert x_argmax.tolist() == [[[2, 2, 2]]]
    assert y_argmax.tolist() == [[[1, 1, 0, 0, 1]]]


@interpreted
@each_op
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_nan_reaches_what_it_must_and_no_other(op, sign, on_triton):
    x, y, *rest = op.inputs(Problem(3, 1, 4, 2, 5, torch.float32, mask="none"))
    x[1] = torch.tensor(math.copysign(math.nan, sign))
    first, second = op.function(x, y, *rest)
    if op is LOGSUMEXP:
        assert first.isnan().tolist() == [False, True, False]
        assert second.isnan().all()
    else:
        for scores in (first, second):
            assert scores.isnan().all(1).tolist() == [False, True, False]
            assert scores.isnan().any(1).tolist() == [False, True, False]


@interpreted
@each_dtype
@pytest.mark.parametrize("exponent", [-13, 13])
def test_scan_sees_directions_whatever_the_norms(dtype, exponent, on_triton):
    x, y, *masks = Problem(9, 4, 20, 5, 64, dtype).components()
    factor = 2.0**exponent if dtype == torch.float16 else 2.0 ** (exponent * 6)
    for inputs in [(x * factor, y * factor), (x * factor, y)]:
        expected = scan.scan_similarity(*(t.double() for t in inputs), *masks)
        result = alignops.scan_similarity(*inputs, *masks)
        for scores, wanted in zip(result, expected, strict=True):
            torch.testing.assert_close(scores.double(), wanted, rtol=1e-5, atol=1e-5)


@interpreted
@pytest.mark.parametrize("op", [FGM, GATHERED], ids=str)
@pytest.mark.parametrize(("count", "wrong"), [(9, 9), (9, 255), (257, -1)])
def test_winners_that_are_no_component_take_nothing(op, count, wrong, on_triton):
    x, y, grad = torch.ones(1, count, 3), torch.ones(1, count, 3), torch.ones(1, 1)
    backward = torch.ops.alignops.fgm_similarity_backward
    winners = [torch.full((1, 1, count), wrong, dtype=argmax_dtype(count)) for _ in range(2)]
    for gradient in backward(grad, grad, x, y, None, None, *winners):
        assert gradient.count_nonzero() == 0


@interpreted
def test_a_tile_of_minus_infinity_takes_nothing_from_the_others(on_triton):
    x, y = torch.ones(1, 1), torch.full((130, 1), -200.0)
    y[:64] = -torch.inf
    row, col = alignops.similarity_logsumexp(x, y, 1.0)
    assert row.item() == pytest.approx(-200 + math.log(66))
    assert col.tolist() == y.flatten().tolist()


@interpreted
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e6])
def test_gradients_in_float16_do_not_depend_on_their_scale(size, on_triton):
    x, y = (torch.randn(4, 3, 8).half().requires_grad_() for _ in range(2))
    gradient = lambda factor: torch.ops.alignops.fgm_similarity_backward(  # noqa: E731
        torch.full((4, 4), factor), torch.full((4, 4), factor),
        x.detach(), y.detach(), None, None, *torch.ops.alignops.fgm_similarity(x, y)[2:],
    )[0]  # fmt: skip
    if size < 1:  # too small for float16 in the end, but not NaN or infinite on the way
        assert gradient(size).isfinite().all()
    else:
        expected = gradient(1.0).float() * size
        assert torch.equal(gradient(size).isinf(), expected.half().isinf())


@interpreted
def test_a_tensor_that_would_be_read_out_of_bounds_is_refused(on_triton):
    x, y = torch.ones(2, 3, 4), torch.ones(2, 3, 4)
    with pytest.raises(RuntimeError, match=r"first mask is torch.bool \(2, 2\); expected"):
        torch.ops.alignops.fgm_similarity(x, y, torch.ones(2, 2, dtype=torch.bool))
    on_triton.launched += 1

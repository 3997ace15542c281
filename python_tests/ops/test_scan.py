import pytest
import torch
from hypothesis import given
from op_testing import (
    DTYPES,
    TILE_EDGES,
    Problem,
    accumulation,
    assert_no_worse,
    drawn,
    edge_problem,
    problems,
)

from alignops import scan_similarity
from alignops.reference import scan as reference


def assert_matches_reference(problem, negative_slope=0.1):
    inputs = problem.components()
    in_double = [t.double() if t is not None and t.is_floating_point() else t for t in inputs]
    results = scan_similarity(*inputs, negative_slope=negative_slope)
    own = reference.scan_similarity(*inputs, negative_slope)
    truth = reference.scan_similarity(*in_double, negative_slope)
    assert all(result.dtype == accumulation(problem.dtype) for result in results)
    for result, plain, true in zip(results, own, truth, strict=True):
        assert_no_worse(result, plain, true, slack=64)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_case_worked_by_hand(dtype):
    # Cosines [[0.6, 1], [0.8, 0]], whatever the lengths.
    x = torch.tensor([[[2.0, 0.0], [0.0, 5.0]]], dtype=dtype)
    y = torch.tensor([[[3.0, 4.0], [1.0, 0.0]]], dtype=dtype)
    x_to_y, y_to_x = scan_similarity(x, y)
    # Columns have norm 1: the best word of the regions is 1 and 0.8.
    assert x_to_y.item() == pytest.approx((1 + 0.8) / 2, rel=1e-6)
    # Rows have norms sqrt(1.36) and 0.8: the best region of the words.
    assert y_to_x.item() == pytest.approx((1 + 1 / 1.36**0.5) / 2, rel=1e-6)


def test_a_negative_cosine_leaks():
    x, y = torch.tensor([[[1.0, 0.0], [0.6, 0.8]]]), torch.tensor([[[-1.0, 0.0]]])
    # c = [-0.5, -0.3]; over the one word each has norm |c|.
    x_to_y, y_to_x = scan_similarity(x, y, negative_slope=0.5)
    assert x_to_y.item() == pytest.approx(-(0.5 + 0.3) / 2 / 0.34**0.5)
    assert y_to_x.item() == pytest.approx(-1)


def test_what_has_no_direction_matches_nothing():
    x_to_y, y_to_x = scan_similarity(torch.zeros(1, 3, 4), torch.ones(1, 2, 4))
    assert x_to_y.item() == y_to_x.item() == 0


@drawn(max_examples=200)
@given(problems())
def test_matches_the_reference(problem):
    assert_matches_reference(problem)


@pytest.mark.parametrize("sizes", TILE_EDGES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_matches_the_reference_at_tile_edges(sizes, dtype):
    assert_matches_reference(edge_problem(sizes, dtype=dtype), negative_slope=0.3)


def test_what_a_mask_rules_out_counts_neither_in_norms_nor_in_maxima():
    x, y, x_mask, y_mask = Problem(batch=1, other=1, n=6, m=7).components()
    masked = scan_similarity(x, y, x_mask, y_mask)
    alone = scan_similarity(x[:, x_mask[0]], y[:, y_mask[0]])
    torch.testing.assert_close(tuple(masked), tuple(alone))


def test_nan_reaches_the_pairs_of_its_sample_and_no_other():
    x, y, _, _ = Problem(mask="none").components()
    x[1, 2, 3] = torch.nan
    for score in scan_similarity(x, y):
        assert score[1].isnan().all()
        assert score[[0, 2]].isfinite().all()


def test_a_gradient_is_refused_in_a_sentence():
    x, y = torch.ones(2, 3, 4, requires_grad=True), torch.ones(2, 3, 4)
    result = scan_similarity(x, y)
    with pytest.raises(RuntimeError, match="scan_similarity has no gradient; detach its inputs"):
        result.x_to_y.sum().backward()


@pytest.mark.parametrize("mask", ["none", "random"])
def test_opcheck(mask):
    inputs = Problem(dtype=torch.float32, mask=mask).components()
    torch.library.opcheck(torch.ops.alignops.scan_similarity.default, (*inputs, 0.1))


def test_compiles_whole():
    compiled = torch.compile(scan_similarity, fullgraph=True, dynamic=True, backend="aot_eager")
    inputs = Problem(dtype=torch.float32).components()
    for result, expected in zip(compiled(*inputs), scan_similarity(*inputs), strict=True):
        assert torch.equal(result, expected)


def test_autocast_follows_the_users_type():
    x, y, x_mask, y_mask = Problem(dtype=torch.float32).components()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        results = scan_similarity(x, y, x_mask, y_mask)
    expected = scan_similarity(x.bfloat16(), y.bfloat16(), x_mask, y_mask)
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == torch.float32
        assert torch.equal(result, wanted)


def test_jagged_input_equals_padded_input_with_a_mask():
    x, y, _, _ = Problem(batch=3, n=4, mask="none").components()
    lengths = torch.tensor([3, 1, 4])
    jagged = torch.nested.nested_tensor(
        [row[:length] for row, length in zip(x, lengths, strict=True)], layout=torch.jagged
    )
    expected = scan_similarity(x, y, torch.arange(4) < lengths[:, None])
    for result, wanted in zip(scan_similarity(jagged, y), expected, strict=True):
        assert torch.equal(result, wanted)


def test_the_number_of_threads_changes_no_bit():
    inputs, threads = (
        Problem(90, 6, 70, 6, 512, torch.float32).components(),
        torch.get_num_threads(),
    )
    try:
        runs = []
        for count in (1, 2, 3, 5):
            torch.set_num_threads(count)
            runs.append(scan_similarity(*inputs))
    finally:
        torch.set_num_threads(threads)
    for run in runs[1:]:
        assert all(map(torch.equal, run, runs[0]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((torch.ones(2, 3, 4), torch.ones(2, 3, 5)), ValueError, "embedding size"),
        ((torch.ones(2, 3, 4).int(), torch.ones(2, 3, 4).int()), TypeError, "x is a torch.int32"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        scan_similarity(*arguments)

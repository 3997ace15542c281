"""The same tests on a real device, if there is one."""

import pytest
import torch
from op_testing import (
    CONTRASTIVE,
    FGM,
    GATHERED,
    LOGSUMEXP,
    POWERSET,
    SCAN,
    TILE_EDGES,
    Op,
    Problem,
    accumulation,
    assert_no_worse,
    edge_problem,
    evaluate,
    with_grad,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
DIFFERENTIABLE = [FGM, GATHERED, POWERSET, LOGSUMEXP, CONTRASTIVE]
each_op = pytest.mark.parametrize("op", DIFFERENTIABLE, ids=str)
each_kernel = pytest.mark.parametrize("op", [FGM, GATHERED, POWERSET, LOGSUMEXP], ids=str)
each_dtype = pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str
)


def on_gpu(inputs):
    return tuple(t if t is None else t.cuda() for t in inputs)


def on_device(function, op: Op, inputs):
    """Run on the GPU what `evaluate` runs on the CPU, with the same output gradients."""
    leaves = with_grad(op, on_gpu(inputs))
    outputs = function(*leaves)
    if not op.differentiable:
        return list(outputs), []
    generator = torch.Generator().manual_seed(1)
    seeds = [torch.randn(o.shape, generator=generator).to(o.dtype).cuda() for o in outputs]
    gradients = torch.autograd.grad(outputs, leaves[: op.differentiable], seeds)
    return [o.detach() for o in outputs], list(gradients)


def assert_matches(op, problem):
    inputs = op.inputs(problem)
    results = on_device(op.function, op, inputs)
    own = evaluate(op.reference, op, inputs)
    in_double = [t.double() if t is not None and t.is_floating_point() else t for t in inputs]
    truth = evaluate(op.reference, op, in_double)
    for group in zip(results, own, truth, strict=True):
        for result, of_reference, wanted in zip(*group, strict=True):
            assert_no_worse(result.cpu(), of_reference, wanted, op.slack)
    assert all(output.dtype == accumulation(problem.dtype) for output in results[0])


@pytest.mark.parametrize("op", [*DIFFERENTIABLE, SCAN], ids=str)
@each_dtype
@pytest.mark.parametrize("mask", ["none", "random", "nothing valid"])
def test_small_problems(op, dtype, mask):
    if op is CONTRASTIVE and mask == "nothing valid":
        pytest.skip("without a positive text the formula by hand has its own way out")
    assert_matches(op, Problem(5, 9, 7, 11, 37, dtype, mask, grid=op in (FGM, GATHERED)))


@each_kernel
@each_dtype
@pytest.mark.parametrize("sizes", TILE_EDGES)
def test_edges_of_tiles(op, dtype, sizes):
    assert_matches(op, edge_problem(sizes, dtype=dtype, grid=op in (FGM, GATHERED)))


@each_op
def test_compiles_with_inductor(op):
    inputs = op.inputs(Problem(5, 9, 7, 11, 37, torch.float32, "none"))
    compiled = torch.compile(op.function, fullgraph=True)
    for results, expected in zip(
        on_device(compiled, op, inputs), on_device(op.function, op, inputs), strict=True
    ):
        for result, wanted in zip(results, expected, strict=True):
            torch.testing.assert_close(result, wanted)


@each_op
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_follows_the_users_type(op, dtype):
    x, y, *rest = on_gpu(op.inputs(Problem(5, 9, 7, 11, 37, torch.float32, "none")))
    with torch.autocast("cuda", dtype=dtype):
        outputs = op.function(x, y, *rest)
    for output, wanted in zip(outputs, op.function(x.to(dtype), y.to(dtype), *rest), strict=True):
        assert output.dtype == torch.float32
        assert torch.equal(output, wanted)


@each_kernel
def test_a_cuda_graph_replays_it_on_new_values(op):
    draw = lambda seed: on_gpu(  # noqa: E731
        op.inputs(Problem(20, 10, 30, 10, 64, torch.bfloat16, "none", seed=seed))
    )

    def step(inputs):
        outputs = op.function(*inputs)
        total = sum(output.sum() for output in outputs)
        return *outputs, *torch.autograd.grad(total, inputs[: op.differentiable])

    inputs, fresh = with_grad(op, draw(0)), with_grad(op, draw(1))
    before = torch.cuda.Stream()
    with torch.cuda.stream(before):
        step(inputs)  # compiles, and chooses configurations, before the capture
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = step(inputs)
    with torch.no_grad():
        for tensor, value in zip(inputs, fresh, strict=True):
            if tensor is not None:
                tensor.copy_(value)
    graph.replay()
    for result, wanted in zip(results, step(fresh), strict=True):
        assert torch.equal(result, wanted)


@each_op
def test_runs_twice_to_the_same_bits(op, monkeypatch):
    monkeypatch.setenv("ALIGNOPS_AUTOTUNE", "0")
    inputs = op.inputs(Problem(90, 6, 70, 6, 130, torch.bfloat16, "random"))
    first, second = (on_device(op.function, op, inputs) for _ in range(2))
    for results, expected in zip(first, second, strict=True):
        assert all(torch.equal(r, e) for r, e in zip(results, expected, strict=True))


@each_kernel
def test_peak_memory_stays_far_below_the_similarities(op):
    inputs = with_grad(
        op, on_gpu(op.inputs(Problem(512, 16, 512, 16, 8, torch.float32, mask="none")))
    )
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    sum(output.sum() for output in op.function(*inputs)).backward()
    assert torch.cuda.max_memory_allocated() - before < 64 * 2**20 * 4 / 8


@each_op
def test_a_step_waits_for_the_device_nowhere(op, monkeypatch):
    monkeypatch.setenv("ALIGNOPS_AUTOTUNE", "0")
    inputs = with_grad(op, on_gpu(op.inputs(Problem(9, 6, 7, 6, 16, torch.float16, "random"))))
    sum(output.sum() for output in op.function(*inputs)).backward()  # compiles
    torch.cuda.set_sync_debug_mode("error")  # raises if the host synchronises
    try:
        sum(output.sum() for output in op.function(*inputs)).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")

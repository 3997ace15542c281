"""The ops in torch: opcheck, compile, autocast, jagged input, meta tensors, threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from op_testing import (
    COMPONENT_OPS,
    EXACT_POWERSET,
    FGM,
    LOGSUMEXP,
    OPS,
    SCAN,
    Problem,
    evaluate,
    with_grad,
)
from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import Dim

import alignops

each_op = pytest.mark.parametrize("op", OPS, ids=str)
each_component_op = pytest.mark.parametrize("op", COMPONENT_OPS, ids=str)

SAMPLES = [
    Problem(dtype=torch.float64, mask="random"),
    Problem(dtype=torch.float32, mask="none", layout="transposed"),
    Problem(dtype=torch.bfloat16, mask="some samples", layout="strided"),
    Problem(dtype=torch.float16, mask="none", layout="expanded"),
    Problem(batch=0, mask="none"),
]


def assert_same(results, expected):
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == wanted.dtype
        assert torch.equal(result, wanted)


@each_op
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.layout + sample.mask)
@pytest.mark.parametrize("grad", [False, True])
def test_opcheck(op, sample, grad):
    inputs = op.inputs(sample)
    inputs = with_grad(op, inputs) if grad else inputs
    torch.library.opcheck(op.overload, op.raw(*inputs))


@each_op
def test_compiles_whole_and_not_again_for_other_sizes(op):
    backend = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(op.function, fullgraph=True, dynamic=True, backend=backend)
    compilations = []
    # All sizes differ: the compiler treats equal ones as one variable.
    for size in (3, 4, 6):
        inputs = op.inputs(Problem(size, 9, size + 7, 8, 2 * size + 14, torch.float32))
        for results, expected in zip(
            evaluate(compiled, op, inputs), evaluate(op.function, op, inputs), strict=True
        ):
            assert_same(results, expected)
        compilations.append(backend.frame_count)
    assert compilations[0] == compilations[-1]


FLOATS = {
    "scale": lambda scale: alignops.similarity_logsumexp(X[:, 0], Y[:, 0], scale),
    "logit_scale": lambda scale: (
        alignops.multi_positive_contrastive_loss(X[:, 0], Y[:, 0], OF, logit_scale=scale),
    ),
    "tau": lambda tau: alignops.powerset_similarity(X, Y, tau=tau),
}
X, Y, OF = torch.randn(3, 4, 7), torch.randn(2, 5, 7), torch.tensor([0, 2])


@pytest.mark.parametrize("name", FLOATS)
def test_one_graph_serves_all_values_of_a_changing_float(name):
    backend, function = CompileCounterWithBackend("aot_eager"), FLOATS[name]
    compiled = torch.compile(function, fullgraph=True, backend=backend)
    for value in (0.5, 0.25, 2.0, 3.0, 0.7):
        assert_same(compiled(value), function(value))
    # One graph for the first value, treated as a constant, and one for all others.
    assert backend.frame_count <= 2


@pytest.mark.slow
@pytest.mark.parametrize("op", [FGM, LOGSUMEXP], ids=str)
def test_compiles_with_inductor(op):
    inputs = op.inputs(Problem(dtype=torch.float32))
    compiled = torch.compile(op.function, fullgraph=True)
    for results, expected in zip(
        evaluate(compiled, op, inputs), evaluate(op.function, op, inputs), strict=True
    ):
        for result, wanted in zip(results, expected, strict=True):
            torch.testing.assert_close(result, wanted)


@each_op
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_follows_the_users_type(op, dtype):
    inputs = op.inputs(Problem(dtype=torch.float32))
    x, y, *rest = inputs
    with torch.autocast("cpu", dtype=dtype):
        results, gradients = evaluate(op.function, op, inputs)
    expected, of_cast = evaluate(op.function, op, (x.to(dtype), y.to(dtype), *rest))
    assert all(result.dtype == torch.float32 for result in results)
    assert_same(results, expected)
    assert_same(gradients, [g.float() for g in of_cast])


@each_op
def test_autocast_leaves_float64_alone(op):
    inputs = op.inputs(Problem(dtype=torch.float64))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        results = op.function(*inputs)
    assert_same(results, op.function(*inputs))


@each_component_op
def test_jagged_input_equals_padded_input_with_a_mask(op):
    lengths = torch.tensor([3, 1, 4])
    x, y, _, _ = op.inputs(Problem(batch=3, n=4, mask="none"))
    x_mask = torch.arange(4) < lengths[:, None]
    jagged = torch.nested.nested_tensor(
        [row[:length] for row, length in zip(x, lengths, strict=True)], layout=torch.jagged
    ).requires_grad_()
    x, y = x.requires_grad_(), y.requires_grad_()

    outputs = op.function(jagged, y, None, None)
    expected = op.function(x, y, x_mask, None)
    assert_same(outputs, expected)
    sum(o.square().sum() for o in outputs).backward()
    jagged_y_grad, y.grad = y.grad, None
    sum(o.square().sum() for o in expected).backward()
    assert_same([jagged.grad.values(), jagged_y_grad], [x.grad[x_mask], y.grad])
    # And on the other side.
    assert_same(
        op.function(y.detach(), jagged.detach(), None, None),
        op.function(y.detach(), x.detach(), None, x_mask),
    )


@each_component_op
def test_jagged_input_with_holes_is_read_without_them(op):
    x, y, _, _ = op.inputs(Problem(batch=3, n=4, mask="none"))
    start, length = torch.tensor([1, 0, 2]), torch.tensor([3, 1, 2])
    holes = torch.nested.narrow(x, 1, start, length, layout=torch.jagged)
    place = torch.arange(4)
    x_mask = (place >= start[:, None]) & (place < (start + length)[:, None])
    for result, wanted in zip(
        op.function(holes, y, None, None), op.function(x, y, x_mask, None), strict=True
    ):
        torch.testing.assert_close(result, wanted)


@each_op
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gives_the_same_without_autograd(op, mode):
    inputs = with_grad(op, op.inputs(Problem()))
    with mode():
        results = op.function(*inputs)
    assert not any(result.requires_grad for result in results)
    assert_same(results, [result.detach() for result in op.function(*inputs)])


@each_op
@pytest.mark.parametrize(
    "problem",
    [
        Problem(1, 6, 1, 6, 2048, dtype=torch.float32),
        Problem(90, 6, 70, 6, 19, dtype=torch.float32, mask="some samples"),
        Problem(90, 6, 70, 6, 512, dtype=torch.float32, mask="none"),
        Problem(90, 6, 70, 6, 19, dtype=torch.bfloat16, mask="none"),
    ],
    ids=["one tile", "many tiles", "long embeddings", "16-bit"],
)
def test_the_number_of_threads_changes_no_bit(op, problem):
    inputs, threads = op.inputs(problem), torch.get_num_threads()
    try:
        runs = []
        for count in (1, 2, 3, 5):
            torch.set_num_threads(count)
            outputs, gradients = evaluate(op.function, op, inputs)
            runs.append(outputs + gradients)
    finally:
        torch.set_num_threads(threads)
    for run in runs[1:]:
        assert_same(run, runs[0])


@each_op
def test_eight_threads_under_a_changing_number_of_torchs_get_the_same(op):
    inputs = op.inputs(Problem(40, 6, 30, 6, 19, dtype=torch.float32))
    before, done = torch.get_num_threads(), threading.Event()

    def results(_=None):
        outputs, gradients = evaluate(op.function, op, inputs)
        return outputs + gradients

    def change():
        while not done.is_set():
            for count in (1, 2, 3, 5):
                torch.set_num_threads(count)

    expected = results()
    changing = threading.Thread(target=change)
    changing.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            runs = list(pool.map(results, range(8 * 4)))
    finally:
        done.set()
        changing.join()
        torch.set_num_threads(before)
    for run in runs:
        assert_same(run, expected)


@pytest.mark.parametrize("op", [*OPS, SCAN], ids=str)
def test_an_export_takes_any_sizes(op):
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def forward(self, first, *others):
            return op.function(first * self.weight, *others)

    def drawn(sizes):
        return op.inputs(Problem(*sizes, torch.float32, mask="none"))

    example = drawn((3, 4, 7, 5, 6))
    free = tuple(None if t is None else dict.fromkeys(range(t.dim()), Dim.AUTO) for t in example)
    free = (free[0], free[1:])  # forward(first, *others)
    program = torch.export.export(Model(), example, dynamic_shapes=free)
    count = 12 if op is EXACT_POWERSET else 300
    inputs = drawn((3, count, 2, 310, 6))
    assert_same(program.module()(*inputs), op.function(*inputs))


@each_op
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_fake_and_meta_tensors_have_the_real_shapes(op, dtype):
    inputs = op.inputs(Problem(dtype=dtype))
    real = [(o.shape, o.dtype) for o in op.function(*inputs)]
    meta = op.function(*(t if t is None else t.to("meta") for t in inputs))
    assert [(o.shape, o.dtype) for o in meta] == real
    with FakeTensorMode() as mode:
        fake = op.function(*(t if t is None else mode.from_tensor(t) for t in inputs))
    assert [(o.shape, o.dtype) for o in fake] == real


@each_op
@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_what_a_mask_rules_out_never_shows(op, poison):
    if "contrastive" in op.name:
        pytest.skip("it masks positives, not embeddings")
    clean = op.inputs(Problem(90, 4, 80, 5, 6, dtype=torch.float32, mask="random"))
    *tensors, x_mask, y_mask = clean
    fill = lambda t, mask, value: t.masked_fill(~mask.unsqueeze(-1), value)  # noqa: E731
    runs = [
        evaluate(
            op.function,
            op,
            (fill(tensors[0], x_mask, value), fill(tensors[1], y_mask, value), *clean[2:]),
        )
        for value in (0, poison)
    ]
    for results, expected in zip(*runs, strict=True):
        assert_same(results, expected)
    gradients = runs[1][1]
    assert gradients[0][~x_mask].count_nonzero() == gradients[1][~y_mask].count_nonzero() == 0


@each_component_op
@pytest.mark.parametrize("mask", ["some samples", "nothing valid"])
def test_a_pair_without_components_scores_0_with_zero_gradient(op, mask):
    inputs = op.inputs(Problem(5, 3, 4, 3, mask=mask, seed=2))
    empty = ~(inputs[2].any(1)[:, None] & inputs[3].any(1))
    assert empty.any()
    leaves = with_grad(op, inputs)
    outputs = op.function(*leaves)
    assert all(output[empty].count_nonzero() == 0 for output in outputs)
    gradients = torch.autograd.grad(sum(output[empty].sum() for output in outputs), leaves[:2])
    assert all(gradient.count_nonzero() == 0 for gradient in gradients)

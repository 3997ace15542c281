import pytest
import torch
from child_process import run_python
from op_testing import COMPONENT_OPS, LOGSUMEXP, Problem, evaluate

import alignops
from alignops.ops import backend, registration

KERNELS = (
    "fgm_similarity",
    "powerset_similarity",
    "similarity_logsumexp",
    "multi_positive_contrastive_loss",
)
each_kernel = pytest.mark.parametrize(
    "name", [n + p for n in KERNELS for p in ("", "_backward")] + ["scan_similarity"]
)


@pytest.mark.parametrize("op", [*COMPONENT_OPS, LOGSUMEXP], ids=str)
def test_the_reference_backend_computes_by_definition(op):
    inputs = op.inputs(Problem(4, 9, 5, 8, 33, torch.float32, mask="none"))
    by_definition = evaluate(op.reference, op, inputs)
    with backend("reference"):
        forced = evaluate(op.function, op, inputs)
    for results, expected in zip(forced, by_definition, strict=True):
        assert [r.dtype for r in results] == [e.dtype for e in expected]
    assert all(torch.equal(r, e) for r, e in zip(forced[0], by_definition[0], strict=True))
    for gradient, expected in zip(forced[1], by_definition[1], strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not alignops.build_info()["loaded"], reason="needs the compiled kernels")
def test_the_reference_backend_replaces_the_compiled_kernel_and_no_longer_than_asked(monkeypatch):
    calls = []
    op = torch.ops.alignops.fgm_similarity.default
    count = lambda *args, **kwargs: calls.append(1) or reference(*args, **kwargs)  # noqa: E731
    reference = registration._references[op]
    monkeypatch.setitem(registration._references, op, count)
    x = torch.randn(2, 3, 4)
    with backend("reference"):
        alignops.fgm_similarity(x, x)
    assert len(calls) == 1
    alignops.fgm_similarity(x, x)
    assert len(calls) == 1


def test_an_unknown_backend_is_refused():
    with (
        pytest.raises(ValueError, match="name is 'cpu'; expected one of 'reference'"),
        backend("cpu"),
    ):
        pass


@each_kernel
def test_a_kernel_is_registered_for_cuda(name):
    assert torch._C._dispatch_has_kernel_for_dispatch_key(f"alignops::{name}", "CUDA")


def test_cuda_without_triton_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setattr(registration, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs Triton, which is not installed; .*reference"):
        registration._on_cuda("fgm", "fgm_similarity")(torch.ones(1, 1, 1), torch.ones(1, 1, 1))


def test_float64_on_cuda_takes_the_reference(monkeypatch):
    monkeypatch.setattr(registration, "find_spec", lambda name: None)
    x = torch.ones(1, 2, 3, dtype=torch.float64)
    assert registration._on_cuda("fgm", "fgm_similarity")(x, x)[0].item() == 3


def test_importing_the_package_loads_no_triton():
    code = "import sys, alignops; sys.exit('alignops.kernels' in sys.modules)"
    child = run_python("-c", code)
    assert child.returncode == 0, child.stderr

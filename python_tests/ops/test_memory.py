"""No op ever stores the similarities, neither as a tensor nor in a kernel's scratch memory."""

import json
import re
import sys
from pathlib import Path

import pytest
import torch
from child_process import run_python
from op_testing import OPS, Op, Problem, with_grad
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import alignops

# (batch, n, other, m, dim): 256 MiB of float32 similarities; few regions where 2^n is walked.
SIZES = {"exact_powerset_similarity": (1024, 2, 512, 64, 8)}
USUAL_SIZES = (512, 16, 512, 16, 8)
SIMILARITIES = 64 * 2**20
SLACK = 4 * 2**20

needs_kernels = pytest.mark.skipif(
    not alignops.build_info()["loaded"], reason="the reference does build them"
)


def large_inputs(op: Op):
    sizes = SIZES.get(op.name, USUAL_SIZES)
    return with_grad(op, op.inputs(Problem(*sizes, torch.float32, mask="none")))


class LargestTensor(TorchDispatchMode):
    """Records the size of the largest tensor that any operation returns."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **kwargs or {})
        sizes = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.elements = max(self.elements, *sizes, 0)
        return result


@needs_kernels
@pytest.mark.parametrize("op", OPS, ids=str)
def test_no_tensor_comes_near_the_similarities(op):
    inputs = large_inputs(op)
    with LargestTensor() as largest:
        sum(output.sum() for output in op.function(*inputs)).backward()
    # FGM keeps one winner per pair and component: 1/16 of the number of similarities.
    assert 0 < largest.elements <= SIMILARITIES / 16


@needs_kernels
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's peak memory")
def test_the_process_comes_nowhere_near_the_size_of_the_similarities():
    child = run_python(__file__)
    assert child.returncode == 0, child.stderr
    peaks = json.loads(child.stdout)
    limits = {op.name: SIMILARITIES * 4 // 8 for op in OPS} | {
        # A tile of one sample's similarities with another's, and both samples normalised.
        "scan of 5,000 components": 4 * (5000**2 + 2 * 5000 * 64) + SLACK,
        # A sample's rows in whole vectors, twice; 32 bytes for each component; the gradients.
        "backward of fgm of 200,000 components": 200_000 * (2 * 64 + 32 + 2 * 4) + SLACK,
    }
    assert set(peaks) == set(limits)
    assert {name: peak for name, peak in peaks.items() if peak > limits[name]} == {}


def peak_of(call) -> int:
    """Peak growth of the process in bytes while `call` runs."""

    def memory(field: str) -> int:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(re.search(rf"{field}:\s+(\d+)", status)[1])

    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    call()
    return memory("VmHWM") - before


def large_samples():
    """Yield (name, call) of ops on one pair of samples with thousands of components."""
    x, y = torch.randn(2, 1, 5000, 64)
    yield "scan of 5,000 components", lambda: alignops.scan_similarity(x, y)
    count = 200_000
    winners = torch.randint(count, (2, 1, 1, count), dtype=torch.int32)
    x, y, grad = *torch.randn(2, 1, count, 1), torch.ones(1, 1)
    yield (
        f"backward of fgm of {count:,} components",
        lambda: torch.ops.alignops.fgm_similarity_backward(grad, grad, x, y, None, None, *winners),
    )


if __name__ == "__main__":
    peaks = {}
    for op in OPS:
        small = with_grad(op, op.inputs(Problem(dtype=torch.float32)))
        sum(output.sum() for output in op.function(*small)).backward()
        inputs = large_inputs(op)
        peaks[op.name] = peak_of(
            lambda op=op, inputs=inputs: sum(o.sum() for o in op.function(*inputs)).backward()
        )
    torch.set_num_threads(1)
    peaks |= {name: peak_of(call) for name, call in large_samples()}
    json.dump(peaks, sys.stdout)

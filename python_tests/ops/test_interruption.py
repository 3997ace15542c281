"""Ctrl-C ends a long call in Python's main thread; other handlers run during the call."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from child_process import child_environment

import alignops

needs_kernels = pytest.mark.skipif(
    not alignops.build_info()["loaded"], reason="the reference ends between operations of torch"
)

# Each takes several seconds or more.
LONG_CALLS = {
    "exact powerset": """
inputs = draw(512, 20, 256, 10, 8)
call = lambda: alignops.exact_powerset_similarity(*inputs)
""",
    "backward of exact powerset": """
x, y = (t.requires_grad_() for t in draw(128, 20, 128, 10, 8))
call = alignops.exact_powerset_similarity(x, y).r2t.sum().backward
""",
    "fgm": """
inputs = draw(1024, 64, 1024, 64, 512)
call = lambda: alignops.fgm_similarity(*inputs)
""",
    "backward of fgm": """
x, y = draw(3000, 8, 3000, 8, 2048)
x_argmax = y_argmax = torch.zeros(3000, 3000, 8, dtype=torch.uint8)
grad = torch.ones(3000, 3000)
call = lambda: torch.ops.alignops.fgm_similarity_backward(
    grad, grad, x, y, None, None, x_argmax, y_argmax
)
""",
    "powerset": """
inputs = draw(1024, 64, 1024, 64, 256)
call = lambda: alignops.powerset_similarity(*inputs)
""",
    "scan": """
inputs = draw(1024, 64, 1024, 64, 512)
call = lambda: alignops.scan_similarity(*inputs)
""",
    "logsumexp": """
inputs = draw(100_000, 100_000, 256)
call = lambda: alignops.similarity_logsumexp(*inputs, 1.0)
""",
}
INTERRUPTED = """
import resource
from pathlib import Path
import alignops, torch
def draw(*sizes):
    *both, dim = sizes
    half = len(both) // 2
    return torch.randn(*both[:half], dim), torch.randn(*both[half:], dim)
torch.set_num_threads(2)
{setup}
resident = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
before = resident()
print("calling", flush=True)
try:
    call()
except KeyboardInterrupt:
    # The threads are as good as before.
    result = alignops.fgm_similarity(torch.eye(2)[None], torch.eye(2)[None])
    print("interrupted", result.x_to_y.item(), resident() < before + 2**25, flush=True)
"""


@needs_kernels
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's resident memory")
@pytest.mark.parametrize("name", LONG_CALLS)
def test_ctrl_c_ends_a_long_call(name):
    script = INTERRUPTED.format(setup=LONG_CALLS[name])
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        env=child_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout.readline() == "calling\n"
        time.sleep(1)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        start = time.monotonic()
        line = child.stdout.readline()
        waited = time.monotonic() - start
        child.communicate(timeout=60)
    finally:
        child.kill()
    assert line == "interrupted 1.0 True\n"
    assert waited < 3


@needs_kernels
def test_a_handler_that_raises_nothing_runs_while_the_call_goes_on():
    inputs = torch.randn(128, 20, 3), torch.randn(16, 10, 3)
    expected = alignops.exact_powerset_similarity(*inputs)
    times = []
    before = signal.signal(signal.SIGALRM, lambda *_: times.append(time.monotonic()))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        result = alignops.exact_powerset_similarity(*inputs)
        end = time.monotonic()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert sum(at < end for at in times) >= 1
    assert all(map(torch.equal, result, expected))

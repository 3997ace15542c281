"""Comparisons on a CUDA device, as far as a machine without one can test them."""

import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import alignops
from benchmarks import baselines, measure, peers
from benchmarks.conftest import ROOT
from benchmarks.sizes import ComponentSize, TextSize

COMPONENTS, TEXTS = ComponentSize("small", 4, 3, 5, 8), TextSize("small", 4, 9, 8)
OF_COMPONENTS = [
    "fgm_similarity",
    "powerset_similarity",
    "exact_powerset_similarity",
    "scan_similarity",
]
GPU_PEERS = ["flash_maxsim", "late_interaction_kernels"]


def on_fake_gpu(run, size):
    """Devices of the results for inputs that claim to be on a GPU; no other may be mixed in."""
    with FakeTensorMode():
        with torch.device("cuda"):
            inputs = size.inputs(torch.float32)
        results = run(*inputs)
    return {r.device.type for r in ([results] if isinstance(results, torch.Tensor) else results)}


@pytest.mark.parametrize("name", OF_COMPONENTS)
@pytest.mark.parametrize("module", [alignops, baselines])
def test_ops_on_components_stay_on_their_device(module, name):
    assert on_fake_gpu(getattr(module, name), COMPONENTS) == {"cuda"}


@pytest.mark.parametrize(
    "loss",
    [
        alignops.multi_positive_contrastive_loss,
        baselines.multi_positive_contrastive_loss,
        peers.open_clip_loss,
    ],
)
def test_contrastive_losses_stay_on_their_device(loss):
    size = TextSize("small", 4, 1, 8)
    assert on_fake_gpu(partial(loss, logit_scale=1.0), size) == {"cuda"}


@pytest.mark.parametrize("module", [alignops, baselines])
def test_logsumexp_stays_on_its_device(module):
    def run(image, text, *labels):
        return module.similarity_logsumexp(image, text, 1.0)

    assert on_fake_gpu(run, TEXTS) == {"cuda"}


def test_memory_on_a_gpu_is_what_the_allocator_saw_above_the_results(monkeypatch):
    held = {"now": 100, "peak": 900}
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: held.update(peak=0))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: held["now"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: held["peak"])

    def call():
        held["peak"] = 100 + 64 + 32
        return (torch.zeros(8),)

    assert measure.peak_memory(call, "cuda") == 64


def test_a_call_on_a_gpu_ends_when_the_device_is_done(monkeypatch):
    happened = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: happened.append("done"))

    def call():
        happened.append("called")
        return ()

    assert measure.finished(call, "cuda")() == ()
    assert happened == ["called", "done"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device")
def test_a_missing_device_is_a_sentence():
    command = [sys.executable, "-m", "pytest", "benchmarks", "--device", "cuda", "-q"]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert child.returncode == pytest.ExitCode.USAGE_ERROR
    assert child.stderr.strip() == (
        "ERROR: --device cuda: torch finds no CUDA device; expected one"
    )


# The peers' autotuning would need a device: take their first configuration.
IN_INTERPRETER = """
import torch
from triton.runtime.autotuner import Autotuner
import alignops
from benchmarks import peers
from benchmarks.sizes import ComponentSize

Autotuner._bench = lambda *args, **kwargs: [0.0, 0.0, 0.0]
torch.manual_seed(0)
x, y = ComponentSize("small", 3, 5, 7, 32).inputs(torch.float16)
expected = alignops.fgm_similarity(x, y)
for enabled in {modes}:
    with torch.set_grad_enabled(enabled):
        results = peers.{peer}(x, y)
    for result, wanted in zip(results, expected, strict=True):
        torch.testing.assert_close(result, wanted, atol=1e-6, rtol=0)
"""


@pytest.mark.parametrize("peer", GPU_PEERS)
def test_peers_for_gpus_agree_in_the_interpreter(peer):
    if not find_spec(peer):
        pytest.skip(f"needs {peer}")
    code = IN_INTERPRETER.format(peer=peer, modes=(False, True))
    child = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr

"""The table of resources records the users' launches, and runs none."""

import pytest
import torch

pytest.importorskip("triton")

from alignops.kernels import logsumexp
from alignops.kernels.launch import Launch
from tools import kernel_resources


def test_what_is_recorded_is_not_started():
    start = Launch.start
    x = torch.empty(600, 64, device="meta")  # no memory: a kernel that started would fail
    with kernel_resources.recording() as launches:
        logsumexp.similarity_logsumexp(x, x, torch.empty((), device="meta"))
    names = [kernel_resources.name(launch) for launch in launches]
    assert names == ["logsumexp_forward", "logsumexp_combine", "logsumexp_combine"]
    assert Launch.start is start


def test_programs_at_a_time_are_bounded_by_the_scarcest_resource():
    a100 = kernel_resources.GPUS[0]
    used = {"spilled": 0, "tensor_instructions": 0, "threads": 256}
    by_registers = kernel_resources.Resources(registers=128, shared=16 * 1024, **used)
    by_shared = kernel_resources.Resources(registers=32, shared=100 * 1024, **used)
    by_threads = kernel_resources.Resources(registers=32, shared=1024, **used)
    assert by_registers.per_multiprocessor(a100) == 65536 // (128 * 256)
    assert by_shared.per_multiprocessor(a100) == 1
    assert by_threads.per_multiprocessor(a100) == 2048 // 256

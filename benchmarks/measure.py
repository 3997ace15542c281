"""Time of calls that take turns, and the memory that one call needs."""

import ctypes
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

Call: TypeAlias = Callable[[], tuple[Tensor, ...]]

SECONDS = 2.0
ROUNDS = range(3, 101)
# What a competitor may take of a CPU's memory, in bytes, and its share of that of a GPU.
CPU_MEMORY, GPU_SHARE = 8e9, 0.8

_PROCESS = Path("/proc/self")
# "5" makes the kernel forget the process's highest resident size (man 5 proc).
_FORGET_PEAK = "5"


def seconds_in_turns(benchmark: Any, first: Call, others: Mapping[str, Call]) -> dict[str, float]:
    """Median seconds of the other calls by name, while pytest-benchmark times the first.

    Every round runs all of them once, so that a disturbance of the machine meets them alike. Rounds
    fill about `SECONDS`, within the bounds of `ROUNDS`. The caller has warmed up every call.
    """
    samples: dict[str, list[float]] = {name: [] for name in others}

    def run_others() -> None:
        for name, call in others.items():
            samples[name].append(seconds_of(call))

    estimate = sum(map(seconds_of, [first, *others.values()]))
    rounds = min(max(int(SECONDS / estimate), ROUNDS[0]), ROUNDS[-1])
    benchmark.pedantic(first, setup=run_others, rounds=rounds)
    return {name: statistics.median(values) for name, values in samples.items()}


def seconds_of(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def finished(call: Call, device: str) -> Call:
    """The call, which comes back when the device is done."""
    if device == "cpu":
        return call

    def call_and_wait() -> tuple[Tensor, ...]:
        returned = call()
        torch.cuda.synchronize()
        return returned

    return call_and_wait


def memory_limit(device: str) -> float:
    """Bytes that a competitor may need; one that needs more is not run."""
    if device == "cpu":
        return CPU_MEMORY
    return GPU_SHARE * torch.cuda.mem_get_info()[1]


def peak_memory(call: Call, device: str) -> int | None:
    """Bytes that a call holds at its peak, above its inputs and outputs; None where unknown."""
    return _peak_resident(call) if device == "cpu" else _peak_allocated(call)


def _peak_allocated(call: Call) -> int:
    """By the account of torch's allocator of CUDA memory."""
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    returned = call()
    return torch.cuda.max_memory_allocated() - before - sum(tensor.nbytes for tensor in returned)


def _peak_resident(call: Call) -> int | None:
    """By the account of the operating system; None outside Linux.

    The highest resident size during the call, less the resident size before and the tensors that
    came back. Freed memory is handed back first, or the call would reuse it unseen.
    """
    if not (_PROCESS / "clear_refs").exists():
        return None
    ctypes.CDLL(None).malloc_trim(0)
    (_PROCESS / "clear_refs").write_text(_FORGET_PEAK)
    before = _resident("VmRSS")
    returned = call()
    return max(_resident("VmHWM") - before - sum(tensor.nbytes for tensor in returned), 0)


def _resident(field: str) -> int:
    lines = (_PROCESS / "status").read_text().splitlines()
    (value,) = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(value) * 1024

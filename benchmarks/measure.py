"""Time of calls that take turns, and peak memory of a call."""

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
# Memory limit of a competitor: bytes on a CPU, share of the memory on a GPU.
CPU_MEMORY, GPU_SHARE = 8e9, 0.8

_PROCESS = Path("/proc/self")
# "5" resets the process's peak resident size (man 5 proc).
_FORGET_PEAK = "5"


def seconds_in_turns(benchmark: Any, first: Call, others: Mapping[str, Call]) -> dict[str, float]:
    """Median seconds of the other calls by name, while pytest-benchmark times the first.

    Each round runs every call once, so that disturbances of the machine affect all alike. Rounds
    fill about `SECONDS`, within the bounds `ROUNDS`. The caller warms up every call.
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
    """The call, followed by a synchronisation with the device."""
    if device == "cpu":
        return call

    def call_and_wait() -> tuple[Tensor, ...]:
        returned = call()
        torch.cuda.synchronize()
        return returned

    return call_and_wait


def memory_limit(device: str) -> float:
    """Memory limit of a competitor in bytes; one that needs more is skipped."""
    if device == "cpu":
        return CPU_MEMORY
    return GPU_SHARE * torch.cuda.mem_get_info()[1]


def peak_memory(call: Call, device: str) -> int | None:
    """Peak memory of a call in bytes, above its inputs and outputs; None if unknown."""
    return _peak_resident(call) if device == "cpu" else _peak_allocated(call)


def _peak_allocated(call: Call) -> int:
    """Peak memory according to torch's CUDA allocator."""
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    returned = call()
    return torch.cuda.max_memory_allocated() - before - sum(tensor.nbytes for tensor in returned)


def _peak_resident(call: Call) -> int | None:
    """Peak memory according to the operating system; None outside Linux.

    The peak resident size during the call, minus the resident size before and the results. Freed
    memory is first returned to the system; otherwise the call would reuse it unnoticed.
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

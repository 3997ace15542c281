"""One row of a benchmark: time and memory of an op and its competitors on the same inputs."""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, TypeAlias

import pytest
import torch
from torch import Tensor

from benchmarks.measure import Call, finished, memory_limit, peak_memory, seconds_in_turns
from benchmarks.sizes import Size

Function: TypeAlias = Callable[..., Tensor | tuple[Tensor, ...]]

OURS, EAGER, COMPILED, GEMM = "alignops", "eager", "torch.compile", "torch.mm"
# Batch size for checking competitors, and the only one under --benchmark-disable.
MINIATURE = 4

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_PASSES = {"forward": False, "forward + backward": True}


@dataclass(frozen=True)
class Peer:
    """A function that needs another package, which may not be installed."""

    package: str
    run: Function


@dataclass(frozen=True)
class Problem:
    """The computation of a row, the same for every competitor."""

    size: Size
    dtype: torch.dtype
    backward: bool
    device: str

    def with_batch(self, batch: int) -> "Problem":
        return replace(self, size=self.size.with_batch(batch))

    def inputs(self) -> tuple[Tensor, ...]:
        with torch.device(self.device):
            return self.size.inputs(self.dtype)

    def call(self, run: Function, inputs: tuple[Tensor, ...]) -> Call:
        """A call that computes results and, if `backward`, gradients of floating-point inputs.

        The gradients of the results are random and fixed.
        """

        def forward() -> tuple[Tensor, ...]:
            results = run(*inputs)
            return (results,) if isinstance(results, Tensor) else tuple(results)

        if not self.backward:
            return finished(torch.no_grad()(forward), self.device)

        leaves = [tensor.requires_grad_() for tensor in inputs if tensor.is_floating_point()]
        torch.manual_seed(1)
        upstream = [torch.randn_like(result) for result in forward()]

        def forward_and_backward() -> tuple[Tensor, ...]:
            results = forward()
            return *results, *torch.autograd.grad(results, leaves, upstream)

        return finished(forward_and_backward, self.device)

    def warm_memory(self, call: Call) -> int | None:
        """Peak memory of a second call; the first may compile or set up a library."""
        call()
        return peak_memory(call, self.device)


def over(
    sizes: Sequence[Size], large: Sequence[Size] = (), passes: Sequence[str] = tuple(_PASSES)
) -> pytest.MarkDecorator:
    """Parametrise a benchmark by size, type and passes; large sizes are marked slow."""
    return pytest.mark.parametrize(
        ("size", "dtype", "passes"),
        [
            pytest.param(
                size,
                dtype,
                which,
                id=f"{size}, {dtype}, {which}",
                marks=[pytest.mark.slow] if size in large else [],
            )
            for size in (*sizes, *large)
            for dtype in _DTYPES
            for which in passes
        ],
    )


def compare(
    benchmark: Any,
    op: str,
    device: str,
    size: Size,
    dtype: str,
    passes: str,
    *,
    ours: Function,
    eager: Function,
    peers: Mapping[str, Peer | str] = MappingProxyType({}),
) -> None:
    """Time an op, its definition in eager and compiled torch, peers, and a bare matrix product.

    A peer may be a string instead, the reason for skipping it. The record goes to
    `benchmark.extra_info`: each competitor's median "seconds" and peak "memory" in bytes above
    inputs and outputs, or the reason why it was "skipped".
    """
    torch.manual_seed(0)
    problem = Problem(size, _DTYPES[dtype], _PASSES[passes], device)
    runnable = {name: _function(peer) for name, peer in peers.items()}
    _check_agreement(ours, {EAGER: eager} | runnable, problem.with_batch(MINIATURE))
    if benchmark.disabled:
        problem = problem.with_batch(MINIATURE)

    inputs = problem.inputs()
    competitors = _definitions(eager, problem, compile=benchmark.enabled) | runnable
    calls = {OURS: problem.call(ours, inputs)} | {
        name: problem.call(run, inputs) for name, run in competitors.items() if callable(run)
    }
    product = _product(inputs, device)
    if callable(product):
        calls[GEMM] = product
    else:
        competitors[GEMM] = product

    memory = {name: problem.warm_memory(call) for name, call in calls.items()}
    seconds = seconds_in_turns(benchmark, calls.pop(OURS), calls)
    if benchmark.disabled:
        return
    seconds[OURS] = benchmark.stats.stats.median
    measured = {name: {"seconds": seconds[name], "memory": memory[name]} for name in memory}
    skipped = {name: {"skipped": why} for name, why in competitors.items() if isinstance(why, str)}
    benchmark.extra_info.update(
        op=op,
        device=device,
        size=str(size),
        family=size.family,
        batch=size.batch,
        dtype=dtype,
        passes=passes,
        results=measured | skipped,
    )


def _function(peer: Peer | str) -> Function | str:
    if isinstance(peer, str):
        return peer
    return peer.run if find_spec(peer.package) else "not installed"


def _check_agreement(
    ours: Function, others: Mapping[str, Function | str], problem: Problem
) -> None:
    """Require equal results; forward, a peer may compute only the first of them.

    Compares in float32, on values that bfloat16 and float16 represent too, so that peers in those
    types lose nothing.
    """
    rounded = replace(problem, dtype=torch.bfloat16).inputs()
    inputs = tuple(t.float() if t.is_floating_point() else t for t in rounded)
    expected = problem.call(ours, inputs)()
    for name, run in others.items():
        if isinstance(run, str):
            continue
        results = problem.call(run, inputs)()
        for result, wanted in zip(results, expected, strict=problem.backward):
            # A ratio of norms is robust to cancellation in single values.
            error = ((result - wanted).norm() / wanted.norm()).item()
            assert error < 1e-3, f"{name} differs from alignops by {error:.1e} of the result's norm"


def _definitions(eager: Function, problem: Problem, *, compile: bool) -> dict[str, Function | str]:
    """The definition in eager and compiled torch, or the reason why each cannot run."""
    too_large = _too_large(eager, problem)
    if not compile:
        return {EAGER: too_large or eager}
    # Graphs of earlier sizes count towards a limit beyond which torch silently runs eager.
    torch.compiler.reset()
    gc.collect()
    compiled = torch.compile(eager, dynamic=False)
    if too_large:  # compiled, it may still fit
        return {EAGER: too_large, COMPILED: _too_large(compiled, problem) or compiled}
    return {EAGER: eager, COMPILED: compiled}


def _too_large(run: Function, problem: Problem) -> str | None:
    """The memory of a definition, extrapolated from an eighth of the batch, if above the limit."""
    batch = problem.size.batch
    part = problem.with_batch(max(batch // 8, 1))
    measured = part.warm_memory(part.call(run, part.inputs()))
    return _above_limit((measured or 0) * (batch / part.size.batch) ** 2, problem.device)


def _product(inputs: tuple[Tensor, ...], device: str) -> Call | str:
    """One matrix product of the similarities, or their memory, if above the limit."""
    rows, columns = (tensor.detach().flatten(0, -2) for tensor in inputs[:2])
    too_large = _above_limit(len(rows) * len(columns) * rows.itemsize, device)
    return too_large or finished(lambda: (torch.mm(rows, columns.T),), device)


def _above_limit(needed: float, device: str) -> str | None:
    return f"needs {needed / 1e9:.0f} GB" if needed > memory_limit(device) else None

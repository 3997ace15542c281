"""One row of a benchmark: an op and its competitors on the same inputs, in time and in memory."""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, TypeAlias

import pytest
import torch
from torch import Tensor

from benchmarks.measure import Call, peak_memory, seconds_in_turns
from benchmarks.sizes import Size

Function: TypeAlias = Callable[..., Tensor | tuple[Tensor, ...]]

OURS, EAGER, COMPILED, GEMM = "alignops", "eager", "torch.compile", "torch.mm"
MEMORY_LIMIT = 8e9
# The batch on which competitors are checked, and the only one under --benchmark-disable.
MINIATURE = 4

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_PASSES = {"forward": False, "forward + backward": True}


@dataclass(frozen=True)
class Peer:
    """A function that stands on another package, which may not be installed."""

    package: str
    run: Function


def over(
    sizes: Sequence[Size], large: Sequence[Size] = (), passes: Sequence[str] = tuple(_PASSES)
) -> pytest.MarkDecorator:
    """Repeat a benchmark for every size, type and choice of passes; large sizes are marked slow."""
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
    size: Size,
    dtype: str,
    passes: str,
    *,
    ours: Function,
    eager: Function,
    peers: Mapping[str, Peer | str] = MappingProxyType({}),
) -> None:
    """Time an op, its definition in eager and in compiled torch, peers, and a bare matrix product.

    A peer may be given as the reason for which it is not run. The record goes to
    `benchmark.extra_info`: per competitor its median "seconds" and its peak "memory" in bytes above
    inputs and outputs, or the reason for which it was "skipped".
    """
    torch.manual_seed(0)
    backward = _PASSES[passes]
    runnable = {name: _function(peer) for name, peer in peers.items()}
    _check_agreement(ours, {EAGER: eager} | runnable, size.with_batch(MINIATURE), backward)
    if benchmark.disabled:
        size = size.with_batch(MINIATURE)

    inputs = size.inputs(_DTYPES[dtype])
    definitions = _definitions(eager, size, _DTYPES[dtype], backward, compile=benchmark.enabled)
    competitors = definitions | runnable
    calls = {OURS: _call(ours, inputs, backward)} | {
        name: _call(run, inputs, backward) for name, run in competitors.items() if callable(run)
    }
    rows, columns = (tensor.detach().flatten(0, -2) for tensor in inputs[:2])
    calls[GEMM] = lambda: (torch.mm(rows, columns.T),)

    memory = {name: _warm_memory(call) for name, call in calls.items()}
    seconds = seconds_in_turns(benchmark, calls.pop(OURS), calls)
    if benchmark.disabled:
        return
    seconds[OURS] = benchmark.stats.stats.median
    measured = {name: {"seconds": seconds[name], "memory": memory[name]} for name in memory}
    skipped = {name: {"skipped": why} for name, why in competitors.items() if isinstance(why, str)}
    benchmark.extra_info.update(
        op=op,
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
    ours: Function, others: Mapping[str, Function | str], size: Size, backward: bool
) -> None:
    """Refuse what does not compute the same; forward, a peer may compute the first results only."""
    inputs = size.inputs(torch.float32)
    expected = _call(ours, inputs, backward)()
    for name, run in others.items():
        if isinstance(run, str):
            continue
        for result, wanted in zip(_call(run, inputs, backward)(), expected, strict=backward):
            # As a ratio of norms, which no cancellation in a single value upsets.
            error = ((result - wanted).norm() / wanted.norm()).item()
            assert error < 1e-3, f"{name} differs from alignops by {error:.1e} of the result's norm"


def _definitions(
    eager: Function, size: Size, dtype: torch.dtype, backward: bool, *, compile: bool
) -> dict[str, Function | str]:
    """The definition in eager and in compiled torch, or the reasons for which they cannot run."""
    too_large = _too_large(eager, size, dtype, backward)
    if not compile:
        return {EAGER: too_large or eager}
    # Graphs of earlier sizes count towards a limit, after which torch silently runs eager.
    torch.compiler.reset()
    gc.collect()
    compiled = torch.compile(eager, dynamic=False)
    if too_large:  # compiled, it may fit all the same
        return {
            EAGER: too_large,
            COMPILED: _too_large(compiled, size, dtype, backward) or compiled,
        }
    return {EAGER: eager, COMPILED: compiled}


def _too_large(run: Function, size: Size, dtype: torch.dtype, backward: bool) -> str | None:
    """The memory that a definition needs, if above the limit; from an eighth of the batch."""
    part = size.with_batch(max(size.batch // 8, 1))
    measured = _warm_memory(_call(run, part.inputs(dtype), backward))
    needed = (measured or 0) * (size.batch / part.batch) ** 2
    return f"needs {needed / 1e9:.0f} GB" if needed > MEMORY_LIMIT else None


def _call(run: Function, inputs: tuple[Tensor, ...], backward: bool) -> Call:
    """A call for results, and for their gradients by the floating-point inputs if `backward`.

    Gradients start from fixed random ones of the results.
    """

    def forward() -> tuple[Tensor, ...]:
        results = run(*inputs)
        return (results,) if isinstance(results, Tensor) else tuple(results)

    if not backward:
        return torch.no_grad()(forward)

    leaves = [tensor.requires_grad_() for tensor in inputs if tensor.is_floating_point()]
    torch.manual_seed(1)
    upstream = [torch.randn_like(result) for result in forward()]

    def forward_and_backward() -> tuple[Tensor, ...]:
        results = forward()
        return *results, *torch.autograd.grad(results, leaves, upstream)

    return forward_and_backward


def _warm_memory(call: Call) -> int | None:
    """Peak memory of a call that is not the first: that one may compile, or set up a library."""
    call()
    return peak_memory(call)

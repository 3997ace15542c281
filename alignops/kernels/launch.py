"""Launching of kernels: checked arguments, precision, and the choice of a configuration.

The problem fixes a kernel's tiles. A configuration fixes how a program works on its tile: the slice
of the embedding loaded at a time, warps, pipeline stages. Candidates are timed once per kernel,
types, and sizes rounded up to powers of two. ALIGNOPS_AUTOTUNE=0 and
torch.use_deterministic_algorithms(True) select the first one untimed.
"""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import triton
from torch import Tensor

AUTOTUNE_VARIABLE = "ALIGNOPS_AUTOTUNE"
# Threads per warp, Triton's unit, on NVIDIA and on AMD Instinct.
WARP = 64 if torch.version.hip else 32
_THREADS = 256

Kernel: TypeAlias = Any  # triton.JITFunction, or the interpreter's stand-in for it


@dataclass(frozen=True)
class Launch:
    """A kernel with its grid and its arguments."""

    kernel: Kernel
    programs: int
    arguments: dict[str, Any]
    configurations: Sequence[triton.Config]

    def start(self) -> None:
        """Run on the device of the tensors, in the configuration that is fastest there."""
        tensors = (value for value in self.arguments.values() if isinstance(value, Tensor))
        device = next(tensors).device
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            self.run(_configuration(self))

    def run(self, configuration: triton.Config) -> None:
        """Run on the current device in the given configuration."""
        self.kernel[(self.programs,)](**self.arguments, **configuration.all_kwargs())

    @property
    def key(self) -> tuple[Any, ...]:
        """Key of the autotuning cache."""
        return (
            self.kernel,
            *(
                value.dtype
                if isinstance(value, Tensor)
                else triton.next_power_of_2(value)
                if type(value) is int
                else value
                for value in self.arguments.values()
            ),
        )


_fastest: dict[tuple[Any, ...], triton.Config] = {}


def launch(
    kernel: Kernel,
    programs: int,
    configurations: Sequence[triton.Config],
    **arguments: Any,
) -> None:
    """Run a kernel with a grid of `programs`; its tensors are on one device."""
    if programs:
        Launch(kernel, programs, arguments, configurations).start()


def _configuration(started: Launch) -> triton.Config:
    default, *others = started.configurations
    if not others or not _may_tune():
        return default
    key = started.key
    if key not in _fastest and not torch.cuda.is_current_stream_capturing():
        _fastest[key] = min(
            started.configurations,
            key=lambda candidate: triton.testing.do_bench(lambda: started.run(candidate)),
        )
    return _fastest.get(key, default)


def _may_tune() -> bool:
    interpreted = triton.knobs.runtime.interpret
    wanted = os.environ.get(AUTOTUNE_VARIABLE, "1") != "0"
    return wanted and not interpreted and not torch.are_deterministic_algorithms_enabled()


def configurations(dtype: torch.dtype) -> list[triton.Config]:
    """Candidates for a kernel on inputs of this type; the first is the default."""
    slices = (32, 16) if dtype == torch.float32 else (64, 32)
    return [_configuration_of(3, BLOCK_D=block) for block in slices]


def pipelines() -> list[triton.Config]:
    """Candidates for a kernel whose tile leaves only the pipeline stages open."""
    return [_configuration_of(stages) for stages in (3, 2)]


def _configuration_of(stages: int, **constants: int) -> triton.Config:
    return triton.Config(constants, num_warps=_THREADS // WARP, num_stages=stages)


def precision(dtype: torch.dtype) -> str:
    """Precision of float32 products: TF32 only if the user allows it in torch."""
    allowed = torch.backends.cuda.matmul.fp32_precision == "tf32"
    return "tf32" if dtype == torch.float32 and allowed else "ieee"


def checked(tensor: Tensor, name: str, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Make a tensor contiguous; refuse one that would be read out of bounds."""
    if tensor.shape != torch.Size(shape) or tensor.dtype != dtype:
        raise RuntimeError(
            f"{name} is {tensor.dtype} {tuple(tensor.shape)}; expected {dtype} {tuple(shape)}"
        )
    return tensor.contiguous()


def checked_mask(mask: Tensor | None, name: str, shape: Sequence[int]) -> Tensor | None:
    """Turn a mask into contiguous bytes."""
    if mask is None:
        return None
    return checked(mask, name, shape, torch.bool).view(torch.uint8)


def component_inputs(
    x: Tensor, y: Tensor, x_mask: Tensor | None, y_mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Check components (Bx, N, D) and (By, M, D) and their masks."""
    return (
        checked(x, "the first components", x.shape[:3], x.dtype),
        checked(y, "the second components", (*y.shape[:2], x.shape[2]), x.dtype),
        checked_mask(x_mask, "the first mask", x.shape[:2]),
        checked_mask(y_mask, "the second mask", y.shape[:2]),
    )


def counts(components: Tensor, mask: Tensor | None) -> Tensor:
    """Number of valid components of each sample, at least 1: (B,)."""
    if mask is None:
        shape, count = components.shape[:1], max(components.shape[1], 1)
        return components.new_full(shape, count, dtype=torch.int32)
    return mask.sum(1, dtype=torch.int32).clamp(min=1)

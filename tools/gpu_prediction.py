"""Predicts the time of the Triton kernels on GPUs: a model, not a measurement.

    python -m tools.gpu_prediction

Compiling a kernel for a GPU tells how many programs the GPU holds at a time. A grid runs in waves
of that many; the last wave takes as long as a full one. In a full wave, products run at a share of
the tensor cores' peak, and rows are gathered at the same share of the L2 cache's bandwidth. Each
operand is read from memory once and each result written once, at a share of the memory bandwidth.
The longest of the three counts, plus the time of a preceding sort. Eager torch takes their sum. The
shares, and how often eager touches the tensor of similarities, are assumptions.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from triton import cdiv

from alignops.kernels import fgm_backward
from alignops.kernels.launch import Launch
from benchmarks.bench_fgm import LARGE as FGM
from benchmarks.bench_logsumexp import LARGE as LOGSUMEXP
from benchmarks.bench_powerset import LARGE as POWERSET
from benchmarks.sizes import Size
from tools import kernel_resources

OURS_OF_PEAK, EAGER_OF_PEAK, OF_BANDWIDTH = 0.4, 0.7, 0.8
# Reads and writes of the similarities, forward + backward. fgm takes two maxima, then scatters and
# adds two gradients; the others apply elementwise functions, each a read and a write, in both
# passes.
TOUCHES = {"fgm": 10, "powerset": 16, "logsumexp": 22}
# Bytes of memory traffic per sorted index: 66 for three passes over a key of 2 bytes and an index
# of 8, which read the keys twice; the rest to make the indices and convert them to 4 bytes.
SORT_TRAFFIC = 90
OPS: dict[str, tuple[Callable[[Tensor, Tensor], list[Launch]], Sequence[Size]]] = {
    "fgm": (kernel_resources.fgm_launches, FGM),
    "powerset": (kernel_resources.powerset_launches, POWERSET),
    "logsumexp": (kernel_resources.logsumexp_launches, LOGSUMEXP),
}


@dataclass(frozen=True)
class Gpu:
    """A GPU according to its data sheet."""

    name: str
    generation: kernel_resources.Gpu
    multiprocessors: int
    flops: float  # per second, dense, bfloat16
    float32_flops: float  # per second, not on tensor cores
    cache: float  # bytes per second, of the L2 cache
    bandwidth: float  # bytes per second


GPUS = (
    Gpu("A100 80GB SXM", kernel_resources.GPUS[0], 108, 312e12, 19.5e12, 5120 * 1.41e9, 2.04e12),
    Gpu("H100 SXM", kernel_resources.GPUS[1], 132, 989e12, 67e12, 5120 * 1.755e9, 3.35e12),
)


# Multiplications of a program, from its arguments, including padding and recomputation.
PRODUCTS: dict[str, Callable[[dict[str, Any]], int]] = {
    "fgm_forward": lambda a: (
        (a["SAMPLES_X"] * cdiv(a["N"], a["CHUNK_X"]) * a["CHUNK_X"])
        * (a["SAMPLES_Y"] * cdiv(a["M"], a["CHUNK_Y"]) * a["CHUNK_Y"])
        * a["D"]
    ),
    "fgm_backward_dense": lambda a: (
        a["BLOCK_X"] * cdiv(a["y_rows"], a["BLOCK_Y"]) * a["BLOCK_Y"] * a["SLICE"]
    ),
    "fgm_backward_gather": lambda a: 0,  # too few to count
    "powerset_forward": lambda a: (
        (a["IMAGES"] * cdiv(a["M"], a["CHUNK"]) * a["CHUNK"]) * a["TEXTS"] * a["K"] * a["D"]
    ),
    "powerset_backward": lambda a: (
        a["BLOCK_X"] * cdiv(a["y_rows"], a["BLOCK_Y"]) * a["BLOCK_Y"] * (a["D"] + a["SLICE"])
    ),
    "logsumexp_forward": lambda a: a["BLOCK_X"] * a["BLOCK_Y"] * a["D"],
    "logsumexp_combine": lambda a: 0,
    "logsumexp_backward": lambda a: (
        a["BLOCK_X"] * cdiv(a["T"], a["BLOCK_Y"]) * a["BLOCK_Y"] * (a["D"] + a["SLICE"])
    ),
}


@dataclass(frozen=True)
class Kernel:
    """A launch on a GPU."""

    launch: Launch
    gpu: Gpu

    @property
    def flops(self) -> int:
        """FLOPs of all programs: a multiplication and an addition per product."""
        products = PRODUCTS[kernel_resources.name(self.launch)]
        return 2 * self.launch.programs * products(self.launch.arguments)

    @property
    def tensors(self) -> list[Tensor]:
        return [value for value in self.launch.arguments.values() if isinstance(value, Tensor)]

    @property
    def traffic(self) -> int:
        """Bytes of all its tensors."""
        return sum(tensor.nbytes for tensor in self.tensors)

    @cached_property
    def at_a_time(self) -> int:
        """Programs that the GPU holds."""
        used = kernel_resources.compiled(
            self.launch, self.launch.configurations[0], self.gpu.generation
        )
        return self.gpu.multiprocessors * used.per_multiprocessor(self.gpu.generation)

    @property
    def peak(self) -> float:
        """Peak FLOPs per second for the type of its operands."""
        in_16_bits = any(t.dtype in (torch.bfloat16, torch.float16) for t in self.tensors)
        return self.gpu.flops if in_16_bits else self.gpu.float32_flops

    @property
    def gathered(self) -> int:
        """Bytes of the rows gathered from the L2 cache."""
        if not self.sorted:
            return 0
        a = self.launch.arguments
        return (a["x_rows"] * a["By"] + self.sorted) * a["y"][0, 0].nbytes

    @property
    def sorted(self) -> int:
        """Number of indices sorted before the launch."""
        order = self.launch.arguments.get("order")
        return 0 if order is None else order.numel()

    @property
    def waves(self) -> int:
        return cdiv(self.launch.programs, self.at_a_time)

    def __str__(self) -> str:
        return (
            f"| {self.launch.programs} | {self.at_a_time} | {self.waves} | {self.flops:.2g} "
            f"| {self.traffic / 1e6:.1f} | {self.seconds * 1e3:.2f} |"
        )

    @property
    def seconds(self) -> float:
        filled = self.launch.programs / (self.waves * self.at_a_time)
        share, bandwidth = OURS_OF_PEAK * filled, OF_BANDWIDTH * self.gpu.bandwidth
        computing = self.flops / (share * self.peak)
        gathering = self.gathered / (share * self.gpu.cache)
        sorting = SORT_TRAFFIC * self.sorted / bandwidth
        return sorting + max(computing, gathering, self.traffic / bandwidth)


def problems() -> Iterator[tuple[str, Size, Tensor, Tensor, list[Launch]]]:
    """Yield each op and size of the papers with operands without memory and their launches."""
    for op, (launches, sizes) in OPS.items():
        for size in sizes:
            with torch.device("meta"):
                x, y, *_ = size.inputs(torch.bfloat16)
            yield op, size, x, y, launches(x, y)


def eager_seconds(op: str, x: Tensor, y: Tensor, gpu: Gpu) -> float:
    """Time of the definition: three products, and the similarities in memory."""
    similarities = x[..., 0].numel() * y[..., 0].numel()
    computing = 3 * 2 * similarities * x.shape[-1] / (EAGER_OF_PEAK * gpu.flops)
    touched = TOUCHES[op] * similarities * x.itemsize
    return computing + touched / (OF_BANDWIDTH * gpu.bandwidth)


def fgm_backward_seconds(x: Tensor, y: Tensor, gpu: Gpu, gathers: bool) -> float:
    """Time of the backward by one of its two ways, whichever would be chosen."""
    with mock.patch.object(fgm_backward, "gather_pays", return_value=gathers):
        _, *backward = kernel_resources.fgm_launches(x, y)
    return sum(Kernel(launch, gpu).seconds for launch in backward)


def print_ways_of_fgm_backward() -> None:
    """Print the times of both ways, and which is chosen."""
    ways = {"dense": False, "gather": True}
    heads = " | ".join(f"{gpu.name}: {', '.join(ways)}, ms (predicted)" for gpu in GPUS)
    print(f"\n| fgm backward | type | N M / (N + M) | chosen | {heads} |\n|{'---|' * 6}")
    for dtype, size in product((torch.bfloat16, torch.float32), FGM):
        with torch.device("meta"):
            x, y = size.inputs(dtype)
        times = (
            ", ".join(f"{fgm_backward_seconds(x, y, gpu, ways[way]) * 1e3:.1f}" for way in ways)
            for gpu in GPUS
        )
        ratio = size.n * size.m / (size.n + size.m)
        chosen = "gather" if fgm_backward.gather_pays(size.n, size.m, dtype) else "dense"
        described = f"{size} | {str(dtype).removeprefix('torch.')} | {ratio:.0f} | {chosen}"
        print(f"| {described} | {' | '.join(times)} |", flush=True)


def main() -> None:
    """Print predictions for kernels, ops, and fgm's two backward ways, in Markdown."""
    print("| kernel | size | GPU | programs | at a time | waves | FLOPs | MB | ms (predicted) |")
    print(f"|{'---|' * 9}")
    totals = []
    for op, size, x, y, launches in problems():
        times = []
        for gpu in GPUS:
            kernels = [Kernel(launch, gpu) for launch in launches]
            for kernel in kernels:
                print(
                    f"| {kernel_resources.name(kernel.launch)} | {size} | {gpu.name} {kernel}",
                    flush=True,
                )
            ours, eager = sum(kernel.seconds for kernel in kernels), eager_seconds(op, x, y, gpu)
            times.append(f"{ours * 1e3:.1f}, {eager * 1e3:.1f}")
        held = x[..., 0].numel() * y[..., 0].numel() * x.itemsize
        totals.append(f"| {op} | {size} | {held / 1e9:.1f} | {' | '.join(times)} |")

    heads = " | ".join(f"{gpu.name}: ours, eager, ms (predicted)" for gpu in GPUS)
    print(f"\n| op | size, bfloat16 | similarities, GB | {heads} |\n|{'---|' * (3 + len(GPUS))}")
    print("\n".join(totals))
    print_ways_of_fgm_backward()


if __name__ == "__main__":
    main()

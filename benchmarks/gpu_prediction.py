"""Predicts how long the Triton kernels take on GPUs: a model, not a measurement.

    python -m benchmarks.gpu_prediction

Products run at a share of the tensor cores' peak, bytes at a share of the memory's bandwidth. A
kernel of ours does both at once, and the longer one counts; eager torch does one after the other.
The shares, and how often eager touches the tensor of similarities, are assumptions.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import triton

from alignops.kernels.fgm import chunks
from benchmarks.bench_fgm import LARGE as FGM
from benchmarks.bench_logsumexp import LARGE as MOSAICLIP
from benchmarks.bench_powerset import LARGE as POWERCLIP
from benchmarks.sizes import Components

# Dense bfloat16 FLOP/s and bytes/s, from NVIDIA's data sheets of A100 80GB SXM and H100 SXM.
GPUS = {"A100": (312e12, 2.04e12), "H100": (989e12, 3.35e12)}
OURS_OF_PEAK, EAGER_OF_PEAK, OF_BANDWIDTH = 0.4, 0.7, 0.8
BYTES = 2  # bfloat16

# Reads and writes of the similarities, forward + backward: fgm takes two maxima of them, and
# scatters two gradients that it adds; the others apply elementwise functions, each of which reads
# and writes them, in both directions.
TOUCHES = {"fgm": 10, "powerset": 16, "logsumexp": 22}


@dataclass(frozen=True)
class Work:
    """Forward and backward of one op at one size, in FLOPs and bytes."""

    op: str
    size: str
    similarities: int
    dim: int
    flops: int
    traffic: int

    def ours(self, gpu: str) -> float:
        """Predicted seconds."""
        peak, bandwidth = GPUS[gpu]
        computing = self.flops / (OURS_OF_PEAK * peak)
        return max(computing, self.traffic / (OF_BANDWIDTH * bandwidth))

    def eager(self, gpu: str) -> float:
        """Predicted seconds of the definition: three products, and the similarities in memory."""
        peak, bandwidth = GPUS[gpu]
        computing = 3 * 2 * self.similarities * self.dim / (EAGER_OF_PEAK * peak)
        touched = TOUCHES[self.op] * BYTES * self.similarities
        return computing + touched / (OF_BANDWIDTH * bandwidth)


def work() -> Iterator[Work]:
    """The papers' sizes, with the padding and the recomputation of the kernels for bfloat16."""
    for size in FGM:
        chunk_x, chunk_y = chunks(size.n, size.m, 128, 64)
        pairs = size.batch**2
        padded = _up(size.n, chunk_x) * _up(size.m, chunk_y)
        forward, backward = padded, 2 * size.n * size.m
        traffic = pairs * (8 + 8 + 4 * (size.n + size.m))
        yield _work("fgm", size, pairs * (forward + backward), traffic)
    for size in POWERCLIP:
        tiles = triton.cdiv(size.dim, 256) + 1
        forward, backward = _up(size.n, 4), 2 * tiles * triton.next_power_of_2(size.n)
        pairs = size.batch**2
        yield _work("powerset", size, pairs * size.m * (forward + backward), 24 * pairs)
    for texts in MOSAICLIP:
        pairs = texts.batch**2 * texts.texts_per_image
        computed = pairs * (1 + 2 * (triton.cdiv(texts.dim, 256) + 1))
        yield Work("logsumexp", str(texts), pairs, texts.dim, 2 * computed * texts.dim, pairs // 4)


def _work(op: str, size: Components, products: int, traffic: int) -> Work:
    similarities = size.batch**2 * size.n * size.m
    return Work(op, str(size), similarities, size.dim, 2 * products * size.dim, traffic)


def _up(count: int, multiple: int) -> int:
    return triton.cdiv(count, multiple) * multiple


def main() -> None:
    """Print the predictions as a Markdown table."""
    print(
        "| op | size, bfloat16 | FLOPs | similarities, GB | "
        + " | ".join(f"{gpu}: ours, eager, ms (predicted)" for gpu in GPUS)
        + " |\n|"
        + "---|" * (4 + len(GPUS))
    )
    for row in work():
        times = (f"{row.ours(gpu) * 1e3:.1f}, {row.eager(gpu) * 1e3:.1f}" for gpu in GPUS)
        print(
            f"| {row.op} | {row.size} | {row.flops:.2g} | {row.similarities * BYTES / 1e9:.1f} | "
            f"{' | '.join(times)} |"
        )


if __name__ == "__main__":
    main()

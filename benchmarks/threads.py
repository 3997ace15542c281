"""Gain of a second thread for each op: python -m benchmarks.threads prints a table."""

import statistics
from functools import partial

import torch

import alignops
from benchmarks.comparison import Function, Problem
from benchmarks.measure import Call, seconds_of
from benchmarks.page import markdown
from benchmarks.sizes import ComponentSize, Size, TextSize

ROUNDS = 9
MOSAICLIP = TextSize("MosaiCLIP", 1024, 9, 512)
OPS: dict[str, tuple[Function, Size]] = {
    "fgm": (alignops.fgm_similarity, ComponentSize("ComAlign", 300, 10, 10, 512)),
    "powerset": (alignops.powerset_similarity, ComponentSize("PowerCLIP", 160, 10, 24, 512)),
    "exact_powerset": (
        alignops.exact_powerset_similarity,
        ComponentSize("PowerCLIP", 64, 10, 24, 512),
    ),
    "logsumexp": (lambda x, y, *labels: alignops.similarity_logsumexp(x, y, 100.0), MOSAICLIP),
    "contrastive": (
        partial(alignops.multi_positive_contrastive_loss, logit_scale=100.0),
        MOSAICLIP,
    ),
    "scan": (alignops.scan_similarity, ComponentSize("AAHR", 128, 36, 32, 1024)),
}
FORWARD_ONLY = {"scan"}


def row(op: str, backward: bool) -> list[str]:
    """Measure one row: an op in float32 on one and on two threads, taking turns."""
    run, size = OPS[op]
    problem = Problem(size, torch.float32, backward, "cpu")
    one, two = _seconds_by_threads(problem.call(run, problem.inputs()))
    passes = "forward + backward" if backward else "forward"
    return [op, str(size), passes, f"{one * 1e3:.1f}", f"{two * 1e3:.1f}", f"{one / two:.2f}"]


def _seconds_by_threads(call: Call) -> tuple[float, float]:
    one: list[float] = []
    two: list[float] = []
    call()
    for _ in range(ROUNDS):
        for threads, samples in ((1, one), (2, two)):
            torch.set_num_threads(threads)
            samples.append(seconds_of(call))
    return statistics.median(one), statistics.median(two)


def main() -> None:
    """Print the table."""
    head = ["op", "size", "passes", "1 thread, ms", "2 threads, ms", "ratio"]
    forward = [row(op, backward=False) for op in OPS]
    both = [row(op, backward=True) for op in OPS if op not in FORWARD_ONLY]
    print(markdown([head, *forward, *both]))


if __name__ == "__main__":
    main()

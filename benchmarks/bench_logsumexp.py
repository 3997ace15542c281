"""Logsumexp over rows and columns of the similarities, at the sizes of MosaiCLIP's batches."""

import alignops
from benchmarks import baselines
from benchmarks.comparison import over
from benchmarks.sizes import TextSize

SCALE = 100.0
SIZES = [
    TextSize("small", 8, 1, 64),
    TextSize("MosaiCLIP", 256, 9, 512),
    TextSize("MosaiCLIP", 1024, 9, 512),
]
LARGE = [TextSize("MosaiCLIP", 4096, 9, 512)]


@over(SIZES, LARGE)
def test_similarity_logsumexp(compare, size, dtype, passes):
    compare(
        size,
        dtype,
        passes,
        ours=lambda image, text, *labels: alignops.similarity_logsumexp(image, text, SCALE),
        eager=lambda image, text, *labels: baselines.similarity_logsumexp(image, text, SCALE),
    )

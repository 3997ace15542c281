"""Exact powerset similarity, over all subsets of 10 and of 16 regions."""

import alignops
from benchmarks import baselines
from benchmarks.comparison import over
from benchmarks.sizes import Components

SIZES = [
    Components("small", 8, 4, 4, 64),
    Components("PowerCLIP", 64, 10, 24, 512),
    Components("16 regions", 64, 16, 24, 512),
]


@over(SIZES)
def test_exact_powerset_similarity(compare, size, dtype, passes):
    compare(
        size,
        dtype,
        passes,
        ours=alignops.exact_powerset_similarity,
        eager=baselines.exact_powerset_similarity,
    )

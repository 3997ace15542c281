"""Exact powerset similarity, over all subsets of 10 and of 16 regions."""

import alignops
from benchmarks import baselines
from benchmarks.comparison import over
from benchmarks.sizes import ComponentSize

SIZES = [
    ComponentSize("small", 8, 4, 4, 64),
    ComponentSize("PowerCLIP", 64, 10, 24, 512),
    ComponentSize("16 regions", 64, 16, 24, 512),
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

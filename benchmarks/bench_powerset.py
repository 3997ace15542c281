"""Powerset similarity by non-linear aggregators, at the sizes of PowerCLIP."""

import alignops
from benchmarks import baselines
from benchmarks.comparison import over
from benchmarks.sizes import Components

SIZES = [
    Components("small", 8, 4, 4, 64),
    Components("PowerCLIP", 40, 10, 24, 512),
    Components("PowerCLIP", 160, 10, 24, 512),
]
LARGE = [Components("PowerCLIP", 1024, 10, 24, 512)]


@over(SIZES, LARGE)
def test_powerset_similarity(compare, size, dtype, passes):
    compare(
        size,
        dtype,
        passes,
        ours=alignops.powerset_similarity,
        eager=baselines.powerset_similarity,
    )

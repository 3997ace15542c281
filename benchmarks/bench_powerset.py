"""Powerset similarity by non-linear aggregators, at the sizes of PowerCLIP."""

import alignops
from benchmarks import baselines
from benchmarks.comparison import over
from benchmarks.sizes import ComponentSize

SIZES = [
    ComponentSize("small", 8, 4, 4, 64),
    ComponentSize("PowerCLIP", 40, 10, 24, 512),
    ComponentSize("PowerCLIP", 160, 10, 24, 512),
]
LARGE = [ComponentSize("PowerCLIP", 1024, 10, 24, 512)]


@over(SIZES, LARGE)
def test_powerset_similarity(compare, size, dtype, passes):
    compare(
        size,
        dtype,
        passes,
        ours=alignops.powerset_similarity,
        eager=baselines.powerset_similarity,
    )

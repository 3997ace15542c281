"""SCAN's similarity at the sizes of AAHR, forward only."""

import alignops
from benchmarks import baselines
from benchmarks.comparison import over
from benchmarks.sizes import ComponentSize

SIZES = [
    ComponentSize("small", 8, 4, 4, 64),
    ComponentSize("AAHR", 128, 36, 32, 1024),
]
LARGE = [ComponentSize("AAHR", 256, 36, 32, 1024)]


@over(SIZES, LARGE, passes=["forward"])
def test_scan_similarity(compare, size, dtype, passes):
    compare(size, dtype, passes, ours=alignops.scan_similarity, eager=baselines.scan_similarity)

"""SCAN's similarity at the sizes of AAHR, forward only."""

import alignops
from benchmarks import baselines
from benchmarks.comparison import over
from benchmarks.sizes import Components

SIZES = [
    Components("small", 8, 4, 4, 64),
    Components("AAHR", 128, 36, 32, 1024),
]
LARGE = [Components("AAHR", 256, 36, 32, 1024)]


@over(SIZES, LARGE, passes=["forward"])
def test_scan_similarity(compare, size, dtype, passes):
    compare(size, dtype, passes, ours=alignops.scan_similarity, eager=baselines.scan_similarity)

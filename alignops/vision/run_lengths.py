"""Number of pixels in COCO's compressed run lengths."""

import numpy as np


def covered_pixels(counts: bytes) -> int:
    """Add up the runs of a mask; pycocotools does not check that they fill it.

    Args:
        counts: numbers of variable length, five bits per character, lowest bits first; from the
            fourth on, each is the difference from the one two before.

    Raises:
        ValueError: they end within a number, or contain other characters.
    """
    if not counts:
        return 0
    codes = np.frombuffer(counts, dtype=np.uint8).astype(np.int64) - 48
    last = (codes & 0x20) == 0
    if codes.min() < 0 or codes.max() > 0x3F or not last[-1]:
        raise ValueError("its counts are no run lengths")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    digit = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    if digit.max() > 6:  # more than 32 bits
        raise ValueError("its counts are no run lengths")
    numbers = np.add.reduceat((codes & 0x1F) << (5 * digit), starts)
    negative = (codes[ends] & 0x10) != 0
    numbers -= negative * (1 << (5 * (digit[ends] + 1)))
    # The first run stands alone; then runs inside and outside the mask each form a cumulative sum.
    chains = np.cumsum(numbers[1::2]), np.cumsum(numbers[2::2])
    return int(numbers[0]) + sum(int(chain.sum()) for chain in chains)

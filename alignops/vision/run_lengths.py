"""COCO's compressed run lengths: how many pixels they speak of."""

import numpy as np


def covered_pixels(counts: bytes) -> int:
    """Add up the runs of a mask, as pycocotools does not: of too few it makes up the rest.

    Args:
        counts: numbers of variable length, five bits a character and the lowest first; from the
            fourth on, each is a difference from the one before the last.

    Raises:
        ValueError: they end within a number, or hold other characters.
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
    # The first is a number of its own; then the runs inside, and those outside.
    chains = np.cumsum(numbers[1::2]), np.cumsum(numbers[2::2])
    return int(numbers[0]) + sum(int(chain.sum()) for chain in chains)

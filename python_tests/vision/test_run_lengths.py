import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from alignops.vision.run_lengths import covered_pixels


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_the_runs_of_a_mask_cover_all_of_it(height, width, seed, share):
    pixels = np.random.default_rng(seed).random((height, width)) < share
    encoded = coco.encode(np.asfortranarray(pixels.astype(np.uint8)))
    assert covered_pixels(encoded["counts"]) == height * width


def test_long_runs_are_added_up():
    encoded = coco.frPyObjects(
        {"size": [40_000, 40_000], "counts": [5, 10**9, 7, 3]}, 40_000, 40_000
    )
    assert covered_pixels(encoded["counts"]) == 10**9 + 15


def test_no_runs_cover_nothing():
    assert covered_pixels(b"") == 0

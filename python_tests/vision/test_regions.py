import numpy as np
import pytest

from alignops.vision.regions import (
    cover_of_boxes,
    cover_of_masks,
    draw_regions,
    random_boxes,
    seen_square,
)

WHOLE = np.array([0, 0, 1, 1], np.float32)


def test_random_boxes_are_a_function_of_the_seed():
    boxes = random_boxes(500, np.random.default_rng(1))
    assert (boxes == random_boxes(500, np.random.default_rng(1))).all()
    assert (boxes >= 0).all()
    assert (boxes <= 1).all()
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert cover_of_boxes(boxes, WHOLE, (7, 7)).any(axis=1).all()


def test_random_boxes_have_uniform_centres_and_sizes():
    boxes = random_boxes(20_000, np.random.default_rng(0))
    inside = ((boxes > 0) & (boxes < 1)).all(axis=1)
    # A side of length s lies inside with probability 1 - s, so its mean length there is 1/3.
    sides = (boxes[:, 2:] - boxes[:, :2])[inside]
    assert inside.mean() == pytest.approx(1 / 4, abs=0.01)
    assert sides.mean() == pytest.approx(1 / 3, abs=0.01)


def test_the_square_that_a_model_sees():
    assert seen_square(100, 60).tolist() == [20, 0, 80, 60]
    assert seen_square(60, 101).tolist() == [0, 20.5, 60, 80.5]


def test_cover_is_the_share_of_each_patch():
    seen = np.array([20, 0, 80, 60], np.float32)  # patches of 30 x 20 pixels
    boxes = np.array([[20, 0, 50, 20], [35, 10, 80, 30], [0, 0, 19, 60]], np.float32)
    cover = cover_of_boxes(boxes, seen, (3, 2))
    assert cover.tolist() == [
        [1, 0, 0, 0, 0, 0],
        [0.25, 0.5, 0.25, 0.5, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_masks_and_boxes_agree():
    seen = seen_square(30, 21)
    masks = np.zeros((2, 21, 30), bool)
    masks[0, 3:10, 6:22] = True
    masks[1, 0:21, 29:30] = True
    boxes = np.array([[6, 3, 22, 10], [29, 0, 30, 21]], np.float32)
    for grid in ((7, 7), (8, 8), (14, 14)):
        cover = cover_of_masks(masks, seen, grid)
        assert cover == pytest.approx(cover_of_boxes(boxes, seen, grid), abs=1e-5)
        assert cover.dtype == np.float32


def test_invisible_regions_are_not_drawn():
    cover = np.array([[0, 0], [1, 0], [0, 0.5], [1, 1]], np.float32)
    assert draw_regions(cover, 5, np.random.default_rng(0)).tolist() == cover[1:].tolist()
    drawn = {
        tuple(map(tuple, draw_regions(cover, 2, np.random.default_rng(seed)).tolist()))
        for seed in range(20)
    }
    assert drawn == {((1, 0), (0, 0.5)), ((1, 0), (1, 1)), ((0, 0.5), (1, 1))}


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"boxes has shape \(4,\); expected \(n, 4\)"):
        cover_of_boxes(WHOLE, WHOLE, (2, 2))
    with pytest.raises(ValueError, match=r"masks has shape .*; expected \(n, height, width\)"):
        cover_of_masks(np.zeros((3, 3), bool), WHOLE, (2, 2))

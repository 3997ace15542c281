from itertools import combinations

import numpy as np
import pytest

from alignops.data.scenes import Scene, draw_scenes, render
from alignops.data.scenes.vocabulary import COLOURS, SHAPES


def foreground(scene: Scene, size: int) -> np.ndarray:
    return (render(scene, size) != 32).any(axis=2)


@pytest.mark.parametrize("size", [32, 224])
def test_boxes_are_tight(size):
    for scene in draw_scenes(200, seed=4):
        drawn = foreground(scene, size)
        for object_ in scene.objects:
            x0, y0, x1, y1 = (size // 32 * value for value in object_.box)
            inside = drawn[y0:y1, x0:x1]
            assert inside.any(axis=0)[[0, -1]].all()
            assert inside.any(axis=1)[[0, -1]].all()
            drawn[y0:y1, x0:x1] = False
        assert not drawn.any(), "something is drawn outside the boxes"


def test_colours_are_what_they_are_called():
    for scene in draw_scenes(50, seed=5):
        image = render(scene, 128)
        for object_ in scene.objects:
            assert (image == COLOURS[object_.colour]).all(axis=2).any()


def test_shapes_differ_by_many_pixels():
    tiles = {}
    for scene in draw_scenes(3000, seed=6):
        for object_ in scene.objects:
            if object_.colour == "red" and object_.box[2] - object_.box[0] == 6:
                x0, y0, x1, y1 = object_.box
                tiles[object_.shape] = render(scene)[y0:y1, x0:x1].astype(int)
    assert set(tiles) == set(SHAPES)
    for a, b in combinations(tiles.values(), 2):
        assert (abs(a - b).max(axis=2) > 30).sum() >= 4


def test_a_size_that_the_canvas_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="size is 40; expected a positive multiple"):
        render(draw_scenes(1, seed=0)[0], 40)

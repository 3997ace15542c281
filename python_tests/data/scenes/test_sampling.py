from itertools import combinations

import pytest

from alignops.data.scenes import draw_close_ups, draw_scenes, meaning, render, split_scenes
from alignops.data.scenes.description import predicates
from alignops.data.scenes.vocabulary import COLOURS, INVERSE, SHAPES


def test_a_seed_always_draws_the_same_scene():
    scene = draw_scenes(1, seed=0)[0]
    assert scene.caption == "There is a small green ring right of a large purple ring."
    assert [object_.box for object_ in scene.objects] == [(16, 15, 22, 21), (3, 19, 15, 31)]


def test_a_longer_draw_begins_with_the_shorter_one():
    assert draw_scenes(30, objects=3, seed=5)[:10] == draw_scenes(10, objects=3, seed=5)
    assert draw_scenes(10, seed=5) != draw_scenes(10, seed=6)


@pytest.mark.parametrize("objects", [2, 3, 4])
def test_scenes_are_what_their_graph_says(objects):
    for scene in draw_scenes(200, objects=objects, seed=1):
        assert len(scene.objects) == objects
        assert len({object_.entity for object_ in scene.objects}) == objects
        assert scene.graph.entities == tuple(object_.entity for object_ in scene.objects)
        assert [(r.subject, r.object) for r in scene.graph.relations] == [
            (i, i + 1) for i in range(objects - 1)
        ]
        for relation in scene.graph.relations:
            pair = (scene.objects[relation.subject].box, scene.objects[relation.object].box)
            assert predicates(*pair) == [relation.predicate]
        for a, b in combinations(scene.objects, 2):
            assert predicates(a.box, b.box), "boxes overlap or touch"
        assert scene.satisfies(scene.graph)


def test_every_shape_colour_and_predicate_occurs():
    scenes = draw_scenes(500, seed=2)
    assert {object_.shape for scene in scenes for object_ in scene.objects} == set(SHAPES)
    assert {object_.colour for scene in scenes for object_ in scene.objects} == set(COLOURS)
    assert {scene.graph.relations[0].predicate for scene in scenes} == set(INVERSE)


def test_close_ups_show_one_object_and_no_size():
    close_ups = draw_close_ups(200, seed=1)
    assert close_ups[:10] == draw_close_ups(10, seed=1)
    assert {scene.objects[0].shape for scene in close_ups} == set(SHAPES)
    for scene in close_ups:
        (object_,) = scene.objects
        assert scene.caption == f"A {object_.colour} {object_.shape}."
        assert scene.satisfies(scene.graph)
        x0, y0, x1, y1 = object_.box
        assert min(x0, y0) >= 0
        assert max(x1, y1) <= 32
        assert x1 - x0 == y1 - y0 >= 16
        assert (render(scene)[y0:y1, x0:x1] != 32).any(2).mean() > 0.3


def test_splits_share_no_meaning_and_held_out_ones_are_unique():
    splits = split_scenes(train=3000, validation=400, test=500, seed=3)
    said = [
        [meaning(scene.graph) for scene in part]
        for part in (splits.train, splits.validation, splits.test)
    ]
    assert [len(part) for part in said] == [3000, 400, 500]
    assert len(set(said[1])) == 400
    assert len(set(said[2])) == 500
    for a, b in combinations(said, 2):
        assert not set(a) & set(b)


def test_the_test_split_does_not_depend_on_the_size_of_the_others():
    small = split_scenes(train=10, validation=10, test=50, seed=3)
    large = split_scenes(train=500, validation=100, test=50, seed=3)
    assert small.test == large.test


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw_scenes(1, objects=5, seed=0), "objects is 5; expected 2, 3 or 4 per scene"),
        (lambda: draw_scenes(-1, seed=0), "count is -1; expected a number of scenes"),
        (
            lambda: split_scenes(train=1, validation=-2, test=1, seed=0),
            "validation is -2",
        ),
        (lambda: split_scenes(train=1, validation=1, test=20000, seed=0), "at most 16256 scenes"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()

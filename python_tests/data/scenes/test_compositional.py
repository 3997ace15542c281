import re
from collections import Counter

import pytest

from alignops.data.scenes import Scene, compositional_pairs, draw_scenes

KINDS = ("attribute_swap", "relation_swap", "shape_swap", "attribute_replace", "object_replace")

_OBJECT = r"(?:a|the) (small|large) (\w+) (\w+)"
_STATEMENT = re.compile(rf"{_OBJECT}(?: is)? (?:to the )?(left of|right of|above|below) {_OBJECT}")


def statements(caption: str) -> list[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    """Parse a caption independently of the code that wrote it."""
    found = _STATEMENT.findall(caption.lower())
    assert len(found) == caption.count(" and ") + 1
    return [(words[:3], words[3], words[4:]) for words in found]


def is_true(scene: Scene, caption: str) -> bool:
    """Judge a caption by the objects alone."""
    boxes = {(o.size, o.colour, o.shape): o.box for o in scene.objects}
    for subject, predicate, object_ in statements(caption):
        if subject not in boxes or object_ not in boxes:
            return False
        a, b = boxes[subject], boxes[object_]
        gaps = {
            "left of": b[0] - a[2],
            "right of": a[0] - b[2],
            "above": b[1] - a[3],
            "below": a[1] - b[3],
        }
        if gaps[predicate] <= 0:
            return False
    return True


@pytest.mark.parametrize("objects", [2, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_true_captions_are_true_and_false_ones_false(kind, objects):
    scenes = draw_scenes(300, objects=objects, seed=0)
    pairs = compositional_pairs(scenes, kind, seed=1)
    assert len(pairs) > 80
    for pair in pairs:
        assert pair.true_caption == scenes[pair.scene].caption
        assert is_true(scenes[pair.scene], pair.true_caption)
        assert not is_true(scenes[pair.scene], pair.false_caption)


@pytest.mark.parametrize("kind", ["attribute_swap", "relation_swap", "shape_swap"])
def test_swaps_keep_every_word(kind):
    for pair in compositional_pairs(draw_scenes(200, seed=2), kind, seed=0):
        true, false = pair.true_caption.lower(), pair.false_caption.lower()
        assert Counter(re.findall(r"\w+", true)) == Counter(re.findall(r"\w+", false))


def test_attribute_swap_exchanges_size_and_colour_together():
    for pair in compositional_pairs(draw_scenes(200, seed=3), "attribute_swap", seed=0):
        [(a, predicate, b)] = statements(pair.true_caption)
        assert a[0] != b[0]
        assert a[1] != b[1]
        assert a[2] != b[2]
        swapped = ((*b[:2], a[2]), predicate, (*a[:2], b[2]))
        assert statements(pair.false_caption) == [swapped]


def test_relation_swap_exchanges_subject_and_object():
    for pair in compositional_pairs(draw_scenes(50, seed=4), "relation_swap", seed=0):
        [(a, predicate, b)] = statements(pair.true_caption)
        assert statements(pair.false_caption) == [(b, predicate, a)]


def test_shape_swap_exchanges_the_nouns():
    for pair in compositional_pairs(draw_scenes(50, seed=4), "shape_swap", seed=0):
        [(a, predicate, b)] = statements(pair.true_caption)
        assert statements(pair.false_caption) == [((*a[:2], b[2]), predicate, (*b[:2], a[2]))]


@pytest.mark.parametrize("objects", [3, 4])
@pytest.mark.parametrize("swap", ["attribute_swap", "relation_swap"])
def test_parts_are_swapped_alone(swap, objects):
    scenes = draw_scenes(300, objects=objects, seed=0)
    pairs = compositional_pairs(scenes, f"part_{swap}", seed=1)
    assert len(pairs) > 80
    for pair in pairs:
        [(a, predicate, b)] = statements(pair.true_caption)
        whole = statements(scenes[pair.scene].caption)
        assert (a, predicate, b) in whole
        assert not is_true(scenes[pair.scene], pair.false_caption)
        swapped = {
            "attribute_swap": ((*b[:2], a[2]), predicate, (*a[:2], b[2])),
            "relation_swap": (b, predicate, a),
        }
        assert statements(pair.false_caption) == [swapped[swap]]


def test_a_caption_of_one_statement_has_no_parts():
    assert not compositional_pairs(draw_scenes(50, seed=0), "part_relation_swap", seed=0)


@pytest.mark.parametrize(
    ("kind", "places"), [("attribute_replace", {0, 1}), ("object_replace", {2})]
)
def test_replacements_change_one_word(kind, places):
    for pair in compositional_pairs(draw_scenes(200, seed=5), kind, seed=0):
        [(a, _, b)], [(c, _, d)] = statements(pair.true_caption), statements(pair.false_caption)
        changed = [i % 3 for i, (x, y) in enumerate(zip(a + b, c + d, strict=True)) if x != y]
        assert len(changed) == 1
        assert set(changed) <= places


def test_pairs_are_fixed_by_the_seed():
    scenes = draw_scenes(50, seed=6)
    first = compositional_pairs(scenes, "object_replace", seed=0)
    assert first == compositional_pairs(scenes, "object_replace", seed=0)
    assert first != compositional_pairs(scenes, "object_replace", seed=1)


def test_unknown_kind():
    with pytest.raises(ValueError, match=r"kind is 'colour_swap'; expected one of attribute_swap"):
        compositional_pairs([], "colour_swap", seed=0)

"""What a graph states and implies."""

import pytest

from alignops.text import Entity, Relation, SceneGraph
from alignops.text.negatives.facts import facts, implied_facts

CIRCLE, SQUARE = Entity("circle", ("small", "red")), Entity("square", ("blue",))


def related(subject, predicate, object_):
    return SceneGraph((subject, object_), (Relation(0, predicate, 1),))


def is_true(graph, *captions):
    return facts(graph) <= implied_facts(captions)


def test_facts_are_the_entities_and_relations_in_full():
    circle, square = ("circle", frozenset({"small", "red"})), ("square", frozenset({"blue"}))
    assert facts(related(CIRCLE, "above", SQUARE)) == {
        (circle,),
        (square,),
        (circle, "above", square),
    }


@pytest.mark.parametrize(
    "implied",
    [
        related(CIRCLE, "above", SQUARE),
        related(Entity("circle"), "above", Entity("square")),
        related(Entity("circle", ("red",)), "above", SQUARE),
        related(SQUARE, "below", CIRCLE),
        SceneGraph((Entity("circle", ("red", "small")),)),
        SceneGraph((Entity("square"),)),
        SceneGraph(),
    ],
)
def test_a_graph_implies_its_parts_and_its_converse(implied):
    assert is_true(implied, related(CIRCLE, "above", SQUARE))


@pytest.mark.parametrize(
    "other",
    [
        related(SQUARE, "above", CIRCLE),
        related(CIRCLE, "below", SQUARE),
        related(CIRCLE, "left of", SQUARE),
        related(Entity("circle", ("blue",)), "above", Entity("square")),
        SceneGraph((Entity("circle", ("large",)),)),
        SceneGraph((Entity("ring"),)),
    ],
)
def test_a_graph_implies_nothing_else(other):
    assert not is_true(other, related(CIRCLE, "above", SQUARE))


def test_symmetric_relations_hold_both_ways():
    assert is_true(related(SQUARE, "next to", CIRCLE), related(CIRCLE, "next to", SQUARE))
    assert not is_true(related(SQUARE, "chases", CIRCLE), related(CIRCLE, "chases", SQUARE))


def test_captions_of_one_image_add_up():
    assert is_true(
        related(CIRCLE, "above", SQUARE),
        SceneGraph((Entity("ring"),)),
        related(CIRCLE, "above", SQUARE),
    )
    assert implied_facts([]) == frozenset()

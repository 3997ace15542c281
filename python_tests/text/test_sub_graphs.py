"""Sub-graphs of one object and of one relation, and their sentences."""

import pytest

from alignops.text import Entity, Relation, SceneGraph
from alignops.text.negatives.facts import facts, implied_facts
from alignops.text.sentences import sentence
from alignops.text.sub_graphs import one_object_graphs, one_relation_graphs

GRAPH = SceneGraph(
    (Entity("man", ("old",), (0, 7)), Entity("horse", ("big", "brown"), (15, 30)), Entity("hat")),
    (Relation(0, "riding", 1), Relation(0, "wears", 2)),
)


def test_each_object_is_a_graph():
    sentences = [sentence(graph) for graph in one_object_graphs(GRAPH)]
    assert sentences == ["an old man", "a big brown horse", "a hat"]


def test_each_relation_is_a_graph():
    sentences = [sentence(graph) for graph in one_relation_graphs(GRAPH)]
    assert sentences == ["an old man riding a big brown horse", "an old man wears a hat"]


def test_every_sub_graph_is_true():
    implied = implied_facts([GRAPH])
    for graph in (*one_object_graphs(GRAPH), *one_relation_graphs(GRAPH)):
        assert facts(graph) <= implied


def test_a_relation_of_an_object_with_itself_is_no_sub_graph():
    assert one_relation_graphs(SceneGraph((Entity("man"),), (Relation(0, "near", 0),))) == []


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        (Entity("apple"), "an apple"),
        (Entity("dogs", ("two-toned",)), "two-toned dogs"),
        (Entity("glass"), "a glass"),
        (Entity("bus"), "a bus"),
        (Entity("people", ("young",)), "young people"),
        (Entity("tennis", ()), "tennis"),
        (Entity("fire hydrant", ("orange",)), "an orange fire hydrant"),
    ],
)
def test_articles(entity, expected):
    assert sentence(SceneGraph((entity,))) == expected


def test_a_thing_named_before_is_the_thing():
    graph = SceneGraph(
        (Entity("man"), Entity("horse"), Entity("tree")),
        (Relation(0, "riding", 1), Relation(1, "under", 2)),
    )
    assert sentence(graph) == "a man riding a horse and the horse under a tree"

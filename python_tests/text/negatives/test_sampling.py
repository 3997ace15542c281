"""Positives and negatives drawn from the graph of a caption."""

import numpy as np
import pytest

from alignops.text import Entity, Relation, SceneGraph
from alignops.text.negatives.facts import facts, implied_facts
from alignops.text.negatives.sampling import SubGraphSampler
from alignops.text.negatives.vocabulary import Vocabulary

WORDS = Vocabulary(
    ("dog", "cat", "man", "hat"), ("red", "green", "small", "large"), ("near", "chases", "on")
)
GRAPH = SceneGraph(
    (Entity("dog", ("red", "small")), Entity("cat", ("green",)), Entity("man")),
    (Relation(0, "chases", 1), Relation(2, "near", 1)),
)
IMPLIED = implied_facts([GRAPH])


def draw(graph=GRAPH, seed=0, positives=3, negatives=6, implied=IMPLIED, **weights):
    random = np.random.default_rng(seed)
    sampler = SubGraphSampler(WORDS, **weights)
    return sampler.draw(graph, implied, random, positives=positives, negatives=negatives)


@pytest.mark.parametrize("seed", range(30))
def test_positives_are_true_negatives_false_and_none_alike(seed):
    positives, negatives = draw(seed=seed)
    assert 1 <= len(positives) <= 3
    assert 2 <= len(negatives) <= 6
    assert all(facts(graph) <= IMPLIED for graph in positives)
    assert not any(facts(graph) <= IMPLIED for graph in negatives)
    stated = [facts(graph) for graph in (*positives, *negatives)]
    assert len(set(stated)) == len(stated)


@pytest.mark.parametrize(("positives", "negatives"), [(1, 1), (1, 6), (3, 1), (3, 3), (2, 0)])
def test_the_numbers_are_upper_bounds_that_are_reached(positives, negatives):
    drawn = [draw(seed=seed, positives=positives, negatives=negatives) for seed in range(20)]
    assert max(len(one.positives) for one in drawn) == positives
    assert max(len(one.negatives) for one in drawn) == negatives


def test_nothing_is_drawn_where_nothing_is_asked_for():
    assert draw(positives=0) == ([], [])


def test_a_positive_drawn_again_gets_further_negatives():
    graph = SceneGraph((Entity("dog"), Entity("cat")), (Relation(0, "chases", 1),))
    positives, negatives = draw(graph, implied=implied_facts([graph]))
    assert positives == [graph]
    assert len(negatives) == 6


def test_other_captions_of_the_image_make_a_negative_true():
    graph = SceneGraph((Entity("dog", ("red",)), Entity("cat")), (Relation(0, "chases", 1),))
    other = SceneGraph((Entity("dog", ("green",)), Entity("cat")), (Relation(1, "chases", 0),))
    implied = implied_facts([graph, other])
    for seed in range(30):
        for negative in draw(graph, seed, implied=implied).negatives:
            assert not facts(negative) <= implied_facts([graph])
            assert not facts(negative) <= implied_facts([other])


def test_weights_choose_the_kinds():
    for seed in range(10):
        assert all(len(g.entities) == 1 for g in draw(seed=seed, rel=0, attr=0).positives)
        assert all(len(g.entities) == 2 for g in draw(seed=seed, obj=0).positives)
        for negative in draw(seed=seed, obj=0, rel=0).negatives:
            assert [entity.noun for entity in negative.entities] in (["dog", "cat"], ["man", "cat"])


def test_a_caption_without_relations_and_attributes_has_no_pairs():
    assert draw(SceneGraph((Entity("dog"), Entity("cat")))) == ([], [])
    assert draw(SceneGraph()) == ([], [])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"obj": -1.0}, "obj is -1.0; expected at least 0"),
        ({"rel": float("nan")}, "rel is nan; expected at least 0"),
        ({"obj": 0, "rel": 0, "attr": 0}, "obj, rel and attr are 0; expected one of them above 0"),
    ],
)
def test_weights_that_nothing_can_be_drawn_by(weights, message):
    with pytest.raises(ValueError, match=message):
        SubGraphSampler(WORDS, **weights)

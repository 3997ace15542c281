"""Perturbations of sub-graphs."""

import numpy as np
import pytest

from alignops.text import Entity, Relation, SceneGraph
from alignops.text.negatives.perturbations import perturb
from alignops.text.negatives.vocabulary import Vocabulary
from alignops.text.sentences import sentence

WORDS = Vocabulary(("dog", "cat"), ("red", "green", "small", "large", "wet"), ("near", "chases"))
ONE = SceneGraph((Entity("dog", ("red", "wet")),))
TWO = SceneGraph((Entity("dog", ("red",)), Entity("cat", ("small",))), (Relation(0, "chases", 1),))


def drawn(graph, kind, words=WORDS):
    random = np.random.default_rng(0)
    changed = [perturb(graph, kind, words, random) for _ in range(2000)]
    return {sentence(one) for one in changed if one is not None}


def test_obj_replaces_one_attribute_by_one_of_its_class():
    assert drawn(ONE, "obj") == {"a green wet dog"}
    more = Vocabulary((), ("red", "green", "blue", "wet", "old", "large"), ())
    assert drawn(ONE, "obj", more) == {"a green wet dog", "a blue wet dog", "a red old dog"}


def test_obj_has_nothing_to_change_without_attributes():
    assert drawn(SceneGraph((Entity("dog"),)), "obj") == set()


def test_rel_swaps_replaces_and_joins():
    found = drawn(TWO, "rel")
    joined = {text for text in found if " and the " in text}
    assert found - joined == {
        "a small cat chases a red dog",
        "a red dog chases a small dog",
        "a red cat chases a small cat",
        "a red dog near a small cat",
        "a red dog chases a small cat",
    }
    assert "a red dog chases a small cat and the small cat near a wet dog" in joined
    assert len(joined) == 2 * 2 * 2 * 5


def test_attr_swaps_or_replaces_attributes():
    assert drawn(TWO, "attr") == {
        "a small dog chases a red cat",
        "a green dog chases a small cat",
        "a red dog chases a large cat",
    }


@pytest.mark.parametrize("kind", ["rel", "attr"])
def test_draws_depend_on_the_seed_alone(kind):
    first, second = (
        [perturb(TWO, kind, WORDS, random) for _ in range(20)]
        for random in (np.random.default_rng(5), np.random.default_rng(5))
    )
    assert first == second

import re
from random import Random

import pytest

from alignops.data.scenes import (
    PLACED_VOCABULARY,
    VOCABULARY,
    SceneDataset,
    describe,
    draw_scenes,
)
from alignops.data.scenes.captions import TEMPLATES, sentence
from alignops.text.graph import Entity, Relation, SceneGraph

GRAPH = SceneGraph(
    (
        Entity("circle", ("small", "red")),
        Entity("square", ("large", "blue")),
        Entity("ring", ("small", "pink")),
    ),
    (Relation(0, "left of", 1), Relation(1, "above", 2)),
)


def test_sentences():
    pair = SceneGraph(GRAPH.entities[:2], GRAPH.relations[:1])
    assert [sentence(pair, template) for template in range(len(TEMPLATES))] == [
        "A small red circle is left of a large blue square.",
        "A small red circle left of a large blue square.",
        "There is a small red circle left of a large blue square.",
        "A small red circle is to the left of a large blue square.",
        "A small red circle to the left of a large blue square.",
        "There is a small red circle to the left of a large blue square.",
    ]


def test_an_object_named_before_takes_the_definite_article():
    assert sentence(GRAPH, 0) == (
        "A small red circle is left of a large blue square, "
        "and the large blue square is above a small pink ring."
    )


def test_tags_name_every_object_and_no_relation():
    words = describe(GRAPH, "tags", Random(0)).split()
    assert sorted(words) == sorted(w for e in GRAPH.entities for w in (*e.attributes, e.noun))
    assert len({describe(GRAPH, "tags", Random(seed)) for seed in range(50)}) > 20


def test_placed_tags_hold_every_property_with_its_side():
    pair = SceneGraph(GRAPH.entities[:2], GRAPH.relations[:1])
    words = describe(pair, "placed", Random(0)).split()
    assert sorted(words) == sorted(
        ["leftsmall", "leftred", "leftcircle", "rightlarge", "rightblue", "rightsquare"]
    )
    assert len({describe(pair, "placed", Random(seed)) for seed in range(50)}) > 20


def test_phrases_tell_one_property_and_the_side_of_each_end():
    pair = SceneGraph(GRAPH.entities[:2], GRAPH.relations[:1])
    for seed in range(20):
        texts = set(describe(pair, "phrases", Random(seed)).split(", "))
        left = {f"something {word} left" for word in ("small", "red", "circle")}
        right = {f"something {word} right" for word in ("large", "blue", "square")}
        assert len(texts & left) == len(texts & right) == 1
        assert len(texts) == 2


@pytest.mark.parametrize("style", ["tags", "placed", "phrases"])
def test_without_a_relation_the_words_alone_are_left(style):
    graph = SceneGraph((Entity("circle", ("red",)),), ())
    assert sorted(describe(graph, style, Random(0)).split()) == ["circle", "red"]


@pytest.mark.parametrize(
    ("styles", "vocabulary"),
    [(("natural", "tags", "phrases"), VOCABULARY), (("placed",), PLACED_VOCABULARY)],
)
def test_a_vocabulary_holds_every_word(styles, vocabulary):
    dataset = SceneDataset(draw_scenes(500, objects=3, seed=0), styles=styles)
    words = {
        word
        for captions in dataset.captions
        for text in captions
        for word in re.findall(r"\w+", text.lower())
    }
    assert words == set(vocabulary)
    assert len(vocabulary) == len(words)


def test_dataset():
    scenes = draw_scenes(20, seed=1)
    dataset = SceneDataset(scenes, size=64, styles=("tags", "natural", "natural"), seed=7)
    item = dataset[3]
    assert len(dataset) == 20
    assert item.image.size == (64, 64)
    assert item.image.mode == "RGB"
    assert item.captions == dataset.captions[3]
    assert item.captions[1] == scenes[3].caption
    assert item.key == dataset.keys[3]
    assert dataset.boxes(3).tolist() == [[2 * v for v in o.box] for o in scenes[3].objects]


def test_dataset_captions_are_fixed_by_the_seed():
    scenes = draw_scenes(20, seed=1)
    styles = ("natural", "tags", "phrases")
    first = SceneDataset(scenes, styles=styles, seed=7).captions
    assert first == SceneDataset(scenes, styles=styles, seed=7).captions
    assert first != SceneDataset(scenes, styles=styles, seed=8).captions


def test_keys_tell_datasets_apart():
    first, second = (SceneDataset(draw_scenes(50, seed=seed)).keys for seed in (1, 2))
    assert len(set(first)) == 50
    assert not set(first) & set(second)


@pytest.mark.parametrize("styles", [(), ("natural", "poem")])
def test_unknown_style(styles):
    with pytest.raises(ValueError, match=r"styles is .*; expected some of natural, tags"):
        SceneDataset([], styles=styles)

"""`parse_captions`: its contract, whatever the captions."""

import importlib.util
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alignops.text import Entity, Relation, SceneGraph, parse_captions
from alignops.text.pipeline import load_pipeline


def test_graph_of_a_caption():
    [graph] = parse_captions(["A small red circle is to the left of a large blue square."])
    circle = Entity("circle", ("small", "red"), (2, 18))
    square = Entity("square", ("large", "blue"), (39, 56))
    assert graph == SceneGraph((circle, square), (Relation(0, "left of", 1),))
    assert graph.relation_phrase(graph.relations[0]) == "small red circle left of large blue square"


def test_spans_point_at_the_entities():
    caption = "  Two brightly colored kites, next  to a snow-covered  Fire Hydrant"
    [graph] = parse_captions([caption])
    texts = [caption[slice(*entity.span)] for entity in graph.entities]
    assert texts == ["brightly colored kites", "snow-covered  Fire Hydrant"]


@pytest.mark.parametrize("caption", ["", " ", "\n\t", ".", "?!"])
def test_caption_without_words_has_an_empty_graph(caption):
    assert parse_captions([caption]) == [SceneGraph()]


def test_no_captions():
    assert parse_captions([]) == []


def test_order_and_batches():
    captions = [f"A dog chases {count} cats." if count % 3 else "" for count in range(40)]
    one_by_one = [parse_captions([caption])[0] for caption in captions]
    assert parse_captions(captions) == one_by_one
    assert parse_captions(captions, batch_size=7) == one_by_one
    assert parse_captions(tuple(captions), batch_size=1) == one_by_one


@pytest.mark.slow
def test_processes_agree_with_one():
    captions = ["A man rides a horse .", "", "A red cross left of a blue ring."] * 4
    assert parse_captions(captions, batch_size=5, processes=2) == parse_captions(captions)


def test_long_work_shows_progress(monkeypatch, capsys):
    monkeypatch.setattr("alignops.text.parse.MANY", 2)
    parse_captions(["a dog", "a cat"])
    captured = capsys.readouterr()
    assert "Parsing captions" in captured.err
    assert not captured.out


WORDS = (
    "a the dog dogs man red is leaps riding standing left of to and , . in on with that who there "
    "full group surfboard running rock climbing t-shirt its it she as no not or two shirt 's"
)


@settings(max_examples=60, deadline=None)
@example(["group", "who", "shirt", "is", "a", "and"])
@given(st.lists(st.sampled_from(WORDS.split()), max_size=14))
def test_any_words_give_a_sound_graph(words):
    caption = " ".join(words)
    [graph] = parse_captions([caption])
    for entity in graph.entities:
        start, end = entity.span
        assert 0 <= start < end <= len(caption)
    for relation in graph.relations:
        assert relation.subject != relation.object
        assert {relation.subject, relation.object} <= set(range(len(graph.entities)))
        assert relation.predicate
    assert len(set(graph.relations)) == len(graph.relations)


def test_one_string_is_refused():
    with pytest.raises(TypeError, match="captions must be a sequence of strings, got one string"):
        parse_captions("a dog")


@pytest.mark.parametrize("wrong", [None, 3, b"a dog", ["a dog"]])
def test_what_is_no_string_is_named(wrong):
    name = type(wrong).__name__
    with pytest.raises(TypeError, match=rf"captions\[1\] must be a string, got {name}"):
        parse_captions(["a dog", wrong])


@pytest.mark.parametrize("name", ["batch_size", "processes"])
def test_sizes_are_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        parse_captions(["a dog"], **{name: 0})


def test_missing_model_is_a_sentence(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    load_pipeline.cache_clear()
    with pytest.raises(ImportError, match="needs an English spaCy model, and none is installed"):
        parse_captions(["a dog"])


def test_importing_the_package_does_not_import_spacy():
    program = "import sys, alignops.text; assert 'spacy' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)

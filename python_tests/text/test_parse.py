"""The contract of `parse_captions`, for any captions."""

import importlib.util
import re
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alignops.text import (
    Entity,
    Relation,
    SceneGraph,
    find_phrases,
    parse,
    parse_captions,
)
from alignops.text.rules.identity import parser_key
from alignops.text.rules.pipeline import load_pipeline

BOTH = pytest.mark.parametrize("find", [parse_captions, find_phrases])


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


@BOTH
def test_no_captions(find):
    assert find([]) == []


def test_order_and_batches(monkeypatch):
    captions = [f"A dog chases {count} cats." if count % 3 else "" for count in range(40)]
    one_by_one = [parse_captions([caption], cache=False)[0] for caption in captions]
    assert parse_captions(captions, cache=False) == one_by_one
    for size in (7, 1):
        monkeypatch.setattr(parse, "BATCH", size)
        assert parse_captions(tuple(captions), cache=False) == one_by_one


def test_long_work_shows_progress(monkeypatch, capsys):
    monkeypatch.setattr("alignops.text.parse.MANY", 2)
    parse_captions(["a dog", "a cat"], cache=False)
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
    [graph] = parse_captions([caption], cache=False)
    for entity in graph.entities:
        start, end = entity.span
        assert 0 <= start < end <= len(caption)
    for relation in graph.relations:
        assert relation.subject != relation.object
        assert {relation.subject, relation.object} <= set(range(len(graph.entities)))
        assert relation.predicate
    assert len(set(graph.relations)) == len(graph.relations)


@BOTH
def test_one_string_is_refused(find):
    with pytest.raises(TypeError, match="captions is 'a dog'; expected a sequence of strings"):
        find("a dog")


@BOTH
@pytest.mark.parametrize("wrong", [None, 3, b"a dog", ["a dog"]])
def test_what_is_no_string_is_named(find, wrong):
    with pytest.raises(TypeError, match=re.escape(f"captions[1] is {wrong!r}; expected a string")):
        find(["a dog", wrong])


@BOTH
def test_what_no_encoding_writes_is_named(find):
    expected = r"captions[1] is 'caf\ud800'; expected no lone surrogates"
    with pytest.raises(ValueError, match=re.escape(expected)):
        find(["a café \N{DOG FACE}", "caf\ud800"])


@BOTH
def test_processes_are_positive(find):
    with pytest.raises(ValueError, match="processes is 0; expected at least 1"):
        find(["a dog"], processes=0)


@BOTH
@pytest.mark.parametrize("cache", [None, False])
def test_missing_model_is_a_sentence(find, cache, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    load_pipeline.cache_clear()
    parser_key.cache_clear()
    with pytest.raises(ImportError, match="needs an English spaCy model, and none is installed"):
        find(["a dog"], cache=cache)


def test_importing_the_package_does_not_import_spacy():
    program = "import sys, alignops.text; assert 'spacy' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)

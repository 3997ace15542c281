"""Phrases of captions, as in a constituency tree."""

import pytest

from alignops.text import find_phrases

CAPTIONS = [
    (
        "a small red circle is to the left of a large blue square.",
        "S a small red circle is to the left of a large blue square"
        "|NP a small red circle"
        "|VP is to the left of a large blue square"
        "|PP to the left of a large blue square"
        "|NP a large blue square",
    ),
    (
        "A man holding a ball while standing next to a gate .",
        "NP A man holding a ball while standing next to a gate"
        "|NP A man"
        "|VP holding a ball while standing next to a gate"
        "|NP a ball"
        "|VP standing next to a gate"
        "|PP next to a gate"
        "|NP a gate",
    ),
    (
        "The black dog that is chasing a cat has a red collar.",
        "S The black dog that is chasing a cat has a red collar"
        "|NP The black dog that is chasing a cat"
        "|NP The black dog"
        "|S that is chasing a cat"
        "|VP is chasing a cat"
        "|NP a cat"
        "|VP has a red collar"
        "|NP a red collar",
    ),
    (
        "In the park, a man's dog is not barking at the cat.",
        "S In the park, a man's dog is not barking at the cat"
        "|PP In the park"
        "|NP the park"
        "|NP a man's dog"
        "|VP is not barking at the cat"
        "|PP at the cat"
        "|NP the cat",
    ),
    (
        "a fire hydrant and a teddy bear",
        "NP a fire hydrant and a teddy bear|NP a fire hydrant|NP a teddy bear",
    ),
    (
        "A boy sits and reads a book",
        "S A boy sits and reads a book|NP A boy|VP sits and reads a book|VP reads a book|NP a book",
    ),
    ("red", "S red"),
]


@pytest.mark.parametrize(("caption", "expected"), CAPTIONS)
def test_caption(caption, expected):
    [phrases] = find_phrases([caption])
    found = [f"{phrase.label} {caption[slice(*phrase.span)]}" for phrase in phrases]
    assert found == expected.split("|")


def test_captions_without_words_have_no_phrases():
    assert find_phrases(["", " ", "!!"]) == [(), (), ()]

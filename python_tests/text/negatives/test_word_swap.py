"""Captions with two phrases exchanged."""

import numpy as np

from alignops.text import parse_captions
from alignops.text.negatives.facts import implied_facts
from alignops.text.negatives.word_swap import swap_words


def swaps(caption, *others):
    graph, *rest = parse_captions([caption, *others])
    implied = implied_facts([graph, *rest])
    found = [swap_words(caption, graph, implied, np.random.default_rng(seed)) for seed in range(60)]
    return {one[0] for one in found if one is not None}


def test_phrases_nouns_and_adjectives_change_places():
    assert swaps("A small dog chases a black cat.") == {
        "A black cat chases a small dog.",
        "A small cat chases a black dog.",
        "A black dog chases a small cat.",
    }


def test_an_exchange_that_changes_nothing_is_none():
    assert swaps("A man and a woman.") == set()
    assert swaps("A cup next to a plate.") == set()
    assert swaps("A red ball and a red ball.") == set()


def test_what_another_caption_says_is_not_false():
    assert "A cat chases a dog." in swaps("A dog chases a cat.")
    assert swaps("A dog chases a cat.", "A cat chases a dog.") == set()


def test_articles_and_the_capital_fit():
    assert swaps("An owl watches a mouse.") == {"A mouse watches an owl."}
    assert swaps("Owls watch an old mouse.") == {
        "Old mouse watch an owls.",
        "Mouse watch an old owls.",
    }

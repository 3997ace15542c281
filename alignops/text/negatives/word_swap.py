"""A false caption of the same words, by swapping two phrases (NegCLIP)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np

from alignops.text.graph import Entity, SceneGraph
from alignops.text.negatives.facts import Fact, facts

_ARTICLE = re.compile(r"\b(a|an) $", re.IGNORECASE)


def swap_words(
    caption: str, graph: SceneGraph, implied: frozenset[Fact], random: np.random.Generator
) -> tuple[str, SceneGraph] | None:
    """Swap the phrases of two entities, or their nouns, or their adjectives.

    "A small dog chases a black cat" becomes "A black cat chases a small dog", "A small cat chases a
    black dog", or "A black dog chases a small cat".

    Args:
        caption: the text.
        graph: its graph, with spans.
        implied: `implied_facts` of all captions of the image; the result does not follow from them.
        random: source of randomness.

        rns:
        The false caption and its graph; None if every swap gives a true one.
    """
    swaps = [
        (swapped, changed)
        for swapped, changed in _swaps(caption, graph)
        if swapped.lower() != caption.lower() and not facts(changed) <= implied
    ]
    return swaps[random.integers(len(swaps))] if swaps else None


def _swaps(caption: str, graph: SceneGraph) -> Iterator[tuple[str, SceneGraph]]:
    """Yield each swapped caption with its graph."""
    written = [
        index
        for index, entity in enumerate(graph.entities)
        if entity.span and _text(caption, entity).lower().endswith(entity.noun)
    ]
    for i, j in combinations(written, 2):
        a, b = graph.entities[i], graph.entities[j]
        (adjectives_a, noun_a), (adjectives_b, noun_b) = _parts(caption, a), _parts(caption, b)
        yield (
            _rewrite(caption, {a: adjectives_b + noun_b, b: adjectives_a + noun_a}),
            _with_entities(graph, {i: b, j: a}),
        )
        yield (
            _rewrite(caption, {a: adjectives_a + noun_b, b: adjectives_b + noun_a}),
            _with_entities(graph, {i: replace(a, noun=b.noun), j: replace(b, noun=a.noun)}),
        )
        if adjectives_a and adjectives_b:
            yield (
                _rewrite(caption, {a: adjectives_b + noun_a, b: adjectives_a + noun_b}),
                _with_entities(graph, {i: replace(b, noun=a.noun), j: replace(a, noun=b.noun)}),
            )


def _text(caption: str, entity: Entity) -> str:
    """Return a phrase's text, without the capital of a sentence."""
    start, end = entity.span or (0, 0)
    text = caption[start:end]
    return text[:1].lower() + text[1:] if start == 0 else text


def _parts(caption: str, entity: Entity) -> tuple[str, str]:
    """Split a phrase into the words before the noun, and the noun."""
    text = _text(caption, entity)
    return text[: -len(entity.noun)], text[-len(entity.noun) :]


def _rewrite(caption: str, texts: dict[Entity, str]) -> str:
    """Replace the texts of entities, from the last to the first."""
    rewritten = caption
    for entity in sorted(texts, key=lambda entity: entity.span or (0, 0), reverse=True):
        start, end = entity.span or (0, 0)
        before = _ARTICLE.sub("an " if texts[entity][0] in "aeiou" else "a ", rewritten[:start])
        rewritten = before + texts[entity] + rewritten[end:]
    return rewritten[0].upper() + rewritten[1:] if caption[0].isupper() else rewritten


def _with_entities(graph: SceneGraph, changed: dict[int, Entity]) -> SceneGraph:
    entities = (changed.get(index, entity) for index, entity in enumerate(graph.entities))
    return replace(graph, entities=tuple(entities))

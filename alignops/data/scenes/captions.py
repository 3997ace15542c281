"""Texts about a scene's graph: natural sentences, unordered tags, placed tags, loose phrases."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Literal, get_args

from alignops.data.scenes.vocabulary import COLOURS, INVERSE, SHAPES, SIZES
from alignops.text.graph import Entity, SceneGraph

Style = Literal["natural", "tags", "placed", "phrases"]

TEMPLATES = (
    "{a} {subject} is {predicate} {b} {object}",
    "{a} {subject} {predicate} {b} {object}",
    "there is {a} {subject} {predicate} {b} {object}",
    "{a} {subject} is {long_predicate} {b} {object}",
    "{a} {subject} {long_predicate} {b} {object}",
    "there is {a} {subject} {long_predicate} {b} {object}",
)
"""Forms of one statement. {a} and {b} become "a", or "the" where the object was named before."""

_LONG = {"left of": "to the left of", "right of": "to the right of"}
_SIDE = {"left of": "left", "right of": "right", "above": "above", "below": "below"}

VOCABULARY = (
    *SIZES,
    *COLOURS,
    *SHAPES,
    *_SIDE.values(),
    *("a", "the", "is", "there", "to", "of", "and", "something"),
)
"""Every word, in lower case, of captions that are not "placed"; commas and full stops apart."""

PLACED_VOCABULARY = tuple(
    side + word for side in _SIDE.values() for word in (*SIZES, *COLOURS, *SHAPES)
)
"""Every word of a "placed" caption where there is a relation."""


def sentence(graph: SceneGraph, template: int) -> str:
    """Write all relations of a graph in one sentence.

    Args:
        graph: entities and relations; an entity outside every relation is not mentioned, unless
            there is no relation.
        template: index into `TEMPLATES`.

    Returns:
        Such as "A small red circle is above a large blue square, and the large blue square is left
        of a small pink ring."
    """
    named: set[int] = set()
    statements = [] if graph.relations else [f"a {entity.phrase}" for entity in graph.entities]
    for relation in graph.relations:
        statements.append(
            TEMPLATES[template].format(
                a="the" if relation.subject in named else "a",
                b="the" if relation.object in named else "a",
                subject=graph.entities[relation.subject].phrase,
                object=graph.entities[relation.object].phrase,
                predicate=relation.predicate,
                long_predicate=_LONG.get(relation.predicate, relation.predicate),
            )
        )
        named |= {relation.subject, relation.object}
    text = ", and ".join(statements)
    return f"{text[0].upper()}{text[1:]}."


def tags(graph: SceneGraph, rng: Random) -> str:
    """Name all attributes and nouns as a bag of words: "square red large circle blue small".

    Which attribute belongs to which noun is lost, as in the tags of the web.
    """
    words = [word for entity in graph.entities for word in (*entity.attributes, entity.noun)]
    return " ".join(rng.sample(words, len(words)))


def placed_tags(graph: SceneGraph, rng: Random) -> str:
    """Name both ends of a relation as a bag of words with sides: "leftred rightcircle ...".

    One word joins a property and its side: the image tower learns places, the text tower learns
    nothing about sentences. Without a relation: the bag of words.
    """
    if not graph.relations:
        return tags(graph, rng)
    words = [
        side + word
        for entity, side in _ends(graph, rng)
        for word in (*entity.attributes, entity.noun)
    ]
    return " ".join(rng.sample(words, len(words)))


def phrases(graph: SceneGraph, rng: Random) -> str:
    """Give one property and the side of each end of a relation, such as "something red left, ...".

    Teaches words and places without binding attributes to nouns. Without a relation: the bag of
    words.
    """
    if not graph.relations:
        return tags(graph, rng)
    ends = _ends(graph, rng)
    rng.shuffle(ends)
    return ", ".join(
        f"something {rng.choice((*entity.attributes, entity.noun))} {side}" for entity, side in ends
    )


def describe(graph: SceneGraph, style: Style, rng: Random) -> str:
    """Write a text of the given style about a graph; "natural" draws its template."""
    return _WRITERS[style](graph, rng)


def check_styles(styles: Sequence[str]) -> None:
    """Raise ValueError unless every style is known."""
    unknown = [style for style in styles if style not in _WRITERS]
    if unknown or not styles:
        raise ValueError(
            f"styles is {tuple(styles)}; expected some of {', '.join(get_args(Style))}"
        )


def _ends(graph: SceneGraph, rng: Random) -> list[tuple[Entity, str]]:
    """Draw a relation; its subject and its object, each with its side."""
    relation = rng.choice(graph.relations)
    return [
        (graph.entities[relation.subject], _SIDE[relation.predicate]),
        (graph.entities[relation.object], _SIDE[INVERSE[relation.predicate]]),
    ]


def _natural(graph: SceneGraph, rng: Random) -> str:
    return sentence(graph, rng.randrange(len(TEMPLATES)))


_WRITERS: dict[str, Callable[[SceneGraph, Random], str]] = {
    "natural": _natural,
    "tags": tags,
    "placed": placed_tags,
    "phrases": phrases,
}

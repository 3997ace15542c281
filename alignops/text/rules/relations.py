"""Relations of a parsed caption: one rule per construction of English.

A rule takes a noun as the object of a relation and yields the relations to it. Coordinated subjects
and objects ("a man and a dog") give one triplet each.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from spacy.tokens import Doc, Token

from alignops.text.rules.clauses import actors, modified_things, things
from alignops.text.rules.entities import content
from alignops.text.rules.lexicon import COPULAS, DIRECTIONS, PREPOSITIONS
from alignops.text.rules.negation import is_related

PREPOSITION_TAGS = frozenset({"IN", "TO", "RP", "RB"})


class Triplet(NamedTuple):
    """Subject and object as head nouns, and the predicate between them."""

    subject: Token
    predicate: str
    object: Token


def find_relations(doc: Doc) -> list[Triplet]:
    """List the relations that a caption states, in the reading order of objects, each once.

    A copula between two nouns leaves no predicate, and is no relation.
    """
    found = (triplet for noun in doc for rule in RULES for triplet in rule(noun))
    return [
        triplet
        for triplet in dict.fromkeys(found)
        if triplet.predicate
        and triplet.subject != triplet.object
        and is_related(triplet.subject, triplet.object)
    ]


def verb_and_object(noun: Token) -> Iterator[Triplet]:
    """Match "a man rides a horse", "a man riding a horse", "a man sets up a tent"."""
    if noun.dep_ == "dobj":
        yield from _triplets(actors(noun.head), _action(noun.head), noun)


def possession(noun: Token) -> Iterator[Triplet]:
    """Match "the man's arm", the arm of the man."""
    if noun.dep_ == "poss":
        yield from _triplets(things(noun.head), "of", noun)


def preposition(noun: Token) -> Iterator[Triplet]:
    """Match a preposition and its object, by one rule per kind of the preceding word."""
    if (link := _link(noun)) is None:
        return
    words, governor = link
    if governor.tag_.startswith("NN"):
        yield from _after_noun(governor, words, noun)
    elif governor.tag_.startswith("JJ"):
        yield from _after_adjective(governor, words, noun)
    elif governor.tag_.startswith("VB"):
        yield from _after_verb(governor, words, noun)


RULES = (verb_and_object, possession, preposition)


def _after_noun(governor: Token, words: str, noun: Token) -> Iterator[Triplet]:
    """Match "a dog on a couch"; of "forks and plates of food", only the plates are of food."""
    if words != "of":
        yield from _triplets(modified_things(governor, noun), words, noun)
    elif content(governor) is None:
        yield from _triplets(things(governor, before=governor.i), words, noun)


def _after_adjective(adjective: Token, words: str, noun: Token) -> Iterator[Triplet]:
    """Match "a pit full of balls", "the field is full of flowers"."""
    described = things(adjective.head) if adjective.dep_ == "amod" else actors(adjective.head)
    yield from _triplets(described, f"{adjective.lower_} {words}", noun)


def _after_verb(verb: Token, words: str, noun: Token) -> Iterator[Triplet]:
    """Match "a dog sits on a couch", "a circle is above a square", "a horse is led by a man".

    After an object, the preposition stands alone: "throws a ball into the water" puts the ball into
    the water, "rides a horse on a beach" the rider on the beach.
    """
    moved = next((child for child in verb.rights if child.dep_ == "dobj"), None)
    if moved is None:
        yield from _triplets(actors(verb), f"{_action(verb)} {words}".strip(), noun)
    elif words in DIRECTIONS or _is_own(noun):
        yield from _triplets(things(moved), words, noun)
    else:
        yield from _triplets(actors(verb), words, noun)


def _link(noun: Token) -> tuple[str, Token] | None:
    """Find the prepositions before a noun, and the word that they follow.

    "table" in "jumping out from under a table" gives "out from under" and "jumping".
    """
    if noun.dep_ == "pobj":
        word = noun.head
    elif noun.dep_ == "nsubj" and noun.head.dep_ == "pcomp":  # "with snow covering the roof"
        word = noun.head.head
    else:
        return None
    words: list[str] = []
    while word.tag_ in PREPOSITION_TAGS and word.head != word:
        words.insert(0, PREPOSITIONS.get(word.lower_, word.lower_))
        while word.dep_ == "conj":  # "along the beach and into the water"
            word = word.head
        word = word.head
    return " ".join(words), word


def _action(verb: Token) -> str:
    """Return a verb with its particle ("sets up"); nothing for a copula."""
    if verb.lower_ in COPULAS:
        return ""
    particles = (
        child.lower_ for child in verb.rights if child.dep_ == "prt" and not any(child.rights)
    )
    return " ".join((verb.lower_, *particles))


def _is_own(noun: Token) -> bool:
    """Tell whether a noun belongs to the subject or is it: "holds a cup in his hand", "on it"."""
    return noun.tag_ == "PRP" or any(child.tag_ == "PRP$" for child in noun.lefts)


def _triplets(subjects: Iterable[Token], predicate: str, noun: Token) -> Iterator[Triplet]:
    return (Triplet(*parts) for parts in product(subjects, (predicate,), things(noun)))

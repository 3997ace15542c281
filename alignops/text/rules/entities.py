"""Entities of a parsed caption: which tokens are things, and how each is described.

A noun phrase is known by its head noun. Tokens are told apart by Penn Treebank tags ("NN" a noun,
"JJ" an adjective, "VB" a verb) and by spaCy's English dependency labels.
"""

from collections.abc import Iterable, Iterator

from spacy.tokens import Token

from alignops.text.graph import Entity
from alignops.text.rules.lexicon import (
    COLOURS,
    COUNTING,
    DESCRIPTIONS,
    INDEFINITE,
    INTENSIFIERS,
    NUMBERS,
    PLACES,
    SHADES,
    TRANSPARENT,
)
from alignops.text.rules.negation import verb_is_denied

MODIFIERS = frozenset({"amod", "compound", "nmod"})
NAMELESS = PLACES | INDEFINITE


def is_entity(token: Token) -> bool:
    """Tell whether a token is the head noun of a thing."""
    if _is_modifier(token) or token.dep_ in {"npadvmod", "nummod"} or not _is_noun(token):
        return False
    is_named = any(child.dep_ == "compound" for child in token.lefts)  # "a tank top" is no place
    return content(token) is None and (is_named or token.lower_ not in NAMELESS)


def content(noun: Token) -> Token | None:
    """Return the noun behind a quantity or a place: "people" in "a group of people"."""
    if noun.lower_ not in TRANSPARENT:
        return None
    of = [child for child in noun.rights if child.lower_ == "of"]
    return next((inner for child in of for inner in child.rights if inner.dep_ == "pobj"), None)


def is_listed(token: Token) -> bool:
    """Tell list items from compounds: "a tub, sink and toilet" is parsed like "a tub sink"."""
    if token.dep_ not in MODIFIERS or not token.tag_.startswith("NN"):
        return False
    return token.lower_ not in DESCRIPTIONS and _next(token).text == ","


def describe(noun: Token) -> Entity:
    """Make the entity of a head noun and its modifiers, with its span."""
    modifiers = sorted(_modifiers(noun), key=lambda token: token.i)
    adjectives = [token for token in modifiers if _is_adjective(token)]
    name = [token for token in (*modifiers, noun) if token not in adjectives]
    written = [noun, *modifiers, *(word for token in adjectives for word in _adverbs(token))]
    return Entity(
        noun=" ".join(token.lower_ for token in sorted(name, key=lambda token: token.i)),
        attributes=tuple(_attributes([*adjectives, *_predicative_adjectives(noun)])),
        span=(
            min(token.idx for token in written),
            max(token.idx + len(token) for token in written),
        ),
        count=_count(noun),
    )


def _count(noun: Token) -> int | None:
    """Read the number before a noun: "two dogs", "a couple of dogs", "a dozen donuts"."""
    numbers = [child for child in noun.lefts if child.tag_ == "CD" or child.dep_ == "nummod"]
    quantity = noun.head.head
    if noun.dep_ == "pobj" and quantity.lower_ in NUMBERS and content(quantity) == noun:
        numbers.append(quantity)
    if len(numbers) != 1 or any(child.tag_ == "CD" for child in numbers[0].lefts):
        return None  # no number, or one of several words
    word = numbers[0].lower_
    return int(word) if word.isdecimal() else NUMBERS.get(word)


def _next(token: Token) -> Token:
    return token.doc[min(token.i + 1, len(token.doc) - 1)]


def _is_noun(token: Token) -> bool:
    """Go by the tag, or by the article: "a harness" may be tagged as an adjective."""
    if token.tag_.startswith("NN"):
        return True
    return token.tag_ == "JJ" and any(child.tag_ == "DT" for child in token.lefts)


def _is_modifier(token: Token) -> bool:
    """Go by the dependency, but not for list items, or where an article begins a new phrase."""
    if token.dep_ not in MODIFIERS or is_listed(token):
        return False
    is_phrase = any(child.tag_ == "DT" for child in token.lefts)
    return not is_phrase or _next(token).tag_.startswith("NN")


def _modifiers(noun: Token) -> Iterator[Token]:
    """Yield adjectives and compounds, and those coordinated with them: "black and white dog"."""
    waiting = [child for child in noun.children if _is_modifier(child)]
    while waiting:
        token = waiting.pop()
        if _describes_nothing(token):
            continue
        yield token
        inner = [child for child in token.children if child not in _adverbs(token)]
        waiting += [child for child in inner if _is_modifier(child) or child.dep_ == "conj"]


def _is_adjective(modifier: Token) -> bool:
    """Tell a description from a part of the name.

    Colours and sizes are often parsed as such a part: "orange ring", "small cross".
    """
    if modifier.lower_ in DESCRIPTIONS:
        return True
    return modifier.dep_ != "compound" and modifier.tag_[:2] in {"JJ", "VB"}


def _predicative_adjectives(noun: Token) -> Iterator[Token]:
    """Yield adjectives after a copula: "the dog is black and white"."""
    if noun.dep_ != "nsubj" or verb_is_denied(noun.head):
        return
    for child in noun.head.rights:
        if child.dep_ == "acomp" and not _describes_nothing(child):
            yield child
            yield from child.conjuncts


def _describes_nothing(adjective: Token) -> bool:
    """Tell whether an adjective counts ("several"), has a complement ("full of"), or is denied."""
    if adjective.lower_ in COUNTING or any(child.dep_ == "neg" for child in adjective.lefts):
        return True
    return any(child.dep_ in {"prep", "xcomp"} for child in adjective.rights)


def _adverbs(adjective: Token) -> list[Token]:
    """List the words that complete an adjective: "snow covered", "brightly coloured"."""
    labels = {"npadvmod", "advmod"}
    if adjective.tag_.startswith("VB"):
        labels |= {"amod", "compound"}
    lefts = [child for child in adjective.lefts if child.dep_ in labels]
    return [child for child in lefts if child.lower_ not in INTENSIFIERS]


def _attributes(adjectives: Iterable[Token]) -> list[str]:
    """Put adjectives in words; a shade and its colour are one attribute: "light blue"."""
    attributes: list[str] = []
    for token in adjectives:
        if attributes and attributes[-1] in SHADES and token.lower_ in COLOURS:
            attributes[-1] += f" {token.lower_}"
        else:
            attributes.append(" ".join(word.lower_ for word in (*_adverbs(token), token)))
    return attributes

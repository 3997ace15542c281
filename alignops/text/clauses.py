"""Who acts in a parsed caption: the subject of a verb, and the things a noun phrase stands for."""

from collections.abc import Iterator

from spacy.tokens import Token

from alignops.text.entities import content, is_entity, is_listed

INHERITING = frozenset({"conj", "xcomp", "advcl", "ccomp", "pcomp"})
COORDINATED = frozenset({"conj", "appos"})  # "a toilet, counter and sink": the counter is "appos"
RELATIVE_PRONOUNS = frozenset({"WDT", "WP"})
DETERMINERS = frozenset({"det", "poss", "nummod"})


def actors(verb: Token) -> Iterator[Token]:
    """Yield the entities that do what a verb says, or to which it is done in the passive."""
    for rule in (_explicit, _existential, _inverted, _modified):
        if (noun := rule(verb)) is not None:
            return modified_things(noun, verb)
    return _inherited(verb)


def _explicit(verb: Token) -> Token | None:
    """Match "a dog sits", "a horse is led"."""
    return _child(verb, "nsubj", "nsubjpass")


def _existential(verb: Token) -> Token | None:
    """Match "there is a dog"."""
    return _child(verb, "attr", "dobj") if _child(verb, "expl") is not None else None


def _inverted(verb: Token) -> Token | None:
    """Match "on the couch sits a dog"."""
    fronted = any(child.dep_ == "prep" for child in verb.lefts)
    return _child(verb, "attr", "dobj") if fronted else None


def _modified(verb: Token) -> Token | None:
    """Match "a man riding", "a horse led by", "a dog that sits"."""
    return verb.head if verb.dep_ in {"acl", "relcl"} else None


def _inherited(verb: Token) -> Iterator[Token]:
    """Match "a man sits and reads", "tries to bite", "rides while holding"."""
    if verb.dep_ not in INHERITING:
        return iter(())
    head = verb.head
    while head.dep_ in {"prep", "advmod", "acomp"}:
        head = head.head
    return modified_things(head, verb) if head.tag_.startswith("NN") else actors(head)


def _child(verb: Token, *labels: str) -> Token | None:
    return next((child for child in verb.children if child.dep_ in labels), None)


def things(noun: Token, before: int | None = None) -> Iterator[Token]:
    """Yield the head nouns of the entities that a noun phrase stands for, with those coordinated.

    Args:
        noun: head of the noun phrase, or a relative pronoun.
        before: position of what follows the phrase, where a noun beyond it takes no part.
    """
    noun = _antecedent(noun)
    if (inner := content(noun)) is not None:
        yield from things(inner)
    elif is_entity(noun):
        yield noun
    for other in noun.lefts:
        if is_listed(other):
            yield from things(other)
    for other in noun.rights:
        if other.dep_ in COORDINATED and (before is None or other.i < before):
            yield from things(other, before)


def modified_things(noun: Token, modifier: Token) -> Iterator[Token]:
    """Yield the entities that a phrase after a noun is about.

    Both in "a man and woman on a horse", only the second in "a man and a woman on a horse".
    """
    if modifier.i < noun.i:
        return things(noun)
    while noun.dep_ in COORDINATED and not any(child.dep_ in DETERMINERS for child in noun.lefts):
        noun = noun.head
    return things(noun, before=modifier.i)


def _antecedent(pronoun: Token) -> Token:
    """Find the dog for "that" in "a dog that sits"; leave any other token as it is."""
    if pronoun.tag_ not in RELATIVE_PRONOUNS:
        return pronoun
    clause = next((word for word in pronoun.ancestors if word.dep_ == "relcl"), None)
    return pronoun if clause is None else clause.head

"""Who acts in a parsed caption: subjects of verbs, and the things that noun phrases denote."""

from collections.abc import Iterator

from spacy.tokens import Token

from alignops.text.rules.entities import content, is_entity, is_listed
from alignops.text.rules.lexicon import COMPANY, WEARING, WORN

INHERITING = frozenset({"conj", "xcomp", "advcl", "ccomp", "pcomp"})
COORDINATED = frozenset({"conj", "appos"})  # "a toilet, counter and sink": the counter is "appos"
RELATIVE_PRONOUNS = frozenset({"WDT", "WP"})
DETERMINERS = frozenset({"det", "poss", "nummod"})


def actors(verb: Token) -> Iterator[Token]:
    """Yield the entities that perform a verb, or undergo it in the passive."""
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
    """Match "a man riding", "a horse led by", "a dog that sits", "a man in a hat riding"."""
    if verb.dep_ not in {"acl", "relcl"}:
        return None
    return _wearer(verb.head) if verb.tag_ == "VBG" else verb.head


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
    """Yield the head nouns of the entities that a noun phrase denotes, with coordinated ones.

    Args:
        noun: head of the noun phrase, or a relative pronoun.
        before: position of what follows the phrase; nouns beyond it are left out.
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
    """Yield the entities that a phrase after a noun modifies.

    Both in "a man and woman on a horse"; only the second in "a man and a woman on a horse"; but
    both in "a man and a woman riding a horse", where the caption says nothing else.
    """
    if modifier.i < noun.i:
        return things(noun)
    first = _first(noun)
    if modifier.dep_ == "acl" and first.dep_ == "ROOT":
        return things(first, before=modifier.i)
    while noun.dep_ in COORDINATED and not any(child.dep_ in DETERMINERS for child in noun.lefts):
        noun = noun.head
    return things(noun, before=modifier.i)


def _first(noun: Token) -> Token:
    while noun.dep_ in COORDINATED:
        noun = noun.head
    return noun


def _wearer(garment: Token) -> Token:
    """Find the man for the hat in "a man in a hat"; leave any other noun as it is."""
    link = _first(garment).head
    is_worn = garment.lower_ in WORN and link.lower_ in WEARING
    return link.head if is_worn and link.head.tag_.startswith("NN") else garment


def _antecedent(pronoun: Token) -> Token:
    """Find what a pronoun stands for; leave any other token as it is.

    The dog for "that" in "a dog that sits", the desk for "it" in "a desk with a monitor on it", the
    woman for "she" in "a woman smiles as she stands".
    """
    if pronoun.tag_ in RELATIVE_PRONOUNS:
        clause = next((word for word in pronoun.ancestors if word.dep_ == "relcl"), None)
        return pronoun if clause is None else clause.head
    if pronoun.tag_ != "PRP":
        return pronoun
    if pronoun.dep_ == "nsubj" and pronoun.head.dep_ == "advcl":
        return next(actors(pronoun.head.head), pronoun)
    for word in pronoun.ancestors:
        if word.dep_ == "relcl" or word.lower_ in COMPANY:
            is_verb = word.dep_ != "relcl" and word.head.tag_.startswith("VB")
            return next(actors(word.head), pronoun) if is_verb else word.head
    return pronoun

"""Corrections of the parser's systematic errors in captions.

The parser is trained on news and dialogue, which seldom describe a scene in the present tense. Its
usual error is to take a verb for the head of the noun phrase before it: in "a dog leaps over a log"
it finds a thing called "dog leaps".
"""

from spacy.tokens import Doc, Token

from alignops.text.rules.entities import MODIFIERS
from alignops.text.rules.lexicon import COMPANY, NOUNS_IN_ING, SINGULAR_DETERMINERS

CLAUSES = frozenset({"acl", "relcl", "advcl", "pcomp", "xcomp"})
OWN_PHRASES = frozenset({"prep", "acl", "relcl"})
OBJECTS = frozenset({"pobj", "dobj", "conj", "attr", "appos"})


def repair(doc: Doc) -> Doc:
    """Correct the tags and dependencies of a parsed caption in place."""
    for token in doc:
        if _has_subject(token):
            token.tag_ = "VBZ"
        elif (noun := _swallowed_noun(token)) is not None:
            token.tag_ = "VBG" if token.lower_.endswith("ing") else "VBZ"
            _release(noun, token)
        elif _is_listed_noun(token):
            token.tag_ = "NN"
        elif (first := _first_of_list(token)) is not None:
            token.head = first
        elif token.dep_ in CLAUSES and token.lower_.endswith("ing"):
            token.tag_ = "VBG"
    return doc


def _has_subject(noun: Token) -> bool:
    """Find verbs by their subject, if they agree in number: "a woman crouches", "two men smile".

    Any number goes with "rolling".
    """
    if noun.tag_ not in {"NN", "NNS"}:
        return False
    subject = next((child for child in noun.lefts if child.dep_ == "nsubj"), None)
    if subject is None:
        return False
    if noun.lower_.endswith("ing") and noun.lower_ not in NOUNS_IN_ING:
        return True
    several = any(child.dep_ in {"conj", "nummod"} for child in subject.children)
    several = several or subject.tag_ == "NNS"
    return bool(noun.tag_ == ("NN" if several else "NNS"))


def _is_listed_noun(verb: Token) -> bool:
    """Find nouns in a list with nouns: "a laptop and backpack", where no verb takes an object."""
    if verb.tag_ != "VB" or verb.dep_ != "conj" or not verb.head.tag_.startswith("NN"):
        return False
    return not any(child.dep_ in {"nsubj", "dobj", "aux"} for child in verb.children)


def _first_of_list(noun: Token) -> Token | None:
    """Find the door for the graffiti in "a building with a door and graffiti".

    The parser coordinates the graffiti with the building. A noun with a phrase of its own stays:
    "a man with a hat and a woman with a bag".
    """
    if (
        noun.dep_ not in {"conj", "appos"}
        or not noun.tag_.startswith("NN")
        or any(child.dep_ in OWN_PHRASES for child in noun.rights)
    ):
        return None
    between = [child for child in noun.head.rights if child.i < noun.i and child.dep_ == "prep"]
    if not noun.head.tag_.startswith("NN") or not between or between[-1].lower_ not in COMPANY:
        return None
    return next((child for child in between[-1].rights if child.dep_ == "pobj"), None)


def _swallowed_noun(verb: Token) -> Token | None:
    """Find the noun right before a verb that was taken for the head of its phrase."""
    noun = verb.doc[max(verb.i - 1, 0)]
    if noun.dep_ not in MODIFIERS or not noun.tag_.startswith("NN") or not _is_verb(verb):
        return None
    is_head = noun.head == verb or (verb.dep_ in MODIFIERS and noun.head == verb.head)
    return noun if is_head else None


def _is_verb(head: Token) -> bool:
    """Tell whether the head of a noun phrase is a verb: "a dog leaps", "a dress singing into"."""
    if head.lower_ in NOUNS_IN_ING:
        return False
    if head.tag_ == "NNS":  # no plural follows "a", unless more than one thing does
        children = [child.lower_ for child in head.lefts]
        return not SINGULAR_DETERMINERS.isdisjoint(children) and "and" not in children
    is_gerund = head.tag_ == "NN" and head.lower_.endswith("ing")
    return head.tag_ in {"VBZ", "VBG"} or (is_gerund and any(head.rights))


def _release(noun: Token, verb: Token) -> None:
    """Give the phrase back to its noun, and the verb to its actor."""
    top = verb.head if verb.dep_ in MODIFIERS else verb  # "drinks water": "water" is the top
    governor, role = top.head, top.dep_
    for child in (*top.lefts, *verb.lefts):
        if child.i < noun.i:
            child.head = noun
    if role in OBJECTS:  # a man in a vest trots
        noun.head, noun.dep_ = governor, role
        actor = _actor(governor, finite=verb.tag_ != "VBG")
        verb.head, verb.dep_ = actor, "acl" if actor.tag_.startswith("NN") else "advcl"
    else:  # a dog leaps
        verb.head, verb.dep_ = verb if governor == top else governor, role  # a root heads itself
        noun.head, noun.dep_ = verb, "nsubj"
    if top != verb:
        top.head, top.dep_ = verb, "dobj"


def _actor(governor: Token, finite: bool) -> Token:
    """Find who acts after a phrase: "man" for "in" in "a man in a vest trots".

    A participle belongs to the nearest noun, a finite verb to the subject of the sentence.
    """
    passed = {"prep", "conj", "pobj", "dobj", "acl"} if finite else {"prep", "conj"}
    while governor.dep_ in passed:
        governor = governor.head
    return governor

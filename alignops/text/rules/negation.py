"""Negation in a caption: things that are absent, and relations that do not hold.

"A man not wearing a hat" loses both the hat and the relation. "A man not looking at the camera"
keeps the camera: a noun with a definite article exists, whatever is denied of it.
"""

from spacy.tokens import Token

from alignops.text.rules.lexicon import ABSENT, DEFINITE, DENYING_PREPOSITIONS, DENYING_WORDS

CLAUSES = frozenset({"acl", "relcl"})
PARTS = frozenset({"of", "with"})  # nor is the food there in "no plates of food"
ALTERNATIVES = frozenset({"or", "nor"})


def is_denied(noun: Token) -> bool:
    """Tell whether a caption denies that a thing exists: "no cars", "without a hat"."""
    if noun.lower_ in ABSENT or _is_marked(noun):
        return True
    if noun.dep_ in {"conj", "appos"}:
        if (word := _alternative(noun)) is not None:  # "without a hat or bag"
            return is_denied(word) or is_denied(noun.head)
        return is_denied(noun.head) and not _is_new_phrase(noun)
    if noun.dep_ == "pobj":
        return _is_denied_after(noun.head, noun)
    return noun.dep_ in {"dobj", "attr"} and not _is_definite(noun) and verb_is_denied(noun.head)


def verb_is_denied(verb: Token) -> bool:
    """Tell whether a verb is denied: "is not riding", "without riding"."""
    if _is_marked(verb):
        return True
    if verb.dep_ == "conj":
        return _alternative(verb) is not None and verb_is_denied(verb.head)
    if verb.dep_ == "xcomp":  # "is not trying to catch"
        return verb_is_denied(verb.head)
    if verb.dep_ == "pcomp":
        return verb.head.lower_ in DENYING_PREPOSITIONS
    return verb.dep_ in CLAUSES and is_denied(verb.head)


def is_related(subject: Token, object_: Token) -> bool:
    """Tell whether nothing denies a relation between two things."""
    if is_denied(subject) or is_denied(object_):
        return False
    for word in object_.ancestors:
        if word == subject:
            break
        if word.tag_.startswith("VB"):
            return not verb_is_denied(word)
    return True


def _is_denied_after(preposition: Token, noun: Token) -> bool:
    """Match "without a hat", and "not sitting on a bench", where no bench need be."""
    word = preposition
    while word.dep_ in {"prep", "agent"} and word.lower_ not in DENYING_PREPOSITIONS:
        word = word.head
    if word.lower_ in DENYING_PREPOSITIONS:
        return True
    if _is_definite(noun):
        return False
    if word.tag_.startswith("VB"):
        return word.i < noun.i and verb_is_denied(word)
    return preposition.lower_ in PARTS and word.tag_.startswith("NN") and is_denied(word)


def _is_marked(word: Token) -> bool:
    return any(child.dep_ == "neg" or child.lower_ in DENYING_WORDS for child in word.children)


def _alternative(word: Token) -> Token | None:
    """Find what stands before "or": the chairs for the tables in "no chairs or tables"."""
    siblings = word.head.rights
    ors = (child for child in siblings if child.lower_ in ALTERNATIVES and child.i < word.i)
    return next((child.doc[child.i - 1] for child in ors), None)


def _is_new_phrase(noun: Token) -> bool:
    return any(child.dep_ in {"det", "poss", "nummod"} for child in noun.lefts)


def _is_definite(noun: Token) -> bool:
    return any(child.lower_ in DEFINITE for child in noun.lefts)

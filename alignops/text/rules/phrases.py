"""Phrases of a caption: the NP, VP, PP and S nodes that a dependency parse implies.

A head word and all that depends on it is a phrase: of a noun a noun phrase (NP), of a preposition a
prepositional phrase (PP), of a verb without its subject a verb phrase (VP) and with it a clause
(S). A noun phrase with something after its noun also holds the one that ends at the noun.
"""

from collections.abc import Iterator, Sequence

from spacy.tokens import Doc, Token

from alignops.text.phrase import Label, Phrase
from alignops.text.rules.pipeline import load_pipeline

_SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "csubjpass", "expl"})
_NOT_OF_VERB = _SUBJECTS | {"mark", "punct"}
_PREPOSITIONS = frozenset({"prep", "agent"})


def parse_phrases(captions: Sequence[str]) -> list[tuple[Phrase, ...]]:
    """Parse captions as one batch, and return the phrases of each."""
    return [phrases_of(doc) for doc in load_pipeline().pipe(captions, batch_size=len(captions))]


def phrases_of(doc: Doc) -> tuple[Phrase, ...]:
    """List the phrases of one parsed caption by start, longer ones first."""
    phrases: dict[tuple[int, int], Phrase] = {}
    for head in doc:
        for label, words in _nodes(head):
            if words := _without_punctuation(words):
                span = (words[0].idx, words[-1].idx + len(words[-1]))
                phrases.setdefault(span, Phrase(label, span))
    return tuple(sorted(phrases.values(), key=lambda one: (one.span[0], -one.span[1])))


def _nodes(head: Token) -> Iterator[tuple[Label, list[Token]]]:
    """Yield the phrases of a head word."""
    first, last = head.left_edge.i, head.right_edge.i + 1
    if _is_clause(head):
        yield "S", list(head.doc[first:last])
    if head.tag_.startswith("VB") and not head.dep_.startswith("aux"):
        yield "VP", list(head.doc[_start_of_verb_phrase(head) : last])
    elif _is_noun(head):
        yield "NP", list(head.doc[first:last])
        yield "NP", list(head.doc[first : head.i + 1])
    elif head.dep_ in _PREPOSITIONS:
        yield "PP", list(head.doc[first:last])


def _is_clause(head: Token) -> bool:
    """Tell heads with a subject, and that of the whole caption where it is no noun."""
    if any(child.dep_ in _SUBJECTS for child in head.lefts):
        return True
    return head.dep_ == "ROOT" and not _is_noun(head)


def _is_noun(head: Token) -> bool:
    """Tell nouns and pronouns that stand for a thing, not those inside another's name."""
    return head.tag_.startswith(("NN", "PRP")) and head.dep_ not in {"compound", "nmod", "poss"}


def _start_of_verb_phrase(verb: Token) -> int:
    """Find where a verb's phrase begins: after the subject, at "is" in "a dog is running"."""
    start: int = verb.i
    for child in reversed(list(verb.lefts)):
        if child.dep_ in _NOT_OF_VERB or child.right_edge.i != start - 1:
            break
        start = child.left_edge.i
    return start


def _without_punctuation(words: list[Token]) -> list[Token]:
    """Strip punctuation from both ends."""
    kept = [place for place, word in enumerate(words) if word.text[-1:].isalnum()]
    return words[kept[0] : kept[-1] + 1] if kept else []

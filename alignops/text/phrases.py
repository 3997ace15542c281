"""Phrases of a caption: the NP, VP, PP and S nodes that a dependency parse implies.

A head word and all that depends on it is a phrase: of a noun a noun phrase (NP), of a preposition a
prepositional phrase (PP), of a verb without its subject a verb phrase (VP) and with it a clause
(S). A noun phrase with something after its noun also holds the one that ends at the noun.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from rich.console import Console
from rich.progress import track
from spacy.tokens import Doc, Token

from alignops.text.parse import MANY
from alignops.text.pipeline import load_pipeline

Label = Literal["NP", "VP", "PP", "S"]

_SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "csubjpass", "expl"})
_NOT_OF_VERB = _SUBJECTS | {"mark", "punct"}
_PREPOSITIONS = frozenset({"prep", "agent"})
_BATCH = 256


class Phrase(NamedTuple):
    """A node of a caption's phrase tree.

    Attributes:
        label: its kind.
        span: first character and one past the last, in the caption; no punctuation at its ends.
    """

    label: Label
    span: tuple[int, int]


def find_phrases(captions: Sequence[str]) -> list[list[Phrase]]:
    """List the phrases of captions, the whole of each among them.

    Args:
        captions: English captions.

    Returns:
        Per caption its phrases by their begin, the longer first; no two have the same span. None
        for a caption without words.

    Raises:
        ImportError: no English spaCy model is installed.
    """
    docs: Iterable[Doc] = load_pipeline().pipe(captions, batch_size=_BATCH)
    if len(captions) >= MANY:
        docs = track(docs, "Parsing captions", len(captions), console=Console(stderr=True))
    return [_tree(doc) for doc in docs]


def _tree(doc: Doc) -> list[Phrase]:
    phrases: dict[tuple[int, int], Phrase] = {}
    for head in doc:
        for label, words in _nodes(head):
            if words := _without_punctuation(words):
                span = (words[0].idx, words[-1].idx + len(words[-1]))
                phrases.setdefault(span, Phrase(label, span))
    return sorted(phrases.values(), key=lambda phrase: (phrase.span[0], -phrase.span[1]))


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
    """Cut punctuation off both ends."""
    kept = [place for place, word in enumerate(words) if word.text[-1:].isalnum()]
    return words[kept[0] : kept[-1] + 1] if kept else []

"""Agreement of parsed graphs with captions annotated by hand.

Words are compared as written, in lower case. Objects match if their head nouns, the last words, are
equal; the second "woman" of a graph matches the second of the annotation. Attributes match if they
describe the same object and end in the same word. Relations match if they join the same objects and
the words of one predicate are among those of the other ("in", "sitting in"); a passive also matches
with its objects exchanged ("led by", "led").
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from alignops.text.graph import Relation, SceneGraph
from alignops.text.rules.lexicon import COPULAS

FILE = Path(__file__).with_name("coco_val2017_annotated.json")
HALVES = ("development", "test")
KINDS = ("objects", "attributes", "relations")


@dataclass(frozen=True)
class Fact:
    """A statement of a caption.

    Attributes:
        sayings: equivalent forms: (object,), (object, attribute) or (subject, predicate, object),
            with objects by position.
        optional: the parser may find it or leave it out.
    """

    sayings: tuple[tuple[Any, ...], ...]
    optional: bool


@dataclass
class Score:
    """Numbers of right, found and annotated facts, without optional ones."""

    found_right: int = 0
    found: int = 0
    annotated_found: int = 0
    annotated: int = 0

    @property
    def precision(self) -> float:
        """Share of found facts that are annotated."""
        return self.found_right / self.found

    @property
    def recall(self) -> float:
        """Share of annotated facts that were found."""
        return self.annotated_found / self.annotated

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / (self.precision + self.recall)


@cache
def annotations(half: str) -> list[dict[str, Any]]:
    """Read the annotated captions of one half, "development" or "test"."""
    rows: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))[half]
    return rows


def score(graphs: Iterable[SceneGraph], half: str) -> dict[str, Score]:
    """Score one half of the captions, by objects, attributes and relations."""
    scores = {kind: Score() for kind in KINDS}
    for graph, row in zip(graphs, annotations(half), strict=True):
        found, annotated = _found(graph, row), _annotated(row)
        for kind in KINDS:
            _count(scores[kind], found[kind], annotated[kind])
    return scores


def _count(score: Score, found: Sequence[tuple[Any, ...]], annotated: Sequence[Fact]) -> None:
    said = [[fact for fact in annotated if _says(fact, one)] for one in found]
    demanded = [facts for facts in said if not facts or not all(fact.optional for fact in facts)]
    score.found += len(demanded)
    score.found_right += sum(bool(facts) for facts in demanded)
    facts = [fact for fact in annotated if not fact.optional]
    score.annotated += len(facts)
    score.annotated_found += sum(any(_says(fact, one) for one in found) for fact in facts)


def _says(fact: Fact, one: tuple[Any, ...]) -> bool:
    if len(one) < 3:
        return one in fact.sayings
    subject, predicate, object_ = one
    for a, words, b in fact.sayings:
        is_reversed = words.endswith(" by") and (object_, subject) == (a, b)
        if _agree(predicate, words) and (is_reversed or (subject, object_) == (a, b)):
            return True
    return False


def _agree(predicate: str, other: str) -> bool:
    a, b = set(predicate.split()), set(other.split())
    return a <= b or b <= a


def _annotated(row: dict[str, Any]) -> dict[str, list[Fact]]:
    facts: dict[str, list[Fact]] = {kind: [] for kind in KINDS}
    for index, described in enumerate(row["objects"]):
        noun, _, attributes = described.partition(": ")
        facts["objects"].append(Fact(((index,),), noun.endswith("?")))
        for attribute in filter(None, attributes.split(", ")):
            word = _last_word(attribute.rstrip("?"))
            facts["attributes"].append(Fact(((index, word),), attribute.endswith("?")))
    for relation in row["relations"]:
        subjects, *predicate, object_ = relation.rstrip("?").split()
        sayings = tuple((int(s), " ".join(predicate), int(object_)) for s in subjects.split("/"))
        facts["relations"].append(Fact(sayings, relation.endswith("?")))
    return facts


def _found(graph: SceneGraph, row: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """List a graph's facts with the annotation's objects; an unknown object is its noun."""
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    for index, described in enumerate(row["objects"]):
        waiting[_last_word(described.partition(":")[0].rstrip("?"))].append(index)
    heads = [_last_word(entity.noun) for entity in graph.entities]
    names = [waiting[head].pop(0) if waiting[head] else head for head in heads]
    attributes = [
        (name, _last_word(attribute))
        for name, entity in zip(names, graph.entities, strict=True)
        for attribute in entity.attributes
    ]
    relations = [relation for relation in graph.relations if relation.predicate not in COPULAS]
    return {
        "objects": [(name,) for name in names],
        "attributes": attributes,
        "relations": [_named(relation, names) for relation in relations],
    }


def _named(relation: Relation, names: Sequence[int | str]) -> tuple[int | str, str, int | str]:
    return names[relation.subject], relation.predicate, names[relation.object]


def _last_word(words: str) -> str:
    return words.lower().replace("-", " ").split()[-1]

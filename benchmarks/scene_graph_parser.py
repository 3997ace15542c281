"""A peer of `alignops.text`: SceneGraphParser, with its graphs converted to ours.

Conventions that differ must not count as errors, so the conversion removes determiners, numbers and
"several" from the attributes and pronouns from the objects. It replaces quantities and sides ("a
group of people", "the back of a car") by their nouns.
"""

import importlib.util
from collections.abc import Sequence
from functools import cache
from typing import Any

from alignops.text.graph import Entity, Relation, SceneGraph
from alignops.text.rules.identity import installed_model
from alignops.text.rules.lexicon import COUNTING, INDEFINITE, PLACES, TRANSPARENT

INSTALLED = importlib.util.find_spec("sng_parser") is not None
PRONOUNS = INDEFINITE | {
    *("it", "they", "them", "he", "him", "she", "her", "i", "you", "we", "us", "that", "which"),
    *("who", "what", "this", "these", "those", "there", "one", "themselves", "itself", "himself"),
    *("herself",),
}


def parse_captions(captions: Sequence[str]) -> list[SceneGraph]:
    """Parse with SceneGraphParser and our own parser's English model."""
    return [_graph(_parser().parse(caption)) for caption in captions]


@cache
def _parser() -> Any:
    from sng_parser import Parser

    return Parser("spacy", model=installed_model())


def _graph(parsed: dict[str, Any]) -> SceneGraph:
    heads = [entity["head"].lower() for entity in parsed["entities"]]
    triplets = [(r["subject"], r["relation"].lower(), r["object"]) for r in parsed["relations"]]
    inner = {a: b for a, predicate, b in triplets if predicate == "of" and heads[a] in TRANSPARENT}
    dropped = {i for i, head in enumerate(heads) if head in PRONOUNS | PLACES or i in inner}
    kept = {old: new for new, old in enumerate(i for i in range(len(heads)) if i not in dropped)}
    ends = [(inner.get(a, a), predicate, inner.get(b, b)) for a, predicate, b in triplets]
    return SceneGraph(
        entities=tuple(Entity(heads[i], _attributes(parsed["entities"][i])) for i in kept),
        relations=tuple(
            Relation(kept[a], predicate, kept[b])
            for a, predicate, b in ends
            if a in kept and b in kept and a != b
        ),
    )


def _attributes(entity: dict[str, Any]) -> tuple[str, ...]:
    words = [m["span"].lower() for m in entity["modifiers"] if m["dep"] == "amod"]
    return tuple(word for word in words if word not in COUNTING)

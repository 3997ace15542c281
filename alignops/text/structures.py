"""The two structures of a caption, graph and phrases: how to parse each, and its JSON form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from alignops.text.graph import Entity, Relation, SceneGraph
from alignops.text.phrase import Phrase

T = TypeVar("T")

# Increase it when `encode` changes its output, or an old output changes its meaning.
FORMAT = 1


@dataclass(frozen=True)
class Structure(Generic[T]):
    """A structure that captions are parsed to.

    Attributes:
        name: name of the structure.
        parse: parses a batch of captions; the first call loads spaCy.
        encode: converts to lists, strings and numbers.
        decode: inverts `encode`, also after a round trip through JSON.
    """

    name: str
    parse: Callable[[Sequence[str]], list[T]]
    encode: Callable[[T], Any]
    decode: Callable[[Any], T]


def _parse_graphs(captions: Sequence[str]) -> list[SceneGraph]:
    from alignops.text.rules.graphs import parse_graphs

    return parse_graphs(captions)


def _encode_graph(graph: SceneGraph) -> Any:
    entities = [(one.noun, one.attributes, one.span, one.count) for one in graph.entities]
    relations = [(one.subject, one.predicate, one.object) for one in graph.relations]
    return entities, relations


def _decode_graph(encoded: Any) -> SceneGraph:
    entities, relations = encoded
    return SceneGraph(
        entities=tuple(
            Entity(noun, tuple(attributes), tuple(span), count)
            for noun, attributes, span, count in entities
        ),
        relations=tuple(Relation(*relation) for relation in relations),
    )


def _parse_phrases(captions: Sequence[str]) -> list[tuple[Phrase, ...]]:
    from alignops.text.rules.phrases import parse_phrases

    return parse_phrases(captions)


def _encode_phrases(phrases: tuple[Phrase, ...]) -> Any:
    return phrases


def _decode_phrases(encoded: Any) -> tuple[Phrase, ...]:
    return tuple(Phrase(label, tuple(span)) for label, span in encoded)


GRAPHS = Structure("graphs", _parse_graphs, _encode_graph, _decode_graph)
PHRASES = Structure("phrases", _parse_phrases, _encode_phrases, _decode_phrases)
STRUCTURES: dict[str, Structure[Any]] = {one.name: one for one in (GRAPHS, PHRASES)}

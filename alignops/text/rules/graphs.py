"""Captions to graphs, by the parser and the rules for entities and relations."""

from collections.abc import Sequence

from spacy.tokens import Doc

from alignops.text.graph import Relation, SceneGraph
from alignops.text.rules.entities import describe, is_entity
from alignops.text.rules.negation import is_denied
from alignops.text.rules.pipeline import load_pipeline
from alignops.text.rules.relations import find_relations


def parse_graphs(captions: Sequence[str]) -> list[SceneGraph]:
    """Parse captions as one batch, and return one graph per caption."""
    texts = (text.lower() if text.isupper() else text for text in captions)
    return [graph_of(doc) for doc in load_pipeline().pipe(texts, batch_size=len(captions))]


def graph_of(doc: Doc) -> SceneGraph:
    """Apply the rules to one parsed caption."""
    nouns = [token for token in doc if is_entity(token) and not is_denied(token)]
    index = {noun.i: position for position, noun in enumerate(nouns)}
    return SceneGraph(
        entities=tuple(describe(noun) for noun in nouns),
        relations=tuple(
            Relation(index[subject.i], predicate, index[object_.i])
            for subject, predicate, object_ in find_relations(doc)
        ),
    )

"""Facts that a graph states or implies, to tell whether another graph follows from it.

A fact is an entity or a relation with its stated attributes. "Small red circle above blue square"
implies "circle above square", "blue square below red circle" and "small circle".
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

from alignops.text.graph import Entity, SceneGraph

# Predicates and their inverses, which exchange subject and object.
CONVERSES = {
    "right of": "left of",
    "below": "above",
    "under": "above",
    "underneath": "above",
    "beneath": "above",
    "behind": "in front of",
}

# Symmetric predicates.
SYMMETRIC = frozenset(
    ("and", "alongside", "beside", "by", "near", "opposite", "with", "close to", "next to")
)

Thing = tuple[str, frozenset[str]]
"""A noun with some attributes."""

Fact = tuple[Thing, ...] | tuple[Thing, str, Thing]
"""(thing,), or (subject, predicate, object) in the one form that all ways to say it share."""


def facts(graph: SceneGraph) -> frozenset[Fact]:
    """Return the entities and relations of a graph with all their attributes."""
    return _facts(graph, lambda entity: [(entity.noun, frozenset(entity.attributes))])


def implied_facts(graphs: Iterable[SceneGraph]) -> frozenset[Fact]:
    """Return what graphs of one image imply: their facts, with any attributes left out.

    As far as the captions tell, a graph is true of the image if `facts(graph)` is a subset.
    """
    return frozenset().union(*(_facts(graph, _weakened) for graph in graphs))


def _facts(graph: SceneGraph, forms: Callable[[Entity], Iterable[Thing]]) -> frozenset[Fact]:
    things = [list(forms(entity)) for entity in graph.entities]
    stated: set[Fact] = {(thing,) for of_entity in things for thing in of_entity}
    for relation in graph.relations:
        for subject in things[relation.subject]:
            for object_ in things[relation.object]:
                stated.add(_relation(subject, relation.predicate, object_))
    return frozenset(stated)


def _weakened(entity: Entity) -> Iterator[Thing]:
    for count in range(len(entity.attributes) + 1):
        for attributes in combinations(entity.attributes, count):
            yield entity.noun, frozenset(attributes)


def _relation(subject: Thing, predicate: str, object_: Thing) -> Fact:
    if predicate in CONVERSES:
        return object_, CONVERSES[predicate], subject
    if predicate in SYMMETRIC and _order(object_) < _order(subject):
        return object_, predicate, subject
    return subject, predicate, object_


def _order(thing: Thing) -> tuple[str, list[str]]:
    return thing[0], sorted(thing[1])

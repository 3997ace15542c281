"""The parts of a scene graph that MosaiCLIP takes for positives: one object, or two related ones.

Every part keeps any of its objects' attributes.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

from alignops.text.scene_graph import Entity, Relation, SceneGraph


def one_object_graphs(graph: SceneGraph) -> list[SceneGraph]:
    """List each entity with each subset of its attributes."""
    return [SceneGraph((form,)) for entity in graph.entities for form in _forms(entity)]


def one_relation_graphs(graph: SceneGraph) -> list[SceneGraph]:
    """List each relation between two objects, each with each subset of its attributes."""
    return [
        SceneGraph(pair, (Relation(0, relation.predicate, 1),))
        for relation in graph.relations
        if relation.subject != relation.object
        for pair in product(
            _forms(graph.entities[relation.subject]), _forms(graph.entities[relation.object])
        )
    ]


def _forms(entity: Entity) -> Iterator[Entity]:
    for count in range(len(entity.attributes) + 1):
        for attributes in combinations(entity.attributes, count):
            yield replace(entity, attributes=attributes, span=None)

"""Sub-graphs that MosaiCLIP uses as positives: one object, or two related ones.

Objects keep all their attributes.
"""

from dataclasses import replace

from alignops.text.graph import Relation, SceneGraph


def one_object_graphs(graph: SceneGraph) -> list[SceneGraph]:
    """List each entity as a graph of its own."""
    return [SceneGraph((replace(entity, span=None),)) for entity in graph.entities]


def one_relation_graphs(graph: SceneGraph) -> list[SceneGraph]:
    """List each relation between two entities as a graph of its own."""
    entities = [replace(entity, span=None) for entity in graph.entities]
    return [
        SceneGraph(
            (entities[relation.subject], entities[relation.object]),
            (Relation(0, relation.predicate, 1),),
        )
        for relation in graph.relations
        if relation.subject != relation.object
    ]

"""Graphs to sentences, for sub-graphs and their negatives."""

from alignops.text.graph import Entity, SceneGraph

# Nouns without an article, besides those in -s.
UNCOUNTED = frozenset(
    {"people", "men", "women", "children", "feet", "teeth", "geese", "mice", "sheep", "cattle"}
    | {"police", "food", "water", "grass", "snow", "sand", "wood", "metal", "fruit", "bread"}
    | {"cheese", "meat", "rice", "luggage", "furniture", "equipment", "traffic", "clothing"}
    | {"graffiti", "broccoli", "dirt", "mud", "ice", "smoke", "hair", "baseball", "tennis"}
    | {"soccer", "football", "frisbee"}
)


def sentence(graph: SceneGraph) -> str:
    """Put a graph in words.

    Entities become "{attributes} {object}", relations "{N1} {relation} {N2}" (MosaiCLIP, section
    3), plus articles, so that they read as English: "a small red circle above a blue square".

    Args:
        graph: if it has relations, entities outside them are not mentioned.
    """
    if not graph.relations:
        return " and ".join(_introduced(entity) for entity in graph.entities)
    named: set[int] = set()

    def name(index: int) -> str:
        entity = graph.entities[index]
        if index in named:
            return f"the {entity.phrase}"
        named.add(index)
        return _introduced(entity)

    statements = [
        f"{name(relation.subject)} {relation.predicate} {name(relation.object)}"
        for relation in graph.relations
    ]
    return " and ".join(statements)


def _introduced(entity: Entity) -> str:
    """Put "a" or "an" before an entity, unless it is plural or uncountable."""
    last = entity.noun.rsplit(" ", 1)[-1]
    is_plural = last.endswith("s") and not last.endswith(("ss", "us", "is"))
    if is_plural or last in UNCOUNTED:
        return entity.phrase
    return f"{'an' if entity.phrase[0] in 'aeiou' else 'a'} {entity.phrase}"

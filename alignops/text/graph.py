"""The structure of one caption: entities with attributes, and relations between them.

The parser returns this type, the scenes have it as their ground truth, and every method consumes
it. It depends on no parser and no tensor.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """A noun with its adjectives, such as "small red circle".

    Attributes:
        noun: head noun, with its compounds ("fire hydrant").
        attributes: adjectives in written order.
        span: character range [start, end) in the caption; None without a caption.
        count: number of things, if the caption gives one ("two dogs"); not part of `phrase`.
    """

    noun: str
    attributes: tuple[str, ...] = ()
    span: tuple[int, int] | None = None
    count: int | None = None

    @property
    def phrase(self) -> str:
        """The entity as text: "small red circle"."""
        return " ".join((*self.attributes, self.noun))


@dataclass(frozen=True, slots=True)
class Relation:
    """A triplet (subject, predicate, object) over the entities of one graph.

    Attributes:
        subject: index of the subject in `SceneGraph.entities`.
        predicate: action or preposition, such as "riding" or "left of".
        object: index of the object in `SceneGraph.entities`.
    """

    subject: int
    predicate: str
    object: int


@dataclass(frozen=True, slots=True)
class SceneGraph:
    """Entities and relations of one caption, in reading order."""

    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()

    def relation_phrase(self, relation: Relation) -> str:
        """Put a relation in words, with both entities: "red circle above blue square"."""
        subject, object_ = self.entities[relation.subject], self.entities[relation.object]
        return f"{subject.phrase} {relation.predicate} {object_.phrase}"

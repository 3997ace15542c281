"""The structure of one caption: entities with attributes, and relations between them.

The one type that the parser returns, the scenes carry as their ground truth, and every method
consumes. It knows no parser and no tensor.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """A noun with its adjectives, such as "small red circle".

    Attributes:
        noun: head noun, with its compounds ("fire hydrant").
        attributes: adjectives in the order in which they are written.
        span: character range [start, end) in the caption, or None where there is no caption.
        count: how many, where a number says so ("two dogs"); no part of `phrase`.
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
        """Put a relation in words, with both entities in full: "red circle above blue square"."""
        subject, object_ = self.entities[relation.subject], self.entities[relation.object]
        return f"{subject.phrase} {relation.predicate} {object_.phrase}"

"""A scene's objects and caption, and a test whether a statement about it is true.

Independent of pixels: `rendering` renders a scene, `sampling` draws one at random.
"""

from dataclasses import dataclass

from alignops.data.scenes.captions import sentence
from alignops.data.scenes.vocabulary import INVERSE
from alignops.text.graph import Entity, SceneGraph

CANVAS = 32
"""Side of the square that scenes are laid out on, in pixels."""

Box = tuple[int, int, int, int]
"""(x0, y0, x1, y1) in pixels of the canvas; x1 and y1 are exclusive."""

Meaning = frozenset[tuple[str, ...]]
"""The statements of a caption, in one canonical form."""


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One coloured shape and where it lies; its size is "" where nothing shows it."""

    shape: str
    colour: str
    size: str
    box: Box

    @property
    def entity(self) -> Entity:
        """The object as a caption names it: "small red circle"."""
        return Entity(self.shape, tuple(filter(None, (self.size, self.colour))))


@dataclass(frozen=True, slots=True)
class Scene:
    """An image whose contents are known exactly.

    Attributes:
        objects: 2 to 4 objects, no two of them alike, boxes apart by a pixel or more; or the one of
            a close-up.
        graph: what the caption states: one entity per object, in the objects' order, and a chain of
            relations (0, 1), (1, 2), ... Each chained pair lies apart along one axis only, so
            exactly one of the four predicates is true of it.
        template: index of the caption's template in `captions.TEMPLATES`.
    """

    objects: tuple[SceneObject, ...]
    graph: SceneGraph
    template: int

    @property
    def caption(self) -> str:
        """The scene in one natural sentence."""
        return sentence(self.graph, self.template)

    def satisfies(self, graph: SceneGraph) -> bool:
        """Whether all that `graph` states is true of the image.

        An entity must be in the image with this very noun and these attributes. "A left of B" is
        true where A's box ends before B's begins, so of a pair that lies diagonally two
        predicates are true.
        """
        boxes = {object_.entity.phrase: object_.box for object_ in self.objects}
        if any(entity.phrase not in boxes for entity in graph.entities):
            return False
        places = [boxes[entity.phrase] for entity in graph.entities]
        return all(
            relation.predicate in predicates(places[relation.subject], places[relation.object])
            for relation in graph.relations
        )


def predicates(subject: Box, object_: Box) -> list[str]:
    """List the predicates that are true of two boxes: none, one, or two on a diagonal."""
    true = []
    if subject[2] < object_[0]:
        true.append("left of")
    if object_[2] < subject[0]:
        true.append("right of")
    if subject[3] < object_[1]:
        true.append("above")
    if object_[3] < subject[1]:
        true.append("below")
    return true


def meaning(graph: SceneGraph) -> Meaning:
    """Reduce a graph to its statements, equal for captions that say the same.

    "A left of B" and "B right of A" have one meaning; the order of statements has none.
    """
    statements: set[tuple[str, ...]] = {(entity.phrase,) for entity in graph.entities}
    for relation in graph.relations:
        subject = graph.entities[relation.subject].phrase
        object_ = graph.entities[relation.object].phrase
        if relation.predicate in ("right of", "below"):
            statements.add((object_, INVERSE[relation.predicate], subject))
        else:
            statements.add((subject, relation.predicate, object_))
    return frozenset(statements)

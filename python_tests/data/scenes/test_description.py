from alignops.data.scenes import draw_scenes, meaning
from alignops.data.scenes.description import predicates
from alignops.text.graph import Entity, Relation, SceneGraph

RED, BLUE = Entity("circle", ("small", "red")), Entity("square", ("large", "blue"))


def statement(subject: Entity, predicate: str, object_: Entity) -> SceneGraph:
    return SceneGraph((subject, object_), (Relation(0, predicate, 1),))


def test_predicates_of_boxes():
    here = (10, 10, 15, 15)
    assert predicates(here, (20, 12, 25, 17)) == ["left of"]
    assert predicates(here, (8, 0, 13, 5)) == ["below"]
    assert predicates(here, (20, 20, 25, 25)) == ["left of", "above"]
    assert predicates(here, (12, 12, 20, 20)) == []


def test_one_statement_has_one_meaning():
    left = meaning(statement(RED, "left of", BLUE))
    assert left == meaning(statement(BLUE, "right of", RED))
    assert left != meaning(statement(BLUE, "left of", RED))
    assert left != meaning(statement(RED, "above", BLUE))
    assert meaning(statement(RED, "above", BLUE)) == meaning(statement(BLUE, "below", RED))


def test_satisfies_needs_the_very_object():
    scene = draw_scenes(1, seed=0)[0]
    ring, other = scene.graph.entities
    assert scene.satisfies(SceneGraph((ring,)))
    assert scene.satisfies(statement(other, "left of", ring))
    assert not scene.satisfies(statement(ring, "left of", other))
    assert not scene.satisfies(SceneGraph((Entity("ring", ("large", "green")),)))

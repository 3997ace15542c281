"""Random scenes, and splits of them that share no caption meaning."""

from collections.abc import Callable, Iterator
from itertools import islice, pairwise, product
from random import Random

from alignops.data.scenes.captions import TEMPLATES
from alignops.data.scenes.description import (
    CANVAS,
    Box,
    Meaning,
    Scene,
    SceneObject,
    meaning,
    predicates,
)
from alignops.data.scenes.vocabulary import COLOURS, SHAPES, SIZES
from alignops.data.splits import Splits
from alignops.text.graph import Relation, SceneGraph

_KINDS = tuple(product(SHAPES, COLOURS, SIZES))
_SIDES = {"small": (6, 7, 8), "large": (11, 12, 13)}
"""Side of an object's box in pixels. Far enough apart that small and large are unambiguous."""


def draw_scenes(count: int, *, objects: int = 2, seed: int) -> list[Scene]:
    """Draw random scenes.

    Args:
        count: how many.
        objects: objects in each scene, 2 to 4.
        seed: the same seed gives the same scenes, and a longer draw begins with the shorter one.

    Raises:
        ValueError: if `count` is negative or `objects` is not 2, 3 or 4.
    """
    _check_count("count", count)
    return list(islice(_scenes(objects, seed), count))


def draw_close_ups(count: int, *, seed: int) -> list[Scene]:
    """Draw pictures of a single object each, near enough to show what shape it has.

    Nothing is small or large in them: their captions name colour and shape.

    Args:
        count: how many.
        seed: the same seed gives the same pictures, and a longer draw begins with the shorter one.

    Raises:
        ValueError: if `count` is negative.
    """
    _check_count("count", count)
    rng = Random(seed)
    return [_close_up(rng) for _ in range(count)]


def split_scenes(
    *, train: int, validation: int, test: int, objects: int = 2, seed: int
) -> Splits[list[Scene]]:
    """Draw scenes for training, validation and testing, apart by what their captions mean.

    No meaning is in two splits ("A left of B" and "B right of A" are one meaning). Within
    validation and within test all meanings differ, so each caption has one right image; training
    may repeat them.

    Args:
        train: scenes to train on.
        validation: scenes for choices, such as the weights of a score.
        test: scenes to report on.
        objects: objects in each scene, 2 to 4.
        seed: of the whole draw.

    Raises:
        ValueError: if a count is negative, `objects` is not 2, 3 or 4, or validation and test ask
            for more than half of the meanings there are.
    """
    for name, count in (("train", train), ("validation", validation), ("test", test)):
        _check_count(name, count)
    meanings = _two_object_meanings()
    if 2 * (validation + test) > meanings:
        raise ValueError(
            f"validation + test is {validation + test}; expected at most {meanings // 2} scenes, "
            "half of the meanings of two objects"
        )
    held_out: set[Meaning] = set()

    def is_new(scene: Scene) -> bool:
        said = meaning(scene.graph)
        if said in held_out:
            return False
        held_out.add(said)
        return True

    source = _scenes(objects, seed)
    test_scenes = _take(source, test, is_new)
    validation_scenes = _take(source, validation, is_new)
    train_scenes = _take(source, train, lambda scene: meaning(scene.graph) not in held_out)
    return Splits(train_scenes, validation_scenes, test_scenes)


def _check_count(name: str, count: int) -> None:
    if count < 0:
        raise ValueError(f"{name} is {count}; expected a number of scenes, at least 0")


def _two_object_meanings() -> int:
    """Ordered pairs of kinds, side by side or one on top of the other."""
    return 2 * len(_KINDS) * (len(_KINDS) - 1)


def _take(source: Iterator[Scene], count: int, keep: Callable[[Scene], bool]) -> list[Scene]:
    return list(islice(filter(keep, source), count))


def _scenes(objects: int, seed: int) -> Iterator[Scene]:
    if objects not in (2, 3, 4):
        raise ValueError(f"objects is {objects}; expected 2, 3 or 4 per scene")
    rng = Random(seed)
    while True:
        yield _scene(rng, objects)


def _scene(rng: Random, count: int) -> Scene:
    kinds = rng.sample(_KINDS, count)
    boxes = _place(rng, [rng.choice(_SIDES[size]) for _, _, size in kinds])
    objects = tuple(
        SceneObject(shape, colour, size, box)
        for (shape, colour, size), box in zip(kinds, boxes, strict=True)
    )
    relations = tuple(
        Relation(i, predicates(a, b)[0], i + 1) for i, (a, b) in enumerate(pairwise(boxes))
    )
    graph = SceneGraph(tuple(object_.entity for object_ in objects), relations)
    return Scene(objects, graph, rng.randrange(len(TEMPLATES)))


def _close_up(rng: Random) -> Scene:
    shape, colour, _ = rng.choice(_KINDS)
    side = rng.randint(CANVAS // 2, CANVAS)
    x, y = rng.randint(0, CANVAS - side), rng.randint(0, CANVAS - side)
    object_ = SceneObject(shape, colour, "", (x, y, x + side, y + side))
    return Scene((object_,), SceneGraph((object_.entity,), ()), 0)


def _place(rng: Random, sides: list[int]) -> list[Box]:
    """Boxes that are apart, each one beside, above or below the one before but never diagonal.

    A layout can run out of room, so after some failures the whole of it is drawn anew.
    """
    boxes: list[Box] = []
    failures = 0
    while len(boxes) < len(sides):
        side = sides[len(boxes)]
        x, y = rng.randint(0, CANVAS - side), rng.randint(0, CANVAS - side)
        box = (x, y, x + side, y + side)
        if _fits(boxes, box):
            boxes.append(box)
            continue
        failures += 1
        if failures % 32 == 0:
            boxes.clear()
    return boxes


def _fits(boxes: list[Box], box: Box) -> bool:
    if not boxes:
        return True
    return len(predicates(boxes[-1], box)) == 1 and all(predicates(other, box) for other in boxes)

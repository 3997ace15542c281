"""Scenes as a paired dataset."""

from collections.abc import Sequence
from random import Random
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alignops.data.pairs import ImageCaptions, PairedDataset
from alignops.data.scenes.captions import Style, check_styles, describe
from alignops.data.scenes.compositional import (
    CompositionalKind,
    CompositionalPair,
    compositional_pairs,
)
from alignops.data.scenes.description import CANVAS, Scene
from alignops.data.scenes.rendering import render


class SceneDataset(PairedDataset):
    """Map-style dataset of scenes, drawn on access.

    Attributes:
        scenes: the scenes, in order.
        captions: per scene one text per style.
        keys: per scene its index and contents; two different datasets never agree in their keys.
        size: side of the images in pixels.
    """

    has_boxes = True

    def __init__(
        self,
        scenes: Sequence[Scene],
        *,
        size: int = CANVAS,
        styles: Sequence[Style] = ("natural",),
        seed: int = 0,
    ) -> None:
        """Write the captions; draw nothing yet.

        Args:
            scenes: such as `draw_scenes` returns.
            size: side of the images in pixels, a multiple of 32.
            styles: one caption of each style per scene; a style may occur several times. The first
                "natural" one is the scene's own caption, further ones draw their template.
            seed: of the captions' order of words and choice of templates.

        Raises:
            ValueError: if a style is unknown.
        """
        check_styles(styles)
        self.scenes = list(scenes)
        self.size = size
        self.captions = _captions(self.scenes, styles, Random(seed))
        self.keys = [f"{index:06d} {_contents(scene)}" for index, scene in enumerate(self.scenes)]

    def fingerprints(self) -> list[str]:
        """Spell out each scene and the size at which it is drawn; see `PairedDataset`."""
        return [f"{self.size} {_contents(scene)}" for scene in self.scenes]

    def __len__(self) -> int:
        """Return the number of scenes."""
        return len(self.scenes)

    def __getitem__(self, index: int) -> ImageCaptions:
        """Draw the scene `index`."""
        image = Image.fromarray(render(self.scenes[index], self.size))
        return ImageCaptions(image, self.captions[index], self.keys[index])

    def boxes(self, index: int) -> NDArray[np.float32]:
        """Return a scene's true boxes: float32 (objects, 4), xyxy in pixels of its image."""
        boxes = [object_.box for object_ in self.scenes[index].objects]
        return np.asarray(boxes, dtype=np.float32) * (self.size / CANVAS)

    def compositional_pairs(self, seed: int) -> dict[str, list[CompositionalPair]]:
        """Pair captions with false ones of every kind."""
        return {
            kind: compositional_pairs(self.scenes, kind, seed)
            for kind in get_args(CompositionalKind)
        }


def _captions(scenes: list[Scene], styles: Sequence[Style], rng: Random) -> list[tuple[str, ...]]:
    own = styles.index("natural") if "natural" in styles else None
    return [
        tuple(
            scene.caption if position == own else describe(scene.graph, style, rng)
            for position, style in enumerate(styles)
        )
        for scene in scenes
    ]


def _contents(scene: Scene) -> str:
    return " ".join(
        f"{object_.size}-{object_.colour}-{object_.shape}@{','.join(map(str, object_.box))}"
        for object_ in scene.objects
    )

"""The scenes of the demo, and the small CLIP from which its methods start."""

from dataclasses import dataclass, replace
from pathlib import Path

from alignops.data.scenes import PLACED_VOCABULARY, VOCABULARY, Style
from alignops.methods.clip import CLIP, ClipConfig
from alignops.methods.common.pairs import DataConfig, SceneConfig
from alignops.models import DualEncoderConfig
from alignops.training import LoopConfig, OptimizerConfig, Run

# Pixels of the base's images, and of those that crops are cut from: a crop of the former would
# leave a few pixels of an object.
_BASE_SIZE, _CROP_SIZE = 32, 128

# Tokens that a sentence has room for, per relation.
_RELATION_LENGTH = 16


@dataclass(frozen=True)
class DemoConfig:
    """The size of the demo: the defaults take minutes on two cores.

    Attributes:
        objects: objects of a scene, 2 to 4.
        word_styles: captions of the base's first stage, one of each style per scene.
        word_scenes: scenes that it sees in that stage.
        close_ups: pictures of single objects that it sees besides.
        sentence_scenes: scenes whose sentences the base and the methods are trained on, a part of
            them.
        held_out: scenes for validation, and as many for the test.
        word_steps: steps of that stage.
        sentence_steps: steps of the base on sentences, afterwards.
        comalign_steps: steps of ComAlign.
        aahr_steps: steps of AAHR.
        tuning_steps: steps of the methods that train the base on.
        batch_size: pairs per step; ComAlign takes twice as many.
    """

    objects: int = 2
    word_styles: tuple[Style, ...] = ("tags", "tags", "tags", "phrases")
    word_scenes: int = 8000
    close_ups: int = 8000
    sentence_scenes: int = 4000
    held_out: int = 1000
    word_steps: int = 500
    sentence_steps: int = 120
    comalign_steps: int = 400
    aahr_steps: int = 1200
    tuning_steps: int = 300
    batch_size: int = 64


_PLACES = DemoConfig(word_styles=("placed",), close_ups=0, sentence_scenes=8000, tuning_steps=400)

DEMO_BASES = {
    "words": DemoConfig(),
    "places": _PLACES,
    "places-of-three": replace(
        _PLACES, objects=3, word_scenes=40000, word_steps=2000, tuning_steps=1200
    ),
}
"""The demo by what its base knows before sentences: words, or what is where, of two or three."""


def demo_folder(base: str, seed: int) -> Path:
    """Name the folder of a demo's runs: one for each base and seed.

    Args:
        base: name in `DEMO_BASES`.
        seed: of scenes and weights.
    """
    parts = ["demo", *([base] if base != "words" else []), *([f"seed{seed}"] if seed else [])]
    return Path("runs") / "-".join(parts)


@dataclass(frozen=True)
class Stage:
    """The scenes, runs and sizes of one demo.

    Attributes:
        folder: of the runs.
        seed: of scenes and weights.
        size: how much of everything.
    """

    folder: Path
    seed: int
    size: DemoConfig

    @property
    def base(self) -> Run:
        """The base's run; `train_base` trains it."""
        return Run(self.folder / "base")

    @property
    def sentences(self) -> DataConfig:
        """The scenes with their sentences, as small as the base sees them."""
        size = self.size
        scenes = SceneConfig(
            train=size.sentence_scenes,
            validation=size.held_out,
            test=size.held_out,
            objects=size.objects,
            size=_BASE_SIZE,
        )
        return DataConfig(seed=self.seed, scenes=scenes)

    @property
    def crops(self) -> DataConfig:
        """The same, large enough to cut objects from."""
        return replace(self.sentences, scenes=replace(self.sentences.scenes, size=_CROP_SIZE))

    def loop(self, steps: int, batch_size: int | None = None) -> LoopConfig:
        """Make the course of a training."""
        return LoopConfig(
            steps=steps, batch_size=batch_size or self.size.batch_size, seed=self.seed
        )


def train_base(stage: Stage) -> Run:
    """Train the base.

    Most of its training is on bags of words ("square red large circle blue small") and loose
    phrases ("something red left"). The base thus recognises words but cannot bind attributes to
    objects, like a CLIP trained on web captions; the methods have to add that. Placed tags
    ("leftred rightsquare ...") instead teach its image tower places, as large-scale training does.
    No sentence contains these words, so the text tower still has to learn sentences.
    """
    size, sentences = stage.size, stage.sentences
    scenes = replace(
        sentences.scenes,
        train=size.word_scenes,
        close_ups=size.close_ups,
        styles=size.word_styles,
    )
    words = VOCABULARY + (PLACED_VOCABULARY if "placed" in size.word_styles else ())
    first = CLIP.train(
        ClipConfig(
            data=replace(sentences, scenes=scenes),
            model=DualEncoderConfig(
                image_size=_BASE_SIZE,
                context_length=_RELATION_LENGTH * (size.objects - 1),
                words=words,
            ),
            loop=stage.loop(size.word_steps),
            optimizer=OptimizerConfig(lr=2e-3),
        ),
        stage.folder / "words",
        "base on tags and phrases",
    )
    return CLIP.train(
        ClipConfig(
            data=sentences,
            model=DualEncoderConfig(name=str(first.model)),
            loop=stage.loop(size.sentence_steps),
            optimizer=OptimizerConfig(lr=1e-3),
        ),
        stage.base.folder,
        "base on sentences",
    )

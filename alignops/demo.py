"""The demo: from nothing to a trained ComAlign on drawn scenes, beside the base it stands on."""

from dataclasses import dataclass, replace
from pathlib import Path

from alignops.data.scenes import VOCABULARY, Style
from alignops.methods.clip import ClipConfig, train_clip
from alignops.methods.comalign import BaseConfig, ComAlignConfig, train_comalign
from alignops.methods.data import DataConfig, SceneConfig
from alignops.methods.results import evaluate_run, print_results
from alignops.models import TowerConfig
from alignops.training import LoopConfig, OptimizerConfig

_WORDS: tuple[Style, ...] = ("tags", "tags", "tags", "phrases")


# Pixels of the base's images, and of those that crops are cut from: a crop of the former would
# leave a few pixels of an object.
_BASE_SIZE, _CROP_SIZE = 32, 128


@dataclass(frozen=True)
class DemoConfig:
    """The size of the demo: the defaults take minutes on two cores.

    Attributes:
        word_scenes: scenes whose words and phrases the base is trained on.
        close_ups: pictures of single objects that it is trained on besides.
        sentence_scenes: scenes whose sentences the base and ComAlign are trained on, a part of
            them.
        held_out: scenes for validation, and as many for the test.
        word_steps: steps of the base on bags of words and loose phrases.
        sentence_steps: steps of the base on sentences, afterwards.
        comalign_steps: steps of ComAlign.
        batch_size: pairs per step of the base; ComAlign takes twice as many.
    """

    word_scenes: int = 8000
    close_ups: int = 8000
    sentence_scenes: int = 4000
    held_out: int = 1000
    word_steps: int = 500
    sentence_steps: int = 120
    comalign_steps: int = 400
    batch_size: int = 64


def run_demo(folder: Path, *, seed: int = 0, config: DemoConfig | None = None) -> None:
    """Train, measure, and print the table; an interrupted demo continues.

    Most of the base's training is on bags of words ("square red large circle blue small") and
    loose phrases ("something red left"), so that it knows words and places, but little of which
    belongs to what: the state in which web captions leave a CLIP. ComAlign then has to make up
    for it.

    Args:
        folder: of the three runs `words`, `base` and `comalign`.
        seed: of scenes and weights.
        config: how much of everything.
    """
    size = config or DemoConfig()
    scenes = SceneConfig(
        train=size.sentence_scenes, validation=size.held_out, test=size.held_out, size=_BASE_SIZE
    )
    sentences = DataConfig(seed=seed, scenes=scenes)
    words = replace(
        sentences,
        scenes=replace(scenes, train=size.word_scenes, close_ups=size.close_ups, styles=_WORDS),
    )
    crops = replace(sentences, scenes=replace(scenes, size=_CROP_SIZE))

    def loop(steps: int, batch_size: int) -> LoopConfig:
        return LoopConfig(steps=steps, batch_size=batch_size, seed=seed)

    word_base = train_clip(
        ClipConfig(
            data=words,
            tower=TowerConfig(image_size=_BASE_SIZE, words=VOCABULARY),
            loop=loop(size.word_steps, size.batch_size),
            optimizer=OptimizerConfig(lr=2e-3),
        ),
        folder / "words",
        "base on tags and phrases",
    )
    base = train_clip(
        ClipConfig(
            data=sentences,
            tower=TowerConfig(name=str(word_base.model)),
            loop=loop(size.sentence_steps, size.batch_size),
            optimizer=OptimizerConfig(lr=1e-3),
        ),
        folder / "base",
        "base on sentences",
    )
    comalign = train_comalign(
        ComAlignConfig(
            base=BaseConfig(str(base.model)),
            data=crops,
            features=folder / "features",
            loop=loop(size.comalign_steps, 2 * size.batch_size),
            optimizer=OptimizerConfig(lr=3e-3, warmup_steps=50),
        ),
        folder / "comalign",
        "ComAlign on the frozen base",
    )
    for run in (base, comalign):
        evaluate_run(run)
    print_results([base.folder, comalign.folder])

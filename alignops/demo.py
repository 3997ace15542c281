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


@dataclass(frozen=True)
class DemoConfig:
    """The size of the demo: the defaults take minutes on two cores.

    Attributes:
        scenes: training scenes.
        held_out: scenes for validation, and as many for the test.
        word_steps: steps of the base on unordered tags and loose phrases.
        sentence_steps: steps of the base on sentences, afterwards.
        comalign_steps: steps of ComAlign.
        batch_size: pairs per step of the base; ComAlign takes twice as many.
    """

    scenes: int = 8000
    held_out: int = 1000
    word_steps: int = 1600
    sentence_steps: int = 200
    comalign_steps: int = 800
    batch_size: int = 64


def run_demo(folder: Path, *, seed: int = 0, config: DemoConfig | None = None) -> None:
    """Train, measure, and print the table; an interrupted demo continues.

    Most of the base's training is on bags of words ("red large circle blue small square") and
    loose phrases ("something red left"), so that it knows words and places, but little of which
    belongs to what: the state in which web captions leave a CLIP. ComAlign then has to make up
    for it.

    Args:
        folder: of the three runs `words`, `base` and `comalign`.
        seed: of scenes and weights.
        config: how much of everything.
    """
    size = config or DemoConfig()
    scenes = SceneConfig(train=size.scenes, validation=size.held_out, test=size.held_out)
    sentences = DataConfig(seed=seed, scenes=scenes)
    tags = replace(sentences, scenes=replace(scenes, styles=_WORDS))

    def loop(steps: int, batch_size: int) -> LoopConfig:
        return LoopConfig(steps=steps, batch_size=batch_size, seed=seed)

    words = train_clip(
        ClipConfig(
            data=tags,
            tower=TowerConfig(image_size=scenes.size, words=VOCABULARY),
            loop=loop(size.word_steps, size.batch_size),
            optimizer=OptimizerConfig(lr=2e-3),
        ),
        folder / "words",
        "base on tags and phrases",
    )
    base = train_clip(
        ClipConfig(
            data=sentences,
            tower=TowerConfig(name=str(words.model)),
            loop=loop(size.sentence_steps, size.batch_size),
            optimizer=OptimizerConfig(lr=1e-3),
        ),
        folder / "base",
        "base on sentences",
    )
    comalign = train_comalign(
        ComAlignConfig(
            base=BaseConfig(str(base.model)),
            data=sentences,
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

"""The methods on scenes: how each is trained on the base, and its ablations."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from alignops.demo.base import Stage
from alignops.methods.aahr import AahrConfig, AahrEncoderConfig, AahrLossConfig
from alignops.methods.clip import ClipConfig
from alignops.methods.comalign import ComAlignConfig
from alignops.methods.common.frozen import BaseConfig
from alignops.methods.mosaiclip import MosaiClipConfig, TextConfig
from alignops.methods.powerclip import (
    PhraseConfig,
    PowerClipConfig,
    PowersetConfig,
    RegionConfig,
)
from alignops.models import DualEncoderConfig
from alignops.training import OptimizerConfig

# Of the methods that train all of the base.
_TUNING = OptimizerConfig(lr=1.5e-3)


@dataclass(frozen=True)
class DemoMethod:
    """A method as the demo trains it.

    Attributes:
        configure: gives its settings on a stage.
        ablations: by name, what is changed in the settings.
    """

    configure: Callable[[Stage], Any]
    ablations: dict[str, Callable[[Any], Any]] = field(default_factory=dict)


def _clip(stage: Stage) -> ClipConfig:
    return ClipConfig(
        data=stage.sentences,
        model=DualEncoderConfig(name=str(stage.base.model)),
        loop=stage.loop(stage.size.tuning_steps),
        optimizer=_TUNING,
    )


def _comalign(stage: Stage) -> ComAlignConfig:
    return ComAlignConfig(
        base=BaseConfig(str(stage.base.model)),
        data=stage.crops,
        loop=stage.loop(stage.size.comalign_steps, 2 * stage.size.batch_size),
        optimizer=OptimizerConfig(lr=3e-3, warmup_steps=50),
    )


def _mosaiclip(stage: Stage) -> MosaiClipConfig:
    return MosaiClipConfig(
        data=stage.sentences,
        model=DualEncoderConfig(name=str(stage.base.model)),
        # With few words, a single object is in many pictures: it says little, and costs retrieval.
        texts=TextConfig(obj=0.0),
        loop=stage.loop(stage.size.tuning_steps),
        optimizer=_TUNING,
    )


def _powerclip(stage: Stage) -> PowerClipConfig:
    return PowerClipConfig(
        data=stage.sentences,
        model=DualEncoderConfig(name=str(stage.base.model)),
        regions=RegionConfig("boxes"),
        phrases=PhraseConfig(pooling="mean"),
        powerset=PowersetConfig(tau=0.1),
        loop=stage.loop(stage.size.tuning_steps),
        optimizer=_TUNING,
    )


def _aahr(stage: Stage) -> AahrConfig:
    return AahrConfig(
        base=BaseConfig(str(stage.base.model)),
        data=stage.crops,
        regions="boxes",
        encoder=AahrEncoderConfig(dim=64, heads=4),
        losses=AahrLossConfig(prototypes=64, queue=1024),
        drop=0.0,  # a scene has only three regions
        loop=stage.loop(stage.size.aahr_steps),
        optimizer=OptimizerConfig(lr=3e-3, weight_decay=1e-4, warmup_steps=50, clip_norm=2.0),
    )


def _texts(**changes: Any) -> Callable[[MosaiClipConfig], MosaiClipConfig]:
    return lambda config: replace(config, texts=replace(config.texts, **changes))


def _powerset(**changes: Any) -> Callable[[PowerClipConfig], PowerClipConfig]:
    return lambda config: replace(config, powerset=replace(config.powerset, **changes))


def _losses(**changes: Any) -> Callable[[AahrConfig], AahrConfig]:
    return lambda config: replace(config, losses=replace(config.losses, **changes))


DEMO_METHODS = {
    "clip": DemoMethod(_clip),
    "comalign": DemoMethod(_comalign),
    "mosaiclip": DemoMethod(
        _mosaiclip,
        {
            "no-curriculum": _texts(coarse=0.0),
            "no-f_rel": _texts(rel=0.0),
            "no-f_attr": _texts(attr=0.0),
            "1-positive": _texts(positives=1),
            "1-negative": _texts(negatives=1),
            "3-negatives": _texts(negatives=3),
            "f_obj": _texts(obj=TextConfig().obj),
            "f_obj-not-exclusive": _texts(obj=TextConfig().obj, exclusive=False),
            "negclip": _texts(positives=0, negatives=0, word_swap=True),
        },
    ),
    "powerclip": DemoMethod(
        _powerclip,
        {
            "no-triplet": _powerset(weight=0.0),
            "no-powerset": _powerset(subsets=False),
            "no-tree": lambda config: replace(config, phrases=PhraseConfig("tokens", "mean")),
            "t2r-only": _powerset(directions=("t2r",)),
            "r2t-only": _powerset(directions=("r2t",)),
            "random-regions": lambda config: replace(config, regions=RegionConfig("random")),
        },
    ),
    "aahr": DemoMethod(
        _aahr,
        {
            "base-loss": _losses(prototype=0.0, graph=0.0, regulariser=0.0, momentum=0.0),
            "no-prototype": _losses(prototype=0.0),
            "no-graph": _losses(graph=0.0),
            "no-regulariser": _losses(regulariser=0.0),
            "no-momentum": _losses(momentum=0.0),
        },
    ),
}
"""By name in `METHODS`; "clip" is the base trained on with its own loss, for comparison."""

"""What a method is trained on: pairs of images and captions, in three parts."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from alignops.data import (
    PairedDataset,
    SceneDataset,
    Splits,
    is_precomputed,
    open_precomputed,
    require_images,
    split_flickr,
    split_scenes,
)
from alignops.data.scenes import Style, draw_close_ups
from alignops.settings import refuse_unused
from alignops.training import TrainingConfig


@dataclass(frozen=True)
class SceneConfig:
    """The synthetic scenes.

    Attributes:
        train: scenes to train on.
        close_ups: pictures of single objects to train on besides.
        validation: scenes to choose by.
        test: scenes to report on.
        objects: objects per scene, 2 to 4.
        size: side of the images in pixels, a multiple of 32.
        styles: captions of each training scene; validation and test have the natural one.
    """

    train: int = 8000
    close_ups: int = 0
    validation: int = 1000
    test: int = 1000
    objects: int = 2
    size: int = 64
    styles: tuple[Style, ...] = ("natural",)


@dataclass(frozen=True)
class DataConfig:
    """Pairs of images and captions. A setting that has no effect on the source is refused.

    Attributes:
        source: "scenes", a folder in the Flickr8k or Flickr30k layout, or one of SCAN's region
            features.
        on_error: what to do about missing and broken images of a Flickr folder.
        detections: boxes of its images in the COCO result format; None = a fixed grid.
        validation: share of its images, where it has no lists of its own.
        test: likewise.
        seed: of the scenes, or of the shares.
        scenes: how many scenes.
    """

    source: str = "scenes"
    on_error: Literal["raise", "skip"] = "raise"
    detections: Path | None = None
    validation: float = 0.1
    test: float = 0.1
    seed: int = 0
    scenes: SceneConfig = field(default_factory=SceneConfig)


_OF_FLICKR = ("on_error", "detections", "validation", "test")
_OF_SCENES = tuple(f"scenes.{setting.name}" for setting in fields(SceneConfig))


@dataclass(frozen=True, kw_only=True)
class MethodConfig(TrainingConfig):
    """What every method's configuration begins with.

    Attributes:
        data: pairs to train on.
    """

    data: DataConfig = field(default_factory=DataConfig)


def open_pairs(config: DataConfig) -> Splits[PairedDataset]:
    """Open the three parts; they share no image, and scenes no caption's meaning.

    Raises:
        FileNotFoundError: the source or an image in it is missing.
        ValueError: the source cannot be read, a part is empty, or a setting has no effect.
    """
    pairs = _open_source(config)
    require_images(pairs)
    return pairs


def open_image_pairs(config: DataConfig) -> Splits[PairedDataset]:
    """Open pairs for a method that looks at the images themselves.

    Raises:
        FileNotFoundError: as `open_pairs`.
        ValueError: as `open_pairs`, or the source has no images.
    """
    pairs = open_pairs(config)
    if not pairs.train.has_images:
        raise ValueError(
            f"data.source is {config.source!r}; expected images, but it holds region features, "
            "which only aahr takes"
        )
    return pairs


def _open_source(config: DataConfig) -> Splits[PairedDataset]:
    if config.source == "scenes":
        refuse_unused(config, _OF_FLICKR, group="data", reason="data.source is scenes")
        return _open_scenes(config)
    if not Path(config.source).is_dir():
        raise FileNotFoundError(
            f"data.source is {config.source!r}; expected 'scenes' or a folder that is there"
        )
    refuse_unused(config, _OF_SCENES, group="data", reason=f"data.source is {config.source}")
    if is_precomputed(config.source):
        reason = f"{config.source} holds region features in three splits"
        refuse_unused(config, (*_OF_FLICKR, "seed"), group="data", reason=reason)
        return open_precomputed(config.source)
    return split_flickr(
        config.source,
        on_error=config.on_error,
        validation=config.validation,
        test=config.test,
        seed=config.seed,
    )


def _open_scenes(config: DataConfig) -> Splits[PairedDataset]:
    counts = config.scenes
    parts = split_scenes(
        train=counts.train,
        validation=counts.validation,
        test=counts.test,
        objects=counts.objects,
        seed=config.seed,
    )
    train = parts.train + draw_close_ups(counts.close_ups, seed=config.seed)
    return Splits(
        SceneDataset(train, size=counts.size, styles=counts.styles, seed=config.seed),
        SceneDataset(parts.validation, size=counts.size),
        SceneDataset(parts.test, size=counts.size),
    )

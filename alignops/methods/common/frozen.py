"""What the methods on a frozen dual encoder share: its features, computed once and kept on disk."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from torch import Tensor

from alignops.data import FeatureCache, PairedDataset, content_key, images_key
from alignops.methods.common.captions import CaptionTable
from alignops.methods.common.embedding import default_device
from alignops.methods.common.pairs import MethodConfig
from alignops.models import DualEncoder

Features = Mapping[str, Tensor]
"""Of one image or caption: name to tensor (rows, D)."""


@dataclass(frozen=True)
class BaseConfig:
    """The frozen dual encoder.

    Attributes:
        name: an open_clip model name, or the folder of a saved model (`model` in a run of clip).
        pretrained: an open_clip tag or a local checkpoint; a folder has its own weights.
    """

    name: str
    pretrained: str | None = None

    def load(self) -> DualEncoder:
        """Load the model onto the GPU if there is one.

        Raises:
            ValueError: name or tag are unknown to open_clip.
            FileNotFoundError: the folder or the file is not there or not complete.
        """
        return DualEncoder.load(self.name, self.pretrained).to(default_device())


@dataclass(frozen=True)
class ComponentConfig:
    """How many parts an image or a caption has at most; the paper takes ten of each.

    Attributes:
        entities: most entities.
        relations: most relations.
    """

    entities: int = 10
    relations: int = 10


@dataclass(frozen=True, kw_only=True)
class FrozenConfig(MethodConfig):
    """Training on the features of a frozen dual encoder.

    Attributes:
        base: the frozen dual encoder.
        components: most boxes of an image, and most phrases of a caption where they are embedded.
        features: folder of the features, shared by all runs.
    """

    base: BaseConfig
    components: ComponentConfig = field(default_factory=ComponentConfig)
    features: Path = Path("runs/features")


class Items(Protocol):
    """The features of a dataset's images, or of captions."""

    def __len__(self) -> int:
        """Return the number of items."""

    def __getitem__(self, index: int) -> Features:
        """Read those of one."""


class FrozenPairs(NamedTuple):
    """The features of a dataset.

    Attributes:
        images: an item per image.
        captions: an item per distinct caption.
        rows: of each image its captions' items.
    """

    images: Items
    captions: Items
    rows: Sequence[Sequence[int]]


class FrozenEncoder(ABC):
    """Embeds images and captions with a frozen dual encoder, or reads what was embedded before.

    Args:
        model: stays frozen.
        folder: where features are kept.
    """

    def __init__(self, model: DualEncoder, folder: Path) -> None:
        self.model = model.eval().requires_grad_(False)
        self.folder = folder

    @abstractmethod
    def images(self, dataset: PairedDataset, items: range) -> list[Features]:
        """Embed some images of a dataset."""

    @abstractmethod
    def captions(self, captions: Sequence[str]) -> list[Features]:
        """Embed captions."""

    @abstractmethod
    def image_settings(self, dataset: PairedDataset) -> Mapping[str, object]:
        """Name what the features of images depend on, besides the model and the images."""

    @abstractmethod
    def caption_settings(self) -> Mapping[str, object]:
        """Name what the features of captions depend on, besides the model and the captions."""

    def cached_images(self, dataset: PairedDataset) -> Items:
        """Embed all images of a dataset: an item per image."""
        key = self._key(images=images_key(dataset), **self.image_settings(dataset))
        return self._cached(key, len(dataset), lambda items: self.images(dataset, items), "images")

    def cached_captions(self, captions: Sequence[str]) -> Items:
        """Embed captions: an item per caption."""

        def embed(items: range) -> list[Features]:
            return self.captions([captions[index] for index in items])

        key = self._key(captions=list(captions), **self.caption_settings())
        return self._cached(key, len(captions), embed, "captions")

    def cached_pairs(self, dataset: PairedDataset) -> FrozenPairs:
        """Embed all images of a dataset, and every distinct caption once."""
        table = CaptionTable(dataset.captions)
        images, captions = self.cached_images(dataset), self.cached_captions(table.distinct)
        return FrozenPairs(images, captions, table.by_image(table.rows))

    def _key(self, **parts: object) -> str:
        return content_key(model=self.model.fingerprint(), **parts)

    def _cached(
        self, key: str, count: int, embed: Callable[[range], list[Features]], title: str
    ) -> FeatureCache:
        cache = FeatureCache(self.folder, key, count)
        cache.fill(embed, description=f"Embedding {title}")
        return cache

"""Summary of a training's data, printed before it starts and kept in the run folder."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from alignops.data.image_files import CaptionedImages
from alignops.data.pairs import PairedDataset
from alignops.data.splits import Splits

_SHOWN = 3


@dataclass(frozen=True)
class DataSummary:
    """Counts of a dataset in three parts.

    Attributes:
        images: number of images in each part.
        captions: number of captions in each part.
        skipped: path and reason of each image that was left out.
        copies: images of each part whose file equals another one's, byte for byte.
        shared: photos in more than one part; only if lists define the parts.
    """

    images: Mapping[str, int]
    captions: Mapping[str, int]
    skipped: tuple[tuple[str, str], ...]
    copies: int
    shared: int

    def values(self) -> dict[str, Any]:
        """Return all of it as plain values for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """Put it in words, one line per topic."""
        parts = ", ".join(
            f"{name} {count:,} images and {self.captions[name]:,} captions"
            for name, count in self.images.items()
        )
        lines = [f"Data: {parts}."]
        if self.copies:
            lines.append(f"{self.copies:,} images are copies of another one in the same part.")
        if self.shared:
            lines.append(
                f"{self.shared:,} photos stand in more than one part, as the lists have it: what "
                "is measured on them is not on unseen photos."
            )
        if self.skipped:
            examples = "; ".join(f"{path}: {reason}" for path, reason in self.skipped[:_SHOWN])
            lines.append(f"{len(self.skipped):,} images are skipped, such as {examples}.")
        return "\n".join(lines)


def summarise(splits: Splits[PairedDataset]) -> DataSummary:
    """Count images and captions in the three parts of a dataset."""
    parts = {field.name: getattr(splits, field.name) for field in fields(splits)}
    files = [part for part in parts.values() if isinstance(part, CaptionedImages)]
    contents = [Counter(part.fingerprints()) for part in files]
    everywhere = Counter(content for counted in contents for content in counted)
    return DataSummary(
        images={name: len(part) for name, part in parts.items()},
        captions={name: sum(map(len, part.captions)) for name, part in parts.items()},
        skipped=tuple((str(path), reason) for part in files for path, reason in part.skipped),
        copies=sum(counted.total() - len(counted) for counted in contents),
        shared=sum(count > 1 for count in everywhere.values()),
    )

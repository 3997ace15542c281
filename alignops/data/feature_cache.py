"""Features computed once and kept on disk, for a model that stays frozen.

A cache is a folder of safetensors shards, each with the features of a run of items:

    <folder>/<first 16 digits of the key>/00000000-00001024.safetensors

An item is a set of named tensors whose first dimension may differ from item to item, such as the
entities of a caption. A shard holds each name twice: "<name>.values", the rows of all its items end
to end, and "<name>.offsets", int64 (items + 1,), where each item's rows begin. A shard appears
under its name only once it is whole, so an interrupted computation resumes at the shard it was in;
its checksum is kept in it, and `fill` computes a damaged one again.

    key = content_key(model=model.fingerprint(), boxes=boxes.identity, images=images_key(dataset))
    cache = FeatureCache("features", key, len(dataset))
    cache.fill(lambda items: [encode(dataset[i]) for i in items])
    cache[7]["entities"]
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from alignops.atomic_files import replacing_file
from alignops.checksums import DamagedError
from alignops.data.pairs import PairedDataset
from alignops.progress import track
from alignops.tensor_files import save_tensors
from alignops.vision.image_file import READING

_ORIGIN = "alignops"
"""Name of a shard's metadata: the key and the digest of its tensors."""

Features = Mapping[str, Tensor]
"""The features of one item: name to tensor (rows, ...)."""


def content_key(**parts: object) -> str:
    """Hash everything that the features depend on.

    Args:
        parts: by name, in any order: strings, numbers, booleans, None, tensors, and sequences and
            string-keyed mappings of these; a `state_dict()` is one.

    Returns:
        64 hexadecimal digits; equal contents give equal keys on every machine.

    Raises:
        TypeError: if a part holds anything else.
    """
    digest = sha256()
    for chunk in _bytes_of(parts):
        digest.update(chunk)
    return digest.hexdigest()


def images_key(dataset: PairedDataset) -> str:
    """Hash the images of a dataset: the pixels and the name of each, in order.

    Images that are replaced, resized or in another order have another key; a folder that is moved
    keeps its own. The names are in it because boxes and masks are found by them.
    """
    names, images = list(dataset.keys), dataset.fingerprints()
    return content_key(reading=READING, names=names, images=images)


class FeatureCache:
    """The features of a dataset's items, on disk; reading maps the files into memory.

    Attributes:
        folder: the folder of the shards.
        key: what the features were computed from; see `content_key`.
    """

    def __init__(
        self, folder: str | Path, key: str, items: int, *, shard_items: int = 1024
    ) -> None:
        """Describe the cache; reads and writes nothing.

        Args:
            folder: may hold the caches of many keys.
            key: from `content_key`.
            items: number of items in the dataset.
            shard_items: items per shard: how much work an interruption can cost.

        Raises:
            ValueError: if `items` is negative or `shard_items` is not positive.
        """
        if items < 0:
            raise ValueError(f"items is {items}; expected a number >= 0")
        if shard_items <= 0:
            raise ValueError(f"shard_items is {shard_items}; expected a number > 0")
        self.folder = Path(folder) / key[:16]
        self.key = key
        self._items = items
        self._shard_items = shard_items
        self._open: dict[int, _Shard] = {}

    def __len__(self) -> int:
        """Return the number of items, computed or not."""
        return self._items

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Read the features of one item.

        Returns:
            Name to tensor, as written but on the CPU: views of the mapped file, so copy before
            changing one in place.

        Raises:
            IndexError: if there is no such item.
            FileNotFoundError: if its shard has not been computed yet.
            ValueError: if its shard is damaged or is not of this key, naming the file.
        """
        if not 0 <= index < self._items:
            raise IndexError(f"index is {index}; expected 0 to {self._items - 1}")
        items = self._shard_of(index)
        if items.start not in self._open:
            self._open[items.start] = _Shard(self._path(items), self.key)
        return self._open[items.start][index - items.start]

    def __getstate__(self) -> dict[str, Any]:
        """Drop open files when pickled, so DataLoader workers open their own."""
        return self.__dict__ | {"_open": {}}

    def missing(self) -> list[range]:
        """List the runs of items that are still to be computed, one per shard, reading every shard.

        Warns:
            UserWarning: names each shard that is damaged; it is missing too.
        """
        shards = (self._shard_of(i) for i in range(0, self._items, self._shard_items))
        return [items for items in shards if not self._is_whole(items)]

    def write(self, items: range, features: Sequence[Features]) -> None:
        """Write one shard, whole or not at all.

        Args:
            items: one of `missing()`.
            features: of each item, in order. All items have the same names; a name has one type
                and one shape, apart from its first dimension.

        Raises:
            ValueError: if the items are not one shard of this cache, or the features do not fit.
            OSError: if the disk is full; nothing of the shard remains.
        """
        if items != self._shard_of(items.start):
            raise ValueError(f"items is {items}; expected one of missing()")
        if len(features) != len(items):
            raise ValueError(f"features has {len(features)} items; expected {len(items)}")
        path = self._path(items)
        path.parent.mkdir(parents=True, exist_ok=True)
        packed = _pack(features)
        with replacing_file(path) as temporary:
            # In one text: several would be in a file in any order.
            save_tensors(packed, temporary, {_ORIGIN: f"{self.key} {content_key(tensors=packed)}"})
        self._open.pop(items.start, None)

    def fill(
        self,
        compute: Callable[[range], Sequence[Features]],
        *,
        before: Callable[[Sequence[range]], None] | None = None,
        description: str = "Computing features",
    ) -> None:
        """Compute and write whatever is missing or damaged, showing the progress.

        Args:
            compute: from a run of items to the features of each.
            before: called once with all that is missing, if anything is, before the first
                `compute`: for what takes less time together.
            description: beside the progress.
        """
        missing = self.missing()
        if missing and before is not None:
            before(missing)
        for items in track(missing, description, len(missing)):
            self.write(items, compute(items))

    def _shard_of(self, index: int) -> range:
        start = index - index % self._shard_items
        return range(start, min(start + self._shard_items, self._items))

    def _is_whole(self, items: range) -> bool:
        path = self._path(items)
        if not path.exists():
            return False
        try:
            _Shard(path, self.key).verify()
        except DamagedError as error:
            warnings.warn(str(error), stacklevel=4)
            return False
        return True

    def _path(self, items: range) -> Path:
        return self.folder / f"{items.start:08d}-{items.stop:08d}.safetensors"


class _Shard:
    """One open shard."""

    def __init__(self, path: Path, key: str) -> None:
        if not path.exists():
            raise FileNotFoundError(f"{path} has not been computed yet; FeatureCache.fill does it")
        self._path = path
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise self._damaged(str(error)) from error
        written_for, _, self._digest = metadata.get(_ORIGIN, "").partition(" ")
        if written_for != key:
            raise ValueError(f"{path} was written for key {written_for or None}, not for {key}")
        self._tensors = tensors
        names = [name.removesuffix(".values") for name in tensors if name.endswith(".values")]
        self._values = {name: tensors[f"{name}.values"] for name in names}
        self._offsets = {name: tensors[f"{name}.offsets"].tolist() for name in names}

    def verify(self) -> None:
        """Compare the contents with the checksum.

        Raises:
            DamagedError: it is not what was written.
        """
        if content_key(tensors=self._tensors) != self._digest:
            raise self._damaged("its SHA-256 is another")

    def _damaged(self, reason: str) -> DamagedError:
        return DamagedError(f"{self._path} is damaged ({reason}); fill computes it again")

    def __getitem__(self, position: int) -> dict[str, Tensor]:
        return {
            name: values[self._offsets[name][position] : self._offsets[name][position + 1]]
            for name, values in self._values.items()
        }


def _pack(features: Sequence[Features]) -> dict[str, Tensor]:
    names = features[0].keys()
    for item in features:
        if item.keys() != names:
            raise ValueError(
                f"features has an item with {sorted(item)}; expected {sorted(names)} of every item"
            )
    packed = {}
    for name in names:
        tensors = [item[name].detach() for item in features]
        _check_alike(name, tensors)
        rows = [tensor.shape[0] for tensor in tensors]
        packed[f"{name}.values"] = torch.cat(tensors).cpu()
        packed[f"{name}.offsets"] = torch.tensor(list(accumulate(rows, initial=0)))
    return packed


def _check_alike(name: str, tensors: list[Tensor]) -> None:
    if any(tensor.ndim == 0 for tensor in tensors):
        raise ValueError(f"features[{name!r}] is a scalar; expected at least one dimension")
    kinds = {(tensor.dtype, tuple(tensor.shape[1:])) for tensor in tensors}
    if len(kinds) > 1:
        raise ValueError(
            f"features[{name!r}] is of {sorted(map(str, kinds))}; expected one type and, after its "
            "first dimension, one shape"
        )


def _bytes_of(value: object) -> Iterable[bytes | memoryview]:
    """Serialise a value unambiguously, with lengths and types."""
    if isinstance(value, Tensor):
        yield f"tensor {value.dtype} {tuple(value.shape)} ".encode()
        yield value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)} ".encode()
        for name in sorted(value):
            yield from _bytes_of(name)
            yield from _bytes_of(value[name])
    elif isinstance(value, list | tuple):
        yield f"sequence {len(value)} ".encode()
        for element in value:
            yield from _bytes_of(element)
    elif value is None or isinstance(value, str | int | float):
        yield f"{type(value).__name__} {value!r} ".encode()
    else:
        raise TypeError(
            f"parts is of type {type(value).__name__}; expected strings, numbers, tensors, "
            "sequences and mappings"
        )

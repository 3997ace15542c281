"""Datasets and texts through a dual encoder, in batches."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from alignops.data import PairedDataset
from alignops.methods.common.captions import distinct_texts
from alignops.models import DualEncoder
from alignops.progress import track

_BATCH = 256

Item = TypeVar("Item")
Encoded = TypeVar("Encoded")


def default_device() -> torch.device:
    """Choose the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@torch.inference_mode()
def in_batches(
    encode: Callable[[Sequence[Item]], Encoded],
    items: Sequence[Item],
    *,
    size: int = _BATCH,
    title: str | None = None,
) -> list[Encoded]:
    """Encode items batch by batch, without gradient.

    Args:
        encode: maps at most `size` items, at least one, to whatever they become.
        items: a `range` too.
        size: of a batch.
        title: of the progress; None = it is not shown.

    Returns:
        What each batch became, in order; nothing of no items.
    """
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    shown = batches if title is None else track(batches, title, len(batches))
    return [encode(batch) for batch in shown]


def embed_images(model: DualEncoder, dataset: PairedDataset) -> Tensor:
    """Embed every image: float32 (len(dataset), D), L2-normalised, on the CPU."""

    def encode(items: Sequence[int]) -> Tensor:
        return model.encode_image(load_pixels(model, dataset, items)).float().cpu()

    batches = in_batches(encode, range(len(dataset)), title="Embedding images")
    return torch.cat([torch.empty(0, model.embed_dim), *batches])


def embed_texts(model: DualEncoder, texts: Sequence[str]) -> Tensor:
    """Embed texts, each distinct one once: float32 (len(texts), D), L2-normalised, on the CPU."""

    def encode(batch: Sequence[str]) -> Tensor:
        return model.encode_text(model.tokenizer(batch).to(model.device)).float().cpu()

    distinct, rows = distinct_texts(texts)
    return torch.cat([torch.empty(0, model.embed_dim), *in_batches(encode, distinct)])[rows]


def load_pixels(model: DualEncoder, dataset: PairedDataset, items: Sequence[int]) -> Tensor:
    """Preprocess some images of a dataset: (len(items), 3, S, S), on the model's device."""
    pixels = [model.preprocess(dataset[index].image) for index in items]
    return torch.stack(pixels).to(model.device)

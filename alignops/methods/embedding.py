"""Datasets and texts through a model, in batches."""

from collections.abc import Iterable, Sequence

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from alignops.data import PairedDataset
from alignops.models import DualEncoder

_BATCH = 256


def default_device() -> torch.device:
    """Choose the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_pixels(
    model: DualEncoder, dataset: PairedDataset, title: str = "Reading images"
) -> Tensor:
    """Preprocess every image: float32 (len(dataset), 3, S, S)."""
    pixels = torch.empty(len(dataset), *model.input_shape)
    for index in _progress(range(len(dataset)), title):
        pixels[index] = model.preprocess(dataset[index].image)
    return pixels


@torch.inference_mode()
def embed_images(model: DualEncoder, dataset: PairedDataset) -> Tensor:
    """Embed every image: float32 (len(dataset), D), L2-normalised, on the CPU."""
    starts = range(0, len(dataset), _BATCH)
    embeddings = [torch.empty(0, model.embed_dim)]
    for start in _progress(starts, "Embedding images"):
        items = range(start, min(start + _BATCH, len(dataset)))
        images = torch.stack([model.preprocess(dataset[index].image) for index in items])
        embeddings.append(model.encode_image(images.to(model.device)).float().cpu())
    return torch.cat(embeddings)


@torch.inference_mode()
def embed_texts(model: DualEncoder, texts: Sequence[str]) -> Tensor:
    """Embed texts, each distinct one once: float32 (len(texts), D), L2-normalised, on the CPU."""
    distinct = list(dict.fromkeys(texts))
    embeddings = [torch.empty(0, model.embed_dim)]
    for start in range(0, len(distinct), _BATCH):
        tokens = model.tokenizer(distinct[start : start + _BATCH])
        embeddings.append(model.encode_text(tokens.to(model.device)).float().cpu())
    row = {text: index for index, text in enumerate(distinct)}
    return torch.cat(embeddings)[[row[text] for text in texts]]


def _progress(items: Sequence[int], title: str) -> Iterable[int]:
    return track(items, title, console=Console(stderr=True), transient=True)

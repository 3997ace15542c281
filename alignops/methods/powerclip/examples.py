"""What PowerCLIP is trained on: pairs with the regions of the image and the phrases of the text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from alignops.data import PairedDataset, pad_rows
from alignops.methods.clip import ClipExamples
from alignops.methods.common.captions import CaptionTable
from alignops.methods.powerclip.regions import DrawRegions
from alignops.models import DualEncoder
from alignops.models.token_spans import read_text, token_spans
from alignops.text import find_phrases
from alignops.training import Example

Parts = tuple[Tensor, Tensor, Tensor, Tensor]
"""Image (3, S, S), token ids (L,), cover (m, P) and spans (k, 2) of one pair."""


@dataclass(frozen=True)
class PhraseConfig:
    """What regions are aligned with.

    Attributes:
        nodes: the nodes of the phrase "tree", or single "tokens" as an ablation.
        pooling: of a node's tokens: their "sum", as the paper has it, or their "mean".
    """

    nodes: Literal["tree", "tokens"] = "tree"
    pooling: Literal["sum", "mean"] = "sum"


class PowerClipBatch(NamedTuple):
    """A batch of pairs with their parts.

    Attributes:
        images: (B, 3, S, S), preprocessed.
        tokens: (B, L) int64, token ids.
        cover: (B, M, P), share of each patch in each region.
        region_mask: (B, M) bool, True = valid.
        spans: (B, K, 2) int64, first token of each phrase and one past the last.
        phrase_mask: (B, K) bool, True = valid.
    """

    images: Tensor
    tokens: Tensor
    cover: Tensor
    region_mask: Tensor
    spans: Tensor
    phrase_mask: Tensor


class PowerClipExamples:
    """Images with one of their captions, and the parts of both.

    Args:
        model: gives preprocessing and tokenizer.
        pairs: images with captions.
        regions: draws the regions of an image.
        nodes: "tree" or "tokens", as in `PhraseConfig`.

    Raises:
        ValueError: the model's tokenizer is not one that phrases can be found in.
    """

    def __init__(
        self, model: DualEncoder, pairs: PairedDataset, regions: DrawRegions, nodes: str
    ) -> None:
        self._pairs = ClipExamples(model, pairs, random_crop=1.0)
        self._regions = regions
        self._captions = pairs.captions
        self._spans = _spans(model, pairs, nodes)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._pairs)

    def __getitem__(self, example: Example) -> Parts:
        """Give an image with one of its captions, and the parts of both."""
        [rng] = example.random().spawn(1)  # beside the one that draws the caption
        cover = torch.from_numpy(self._regions(example.index, rng))
        caption = self._captions[example.index][self._pairs.caption(example)]
        return *self._pairs[example], cover, self._spans[caption]


def collate_parts(items: Sequence[Parts]) -> PowerClipBatch:
    """Make a batch of pairs."""
    images, tokens, cover, spans = zip(*items, strict=True)
    return PowerClipBatch(
        torch.stack(images), torch.stack(tokens), *pad_rows(cover), *pad_rows(spans)
    )


def _spans(model: DualEncoder, pairs: PairedDataset, nodes: str) -> dict[str, Tensor]:
    """Find the spans (k, 2) of each distinct caption."""
    distinct = CaptionTable(pairs.captions).distinct
    find = _tree_nodes if nodes == "tree" else _single_tokens
    return dict(zip(distinct, find(model, distinct), strict=True))


def _tree_nodes(model: DualEncoder, captions: Sequence[str]) -> Iterable[Tensor]:
    texts = [read_text(model.tokenizer, caption) for caption in captions]
    for text, phrases in zip(texts, find_phrases(texts), strict=True):
        yield token_spans(model.tokenizer, text, [phrase.span for phrase in phrases])


def _single_tokens(model: DualEncoder, captions: Sequence[str]) -> Iterable[Tensor]:
    for end in model.tokenizer(captions).argmax(dim=1).tolist():  # the end has the highest id
        yield torch.stack([torch.arange(1, end), torch.arange(2, end + 1)], dim=1)

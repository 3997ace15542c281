"""The texts of a MosaiCLIP batch: captions, true parts of them, and hard negatives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from alignops.data import PairedDataset
from alignops.methods.common.captions import CaptionTable
from alignops.methods.common.images import TrainingImages
from alignops.models import DualEncoder
from alignops.text import parse_captions
from alignops.text.negatives.facts import Fact, facts, implied_facts
from alignops.text.negatives.sampling import SubGraphSampler
from alignops.text.negatives.vocabulary import Vocabulary
from alignops.text.negatives.word_swap import swap_words
from alignops.text.sentences import sentence
from alignops.training import Example

# Images whose negatives are tried for one missing text.
_FILL_ATTEMPTS = 16


@dataclass(frozen=True)
class TextConfig:
    """Which texts an image has besides its caption; the defaults are the paper's.

    Attributes:
        positives: most sub-graphs of the caption.
        negatives: most hard negatives of these sub-graphs.
        obj: weight of sub-graphs of one object.
        rel: weight of relations whose objects or relation are perturbed.
        attr: weight of relations whose attributes are perturbed.
        word_swap: whether the caption with two of its phrases exchanged is a negative (NegCLIP).
        coarse: share of the steps, at the beginning, with at most one positive and one negative.
        exclusive: leave out sub-graphs and negatives that are true of another image of the batch.
        equal_counts: fill up every batch to the same number of texts, with negatives of other
            images.
        vocabulary: JSON file with the words of the negatives; None = those of the captions.
    """

    positives: int = 3
    negatives: int = 6
    obj: float = 0.15
    rel: float = 0.425
    attr: float = 0.425
    word_swap: bool = False
    coarse: float = 0.2
    exclusive: bool = True
    equal_counts: bool = False
    vocabulary: Path | None = None

    def __post_init__(self) -> None:
        """Refuse settings that no batch can satisfy."""
        for name in ("positives", "negatives"):
            if getattr(self, name) < 0:
                raise ValueError(f"texts.{name} is {getattr(self, name)}; expected at least 0")
        if not 0 <= self.coarse <= 1:
            raise ValueError(f"texts.coarse is {self.coarse}; expected a share between 0 and 1")

    @property
    def per_image(self) -> int:
        """Most texts of one image, its caption included."""
        return 1 + self.positives + self.negatives + self.word_swap


class Statement(NamedTuple):
    """A text besides the caption; all of `facts` are true where it is."""

    text: str
    facts: frozenset[Fact]
    is_positive: bool


class Item(NamedTuple):
    """One image with its texts; `implied` is what its captions say is true of it."""

    image: Tensor
    caption: str
    statements: list[Statement]
    implied: frozenset[Fact]
    step: int


class Batch(NamedTuple):
    """A batch of B images and T texts.

    Attributes:
        images: (B, 3, S, S).
        tokens: (T, L); the first B are the captions.
        image_index: (T,) int64.
        text_is_positive: (T,) bool.
    """

    images: Tensor
    tokens: Tensor
    image_index: Tensor
    text_is_positive: Tensor


class MosaiClipExamples:
    """Images, each with one of its captions, and the sub-graphs and negatives drawn for it.

    Args:
        model: preprocesses.
        dataset: where images and captions come from; all captions are parsed at once.
        config: which texts.
        steps: length of the training.
        random_crop: see `TrainingImages`.
    """

    def __init__(
        self,
        model: DualEncoder,
        dataset: PairedDataset,
        config: TextConfig,
        steps: int,
        random_crop: float,
    ) -> None:
        self.config = config
        self._images = TrainingImages(model, dataset, random_crop)
        self._captions = dataset.captions
        table = CaptionTable(dataset.captions)
        graphs = parse_captions(table.texts)
        self._graphs = table.by_image(graphs)
        self._coarse_steps = round(config.coarse * steps)
        path = config.vocabulary
        self.sampler = SubGraphSampler(
            Vocabulary.load(path) if path else Vocabulary.from_graphs(graphs),
            config.obj,
            config.rel,
            config.attr,
        )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def __getitem__(self, example: Example) -> Item:
        """Give an image (3, S, S) with its texts."""
        random = example.random()
        index, step = example.index, example.step
        caption = int(random.integers(len(self._captions[index])))
        implied = implied_facts(self._graphs[index])
        statements = [*self._statements(index, caption, implied, step, random)]
        image = self._images.draw(index, random)
        return Item(image, self._captions[index][caption], statements, implied, step)

    def negatives(self, random: np.random.Generator, step: int) -> list[Statement]:
        """Draw the negatives of an image drawn at random."""
        index = int(random.integers(len(self)))
        caption = int(random.integers(len(self._captions[index])))
        implied = implied_facts(self._graphs[index])
        statements = self._statements(index, caption, implied, step, random)
        return [statement for statement in statements if not statement.is_positive]

    def _statements(
        self,
        index: int,
        caption: int,
        implied: frozenset[Fact],
        step: int,
        random: np.random.Generator,
    ) -> Iterator[Statement]:
        graph = self._graphs[index][caption]
        most = 1 if step < self._coarse_steps else max(self.config.positives, self.config.negatives)
        drawn = self.sampler.draw(
            graph,
            implied,
            random,
            positives=min(most, self.config.positives),
            negatives=min(most, self.config.negatives),
        )
        for graphs, is_positive in ((drawn.positives, True), (drawn.negatives, False)):
            for part in graphs:
                yield Statement(sentence(part), facts(part), is_positive)
        if self.config.word_swap:
            swapped = swap_words(self._captions[index][caption], graph, implied, random)
            if swapped is not None:
                text, stated = swapped
                yield Statement(text, facts(stated), False)


@dataclass(frozen=True)
class Collate:
    """Collates batches; a batch depends on its items alone.

    Attributes:
        model: tokenises.
        examples: where the texts come from that fill up a batch.
    """

    model: DualEncoder
    examples: MosaiClipExamples

    def __call__(self, items: Sequence[Item]) -> Batch:
        """Put the texts of all images in one batch."""
        texts = [item.caption for item in items]
        image_index = [*range(len(items))]
        is_positive = [True] * len(items)
        truths = [item.implied for item in items] if self.examples.config.exclusive else []
        for index, item in enumerate(items):
            for statement in item.statements:
                if any(statement.facts <= t for i, t in enumerate(truths) if i != index):
                    continue
                texts.append(statement.text)
                image_index.append(index)
                is_positive.append(statement.is_positive)
        if self.examples.config.equal_counts:
            missing = len(items) * self.examples.config.per_image - len(texts)
            filled = self._fill(missing, items[0].step, truths)
            texts += filled
            image_index += [0] * len(filled)
            is_positive += [False] * len(filled)
        return Batch(
            torch.stack([item.image for item in items]),
            self.model.tokenizer(texts),
            torch.tensor(image_index),
            torch.tensor(is_positive),
        )

    def _fill(self, count: int, step: int, truths: Sequence[frozenset[Fact]]) -> list[str]:
        """Draw negatives of any images: a function of the step, so that a training resumes exactly.

        The paper keeps a cache of the texts of earlier batches; a cache would have to be in the
        checkpoint, and would differ with the number of loading processes.
        """
        random = np.random.default_rng((step, count))
        texts: list[str] = []
        for _ in range(_FILL_ATTEMPTS * count):
            if len(texts) >= count:
                break
            drawn = self.examples.negatives(random, step)
            texts += [one.text for one in drawn if not any(one.facts <= t for t in truths)]
        if len(texts) < count:
            raise ValueError(
                f"texts.equal_counts is True; expected captions with relations or attributes to "
                f"draw negatives from, but {count} texts are missing in step {step}"
            )
        return texts[:count]

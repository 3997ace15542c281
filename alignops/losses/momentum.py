"""Contrastive loss against queues of embeddings from momentum encoders."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from alignops.ops.arguments import (
    check_embeddings,
    check_pairs,
    check_size,
    number_between,
    positive_number,
    whole_number,
)
from alignops.ops.errors import wrong_type

_STATE = ("image_queue", "text_queue", "enqueued")


@dataclass(frozen=True)
class _MovingAverage:
    """Torch's exponential moving average as an object that pickles; torch's own is a closure."""

    decay: float

    def __call__(self, averaged: Any, current: Any, updates: Any) -> None:
        get_ema_multi_avg_fn(self.decay)(averaged, current, updates)  # type: ignore[no-untyped-call]


def momentum_copy(encoder: nn.Module, decay: float = 0.999) -> AveragedModel:
    """Copy an encoder; `copy.update_parameters(encoder)` moves the copy towards the encoder.

    The copy receives no gradient. Its first update makes it equal to the encoder.

    Args:
        encoder: the module to copy.
        decay: weight of the copy in an update, from 0 to 1.

    Raises:
        TypeError: `encoder` is no module, or `decay` no number.
        ValueError: `decay` is out of its range.
    """
    if not isinstance(encoder, nn.Module):
        raise wrong_type("encoder", encoder, "an nn.Module")
    average = _MovingAverage(number_between(decay, "decay", 0, 1))
    return AveragedModel(encoder, multi_avg_fn=average).requires_grad_(False)


class MomentumContrastiveLoss(nn.Module):
    """InfoNCE of each query against its own key and a queue of earlier keys, in both directions.

    Contrasts images with texts and texts with images, after L2-normalising all (AAHR, arXiv
    2507.09256, after MoCo). Until the queues are full, the loss is zero with zero gradient. A
    `state_dict` restores the queues. Under DistributedDataParallel, each process queues its own
    keys.

    Args:
        dim: size D of the embeddings.
        queue: keys kept per modality.
        temperature: of the softmax.

    Raises:
        TypeError: an argument's type is not one of the above.
        ValueError: a number is out of its range.
    """

    # Plain tensors, not buffers: before each forward, DistributedDataParallel overwrites the
    # buffers of every process with those of the first.
    image_queue: Tensor
    text_queue: Tensor
    enqueued: Tensor

    def __init__(self, dim: int, queue: int = 2048, temperature: float = 0.07) -> None:
        super().__init__()
        shape = whole_number(queue, "queue", 1), whole_number(dim, "dim", 1)
        self.temperature = positive_number(temperature, "temperature")
        self.image_queue = torch.zeros(shape)
        self.text_queue = torch.zeros(shape)
        self.enqueued = torch.zeros((), dtype=torch.int64)

    def forward(self, image: Tensor, text: Tensor, image_key: Tensor, text_key: Tensor) -> Tensor:
        """Compute the loss of a batch, 0-d, then replace the oldest keys by the batch's.

        Args:
            image: (B, D) queries.
            text: (B, D) queries; text i belongs to image i.
            image_key: (B, D), the images embedded by the momentum copy of their encoder.
            text_key: (B, D), likewise.

        Raises:
            TypeError: an argument is no tensor of floating type.
            ValueError: shapes or devices do not fit together.
        """
        for tensor, name in ((text, "text"), (image_key, "image_key"), (text_key, "text_key")):
            check_embeddings(image, tensor, ("image", name), dims=2)
            check_pairs(image, tensor, ("image", name))
        check_size(image, "image", self.image_queue.shape[1])
        image_key = normalize(image_key.detach(), dim=-1)
        text_key = normalize(text_key.detach(), dim=-1)
        # Clone: the queues are overwritten below, before the backward pass reads them.
        loss = self._contrast(image, text_key, self.text_queue.clone())
        loss = loss + self._contrast(text, image_key, self.image_queue.clone())
        # No branch: it would synchronise with the device and break the graph of torch.compile.
        loss = torch.where(self.enqueued < len(self.image_queue), 0, loss)
        self._enqueue(image_key, text_key)
        return loss

    def _contrast(self, query: Tensor, key: Tensor, queue: Tensor) -> Tensor:
        query = normalize(query, dim=-1)
        own = (query * key).sum(dim=-1, keepdim=True)
        logits = torch.cat([own, query @ queue.T.to(query.dtype)], dim=-1) / self.temperature
        target = torch.zeros(len(query), dtype=torch.int64, device=own.device)
        return cross_entropy(logits, target, reduction="sum") / max(len(query), 1)

    def _enqueue(self, image_key: Tensor, text_key: Tensor) -> None:
        size, count = len(self.image_queue), len(image_key)
        kept = min(size, count)
        newest = torch.arange(count - kept, count, device=image_key.device)
        place = (newest + self.enqueued) % size
        for queue, key in ((self.image_queue, image_key), (self.text_queue, text_key)):
            queue[place] = key[count - kept :].to(queue.dtype)
        self.enqueued += count

    def _apply(self, *args: Any, **kwargs: Any) -> "MomentumContrastiveLoss":
        with self._state_as_buffers():
            super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self

    def _save_to_state_dict(self, *args: Any, **kwargs: Any) -> None:
        with self._state_as_buffers():
            super()._save_to_state_dict(*args, **kwargs)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        with self._state_as_buffers():
            super()._load_from_state_dict(*args, **kwargs)

    @contextmanager
    def _state_as_buffers(self) -> Iterator[None]:
        """Let torch move, save and load the queues as if they were buffers."""
        for name in _STATE:
            self._buffers[name] = self.__dict__.pop(name)
        try:
            yield
        finally:
            for name in _STATE:
                self.__dict__[name] = self._buffers.pop(name)

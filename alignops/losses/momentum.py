"""Contrast with a queue of earlier embeddings, made by slowly moving copies of the encoders."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def momentum_copy(encoder: nn.Module, decay: float = 0.999) -> AveragedModel:
    """Copy an encoder; `copy.update_parameters(encoder)` moves the copy towards it.

    The copy takes no gradient, and its first update makes it equal to the encoder.
    """
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    copy = AveragedModel(encoder, multi_avg_fn=average)
    return copy.requires_grad_(False)


class MomentumContrastiveLoss(nn.Module):
    """InfoNCE of each query against its pair's key and a queue of earlier keys, both directions.

    Images are contrasted with texts, and texts with images; all are L2-normalised (AAHR, arXiv
    2507.09256, after MoCo). The queues are buffers, so that a `state_dict` restores them. The loss
    is zero, without gradient, until they are full.

    Args:
        dim: size D of the embeddings.
        queue: keys kept per modality.
        temperature: of the softmax.
    """

    image_queue: Tensor
    text_queue: Tensor
    enqueued: Tensor

    def __init__(self, dim: int, queue: int = 2048, temperature: float = 0.07) -> None:
        super().__init__()
        if queue < 1:
            raise ValueError(f"queue is {queue}, expected at least 1")
        self.temperature = temperature
        self.register_buffer("image_queue", torch.zeros(queue, dim))
        self.register_buffer("text_queue", torch.zeros(queue, dim))
        self.register_buffer("enqueued", torch.zeros((), dtype=torch.int64))

    def forward(self, image: Tensor, text: Tensor, image_key: Tensor, text_key: Tensor) -> Tensor:
        """Compute the loss of a batch, 0-d, then put its keys in place of the oldest.

        Args:
            image: (B, D) queries.
            text: (B, D) queries; text i belongs to image i.
            image_key: (B, D), the images by the momentum copy of their encoder.
            text_key: (B, D), likewise.
        """
        image_key = normalize(image_key.detach(), dim=-1)
        text_key = normalize(text_key.detach(), dim=-1)
        loss = image.new_zeros(())
        if self.enqueued >= len(self.image_queue):
            # The queues are overwritten below, before the backward pass reads them.
            loss = self._contrast(image, text_key, self.text_queue.clone())
            loss = loss + self._contrast(text, image_key, self.image_queue.clone())
        self._enqueue(image_key, text_key)
        return loss

    def _contrast(self, query: Tensor, key: Tensor, queue: Tensor) -> Tensor:
        query = normalize(query, dim=-1)
        own = (query * key).sum(dim=-1, keepdim=True)
        logits = torch.cat([own, query @ queue.T.to(query.dtype)], dim=-1) / self.temperature
        return cross_entropy(logits, torch.zeros(len(query), dtype=torch.int64, device=own.device))

    def _enqueue(self, image_key: Tensor, text_key: Tensor) -> None:
        size = len(self.image_queue)
        kept = min(size, len(image_key))
        end = self.enqueued + len(image_key)
        place = torch.arange(kept, device=end.device) + end - kept
        self.image_queue[place % size] = image_key[-kept:].to(self.image_queue.dtype)
        self.text_queue[place % size] = text_key[-kept:].to(self.text_queue.dtype)
        self.enqueued += len(image_key)

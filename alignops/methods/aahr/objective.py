"""AAHR's objective: two encoders, and the sum of the losses that are switched on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from alignops.losses import (
    DistanceWeightedTripletLoss,
    GraphLoss,
    HardestTripletLoss,
    InstanceGraph,
    InstanceRelations,
    MomentumContrastiveLoss,
    PrototypeContrastiveLoss,
    across_relations,
    momentum_copy,
    relation_divergence,
    within_relations,
)
from alignops.models import AahrEmbeddings, AahrEncoder, LocalGlobal


@dataclass(frozen=True)
class AahrEncoderConfig:
    """The two encoders.

    Attributes:
        dim: size of the embedding.
        heads: of each transformer.
        dropout: of each transformer.
    """

    dim: int = 1024
    heads: int = 16
    dropout: float = 0.1


@dataclass(frozen=True)
class AahrLossConfig:
    """The losses; a weight of 0 switches one off. Defaults are the paper's, for Flickr30K.

    Attributes:
        base: weight of the triplet loss.
        prototype: weight of the swapped prediction.
        graph: weight of the three losses after the instance graph.
        regulariser: weight of the divergence from relations.
        momentum: weight of the contrast with the queues.
        negatives: of the triplets: drawn by distance, or the hardest.
        margin: of the triplets.
        farthest: distance from which on no negative is drawn (1.9 for COCO).
        prototypes: how many (768 for COCO).
        prototype_start: share of the run before the prototypes (2,200 iterations of 51,000).
        graph_start: share of the run before graph and regulariser (8,000 of 51,000).
        mask_weight: of the relations in the graph's attention (1.5 for COCO).
        queue: keys kept per modality.
        decay: of the momentum encoders, per step.
    """

    base: float = 1.0
    prototype: float = 0.2
    graph: float = 1.0
    regulariser: float = 10.0
    momentum: float = 1.0
    negatives: Literal["distance", "hardest"] = "distance"
    margin: float = 0.2
    farthest: float = 1.7
    prototypes: int = 256
    prototype_start: float = 0.043
    graph_start: float = 0.157
    mask_weight: float = 1.0
    queue: int = 2048
    decay: float = 0.999

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        if not any((self.base, self.prototype, self.graph, self.regulariser, self.momentum)):
            raise ValueError("losses have weights of 0 alone; expected one above 0")


class AahrBatch(NamedTuple):
    """A batch of pairs.

    Attributes:
        image: features of B images.
        text: features of their captions.
        image_id: (B,) int64; captions of one image have the same.
    """

    image: LocalGlobal
    text: LocalGlobal
    image_id: Tensor


class AahrObjective(nn.Module):
    """Two encoders and AAHR's losses (arXiv 2507.09256).

    Queues, momentum copies, prototypes and the number of steps done are in the `state_dict`.

    Args:
        image_size: of the images' local features and of their global one, together (Dl, Dg).
        text_size: likewise of the captions.
        encoder: what is trained.
        losses: by which losses.
        steps: of the whole run, which the starts of the losses are shares of.
    """

    steps_done: Tensor

    def __init__(
        self,
        image_size: tuple[int, int],
        text_size: tuple[int, int],
        encoder: AahrEncoderConfig,
        losses: AahrLossConfig,
        steps: int,
    ) -> None:
        super().__init__()
        dim, heads, dropout = encoder.dim, encoder.heads, encoder.dropout
        self.image = AahrEncoder(*image_size, dim, heads, dropout)
        self.text = AahrEncoder(*text_size, dim, heads, dropout)
        self.losses = losses
        self.prototype_start = round(losses.prototype_start * steps)
        self.graph_start = round(losses.graph_start * steps)
        self.triplet = _triplet(losses)
        # A loss of weight 0 gets no module, so it takes neither memory nor weight decay.
        if losses.prototype:
            self.prototype = PrototypeContrastiveLoss(losses.prototypes, dim)
        if losses.graph:
            graph = InstanceGraph(dim, heads, losses.mask_weight, dropout)
            self.graph = GraphLoss(graph, self.triplet)
        if losses.momentum:
            self.image_copy = momentum_copy(self.image, losses.decay)
            self.text_copy = momentum_copy(self.text, losses.decay)
            self.momentum = MomentumContrastiveLoss(dim, losses.queue)
        self.register_buffer("steps_done", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: AahrBatch) -> Mapping[str, Tensor]:
        """Compute the weighted losses of a batch that have started, each 0-d; counts a step."""
        image, text = self.image(batch.image), self.text(batch.text)
        step = int(self.steps_done)
        self.steps_done += 1
        # Also at weight 0: the loop needs a loss with a gradient before the others have started.
        triplet = self.triplet(image.fused, text.fused, batch.image_id)
        terms = {"base": self.losses.base * triplet}
        if self.losses.prototype and step >= self.prototype_start:
            terms["prototype"] = self.losses.prototype * self.prototype(image.fused, text.fused)
        if step >= self.graph_start and (self.losses.graph or self.losses.regulariser):
            terms |= self._relational(image, text, batch.image_id)
        if self.losses.momentum:
            terms["momentum"] = self.losses.momentum * self._momentum(batch, image, text)
        return terms

    def _relational(
        self, image: AahrEmbeddings, text: AahrEmbeddings, image_id: Tensor
    ) -> dict[str, Tensor]:
        """Graph loss and regulariser, which share the relations across modalities."""
        terms = {}
        i2t, t2i = across_relations(image.local, text.local, image.mask, text.mask)
        images, texts = normalize(image.fused, dim=-1), normalize(text.fused, dim=-1)
        if self.losses.graph:
            relations = InstanceRelations(
                within_relations(images), within_relations(texts), i2t, t2i
            )
            graph = self.graph(images, texts, relations, image_id)
            terms["graph"] = self.losses.graph * graph
        if self.losses.regulariser:
            divergence = relation_divergence(images, texts, i2t, t2i)
            terms["regulariser"] = self.losses.regulariser * divergence
        return terms

    def _momentum(self, batch: AahrBatch, image: AahrEmbeddings, text: AahrEmbeddings) -> Tensor:
        with torch.no_grad():
            self.image_copy.update_parameters(self.image)
            self.text_copy.update_parameters(self.text)
            image_key = self.image_copy(batch.image).fused
            text_key = self.text_copy(batch.text).fused
        loss: Tensor = self.momentum(image.fused, text.fused, image_key, text_key)
        return loss


def _triplet(losses: AahrLossConfig) -> nn.Module:
    """The triplet loss, summed over the batch as in the published code."""
    if losses.negatives == "hardest":
        return HardestTripletLoss(losses.margin, reduction="sum")
    return DistanceWeightedTripletLoss(losses.margin, losses.farthest, reduction="sum")

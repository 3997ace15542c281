"""Losses on embeddings contextualised by the rest of their batch (AAHR's high-order relations)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, normalize

from alignops.losses.instance_relations import InstanceRelations, check_relations, connections
from alignops.ops.arguments import (
    check_embeddings,
    check_pairs,
    check_size,
    finite_number,
    number_between,
    whole_number,
)
from alignops.ops.errors import wrong_type, wrong_value

# From the published code; the paper gives neither.
_GCN_SLOPE, _GCN_DROPOUT = 0.2, 0.6


class GraphConvolution(nn.Module):
    """`leaky_relu(R x W + b)`, with dropout on x, for nodes x (B, D) and their relations R (B, B).

    Args:
        dim: size D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        dim = whole_number(dim, "dim", 1)
        self.dropout = nn.Dropout(_GCN_DROPOUT)
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim, dim)))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, nodes: Tensor, relations: Tensor) -> Tensor:
        """Mix each node with its related nodes; (B, D)."""
        mixed = relations @ (self.dropout(nodes) @ self.weight) + self.bias
        return leaky_relu(mixed, _GCN_SLOPE)


class InstanceGraph(nn.Module):
    """Contextualise the images and texts of a batch with a graph over them (AAHR, 2507.09256).

    Applies a graph convolution to each modality on its own relations, then one to both on all
    relations, and adds the L2-normalised result to the embeddings. A 1-layer transformer over the
    2B instances follows. Its attention mask adds `mask_weight * relation` between connected
    instances, and -inf elsewhere.

    Args:
        dim: size D of the embeddings.
        heads: of the transformer (16 in the paper).
        mask_weight: 1.5 in the paper, 1.0 on Flickr30K.
        dropout: of the transformer.

    Raises:
        TypeError: an argument's type is not one of the above.
        ValueError: a number is out of its range, or `heads` does not divide `dim`.
    """

    def __init__(
        self, dim: int, heads: int = 16, mask_weight: float = 1.5, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.mask_weight = finite_number(mask_weight, "mask_weight")
        dim, heads = whole_number(dim, "dim", 1), whole_number(heads, "heads", 1)
        if dim % heads:
            raise wrong_value("heads", heads, f"a divisor of dim, {dim}")
        dropout = number_between(dropout, "dropout", 0, 1)
        self.image = GraphConvolution(dim)
        self.text = GraphConvolution(dim)
        self.both = GraphConvolution(dim)
        self.transformer = nn.TransformerEncoderLayer(dim, heads, dim, dropout, batch_first=True)

    def forward(
        self, image: Tensor, text: Tensor, relations: InstanceRelations
    ) -> tuple[Tensor, Tensor]:
        """Contextualise embeddings of B images and their texts, each (B, D) and L2-normalised.

        Returns:
            The contextualised embeddings of images and texts, L2-normalised again.

        Raises:
            TypeError: an argument's type is not one of the above.
            ValueError: shapes or devices do not fit together.
        """
        check_embeddings(image, text, ("image", "text"), dims=2)
        check_pairs(image, text, ("image", "text"))
        check_size(image, "image", self.both.weight.shape[0])
        if not isinstance(relations, InstanceRelations):
            raise wrong_type("relations", relations, "InstanceRelations")
        for name, relation in relations._asdict().items():
            check_relations(relation, f"relations.{name}", image)
        nodes = torch.cat(
            [self.image(image, relations.image_image), self.text(text, relations.text_text)]
        )
        whole = relations.whole()
        nodes = normalize(self.both(nodes, whole), dim=-1) + torch.cat([image, text])
        connected = InstanceRelations(*map(connections, relations)).whole()
        mask = (self.mask_weight * whole).masked_fill(~connected, -torch.inf)
        enhanced = self.transformer(nodes[None], src_mask=mask)[0]
        image, text = normalize(enhanced, dim=-1).chunk(2)
        return image, text


class GraphLoss(nn.Module):
    """The base loss on (image, text'), (image', text) and (image', text'), ' = contextualised.

    Args:
        graph: contextualises the embeddings.
        base: maps image and text embeddings (B, D) and image ids to a 0-d loss.

    Raises:
        TypeError: an argument's type is not one of the above.
    """

    def __init__(self, graph: InstanceGraph, base: nn.Module) -> None:
        super().__init__()
        if not isinstance(graph, InstanceGraph):
            raise wrong_type("graph", graph, "an InstanceGraph")
        if not isinstance(base, nn.Module):
            raise wrong_type("base", base, "an nn.Module")
        self.graph = graph
        self.base = base

    def forward(
        self,
        image: Tensor,
        text: Tensor,
        relations: InstanceRelations,
        image_id: Tensor | None = None,
    ) -> Tensor:
        """Compute the sum of the three losses on L2-normalised embeddings (B, D), 0-d."""
        image_graph, text_graph = self.graph(image, text, relations)
        pairs = ((image, text_graph), (image_graph, text), (image_graph, text_graph))
        return torch.stack([self.base(*pair, image_id) for pair in pairs]).sum()

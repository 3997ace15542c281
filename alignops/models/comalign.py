"""The ComAlign encoder: one small transformer over the components of one modality."""

import torch
from torch import nn
from torch.nn.functional import normalize

from alignops.losses import ComponentFeatures


class ComAlignEncoder(nn.Module):
    """Contextualise frozen embeddings [global, entities, relations] of images, or of texts.

    ComAlign (arXiv 2409.08206) trains one such transformer per modality on a frozen CLIP. A learned
    encoding tells the type of a component (global, entity or relation); components of one type are
    a set, so their order carries no encoding.

    Args:
        dim: size D of the frozen embeddings, and of the output.
        layers: transformer layers (2 in the paper).
        heads: attention heads; must divide `dim`.
    """

    def __init__(self, dim: int, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"heads is {heads}; expected a divisor of dim, {dim}")
        self.type_encoding = nn.Embedding(3, dim)
        nn.init.normal_(self.type_encoding.weight, std=0.02)
        layer = nn.TransformerEncoderLayer(
            dim, heads, 4 * dim, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.transformer = nn.TransformerEncoder(
            layer, layers, norm=nn.LayerNorm(dim), enable_nested_tensor=False
        )

    def forward(self, frozen: ComponentFeatures) -> ComponentFeatures:
        """Contextualise the components; each row comes out L2-normalised, masks as they were.

        Args:
            frozen: L2-normalised embeddings of the base model; padding is not attended to.
        """
        pooled, entities, relations, entity_mask, relation_mask = frozen
        embeddings = torch.cat([pooled[:, None], entities, relations], dim=1)
        counts = torch.tensor([1, entities.shape[1], relations.shape[1]], device=pooled.device)
        types = torch.arange(3, device=pooled.device).repeat_interleave(counts)
        # Normalised embeddings have entries of about 1/sqrt(D); the transformer wants about 1.
        inputs = embeddings * embeddings.shape[-1] ** 0.5 + self.type_encoding(types)
        padding = ~torch.cat([entity_mask.new_ones(len(pooled), 1), entity_mask, relation_mask], 1)
        outputs = normalize(self.transformer(inputs, src_key_padding_mask=padding), dim=-1)
        first, second = 1, 1 + entities.shape[1]
        return ComponentFeatures(
            outputs[:, 0], outputs[:, first:second], outputs[:, second:], entity_mask, relation_mask
        )

"""The AAHR encoder: local and global features of one modality to one embedding."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from alignops.models.pooling import AttentionPooling, max_k_pool

# Shares of the pooled local features and of their relations in the local embedding.
_LOCAL_SHARE, _RELATION_SHARE = 0.8, 0.2


class LocalGlobal(NamedTuple):
    """Features of a batch of images, or of captions.

    Attributes:
        pooled: (B, Dg), of the whole image or caption.
        local: (B, N, Dl), of its regions or words, padded.
        mask: (B, N) bool, True = valid.
    """

    pooled: Tensor
    local: Tensor
    mask: Tensor


class AahrEmbeddings(NamedTuple):
    """Embeddings of a batch.

    Attributes:
        fused: (B, D); the score of an image and a caption is the dot product of theirs.
        local: (B, N, D), the projected regions or words; mask the padding.
        mask: (B, N) bool, True = valid.
    """

    fused: Tensor
    local: Tensor
    mask: Tensor


class AahrEncoder(nn.Module):
    """Fuse local features and a global one into one embedding (AAHR, arXiv 2507.09256).

    The local embedding is 0.8 max-k pooling + 0.2 relation pooling: a 1-layer transformer over the
    local features, then attention pooling queried by the global feature. A gate weighs it against
    the global embedding, dimension by dimension.

    Args:
        local_dim: size Dl of a local feature.
        global_dim: size Dg of the global feature.
        dim: size D of the embedding (1024 in the paper).
        heads: of the transformer (16 in the paper); must divide `dim`.
        dropout: of the transformer.
    """

    def __init__(
        self,
        local_dim: int,
        global_dim: int,
        dim: int = 1024,
        heads: int = 16,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"heads is {heads}; expected a divisor of dim, {dim}")
        self.project_local = nn.Linear(local_dim, dim)
        self.project_global = nn.Sequential(
            nn.Linear(global_dim, dim), nn.ReLU(), nn.Linear(dim, dim)
        )
        self.relations = nn.TransformerEncoderLayer(dim, heads, dim, dropout, batch_first=True)
        self.relation_pooling = AttentionPooling(dim)
        self.gate = nn.Linear(2 * dim, dim)

    def forward(self, features: LocalGlobal) -> AahrEmbeddings:
        """Embed a batch; a sample without local features is embedded by its global one.

        Raises:
            ValueError: `local` has no rows at all, N = 0.
        """
        pooled, rows, mask = features
        if not rows.shape[1]:
            raise ValueError(f"local has shape {tuple(rows.shape)}; expected at least one row")
        local = self.project_local(rows)
        whole = self.project_global(pooled)
        # Attention over nothing would be NaN: a sample without rows attends to its padding, and
        # is then multiplied by zero.
        some = mask.any(dim=1, keepdim=True)
        attended = mask | ~some
        related = self.relations(local, src_key_padding_mask=~attended)
        relation = self.relation_pooling(whole, related, attended) * some
        embedding = _LOCAL_SHARE * max_k_pool(local, mask) + _RELATION_SHARE * relation
        embedding, whole = normalize(embedding, dim=-1), normalize(whole, dim=-1)
        weight = torch.sigmoid(self.gate(torch.cat([embedding, whole], dim=-1)))
        return AahrEmbeddings(weight * embedding + (1 - weight) * whole, local, mask)

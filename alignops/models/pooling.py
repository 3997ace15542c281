"""Pool local features to one vector, by their largest values or by attention."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


def max_k_pool(local: Tensor, mask: Tensor, k: int = 2) -> Tensor:
    """Average the k largest values of each dimension over valid rows, or all of them if fewer.

    Args:
        local: (B, N, D).
        mask: (B, N) bool, True = valid.
        k: number of values.

    Returns:
        (B, D); zero where no row is valid.
    """
    k = min(k, local.shape[1])
    largest = local.masked_fill(~mask[..., None], -torch.inf).topk(k, dim=1).values
    counted = torch.arange(k, device=mask.device) < mask.sum(1, keepdim=True)
    total = largest.masked_fill(~counted[..., None], 0).sum(1)
    return total / counted.sum(1, keepdim=True).clamp(min=1)


class AttentionPooling(nn.Module):
    """Attention with one query per sample; queries and keys are L2-normalised, heads averaged.

    AAHR (arXiv 2507.09256): heads have full width, as they are averaged and not concatenated.

    Args:
        dim: size D of queries, rows and output.
        heads: attention heads.
    """

    def __init__(self, dim: int, heads: int = 8) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, heads * dim)
        self.key = nn.Linear(dim, heads * dim)
        self.value = nn.Linear(dim, heads * dim)

    def forward(self, query: Tensor, local: Tensor, mask: Tensor) -> Tensor:
        """Pool the valid rows (B, N, D) of each sample for its query (B, D): (B, D).

        Every sample needs a valid row in the mask (B, N).
        """
        split = (self.heads, -1)
        q = normalize(self.query(query).unflatten(-1, split), dim=-1)
        k = normalize(self.key(local).unflatten(-1, split), dim=-1)
        scores = torch.einsum("bhd,bnhd->bhn", q, k).masked_fill(~mask[:, None], -torch.inf)
        # The value map is linear and the weights sum to 1, so rows may be averaged before it.
        rows = torch.einsum("bhn,bnd->bhd", scores.softmax(-1), local)
        weight = self.value.weight.view(*split, local.shape[-1])
        pooled = torch.einsum("bhd,hed->be", rows, weight) / self.heads
        return pooled + self.value.bias.view(split).mean(0)

import math

import pytest
import torch
from torch.nn.functional import normalize

from alignops.models import AahrEncoder, LocalGlobal
from alignops.models.pooling import AttentionPooling, max_k_pool


def batch(counts=(3, 1, 4), local_dim=5, global_dim=7, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    size = max(counts)
    local = torch.randn(len(counts), size, local_dim, generator=generator, dtype=dtype)
    mask = torch.arange(size) < torch.tensor(counts)[:, None]
    pooled = torch.randn(len(counts), global_dim, generator=generator, dtype=dtype)
    return LocalGlobal(pooled, local, mask)


def encoder(**settings):
    torch.manual_seed(0)
    return AahrEncoder(5, 7, dim=8, heads=2, **settings).double().eval()


def test_max_k_averages_the_two_largest_values_of_each_dimension():
    local = torch.tensor([[[1.0, 9.0], [3.0, 2.0], [5.0, 4.0], [99.0, 99.0]]])
    mask = torch.tensor([[True, True, True, False]])
    assert max_k_pool(local, mask).tolist() == [[4.0, 6.5]]


def test_max_k_takes_what_there_is():
    local = torch.tensor([[[1.0], [3.0]], [[7.0], [8.0]]])
    mask = torch.tensor([[False, True], [False, False]])
    assert max_k_pool(local, mask).tolist() == [[3.0], [0.0]]


def test_attention_pooling_is_the_mean_of_its_heads():
    torch.manual_seed(0)
    pooling = AttentionPooling(4, heads=3).double()
    query, local = torch.randn(2, 4).double(), torch.randn(2, 5, 4).double()
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    given = pooling(query, local, mask)

    def head(linear, inputs, h):
        rows = slice(4 * h, 4 * h + 4)
        return inputs @ linear.weight[rows].T + linear.bias[rows]

    for sample in range(2):
        rows = local[sample, mask[sample]]
        heads = []
        for h in range(3):
            q = head(pooling.query, query[sample], h)
            k = head(pooling.key, rows, h)
            cosines = [(q @ key / (q.norm() * key.norm())).item() for key in k]
            total = sum(math.exp(cosine) for cosine in cosines)
            weights = torch.tensor([math.exp(cosine) / total for cosine in cosines]).double()
            heads.append(weights @ head(pooling.value, rows, h))
        assert torch.allclose(given[sample], sum(heads) / 3, atol=1e-6)


def test_the_embedding_is_the_equation():
    model, features = encoder(), batch(counts=(4, 4))
    local = model.project_local(features.local)
    whole = model.project_global(features.pooled)
    a = local.topk(2, dim=1).values.mean(1)
    b = model.relation_pooling(whole, model.relations(local), features.mask)
    embedding, whole = normalize(0.8 * a + 0.2 * b, dim=-1), normalize(whole, dim=-1)
    w = torch.sigmoid(model.gate(torch.cat([embedding, whole], dim=-1)))
    given = model(features)
    assert torch.allclose(given.fused, w * embedding + (1 - w) * whole)
    assert torch.equal(given.local, local)


def test_padding_changes_nothing():
    model, features = encoder(), batch()
    noisy = features._replace(local=features.local.clone())
    noisy.local[~features.mask] = 100.0
    assert torch.allclose(model(features).fused, model(noisy).fused)
    alone = LocalGlobal(features.pooled[:1], features.local[:1, :3], features.mask[:1, :3])
    assert torch.allclose(model(features).fused[:1], model(alone).fused)


def test_the_order_of_local_features_changes_nothing():
    model, features = encoder(), batch(counts=(4, 4))
    flipped = features._replace(local=features.local.flip(1))
    assert torch.allclose(model(features).fused, model(flipped).fused)


def test_a_sample_without_local_features_is_finite_and_trains():
    model, features = encoder().train(), batch(counts=(0, 2))
    fused = model(features).fused
    fused.sum().backward()
    assert torch.isfinite(fused).all()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


def test_what_cannot_be_encoded_is_named():
    with pytest.raises(ValueError, match="heads is 3; expected a divisor of dim, 8"):
        AahrEncoder(5, 7, dim=8, heads=3)
    empty = LocalGlobal(torch.zeros(2, 7), torch.zeros(2, 0, 5), torch.zeros(2, 0).bool())
    with pytest.raises(ValueError, match=r"local has shape \(2, 0, 5\); expected at least one row"):
        encoder()(empty)

import math

import pytest
import torch
from torch.nn.functional import normalize

from alignops.losses import across_relations, relation_divergence, within_relations
from alignops.losses.instance_relations import connections


def embeddings(count=4, dim=6):
    torch.manual_seed(0)
    rows = normalize(torch.randn(2, count, dim, dtype=torch.float64), dim=-1)
    return rows[0].clone().requires_grad_(), rows[1].clone().requires_grad_()


def test_relations_within_a_modality():
    image, _ = embeddings()
    given = within_relations(image)
    for i in range(4):
        for j in range(4):
            distance = math.sqrt(sum(((image[i] - image[j]) ** 2).tolist()))
            assert given[i, j].item() == pytest.approx(math.exp(-distance))
    (gradient,) = torch.autograd.grad(given.sum(), image)
    assert torch.isfinite(gradient).all()


def test_relations_across_modalities_are_scan_both_ways():
    torch.manual_seed(0)
    regions, words = torch.randn(2, 3, 5).double(), torch.randn(2, 4, 5).double()
    region_mask = torch.tensor([[True, True, True], [True, True, False]])
    word_mask = torch.tensor([[True, True, False, False], [True] * 4])
    i2t, t2i = across_relations(regions, words, region_mask, word_mask)
    for i in range(2):
        for j in range(2):
            c = [
                [(r @ w / (r.norm() * w.norm())).item() for w in words[j, word_mask[j]]]
                for r in regions[i, region_mask[i]]
            ]
            c = [[value if value > 0 else 0.1 * value for value in row] for row in c]
            columns = [math.sqrt(sum(row[word] ** 2 for row in c)) for word in range(len(c[0]))]
            rows = [math.sqrt(sum(value**2 for value in row)) for row in c]
            to_text = [max(v / n for v, n in zip(row, columns, strict=True)) for row in c]
            to_image = [
                max(row[word] / n for row, n in zip(c, rows, strict=True))
                for word in range(len(c[0]))
            ]
            assert i2t[i, j].item() == pytest.approx(sum(to_text) / len(to_text))
            assert t2i[j, i].item() == pytest.approx(sum(to_image) / len(to_image))


def test_a_row_is_connected_to_its_nearer_half():
    relations = torch.tensor([[0.1, 0.4, 0.3, 0.2, 0.0], [1.0, 1.0, 1.0, 0.0, 0.0]])
    expected = [[False, True, True, False, False], [True, True, True, False, False]]
    assert connections(relations).tolist() == expected
    assert connections(torch.ones(1, 1)).tolist() == [[True]]


def kl(p, q):
    return sum(a * torch.log(a / b) for a, b in zip(p, q, strict=True))


def test_the_divergence_is_the_equation():
    image, text = embeddings()
    image_text, text_image = torch.rand(2, 4, 4, dtype=torch.float64)
    expected = 0.0
    for rows, columns, relations in ((image, text, image_text), (text, image, text_image)):
        for i in range(4):
            close = torch.stack([torch.exp(-(rows[i] - column).norm()) for column in columns])
            predicted = torch.exp(close) / torch.exp(close).sum()
            wanted = torch.exp(relations[i]) / torch.exp(relations[i]).sum()
            expected = expected + kl(wanted, predicted) / 4
    given = relation_divergence(image, text, image_text, text_image)
    assert torch.allclose(given, expected)
    for one, other in zip(
        torch.autograd.grad(given, (image, text)),
        torch.autograd.grad(expected, (image, text)),
        strict=True,
    ):
        assert torch.allclose(one, other, atol=1e-9)

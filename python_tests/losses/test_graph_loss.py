import math

import pytest
import torch
from torch.nn.functional import layer_norm, normalize

from alignops.losses import (
    GraphLoss,
    HardestTripletLoss,
    InstanceGraph,
    Relations,
    across_relations,
    relation_divergence,
    within_relations,
)
from alignops.losses.instance_relations import connections


def embeddings(count=4, dim=6):
    torch.manual_seed(0)
    rows = normalize(torch.randn(2, count, dim, dtype=torch.float64), dim=-1)
    return rows[0].clone().requires_grad_(), rows[1].clone().requires_grad_()


def assert_same_gradients(given, expected, inputs):
    for one, other in zip(
        torch.autograd.grad(given, inputs, retain_graph=True, allow_unused=True),
        torch.autograd.grad(expected, inputs, retain_graph=True, allow_unused=True),
        strict=True,
    ):
        assert (one is None) == (other is None)
        assert one is None or torch.allclose(one, other, atol=1e-9)


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


def related(image, text, seed=1):
    torch.manual_seed(seed)
    across = torch.rand(2, len(image), len(image), dtype=torch.float64)
    return Relations(within_relations(image), within_relations(text), *across)


def kl(p, q):
    return sum(a * torch.log(a / b) for a, b in zip(p, q, strict=True))


def test_the_divergence_is_the_equation():
    image, text = embeddings()
    _, _, image_text, text_image = related(image, text)
    expected = 0.0
    for rows, columns, relations in ((image, text, image_text), (text, image, text_image)):
        for i in range(4):
            close = torch.stack([torch.exp(-(rows[i] - column).norm()) for column in columns])
            predicted = torch.exp(close) / torch.exp(close).sum()
            wanted = torch.exp(relations[i]) / torch.exp(relations[i]).sum()
            expected = expected + kl(wanted, predicted) / 4
    given = relation_divergence(image, text, image_text, text_image)
    assert torch.allclose(given, expected)
    assert_same_gradients(given, expected, (image, text))


def convolution(module, nodes, relations):
    rows = []
    for i in range(len(nodes)):
        mixed = sum(relations[i, j] * (nodes[j] @ module.weight) for j in range(len(nodes)))
        mixed = mixed + module.bias
        rows.append(torch.where(mixed > 0, mixed, 0.2 * mixed))
    return torch.stack(rows)


def attention(layer, nodes, mask):
    """A post-norm transformer layer, head by head."""
    size = nodes.shape[1] // 2
    packed = nodes @ layer.self_attn.in_proj_weight.T + layer.self_attn.in_proj_bias
    q, k, v = packed.chunk(3, dim=1)
    heads = []
    for h in range(2):
        part = slice(h * size, (h + 1) * size)
        scores = q[:, part] @ k[:, part].T / math.sqrt(size) + mask
        heads.append(scores.softmax(dim=1) @ v[:, part])
    attended = layer.self_attn.out_proj(torch.cat(heads, dim=1))
    width = (nodes.shape[1],)
    nodes = layer_norm(nodes + attended, width, layer.norm1.weight, layer.norm1.bias)
    inner = layer.linear2(torch.relu(layer.linear1(nodes)))
    return layer_norm(nodes + inner, width, layer.norm2.weight, layer.norm2.bias)


def enhanced(graph, image, text, relations, mask_weight):
    i2i, t2t, i2t, t2i = relations
    whole = torch.cat([torch.cat([i2i, i2t], 1), torch.cat([t2i, t2t], 1)])
    blocks = []
    for row in ((i2i, i2t), (t2i, t2t)):
        rows = []
        for block in row:
            limit = block.sort(dim=1, descending=True).values[:, [block.shape[1] // 2 - 1]]
            rows.append(torch.where(block >= limit, mask_weight * block, float("-inf")))
        blocks.append(torch.cat(rows, dim=1))
    first = torch.cat([convolution(graph.image, image, i2i), convolution(graph.text, text, t2t)])
    second = convolution(graph.both, first, whole)
    nodes = second / second.norm(dim=1, keepdim=True) + torch.cat([image, text])
    nodes = attention(graph.transformer, nodes, torch.cat(blocks))
    nodes = nodes / nodes.norm(dim=1, keepdim=True)
    return nodes[: len(image)], nodes[len(image) :]


def test_the_three_losses_are_the_equations():
    torch.manual_seed(2)
    graph = InstanceGraph(6, heads=2, mask_weight=1.5).double().eval()
    torch.nn.init.normal_(graph.both.bias)
    base = HardestTripletLoss(0.2, reduction="sum")
    image, text = embeddings()
    relations = related(image, text)
    image_graph, text_graph = enhanced(graph, image, text, relations, 1.5)
    given = graph(image, text, relations)
    assert torch.allclose(given[0], image_graph)
    assert torch.allclose(given[1], text_graph)
    expected = base(image, text_graph) + base(image_graph, text) + base(image_graph, text_graph)
    loss = GraphLoss(graph, base)(image, text, relations)
    assert torch.allclose(loss, expected)
    assert_same_gradients(loss, expected, (image, text, *graph.parameters()))


def test_in_training_all_gradients_are_finite():
    graph = InstanceGraph(6, heads=2).double().train()
    image, text = embeddings()
    GraphLoss(graph, HardestTripletLoss())(image, text, related(image, text)).backward()
    assert torch.isfinite(image.grad).all()
    assert all(torch.isfinite(weight.grad).all() for weight in graph.parameters())

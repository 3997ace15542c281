import math

import torch
from torch.nn.functional import layer_norm, normalize

from alignops.losses import (
    GraphLoss,
    HardestTripletLoss,
    InstanceGraph,
    InstanceRelations,
    within_relations,
)


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


def related(image, text, seed=1):
    torch.manual_seed(seed)
    across = torch.rand(2, len(image), len(image), dtype=torch.float64)
    return InstanceRelations(within_relations(image), within_relations(text), *across)


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

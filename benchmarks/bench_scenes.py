"""Speed of drawing, rendering and describing scenes, 1,000 per round."""

from alignops.data.scenes import SceneDataset, compositional_pairs, draw_scenes, render

COUNT = 1000


def test_draw_scenes(benchmark):
    assert len(benchmark(draw_scenes, COUNT, seed=0)) == COUNT


def test_render(benchmark):
    scenes = draw_scenes(COUNT, seed=0)
    assert len(benchmark(lambda: [render(scene) for scene in scenes])) == COUNT


def test_captions(benchmark):
    scenes = draw_scenes(COUNT, seed=0)
    assert len(benchmark(SceneDataset, scenes)) == COUNT


def test_items(benchmark):
    dataset = SceneDataset(draw_scenes(COUNT, seed=0))
    assert len(benchmark(lambda: [dataset[index] for index in range(COUNT)])) == COUNT


def test_compositional_pairs(benchmark):
    scenes = draw_scenes(COUNT, seed=0)
    assert benchmark(compositional_pairs, scenes, "object_replace", 0)

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from alignops.cli import main
from alignops.losses import ClipLoss, PowersetTripletLoss
from alignops.methods.common.pairs import DataConfig, SceneConfig, open_pairs
from alignops.methods.powerclip import (
    POWERCLIP,
    PowerClipConfig,
    PowerClipObjective,
    PowersetConfig,
)
from alignops.methods.powerclip.examples import PowerClipBatch, PowerClipExamples
from alignops.methods.registry import load_scorer
from alignops.models import AveragePooledDualEncoder, DualEncoder
from alignops.training import Example, LoopConfig, Run

SCENES = DataConfig(scenes=SceneConfig(train=48, validation=1, test=8, size=32))
MINIATURE = PowerClipConfig(data=SCENES, loop=LoopConfig(steps=3, batch_size=16))
OPTIONS = [
    "--data.scenes.train=48", "--data.scenes.validation=1", "--data.scenes.test=8",
    "--data.scenes.size=32", "--loop.steps=3", "--loop.batch_size=16", "--loop.log_every=1",
]  # fmt: skip


def log(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--regions.source=boxes", "--average_pooling=false", "--phrases.pooling=mean"],
        ["--powerset.subsets=false", "--phrases.nodes=tokens"],
        ["--powerset.directions=[t2r]"],
    ],
)
def test_the_command_trains_every_variant(tmp_path, options):
    assert main(["train", "powerclip", f"--out={tmp_path / 'run'}", *OPTIONS, *options]) == 0
    first, *_, last = log(tmp_path / "run")
    assert {"contrastive", "powerset"} <= first.keys()
    assert first["powerset"] > 0
    assert last["step"] == 3
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert "attribute swap" in results["run"]


def test_a_training_is_a_function_of_its_seed(tmp_path):
    one, other = (POWERCLIP.train(MINIATURE, tmp_path / name) for name in ("one", "other"))
    weights = [DualEncoder.load(str(run.model)).fingerprint() for run in (one, other)]
    assert weights[0] == weights[1]
    before = one.log.stat().st_mtime_ns
    POWERCLIP.train(MINIATURE, tmp_path / "one")  # finished: nothing to do
    assert one.log.stat().st_mtime_ns == before


def test_the_scorer_pools_as_the_training_did(tmp_path):
    run = POWERCLIP.train(MINIATURE, tmp_path / "run")
    scorer = load_scorer(Run.load(tmp_path / "run"))
    pairs = open_pairs(SCENES).test
    captions = [text for texts in pairs.captions for text in texts]
    score = scorer.similarities(pairs, captions).i2t
    model = AveragePooledDualEncoder(DualEncoder.load(str(run.model))).eval()
    images = torch.stack([model.preprocess(pairs[index].image) for index in range(len(pairs))])
    with torch.inference_mode():
        text = model.encode_text(model.tokenizer(captions))
        assert torch.allclose(score, model.encode_image(images) @ text.T, atol=1e-6)


@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_the_objective_aligns_regions_with_phrases(pooling):
    pairs = open_pairs(SCENES).train
    torch.manual_seed(0)
    model = DualEncoder.tiny([text for texts in pairs.captions for text in texts])
    images = torch.stack([model.preprocess(pairs[index].image) for index in range(4)])
    tokens = model.tokenizer([pairs.captions[index][0] for index in range(4)])
    cover, mask = torch.rand(4, 3, 64), torch.ones(4, 3, dtype=torch.bool)
    spans = torch.tensor([[1, 5], [3, 4]]).expand(4, 2, 2)
    batch = PowerClipBatch(images, tokens, cover, mask, spans, mask[:, :2])
    losses = PowerClipObjective(model, pooling, PowersetConfig(weight=0.5))(batch)

    regions = normalize(cover @ model.encode_patches(images).patches, dim=-1)
    words = normalize(model.encode_tokens(tokens).tokens, dim=-1)
    sums = torch.stack([words[:, 1:5].sum(dim=1), words[:, 3]], dim=1)
    phrases = sums / torch.tensor([[4], [1]]) if pooling == "mean" else sums
    assert torch.allclose(losses["powerset"], 0.5 * PowersetTripletLoss()(regions, phrases))
    pooled = model.encode_image(images), model.encode_text(tokens)
    assert torch.allclose(losses["contrastive"], ClipLoss()(*pooled, model.logit_scale))


@pytest.mark.parametrize("nodes", ["tree", "tokens"])
def test_phrases_are_those_of_the_caption_that_is_drawn(nodes):
    scenes = replace(SCENES.scenes, styles=("natural", "tags"))
    pairs = open_pairs(replace(SCENES, scenes=scenes)).train
    model = DualEncoder.tiny([text for texts in pairs.captions for text in texts])
    no_regions = np.zeros((0, 64), np.float32)
    examples = PowerClipExamples(model, pairs, lambda index, rng: no_regions, nodes)
    drawn = set()
    for epoch in range(8):
        _, tokens, _, spans = examples[Example(3, (0, epoch, 3), 0)]
        words = int(tokens.argmax()) - 1
        if nodes == "tree":
            assert spans[0].tolist() == [1, words + 1]  # the caption as a whole
        else:
            assert spans[:, 0].tolist() == list(range(1, words + 1))
        drawn.add(words)
    assert len(drawn) == 2

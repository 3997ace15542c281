import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from child_process import start_and_wait_for
from resumable_aahr import LOSSES, STEPS, objective, pair, run
from tiny_bert import save_bert
from torch.nn.functional import normalize

from alignops.losses import across_relations, relation_divergence
from alignops.methods.aahr import AAHR, AahrConfig, AahrEncoderConfig, AahrLossConfig
from alignops.methods.aahr.examples import AahrExamples, collate_pairs
from alignops.methods.common.frozen import BaseConfig, FrozenPairs
from alignops.methods.common.pairs import DataConfig
from alignops.methods.results import evaluate_run, read_results
from alignops.models import BertWords, DualEncoder
from alignops.training import Example, LoopConfig

SCRIPT = Path(__file__).with_name("resumable_aahr.py")
WEIGHTS = ("base", "prototype", "graph", "regulariser", "momentum")


def batch(*indices):
    return collate_pairs([pair(index) for index in indices])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(folder).state_dict()


def test_a_killed_run_resumes_queues_copies_prototypes_and_counts(uninterrupted, tmp_path):
    folder, expected = tmp_path / "killed", uninterrupted[1]
    process = start_and_wait_for(SCRIPT, folder, step=17)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (folder / "checkpoints" / "step_00000014").is_dir()
    given = run(folder).state_dict()
    assert given.keys() == expected.keys()
    assert all(torch.equal(given[name], expected[name]) for name in expected)
    assert {"momentum.image_queue", "momentum.enqueued", "prototype.prototypes"} <= given.keys()
    assert given["steps_done"].item() == STEPS
    assert given["image_copy.n_averaged"].item() == STEPS


def test_losses_start_at_their_share_of_the_run(uninterrupted):
    lines = [
        json.loads(line) for line in (uninterrupted[0] / "log.jsonl").read_text().split("\n")[:-1]
    ]
    first = {name: next(line["step"] for line in lines if line.get(name)) for name in WEIGHTS}
    # A queue of 20 is full after five batches of 4; steps are counted from 1.
    assert first == {"base": 1, "prototype": 5, "graph": 13, "regulariser": 13, "momentum": 6}


@pytest.mark.parametrize("off", WEIGHTS)
def test_every_loss_switches_off(off):
    losses = replace(LOSSES, **{off: 0.0}, prototype_start=0.0, graph_start=0.0, queue=2)
    trained = objective(losses)
    for _ in range(2):
        terms = trained(batch(0, 2, 4, 6))
    assert {name for name, term in terms.items() if term.item()} == set(WEIGHTS) - {off}
    assert not any(name.startswith(f"{off}.") for name in trained.state_dict())


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match="losses have weights of 0 alone; expected one above 0"):
        AahrLossConfig(**dict.fromkeys(WEIGHTS, 0.0))
    with pytest.raises(ValueError, match=r"drop is 1\.0; expected a share in \[0, 1\)"):
        AahrConfig(base=BaseConfig("model"), drop=1.0)
    seen = DataConfig(source="photos", detections=Path("boxes.json"))
    with pytest.raises(ValueError, match=r"data\.detections is boxes\.json; expected None, as"):
        AahrConfig(base=BaseConfig("model"), data=seen)
    assert AahrConfig(base=BaseConfig("model"), data=seen, regions="boxes").data == seen


def test_the_regulariser_is_of_normalised_embeddings_and_scan_relations():
    losses = replace(LOSSES, graph_start=0.0, regulariser=10.0)
    trained, data = objective(losses).eval(), batch(0, 2, 4)
    given = trained(data)["regulariser"]
    image, text = trained.image(data.image), trained.text(data.text)
    relations = across_relations(image.local, text.local, image.mask, text.mask)
    images, texts = normalize(image.fused, dim=-1), normalize(text.fused, dim=-1)
    assert torch.allclose(given, 10 * relation_divergence(images, texts, *relations))
    given.backward()
    assert trained.image.gate.weight.grad.any()


def test_captions_of_one_image_are_no_negatives():
    losses = AahrLossConfig(**{**dict.fromkeys(WEIGHTS, 0.0), "base": 1.0})
    assert objective(losses)(batch(0, 1))["base"].item() == 0
    assert objective(losses)(batch(0, 2))["base"].item() > 0


def test_copies_and_queues_take_no_gradient():
    trained = objective()
    sum(trained(batch(0, 2, 4, 6)).values()).backward()
    assert not any(weight.requires_grad for weight in trained.image_copy.parameters())
    assert trained.image.gate.weight.grad.any()


def test_training_leaves_out_regions_and_words_but_never_all():
    rows = [torch.arange(50.0)[:, None], torch.zeros(1, 1)]
    items = [{"pooled": torch.zeros(1, 1), "local": row} for row in rows]
    examples = AahrExamples(FrozenPairs(items, items, [[0], [1, 0]]), drop=0.2)
    assert len(examples) == 3
    kept = [len(examples[Example(0, (0, 0, draw), 0)].image[1]) for draw in range(20)]
    assert 37 < sum(kept) / 20 < 43
    assert len(set(kept)) > 1
    for draw in range(20):
        example = examples[Example(1, (0, 0, draw), 0)]
        assert len(example.image[1]) == 1
        assert example.image_id == 1


@pytest.fixture
def precomputed(tmp_path):
    """Train on four images of three precomputed regions (10,) and two captions each."""
    captions = ["a red circle", "a blue square", "a green star", "a small red circle"]
    for split in ("train", "dev", "test"):
        np.save(tmp_path / f"{split}_ims.npy", np.random.default_rng(0).random((4, 3, 10)))
        (tmp_path / f"{split}_ids.txt").write_text("5\n6\n7\n8\n")
        lines = [f"{word} {caption}\n" for caption in captions for word in ("here", "see")]
        (tmp_path / f"{split}_caps.txt").write_text("".join(lines))
    torch.manual_seed(0)
    DualEncoder.tiny(captions).save(tmp_path / "model")
    return AahrConfig(
        base=BaseConfig(str(tmp_path / "model")),
        data=DataConfig(source=str(tmp_path)),
        encoder=AahrEncoderConfig(dim=16, heads=2),
        losses=LOSSES,
        features=tmp_path / "features",
        loop=LoopConfig(steps=3, batch_size=4),
    )


def test_precomputed_regions_train_and_score(precomputed, tmp_path):
    finished = AAHR.train(precomputed, tmp_path / "run")
    evaluate_run(finished)
    results = read_results(finished.folder)
    assert results["image to text R@1"].cases == 4
    assert results["text to image R@1"].cases == 8
    scorer = AAHR.load(finished)
    assert scorer.image.project_local.in_features == 10
    assert AAHR.train(precomputed, tmp_path / "run").model == finished.model


def test_data_with_regions_of_their_own_have_no_boxes(precomputed, tmp_path):
    with pytest.raises(ValueError, match="regions is 'boxes'; expected 'patches', its default"):
        AAHR.train(replace(precomputed, regions="boxes"), tmp_path / "run")


def test_words_from_bert_train_and_score(precomputed, tmp_path):
    pytest.importorskip("transformers")
    config = replace(precomputed, bert=save_bert(tmp_path / "bert"))
    finished = AAHR.train(config, tmp_path / "run")
    evaluate_run(finished)
    assert read_results(finished.folder)["text to image R@1"].cases == 8
    scorer = AAHR.load(finished)
    assert scorer.text.project_local.in_features == 32
    assert scorer.text.project_global[0].in_features == 64
    (caption,) = scorer.features.captions(["a red circle"])
    assert torch.equal(caption["words"], BertWords(tmp_path / "bert")(["a red circle"])[0])

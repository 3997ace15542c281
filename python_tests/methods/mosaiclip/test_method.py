"""MosaiCLIP's training."""

from pathlib import Path

import pytest
import torch

from alignops.data import SceneDataset, draw_scenes
from alignops.data.scenes import VOCABULARY
from alignops.methods.common.pairs import DataConfig, SceneConfig
from alignops.methods.mosaiclip import MOSAICLIP, MosaiClipConfig, TextConfig
from alignops.models import DualEncoder, DualEncoderConfig
from alignops.training import LoopConfig

DATA = DataConfig(scenes=SceneConfig(train=32, validation=8, test=8, size=32))


def config(**changes):
    loop = LoopConfig(steps=4, batch_size=8, checkpoint_every=2)
    model = DualEncoderConfig(words=VOCABULARY)
    return MosaiClipConfig(data=DATA, model=model, loop=loop, **changes)


def weights(folder):
    return DualEncoder.load(str(folder)).network.state_dict()


def test_a_trained_model_scores(tmp_path):
    run = MOSAICLIP.train(config(), tmp_path / "run")
    dataset = SceneDataset(draw_scenes(3, seed=1))
    captions = [text for texts in dataset.captions for text in texts]
    assert MOSAICLIP.load(run).similarities(dataset, captions).i2t.shape == (3, 3)
    assert not (run.folder / "trained").exists()


def test_boxes_have_no_effect():
    data = DataConfig(source="photos", detections=Path("x.json"))
    with pytest.raises(ValueError, match=r"data\.detections is x\.json; expected None, as mosaic"):
        MosaiClipConfig(data=data)


def test_wise_ft_saves_both_models(tmp_path):
    plain = weights(MOSAICLIP.train(config(), tmp_path / "plain").model)
    run = MOSAICLIP.train(config(wise_ft=0.5), tmp_path / "half")
    trained, half = weights(run.folder / "trained"), weights(run.model)
    untrained = weights(MOSAICLIP.train(config(wise_ft=0.0), tmp_path / "zero").model)
    for name in trained:
        assert torch.equal(trained[name], plain[name])
        expected = (trained[name] + untrained[name]) / 2
        torch.testing.assert_close(half[name], expected if "visual" in name else trained[name])
    assert not torch.equal(trained["visual.proj"], half["visual.proj"])


def test_the_texts_do_not_depend_on_the_loading_processes(tmp_path):
    texts = TextConfig(word_swap=True, equal_counts=True)
    first = MOSAICLIP.train(config(texts=texts), tmp_path / "0")
    loop = LoopConfig(steps=4, batch_size=8, checkpoint_every=2, workers=2)
    changed = MosaiClipConfig(
        data=DATA, model=DualEncoderConfig(words=VOCABULARY), loop=loop, texts=texts
    )
    second = weights(MOSAICLIP.train(changed, tmp_path / "2").model)
    for name, weight in weights(first.model).items():
        assert torch.equal(weight, second[name])


def test_a_weight_beyond_one():
    with pytest.raises(ValueError, match=r"wise_ft is 1.5; expected a number between 0 and 1"):
        config(wise_ft=1.5)

from pathlib import Path

import pytest
import torch

from alignops.data import SceneDataset, draw_scenes
from alignops.losses import ClipLoss
from alignops.methods.clip import CLIP, ClipConfig, ClipExamples, ClipObjective
from alignops.methods.clip.examples import collate_pairs
from alignops.methods.common.pairs import DataConfig, SceneConfig
from alignops.models import DualEncoder
from alignops.training import Example, LoopConfig

SCENES = SceneDataset(draw_scenes(4, seed=0), styles=("natural", "tags"))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return DualEncoder.tiny([text for texts in SCENES.captions for text in texts])


def test_an_image_comes_with_each_of_its_captions(model):
    examples = ClipExamples(model, SCENES, random_crop=1.0)
    assert len(examples) == 4
    for index, captions in enumerate(SCENES.captions):
        drawn = [examples[Example(index, (0, epoch, index), 0)] for epoch in range(16)]
        assert {tuple(tokens.tolist()) for _, tokens in drawn} == {
            tuple(row.tolist()) for row in model.tokenizer(captions)
        }
        whole = model.preprocess(SCENES[index].image)
        assert all(torch.equal(image, whole) for image, _ in drawn)


def test_the_crop_does_not_change_which_caption_is_drawn(model):
    whole, cropped = (ClipExamples(model, SCENES, share) for share in (1.0, 0.5))
    for epoch in range(4):
        example = Example(1, (0, epoch, 1), 0)
        assert torch.equal(whole[example][1], cropped[example][1])
        assert not torch.equal(whole[example][0], cropped[example][0])


def test_the_objective_is_the_contrastive_loss_of_the_embeddings(model):
    examples = ClipExamples(model, SCENES, random_crop=1.0)
    images, tokens = collate_pairs([examples[Example(i, (0, 0, i), 0)] for i in range(4)])
    loss = ClipObjective(model)((images, tokens))["contrastive"]
    pooled = model.encode_image(images), model.encode_text(tokens)
    assert torch.equal(loss, ClipLoss()(*pooled, model.logit_scale))


def test_boxes_have_no_effect():
    with pytest.raises(ValueError, match=r"data\.detections is x\.json; expected None, as clip"):
        ClipConfig(data=DataConfig(source="photos", detections=Path("x.json")))


def test_a_trained_model_is_what_the_scorer_scores_with(tmp_path):
    scenes = DataConfig(scenes=SceneConfig(train=16, validation=1, test=3, size=32))
    run = CLIP.train(
        ClipConfig(data=scenes, loop=LoopConfig(steps=2, batch_size=8)), tmp_path / "run"
    )
    model = DualEncoder.load(str(run.model)).eval()
    captions = [text for texts in SCENES.captions for text in texts]
    pixels = torch.stack([model.preprocess(SCENES[index].image) for index in range(4)])
    with torch.inference_mode():
        expected = model.encode_image(pixels) @ model.encode_text(model.tokenizer(captions)).T
    score = CLIP.load(run).similarities(SCENES, captions)
    assert torch.allclose(score.i2t, expected, atol=1e-6)
    assert torch.equal(score.i2t, score.t2i)

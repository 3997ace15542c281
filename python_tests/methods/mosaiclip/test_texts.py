"""The texts of a MosaiCLIP batch."""

import pytest
import torch

from alignops.data import SceneDataset, draw_scenes
from alignops.data.scenes import draw_close_ups
from alignops.methods.mosaiclip.texts import Collate, MosaiClipExamples, TextConfig
from alignops.models import DualEncoder
from alignops.text import parse_captions
from alignops.text.negatives.facts import facts
from alignops.training import Example

SCENES = SceneDataset(draw_scenes(24, seed=0))


@pytest.fixture(scope="module")
def model():
    return DualEncoder.tiny(text for texts in SCENES.captions for text in texts)


@pytest.fixture
def make(model):
    def make(config=TextConfig(), steps=100, step=50, size=12):  # noqa: B008 - frozen
        examples = MosaiClipExamples(model, SCENES, config, steps, random_crop=1.0)
        items = [examples[Example(index, (0, 0, index), step)] for index in range(size)]
        return examples, items, Collate(model, examples)(items)

    return make


def test_an_item_has_true_and_false_statements(make):
    _, items, _ = make()
    assert max(sum(s.is_positive for s in item.statements) for item in items) >= 2
    assert max(sum(not s.is_positive for s in item.statements) for item in items) == 6
    for item in items:
        for statement in item.statements:
            [graph] = parse_captions([statement.text])
            assert (facts(graph) <= item.implied) == statement.is_positive, statement.text


def test_items_are_a_function_of_the_example(make):
    first, second = make()[1], make()[1]
    assert [item.statements for item in first] == [item.statements for item in second]
    other = MosaiClipExamples.__getitem__(make()[0], Example(0, (0, 1, 0), 50))
    assert other.statements != first[0].statements


def test_the_first_stage_is_coarse(make):
    for step, most in ((0, 1), (19, 1), (20, 6)):
        _, items, _ = make(step=step)
        assert max(sum(not s.is_positive for s in item.statements) for item in items) == most
    _, items, _ = make(TextConfig(coarse=0), step=0)
    assert max(len(item.statements) for item in items) > 2


def test_a_batch_has_captions_first_then_statements(make):
    _, _, batch = make()
    assert batch.images.shape == (12, 3, 32, 32)
    assert batch.image_index[:12].tolist() == list(range(12))
    assert batch.text_is_positive[:12].all()
    assert len(batch.tokens) == len(batch.image_index) == len(batch.text_is_positive) > 60


def test_no_text_is_true_of_another_image(make):
    _, items, batch = make()
    everything = sum(len(item.statements) for item in items)
    kept = len(batch.tokens) - len(items)
    doubtful = sum(
        any(statement.facts <= other.implied for other in items if other is not item)
        for item in items
        for statement in item.statements
    )
    assert doubtful > 0
    assert kept == everything - doubtful
    _, items, batch = make(TextConfig(exclusive=False))
    assert len(batch.tokens) == len(items) + sum(len(item.statements) for item in items)


def test_negclip_has_one_swapped_caption(make):
    _, items, batch = make(TextConfig(positives=0, negatives=0, word_swap=True, exclusive=False))
    assert len(batch.tokens) == 2 * len(items)
    assert not batch.text_is_positive[12:].any()
    [statement] = items[0].statements
    assert sorted(statement.text.lower().strip(".").split()) == sorted(
        items[0].caption.lower().strip(".").split()
    )


def test_equal_counts_fill_up_with_negatives(make):
    config = TextConfig(word_swap=True, equal_counts=True)
    _, _, batch = make(config)
    assert len(batch.tokens) == 12 * config.per_image == 12 * 11
    _, _, again = make(config)
    assert torch.equal(batch.tokens, again.tokens)
    plain = make(TextConfig(word_swap=True))[2]
    assert batch.text_is_positive.sum() == plain.text_is_positive.sum()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"positives": -1}, "texts.positives is -1; expected at least 0"),
        ({"negatives": -2}, "texts.negatives is -2; expected at least 0"),
        ({"coarse": 1.5}, "texts.coarse is 1.5; expected a share between 0 and 1"),
    ],
)
def test_mistakes_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        TextConfig(**settings)


def test_texts_without_negatives_cannot_be_filled_up(model):
    dataset = SceneDataset(draw_close_ups(4, seed=0))  # "A red circle.": nothing to exchange
    config = TextConfig(positives=0, negatives=0, equal_counts=True, word_swap=True)
    examples = MosaiClipExamples(model, dataset, config, 10, 1.0)
    items = [examples[Example(index, (0, 0, index), 5)] for index in range(4)]
    with pytest.raises(ValueError, match=r"equal_counts is True; .* 4 texts are missing in step"):
        Collate(model, examples)(items)

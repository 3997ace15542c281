"""Recall by hand and by brute force, and refused arguments."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alignops.evaluation import Accuracy, binary_choice, recall_at_k, recall_over_folds


def test_by_hand():
    similarity = torch.tensor(
        [
            [0.9, 0.8, 0.7, 0.1],  # own captions 0 and 1: the best is first
            [0.2, 0.3, 0.6, 0.5],  # own caption 2, first
            [0.4, 0.9, 0.5, 0.3],  # own caption 3, last
        ]
    )
    result = recall_at_k(similarity, torch.tensor([0, 0, 1, 2]), ks=(1, 2, 4))
    assert result.image_to_text == {1: pytest.approx(2 / 3), 2: pytest.approx(2 / 3), 4: 1.0}
    # Captions: 0 finds image 0 first; 1 finds image 2 before it; 2 finds image 0; 3 finds image 1.
    assert result.text_to_image == {1: 0.25, 2: 1.0, 4: 1.0}
    assert (result.images, result.captions) == (3, 4)


def test_captions_of_an_image_do_not_stand_in_each_others_way():
    similarity = torch.tensor([[0.5, 0.5, 0.5, 0.1], [0.1, 0.1, 0.1, 0.9]])
    result = recall_at_k(similarity, torch.tensor([0, 0, 0, 1]), ks=(1,))
    assert result.image_to_text == {1: 1.0}


def test_a_model_that_scores_all_alike_finds_nothing():
    result = recall_at_k(torch.ones(4, 8), torch.arange(4).repeat_interleave(2), ks=(1, 3, 4, 7))
    assert result.image_to_text == {1: 0.0, 3: 0.0, 4: 0.0, 7: 1.0}
    assert result.text_to_image == {1: 0.0, 3: 0.0, 4: 1.0, 7: 1.0}


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 10**6))
def test_agrees_with_sorting(images, per_image, seed):
    generator = torch.Generator().manual_seed(seed)
    image_index = torch.arange(images).repeat(per_image)
    image_index = image_index[torch.randperm(len(image_index), generator=generator)]
    similarity = torch.randint(0, 4, (images, len(image_index)), generator=generator).float()
    result = recall_at_k(similarity, image_index, ks=(1, 2, 3))
    for k in (1, 2, 3):
        found = 0
        for image in range(images):  # wrong captions first among equals
            order = sorted(
                range(len(image_index)),
                key=lambda c: (-similarity[image, c].item(), image_index[c].item() == image),
            )
            rank = min(order.index(c) for c in range(len(image_index)) if image_index[c] == image)
            found += rank < k
        assert result.image_to_text[k] == pytest.approx(found / images)
        found = 0
        for caption, right in enumerate(image_index.tolist()):
            scores = similarity[:, caption].tolist()
            order = sorted(range(images), key=lambda i: (-scores[i], i == right))
            found += order.index(right) < k
        assert result.text_to_image[k] == pytest.approx(found / len(image_index))


def test_folds_are_averaged_apart():
    # Fold 0 is right, fold 1 wrong; across folds the scores are higher, and must not be seen.
    similarity = torch.full((4, 4), 5.0)
    similarity[:2, :2] = torch.eye(2)
    similarity[2:, 2:] = 1 - torch.eye(2)
    result = recall_over_folds(similarity, torch.arange(4), ks=(1, 2), folds=2)
    assert result.image_to_text == {1: 0.5, 2: 1.0}
    assert result.text_to_image == {1: 0.5, 2: 1.0}
    assert (result.images, result.captions) == (4, 4)


def test_folds_with_shuffled_captions():
    image_index = torch.tensor([3, 0, 2, 1, 0, 3, 1, 2])
    similarity = (torch.arange(4)[:, None] == image_index).float()
    assert recall_over_folds(similarity, image_index, ks=(1,), folds=4).image_to_text == {1: 1.0}


def test_names_for_a_report():
    accuracies = recall_at_k(torch.eye(2), torch.arange(2), ks=(1, 5)).accuracies()
    assert accuracies == dict.fromkeys(
        [f"{way} R@{k}" for way in ("image to text", "text to image") for k in (1, 5)],
        Accuracy(1.0, 2),
    )


INDEX = torch.tensor([0, 1, 1])


@pytest.mark.parametrize(
    ("similarity", "image_index", "ks", "message"),
    [
        (
            torch.zeros(3),
            INDEX,
            (1,),
            r"similarity has shape \(3,\); expected \(images, ",
        ),
        (
            torch.zeros(0, 3),
            INDEX,
            (1,),
            r"has shape \(0, 3\); expected .*, at least one",
        ),
        (
            torch.full((2, 3), torch.nan),
            INDEX,
            (1,),
            "similarity has 6 NaN; expected numbers",
        ),
        (
            torch.zeros(2, 4),
            INDEX,
            (1,),
            r"image_index has shape \(3,\); expected \(4,\), one",
        ),
        (
            torch.zeros(1, 3),
            INDEX,
            (1,),
            r"image_index has values 0 to 1; expected .* \[0, 1\)",
        ),
        (
            torch.zeros(2, 3),
            INDEX - 1,
            (1,),
            r"has values -1 to 0; expected them in \[0, 2\)",
        ),
        (torch.zeros(3, 3), INDEX, (1,), "image_index has no caption of image 2; expected"),
        (torch.zeros(2, 3), INDEX, (), r"ks is \(\); expected positive cut-offs"),
        (torch.zeros(2, 3), INDEX, (5, 0), r"ks is \(5, 0\); expected positive cut-offs"),
    ],
)
def test_bad_values_are_named(similarity, image_index, ks, message):
    with pytest.raises(ValueError, match=message):
        recall_at_k(similarity, image_index, ks)


def test_bad_types_are_named():
    with pytest.raises(TypeError, match=r"similarity is torch\.int64; expected a floating-point"):
        recall_at_k(torch.zeros(2, 3, dtype=torch.int64), INDEX)
    with pytest.raises(TypeError, match=r"image_index is torch\.float32; expected torch\.int64"):
        recall_at_k(torch.zeros(2, 3), INDEX.float())


@pytest.mark.parametrize("folds", [0, 3])
def test_folds_must_divide(folds):
    with pytest.raises(ValueError, match=f"folds is {folds}; expected a divisor of .* images, 2"):
        recall_over_folds(torch.zeros(2, 3), INDEX, folds=folds)


def test_binary_choice_counts_ties_as_wrong():
    true = torch.tensor([1.0, 0.5, 0.2, 0.9])
    assert binary_choice(true, torch.tensor([0.0, 0.5, 0.3, 0.1])) == 0.5


@pytest.mark.parametrize(
    ("true", "false", "message"),
    [
        (torch.zeros(2), torch.zeros(3), r"have shapes \(2,\) and \(3,\); expected \(cases,\)"),
        (torch.zeros(0), torch.zeros(0), "at least one case"),
        (torch.zeros(2, 1), torch.zeros(2, 1), r"expected \(cases,\)"),
        (torch.zeros(1), torch.full((1,), torch.nan), "false_scores has 1 NaN; expected numbers"),
    ],
)
def test_binary_choice_refuses(true, false, message):
    with pytest.raises(ValueError, match=message):
        binary_choice(true, false)

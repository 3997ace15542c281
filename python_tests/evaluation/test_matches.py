import sys

import pytest
import torch

from alignops.evaluation import evaluate_eccv_caption, match_all, recall_at_k, recall_over_folds


def by_lists(similarity, positives, k):
    """R@K, R-Precision and mAP@R from the ranked lists, by the papers' formulas."""
    recalls, precisions, averages = [], [], []
    for scores, right in zip(similarity.tolist(), positives, strict=True):
        order = sorted(range(len(scores)), key=lambda index: -scores[index])
        hits = [index in right for index in order]
        count = len(right)
        recalls.append(any(hits[:k]))
        precisions.append(sum(hits[:count]) / count)
        averages.append(sum(sum(hits[:r]) / r for r in range(1, count + 1) if hits[r - 1]) / count)
    return tuple(sum(values) / len(values) for values in (recalls, precisions, averages))


def test_a_hand_worked_case():
    similarity = torch.tensor([[0.9, 0.8, 0.7, 0.6, 0.5]])
    result = match_all(similarity, [[0, 2, 4]], ks=(1, 2))
    assert result.recall == {1: 1.0, 2: 1.0}
    assert result.r_precision == pytest.approx(2 / 3)
    assert result.map_at_r == pytest.approx((1 + 2 / 3) / 3)
    assert result.queries == 1


def test_figures_are_those_of_the_ranked_lists():
    generator = torch.Generator().manual_seed(0)
    similarity = torch.rand(20, 30, generator=generator)
    counts = torch.randint(1, 12, (20,), generator=generator).tolist()
    positives = [torch.randperm(30, generator=generator)[:count].tolist() for count in counts]
    result = match_all(similarity, positives, ks=(3,))
    expected = by_lists(similarity, positives, 3)
    assert (result.recall[3], result.r_precision, result.map_at_r) == pytest.approx(expected)


def test_a_tie_counts_against_the_model():
    result = match_all(torch.zeros(1, 5), [[0, 1]], ks=(1, 3, 4))
    assert result.recall == {1: 0.0, 3: 0.0, 4: 1.0}
    assert result.map_at_r == 0


def test_a_right_answer_that_is_no_candidate_is_never_found():
    result = match_all(torch.tensor([[0.3, 0.2, 0.1]]), [[-1, 0]], ks=(1, 3))
    assert result.recall == {1: 1.0, 3: 1.0}
    assert result.r_precision == result.map_at_r == 0.5
    assert match_all(torch.zeros(1, 3), [[-1]], ks=(3,)).recall == {3: 0.0}


def test_with_one_right_answer_it_is_the_recall():
    similarity = torch.rand(9, 9, generator=torch.Generator().manual_seed(0))
    expected = recall_at_k(similarity, torch.arange(9), ks=(1, 5)).image_to_text
    result = match_all(similarity, [[i] for i in range(9)], ks=(1, 5))
    assert result.recall == expected
    assert result.map_at_r == result.r_precision == expected[1]


@pytest.mark.parametrize(
    ("similarity", "positives", "message"),
    [
        (
            torch.zeros(2, 3),
            [[0]],
            r"similarity has shape \(2, 3\) and positives 1 entries; expected",
        ),
        (torch.zeros(2, 3), [[0], []], "expected a right candidate per query"),
        (torch.full((1, 3), torch.nan), [[0]], "similarity has 3 NaN; expected numbers"),
    ],
)
def test_what_does_not_fit_is_named(similarity, positives, message):
    with pytest.raises(ValueError, match=message):
        match_all(similarity, positives)


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "eccv_caption", None)
    with pytest.raises(ImportError, match="pip install eccv-caption"):
        evaluate_eccv_caption(torch.zeros(1, 1), [0], [0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_coco_figures_are_those_of_the_package():
    metrics = pytest.importorskip("eccv_caption").Metrics()
    caption_ids = [int(key) for key in metrics.coco_ids]
    image_of_caption = [metrics.coco_gts["t2i"][key][0] for key in caption_ids]
    image_ids = list(dict.fromkeys(image_of_caption))
    generator = torch.Generator().manual_seed(0)
    place = {key: index for index, key in enumerate(image_ids)}
    image_index = torch.tensor([place[key] for key in image_of_caption])
    # Random float64: no two scores of a row are equal. Matching pairs score higher, so that the
    # results are neither 0 nor 1.
    similarity = torch.rand(5000, 25000, generator=generator, dtype=torch.float64)
    similarity[image_index, torch.arange(25000)] += 0.999
    images, captions = torch.tensor(image_ids), torch.tensor(caption_ids)

    top = 400  # More than any R, and a fifth of it, a fold's share, is more than any K.
    i2t = captions[similarity.topk(top, dim=1).indices].tolist()
    t2i = images[similarity.T.topk(top, dim=1).indices].tolist()
    expected = metrics.compute_all_metrics(
        dict(zip(image_ids, i2t, strict=True)),
        dict(zip(caption_ids, t2i, strict=True)),
        target_metrics=(
            *("coco_1k_recalls", "coco_5k_recalls", "cxc_recalls"),
            *("eccv_r1", "eccv_rprecision", "eccv_map_at_r"),
        ),
        Ks=(1, 5, 10),
    )
    given = {
        name: figure.accuracy
        for name, figure in evaluate_eccv_caption(similarity, image_ids, caption_ids).items()
    }
    for name, result in (
        ("coco_5k", recall_at_k(similarity, image_index)),
        ("coco_1k", recall_over_folds(similarity, image_index)),
    ):
        for k in (1, 5, 10):
            ours = {"i2t": result.image_to_text[k], "t2i": result.text_to_image[k]}
            assert expected[f"{name}_r{k}"] == pytest.approx(ours)
    for direction, name in (("i2t", "image to text"), ("t2i", "text to image")):
        for k in (1, 5, 10):
            assert given[f"CxC {name} R@{k}"] == pytest.approx(expected[f"cxc_r{k}"][direction])
        for figure, key in (("R@1", "r1"), ("R-Precision", "rprecision"), ("mAP@R", "map_at_r")):
            theirs = expected[f"eccv_{key}"][direction]
            assert given[f"ECCV {name} {figure}"] == pytest.approx(theirs)
        assert 0.01 < given[f"ECCV {name} mAP@R"] < 0.99

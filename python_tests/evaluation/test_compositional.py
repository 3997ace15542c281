"""Accuracy by kind, and SugarCrepe's files."""

import json
from pathlib import Path

import pytest
import torch
from published_data import SUGAR_CREPE

from alignops.evaluation import (
    Accuracy,
    CompositionalCase,
    accuracy_by_kind,
    load_sugar_crepe,
)
from alignops.evaluation.compositional import SUGAR_CREPE_KINDS


def test_accuracy_by_kind():
    true = torch.tensor([1.0, 1.0, 0.0, 1.0])
    false = torch.tensor([0.0, 1.0, 1.0, 0.5])
    found = accuracy_by_kind(true, false, ["swap", "add", "swap", "swap"])
    assert found == {"swap": Accuracy(pytest.approx(2 / 3), 3), "add": Accuracy(0.0, 1)}
    assert list(found) == ["swap", "add"]


def test_one_kind_per_case():
    with pytest.raises(ValueError, match="kinds has 1 entries; expected 2, one per case"):
        accuracy_by_kind(torch.zeros(2), torch.zeros(2), ["add"])


def _write(folder, **changed):
    case = {"filename": "1.jpg", "caption": "a dog", "negative_caption": "a cat"}
    for kind in SUGAR_CREPE_KINDS:
        text = changed.get(kind, json.dumps({"0": case | {"caption": f"a {kind}"}}))
        (folder / f"{kind}.json").write_text(text)


def test_cases_in_the_published_form(tmp_path):
    _write(tmp_path)
    cases = load_sugar_crepe(tmp_path, "val2017")
    assert [case.kind for case in cases] == list(SUGAR_CREPE_KINDS)
    assert cases[-1] == CompositionalCase("swap_obj", Path("val2017/1.jpg"), "a swap_obj", "a cat")


def test_missing_file_is_named(tmp_path):
    _write(tmp_path)
    (tmp_path / "replace_rel.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"seven SugarCrepe files, no .*replace_rel\.json"):
        load_sugar_crepe(tmp_path, "val2017")


@pytest.mark.parametrize("text", ["[]", "{", '{"0": {"filename": "1.jpg"}}', '{"0": 3}'])
def test_broken_file_is_named(tmp_path, text):
    _write(tmp_path, add_obj=text)
    with pytest.raises(
        ValueError, match=r"add_obj\.json is .*; expected numbers mapped to filename"
    ):
        load_sugar_crepe(tmp_path, "val2017")


@pytest.mark.skipif(not SUGAR_CREPE.is_dir(), reason="needs SugarCrepe in ALIGNOPS_DATA")
def test_the_published_files():
    cases = load_sugar_crepe(SUGAR_CREPE, "val2017")
    counts = {kind: sum(case.kind == kind for case in cases) for kind in SUGAR_CREPE_KINDS}
    assert counts == {
        "add_att": 692,
        "add_obj": 2062,
        "replace_att": 788,
        "replace_obj": 1652,
        "replace_rel": 1406,
        "swap_att": 666,
        "swap_obj": 245,
    }
    assert all(case.true_caption != case.false_caption for case in cases)

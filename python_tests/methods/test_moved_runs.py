"""A run and what it stands on, at another path: the numbers are the same, bit for bit."""

from pathlib import Path

import pytest
import torch
from whole_runs import prepare_folder, train

from alignops.data import open_flickr
from alignops.methods.registry import METHODS, load_scorer
from alignops.methods.results import evaluate_run, read_results
from alignops.training import Run


def files(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_a_moved_run_gives_the_same_numbers(method, absolute, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNOPS_CACHE", str(tmp_path / "cache"))
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    photos.rename(before / "photos")
    monkeypatch.chdir(before)
    prepare_folder(before)
    here = before if absolute else Path()
    run = train(method, here, here / "run")
    evaluate_run(run)
    results, scores = read_results(run.folder), similarities(run, before / "photos")
    features = files(tmp_path / "cache" / "features")

    before.rename(after)
    monkeypatch.chdir(after)
    config = after / "run" / "config.yaml"
    config.write_text(config.read_text().replace(str(before), str(after)))
    moved = Run.load(after / "run")
    evaluate_run(moved)
    assert read_results(moved.folder) == results
    again = similarities(moved, after / "photos")
    assert torch.equal(again.i2t, scores.i2t)
    assert torch.equal(again.t2i, scores.t2i)
    assert files(tmp_path / "cache" / "features") == features


@pytest.mark.parametrize("method", ["comalign", "aahr"])
def test_another_base_at_the_path_is_refused(method, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNOPS_CACHE", str(tmp_path / "cache"))
    prepare_folder(tmp_path)
    run = train(method, tmp_path, tmp_path / "run")
    torch.manual_seed(1)
    prepare_folder(tmp_path)
    with pytest.raises(ValueError, match=r"base\.name leads to other weights than those that"):
        load_scorer(run)


def similarities(run, photos):
    dataset = open_flickr(photos)
    return load_scorer(run).similarities(dataset, [text for [text, _] in dataset.captions])

"""A run, its base, its features and its data from a stranger: none of their files runs code."""

import warnings
from contextlib import suppress

import pytest
from payloads import payloads
from whole_runs import prepare_folder, train

from alignops.methods.registry import load_scorer
from alignops.methods.results import evaluate_run, read_results
from alignops.training import Run


@pytest.mark.slow
@pytest.mark.parametrize("method", ["clip", "comalign", "aahr"])
def test_no_file_that_a_run_stands_on_can_run_code(method, photos, tmp_path, monkeypatch):
    stranger, marker = tmp_path / "stranger", tmp_path / "marker"
    monkeypatch.setenv("ALIGNOPS_CACHE", str(stranger / "cache"))
    stranger.mkdir()
    photos.rename(stranger / "photos")
    prepare_folder(stranger)
    evaluate_run(train(method, stranger, stranger / "run"))
    planted = files_of(stranger)
    names = {path.name for path in planted}
    assert names >= {"config.yaml", "captions.txt", "index.sqlite", "open_clip_config.json"}
    if method != "clip":
        assert names >= {"encoders.safetensors", "encoders.json"}
        assert {path.parts[-3] for path in planted} >= {"features"}
    for payload in payloads(marker, tmp_path):
        for path in planted:
            before = path.read_bytes()
            path.write_bytes(payload)
            use(method, stranger)
            assert not marker.exists(), path
            path.write_bytes(before)
    evaluate_run(Run.load(stranger / "run"))  # and all of it is as it was


def files_of(folder):
    """All files, but one photo for all of them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    kinds = {path.parent if path.suffix == ".jpg" else path: path for path in files}
    return list(kinds.values())


def use(method, folder):
    """Load, measure, report and train; damage may be an error, but only a sentence."""
    run = folder / "run"
    for act in (
        lambda: load_scorer(Run.load(run)),
        lambda: evaluate_run(Run.load(run)),
        lambda: read_results(run),
        lambda: train(method, folder, run),
    ):
        with warnings.catch_warnings(), suppress(ValueError, OSError):
            warnings.simplefilter("ignore")
            act()

"""Untrusted run folders: resuming never executes the contents of their files."""

import pickle
import shutil
import warnings

import pytest
import torch
from payloads import payloads
from resumable_training import run
from safetensors import safe_open


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    run(folder, steps=6)
    return folder


def test_the_payloads_work(tmp_path):
    plain, archive, _ = payloads(tmp_path / "marker", tmp_path)
    pickle.loads(plain)
    assert (tmp_path / "marker").exists()
    (tmp_path / "marker").unlink()
    (tmp_path / "archive").write_bytes(archive)
    torch.load(tmp_path / "archive", weights_only=False)
    assert (tmp_path / "marker").exists()


def test_no_file_of_a_run_can_run_code(trained, tmp_path):
    marker = tmp_path / "marker"
    files = [path.relative_to(trained) for path in trained.rglob("*") if path.is_file()]
    assert len(files) > 10
    for payload in payloads(marker, tmp_path):
        for name in files:
            copy = tmp_path / "copy"
            shutil.copytree(trained, copy)
            (copy / name).write_bytes(payload)
            resume(copy)
            assert not marker.exists(), name
            shutil.rmtree(copy)


def test_no_file_that_older_versions_read_is_read(trained, tmp_path):
    marker = tmp_path / "marker"
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    for payload in payloads(marker, tmp_path):
        for checkpoint in (copy / "checkpoints").iterdir():
            for name in ("custom_checkpoint_0.pkl", "optimizer.bin", "random_states_0.pkl"):
                (checkpoint / name).write_bytes(payload)
        resume(copy)
        assert not marker.exists()


def test_the_files_of_a_run_are_text_numbers_and_figures(trained):
    for path in (path for path in trained.rglob("*") if path.is_file()):
        if path.suffix == ".safetensors":
            safe_open(path, framework="pt")
        elif not path.name.startswith("events.out.tfevents."):
            path.read_text()


def resume(folder):
    """Resume a run; a fault in it may raise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        message = ""
        try:
            run(folder, steps=8)
        except ValueError as error:
            message = str(error)
    assert not message or str(folder) in message

"""Kills at random moments leave the bytes of undisturbed commands."""

import pytest
from child_process import run_python

from tools.kill_runs import chain_of, contents, differences


def test_methods_on_frozen_features_are_prepared_first():
    commands = {name: [c[0] for c in chain_of(name).commands] for name in ("clip", "aahr")}
    assert commands == {"clip": ["train", "evaluate"], "aahr": ["prepare", "train", "evaluate"]}


def test_files_that_differ_or_are_missing_are_named(tmp_path):
    for name, text in (("one", "a"), ("other", "b")):
        (tmp_path / name / "runs").mkdir(parents=True)
        (tmp_path / name / "runs" / "same").write_text("same")
        (tmp_path / name / "runs" / "changed").write_text(text)
        (tmp_path / name / "runs" / f"only-{name}").touch()
        (tmp_path / name / "runs" / f".half-{name}.7.tmp").touch()
    found = differences(contents(tmp_path / "one"), contents(tmp_path / "other"))
    assert found == ["runs/changed", "runs/only-one", "runs/only-other"]


@pytest.mark.slow
def test_killed_commands_end_with_the_same_bytes():
    finished = run_python("-m", "tools.kill_runs", "--kills", 8, "--methods", "clip", "comalign")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "kill 8: " in finished.stdout
    assert "8 kills in " in finished.stdout
    assert "all with the same bytes" in finished.stdout.splitlines()[-1]

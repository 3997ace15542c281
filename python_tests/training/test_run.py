import contextlib

import pytest

from alignops.training import LoopConfig, Run

CONFIG = {"loop": {"steps": 3}, "lr": 0.1}


def test_a_run_keeps_its_configuration(tmp_path):
    Run.open(tmp_path / "run", "clip", CONFIG)
    run = Run.load(tmp_path / "run")
    assert run.method == "clip"
    assert run.settings == CONFIG


def test_a_model_appears_whole_or_not_at_all(tmp_path):
    run = Run.open(tmp_path / "run", "clip", CONFIG)
    with contextlib.suppress(RuntimeError), run.writing_model() as folder:
        (folder / "half").touch()
        raise RuntimeError
    with pytest.raises(FileNotFoundError, match="run is not finished"):
        run.finished_model()
    with run.writing_model() as folder:
        (folder / "all").touch()
    assert [path.name for path in run.finished_model().iterdir()] == ["all"]


def test_the_same_configuration_takes_the_run_up(tmp_path):
    opened = Run.open(tmp_path / "run", "clip", CONFIG)
    assert Run.open(tmp_path / "run", "clip", CONFIG).settings == opened.settings


def test_another_configuration_replaces_one_that_was_never_trained(tmp_path):
    Run.open(tmp_path / "run", "clip", CONFIG)
    assert Run.open(tmp_path / "run", "clip", {"lr": 0.2}).settings == {"lr": 0.2}


def test_another_configuration_is_refused_by_what_differs(tmp_path):
    Run.open(tmp_path / "run", "clip", CONFIG).checkpoints.mkdir()
    with pytest.raises(FileExistsError, match=r"loop\.steps \(3 there, 4 now\); choose another"):
        Run.open(tmp_path / "run", "clip", {"loop": {"steps": 4}, "lr": 0.1})


def test_settings_that_change_no_result_may_change(tmp_path):
    def opened(**loop):
        return Run.open(tmp_path / "run", "clip", {"loop": {"steps": 3, **loop}})

    opened(workers=0, log_every=20, checkpoint_every=500).checkpoints.mkdir()
    changed = {"workers": 2, "log_every": 1, "checkpoint_every": 9}
    assert opened(**changed).settings["loop"] == {"steps": 3, **changed}
    with opened(**changed).writing_model():
        pass
    assert opened(workers=1).settings["loop"] == {"steps": 3, **changed}  # finished: as it was
    with pytest.raises(FileExistsError, match=r"loop\.seed \(None there, 1 now\); choose"):
        opened(workers=1, seed=1)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match="is not empty and holds no run"):
        Run.open(tmp_path, "clip", CONFIG)


def test_a_missing_run_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no run: it has no config\.yaml"):
        Run.load(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["steps", "batch_size", "log_every", "checkpoint_every"])
def test_a_loop_needs_positive_numbers(name):
    with pytest.raises(ValueError, match=rf"loop\.{name} is 0; expected at least 1"):
        LoopConfig(**{name: 0})

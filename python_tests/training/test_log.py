import json

from alignops.training.log import Log


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_steps_after_the_start_are_taken_back(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "loss": 3}\n{"step": 2, "loss": 2}\n{"step": 3, "lo')
    with Log(path, "clip", 1, 3) as log:
        log.write(2, {"loss": 1.0})
    assert lines_of(path) == [{"step": 1, "loss": 3}, {"step": 2, "loss": 1.0}]


def test_lines_that_are_no_lines_of_a_log_are_dropped(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "loss": 3}\n\x00\x00}\n[1]\n{"step": "x"}\n{}\n')
    with Log(path, "clip", 1, 3):
        pass
    assert lines_of(path) == [{"step": 1, "loss": 3}]


def test_the_files_have_the_usual_mode(tmp_path):
    (tmp_path / "usual").touch()
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1}\n')
    with Log(path, "clip", 1, 3) as log:
        log.write(2, {"loss": 1.0})
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode

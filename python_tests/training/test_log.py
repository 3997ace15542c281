import errno
import json
import threading

import pytest

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


class NearlyFull:
    """A file on a disk that takes five more bytes."""

    def __init__(self, file):
        self.file = file

    def write(self, line):
        if len(line) > 5:
            return self.file.write(line[:5])
        raise OSError(errno.ENOSPC, "full")

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path):
    path = tmp_path / "log.jsonl"
    with Log(path, "x", 0, 3) as log:
        log.write(1, {"loss": 1.0})
        log._file = NearlyFull(log._file)
        with pytest.raises(OSError, match=r"log\.jsonl cannot be written: full\. Free some space"):
            log.write(2, {"loss": 1.0})
    assert lines_of(path) == [{"step": 1, "loss": 1.0}]


def test_a_full_disk_under_tensorboard_is_one_sentence(tmp_path, capsys):
    hook = threading.excepthook
    log = Log(tmp_path / "log.jsonl", "x", 0, 3)
    writer = log._board.file_writer.event_writer._async_writer._writer

    def fail(*_):
        raise OSError(errno.ENOSPC, "full")

    writer.write = writer.flush = fail
    with pytest.raises(OSError, match="cannot be written: full"), log:
        log.write(1, {"loss": 1.0})
    assert threading.excepthook is hook
    assert "Traceback" not in capsys.readouterr().err

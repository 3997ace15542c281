import errno
from pathlib import Path

import pytest

from alignops.training.disk import explaining_full_disk


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_a_sentence(number):
    expected = r"^some/file cannot be written: .*\. Free some space; the same command then goes on$"
    with pytest.raises(OSError, match=expected), explaining_full_disk(Path("some/file")):
        raise OSError(number, "No space")


def test_other_errors_pass():
    for error in (FileNotFoundError("gone"), PermissionError(errno.EACCES, "no"), OSError(5, "IO")):
        with pytest.raises(type(error)) as passed, explaining_full_disk(Path("some/file")):
            raise error
        assert passed.value is error

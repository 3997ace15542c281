"""The checkpoints of a run: the last two training states, whole and checked, or none."""

import re
import shutil
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import nn

from alignops.atomic_files import replacing_folder
from alignops.checksums import DamagedError, verify_manifest, write_manifest
from alignops.training.disk import explaining_full_disk
from alignops.training.state import TrainingState, read_weights

_KEPT = 2


class Checkpoints:
    """The checkpoints of one run, in folders `step_<number>`; other names are let alone.

    Each holds safetensors, JSON, and the checksums of both, and appears once it is whole.

    Args:
        folder: where they are; of one process at a time, see `RunLock`.
        state: what they hold.
    """

    def __init__(self, folder: Path, state: TrainingState) -> None:
        self.folder = folder
        self.state = state

    def load_latest(self) -> int:
        """Restore the newest whole checkpoint; gives its step, 0 if there is none at all.

        Raises:
            ValueError: there are checkpoints, but none is whole; or it is one of another model.

        Warns:
            UserWarning: names each that is damaged and newer.
        """
        self._sweep()
        return _read_newest(self.folder, self.state.read)

    def save(self, step: int) -> None:
        """Write the state after `step` steps; the one before it is kept, all others go.

        Raises:
            OSError: it cannot be written, as when the disk is full; nothing of it remains.
        """
        kept = self.folder / f"step_{step:08d}"
        with explaining_full_disk(kept), replacing_folder(kept) as folder:
            self.state.write(folder, step)
            write_manifest(folder)
        # Later ones are those that were too damaged to go on from.
        found = _found(self.folder)
        earlier = sorted(number for number in found if number <= step)
        for number in set(found) - set(earlier[-_KEPT:]):
            shutil.rmtree(found[number])

    def _sweep(self) -> None:
        """Take away what a killed process had not finished."""
        for path in _entries(self.folder):
            if re.fullmatch(r"\.step_\d+\.(tmp|old)", path.name):
                shutil.rmtree(path, ignore_errors=True)


def load_weights(folder: Path, module: nn.Module) -> int:
    """Load the weights of the newest whole checkpoint in a folder, and nothing else of it.

    Returns:
        Its step, 0 if there is none at all.

    Raises:
        ValueError: as `Checkpoints.load_latest`.

    Warns:
        UserWarning: names each that is damaged and newer.
    """
    return _read_newest(folder, partial(read_weights, module))


def _read_newest(folder: Path, read: Callable[[Path], int]) -> int:
    damaged: list[str] = []
    for step, path in sorted(_found(folder).items(), reverse=True):
        try:
            verify_manifest(path)
            if read(path) != step:
                raise DamagedError(f"{path} is damaged: it holds another step")
        except DamagedError as error:
            damaged.append(str(error))
            continue
        for message in damaged:
            warnings.warn(f"{message}; going on from step {step} instead", stacklevel=3)
        return step
    if damaged:
        raise ValueError(
            f"{folder} holds no whole checkpoint: {'; '.join(damaged)}. Put back a copy, "
            "or delete the folder and the same command trains from the beginning"
        )
    return 0


def _found(folder: Path) -> dict[int, Path]:
    matches = ((path, re.fullmatch(r"step_(\d+)", path.name)) for path in _entries(folder))
    return {int(match[1]): path for path, match in matches if match and path.is_dir()}


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []

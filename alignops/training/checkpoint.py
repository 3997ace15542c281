"""The checkpoints of a run: the last two training states, whole and checked, or none."""

import re
import shutil
import warnings
from pathlib import Path

from alignops.atomic_files import replacing_folder
from alignops.checksums import DamagedError, verify_manifest, write_manifest
from alignops.training.state import TrainingState

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
        damaged: list[str] = []
        for step, folder in sorted(self._found().items(), reverse=True):
            try:
                verify_manifest(folder)
                if self.state.read(folder) != step:
                    raise DamagedError(f"{folder} is damaged: it holds another step")
            except DamagedError as error:
                damaged.append(str(error))
                continue
            for message in damaged:
                warnings.warn(f"{message}; going on from step {step} instead", stacklevel=2)
            return step
        if damaged:
            raise ValueError(
                f"{self.folder} holds no whole checkpoint: {'; '.join(damaged)}. Put back a copy, "
                "or delete the folder and the same command trains from the beginning"
            )
        return 0

    def save(self, step: int) -> None:
        """Write the state after `step` steps; the one before it is kept, all others go.

        Raises:
            OSError: it cannot be written, as when the disk is full; nothing of it remains.
        """
        kept = self.folder / f"step_{step:08d}"
        try:
            with replacing_folder(kept) as folder:
                self.state.write(folder, step)
                write_manifest(folder)
        except OSError as error:
            raise OSError(
                f"{kept} cannot be written: {error}. Free some space; the same command then goes "
                "on from the checkpoint before it"
            ) from error
        # Later ones are those that were too damaged to go on from.
        found = self._found()
        earlier = sorted(number for number in found if number <= step)
        for number in set(found) - set(earlier[-_KEPT:]):
            shutil.rmtree(found[number])

    def _found(self) -> dict[int, Path]:
        matches = ((path, re.fullmatch(r"step_(\d+)", path.name)) for path in self._entries())
        return {int(match[1]): path for path, match in matches if match and path.is_dir()}

    def _sweep(self) -> None:
        """Take away what a killed process had not finished."""
        for path in self._entries():
            if re.fullmatch(r"\.step_\d+\.(tmp|old)", path.name):
                shutil.rmtree(path, ignore_errors=True)

    def _entries(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

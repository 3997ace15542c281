"""Complete training states on disk: written to a temporary folder and renamed."""

import shutil
from pathlib import Path

from accelerate import Accelerator


class Checkpoints:
    """The checkpoints of one run; only the newest is kept.

    What is in one is Accelerate's matter: weights (safetensors), optimizer, registered schedulers
    and the random states.

    Args:
        folder: where they are; `step_<number>` each.
        accelerator: owns the state.
    """

    def __init__(self, folder: Path, accelerator: Accelerator) -> None:
        self.folder = folder
        self.accelerator = accelerator

    def load_latest(self) -> int:
        """Restore the newest checkpoint; returns its step, 0 if there is none."""
        found = sorted(self.folder.glob("step_*"))
        if not found:
            return 0
        self.accelerator.load_state(str(found[-1]))
        return int(found[-1].name.removeprefix("step_"))

    def save(self, step: int) -> None:
        """Write the state after `step` steps, then drop older ones."""
        temporary, kept = self.folder / "tmp", self.folder / f"step_{step:08d}"
        if kept.exists():
            return
        shutil.rmtree(temporary, ignore_errors=True)
        self.accelerator.save_state(str(temporary))
        temporary.rename(kept)
        for other in self.folder.glob("step_*"):
            if other != kept:
                shutil.rmtree(other)

"""A run folder: the configuration, the log, the checkpoints and the model of one training."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from alignops.atomic_files import replacing_folder, write_text
from alignops.training.config import WITHOUT_INFLUENCE
from alignops.training.differences import Differences, describe, differences
from alignops.training.disk import explaining_full_disk

_CONFIG, _LOG, _DATA, _DIVERGED = "config.yaml", "log.jsonl", "data.json", "diverged.json"
_CHECKPOINTS, _MODEL, _RESULTS = "checkpoints", "model", "results.json"

# What a run keeps besides its method's settings.
_METHOD, _CONTINUES = "method", "continue_from"

# All that a training writes, in the order in which a restart takes it away: a run that is begun is
# known by its checkpoints.
_WRITTEN = (_CHECKPOINTS, _LOG, "tensorboard", "trained", _DATA, _DIVERGED, _RESULTS, _CONFIG)


class Run:
    """The files of one training.

    Attributes:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(
        cls,
        folder: Path,
        method: str,
        config: Mapping[str, Any],
        *,
        overwrite: bool = False,
        continue_from: Path | None = None,
    ) -> "Run":
        """Begin a run, or take up one that was interrupted.

        Settings that change no result (`WITHOUT_INFLUENCE`) may differ from those of the run that
        is taken up; it goes on with, and keeps, the new ones. So may `loop.steps` if it is raised,
        which takes up a finished run as well, whose model and results go; and `optimizer.lr` if it
        is lowered in a run whose loss was not finite.

        Args:
            folder: created if it is not there; of one process at a time, see `RunLock`.
            method: name of the method, kept with the configuration.
            config: plain values, as YAML holds them.
            overwrite: take away what is there of an unfinished run, and begin anew.
            continue_from: folder of the run whose weights this one begins with, kept likewise.

        Raises:
            FileExistsError: the folder holds a run of another configuration, or something else; or
                a finished one that is to be overwritten.
            FileNotFoundError: a finished run is to be lengthened, and has no checkpoint.
            ValueError: its configuration is broken.
            OSError: the disk is full.
        """
        run = cls(folder)
        run.require_own_folder()
        source = {} if continue_from is None else {_CONTINUES: str(continue_from)}
        text = yaml.safe_dump({_METHOD: method, **source, **config}, sort_keys=False)
        if overwrite:
            run._clear()
        if run.checkpoints.exists() or run.model.exists():
            changed = differences(run.config, yaml.safe_load(text))
            run._require_acceptable(changed)
            if run.model.exists() and "loop.steps" in changed:
                run._unfinish()
        if not run.model.exists():
            with explaining_full_disk(folder / _CONFIG):
                folder.mkdir(parents=True, exist_ok=True)
                write_text(folder / _CONFIG, text)
        return run

    @classmethod
    def load(cls, folder: Path) -> "Run":
        """Open a run that is there.

        Raises:
            FileNotFoundError: the folder holds no run.
        """
        if not (folder / _CONFIG).is_file():
            raise FileNotFoundError(f"{folder} holds no run: it has no {_CONFIG}")
        return cls(folder)

    @property
    def config(self) -> dict[str, Any]:
        """The configuration the run was last taken up with, and its "method".

        Raises:
            ValueError: the file is broken.
        """
        path = self.folder / _CONFIG
        try:
            config = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise _broken(path, " ".join(str(error).split())) from error
        if not isinstance(config, dict) or not isinstance(config.get(_METHOD), str):
            raise _broken(path, "it names no method")
        return config

    @property
    def method(self) -> str:
        """Name of the method."""
        return str(self.config[_METHOD])

    @property
    def settings(self) -> dict[str, Any]:
        """The method's configuration."""
        return {name: v for name, v in self.config.items() if name not in (_METHOD, _CONTINUES)}

    @property
    def log(self) -> Path:
        """The log: one JSON object per line."""
        return self.folder / _LOG

    @property
    def checkpoints(self) -> Path:
        """Folder of the training's checkpoints."""
        return self.folder / _CHECKPOINTS

    @property
    def model(self) -> Path:
        """Where the finished model lies; its existence says that the training is finished."""
        return self.folder / _MODEL

    @property
    def results(self) -> Path:
        """What was measured on the finished model, as JSON."""
        return self.folder / _RESULTS

    def require_own_folder(self) -> None:
        """Refuse a folder of something else.

        Raises:
            FileExistsError: it holds files and no run.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise FileExistsError(f"{self.folder} is a file; expected a folder, or a new name")
        own = (_CHECKPOINTS, _MODEL, _CONFIG)
        if not self.folder.is_dir() or any((self.folder / name).exists() for name in own):
            return
        if any(not entry.name.startswith(".") for entry in self.folder.iterdir()):
            raise FileExistsError(
                f"{self.folder} is not empty and holds no run; choose another folder"
            )

    def keep_data(self, summary: Mapping[str, Any]) -> None:
        """Write what the run is trained on, or check that it is what it was begun on.

        Args:
            summary: plain values; of these "images" and "captions" count each part.

        Raises:
            ValueError: a part has another number of images or captions than before.
        """
        path, counted = self.folder / _DATA, ("images", "captions")
        if self.checkpoints.exists() and path.is_file():
            held = _read_json(path)
            pairs = ({name: values.get(name, {}) for name in counted} for values in (held, summary))
            if changed := differences(*pairs):
                raise ValueError(
                    f"{self.folder} was begun on other data: {describe(changed)}; put them back, "
                    "or train into another folder"
                )
        with explaining_full_disk(path):
            write_text(path, json.dumps(summary, indent=2) + "\n")

    def keep_divergence(self, error: Exception) -> None:
        """Remember that the loss was not finite: a smaller learning rate is then accepted."""
        write_text(self.folder / _DIVERGED, json.dumps({"error": str(error)}) + "\n")

    @contextmanager
    def writing_model(self) -> Iterator[Path]:
        """Give an empty folder to write the model in; it becomes `model` if nothing raises."""
        with replacing_folder(self.model) as folder:
            yield folder

    def finished_model(self) -> Path:
        """Path of the finished model.

        Raises:
            FileNotFoundError: the training is not finished.
        """
        if not self.model.is_dir():
            raise FileNotFoundError(
                f"{self.folder} is not finished; run its training command again"
            )
        return self.model

    def _require_acceptable(self, changed: Differences) -> None:
        refused = {
            name: values
            for name, values in changed.items()
            if name not in WITHOUT_INFLUENCE and not self._is_acceptable(name, *values)
        }
        if refused:
            raise FileExistsError(
                f"{self.folder} holds a run with other settings: {describe(refused)}; choose "
                "another folder (--out), which may begin with its weights (--continue-from), or "
                "restart it if it is unfinished (--overwrite)"
            )

    def _is_acceptable(self, name: str, there: Any, now: Any) -> bool:
        if not all(isinstance(value, (int, float)) for value in (there, now)):
            return False
        if name == "loop.steps":
            return bool(now > there)
        diverged = (self.folder / _DIVERGED).exists() and not self.model.exists()
        return name == "optimizer.lr" and diverged and bool(now < there)

    def _unfinish(self) -> None:
        """Take away the model and what was measured on it: more steps are to be made."""
        if not self.checkpoints.is_dir() or not any(self.checkpoints.iterdir()):
            raise FileNotFoundError(
                f"{self.folder} has no checkpoints left to go on from; choose another folder"
            )
        self._remove(_RESULTS)
        self._remove(_MODEL)

    def _clear(self) -> None:
        if self.model.exists():
            raise FileExistsError(
                f"{self.folder} holds a finished run, which is not overwritten; delete it, or "
                "choose another folder"
            )
        for name in _WRITTEN:
            self._remove(name)

    def _remove(self, name: str) -> None:
        """Take away a file or folder, at once or not at all."""
        leftover = self.folder / f".{name}.old"
        shutil.rmtree(leftover, ignore_errors=True)
        path = self.folder / name
        if path.is_dir():
            path.rename(leftover)
            shutil.rmtree(leftover)
        else:
            path.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged: {error}; delete it, and it is written anew"
        ) from error
    return values if isinstance(values, dict) else {}


def _broken(path: Path, reason: str) -> ValueError:
    return ValueError(
        f"{path} is broken: {reason}; put back a copy, or restart the run if it is unfinished "
        "(--overwrite)"
    )

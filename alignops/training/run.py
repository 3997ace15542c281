"""A run folder: the configuration, the log, the checkpoints and the model of one training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from alignops.atomic_files import replacing_folder, write_text
from alignops.training.config import WITHOUT_INFLUENCE

_CONFIG, _LOG = "config.yaml", "log.jsonl"


class Run:
    """The files of one training.

    Attributes:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls, folder: Path, method: str, config: Mapping[str, Any]) -> "Run":
        """Begin a run, or take up one that was interrupted.

        Settings that change no result (`WITHOUT_INFLUENCE`) may differ from those of the run that
        is taken up; it goes on with, and keeps, the new ones.

        Args:
            folder: created if it is not there.
            method: name of the method, kept with the configuration.
            config: plain values, as YAML holds them.

        Raises:
            FileExistsError: the folder holds a run of another configuration, or something else.
        """
        run = cls(folder)
        wanted = yaml.safe_dump({"method": method, **config}, sort_keys=False)
        if run.checkpoints.exists() or run.model.exists():
            _check_settings(folder, run.config, yaml.safe_load(wanted))
        elif folder.is_dir() and any(folder.iterdir()) and not (folder / _CONFIG).is_file():
            raise FileExistsError(f"{folder} is not empty and holds no run; choose another folder")
        if not run.model.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / _CONFIG, wanted)
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
        """The configuration the run was last taken up with, and its "method"."""
        config: dict[str, Any] = yaml.safe_load((self.folder / _CONFIG).read_text(encoding="utf-8"))
        return config

    @property
    def method(self) -> str:
        """Name of the method."""
        return str(self.config["method"])

    @property
    def settings(self) -> dict[str, Any]:
        """The method's configuration."""
        return {name: value for name, value in self.config.items() if name != "method"}

    @property
    def log(self) -> Path:
        """The log: one JSON object per line."""
        return self.folder / _LOG

    @property
    def checkpoints(self) -> Path:
        """Folder of the training's checkpoints."""
        return self.folder / "checkpoints"

    @property
    def model(self) -> Path:
        """Where the finished model lies; its existence says that the training is finished."""
        return self.folder / "model"

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


def _check_settings(folder: Path, held: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    old, new = _flatten(held), _flatten(wanted)
    changed = sorted(
        name for name in (old | new).keys() - WITHOUT_INFLUENCE if old.get(name) != new.get(name)
    )
    if changed:
        listed = ", ".join(f"{n} ({old.get(n)} there, {new.get(n)} now)" for n in changed)
        raise FileExistsError(
            f"{folder} holds a run with other settings: {listed}; choose another folder"
        )


def _flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat

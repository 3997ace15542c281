"""Kill preparations, trainings and evaluations at random moments, and compare what comes of them.

`python -m tools.kill_runs --kills 100` draws a few photos, and runs `alignops prepare`, `train` and
`evaluate` of every method on them, undisturbed. Then it runs the same commands in fresh folders,
sends each SIGKILL at random moments, repeats it until it ends by itself, and compares every file of
the run and of the features, byte for byte, with those of the undisturbed commands.

The undisturbed commands are processes of their own. A disturbed one is a fork of this process,
which has imported all that they import, so that the kills meet work and not imports. The figures of
TensorBoard hold times, and indices of a cache the order of their entries: neither is compared.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

PHOTOS = 30
METHODS = ("clip", "comalign", "mosaiclip", "powerclip", "aahr")
_FROZEN = ("comalign", "aahr")
_SUBJECTS = ("a brown dog", "two red birds", "a small cat", "an old man", "a girl in blue")
_PLACES = ("runs on the grass", "sits under a tree", "is left of a white house")
# What may differ between two runs that are the same.
_UNCOMPARED = ("tensorboard", "content", "parses")
_LOOP = {"steps": 24, "batch_size": 6, "checkpoint_every": 5, "log_every": 2}
_OWN = {
    "clip": ("--random_crop=0.8",),
    "comalign": (),
    "mosaiclip": ("--wise_ft=0.5", "--texts.word_swap=true"),
    "powerclip": ("--regions.count=3",),
    "aahr": ("--encoder.dim=16", "--encoder.heads=2", "--losses.prototypes=4", "--losses.queue=12"),
}


@dataclass(frozen=True)
class Chain:
    """The commands of one method, each of which needs those before it.

    Attributes:
        method: its name.
        commands: arguments of `alignops`.
    """

    method: str
    commands: tuple[tuple[str, ...], ...]


@dataclass
class Tally:
    """What became of the kills.

    Attributes:
        wanted: number of kills.
        kills: sent so far.
        runs: chains that were killed and came to their end.
        different: files that were others than the undisturbed ones.
    """

    wanted: int
    kills: int = 0
    runs: int = 0
    different: list[str] = field(default_factory=list)


def chain_of(method: str) -> Chain:
    """List the commands of a method, with paths relative to a work folder."""
    run = f"runs/{method}"
    weights = "base" if method in _FROZEN else "model"
    settings = [f"--out={run}", "--data.source=photos", f"--{weights}.name=model", *_OWN[method]]
    settings += [f"--loop.{name}={value}" for name, value in _LOOP.items()]
    train = [("prepare", method, *settings)] if method in _FROZEN else []
    return Chain(method, (*train, ("train", method, *settings), ("evaluate", run)))


def draw_photos(folder: Path) -> None:
    """Draw photos with two captions each, in the layout of Flickr8k."""
    (folder / "images").mkdir(parents=True)
    lines = ["image,caption"]
    for number in range(PHOTOS):
        image = Image.new("RGB", (48, 36), (8 * number, 200 - 6 * number, 90))
        image.paste((255 - 8 * number, 40, 5 * number), (number, 4, number + 12, 24))
        image.save(folder / "images" / f"{number:04d}.png")
        subject, place = _SUBJECTS[number % len(_SUBJECTS)], _PLACES[number % len(_PLACES)]
        captions = f"{subject} {place}", f"{subject} number {number}"
        lines += [f"{number:04d}.png,{caption}" for caption in captions]
    (folder / "captions.txt").write_text("\n".join(lines))


def contents(folder: Path) -> dict[str, bytes]:
    """Read all files of a work folder that must not differ, by their names in it."""
    found = {}
    for room in ("runs", "cache"):
        for path in sorted((folder / room).rglob("*")):
            name = path.relative_to(folder)
            is_unfinished = path.name.startswith(".") and path.name.endswith(".tmp")
            if path.is_file() and not is_unfinished and not set(_UNCOMPARED) & set(name.parts):
                found[name.as_posix()] = path.read_bytes()
    return found


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Name the files that are not in both, or not the same."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def kill_runs(
    folder: Path, kills: int, *, methods: Sequence[str] = METHODS, seed: int = 0
) -> Tally:
    """Kill commands at random moments until `kills` are sent, a line for each.

    Args:
        folder: an empty one, for everything.
        kills: SIGKILLs that meet a command before its end.
        methods: whose commands, in turn.
        seed: of the moments.

    Raises:
        RuntimeError: a command failed; says which, and what it printed last.
    """
    chance = random.Random(seed)
    source = folder / "source"
    draw_photos(source / "photos")
    _await(_fork(source, _save_model), source, "making the model")
    _import_all()
    tally = Tally(kills)
    chains = [chain_of(method) for method in methods]
    wholes = [_undisturbed(chain, source, folder / f"whole-{chain.method}") for chain in chains]
    durations = [_durations(chain, source, folder / "timed") for chain in chains]
    while tally.kills < tally.wanted:
        index = tally.runs % len(chains)
        work = shutil.copytree(source, folder / "killed")
        _disturbed(chains[index], work, durations[index], tally, chance)
        found = differences(wholes[index], contents(work))
        tally.runs += 1
        tally.different += found
        verdict = f"DIFFERENT: {', '.join(found)}" if found else "the same bytes"
        print(f"{chains[index].method}: {verdict}", flush=True)
        shutil.rmtree(work)
    return tally


def _undisturbed(chain: Chain, source: Path, work: Path) -> dict[str, bytes]:
    shutil.copytree(source, work)
    for command in chain.commands:
        finished = subprocess.run(
            [sys.executable, "-m", "alignops.cli", *command],
            cwd=work,
            env={**os.environ, **_environment(work), "PYTHONPATH": os.pathsep.join(_import_path())},
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode:
            raise RuntimeError(f"alignops {' '.join(command)} failed: {finished.stderr[-2000:]}")
    return contents(work)


def _durations(chain: Chain, source: Path, work: Path) -> list[float]:
    """Time the commands as forks, undisturbed: the spans within which the kills fall."""
    shutil.copytree(source, work)
    durations = []
    for command in chain.commands:
        start = time.monotonic()
        _await(_fork_command(work, command), work, command)
        durations.append(time.monotonic() - start)
    shutil.rmtree(work)
    return durations


def _disturbed(
    chain: Chain, work: Path, durations: Sequence[float], tally: Tally, chance: random.Random
) -> None:
    """Run a chain, and kill each of its commands a few times."""
    for command, duration in zip(chain.commands, durations, strict=True):
        for _ in range(chance.randint(1, 4)):
            if tally.kills == tally.wanted:
                break
            moment = chance.uniform(0, duration)
            if not _kill_after(_fork_command(work, command), moment):
                break
            tally.kills += 1
            when = f"{moment:.2f} s of {duration:.2f} s"
            print(f"kill {tally.kills}: {' '.join(command[:2])} after {when}", flush=True)
        _await(_fork_command(work, command), work, command)


def _kill_after(process: int, seconds: float) -> bool:
    """Kill a process group after a while; False where it came to its end before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(process, os.WNOHANG)[0]:
            return False
        time.sleep(0.001)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


def _await(process: int, work: Path, command: object) -> None:
    _, status = os.waitpid(process, 0)
    if status:
        raise RuntimeError(f"{command} failed: {(work / 'output.txt').read_text()[-2000:]}")


def _fork_command(work: Path, command: Sequence[str]) -> int:
    from alignops.cli import main

    return _fork(work, lambda: main(command))


def _fork(work: Path, act: Callable[[], int | None]) -> int:
    """Start a process that acts in a work folder, and ends with what `act` returns."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        os.chdir(work)
        os.environ.update(_environment(work))
        output = os.open(work / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        _forget_seeds()
        status = act() or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _environment(work: Path) -> dict[str, str]:
    return {"ALIGNOPS_CACHE": str(work / "cache")}


def _import_path() -> Iterator[str]:
    return (str(Path(entry).resolve()) for entry in sys.path)


def _forget_seeds() -> None:
    """Give a fork random numbers of its own, as a process of its own has them."""
    import numpy as np
    import torch

    random.seed()
    np.random.seed()
    torch.seed()


def _import_all() -> None:
    """Import what the commands do; nothing may start threads here, which forks would lack."""
    import open_clip  # noqa: F401
    import torch.utils.tensorboard  # noqa: F401

    import alignops.methods.results  # noqa: F401
    from alignops.text.rules.pipeline import load_pipeline

    load_pipeline()


def _save_model() -> None:
    from alignops.models import DualEncoder

    DualEncoder.tiny([*_SUBJECTS, *_PLACES, "number"]).save(Path("model"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 where a killed run came to another end."""
    parser = argparse.ArgumentParser("python -m tools.kill_runs", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        tally = kill_runs(Path(folder), options.kills, methods=options.methods, seed=options.seed)
    same = "all with the same bytes" if not tally.different else "NOT all with the same bytes"
    print(f"{tally.kills} kills in {tally.runs} runs, {same}")
    return 1 if tally.different else 0


if __name__ == "__main__":
    sys.exit(main())

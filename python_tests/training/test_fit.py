import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from child_process import child_environment, run_python
from torch import nn

from alignops.data import Splits
from alignops.training import (
    LoopConfig,
    OptimizerConfig,
    Recipe,
    Run,
    TrainingConfig,
    fit,
)
from alignops.training.lock import RunLock


@dataclass(frozen=True, kw_only=True)
class Config(TrainingConfig):
    offset: float = 1.0
    loop: LoopConfig = LoopConfig(steps=2, batch_size=2)  # noqa: RUF009 - frozen


class Numbers:
    def __len__(self):
        return 4

    def __getitem__(self, example):
        return torch.tensor([float(example.index)])


class Square(nn.Module):
    def __init__(self, offset):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.offset = offset

    def forward(self, batch):
        return {"square": (self.layer(batch) - self.offset).square().mean()}


class Pairs:
    """As much of a dataset as is counted."""

    def __init__(self, captions):
        self.captions = [["a caption"]] * captions

    def __len__(self):
        return len(self.captions)


DATA = Splits(Pairs(4), Pairs(1), Pairs(2))


def recipe(config, data=DATA):
    torch.manual_seed(config.loop.seed)
    objective = Square(config.offset)

    def save(run):
        with run.writing_model() as folder:
            (folder / "weight").write_text(str(objective.layer.weight.item()))

    return Recipe(objective, Numbers(), torch.stack, save, data)


def unopened(config):
    raise AssertionError


def test_a_training_goes_from_an_empty_folder_to_a_saved_model(tmp_path):
    run = fit("squares", Config(), recipe, tmp_path / "run")
    assert (run.finished_model() / "weight").is_file()
    assert run.method == "squares"
    assert run.settings["offset"] == 1.0
    assert run.log.is_file()


def test_a_finished_run_opens_nothing(tmp_path):
    fit("squares", Config(), recipe, tmp_path / "run")
    again = fit("squares", Config(), unopened, tmp_path / "run")
    assert again.model == tmp_path / "run" / "model"


def test_a_run_of_other_settings_is_refused_before_anything_is_opened(tmp_path):
    fit("squares", Config(), recipe, tmp_path / "run")
    with pytest.raises(FileExistsError, match=r"offset \(1\.0 there, 2\.0 now\)"):
        fit("squares", Config(offset=2.0), unopened, tmp_path / "run")


def test_a_training_that_was_not_saved_is_saved_when_it_is_taken_up(tmp_path):
    def interrupted(config):
        made = recipe(config)
        return Recipe(made.objective, made.examples, made.collate, unopened, made.data)

    with pytest.raises(AssertionError):
        fit("squares", Config(), interrupted, tmp_path / "run")
    weight = (fit("squares", Config(), recipe, tmp_path / "run").model / "weight").read_text()
    whole = fit("squares", Config(), recipe, tmp_path / "whole")
    assert (whole.model / "weight").read_text() == weight


def weight_of(run):
    return (run.finished_model() / "weight").read_text()


def config_of(steps=2, schedule="constant", lr=1e-3, **changes):
    loop = LoopConfig(steps=steps, batch_size=2, checkpoint_every=2)
    optimizer = OptimizerConfig(schedule=schedule, lr=lr, warmup_steps=0)
    return Config(loop=loop, optimizer=optimizer, **changes)


def test_what_is_trained_on_is_printed_and_kept(tmp_path, capsys):
    run = fit("squares", Config(), recipe, tmp_path / "run")
    kept = json.loads((run.folder / "data.json").read_text())
    assert kept["images"] == {"train": 4, "validation": 1, "test": 2}
    assert kept["skipped"] == []
    assert "train 4 images and 4 captions, validation 1 images" in capsys.readouterr().err


def test_other_data_are_not_trained_on_in_the_middle_of_a_run(tmp_path):
    run = fit("squares", Config(), recipe, tmp_path / "run")
    (run.model / "weight").unlink()
    run.model.rmdir()
    grown = Splits(Pairs(5), Pairs(1), Pairs(2))
    with pytest.raises(ValueError, match=r"was begun on other data: .*images\.train \(4 there, 5"):
        fit("squares", Config(), lambda config: recipe(config, grown), run.folder)


def test_one_process_at_a_time_trains_in_a_folder(tmp_path):
    holder = "import sys; from pathlib import Path; from alignops.training.lock import RunLock\n"
    holder += "with RunLock(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", holder, tmp_path / "run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(),
    )
    process.stdout.readline()
    with pytest.raises(BlockingIOError, match=f"run is in use by process {process.pid} on "):
        fit("squares", Config(), unopened, tmp_path / "run")
    process.communicate()
    fit("squares", Config(), recipe, tmp_path / "run").finished_model()


def test_a_folder_of_something_else_gets_no_lock(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match="is not empty and holds no run"):
        fit("squares", Config(), unopened, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_folder_is_free_after_a_failure(tmp_path):
    with pytest.raises(AssertionError):
        fit("squares", Config(), unopened, tmp_path / "run")
    with RunLock(tmp_path / "run"):
        pass


@pytest.mark.parametrize("schedule", ["constant", "step"])
def test_a_lengthened_run_is_one_of_that_length(tmp_path, schedule):
    short = fit("squares", config_of(2, schedule), recipe, tmp_path / "run")
    short.results.write_text("{}")
    longer = fit("squares", config_of(6, schedule), recipe, tmp_path / "run")
    assert not longer.results.exists()
    assert longer.settings["loop"]["steps"] == 6
    whole = fit("squares", config_of(6, schedule), recipe, tmp_path / "whole")
    assert weight_of(longer) == weight_of(whole)


def test_a_lengthened_cosine_goes_on_from_where_the_longer_one_would_be(tmp_path):
    fit("squares", config_of(2, "cosine"), recipe, tmp_path / "run")
    run = fit("squares", config_of(4, "cosine"), recipe, tmp_path / "run")
    rates = [json.loads(line)["lr"] for line in run.log.read_text().splitlines()]
    assert rates == pytest.approx([0.5e-3, 1e-3 * 0.5 * (1 - 0.5**0.5)])  # of steps 2 and 4


def test_a_killed_lengthening_is_an_unfinished_run(tmp_path):
    fit("squares", config_of(2), recipe, tmp_path / "run")
    with pytest.raises(AssertionError):
        fit("squares", config_of(6), unopened, tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="is not finished"):
        Run.load(tmp_path / "run").finished_model()
    whole = fit("squares", config_of(6), recipe, tmp_path / "whole")
    assert weight_of(fit("squares", config_of(6), recipe, tmp_path / "run")) == weight_of(whole)


def test_an_unfinished_run_is_begun_anew(tmp_path):
    run = fit("squares", config_of(4, offset=1.0), recipe, tmp_path / "run")
    with pytest.raises(FileExistsError, match="holds a finished run, which is not overwritten"):
        fit("squares", config_of(4, offset=2.0), unopened, run.folder, overwrite=True)
    (run.model / "weight").unlink()
    run.model.rmdir()
    again = fit("squares", config_of(4, offset=2.0), recipe, run.folder, overwrite=True)
    whole = fit("squares", config_of(4, offset=2.0), recipe, tmp_path / "whole")
    assert weight_of(again) == weight_of(whole)
    assert again.log.read_text() == whole.log.read_text()


def test_a_run_begins_with_the_weights_of_another(tmp_path):
    first = fit("squares", config_of(2), recipe, tmp_path / "first")
    changed = replace(config_of(1, lr=0.0), optimizer=OptimizerConfig(lr=0.0))
    run = fit("squares", changed, recipe, tmp_path / "next", continue_from=first.folder)
    assert weight_of(run) == weight_of(first)
    assert run.config["continue_from"] == str(first.folder)
    assert "continue_from" not in run.settings
    with pytest.raises(FileExistsError, match=r"continue_from \(.*first there, None now\)"):
        fit("squares", changed, unopened, tmp_path / "next")


def test_a_continued_run_that_was_killed_goes_on_from_its_own_checkpoint(tmp_path):
    first = fit("squares", config_of(2), recipe, tmp_path / "first")
    whole = fit("squares", config_of(4), recipe, tmp_path / "whole", continue_from=first.folder)
    cut = fit("squares", config_of(2), recipe, tmp_path / "cut", continue_from=first.folder)
    cut = fit("squares", config_of(4), recipe, tmp_path / "cut", continue_from=first.folder)
    assert weight_of(cut) == weight_of(whole) != weight_of(first)


def test_only_a_run_that_fits_is_continued(tmp_path):
    first = fit("squares", config_of(2), recipe, tmp_path / "first").folder

    def refused(kind, message, method="squares", folder="next", source=first):
        with pytest.raises(kind, match=message):
            fit(method, config_of(2), unopened, tmp_path / folder, continue_from=source)
        assert not (tmp_path / "next").exists()

    refused(ValueError, "continue_from is a run of squares; expected one of cubes", "cubes")
    refused(ValueError, "first, the folder that is trained into", folder="first")
    refused(FileNotFoundError, "nothing holds no run", source=tmp_path / "nothing")
    Run.open(tmp_path / "unborn", "squares", {})
    refused(FileNotFoundError, "expected a run with checkpoints", source=tmp_path / "unborn")
    other = Run.open(tmp_path / "other", "squares", {"data": {"seed": 1}})
    (other.checkpoints / "step_00000001").mkdir(parents=True)
    refused(ValueError, r"other data .*: data\.seed \(1 there, None now\)", source=other.folder)


def test_a_smaller_learning_rate_is_accepted_after_a_loss_that_is_not_finite(tmp_path):
    def diverging(config):
        made = recipe(config)
        if config.optimizer.lr == 1e-3:
            made.objective.register_forward_hook(explode_at_step(4))
        return made

    advice = r"the loss is nan at step 4; try a smaller optimizer\.lr: the same folder accepts it"
    with pytest.raises(ValueError, match=advice):
        fit("squares", config_of(6), diverging, tmp_path / "run")
    for other in (config_of(6, lr=1e-2), config_of(6, offset=2.0, lr=1e-4)):
        with pytest.raises(FileExistsError, match="holds a run with other settings"):
            fit("squares", other, unopened, tmp_path / "run")
    run = fit("squares", config_of(6, lr=1e-4), diverging, tmp_path / "run")
    assert run.settings["optimizer"]["lr"] == 1e-4
    with pytest.raises(FileExistsError, match=r"optimizer\.lr \(0\.0001 there, 1e-05 now\)"):
        fit("squares", config_of(6, lr=1e-5), unopened, tmp_path / "run")


def explode_at_step(step):
    calls = []

    def hook(module, inputs, terms):
        calls.append(None)
        return {"square": terms["square"] * (float("nan") if len(calls) == step else 1.0)}

    return hook


def test_a_stray_folder_among_the_checkpoints_is_let_alone(tmp_path):
    (tmp_path / "run" / "checkpoints" / "step_foo").mkdir(parents=True)
    Run(tmp_path / "run").folder.joinpath("config.yaml").write_text(
        "method: squares\noffset: 1.0\nloop: {steps: 2, batch_size: 2, seed: 0, precision: 'no'}\n"
        "optimizer: {lr: 0.001, weight_decay: 0.1, beta2: 0.98, schedule: cosine, "
        "warmup_steps: 100, decay_every: 1000, decay: 0.1, clip_norm: 1.0}\n"
    )
    run = fit("squares", Config(), recipe, tmp_path / "run")
    assert run.finished_model()
    assert (run.checkpoints / "step_foo").is_dir()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_fit
from alignops.training import Run

def full():
    # A file that may not grow fails as on a full disk.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))

def recipe(config):
    made = test_fit.recipe(config)
    steps = []
    def count(module, inputs):
        steps.append(None)
        if sys.argv[3] == f"step {len(steps)}":
            full()
    made.objective.register_forward_pre_hook(count)
    def save(run):
        if sys.argv[3] == "model":
            full()
        made.save(run)
    return test_fit.Recipe(made.objective, made.examples, made.collate, save, made.data)

if sys.argv[3] == "config":
    full()
try:
    test_fit.fit("squares", test_fit.config_of(4), recipe, Path(sys.argv[1]))
except OSError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize(
    ("moment", "limit", "path"),
    [
        ("config", 100, "config.yaml"),
        ("step 2", 700, "step_00000002"),
        ("step 4", 10, "log.jsonl"),
        ("step 4", 90, ""),  # the log is written, TensorBoard's file is not
        ("model", 2, "model"),
    ],
)
def test_a_full_disk_is_a_sentence_and_the_same_command_goes_on(tmp_path, moment, limit, path):
    folder = tmp_path / "run"
    script = ("-c", FULL_DISK, folder, Path(__file__).parent)
    child = run_python(*script, moment, limit)
    last = child.stderr.splitlines()[-1]
    assert f"{path} cannot be written: " in last, child.stderr
    assert "Free some space; the same command then goes on" in last
    assert "Traceback" not in child.stderr
    assert list(folder.rglob("*.tmp")) == []
    assert not (folder / "model").exists()
    assert not (folder / "config.yaml").exists() or Run.load(folder).method == "squares"
    assert not (folder / "log.jsonl").exists() or all(
        json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()
    )
    assert run_python(*script, "never", 0).returncode == 0
    whole = fit("squares", config_of(4), recipe, tmp_path / "whole")
    assert weight_of(Run.load(folder)) == weight_of(whole)
    assert Run.load(folder).log.read_text() == whole.log.read_text()

"""The command, end to end on a miniature."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from shutil import copytree, rmtree

import pytest
from child_process import child_environment, run_python
from PIL import Image

from alignops.cli import _parser, main
from alignops.data.scenes import PLACED_VOCABULARY
from alignops.demo import DEMO_BASES, DemoConfig, run_ablations, run_demo
from alignops.methods.clip import ClipConfig
from alignops.methods.results import read_results
from alignops.models import DualEncoder
from alignops.training import Interrupted, Run
from alignops.training.config_values import to_values

MINIATURE = DemoConfig(
    word_scenes=64,
    close_ups=32,
    sentence_scenes=32,
    held_out=16,
    word_steps=4,
    sentence_steps=2,
    comalign_steps=3,
    aahr_steps=3,
    tuning_steps=2,
    batch_size=16,
)
METHODS = ("clip", "comalign", "mosaiclip", "powerclip", "aahr")
KINDS = ("attribute swap", "relation swap", "shape swap", "attribute replace", "object replace")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    run_demo(folder, seed=1, methods=METHODS, config=MINIATURE)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    (folder / "images").mkdir()
    lines = ["image,caption"]
    for number in range(20):
        colour = (12 * number, 100, 200 - 10 * number)
        Image.new("RGB", (60, 40), colour).save(folder / "images" / f"{number}.jpg")
        lines += [
            f"{number}.jpg,A brown dog runs on grass .",
            f"{number}.jpg,Two dogs number {number}",
        ]
    (folder / "captions.txt").write_text("\n".join(lines))
    return folder


def test_the_demo_measures_base_and_methods(demo):
    for name in ("base", *METHODS):
        results = read_results(demo / name)
        assert {"image to text R@1", "text to image R@5", *KINDS} <= results.keys()
        assert results["image to text R@1"].cases == 16
        assert all(0 <= result.accuracy <= 1 for result in results.values())


def test_the_demo_again_trains_nothing(demo, capsys):
    before = [path.stat().st_mtime_ns for path in sorted(demo.glob("*/checkpoints/*/*"))]
    run_demo(demo, seed=1, methods=METHODS, config=MINIATURE)
    assert [path.stat().st_mtime_ns for path in sorted(demo.glob("*/checkpoints/*/*"))] == before
    printed = capsys.readouterr().out
    assert "attribute swap" in printed
    assert str(demo / "comalign") in printed


@pytest.mark.parametrize("base", ["places", "places-of-three"])
def test_the_base_may_know_places(base, tmp_path):
    full = DEMO_BASES[base]
    placed = replace(MINIATURE, word_styles=full.word_styles, objects=full.objects)
    run_demo(tmp_path, methods=["mosaiclip"], config=placed)
    words = DualEncoder.load(str(tmp_path / "base" / "model")).tokenizer.words
    assert set(PLACED_VOCABULARY) < set(words)
    results = read_results(tmp_path / "mosaiclip")
    assert results["relation swap"].cases > 0
    assert ("part attribute swap" in results) == (full.objects > 2)


def test_an_unknown_base(capsys):
    assert main(["demo", "--base", "nothing"]) == 2
    expected = "--base is 'nothing'; expected one of words, places, places-of-three"
    assert expected in capsys.readouterr().err


@pytest.mark.slow
def test_ablations_stand_beside_their_method(demo, capsys):
    run_ablations(demo, "mosaiclip", seed=1, config=MINIATURE)
    printed = capsys.readouterr().out
    for name in ("clip", "mosaiclip", "mosaiclip-no-f_rel", "mosaiclip-negclip"):
        assert read_results(demo / name).keys() >= set(KINDS)
        assert str(demo / name) in printed


def test_a_run_keeps_configuration_log_and_model(demo):
    files = {path.name for path in (demo / "comalign").iterdir()}
    assert {"config.yaml", "log.jsonl", "tensorboard", "model", "results.json"} <= files
    line = json.loads((demo / "comalign" / "log.jsonl").read_text().splitlines()[-1])
    assert {"step", "loss", "global", "entity", "relation", "lr"} <= line.keys()


def test_evaluate_repeats_the_results(demo, capsys):
    results = read_results(demo / "comalign")
    assert main(["evaluate", str(demo / "comalign")]) == 0
    assert read_results(demo / "comalign") == results
    assert "image to text R@1" in capsys.readouterr().out


def test_report_lays_runs_side_by_side(demo, capsys):
    assert main(["report", str(demo / "base"), str(demo / "comalign")]) == 0
    header = capsys.readouterr().out.splitlines()[1]
    assert "base" in header
    assert "comalign" in header


def test_no_number_is_cut_off_in_a_narrow_terminal(demo, tmp_path, monkeypatch, capsys):
    runs = [tmp_path / f"run-{number}" for number in range(15)]
    for run in runs:
        copytree(demo / "clip", run)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["report", *map(str, runs)]) == 0
    accuracy = str(read_results(demo / "clip")["relation swap"])
    [row] = [line for line in capsys.readouterr().out.splitlines() if "relation swap" in line]
    assert row.split("│")[3:-1] == [f" {accuracy:>5} "] * 15


def test_a_missing_package_is_a_sentence(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "transformers", None)
    settings = ["--base.name", str(demo / "base" / "model"), "--bert", str(tmp_path)]
    settings += ["--data.scenes.train", "32", "--features", str(tmp_path / "features")]
    assert main(["train", "aahr", "--out", str(tmp_path / "run"), *settings]) == 2
    assert 'pip install "alignops[bert]"' in capsys.readouterr().err


def test_clip_and_comalign_train_on_a_folder(photos, tmp_path, capsys):
    config = tmp_path / "clip.yaml"
    config.write_text(
        f"data:\n  source: {photos}\nloop:\n  steps: 50\n  batch_size: 8\n"
        "model:\n  context_length: 12\n"
    )
    clip, comalign = tmp_path / "clip", tmp_path / "comalign"
    overrides = ["--loop.steps", "2"]
    assert main(["train", "clip", "--out", str(clip), "--config", str(config), *overrides]) == 0
    assert Run.load(clip).settings["loop"]["steps"] == 2
    settings = [
        *("--out", str(comalign), "--base.name", str(clip / "model"), "--data.source", str(photos)),
        *("--features", str(tmp_path / "features"), "--loop.steps", "2", "--loop.batch_size", "8"),
    ]
    assert main(["prepare", "comalign", *settings]) == 0
    assert (tmp_path / "features").is_dir()
    assert main(["train", "comalign", *settings]) == 0
    assert read_results(comalign)["text to image R@1"].cases == 4
    assert "comalign" in capsys.readouterr().out


def test_mosaiclip_trains_on_a_folder(photos, tmp_path):
    words = tmp_path / "words.json"
    words.write_text('{"objects": ["cat"], "attributes": ["black"], "relations": ["near"]}')
    run = tmp_path / "mosaiclip"
    settings = [
        *("--data.source", str(photos), "--loop.steps", "2", "--loop.batch_size", "8"),
        *("--texts.vocabulary", str(words), "--texts.word_swap", "true", "--random_crop", "0.5"),
    ]
    assert main(["train", "mosaiclip", "--out", str(run), *settings]) == 0
    assert read_results(run)["text to image R@1"].cases == 4


def test_aahr_trains_on_a_folder(photos, tmp_path):
    DualEncoder.tiny(["a brown dog runs on grass", "two dogs number"]).save(tmp_path / "model")
    settings = [
        *("--base.name", str(tmp_path / "model"), "--data.source", str(photos)),
        *("--out", str(tmp_path / "aahr"), "--features", str(tmp_path / "features")),
        *("--encoder.dim", "16", "--encoder.heads", "2", "--losses.queue", "8"),
        *("--loop.steps", "3", "--loop.batch_size", "8"),
    ]
    assert main(["prepare", "aahr", *settings]) == 0
    assert main(["train", "aahr", *settings]) == 0
    assert read_results(tmp_path / "aahr")["text to image R@1"].cases == 4


def test_info_says_what_is_installed(capsys):
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    for name in ("alignops", "python", "torch", "CPU kernels", "CUDA kernels"):
        assert name in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "clap"], "METHOD is 'clap'; expected one of clip, comalign"),
        (["train", "clip", "--data.source", "nowhere"], "data.source is 'nowhere'; expected"),
        (["train", "clip", "--loop.steps", "0"], "loop.steps is 0; expected at least 1"),
        (["train", "clip", "--loop.stepz", "1"], "no option; did you mean --loop.steps?"),
        (["train", "clip", "--loop.steps", "abc"], "loop.steps is 'abc'; expected a whole number"),
        (["train", "clip", "garbage"], "garbage is no option"),
        (["train", "clip", "--continue-from", "gone"], "gone holds no run"),
        (["train"], "the following arguments are required: METHOD (see alignops train --help)"),
        (["train", "clip", "--model.name", "ViT-Z"], "name is 'ViT-Z'; expected a name known"),
        (["train", "comalign"], "base.name"),
        (["prepare", "clip"], "METHOD is 'clip'; expected one that prepares: comalign, aahr"),
        (["evaluate", "nothing"], "nothing holds no run: it has no config.yaml"),
        (["report", "nothing"], "nothing holds no run: it has no config.yaml"),
        (["demo", "--methods", "clap"], "method is 'clap'; expected one of clip, comalign"),
        (["demo", "--ablate", "clip"], "method is 'clip'; expected one that has ablations"),
        (["demo", "--sed", "1"], "--sed is no option; did you mean --seed?"),
        (["demo", "--seed", "x"], "--seed is 'x'; expected a whole number"),
        (["demo", "garbage"], "garbage is unused (see alignops demo --help)"),
        (["bogus"], "COMMAND is 'bogus'; expected one of demo, train, prepare, evaluate"),
        (["reprot"], "did you mean report?"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("alignops: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_mistake_can_be_traced(monkeypatch):
    monkeypatch.setenv("ALIGNOPS_DEBUG", "1")
    with pytest.raises(FileNotFoundError):
        main(["report", "nothing"])


def test_an_unfinished_run_is_not_evaluated(tmp_path, capsys):
    Run.open(tmp_path / "run", "clip", to_values(ClipConfig()))
    assert main(["evaluate", str(tmp_path / "run")]) == 2
    assert "run is not finished; run its training command again" in capsys.readouterr().err


def test_a_broken_configuration_is_a_sentence(tmp_path, capsys):
    run = Run.open(tmp_path / "run", "clip", to_values(ClipConfig()))
    run.model.mkdir()
    (tmp_path / "run" / "config.yaml").write_text("loop: {steps")
    for command in (["evaluate"], ["train", "clip", "--out"]):
        assert main([*command, str(tmp_path / "run")]) == 2
        error = capsys.readouterr().err
        assert "run/config.yaml is broken: " in error
        assert error.count("\n") == 1


def test_report_skips_what_is_no_finished_run_and_says_so(demo, tmp_path, capsys):
    (tmp_path / "features").mkdir()
    (tmp_path / "notes.txt").touch()
    Run.open(tmp_path / "unfinished", "clip", to_values(ClipConfig()))
    copytree(demo / "clip", tmp_path / "unmeasured")
    (tmp_path / "unmeasured" / "results.json").unlink()
    copytree(demo / "clip", tmp_path / "clip")
    assert main(["report", *map(str, sorted(tmp_path.iterdir()))]) == 0
    printed = capsys.readouterr()
    assert f"clip: {tmp_path / 'clip'}" in printed.out
    assert "unfinished" not in printed.out
    skipped = printed.err.splitlines()
    assert [line.split("Skipped: ")[1].split()[0] for line in skipped] == [
        str(tmp_path / name) for name in ("features", "notes.txt", "unfinished", "unmeasured")
    ]
    assert "features holds no run" in skipped[0]
    assert "unfinished is not finished" in skipped[2]
    assert "unmeasured was not measured yet; `alignops evaluate` measures a run" in skipped[3]


def test_a_run_folder_that_was_moved_evaluates_to_the_same(demo, tmp_path):
    copytree(demo / "clip", tmp_path / "moved")
    (tmp_path / "moved" / "results.json").unlink()
    assert main(["evaluate", str(tmp_path / "moved")]) == 0
    assert read_results(tmp_path / "moved") == read_results(demo / "clip")


def test_damaged_results_are_named(demo, tmp_path, capsys):
    copytree(demo / "clip", tmp_path / "clip")
    for damage in ("", "{}", "[1]", '{"clip": {"a": {"b": 1}}}'):
        (tmp_path / "clip" / "results.json").write_text(damage)
        assert main(["report", str(tmp_path / "clip")]) == 2
        assert "results.json is damaged: " in capsys.readouterr().err


@pytest.fixture
def installed_command(tmp_path):
    """A script as pip installs it: the package knows its command by that name."""
    script = tmp_path / "bin" / "alignops"
    script.parent.mkdir()
    script.write_text(
        "import atexit, sys\n"
        "atexit.register(lambda: print('torch' in sys.modules))\n"
        "from alignops.cli import main\n"
        "sys.exit(main())\n"
    )
    return script


def test_help_takes_no_torch_and_describes_everything(installed_command):
    child = run_python(installed_command, "--help")
    assert child.stdout.splitlines()[-1] == "False"
    assert child.returncode == 0, child.stderr
    assert "--version" in child.stdout
    for parser in (_parser(), *_parser()._commands().values()):
        for action in parser._actions:
            assert action.help or action.dest == "command", (parser.prog, action.dest)


@pytest.mark.parametrize("seconds", [0.6, 1.2, 2.0])
def test_ctrl_c_in_the_first_seconds_is_one_line(tmp_path, installed_command, seconds):
    process = subprocess.Popen(
        [sys.executable, installed_command, "train", "clip", "--out", tmp_path / "run"],
        env=child_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    sentence = "alignops: interrupted; the same command continues from here"
    assert error.splitlines()[-1] == sentence
    assert "Traceback" not in error


def test_an_empty_part_is_found_before_training(photos, tmp_path, capsys):
    settings = ["--data.source", str(photos), "--data.test", "0", "--loop.batch_size", "8"]
    assert main(["train", "clip", "--out", str(tmp_path / "run"), *settings]) == 2
    assert "test is a part without images" in capsys.readouterr().err
    assert not (tmp_path / "run" / "log.jsonl").exists()


def test_a_run_is_lengthened_continued_and_restarted(photos, tmp_path, capsys):
    def train(out, *settings):
        own = ("--data.source", str(photos), "--loop.batch_size", "8", "--out", str(tmp_path / out))
        return main(["train", "clip", *own, *settings])

    assert train("run", "--loop.steps", "1") == 0
    assert "Data: train 16 images and 32 captions" in capsys.readouterr().err
    assert train("run", "--loop.steps", "2") == 0
    assert Run.load(tmp_path / "run").settings["loop"]["steps"] == 2
    assert train("run", "--loop.steps", "2", "--optimizer.lr", "0.5") == 2
    assert "optimizer.lr (0.001 there, 0.5 now); choose another folder" in capsys.readouterr().err
    source = ("--continue-from", str(tmp_path / "run"))
    assert train("next", "--loop.steps", "1", "--optimizer.lr", "0.5", *source) == 0
    assert "those of" in capsys.readouterr().err
    assert train("next", "--loop.steps", "1", "--overwrite") == 2
    assert "holds a finished run, which is not overwritten" in capsys.readouterr().err
    rmtree(tmp_path / "next" / "model")
    assert train("next", "--loop.steps", "1", "--overwrite") == 0
    assert "continue_from" not in Run.load(tmp_path / "next").config


def test_an_interruption_says_how_to_continue(tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise Interrupted

    monkeypatch.setattr("alignops.methods.common.method.fit", interrupted)
    assert main(["demo", "--out", str(tmp_path)]) == 130
    assert "interrupted; the same command continues from here" in capsys.readouterr().err

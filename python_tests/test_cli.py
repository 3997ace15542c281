"""The command, end to end on a miniature."""

import json
import sys
from dataclasses import replace
from shutil import copytree

import pytest
from PIL import Image

from alignops.cli import main
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
        (["train", "clip", "--loop.stepz", "1"], "unrecognized arguments: --loop.stepz 1"),
        (["train", "clip", "--model.name", "ViT-Z"], "name is 'ViT-Z'; expected a name known"),
        (["train", "comalign"], "base.name"),
        (["prepare", "clip"], "METHOD is 'clip'; expected one that prepares: comalign, aahr"),
        (["evaluate", "nothing"], "nothing holds no run: it has no config.yaml"),
        (["report", "nothing"], "nothing has no results.json; `alignops evaluate` measures a run"),
        (["demo", "--methods", "clap"], "method is 'clap'; expected one of clip, comalign"),
        (["demo", "--ablate", "clip"], "method is 'clip'; expected one that has ablations"),
        (["bogus"], "invalid choice: 'bogus'"),
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


def test_an_interruption_says_how_to_continue(tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise Interrupted

    monkeypatch.setattr("alignops.methods.common.method.fit", interrupted)
    assert main(["demo", "--out", str(tmp_path)]) == 130
    assert "interrupted; the same command continues from here" in capsys.readouterr().err

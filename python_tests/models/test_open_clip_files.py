"""Model folders and checkpoints: whole, or refused in a sentence that names the file."""

import json
import shutil
import stat

import open_clip
import pytest
import torch

from alignops.models import DualEncoder
from alignops.models.wise_ft import interpolate_vision, vision_weights

FILES = ["open_clip_config.json", "open_clip_model.safetensors", "vocabulary.json"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    DualEncoder.tiny(["a red circle"]).save(folder)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_refused_by_the_name_of_its_file(copy, name):
    flip(copy / name)
    with pytest.raises(ValueError, match=rf"{name} is damaged: its SHA-256 is not that of"):
        DualEncoder.load(str(copy))


@pytest.mark.parametrize("name", ["manifest.json", "vocabulary.json"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(ValueError, match=rf"{name} is missing"):
        DualEncoder.load(str(copy))


def test_weights_between_two_are_kept_with_their_checksums(saved, tmp_path):
    model = DualEncoder.load(str(saved))
    before = vision_weights(model)
    with torch.no_grad():
        model.network.visual.proj.add_(1)
    interpolate_vision(model, before, 0.5)
    model.save(tmp_path / "between")
    flip(tmp_path / "between" / FILES[1])
    with pytest.raises(ValueError, match=rf"{FILES[1]} is damaged"):
        DualEncoder.load(str(tmp_path / "between"))


def test_a_folder_that_open_clip_wrote_is_loaded_with_a_warning(saved, copy):
    for name in ("manifest.json", "vocabulary.json"):
        (copy / name).unlink()
    with pytest.warns(UserWarning, match=r"copy has no manifest\.json, so nobody would see damage"):
        model = DualEncoder.load(str(copy))
    expected = DualEncoder.load(str(saved)).network.state_dict()
    assert all(torch.equal(own, expected[name]) for name, own in model.network.state_dict().items())


def test_open_clip_reads_the_folder(saved):
    network = open_clip.create_model(f"local-dir:{saved}")
    expected = DualEncoder.load(str(saved)).network.state_dict()
    assert all(torch.equal(own, expected[name]) for name, own in network.state_dict().items())


def test_the_files_have_the_mode_that_the_umask_gives(saved, tmp_path):
    (tmp_path / "usual").touch()
    usual = stat.S_IMODE((tmp_path / "usual").stat().st_mode)
    assert {stat.S_IMODE(path.stat().st_mode) for path in saved.iterdir()} == {usual}


def test_loaded_weights_are_not_called_random(saved, caplog):
    DualEncoder.load(str(saved))
    assert "No pretrained weights" not in caplog.text


@pytest.fixture
def foreign(copy):
    """A folder as open_clip writes it, whose configuration a test may change."""
    for name in ("manifest.json", "vocabulary.json"):
        (copy / name).unlink()
    path = copy / FILES[0]

    def change(text):
        path.write_text(text(path.read_text()) if callable(text) else text)
        return str(copy)

    return change


@pytest.mark.filterwarnings("ignore:.*has no manifest")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is none of open_clip; expected embed_dim, vision_cfg and text_cfg"),
        ('{"model_cfg": {"embed_dim": 4}}', "is none of open_clip; expected embed_dim"),
        (
            lambda text: text.replace('"vocab_size"', '"no_such_setting": 1, "vocab_size"'),
            r"copy describes no model that open_clip can build: .*no_such_setting",
        ),
        (
            lambda text: text.replace(
                '"vocab_size"', '"tokenizer_kwargs": {"trust_remote_code": true}, "vocab_size"'
            ),
            r"asks to run code, by trust_remote_code; expected none",
        ),
        (
            lambda text: text.replace('"embed_dim": 64', '"embed_dim": 32'),
            r"open_clip_model\.safetensors is of another model: text_projection is \(64, 64\); "
            r"expected \(64, 32\)",
        ),
    ],
)
def test_a_configuration_that_does_not_fit_is_a_sentence(foreign, text, message):
    with pytest.raises(ValueError, match=message):
        DualEncoder.load(foreign(text))


@pytest.mark.parametrize("text", ["{", "{}", '{"embed_dim": 1, "vision_cfg": 2, "text_cfg": 3}'])
def test_a_configuration_file_of_something_else_is_named(tmp_path, text):
    path = tmp_path / "some-clip.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"model configuration .*some-clip\.json is no"):
        DualEncoder.load(str(path))
    assert "some-clip" not in open_clip.list_models()


def test_a_tag_that_cannot_be_downloaded_says_what_to_give_instead(monkeypatch):
    def offline(*_, **__):
        raise RuntimeError("no route to host\nand more")

    monkeypatch.setattr(open_clip, "download_pretrained", offline)
    with pytest.raises(
        ConnectionError,
        match=r"pretrained is 'openai', and its weights could not be downloaded "
        r"\(no route to host\); expected a network, or the path of a file",
    ):
        DualEncoder.load("ViT-B-32", "openai")


def test_downloaded_weights_that_are_damaged_are_named(monkeypatch, tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"half of it")

    def broken(name, pretrained):
        raise RuntimeError("unexpected end\nof file")

    monkeypatch.setattr(open_clip, "download_pretrained", lambda *_: str(path))
    monkeypatch.setattr(open_clip, "create_model", broken)
    with pytest.raises(ValueError, match=r"weights\.pt, downloaded for pretrained 'openai', holds"):
        DualEncoder.load("ViT-B-32", "openai")


def test_what_is_saved_describes_the_model(saved):
    described = json.loads((saved / FILES[0]).read_text())
    assert described["model_cfg"]["embed_dim"] == 64
    assert described["preprocess_cfg"]["size"] == [32, 32]

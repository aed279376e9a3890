"""`invert`, `edit` and `generate --from`, as they're typed: what's written, what's said, and what's refused in one line."""

import importlib
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from sgvg_core.assembly import SoundModel, load_latents, save_latents
from sgvg_core.cli import main
from sgvg_core.editing.sources import load_noise
from sgvg_core.image_inversion import map_codes
from sgvg_core.media import write_wav


@pytest.fixture(autouse=True)
def _few_codes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few codes, kept in a folder of the tests' own."""
    monkeypatch.setenv("SGVG_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setattr(importlib.import_module("sgvg_core.editing.joint_map"), "NUM_CODES", 64)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of another shape than the generator's."""
    path = tmp_path / "photo.jpg"
    Image.linear_gradient("L").resize((50, 40)).convert("RGB").save(path)
    return path


@pytest.fixture
def latents(tiny_model: SoundModel, tmp_path: Path) -> Path:
    path = tmp_path / "start.npy"
    save_latents(path, map_codes(tiny_model.generator, 1, 2)[:1, None].expand(-1, tiny_model.generator.num_ws, -1))
    return path


@pytest.fixture
def model(tiny_model_folder: Path) -> list[str]:
    return ["--model", str(tiny_model_folder), "--device", "cpu"]


def test_invert_writes_latents_and_says_how_near_it_came(photo: Path, model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, shown = tmp_path / "found.safetensors", tmp_path / "seen.png"
    assert main(["invert", str(photo), "-o", str(out), "--steps", "5", "--space", "w+noise", "--picture", str(shown), "--json", *model]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"psnr", "distance", "seconds", "limit"} <= set(said)
    assert load_latents(out).shape[0] == 1
    assert load_noise(out) is not None
    assert Image.open(shown).size == (32, 32)


@pytest.mark.parametrize("source", ["photo", "latents"])
def test_edit_writes_the_picture_and_a_strip(
    source: str, model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(source)
    words = ["edit", str(path), "-o", str(tmp_path / "out.png"), "--edit", "text=raining; way=scene", "--edit", "direction=sefa:0; strength=0.5"]
    assert main([*words, "--strip", str(tmp_path / "strip.jpg"), "--latents", str(tmp_path / "out.npy"), "--steps", "3", *model]) == 0
    assert "raining" in capsys.readouterr().out
    assert Image.open(tmp_path / "out.png").size == (32, 32)
    assert Image.open(tmp_path / "strip.jpg").height == 32
    assert load_latents(tmp_path / "out.npy").shape[0] == 1


def test_strength_0_gives_the_latents_back_to_the_last_bit(latents: Path, model: list[str], tmp_path: Path) -> None:
    words = ["edit", str(latents), "-o", str(tmp_path / "out.png"), "--edit", "text=raining; strength=0"]
    assert main([*words, "--latents", str(tmp_path / "out.npy"), *model]) == 0
    assert torch.equal(load_latents(tmp_path / "out.npy"), load_latents(latents))


def test_generate_starts_from_a_picture_of_ones_own_and_edits_it(latents: Path, model: list[str], tmp_path: Path) -> None:
    sound = tmp_path / "rain.wav"
    write_wav(sound, 0.1 * torch.randn(1, 8000, generator=torch.Generator().manual_seed(0)), 16_000)
    plain, edited = tmp_path / "plain.mp4", tmp_path / "edited.mp4"
    assert main(["generate", str(sound), "-o", str(plain), "--from", str(latents), "--fps", "10", *model]) == 0
    words = ["generate", str(sound), "-o", str(edited), "--from", str(latents), "--fps", "10"]
    assert main([*words, "--edit", "direction=pca:0; strength=2; curve=loudness", *model]) == 0
    assert plain.read_bytes() != edited.read_bytes()


@pytest.mark.parametrize(("words", "named"), [
    (["edit", "{latents}", "-o", "{tmp}/out.png"], "no edit"),
    (["edit", "{latents}", "-o", "{tmp}/out.png", "--edit", "txt=a"], "'txt'"),
    (["edit", "{latents}", "-o", "{latents}", "--edit", "text=a"], "this is what is read"),
    (["edit", "{tmp}/none.jpg", "-o", "{tmp}/out.png", "--edit", "text=a"], "none.jpg"),
    (["edit", "{latents}", "-o", "{tmp}/out.png", "--edit", "text=a", "--side-by-side"], "--side-by-side"),
    (["edit", "{latents}", "-o", "{tmp}/out.png", "--edit", "direction={tmp}/none.safetensors"], "none.safetensors"),
    (["edit", "{latents}", "-o", "{tmp}/out.png", "--edits", "{tmp}/none.json"], "none.json"),
    (["edit", "{latents}", "-o", "{tmp}/out.png", "--edit", "text=a; curve=loudness"], "no sound here"),
    (["invert", "{tmp}/none.jpg", "-o", "{tmp}/a.safetensors"], "none.jpg"),
    (["invert", "{latents}", "-o", "{tmp}/a.safetensors"], "can't be read as a picture"),
    (["invert", "{tmp}/none.jpg", "-o", "{tmp}/a.txt"], ".safetensors"),
    (["invert", "{tmp}/none.jpg", "-o", "{tmp}/a.npy", "--space", "w+noise"], ".safetensors"),
    (["generate", "{tmp}/a.wav", "-o", "{tmp}/a.mp4", "--from", "{tmp}/none.jpg"], "--from"),
    (["generate", "{latents}", "-o", "{tmp}/a.mp4", "--from", "{latents}", "--edit", "text=a; region=mask.png"], "region"),
])
def test_what_is_wrong_is_said_in_one_line(
    words: list[str], named: str, latents: Path, model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(tmp_path.iterdir())
    assert main([word.format(latents=latents, tmp=tmp_path) for word in words] + model) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1
    assert set(tmp_path.iterdir()) == before, "nothing is left"

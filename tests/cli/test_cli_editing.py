"""`invert`, `edit` and `generate --from`, as they're typed: what's written, what's said, and what's refused in one line."""

import copy
import dataclasses
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_files import write_image_encoder
from PIL import Image
from released_files import SMALL_WIDTHS

from sgvg_core.assembly import SoundModel, load_image_encoder, load_latents, save_latents, save_model
from sgvg_core.cli import main
from sgvg_core.editing import Source, load_noise, save_source, show, tuned_model
from sgvg_core.image_inversion import fit_image, invert, map_codes, read_image, save_delta
from sgvg_core.image_inversion.pivot_tuning import finest_weights
from sgvg_core.media import write_wav
from sgvg_core.presets import TINY


@pytest.fixture(autouse=True)
def _few_codes(monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.slow
def test_invert_writes_latents_and_says_how_near_it_came(photo: Path, model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, shown = tmp_path / "found.safetensors", tmp_path / "seen.png"
    assert main(["invert", str(photo), "-o", str(out), "--steps", "5", "--space", "w+noise", "--picture", str(shown), "--json", *model]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"psnr", "distance", "seconds", "limit"} <= set(said)
    assert load_latents(out).shape[0] == 1
    assert load_noise(out) is not None
    assert Image.open(shown).size == (32, 32)


@pytest.mark.slow
def test_invert_begins_at_the_answer_of_an_encoder(
    photo: Path, latents: Path, model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    num_ws, w_dim = load_latents(latents).shape[1:]
    file = write_image_encoder(tmp_path / "e4e.pt", num_ws=num_ws, widths=(*SMALL_WIDTHS[:3], w_dim))
    words = ["invert", str(photo), "-o", str(tmp_path / "out.npy"), "--steps", "0", "--image-encoder", str(file), *model]
    assert main(words) == 0
    answer = invert(load_image_encoder(file), fit_image(read_image(photo), (32, 32)))
    torch.testing.assert_close(load_latents(tmp_path / "out.npy"), answer)
    write_image_encoder(file, num_ws=num_ws + 2, widths=(*SMALL_WIDTHS[:3], w_dim))
    capsys.readouterr()
    assert main(words) == 2
    assert f"e4e.pt answers {num_ws + 2} latents of {w_dim}, but" in capsys.readouterr().err


@pytest.mark.slow
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


@pytest.mark.slow
def test_strength_0_gives_the_latents_back_to_the_last_bit(latents: Path, model: list[str], tmp_path: Path) -> None:
    words = ["edit", str(latents), "-o", str(tmp_path / "out.png"), "--edit", "text=raining; strength=0"]
    assert main([*words, "--latents", str(tmp_path / "out.npy"), *model]) == 0
    assert torch.equal(load_latents(tmp_path / "out.npy"), load_latents(latents))


@pytest.mark.slow
def test_generate_starts_from_a_picture_of_ones_own_and_edits_it(latents: Path, model: list[str], tmp_path: Path) -> None:
    sound = tmp_path / "rain.wav"
    write_wav(sound, 0.1 * torch.randn(1, 8000, generator=torch.Generator().manual_seed(0)), 16_000)
    plain, edited = tmp_path / "plain.mp4", tmp_path / "edited.mp4"
    assert main(["generate", str(sound), "-o", str(plain), "--from", str(latents), "--fps", "10", *model]) == 0
    words = ["generate", str(sound), "-o", str(edited), "--from", str(latents), "--fps", "10"]
    assert main([*words, "--edit", "direction=pca:0; strength=2; curve=loudness", *model]) == 0
    assert plain.read_bytes() != edited.read_bytes()


@pytest.fixture
def noisy_model(tiny_model: SoundModel, tmp_path: Path) -> SoundModel:
    """The tiny model with noise that shows, in the folder "noisy"."""
    generator: Any = copy.deepcopy(tiny_model.generator)
    for conv in generator.synthesis.convs:
        conv.noise_strength.data.fill_(0.5)
    made = dataclasses.replace(tiny_model, generator=generator)
    save_model(tmp_path / "noisy", made, TINY)
    return made


@pytest.fixture
def own_start(noisy_model: SoundModel, tmp_path: Path) -> Source:
    """Latents with noise maps of their own, in a file."""
    chance = torch.Generator().manual_seed(0)
    noise = tuple(torch.randn(conv.noise_const.shape, generator=chance) for conv in noisy_model.generator.synthesis.convs)  # type: ignore[union-attr]
    source = Source(map_codes(noisy_model.generator, 1, 2)[:1, None].repeat(1, noisy_model.generator.num_ws, 1), noise)
    save_source(tmp_path / "own.safetensors", source.ws, noise)
    return source


def film(tmp_path: Path, name: str, *words: str) -> torch.Tensor:
    """The frames of half a second that stays where it starts, uint8 [N, H, W, 3]."""
    write_wav(tmp_path / "hum.wav", torch.full((1, 8000), 0.1), 16_000)
    given = ["generate", str(tmp_path / "hum.wav"), "-o", str(tmp_path / name), "--from", str(tmp_path / "own.safetensors"), "--beta", "0"]
    assert main([*given, "--fps", "6", "--model", str(tmp_path / "noisy"), "--device", "cpu", *words]) == 0
    return torch.stack([torch.from_numpy(np.array(Image.open(path).convert("RGB"))) for path in sorted((tmp_path / name).glob("*.png"))])


def apart(one: torch.Tensor, other: torch.Tensor) -> int:
    """The most levels by which two pictures differ."""
    return int((one.int() - other.int()).abs().max())


@pytest.mark.slow
def test_a_film_starts_from_the_noise_and_the_tuned_weights_of_its_picture(noisy_model: SoundModel, own_start: Source, tmp_path: Path) -> None:
    plain = film(tmp_path, "plain")
    assert apart(plain[0], show(noisy_model, own_start.ws, own_start.noise)[0]) <= 1
    assert apart(plain[0], show(noisy_model, own_start.ws)[0]) > 2
    save_delta(tmp_path / "tuned.safetensors", {name: torch.full_like(weight, 0.1) for name, weight in finest_weights(noisy_model.generator)[:1]})
    tuned = film(tmp_path, "tuned", "--tuned", str(tmp_path / "tuned.safetensors"))
    wanted = show(tuned_model(noisy_model, tmp_path / "tuned.safetensors"), own_start.ws, own_start.noise)[0]
    assert apart(tuned[-1], wanted) <= 1
    assert apart(tuned[-1], plain[-1]) > 2


@pytest.mark.slow
def test_a_films_edit_shows_inside_its_region_alone(own_start: Source, tmp_path: Path) -> None:
    mask = torch.zeros(20, 20, dtype=torch.uint8)
    mask[:, :10] = 255
    Image.fromarray(mask.numpy()).save(tmp_path / "mask.png")
    edit = f"direction=pca:0; strength=6; curve=0,1; region={tmp_path / 'mask.png'}"
    for size, words in ((32, ()), (48, ("--size", "48")), (64, ("--shape", "64x32"))):
        if size == 64:
            Image.fromarray(mask.numpy()).resize((40, 20), Image.Resampling.NEAREST).save(tmp_path / "mask.png")
        plain, edited = film(tmp_path, f"plain{size}", *words), film(tmp_path, f"edited{size}", *words, "--edit", edit)
        assert plain.shape[2] == size
        assert torch.equal(edited[:, :, size // 2:], plain[:, :, size // 2:]), "outside not a bit changes"
        assert torch.equal(edited[0], plain[0])
        assert (edited[-1].int() - plain[-1].int())[:, : size // 2 - 2].abs().max() > 5


@pytest.mark.slow
@pytest.mark.parametrize(("words", "named"), [
    (["edit", "{latents}", "-o", "{tmp}/out.png"], "no edit"),
    (["edit", "{latents}", "-o", "{tmp}/out.png", "--edit", "txt=a"], "'txt'"),
    (["edit", "{latents}", "-o", "{latents}", "--edit", "text=a"], "this is what is read"),
    (["edit", "{tmp}/none.jpg", "-o", "{tmp}/out.png", "--edit", "text=a"], "none.jpg"),
    (["edit", "{latents}", "-o", "{tmp}/out.png", "--edit", "text=a", "--side-by-side"], "--side-by-side"),
    (["edit", "{tmp}/a.wav", "-o", "{tmp}/out.mp4", "--edit", "text=a", "--space", "w"], "--space and --perceptual: only for pictures"),
    (["edit", "{tmp}/a.wav", "-o", "{tmp}/out.mp4", "--edit", "text=a", "--perceptual", "st-lpips"], "--space and --perceptual: only for pictures"),
    (["edit", "{latents}", "-o", "{tmp}/out.png", "--edit", "direction={tmp}/none.safetensors"], "none.safetensors"),
    (["edit", "{latents}", "-o", "{tmp}/out.png", "--edits", "{tmp}/none.json"], "none.json"),
    (["edit", "{latents}", "-o", "{tmp}/out.png", "--edit", "text=a; curve=loudness"], "no sound here"),
    (["invert", "{tmp}/none.jpg", "-o", "{tmp}/a.safetensors"], "none.jpg"),
    (["invert", "{latents}", "-o", "{tmp}/a.safetensors"], "can't be read as a picture"),
    (["invert", "{tmp}/none.jpg", "-o", "{tmp}/a.txt"], ".safetensors"),
    (["invert", "{tmp}/none.jpg", "-o", "{tmp}/a.npy", "--space", "w+noise"], ".safetensors"),
    (["generate", "{tmp}/a.wav", "-o", "{tmp}/a.mp4", "--from", "{tmp}/none.jpg"], "--from"),
    (["generate", "{tmp}/a.wav", "-o", "{tmp}/a.mp4", "--from", "{latents}", "--tuned", "{tmp}/none.safetensors"], "none.safetensors"),
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

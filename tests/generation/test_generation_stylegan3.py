"""A StyleGAN3 generator through the whole pipeline: model folder, walk, pose, film, command line."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.assembly import SoundModel, build_generator, load_latents, load_model, save_generator, save_latents
from sgvg_core.cli import main
from sgvg_core.config import GeneratorConfig, StyleGAN3Config
from sgvg_core.errors import ConfigError
from sgvg_core.generation import (
    GenerateSettings,
    Pose,
    Sound,
    Walk,
    analyse_sound,
    compute_centres,
    generate,
    pose_transforms,
    read_pose,
    truncate,
)
from sgvg_core.generation.centres import nearest_centre
from sgvg_core.generation.render import synthesize
from sgvg_core.generation.seeded_start import random_start
from sgvg_core.generation.start import start_latent
from sgvg_core.media import probe_sound, write_wav
from sgvg_core.presets import TINY
from sgvg_core.synthesis import StyleGAN3Generator

CONFIG = StyleGAN3Config(img_resolution=16, channels=(8, 8, 8, 6, 6, 6), z_dim=16, w_dim=24)
"""As many latents as the tiny model's, and as wide."""


@pytest.fixture(scope="module")
def folder(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model's folder with a StyleGAN3 generator in it."""
    assert (CONFIG.num_ws, CONFIG.w_dim) == (TINY.walker.num_ws, TINY.walker.w_dim)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = build_generator(CONFIG)
    folder = tmp_path_factory.mktemp("stylegan3") / "waves"
    shutil.copytree(tiny_model_folder, folder)
    save_generator(folder / "generator.safetensors", generator, CONFIG)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> SoundModel:
    return load_model(folder, "cpu")


@pytest.fixture(scope="module")
def hiss(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.4 s of noise that swells."""
    path = tmp_path_factory.mktemp("sound") / "hiss.wav"
    write_wav(path, 0.2 * torch.randn(1, 17_640, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.1, 1, 17_640), 44_100)
    return path


@pytest.mark.slow
def test_a_walk_becomes_frames_whose_pose_is_their_own(model: SoundModel, hiss: Path) -> None:
    assert isinstance(model.generator, StyleGAN3Generator)
    analysed = analyse_sound(Sound.from_file(hiss), model.mel)
    walk = Walk(analysed, model.sound_encoder, model.walker, random_start(model.generator, 1), fps=GenerateSettings().fps)
    ws = torch.cat(list(walk))
    still = torch.cat(list(synthesize(model.generator, walk, noise_mode="random", seed=3)))
    assert still.shape == (walk.num_frames, 3, 16, 16)
    pose = Pose(pose_transforms(x=torch.linspace(0, 0.5, walk.num_frames)), "exact")
    moved = torch.cat(list(synthesize(model.generator, walk, batch=3, pose=pose)))
    assert (moved - still)[-1].abs().max() > 10 * (moved - still)[0].abs().max()
    last = model.generator.synthesis(ws[-1:], **pose.arguments(model.generator, walk.num_frames - 1, 1))
    torch.testing.assert_close(moved[-1:], last)
    part = torch.cat(list(synthesize(model.generator, [ws[4:]], first=4, pose=pose)))
    torch.testing.assert_close(part, moved[4:])


@pytest.mark.slow
def test_a_film_of_a_stylegan3(model: SoundModel, hiss: Path, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in model.generator.state_dict().items()}
    video = generate(hiss, tmp_path / "film.mp4", model=model, start_from="random", pose=read_pose("x=0:0.3,zoom=1:1.2"), anchor="released")
    assert video.num_frames == 10
    assert (probe_sound(video.path).fps, video.report["size"], video.report["settings"]["anchor"]) == (25, 16, "released")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.generator.state_dict().items())


@pytest.mark.slow
def test_the_command_line_takes_a_folder_with_a_stylegan3(folder: Path, hiss: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", str(hiss), "-o", str(tmp_path / "film.mp4"), "--model", str(folder), "--candidates", "4", "--device", "cpu"]
    assert main([*words, "--anchor", "exact", "--psi", "0.7", "--centres", "3", "--noise", "random"]) == 0
    assert "film.mp4: 10 frames" in capsys.readouterr().out


@pytest.mark.slow
def test_a_moving_pose_on_the_command_line(folder: Path, hiss: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", str(hiss), "--model", str(folder), "--from", "random", "--device", "cpu"]
    table = tmp_path / "drift.csv"
    table.write_text("seconds,x,zoom\n0,0,1\n0.36,0.4,2\n")
    films = {}
    for name, pose in (("still", []), ("line", ["--pose", "x=0:0.4,zoom=1:2"]), ("table", ["--pose", str(table)])):
        assert main([*words, "-o", str(tmp_path / name), *pose]) == 0
        films[name] = torch.stack([torch.from_numpy(np.array(Image.open(path))).float() for path in sorted((tmp_path / name).glob("*.png"))])
    assert torch.equal(films["line"], films["table"])  # 0.36 s is the last frame's time
    moved = (films["line"] - films["still"]).abs().mean((1, 2, 3))
    assert moved[0] == 0
    assert moved[-1] > 1
    assert main([*words, "-o", str(tmp_path / "film.mp4"), "--pose", "spin=3"]) == 2
    assert "error: pose: got 'spin=3', expected x, y, rotate, zoom with their numbers" in capsys.readouterr().err


CONDITIONAL = [dataclasses.replace(CONFIG, c_dim=3), dataclasses.replace(TINY.generator, c_dim=3)]


@pytest.mark.slow
@pytest.mark.parametrize("config", CONDITIONAL, ids=["StyleGAN3", "StyleGAN2"])
def test_labels_on_the_command_line(
    config: StyleGAN3Config | GeneratorConfig, tiny_model_folder: Path, hiss: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = build_generator(config)
    shutil.copytree(tiny_model_folder, tmp_path / "classes")
    save_generator(tmp_path / "classes" / "generator.safetensors", generator, config)
    words = ["generate", str(hiss), "--model", str(tmp_path / "classes"), "--device", "cpu", "--candidates", "4", "--fps", "5"]
    for label in ([], ["--label", "2"], ["--label", "0:0.5,1:0.5", "--from", "random"], ["--label", "1", "--from", "mean"]):
        assert main([*words, "-o", str(tmp_path / "film.mp4"), *label, "--report", str(tmp_path / "report.json")]) == 0
    assert json.loads((tmp_path / "report.json").read_text())["settings"]["label"] == 1
    capsys.readouterr()
    assert main([*words, "-o", str(tmp_path / "x.mp4"), "--label", "3"]) == 2
    assert "error: label: got 3, expected 0 to 2: this generator knows 3 classes" in capsys.readouterr().err
    assert main(["generate", str(hiss), "--model", str(tiny_model_folder), "-o", str(tmp_path / "x.mp4"), "--label", "3"]) == 2
    assert "label: got 3, but this generator was trained without labels" in capsys.readouterr().err
    model = load_model(tmp_path / "classes", "cpu")
    analysed = analyse_sound(Sound.from_file(hiss), model.mel)
    starts = [start_latent(model, analysed, GenerateSettings(start_from="random", label=label)) for label in (0, 1)]
    assert torch.equal(starts[1], random_start(model.generator, 0, label=1))
    assert not torch.equal(*starts)
    mean = start_latent(model, analysed, GenerateSettings(start_from="mean", label=1))
    codes = torch.cat([random_start(model.generator, 0, num_codes=500, label=1)]).mean(0, keepdim=True)
    assert (mean - codes).abs().max() < 0.2 * (mean - start_latent(model, analysed, GenerateSettings(start_from="mean"))).abs().max() + 0.05


@pytest.mark.slow
def test_centres_are_computed_stored_and_used(folder: Path, hiss: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, sheet = tmp_path / "centres.safetensors", tmp_path / "centres.png"
    assert main(["centres", str(folder), "-o", str(out), "--num", "3", "--codes", "300", "--sheet", str(sheet), "--device", "cpu"]) == 0
    assert "centres.safetensors: 3 centres of 300 codes, 8 latents of 24" in capsys.readouterr().out
    assert Image.open(sheet).size == (52, 16)  # three pictures, with gaps
    model = load_model(folder, "cpu")
    assert torch.equal(load_latents(out), compute_centres(model.generator, 3, num_codes=300))
    assert main(["centres", str(folder / "generator.safetensors"), "-o", str(tmp_path / "same.npz"), "--num", "3", "--codes", "300"]) == 0
    assert torch.equal(load_latents(tmp_path / "same.npz"), load_latents(out))
    words = ["generate", str(hiss), "-o", str(tmp_path / "film.mp4"), "--model", str(folder), "--from", "random"]
    assert main([*words, "--centres", str(out), "--psi", "0.5"]) == 0
    assert main([*words, "--centres", str(out)]) == 2
    assert "psi 1 draws nothing towards them" in capsys.readouterr().err
    assert main(["centres", str(folder), "-o", str(tmp_path / "centres.txt")]) == 2
    assert "--output: got" in capsys.readouterr().err


def test_a_stylegan2_has_no_pose(tiny_model: SoundModel, hiss: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pose: got a StyleGAN2Generator, which can't be moved"):
        generate(hiss, tmp_path / "film.mp4", model=tiny_model, start_from="random", anchor="exact")
    assert not (tmp_path / "film.mp4").exists()


def test_the_start_is_drawn_towards_computed_or_stored_centres(model: SoundModel, hiss: Path, tmp_path: Path) -> None:
    analysed = analyse_sound(Sound.from_file(hiss), model.mel)
    settings = GenerateSettings(start_from="random", truncation_psi=0.0, centres=3, seed=5)
    centres = compute_centres(model.generator, 3)
    free = random_start(model.generator, 5)
    assert torch.equal(start_latent(model, analysed, settings), centres[nearest_centre(free, centres)])
    save_latents(tmp_path / "centres.safetensors", centres[1:2])
    stored = dataclasses.replace(settings, centres=str(tmp_path / "centres.safetensors"), truncation_psi=0.5)
    torch.testing.assert_close(start_latent(model, analysed, stored), truncate(free, centres[1:2], 0.5))
    with pytest.raises(ConfigError, match=r"centres: got some, but psi 1 draws nothing towards them; choose a smaller psi, such as 0\.7"):
        dataclasses.replace(settings, truncation_psi=1.0)
    with pytest.raises(ConfigError, match="number of centres: got 5000"):
        GenerateSettings(centres=5000)

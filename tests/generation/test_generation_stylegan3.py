"""A StyleGAN3 generator through the whole pipeline: model folder, walk, pose, film, command line."""

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

from sgvg_core.assembly import SoundModel, build_generator, load_model, save_generator, save_latents
from sgvg_core.cli import main
from sgvg_core.config import StyleGAN3Config
from sgvg_core.errors import ConfigError
from sgvg_core.generation import GenerateSettings, Sound, Walk, generate, hear
from sgvg_core.generation.frames import synthesize
from sgvg_core.generation.pipeline import start_latent
from sgvg_core.generation.start import random_start
from sgvg_core.media import probe_sound, write_wav
from sgvg_core.presets import TINY
from sgvg_core.synthesis import Pose, StyleGAN3Generator, compute_centres, pose_transforms, truncate
from sgvg_core.synthesis.centres import nearest_centre

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


def test_a_walk_becomes_frames_whose_pose_is_their_own(model: SoundModel, hiss: Path) -> None:
    assert isinstance(model.generator, StyleGAN3Generator)
    heard = hear(Sound.from_file(hiss), model.mel)
    walk = Walk(heard, model.sound_encoder, model.walker, random_start(model.generator, 1), fps=GenerateSettings().fps)
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


def test_a_film_of_a_stylegan3(model: SoundModel, hiss: Path, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in model.generator.state_dict().items()}
    drift = pose_transforms(x=torch.linspace(0, 0.3, 10), zoom=torch.linspace(1, 1.2, 10))
    video = generate(hiss, tmp_path / "film.mp4", model=model, start_from="random", transforms=drift, anchor="released")
    assert video.num_frames == 10
    assert (probe_sound(video.path).fps, video.report["size"], video.report["settings"]["anchor"]) == (25, 16, "released")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.generator.state_dict().items())


def test_the_command_line_takes_a_folder_with_a_stylegan3(folder: Path, hiss: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", str(hiss), "-o", str(tmp_path / "film.mp4"), "--model", str(folder), "--candidates", "4", "--device", "cpu"]
    assert main([*words, "--anchor", "exact", "--psi", "0.7", "--centres", "3", "--noise", "random"]) == 0
    assert "film.mp4: 10 frames" in capsys.readouterr().out


def test_a_stylegan2_has_no_pose(tiny_model: SoundModel, hiss: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pose: got a StyleGAN2Generator, which can't be moved"):
        generate(hiss, tmp_path / "film.mp4", model=tiny_model, start_from="random", anchor="exact")
    assert not (tmp_path / "film.mp4").exists()


def test_the_start_is_drawn_towards_computed_or_stored_centres(model: SoundModel, hiss: Path, tmp_path: Path) -> None:
    heard = hear(Sound.from_file(hiss), model.mel)
    settings = GenerateSettings(start_from="random", truncation_psi=0.0, centres=3, seed=5)
    centres = compute_centres(model.generator, 3)
    free = random_start(model.generator, 5)
    assert torch.equal(start_latent(model, heard, settings), centres[nearest_centre(free, centres)])
    save_latents(tmp_path / "centres.safetensors", centres[1:2])
    stored = dataclasses.replace(settings, centres=str(tmp_path / "centres.safetensors"), truncation_psi=0.5)
    torch.testing.assert_close(start_latent(model, heard, stored), truncate(free, centres[1:2], 0.5))
    assert torch.equal(start_latent(model, heard, dataclasses.replace(settings, truncation_psi=1.0)), free)
    with pytest.raises(ConfigError, match="number of centres: got 5000"):
        GenerateSettings(centres=5000)

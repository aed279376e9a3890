"""Numbers of a film that change from frame to frame: each does what its constant does, at its own frame."""

import copy
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.assembly import SoundModel
from sgvg_core.curves.curve import Curve
from sgvg_core.errors import ConfigError
from sgvg_core.generation import GenerateSettings, RenderSettings, Sound, frames, generate, images_of, random_start, walk_of_sound
from sgvg_core.generation.driven import RANGES
from sgvg_core.generation.film import driven_edits, film_pose
from sgvg_core.latents import StoredWalk, edited
from sgvg_core.walker import WalkSettings

FPS = Fraction(12)


@pytest.fixture(scope="module")
def hum() -> Sound:
    """One second of noise that swells."""
    noise = torch.randn(1, 22_050, generator=torch.Generator().manual_seed(0))
    return Sound.from_waveform(0.1 * noise * torch.linspace(0.1, 1, noise.shape[1]), 22_050)


def film(model: SoundModel, sound: Sound, folder: Path, **changes: object) -> torch.Tensor:
    generate(sound, folder, model=model, fps=FPS, start_from="random", unsure="follow", **changes)
    return torch.stack([torch.from_numpy(np.array(Image.open(path))) for path in sorted(folder.glob("*.png"))])


def latents(model: SoundModel, sound: Sound, **changes: object) -> torch.Tensor:
    settings = GenerateSettings(fps=FPS, start_from="random", unsure="follow", **changes)
    walk = walk_of_sound(model, sound, settings)
    return torch.cat(list(edited(walk, driven_edits(model, settings, walk.numbers))))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [("coarse", 0.5), ("mid", -1.5), ("fine", 0.0), ("beta", 0.3), ("pull", 4.0), ("step", 0.25)])
def test_a_constant_curve_is_the_constant(tiny_model: SoundModel, hum: Sound, name: str, value: float) -> None:
    constant = latents(tiny_model, hum, walk=WalkSettings(**{name: value}))
    torch.testing.assert_close(latents(tiny_model, hum, walk=WalkSettings(), curves={name: [value] * 12}), constant, atol=1e-6, rtol=0)
    written = latents(tiny_model, hum, walk=WalkSettings(), curves={name: f"0+{value}" if value >= 0 else f"0{value}"})
    torch.testing.assert_close(written, constant, atol=1e-6, rtol=0)
    assert not torch.allclose(constant, latents(tiny_model, hum, walk=WalkSettings()))


def test_a_step_takes_the_number_of_its_own_time(tiny_model: SoundModel, hum: Sound) -> None:
    """With the size of the step 0 in the second half, nothing moves there; in the first all is as it was."""
    free = latents(tiny_model, hum, walk=WalkSettings())
    held = latents(tiny_model, hum, walk=WalkSettings(), curves={"step": [1.0] * 6 + [0.0] * 6})
    torch.testing.assert_close(held[:5], free[:5], atol=1e-6, rtol=0)
    assert (held[8:] - held[7:8]).abs().max() < 1e-6
    assert (free[8:] - free[7:8]).abs().max() > 1e-4


@pytest.mark.slow
def test_psi_and_its_centre_change_from_frame_to_frame(tiny_model: SoundModel, hum: Sound) -> None:
    generator, free = tiny_model.generator, latents(tiny_model, hum)
    mean = generator.w_avg.expand(1, generator.num_ws, -1)
    psi = torch.linspace(0, 1.2, 12)
    torch.testing.assert_close(latents(tiny_model, hum, curves={"psi": psi.tolist()}), torch.lerp(mean, free, psi[:, None, None]), atol=1e-5, rtol=0)
    by_number = latents(tiny_model, hum, centres=3, curves={"psi": 0.0, "centre": [0, 0.5, 1, 2, 7] + [0] * 7})
    one, two, three = by_number[0], by_number[2], by_number[3]
    torch.testing.assert_close(by_number[1], (one + two) / 2, atol=1e-5, rtol=0)
    assert not torch.allclose(one, two)
    assert torch.equal(by_number[4], three), "there are three centres; a number beyond them is the last"
    nearest = latents(tiny_model, hum, centres=3, curves={"psi": 0.0})
    assert all(any(torch.allclose(ws, each, atol=1e-5) for each in (one, two, three)) for ws in nearest)


def test_the_noise_of_each_frame_has_its_own_strength(tiny_model: SoundModel) -> None:
    generator = copy.deepcopy(tiny_model.generator)
    walk = StoredWalk(random_start(generator, 1).expand(4, -1, -1), FPS)
    for conv in generator.synthesis.convs:
        conv.noise_strength.data.fill_(0.5)
    strengths = [0.0, 1.0, 2.5, -1.0]
    for mode in ("const", "seeded", "random"):
        made = torch.cat(list(frames(generator, walk, RenderSettings(noise_mode=mode, noise_strength=Curve(strengths, FPS), batch=3))))
        for index, strength in enumerate(strengths):
            settings = RenderSettings(noise_mode=mode, noise_strength=strength)
            alone = next(iter(frames(generator, [walk.ws[:1]], settings, first=index)))
            assert (made[index].int() - alone[0].int()).abs().max() <= 1, (mode, index)
    assert not torch.equal(made[1], made[2])
    differentiable = next(iter(images_of(generator, walk, RenderSettings(noise_strength=Curve(strengths, FPS), dtype="bfloat16"))))
    assert differentiable.isfinite().all(), "the plain way takes a number a frame too"


def test_the_mix_takes_layers_of_another_start(tiny_model: SoundModel, hum: Sound) -> None:
    free, other = latents(tiny_model, hum), random_start(tiny_model.generator, 5)
    mixed = latents(tiny_model, hum, mix_seed=5, mix_layers=("coarse", 7), curves={"mix": [0, 1, 0.25] + [0] * 9})
    chosen = [*range(*tiny_model.walker.slices["coarse"].indices(99)), 7]
    assert torch.equal(mixed[0], free[0])
    torch.testing.assert_close(mixed[1, chosen], other[0, chosen], atol=1e-6, rtol=0)
    torch.testing.assert_close(mixed[2, chosen], torch.lerp(free[2, chosen], other[0, chosen], 0.25), atol=1e-6, rtol=0)
    rest = [layer for layer in range(tiny_model.generator.num_ws) if layer not in chosen]
    assert torch.equal(mixed[:, rest], free[:, rest])
    with pytest.raises(ConfigError, match="layers: got 'sky', expected coarse, mid, fine, or numbers from 0 to"):
        latents(tiny_model, hum, mix_layers=("sky",), curves={"mix": 1.0})


def test_a_pose_takes_curves_before_keyframes() -> None:
    settings = GenerateSettings(anchor="exact", fps=FPS)
    pose = film_pose(settings, 3, {"zoom": Curve([1, 2, 4], FPS), "x": Curve([0, 0.5, 1], FPS)})
    assert pose is not None
    torch.testing.assert_close(pose.transforms[:, 0, 0], torch.tensor([1, 0.5, 0.25]))
    torch.testing.assert_close(pose.transforms[:, 0, 2], torch.tensor([0, -0.25, -0.25]))
    assert film_pose(GenerateSettings(fps=FPS), 3, {"mid": Curve([1, 2, 4], FPS)}) is None


@pytest.mark.slow
def test_a_film_with_driven_numbers_says_so(tiny_model: SoundModel, hum: Sound, tmp_path: Path) -> None:
    plain = film(tiny_model, hum, tmp_path / "plain")
    same = film(tiny_model, hum, tmp_path / "same", curves={"mid": 1.0, "step": "2-1", "psi": [1.0], "noise": 1.0})
    assert (plain.int() - same.int()).abs().max() <= 1
    video = generate(hum, tmp_path / "moved", model=tiny_model, fps=FPS, start_from="random", curves={"psi": [1.0, 0.0], "mid": "0.5*3", "fine": 2.0})
    assert video.report["settings"]["curves"] == {"psi": "2 numbers, 0 to 1", "mid": "0.5*3", "fine": 2.0}


def test_curves_out_of_range_or_of_nothing_known_are_refused(tiny_model: SoundModel, hum: Sound) -> None:
    with pytest.raises(ConfigError, match=r"beta: its curve goes from 0 to 1.4, expected 0 to 1; write clip\(..., 0, 1\)"):
        latents(tiny_model, hum, curves={"beta": [0.0, 1.4]})
    with pytest.raises(ConfigError, match="curves: got 'colour', which can't be driven; expected coarse, mid"):
        GenerateSettings(curves={"colour": 1.0})
    with pytest.raises(ConfigError, match="character 3"):
        GenerateSettings(curves={"mid": "1 $ 2"})
    with pytest.raises(ConfigError, match="psi: got list, expected"):
        latents(tiny_model, hum, curves={"psi": ["a"]})
    assert set(RANGES) >= {"coarse", "mid", "fine", "beta", "pull", "psi", "centre", "noise", "step", "mix", "x", "y", "rotate", "zoom"}

"""The nodes of motion, with a stand-in for ComfyUI: curves on layers and numbers, keyframes, loops, mattes."""

from fractions import Fraction
from typing import Any

import pytest
import torch
from node_pack import Pack
from node_pack import pack as motion_pack

from sgvg_core.generation import frames
from sgvg_core.presets import LANDSCAPES

__all__ = ["motion_pack"]

RATE = 22_050


def drums(seconds: float = 5.0) -> dict[str, Any]:
    """AUDIO: a knock every half second, the first of four low and loud."""
    time = torch.arange(int(0.1 * RATE)) / RATE
    waveform = 0.01 * torch.randn(int(seconds * RATE), generator=torch.Generator().manual_seed(0))
    for beat in range(int(seconds * 2)):
        first, accent = int(beat * RATE / 2), beat % 4 == 0
        knock = torch.sin(2 * torch.pi * (80 if accent else 900) * time) * torch.exp(-40 * time) * (1.0 if accent else 0.4)
        waveform[first : first + len(knock)] += knock[: len(waveform) - first]
    return {"waveform": waveform[None, None].clamp(-1, 1), "sample_rate": RATE}


def walk_of(pack: Pack, **changes: Any) -> tuple[Any, Any]:
    """Model and walk of five seconds of drums."""
    model = pack.run("LoadModel", model_name="tiny")[0]
    ears = pack.run("SoundInversionEncoder", model=model, audio=drums())
    start = pack.run("StartLatent", model=model, seed=1, truncation_psi=1.0)
    return model, pack.run("RecurrentWalker", model=model, sound_latents=ears[0], start_latent=start[0], **{"fps": 10.0, **changes})[0]


def latents(walk: Any) -> torch.Tensor:
    return torch.cat(list(walk))


@pytest.mark.slow
def test_bands_move_their_layers(motion_pack: Pack) -> None:
    model, walk = walk_of(motion_pack)
    moved, bass, middle, treble = motion_pack.run("BandsToLayers", model=model, walk=walk)
    change = latents(moved) - latents(walk)
    quarter, half = round(change.shape[1] / 4), change.shape[1] // 2
    for layers, band in ((slice(0, quarter), bass), (slice(quarter, half), middle), (slice(half, None), treble)):
        assert len(band) == walk.num_frames
        size = change[:, layers].flatten(1).norm(dim=1)
        assert torch.corrcoef(torch.stack([size, torch.tensor(band)]))[0, 1] > 0.999
    still = motion_pack.run("BandsToLayers", model=model, walk=walk, coarse=0.0, mid=0.0, fine=0.0)[0]
    assert torch.equal(latents(still), latents(walk))
    with pytest.raises(Exception, match="direction: drive 1: direction: got 'up', expected pca"):
        motion_pack.run("BandsToLayers", model=model, walk=walk, coarse_direction="up")
    film = motion_pack.run("Synthesis", model=model, walk=moved, max_frames=3)[0]
    assert film.shape[0] == 3


@pytest.mark.slow
def test_a_walk_that_was_made_of_another_moves_by_the_sound_that_it_was_given(motion_pack: Pack) -> None:
    model, walk = walk_of(motion_pack)
    steady = motion_pack.part("nodes.adapters").to_sound({"waveform": 0.1 * torch.ones(1, 1, 5 * RATE), "sample_rate": RATE}, "audio")
    made = motion_pack.part("nodes.sockets").MadeWalk(walk, steady)
    bass = motion_pack.run("BandsToLayers", model=model, walk=made)[1]
    assert bass == motion_pack.run("BandsToLayers", model=model, walk=walk, audio={"waveform": steady.waveform[None], "sample_rate": RATE})[1]
    assert bass != motion_pack.run("BandsToLayers", model=model, walk=walk)[1]
    with pytest.raises(Exception, match="audio: no sound moved this walk"):
        motion_pack.run("BandsToLayers", model=model, walk=motion_pack.part("nodes.sockets").MadeWalk(walk, None))


@pytest.mark.slow
def test_stems_move_what_they_are_told(motion_pack: Pack) -> None:
    model, walk = walk_of(motion_pack)
    said = {f"{name}_{number}": value for number in (1, 2, 3, 4)
            for name, value in (("measure", "bass"), ("direction", f"pca {number}"), ("layers", "coarse+mid"), ("strength", 1.5))}
    one = latents(motion_pack.run("StemDesk", model=model, walk=walk, stem_2=drums(), **said)[0]) - latents(walk)
    half = one.shape[1] // 2
    assert one[:, half:].abs().max() == 0
    assert one[:, :half].abs().max() > 0
    with pytest.raises(Exception, match="stem 1: got no stem at all"):
        motion_pack.run("StemDesk", model=model, walk=walk, **said)


@pytest.mark.slow
def test_numbers_of_a_walk_take_curves_lists_and_lines(motion_pack: Pack) -> None:
    model, walk = walk_of(motion_pack)
    lines = ["coarse=0.5+bass,\nnoise=onset"]
    numbers = motion_pack.run("WalkNumbers", model=[model], walk=[walk], expressions=lines, mid=[[0.0] * 50], psi=[0.5])[0]
    assert set(numbers.walk.numbers) == {"coarse", "noise", "mid", "psi"}
    inner = latents(numbers.walk)
    mean = model.generator.w_avg.expand_as(inner)
    torch.testing.assert_close(latents(numbers), torch.lerp(mean, inner, 0.5), atol=1e-5, rtol=0)
    held = motion_pack.run("WalkNumbers", model=[model], walk=[walk], step=[0.0], beta=[1.0])[0]
    assert latents(held).diff(dim=0).abs().max() < 1e-6
    bounded = motion_pack.run("WalkNumbers", model=[model], walk=[walk], max_distance=[1.1])[0]
    assert bounded.bound.spread.distance(latents(bounded)).max() < 1.101
    pointed, wide = "expressions: curve expression, character 5", "beta: its curve goes"
    for wrong, said in (({"expressions": ["mid=bas"]}, pointed), ({"beta": [[0.0, 2.0]]}, wide)):
        with pytest.raises(Exception, match=said):
            motion_pack.run("WalkNumbers", model=[model], walk=[walk], **wrong)
    with pytest.raises(Exception, match="walk: got a walk that another node changed; put Walk Numbers right behind Recurrent Walker"):
        motion_pack.run("WalkNumbers", model=[model], walk=[numbers])
    assert len(motion_pack.run("Synthesis", model=model, walk=numbers, max_frames=2)[0]) == 2


@pytest.mark.slow
def test_strengths_of_the_walker_take_lists(motion_pack: Pack) -> None:
    _, plain = walk_of(motion_pack)
    _, listed = walk_of(motion_pack, coarse=[1.0] * 50, pull=[0.08, 0.08])
    torch.testing.assert_close(latents(listed), latents(plain), atol=1e-4, rtol=0)
    _, held = walk_of(motion_pack, coarse=[0.0] * 50, mid=0.0, fine=[0.0, 0.0])
    assert latents(held).diff(dim=0).abs().max() < 1e-6


@pytest.mark.slow
def test_keyframes_carry_a_walk(motion_pack: Pack) -> None:
    model, walk = walk_of(motion_pack, coarse=0.0, mid=0.0, fine=0.0)
    one, other = (motion_pack.run("StartLatent", model=model, seed=seed, truncation_psi=1.0)[0] for seed in (7, 3))
    keyed = motion_pack.run("Keyframes", model=model, walk=walk, keyframes="0: seed 7, hold\n2 s: latent 2\n", latent_2=other)[0]
    ws = latents(keyed)
    torch.testing.assert_close(ws[[0, 19, 20, 49]], torch.cat([one, one, other, other]), atol=1e-5, rtol=0)
    assert motion_pack.run("Keyframes", model=model, walk=walk, keyframes="1 bar: seed 4", snap="bar")[0].keys is not None
    for text, said in (
        ("0: seed seven", "keyframes: line 1: got '0: seed seven', expected such as"),
        ("0: latent 3", "keyframes: latent 3: nothing is connected there"),
        ("", "keyframes: keyframes: got 0"),
        ("0: picture 1", "keyframes: picture 1: nothing is connected to pictures"),
        ("0: picture one", "keyframes: line 1: got '0: picture one', expected such as"),
    ):
        with pytest.raises(Exception, match=said):
            motion_pack.run("Keyframes", model=model, walk=walk, keyframes=text)


@pytest.mark.slow
def test_a_keyframe_shows_a_picture_that_is_connected(motion_pack: Pack) -> None:
    model, walk = walk_of(motion_pack, coarse=0.0, mid=0.0, fine=0.0)
    there = [motion_pack.run("StartLatent", model=model, seed=seed, truncation_psi=1.0)[0] for seed in (7, 3)]
    pictures = torch.cat([next(frames(model.generator, [ws])).float() / 255 for ws in there])
    with torch.inference_mode():  # as ComfyUI runs nodes
        keyed = motion_pack.run("Keyframes", model=model, walk=walk, keyframes="0: seed 5, hold\n2 s: picture 2\n", pictures=pictures)[0]
    made = next(frames(model.generator, [latents(keyed)[[0, 30]]])).float() / 255
    misses = (made[1] - pictures).square().mean((1, 2, 3))
    assert misses[1] < 0.25 * misses[0], "the second picture of the batch"
    assert misses[1] < 0.25 * (made[0] - pictures[1]).square().mean()
    with pytest.raises(Exception, match="keyframes: picture 3: pictures has 2; choose 1 to 2"):
        motion_pack.run("Keyframes", model=model, walk=walk, keyframes="0: picture 3", pictures=pictures)


@pytest.mark.slow
def test_a_walk_goes_round_with_its_sound(motion_pack: Pack) -> None:
    model, walk = walk_of(motion_pack)
    loop, audio, num_frames = motion_pack.run("SeamlessLoop", walk=walk, bars=1, crossfade=0.05)
    assert (num_frames, loop.num_frames, loop.fps) == (20, 20, Fraction(10))
    assert audio["waveform"].shape == (1, 1, 2 * RATE)
    ws = latents(loop)
    steps = (ws.roll(-1, 0) - ws).flatten(1).norm(dim=1)
    assert steps[-1] <= 1.05 * steps[:-1].max()
    moved = motion_pack.run("BandsToLayers", model=model, walk=loop)[0]
    assert len(latents(moved)) == 20
    film = motion_pack.run("SynthesisToVideo", model=model, walk=moved)[0]
    assert float(film.get_duration() if hasattr(film, "get_duration") else 2.0) == pytest.approx(2.0, abs=0.1)
    with pytest.raises(Exception, match="loop: got 0 bars and 0 seconds"):
        motion_pack.run("SeamlessLoop", walk=walk, bars=0)
    with pytest.raises(Exception, match="walk: got a loop; put Beat Lock Loop right behind"):
        motion_pack.run("SeamlessLoop", walk=loop, bars=1)


@pytest.mark.slow
def test_the_first_shape_offered_fits_the_bundled_model(motion_pack: Pack) -> None:
    slots = {slot.id: slot for slot in motion_pack.nodes["SGVG_PictureShape"].define_schema().inputs}
    size = LANDSCAPES.generator.img_resolution
    assert (slots["width"].options["default"], slots["height"].options["default"]) == (2 * size, size)


@pytest.mark.slow
def test_a_wide_picture(motion_pack: Pack) -> None:
    model, walk = walk_of(motion_pack)
    wide = motion_pack.run("PictureShape", model=model, walk=walk, width=70, height=32)[0]
    assert motion_pack.run("Synthesis", model=model, walk=wide, max_frames=2)[0].shape == (2, 32, 70, 3)
    with pytest.raises(Exception, match="shape: got 16 x 32, expected 32 x 32 or more"):
        motion_pack.run("PictureShape", model=model, walk=walk, width=16, height=32)
    other = walk_of(motion_pack)[1]
    row = motion_pack.run("PictureShape", model=model, walk=walk, width=52, height=32, enlargement="panorama", walk_2=other)[0]
    assert motion_pack.run("Synthesis", model=model, walk=row, max_frames=2)[0].shape == (2, 32, 52, 3)
    assert motion_pack.run("MotionMatte", model=model, walk=row, against="start")[0].shape == (50, 32, 52)
    with pytest.raises(Exception, match="walk 2: got nothing, but enlargement is panorama"):
        motion_pack.run("PictureShape", model=model, walk=walk, width=52, height=32, enlargement="panorama")
    with pytest.raises(Exception, match="walk 2: got a walk, but enlargement is tile"):
        motion_pack.run("PictureShape", model=model, walk=walk, width=52, height=32, enlargement="tile", walk_2=other)


@pytest.mark.slow
def test_a_matte_is_a_mask_a_frame(motion_pack: Pack) -> None:
    model, walk = walk_of(motion_pack)
    mask = motion_pack.run("MotionMatte", model=model, walk=walk, against="start", gain=30.0, size=16)[0]
    assert mask.shape == (50, 16, 16)
    assert 0 <= mask.min() < mask.max() <= 1

"""Released networks and image encoders beside their authors' on the same weights.

Recorded answers of narrow networks always; live runs, over seeds and at the released sizes, where six variables name the authors'
checkouts: SGVG_RELEASED_DIR, SOUND2VIDEO_DIR, SOUND_MANIPULATION_DIR, PSP_DIR, E4E_DIR, STYLEGAN3_EDITING_DIR. What is compared goes the
way of a user's file: recognised by keys and shapes, renamed, built, loaded.
"""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from released_cases import FULL, PASSES, RECORDED, SEEDS, WALK_STEPS, Case, block_weights, generate, mean_latent, picture, start, weights

from sgvg_core import assembly
from sgvg_core.checkpoints import load_state
from sgvg_core.checkpoints.layouts.detect import recognise
from sgvg_core.checkpoints.plain import Plain
from sgvg_core.config import ImageEncoderConfig, ReleasedBlockConfig, ReleasedSoundConfig, ReleasedSoundTowerConfig, ReleasedWalkerConfig, from_dict
from sgvg_core.embedding import ReleasedSoundTower
from sgvg_core.image_inversion import ImageEncoder, invert
from sgvg_core.walker import RELEASED_WALK, ReleasedWalker, roll_out

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-5
"""Of the answers' range."""
FOLDERS = {
    "video": "SGVG_RELEASED_DIR",
    "sound2video": "SOUND2VIDEO_DIR",
    "manipulation": "SOUND_MANIPULATION_DIR",
    "psp": "PSP_DIR",
    "e4e": "E4E_DIR",
    "editing": "STYLEGAN3_EDITING_DIR",
}


def _recognised(data: Any, kind: str) -> Any:
    found = recognise(Plain("torch zip", data), "a file")  # type: ignore[arg-type]
    assert found.kind == kind
    return found


def _fields(config: Any) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def _sound(case: Case) -> torch.Tensor:
    found = _recognised(weights(case, "module."), "released_sound_encoder")
    config = from_dict(ReleasedSoundConfig, found.config | {"log_mel_size": case.image_size}, "test")
    encoder = assembly.build_released_sound_encoder(config)
    load_state(encoder, found.state, "test")
    answered = encoder.eval()(picture(case, 1), across_batch=case.num_items > 1)
    return answered if encoder.absolute else answered + mean_latent(case)[0]


def _walker(case: Case) -> ReleasedWalker:
    sizes = {"coarse": 4, "mid": 4, "fine": 8}
    blocks = {name: _recognised(block_weights(case, size, "module."), "released_walker_block") for name, size in sizes.items()}
    configs = [from_dict(ReleasedBlockConfig, block.config, "test") for block in blocks.values()]
    walker = assembly.build_released_walker(ReleasedWalkerConfig(*configs))
    load_state(walker, {f"blocks.{name}.{key}": tensor for name, block in blocks.items() for key, tensor in block.state.items()}, "test")
    return walker.eval()


def _block(case: Case) -> torch.Tensor:
    block, ws, h, found = _walker(case).blocks["coarse"], start(case)[:, :4], None, []
    for _ in range(3):
        step, h = block(ws, h)
        ws = ws + step
        found.append(ws)
    return torch.cat(found)


def _walk(case: Case) -> torch.Tensor:
    heard = start(case).expand(WALK_STEPS, -1, -1)  # what E_a answered, on top of a start of zero
    return torch.cat(list(roll_out(_walker(case), torch.zeros_like(heard[:1]), [heard], RELEASED_WALK)))


def _tower(case: Case) -> torch.Tensor:
    found = _recognised(weights(case, "module."), "released_sound_tower")
    tower = ReleasedSoundTower(**_fields(from_dict(ReleasedSoundTowerConfig, found.config, "test")))
    load_state(tower, found.state, "test")
    return tower.eval()(picture(case, 1))


def _image_encoder(case: Case) -> ImageEncoder:
    size = 2 ** ((case.num_ws + 2) // 2)
    opts = {"encoder_type": case.kind, "output_size": size, "start_from_latent_avg": True}
    found = _recognised({"state_dict": weights(case), "latent_avg": mean_latent(case), "opts": opts}, "image_encoder")
    encoder = ImageEncoder(**_fields(from_dict(ImageEncoderConfig, found.config, "test")))
    load_state(encoder, found.state, "test")
    return encoder.eval()


def _image(case: Case) -> torch.Tensor:
    encoder = _image_encoder(case)
    return encoder(picture(case, encoder.in_channels) * 2 - 1)


def _restyle(case: Case) -> torch.Tensor:
    return invert(_image_encoder(case), picture(case, 3) * 2 - 1, generate, num_passes=PASSES)


OURS = {"sound": _sound, "block": _block, "walk": _walk, "tower": _tower, "image": _image, "restyle": _restyle}


@torch.no_grad()
def largest_difference(name: str, case: Case, reference: dict) -> float:
    theirs = torch.tensor(reference["values"], dtype=torch.float64).reshape(reference["shape"])
    ours = OURS[case.part](case)
    assert ours.shape == theirs.shape
    difference = ((ours - theirs).abs().max() / (theirs.max() - theirs.min())).item()
    print(f"{name}: {difference:.1e} of the range")
    return difference


@pytest.fixture(scope="module")
def recorded() -> dict:
    return json.loads((HERE / "released_reference.json").read_text())


@pytest.mark.parametrize("name", list(RECORDED))
def test_same_answers_as_recorded(recorded: dict, name: str) -> None:
    assert largest_difference(name, RECORDED[name], recorded[name]) < TOLERANCE


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("sound, transformer heads, clips together", {"num_items": 3, "seed": 1}),
        ("image GradualStyleEncoder", {"kind": "Encoder4Editing"}),
        ("image BackboneEncoder", {"kind": "ProgressiveBackboneEncoder"}),
    ],
)
def test_recorded_answers_notice_a_difference(recorded: dict, name: str, changed: dict) -> None:
    """The recording is of no use if a wrong network passes."""
    assert largest_difference(name, dataclasses.replace(RECORDED[name], **changed), recorded[name]) > 100 * TOLERANCE


@pytest.mark.slow
@torch.no_grad()
def test_a_clip_among_others_is_heard_alone_unless_asked(recorded: dict) -> None:
    """Transformer heads mix the clips of a batch; the released generation hears one, and so do we."""
    case = RECORDED["sound, transformer heads, clips together"]
    found = _recognised(weights(case), "released_sound_encoder")
    encoder = assembly.build_released_sound_encoder(from_dict(ReleasedSoundConfig, found.config | {"log_mel_size": 32}, "test"))
    load_state(encoder.eval(), found.state, "test")
    clips = picture(case, 1)
    alone = encoder(clips)
    torch.testing.assert_close(alone[1:2], encoder(clips[1:2]))
    together = encoder(clips, across_batch=True)
    assert (alone - together).abs().max() > 1e-2 * alone.std()


def _live(tmp_path_factory: pytest.TempPathFactory, cases: str) -> dict:
    folders = {name: os.environ.get(variable) for name, variable in FOLDERS.items()}
    if not all(folders.values()):
        pytest.skip(f"set {', '.join(FOLDERS.values())} to checkouts of the authors' repositories")
    out = tmp_path_factory.mktemp("released") / "answers.json"
    given = [part for name, folder in folders.items() for part in (f"--{name}", str(folder))]
    subprocess.run([sys.executable, str(HERE / "record_released.py"), str(out), "--cases", cases, *given], check=True, timeout=3600)
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def over_seeds(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return _live(tmp_path_factory, "seeds")


@pytest.fixture(scope="module")
def at_released_size(tmp_path_factory: pytest.TempPathFactory) -> dict:
    if not os.environ.get("PARITY_FULL_SIZE"):
        pytest.skip("set PARITY_FULL_SIZE=1: takes minutes and 4 GB")
    return _live(tmp_path_factory, "full")


@pytest.mark.parametrize("name", list(SEEDS))
def test_same_answers_over_seeds(over_seeds: dict, name: str) -> None:
    assert largest_difference(name, SEEDS[name], over_seeds[name]) < TOLERANCE


@pytest.mark.parametrize("name", list(FULL))
def test_same_answers_at_released_size(at_released_size: dict, name: str) -> None:
    assert largest_difference(name, FULL[name], at_released_size[name]) < TOLERANCE

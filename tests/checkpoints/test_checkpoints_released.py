"""Released files and image encoders told from keys and shapes, at their released sizes (no memory is taken: the tensors are shapes only)."""

from typing import Any

import pytest
import torch
from released_files import (
    IMAGE_ENCODERS,
    Shapes,
    block_shapes,
    image_encoder_shapes,
    numbers,
    sound_encoder_shapes,
    sound_tower_shapes,
)

from sgvg_core.checkpoints import Recognised
from sgvg_core.checkpoints.layouts.detect import recognise
from sgvg_core.checkpoints.plain import Plain
from sgvg_core.config import ImageEncoderConfig, ReleasedBlockConfig, ReleasedSoundConfig, ReleasedSoundTowerConfig, from_dict
from sgvg_core.errors import CheckpointError
from sgvg_core.synthesis import StyleGAN3Generator


def shaped(shapes: Shapes) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def told(data: Any) -> Recognised:
    return recognise(Plain("torch zip", data), "file.pth")  # type: ignore[arg-type]


@pytest.mark.parametrize("prefix", ["module.", ""])
@pytest.mark.parametrize(("heads", "num_tensors"), [("map", 593), ("transformer", 839)])
def test_sound_encoders(heads: str, num_tensors: int, prefix: str) -> None:
    state = shaped(sound_encoder_shapes(heads, prefix=prefix))
    assert len(state) == num_tensors
    found = told(state)
    assert (found.kind, found.layout, len(found.state)) == ("released_sound_encoder", "released", num_tensors)
    assert from_dict(ReleasedSoundConfig, found.config, "test") == ReleasedSoundConfig(heads=heads)
    assert ("mean latent" in " ".join(found.notes)) == (heads == "transformer")


@pytest.mark.parametrize("prefix", ["module.", ""])
@pytest.mark.parametrize(("num_group", "noise_fc", "num_tensors"), [(4, True, 44), (4, False, 42), (8, True, 44), (8, False, 42)])
def test_recurrent_blocks(num_group: int, noise_fc: bool, num_tensors: int, prefix: str) -> None:
    state = shaped(block_shapes(num_group, noise_fc=noise_fc, prefix=prefix))
    assert len(state) == num_tensors
    found = told(state)
    assert found.kind == "released_walker_block"
    assert from_dict(ReleasedBlockConfig, found.config, "test") == ReleasedBlockConfig(num_group, noise_fc=noise_fc)


@pytest.mark.parametrize("prefix", ["module.", ""])
def test_sound_tower(prefix: str) -> None:
    state = shaped(sound_tower_shapes(prefix=prefix))
    assert len(state) == 124
    found = told(state)
    assert found.kind == "released_sound_tower"
    assert from_dict(ReleasedSoundTowerConfig, found.config, "test") == ReleasedSoundTowerConfig()


@pytest.mark.parametrize("kind", list(IMAGE_ENCODERS))
def test_image_encoders(kind: str) -> None:
    num_ws = 16 if IMAGE_ENCODERS[kind][2] == 6 else 18
    state = shaped(image_encoder_shapes(kind, num_ws))
    opts = {"encoder_type": kind, "output_size": 1024, "start_from_latent_avg": True}
    found = told({"state_dict": state, "latent_avg": numbers("mean", num_ws, 512), "opts": opts})
    config = from_dict(ImageEncoderConfig, found.config, "test")
    assert (found.kind, found.layout) == ("image_encoder", kind)
    assert (config.num_ws, config.in_channels, config.unit) == (num_ws, IMAGE_ENCODERS[kind][2], IMAGE_ENCODERS[kind][0])
    assert config.deltas == (kind in ("Encoder4Editing", "ProgressiveBackboneEncoder", "ResNetProgressiveBackboneEncoder"))
    assert config.pyramid == (IMAGE_ENCODERS[kind][1] == "pyramid")
    assert config.heads == {"pyramid": "styles", "flat": "styles"}.get(IMAGE_ENCODERS[kind][1], IMAGE_ENCODERS[kind][1])
    assert len(found.state) == len(state) + 1  # and the mean latent
    assert found.extra["encoder_type"] == kind


def test_an_image_encoder_brings_its_generator() -> None:
    """pSp's and e4e's is a converted StyleGAN2, ReStyle's may be a table of StyleGAN3's; both are parts of the file."""
    encoder = shaped(image_encoder_shapes("GradualStyleEncoder", 8))
    torch.manual_seed(1)
    own = {name: tensor.float() for name, tensor in StyleGAN3Generator(32, (4,) * 6, z_dim=8, w_dim=512).state_dict().items()}
    decoder = {f"decoder.{name}": tensor for name, tensor in own.items()}
    found = told({"state_dict": encoder | decoder, "latent_avg": numbers("mean", 512), "opts": {"encoder_type": "GradualStyleEncoder"}})
    assert (found.kind, found.parts["decoder"].kind) == ("image_encoder", "generator3")
    assert torch.equal(found.parts["decoder"].state["synthesis.input.freqs"], own["synthesis.input.freqs"])


def test_a_generator_that_is_not_known_spoils_no_encoder() -> None:
    state = shaped(image_encoder_shapes("GradualStyleEncoder") | {"decoder.style.1.weight": (512, 512)})
    found = told({"state_dict": state, "latent_avg": numbers("mean", 18, 512), "opts": {"encoder_type": "GradualStyleEncoder"}})
    assert (found.kind, found.parts) == ("image_encoder", {})
    assert any("the generator next to it (1 tensors) was left out: its layout isn't known here" in note for note in found.notes)


def test_an_image_encoder_without_opts_is_taken_as_psp_and_said() -> None:
    found = told({"state_dict": shaped(image_encoder_shapes("Encoder4Editing")), "latent_avg": numbers("mean", 512)})
    assert not found.config["deltas"]
    assert any("taken as pSp's" in note for note in found.notes)
    assert found.state["latent_avg"].shape == (18, 512)


@pytest.mark.parametrize("odd", [torch.zeros(0), torch.ones(2, 2), [1], {"a": 1}])
def test_settings_that_are_no_settings_say_nothing(odd: object) -> None:
    plain = {"state_dict": shaped(image_encoder_shapes("Encoder4Editing")), "latent_avg": numbers("mean", 512)}
    names = ("encoder_type", "start_from_latent_avg", "output_size", "stylegan_size", "learn_in_w")
    found, none = told(plain | {"opts": dict.fromkeys(names, odd)}), told(plain)
    assert (found.config, found.notes, found.extra) == (none.config, none.notes, none.extra)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"state_dict": shaped(image_encoder_shapes("Encoder4Editing")), "opts": {"encoder_type": "HyperEncoder"}},
            r"file.pth: an image encoder of type 'HyperEncoder'; read are GradualStyleEncoder",
        ),
        (
            {"state_dict": shaped(image_encoder_shapes("Encoder4Editing")), "latent_avg": numbers("mean", 16, 512)},
            r"latent_avg: got shape \[16, 512\], expected \[1, 512\] or \[18, 512\]",
        ),
        (shaped(block_shapes() | {"module.fc.weight": (2048, 512)}), r"a recurrent block with 2048 inputs, a hidden state of 512"),
        (shaped(sound_encoder_shapes(widths=(64, 64, 256, 512))), r"an encoder of 3 stages \(widths 64, 256, 512\), expected 4"),
        ({"a": 1}, r"unknown checkpoint layout"),
    ],
)
def test_what_does_not_fit_is_said(data: Any, said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        told(data)


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (torch.ones(512), (1, 1, 512)),
        (torch.ones(18, 512), (1, 18, 512)),
        (torch.ones(1, 18, 512), (1, 18, 512)),
        (torch.ones(7, 18, 512, dtype=torch.float64), (7, 18, 512)),
        ({"w": torch.ones(1, 18, 512)}, (1, 18, 512)),
        ({"arr_0": torch.ones(18, 512)}, (1, 18, 512)),
        ({"latent": torch.ones(18, 512), "noise": [torch.ones(1, 1, 4, 4)]}, (1, 18, 512)),
        ({"a.png": {"latent": torch.ones(18, 512)}, "b.png": {"latent": torch.ones(18, 512)}}, (2, 18, 512)),
        ([torch.ones(18, 512), torch.ones(18, 512)], (2, 18, 512)),
    ],
)
def test_latents_of_every_shape(data: Any, shape: tuple[int, ...]) -> None:
    found = told(data)
    assert found.kind == "latents"
    assert found.state["ws"].shape == shape
    assert found.state["ws"].dtype == torch.float32


def test_latents_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(CheckpointError, match="latents 'w' with NaN or infinite numbers"):
        told({"w": torch.full((18, 512), float("nan"))})
    with pytest.raises(CheckpointError, match=r"2 latents of several shapes \(\[16, 512\], \[18, 512\]\)"):
        told([torch.ones(18, 512), torch.ones(16, 512)])

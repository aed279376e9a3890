"""Files whose bytes are sound and whose content contradicts itself: each is refused with one error, and asks for no more than it holds."""

import random
from pathlib import Path
from typing import Any

import damaged_layouts
import pytest
import torch
from foreign_networks import converted_shapes, filled, persistent, tensorflow_generator, tensorflow_network, write_pickle

from sgvg_core import assembly
from sgvg_core.assembly import files
from sgvg_core.assembly import recognised as the_recognised
from sgvg_core.checkpoints import Recognised
from sgvg_core.checkpoints.layouts.detect import recognise
from sgvg_core.checkpoints.plain import Plain, network_state, read_plain
from sgvg_core.errors import CheckpointError, SGVGError

LOADERS = {
    "discriminator": assembly.load_discriminator,
    "released_sound_encoder": assembly.load_sound_encoder,
    "image_encoder": assembly.load_image_encoder,
    "released_sound_tower": assembly.load_sound_tower,
    "latents": assembly.load_latents,
    "released_walker_block": lambda path: assembly.load_walker([path] * 3),
}


def recognised(data: Any) -> Recognised:
    return recognise(Plain("torch", data), "a.pt")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return damaged_layouts.layouts(tmp_path_factory.mktemp("sound"))


@pytest.mark.slow
def test_the_layouts_themselves_are_known(sound: dict[str, Any]) -> None:
    assert {recognised(data).kind for data in sound.values()} == {*LOADERS, "generator", "generator3"}


@pytest.mark.slow
def test_damaged_content_is_refused_or_read_and_never_anything_else(sound: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    dice, refused, built, longest = random.Random(0), 0, 0, 0
    for index in range(700):
        data = damaged_layouts.damaged(sound[dice.choice(list(sound))], dice)
        try:
            found = recognised(data)
        except CheckpointError as error:
            longest, refused = max(longest, len(str(error))), refused + 1
            continue
        if index % 7 or ("mapping.w_avg" not in found.state and found.kind.startswith("generator")):  # its mean of 10,000 codes takes time
            continue
        monkeypatch.setattr(files, "read_stored", lambda *_, found=found: found)
        monkeypatch.setattr(the_recognised, "read_stored", lambda *_, found=found: found)
        try:
            LOADERS.get(found.kind, lambda path, found=found: assembly.build_recognised_generator(found, path))("a.pt")
            built += 1
        except SGVGError:
            refused += 1
    assert longest < 1500
    assert refused > 150
    assert built > 15


@pytest.mark.slow
def test_noise_maps_that_a_file_lacks_are_no_way_to_gigabytes(sound: dict[str, Any]) -> None:
    """A block's name says its size: one of some bytes would have maps of 2^46 numbers drawn."""
    state = {name: tensor for name, tensor in filled(converted_shapes((8, 7), 5, 2)).items() if not name.startswith("noises.")}
    with pytest.raises(CheckpointError, match=r"synthesis\.b8388608\.conv0 has features of 8388608 x 8388608"):
        recognised(state | {"convs.41.conv.weight": torch.ones(1, 7, 7, 3, 3)})
    with pytest.raises(CheckpointError, match="has features of 3000 x 3000"):
        recognised(state | {"input.input": torch.zeros(1).expand(1, 8, 3000, 3000)})
    table = {name: tensor for name, tensor in sound["NVIDIA, table"].items() if "noise" not in name}
    with pytest.raises(CheckpointError, match="has features of 3000 x 3000"):
        recognised(table | {"synthesis.b4.const": torch.zeros(1).expand(8, 3000, 3000)})


def test_endless_names_are_refused(tmp_path: Path) -> None:
    """Keys are stored once and may be shared; the names of tensors are made of all that lead to them."""
    deep = persistent({".".join(["a" * 200] * 5): torch.ones(1)}, {})
    with pytest.raises(CheckpointError, match="a name of more than 500 characters"):
        network_state(read_plain(write_pickle(tmp_path / "deep.pkl", deep)).data)
    long = persistent({"a" * 600: torch.ones(1)}, {})
    with pytest.raises(CheckpointError, match="names of more than 500 characters"):
        network_state(read_plain(write_pickle(tmp_path / "long.pkl", long)).data)


@pytest.mark.parametrize("value", [10**400, float("inf"), float("nan"), [1, 2], torch.ones(2)])
def test_settings_beyond_all_sizes(value: Any, tmp_path: Path) -> None:
    network = tensorflow_network(tensorflow_generator((8, 7), z_dim=5, w_dim=6), {"resample_kernel": [1, 3, 3, value]})
    with pytest.raises(CheckpointError, match=r"expected up to 1e\+12|only \[1, 3, 3, 1\] is served"):
        recognised(read_plain(write_pickle(tmp_path / "a.pkl", network)).data)


def test_a_blocks_name_of_many_digits(tmp_path: Path) -> None:
    shapes = tensorflow_generator((8, 7), z_dim=5, w_dim=6) | {"synthesis/123456x1/Conv1/weight": (3, 3, 7, 7)}
    found = recognised(read_plain(write_pickle(tmp_path / "a.pkl", tensorflow_network(shapes, {}))).data)
    assert any("synthesis/123456x1/Conv1/weight" in note for note in found.notes)

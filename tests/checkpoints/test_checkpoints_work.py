"""Few bytes ask for little: work is counted in steps of the interpreter, memory in numbers that a network would hold. No clock is asked."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile_corpus as corpus
import hostile_pieces as pieces
import pytest
import torch

from sgvg_core import assembly
from sgvg_core.checkpoints import WithoutNumbers
from sgvg_core.checkpoints.layouts.detect import recognise
from sgvg_core.checkpoints.modules import ALWAYS_MADE
from sgvg_core.checkpoints.plain import ForeignObject, Plain, read_plain
from sgvg_core.config import (
    JointSpaceConfig,
    ReleasedBlockConfig,
    ReleasedSoundConfig,
    ReleasedWalkerConfig,
    SoundInversionConfig,
    WalkerConfig,
)
from sgvg_core.errors import CheckpointError, SGVGError

STEPS_A_BYTE, ALWAYS_STEPS = 40, 200_000
"""The law of docs/checkpoints_security.md: steps of the interpreter (calls, returns, turns of generators) for each byte, and in any case."""
SETTINGS = dict(corpus.settings())
LOADERS = (
    assembly.load_generator, assembly.load_discriminator, assembly.load_sound_encoder, assembly.load_walker, assembly.load_joint_space,
    assembly.load_judge, assembly.load_sound_tower, assembly.load_image_encoder,
)  # fmt: skip


def steps_of(work: Callable[[], Any]) -> int:
    """How many steps of the interpreter some work takes."""
    counted = [0]

    def count(*_: Any) -> None:
        counted[0] += 1

    sys.setprofile(count)
    try:
        work()
    except CheckpointError:
        pass
    finally:
        sys.setprofile(None)
    return counted[0]


@pytest.mark.slow
@pytest.mark.parametrize("times", [4, 10, 300])
def test_a_long_list_of_small_values_that_is_named_again_takes_as_little_work(tmp_path: Path, times: int) -> None:
    """3,000 pairs, or one pair 3,000 times, as often as they may be looked into, in tuples, lists and dictionaries."""
    pair = b"(" + pieces.short("") + b"Nt"
    for values in (pair * 3000, pair + b"q\x01" + b"h\x01" * 2999):
        for again in (b"h\x00\x85", b"](h\x00e", b"}" + pieces.short("a") + b"h\x00s"):
            path, data = tmp_path / "a.pkl", pieces.whole(b"](" + values + b"eq\x000](" + again * times + b"e")
            path.write_bytes(data)
            steps = steps_of(lambda path=path: recognise(read_plain(path), path))
            assert steps < STEPS_A_BYTE * len(data) + ALWAYS_STEPS, (len(data), again, steps)


@pytest.mark.slow
@pytest.mark.parametrize("width", [300, 3000])
def test_the_work_of_what_is_named_again_and_again_is_bounded(tmp_path: Path, width: int) -> None:
    for name, data in corpus.shared(3000, width):
        path = tmp_path / "a.pkl"
        path.write_bytes(data)
        steps = steps_of(lambda path=path: recognise(read_plain(path), path))
        assert steps < STEPS_A_BYTE * len(data) + ALWAYS_STEPS, name


LAYOUTS: dict[str, Any] = {
    "heads": {f"encoder.styles.{index}.convs.0.weight": torch.ones(1) for index in range(3000)}
    | {"encoder.latlayer1.weight": torch.ones(1), "encoder.styles.0.linear.weight": torch.ones(1)}
    | {"encoder.input_layer.0.weight": torch.ones(4, 3, 3, 3)}
    | {f"encoder.body.{index}.res_layer.3.weight": torch.ones(4 + index, 4, 3, 3) for index in range(4)},
    "marks": {f"{index}.synthesis.b4.const": torch.ones(1) for index in range(3000)},
    "colours": ForeignObject("dnnlib.tflib.network", "Network", {"variables": [
        ("4x4/Const/const", torch.ones(1)), *((f"synthesis/ToRGB_lod{index % 99}/w{index}", torch.ones(1)) for index in range(3000)),
        ("synthesis/4x4/Const/const", torch.ones(1))]}),
    "buffers": ForeignObject("", "G", {"_parameters": {}, "_modules": {}, "_buffers": {f"b{index}": torch.ones(1) for index in range(1500)},
                                       "_non_persistent_buffers_set": [f"c{index}" for index in range(1500)]}),
}


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_the_work_of_layouts_is_bounded(name: str) -> None:
    data = LAYOUTS[name]
    num_bytes = 3000 * 60  # the least that a file needs for them
    assert steps_of(lambda: recognise(Plain("torch", data), "a.pt")) < STEPS_A_BYTE * num_bytes + ALWAYS_STEPS


@pytest.mark.parametrize("name", list(SETTINGS))
def test_no_loader_makes_more_than_the_file_holds(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in every loader, one of which builds it: refused with one line, no tensor larger than what's always allowed."""
    largest = [0]
    make = torch.empty

    def watched(*args: Any, **kwargs: Any) -> torch.Tensor:
        made = make(*args, **kwargs)
        largest[0] = max(largest[0], made.numel())
        return made

    monkeypatch.setattr(torch, "empty", watched)
    path = tmp_path / "a.safetensors"
    path.write_bytes(SETTINGS[name])
    for load in LOADERS:
        with pytest.raises(SGVGError) as caught:
            load(path)
        assert str(caught.value).isprintable()
        assert str(path) in str(caught.value)
        assert len(str(caught.value)) < 1000
    assert largest[0] <= ALWAYS_MADE


def test_a_network_is_held_against_its_file_before_it_is_made() -> None:
    with WithoutNumbers(1000, "a.safetensors"), pytest.raises(CheckpointError, match="but the file holds 1000"):
        torch.nn.Linear(4096, 4096)
    for make in (torch.zeros, torch.ones, torch.rand, torch.randn, torch.empty):
        with WithoutNumbers(0), pytest.raises(CheckpointError):
            make((2**20, 2**20))
        with WithoutNumbers(0), pytest.raises(CheckpointError):
            make(size=(2**20, 2**20))
    with WithoutNumbers(0), pytest.raises(CheckpointError):
        torch.full([2**12, 2**12], 1.0)


def test_every_kind_has_a_limit() -> None:
    for config in (
        lambda: WalkerConfig(64, 2048, hidden=4096, num_layers=16),
        lambda: SoundInversionConfig(num_ws=64, pyramid_width=2048),
        lambda: JointSpaceConfig(text_width=2048, text_layers=64, image_width=256, image_layers=(64, 64, 64, 64)),
        lambda: SoundInversionConfig(widths=(2048,) * 4, depths=(64,) * 4),
        lambda: ReleasedSoundConfig(num_ws=64, w_dim=2048, widths=(64, 128, 256, 2048)),
        lambda: ReleasedWalkerConfig(*(ReleasedBlockConfig(32, 2048, 2048, 4),) * 3),
    ):
        with pytest.raises(SGVGError, match="number of parameters"):
            config()


@pytest.mark.parametrize("part", ["generator", "sound_encoder", "walker", "joint_space", "judge"])
def test_loading_draws_nothing_from_the_global_generator(part: str) -> None:
    before = torch.get_rng_state()
    getattr(assembly, f"load_{part}")(assembly.BUNDLED / f"{part}.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loaded_model_draws_nothing_either() -> None:
    before = torch.get_rng_state()
    assembly.load_model(device="cpu")
    assert torch.equal(torch.get_rng_state(), before)

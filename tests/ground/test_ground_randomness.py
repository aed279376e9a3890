"""Random numbers: the same for an item alone or among others, different for each seed, stream and item."""

import pytest
import torch

from sgvg_core.devices import to_device, to_dtype
from sgvg_core.errors import ConfigError, DeviceError, ShapeError
from sgvg_core.latents import group_slices, interpolate_ws, latent_scale
from sgvg_core.randomness import MAX_SEED, normal
from sgvg_core.shapes import check_shape


def test_numbers_are_pinned() -> None:
    assert normal(5, "start", 0, 3).tolist() == pytest.approx(PINNED, abs=1e-6)
    assert torch.equal(normal(5, "start", 2, 4), normal(5, "start", 2, 4))


PINNED = [-1.1921191215515137, 0.27662891149520874, 1.3614581823349]


def test_seed_stream_and_item_each_matter() -> None:
    base = normal(5, "start", 0, 8)
    for other in (normal(6, "start", 0, 8), normal(5, "noise", 0, 8), normal(5, "start", 1, 8), normal(MAX_SEED, "start", 0, 8)):
        assert not torch.equal(base, other)
    assert torch.isfinite(normal(-3, "start", 0, 8)).all()


def test_groups_of_latents() -> None:
    assert group_slices((3, 6), 14) == {"coarse": slice(0, 3), "mid": slice(3, 6), "fine": slice(6, 14)}
    with pytest.raises(ConfigError, match="expected 0 < a < b < 5"):
        group_slices((3, 6), 5)


def test_the_scale_of_latents_is_their_spread_wherever_they_lie() -> None:
    ws = torch.tensor([[[1.0, 7.0]], [[5.0, 7.0]]])  # 2 beside the mean in one place, 0 in the other
    assert latent_scale(ws) == pytest.approx(2**0.5)
    assert latent_scale(ws[:1].expand(3, -1, -1)) == pytest.approx(1e-6)  # never 0: it divides


def test_latents_between_steps() -> None:
    steps = torch.tensor([0.0, 2.0, 6.0])[:, None, None]
    assert interpolate_ws(steps, torch.tensor([-1.0, 0.5, 1.25, 9.0])).flatten().tolist() == [0, 1, 3, 6]
    assert interpolate_ws(steps[:1], torch.tensor([0.0, 3.0])).flatten().tolist() == [0, 0]


def test_shapes_and_devices_say_what_they_got() -> None:
    with pytest.raises(ShapeError, match=r"ws: got shape \[2, 3\], expected \[N, L=4, D\]"):
        check_shape("ws", torch.zeros(2, 3), "N L D", L=4)
    assert to_device("cpu").type == "cpu"
    with pytest.raises(DeviceError, match="device: got 'gpu'"):
        to_device("gpu")
    assert to_dtype("auto", torch.device("cpu")) is torch.float32
    with pytest.raises(DeviceError, match="dtype: got 'int8'"):
        to_dtype("int8", torch.device("cpu"))

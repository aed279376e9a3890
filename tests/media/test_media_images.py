"""PNG files, contact sheets, wav files."""

import wave
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.errors import ConfigError, MediaError, ShapeError
from sgvg_core.media import checked_image, contact_sheet, png_bytes, read_sound, save_image, save_png, write_wav


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), (64, 64), (33, 128)])
def test_a_png_comes_back_pixel_by_pixel(tmp_path: Path, height: int, width: int) -> None:
    image = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    path = save_png(tmp_path / "a.png", image, {"sgvg": '{"seed": 1, "ü": 2}'})
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.format.name == "rgb24"
        assert (frame.to_ndarray(format="rgb24") == image.numpy()).all()
    assert '{"seed": 1, "ü": 2}'.encode() in path.read_bytes()


def test_smooth_images_are_packed_well() -> None:
    ramp = torch.arange(128, dtype=torch.uint8)[:, None, None].expand(128, 128, 3)
    assert len(png_bytes(ramp)) < 1000


def test_a_contact_sheet_has_each_image_at_its_place() -> None:
    images = torch.arange(1, 8, dtype=torch.uint8)[:, None, None, None].expand(7, 4, 6, 3) * 30
    sheet = contact_sheet(images, columns=3, gap=1)
    assert sheet.shape == (3 * 4 + 2, 3 * 6 + 2, 3)
    assert [int(sheet[row * 5, column * 7, 0]) for row in range(3) for column in range(3)][:7] == [30, 60, 90, 120, 150, 180, 210]
    assert contact_sheet(images[:2], columns=5, gap=0).shape == (4, 12, 3)
    with pytest.raises(ConfigError, match="columns: got 0"):
        contact_sheet(images, columns=0)


def test_wrong_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"expected \[H, W, 3=3\]|expected \[H, W, 3\]"):
        save_png(tmp_path / "a.png", torch.zeros(4, 4, dtype=torch.uint8))
    with pytest.raises(MediaError, match="got torch"):
        save_png(tmp_path / "a.png", torch.zeros(4, 4, 3))
    with pytest.raises(MediaError, match="doesn't exist"):
        save_png(tmp_path / "absent" / "a.png", torch.zeros(4, 4, 3, dtype=torch.uint8))
    assert not list(tmp_path.iterdir())


def test_a_wav_comes_back(tmp_path: Path) -> None:
    waveform = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 1000))).float()
    path = write_wav(tmp_path / "a.wav", waveform, 22_050)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes(), file.getsampwidth()) == (2, 22_050, 1000, 2)
    back, rate = read_sound(path)
    assert rate == 22_050
    assert (back - waveform).abs().max() <= 2**-15
    loud = read_sound(write_wav(tmp_path / "b.wav", waveform * 3, 22_050))[0]
    assert loud.max() == 1 - 2**-15
    assert loud.min() == -1
    with pytest.raises(MediaError, match="maybe NaN"):
        write_wav(path, torch.full((1, 5), torch.nan), 22_050)
    assert torch.equal(read_sound(path)[0], back)


@pytest.mark.parametrize(("name", "kind", "worst"), [("a.png", "PNG", 0), ("a.JPG", "JPEG", 12), ("a.jpeg", "JPEG", 12), ("a.webp", "WEBP", 12)])
def test_a_image_is_of_the_kind_that_its_name_says(tmp_path: Path, name: str, kind: str, worst: int) -> None:
    ramp = torch.arange(64, dtype=torch.uint8)[:, None, None].expand(64, 48, 3) * 4
    with Image.open(save_image(tmp_path / name, ramp)) as back:
        assert back.format == kind
        assert np.abs(np.asarray(back.convert("RGB")).astype(int) - ramp.numpy()).max() <= worst


@pytest.mark.parametrize("name", ["a.bmp", "a.tiff", "a.gif", "a.mp4", "a"])
def test_images_of_other_kinds_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match=r"expected the name of a picture in \.png, \.jpg, \.jpeg, \.webp"):
        checked_image(tmp_path / name)
    with pytest.raises(MediaError, match="expected the name of a picture"):
        save_image(tmp_path / name, torch.zeros(4, 4, 3, dtype=torch.uint8))
    assert not list(tmp_path.iterdir())


def test_a_sheet_that_a_kind_of_image_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"holds at most 16383; name a \.png"):
        save_image(tmp_path / "a.webp", torch.zeros(16_384, 1, 3, dtype=torch.uint8))
    assert not list(tmp_path.iterdir())

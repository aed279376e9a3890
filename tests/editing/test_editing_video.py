"""A video edited: as many frames, its own sound and rate, in step; what isn't edited is the video itself; nothing half-written."""

import dataclasses
import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.assembly import SoundModel
from sgvg_core.editing import Edit, parse_edit
from sgvg_core.editing.video import FrameInverter, InversionLog, VideoEditSettings, edit_video, inverted_frames
from sgvg_core.errors import Cancelled, ConfigError, MediaError
from sgvg_core.image_inversion import fit_image, measure_ground
from sgvg_core.media import SoundTrack, VideoWriter, probe_sound, read_sound, read_video_frames, write_wav
from sgvg_core.media.shown_video import ShownVideo

QUICK = VideoEditSettings(num_steps=6, warm_steps=2)
FRAMES = 9


@pytest.fixture(scope="module")
def model(tiny_model: SoundModel) -> SoundModel:
    """Without a joint space, so that nothing is looked at but the video."""
    return dataclasses.replace(tiny_model, joint_space=None)


@pytest.fixture(scope="module")
def inverter(model: SoundModel) -> FrameInverter:
    return FrameInverter(model.generator, measure_ground(model.generator, num_codes=500))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine frames, 48 x 32, at 29.97 a second, with a sound."""
    folder = tmp_path_factory.mktemp("video")
    write_wav(folder / "a.wav", 0.2 * torch.randn(2, 6_500, generator=torch.Generator().manual_seed(0)), 22_050)
    across = torch.arange(48)[None, :, None].float()
    frames = [(across * 3 + 40 * ((across - 5 * index).abs() < 6) + torch.tensor([0, 30, 60])).expand(32, 48, 3) for index in range(FRAMES)]
    sound = SoundTrack.from_file(folder / "a.wav")
    with VideoWriter(folder / "a.mp4", fps=Fraction(30_000, 1001), width=48, height=32, crf=4, sound=sound) as writer:
        writer.write(torch.stack(frames).clamp(0, 255).to(torch.uint8))
    return folder / "a.mp4"


def pngs(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))])


def fitted(video: Path, size: int = 32) -> np.ndarray:
    """The video's frames as the film would show them without edits."""
    frames = torch.stack(list(ShownVideo.open(video))).permute(0, 3, 1, 2).float() / 127.5 - 1
    return ((fit_image(frames, (size, size), "crop") + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


@pytest.mark.slow
def test_the_film_has_the_videos_frames_rate_and_sound(model: SoundModel, inverter: FrameInverter, video: Path, tmp_path: Path) -> None:
    report = edit_video(model, video, tmp_path / "b.mp4", [parse_edit("direction=pca:0; strength=0.5")], QUICK, inverter=inverter)
    assert (report["num_frames"], report["frames_in_file"], report["fps"], report["notes"]) == (FRAMES, FRAMES, "30000/1001", [])
    assert len(list(read_video_frames(tmp_path / "b.mp4"))) == FRAMES
    assert probe_sound(tmp_path / "b.mp4").fps == Fraction(30_000, 1001)
    np.testing.assert_array_equal(read_sound(tmp_path / "b.mp4")[0].numpy(), read_sound(video)[0].numpy())
    assert json.loads(json.dumps(report)) == report
    assert {"psnr", "distance", "tl", "tg", "change_ratio", "flicker_ratio", "lag_frames", "seconds_a_frame"} <= set(report)


@pytest.mark.slow
def test_strength_0_gives_the_video_itself_bit_by_bit_at_any_size(model: SoundModel, inverter: FrameInverter, video: Path, tmp_path: Path) -> None:
    for size in (32, 48):
        settings = dataclasses.replace(QUICK, size=size, warm_steps=0)
        edit_video(model, video, tmp_path / f"film {size}", [parse_edit("direction=pca:0; strength=0")], settings, inverter=inverter)
        np.testing.assert_array_equal(pngs(tmp_path / f"film {size}"), fitted(video, size))


@pytest.mark.slow
def test_outside_a_region_the_video_stays_bit_by_bit(model: SoundModel, inverter: FrameInverter, video: Path, tmp_path: Path) -> None:
    mask = torch.zeros(64, 96)
    mask[:, :48] = 1  # painted on the whole picture, so it's cut as the frames are
    edit = Edit(direction="pca:0", strength=3.0, region=mask)
    edit_video(model, video, tmp_path / "film", [edit], dataclasses.replace(QUICK, warm_steps=1), inverter=inverter)
    made, plain = pngs(tmp_path / "film").astype(int), fitted(video).astype(int)
    np.testing.assert_array_equal(made[:, :, 18:], plain[:, :, 18:])
    assert np.abs(made - plain)[:, :, :12].mean() > 2


@pytest.mark.slow
def test_side_by_side_shows_the_video_on_the_left(model: SoundModel, inverter: FrameInverter, video: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, side_by_side=True)
    edit_video(model, video, tmp_path / "film", [parse_edit("direction=pca:0; strength=2")], settings, inverter=inverter)
    made = pngs(tmp_path / "film")
    assert made.shape == (FRAMES, 32, 68, 3)
    np.testing.assert_array_equal(made[:, :, :32], fitted(video))
    assert np.abs(made[:, :, 36:].astype(int) - fitted(video)).mean() > 2


@pytest.mark.slow
def test_a_curve_starts_and_ends_with_the_film(model: SoundModel, inverter: FrameInverter, video: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, warm_steps=0, smoothing=0.0)
    edit_video(model, video, tmp_path / "film", [parse_edit("direction=pca:0; strength=3; curve=0,1")], settings, inverter=inverter)
    apart = np.abs(pngs(tmp_path / "film").astype(int) - fitted(video)).mean((1, 2, 3))
    assert apart[0] == 0
    assert apart[-1] == apart.max() > 2


@pytest.mark.slow
def test_a_cut_of_the_video_has_that_cut_of_the_sound(model: SoundModel, inverter: FrameInverter, video: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, start=0.1, seconds=0.1)
    report = edit_video(model, video, tmp_path / "b.mp4", [parse_edit("direction=pca:0")], settings, inverter=inverter)
    assert report["num_frames"] == 3
    assert abs(read_sound(tmp_path / "b.mp4")[0].shape[1] / probe_sound(tmp_path / "b.mp4").sample_rate - 0.1) < 0.05


@pytest.mark.slow
def test_a_cancel_leaves_nothing(model: SoundModel, inverter: FrameInverter, video: Path, tmp_path: Path) -> None:
    def stop(done: float, total: float | None, note: str = "", preview: Any = None) -> None:
        if done >= 3:
            raise Cancelled("stopped")

    for name in ("b.mp4", "film"):
        with pytest.raises(Cancelled):
            edit_video(model, video, tmp_path / name, [parse_edit("direction=pca:0")], QUICK, stop, inverter=inverter)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="limits on the size of files are POSIX's")
def test_a_full_disk_leaves_the_old_film_and_nothing_else(model: SoundModel, inverter: FrameInverter, video: Path, tmp_path: Path) -> None:
    import resource

    edits, settings, film = [parse_edit("direction=pca:0")], dataclasses.replace(QUICK, warm_steps=0), tmp_path / "b.mp4"
    edit_video(model, video, film, edits, settings, inverter=inverter)
    old, before = film.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    for share in (0.9, 0.01):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(share * len(old)), before[1]))
        try:
            with pytest.raises(MediaError, match=r"b\.mp4: can't be written.*free space"):
                edit_video(model, video, film, edits, settings, inverter=inverter)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert film.read_bytes() == old
        assert list(tmp_path.iterdir()) == [film]


@pytest.mark.slow
def test_what_can_t_be_edited_is_said_before_anything_is_written(model: SoundModel, inverter: FrameInverter, video: Path, tmp_path: Path) -> None:
    edits = [parse_edit("direction=pca:0")]
    with pytest.raises(MediaError, match="no moving picture"):
        edit_video(model, video.with_name("a.wav"), tmp_path / "b.mp4", edits, QUICK, inverter=inverter)
    with pytest.raises(MediaError, match="this is what is read"):
        edit_video(model, video, video, edits, QUICK, inverter=inverter)
    with pytest.raises(ConfigError, match="mask: got 5 x 50"):
        edit_video(model, video, tmp_path / "b.mp4", [Edit(direction="pca:0", region=torch.ones(50, 5))], QUICK, inverter=inverter)
    with pytest.raises(ConfigError, match="got 3 masks for 9 frames"):
        edit_video(model, video, tmp_path / "b.mp4", [Edit(direction="pca:0", region=torch.ones(3, 32, 32))], QUICK, inverter=inverter)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_warm_starts_come_nearer_than_the_same_steps_from_the_start(inverter: FrameInverter, video: Path) -> None:
    shown = ShownVideo.open(video)
    warm, cold = InversionLog(), 0.0
    settings = dataclasses.replace(QUICK, num_steps=30, warm_steps=3)
    for _, frame in inverted_frames(inverter, shown, settings, warm):
        cold += inverter(frame.small, dataclasses.replace(settings.inversion(True), num_steps=3), None).psnr
    assert warm.num_frames == FRAMES
    assert warm.psnr / FRAMES > cold / FRAMES + 0.5


@pytest.mark.slow
def test_a_change_of_shot_is_inverted_from_the_start(inverter: FrameInverter, tmp_path: Path) -> None:
    frames = torch.cat([torch.full((3, 32, 32, 3), 20), torch.full((3, 32, 32, 3), 230)]).to(torch.uint8)
    with VideoWriter(tmp_path / "a.mp4", fps=Fraction(25), width=32, height=32) as writer:
        writer.write(frames)
    asked = []

    @dataclasses.dataclass(frozen=True)
    class Noted(FrameInverter):
        def __call__(self, image: torch.Tensor, settings: Any, before: Any, progress: Any = None) -> Any:
            asked.append(before is None)
            return super().__call__(image, settings, before)

    list(inverted_frames(Noted(inverter.generator, inverter.ground), ShownVideo.open(tmp_path / "a.mp4"), QUICK, InversionLog()))
    assert asked == [True, False, False, True, False, False]

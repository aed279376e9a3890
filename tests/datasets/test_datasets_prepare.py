"""Folders of real clips into shards: what is in them, what is left out, and the same bytes however often it was stopped."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from dataset_samples import RATE, SMALL, brightening, fingerprint, levels, make_clip, make_sound, make_video, tone
from PIL import Image

from sgvg_core.datasets import ClipData, PrepareOptions, prepare
from sgvg_core.datasets.prepare import in_shards
from sgvg_core.datasets.sources import find_originals
from sgvg_core.datasets.split import split_by_source
from sgvg_core.errors import Cancelled, DataError
from sgvg_core.media import write_wav

WORLD = {**SMALL, "num_clips": 36}


def report_of(data: ClipData) -> dict[str, str]:
    """Why each file was left out."""
    report = json.loads((data.folder / "report.json").read_text())
    return {entry["origin"]: entry["reason"] for entry in report["left_out"]}


def test_a_long_video_becomes_clips_in_step(tmp_path: Path) -> None:
    sound = torch.zeros(1, round(2.6 * RATE))
    sound[:, round(1.2 * RATE):round(1.4 * RATE)] = tone(0.2)
    make_video(tmp_path / "in" / "long.mp4", brightening(26), waveform=sound + 0.001 * tone(2.6, 1000))
    data = prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL))
    clips = data.clips()
    assert [(clip.start_seconds, clip.num_frames) for clip in clips] == [(0, 5), (1, 5), (2, 3)]
    assert {clip.source for clip in clips} == {"long"}
    assert len({clip.split for clip in clips}) == 1
    np.testing.assert_allclose(levels(data.frames(clips[0])), 20 + 16 * np.arange(5), atol=3)
    np.testing.assert_allclose(levels(data.frames(clips[1], 2, 3)), 20 + 16 * np.arange(7, 10), atol=3)
    waveform, rate = data.waveform(clips[1])
    assert (rate, len(waveform)) == (RATE, RATE)
    heard = (waveform.abs() > 0.1).nonzero()[:, 0] / RATE
    assert float(heard.min()) == pytest.approx(0.2, abs=0.01)
    assert float(heard.max()) == pytest.approx(0.4, abs=0.01)
    assert clips[2].seconds == pytest.approx(0.6, abs=0.01)


def test_the_middle_square_or_all_of_the_image(tmp_path: Path) -> None:
    frames = torch.zeros(10, 32, 96, 3, dtype=torch.uint8)
    frames[:, :, 32:64] = 255  # the middle square is white
    make_video(tmp_path / "in" / "wide.mp4", frames, waveform=tone(1))
    crop = prepare(tmp_path / "in", tmp_path / "crop", PrepareOptions(**SMALL))
    assert float(crop.frames(crop.clips()[0], 0, 1)[..., 4:-4].min()) > 0.9
    pad = prepare(tmp_path / "in", tmp_path / "pad", PrepareOptions(**SMALL, fit="pad"))
    image = pad.frames(pad.clips()[0], 0, 1)[0].mean(0)
    assert float(image[:9].max()) < -0.9
    assert float(image[14:18, 14:18].min()) > 0.8
    assert float(image[14:18, :8].max()) < -0.8


def test_a_turned_video_stands_upright(tmp_path: Path) -> None:
    frames = torch.zeros(10, 32, 32, 3, dtype=torch.uint8)
    frames[:, :, 16:] = 255  # the right half is white
    path = make_video(tmp_path / "in" / "phone.mp4", frames, waveform=tone(1))
    stored = bytearray(path.read_bytes())
    place = stored.index(b"tkhd") + 4 + 40  # behind times, numbers and volume stands the matrix: a quarter turn clockwise
    turn = (0, 1 << 16, 0, -1 << 16, 0, 0, 32 << 16, 0, 1 << 30)
    stored[place:place + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in turn)
    path.write_bytes(stored)
    data = prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL))
    image = data.frames(data.clips()[0], 0, 1)[0].mean(0)
    assert float(image[:12].max()) < -0.8
    assert float(image[20:].min()) > 0.8


def test_broken_clips_are_listed_with_their_reason_and_never_replaced(tmp_path: Path) -> None:
    root = tmp_path / "in"
    good = make_clip(root / "good.mp4").read_bytes()
    make_video(root / "mute.mp4", brightening(10))
    make_video(root / "silent.mp4", brightening(10), waveform=torch.zeros(1, RATE))
    make_video(root / "short.mp4", brightening(3), waveform=tone(0.3))
    (root / "empty.mp4").write_bytes(b"")
    (root / "half.mp4").write_bytes(good[:len(good) * 2 // 3])
    (root / "text.mp4").write_text("no video at all")
    data = prepare(root, tmp_path / "out", PrepareOptions(**SMALL))
    assert [clip.origin for clip in data.clips()] == ["good.mp4"]
    reasons = report_of(data)
    wanted = {"mute.mp4": "there is no sound in this file", "silent.mp4": "silent: no sample", "short.mp4": "too short: 0.3",
              "empty.mp4": "the file is empty", "half.mp4": "truncated", "text.mp4": "can't be opened as sound or video"}
    assert set(reasons) == set(wanted)
    for name, words in wanted.items():
        assert words in reasons[name]
        assert str(tmp_path) not in reasons[name]


def test_a_sound_longer_than_its_image_is_said_in_one_line(tmp_path: Path) -> None:
    make_video(tmp_path / "in" / "a.mp4", brightening(12), waveform=tone(4.0))
    data = prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL))
    assert [clip.seconds for clip in data.clips()] == [1.0]
    left_out = json.loads((tmp_path / "out" / "report.json").read_text())["left_out"]
    assert [(entry["start_seconds"], entry["reason"].split(":")[0]) for entry in left_out] == [
        (1.0, "the rest is too short"), (2.0, "the sound goes on without picture")]
    assert left_out[1]["seconds"] == pytest.approx(2.0, abs=0.05)


def test_a_folder_without_one_good_clip_is_an_error_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(b"")
    with pytest.raises(DataError, match=r"not one clip could be made of 1 files; the first reason: a.mp4: the file is empty"):
        prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL))


def test_sounds_alone_have_no_frames(tmp_path: Path) -> None:
    for label, hertz in (("low", 200), ("high", 2000)):
        for take in range(3):
            make_sound(tmp_path / "in" / label / f"{label}{take}.wav", 1.2, hertz + take)
    data = prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL))
    assert data.labels == ("high", "low")
    assert (data.size, data.fps) == (None, None)
    assert [len([clip for clip in data.clips(split) if clip.label == "low"]) for split in ("train", "test")] == [2, 1]
    clip = next(clip for clip in data.clips() if clip.origin == "low/low1.wav")
    expected = tone(1.0, 201)[0]
    assert float((data.waveform(clip)[0] - expected).abs().max()) < 2 / 32_768
    assert clip.rms_db == pytest.approx(20 * np.log10(0.5 / 2**0.5), abs=0.05)
    with pytest.raises(DataError, match="sounds alone"):
        data.frames(clip, 0, 1)


def test_chunks_are_put_together_to_the_sample(tmp_path: Path) -> None:
    """The layout of Sub-URMP: a picture and half a second of sound every tenth of a second; a gap begins another stretch."""
    whole = 0.5 * torch.rand(1, 3 * RATE, generator=torch.Generator().manual_seed(0)) - 0.25
    for start in [*range(0, 1600, 100), *range(2000, 2500, 100)]:
        begin = start * RATE // 1000
        for kind in ("chunk", "img"):
            (tmp_path / "in" / kind / "train" / "double_bass").mkdir(parents=True, exist_ok=True)
        write_wav(tmp_path / f"in/chunk/train/double_bass/double_bass01_{start}.wav", whole[:, begin:begin + RATE // 2], RATE)
        Image.new("RGB", (40, 30), (start // 10,) * 3).save(tmp_path / f"in/img/train/double_bass/double_bass01_{start}.jpg", quality=100)
    data = prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**{**SMALL, "fps": "10"}))
    clips = data.clips()
    assert [(clip.label, clip.source, clip.start_seconds, clip.num_frames) for clip in clips] == [
        ("double bass", "double_bass01", 0, 10), ("double bass", "double_bass01", 1, 6), ("double bass", "double_bass01", 2, 5)]
    for clip in clips:
        begin = round(clip.start_seconds * RATE)
        np.testing.assert_allclose(data.waveform(clip)[0], whole[0, begin:begin + clip.num_samples], atol=2 / 32_768)
    np.testing.assert_allclose(levels(data.frames(clips[1])), 100 + 10 * np.arange(6), atol=2)


def test_the_shards_are_plain_tars(tmp_path: Path) -> None:
    make_clip(tmp_path / "in" / "a.mp4")
    data = prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL))
    clip = data.clips()[0]
    with tarfile.open(tmp_path / "out" / "shards" / clip.shard) as shard:
        members = {member.name: member for member in shard}
        assert list(members) == [f"{clip.key}.json", f"{clip.key}.flac", f"{clip.key}.frames.mjpeg"]
        assert (members[f"{clip.key}.flac"].offset_data, members[f"{clip.key}.flac"].size) == (clip.flac.offset, clip.flac.num_bytes)
        assert all((member.mtime, member.uid) == (0, 0) for member in members.values())


# -------------------------------------------------- sides


@pytest.mark.slow
def test_no_recording_is_on_both_sides_and_labels_are_balanced(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for label in ("fire", "rain"):
        for title in range(5):
            for cut in range(2):
                make_sound(root / label / f"{label}film{title}x_{cut}.wav", 0.6, 100 + 200 * title + 10 * cut + (5 if label == "rain" else 0))
    data = prepare(root, tmp_path / "out", PrepareOptions(**SMALL, test_share=0.2))
    train, test = ({clip.source for clip in data.clips(split)} for split in ("train", "test"))
    assert not train & test
    for label in ("fire", "rain"):
        assert len([clip for clip in data.clips("test") if clip.label == label]) == 2
    assert any(split_by_source(data.clips(), {}, 0.2, seed) != {clip.source: clip.split for clip in data.clips()} for seed in (1, 2))


def test_given_sides_are_kept_and_a_recording_on_both_leaves_the_training(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for name, hertz in {"train/a/Storm_1": 100, "train/a/Brook_1": 200, "test/a/Storm_2": 300, "train/a/Lake_1": 400}.items():
        make_sound(root / f"{name}.wav", hertz=hertz)
    make_sound(root / "test/a/Copy_1.wav", hertz=400)  # the bytes of Lake_1 under another name
    data = prepare(root, tmp_path / "out", PrepareOptions(**SMALL))
    assert {clip.origin: clip.split for clip in data.clips()} == {
        "train/a/Brook_1.wav": "train", "test/a/Storm_2.wav": "test", "test/a/Copy_1.wav": "test"}
    assert "recording 'Storm' is also in the test set" in report_of(data)["train/a/Storm_1.wav"]
    assert "train/a/Lake_1.wav" in report_of(data)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["same_file_twice"] == [["test/a/Copy_1.wav", "train/a/Lake_1.wav"]]


def test_the_draw_depends_on_names_and_seed_alone(tmp_path: Path) -> None:
    for take in range(12):
        make_sound(tmp_path / "in" / "a" / f"take{take}_0.wav", 0.6, 100 + take)
    clips = prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL)).clips()
    sides = split_by_source(clips, {}, 0.25, 0)
    assert split_by_source(clips[::-1], {}, 0.25, 0) == sides
    assert sum(side == "test" for side in sides.values()) == 3
    assert set(split_by_source(clips, {}, 0.0, 0).values()) == {"train"}
    assert set(split_by_source(clips[:1], {}, 0.9, 0).values()) == {"train"}


def test_shards_do_not_depend_on_workers_and_mix_labels() -> None:
    originals = find_originals("world:", PrepareOptions(num_clips=900)).originals
    shards = in_shards(originals)
    assert sorted(original.index for shard in shards for original in shard) == list(range(900))
    assert 32 <= len(shards) <= 40
    assert min(len({original.label for original in shard}) for shard in shards[:-1]) >= 5
    assert in_shards(originals[::-1]) == shards


# -------------------------------------------------- stopped and started again


def start(folder: Path, pack_root: Path, workers: int) -> "subprocess.Popen[str]":
    """The command in a process of its own, which hears SIGINT even where the tests run in the background and don't."""
    words = [sys.executable, "-m", "sgvg_core", "data", "prepare", "world:", "-o", str(folder), "--workers", str(workers)]
    words += ["--clips", "36", "--size", "32", "--fps", "5", "--sample-rate", str(RATE), "--seconds", "1", "--shortest", "0.5"]
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(words, cwd=pack_root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for_shards(folder: Path, count: int, process: "subprocess.Popen[str]") -> int:
    """Wait until so many shards are finished; how many they are."""
    for _ in range(200_000):
        done = len(list((folder / ".preparing").glob("0*.json")))
        if done >= count or process.poll() is not None:
            return done
        time.sleep(0.002)
    raise AssertionError("nothing happens")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_stopped_killed_and_ended_it_has_the_bytes_of_one_run(tmp_path: Path, pack_root: Path) -> None:
    folder = tmp_path / "stopped"
    with start(folder, pack_root, workers=2) as process:
        wait_for_shards(folder, 3, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=900)
    assert process.returncode == 130
    assert "cancelled; nothing half-written is left" in errors
    assert "Traceback" not in errors
    assert not [path for path in folder.rglob("*") if ".part" in path.name]
    assert not (folder / "data.json").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in (folder / "shards").glob("*.tar")}
    assert 3 <= len(kept) < 36
    with pytest.raises(DataError, match="its preparation isn't finished"):
        ClipData.open(folder)
    with start(folder, pack_root, workers=1) as process:
        wait_for_shards(folder, len(kept) + 3, process)
        process.kill()
    data = prepare("world:", folder, PrepareOptions(**WORLD))
    assert len(data.clips()) == 36
    assert {name: (folder / "shards" / name).stat().st_mtime_ns for name in kept} == kept  # finished shards weren't made again
    prepare("world:", tmp_path / "whole", PrepareOptions(**WORLD))
    assert fingerprint(folder) == fingerprint(tmp_path / "whole")


def test_cancelled_by_its_progress_it_leaves_nothing_half_written(tmp_path: Path) -> None:
    def progress(done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        if done > 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        prepare("world:", tmp_path, PrepareOptions(**WORLD), progress=progress)
    assert not [path for path in tmp_path.rglob("*") if ".part" in path.name]
    assert 2 <= len(list((tmp_path / "shards").glob("*.tar"))) < 36


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_is_one_error_and_the_run_goes_on_later(tmp_path: Path) -> None:
    import resource

    make_clip(tmp_path / "in" / "a.mp4", seconds=0.6)
    make_clip(tmp_path / "in" / "b.mp4", seconds=4.0)  # too much for the limit
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(DataError, match=r"\d{5}.tar: can't be written \(File too large\); free some space.*finished shards are kept"):
            prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [path for path in (tmp_path / "out").rglob("*") if ".part" in path.name]
    assert len(prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL)).clips()) == 5


def test_other_options_or_files_are_refused_by_name(tmp_path: Path) -> None:
    root, folder = tmp_path / "in", tmp_path / "out"
    make_sound(root / "a.wav")
    prepare(root, folder, PrepareOptions(**SMALL))
    before = fingerprint(folder)
    prepare(root, folder, PrepareOptions(**SMALL))  # the same again: nothing to do
    with pytest.raises(DataError, match=r"it was made with --sample-rate 8000 \(now 4000\), --test-share 0.1 \(now 0.2\); use the same again"):
        prepare(root, folder, PrepareOptions(**{**SMALL, "sample_rate": 4000, "test_share": 0.2}))
    make_sound(root / "b.wav")
    with pytest.raises(DataError, match="other files"):
        prepare(root, folder, PrepareOptions(**SMALL))
    assert fingerprint(folder) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("x")
    with pytest.raises(DataError, match="the folder holds other files"):
        prepare(root, tmp_path / "mine", PrepareOptions(**SMALL))


@pytest.mark.skipif(sys.platform == "win32", reason="locks differ")
def test_two_at_once_in_one_folder_are_refused(tmp_path: Path) -> None:
    from sgvg_core.datasets.folder_lock import locked

    make_sound(tmp_path / "in" / "a.wav")
    (tmp_path / "out" / ".preparing").mkdir(parents=True)
    with locked(tmp_path / "out" / ".preparing" / "lock", tmp_path / "out"), pytest.raises(DataError, match="another process is preparing"):
        prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL))
    assert prepare(tmp_path / "in", tmp_path / "out", PrepareOptions(**SMALL)).clips()

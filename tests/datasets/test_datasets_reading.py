"""The reader: any clip, any stretch, from any process, and nothing in the folder trusted."""

import hashlib
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from dataset_samples import RATE, SMALL
from PIL import Image

from sgvg_core.datasets import ClipData, PrepareOptions, inspect_data, prepare, verify_data
from sgvg_core.datasets.clip_info import from_line
from sgvg_core.datasets.coding import flac_bytes, flac_samples, jpeg_bytes, jpeg_pixels
from sgvg_core.errors import ConfigError, DataError
from sgvg_core.world import make_envelope


def test_any_stretch_is_the_same_as_the_whole(small_data: ClipData) -> None:
    clip = small_data.clips("train")[0]
    whole = small_data.frames(clip)
    assert whole.shape == (5, 3, 32, 32)
    assert whole.dtype == torch.float32
    assert float(whole.min()) >= -1
    assert float(whole.max()) <= 1
    assert torch.equal(small_data.frames(clip, 2, 2), whole[2:4])
    assert torch.equal(small_data.frames(clip, 4, 1), whole[4:])
    assert small_data.frames(clip, 1, 3, size=16).shape == (3, 3, 16, 16)
    assert float((small_data.frames(clip, size=16).mean() - whole.mean()).abs()) < 0.01


def test_opened_again_it_is_the_same(small_data: ClipData) -> None:
    again = ClipData.open(small_data.folder)
    assert (again.hash, again.labels, again.clips()) == (small_data.hash, ("high tone", "low tone"), small_data.clips())
    assert again.hash == hashlib.sha256((small_data.folder / "manifest.jsonl").read_bytes()).hexdigest()
    assert (again.size, again.fps, again.sample_rate) == (32, 5, RATE)
    assert sorted(again.clips("train") + again.clips("test"), key=lambda clip: clip.key) == again.clips()


def test_it_travels_to_other_processes(small_data: ClipData) -> None:
    travelled = pickle.loads(pickle.dumps(small_data))  # noqa: S301
    clip = travelled.clips()[0]
    assert torch.equal(travelled.frames(clip), small_data.frames(clip))
    assert torch.equal(travelled.waveform(clip)[0], small_data.waveform(clip)[0])


def test_the_world_brings_its_envelope_along(tmp_path: Path) -> None:
    data = prepare("world:", tmp_path, PrepareOptions(**{**SMALL, "num_clips": 2}))
    clip = data.clips()[1]
    world = data.details(clip)["world"]
    assert (clip.label, world["kind"]) == ("waterfall burbling", "waterfall burbling")
    assert world["envelope"] == pytest.approx(make_envelope(world["kind"], world["seed"], 1.0, 5).tolist(), abs=1e-5)
    assert len(world["phase"]) == clip.num_frames == 5


def test_what_is_asked_wrongly_is_said(small_data: ClipData, tmp_path: Path) -> None:
    clip = small_data.clips()[0]
    for first, count in ((0, 6), (5, 1), (-1, 2), (0, 0)):
        with pytest.raises(DataError, match="expected some of 0 to 4"):
            small_data.frames(clip, first, count)
    with pytest.raises(ConfigError, match="split: got 'validation', expected train, test"):
        small_data.clips("validation")
    with pytest.raises(DataError, match=r"this is no prepared data set \(data.json is missing\); make one with"):
        ClipData.open(tmp_path)


# -------------------------------------------------- damaged and hostile folders


def sealed(folder: Path, manifest: bytes) -> Path:
    """The folder with another manifest, and the hash that fits it."""
    (folder / "manifest.jsonl").write_bytes(manifest)
    about = json.loads((folder / "data.json").read_text())
    about["manifest_sha256"] = hashlib.sha256(manifest).hexdigest()
    (folder / "data.json").write_text(json.dumps(about))
    return folder


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The folder with its manifest's first line changed."""
    lines = (folder / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    entry = json.loads(lines[0])
    change(entry)
    return sealed(folder, json.dumps(entry).encode() + b"\n" + b"".join(lines[1:]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shard": "../../../etc/passwd"}, "values that can't be true"),
        ({"shard": "00000.tar/../../x"}, "values that can't be true"),
        ({"key": "../x"}, "values that can't be true"),
        ({"num_frames": 10**9}, "values that can't be true"),
        ({"num_samples": -1}, "values that can't be true"),
        ({"seconds": float("nan")}, "values that can't be true"),
        ({"width": 10**6}, "values that can't be true"),
        ({"split": "both"}, "values that can't be true"),
        ({"frames": None}, "values that can't be true"),
        ({"flac": {"offset": -5, "num_bytes": 3}}, "expected one behind its tar header"),
        ({"flac": {"offset": 512, "num_bytes": 2**40}}, "expected one behind its tar header"),
        ({"label": 3}, "label: got 3, expected str"),
        ({"extra": 1}, "unknown setting 'extra'"),
        ({"frame_rate": "0/0"}, "fps: got '0/0'"),
    ],
)
def test_a_manifest_is_read_as_hostile(own_copy: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises((DataError, ConfigError), match=said):
        ClipData.open(changed(own_copy, lambda entry: entry.update(change)))


@pytest.mark.parametrize(
    ("manifest", "said"),
    [(b"{", "cut off"), (b"{\n", "this is no JSON"), (b"[" * 60_000 + b"\n", "this is no JSON|got list"), (b"[]\n", "got list"),
     (b" " * 100_000 + b"\n", "longer than 65536 bytes")],
)
def test_a_manifest_that_is_none_is_said(own_copy: Path, manifest: bytes, said: str) -> None:
    with pytest.raises((DataError, ConfigError), match=said):
        ClipData.open(sealed(own_copy, manifest))


def test_a_manifest_that_was_changed_is_noticed(own_copy: Path) -> None:
    path = own_copy / "manifest.jsonl"
    path.write_bytes(path.read_bytes().replace(b"high tone", b"low  tone", 1))
    with pytest.raises(DataError, match=r"its hash isn't the one in data\.json"):
        ClipData.open(own_copy)


def test_a_shard_that_was_cut_off_swapped_or_lost_is_noticed(own_copy: Path) -> None:
    data = ClipData.open(own_copy)
    first, second = (next(clip for clip in data.clips() if clip.shard == f"0000{number}.tar") for number in (0, 1))
    shard = own_copy / "shards" / first.shard
    whole = shard.read_bytes()
    shard.write_bytes(whole[:first.flac.offset + 10])
    with pytest.raises(DataError, match="its flac isn't where the manifest says"):
        data.waveform(first)
    shard.write_bytes((own_copy / "shards" / second.shard).read_bytes())
    with pytest.raises(DataError, match=r"0000\d.tar, clip .*isn't where the manifest says"):
        data.frames(first)
    shard.unlink()
    with pytest.raises(DataError, match="can't be read"):
        data.waveform(first)


def test_one_bit_is_found_by_verifying(own_copy: Path) -> None:
    data = ClipData.open(own_copy)
    assert verify_data(data) == 4
    clip = data.clips()[2]
    shard = own_copy / "shards" / clip.shard
    stored = bytearray(shard.read_bytes())
    stored[clip.flac.offset + clip.flac.num_bytes // 2] ^= 1
    shard.write_bytes(stored)
    with pytest.raises(DataError, match=f"clip {clip.key} .* its hash differs"):
        verify_data(data)


def test_frame_sizes_that_do_not_add_up_are_refused(own_copy: Path) -> None:
    data = ClipData.open(own_copy)
    clip = data.clips()[0]
    shard = own_copy / "shards" / clip.shard
    stored = shard.read_bytes()
    told = stored[clip.json.offset:clip.json.offset + clip.json.num_bytes]
    sizes = json.dumps(json.loads(told)["frame_bytes"], separators=(",", ":")).encode()
    for wrong in (sizes.replace(b"[", b"[9", 1)[:-2] + b"]", b"[" + b"-" + sizes[2:], b'"' + sizes[1:-1] + b'"'):
        shard.write_bytes(stored.replace(sizes, wrong, 1))
        with pytest.raises(DataError, match=r"the sizes of its frames don't add up|its JSON can't be read"):
            data.frames(clip)


@pytest.mark.parametrize("side", [33, 9_000, 65_000])
def test_a_frame_of_another_size_is_never_decoded(side: int) -> None:
    stored = bytearray(jpeg_bytes(torch.zeros(32, 32, 3, dtype=torch.uint8).numpy(), 95))
    place = stored.index(b"\xff\xc0") + 5  # the frame header: marker, length, precision, then height and width
    stored[place:place + 4] = side.to_bytes(2, "big") * 2
    with pytest.raises(DataError, match=f"got a frame of {side} x {side}, expected 32 x 32|exceeds limit"):
        jpeg_pixels(bytes(stored), 32, 32, None, "here")


def test_a_frame_of_another_kind_is_refused() -> None:
    png = io.BytesIO()
    Image.new("RGB", (32, 32)).save(png, "PNG")
    with pytest.raises(DataError, match="a frame can't be decoded"):
        jpeg_pixels(png.getvalue(), 32, 32, None, "here")


def test_a_sound_is_what_the_manifest_says_or_an_error() -> None:
    waveform = (0.9 * torch.rand(10_000, generator=torch.Generator().manual_seed(1)) - 0.45).numpy()
    stored = flac_bytes(waveform, RATE)
    assert stored == flac_bytes(waveform, RATE)
    assert float((flac_samples(stored, RATE, 10_000, "here") - torch.from_numpy(waveform)).abs().max()) <= 0.5001 / 32_768
    for data, rate, num_samples in ((stored, RATE, 9_999), (stored, RATE, 10_001), (stored[:4000], RATE, 10_000), (b"RIFF" + stored, RATE, 10_000)):
        with pytest.raises(DataError, match="here: "):
            flac_samples(data, rate, num_samples, "here")


def test_loud_samples_are_held_at_the_ends() -> None:
    loud = torch.tensor([1.5, -1.5, 1.0, -1.0] * 100).numpy()
    assert float(flac_samples(flac_bytes(loud, RATE), RATE, 400, "here").abs().max()) <= 1


def test_jpegs_keep_their_colours() -> None:
    pixels = torch.randint(0, 256, (4, 4, 3), generator=torch.Generator().manual_seed(0)).repeat_interleave(8, 0).repeat_interleave(8, 1)
    kept = jpeg_pixels(jpeg_bytes(pixels.to(torch.uint8).numpy(), 95), 32, 32, None, "here")
    assert float((torch.from_numpy(kept.copy()).float() - pixels).abs().mean()) < 3


def test_a_line_of_the_manifest_comes_back(small_data: ClipData) -> None:
    line = (small_data.folder / "manifest.jsonl").read_text().splitlines()[1]
    assert from_line(line, "here") == small_data.clips()[1]


# -------------------------------------------------- numbers


def test_the_numbers_of_a_data_set(small_data: ClipData) -> None:
    found = inspect_data(small_data)
    assert found["clips"] == 4
    assert found["labels"]["low tone"]["train"] == {"clips": 1, "recordings": 1, "seconds": 1.0}
    assert found["all"]["test"]["clips"] == 2
    assert found["all"]["seconds"] == {"least": 1.0, "median": 1.0, "most": 1.0}
    assert found["all"]["rms_db"]["median"] == pytest.approx(-9.03, abs=0.3)
    assert found["left_out"] == {"number": 0, "reasons": {}}
    json.dumps(found, allow_nan=False)

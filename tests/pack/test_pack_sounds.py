"""Sounds as wires carry them: lazy ones of this pack, and those of other packs in every form."""

import copy
import dataclasses
import pickle
import shutil
import sys
from typing import Any

import av
import numpy as np
import pytest
import torch
from node_pack import Pack, tone


@pytest.mark.slow
def test_a_sound_is_decoded_when_asked_and_keeps_its_file_until_changed(pack: Pack) -> None:
    adapters = pack.part("nodes.adapters")
    audio = pack.run("LoadSound", audio="swell.wav", start_seconds=0.25, length_seconds=0.5)[0]
    assert set(audio) == {"waveform", "sample_rate"}
    assert dict.__getitem__(audio, "waveform") is None, "nothing is decoded yet"
    sound = adapters.to_sound(audio, "audio")
    assert sound.path is not None
    assert (sound.path.name, sound.start, sound.seconds) == ("swell.wav", 0.25, 0.5)
    for copied in (dict(audio), {**audio}, audio.copy(), dict(audio.items())):
        assert copied["waveform"].shape == (1, 2, 11_025)
        assert adapters.to_sound({**copied, "waveform": copied["waveform"] * 0}, "audio").path is None
    assert audio.get("waveform") is audio["waveform"]
    assert audio.get("nothing", 5) == 5
    assert [value.shape for value in audio.values() if isinstance(value, torch.Tensor)] == [(1, 2, 11_025)]
    audio["waveform"] = audio["waveform"] * 2
    assert adapters.to_sound(audio, "audio").path is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (None, "audio: got no sound"),
        ("x.wav", "audio: got str; connect an AUDIO output"),
        ({"waveform": torch.zeros(1, 2, 0), "sample_rate": 8000}, "audio: .*shape"),
        ({"waveform": torch.full((1, 1, 9), float("nan")), "sample_rate": 8000}, "audio: .*NaN"),
    ],
)
def test_bad_sounds_are_named(pack: Pack, audio: Any, message: str) -> None:
    with pytest.raises(Exception, match=message):
        pack.part("nodes.adapters").to_sound(audio, "audio")


class Wrapped(dict):
    """A dictionary of another pack."""


@pytest.mark.parametrize(
    "give",
    [
        pytest.param(lambda x: {"waveform": x[None], "sample_rate": 8000}, id="ComfyUI"),
        pytest.param(lambda x: Wrapped(waveform=x, sample_rate=8000.0), id="no batch, rate a float"),
        pytest.param(lambda x: [{"waveform": x[None], "sample_rate": 8000}], id="a list of one"),
        pytest.param(lambda x: ({"waveform": x[None], "sample_rate": torch.tensor([8000])},), id="a tuple, rate a tensor"),
        pytest.param(lambda x: (x, 8000), id="samples and rate"),
        pytest.param(lambda x: (8000, x.T.numpy()), id="rate and samples, channels last"),
        pytest.param(lambda x: {"waveform": x[None], "sample_rate": [8000]}, id="rate in a list"),
        pytest.param(lambda x: {"waveform": x[None], "sample_rate": "8000"}, id="rate a text"),
        pytest.param(lambda x: {"waveform": x[None].numpy(), "sample_rate": np.int64(8000)}, id="numpy"),
        pytest.param(lambda x: {"waveform": x.tolist(), "sample_rate": 8000}, id="lists of numbers"),
        pytest.param(lambda x: {"waveform": [x], "sample_rate": [8000]}, id="a list of tensors"),
        pytest.param(lambda x: {"waveform": x.T[None], "sample_rate": 8000}, id="channels last"),
        pytest.param(lambda x: {"waveform": x[None, None], "sample_rate": 8000}, id="a dimension too many"),
        pytest.param(lambda x: {"waveform": x[None].double(), "sample_rate": 8000}, id="float64"),
        pytest.param(lambda x: {"waveform": (x[None] * 32_767), "sample_rate": 8000}, id="the scale of 16 bits"),
        pytest.param(lambda x: {"waveform": (x[None] * 32_767).round().short(), "sample_rate": 8000}, id="int16"),
        pytest.param(lambda x: {"waveform": (x[None] * 32_767).round().long(), "sample_rate": 8000}, id="16 bits in int64"),
        pytest.param(lambda x: {"waveform": (x[None] * (2**31 - 128)).int(), "sample_rate": 8000}, id="int32"),
        pytest.param(lambda x: {"waveform": (x[None] * (2**23 - 1)).round(), "sample_rate": 8000}, id="the scale of 24 bits"),
        pytest.param(lambda x: {"waveform": (x[None] * 32_767 / 200).round(), "sample_rate": 8000}, id="16 bits, quiet"),
    ],
)
def test_sounds_of_other_packs_are_taken_as_they_are_meant(pack: Pack, give: Any, request: pytest.FixtureRequest) -> None:
    x = tone()
    audio = give(x)
    sound = pack.part("nodes.adapters").to_sound(audio, "audio")
    assert sound.sample_rate == 8000
    wanted = x / 200 if "quiet" in request.node.name else x
    torch.testing.assert_close(sound.waveform, wanted, atol=2e-5, rtol=1e-4)
    assert [len(pack.run("LabelSound", audio=audio, label="rain")[0])] == [1]


def test_unsigned_bytes_rest_in_their_middle(pack: Pack) -> None:
    x = tone(1)
    audio = {"waveform": ((x[None] * 127).round() + 128).to(torch.uint8), "sample_rate": 8000}
    torch.testing.assert_close(pack.part("nodes.adapters").to_sound(audio, "audio").waveform, x, atol=0.01, rtol=0)


@pytest.mark.parametrize("channels", range(1, 9))
def test_sounds_of_one_to_eight_channels_keep_them(pack: Pack, channels: int) -> None:
    x = tone(channels)
    for waveform in (x[None], x.T[None], x.T.contiguous().numpy()):
        assert torch.equal(pack.part("nodes.adapters").to_sound({"waveform": waveform, "sample_rate": 8000}, "audio").waveform, x)


def test_batches_of_other_packs_are_heard_item_by_item(pack: Pack) -> None:
    take, short, long = pack.part("nodes.adapters").to_sound, tone(1, 500), tone(2, 900)
    ragged = {"waveform": [short, long], "sample_rate": [8000, 16_000]}
    dictionaries = [{"waveform": short, "sample_rate": 8000}, {"waveform": long[None], "sample_rate": 16_000}]
    for audio in (ragged, dictionaries):
        assert torch.equal(take(audio, "audio", 1).waveform, long)
        assert (take(audio, "audio", 0).sample_rate, take(audio, "audio", 1).sample_rate) == (8000, 16_000)
        assert len(pack.run("LabelSound", audio=audio, label="rain")[0]) == 2
        with pytest.raises(Exception, match="audio: asked for item 2 of a batch of 2"):
            take(audio, "audio", 2)
    loud = {"waveform": torch.stack([tone(1), 3 * tone(1)]), "sample_rate": 8000}
    assert take(loud, "audio", 1).waveform.max() > 1, "what is louder than full scale stays so"


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (7, "got int; connect an AUDIO output"),
        ([], "got list; connect an AUDIO output"),
        ({"samples": 1}, "its AUDIO has no waveform and no sample_rate, only samples"),
        ({"waveform": None, "sample_rate": 8000}, "its waveform is None"),
        ({"waveform": "x.wav", "sample_rate": 8000}, "its waveform is a str that isn't one block of numbers"),
        ({"waveform": [[1.0, 2.0], [3.0]], "sample_rate": 8000}, "its waveform is a list that isn't one block of numbers"),
        ({"waveform": torch.zeros(2, 2, 2, 9), "sample_rate": 8000}, r"got a waveform of shape \[2, 2, 2, 9\]"),
        ({"waveform": torch.zeros(1, 300, 300), "sample_rate": 8000}, r"got a waveform of shape \[1, 300, 300\], expected .* at most 64 channels"),
        ({"waveform": torch.zeros(1, 1, 9, dtype=torch.complex64), "sample_rate": 8000}, "got a waveform of torch.complex64"),
        ({"waveform": 40.5 * torch.rand(1, 1, 99) + 9, "sample_rate": 8000}, "its samples reach [0-9.]+, which is neither in -1..1 nor"),
        ({"waveform": torch.full((1, 1, 9), 1e12), "sample_rate": 8000}, r"its samples reach 1e\+12"),
        ({"waveform": torch.zeros(1, 1, 9), "sample_rate": None}, "its sample_rate is 'None'"),
        ({"waveform": torch.zeros(1, 1, 9), "sample_rate": [None]}, "its sample_rate is 'None'"),
        ({"waveform": torch.zeros(1, 1, 9), "sample_rate": 0}, "its sample_rate is '0'"),
        ({"waveform": torch.zeros(1, 1, 9), "sample_rate": float("nan")}, "its sample_rate is 'nan'"),
        ({"waveform": torch.zeros(1, 1, 9), "sample_rate": "CD"}, "its sample_rate is 'CD'"),
        ({"waveform": torch.zeros(1, 1, 9), "sample_rate": {}}, "its sample_rate is '{}'"),
        ({"waveform": torch.zeros(1, 1, 9), "sample_rate": 10**9}, "its sample_rate is '1000000000'"),
        ({"waveform": torch.zeros(2, 1, 9), "sample_rate": [8000, 9000, 10_000]}, "got the sample rates .* for 2 sounds"),
    ],
)
def test_what_isnt_plain_is_named_with_its_wire_and_value(pack: Pack, audio: Any, message: str) -> None:
    with pytest.raises(Exception, match=f"^mix: {message}") as caught:
        pack.part("nodes.adapters").to_sound(audio, "mix")
    assert type(caught.value).__name__ == "MediaError"


def test_a_sound_whose_file_is_gone_can_still_be_listed_and_copied(pack: Pack) -> None:
    path = pack.host.base / "input" / "gone.wav"
    shutil.copy(pack.host.base / "input" / "swell.wav", path)
    audio = pack.run("LoadSound", audio="gone.wav", start_seconds=0.0, length_seconds=0.0)[0]
    path.unlink()
    assert isinstance(audio, dict)
    assert (len(audio), list(audio), "waveform" in audio, bool(audio)) == (2, ["waveform", "sample_rate"], True, True)
    assert list(audio.values()) == [None, 22_050]
    assert dict(audio.items()) == {"waveform": None, "sample_rate": 22_050}
    assert "22050" in repr(audio)
    assert sys.getsizeof(audio) > 0
    for copied in (copy.copy(audio), copy.deepcopy(audio), pickle.loads(pickle.dumps(audio))):  # noqa: S301 - our own
        assert copied.source == audio.source
    with pytest.raises(Exception, match=r"gone\.wav"):
        audio["waveform"]


def test_a_changed_copy_of_a_lazy_sound_is_what_it_was_changed_to(pack: Pack) -> None:
    adapters = pack.part("nodes.adapters")
    audio = pack.run("LoadSound", audio="swell.wav", start_seconds=0.0, length_seconds=0.25)[0]
    silent = {"waveform": torch.zeros(1, 1, 9)}
    twin = copy.deepcopy(audio)
    twin.update(silent)
    for changed in (twin, audio | silent, {**audio, **silent}):
        assert adapters.to_sound(changed, "audio").waveform.shape == (1, 9)
    assert audio.pop("waveform").shape == (1, 2, 5512)
    assert list(audio) == ["sample_rate"]


def test_a_sound_without_a_declared_length_is_taken(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings of a browser don't say how long they are."""
    sound = pack.part("nodes.sound")
    probe = sound.probe_sound
    monkeypatch.setattr(sound, "probe_sound", lambda path, track: dataclasses.replace(probe(path), duration_seconds=0.0))
    loaded = pack.run("LoadSound", audio="swell.wav", start_seconds=0.0, length_seconds=0.0)
    assert loaded[0]["waveform"].shape == (1, 2, 22_050)
    assert loaded.ui["sgvg_text"] == ["2 channels at 22,050 Hz, pcm_s16le"]


def test_the_tracks_of_a_film_and_late_starts_of_estimates(pack: Pack) -> None:
    folder = pack.host.base / "input"
    with av.open(str(folder / "two.mka"), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=8000) for _ in range(2)]
        for stream in streams:
            stream.codec_context.layout = "mono"
        for number, stream in enumerate(streams):
            frame = av.AudioFrame.from_ndarray(np.full((1, 8000), 8000 * (number + 1), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8000, 0
            container.mux([*stream.encode(frame), *stream.encode(None)])
    with av.open(str(folder / "vbr.aac"), "w", format="adts") as container:
        stream = container.add_stream("aac", rate=8000)
        stream.codec_context.layout = "mono"
        noise = np.random.default_rng(0).standard_normal((1, 8 * 8000)).astype(np.float32)
        noise[:, 16_000:] *= 1e-4
        frame = av.AudioFrame.from_ndarray(0.3 * noise, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    for name in ("a.caf", "b.m4b", "c.mts", "d.w64", "e.amr", "f.m3u8", "g.pls", "h.cue"):
        (folder / name).write_bytes(b"x")
    try:
        choices = pack.part("nodes.host").sound_choices()
        assert {"a.caf", "b.m4b", "c.mts", "d.w64", "e.amr", "two.mka", "vbr.aac"} <= set(choices)
        assert not {"f.m3u8", "g.pls", "h.cue"} & set(choices)
        for track, level in ((0, 8000), (1, 8000), (2, 16_000)):
            loaded = pack.run("LoadSound", audio="two.mka", start_seconds=0.0, length_seconds=0.0, track=track)
            assert float(loaded[0]["waveform"].max()) == pytest.approx(level / 32_768, abs=1e-4)
            assert f"2 sound tracks, number {track or 1} is heard" in loaded.ui["sgvg_text"][0]
        loaded = pack.run("LoadSound", audio="vbr.aac", start_seconds=7.0, length_seconds=0.0)
        assert loaded.ui["sgvg_text"][0].startswith("about ")
        assert loaded[0]["waveform"].shape[2] / 8000 == pytest.approx(1.0, abs=0.3)
    finally:
        for path in folder.glob("?*.*"):
            if path.name not in ("swell.wav", "notes.txt"):
                path.unlink()

"""Nodes of curves and chaining, with a stand-in for ComfyUI: forms of curves in and out, checks, files."""

import io
import json
import shutil
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from node_pack import Pack

OUTPUTS = ("curves", "bass", "mid", "treble", "loudness", "onset", "beat", "frames", "tempo")


class Feature:
    """RyanOnTheInside's kind of curve."""

    frame_count = 3

    def get_value_at_frame(self, frame: int) -> float:
        return frame / 2


class Response:
    """The CURVE of newer ComfyUIs."""

    def interp_array(self, places: np.ndarray) -> np.ndarray:
        return places**2


def measured(pack: Pack, **changes: Any) -> dict[str, Any]:
    sound = pack.run("LoadSound", audio="swell.wav", start_seconds=changes.pop("start", 0.0), length_seconds=changes.pop("length", 0.0))[0]
    found = pack.run("SoundCurves", audio=sound, fps=12.0, **changes)
    return dict(zip(OUTPUTS, found.result, strict=True))


def tools(pack: Pack, curve: Any, **settings: Any) -> Any:
    return pack.run("CurveTools", curve=[curve], fps=[10.0], **{name: [value] for name, value in settings.items()})


@pytest.mark.slow
def test_a_sound_becomes_lists_of_numbers_a_frame(pack: Pack) -> None:
    found = measured(pack, names="chroma_c, 80-120hz")
    assert found["frames"] == 12
    for name in OUTPUTS[1:7]:
        assert type(found[name]) is list
        assert len(found[name]) == 12
        assert all(type(value) is float and 0 <= value <= 1 for value in found[name])
    assert np.polyfit(range(12), found["loudness"], 1)[0] > 0, "the sound swells"
    assert {"chroma_c", "80-120hz", "low_mid"} <= set(found["curves"].curves)
    assert measured(pack, num_frames=5)["frames"] == 5


@pytest.mark.slow
def test_a_cut_reads_the_whole_files_curves(pack: Pack) -> None:
    whole, cut = measured(pack)["loudness"], measured(pack, start=0.5, length=0.25)["loudness"]
    assert cut == pytest.approx(whole[6:9], abs=1e-5)


@pytest.mark.slow
def test_words_need_a_model_and_sum_to_one(pack: Pack) -> None:
    with pytest.raises(Exception, match="words: they need a model"):
        measured(pack, words="rain, fire")
    model = pack.run("LoadModel", model_name="tiny")[0]
    curves = measured(pack, words="rain, fire", model=model)["curves"].curves
    assert torch.allclose(curves["rain"].values + curves["fire"].values, torch.ones(12), atol=1e-5)
    with pytest.raises(Exception, match="names: curves: got 'bas'"):
        measured(pack, names="bas")


@pytest.mark.slow
@pytest.mark.parametrize(("given", "expected"), [
    ([0.0, 0.5, 1.0], [0, 0.5, 1]),
    ([[0.0, 0.5, 1.0]], [0, 0.5, 1]),
    ((0.0, 0.5, 1.0), [0, 0.5, 1]),
    (np.array([0.0, 0.5, 1.0]), [0, 0.5, 1]),
    (torch.tensor([0.0, 0.5, 1.0]), [0, 0.5, 1]),
    (Feature(), [0, 0.5, 1]),
    (0.25, [0.25]),
], ids=["list", "nested", "tuple", "array", "tensor", "feature", "number"])  # fmt: skip
def test_curves_of_other_packs_are_taken(pack: Pack, given: Any, expected: list[float]) -> None:
    values, floats, mask, curve = tools(pack, given).result
    assert values == floats == pytest.approx(expected)
    assert mask.shape == (len(expected), 16, 16)
    assert torch.allclose(mask.mean((1, 2)), torch.tensor(expected))
    assert curve.num_frames == len(expected)


def test_numbers_that_come_one_by_one_are_one_curve(pack: Pack) -> None:
    """ComfyUI hands the items of a list output over as one list to nodes that take lists."""
    found = pack.run("CurveTools", curve=[0.0, 0.5, 1.0], fps=[10.0], invert=[True])
    assert found[0] == [1, 0.5, 0]


def test_tools_work_in_their_order(pack: Pack) -> None:
    ramp = [index / 10 for index in range(11)]
    assert tools(pack, ramp, from_low=0.2, from_high=0.7, to_low=-1, to_high=1)[0] == pytest.approx(np.interp(ramp, [0.2, 0.7], [-1, 1]))
    assert tools(pack, ramp, response=Response())[0] == pytest.approx(np.square(ramp), abs=1e-4)
    assert tools(pack, ramp, delay=0.2)[0] == pytest.approx([0, 0, *ramp[:-2]])
    assert tools(pack, ramp, gate=0.5)[0] == pytest.approx([value if value >= 0.5 else 0 for value in ramp])
    mixed = pack.run("CurveTools", curve=[ramp], fps=[10.0], mix_with=[1.0], mix_share=[0.25])
    assert mixed[0] == pytest.approx([0.75 * value + 0.25 for value in ramp])
    assert tools(pack, ramp, wander=0.2, wander_seed=1)[0] != tools(pack, ramp, wander=0.2, wander_seed=2)[0]
    with pytest.raises(Exception, match="on_beats: this curve comes without beats"):
        tools(pack, ramp, on_beats=True)


def test_one_of_several_is_picked_by_name(pack: Pack) -> None:
    found = measured(pack)
    pick = pack.nodes["SGVG_PickCurve"].execute
    values, _, _, curve = pick(curves=found["curves"], name="bass").result
    assert values == found["bass"]
    assert tools(pack, curve)[0] == pytest.approx(found["bass"], abs=1e-6)
    with pytest.raises(Exception, match="name: got 'bas', but there are bass"):
        pick(curves=found["curves"], name="bas")
    with pytest.raises(Exception, match="expected one; choose it with Pick Curve"):
        tools(pack, found["curves"])
    with pytest.raises(Exception, match="connect the curves of Sound Curves"):
        pick(curves=[1.0], name="bass")


def test_a_plot_shows_all_of_them(pack: Pack) -> None:
    plot = pack.run("CurvePlot", curves=[measured(pack)["curves"]], second=[[0.0, 1.0]], fps=[12.0], width=[600], theme=["light"])[0]
    assert plot.shape[0] == 1
    assert plot.shape[2:] == (600, 3)
    assert plot[0, 0, 0].tolist() == [1, 1, 1]


def test_curves_are_saved_and_loaded(pack: Pack) -> None:
    found = measured(pack)
    name = pack.run("SaveCurves", curves=[found["curves"]], filename_prefix=["curves/a"], format=["JSON"])[0]
    assert name == "curves/a_00001_.json [output]"
    data = json.loads((pack.host.base / "output" / "curves" / "a_00001_.json").read_text())
    assert data["fps"] == "12"
    loaded = pack.run("LoadCurves", file=name)[0]
    assert loaded.curves["bass"].tolist() == pytest.approx(found["bass"], abs=1e-5)
    assert pack.run("LoadCurves", file=name, fps=24.0)[0].fps == 24
    assert pack.nodes["SGVG_LoadCurves"].validate_inputs("x.json") != True  # noqa: E712
    for kind in ("CSV", "MIDI controllers", "After Effects script", "After Effects text", "Blender"):
        assert (pack.host.base / "output" / pack.run("SaveCurves", curves=[[0.5, 1.0]], format=[kind])[0].removesuffix(" [output]")).is_file()


def conditioning(seed: int, tokens: int = 7, pooled: bool = True, **extras: Any) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    more = {"pooled_output": torch.randn(1, 6, generator=generator)} if pooled else {}
    return [[torch.randn(1, tokens, 8, generator=generator), {**more, **extras}]]


def one_hot(pack: Pack, rows: list[list[float]]) -> Any:
    curve, curve_set = pack.part("sgvg_core.curves.curve"), pack.part("sgvg_core.curves.curve_set")
    fps = Fraction(12)
    return curve_set.CurveSet(fps, {name: curve.Curve([float(value) for value in row], fps, name)
                                    for name, row in zip(("rain", "fire", "wind"), rows, strict=False)})


def test_conditionings_are_mixed_row_by_row(pack: Pack) -> None:
    curves, given = one_hot(pack, [[1, 0, 0.5], [0, 1, 0.5]]), [conditioning(index, guidance=3.5) for index in range(2)]
    made, count = pack.run("SoundToConditioning", curves=curves, labels="rain, fire", conditioning_1=given[0], conditioning_2=given[1]).result
    ((tokens, extras),) = made
    assert (count, tokens.shape, extras["pooled_output"].shape, extras["guidance"]) == (3, (3, 7, 8), (3, 6), 3.5)
    for row in range(2):
        assert torch.equal(tokens[row], given[row][0][0][0])
        assert torch.equal(extras["pooled_output"][row], given[row][0][1]["pooled_output"][0])
    assert torch.allclose(tokens[2], (tokens[0] + tokens[1]) / 2)
    swapped = pack.run("SoundToConditioning", curves=curves, labels="fire, rain", conditioning_1=given[0], conditioning_2=given[1])[0]
    assert torch.equal(swapped[0][0][0], given[1][0][0][0])


@pytest.mark.parametrize(("changes", "said"), [
    ({"labels": "rain"}, "labels: got 1 for 2 connected examples"),
    ({"labels": "rain, snow"}, "there's no curve 'snow' among rain, fire"),
    ({"conditioning_2": conditioning(1, tokens=9)}, r"conditioning 2: got shape \[1, 9, 8\], but conditioning 1 has \[1, 7, 8\]; nothing is padded"),
    ({"conditioning_2": conditioning(1, pooled=False)}, "conditioning_2: its pooled_output isn't that of conditioning_1"),
    ({"conditioning_2": conditioning(1, area=(1, 2))}, "conditioning_2: its area isn't that of conditioning_1"),
    ({"conditioning_2": conditioning(1) + conditioning(2)}, "conditioning_2: got 2 parts, expected one"),
    ({"conditioning_2": None, "conditioning_3": conditioning(1)}, "without a gap"),
    ({"sharpness": -1.0}, "sharpness: got -1"),
])  # fmt: skip
def test_conditionings_that_do_not_fit_are_refused(pack: Pack, changes: dict[str, Any], said: str) -> None:
    inputs = {"labels": "rain, fire", "conditioning_1": conditioning(0), "conditioning_2": conditioning(1), **changes}
    with pytest.raises(Exception, match=said):
        pack.run("SoundToConditioning", curves=one_hot(pack, [[1, 0], [0, 1]]), **inputs)


def test_a_schedule_drives_a_setting_and_names_prompts(pack: Pack) -> None:
    curves = one_hot(pack, [[1] * 6 + [0] * 6, [0] * 6 + [1] * 6])
    found = pack.run("SoundSchedule", curve=[[0.0, 1.0] * 6], low=[0.2], high=[0.7], fps=[12.0], curves=[curves], prompts=["rain: wet\nfire: hot"],
                     hold_seconds=[0.2])
    values, floats, mask, schedule, count = found.result
    assert values == floats == pytest.approx([0.2, 0.7] * 6)
    assert (mask.shape, count, schedule) == ((12, 16, 16), 12, '"0": "wet",\n"6": "hot"')
    assert pack.run("SoundSchedule", curves=[curves])[3] == ""
    with pytest.raises(Exception, match="connect a curve for a setting"):
        pack.run("SoundSchedule")
    with pytest.raises(Exception, match="prompts: they need curves"):
        pack.run("SoundSchedule", curve=[0.5], prompts=["rain: wet"])
    with pytest.raises(Exception, match="there's no curve 'snow'"):
        pack.run("SoundSchedule", curves=[curves], prompts=["snow: white"])


@pytest.mark.slow
def test_a_film_is_scored(pack: Pack, tmp_path: Path) -> None:
    from sgvg_core.media import SoundTrack, VideoWriter

    sound = torch.randn(1, 22_050, generator=torch.Generator().manual_seed(0)) * torch.linspace(0, 0.3, 22_050)
    with VideoWriter(tmp_path / "a.mp4", fps=Fraction(12), width=32, height=32, sound=SoundTrack.from_waveform(sound, 22_050)) as writer:
        writer.write(torch.randint(0, 255, (12, 32, 32, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8))
    file, saved = tmp_path / "a.mp4", []
    cut = SimpleNamespace(get_stream_source=lambda: str(file), get_active_trim_window=lambda: (0.2, 0.6),
                          save_to=lambda path: saved.append(Path(shutil.copy(file, path))))
    memory = SimpleNamespace(get_stream_source=lambda: io.BytesIO(file.read_bytes()))
    for video in (file, SimpleNamespace(get_stream_source=lambda: str(file)), cut, memory):
        lag, correlation = pack.run("SyncScore", video=video, max_lag=0.2).result
        assert abs(lag) <= 0.2
        assert -1 <= correlation <= 1
    assert len(saved) == 1, "of a cut a file of its own is scored"
    assert not saved[0].exists()
    assert not list(saved[0].parent.glob("SGVG_*.mp4")), "nothing stays in the temp folder"
    with pytest.raises(Exception, match="video: got nothing; connect a VIDEO output"):
        pack.run("SyncScore", video=None)

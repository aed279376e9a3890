"""Curves as files: JSON and CSV written and read, MIDI controllers, After Effects and Blender keyframes written."""

import csv
import dataclasses
import io
import json
import math
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from ..atomic_files import atomic_write
from ..clock import to_fps
from ..errors import ConfigError, DataError, SGVGError, shown
from .curve import Curve
from .curve_set import CurveSet

_MOST_BYTES = 512 * 2**20
_TICKS_A_QUARTER, _MICROSECONDS_A_QUARTER = 480, 500_000
_CONTROLLERS = (*range(20, 32), *range(102, 120))
"""MIDI controllers without a meaning of their own."""
_CHANNELS = 16


def save_curves(curves: CurveSet, path: str | Path) -> Path:
    """Write curves into a file of the kind that its name's ending says; see `ENDINGS`. Raises ConfigError or DataError, and leaves nothing."""
    file = Path(path)
    if file.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{file}: got the ending {shown(repr(file.suffix), 20)}, expected {', '.join(ENDINGS)}")
    content = ENDINGS[file.suffix.lower()](curves)
    with atomic_write(file, DataError) as part:
        part.write_bytes(content)
    return file


def load_curves(path: str | Path, fps: "Fraction | int | float | str | None" = None) -> CurveSet:
    """Read curves from a .json file as `save_curves` writes it, or a .csv file with a column a curve and a row a frame.

    `fps` is needed for a CSV file without a column "seconds", and otherwise re-times the curves. Raises DataError.
    """
    file = Path(path)
    if file.suffix.lower() not in (".json", ".csv"):
        raise DataError(f"{file}: curves are read from .json and .csv files; got the ending {shown(repr(file.suffix), 20)}")
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise DataError(f"{file}: {file.stat().st_size} bytes are too many for curves; expected at most {_MOST_BYTES}")
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: can't be read ({getattr(error, 'strerror', None) or 'not UTF-8 text'}); check the path and the file") from error
    try:
        read = _read_json(text) if file.suffix.lower() == ".json" else _read_csv(text, fps)
    except SGVGError as error:
        raise DataError(f"{file}: {error}") from error
    if fps is None or to_fps(fps) == read.fps:
        return read
    rate = to_fps(fps)
    count = max(1, math.ceil(read.num_frames * rate / read.fps))
    return dataclasses.replace(read, fps=rate, curves={name: curve.at(rate, count) for name, curve in read.curves.items()})


def as_json(curves: CurveSet) -> dict[str, Any]:
    """Curves as plain data: ``{"fps": "25", "frames": T, "curves": {name: {"unit": ..., "values": [T]}}, "beats", "tempo", "confidence"}``."""
    return {
        "fps": str(curves.fps),
        "frames": curves.num_frames,
        "curves": {name: {"unit": curve.unit, "values": [round(value, 6) for value in curve.tolist()]} for name, curve in curves.curves.items()},
        "beats": list(curves.beats),
        "tempo": round(curves.tempo, 3),
        "confidence": round(curves.confidence, 4),
    }


def _read_json(text: str) -> CurveSet:
    try:
        data = json.loads(text)
        named = data["curves"].items()
        fps = to_fps(data["fps"])
        curves = {str(name): Curve(torch.tensor([float(value) for value in one["values"]]), fps, str(name), str(one.get("unit", "")))
                  for name, one in named}
        beats = tuple(float(beat) for beat in data.get("beats") or ())
        return CurveSet(fps, curves, beats, (), float(data.get("tempo") or 0), float(data.get("confidence") or 0))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        words = shown(f"{type(error).__name__} {error}", 120)
        raise DataError(f'isn\'t a file of curves ({words}); expected {{"fps": "25", "curves": {{name: {{"values": [...]}}}}}}') from error


def _csv(curves: CurveSet) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["frame", "seconds", *curves.curves])
    columns = [curve.tolist() for curve in curves.curves.values()]
    for frame in range(curves.num_frames):
        writer.writerow([frame, f"{float(frame / curves.fps):.6f}", *(f"{column[frame]:.6g}" for column in columns)])
    return out.getvalue().encode()


def _read_csv(text: str, fps: "Fraction | int | float | str | None") -> CurveSet:
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise DataError("expected a line of names and a row a frame")
    names, columns = [name.strip() for name in rows[0]], []
    if len(set(names)) != len(names):
        raise DataError("names two columns alike; give each its own name")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise DataError(f"row {number} has {len(row)} cells, expected {len(names)} as in the line of names")
        columns.append([_cell(cell, number, name) for cell, name in zip(row, names, strict=True)])
    by_name = {name: [row[index] for row in columns] for index, name in enumerate(names)}
    rate = _rate_of(by_name.pop("seconds", None)) if "seconds" in by_name and len(columns) > 1 else None
    by_name.pop("seconds", None)
    by_name.pop("frame", None)
    if rate is None:
        if fps is None:
            raise DataError('has no column "seconds" that tells its rate; say how many frames a second it has')
        rate = to_fps(fps)
    return CurveSet(rate, {name: Curve(torch.tensor(values), rate, name) for name, values in by_name.items()})


def _cell(cell: str, number: int, name: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"row {number}, column {shown(name, 40)}: got {shown(repr(cell), 40)}, expected a finite number")
    return value


def _rate_of(seconds: list[float] | None) -> Fraction | None:
    """The rate of evenly spaced seconds, None for others."""
    if not seconds or seconds[-1] <= seconds[0]:
        return None
    return to_fps(round((len(seconds) - 1) / (seconds[-1] - seconds[0]), 4))


def _unit_range(curve: Curve) -> list[float]:
    """Values in 0..1: as they are where the unit says so, else from the curve's lowest to its highest."""
    values = curve.values.double()
    if curve.unit != "0..1" or values.min() < 0 or values.max() > 1:
        low, high = float(values.min()), float(values.max())
        values = (values - low) / (high - low) if high > low else values * 0
    return [float(value) for value in values]


def _midi(curves: CurveSet) -> bytes:
    """Standard MIDI file, format 1, 960 ticks a second: a track a curve, a controller each; and a track of beats as markers."""
    if len(curves.curves) > len(_CONTROLLERS) * _CHANNELS:
        raise ConfigError(f"MIDI: got {len(curves.curves)} curves, but there are {len(_CONTROLLERS) * _CHANNELS} free controllers; choose fewer")
    tracks = [_track([(0, b"\xff\x51\x03" + _MICROSECONDS_A_QUARTER.to_bytes(3, "big"))]
                     + [(_ticks(beat), _text(0x06, "downbeat" if beat in curves.downbeats else "beat")) for beat in curves.beats])]
    for index, (name, curve) in enumerate(curves.curves.items()):
        channel, controller = index // len(_CONTROLLERS), _CONTROLLERS[index % len(_CONTROLLERS)]
        events, last = [(0, _text(0x03, f"{name} (controller {controller}, channel {channel + 1})"))], -1
        for frame, value in enumerate(_unit_range(curve)):
            if (level := round(127 * value)) != last:
                events.append((_ticks(float(frame / curves.fps)), bytes((0xB0 | channel, controller, level))))
                last = level
        tracks.append(_track(events))
    return struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks), _TICKS_A_QUARTER) + b"".join(tracks)


def _ticks(seconds: float) -> int:
    return round(seconds * _TICKS_A_QUARTER * 1_000_000 / _MICROSECONDS_A_QUARTER)


def _text(kind: int, text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")[:100]
    return bytes((0xFF, kind, len(encoded))) + encoded


def _track(events: list[tuple[int, bytes]]) -> bytes:
    body, last = b"", 0
    pieces = []
    for tick, event in events:
        pieces.append(_variable(tick - last) + event)
        last = tick
    body = b"".join(pieces) + b"\x00\xff\x2f\x00"
    return struct.pack(">4sI", b"MTrk", len(body)) + body


def _variable(value: int) -> bytes:
    """MIDI's number of as many bytes as needed."""
    made = [value & 0x7F]
    while value := value >> 7:
        made.append(0x80 | (value & 0x7F))
    return bytes(reversed(made))


def _after_effects_text(curves: CurveSet) -> bytes:
    """Keyframes to be pasted onto a layer: a slider a curve, in After Effects' own text form."""
    lines = ["Adobe After Effects 8.0 Keyframe Data", "", f"\tUnits Per Second\t{float(curves.fps):.6g}", "\tSource Width\t100",
             "\tSource Height\t100", "\tSource Pixel Aspect Ratio\t1", "\tComp Pixel Aspect Ratio\t1", ""]
    for index, curve in enumerate(curves.curves.values(), 1):
        lines += [f"Effects\tSlider Control #{index}\tSlider #2", "\tFrame\tvalue\t"]
        lines += [f"\t{frame}\t{value:.6g}\t" for frame, value in enumerate(curve.tolist())] + [""]
    return "\r\n".join([*lines, "", "End of Keyframe Data", ""]).encode()


def _after_effects_script(curves: CurveSet) -> bytes:
    """A script for File > Scripts: a null layer in the open composition, with a named slider a curve and a marker a beat."""
    times = [round(float(frame / curves.fps), 6) for frame in range(curves.num_frames)]
    parts = [_SCRIPT_HEAD, f"var times = {json.dumps(times)};"]
    parts += [f"slider({json.dumps(name)}, {json.dumps([round(value, 6) for value in curve.tolist()])});" for name, curve in curves.curves.items()]
    parts += [f"var beats = {json.dumps(list(curves.beats))};", _SCRIPT_END]
    return "\n".join(parts).encode()


_SCRIPT_HEAD = """// Curves of a sound as sliders on a null layer. Open a composition, then run this with File > Scripts > Run Script File.
app.beginUndoGroup("SGVG curves");
var comp = app.project.activeItem;
if (!(comp instanceof CompItem)) { throw new Error("Open a composition first."); }
var layer = comp.layers.addNull();
layer.name = "SGVG curves";
function slider(name, values) {
    var effect = layer.property("ADBE Effect Parade").addProperty("ADBE Slider Control");
    effect.name = name;
    effect.property("ADBE Slider Control-0001").setValuesAtTimes(times, values);
}"""
_SCRIPT_END = """for (var i = 0; i < beats.length; i++) { layer.property("Marker").setValueAtTime(beats[i], new MarkerValue("beat")); }
app.endUndoGroup();
"""


def _blender_script(curves: CurveSet) -> bytes:
    """A script for Blender's text editor: an empty with a keyframed property a curve, and a marker a beat."""
    data = {name: [round(value, 6) for value in curve.tolist()] for name, curve in curves.curves.items()}
    fps, numerator = curves.fps, math.ceil(curves.fps)
    return "\n".join([
        '"""Curves of a sound as keyframes of an empty\'s properties. Run it in Blender\'s text editor; drive anything by them."""',
        "import bpy", "", f"FPS, FPS_BASE = {numerator}, {float(numerator / fps)!r}", f"BEATS = {list(curves.beats)!r}", f"CURVES = {data!r}", "",
        "scene = bpy.context.scene", "scene.render.fps, scene.render.fps_base = FPS, FPS_BASE",
        'holder = bpy.data.objects.new("SGVG curves", None)', "scene.collection.objects.link(holder)",
        "for name, values in CURVES.items():", "    for frame, value in enumerate(values):", "        holder[name] = value",
        "        holder.keyframe_insert(data_path='[\"%s\"]' % name, frame=scene.frame_start + frame)",
        "for beat in BEATS:", '    scene.timeline_markers.new("beat", frame=scene.frame_start + round(beat * FPS / FPS_BASE))', "",
    ]).encode()


ENDINGS: dict[str, Callable[[CurveSet], bytes]] = {
    ".json": lambda curves: json.dumps(as_json(curves)).encode(),
    ".csv": _csv,
    ".mid": _midi,
    ".jsx": _after_effects_script,
    ".txt": _after_effects_text,
    ".py": _blender_script,
}
"""What a name's ending makes of a file: JSON, CSV, MIDI controllers, After Effects (a script, or text to paste), Blender (a script)."""
EXAMPLES = "curves.json, .csv, .mid (MIDI controllers), .jsx or .txt (After Effects), .py (Blender)"

"""Curves as files: JSON and CSV written and read, MIDI controllers, After Effects and Blender keyframes written."""

import csv
import dataclasses
import io
import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import torch

from ..atomic_files import atomic_write
from ..clock import to_fps
from ..errors import ConfigError, DataError, SGVGError, shown
from .curve import Curve
from .curve_set import CurveSet

_MOST_BYTES = 512 * 2**20
_AT_ONCE = 4096
"""Frames that are written together."""
_TICKS_A_QUARTER, _MICROSECONDS_A_QUARTER = 480, 500_000
_CONTROLLERS = (*range(20, 32), *range(102, 120))
"""MIDI controllers without a meaning of their own."""
_CHANNELS = 16


def save_curves(curves: CurveSet, path: str | Path) -> Path:
    """Write curves into a file of the kind that its name's ending says; see `ENDINGS`. Raises ConfigError or DataError, and leaves nothing."""
    file = Path(path)
    if file.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{file}: got the ending {shown(repr(file.suffix), 20)}, expected {', '.join(ENDINGS)}")
    with atomic_write(file, DataError) as part, part.open("wb") as out:
        for piece in ENDINGS[file.suffix.lower()](curves):
            out.write(piece)
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


def _blocks(values: Sequence[float] | torch.Tensor) -> Iterator[list[float]]:
    """Numbers [T] a few thousand at a time, so that those of an hour aren't Python's all at once."""
    for first in range(0, len(values), _AT_ONCE):
        block = values[first:first + _AT_ONCE]
        yield block.tolist() if isinstance(block, torch.Tensor) else list(block)


def _listed(values: Sequence[float] | torch.Tensor) -> Iterator[bytes]:
    """Numbers [T] as a list that JSON, JavaScript and Python read alike, to six decimals."""
    yield b"["
    for index, block in enumerate(_blocks(values)):
        yield ((", " if index else "") + json.dumps([round(value, 6) for value in block])[1:-1]).encode()
    yield b"]"


def _json(curves: CurveSet) -> Iterator[bytes]:
    """``{"fps": "25", "frames": T, "curves": {name: {"unit": ..., "values": [T]}}, "beats", "tempo", "confidence"}``."""
    yield f'{{"fps": "{curves.fps}", "frames": {curves.num_frames}, "curves": {{'.encode()
    for index, (name, curve) in enumerate(curves.curves.items()):
        yield f'{", " if index else ""}{json.dumps(name)}: {{"unit": {json.dumps(curve.unit)}, "values": '.encode()
        yield from _listed(curve.values)
        yield b"}"
    rest = {"beats": list(curves.beats), "tempo": round(curves.tempo, 3), "confidence": round(curves.confidence, 4)}
    yield f"}}, {json.dumps(rest)[1:]}".encode()


def _read_json(text: str) -> CurveSet:
    try:
        data = json.loads(text)
        named = data["curves"].items()
        fps = to_fps(data["fps"])
        curves = {str(name): Curve(torch.tensor([float(value) for value in one["values"]]), fps, str(name), str(one.get("unit", "")))
                  for name, one in named}
        beats = tuple(float(beat) for beat in data.get("beats") or ())
        return CurveSet(fps, curves, beats, downbeats=(), tempo=float(data.get("tempo") or 0), confidence=float(data.get("confidence") or 0))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        words = shown(f"{type(error).__name__} {error}", 120)
        raise DataError(f'isn\'t a file of curves ({words}); expected {{"fps": "25", "curves": {{name: {{"values": [...]}}}}}}') from error


def _csv(curves: CurveSet) -> Iterator[bytes]:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(["frame", "seconds", *curves.curves])
    yield out.getvalue().encode()
    frames = range(curves.num_frames)
    for block in zip(_blocks(frames), *(_blocks(curve.values) for curve in curves.curves.values()), strict=True):
        yield "".join(f"{frame},{float(frame / curves.fps):.6f},{','.join(f'{value:.6g}' for value in row)}\n"
                      for frame, *row in zip(*block, strict=True)).encode()


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


def _unit_range(curve: Curve) -> torch.Tensor:
    """Values in 0..1: as they are where the unit says so, else from the curve's lowest to its highest."""
    values = curve.values.double()
    if curve.unit != "0..1" or values.min() < 0 or values.max() > 1:
        low, high = float(values.min()), float(values.max())
        values = (values - low) / (high - low) if high > low else values * 0
    return values


def _midi(curves: CurveSet) -> Iterator[bytes]:
    """Standard MIDI file, format 1, 960 ticks a second: a track a curve, a controller each; and a track of beats as markers."""
    if len(curves.curves) > len(_CONTROLLERS) * _CHANNELS:
        raise ConfigError(f"MIDI: got {len(curves.curves)} curves, but there are {len(_CONTROLLERS) * _CHANNELS} free controllers; choose fewer")
    yield struct.pack(">4sIHHH", b"MThd", 6, 1, len(curves.curves) + 1, _TICKS_A_QUARTER)
    downbeats = set(curves.downbeats)
    yield _track([(0, b"\xff\x51\x03" + _MICROSECONDS_A_QUARTER.to_bytes(3, "big"))]
                 + [(_ticks(beat), _text(0x06, "downbeat" if beat in downbeats else "beat")) for beat in curves.beats])
    for index, (name, curve) in enumerate(curves.curves.items()):
        yield _track(_controlled(name, curve, index // len(_CONTROLLERS), _CONTROLLERS[index % len(_CONTROLLERS)]))


def _controlled(name: str, curve: Curve, channel: int, controller: int) -> Iterator[tuple[int, bytes]]:
    """Events of a curve's track: its name, and each change of the controller, at its tick."""
    yield 0, _text(0x03, f"{name} (controller {controller}, channel {channel + 1})")
    last, frame = -1, 0
    for block in _blocks(_unit_range(curve)):
        for value in block:
            if (level := round(127 * value)) != last:
                yield _ticks(float(frame / curve.rate)), bytes((0xB0 | channel, controller, level))
                last = level
            frame += 1


def _ticks(seconds: float) -> int:
    return round(seconds * _TICKS_A_QUARTER * 1_000_000 / _MICROSECONDS_A_QUARTER)


def _text(kind: int, text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")[:100]
    return bytes((0xFF, kind, len(encoded))) + encoded


def _track(events: Iterable[tuple[int, bytes]]) -> bytes:
    body, last = bytearray(), 0
    for tick, event in events:
        body += _variable(tick - last) + event
        last = tick
    body += b"\x00\xff\x2f\x00"
    return struct.pack(">4sI", b"MTrk", len(body)) + body


def _variable(value: int) -> bytes:
    """MIDI's number of as many bytes as needed."""
    made = [value & 0x7F]
    while value := value >> 7:
        made.append(0x80 | (value & 0x7F))
    return bytes(reversed(made))


def _after_effects_text(curves: CurveSet) -> Iterator[bytes]:
    """Keyframes to be pasted onto a layer: a slider a curve, in After Effects' own text form."""
    lines = ["Adobe After Effects 8.0 Keyframe Data", "", f"\tUnits Per Second\t{float(curves.fps):.6g}", "\tSource Width\t100",
             "\tSource Height\t100", "\tSource Pixel Aspect Ratio\t1", "\tComp Pixel Aspect Ratio\t1", ""]
    yield "".join(f"{line}\r\n" for line in lines).encode()
    for index, curve in enumerate(curves.curves.values(), 1):
        yield f"Effects\tSlider Control #{index}\tSlider #2\r\n\tFrame\tvalue\t\r\n".encode()
        for frames, values in zip(_blocks(range(len(curve))), _blocks(curve.values), strict=True):
            yield "".join(f"\t{frame}\t{value:.6g}\t\r\n" for frame, value in zip(frames, values, strict=True)).encode()
        yield b"\r\n"
    yield b"\r\nEnd of Keyframe Data\r\n"


def _after_effects_script(curves: CurveSet) -> Iterator[bytes]:
    """A script for File > Scripts: a null layer in the open composition, with a named slider a curve and a marker a beat."""
    yield f"{_SCRIPT_HEAD}\nvar times = ".encode()
    yield from _listed(torch.arange(curves.num_frames, dtype=torch.float64) / float(curves.fps))
    yield b";\n"
    for name, curve in curves.curves.items():
        yield f"slider({json.dumps(name)}, ".encode()
        yield from _listed(curve.values)
        yield b");\n"
    yield f"var beats = {json.dumps(list(curves.beats))};\n{_SCRIPT_END}".encode()


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


def _blender_script(curves: CurveSet) -> Iterator[bytes]:
    """A script for Blender's text editor: an empty with a keyframed property a curve, and a marker a beat."""
    fps, numerator = curves.fps, math.ceil(curves.fps)
    yield (f"{_BLENDER_HEAD}FPS, FPS_BASE = {numerator}, {float(numerator / fps)!r}\nBEATS = {list(curves.beats)!r}\nCURVES = {{").encode()
    for index, (name, curve) in enumerate(curves.curves.items()):
        yield f"{', ' if index else ''}{name!r}: ".encode()
        yield from _listed(curve.values)
    yield _BLENDER_END


_BLENDER_HEAD = '''"""Curves of a sound as keyframes of an empty's properties. Run it in Blender's text editor; drive anything by them."""
import bpy

'''
_BLENDER_END = b"""}

scene = bpy.context.scene
scene.render.fps, scene.render.fps_base = FPS, FPS_BASE
holder = bpy.data.objects.new("SGVG curves", None)
scene.collection.objects.link(holder)
for name, values in CURVES.items():
    for frame, value in enumerate(values):
        holder[name] = value
        holder.keyframe_insert(data_path='["%s"]' % name, frame=scene.frame_start + frame)
for beat in BEATS:
    scene.timeline_markers.new("beat", frame=scene.frame_start + round(beat * FPS / FPS_BASE))
"""


ENDINGS: dict[str, Callable[[CurveSet], Iterator[bytes]]] = {
    ".json": _json,
    ".csv": _csv,
    ".mid": _midi,
    ".jsx": _after_effects_script,
    ".txt": _after_effects_text,
    ".py": _blender_script,
}
"""What a name's ending makes of a file: JSON, CSV, MIDI controllers, After Effects (a script, or text to paste), Blender (a script)."""
EXAMPLES = "curves.json, .csv, .mid (MIDI controllers), .jsx or .txt (After Effects), .py (Blender)"

"""Short films of instrument players, drawn and played by this one file, as class folders for `data prepare`.

    python walkthroughs/instrument_players.py FOLDER [--each 48] [--seconds 4] [--size 64] [--seed 1]

A second domain besides the landscapes (the paper has Sub-URMP's instruments): five players, five timbres. A melody with rests is
drawn from the seed; it's played note by note, and the same notes move the bow, the sticks and the hands. The light is the loudness of
the finished sound. Nothing here knows the procedural world or the training; from the pack it takes the writer of mp4 files.
"""

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
FPS, RATE = Fraction(12), 22_050
FINE = 4
"""Factor by which pictures are drawn larger, and then made smaller, which smooths every edge."""
UNITS = 64
"""Places in a picture are counted as if it had 64 pixels a side."""

Colour = tuple[int, int, int]
Point = tuple[float, float]


# ---- what is played ------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Note:
    """One note: when in seconds, how long, how high in Hz, how strong (0 to 1), and its place in the instrument's range (0 to 1)."""

    start: float
    seconds: float
    hertz: float
    strength: float
    height: float


@dataclasses.dataclass(frozen=True)
class Range:
    """What an instrument plays: its lowest note in Hz, steps of a pentatonic scale above it, a beat in seconds, share of a beat that sounds."""

    lowest: float
    num_steps: int
    beat: tuple[float, float]
    held: float


PENTATONIC = (0, 2, 4, 7, 9)


def compose(rng: np.random.Generator, notes: Range, seconds: float) -> list[Note]:
    """Phrases of three to six notes with rests between them; each clip swells or fades as a whole."""
    beat, step, time = rng.uniform(*notes.beat), int(rng.integers(notes.num_steps)), rng.uniform(0.0, 0.3)
    turn, depth = rng.uniform(0, 2 * math.pi), rng.uniform(0.3, 0.7)
    played: list[Note] = []
    while time < seconds:
        for _ in range(int(rng.integers(3, 7))):
            length = beat * float(rng.choice([1, 1, 2]))
            step = int(np.clip(step + rng.integers(-2, 3), 0, notes.num_steps - 1))
            swell = 1 - depth * (0.5 + 0.5 * math.sin(turn + 2 * math.pi * time / seconds))
            octave, degree = divmod(step, len(PENTATONIC))
            hertz = notes.lowest * 2 ** (octave + PENTATONIC[degree] / 12)
            played.append(Note(time, length * notes.held, hertz, swell * rng.uniform(0.85, 1.0), step / (notes.num_steps - 1)))
            time += length
        time += rng.uniform(0.45, 0.9)
    return [note for note in played if note.start < seconds - 0.1]


# ---- how it sounds -------------------------------------------------------------------------------------------------------------------


def rise_and_fall(num: int, rise: float, fall: float) -> np.ndarray:
    """An envelope that is up after `rise` seconds and falls in the last `fall` ones, [num], 0 to 1."""
    time = np.arange(num) / RATE
    return np.clip(time / rise, 0, 1) * np.clip((num / RATE - time) / fall, 0, 1)


def partials(hertz: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Harmonics of a pitch that may move, `hertz` [num]; those above hearing of the file are left out."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    high = float(hertz.max())
    return sum((w * np.sin(k * phase) for k, w in enumerate(weights, 1) if k * high < 0.45 * RATE), np.zeros(len(hertz)))


def vibrato(num: int, hertz: float, depth: float, rng: np.random.Generator) -> np.ndarray:
    """A pitch that begins to tremble, [num] Hz."""
    time = np.arange(num) / RATE
    return hertz * (1 + depth * np.clip(time / 0.3, 0, 1) * np.sin(2 * np.pi * 5.5 * time + rng.uniform(0, 6)))


def hiss(num: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Noise, darker with a larger `width`, of size 1."""
    noise = np.convolve(rng.standard_normal(num + width), np.ones(width), "same")[:num]
    return noise / (noise.std() + 1e-9)


def bowed(note: Note, rng: np.random.Generator) -> np.ndarray:
    """A violin's: all harmonics, a slow beginning, vibrato, some noise of the bow."""
    num = int(note.seconds * RATE)
    tone = partials(vibrato(num, note.hertz, 0.008, rng), [1 / k * (1.6 if k in (3, 4, 7) else 1) for k in range(1, 19)])
    return (0.5 * tone + 0.03 * hiss(num, 2, rng)) * rise_and_fall(num, 0.09, 0.08)


def blown(note: Note, rng: np.random.Generator) -> np.ndarray:
    """A flute's: nearly a sine, with breath."""
    num = int(note.seconds * RATE)
    tone = partials(vibrato(num, note.hertz, 0.006, rng), [1, 0.22, 0.06])
    return (0.8 * tone + 0.06 * hiss(num, 3, rng)) * rise_and_fall(num, 0.06, 0.07)


def brass(note: Note, rng: np.random.Generator) -> np.ndarray:
    """A trumpet's: the louder the brighter, within a note too."""
    num = int(note.seconds * RATE)
    shape = rise_and_fall(num, 0.05, 0.06)
    soft = partials(vibrato(num, note.hertz, 0.003, rng), [1, 0.7, 0.4, 0.2])
    bright = partials(np.full(num, note.hertz), [1, 0.9, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15])
    share = shape * note.strength
    return 0.45 * shape * (soft * (1 - share) + bright * share)


def struck_string(note: Note, rng: np.random.Generator) -> np.ndarray:
    """A piano's: partials slightly too high that die away, the high ones first, and a knock; it rings on after its length."""
    num = int((note.seconds + 0.35) * RATE)
    time = np.arange(num) / RATE
    tone = np.zeros(num)
    for k in range(1, 13):
        hertz = note.hertz * k * math.sqrt(1 + 0.0004 * k * k)
        if hertz < 0.45 * RATE:
            tone += np.sin(2 * np.pi * hertz * time) * np.exp(-time * (2.0 + 0.9 * k)) / k**0.8
    knock = hiss(num, 12, rng) * np.exp(-time * 60)
    return (0.6 * tone + 0.12 * knock) * np.minimum(1, time / 0.003) * np.clip((num / RATE - time) / 0.2, 0, 1)


def drummed(note: Note, rng: np.random.Generator) -> np.ndarray:
    """A drum's: a skin whose pitch falls, and rattling snares; higher notes have more of these."""
    num = int(0.4 * RATE)
    time = np.arange(num) / RATE
    skin = np.sin(2 * np.pi * np.cumsum(note.hertz * (1 + 0.8 * np.exp(-time * 35))) / RATE) * np.exp(-time * 11)
    return 0.9 * skin + (0.1 + 0.3 * note.height) * hiss(num, 1, rng) * np.exp(-time * 18)


Voice = Callable[[Note, np.random.Generator], np.ndarray]


def play(notes: Sequence[Note], voice: Voice, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """All notes in a small room, [N] in -1..1; the loudest moments of a strong clip come near to 1."""
    sound = np.zeros(int(seconds * RATE))
    for note in notes:
        first = int(note.start * RATE)
        tone = note.strength * voice(note, rng)[: len(sound) - first]
        sound[first : first + len(tone)] += tone
    echo = np.exp(-np.arange(int(0.25 * RATE)) / (0.06 * RATE)) * rng.standard_normal(int(0.25 * RATE))
    length = len(sound) + len(echo) - 1
    wet = np.fft.irfft(np.fft.rfft(sound, length) * np.fft.rfft(echo, length), length)[: len(sound)]
    sound = sound + 0.12 * wet / (np.abs(wet).max() + 1e-9)
    return np.tanh(0.9 * sound) + 1e-4 * rng.standard_normal(len(sound))


# ---- how it looks --------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Person:
    """Who plays."""

    skin: Colour
    hair: Colour
    dress: Colour


@dataclasses.dataclass(frozen=True)
class Moment:
    """What a frame shows: light 0 to 1, height of the note 0 to 1, place of the stroke -1 to 1, time since the last note began, and until
    the next one, in seconds, and which hand the last note was played with."""

    light: float
    height: float
    stroke: float
    since: float
    until: float
    left: bool

    @property
    def lifted(self) -> float:
        """How high a hand is that has struck and strikes again: 0 at the stroke."""
        return min(1.0, self.since / 0.22, self.until / 0.12)


class Canvas:
    """Shapes in a picture, places in `UNITS`."""

    def __init__(self, size: int) -> None:
        self._unit = size * FINE / UNITS
        self._image = Image.new("RGB", (size * FINE, size * FINE))
        self._draw = ImageDraw.Draw(self._image)

    def _at(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self._unit, y * self._unit) for x, y in points]

    def sweep(self, above: Colour, below: Colour) -> None:
        """Fill the picture from one colour to another."""
        side = self._image.size[0]
        share = np.linspace(0, 1, side)[:, None, None]
        rows = np.asarray(above) * (1 - share) + np.asarray(below) * share
        self._image.paste(Image.fromarray(np.broadcast_to(rows, (side, side, 3)).astype(np.uint8)))

    def disc(self, middle: Point, radius: float, colour: Colour, high: float | None = None) -> None:
        """A circle, or with another half height an ellipse."""
        (x, y), high = middle, radius if high is None else high
        self._draw.ellipse(self._at([(x - radius, y - high), (x + radius, y + high)]), fill=colour)  # type: ignore[arg-type]

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A stroke with round ends and corners."""
        self._draw.line(self._at(points), fill=colour, width=max(1, round(width * self._unit)), joint="curve")
        for point in points:
            self.disc(point, width / 2, colour)

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon(self._at(points), fill=colour)

    def lit(self, light: float) -> np.ndarray:
        """The finished picture [H, W, 3] uint8: brighter and warmer with the light."""
        side = self._image.size[0] // FINE
        small = np.asarray(self._image.resize((side, side), Image.Resampling.BOX), dtype=np.float32)
        return np.clip(small * (0.42 + 0.58 * light) + light * np.float32([10, 6, 0]), 0, 255).astype(np.uint8)


def along(begin: Point, end: Point, share: float) -> Point:
    """A place on the way."""
    return begin[0] + share * (end[0] - begin[0]), begin[1] + share * (end[1] - begin[1])


def bust(canvas: Canvas, person: Person, middle: float, nod: float = 0.0) -> None:
    """Head and shoulders from the front, `middle` from the left; `nod` is downwards."""
    canvas.shape([(middle - 15, 66), (middle - 12, 40), (middle - 5, 35), (middle + 5, 35), (middle + 12, 40), (middle + 15, 66)], person.dress)
    canvas.line([(middle - 9.5, 41), (middle + 9.5, 41)], 7, person.dress)
    canvas.line([(middle, 34), (middle, 29)], 5, person.skin)
    canvas.disc((middle, 20.5 + nod), 9.6, person.hair)
    canvas.disc((middle, 23 + nod), 8, person.skin)


def profile(canvas: Canvas, person: Person, middle: float, nod: float = 0.0) -> None:
    """Head and body from the side, looking to the right."""
    canvas.shape([(middle - 11, 66), (middle - 9, 41), (middle - 3, 35), (middle + 4, 36), (middle + 8, 44), (middle + 9, 66)], person.dress)
    canvas.line([(middle - 1, 35), (middle, 29)], 5.5, person.skin)
    canvas.disc((middle - 1.5, 21 + nod), 9, person.hair)
    canvas.disc((middle + 1.5, 22.5 + nod), 7.4, person.skin)
    canvas.shape([(middle + 8, 21 + nod), (middle + 11, 25 + nod), (middle + 7, 25.5 + nod)], person.skin)


def violinist(canvas: Canvas, person: Person, now: Moment) -> None:
    """The bow goes to and fro, a stroke a note."""
    wood, dark, bow = (176, 88, 34), (60, 30, 18), (250, 236, 205)
    bust(canvas, person, 27)
    canvas.line([(36, 42), (47, 49), (54, 36)], 6, person.dress)
    canvas.disc((36, 32.5), 6.5, wood, 5.5)
    canvas.disc((43, 33.5), 5.2, wood, 4.6)
    canvas.line([(40, 33), (57, 35)], 2.2, dark)
    canvas.disc((54.5, 36), 2.8, person.skin)
    shift = 7 * now.stroke
    hand, tip = (29 + 0.45 * shift, 49 + shift), (41.5 + 0.45 * shift, 21 + shift)
    canvas.line([(16, 42), (18, 54), hand], 6, person.dress)
    canvas.line([hand, tip], 1.7, bow)
    canvas.disc(hand, 2.9, person.skin)


def drummer(canvas: Canvas, person: Person, now: Moment) -> None:
    """The sticks come down by turns."""
    bust(canvas, person, 32, nod=1.2 * (1 - now.lifted))
    canvas.shape([(13, 49), (51, 49), (49, 66), (15, 66)], (205, 40, 48))
    canvas.line([(14, 53.5), (50, 53.5)], 1.6, (255, 226, 150))
    canvas.disc((32, 49), 19, (255, 250, 238), 4.6)
    for side, hits in ((-1, now.left), (1, not now.left)):
        up = 1 - math.cos(0.5 * math.pi * (now.lifted if hits else 1.0))
        hand = (32 + 20 * side, 42 - 5 * up)
        canvas.line([(32 + 12 * side, 41), (32 + 18.5 * side, 47), hand], 6, person.dress)
        canvas.line([hand, (32 + (7 + 2 * up) * side, 48 - 18 * up)], 1.9, (242, 200, 130))
        canvas.disc(hand, 3, person.skin)


def pianist(canvas: Canvas, person: Person, now: Moment) -> None:
    """The hands come down on the keys, farther out for higher notes."""
    black, gleam, ivory = (22, 22, 30), (78, 78, 98), (255, 252, 240)
    profile(canvas, person, 15, nod=1.0 * (1 - now.lifted))
    canvas.shape([(36, 38), (63, 8), (66, 12), (66, 44), (36, 44)], black)
    canvas.shape([(43, 36), (62, 14), (62, 36)], gleam)
    canvas.shape([(29, 46), (66, 46), (66, 56), (33, 56)], black)
    canvas.line([(27, 46.5), (42, 46.5)], 3, ivory)
    canvas.line([(39, 56), (39, 66)], 3.5, black)
    for reach, share in ((3.0, 1.0), (0.0, 0.6)):
        hand = (27 + reach + 7 * now.height, 44 - 6 * share * now.lifted)
        canvas.line([(16, 41), (19 + reach, 49), hand], 5, person.dress)
        canvas.disc(hand, 2.7, person.skin)


def trumpeter(canvas: Canvas, person: Person, now: Moment) -> None:
    """The louder, the higher the bell."""
    gold, shade = (255, 205, 70), (196, 138, 30)
    profile(canvas, person, 17, nod=-1.5 * now.light)
    angle = 0.20 - 0.62 * now.light
    mouth, way = (27.5, 26.5 - 1.5 * now.light), (math.cos(angle), math.sin(angle))

    def at(far: float, side: float = 0.0) -> Point:
        return mouth[0] + far * way[0] - side * way[1], mouth[1] + far * way[1] + side * way[0]

    canvas.line([at(0), at(25)], 2.4, gold)
    canvas.line([at(7, 4), at(18, 4)], 2, shade)
    canvas.line([at(7, 0), at(7, 4)], 2, shade)
    canvas.line([at(18, 0), at(18, 4)], 2, shade)
    canvas.shape([at(22, -1.2), at(29, -3), at(33, -7.5), at(33, 7.5), at(29, 3), at(22, 1.2)], gold)
    canvas.line([(16, 43), (25, 46), at(12, 5)], 6, person.dress)
    canvas.disc(at(12, 4), 3.2, person.skin)


def flautist(canvas: Canvas, person: Person, now: Moment) -> None:
    """Sways with the melody, the flute's end goes up with high notes."""
    silver = (236, 242, 250)
    middle = 29 + 3.0 * now.stroke
    canvas.line([(middle - 8, 20), (middle - 9, 37)], 5, person.hair)
    canvas.line([(middle + 8, 20), (middle + 9, 37)], 5, person.hair)
    bust(canvas, person, middle)
    mouth, end = (middle - 3, 27.5), (middle + 31, 35 - 9 * now.height)
    canvas.line([(middle + 11, 42), (middle + 20, 48), along(mouth, end, 0.72)], 5.5, person.dress)
    canvas.line([(middle - 11, 42), (middle - 3, 50), along(mouth, end, 0.42)], 5.5, person.dress)
    canvas.line([mouth, end], 2.4, silver)
    for share in (0.42, 0.72):
        x, y = along(mouth, end, share)
        canvas.disc((x, y + 1), 2.7, person.skin)


@dataclasses.dataclass(frozen=True)
class Instrument:
    """A class of clips: what is played, how it sounds, who plays it and before what."""

    notes: Range
    voice: Voice
    player: Callable[[Canvas, Person, Moment], None]
    above: Colour
    below: Colour
    glow: Colour
    """The disc behind the player; it grows and shines with the loudness."""
    dresses: tuple[Colour, Colour]


INSTRUMENTS: Mapping[str, Instrument] = {
    "violin": Instrument(Range(196, 12, (0.24, 0.42), 0.95), bowed, violinist, (96, 16, 34), (52, 8, 26), (232, 108, 84),
                         ((34, 30, 44), (226, 214, 190))),
    "drums": Instrument(Range(75, 5, (0.16, 0.30), 0.5), drummed, drummer, (14, 34, 88), (8, 16, 48), (84, 190, 240),
                        ((250, 170, 40), (64, 176, 120))),
    "piano": Instrument(Range(131, 13, (0.20, 0.36), 0.8), struck_string, pianist, (214, 178, 116), (150, 98, 58), (255, 240, 196),
                        ((38, 96, 140), (150, 40, 60))),
    "trumpet": Instrument(Range(233, 9, (0.20, 0.36), 0.85), brass, trumpeter, (92, 34, 128), (44, 14, 76), (240, 120, 170),
                          ((30, 150, 150), (240, 236, 226))),
    "flute": Instrument(Range(523, 11, (0.24, 0.42), 0.92), blown, flautist, (22, 112, 82), (8, 58, 52), (176, 236, 150),
                        ((250, 246, 236), (230, 110, 70))),
}  # fmt: skip

PEOPLE: tuple[tuple[Colour, Colour], ...] = (((250, 208, 172), (120, 66, 28)), ((214, 152, 104), (30, 22, 22)), ((126, 78, 50), (20, 14, 16)))
"""Skin and hair."""


def loudness(sound: np.ndarray, num_frames: int) -> np.ndarray:
    """What the light follows: the level of a tenth of a second around each frame, less what the eye is too slow for; [T], 0 to 1."""
    times = (np.arange(num_frames) / float(FPS) * RATE).astype(int)
    half = int(0.05 * RATE)
    level = np.array([np.sqrt(np.mean(sound[max(0, at - half) : at + half] ** 2)) for at in times])
    wanted = np.clip(level / 0.42, 0, 1) ** 0.6
    light = np.empty(num_frames)
    for frame, value in enumerate(wanted):
        light[frame] = value if frame == 0 else max(value, light[frame - 1] + 0.5 * (value - light[frame - 1]))
    return light


def moments(notes: Sequence[Note], light: np.ndarray) -> list[Moment]:
    """What each frame shows of the notes."""
    shown = []
    for frame, bright in enumerate(light):
        time = frame / float(FPS)
        begun = [index for index, note in enumerate(notes) if note.start <= time]
        index = begun[-1] if begun else 0
        note = notes[index]
        until = notes[index + 1].start - time if index + 1 < len(notes) and begun else max(0.0, note.start - time) if not begun else 9.0
        gone = min(1.0, max(0.0, time - note.start) / note.seconds)
        way = 1 if index % 2 else -1
        stroke = way * (2 * gone - 1)
        shown.append(Moment(float(bright), note.height, stroke, max(0.0, time - note.start) if begun else 9.0, until, index % 2 == 0))
    return shown


def paint(instrument: Instrument, person: Person, now: Moment, size: int) -> np.ndarray:
    """One frame, [size, size, 3] uint8."""
    canvas = Canvas(size)
    canvas.sweep(instrument.above, instrument.below)
    radius = 19 + 9 * now.light
    mixed = tuple(round(a + (0.35 + 0.65 * now.light) * (g - a)) for a, g in zip(instrument.above, instrument.glow, strict=True))
    canvas.disc((32, 30), radius, mixed)  # type: ignore[arg-type]
    instrument.player(canvas, person, now)
    return canvas.lit(now.light)


def make_clip(name: str, index: int, *, seconds: float = 4.0, size: int = 64, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Frames [T, size, size, 3] uint8 at `FPS`, and the sound [N] at `RATE`: the same ones for the same name, index and seed."""
    instrument = INSTRUMENTS[name]
    rng = np.random.default_rng([seed, list(INSTRUMENTS).index(name), index])
    skin, hair = PEOPLE[int(rng.integers(len(PEOPLE)))]
    person = Person(skin, hair, instrument.dresses[int(rng.integers(len(instrument.dresses)))])
    notes = compose(rng, instrument.notes, seconds)
    sound = play(notes, instrument.voice, seconds, rng)
    light = loudness(sound, int(seconds * FPS))
    return np.stack([paint(instrument, person, now, size) for now in moments(notes, light)]), sound


def write_clips(folder: Path, num_each: int, *, seconds: float = 4.0, size: int = 64, seed: int = 1) -> None:
    """`folder/<instrument>/<instrument>_<number>.mp4`, each with its sound. Files that are there already stay."""
    from sgvg_core.media import SoundTrack, VideoWriter

    for name in INSTRUMENTS:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(num_each):
            path = folder / name / f"{name}_{index:03d}.mp4"
            if path.exists():
                continue
            frames, sound = make_clip(name, index, seconds=seconds, size=size, seed=seed)
            track = SoundTrack.from_waveform(torch.from_numpy(sound).float()[None].clamp(-1, 1), RATE)
            with VideoWriter(path, fps=FPS, width=size, height=size, sound=track, crf=10) as writer:
                writer.write(torch.from_numpy(frames))
        print(f"{folder / name}: {num_each} clips", flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=48, help="clips of each instrument")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    write_clips(options.folder, options.each, seconds=options.seconds, size=options.size, seed=options.seed)


if __name__ == "__main__":
    main()

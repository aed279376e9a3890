"""Curves out of a sound, tools on them, and a look at them."""

import dataclasses
from fractions import Fraction
from typing import Any

from comfy_api.latest import io, ui

from ..sgvg_core.config import check_choice
from ..sgvg_core.curves import (
    DEFAULT_CURVES,
    SCALES,
    THEMES,
    Curve,
    CurveSet,
    SoundSource,
    analyse_sound,
    curves_at_frames,
    expanded,
    plot_curves,
    tools,
)
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation import Sound, label_curves
from . import host
from .adapters import hearing_model, images_from_uint8, naming, read_labels, to_sound
from .curve_wires import (
    CurvesWire,
    ResponseWire,
    alone,
    curve_input,
    curve_of,
    curve_outputs,
    curves_of,
    forms,
    fps_of,
    in_words,
    rate_of,
    response_of,
    set_of,
)
from .latent_files import fps_input
from .sockets import SHOWS, ModelWire

_GIVEN = ("bass", "mid", "treble", "loudness", "onset", "beat")
_WINDOWS_A_SECOND = Fraction(10)


class SoundCurves(io.ComfyNode):
    """Numbers over time."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SoundCurves",
            display_name="Sound Curves",
            category="SGVG/curves",
            description="What a sound does, a number a frame: loudness, onsets, beats, bands, chroma and more, and how much each of your words is "
            "heard. The whole file is analysed once; a cut of a song has the song's beats.",
            inputs=[
                io.Audio.Input("audio", tooltip="Any sound: Load Sound, or any other node that gives AUDIO. For stems, a node for each stem."),
                fps_input(" of the film: each curve has a number for each frame."),
                io.String.Input(
                    "names",
                    default="",
                    multiline=True,
                    placeholder="also: chroma, harmonic, percussive, centroid, beat_phase, downbeat, 80-120hz (empty: the usual ones)",
                    tooltip="Further curves by name, parted by commas: short_term, rms, low_mid, high, air, beat_phase, downbeat, bar_phase, tempo, "
                    "harmonic, percussive, centroid, rolloff, flatness, flux, chroma, cens, all, or a band such as 80-120hz.",
                ),
                io.Combo.Input(
                    "scale",
                    options=list(SCALES),
                    default="relative",
                    tooltip="relative: 0..1 between what is quiet and loud in the whole sound; absolute: 0..1 by fixed numbers, the same for every "
                    "sound; measured: LUFS, dB, Hz, BPM.",
                ),
                io.Int.Input("num_frames", display_name="frames", default=0, min=0, max=10_000_000, tooltip="How many frames; 0: as the sound has."),
                ModelWire.Input("model", optional=True, tooltip="From Load SGVG Model: hears the words. Only needed for those."),
                io.String.Input(
                    "words",
                    default="",
                    multiline=True,
                    optional=True,
                    placeholder="rain, a campfire, wind",
                    tooltip="How much each of these words is heard, as a curve a word; in each frame they sum to 1. Empty, with a model: none.",
                ),
            ],
            outputs=[
                CurvesWire.Output("curves", display_name="curves", tooltip="All curves and the beats: for Pick Curve, Curve Plot, Save Curves."),
                *[io.Float.Output(name, display_name=name, tooltip=f"The curve {name} as one list, a number a frame.") for name in _GIVEN],
                io.Int.Output("count", display_name="frames", tooltip="How many numbers each curve has."),
                io.Float.Output("tempo", display_name="tempo", tooltip="Beats a minute; 0 where no beat is found."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def execute(
        cls, audio: Any, fps: float = 25.0, names: str = "", scale: str = "relative", num_frames: int = 0, model: Any = None, words: str = ""
    ) -> io.NodeOutput:
        check_choice("scale", scale, SCALES)
        sound, rate, labels = to_sound(audio, "audio"), fps_of(fps), read_labels(words)
        with naming("names"):
            wanted = expanded([*_GIVEN, *DEFAULT_CURVES, *read_labels(names)])
        progress = host.HostProgress()
        with naming("audio"):
            analysis = analyse_sound(source_of(sound), wanted, progress=progress)
            start, seconds = (Fraction(0), None) if sound.path is None else (Fraction(sound.start), sound.seconds)
            count = num_frames or analysis.num_frames(rate, start, None if seconds is None else Fraction(seconds))
            made = curves_at_frames(analysis, rate, count, start=start, scale=scale)
        if labels:
            made = made.with_curves({**made.curves, **_heard(model, sound, labels, made)})
        page = host.page(in_words(made), cls.hidden.unique_id)
        return io.NodeOutput(made, *(made.curves[name].tolist() for name in _GIVEN), made.num_frames, made.tempo, ui=page)


def source_of(sound: Sound) -> SoundSource:
    """The whole source of a sound: its file, whatever cut of it is meant, or its samples."""
    if sound.path is not None:
        return SoundSource.from_file(sound.path, sound.track_number, tick=host.stop_if_cancelled)
    return SoundSource.from_waveform(sound.waveform, sound.sample_rate)  # type: ignore[arg-type]


def _heard(model: Any, sound: Sound, labels: tuple[str, ...], made: CurveSet) -> dict[str, Curve]:
    if model is None:
        raise ConfigError("words: they need a model that hears them; connect Load SGVG Model, or leave the words empty")
    ready = hearing_model(model).ready()
    with naming("words"):
        found = label_curves(ready, sound, labels, fps=made.fps, windows_a_second=_WINDOWS_A_SECOND, progress=host.HostProgress())
    return {name: curve.at(made.fps, made.num_frames) for name, curve in found.items()}


class PickCurve(io.ComfyNode):
    """One of several."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_PickCurve",
            display_name="Pick Curve",
            category="SGVG/curves",
            description="One curve by its name, in the forms that nodes of this and other packs take.",
            inputs=[
                CurvesWire.Input("curves", tooltip="From Sound Curves or Load Curves."),
                io.String.Input("name", default="bass", tooltip="A name that Sound Curves was asked for, such as bass, onset, chroma_c or a word."),
            ],
            outputs=[
                *curve_outputs(),
                CurvesWire.Output("curve", display_name="curve", tooltip="This curve alone, with the beats: for Curve Tools."),
            ],
        )

    @classmethod
    def execute(cls, curves: Any, name: str = "bass") -> io.NodeOutput:
        made = curves_of(curves)
        key = name.strip()
        if key not in made.curves:
            raise ConfigError(f"name: got {host.shown(name)}, but there are {', '.join(made.curves)}; ask Sound Curves for it")
        return io.NodeOutput(*forms(made.curves[key]), made.with_curves({key: made.curves[key]}))


class CurveTools(io.ComfyNode):
    """From one curve to another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        seconds = {"default": 0.0, "min": 0.0, "max": 60.0, "step": 0.01}
        number = {"min": -10_000.0, "max": 10_000.0, "step": 0.01}
        return io.Schema(
            node_id="SGVG_CurveTools",
            display_name="Curve Tools",
            category="SGVG/curves",
            description="Shapes a curve, from top to bottom: mix, smoothing, attack and release, gate, delay, beats, wander, response, inversion, "
            "range. Times are in seconds, so the same settings do the same at every frame rate.",
            inputs=[
                curve_input("curve", "The curve."),
                fps_input(" of lists; curves of this pack know their own."),
                curve_input("mix_with", "Another curve that is mixed in.", optional=True, display_name="mix with"),
                io.Float.Input("mix_share", display_name="mix share", default=0.5, min=0.0, max=1.0, step=0.01, tooltip="Share of the other curve."),
                io.Float.Input("smooth", tooltip="Smoothing, without delay: the standard deviation of a bell, in seconds.", **seconds),
                io.Float.Input("attack", tooltip="Time constant of rises, in seconds.", **seconds),
                io.Float.Input("hold", tooltip="How long a peak is held, in seconds.", **seconds),
                io.Float.Input("release", tooltip="Time constant of falls, in seconds.", **seconds),
                io.Float.Input("gate", tooltip="Below this the curve is 0. At its lowest: no gate.", **number, default=-10_000.0),
                io.Float.Input("delay", default=0.0, min=-60.0, max=60.0, step=0.01, tooltip="Seconds by which it comes later; negative: earlier."),
                io.Boolean.Input("on_beats", display_name="on beats", default=False, tooltip="Held from beat to beat. Needs curves with beats."),
                io.Float.Input("wander", default=0.0, min=0.0, max=10.0, step=0.01, tooltip="Adds a smooth seeded wander of up to this much."),
                io.Int.Input("wander_seed", default=0, min=0, max=2**63 - 1, control_after_generate=True, tooltip="Seed of the wander."),
                io.Boolean.Input("invert", default=False, tooltip="Upside down: 0 becomes 1 and 1 becomes 0."),
                io.Float.Input("from_low", display_name="from low", tooltip="This becomes to low; what is below is held.", **number, default=0.0),
                io.Float.Input("from_high", display_name="from high", tooltip="This becomes to high; what is above is held.", **number, default=1.0),
                io.Float.Input("to_low", display_name="to low", tooltip="The lowest value that comes out.", **number, default=0.0),
                io.Float.Input("to_high", display_name="to high", tooltip="The highest value that comes out.", **number, default=1.0),
                io.Combo.Input("shape", options=list(tools.SHAPES), default="linear", tooltip="What happens between lowest and highest."),
                ResponseWire.Input("response", optional=True, tooltip="A drawn response, 0..1 to 0..1, of newer ComfyUIs (CURVE)."),
            ],
            outputs=[*curve_outputs(), CurvesWire.Output("made", display_name="curve", tooltip="The curve with its rate and beats.")],
            is_input_list=True,
        )

    @classmethod
    def execute(cls, curve: Any, fps: Any = 25.0, mix_with: Any = None, response: Any = None, **given: Any) -> io.NodeOutput:
        settings = _ToolSettings(**{name: alone(value) for name, value in given.items()})
        known = alone(curve)
        made = curve_of(curve, rate_of(curve, fps), "curve")
        if alone(mix_with) is not None:
            other = curve_of(mix_with, made.rate, "mix_with", len(made))
            made = tools.mix([made, other], [1 - settings.mix_share, settings.mix_share])
        made = settings.applied(made, known.beats if isinstance(known, CurveSet) else (), response_of(response, "response"))
        whole = known.with_curves({made.name: made}) if isinstance(known, CurveSet) else CurveSet(made.rate, {made.name: made})
        return io.NodeOutput(*forms(made), whole)


@dataclasses.dataclass(frozen=True)
class _ToolSettings:
    """The widgets of Curve Tools."""

    mix_share: float = 0.5
    smooth: float = 0.0
    attack: float = 0.0
    hold: float = 0.0
    release: float = 0.0
    gate: float = -10_000.0
    delay: float = 0.0
    on_beats: bool = False
    wander: float = 0.0
    wander_seed: int = 0
    invert: bool = False
    from_low: float = 0.0
    from_high: float = 1.0
    to_low: float = 0.0
    to_high: float = 1.0
    shape: str = "linear"

    def applied(self, curve: Curve, beats: tuple[float, ...], response: Any) -> Curve:
        """The curve after all tools, in the order of the widgets."""
        made = tools.envelope(tools.smooth(curve, self.smooth), self.attack, self.hold, self.release)
        if self.gate > -10_000:
            made = tools.gate(made, self.gate)
        if self.delay:
            made = tools.delay(made, self.delay)
        if self.on_beats:
            if not beats:
                raise ConfigError("on_beats: this curve comes without beats; connect the curve of Pick Curve, of a sound in which beats are found")
            made = tools.quantise(made, beats)
        if self.wander:
            made = made + tools.wander(made.rate, len(made), seed=self.wander_seed, low=-self.wander, high=self.wander)
        return self._in_range(made, response)

    def _in_range(self, curve: Curve, response: Any) -> Curve:
        share = tools.remap(curve, self.from_low, self.from_high, shape=self.shape)
        if response is not None:
            share = tools.through_points(share, response)
        if self.invert:
            share = tools.invert(share)
        return tools.remap(share, 0, 1, self.to_low, self.to_high)


class CurvePlot(io.ComfyNode):
    """All of it in one picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_CurvePlot",
            display_name="Curve Plot",
            category="SGVG/curves",
            description="Waveform, curves, beats, seconds and frame numbers in one picture, to see what will move before the slow render.",
            inputs=[
                curve_input("curves", "What is drawn: all curves of Sound Curves, or one curve."),
                curve_input("second", "Another curve below, such as what Curve Tools made of it.", optional=True),
                curve_input("third", "One more.", optional=True),
                fps_input(" of lists; curves of this pack know their own."),
                io.Int.Input("width", default=900, min=400, max=4000, tooltip="Pixels of the picture; it can be read from 600 on."),
                io.Combo.Input("theme", options=list(THEMES), default="dark", tooltip="Dark or light ground."),
            ],
            outputs=[io.Image.Output("plot", display_name="plot", tooltip="The picture.")],
            is_input_list=True,
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, curves: Any, fps: Any = 25.0, width: Any = 900, theme: Any = "dark", second: Any = None, third: Any = None
    ) -> io.NodeOutput:
        made = set_of(curves, fps_of(fps), "curves")
        drawn = dict(made.curves)
        for wire, value in (("second", second), ("third", third)):
            if alone(value) is not None:
                added = set_of(value, made.fps, wire)
                drawn.update({_free(name, drawn): curve.at(made.fps, made.num_frames) for name, curve in added.curves.items()})
        image = plot_curves(made.with_curves(drawn), width=alone(width), theme=alone(theme))
        plot = host.to_host(images_from_uint8(image))
        return io.NodeOutput(plot, ui=ui.PreviewImage(plot, cls=cls))


def _free(name: str, taken: dict[str, Any]) -> str:
    """A name that isn't there yet."""
    return name if name not in taken else next(f"{name} {index}" for index in range(2, len(taken) + 3) if f"{name} {index}" not in taken)


NODES = [SoundCurves, PickCurve, CurveTools, CurvePlot]

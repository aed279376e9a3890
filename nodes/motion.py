"""What moves a walk besides the sound's meaning: curves on layers and on the walker's numbers, keyframes, loops; and what moved."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from comfy_api.latest import io

from ..sgvg_core.curves import Curve, smooth
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation import (
    BAND_DRIVES,
    RANGES,
    SNAPS,
    KeyframePlan,
    KeySource,
    LayerDrive,
    LoopSettings,
    Sound,
    StartSettings,
    Walk,
    curves_of_sound,
    curves_of_source,
    drive_layers,
    film_numbers,
    in_range,
    loop_walk,
    read_driven,
    read_key_lines,
    resolve_keyframes,
    sound_of_walk,
    spread_of,
)
from ..sgvg_core.latents import LatentWalk, start_of
from ..sgvg_core.motion import INTERPOLATIONS, DriftBound, DriftSettings, LoopWalk, TruncatedWalk
from ..sgvg_core.synthesis import mean_ws
from . import host
from .adapters import check_latents, drawing_model, expect, frames_from_images, hearing_model, naming, to_sound, walk_of
from .curve_wires import alone, curve_input, curve_of
from .sockets import FROM_ANY_MODEL, FROM_HEARING_MODEL, CentresWire, LatentWire, ModelWire, WalkWire

_LAYERS = ("coarse", "mid", "fine", "coarse+mid", "mid+fine", "coarse+mid+fine")
_MEASURES = ("loudness", "onset", "bass", "low_mid", "mid", "high", "air", "beat", "harmonic", "percussive")
_WALK_SAYS = "From Recurrent Walker, or another node of this kind."
_DIRECTION_SAYS = "pca and a number: a principal axis of what the generator paints, pca 0 the widest; seed and a number: towards that picture."
_STEMS = (("onset", "pca 1", "coarse"), ("bass", "pca 0", "coarse+mid"), ("loudness", "pca 2", "mid"), ("high", "pca 0", "fine"))


def _walk_output() -> Any:
    return WalkWire.Output("moved_walk", display_name="walk", tooltip="For synthesis, Walk Contact Sheet, or another node of this kind.")


def _strength(name: str, default: float, said: str) -> io.Input:
    return io.Float.Input(name, default=default, min=-20.0, max=20.0, step=0.1, tooltip=said)


def _sound_for(walk: LatentWalk, audio: Any, wire: str = "audio") -> Sound:
    """The sound of a wire, or else the walk's own. Raises ConfigError."""
    if audio is not None:
        return to_sound(audio, wire)
    sound = sound_of_walk(walk)
    if sound is None:
        raise ConfigError(f"{wire}: no sound moved this walk; connect one here")
    return sound


def _measured(sound: Sound, names: tuple[str, ...], walk: LatentWalk, seconds: float) -> dict[str, Curve]:
    """Curves of a sound at the walk's frames, 0..1, smoothed."""
    curves = curves_of_source(sound, names, host.HostProgress())
    return {name: smooth(curves.at(name, walk.fps, walk.num_frames), seconds) for name in names}


class BandsToLayers(io.ComfyNode):
    """Bass moves coarse, treble moves fine."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        bands = {"coarse": "bass (20 to 150 Hz)", "mid": "the middle (500 to 2000 Hz)", "fine": "treble (2 to 6 kHz)"}
        return io.Schema(
            node_id="SGVG_BandsToLayers",
            display_name="Bands to Layers",
            category="SGVG/motion",
            description="Bass moves the coarse layers, the middle the mid ones, treble the fine ones, on top of the walk: for generators of any "
            "number of latents.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                WalkWire.Input("walk", tooltip=_WALK_SAYS),
                *(
                    _strength(group, BAND_DRIVES[group][2], f"How far {said} moves the {group} layers, in spreads of the direction. 0: not at all.")
                    for group, said in bands.items()
                ),
                *(
                    io.String.Input(f"{group}_direction", display_name=f"{group} direction", default=BAND_DRIVES[group][1],
                                    tooltip=f"Where to. {_DIRECTION_SAYS}")
                    for group in bands
                ),
                io.Float.Input("smoothing", default=0.06, min=0.0, max=5.0, step=0.01, tooltip="Seconds over which each band is smoothed."),
                io.Audio.Input("audio", optional=True, tooltip="The sound whose bands these are. Open: the one that the walk hears."),
            ],
            outputs=[
                _walk_output(),
                *(io.Float.Output(f"{group}_curve", display_name=BAND_DRIVES[group][0], tooltip="The band, 0..1, one list with a number a frame.")
                  for group in bands),
            ],
        )

    @classmethod
    def execute(
        cls, model: Any, walk: Any, coarse: float = 2.5, mid: float = 1.0, fine: float = 2.5, coarse_direction: str = "pca 0",
        mid_direction: str = "pca 1", fine_direction: str = "pca 0", smoothing: float = 0.06, audio: Any = None,
    ) -> io.NodeOutput:
        handle, walked = drawing_model(model), walk_of(walk)
        check_latents(handle, walked)
        names = tuple(BAND_DRIVES[group][0] for group in BAND_DRIVES)
        found = _measured(_sound_for(walked, audio), names, walked, smoothing)
        said = zip(BAND_DRIVES, names, (coarse_direction, mid_direction, fine_direction), (coarse, mid, fine), strict=True)
        drives = [LayerDrive(found[name], direction, (group,), strength) for group, name, direction, strength in said if strength]
        with naming("direction"):
            moved = drive_layers(handle.ready_generator(), walked, drives, start_of(walked))
        return io.NodeOutput(moved, *(found[name].tolist() for name in names))


class StemDesk(io.ComfyNode):
    """Four stems, each its own direction and layers."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs: list[io.Input] = [ModelWire.Input("model", tooltip=FROM_ANY_MODEL), WalkWire.Input("walk", tooltip=_WALK_SAYS)]
        for number, (measure, direction, layers) in enumerate(_STEMS, start=1):
            inputs += [
                io.Combo.Input(f"measure_{number}", display_name=f"measure {number}", options=list(_MEASURES), default=measure,
                               tooltip=f"What of stem {number} moves the picture."),
                io.String.Input(f"direction_{number}", display_name=f"direction {number}", default=direction, tooltip=_DIRECTION_SAYS),
                io.Combo.Input(f"layers_{number}", display_name=f"layers {number}", options=list(_LAYERS), default=layers,
                               tooltip="Which layers: coarse is layout, mid shapes, fine light and colour."),
                io.Float.Input(f"strength_{number}", display_name=f"strength {number}", default=2.0, min=-20.0, max=20.0, step=0.1,
                               tooltip="How far, in spreads of the direction; below 0 the other way."),
            ]
        inputs += [io.Audio.Input(f"stem_{number}", display_name=f"stem {number}", optional=True,
                                  tooltip="One part of the music, such as drums, of a separation by another pack. Open: it moves nothing.")
                   for number in range(1, len(_STEMS) + 1)]
        inputs.append(io.Float.Input("smoothing", default=0.06, min=0.0, max=5.0, step=0.01, optional=True, tooltip="Seconds of smoothing."))
        return io.Schema(
            node_id="SGVG_StemDesk",
            display_name="Stem Desk",
            category="SGVG/motion",
            description="Up to four stems (drums, bass, voice, others), each of which moves its own layers in its own direction, on top of the walk.",
            inputs=inputs,
            outputs=[_walk_output()],
        )

    @classmethod
    def execute(cls, model: Any, walk: Any, smoothing: float = 0.06, **said: Any) -> io.NodeOutput:
        handle, walked = drawing_model(model), walk_of(walk)
        check_latents(handle, walked)
        drives = []
        for number in range(1, len(_STEMS) + 1):
            stem = said.get(f"stem_{number}")
            if stem is None:
                continue
            measure = said[f"measure_{number}"]
            curve = _measured(to_sound(stem, f"stem {number}"), (measure,), walked, smoothing)[measure]
            drives.append(LayerDrive(curve, said[f"direction_{number}"], tuple(said[f"layers_{number}"].split("+")), said[f"strength_{number}"]))
        if not drives:
            raise ConfigError("stem 1: got no stem at all; connect one sound to each stem that should move the picture")
        with naming("stems"):
            return io.NodeOutput(drive_layers(handle.ready_generator(), walked, drives, start_of(walked)))


class WalkNumbers(io.ComfyNode):
    """Curves on the walker's numbers."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        says = {
            "coarse": "Strength of the coarse block.",
            "mid": "Strength of the mid block.",
            "fine": "Strength of the fine block.",
            "step": "Size of all steps; waves, flames and leaves turn as much faster.",
            "beta": "Share of each new latent that is taken, 0..1.",
            "pull": "How fast the latent is drawn back to the start, per second.",
            "psi": "Truncation of each frame's latent: 1 leaves it, 0 is the average picture.",
            "centre": "Which of the centres psi draws towards, by number; between two of them in between.",
            "noise": "Strength of the generator's noise.",
            "noise_speed": "Speed of smooth noise.",
        }
        return io.Schema(
            node_id="SGVG_WalkNumbers",
            display_name="Walk Numbers",
            category="SGVG/motion",
            description="Numbers of a walk that change from frame to frame: by curves, or by a line such as mid=bass*1.5, pull=1-onset, whose names "
            "are curves of the walk's sound. And bounds that keep a long walk from drifting.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                WalkWire.Input("walk", tooltip="From Recurrent Walker."),
                io.String.Input("expressions", default="", multiline=True, placeholder="mid=bass*1.5, pull=1-onset",
                                tooltip="What is driven by what: names left of = as the sockets below; right of it numbers, curves of the sound "
                                "(bass, onset, loudness, beat, ...), + - * / ^, min, max, clip(x, low, high), smooth(x, s), delay(x, s)."),
                io.Float.Input("max_step", display_name="max step", default=0.0, min=0.0, max=1000.0, step=0.1,
                               tooltip="Bound of the walk's speed, in spreads of the generator's latents a second. 0: none."),
                io.Float.Input("max_distance", display_name="max distance", default=0.0, min=0.0, max=1000.0, step=0.05,
                               tooltip="Bound of the distance from the average picture, where the generator's own latents have about 1. 0: none."),
                io.Int.Input("axes", default=0, min=0, max=4096, tooltip="Number of principal axes that steps go along. 0: all directions."),
                *(curve_input(name, said, optional=True, display_name=name.replace("_", " ")) for name, said in says.items()),
                CentresWire.Input("centres", optional=True, tooltip="What psi draws towards. Open: the average picture."),
            ],
            outputs=[_walk_output()],
            is_input_list=True,
        )

    @classmethod
    def execute(
        cls, model: Any, walk: Any, expressions: Any = "", max_step: Any = 0.0, max_distance: Any = 0.0, axes: Any = 0, centres: Any = None,
        **curves: Any,
    ) -> io.NodeOutput:
        handle, walked = drawing_model(alone(model)), walk_of(alone(walk))
        check_latents(handle, walked)
        generator = handle.ready_generator()
        driven: dict[str, Any] = {}
        if str(alone(expressions)).strip():
            with naming("expressions"):
                driven.update(read_driven(str(alone(expressions)).replace("\n", " ")))
        given = {name: value for name, value in curves.items() if value is not None and name in RANGES}
        driven |= {name: curve_of(value, walked.fps, name, walked.num_frames) for name, value in given.items()}
        bounds = DriftSettings(float(alone(max_step)), float(alone(max_distance)), int(alone(axes)))
        spread = spread_of(generator) if bounds else None

        def change(origin: Walk) -> Walk:
            with naming("expressions"):
                source = curves_of_sound(origin.analysed.sound, driven, origin.fps, host.HostProgress())
                found = film_numbers(driven, source, origin.fps, origin.num_frames)
            bound = origin.bound if spread is None else DriftBound(spread, bounds, float(origin.walker.walk_rate))
            return dataclasses.replace(origin, numbers={**origin.numbers, **found}, bound=bound)

        changed = with_origin(walked, change, "Walk Numbers")
        numbers: Mapping[str, Curve] = changed.numbers
        if "psi" in driven or "centre" in driven:
            chosen = alone(centres)
            middle = mean_ws(generator) if chosen is None else chosen
            psi = numbers.get("psi") or Curve.constant(0.7, walked.fps, 1)
            return io.NodeOutput(TruncatedWalk(in_range("psi", psi), middle, numbers.get("centre"))(changed))
        return io.NodeOutput(changed)


def with_origin(walk: LatentWalk, change: Callable[[Walk], Walk], node: str) -> Any:
    """The walk of a sound, changed itself by `change`: it must come before whatever else changes it. Raises ConfigError, which names the `node`."""
    if not isinstance(walk, Walk):
        what = "a loop" if isinstance(walk, LoopWalk) else "a walk of latents" if not hasattr(walk, "walk") else "a walk that another node changed"
        raise ConfigError(f"walk: got {what}; put {node} right behind Recurrent Walker, and whatever else changes the walk after it")
    return change(walk)


class KeyframesNode(io.ComfyNode):
    """Pictures at moments."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_Keyframes",
            display_name="Keyframes",
            category="SGVG/motion",
            description="Carries a walk through keyframes: seeds, words, labels, pictures or latents at seconds, beats or bars. The sound moves it "
            "from where they are; with the Recurrent Walker's strengths at 0 the film shows the keyframes alone.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_HEARING_MODEL),
                WalkWire.Input("walk", tooltip="From Recurrent Walker."),
                io.String.Input("keyframes", multiline=True, default="0 bars: seed 7\n1 bar: seed 3, smooth\n2 bars: prompt a campfire at night\n",
                                tooltip="A line each: when (2.5 s, 3 beats, 1 bar), a colon, what (seed N, prompt WORDS, label LABEL, picture N, "
                                "latent 1 to 4 of the sockets below), and after a comma how the way to the next one is passed: linear, smooth, in, "
                                "out or hold."),
                io.Combo.Input("interpolation", options=list(INTERPOLATIONS), default="linear",
                               tooltip="linear: straight; slerp: on an arc about the average picture; cubic: the velocity never jumps."),
                io.Combo.Input("snap", options=[name or "none" for name in SNAPS], default="none",
                               tooltip="Moves each keyframe to the nearest half beat (with the swing of the music), beat or bar."),
                io.Int.Input("seed", default=0, min=0, max=0xFFFFFFFFFFFFFFFF, control_after_generate=True,
                             tooltip="Of the candidates among which words and labels choose, and that a picture's descent begins with."),
                io.Int.Input("num_candidates", display_name="num candidates", default=96, min=1, max=4096, tooltip="How many these are."),
                *(LatentWire.Input(f"latent_{number}", display_name=f"latent {number}", optional=True,
                                   tooltip=f"What a line says as latent {number}: from Start Latent, Image to Latent, Load Latents.")
                  for number in range(1, 5)),
                io.Image.Input("pictures", optional=True, tooltip="What lines say as picture 1, picture 2 and so on: one picture, or several as a "
                               "batch (Batch Images). The latents that show it are looked for by descent, in some seconds each."),
            ],
            outputs=[_walk_output()],
        )

    @classmethod
    def execute(
        cls, model: Any, walk: Any, keyframes: str, interpolation: str = "linear", snap: str = "none", seed: int = 0, num_candidates: int = 96,
        pictures: Any = None, **latents: Any,
    ) -> io.NodeOutput:
        handle, walked = hearing_model(model), walk_of(walk)
        check_latents(handle, walked)
        given = {f"latent {name[-1]}": expect(value, torch.Tensor, name.replace("_", " "), "Start Latent") for name, value in latents.items()
                 if value is not None}
        with naming("keyframes"):
            plan = KeyframePlan(read_key_lines(keyframes), interpolation, "" if snap == "none" else snap)
            missing = [str(key["latents"]) for key in plan.keys if "latents" in key and key["latents"] not in given]
            if missing:
                raise ConfigError(f"{missing[0]}: nothing is connected there; connect the output of Start Latent or Image to Latent")
            shown = _named_pictures(pictures, [str(key["picture"]) for key in plan.keys if "picture" in key])

        def change(origin: Walk) -> Walk:
            grid = None
            if plan.needs_beats:
                grid = curves_of_source(origin.analysed.sound, ("beat", "onset"), host.HostProgress()).grid()
            start = StartSettings(seed=seed, num_candidates=num_candidates)
            source = KeySource(handle.ready(), start, host.HostProgress(), given, shown)
            with naming("keyframes"), torch.inference_mode(False):  # a descent needs gradients
                keys = resolve_keyframes(plan, source, grid)
            return dataclasses.replace(origin, keys=keys, start_ws=keys.at(torch.zeros(1)))

        return io.NodeOutput(with_origin(walked, change, "Keyframes"))


def _named_pictures(pictures: Any, wanted: list[str]) -> dict[str, torch.Tensor]:
    """Each picture [1, 3, H, W] of an IMAGE as "picture 1", "picture 2", ... Raises ConfigError where one that's wanted isn't there."""
    if not wanted:
        return {}
    if pictures is None:
        raise ConfigError(f"{wanted[0]}: nothing is connected to pictures; connect an IMAGE, such as that of Load Image")
    images = frames_from_images(pictures, "pictures").cpu()
    named = {f"picture {number}": image[None].clone() for number, image in enumerate(images, start=1)}
    missing = [name for name in wanted if name not in named]
    if missing:
        raise ConfigError(f"{missing[0]}: pictures has {len(named)}; choose 1 to {len(named)}, or join more with Batch Images")
    return named


class SeamlessLoop(io.ComfyNode):
    """A loop of whole bars."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SeamlessLoop",
            display_name="Beat Lock Loop",
            category="SGVG/motion",
            description="Makes a loop of a walk: a number of whole bars of its sound, whose last frame leads on into the first. Put it right behind "
            "Recurrent Walker, Keyframes or Walk Numbers.",
            inputs=[
                WalkWire.Input("walk", tooltip="From Recurrent Walker, Keyframes or Walk Numbers."),
                io.Int.Input("bars", default=4, min=0, max=1024, tooltip="How many bars, from the first on. 0: seconds are given instead."),
                io.Float.Input("seconds", default=0.0, min=0.0, max=3600.0, step=0.01, tooltip="The first seconds of the sound, where bars is 0."),
                io.Float.Input("crossfade", default=0.0, min=0.0, max=60.0, step=0.01,
                               tooltip="Seconds over which the sound's end fades into what came before its beginning. 0: it's cut at the bar."),
            ],
            outputs=[
                _walk_output(),
                io.Audio.Output("audio", display_name="audio", tooltip="The sound of one pass, exactly as long as its frames."),
                io.Int.Output("num_frames", display_name="frames", tooltip="How many frames one pass has."),
            ],
        )

    @classmethod
    def execute(cls, walk: Any, bars: int = 4, seconds: float = 0.0, crossfade: float = 0.0) -> io.NodeOutput:
        walked = walk_of(walk)
        with naming("loop"):
            settings = LoopSettings(bars, 0.0 if bars else seconds, crossfade)
        made: Any = with_origin(walked, lambda origin: loop_walk(origin, settings, host.HostProgress()), "Beat Lock Loop")  # type: ignore[arg-type,return-value]
        audio = {"waveform": made.sound.waveform[None], "sample_rate": made.sound.sample_rate}
        return io.NodeOutput(made, audio, made.num_frames)


NODES = [BandsToLayers, StemDesk, WalkNumbers, KeyframesNode, SeamlessLoop]

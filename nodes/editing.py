"""Edits as values, and what they make of a latent, a walk or a video."""

import dataclasses
from fractions import Fraction
from typing import Any

import torch
from comfy_api.latest import InputImpl, io, ui

from ..sgvg_core.clock import num_frames, to_fps
from ..sgvg_core.config import check_choice
from ..sgvg_core.editing import (
    WAYS,
    Direction,
    Edit,
    ResolveSettings,
    StillWalk,
    Target,
    TargetPart,
    VideoEditSettings,
    apply_edits,
    edit_video,
    edited_walk,
    read_curve,
    read_layers,
    resolve_edits,
)
from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation import RenderSettings, Sound, Walk, analyse_sound, driven_render, read_prompts, sound_of_walk
from ..sgvg_core.media import contact_sheet
from . import host
from .adapters import (
    expect,
    frames_from_images,
    hearing_model,
    images_from_uint8,
    latents_shape,
    naming,
    one_number,
    to_sound,
    track_of,
    walk_of,
)
from .editing_inversion import fit_input, seed_input, video_inputs
from .latent_files import fps_input
from .sockets import FROM_HEARING_MODEL, SHOWS, AnyWalk, DirectionWire, EditsWire, LatentWire, MadeWalk, ModelWire, StoredWalk, WalkWire
from .walk import drawn, evenly

_SHOWN_FRAMES = 6
_films = host.MadeFiles("warm_steps", "smoothing", "detail", "side_by_side", "size", "fit", "seed", "start_seconds", "length_seconds")


class EditTarget(io.ComfyNode):
    """What a picture should become like."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        weight = {"default": 1.0, "min": -10.0, "max": 10.0, "step": 0.05}
        return io.Schema(
            node_id="SGVG_EditTarget",
            display_name="Edit Target",
            category="SGVG/editing",
            description="Says what a picture, a walk or a video should become like: a text, a sound, a picture, or several of them with weights; how "
            "strongly, in which layers, when and where. Several edits are joined by connecting one to the next.",
            inputs=[
                io.String.Input(
                    "text",
                    default="",
                    multiline=True,
                    placeholder="at night",
                    tooltip="Words, if the target is one: several are parted by semicolons or new lines, each with a weight after a colon if it "
                    "isn't 1, below 0 to lead away: 'rain; fog: -0.5'.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-10.0,
                    max=10.0,
                    step=0.05,
                    tooltip="0 changes nothing, 1 is what looks right, below 0 leads away from the target.",
                ),
                io.Combo.Input(
                    "way",
                    options=list(WAYS),
                    default="auto",
                    tooltip="scene: turn into another scene; attribute: change light, hour or strength within the scene; auto: by what is asked.",
                ),
                io.String.Input(
                    "layers",
                    default="",
                    placeholder="all that serve; or fine; or 0-5",
                    tooltip="Which latents are changed: coarse (layout), mid (shapes), fine (light and colour), or numbers such as 6-11. Empty: "
                    "those that serve the edit best.",
                ),
                io.String.Input(
                    "curve",
                    default="",
                    placeholder="constant; or loudness; or 0,1,0.5",
                    tooltip="What multiplies the strength over time: the name of a curve of the sound (loudness, onsets), or numbers spread evenly "
                    "from the first frame to the last. Empty: a sound is followed as it changes, everything else is constant.",
                ),
                io.Audio.Input("sound", optional=True, tooltip="A sound that the picture should fit. Over time it's followed moment by moment."),
                io.Float.Input("sound_weight", display_name="sound weight", optional=True, tooltip="How much the sound counts.", **weight),
                io.Image.Input("image", optional=True, tooltip="A picture that it should come to look like."),
                io.Float.Input("image_weight", display_name="image weight", optional=True, tooltip="How much the picture counts.", **weight),
                DirectionWire.Input("direction", optional=True, tooltip="From Direction, instead of a text, a sound or a picture."),
                io.Mask.Input("mask", optional=True, tooltip="Where the edit shows: outside the mask nothing changes. One, or one a frame."),
                io.Float.Input(
                    "curve_values",
                    display_name="curve values",
                    default=1.0,
                    optional=True,
                    force_input=True,
                    tooltip="A list of FLOATs with one a frame (such as Ramp gives), instead of the curve's text.",
                ),
                EditsWire.Input("more_edits", display_name="edits", optional=True, tooltip="From another Edit Target: what is changed too."),
            ],
            outputs=[EditsWire.Output("edits", display_name="edits", tooltip="For Apply Edit, Edit Video, and further Edit Targets.")],
            is_input_list=True,
        )

    @classmethod
    def execute(
        cls,
        text: Any = ("",),
        strength: Any = (1.0,),
        way: Any = ("auto",),
        layers: Any = ("",),
        curve: Any = ("",),
        sound: Any = (None,),
        sound_weight: Any = (1.0,),
        image: Any = (None,),
        image_weight: Any = (1.0,),
        direction: Any = (None,),
        mask: Any = (None,),
        curve_values: Any = None,
        more_edits: Any = ((),),
    ) -> io.NodeOutput:
        parts = [TargetPart("text", words, weight) for words, weight in read_prompts(text[0])]
        if sound[0] is not None:
            parts.append(TargetPart("sound", to_sound(sound[0], "sound"), one_number(sound_weight, "sound weight")))
        if image[0] is not None:
            parts.append(TargetPart("picture", frames_from_images(image[0], "image")[:1].cpu(), one_number(image_weight, "image weight")))
        led = None if direction[0] is None else expect(direction[0], Direction, "direction", "Direction")
        if bool(parts) == (led is not None):
            seen = "a direction with them" if parts else "no words, sound, picture or direction"
            raise ConfigError(f"target: got {seen}; write a text or connect a sound or a picture, or else a direction alone")
        check_choice("way", way[0], WAYS)
        with naming("layers"):
            chosen = read_layers(layers[0]) if layers[0].strip() else ()
        edit = Edit(
            target=Target(tuple(parts)) if parts else None,
            direction=led,
            strength=one_number(strength, "strength"),
            layers=chosen,
            curve=_curve(curve[0], curve_values),
            region=None if mask[0] is None else _mask(mask[0]),
            way=way[0],
        )
        return io.NodeOutput((*edits_of(more_edits[0], "edits"), edit))


def _curve(text: str, values: Any) -> Any:
    """What multiplies the strength: the list that is connected, else what the text says."""
    if values is not None:
        found = track_of(values, "curve values")
        return tuple(found) if isinstance(found, list) else found
    with naming("curve"):
        return read_curve(text) if text.strip() else None


def _mask(mask: Any) -> torch.Tensor:
    """ComfyUI's MASK as [1 or T, H, W] in 0..1. Raises ConfigError."""
    if not isinstance(mask, torch.Tensor) or mask.ndim not in (2, 3) or 0 in mask.shape:
        seen = list(mask.shape) if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise ConfigError(f"mask: got {seen}, expected [frames, height, width]; connect a MASK output")
    return (mask if mask.ndim == 3 else mask[None]).float().cpu().clamp(0, 1).clone()


def edits_of(value: Any, wire: str) -> tuple[Edit, ...]:
    """What an edits wire carries (`value`). Raises ConfigError."""
    found = value or ()
    if not isinstance(found, tuple) or not all(isinstance(each, Edit) for each in found):
        raise ConfigError(f"{wire}: got {type(value).__name__}; connect the output of Edit Target")
    return found


class ApplyEdit(io.ComfyNode):
    """Edits on a latent or a walk."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_ApplyEdit",
            display_name="Apply Edit",
            category="SGVG/editing",
            description="Changes a start latent (a picture of yours) or a whole walk (a film) as the edits say. A still can be held for as long as a "
            "sound lasts: then the picture follows the sound over time.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_HEARING_MODEL),
                io.MultiType.Input(
                    "latents",
                    types=[LatentWire, WalkWire],
                    tooltip="A start latent (Invert Picture, Start Latent, Load Latents) or a walk (Recurrent Walker, Invert Video, Style Mix).",
                ),
                EditsWire.Input("edits", tooltip="From Edit Target."),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="The sound over which a start latent is edited: the walk is as long as it, curves are its curves, and the film has it. "
                    "A walk keeps its own sound if nothing is connected.",
                ),
                fps_input(" of the walk that is made of a start latent."),
            ],
            outputs=[
                LatentWire.Output("edited_latent", display_name="start latent", tooltip="The edited still, or the first frame of an edited walk."),
                WalkWire.Output("walk", display_name="walk", tooltip="The edited walk, for Synthesis to Video, Style Mix and further edits."),
                io.Image.Output("picture", display_name="picture", tooltip="The edited still, or some frames of an edited walk."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def execute(cls, model: Any, latents: Any, edits: Any, audio: Any = None, fps: float = 25.0) -> io.NodeOutput:
        handle, asked = hearing_model(model), edits_of(edits, "edits")
        sound = None if audio is None else to_sound(audio, "audio")
        with torch.inference_mode(False):
            base, sound = _base(handle, latents, sound, one_number(fps, "fps"))
            found = resolve_edits(handle.ready(_SHOWN_FRAMES), asked, _first_latent(base), _settings(base, sound), host.HostProgress())
            walk = MadeWalk(edited_walk(base, found), sound)
            pictures = _look(handle, walk)
            first = apply_edits(_first_latent(base), [edit for edit in found if edit.region is None])
        shown = host.to_host(images_from_uint8(pictures))
        preview = host.to_host(images_from_uint8(contact_sheet(pictures, 3)))
        notes = dict.fromkeys(note for edit in found for note in (f"{edit.name}: {edit.way}" if edit.way else "", *edit.notes) if note)
        return io.NodeOutput(first, walk, shown, ui=host.page("\n".join(notes), cls.hidden.unique_id, ui.PreviewImage(preview, cls=cls)))


def _base(handle: host.HostModel, latents: Any, sound: Sound | None, fps: float) -> tuple[AnyWalk, Sound | None]:
    """What is edited as a trajectory, and the sound that it goes with. Raises ConfigError."""
    wanted = handle.generator.num_ws, handle.generator.w_dim
    if isinstance(latents, torch.Tensor):
        if latents.ndim != 3 or tuple(latents.shape[1:]) != wanted:
            raise ConfigError(f"latents: got shape {list(latents.shape)}, but {handle.name} takes {wanted[0]} latents of {wanted[1]}; use one model")
        with naming("fps"):
            exact = to_fps(fps)
        return StillWalk(latents[:1].cpu().clone(), _length(handle, sound, exact), exact), sound
    walk = walk_of(latents)
    if latents_shape(walk) != wanted:
        raise ConfigError(f"latents: a walk of {latents_shape(walk)[0]} latents, but {handle.name} takes {wanted[0]}; use one model for both nodes")
    return walk, sound or sound_of_walk(walk)


def _length(handle: host.HostModel, sound: Sound | None, fps: Fraction) -> int:
    """How many frames cover the sound; 1 without one."""
    if sound is None:
        return 1
    with naming("audio"):
        return num_frames(analyse_sound(sound, handle.model.mel, host.HostProgress()).duration, fps)


def _settings(base: AnyWalk, sound: Sound | None) -> ResolveSettings:
    return ResolveSettings(num_frames=base.num_frames, fps=base.fps, sound=sound)


def _first_latent(base: AnyWalk) -> torch.Tensor:
    """The latent of the first frame, [1, L, D]."""
    if isinstance(base, Walk):
        return base.start_ws.float().cpu().clone()
    if isinstance(base, StoredWalk | StillWalk):
        return base.ws[:1].float().cpu().clone()
    return next(iter(base))[:1].float().cpu().clone()


def _look(handle: host.HostModel, walk: MadeWalk) -> torch.Tensor:
    """The picture of a still, or a few frames of a walk, evenly over it, uint8 [N, H, W, 3]."""
    generator, render = handle.ready_generator(_SHOWN_FRAMES), driven_render(RenderSettings(), walk)
    wanted, chosen = evenly(walk, _SHOWN_FRAMES)
    shown, progress = [], host.HostProgress()
    for frame in drawn(generator, wanted, chosen, render):
        shown.append(frame)
        progress(len(shown), len(wanted), "frames", frame[0])
    return torch.cat(shown)


class EditVideo(io.ComfyNode):
    """VIDEO -> VIDEO."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_EditVideo",
            display_name="Edit Video",
            category="SGVG/editing",
            description="Changes your own video as the edits say, frame by frame, straight into a file with its own sound: as many frames as it had, "
            "none late, and memory doesn't grow with its length. What the generator can't draw of your video is kept where the edit allows it.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_HEARING_MODEL),
                io.Video.Input("video", tooltip="Your video, from Load Video: any frame rate, any size, turned or not."),
                EditsWire.Input("edits", tooltip="From Edit Target. Curves by name are curves of the video's own sound."),
                *video_inputs(),
                io.Float.Input(
                    "detail",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How much of what the generator can't draw of your video is put back, where the edit keeps the picture's structure.",
                ),
                io.Boolean.Input(
                    "side_by_side", display_name="side by side", default=False, tooltip="Show your video on the left, the edited one on the right."
                ),
                io.Int.Input(
                    "size",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Longer side of the film in pixels; 0: the generator's own.",
                ),
                fit_input("a frame"),
                seed_input(),
            ],
            outputs=[
                io.Video.Output("edited", display_name="video", tooltip="The finished video, for Save Video or Get Video Components."),
                io.String.Output("report", display_name="report", tooltip="How near the inversion came, and how the film moves next to your video."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> int:
        return _films.fingerprint(inputs)

    @classmethod
    def execute(
        cls,
        model: Any,
        video: Any,
        edits: Any,
        warm_steps: int = 16,
        smoothing: float = 0.06,
        start_seconds: float = 0.0,
        length_seconds: float = 0.0,
        detail: float = 1.0,
        side_by_side: bool = False,
        size: int = 0,
        fit: str = "crop",
        seed: int = 0,
    ) -> io.NodeOutput:
        handle, asked, path = hearing_model(model), edits_of(edits, "edits"), host.temporary_video()
        with torch.inference_mode(False):
            with naming("video"):
                source, start, seconds = host.video_file(video, start_seconds, length_seconds or None)
            settings = VideoEditSettings(
                side_by_side=side_by_side, seed=seed, fit=fit, size=size or None, warm_steps=warm_steps, start=start, seconds=seconds,
                smoothing=one_number(smoothing, "smoothing"), detail=one_number(detail, "detail"), metadata=host.graph_metadata(cls.hidden),
            )
            report = edit_video(handle.ready(2), source, path, edits=asked, settings=settings, progress=host.HostProgress())
        kept = dataclasses.asdict(settings)
        made = {"start_seconds": start_seconds, "length_seconds": length_seconds, "size": size}
        _films.add(cls.hidden, {**{name: kept[name] for name in kept if name not in ("start", "seconds", "metadata", "size")}, **made}, path)
        words = _report_in_words(report)
        page = host.page(words, cls.hidden.unique_id, ui.PreviewVideo([ui.SavedResult(path.name, "", io.FolderType.temp)]))
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), words, ui=page)


def _report_in_words(report: dict[str, Any]) -> str:
    """The figures of an edited video, in a few lines."""
    lines = [f"{report['num_frames']} frames, {report['seconds_a_frame']:.2f} s each; inverted at {report['psnr']:.1f} dB"]
    if report["tl"] is not None:
        lines.append(f"TL {report['tl']:.3f}, TG {report['tg']:.3f}")
    if report["change_ratio"] is not None:
        lines.append(f"change from frame to frame {report['change_ratio']:.2f} of yours")
    if report["lag_frames"] is not None:
        lines.append(f"lag {report['lag_frames']} frames")
    return "\n".join([*lines, *report["notes"]])


NODES = [EditTarget, ApplyEdit, EditVideo]

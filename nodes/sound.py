"""Sounds: from a file, as the encoder hears them, and what the joint space hears in them."""

from typing import Any

from comfy_api.latest import io, ui

from ..sgvg_core.errors import MediaError
from ..sgvg_core.generation import SoundLabels, analyse_sound, classify_sound, embed_sound, labels_of
from ..sgvg_core.media import SoundInfo, probe_sound
from . import host
from .adapters import file_audio, hearing_model, images_from_uint8, naming, read_labels, to_sound
from .plots import labels_plot
from .sockets import FROM_HEARING_MODEL, SHOWS, EmbeddingWire, ModelWire, SoundLatents, SoundLatentsWire

_FPS_WITHOUT_IMAGE = 25.0


class LoadSound(io.ComfyNode):
    """A sound file, or a cut of one."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_LoadSound",
            display_name="Load Sound",
            category="SGVG/sound",
            description="A sound file of any kind (wav, flac, mp3, ogg, opus, m4a, caf, the sound of a video), or a cut of one. The AUDIO output "
            "fits every node; this pack's nodes read the file itself, so that long sounds don't fill the memory and a video gets the original sound.",
            inputs=[
                # The ids "audio" and "audioUI" are those that ComfyUI's page looks for when it puts the player into the node.
                io.Combo.Input(
                    "audio",
                    options=host.sound_choices(),
                    upload=io.UploadType.audio,
                    tooltip="A file in ComfyUI's input folder; upload one or drop it on the node. Examples of this pack are under sgvg/.",
                ),
                io.Float.Input(
                    "start_seconds",
                    display_name="start seconds",
                    default=0.0,
                    min=0.0,
                    max=86_400.0,
                    step=0.01,
                    tooltip="Where the cut begins, in seconds from the start of the file.",
                ),
                io.Float.Input(
                    "length_seconds",
                    display_name="length seconds",
                    default=0.0,
                    min=0.0,
                    max=86_400.0,
                    step=0.01,
                    tooltip="How many seconds are taken; 0 takes all up to the end.",
                ),
                io.Int.Input(
                    "track",
                    default=0,
                    min=0,
                    max=64,
                    optional=True,
                    tooltip="Which of several sound tracks is taken, counted from 1. 0: the one that the file marks as the default, else the first.",
                ),
                # Last, since pages keep no value for it: the values of widgets after it would come back to others.
                io.Custom("AUDIO_UI").Input("audioUI", display_name="player", optional=True, tooltip="Plays the chosen file."),
            ],
            outputs=[
                io.Audio.Output("sound", display_name="audio", tooltip="The sound with all its channels, at its own sample rate."),
                io.Float.Output("fps", display_name="video fps", tooltip="The frame rate of a video file; 25 for a file without a picture."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def validate_inputs(cls, audio: str | None = None) -> bool | str:
        return audio is None or host.checked_name(host.sound_file, audio)

    @classmethod
    def fingerprint_inputs(
        cls, audio: str | None = None, start_seconds: Any = 0, length_seconds: Any = 0, audioUI: Any = None, track: Any = 0
    ) -> str:
        return host.file_key(host.sound_file, audio)

    @classmethod
    def execute(cls, audio: str, start_seconds: float, length_seconds: float, audioUI: Any = None, track: int = 0) -> io.NodeOutput:
        path = host.sound_file(audio)
        with naming("audio"):
            info = probe_sound(path, track or None)
        if info.exact and 0 < info.duration_seconds <= start_seconds:  # an estimate may be far too short
            raise MediaError(
                f"start_seconds: got {start_seconds}, but {audio} is over after {info.duration_seconds:.2f} s; choose an earlier start"
            )
        fps = _FPS_WITHOUT_IMAGE if info.fps is None else float(info.fps)
        sound = file_audio(path, start_seconds, length_seconds or None, info.sample_rate, track or None)
        return io.NodeOutput(sound, fps, ui=host.page(_in_words(info), cls.hidden.unique_id))


def _in_words(info: SoundInfo) -> str:
    """A sound file in one line."""
    seconds = f"{info.length_in_words}, " if info.length_in_words else ""
    tracks = "" if info.about_tracks is None else f"; {info.about_tracks}"
    film = "" if info.fps is None else f", video of {float(info.fps):.6g} frames a second"
    return f"{seconds}{info.num_channels} channel{'s' if info.num_channels != 1 else ''} at {info.sample_rate:,} Hz, {info.codec}{film}{tracks}"


class SoundInversionEncoderNode(io.ComfyNode):
    """E_a (paper Eq. 1) and F_a."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_SoundInversionEncoder",
            display_name="Sound Inversion Encoder",
            category="SGVG/sound",
            description="Hears a sound: each moment becomes an offset in the generator's latent space (for the Recurrent Walker), and the whole "
            "sound a point in the joint space of sound, picture and text (to choose a start by it).",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_HEARING_MODEL),
                io.Audio.Input("audio", tooltip="Any sound: Load Sound, or any other node that gives AUDIO. All channels are mixed to one."),
                io.Int.Input(
                    "batch_item",
                    display_name="batch item",
                    default=0,
                    min=0,
                    max=4095,
                    tooltip="Which sound is taken if the wire carries several (0 is the first).",
                ),
            ],
            outputs=[
                SoundLatentsWire.Output("sound_latents", display_name="sound latents", tooltip="What each moment means to the generator. Lazy."),
                EmbeddingWire.Output(
                    "sound_embedding", display_name="sound embedding", tooltip="What the whole sound means, in the space of images and texts."
                ),
                io.Float.Output("seconds", display_name="seconds", tooltip="How many seconds the sound has."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, model: Any, audio: Any, batch_item: int = 0) -> io.NodeOutput:
        handle = hearing_model(model)
        sound = to_sound(audio, "audio", batch_item)
        ready = handle.ready()
        progress = host.HostProgress()
        with naming("audio"):
            analysed = analyse_sound(sound, ready.mel, progress)
            embedding = None if ready.joint_space is None else embed_sound(ready, analysed, progress).float().cpu()
        page = host.page("\n".join(analysed.notes), cls.hidden.unique_id)
        return io.NodeOutput(SoundLatents(analysed, ready.sound_encoder, handle.name), embedding, float(analysed.duration), ui=page)


class Listen(io.ComfyNode):
    """What the joint space hears."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_Listen",
            display_name="Listen",
            category="SGVG/sound",
            description="Says what the model hears in a sound, as a whole and over time: which of nine landscapes, or which of your own words.",
            inputs=[
                ModelWire.Input("model", tooltip="From Load SGVG Model; one with a joint space."),
                io.Audio.Input("audio", tooltip="Any sound: Load Sound, or any other node that gives AUDIO."),
                io.String.Input(
                    "labels",
                    default="",
                    multiline=True,
                    placeholder="rain, a campfire, wind (empty: the model's own scenes)",
                    tooltip="Words to choose among, parted by commas or new lines. Empty: the scenes that the model was trained on.",
                ),
            ],
            outputs=[
                io.String.Output("text", display_name="text", tooltip="The labels with their probabilities, best first, then second by second."),
                io.Image.Output("plot", display_name="plot", tooltip="The probabilities over time as a picture."),
                io.String.Output("best", display_name="best label", tooltip="The label that fits best, for use in a prompt."),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, model: Any, audio: Any, labels: str = "") -> io.NodeOutput:
        handle = hearing_model(model)
        sound = to_sound(audio, "audio")
        ready = handle.ready()
        words, _ = labels_of(ready, read_labels(labels))
        with naming("audio"):
            analysed = classify_sound(ready, sound, words, host.HostProgress())
        best = "\n".join([*(f"{label.text}  {label.probability:.0%}" for label in analysed.labels[:3]), *analysed.notes])
        plot = host.to_host(images_from_uint8(labels_plot(analysed)))
        page = host.page(best, cls.hidden.unique_id, ui.PreviewImage(plot, cls=cls))
        return io.NodeOutput(_as_text(analysed), plot, analysed.labels[0].text, ui=page)


def _as_text(analysed: SoundLabels) -> str:
    lines = [] if analysed.sure else ["not sure: no label is clear"]
    lines += [f"{label.text}: {label.probability:.1%}" for label in analysed.labels]
    lines += [
        f"{segment.start:.1f}-{segment.end:.1f} s: {segment.labels[0].text} {segment.labels[0].probability:.1%}" for segment in analysed.segments
    ]
    return "\n".join(lines)


NODES = [LoadSound, SoundInversionEncoderNode, Listen]

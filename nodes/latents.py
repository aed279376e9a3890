"""The latent that a walk starts from: drawn, or chosen by words and sound (paper 4.5)."""

from typing import Any

import torch
from comfy_api.latest import io, ui

from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation import (
    Label,
    Prompt,
    RankedStarts,
    candidates_sheet,
    choose_start,
    drawn_label,
    random_start,
    read_label,
    read_prompts,
)
from . import host
from .adapters import drawing_model, expect, hearing_model, image_of, images_from_uint8, one_number
from .sockets import FROM_ANY_MODEL, SHOWS, CentresWire, EmbeddingWire, LatentWire, ModelWire

_BATCH = 8


def seed_input(drawn: str) -> io.Input:
    """The seed of what is `drawn`."""
    tooltip = f"The same seed draws the same {drawn} on every machine."
    return io.Int.Input("seed", default=0, min=0, max=0xFFFFFFFFFFFFFFFF, control_after_generate=True, tooltip=tooltip)


def psi_input(default: float = 1.0) -> io.Input:
    """Truncation psi."""
    return io.Float.Input(
        "truncation_psi",
        display_name="truncation psi",
        default=default,
        min=0.0,
        max=2.0,
        step=0.01,
        tooltip="Truncation: 1 keeps all variety, smaller values draw the latent towards the generator's average picture, or towards the nearest "
        "of the centres if they're connected. The bundled model wants 1; generators of photographs look best at about 0.7.",
    )


def centres_input() -> io.Input:
    """What psi draws to, if not the mean."""
    said = "From Truncation Centres or Load Latents: a truncation psi below 1 draws towards the nearest of them instead of the one mean picture."
    return CentresWire.Input("centres", optional=True, tooltip=said)


def class_label_input() -> io.Input:
    """The class of a conditional generator."""
    return io.String.Input(
        "class_label",
        display_name="class label",
        default="",
        optional=True,
        placeholder="class label, such as 3",
        tooltip="For generators that were trained with classes: the class's number, counted from 0, or a mix such as 3: 0.7, 5: 0.3. Empty: each "
        "candidate draws its own. Other generators (the bundled one too) have no use for it.",
    )


def _candidates_input(tooltip: str) -> io.Input:
    return io.Int.Input("num_candidates", display_name="num candidates", default=96, min=1, max=4096, tooltip=tooltip)


def _embedding_input(tooltip: str) -> io.Input:
    return EmbeddingWire.Input("sound_embedding", display_name="sound embedding", optional=True, tooltip=f"From Sound Inversion Encoder: {tooltip}")


class StartLatent(io.ComfyNode):
    """A start latent by its seed, and by the sound if one is connected."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_StartLatent",
            display_name="Start Latent",
            category="SGVG/latents",
            description="Draws the latent that a walk starts from. With a sound embedding connected, several are drawn and the one whose picture is "
            "nearest to the sound is taken, so that the film opens on the scene of the sound.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                seed_input("latents"),
                psi_input(),
                _candidates_input("How many latents are looked at when a sound embedding is connected; without one this has no effect."),
                _embedding_input("choose the start by the sound."),
                centres_input(),
                class_label_input(),
            ],
            outputs=[
                LatentWire.Output("start_latent", display_name="start latent", tooltip="For the Recurrent Walker."),
                io.Image.Output("picture", display_name="picture", tooltip="What the film begins with."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        seed: int,
        truncation_psi: float,
        num_candidates: int = 96,
        sound_embedding: torch.Tensor | None = None,
        centres: Any = None,
        class_label: str = "",
    ) -> io.NodeOutput:
        handle, truncation_psi = drawing_model(model), one_number(truncation_psi, "truncation psi")
        label, notes = label_for(handle, class_label)
        centres = centres_of(centres)
        if sound_embedding is None:
            handle.ready_generator()
            start_ws = random_start(handle.generator, seed, truncation_psi=truncation_psi, centres=centres, label=label)
            image, drawn = image_of(handle, start_ws), 0
        else:
            ranked = _choose(
                hearing_model(model),
                seed=seed,
                num_codes=num_candidates,
                truncation_psi=truncation_psi,
                sound_embed=sound_embedding,
                keep=1,
                centres=centres,
                label=label,
            )
            start_ws, image, drawn = ranked.best, host.to_host(images_from_uint8(ranked.images)), int(ranked.order[0])
        if handle.generator.c_dim and label is None:
            notes.append(f"class {drawn_label(seed, drawn, handle.generator.c_dim)}")
        page = host.page("\n".join(notes), cls.hidden.unique_id, ui.PreviewImage(image, cls=cls))
        return io.NodeOutput(start_ws, image, ui=page)


class TextConstraint(io.ComfyNode):
    """The text constraint of the paper (4.5)."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_TextConstraint",
            display_name="Text Constraint",
            category="SGVG/latents",
            description="Chooses the start latent by words: many are drawn, and the one whose picture is nearest to the prompt (and to the sound, if "
            "connected) is taken. The words decide where the film begins; the sound moves it from there.",
            inputs=[
                ModelWire.Input("model", tooltip="From Load SGVG Model; one with a joint space."),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    placeholder="a campfire at night",
                    tooltip="What the picture should show. Several prompts are parted by semicolons or new lines, each with a weight after a "
                    "colon if it isn't 1: 'night: 2; a campfire'.",
                ),
                io.String.Input(
                    "negative",
                    default="",
                    multiline=True,
                    placeholder="what it should not show",
                    tooltip="What the picture should not show; written as the prompt.",
                ),
                seed_input("candidates"),
                _candidates_input("How many latents are drawn and looked at. More fit better and take longer."),
                psi_input(),
                io.Int.Input("keep", default=8, min=1, max=64, tooltip="How many of the best candidates the picture shows."),
                _embedding_input("the sound has a say in the choice."),
                centres_input(),
                class_label_input(),
            ],
            outputs=[
                LatentWire.Output("start_latent", display_name="start latent", tooltip="The best candidate, for the Recurrent Walker."),
                io.Image.Output("candidates", display_name="candidates", tooltip="The best candidates in one picture, with rank, number and score."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        prompt: str,
        negative: str,
        seed: int,
        num_candidates: int,
        truncation_psi: float,
        keep: int = 8,
        sound_embedding: torch.Tensor | None = None,
        centres: Any = None,
        class_label: str = "",
    ) -> io.NodeOutput:
        handle, truncation_psi = hearing_model(model), one_number(truncation_psi, "truncation psi")
        prompts, negatives = read_prompts(prompt), read_prompts(negative)
        if not prompts and not negatives and sound_embedding is None:
            raise ConfigError("prompt: got no words; write some, such as 'a campfire at night', or connect a sound embedding")
        label, notes = label_for(handle, class_label)
        ranked = _choose(
            handle,
            seed=seed,
            num_codes=num_candidates,
            truncation_psi=truncation_psi,
            prompts=prompts,
            negatives=negatives,
            sound_embed=sound_embedding,
            keep=keep,
            centres=centres_of(centres),
            label=label,
        )
        if ranked.unknown_words:
            notes.append(f"never learned, so they had no say: {', '.join(ranked.unknown_words)}")
        sheet = host.to_host(images_from_uint8(candidates_sheet(ranked)))
        page = host.page("\n".join(notes), cls.hidden.unique_id, ui.PreviewImage(sheet, cls=cls))
        return io.NodeOutput(ranked.best, sheet, ui=page)


def label_for(handle: host.HostGenerator, text: str) -> tuple[Label | None, list[str]]:
    """The label in a node's field (`text`), and what the node says of it: a generator (in `handle`) without classes goes its way without one.

    Raises ConfigError.
    """
    label = read_label(text)
    if label is not None and not handle.generator.c_dim:
        return None, [f"{handle.name} knows no classes: class label {text.strip()} has no say"]
    return label, []


def centres_of(value: Any) -> torch.Tensor | None:
    """What the wire "centres" carries, if it's connected. Raises ConfigError."""
    return None if value is None else expect(value, torch.Tensor, "centres", "Truncation Centres")


def _choose(handle: host.HostModel, *, sound_embed: torch.Tensor | None, prompts: tuple[Prompt, ...] = (), **settings: Any) -> RankedStarts:
    """`choose_start` with the model's parts; `settings` are its arguments."""
    ready = handle.ready(batch=_BATCH)
    space = ready.joint_space
    if space is None:
        raise ConfigError(
            f"model: {handle.name} has no joint space, which choosing by words or sound needs; use another model, or Start Latent alone"
        )
    if sound_embed is not None and sound_embed.shape[-1] != space.embed_dim:
        raise ConfigError(
            f"sound embedding: got {sound_embed.shape[-1]} numbers, but {handle.name} takes {space.embed_dim}; use one model for both nodes"
        )
    return choose_start(ready.generator, space, prompts=prompts, sound_embed=sound_embed, batch=_BATCH, progress=host.HostProgress(), **settings)


NODES = [StartLatent, TextConstraint]

"""The latent that a walk starts from: drawn, or chosen by words and sound (paper 4.5)."""

from typing import Any

import torch
from comfy_api.latest import io, ui

from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation.start import random_start
from ..sgvg_core.generation.text_constraint import Prompt, RankedStarts, candidates_sheet, choose_start, read_prompts
from . import host
from .adapters import drawing_model, hearing_model, images_from_pictures, images_from_uint8, naming
from .sockets import EmbeddingWire, LatentWire, ModelWire

_SEED = {"default": 0, "min": 0, "max": 0xFFFFFFFFFFFFFFFF, "control_after_generate": True}
_PSI = {"default": 1.0, "min": 0.0, "max": 2.0, "step": 0.01}
_PSI_TOOLTIP = "Truncation: 1 keeps all variety, smaller values draw the latent towards the generator's average picture."
_BATCH = 8


class StartLatent(io.ComfyNode):
    """A start latent by its seed, and by the sound if one is connected."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_StartLatent",
            display_name="Start Latent",
            category="SGVG/latents",
            description="Draws the latent that a walk starts from. With a sound embedding connected, several are drawn and the one whose picture is "
            "nearest to the sound is taken, so that the film opens on the scene that is heard.",
            inputs=[
                ModelWire.Input("model", tooltip="From Load SGVG Model, Load StyleGAN, or Load Sound Encoder and Walker."),
                io.Int.Input("seed", tooltip="The same seed draws the same latents on every machine.", **_SEED),
                io.Float.Input("truncation_psi", display_name="truncation psi", tooltip=_PSI_TOOLTIP, **_PSI),
                io.Int.Input(
                    "num_candidates",
                    display_name="num candidates",
                    default=96,
                    min=1,
                    max=4096,
                    tooltip="How many latents are looked at when a sound embedding is connected; without one this has no effect.",
                ),
                EmbeddingWire.Input(
                    "sound_embedding",
                    display_name="sound embedding",
                    optional=True,
                    tooltip="From Sound Inversion Encoder: choose the start by the sound.",
                ),
            ],
            outputs=[
                LatentWire.Output("start_latent", display_name="start latent", tooltip="For the Recurrent Walker."),
                io.Image.Output("picture", display_name="picture", tooltip="What the film begins with."),
            ],
        )

    @classmethod
    def execute(
        cls, model: Any, seed: int, truncation_psi: float, num_candidates: int = 96, sound_embedding: torch.Tensor | None = None
    ) -> io.NodeOutput:
        handle = drawing_model(model)
        if sound_embedding is None:
            generator = handle.ready_generator()
            with naming("model"):
                start_ws = random_start(generator, seed, truncation_psi=truncation_psi)
            picture = images_from_pictures(generator.synthesis(start_ws.to(generator.w_avg.device)))
        else:
            ranked = _choose(hearing_model(model), seed, num_candidates, truncation_psi, sound_embedding=sound_embedding, keep=1)
            start_ws, picture = ranked.best, images_from_uint8(ranked.pictures[:1])
        picture = host.to_host(picture)
        return io.NodeOutput(start_ws, picture, ui=ui.PreviewImage(picture, cls=cls))


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
                    "colon if it "
                    "isn't 1: 'night: 2; a campfire'.",
                ),
                io.String.Input(
                    "negative",
                    default="",
                    multiline=True,
                    placeholder="what it should not show",
                    tooltip="What the picture should not show; written as the prompt.",
                ),
                io.Int.Input("seed", tooltip="The same seed draws the same candidates on every machine.", **_SEED),
                io.Int.Input(
                    "num_candidates",
                    display_name="num candidates",
                    default=96,
                    min=1,
                    max=4096,
                    tooltip="How many latents are drawn and looked at. More fit better and take longer.",
                ),
                io.Float.Input("truncation_psi", display_name="truncation psi", tooltip=_PSI_TOOLTIP, **_PSI),
                io.Int.Input("keep", default=8, min=1, max=64, tooltip="How many of the best candidates the picture shows."),
                EmbeddingWire.Input(
                    "sound_embedding",
                    display_name="sound embedding",
                    optional=True,
                    tooltip="From Sound Inversion Encoder: the sound has a say in the choice.",
                ),
            ],
            outputs=[
                LatentWire.Output("start_latent", display_name="start latent", tooltip="The best candidate, for the Recurrent Walker."),
                io.Image.Output("candidates", display_name="candidates", tooltip="The best candidates in one picture, with rank, number and score."),
            ],
            hidden=[io.Hidden.unique_id],
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
    ) -> io.NodeOutput:
        handle = hearing_model(model)
        prompts, negatives = read_prompts(prompt), read_prompts(negative)
        if not prompts and not negatives and sound_embedding is None:
            raise ConfigError("prompt: got no words; write some, such as 'a campfire at night', or connect a sound embedding")
        ranked = _choose(handle, seed, num_candidates, truncation_psi, prompts, negatives, sound_embedding, keep)
        if ranked.unknown_words:
            host.show_text(f"never learned, so they had no say: {', '.join(ranked.unknown_words)}", cls.hidden.unique_id)
        sheet = host.to_host(images_from_uint8(candidates_sheet(ranked)))
        return io.NodeOutput(ranked.best, sheet, ui=ui.PreviewImage(sheet, cls=cls))


def _choose(
    handle: host.HostModel,
    seed: int,
    num_candidates: int,
    truncation_psi: float,
    prompts: tuple[Prompt, ...] = (),
    negatives: tuple[Prompt, ...] = (),
    sound_embedding: torch.Tensor | None = None,
    keep: int = 8,
) -> RankedStarts:
    ready = handle.ready(batch=_BATCH)
    space = ready.joint_space
    if space is None:
        raise ConfigError(
            f"model: {handle.name} has no joint space, which choosing by words or sound needs; use another model, or Start Latent alone"
        )
    if sound_embedding is not None and sound_embedding.shape[-1] != space.embed_dim:
        raise ConfigError(
            f"sound embedding: got {sound_embedding.shape[-1]} numbers, but {handle.name} takes {space.embed_dim}; use one model for both nodes"
        )
    with naming("prompt"):
        return choose_start(
            ready.generator,
            space,
            seed=seed,
            num_codes=num_candidates,
            prompts=prompts,
            negatives=negatives,
            sound_embed=sound_embedding,
            keep=keep,
            truncation_psi=truncation_psi,
            batch=_BATCH,
            progress=host.HostProgress(),
        )


NODES = [StartLatent, TextConstraint]

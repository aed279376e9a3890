"""Truncation: latents drawn towards the mean, or towards the nearest of several centres."""

from typing import Any

import torch
from comfy_api.latest import io, ui

from ..sgvg_core.errors import ConfigError
from ..sgvg_core.generation import MAX_CENTRES, compute_centres, frames, truncate
from ..sgvg_core.media import contact_sheet
from ..sgvg_core.synthesis import mean_ws
from . import host
from .adapters import drawing_model, expect, image_of, images_from_uint8, one_number
from .latents import centres_input, centres_of, class_label_input, label_for, psi_input, seed_input
from .sockets import FROM_ANY_MODEL, SHOWS, CentresWire, LatentWire, ModelWire

_COLUMNS = 6
_MAX_SHOWN = 64


class TruncationCentres(io.ComfyNode):
    """Centres by k-means."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_TruncationCentres",
            display_name="Truncation Centres",
            category="SGVG/latents",
            description="Sorts a generator's latents into groups of like pictures and gives the centre of each. Truncation towards the nearest "
            "centre makes pictures cleaner and keeps their scene; towards the one mean of unlike scenes everything turns into a grey nothing.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                io.Int.Input(
                    "num_centres",
                    display_name="num centres",
                    default=16,
                    min=1,
                    max=MAX_CENTRES,
                    tooltip="How many groups: about as many as the generator has kinds of pictures, or some more. 1 is the mean.",
                ),
                io.Int.Input(
                    "num_codes",
                    display_name="num codes",
                    default=4000,
                    min=1,
                    max=1_000_000,
                    tooltip="How many latents are drawn and sorted. More are steadier and take longer.",
                ),
                seed_input("centres"),
                class_label_input(),
            ],
            outputs=[
                CentresWire.Output("found", display_name="centres", tooltip="For Start Latent, Text Constraint, Truncate Latent and Save Latents."),
                io.Image.Output("sheet", display_name="sheet", tooltip="What the centres look like, the one of the largest group first."),
            ],
            hidden=[io.Hidden.unique_id],
            **SHOWS,
        )

    @classmethod
    def execute(cls, model: Any, num_centres: int, num_codes: int, seed: int, class_label: str = "") -> io.NodeOutput:
        handle = drawing_model(model)
        label, notes = label_for(handle, class_label)
        generator, progress = handle.ready_generator(batch=4), host.HostProgress()
        centres = compute_centres(generator, num_centres, num_codes=num_codes, seed=seed, label=label, progress=progress)
        kept: list[torch.Tensor] = []
        shown = centres[:_MAX_SHOWN]
        for some in frames(generator, [shown]):
            kept.append(some)
            progress(sum(map(len, kept)), len(shown), "pictures", some[-1])
        if len(shown) < len(centres):
            notes.append(f"the first {len(shown)} of {len(centres)} are shown")
        sheet = host.to_host(images_from_uint8(contact_sheet(torch.cat(kept), min(_COLUMNS, len(shown)))))
        page = host.page("\n".join(notes), cls.hidden.unique_id, ui.PreviewImage(sheet, cls=cls))
        return io.NodeOutput(centres, sheet, ui=page)


class TruncateLatent(io.ComfyNode):
    """Truncation of any start latent."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_TruncateLatent",
            display_name="Truncate Latent",
            category="SGVG/latents",
            description="Draws a start latent towards the generator's mean picture, or towards the nearest of several centres: one from a file or "
            "a picture too, and only its first layers if you like, which keeps colours and texture.",
            inputs=[
                ModelWire.Input("model", tooltip=FROM_ANY_MODEL),
                LatentWire.Input(
                    "start_latent", display_name="start latent", tooltip="From Start Latent, Text Constraint, Load Latents or Image to Latent."
                ),
                psi_input(0.7),
                io.Int.Input(
                    "num_layers",
                    display_name="num layers",
                    default=0,
                    min=0,
                    max=64,
                    tooltip="How many of the first latents are drawn (the truncation cutoff): 0 draws all, 8 leaves colours and texture as they are.",
                ),
                centres_input(),
            ],
            outputs=[
                LatentWire.Output("truncated", display_name="start latent", tooltip="For the Recurrent Walker."),
                io.Image.Output("picture", display_name="picture", tooltip="What the film begins with."),
            ],
            **SHOWS,
        )

    @classmethod
    def execute(cls, model: Any, start_latent: Any, truncation_psi: float = 0.7, num_layers: int = 0, centres: Any = None) -> io.NodeOutput:
        handle = drawing_model(model)
        start_ws = expect(start_latent, torch.Tensor, "start latent", "Start Latent or Load Latents")
        generator = handle.generator
        if list(start_ws.shape[1:]) != [generator.num_ws, generator.w_dim]:
            raise ConfigError(
                f"start latent: got shape {list(start_ws.shape)}, but {handle.name} takes {generator.num_ws} latents of {generator.w_dim}; use one "
                "model for both nodes"
            )
        towards = centres_of(centres)
        if towards is None:
            towards = mean_ws(generator)
        truncated = truncate(start_ws, towards, one_number(truncation_psi, "truncation psi"), num_layers or None)
        handle.ready_generator()
        image = image_of(handle, truncated)
        return io.NodeOutput(truncated, image, ui=ui.PreviewImage(image, cls=cls))


NODES = [TruncationCentres, TruncateLatent]

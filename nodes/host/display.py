"""What is seen while nodes run and after: progress, cancel, texts and pictures on the page, the graph in a video file."""

import time
from typing import Any

import torch

_BAR_SECONDS, _PREVIEW_SECONDS = 0.1, 0.3
_PREVIEW_PIXELS = 512


def graph_metadata(hidden: Any) -> dict[str, Any]:
    """What a video file keeps of its graph, so that dropping the file on ComfyUI opens it; nothing with --disable-metadata."""
    from comfy.cli_args import args

    if args.disable_metadata or hidden is None:
        return {}
    found = {"prompt": getattr(hidden, "prompt", None), **(getattr(hidden, "extra_pnginfo", None) or {})}
    return {key: value for key, value in found.items() if value is not None}


def to_host(images: torch.Tensor) -> torch.Tensor:
    """Pictures, of any shape, where ComfyUI keeps them between nodes."""
    import comfy.model_management as management

    return images.to(management.intermediate_device())


def clip_vision_output(example: Any, image_embeds: torch.Tensor) -> Any:
    """ComfyUI's output of a CLIP vision model, with other image embeddings (`image_embeds` [1, D]) and all else as `example` has it."""
    from comfy.clip_vision import Output

    made = Output()
    for name, value in vars(example).items():
        made[name] = value
    made["image_embeds"] = image_embeds
    return made


def stop_if_cancelled() -> None:
    """Raise ComfyUI's own interrupt if the user pressed Cancel."""
    import comfy.model_management as management

    management.throw_exception_if_processing_interrupted()


def show_text(text: str, node_id: str | None) -> None:
    """Write a text into the node `node_id` on the page, where there is a page (None: there's none)."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if text and server is not None and node_id is not None:
        server.send_progress_text(text, node_id)


def page(text: str, node_id: str | None, preview: Any = None) -> dict[str, Any]:
    """What the node `node_id` leaves on the page when it's done, its `ui`: a text, and the picture or film of `preview` (None: there's none).

    The text is shown at once. It's kept with the result too, for web/node_pages.js: an empty one takes back what an earlier run said, and
    ComfyUI sends the results of its cache again.
    """
    show_text(text, node_id)
    return {**({} if preview is None else preview.as_dict()), "sgvg_text": [text]}


class HostProgress:
    """The core's progress as ComfyUI's bar: cancel at every call, ten updates and three preview pictures a second at the most."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._bar_at = self._preview_at = float("-inf")

    def check(self) -> None:
        """Stop if the user pressed Cancel: for work that can't say how far it is."""
        stop_if_cancelled()

    def __call__(self, done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        stop_if_cancelled()
        now = time.monotonic()
        if total is None or (now - self._bar_at < _BAR_SECONDS and done < total):
            return
        import comfy.utils

        self._bar = self._bar or comfy.utils.ProgressBar(total)
        shown = None
        if preview is not None and (now - self._preview_at >= _PREVIEW_SECONDS or done >= total):
            shown, self._preview_at = _as_preview(preview), now
        self._bar.update_absolute(done, total, shown)
        self._bar_at = now


def _as_preview(image: torch.Tensor) -> tuple[str, Any, int]:
    from PIL import Image

    return "JPEG", Image.fromarray(image.cpu().numpy()), _PREVIEW_PIXELS

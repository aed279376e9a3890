"""F_v and F_t of any model that open_clip knows, from a local file, a folder or the cache: the network only for "hf-hub:" names."""

import contextlib
import copy
import functools
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..config import MelConfig
from ..errors import CheckpointError, ConfigError
from .foreign_weights import ForeignWeights, fill, read_foreign, rename_state, why_quick_gelu
from .image_preparation import ImagePreparation
from .sound_tower import SoundTower

HUB_PREFIX = "hf-hub:"
_CONFIG_NAME = "open_clip_config.json"
_WEIGHT_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors", "open_clip_pytorch_model.bin",
                 "model.pt")
_TOKENIZER_SETTINGS = frozenset({"clean", "strip_sep_token", "language", "tokenizer_mode", "additional_special_tokens", "reduction_mask"})
"""What a folder may say about its tokenizer. open_clip would hand anything on, `trust_remote_code` too, which runs the folder's Python."""
_HUB_WEIGHT_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


_NO_SOUND = (
    "this CLIP model hears no sound: it has no sound tower (F_a); teach it one with `train joint-space --onto`, or use the bundled joint space"
)


class OpenClipSpace(nn.Module):
    """A space of unit vectors made by an open_clip model; `sound` is an F_a that was trained into it, None where there's none.

    `tokenizer` turns texts into tokens [P, context_length], `prepare` images into what the model takes; `notes` are what the user should hear
    about how the model was loaded.
    """

    def __init__(self, model: nn.Module, tokenizer: Callable[[list[str]], torch.Tensor], prepare: ImagePreparation, *,
                 notes: Sequence[str] = (), sound: SoundTower | None = None) -> None:
        super().__init__()
        self.clip: Any = model  # open_clip's networks have no common type
        self.tokenizer, self.prepare, self.sound = tokenizer, prepare, sound
        self.notes = tuple(notes)
        """What the user should hear about how the model was loaded, such as quick-GELU."""
        self.labels: tuple[str, ...] = ()
        self._mel: MelConfig | None = None

    @property
    def mel(self) -> MelConfig:
        """The spectrograms that F_a takes; raises ConfigError where no sound tower was given."""
        if self._mel is None:
            raise ConfigError(_NO_SOUND)
        return self._mel

    def hears(self, sound: SoundTower, mel: MelConfig, labels: Sequence[str] = ()) -> "OpenClipSpace":
        """Itself, with an F_a that was trained into it, the pictures that it takes, and the labels among which it names a sound."""
        self.sound, self._mel, self.labels = sound, mel, tuple(labels)
        return self

    @functools.cached_property
    def embed_dim(self) -> int:
        """E: how many numbers an embedding has."""
        with torch.no_grad():
            return int(self.embed_texts(["a"]).shape[1])

    @property
    def logit_scale(self) -> torch.Tensor:
        """What cosines are multiplied with before a softmax."""
        return self.clip.logit_scale.exp().reshape(())

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        """F_v: images [N, 3, H, W] in -1..1, of any size -> [N, E], unit length; differentiable."""
        return functional.normalize(self.clip.encode_image(self.prepare(images)), dim=-1)

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """F_t: texts -> [P, E], unit length."""
        device = self.clip.logit_scale.device
        return functional.normalize(self.clip.encode_text(self.tokenizer(list(texts)).to(device)), dim=-1)

    def embed_sounds(self, log_mel: torch.Tensor) -> torch.Tensor:
        """F_a: log-mel windows [S, 1, M, F] in 0..1 -> [S, E], unit length; raises ConfigError where no sound tower was given."""
        if self.sound is None:
            raise ConfigError(_NO_SOUND)
        return self.sound(log_mel)

    def unknown_words(self, texts: Sequence[str]) -> tuple[str, ...]:
        """No words: which words a foreign model learned isn't known."""
        return ()


def load_open_clip(model: str, weights: str | Path | None = None, *, quick_gelu: bool | None = None, cache_dir: str | Path | None = None,
                   sound: SoundTower | None = None) -> OpenClipSpace:
    """The space of one open_clip model, in float32 on the CPU, for evaluation.

    `model`: a name that open_clip knows ("ViT-B-32"), a folder with open_clip_config.json and its weights, or "hf-hub:owner/name",
    the one form that may use the network. `weights`: a file, or a pretrained tag ("openai", "laion2b_s34b_b79k") whose file is in
    open_clip's or the hub's cache already; None: those of the folder or the hub. `quick_gelu`: whether the network was trained with quick-GELU;
    None finds out and says it in `notes`. `cache_dir`: the folder of the hub's cache, None: its own choice. `sound`: an F_a trained into this
    space, or None. Raises ConfigError (unknown model) and CheckpointError (missing or unfit weights).
    """
    if model.startswith(HUB_PREFIX):
        model = str(_fetched(model.removeprefix(HUB_PREFIX), cache_dir))
    config, folder, image = _configuration(model)
    path, tag = _find_weights(model, folder, weights, cache_dir)
    image.update(_tag_settings(model, tag))
    stored = read_foreign(path)
    said = _quick_gelu(model, config, tag, stored) if quick_gelu is None else ("asked for" if quick_gelu else None)
    notes = (f"quick-GELU is used: {said}",) if said else ()
    network = _build({**config, "quick_gelu": bool(said)}, model)
    text_apart = hasattr(network, "text") and not any(name.startswith("text.") for name in stored.state)
    fill(network, rename_state(stored.state, text_apart), path)
    return OpenClipSpace(network, _tokenizer(model, config, folder, cache_dir), _preparation(network, image), notes=notes, sound=sound).eval()


def _fetched(repository: str, cache_dir: str | Path | None) -> Path:
    """The folder in the hub's cache with a model that the user named by its hub tag; what isn't there yet is fetched, and only then read."""
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    cache = None if cache_dir is None else str(cache_dir)
    try:
        folder = Path(snapshot_download(repository, cache_dir=cache, allow_patterns=["*.json", "*.txt", "*.model"]))
        for name in _HUB_WEIGHT_NAMES:
            with contextlib.suppress(EntryNotFoundError):
                hf_hub_download(repository, name, cache_dir=cache)
                return folder
    except (HFValidationError, OSError) as error:  # the hub's own errors are both network and file errors of the system
        raise CheckpointError(f"CLIP model {repository}: the hub didn't give it ({type(error).__name__}: {error}); check the name and the "
                              "connection, or name a local folder") from error
    raise CheckpointError(f"CLIP model {repository}: the hub gave none of {', '.join(_HUB_WEIGHT_NAMES)}; check the connection, or name an open_clip "
                          "model of the hub")


def _configuration(model: str) -> tuple[dict[str, Any], Path | None, dict[str, Any]]:
    """The network's configuration, its folder if it has one, and what is said about its pictures."""
    import open_clip

    folder = Path(model)
    if (folder / _CONFIG_NAME).is_file():
        try:
            stored = json.loads((folder / _CONFIG_NAME).read_text("utf-8"))
            return dict(stored.get("model_cfg", stored)), folder, dict(stored.get("preprocess_cfg", {}))
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(f"CLIP model: {folder / _CONFIG_NAME} isn't the JSON of an open_clip model") from error
    config = open_clip.get_model_config(model.replace("/", "-"))
    if config is None:
        near = [name for name in open_clip.list_models() if name.lower().startswith(model.lower()[:4])][:8]
        raise ConfigError(f"CLIP model: got {model!r}, expected a name that open_clip knows"
                          f"{' such as ' + ', '.join(near) if near else ''}, a folder with {_CONFIG_NAME}, or {HUB_PREFIX}owner/name")
    return config, None, {}


def _find_weights(model: str, folder: Path | None, weights: str | Path | None, cache_dir: str | Path | None) -> tuple[Path, str | None]:
    """The file of weights and, when they were named so, the pretrained tag. Looks at local places only."""
    import open_clip

    if weights is None:
        found = next((folder / name for name in _WEIGHT_NAMES if (folder / name).is_file()), None) if folder else None
        if found is None:
            tags = ", ".join(open_clip.list_pretrained_tags_by_model(model)[:6])
            raise CheckpointError(f"CLIP model {model}: name its weights, a local file{f' or a tag ({tags}) that is in the cache' if tags else ''}")
        return found, None
    if Path(weights).is_file():
        return Path(weights), None
    settings = open_clip.pretrained.get_pretrained_cfg(model.replace("/", "-"), str(weights))
    if not settings:
        raise CheckpointError(f"CLIP weights: {weights} is no file, and open_clip knows no such tag of {model}")
    path = next((place for place in _cached_places(settings, cache_dir) if place.is_file()), None)
    if path is None:
        hub = settings.get("hf_hub", "").rstrip("/")
        raise CheckpointError(f"CLIP weights: {model} / {weights} isn't in the cache, and nothing is fetched unasked; name a local file"
                              f"{f', or {HUB_PREFIX}{hub} as the model to fetch it' if hub.count('/') == 1 else ''}")
    return path, str(weights)


def _cached_places(settings: dict[str, Any], cache_dir: str | Path | None) -> Iterator[Path]:
    """Where open_clip would have put the weights of a tag."""
    if settings.get("url"):
        yield Path(cache_dir or Path.home() / ".cache" / "clip") / os.path.basename(settings["url"])
    if settings.get("hf_hub"):
        from huggingface_hub import try_to_load_from_cache

        repository, name = os.path.split(settings["hf_hub"])
        for file in (name,) if name else _HUB_WEIGHT_NAMES:
            found = try_to_load_from_cache(repository, file, cache_dir=None if cache_dir is None else str(cache_dir))
            if isinstance(found, str):
                yield Path(found)


def _tag_settings(model: str, tag: str | None) -> dict[str, Any]:
    """How pictures are prepared: as the tag says; without one, as the model's first known tag does."""
    import open_clip

    name = model.replace("/", "-")
    tags = [tag] if tag else open_clip.list_pretrained_tags_by_model(name)[:1]
    return dict(open_clip.pretrained.get_pretrained_cfg(name, tags[0]) or {}) if tags else {}


def _quick_gelu(model: str, config: dict[str, Any], tag: str | None, weights: ForeignWeights) -> str | None:
    """Why this network uses quick-GELU, or None."""
    if config.get("quick_gelu"):
        return "the model's configuration says so"
    if tag is not None:
        return f"the weights {tag!r} were trained with it" if _tag_settings(model, tag).get("quick_gelu") else None
    return why_quick_gelu(weights, _known_quick_gelu_files())


def _known_quick_gelu_files() -> dict[str, str]:
    """First digits of the SHA-256 of the files whose addresses hold it -> tag, for the tags that want quick-GELU."""
    import open_clip

    known = {}
    for name, tag in open_clip.list_pretrained():
        settings = open_clip.pretrained.get_pretrained_cfg(name, tag)
        url = settings.get("url", "")
        digits = url.split("/")[-2] if "openaipublic" in url else os.path.splitext(os.path.basename(url))[0].split("-")[-1]
        if settings.get("quick_gelu") and len(digits) >= 8 and all(digit in "0123456789abcdef" for digit in digits):
            known[digits] = f"{name} / {tag}"
    return known


def _build(config: dict[str, Any], model: str) -> nn.Module:
    """The network of a configuration, made directly from open_clip's classes: nothing is registered, nothing is fetched."""
    from open_clip.coca_model import CoCa
    from open_clip.model import CLIP, CustomTextCLIP

    config = copy.deepcopy(config)
    text, vision = config.get("text_cfg", {}), config.get("vision_cfg", {})
    apart = config.pop("custom_text", False) or "hf_model_name" in text
    if "hf_model_name" in text:
        text["hf_model_pretrained"] = False
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    kind: Callable[..., nn.Module] = CLIP if not apart else CoCa if "multimodal_cfg" in config else CustomTextCLIP
    try:
        with _offline(), _unasked("hf_model_name" in text), torch.random.fork_rng(devices=[]):  # its first numbers are replaced anyway
            return kind(**config)
    except Exception as error:
        raise ConfigError(f"CLIP model {model}: open_clip can't build it here ({type(error).__name__}: {error})") from error


def _tokenizer(model: str, config: dict[str, Any], folder: Path | None, cache_dir: str | Path | None) -> Callable[[list[str]], torch.Tensor]:
    import open_clip

    text = config.get("text_cfg", {})
    settings = dict(text.get("tokenizer_kwargs") or {}) if folder else {}
    if odd := sorted(set(settings) - _TOKENIZER_SETTINGS):
        raise ConfigError(f"CLIP model: {folder} asks for a tokenizer with {', '.join(map(repr, odd))[:200]}, which isn't taken from a file; known "
                          f"are {', '.join(sorted(_TOKENIZER_SETTINGS))}: take the others out of its {_CONFIG_NAME}")
    try:
        with _offline():
            if folder is None:
                return open_clip.get_tokenizer(model.replace("/", "-"), context_length=text.get("context_length"),
                                               **({} if cache_dir is None else {"cache_dir": str(cache_dir)}))
            length = text.get("context_length", 77)
            if text.get("hf_tokenizer_name"):
                return open_clip.tokenizer.HFTokenizer(str(folder), context_length=length, **settings, trust_remote_code=False)
            return open_clip.tokenizer.SimpleTokenizer(context_length=length, **settings)
    except Exception as error:
        raise CheckpointError(f"CLIP model {model}: its tokenizer isn't on this machine ({type(error).__name__}: {error}); "
                              f"name {HUB_PREFIX}owner/name to fetch it, or keep it in the model's folder") from error


def _preparation(network: nn.Module, image: dict[str, Any]) -> ImagePreparation:
    """How the network wants its pictures."""
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    size = getattr(network.visual, "image_size", None) or image.get("size", 224)
    return ImagePreparation(size, image.get("mean") or OPENAI_DATASET_MEAN, image.get("std") or OPENAI_DATASET_STD,
                              interpolation=image.get("interpolation") or "bicubic", resize_mode=image.get("resize_mode") or "shortest",
                              fill=image.get("fill_color") or 0)


@contextlib.contextmanager
def _set_to(module: Any, name: str, value: object) -> Iterator[None]:
    """A setting of a module for the time of the block; what it was comes back after it."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _unasked(needed: bool) -> contextlib.AbstractContextManager[None]:
    """transformers kept from asking at the terminal whether to run the Python that a text tower's folder brings: the answer is no."""
    if not needed:
        return contextlib.nullcontext()
    from transformers import dynamic_module_utils

    return _set_to(dynamic_module_utils, "TIME_OUT_REMOTE_CODE", 0)


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """The hub's client kept from the network for the time of the block."""
    from huggingface_hub import constants

    with _set_to(constants, "HF_HUB_OFFLINE", True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

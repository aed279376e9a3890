"""A small stand-in for the parts of ComfyUI that the nodes touch, so that their logic is tested where there's no ComfyUI.

Only names and behaviour that the pack uses; the real host is tested in test_pack_in_comfyui.py.
"""

import enum
import mimetypes
import types
from pathlib import Path
from typing import Any

import torch


class _Slot:
    def __init__(self, id: str, **options: Any) -> None:
        self.id, self.options = id, options


def _kind(name: str) -> Any:
    return type(name, (), {"Input": _Slot, "Output": _Slot})


class _ComfyNode:
    hidden = types.SimpleNamespace(unique_id="7", prompt={"1": "graph"}, extra_pnginfo={"workflow": {"nodes": []}})


class _NodeOutput:
    def __init__(self, *result: Any, ui: Any = None) -> None:
        self.result, self.ui = result, ui if ui is None or isinstance(ui, dict) else ui.as_dict()

    def __getitem__(self, index: int) -> Any:
        return self.result[index]


class Interrupted(BaseException):
    """ComfyUI's interrupt."""


class Patcher:
    """Remembers that it was asked to load."""

    def __init__(self, model: torch.nn.Module, load_device: torch.device, offload_device: torch.device) -> None:
        self.model, self.load_device, self.offload_device = model, load_device, offload_device


class StandIn:
    """The modules, and what they were asked to do."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.cancel_at: int | None = None
        self.updates: list[tuple[float, float, Any]] = []
        self.loads: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.checks = 0
        for kind in ("input", "output", "temp", "models"):
            (base / kind).mkdir(parents=True, exist_ok=True)

    def modules(self) -> dict[str, types.ModuleType]:
        """Name -> module, for sys.modules."""
        io = types.SimpleNamespace(
            ComfyNode=_ComfyNode,
            NodeOutput=_NodeOutput,
            Schema=lambda **fields: types.SimpleNamespace(**fields),
            Custom=_kind,
            UploadType=types.SimpleNamespace(audio="audio_upload"),
            FolderType=enum.Enum("FolderType", {"temp": "temp", "output": "output"}),
            Hidden=types.SimpleNamespace(unique_id="UNIQUE_ID", prompt="PROMPT", extra_pnginfo="EXTRA_PNGINFO"),
            **{name: _kind(name.upper()) for name in ("Combo", "Float", "Int", "String", "Boolean", "Audio", "Image", "Video", "Mask")},
            **{name: _kind(name.upper()) for name in ("Conditioning", "ClipVisionOutput")},
        )
        io.Input = _Slot
        io.MultiType = _kind("MULTI")
        ui = types.SimpleNamespace(
            PreviewImage=lambda images, cls=None: types.SimpleNamespace(as_dict=lambda: {"images": images}),
            PreviewVideo=lambda values: types.SimpleNamespace(as_dict=lambda: {"images": values}),
            SavedResult=lambda name, folder, kind: {"filename": name, "subfolder": folder, "type": kind.value},
        )
        latest = {"io": io, "ui": ui, "InputImpl": types.SimpleNamespace(VideoFromFile=lambda path: Path(path)), "ComfyExtension": object}
        found = {
            name: _module(name, **members)
            for name, members in {
                "comfy_api": {},
                "comfy_api.latest": latest,
                "comfy": {},
                "comfy.cli_args": {"args": types.SimpleNamespace(disable_metadata=False)},
                "comfy.model_management": self._management(),
                "comfy.model_patcher": {"ModelPatcher": Patcher},
                "comfy.utils": {"ProgressBar": self._bar()},
                "folder_paths": self._folder_paths(),
                "server": {"PromptServer": types.SimpleNamespace(instance=types.SimpleNamespace(send_progress_text=self._text))},
            }.items()
        }
        for name, module in found.items():
            if "." in name:
                setattr(found[name.split(".")[0]], name.split(".")[1], module)
        return found

    def _annotated(self, name: str) -> Path:
        return self.base / "output" / name.removesuffix(" [output]") if name.endswith(" [output]") else self.base / "input" / name

    def _save_path(self, prefix: str, folder: str) -> tuple[str, str, int, str, str]:
        path = Path(folder) / prefix
        path.parent.mkdir(parents=True, exist_ok=True)
        number = 1 + len(list(path.parent.glob(f"{path.name}_*")))
        return str(path.parent), path.name, number, str(Path(prefix).parent), prefix

    def _text(self, text: str, node_id: str) -> None:
        self.texts.append(text)

    def _management(self) -> dict[str, Any]:
        def check() -> None:
            self.checks += 1
            if self.cancel_at is not None and self.checks > self.cancel_at:
                raise Interrupted

        return {
            "get_torch_device": lambda: torch.device("cpu"),
            "unet_offload_device": lambda: torch.device("cpu"),
            "intermediate_device": lambda: torch.device("cpu"),
            "load_models_gpu": lambda patchers, **options: self.loads.append({"num": len(patchers), **options}),
            "throw_exception_if_processing_interrupted": check,
        }

    def _bar(self) -> Any:
        updates = self.updates

        class ProgressBar:
            def __init__(self, total: float) -> None:
                self.total = total

            def update_absolute(self, value: float, total: float | None = None, preview: Any = None) -> None:
                updates.append((value, total or self.total, preview))

        return ProgressBar

    def _folder_paths(self) -> dict[str, Any]:
        table: dict[str, tuple[list[str], set[str]]] = {}

        def add(name: str, folder: str, is_default: bool = False) -> None:
            paths, _ = table.setdefault(name, ([], set()))
            if folder not in paths:
                paths.append(folder)

        def of_kind(names: list[str], kinds: list[str]) -> list[str]:
            return [name for name in names if (mimetypes.guess_type(name)[0] or "").split("/")[0] in kinds]

        return {
            "models_dir": str(self.base / "models"),
            "folder_names_and_paths": table,
            "add_model_folder_path": add,
            "get_folder_paths": lambda name: list(table[name][0]),
            "get_filename_list": lambda name: sorted({file for folder, file in _weights(table[name])}),
            "get_full_path": lambda name, file: next((str(Path(folder) / file) for folder, each in _weights(table[name]) if each == file), None),
            "get_output_directory": lambda: str(self.base / "output"),
            "get_save_image_path": self._save_path,
            "get_input_directory": lambda: str(self.base / "input"),
            "get_temp_directory": lambda: str(self.base / "temp"),
            "filter_files_content_types": of_kind,
            "exists_annotated_filepath": lambda name: self._annotated(name).is_file(),
            "get_annotated_filepath": lambda name: str(self._annotated(name)),
        }


def _weights(category: tuple[list[str], set[str]]) -> list[tuple[str, str]]:
    """(folder, file in it) of a category, sub-folders included."""
    folders, endings = category
    found = [(folder, path) for folder in folders for path in sorted(Path(folder).rglob("*")) if path.suffix in endings]
    return [(folder, str(path.relative_to(folder))) for folder, path in found]


def _module(name: str, **members: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    if name in ("comfy", "comfy_api"):
        module.__path__ = []
    for key, value in members.items():
        setattr(module, key, value)
    return module

"""From the work folder of a model made of clips of one's own to a model folder with its card."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch

from ...assembly import BUNDLED, SoundModel, load_model
from ...atomic_files import temporary_folder
from ...checkpoints.source import checkpoint_sha256
from ...checkpoints.weights import read_weights, write_weights
from ...errors import CheckpointError
from ..runs.credits import Credits, credit_lines, credits_in, to_plain
from ..runs.history import HISTORY
from ..runs.model_card import commands_of, credits_of, write_recipe
from ..runs.settings import CONFIG_FILE
from . import joint_space as clip_joint_space
from . import labelled_sounds
from . import sgvg as clip_sgvg
from .joint_space import space_file

INPUTS = "inputs.json"
"""In the work folder: which generator, joint space and data E_a and the walker were learned with."""
NO_LICENCE = "Not stated. The licences of the data, the generator and the joint space decide; say it with `train export --licence`."
_STAGES = (("Joint space", clip_joint_space.FOLDER), ("Sound encoder and walker", clip_sgvg.FOLDER))


def inputs_of(generator: Path, joint_space: str) -> dict[str, str]:
    """Which generator and joint space a run is made with, as hashes: it isn't resumed with others.

    `joint_space` is a file, or a name as `open_space` takes it.
    """
    file = space_file(joint_space)
    return {"generator": checkpoint_sha256(generator), "joint_space": joint_space if file is None else checkpoint_sha256(file)}


def note_inputs(work: Path, data: Mapping[str, Any], generator: Path, joint_space: str, joint_space_name: str) -> None:
    """Remember for the export what a run is made with: `data` (hash, labels, numbers of clips), the generator's file, and the joint space
    as the user named it; `joint_space_name` is what the model card calls it.

    `joint_space` is a file, or a name as `open_space` takes it.
    """
    parts = {"generator": generator, "joint_space": space_file(joint_space)}
    files = {name: {"path": str(path.resolve()), "sha256": checkpoint_sha256(path)} for name, path in parts.items() if path is not None}
    work.mkdir(parents=True, exist_ok=True)
    (work / INPUTS).write_text(json.dumps({"data": dict(data), "files": files, "joint_space": joint_space_name}, indent=1) + "\n", encoding="utf-8")


def made_of_clips(work: Path) -> bool:
    """Whether a work folder holds a model made of clips, or of labelled sounds, of one's own."""
    return (work / INPUTS).exists()


def export_clip_model(work: Path, folder: Path, *, table: Path | None = None, licence: str | None = None) -> SoundModel:
    """Put the parts and MODEL_CARD.md into `folder`, check that they fit each other, and return the loaded model.

    `table` is a file of Markdown (or JSON) that `evaluate` wrote. Raises CheckpointError when a part is missing or isn't the one that the
    others were learned with.

    `licence` is what the card says of it (None: nothing).
    """
    about = _read_json(work / INPUTS)
    sources = {f"{part}.safetensors": work / f"{part}.safetensors" for part in ("sound_encoder", "walker")}
    for part, file in about["files"].items():
        path = Path(file["path"])
        if not path.exists() or checkpoint_sha256(path) != file["sha256"]:
            raise CheckpointError(f"{path}: isn't there any more, or isn't the {part} that the run was made with; bring it back")
        sources[f"{part}{path.suffix}"] = path
    missing = sorted(name for name, path in sources.items() if not path.exists())
    if missing:
        raise CheckpointError(f"{work}: has no {', '.join(missing)} yet; run `train sgvg` to its end first")
    said = table.read_text(encoding="utf-8") if table is not None else None
    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder) as whole:
        for name, path in sources.items():
            shutil.copyfile(path, whole / name)
        without_doubts(whole / "joint_space.safetensors", about["data"]["labels"])
        model = load_model(whole, "cpu")  # parts that don't fit each other leave nothing behind
        credits = credits_with(work, about)
        if credits:
            write_recipe(whole, {"recordings": to_plain(credits)})
        (whole / "MODEL_CARD.md").write_text(clip_model_card(work, whole, about, said, licence, credits=credits), encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for path in whole.iterdir():
            path.replace(folder / path.name)
    return model


def without_doubts(path: Path, labels: Sequence[str]) -> None:
    """Let a joint space of ours doubt no sound if it doesn't know all `labels`: what it takes for none of its scenes may be what the sound
    encoder of this model learned. `path` is rewritten; other files, and none, are left as they are. Raises CheckpointError."""
    if not path.exists():
        return
    stored = read_weights(path)
    if stored.config.get("sure_from") and not set(labels) <= set(stored.config.get("labels", ())):
        tensors = safetensors.torch.load_file(path)  # in the types that they're stored in
        write_weights(path, tensors, kind=stored.kind, config={**stored.config, "sure_from": 0.0}, extra=stored.extra)


def clip_model_card(work: Path, folder: Path, about: Mapping[str, Any], table: str | None, licence: str | None, credits: Credits) -> str:
    """The card: files, data with its hash, settings, commands, terms at the end, table, credits, licence. `about` is what `note_inputs` kept.

    `table` is Markdown (None: not measured yet), `licence` what the card says of it (None: nothing).
    """
    lines = [
        f"# {folder.name}",
        "",
        "A sound-to-video model after *Sound-Guided Semantic Video Generation* (ECCV 2022), made with the commands below.",
        "",
        *_files(folder),
        *_data(about),
        *_commands(work),
        *_settings(work),
        *_ends(work),
        *_fit(work),
        "## How well it works",
        "",
        (table or "Not measured yet: `python -m sgvg_core evaluate --model FOLDER`, then `train export` again with `--table FILE`.").strip(),
        "",
        *(["## Recordings", "", "Of parts that were taught before:", "", *credit_lines(credits)] if credits else []),
        "## Licence",
        "",
        licence or NO_LICENCE,
        "",
    ]
    return "\n".join(lines)


def _files(folder: Path) -> list[str]:
    rows = [f"| {path.name} | {path.stat().st_size / 1e6:.2f} MB | `{checkpoint_sha256(path)[:16]}` |" for path in sorted(folder.iterdir())
            if path.suffix in (".safetensors", ".pkl", ".pt", ".pth")]  # fmt: skip
    return ["| file | size | SHA-256 begins |", "|---|---|---|", *rows, ""]


def _data(about: Mapping[str, Any]) -> list[str]:
    data = about["data"]
    labels = ", ".join(data["labels"]) or "none"
    words = f"{data['train']} clips to train on and {data['test']} to test on; labels: {labels}."
    return ["## Data", "", words, "", f"Hash of the manifest: `{data['hash']}`. Joint space: {about['joint_space']}.", ""]


def _commands(work: Path) -> list[str]:
    """The commands that were run, each once."""
    path = work / HISTORY
    commands = commands_of([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else [])
    return ["## Commands", "", *(f"    {command}" for command in commands), ""] if commands else []


def credits_with(work: Path, about: Mapping[str, Any]) -> Credits:
    """Of the recordings that parts of the model were taught with before: those of the model folders that its parts come from.

    A fit to labelled sounds begins with the ears of the bundled model.

    `about` is what `note_inputs` kept.
    """
    folders = {Path(file["path"]).parent for file in about["files"].values()}
    if (work / labelled_sounds.FOLDER).exists():
        folders.add(BUNDLED)
    return {key: credit for folder in (work, *sorted(folders)) for key, credit in {**credits_of(folder), **credits_in(folder)}.items()}


def _settings(work: Path) -> list[str]:
    """The settings of each stage as its file holds them."""
    lines = []
    for name, stage in _STAGES:
        path = work / stage / CONFIG_FILE
        if path.exists():
            lines += [f"<details><summary>Settings: {name.lower()}</summary>", "", "```json", path.read_text(encoding="utf-8").strip(), "```", "",
                      "</details>", ""]  # fmt: skip
    return lines


def _ends(work: Path) -> list[str]:
    """The last line of each stage's log."""
    rows = []
    for name, stage in _STAGES:
        path = work / stage / "metrics.jsonl"
        entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
        told: dict[str, Any] = next((entry for entry in reversed(entries) if "loss" in entry), {})
        rows += [f"| {name} | {key} | {value:.4g} |" for key, value in told.items() if isinstance(value, int | float) and key != "seconds"]
    return ["## At the end", "", "| stage | number | value |", "|---|---|---|", *rows, ""] if rows else []


def _fit(work: Path) -> list[str]:
    """What a fit to labelled sounds said."""
    path = work / labelled_sounds.FOLDER / "report.json"
    return ["## The fit to labelled sounds", "", "```json", path.read_text(encoding="utf-8").strip(), "```", ""] if path.exists() else []


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: can't be read ({error}); run `train sgvg` again, which writes it") from error

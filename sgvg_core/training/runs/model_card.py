"""The card of a model that the procedural world taught, MODEL_CARD.md: written from the model's files and its recipe, never by hand.

`recipe.json` lies in the model folder and holds what no weights say: the commands that were run, the recordings with their credits, what was
measured, notes. `export` writes it from the work folder; `train card` writes the card of any such folder anew.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...atomic_files import atomic_write
from ...checkpoints import read_weights
from ...errors import CheckpointError, TrainingError
from .credits import Credits, credit_lines, from_plain, to_plain

CARD, RECIPE = "MODEL_CARD.md", "recipe.json"
MARK = "<!-- written by `python -m sgvg_core train card`; what is to change is changed in recipe.json -->"
"""The last line of a card that isn't anybody's own work."""
_WHAT = {
    "generator": "StyleGAN2, z {z_dim}, w {w_dim}, {img_resolution} px",
    "joint_space": "F_v, F_t, F_a into {embed_dim} dimensions",
    "sound_encoder": "E_a, {segment_rate:g} windows a second, texture over {texture_reach:g} s before and after",
    "walker": "three recurrent blocks, {walk_rate:g} steps a second",
    "joint_map": "what {num_codes} codes of the generator mean in the joint space, for edits",
    "judge": "kind and strength of a picture; measures only, in no loss",
}
_TAUGHT = (
    "**A renderer taught the generator.** Its code says which picture it means, so it learned by the difference from that picture; a "
    "discriminator judged detail alone, at the end. It isn't a GAN that learned from photographs, and it knows nothing but these scenes.",
    "**Sound encoder and walker are {after}.** In the warm-up the world's own answers teach them: the latent that belongs to a sound's scene and "
    "strength is known. That isn't the paper's training, which has only clips and a joint space; its losses (Eq. 3 and 9) {losses}.",
    "**The judge** learned from rendered pictures alone and is in no loss.",
)


def read_recipe(folder: Path) -> dict[str, Any]:
    """The recipe of a model folder; empty where it has none. Raises CheckpointError where it can't be read."""
    path = folder / RECIPE
    if not path.exists():
        return {}
    try:
        recipe = dict(json.loads(path.read_text(encoding="utf-8")))
        from_plain(recipe.get("recordings", {}))
        return recipe
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: can't be read as a model's recipe ({error}); get the file again") from error


def credits_of(folder: Path) -> Credits:
    """The credits that a model folder carries. Raises CheckpointError."""
    return from_plain(read_recipe(folder).get("recordings", {}))


def write_recipe(folder: Path, recipe: Mapping[str, Any]) -> None:
    """Write the recipe of a model folder whole or not at all."""
    with atomic_write(folder / RECIPE, TrainingError) as part:
        part.write_text(json.dumps(dict(recipe), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_card(folder: Path, *, more: Credits | None = None, tables: Sequence[str] = ()) -> Path:
    """Write the card of a model folder from its files and recipe.json; `more` credits and measured `tables` go into the recipe first.

    A card that somebody wrote is left as it is. Raises CheckpointError for a folder without a recipe.
    """
    recipe = read_recipe(folder)
    if not recipe:
        raise CheckpointError(f"{folder}: has no {RECIPE}, so nothing is known of how it was made; `train export` writes both")
    if more or tables:
        recipe["recordings"] = to_plain({**credits_of(folder), **(more or {})})
        recipe["tables"] = [*recipe.get("tables", []), *tables]
        write_recipe(folder, recipe)
    path = folder / CARD
    if not path.exists() or MARK in path.read_text(encoding="utf-8"):
        with atomic_write(path, TrainingError) as part:
            part.write_text(card_text(folder, recipe), encoding="utf-8")
    return path


def card_text(folder: Path, recipe: Mapping[str, Any]) -> str:
    """The card as Markdown. `recipe` is what recipe.json holds."""
    after = recipe.get("after", "warm-up")
    said = {"after": "those of the warm-up", "losses": "were not run after it"} if after == "warm-up" else {
        "after": "those after the paper's losses, which began with the warm-up's",
        "losses": "came after it: L_enc" + (", then D_V and D_I" if after == "critics" else ""),
    }
    said["losses"] = recipe.get("losses_said", said["losses"])
    lines = [
        f"# {folder.resolve().name}",
        "",
        recipe.get("about", _ABOUT),
        "",
        *_files(folder),
        "## What taught it",
        "",
        *(f"- {words.format(**said)}" for words in _TAUGHT),
        "",
        "## What it was trained on",
        "",
        *(f"- {words}" for words in recipe.get("data", ())),
        "",
        "## How",
        "",
        "One command a stage, each resumes after a kill; DIR is any folder, MODEL the model of the stages before.",
        "",
        *(f"    {command}" for command in commands_of(recipe.get("stages", ()))),
        "",
        *(f"- {note}" for note in recipe.get("notes", ())),
        *([""] if recipe.get("notes") else []),
        *recipe.get("losses", ()),
        "## How well it works",
        "",
        *(line for table in recipe.get("tables", ()) or [_NOT_MEASURED] for line in (table, "")),
        *_limits(recipe),
        "## Recordings",
        "",
        *(credit_lines(from_plain(recipe.get("recordings", {}))) or ["None: all sounds were synthesised.", ""]),
        "## Licence",
        "",
        recipe.get("licence", "Apache-2.0, as the pack."),
        "",
        MARK,
        "",
    ]
    return "\n".join(lines)


_ABOUT = "A sound-to-video model after *Sound-Guided Semantic Video Generation* (ECCV 2022), trained from nothing by the commands below."
_NOT_MEASURED = "Not measured yet: `python -m sgvg_core evaluate --model FOLDER > table.md`, then `train card FOLDER --table table.md`."


def _files(folder: Path) -> list[str]:
    rows, halves = [], True
    for path in sorted(folder.glob("*.safetensors")):
        stored = read_weights(path)
        numbers = sum(tensor.numel() for tensor in stored.state.values())
        halves = halves and path.stat().st_size < 3 * numbers
        what = _WHAT.get(stored.kind, stored.kind).format(**stored.config) + _further(stored.config)
        rows.append(f"| {path.name} | {what}; {numbers / 1e6:.2f} M numbers | {path.stat().st_size / 1e6:.1f} MB |")
    stored_as = ["All weights are stored as float16.", ""] if halves and rows else []
    return ["| file | what | size |", "|---|---|---|", *rows, "", *stored_as]


def _further(config: Mapping[str, Any]) -> str:
    """What not every part of its kind has."""
    smoothing = config.get("smoothing_seconds")
    return (", a clock" if config.get("clock") else "") + (f", what it hears smoothed over {smoothing:g} s" if smoothing else "")


def commands_of(stages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The commands of stages as `note_command` remembers them, each once, in their order."""
    seen: dict[str, None] = {}
    for entry in stages:
        options = "".join(
            f" --{name}" if value is True else f" --{name} {value}"
            for name, value in entry.items()
            if name not in ("stage", "recordings", "set") and value not in (None, False, "")
        )
        recordings = " --recordings RECORDINGS" if entry.get("recordings") else ""
        said = entry.get("set") or ()
        changes = "".join(f" --set {change}" for change in ([said] if isinstance(said, str) else said))
        seen[f"python -m sgvg_core train {entry['stage']} --work DIR{recordings}{options}{changes}"] = None
    return list(seen)


def _limits(recipe: Mapping[str, Any]) -> list[str]:
    limits = recipe.get("limits", ())
    return ["## What it can't do", "", *(f"- {words}" for words in limits), ""] if limits else []

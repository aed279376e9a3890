"""What people answered: means and intervals a method out of the files that the study's page gave."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ..paper.methods import BASELINES, OURS

FORMAT = "sgvg-study-1"
SCALES = ("realness", "consistency")
NAMES = {"real": "real clips", **{method.key: method.name for method in (OURS, *BASELINES)}}
_LARGEST_FILE = 2**24
_DRAWS = 1000


def read_answers(path: Path) -> dict[str, Any]:
    """One person's file, checked. Raises DataError."""
    try:
        data = json.loads(path.read_bytes()[:_LARGEST_FILE])
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror or error}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: this is no JSON ({error}); ask for the file again") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DataError(f"{path}: not a file of answers ({FORMAT}); give the files that the study's page made")
    if not all(isinstance(data.get(name), str) for name in ("study", "participant")) or not isinstance(data.get("answers"), list):
        raise DataError(f"{path}: names no study, person or answers; ask for the file again")
    for answer in data["answers"]:
        if not _is_answer(answer):
            raise DataError(f"{path}: an answer can't be read ({json.dumps(answer)[:200]}); ask for the file again")
    return data


def _is_answer(answer: Any) -> bool:
    if not isinstance(answer, dict) or answer.get("method") not in NAMES or not isinstance(answer.get("sound"), str):
        return False
    if answer.get("kind") == "choice":
        options = answer.get("options")
        return isinstance(options, list) and all(option in NAMES for option in options) and answer["method"] in options
    return answer.get("kind") == "rating" and all(type(answer.get(scale, 1)) is int and 1 <= answer.get(scale, 1) <= 5 for scale in SCALES)


def study_means(paths: Sequence[Path], seed: int = 0) -> dict[str, Any]:
    """Means a method with 95 % intervals: realness and consistency (1 .. 5), and naturalness, the share of choices.

    Intervals are by bootstrap over people (over answers where there's one person: what they'd say of other clips, not what others would).
    Raises DataError for files of different studies, or one person's twice.
    """
    files = [read_answers(path) for path in paths]
    studies, people = {file["study"] for file in files}, [file["participant"] for file in files]
    if len(studies) > 1:
        raise DataError(f"answers: got files of {len(studies)} studies ({', '.join(sorted(studies))}), expected files of one")
    if len(set(people)) < len(people):
        twice = next(one for one in people if people.count(one) > 1)
        raise DataError(f"answers: the file of participant {twice} is given twice; give each once")
    groups = [file["answers"] for file in files] if len(files) > 1 else [[answer] for answer in files[0]["answers"]]
    draws = np.random.default_rng(seed).integers(len(groups), size=(_DRAWS, len(groups))) if groups else np.zeros((0, 0), int)
    named = {method for file in files for answer in file["answers"] for method in (answer["method"], *answer.get("options", ()))}
    methods = [key for key in NAMES if key in named]
    rows = [{"key": key, "name": NAMES[key], **{name: _figure(groups, key, name, draws) for name in (*SCALES, "naturalness")}} for key in methods]
    return {"study": files[0]["study"], "num_people": len(files), "resampled": "people" if len(files) > 1 else "answers", "rows": rows}


def _figure(groups: Sequence[Sequence[dict[str, Any]]], method: str, name: str, draws: np.ndarray) -> dict[str, Any] | None:
    """Mean and interval from the sum and count of each group's values."""
    values = [[value for answer in group for value in _values(answer, method, name)] for group in groups]
    sums, counts = np.array([sum(some) for some in values], float), np.array([len(some) for some in values])
    if not counts.sum():
        return None
    drawn = counts[draws].sum(1)
    means = (sums[draws].sum(1) / np.maximum(drawn, 1))[drawn > 0]
    low, high = np.percentile(means, [2.5, 97.5])
    value = round(float(sums.sum() / counts.sum()), 3)
    return {"value": value, "interval": [round(float(low), 3), round(float(high), 3)], "answers": int(counts.sum())}


def _values(answer: dict[str, Any], method: str, name: str) -> list[float]:
    """What an answer says of a method on a scale: nothing, or one number."""
    if name == "naturalness":
        return [float(answer["method"] == method)] if answer["kind"] == "choice" and method in answer["options"] else []
    return [float(answer[name])] if answer["kind"] == "rating" and answer["method"] == method and name in answer else []


def format_study(found: dict[str, Any]) -> str:
    """The means as a Markdown table."""
    people = "1 person" if found["num_people"] == 1 else f"{found['num_people']} people"
    lines = [f"{people}, study {found['study']}; in brackets 95 % intervals by bootstrap over {found['resampled']}.", ""]
    lines += ["| clips | realness (1 to 5) | consistency (1 to 5) | naturalness (share of choices) |", "|---|---|---|---|"]
    for row in found["rows"]:
        cells = [_cell(row[name], name) for name in (*SCALES, "naturalness")]
        lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(figure: dict[str, Any] | None, name: str) -> str:
    if figure is None:
        return "-"
    form = "{:.0%}" if name == "naturalness" else "{:.2f}"
    low, high = figure["interval"]
    return f"{form.format(figure['value'])} ({form.format(low)} to {form.format(high)})"

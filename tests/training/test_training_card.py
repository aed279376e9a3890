"""The model card: written from files and recipe alone, with the credits of every recording that was learned from."""

import json

import pytest
import torch

from sgvg_core.assembly import BUNDLED
from sgvg_core.cli import main
from sgvg_core.errors import CheckpointError, DataError
from sgvg_core.media import write_wav
from sgvg_core.training.runs.credits import (
    Credit,
    credit_lines,
    credits_in,
    keep_credits,
    learned_from,
    note_recordings,
    read_credits,
)
from sgvg_core.training.runs.model_card import (
    CARD,
    MARK,
    RECIPE,
    card_text,
    commands_of,
    credits_of,
    read_recipe,
    write_card,
    write_recipe,
)

TABLE = """# Sounds

| scene | file | s | by | licence | source |
|---|---|---|---|---|---|
| raining | wind.wav | 1 | Ada B. | CC BY 4.0 | somewhere 1 |
| wind_noise | wind.wav | 1 | Bo; Cy | CC0 | somewhere 2, "wind" |
| raining | desert-wind.wav | 1 | Di | CC BY 3.0 | somewhere 3 |

## More

| file | author | license |
|---|---|---|
| drops-1-77-A.wav | Ed | CC0 |
"""


def recordings(folder, names, text=TABLE, credits="CREDITS.md"):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, torch.zeros(1, 400), 8000)
    (folder / credits).write_text(text, encoding="utf-8")
    return [folder / name for name in names]


def test_each_file_has_its_own_line_by_scene_and_whole_name(tmp_path):
    names = ["raining/wind.wav", "wind_noise/wind.wav", "raining/desert-wind.wav", "raining/drops-1-77-A.wav", "raining/nobody.wav"]
    found = read_credits(tmp_path, recordings(tmp_path, names))
    assert [found[name].by for name in names] == ["Ada B.", "Bo; Cy", "Di", "Ed", "not known"]
    assert found["wind_noise/wind.wav"] == Credit("Bo; Cy", "CC0", 'somewhere 2, "wind"')
    lines = credit_lines(found)
    assert lines[0].startswith("5 real recordings were learned from (2 CC0, 1 CC BY 3.0, 1 CC BY 4.0, 1 not known)")
    assert "| raining/desert-wind.wav | Di | CC BY 3.0 | somewhere 3 |" in lines


@pytest.mark.parametrize("name", ["CREDITS", "CREDITS.txt"])
def test_other_names_of_the_file_are_read_too(tmp_path, name):
    assert read_credits(tmp_path, recordings(tmp_path, ["raining/wind.wav"], credits=name))["raining/wind.wav"].by == "Ada B."


def test_credits_that_cannot_be_read_are_an_error_with_the_file(tmp_path):
    paths = recordings(tmp_path, ["raining/wind.wav"])
    (tmp_path / "CREDITS.md").write_bytes(b"| file | by |\n| \xff\xfe | x |")
    with pytest.raises(DataError, match=r"CREDITS\.md: can't be read .*mend it as UTF-8"):
        read_credits(tmp_path, paths)


def test_a_stage_notes_what_it_learns_from_and_forgets_nothing(tmp_path):
    first, second, work = tmp_path / "first", tmp_path / "second", tmp_path / "work"
    recordings(first, [f"raining/{letter}.wav" for letter in "abcde"] + ["wind_noise/wind.wav"])
    recordings(second, [f"wind_noise/{letter}.wav" for letter in "fghi"] + ["wind_noise/wind.wav"])
    assert {path.parent.name for path in learned_from(first)} == {"raining"}  # of wind there's one place: it isn't learned from
    note_recordings(work, first)
    note_recordings(work, second)
    assert len(credits_in(work)) == 10
    assert credits_in(work)["wind_noise/wind.wav"].by == "Bo; Cy"
    keep_credits(work, {"raining/a.wav": Credit("Ada", "CC BY", "x")})
    assert (len(credits_in(work)), credits_in(work)["raining/a.wav"].by) == (10, "Ada")


def test_what_earlier_versions_noted_is_read(tmp_path):
    row = "| raining | a.wav | 5.0 | Ada | CC BY | somewhere |"
    (tmp_path / "recordings_used.json").write_text(json.dumps({"header": [], "rows": {"raining/a.wav": row}}))
    assert credits_in(tmp_path) == {"raining/a.wav": Credit("Ada", "CC BY", "somewhere")}


def test_the_bundled_card_is_what_its_recipe_and_files_say():
    card = (BUNDLED / CARD).read_text(encoding="utf-8")
    assert card == card_text(BUNDLED, read_recipe(BUNDLED))
    assert card.endswith(MARK + "\n")


def test_the_bundled_card_credits_every_recording():
    card, credits = (BUNDLED / CARD).read_text(encoding="utf-8"), credits_of(BUNDLED)
    assert len(credits) >= 88
    for key, credit in credits.items():
        assert f"| {key} | {credit.by} | {credit.licence} | {credit.source} |" in card
        assert credit.by != "not known"
        assert credit.licence in ("CC0", "public domain", "MIT") or credit.licence.startswith(("CC-BY", "CC BY", "CC0")), key
    assert f"{len(credits)} real recordings were learned from" in card


def test_the_bundled_card_says_plainly_what_taught_what():
    card = (BUNDLED / CARD).read_text(encoding="utf-8")
    assert "A renderer taught the generator" in card
    assert "Sound encoder and walker are those of the warm-up" in card
    assert "stand-ins: frame interpolation" in card
    assert "costs `listen` more than films" in card


@pytest.mark.slow
def test_every_command_of_the_bundled_recipe_is_one_of_todays():
    from sgvg_core.cli.main import build_parser
    from sgvg_core.cli.train import _settings

    for command in commands_of(read_recipe(BUNDLED)["stages"]):
        options = build_parser().parse_args(command.split()[3:])
        _settings(options)  # names and values of --set


def test_the_command_writes_a_card_anew_with_more_credits_and_a_table(tmp_path, tiny_model, capsys):
    from sgvg_core.assembly import save_model
    from sgvg_core.presets import TINY

    save_model(tmp_path / "mine", tiny_model, TINY)
    with pytest.raises(CheckpointError, match=r"has no recipe\.json"):
        write_card(tmp_path / "mine")
    write_recipe(tmp_path / "mine", {"stages": [{"stage": "walk", "minutes": "3", "set": ["walk.encoder_rate=0.001"], "clips": None}]})
    recordings(tmp_path / "real", [f"raining/{letter}.wav" for letter in "abcd"] + ["raining/desert-wind.wav"])
    (tmp_path / "table.md").write_text("| films |\n|---|\n| ours |\n")
    words = ["--recordings", str(tmp_path / "real"), "--table", str(tmp_path / "table.md")]
    assert main(["train", "card", str(tmp_path / "mine"), *words]) == 0
    card = (tmp_path / "mine" / CARD).read_text()
    assert "    python -m sgvg_core train walk --work DIR --minutes 3 --set walk.encoder_rate=0.001\n" in card
    assert "| raining/desert-wind.wav | Di | CC BY 3.0 | somewhere 3 |" in card
    assert "| ours |" in card
    assert main(["train", "card", str(tmp_path / "mine")]) == 0  # again, without anything new: the same
    assert (tmp_path / "mine" / CARD).read_text() == card
    (tmp_path / "mine" / CARD).write_text("my own words")
    write_card(tmp_path / "mine")
    assert (tmp_path / "mine" / CARD).read_text() == "my own words"
    (tmp_path / "mine" / RECIPE).write_text("{")
    assert main(["train", "card", str(tmp_path / "mine")]) == 2
    assert "recipe.json: can't be read as a model's recipe" in capsys.readouterr().err

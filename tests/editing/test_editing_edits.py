"""Edits as text and as values: what's read is what was written, and what's wrong is named."""

import json
from fractions import Fraction

import pytest
import torch

from sgvg_core.editing import (
    Direction,
    Edit,
    EditedWalk,
    LinearShift,
    ResolvedEdit,
    StillWalk,
    Target,
    apply_edits,
    layer_mask,
    load_direction,
    load_embedding,
    parse_edit,
    read_edits,
    save_direction,
    save_embedding,
)
from sgvg_core.errors import CheckpointError, ConfigError, ShapeError
from sgvg_core.latents import group_slices


def test_a_line_is_read_as_an_edit():
    edit = parse_edit("text=at night; strength=2; layers=fine; curve=loudness")
    assert edit.target is not None
    assert [(part.kind, part.value, part.weight) for part in edit.target.parts] == [("text", "at night", 1.0)]
    assert (edit.strength, edit.layers, edit.curve, edit.way) == (2.0, ("fine",), "loudness", "auto")


def test_parts_have_weights_and_words_alone_are_a_text():
    edit = parse_edit("a storm; text=fog:-0.5; sound=C:\\rain.wav; neutral=a landscape; curve=0,1,0.5; layers=0-2+8")
    assert edit.target is not None
    assert [(part.kind, part.value, part.weight) for part in edit.target.parts] == [
        ("text", "a storm", 1.0), ("text", "fog", -0.5), ("sound", "C:\\rain.wav", 1.0)]
    assert (edit.target.neutral, edit.curve, edit.layers) == ("a landscape", (0.0, 1.0, 0.5), (0, 1, 2, 8))


@pytest.mark.parametrize(("line", "named"), [
    ("", "got nothing"), ("strength=2", "text=at night"), ("txt=night", "'txt'"), ("text=night; strength=much", "'much'"),
    ("text=night; layers=tiny", "'tiny'"), ("text=night; direction=a.safetensors", "direction"), ("text=night; strength=nan", "strength"),
    ("text=night; strength=1; strength=2", "twice"), ("text=night; way=magic", "magic"), ("text=", "words"), ("text=night:0", "weight"),
    ("text=night; strength=1e9", "strength"), ("text=night; layers=99", "99"), ("text=night; curve=nan,1", "curve"),
    ("text=night; region=", "region"),
])
def test_what_is_wrong_in_a_line_is_named(line, named):
    with pytest.raises(ConfigError, match="edit") as raised:
        parse_edit(line)
    assert named in str(raised.value)


def test_a_file_of_edits_is_lines_and_objects(tmp_path):
    (tmp_path / "storm.wav").write_bytes(b"")
    (tmp_path / "edits.json").write_text(json.dumps([
        "text=at night",
        {"sound": "storm.wav", "text": [{"value": "fog", "weight": -1}, "rain"], "strength": 0.5, "curve": [0, 1], "layers": ["mid", 8]},
    ]))
    first, second = read_edits(tmp_path / "edits.json")
    assert first.name == "at night"
    assert second.target is not None
    assert [(part.kind, part.value, part.weight) for part in second.target.parts] == [
        ("sound", str(tmp_path / "storm.wav"), 1.0), ("text", "fog", -1.0), ("text", "rain", 1.0)]
    assert (second.curve, second.layers) == ((0.0, 1.0), ("mid", 8))


@pytest.mark.parametrize(("text", "named"), [
    ("{", "JSON"), ("[]", "list"), ('{"text": "a"}', "list"), ('["text=a", {"text": 3}]', "entry 2"), ('[{"text": "a", "strength": true}]', "True"),
    ('[{"text": "a", "size": 1}]', "'size'"), ('[[1]]', "entry 1"), ('[{"text": {"value": "a", "heft": 2}}]', "'heft'"),
])
def test_what_is_wrong_in_a_file_is_named(tmp_path, text, named):
    (tmp_path / "edits.json").write_text(text)
    with pytest.raises(ConfigError, match="edits") as raised:
        read_edits(tmp_path / "edits.json")
    assert named in str(raised.value)


def test_a_missing_file_of_edits_is_one_error(tmp_path):
    with pytest.raises(ConfigError, match="JSON"):
        read_edits(tmp_path / "none.json")


def test_an_edit_needs_a_target_or_a_direction():
    with pytest.raises(ConfigError, match="not both"):
        Edit()
    with pytest.raises(ConfigError, match="not both"):
        Edit(target=Target.of("text", "a"), direction="pca:0")


def test_layers_are_groups_and_numbers():
    slices = group_slices((3, 6), 12)
    assert layer_mask(("coarse", 11), slices, 12).tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert layer_mask((), slices, 12).tolist() == [1] * 12
    with pytest.raises(ConfigError, match="12"):
        layer_mask((12,), slices, 12)


def test_a_direction_is_kept_in_a_file(tmp_path):
    direction = Direction("night", torch.randn(6, 8), 2.5, "pictures")
    save_direction(tmp_path / "night.safetensors", direction)
    found = load_direction(tmp_path / "night.safetensors", 6, 8)
    assert (found.name, found.sigma, found.source) == ("night", 2.5, "pictures")
    assert torch.equal(found.d, direction.d)
    with pytest.raises(ShapeError, match="night"):
        load_direction(tmp_path / "night.safetensors", 12, 8)
    assert load_direction(tmp_path / "night.safetensors").offset(2.0).shape == (6, 8)
    with pytest.raises(CheckpointError, match="safetensors"):
        save_direction(tmp_path / "night.pt", direction)


def test_other_files_are_no_directions(tmp_path):
    save_embedding(tmp_path / "e.safetensors", torch.ones(4), "storm")
    assert torch.equal(load_embedding(tmp_path / "e.safetensors"), torch.ones(4))
    with pytest.raises(CheckpointError, match="direction"):
        load_direction(tmp_path / "e.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{broken}")
    with pytest.raises(CheckpointError, match="broken"):
        load_direction(tmp_path / "broken.safetensors")


def test_a_walk_is_edited_as_it_streams_and_frames_of_amount_0_stay_byte_equal():
    ws = torch.randn(1, 4, 3)
    edit = ResolvedEdit("x", (LinearShift(torch.ones(4, 3)),), torch.tensor([[0.0], [0.0], [1.0], [0.5]]))
    walk = StillWalk(ws, 6, Fraction(10), batch=4)
    edited = EditedWalk(walk, (edit,))
    frames = torch.cat(list(edited))
    assert (edited.num_frames, edited.fps, len(frames)) == (6, 10, 6)
    assert torch.equal(frames[:2], ws.expand(2, -1, -1))
    torch.testing.assert_close(frames[2:] - ws, torch.tensor([1.0, 0.5, 0.5, 0.5])[:, None, None].expand(-1, 4, 3))
    assert torch.equal(frames, torch.cat([apply_edits(ws, (edit,), k) for k in range(6)]))


def test_no_amount_at_all_gives_the_tensor_itself():
    ws = torch.randn(2, 4, 3)
    ws[0, 0, 0] = -0.0
    assert apply_edits(ws, (ResolvedEdit("x", (LinearShift(torch.ones(4, 3)),), torch.zeros(1, 1)),)) is ws

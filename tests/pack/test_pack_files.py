"""Which models, sounds and folders nodes offer, and that nothing else is reached by a name."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from node_pack import Pack


@pytest.mark.slow
def test_the_list_of_models_is_that_of_the_folders(pack: Pack) -> None:
    host = pack.part("nodes.host")
    (pack.host.base / "models" / "sgvg" / "no model").mkdir(exist_ok=True)
    assert list(host.models()) == ["landscapes (bundled)", "tiny"]
    with pytest.raises(Exception, match=r"model_name: there's no model '\.\./tiny', only landscapes"):
        host.model_folder("../tiny")


@pytest.mark.slow
def test_models_with_the_same_content_are_shared(pack: Pack) -> None:
    shutil.copytree(pack.host.base / "models" / "sgvg" / "tiny", pack.host.base / "models" / "sgvg" / "twin")
    first, second = (pack.run("LoadModel", model_name=name)[0] for name in ("tiny", "twin"))
    assert first is second
    node = pack.nodes["SGVG_LoadModel"]
    key = node.fingerprint_inputs(model_name="twin")
    path = pack.host.base / "models" / "sgvg" / "twin" / "walker.safetensors"
    path.write_bytes(path.read_bytes() + b" ")
    assert node.fingerprint_inputs(model_name="twin") != key
    shutil.rmtree(path.parent)


def test_models_are_loaded_whole_and_can_still_be_differentiated(pack: Pack) -> None:
    model = pack.run("LoadModel", model_name="tiny")[0]
    pack.host.loads.clear()
    with torch.inference_mode():
        ready = model.ready(batch=3)
    assert pack.host.loads == [{"num": 2, "memory_required": 3 * 32 * 32 * 1024, "force_full_load": True}]
    assert not any(parameter.is_inference() for parameter in ready.generator.parameters())
    ws = ready.generator.w_avg.expand(1, ready.generator.num_ws, -1).clone().requires_grad_()
    ready.generator.synthesis(ws).sum().backward()
    assert ws.grad is not None
    assert ws.grad.abs().sum() > 0


@pytest.mark.slow
def test_sounds_and_examples_are_offered_and_nothing_else(pack: Pack, pack_root: Path) -> None:
    choices = pack.part("nodes.host").sound_choices()
    assets = (pack_root / "workflows" / "assets").iterdir()
    examples = sorted(f"sgvg/{path.name}" for path in assets if path.suffix == ".opus")
    assert choices == ["sgvg_sea.mp4", "swell.wav", *examples]
    assert len(examples) == 9
    for name in ("sgvg_sea.mp4", *examples):
        info = pack.run("LoadSound", audio=name, start_seconds=0.0, length_seconds=0.0)
        assert info[0]["waveform"].std() > 0.001
    assert pack.nodes["SGVG_LoadSound"].validate_inputs(audio="swell.wav") is True
    assert "there's no file 'x.wav'" in pack.nodes["SGVG_LoadSound"].validate_inputs(audio="x.wav")


OUTSIDE = ["/etc/passwd", "../models/sgvg/tiny/walker.safetensors", "sgvg/../swell.wav"]
UNNAMEABLE = ["x\0y", "n" * 300, "a\nb", "..", "\ud800"]


@pytest.mark.parametrize("name", [*OUTSIDE, *UNNAMEABLE, "", 7])
def test_names_of_files_are_looked_up_among_the_offered_ones_only(pack: Pack, name: Any) -> None:
    """No path leads out of the folders, and whatever the name is, it gets one line that isn't longer than a line."""
    model = pack.run("LoadModel", model_name="tiny")[0]
    sound, latents = pack.nodes["SGVG_LoadSound"], pack.nodes["SGVG_LoadLatents"]
    said = [sound.validate_inputs(audio=name), latents.validate_inputs(file=name)]
    for node, inputs in (
        ("LoadSound", {"audio": name, "start_seconds": 0.0, "length_seconds": 0.0}),
        ("LoadLatents", {"model": model, "file": name}),
        ("LoadStyleGAN", {"generator_name": name}),
        ("LoadModel", {"model_name": name}),
    ):
        with pytest.raises(Exception, match=r"there's no (file|model) ") as caught:
            pack.run(node, **inputs)
        said.append(str(caught.value))
    assert all(isinstance(line, str) and line.isprintable() and len(line) < 400 for line in said), said
    assert "missing" in sound.fingerprint_inputs(audio=name)


@pytest.mark.parametrize("name", UNNAMEABLE)
def test_names_that_no_file_can_have_are_refused(pack: Pack, name: str) -> None:
    host = pack.part("nodes.host")
    for run in (lambda: host.new_model_folder(name), lambda: host.output_file(name, ".npy")):
        with pytest.raises(Exception, match=r"name.*: got .*, expected ") as caught:
            run()
        assert str(caught.value).isprintable()


def test_an_offered_file_is_found_by_all_its_names(pack: Pack) -> None:
    host = pack.part("nodes.host")
    (pack.host.base / "output" / "far").mkdir(exist_ok=True)
    for folder in ("input", "output/far"):
        (pack.host.base / folder / "w.npy").write_bytes(b"")
    assert host.latent_file("w.npy") == host.latent_file("w.npy [input]") == pack.host.base / "input" / "w.npy"
    assert host.latent_file("far/w.npy [output]") == pack.host.base / "output" / "far" / "w.npy"
    for folder in ("input", "output/far"):
        (pack.host.base / folder / "w.npy").unlink()


def test_folders_of_extra_model_paths_are_kept_and_filtered(pack: Pack) -> None:
    host, elsewhere = pack.part("nodes.host"), pack.host.base / "elsewhere"
    elsewhere.mkdir()
    for name in ("a.pkl", "b.safetensors", "c.txt", "d.ckpt"):
        (elsewhere / name).write_bytes(b"")
    folders = sys.modules["folder_paths"]
    folders.add_model_folder_path("stylegan", str(elsewhere))
    assert host.weight_files("stylegan") == ["a.pkl", "b.safetensors"]
    assert host.model_folders("stylegan") == [pack.host.base / "models" / "stylegan", elsewhere]
    assert host.weight_file("stylegan", "a.pkl", "generator") == elsewhere / "a.pkl"
    with pytest.raises(Exception, match=r"generator: there's no file '../a.pkl' in models/stylegan, only a.pkl, b.safetensors; put "):
        host.weight_file("stylegan", "../a.pkl", "generator")
    shutil.rmtree(elsewhere)
    assert host.weight_choices("stylegan") == ["(none yet: put files into models/stylegan)"]

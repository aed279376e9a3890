"""``inspect`` and ``convert``: what's said of a file, and the file that comes out."""

import hashlib
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from foreign_networks import converted_shapes, filled, tensorflow_discriminator, tensorflow_generator, tensorflow_network, write_pickle
from released_files import block_shapes
from released_files import filled as released

from sgvg_core.assembly import load_discriminator, load_generator, load_walker
from sgvg_core.checkpoints import read_weights
from sgvg_core.cli import main


@pytest.fixture
def landscape(tmp_path: Path) -> Path:
    """A converted checkpoint, as training leaves it."""
    path = tmp_path / "landscape.pt"
    state = filled(converted_shapes((8, 7, 6), 5, 2))
    torch.save({"g_ema": state, "g": state, "latent_avg": torch.ones(5), "g_optim": {"state": {}}}, path)
    return path


@pytest.fixture
def networks(tmp_path: Path) -> Path:
    """A tuple of TensorFlow networks of pictures 12 wide and 16 high."""
    generator = tensorflow_network(tensorflow_generator((8, 7, 6), z_dim=5, w_dim=6, const_size=(4, 3)), {})
    critic = tensorflow_network(tensorflow_discriminator((8, 7, 6), final_size=(4, 3)), {})
    return write_pickle(tmp_path / "networks.pkl", (generator, critic, generator))


def inspected(path: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    assert main(["inspect", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_inspect_says_what_it_is_and_what_is_left_out(landscape: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = inspected(landscape, capsys)
    assert (said["kind"], said["layout"], said["num_ws"], said["w_dim"]) == ("generator", "converted", 6, 5)
    assert said["picture"] == {"channels": 3, "height": 16, "width": 16}
    assert "6 latents of 5" in said["goes_with"]
    assert any("g_optim" in note for note in said["notes"])
    assert said["parts"]["g"]["kind"] == "generator"
    weights = [tensor for name, tensor in torch.load(landscape)["g_ema"].items() if not name.startswith("noises") and "kernel" not in name]
    assert said["parameters"] == sum(tensor.numel() for tensor in weights)
    assert main(["inspect", str(landscape)]) == 0
    text = capsys.readouterr().out
    assert "a StyleGAN2 generator (converted)" in text
    assert "pictures: 16 x 16" in text


def test_inspect_of_images_that_are_not_square(networks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = inspected(networks, capsys)
    assert said["picture"] == {"channels": 3, "height": 16, "width": 12}
    assert said["parts"]["D"]["picture"] == said["picture"]
    assert "12 x 16" in said["parts"]["D"]["goes_with"]


def test_inspect_of_safetensors_of_others(landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    safetensors.torch.save_file(torch.load(landscape)["g_ema"], tmp_path / "foreign.safetensors")
    said = inspected(tmp_path / "foreign.safetensors", capsys)
    assert said["layout"] == "converted"
    assert any("without this program's header" in note for note in said["notes"])
    safetensors.torch.save_file({"a": torch.ones(2, 3)}, tmp_path / "unknown.safetensors")
    assert main(["inspect", str(tmp_path / "unknown.safetensors"), "--json"]) == 2
    assert "a [2, 3]" in json.loads(capsys.readouterr().out)["refused"]


def test_inspect_says_what_was_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ffhq.pkl"
    path.write_text("<!DOCTYPE html><html><title>Quota exceeded</title></html>")
    assert main(["inspect", str(path)]) == 2
    assert "web page" in capsys.readouterr().err
    large = filled(converted_shapes((8, 7), 5, 2)) | {"conv1.conv.modulation.weight": torch.zeros(8, 5000)}
    torch.save(large, tmp_path / "large.pt")
    assert main(["inspect", str(tmp_path / "large.pt")]) == 2
    assert "w_dim: got 5000" in capsys.readouterr().err


def test_convert_is_exact_and_names_its_source(landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.safetensors"
    assert main(["convert", str(landscape), "-o", str(out)]) == 0
    assert "g_optim" in capsys.readouterr().out
    before, after = load_generator(landscape), load_generator(out)
    assert all(torch.equal(tensor, after.state_dict()[name]) for name, tensor in before.state_dict().items())
    assert torch.equal(before(torch.ones(1, 5)), after(torch.ones(1, 5)))
    source = read_weights(out, "generator").extra["source"]
    assert source["sha256"] == hashlib.sha256(landscape.read_bytes()).hexdigest()
    assert (source["name"], source["layout"]) == ("landscape.pt", "converted")
    assert inspected(out, capsys)["source"] == source
    first = out.read_bytes()
    assert main(["convert", str(landscape), "-o", str(out)]) == 0
    assert out.read_bytes() == first


def test_convert_half_and_another_part(networks: Path, tmp_path: Path) -> None:
    out, half = tmp_path / "critic.safetensors", tmp_path / "half.safetensors"
    assert main(["convert", str(networks), "-o", str(out), "--part", "D"]) == 0
    images = torch.randn(4, 3, 16, 12)
    assert torch.equal(load_discriminator(out)(images), load_discriminator(networks)(images))
    assert main(["convert", str(networks), "-o", str(half), "--half"]) == 0
    assert safetensors.torch.load_file(half)["synthesis.b8.conv0.weight"].dtype == torch.float16
    assert torch.allclose(load_generator(half).synthesis.b8.conv0.weight, load_generator(networks).synthesis.b8.conv0.weight, rtol=1e-3)


@pytest.mark.parametrize(("words", "said"), [
    (["-o", "{folder}/out.pt"], "ends in .safetensors"),
    (["-o", "{folder}/out.safetensors", "--part", "D"], "--part: got 'D', expected g"),
    (["-o", "{folder}/no/out.safetensors"], "can't be written"),
])  # fmt: skip
def test_convert_errors(words: list[str], said: str, landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(landscape), *[word.format(folder=tmp_path) for word in words]]) == 2
    assert said in capsys.readouterr().err
    assert not [path.name for path in tmp_path.iterdir() if "out" in path.name]


def test_three_recurrent_blocks_become_one_walker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"fine": 8, "coarse": 4, "mid": 4}  # their names say which is which, not their order
    paths = [tmp_path / f"{name}former_.pth" for name in sizes]
    for path, (name, size) in zip(paths, sizes.items(), strict=True):
        torch.save(released(block_shapes(size, 8, noise_fc=name != "mid"), seed=size + len(name)), path)
    out = tmp_path / "walker.safetensors"
    assert main(["convert", *map(str, paths), "-o", str(out)]) == 0
    assert "a walker of the released code, float32" in (said := capsys.readouterr().out)
    assert "coarseformer_.pth (coarse), midformer_.pth (mid), fineformer_.pth (fine)" in said
    before, after = load_walker(paths), load_walker(out)
    assert {name: tensor.shape for name, tensor in before.state_dict().items()} == {name: tensor.shape for name, tensor in after.state_dict().items()}
    assert all(torch.equal(tensor, after.state_dict()[name]) for name, tensor in before.state_dict().items())
    look = inspected(out, capsys)
    assert (look["kind"], look["num_ws"], look["w_dim"]) == ("released_walker", 16, 8)
    assert "16 latents of 8" in look["goes_with"]
    assert [file["sha256"] for file in look["source"]["files"]] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert main(["inspect", str(out)]) == 0
    assert capsys.readouterr().out.count("converted from: ") == 3


@pytest.mark.parametrize(("kept", "said"), [("coarse mid", "got 2 files, expected the three"), ("coarse mid fine fine", "got 4 files")])
def test_other_numbers_of_blocks_are_said(kept: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in kept.split():
        torch.save(released(block_shapes(4, 8, noise_fc=True), seed=1), tmp_path / f"{name}.pth")
    assert main(["convert", *[str(tmp_path / f"{name}.pth") for name in kept.split()], "-o", str(tmp_path / "out.safetensors")]) == 2
    assert said in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "absent.pth"), "-o", str(tmp_path / "out.safetensors")]) == 2
    assert "absent.pth: can't be read" in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


def test_a_file_is_never_converted_onto_itself(landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.safetensors"
    assert main(["convert", str(landscape), "-o", str(out)]) == 0
    before = out.read_bytes()
    assert main(["convert", str(out), "-o", str(out)]) == 2
    assert out.read_bytes() == before

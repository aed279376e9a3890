import copy
import hashlib
import json
import socket

import open_clip
import pytest
import torch
from open_clip.model import CLIP
from safetensors.torch import save_file

from sgvg_core.embedding import SoundTower, load_open_clip
from sgvg_core.embedding.foreign_weights import rename_state, why_quick_gelu
from sgvg_core.errors import CheckpointError, ConfigError

TINY = {"embed_dim": 16, "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
        "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1}}
PICTURES = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear", "resize_mode": "squash"}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return CLIP(**copy.deepcopy(TINY)).eval()


@pytest.fixture
def folder(tmp_path, network):
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": PICTURES}))
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, tmp_path / "open_clip_model.safetensors")
    return tmp_path


def test_a_local_folder_gives_what_open_clip_gives(folder, network):
    space = load_open_clip(str(folder))
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    tokens = open_clip.tokenizer.SimpleTokenizer(context_length=20)(["a fire", "rain"])
    torch.testing.assert_close(space.embed_images(images), network.encode_image(images, normalize=True), atol=1e-5, rtol=0)
    torch.testing.assert_close(space.embed_texts(["a fire", "rain"]), network.encode_text(tokens, normalize=True), atol=1e-5, rtol=0)
    assert space.notes == ()
    assert space.logit_scale.item() == pytest.approx(1 / 0.07, rel=1e-3)


def test_gradients_reach_the_pictures(folder):
    images = (torch.rand(1, 3, 50, 40) * 1.6 - 0.8).requires_grad_()
    load_open_clip(str(folder)).embed_images(images)[0, 0].backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["weights.safetensors", "weights-quickgelu.safetensors", "ViT-openai.pt"])
def test_quick_gelu_is_detected_from_a_files_name_and_said(folder, network, name):
    path = folder / name
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    space, images = load_open_clip(str(folder), path), torch.rand(1, 3, 32, 32)
    quick = CLIP(**copy.deepcopy(TINY), quick_gelu=True).eval()
    quick.load_state_dict(network.state_dict())
    same = torch.allclose(space.embed_images(images), quick.encode_image(images, normalize=True), atol=1e-5)
    assert same == (name != "weights.safetensors")
    assert bool(space.notes) == same
    assert all("quick-GELU is used" in note for note in space.notes)


def test_quick_gelu_can_be_forced_either_way(folder, network):
    path = folder / "openai.safetensors"
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    assert load_open_clip(str(folder), path, quick_gelu=False).notes == ()
    assert "asked for" in load_open_clip(str(folder), quick_gelu=True).notes[0]


def test_quick_gelu_is_known_from_metadata_and_from_the_known_files(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"quick_gelu": "true"})
    assert why_quick_gelu(path, {}, {}) == "its metadata says so"
    save_file({"a": torch.zeros(1)}, path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()
    assert why_quick_gelu(path, {}, {digits[:8]: "ViT-B-32 / openai"}) == "it is the known file of ViT-B-32 / openai"
    assert why_quick_gelu(path, {}, {"0" * 8: "other"}) is None
    assert why_quick_gelu(path, {"input_resolution": torch.tensor(224)}, {}) == "the file is OpenAI's own archive"


def test_a_torchscript_archive_is_read(folder, network):
    path = folder / "archive.pt"
    traced = torch.jit.trace(copy.deepcopy(network), (torch.zeros(1, 3, 32, 32), torch.ones(1, 20, dtype=torch.long)), check_trace=False)
    torch.jit.save(traced, str(path))
    images = torch.rand(1, 3, 32, 32) * 2 - 1
    seen = load_open_clip(str(folder), path).embed_images(images)
    torch.testing.assert_close(seen, network.encode_image(images, normalize=True), atol=1e-5, rtol=0)


def test_a_pickled_object_is_refused(folder):
    torch.save({"state_dict": {"weight": Evil()}}, folder / "bad.pt")
    with pytest.raises(CheckpointError, match="can't be read"):
        load_open_clip(str(folder), folder / "bad.pt")


class Evil:
    pass


def test_weights_of_another_model_are_named(folder):
    save_file({"visual.conv1.weight": torch.zeros(3, 3), "other": torch.zeros(1)}, folder / "wrong.safetensors")
    with pytest.raises(CheckpointError, match=r"another model: missing .*"):
        load_open_clip(str(folder), folder / "wrong.safetensors")


def test_a_tag_is_looked_for_in_the_cache_only(tmp_path):
    with pytest.raises(CheckpointError, match="isn't in the cache, and nothing is fetched unasked"):
        load_open_clip("ViT-B-32", "laion2b_s34b_b79k", cache_dir=tmp_path)
    with pytest.raises(CheckpointError, match="knows no such tag"):
        load_open_clip("ViT-B-32", "no_such_tag", cache_dir=tmp_path)
    with pytest.raises(CheckpointError, match="name its weights"):
        load_open_clip("ViT-B-32")


def test_unknown_models_are_named():
    with pytest.raises(ConfigError, match=r"got 'ViT-Z-99', expected a name that open_clip knows such as .*ViT"):
        load_open_clip("ViT-Z-99")


def test_sounds_need_a_tower(folder):
    with pytest.raises(ConfigError, match="hears no sound"):
        load_open_clip(str(folder)).embed_sounds(torch.rand(1, 1, 16, 16))
    space = load_open_clip(str(folder), sound=SoundTower(16, (4, 8), 16))
    assert space.embed_sounds(torch.rand(2, 1, 16, 16)).shape == (2, 16)


def test_foreign_names_are_renamed():
    state = {"module.visual.proj": torch.zeros(2, dtype=torch.float16), "module.ln_final.weight": torch.ones(1), "input_resolution": torch.tensor(3)}
    renamed = rename_state(state, text_apart=True)
    assert set(renamed) == {"visual.proj", "text.ln_final.weight"}
    assert renamed["visual.proj"].dtype == torch.float32
    assert set(rename_state(state, text_apart=False)) == {"visual.proj", "ln_final.weight"}

import copy
import hashlib
import json
import pickle
import shutil
import socket
import warnings
import zipfile

import huggingface_hub
import open_clip
import pytest
import torch
from open_clip.model import CLIP
from safetensors.torch import save_file

from sgvg_core.embedding import SoundTower, load_open_clip
from sgvg_core.embedding.foreign_weights import ForeignWeights, read_foreign, rename_state, why_quick_gelu
from sgvg_core.errors import CheckpointError, ConfigError

TINY = {"embed_dim": 16, "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
        "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1}}
IMAGES = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear", "resize_mode": "squash"}


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
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": IMAGES}))
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, tmp_path / "open_clip_model.safetensors")
    return tmp_path


@pytest.mark.slow
def test_a_local_folder_gives_what_open_clip_gives(folder, network):
    space = load_open_clip(str(folder))
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    tokens = open_clip.tokenizer.SimpleTokenizer(context_length=20)(["a fire", "rain"])
    torch.testing.assert_close(space.embed_images(images), network.encode_image(images, normalize=True), atol=1e-5, rtol=0)
    torch.testing.assert_close(space.embed_texts(["a fire", "rain"]), network.encode_text(tokens, normalize=True), atol=1e-5, rtol=0)
    assert space.notes == ()
    assert space.logit_scale.item() == pytest.approx(1 / 0.07, rel=1e-3)


def test_gradients_reach_the_images(folder):
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
    assert why_quick_gelu(read_foreign(path), {}) == "its metadata says so"
    save_file({"a": torch.zeros(1)}, path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()
    weights = read_foreign(path)
    assert why_quick_gelu(weights, {digits[:8]: "ViT-B-32 / openai"}) == "it is the known file of ViT-B-32 / openai"
    assert why_quick_gelu(weights, {"0" * 8: "other"}) is None
    assert why_quick_gelu(ForeignWeights(path, {"input_resolution": torch.tensor(224)}, {}), {}) == "the file is OpenAI's own archive"


@pytest.fixture
def archive(folder, network):
    """As OpenAI writes its networks: a TorchScript archive, half of it float16, with the sizes as tensors beside the weights."""
    traced = copy.deepcopy(network)
    for name, value in {"input_resolution": 32, "context_length": 20, "vocab_size": 49408}.items():
        vars(traced).pop(name, None)
        traced.register_buffer(name, torch.tensor(value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated; such files stay
        traced = torch.jit.trace(traced, (torch.zeros(1, 3, 32, 32), torch.ones(1, 20, dtype=torch.long)), check_trace=False)
        for parameter in traced.visual.parameters():
            parameter.data = parameter.data.half()
        torch.jit.save(traced, str(folder / "archive.pt"))
    return folder / "archive.pt"


@pytest.mark.slow
def test_openais_archive_is_read_as_data(archive, folder, network, monkeypatch):
    for module, name in ((torch.jit, "load"), (torch, "load"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, None)
    weights = read_foreign(archive)
    expected = {name: value.half() if name.startswith("visual.") else value for name, value in network.state_dict().items()}
    assert {name for name in weights.state if "attn_mask" not in name} - {"input_resolution", "context_length", "vocab_size"} == set(expected)
    for name, value in expected.items():
        assert torch.equal(weights.state[name], value), name
        assert weights.state[name].dtype == value.dtype
    space, images = load_open_clip(str(folder), archive), torch.rand(1, 3, 32, 32) * 2 - 1
    assert "OpenAI's own archive" in space.notes[0]
    quick = CLIP(**copy.deepcopy(TINY), quick_gelu=True).eval()
    quick.load_state_dict({name: value.float() for name, value in expected.items()})
    assert torch.equal(space.embed_images(images), quick.encode_image(space.prepare(images), normalize=True))


def test_code_of_an_archive_is_not_even_unpacked(archive, folder):
    """The code may be anything: it's an entry of a zip that is never opened."""
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(folder / "changed.pt", "w") as after:
        for entry in before.infolist():
            after.writestr(entry, b"import os; os.abort()" if "/code/" in entry.filename else before.read(entry))
    changed = read_foreign(folder / "changed.pt").state
    assert all(torch.equal(value, changed[name]) for name, value in read_foreign(archive).state.items())


def test_an_archive_that_is_more_than_data_says_how_to_convert_it(archive, folder):
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(folder / "changed.pt", "w") as after:
        for entry in before.infolist():
            data = before.read(entry)
            is_table = entry.filename.endswith("/data.pkl")
            after.writestr(entry, data.replace(b"ccollections\nOrderedDict\n", b"cos\nsystem\n") if is_table else data)
    with pytest.raises(CheckpointError, match=r"the global 'os.system'.*a TorchScript archive: .*torch.jit.load\(FILE, .*\).state_dict"):
        load_open_clip(str(folder), folder / "changed.pt")


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("new", [True, False])
def test_files_of_torch_save_are_read(folder, network, wrapped, new):
    """Bare tables, and open_clip's own training checkpoints: of the present format of torch and of that before 1.6."""
    state = {f"module.{name}": value for name, value in network.state_dict().items()} if wrapped else network.state_dict()
    stored = {"epoch": 3, "name": "run", "state_dict": state, "optimizer": {"state": {}, "param_groups": []}} if wrapped else state
    torch.save(stored, folder / "weights.pt", _use_new_zipfile_serialization=new)
    images = torch.rand(1, 3, 32, 32) * 2 - 1
    space = load_open_clip(str(folder), folder / "weights.pt")
    torch.testing.assert_close(space.embed_images(images), network.encode_image(images, normalize=True), atol=1e-5, rtol=0)


def test_a_pickled_object_is_refused(folder):
    torch.save({"state_dict": {"weight": Evil()}}, folder / "bad.pt")
    with pytest.raises(CheckpointError, match=r"bad.pt: .* refused the global '.*Evil'"):
        load_open_clip(str(folder), folder / "bad.pt")
    torch.save({"state_dict": {"weight": [1, 2]}}, folder / "bad.pt")
    with pytest.raises(CheckpointError, match="holds no plain table of tensors"):
        load_open_clip(str(folder), folder / "bad.pt")


class Evil:
    pass


def test_a_model_of_the_hub_is_read_from_its_cache(folder, network, tmp_path, monkeypatch):
    """The cache as the hub's client lays it out; what's in it is read by the same door as any other file."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    home = tmp_path / "cache" / "models--someone--clip"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("a1b2")
    (home / "snapshots" / "a1b2").mkdir(parents=True)
    shutil.copy(folder / "open_clip_config.json", home / "snapshots" / "a1b2")
    images = torch.rand(1, 3, 32, 32) * 2 - 1
    with pytest.raises(CheckpointError, match=r"hub gave none of open_clip_model\.safetensors"):
        load_open_clip("hf-hub:someone/clip", cache_dir=tmp_path / "cache")
    torch.save(network.state_dict(), home / "snapshots" / "a1b2" / "open_clip_pytorch_model.bin")
    space = load_open_clip("hf-hub:someone/clip", cache_dir=tmp_path / "cache")
    torch.testing.assert_close(space.embed_images(images), network.encode_image(images, normalize=True), atol=1e-5, rtol=0)
    with pytest.raises(CheckpointError, match="the hub didn't give it"):
        load_open_clip("hf-hub:someone/other", cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("asked", [{"trust_remote_code": True}, {}])
def test_python_in_a_models_folder_is_never_run(folder, asked):
    """open_clip hands a folder's tokenizer settings to transformers, which would import the folder's own classes if it's told to trust them."""
    text = TINY["text_cfg"] | {"hf_tokenizer_name": "any", "tokenizer_kwargs": asked}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY | {"text_cfg": text}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["evil.Evil", None]}}))
    (folder / "evil.py").write_text(f"open({str(folder / 'canary')!r}, 'w').close()\nclass Evil: pass\n")
    with pytest.raises((CheckpointError, ConfigError), match=r"'trust_remote_code', which isn't taken|its tokenizer isn't on this machine"):
        load_open_clip(str(folder))
    assert not (folder / "canary").exists()


def test_nobody_is_asked_to_run_the_python_of_a_text_tower(folder, monkeypatch):
    """transformers would ask at the terminal, and a "y" that was meant for something else would run it."""
    asked = pytest.importorskip("transformers.dynamic_module_utils")
    before = asked.TIME_OUT_REMOTE_CODE
    questions = []
    monkeypatch.setattr("builtins.input", lambda question="": questions.append(question) or "y")
    (folder / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": {"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.Evil"}}))
    (folder / "evil.py").write_text(f"open({str(folder / 'canary')!r}, 'w').close()\nclass EvilConfig: pass\nclass Evil: pass\n")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY | {"text_cfg": {"hf_model_name": str(folder)}}}))
    with pytest.raises(ConfigError, match="open_clip can't build it here"):
        load_open_clip(str(folder))
    assert not questions
    assert not (folder / "canary").exists()
    assert before == asked.TIME_OUT_REMOTE_CODE


def test_weights_of_another_model_are_named(folder):
    save_file({"visual.conv1.weight": torch.zeros(3, 3), "other": torch.zeros(1)}, folder / "wrong.safetensors")
    with pytest.raises(CheckpointError, match=r"wrong.safetensors: the weights don't fit CLIP: missing .*"):
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

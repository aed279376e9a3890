"""Pickles that NVIDIA's own code wrote, read without running them: every tensor, every setting, bit for bit.

A live run where STYLEGAN3_DIR or STYLEGAN2_ADA_DIR name a checkout; what such pickles are made of is also tested without one, in
tests/checkpoints.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors
import torch

from sgvg_core.checkpoints.plain import ForeignObject, network_state, read_plain

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module", params=["STYLEGAN3_DIR", "STYLEGAN2_ADA_DIR"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkout = os.environ.get(request.param)
    if not checkout:
        pytest.skip(f"set {request.param} to a checkout of NVIDIA's repository")
    made = tmp_path_factory.mktemp("nvidia")
    subprocess.run([sys.executable, str(HERE / "save_nvidia_pickles.py"), checkout, str(made)], check=True, timeout=900)
    return made


def test_every_tensor_and_setting_is_read_exactly(folder: Path) -> None:
    paths = sorted(folder.glob("*.pkl"))
    assert len(paths) == 6
    compared = 0
    for path in paths:
        plain = read_plain(path)
        assert plain.format == "pickle"
        assert plain.data["training_set_kwargs"] == {"class_name": "training.dataset.ImageFolderDataset", "path": "a.zip", "use_labels": False}
        for key in ("G", "D", "G_ema", "augment_pipe"):
            network = plain.data[key]
            assert isinstance(network, ForeignObject)
            assert network.module == ""
            assert "module_src" not in network.state
            state, settings = network_state(network)
            with safetensors.safe_open(path.with_suffix(f".{key}.safetensors"), "pt") as theirs:
                assert network.name == theirs.metadata()["class"]
                assert settings == json.loads(theirs.metadata()["settings"])
                assert set(state) == set(theirs.keys())
                for name, tensor in state.items():
                    wanted = theirs.get_tensor(name)
                    assert tensor.dtype == wanted.dtype, name
                    assert torch.equal(tensor, wanted), name
                    compared += 1
    print(f"{compared} tensors of {len(paths)} files are the same bit for bit")

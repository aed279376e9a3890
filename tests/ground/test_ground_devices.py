"""In which number type a training computes."""

import pytest
import torch

from sgvg_core.devices import fast_bfloat16, training_dtype


@pytest.mark.parametrize(("way", "native"), [("_is_avx512_bf16_supported", True), ("_is_amx_tile_supported", True), (None, False)])
def test_bfloat16_is_for_processors_that_multiply_in_it(way, native, monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda name=name: name == way, raising=False)
    assert fast_bfloat16() is native
    assert training_dtype() is (torch.bfloat16 if native else torch.float32)
    assert training_dtype(bfloat16=False) is torch.float32


def test_a_torch_that_cant_say_computes_in_float32(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert training_dtype() is torch.float32

import numpy as np
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageFilter

from sgvg_core.embedding import ImagePreparation
from sgvg_core.errors import ConfigError, ShapeError


def image(height, width, seed):
    """Noise, steps and ramps in one picture, uint8 [H, W, 3]: the hardest case for a resize."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    ramps = np.stack([255 * x / width, 255 * y / height, 255 * ((x // 7 + y // 5) % 2)], -1)
    return np.where(rng.random((height, width, 1)) < 0.5, ramps, rng.integers(0, 256, (height, width, 3))).astype(np.uint8)


@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(("height", "width", "size"), [(128, 128, 64), (256, 256, 224), (100, 173, 64), (301, 97, 32), (48, 64, 224)])
def test_equals_open_clips_own_preprocessing(height, width, size, interpolation, resize_mode):
    pixels = image(height, width, seed=height)
    if height > width:  # which axis comes first differs among versions of Pillow here, and shows where a kernel overshoots
        pixels = np.asarray(Image.fromarray(pixels).filter(ImageFilter.BoxBlur(2)))
    mean, std = (0.48, 0.45, 0.4), (0.26, 0.25, 0.27)
    settings = PreprocessCfg(size=size, mean=mean, std=std, interpolation=interpolation, resize_mode=resize_mode, fill_color=90)
    theirs = image_transform_v2(settings, is_train=False)(Image.fromarray(pixels))
    prepare = ImagePreparation(size, mean, std, interpolation=interpolation, resize_mode=resize_mode, fill=90)
    ours = prepare(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 127.5 - 1)[0]
    assert ours.shape == theirs.shape
    difference = ((ours - theirs) * prepare.std).abs().max().item() * 255
    assert difference <= 2.0


def test_gradients_reach_every_pixel():
    images = (torch.rand(2, 3, 96, 96) * 1.8 - 0.9).requires_grad_()
    ImagePreparation(64, (0.5,) * 3, (0.5,) * 3)(images).square().sum().backward()
    assert images.grad is not None
    assert (images.grad != 0).float().mean() > 0.99


def test_bad_settings_and_shapes_are_named():
    with pytest.raises(ConfigError, match="resize_mode: got 'crop', expected shortest, longest, squash"):
        ImagePreparation(64, (0.5,) * 3, (0.5,) * 3, resize_mode="crop")
    with pytest.raises(ConfigError, match="three numbers each"):
        ImagePreparation(64, (0.5,) * 3, (0.5, 0.5, 0.0))
    with pytest.raises(ShapeError, match=r"images: got shape \[64, 64, 3\]"):
        ImagePreparation(64, (0.5,) * 3, (0.5,) * 3)(torch.zeros(64, 64, 3))


@pytest.mark.parametrize("mode", ["bicubic", "bilinear", "area"])
@pytest.mark.parametrize("size", [(16, 24), (50, 9)])
def test_the_kernels_matrices_resize_as_torch_does(mode, size):
    from sgvg_core.embedding.image_preparation import resize_exactly, resize_matrix

    images = torch.rand(2, 3, 33, 40, generator=torch.Generator().manual_seed(0))
    by_matrix = resize_matrix(33, size[0], mode) @ images @ resize_matrix(40, size[1], mode).T
    torch.testing.assert_close(by_matrix, resize_exactly(images, size, mode), atol=1e-5, rtol=0)

"""StyleGAN2's synthesis in numpy and float64, straight from TensorFlow's variables: for pictures of any shape, slowly.

Written from the paper (figure 2 and 7) and the meaning of TensorFlow's operations, so that nothing is shared with the core: a doubling
layer is "double the size with [1, 3, 3, 1], then convolve" (also what the filter leaves beyond the border), weights are
[height, width, in, out], styles are one plus what is stored.
"""

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


def images(arrays: Arrays, ws: np.ndarray, architecture: str) -> np.ndarray:
    """The picture [C, H, W] of latents ws [L, D], with the stored noise maps."""
    blocks = {name.split("/")[1] for name in arrays if name.endswith(("Conv/mod_bias", "Conv1/mod_bias"))}
    names = sorted(blocks, key=lambda each: int(each.split("x")[0]))
    x = styled(arrays, "synthesis/4x4/Conv", arrays["synthesis/4x4/Const/const"][0].astype(np.float64), ws[0], arrays["synthesis/noise0"])
    image = to_image(arrays, "synthesis/4x4/ToRGB", x, ws[1]) if architecture == "skip" else None
    for index, name in enumerate(names[1:]):
        before, place, layer = x, f"synthesis/{name}", 2 * index + 1
        x = styled(arrays, f"{place}/Conv0_up", x, ws[layer], arrays[f"synthesis/noise{layer}"], up=True)
        x = styled(arrays, f"{place}/Conv1", x, ws[layer + 1], arrays[f"synthesis/noise{layer + 1}"])
        if architecture == "resnet":
            weight = arrays[f"{place}/Skip/weight"].astype(np.float64)
            x = (x + correlate(doubled(before), weight / np.sqrt(weight.shape[2]))) / np.sqrt(2)
        image = None if image is None else doubled(image)
        if architecture == "skip" or name == names[-1]:
            own = to_image(arrays, "synthesis/ToRGB_lod0" if architecture == "grown" else f"{place}/ToRGB", x, ws[layer + 2])
            image = own if image is None else image + own
    return image


def styled(arrays: Arrays, place: str, x: np.ndarray, w: np.ndarray, noise: np.ndarray, up: bool = False) -> np.ndarray:
    weight = modulated(arrays, place, w)
    weight = weight / np.sqrt((weight**2).sum((0, 1, 2)) + 1e-8)
    x = correlate(doubled(x, 1), weight, 0) if up else correlate(x, weight)
    x = x + noise[0, 0] * arrays[f"{place}/noise_strength"] + arrays[f"{place}/bias"][:, None, None]
    return np.where(x > 0, x, 0.2 * x) * np.sqrt(2)


def to_image(arrays: Arrays, place: str, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return correlate(x, modulated(arrays, place, w)) + arrays[f"{place}/bias"][:, None, None]


def modulated(arrays: Arrays, place: str, w: np.ndarray) -> np.ndarray:
    affine = arrays[f"{place}/mod_weight"].astype(np.float64)
    style = w @ affine / np.sqrt(len(affine)) + arrays[f"{place}/mod_bias"] + 1
    weight = arrays[f"{place}/weight"].astype(np.float64)
    return weight / np.sqrt(np.prod(weight.shape[:3])) * style[:, None]


def correlate(x: np.ndarray, weight: np.ndarray, border: int | None = None) -> np.ndarray:
    """[C, H, W] and [k, k, C, C'] -> [C', H, W], with a border of zeros as wide as the weights reach, or as is said."""
    reach = weight.shape[0] // 2
    border = reach if border is None else border
    padded = np.pad(x, ((0, 0), (border, border), (border, border)))
    height, width = padded.shape[1] - 2 * reach, padded.shape[2] - 2 * reach
    parts = [
        np.einsum("chw,cd->dhw", padded[:, row : row + height, column : column + width], weight[row, column])
        for row in range(weight.shape[0])
        for column in range(weight.shape[1])
    ]
    return np.sum(parts, 0)


def doubled(x: np.ndarray, margin: int = 0) -> np.ndarray:
    """[C, H, W] -> [C, 2 H, 2 W], and `margin` pixels more around it: zeros between the pixels, then [1, 3, 3, 1] / 4 along both axes."""
    for axis in (1, 2):
        shape = list(x.shape)
        shape[axis] *= 2
        spread = np.zeros(shape)
        spread[tuple(slice(None, None, 2) if each == axis else slice(None) for each in range(3))] = x
        padding = [(2 + margin, 1 + margin) if each == axis else (0, 0) for each in range(3)]
        padded, length = np.pad(spread, padding), shape[axis] + 2 * margin
        x = sum(tap / 4 * np.take(padded, range(start, start + length), axis) for start, tap in enumerate((1, 3, 3, 1)))
    return x

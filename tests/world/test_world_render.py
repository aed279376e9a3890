"""The pictures of the world: periodic and continuous, every number seen, the same scene at every size."""

import dataclasses

import numpy as np
import pytest

from sgvg_core.errors import ConfigError
from sgvg_core.world.kinds import KINDS, random_scene
from sgvg_core.world.render import _painted, render
from sgvg_core.world.scene import NUM_COMPOSITIONS, VALUES, Scene

SIZE = 64
MIDDLE = Scene(0, 0.3, 0.5, 0.2, 0.4, 0.5, 0.5)
LAYOUTS = range(NUM_COMPOSITIONS)


def image(kind: str, scene: Scene, envelope: float = 0.6, phase: float = 0.2, size: int = SIZE) -> np.ndarray:
    return render(kind, scene, envelope, phase, size).astype(np.float64)


def layout(composition: int) -> Scene:
    return dataclasses.replace(MIDDLE, composition=composition)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference, in steps of 1/255."""
    return float(np.abs(one - other).mean())


def shape_of(image: np.ndarray) -> np.ndarray:
    """What gain and hue leave of a picture: where its grey rises and falls, in units of its own spread."""
    grey = image.mean(-1)
    return (grey - grey.mean()) / grey.std()


@pytest.mark.parametrize("kind", KINDS)
def test_image_is_uint8_and_the_same_every_time(kind):
    scene = random_scene(kind, 3)
    first = render(kind, scene, 0.4, 0.7, SIZE)
    assert first.dtype == np.uint8
    assert first.shape == (SIZE, SIZE, 3)
    assert first.std() > 5
    render(kind, scene, 1.0, 0.1, SIZE)  # another frame in between leaves no trace
    np.testing.assert_array_equal(render(kind, scene, 0.4, 0.7, SIZE), first)
    _painted.cache_clear()
    np.testing.assert_array_equal(render(kind, scene, 0.4, 0.7, SIZE), first)


@pytest.mark.parametrize("kind", KINDS)
def test_phase_is_a_circle(kind):
    for composition in LAYOUTS:
        frame = _painted(kind, layout(composition), SIZE)
        np.testing.assert_allclose(frame(0.6, 0.0), frame(0.6, 1.0), atol=1e-4)
        np.testing.assert_allclose(frame(0.6, 0.0), frame(0.6, 1 - 1e-9), atol=1e-4)
        assert np.abs(frame(0.6, 0.0) - frame(0.6, 0.35)).mean() * 255 > 0.8  # and something moves on the way round


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_phase_and_envelope_never_jump(kind):
    step = 1e-5
    for composition in LAYOUTS:
        frame = _painted(kind, layout(composition), SIZE)
        for value in np.linspace(0, 1 - step, 9):
            assert np.abs(frame(0.6, value) - frame(0.6, value + step)).max() < 0.02
            assert np.abs(frame(value, 0.3) - frame(value + step, 0.3)).max() < 0.02


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", VALUES)
def test_every_number_is_seen(kind, name):
    for composition in LAYOUTS:
        low, high = (image(kind, dataclasses.replace(layout(composition), **{name: value})) for value in (0.0, 1.0))
        assert difference(low, high) > (25 if name == "hour" else 0.4)
        assert np.abs(low - high).max() > 16  # a small thing may change alone, but then it changes much


@pytest.mark.parametrize("kind", KINDS)
def test_strength_changes_shapes_and_not_only_light(kind):
    for composition in LAYOUTS:
        calm, strong = (image(kind, layout(composition), envelope) for envelope in (0.1, 0.9))
        assert difference(calm, strong) > 4
        assert difference(shape_of(calm), shape_of(strong)) > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_compositions_are_different_images(kind):
    shapes = [shape_of(image(kind, layout(composition))) for composition in LAYOUTS]
    for one in LAYOUTS:
        for other in range(one):
            assert difference(shapes[one], shapes[other]) > 0.4


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_sizes_show_the_same_scene(kind):
    for composition in LAYOUTS:
        small = image(kind, layout(composition))
        large = image(kind, layout(composition), size=2 * SIZE)
        assert difference(small, large.reshape(SIZE, 2, SIZE, 2, 3).mean((1, 3))) < 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_extremes_are_finite_images(kind, value):
    for composition in LAYOUTS:
        frame = _painted(kind, Scene(composition, *[value] * len(VALUES)), SIZE)
        for envelope in (0.0, 1.0):
            drawn = frame(envelope, 0.0)
            assert drawn.dtype == np.float32
            assert drawn.shape == (3, SIZE, SIZE)
            assert np.isfinite(drawn).all()
            assert drawn.clip(0, 1).std() > 0.02  # neither blown out nor black


def test_scenes_are_seeded():
    assert random_scene("raining", 5) == random_scene("raining", 5)
    assert random_scene("raining", 5) != random_scene("wind noise", 5)
    assert {random_scene("raining", seed).composition for seed in range(40)} == set(LAYOUTS)


def test_wrong_arguments_are_told():
    with pytest.raises(ConfigError, match="kind: got 'snow'"):
        render("snow", MIDDLE, 0.5, 0.5)
    with pytest.raises(ConfigError, match="envelope: got nan"):
        render("raining", MIDDLE, float("nan"), 0.5)
    with pytest.raises(ConfigError, match="size: got 4"):
        render("raining", MIDDLE, 0.5, 0.5, 4)
    with pytest.raises(ConfigError, match="composition: got 4"):
        Scene(4)
    with pytest.raises(ConfigError, match=r"glow: got 1\.5"):
        Scene(0, glow=1.5)

"""Pictures by number, the order of epochs, and threads that read ahead."""

import queue

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.errors import DataError, MediaError
from sgvg_core.training.clips.images import Epochs, FolderImages, middle_square, open_images
from sgvg_core.training.runs.prefetch import Prefetcher


def test_a_folder_of_images(tmp_path):
    (tmp_path / "b").mkdir()
    Image.fromarray(np.full((20, 30, 3), 255, np.uint8)).save(tmp_path / "b" / "white.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a black.JPG")
    (tmp_path / "notes.txt").write_text("no picture")
    data = open_images(tmp_path, 16)
    assert len(data) == 2
    assert torch.equal(data.image(0), torch.full((3, 16, 16), -1.0))
    assert torch.allclose(data.image(1), torch.ones(3, 16, 16))
    assert data.hash == FolderImages(tmp_path, 16).hash != FolderImages(tmp_path, 8).hash
    (tmp_path / "b" / "white.png").rename(tmp_path / "b" / "snow.png")
    assert FolderImages(tmp_path, 16).hash != data.hash


def test_the_middle_square():
    image = torch.zeros(3, 4, 8)
    image[:, :, 2:6] = 1
    assert torch.equal(middle_square(image, 4), torch.ones(3, 4, 4))
    assert torch.equal(middle_square(image.transpose(1, 2), 2), torch.ones(3, 2, 2))


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: isn't a folder; make a data set with"):
        open_images(tmp_path / "nowhere", 16)
    with pytest.raises(DataError, match=r"holds neither a prepared data set nor pictures"):
        open_images(tmp_path, 16)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"broken\.png: can't be read as a picture"):
        open_images(tmp_path, 16).image(0)


def test_an_epoch_shows_every_item_once_and_each_has_its_own_order():
    epochs = Epochs(10, 4, seed=3)
    seen = [epochs.index(step, item) for step in range(10) for item in range(4)]
    orders = [tuple(seen[start : start + 10]) for start in range(0, 40, 10)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len(set(orders)) == 4
    assert Epochs(10, 4, seed=3).index(7, 2) == seen[7 * 4 + 2]  # from the middle, without those before it
    assert [Epochs(10, 4, seed=4).index(0, item) for item in range(4)] != seen[:4]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_order_from_any_step_on(workers):
    with Prefetcher(lambda step: step * step, end=20, workers=workers) as batches:
        assert [batches.get(step) for step in range(7, 20)] == [step * step for step in range(7, 20)]


def test_they_are_read_ahead_but_not_beyond_the_end():
    begun = queue.Queue()

    def load(step):
        begun.put(step)
        return step

    with Prefetcher(load, end=3, workers=4, ahead=8) as batches:
        assert batches.get(0) == 0
        assert sorted(begun.get(timeout=900) for _ in range(3)) == [0, 1, 2]
    assert begun.empty()


def test_an_error_is_raised_where_its_step_is_asked_for():
    def load(step):
        if step == 2:
            raise MediaError("step 2 is broken")
        return step

    with Prefetcher(load, end=9) as batches:
        assert [batches.get(0), batches.get(1)] == [0, 1]
        with pytest.raises(MediaError, match="step 2"):
            batches.get(2)

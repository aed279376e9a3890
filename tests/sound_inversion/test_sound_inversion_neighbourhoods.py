"""Items that come in batches, each seen once, with its neighbours, however they are batched."""

import pytest
import torch

from sgvg_core.sound_inversion.neighbourhoods import neighbourhoods

NUM = 11
ITEMS = torch.arange(NUM)


@pytest.mark.parametrize("size", [1, 2, 5, NUM])
@pytest.mark.parametrize(("behind", "ahead"), [(0, 0), (3, 0), (2, 4), (20, 20)])
def test_each_item_comes_once_with_all_its_neighbours(size: int, behind: int, ahead: int) -> None:
    batches = [(batch, -batch) for batch in ITEMS.split(size)]
    seen: list[int] = []
    for (items, others), part in neighbourhoods(batches, behind, ahead):
        assert torch.equal(items, -others)
        first, last = int(items[part][0]), int(items[part][-1])
        assert items[0] <= max(0, first - behind)
        assert items[-1] >= min(NUM - 1, last + ahead)
        seen += items[part].tolist()
    assert seen == ITEMS.tolist()


def test_no_more_are_held_back_than_must_be() -> None:
    kept = [len(items) for (items,), _ in neighbourhoods([(item,) for item in ITEMS.split(1)], 2, 3)]
    assert max(kept) == 2 + 1 + 3
    assert len(kept) == NUM - 3 + 1  # one item at a time, at the end the last three


def test_nothing_comes_of_nothing() -> None:
    assert list(neighbourhoods([], 2, 3)) == []

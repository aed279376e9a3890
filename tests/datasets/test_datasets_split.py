"""Which side clips are on, from what is known of them alone."""

import pytest

from sgvg_core.datasets.clip_info import ClipInfo, Part
from sgvg_core.datasets.split import merged_sources, split_by_source


def clip(source: str, index: int, seconds: float = 2.0, label: str = "rain", content: int | None = None) -> ClipInfo:
    part = Part(512, 1)
    digest = f"{abs(hash((source, index))) if content is None else content:064x}"[-64:]
    return ClipInfo(
        key=f"{source}{index}", split="train", label=label, source=source, origin=f"{source}{index}.mp4", start_seconds=0.0, seconds=seconds,
        num_frames=1, frame_rate="12", width=8, height=8, sample_rate=8000, num_samples=int(8000 * seconds), rms_db=-20.0, peak_db=-3.0,
        sha256=digest, content=digest, shard="00000.tar", json=part, flac=part, frames=part,
    )  # fmt: skip


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_source_with_one_clip_in_the_test_never_trains(place: int) -> None:
    """Whichever of its clips the folders put into the test, before or after those they let train."""
    clips = [clip("a", index) for index in range(3)] + [clip("b", 0), clip("b", 1)]
    given = {one.origin: "train" for one in clips} | {clips[place].origin: "test"}
    for order in (clips, clips[::-1]):
        assert split_by_source(order, given, 0.5, 0) == {"a": "test", "b": "train"}


def test_a_source_of_two_labels_is_drawn_once() -> None:
    clips = [clip(source, 0, label="fire") for source in "abcde"] + [clip(source, 1, label="rain") for source in "abcdfgh"]
    sides = split_by_source(clips, {}, 0.4, 1)
    fire = split_by_source(clips[:5], {}, 0.4, 1)
    assert {source: sides[source] for source in "abcde"} == fire  # the second label has no say in what the first one drew
    assert set(sides) == set("abcdefgh")
    assert set(sides.values()) == {"train", "test"}


def test_given_sides_count_for_the_share_and_the_others_are_drawn() -> None:
    clips = [clip(source, 0) for source in "abcdefghij"]
    sides = split_by_source(clips, {"a0.mp4": "test", "b0.mp4": "test", "c0.mp4": "train", "d0.mp4": None}, 0.3, 0)
    assert (sides["a"], sides["b"], sides["c"]) == ("test", "test", "train")
    assert sum(side == "test" for side in sides.values()) == 3


def test_where_all_are_long_the_shortest_is_tested_and_never_all() -> None:
    long = [clip("a", 0, 30.0), clip("b", 0, 20.0), clip("c", 0, 25.0)]
    assert split_by_source(long, {}, 0.1, 0) == {"a": "train", "b": "test", "c": "train"}
    assert sorted(split_by_source([clip("a", 0), clip("b", 0)], {}, 0.99, 0).values()) == ["test", "train"]


def test_recordings_that_share_a_file_are_one_however_they_hang_together() -> None:
    chain = [clip("a", 0, content=1), clip("b", 0, content=1), clip("b", 1, content=2), clip("c", 0, content=2), clip("d", 0, content=3)]
    merged, twins = merged_sources(chain)
    assert [one.source for one in merged] == ["a", "a", "a", "a", "d"]
    assert twins == [["a0.mp4", "b0.mp4"], ["b1.mp4", "c0.mp4"]]
    assert set(split_by_source(merged, {"c0.mp4": "test"}, 0.5, 0).items()) >= {("a", "test")}

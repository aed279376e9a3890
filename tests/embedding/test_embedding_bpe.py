import random

import pytest

from sgvg_core.embedding import ByteBPE, split_words, train_merges

CAPTIONS = ["a calm fire at night", "a strong fire at noon", "heavy rain at night", "rain on the lake", "a calm lake", "fire and rain"]


@pytest.fixture
def bpe():
    return ByteBPE(train_merges(CAPTIONS, 60), context_length=16)


@pytest.mark.parametrize("text", ["heavy rain", "Grüße, 雨と火! ☂", "naïve café's 3½ %$", "🔥🔥", "", "zxqj"])
def test_any_text_comes_back(text):
    bpe = ByteBPE(train_merges(CAPTIONS, 60), context_length=64)
    assert bpe.decode(bpe.encode([text])[0].tolist()) == " ".join(text.lower().split())


def test_frequent_words_are_one_token_and_strange_ones_many(bpe):
    assert len(bpe.tokens("fire")) == 1
    assert len(bpe.tokens("rain fire")) == 2
    assert len(bpe.tokens("xylophone")) > 3


def test_a_word_is_the_same_wherever_and_however_it_is_written(bpe):
    assert bpe.tokens("FIRE") == bpe.tokens("  fire ") == bpe.tokens("a fire")[-1:]


def test_merges_are_learned_the_same_way_each_time_and_no_more_than_asked():
    assert train_merges(CAPTIONS, 12) == train_merges(reversed(CAPTIONS), 12)
    assert len(train_merges(CAPTIONS, 12)) == 12
    assert train_merges(["ab"], 10) == ()


def test_long_text_is_cut_and_keeps_its_end(bpe):
    row = bpe.encode(["rain " * 50])[0].tolist()
    assert len(row) == 16
    assert row[0] == bpe.start
    assert row[-1] == bpe.end == max(row)


def test_dropout_splits_words_but_not_what_they_say(bpe):
    rng = random.Random(3)
    tokens = [bpe.tokens("heavy rain at night", 0.5, rng) for _ in range(8)]
    assert {bpe.decode(row) for row in tokens} == {"heavy rain at night"}
    assert max(map(len, tokens)) > len(bpe.tokens("heavy rain at night"))


def test_words_are_split_without_punctuation():
    assert split_words("A storm's night, 3 fires -- Été!") == ["a", "storm's", "night", "3", "fires", "été"]

"""The writer of chapter 08, driven without a browser."""

import numpy as np
import pytest

from dlkit.widgets.ch08_listener import listen, novel_listener
from dlkit.widgets.ch08_writer import (
    LONGEST,
    LONGEST_SEED,
    PANEL,
    WIDE,
    Writer,
    tempered,
    wrapped,
)
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import render


@pytest.fixture
def writer():
    return Writer()


def words(explorer):
    explorer._prepare()
    assert not explorer.message
    return explorer.description


def test_a_temperature_bends_p_and_nothing_else():
    p = np.array([0.5, 0.3, 0.15, 0.05])
    assert tempered(p, 1.0) == pytest.approx(p)
    assert tempered(p, 0).tolist() == [1, 0, 0, 0]
    assert tempered(p, 0.5) == pytest.approx(p**2 / (p**2).sum())
    assert tempered(p, 1e-3).tolist() == pytest.approx([1, 0, 0, 0])
    assert tempered(p, 1e9) == pytest.approx([0.25] * 4)
    certain = tempered(np.array([1.0, 0.0], np.float32), 2.0)
    assert certain == pytest.approx([1, 0], abs=1e-6)


def test_each_character_has_the_chance_that_the_net_gave_it(writer):
    writer.advance(40)
    net, text = novel_listener(), writer.data.text
    codes = net.alphabet.encode("\n" + text)
    p = listen(net, codes).p
    for t, choice in enumerate(writer.data.page.choices):
        assert choice.code == codes[t + 1]
        assert choice.p == pytest.approx(p[t, choice.code], rel=1e-3)
        assert choice.top[0] == p[t].argmax()
        assert choice.bits == pytest.approx(-np.log2(choice.p))
    assert len(writer.data.page.written) == 40
    assert text.startswith("Anne ")


def test_at_temperature_0_it_always_writes_the_same_and_the_likeliest(writer):
    writer.set(temperature=0)
    writer.advance(60)
    assert all(choice.code == choice.top[0] for choice in writer.data.page.written)
    assert Writer(temperature=0, start=7).data.text == "Anne "
    other = Writer(temperature=0, start=7)
    other.advance(60)
    assert other.data.text == writer.data.text


def test_a_bolder_temperature_is_more_surprised_by_itself():
    # Over ten starts the means were 1.14 to 1.33 bits at 0.3, and 2.88 to 3.51 at 1.5.
    def surprise(temperature, start):
        writer = Writer(temperature=temperature, start=start)
        writer.advance(300)
        return np.mean([choice.bits for choice in writer.data.page.written])

    for start in range(3):
        assert surprise(0.3, start) + 1 < surprise(1.5, start)


def test_rewound_it_writes_the_same_again_and_otherwise_at_another_temperature(writer):
    writer.advance(50)
    text = writer.data.text
    writer.rewind(20)
    assert writer.data.text == text[:25]
    writer.advance(30)
    assert writer.data.text == text
    assert writer.branch.name == "B"
    writer.rewind(20)
    writer.set(temperature=2.0)
    writer.advance(30)
    assert writer.data.text[:25] == text[:25]
    assert writer.data.text != text
    assert "branch C" in words(writer)


def test_another_seed_begins_anew(writer):
    writer.advance(10)
    writer.set(seed_text="Captain Wentworth")
    assert writer.data.text == "Captain Wentworth"
    assert all(choice.temperature is None for choice in writer.data.page.choices)
    writer.set(seed_text="")
    assert "Nothing stands there yet" in words(writer)
    writer.advance(3)
    assert len(writer.data.text) == 3


def test_what_cannot_begin_gets_a_sentence_and_the_page_stays(writer):
    writer.advance(5)
    text = writer.data.text
    writer.set(seed_text="日本")
    assert "has no character '日'" in writer.message
    assert writer.data.text == text
    writer.set(seed_text="a" * (LONGEST_SEED + 1))
    assert "Begin with at most 200 characters, not 201" in writer.message
    writer.set(seed_text="a" * LONGEST_SEED)
    assert not writer.message


def test_it_stops_when_the_page_is_full(writer):
    writer.advance(LONGEST + 10)
    assert len(writer.data.page.written) == LONGEST
    assert "Stopped after 600 steps" in writer.message
    writer.reset()
    assert words(writer).startswith("0 of at most 600")


def test_lines_are_wrapped_and_nothing_is_lost():
    for text in ("", "a", "a\n", "\n\n", "x" * 200, "ab\ncd" * 40, "y" * WIDE, "y" * WIDE + "\n"):
        rows = wrapped(text)
        assert "".join(text[begin:end] for begin, end in rows) == text
        assert all(end - begin <= WIDE for begin, end in rows)
        assert all("\n" not in text[begin : end - 1] for begin, end in rows)


def test_a_character_is_looked_at_by_pointer_and_keys(writer):
    writer.advance(200)
    writer.on_pointer(Pointer("move", writer.sheet, 2.5, 0.5))
    assert writer.data.at == 2
    assert "Character 3, “n”" in words(writer)
    writer.on_pointer(Pointer("move", writer.sheet, 71.5, 10.5))  # nothing stands there
    assert writer.data.at == 2
    writer.on_key(Key("ArrowRight"))
    assert writer.data.at == 3
    line = writer.data.rows[1]
    writer.on_key(Key("ArrowDown"))
    assert writer.data.at == min(line[0] + 3, line[1] - 1)
    writer.on_key(Key("ArrowUp"))
    writer.on_key(Key("ArrowUp"))
    writer.on_key(Key("ArrowLeft"))
    assert writer.data.at <= 3
    writer.on_pointer(Pointer("leave", writer.sheet, 0, 0))
    assert writer.data.at == 204
    writer.on_key(Key("ArrowLeft"))
    assert writer.data.at == 203
    writer.on_key(Key("End"))
    assert writer.values["at"] is None
    writer.on_key(Key(" "))
    assert writer.data.at == 205


def test_an_empty_page_takes_every_key(writer):
    writer.set(seed_text="")
    for key in writer.key_help:
        if key != " ":
            writer.on_key(Key(key))
            assert writer.data.at == -1
    words(writer)


def test_every_control_to_both_ends_and_back(writer):
    first = words(writer)
    for name, ends in {
        "temperature": (0, 2),
        "seed_text": ("", "x" * LONGEST_SEED),
        "start": (0, 20),
        "at": (0, 799, None),
    }.items():
        for value in ends:
            writer.set(**{name: value})
            writer.advance(3)
            assert "nan" not in words(writer)
        writer.reset()
    assert words(writer) == first


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"at": -1}, "at must be None or a character 0 … 799"),
        ({"temperature": 3.0}, "temperature cannot be 3.0"),
        ({"temperature": np.nan}, "temperature must be a finite number"),
        ({"start": 1.5}, "start cannot be 1.5"),
        ({"seed_text": 7}, "seed_text cannot be 7"),
    ],
)
def test_nonsense_is_told_in_a_sentence_and_changes_nothing(writer, values, sentence):
    before = writer.values
    with pytest.raises(ValueError, match=sentence):
        writer.set(**values)
    assert writer.values == before


def test_the_words_hold_the_numbers(writer):
    writer.advance(30)
    written = writer.data.page.written
    said = words(writer)
    assert f"by {np.mean([c.bits for c in written]):.2f} bits a character" in said
    assert f"expected {np.mean([c.entropy for c in written]):.2f}" in said
    assert writer.data.text.replace("\n", " ")[-40:] in said


def test_the_words_beside_the_bars_stay_within_the_picture(writer):
    """At a low temperature the bar of what was taken is as long as a bar can be."""
    writer.set(temperature=0.1)
    ends = []
    for _ in range(30):
        writer.advance(1)
        writer._prepare()
        for label in writer.words._labels:
            if "taken" in label.text:
                wide = render(label.text, label.style, 100).shape[1] / 100  # inches
                ends.append(PANEL[0] + PANEL[2] * label.x + wide)
    assert len(ends) > 30
    assert max(ends) < writer.size[0]

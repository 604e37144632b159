"""The net that reads pen strokes, driven without a browser."""

import asyncio
import runpy
from pathlib import Path

import ipywidgets
import numpy as np
import pytest

from dlkit.data import mnist, pen_digits
from dlkit.data.strokes import drawn, offsets, pad, strokes_of
from dlkit.models.dense import Linear
from dlkit.widgets.ch08_pen import CHART, ORDERS, ReadMyPen
from dlkit.widgets.ch08_reader import certainty, network, pen_reader
from dlkit.widgets.explorer import Key, Pointer

SEVEN = [[(0.25, 0.1, 0), (0.75, 0.1, 200), (0.45, 0.9, 600)]]


def arc(x, y, wide, high, begin, end):
    """Points on an ellipse, angles in degrees, counter-clockwise on the pad."""
    angle = np.radians(np.linspace(begin, end, 30))
    return [(x + wide * np.cos(a), y - high * np.sin(a)) for a in angle]


BY_HAND = {  # as a hand writes them, not as a picture is traced
    0: [arc(0.5, 0.5, 0.3, 0.4, 90, 450)],
    1: [[(0.5, 0.1), (0.5, 0.9)]],
    2: [[*arc(0.5, 0.3, 0.25, 0.2, 170, -30), (0.25, 0.9), (0.8, 0.9)]],
    3: [[*arc(0.45, 0.3, 0.22, 0.2, 140, -90), *arc(0.45, 0.7, 0.27, 0.2, 90, -140)]],
    4: [[(0.45, 0.1), (0.2, 0.6), (0.8, 0.6)], [(0.6, 0.35), (0.6, 0.9)]],
    5: [[(0.7, 0.1), (0.3, 0.1), (0.28, 0.45), *arc(0.45, 0.65, 0.25, 0.23, 120, -140)]],
    6: [[(0.65, 0.1), (0.4, 0.35), (0.28, 0.6), *arc(0.5, 0.68, 0.22, 0.2, 170, 530)]],
    7: SEVEN,
    8: [arc(0.5, 0.3, 0.18, 0.19, 90, 450), arc(0.5, 0.7, 0.22, 0.2, 90, 450)],
    9: [[*arc(0.5, 0.3, 0.2, 0.2, 0, 360), (0.7, 0.3), (0.65, 0.9)]],
}


def pixels(explorer):
    """The picture, as the page would get it."""
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


@pytest.fixture
def explorer():
    return ReadMyPen()


# ---------------------------------------------------------------------------- the net


def test_the_net_that_ships_reads_digits_that_it_has_never_seen():
    """94.0 % of the 1,000 test digits after their last point."""
    _, test = pen_digits()
    p = certainty(pen_reader(), test.x)
    assert p.shape == (*test.x.shape[:2], 10)
    last = p[test.lengths - 1, np.arange(1000)]
    assert (last.argmax(axis=1) == test.y).mean() > 0.92
    surest = last.max(axis=1) > 0.9  # where it is sure, it is right
    assert (last.argmax(axis=1) == test.y)[surest].mean() > 0.97
    early = p[test.lengths // 4, np.arange(1000)]
    right = np.arange(1000)
    assert early[right, test.y].mean() < last[right, test.y].mean() - 0.2


@pytest.mark.parametrize("digit", BY_HAND)
def test_it_reads_what_a_hand_writes(digit):
    x = offsets(BY_HAND[digit])
    assert certainty(pen_reader(), x[:, None])[-1, 0].argmax() == digit


def test_it_has_learned_that_a_stroke_may_run_the_other_way():
    """All strokes turned: 89 % right instead of 94 %, and 0.83 sure on average instead of 0.91."""
    _, test = pen_digits()
    turned = []
    for i, n in enumerate(test.lengths):
        turned.append(offsets([stroke[::-1] for stroke in drawn(test.x[:n, i])]))
    x, _, lengths = pad(turned)
    p = certainty(pen_reader(), x)[lengths - 1, np.arange(1000)]
    whole = certainty(pen_reader(), test.x)[test.lengths - 1, np.arange(1000)]
    assert 0.85 < (p.argmax(axis=1) == test.y).mean() < 0.92
    assert p.max(axis=1).mean() < whole.max(axis=1).mean() - 0.04


def test_padding_does_not_change_what_was_read_before():
    _, test = pen_digits()
    i = int(test.lengths.argmin())
    n = test.lengths[i]
    alone = certainty(pen_reader(), test.x[:n, i : i + 1])
    np.testing.assert_allclose(certainty(pen_reader(), test.x)[:n, i], alone[:, 0], atol=1e-5)
    assert certainty(pen_reader(), test.x[:0]).shape == (0, 1000, 10)


def test_the_script_that_trained_the_net_still_trains_one():
    """On 500 zeros and ones; 98 % of those of the test were right at the end."""
    path = Path(__file__).parents[2] / "tools/reproduce/pen_08.py"
    script = runpy.run_path(str(path))
    split = mnist()
    rows, pictures = np.flatnonzero(split.y_train < 2)[:500], split.images()
    drawings = [strokes_of(pictures[i]) for i in rows]
    net = script["trained"](drawings, split.y_train[rows], passes=40)
    assert net.state_dict().keys() == pen_reader().state_dict().keys()
    _, test = pen_digits()
    last = certainty(net, test.x)[test.lengths - 1, np.arange(1000)]
    assert (last.argmax(axis=1) == test.y)[test.y < 2].mean() > 0.9
    assert script["right_at_the_end"](pen_reader(), test) > 0.92


def test_another_hand_writes_the_same_digit():
    """What the script learns from: the same number of strokes or fewer, no point far away."""
    path = Path(__file__).parents[2] / "tools/reproduce/pen_08.py"
    varied = runpy.run_path(str(path))["varied"]
    strokes = [np.array(stroke)[:, :2] for stroke in BY_HAND[4]]
    rng = np.random.default_rng(0)
    lengths = set()
    for _ in range(50):
        other = varied(strokes, rng)
        assert 1 <= len(other) <= 2
        assert np.isfinite(offsets(other)).all()
        lengths.add(sum(map(len, other)))
    assert len(lengths) > 2, "some break off"


# ---------------------------------------------------------------------------- the explorer


def test_it_says_what_the_net_says(explorer):
    explorer.pad.strokes = SEVEN
    p = certainty(explorer.net, offsets(SEVEN)[:, None])[:, 0]
    np.testing.assert_allclose(explorer.data.p, p, atol=1e-6)
    assert explorer.data.read == len(p)
    pixels(explorer)
    assert f"The net says 7 with {p[-1, 7]:.2f}" in explorer.description
    assert f"{len(p)} of {len(p)} points are read, of 1 stroke." in explorer.description
    assert f"{p[-1, 7]:.2f}" in explorer.labels.texts


def test_every_order_goes_and_says_what_it_shows(explorer):
    explorer.pad.strokes = BY_HAND[4]
    seen = set()
    for order in ORDERS:
        explorer.set(order=order)
        assert explorer.message == ""
        assert len(np.unique(pixels(explorer))) > 3
        seen.add(explorer.data.p[-1].round(4).tobytes())
        assert len(explorer.data.ends) == 2
    assert len(seen) == 3
    explorer.set(order=ORDERS[1])
    np.testing.assert_allclose(
        explorer.data.sequence, offsets([line[::-1] for line in BY_HAND[4]]), atol=1e-6
    )


def test_an_empty_pad_is_said(explorer):
    assert explorer.data.empty
    assert len(np.unique(pixels(explorer))) > 3
    assert explorer.description.startswith("The pad is empty")
    with pytest.raises(ValueError, match="The pad is empty"):
        explorer.before_run()
    explorer.pad.strokes = [[(0.5, 0.5, 0)]]  # a dot
    assert explorer.message == ""
    assert explorer.data.read == 1
    pixels(explorer)
    assert "1 of 1 points" in explorer.description


@pytest.mark.parametrize("nonsense", ["much", 3, [["a"]], [[(0.5,)]], [[(0.1, float("nan"))]]])
def test_strokes_that_are_none_change_nothing(explorer, nonsense):
    explorer.pad.strokes = SEVEN
    before, words = explorer.values, explorer.description
    with pytest.raises(ValueError, match="strokes must be lists of points"):
        explorer.set(strokes=nonsense)
    for wrong in (-1, 2.5, "all", True):
        with pytest.raises(ValueError, match="at must be a number of points"):
            explorer.set(at=wrong)
    with pytest.raises(ValueError, match="order"):
        explorer.set(order="backwards")
    assert (explorer.values, explorer.description) == (before, words)


def test_points_are_read_one_by_one_by_keys_and_pointer(explorer):
    explorer.pad.strokes = SEVEN
    total = len(explorer.data.sequence)
    for key, read in (("ArrowLeft", total - 1), ("Home", 0), ("ArrowLeft", 0), ("ArrowRight", 1)):
        explorer.on_key(Key(key))
        assert explorer.data.read == read
    pixels(explorer)
    assert explorer.description.startswith(f"1 of {total} points are read")
    explorer.on_key(Key("End"))
    assert explorer.data.read == total
    explorer.on_pointer(Pointer("down", explorer.chart, 5.2, 3, pressed=True))
    assert explorer.data.read == 5
    explorer.on_pointer(Pointer("move", explorer.chart, 1000, 3, pressed=True))
    assert explorer.data.read == total
    explorer.on_pointer(Pointer("down", explorer.path, 1, 1, pressed=True))
    assert explorer.data.read == total


def test_a_new_stroke_is_read_to_its_end(explorer):
    explorer.pad.strokes = SEVEN
    explorer.on_key(Key("Home"))
    explorer.pad.strokes = BY_HAND[4]
    assert explorer.data.read == len(explorer.data.sequence)


def test_a_test_digit_is_written(explorer):
    explorer.show_digit()
    assert not explorer.pad.is_empty
    assert explorer.data.read > 10
    assert explorer.message == ""
    explorer.reset()
    assert explorer.pad.is_empty
    assert explorer.data.empty


def test_strokes_turned_round_change_the_way_more_often_than_the_answer(explorer):
    """What the chapter's answer says of the first 60 digits that the button writes: 59 and 50."""
    other_way = same_answer = 0
    for _ in range(60):
        explorer.set(order=ORDERS[0])
        explorer.show_digit()
        written = explorer.data
        explorer.set(order=ORDERS[1])
        turned = explorer.data
        ways = [[digit for _, digit in data.changes] for data in (written, turned)]
        other_way += ways[0] != ways[1]
        same_answer += written.now.argmax() == turned.now.argmax()
    assert (other_way, same_answer) == (pytest.approx(59, abs=1), pytest.approx(50, abs=1))


def test_a_long_drawing_gets_a_wider_chart(explorer):
    zigzag = [[(0.1 + 0.8 * (i % 2), 0.1 + 0.04 * i) for i in range(20)]]
    explorer.pad.strokes = zigzag
    pixels(explorer)
    assert explorer.chart.get_xlim()[1] >= len(explorer.data.sequence) > 100
    assert CHART[2] > 0


def test_it_is_written_again_on_an_event_loop():
    async def play():
        explorer = ReadMyPen()
        explorer.pad.strokes = [[(0.4, 0.4, 0), (0.6, 0.6, 9)]]
        explorer.run()
        await asyncio.sleep(0.3)
        half = explorer.data.read
        explorer.pause()
        return explorer, half

    explorer, half = asyncio.run(play())
    assert 0 < half < len(explorer.data.sequence)
    assert not explorer.running
    explorer.set(at=len(explorer.data.sequence))
    explorer.beat()
    assert explorer.values["at"] is None


def test_a_net_of_your_own(rng):
    net = network(rng)
    explorer = ReadMyPen(net)
    explorer.pad.strokes = SEVEN
    np.testing.assert_allclose(
        explorer.data.p, certainty(net, offsets(SEVEN)[:, None])[:, 0], atol=1e-6
    )
    for wrong in (np.zeros(3), Linear(3, 10, rng=rng), Linear(4, 10, rng=rng)):
        with pytest.raises(ValueError, match="net must"):
            ReadMyPen(wrong)


def test_nothing_of_the_widget_is_shadowed(explorer):
    own = {name for name in vars(explorer) if not name.startswith("_")}
    assert not own & set(dir(ipywidgets.VBox)), "the page would not show it"


def test_it_is_legible_in_the_dark(explorer):
    explorer.pad.strokes = SEVEN
    light = pixels(explorer)
    explorer.frame._meet({"loopback": True, "ratio": 1, "dark": True})
    dark = pixels(explorer)
    assert light[2, 2, :3].min() > 240
    assert dark[2, 2, :3].max() < 40


def test_saved_notebook_shows_a_picture_and_words(explorer):
    explorer.pad.strokes = SEVEN
    bundle = explorer._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert len(bundle["image/png"]) > 1000
    assert "The net says 7" in bundle["text/plain"]

"""The timeline, driven without a browser, and the table behind it."""

import re
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from dlkit.widgets.ch00_history import CHAPTERS, EVENTS, LANES, START, WINTERS
from dlkit.widgets.ch00_start import (
    GAP,
    Size,
    SmoothNeuron,
    Timeline,
    arrange,
    contents,
    history,
    label_end,
    link,
    measure,
)
from dlkit.widgets.explorer import Key, Pointer

ROOT = Path(__file__).parents[2]


# ---------------------------------------------------------------------------- the table


def test_events_are_in_order_of_their_years():
    assert [e.year for e in EVENTS] == sorted(e.year for e in EVENTS)
    assert (EVENTS[0].year, EVENTS[-1].year) == (1943, 2015)
    assert len({e.key for e in EVENTS}) == len({e.label for e in EVENTS}) == len(EVENTS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.key)
def test_an_event_is_complete(event):
    assert event.lane in LANES
    assert event.chapter in CHAPTERS
    assert str(event.year) in event.paper
    for text in (event.what, event.why):
        assert re.fullmatch(r"[A-Z\d].*\.", text)
    assert 2 <= len(re.findall(r"[.:;!?](?= |$)", f"{event.what} {event.why}")) <= 5


def test_every_chapter_replays_something():
    assert {e.chapter for e in EVENTS} == set(CHAPTERS)


def test_the_questions_are_those_of_the_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[(\d\d_\w+)\]\S* \| .*? \| (.*?) \|.*\|.*\|$", readme, re.M)
    assert dict(rows) == START | CHAPTERS, "dlkit/widgets/ch00_history.py lists the chapters, too"


def test_winters_do_not_overlap():
    assert all(w.start < w.end for w in WINTERS)
    assert WINTERS[0].end < WINTERS[1].start


# ---------------------------------------------------------------------------- the picture


@pytest.fixture(scope="module")
def timeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chapters")
    (folder / "01_perceptron.ipynb").write_text("{}")
    return Timeline(folder=folder)


@pytest.fixture(autouse=True)
def back_to_start(request):
    yield
    if "timeline" in request.fixturenames:
        request.getfixturevalue("timeline").reset()


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.key)
def test_every_event_is_shown_and_told(timeline, event):
    timeline.set(event=event.key)
    assert timeline.data.event is event
    assert timeline.ring.get_xdata() == [event.year]
    assert timeline.heading.get_text() == f"{event.year}   {event.title}"
    for text in (str(event.year), event.title, event.what, event.why, event.paper):
        assert text in timeline.description
    assert timeline.message == ""


def test_a_chapter_that_exists_is_linked_and_others_are_planned(timeline):
    def shown():
        return timeline.link.outputs[0]["data"]["text/html"]

    assert '<a href="01_perceptron.ipynb">' in shown()
    timeline.set(event="dropout")
    assert "06 dropout is planned" in shown()
    assert "<a" not in shown()


def test_rings_mark_the_rest_of_the_chapter(timeline):
    timeline.set(event="alexnet")
    assert {e.key for e in timeline.data.siblings} == {"neocognitron", "zip-codes", "imagenet"}
    assert list(timeline.family.get_xdata()) == [1980, 1989, 2009]
    assert "Neocognitron (1980), Zip codes (1989), ImageNet (2009)" in timeline.description


def test_a_winter_is_named(timeline):
    timeline.set(event="hochreiter")
    assert "second AI winter, 1987–1993" in timeline.description
    timeline.set(event="lstm")
    assert "winter" not in timeline.description


def test_keys_walk_and_stop_at_the_ends(timeline):
    def press(*keys):
        for key in keys:
            timeline.on_key(Key(key))
        return timeline.data.event.key

    assert press("ArrowLeft") == EVENTS[0].key
    assert press("ArrowRight") == EVENTS[1].key
    assert press("End", "ArrowRight") == EVENTS[-1].key
    assert press("Home") == EVENTS[0].key
    assert press("ArrowDown") == EVENTS[0].key
    timeline.set(event="neocognitron")
    assert press("ArrowUp") == "zip-codes"
    assert press("ArrowUp", "ArrowUp", "ArrowUp") == "alexnet"
    assert press("ArrowDown") == "imagenet"
    assert set(timeline.key_help) == {
        *["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"]
    }


def test_the_pointer_finds_markers_and_labels(timeline):
    for event in EVENTS:
        height = timeline.heights[event.key]
        for year in (event.year, label_end(event) - 1.5):
            timeline.on_pointer(Pointer("down", timeline.axes, year, height, pressed=True))
            assert timeline.data.event is event
    timeline.on_pointer(Pointer("move", timeline.axes, 1943, 0, pressed=False))
    assert timeline.data.event is event, "the pointer only passed by"


def test_no_two_labels_overlap():
    heights, _ = arrange(EVENTS)
    for a, b in combinations(EVENTS, 2):
        if heights[a.key] == heights[b.key]:
            assert label_end(a) < b.year


def test_labels_are_no_wider_than_was_reckoned(timeline):
    timeline.figure.canvas.draw()
    to_years = timeline.axes.transData.inverted()
    texts = {t.get_text(): t for t in timeline.axes.texts}
    for event in EVENTS:
        box = texts[event.label].get_window_extent().transformed(to_years)
        assert box.x1 <= label_end(event) + GAP / 2
        assert box.x1 <= timeline.axes.get_xlim()[1]


def test_a_step_draws_only_what_moves(timeline):
    timeline.frame.layers.pixels()
    assert len(timeline.frame.layers._upper) == 4, "anything more costs 40 ms a frame"


@pytest.mark.parametrize("dark", [False, True])
def test_the_picture_is_drawn_in_light_and_dark(timeline, dark):
    timeline._retheme(dark)
    timeline.redraw()
    pixels = timeline.frame.layers.pixels()
    assert (pixels[0, -1, :3].mean() < 60) == dark
    assert len({tuple(p) for p in pixels[::7, ::7, :3].reshape(-1, 3)}) > 5
    timeline._retheme(False)


@pytest.mark.parametrize("bad", ["nothing", 3, None, 1943.0, float("nan"), ["alexnet"]])
def test_a_bad_event_is_refused_and_nothing_is_lost(timeline, bad):
    timeline.set(event="lstm")
    with pytest.raises(ValueError, match="event"):
        timeline.set(event=bad)
    assert timeline.data.event.key == "lstm"
    with pytest.raises(ValueError, match="event"):
        Timeline(bad)


def test_a_refused_event_is_answered_with_the_possible_ones(timeline):
    with pytest.raises(ValueError, match=r"'AlexNet': possible are 'mcculloch-pitts', .*'alexnet'"):
        timeline.set(event="AlexNet")


def test_the_answers_to_the_questions():
    in_2009 = {e.lane: e.key for e in EVENTS if e.year == 2009}
    assert in_2009 == {"machines": "gpus", "data": "imagenet"}
    years = [e.year for e in EVENTS if e.lane == "ideas"]
    gaps = {(b - a, a, b) for a, b in pairwise(years)}
    assert max(gaps) == (15, 1943, 1958)
    assert sum(gap == 15 for gap, *_ in gaps) == 1


def test_an_unknown_control_is_refused(timeline):
    with pytest.raises(ValueError, match="no control 'year'"):
        timeline.set(year=1943)


def test_reset_returns_to_the_start():
    timeline = Timeline("mnist")
    timeline.set(event="dqn")
    timeline.reset()
    assert timeline.data.event.key == "mnist"


# ---------------------------------------------------------------------------- the neuron


def test_the_neuron_says_where_it_is_undecided():
    neuron = SmoothNeuron()
    assert "undecided at x = −b/w = 0.00." in neuron.description
    neuron.set(w=8, b=-16)
    assert "= 2.00." in neuron.description
    assert (neuron.point.get_xdata(), neuron.point.get_ydata()) == ([2.0], [0.5])
    neuron.set(w=0.5, b=16)
    assert "= −32.00, outside the picture." in neuron.description
    neuron.set(w=0)
    assert "the input does not count" in neuron.description
    neuron.reset()
    assert neuron.values == {"w": 1, "b": 0}


@pytest.mark.parametrize("w", [-8.0, 8.0])
@pytest.mark.parametrize("b", [-16.0, 16.0])
def test_the_neuron_at_the_ends_of_its_sliders(w, b):
    neuron = SmoothNeuron(w=w, b=b)
    x, a, undecided = neuron.data
    assert (a >= 0).all()
    assert (a <= 1).all()
    assert ((a > 0.5) == ((x > undecided) if w > 0 else (x < undecided))).mean() > 0.99
    neuron.frame.layers.pixels()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 9, "much", None])
def test_the_neuron_refuses_a_bad_weight(bad):
    neuron = SmoothNeuron()
    with pytest.raises(ValueError, match="w "):
        neuron.set(w=bad)
    assert neuron.values["w"] == 1


def test_the_neuron_is_lighter_on_a_dark_page():
    neuron = SmoothNeuron()
    light = neuron.curve.get_color()
    neuron.frame.dark = True
    neuron.draw(neuron.data)
    assert neuron.curve.get_color() != light


# ---------------------------------------------------------------------------- tables and links


def test_history_has_every_event_with_its_paper(tmp_path):
    table = history(tmp_path)
    html = table._repr_html_()
    assert html.count("<tr>") == len(EVENTS) + 1
    assert "Untersuchungen zu dynamischen neuronalen Netzen" in html
    assert html.startswith("<details>")
    assert not re.search(r"<|&\w+;", repr(table))


def test_links_are_relative(tmp_path):
    assert link("07_cnn", tmp_path) == "07 CNN (planned)"
    (tmp_path / "07_cnn.ipynb").touch()
    assert link("07_cnn", tmp_path) == '<a href="07_cnn.ipynb">07 CNN</a>'


def notebook(*cells):
    made = [{"cell_type": kind, "id": name, "source": [text]} for kind, name, text in cells]
    return str(made).replace("'", '"')


def test_contents_counts_what_is_there_and_names_what_is_planned(tmp_path):
    cells = notebook(
        ("markdown", "title-one", "word " * 450),
        ("code", "explorer-line", "Line()"),
        ("code", "check-rule", "exercises.rule.check(rule)"),
        ("code", "check-bound", "exercises.bound.check(bound)"),
    )
    path = tmp_path / "01_perceptron.ipynb"
    path.write_text(f'{{"cells": {cells}}}')
    size = measure(path)
    assert (size.words, size.explorers, size.exercises) == (450, 1, 2)
    assert size.minutes == 30  # 4.5 of reading, 5 of playing, 16 of exercises, in quarters
    text = repr(contents(tmp_path))
    assert "1943–1992 | 1 | 2 | about 30 min" in text
    assert "07 CNN (planned): convolutional neural network" in text
    assert "– | – | –" in text
    assert "00 start" not in text
    (tmp_path / "00_start.ipynb").write_text(f'{{"cells": {cells}}}')
    assert "00 start | What is here" in repr(contents(tmp_path))
    assert text.count("(planned)") == len(CHAPTERS) - 1


def test_the_start_takes_as_long_as_it_says():
    assert measure(ROOT / "chapters" / "00_start.ipynb").minutes == 60  # about an hour


@pytest.mark.parametrize(
    ("exercises", "time"), [(0, "about 15 min"), (8, "about 1 h"), (19, "about 2 h 30 min")]
)
def test_time_is_said_in_hours_and_minutes(exercises, time):
    assert Size(words=0, explorers=0, exercises=exercises).time == time


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 3}', '{"cells": [{"id": "a"}]}'])
def test_a_file_that_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "x.ipynb"
    path.write_text(text)
    with pytest.raises(ValueError, match="must name a notebook"):
        measure(path)


def test_a_chapter_that_cannot_be_read_does_not_stop_the_start(tmp_path):
    (tmp_path / "02_backpropagation.ipynb").write_text("half a fi")
    assert "cannot be read" in repr(contents(tmp_path))

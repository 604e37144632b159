"""The reservoir's knobs, driven without a browser."""

import ipywidgets
import numpy as np
import pytest

from dlkit.models.reservoir import EchoStateNetwork, nrmse
from dlkit.plots import PAPER
from dlkit.widgets.ch08_reservoir import (
    ECHO,
    FORETOLD,
    LEARNED,
    SERIES,
    WASHOUT,
    Reservoir,
    drawn_net,
    values_of,
)
from tests.colours import contrast


def pixels(explorer):
    """The picture, as the page would get it."""
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


@pytest.fixture
def explorer():
    return Reservoir()


def test_every_control_goes_to_both_ends_and_says_what_it_shows(explorer):
    start, first = explorer.values, explorer.description
    for control in explorer.inputs.values():
        ends = getattr(control, "options", None) or (control.min, control.max)
        for value in ends:
            control.value = value
            assert explorer.message == ""
            assert "nan" not in explorer.description
            assert len(np.unique(pixels(explorer))) > 3
        explorer.reset()
    assert explorer.values == start
    pixels(explorer)
    assert explorer.description == first


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), "much", None, -1, 1.7])
def test_a_value_that_makes_no_sense_changes_nothing(explorer, nonsense):
    before, words = explorer.values, explorer.description
    for name in ("spectral_radius", "units", "seed"):
        with pytest.raises(ValueError, match=name):
            explorer.set(**{name: nonsense})
    with pytest.raises(ValueError, match="series"):
        explorer.set(series=nonsense)
    with pytest.raises(ValueError, match="no control 'rho'"):
        explorer.set(rho=1)
    assert (explorer.values, explorer.description) == (before, words)


def test_nothing_of_the_widget_is_shadowed(explorer):
    own = {name for name in vars(explorer) if not name.startswith("_")}
    assert not own & set(dir(ipywidgets.VBox)), "the page would not show it"


def test_it_shows_what_the_course_s_own_net_does(explorer):
    """Built once more with the public class, number by number."""
    explorer.set(units=50, spectral_radius=0.7, leak=0.4, input_scale=0.5, ridge=-6)
    x = values_of(next(iter(SERIES)))
    net = EchoStateNetwork(1, 50, density=0.1, rng=np.random.default_rng(0), spectral_radius=0.7)
    net.leak = 0.4
    net.weight_ih *= 0.5
    net.bias *= 0.5
    net.fit_readout(x[: LEARNED - 1], x[1:LEARNED], washout=WASHOUT, ridge=1e-6)
    alone = net.free_run(x[:LEARNED], FORETOLD)[:, 0, 0]
    np.testing.assert_allclose(explorer.data.prediction, alone, atol=1e-6)
    one = nrmse(net.predict(x[:-1])[LEARNED - 1 :], x[LEARNED:])
    assert explorer.data.one_step == pytest.approx(one, rel=1e-4)
    radius = np.abs(explorer.data.eigenvalues).max()
    assert radius == pytest.approx(0.7)


def test_the_kept_nets_are_left_as_they_were_drawn(explorer):
    net, _ = drawn_net(100, 0)
    weight = net.weight_ih.copy()
    explorer.set(input_scale=0.3)
    np.testing.assert_array_equal(net.weight_ih, weight)


def test_larger_is_better_and_no_memory_is_worse(explorer):
    """Of six: 300 units were 3 to 23 times better alone; without W all left at step 19."""
    small = explorer.data
    explorer.set(units=300)
    assert explorer.data.free < small.free / 2
    explorer.set(units=100, spectral_radius=0)
    assert explorer.data.one_step > 10 * small.one_step
    assert explorer.data.follows < 40


def test_the_echo_of_the_start_fades_faster_with_a_smaller_radius(explorer):
    distances = []
    for radius in (0.5, 0.9):
        explorer.set(spectral_radius=radius)
        assert explorer.data.forgets
        assert "so the start is forgotten" in explorer.description
        distances.append(explorer.data.distance[40])
    assert distances[0] < distances[1] / 10
    explorer.set(spectral_radius=1.6, input_scale=0.0)
    assert not explorer.data.forgets
    assert "so the start is not forgotten" in explorer.description
    assert "hears nothing of the series" in explorer.description
    assert len(explorer.data.distance) == ECHO


@pytest.mark.filterwarnings("error")
def test_a_prediction_that_runs_away_is_said():
    """Few units, no leak, large readout weights: what it says feeds upon itself."""
    explorer = Reservoir(spectral_radius=0.9, leak=1.0, units=50, ridge=-10)
    assert explorer.data.runs_away
    assert np.isfinite(explorer.data.prediction).all()
    assert np.isfinite(explorer.data.free)
    pixels(explorer)
    assert "Then it runs away to numbers that the series never had." in explorer.description
    assert "nan" not in explorer.description
    explorer.set(spectral_radius=0.9, leak=0.5, units=100, ridge=-8)
    assert not explorer.data.runs_away


def test_another_reservoir_has_other_weights(explorer):
    first = explorer.data
    explorer.draw_another()
    assert explorer.values["seed"] == 1
    assert np.abs(first.prediction - explorer.data.prediction).max() > 1e-6
    explorer.reset()
    np.testing.assert_array_equal(explorer.data.prediction, first.prediction)


def test_other_reservoirs_do_what_the_chapter_s_answer_says_of_most(explorer):
    """Of 30: with a strong input at 1.5 the first and 25 more forget, with a weak one 1; with the
    delay of 30 they miss the next value by 0.003 to 0.005, and 20 run away."""

    def over_many(what, **settings):
        explorer.reset()
        found = []
        for seed in range(30):
            explorer.set(seed=seed, **settings)
            found.append(getattr(explorer.data, what))
        return np.array(found)

    strong = over_many("forgets", spectral_radius=1.5, input_scale=1.0)
    assert strong[0]
    assert strong.sum() > 20
    assert over_many("forgets", spectral_radius=1.5, input_scale=0.2).sum() < 5
    late = [*SERIES][1]
    assert over_many("one_step", series=late).max() < 0.01
    assert over_many("runs_away", series=late).sum() > 15


def test_it_is_legible_in_the_dark(explorer):
    light = pixels(explorer)
    explorer.frame._meet({"loopback": True, "ratio": 1, "dark": True})
    dark = pixels(explorer)
    assert light[2, 2, :3].min() > 240
    assert dark[2, 2, :3].max() < 40


def test_saved_notebook_shows_a_picture_and_words(explorer):
    bundle = explorer._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert len(bundle["image/png"]) > 1000
    assert bundle["text/plain"] == explorer.description


@pytest.mark.parametrize("dark", [False, True])
def test_each_unit_stands_out_from_the_page_in_a_look_of_its_own(explorer, dark):
    explorer._retheme(dark)
    lines = explorer.units
    assert len({(str(line.get_color()), line.get_linestyle()) for line in lines}) == len(lines)
    for line in lines:
        assert contrast(line.get_color(), PAPER[dark]) > 3

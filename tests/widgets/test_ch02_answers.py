"""The folded answers of chapter 02: its explorers show what the answers say."""

import numpy as np
import pytest

from dlkit.data import moved
from dlkit.widgets import ch02_backpropagation as ch02
from dlkit.widgets.ch02_digit import trained
from dlkit.widgets.ch02_landscape import RACERS
from dlkit.widgets.ch02_microscope import H
from dlkit.widgets.ch02_surfaces import SURFACES
from dlkit.widgets.drawn import mnist


@pytest.fixture
def gradients():
    """∂L/∂ each input of an expression, after the whole walk; and the loss."""

    def walk(expression, **inputs):
        graph = ch02.ComputationalGraph(expression=expression, **inputs)
        graph.set(step=graph.data.steps)
        names = [node.name for node in graph.data.graph]
        return dict(zip(names, graph.data.gradients, strict=True)), graph.data.values[-1]

    return walk


def test_a_saturated_unit_is_wrong_and_hears_nothing(gradients):
    slopes, loss = gradients("(sigmoid(w*x + v*y + b) - d)**2", x=4, w=-3, v=0, b=0, d=1)
    assert loss > 0.99
    assert max(abs(slopes[name]) for name in "wvb") < 1e-4


def test_the_logarithm_undoes_the_flatness(gradients):
    slopes, _ = gradients("-log(sigmoid(w*x + b))", x=4, w=-3, b=0)
    assert abs(slopes["w"]) > 1


def lower_envelope(errors, width=5):
    """The largest error within `width` steps of h on either side: lucky dips do not count."""
    return np.array([errors[max(0, i - width) : i + width + 1].max() for i in range(len(errors))])


@pytest.mark.parametrize(
    ("dtype", "low", "high", "digits"), [("float64", 1e-6, 1e-4, 10), ("float32", 1e-3, 3e-2, 4)]
)
def test_the_best_step_of_a_gradient_check(dtype, low, high, digits):
    slide = ch02.GradientMicroscope.compute(-2.0, 0.1, "tanh", "right")
    error = lower_envelope(slide.errors[f"central, {dtype}"]) / abs(slide.slope)
    assert low < H[error.argmin()] < high
    assert 10.0 ** -(digits + 2) < error.min() < 10.0**-digits


def test_the_relu_is_a_parabola_until_h_reaches_the_kink():
    slide = ch02.GradientMicroscope.compute(-2.0, 1e-2, "ReLU", "right")
    error = slide.errors["central, float64"]
    assert error[(H > 1e-5) & (H < 0.9e-2)].max() < 1e-9
    assert error[H > 2e-2].min() > 0.1


def well(start, racer):
    """The minimum of "two minima" that a racer ends in: 0 is the deep one."""
    rates = {key: entry.rate for key, entry in RACERS.items()}
    race = ch02.LossLandscape.compute("two minima", 200, start, 0.9, **rates)
    minima = np.array(SURFACES["two minima"].minima)
    return int(np.linalg.norm(minima - race.place(racer), axis=1).argmin())


def test_speed_is_an_advantage_or_not():
    given, left = SURFACES["two minima"].start, (-1.85, -1.1)
    assert (well(given, "sgd"), well(given, "momentum")) == (1, 0)
    assert (well(left, "sgd"), well(left, "momentum")) == (0, 1)


def ravine(rate):
    rates = dict.fromkeys(RACERS, rate)
    return ch02.LossLandscape.compute("ravine", 200, SURFACES["ravine"].start, 0.9, **rates)


@pytest.mark.parametrize(
    ("rate", "gone"),
    [
        (0.09, set()),
        (0.1, set()),
        (0.11, {"sgd"}),
        (0.18, {"sgd"}),  # momentum 0.9 stands 2 (1 + 0.9) / 20 = 0.19
        (0.2, {"sgd", "momentum"}),
        (1.0, {"sgd", "momentum"}),  # the end of the slider
    ],
)
def test_who_leaves_the_ravine(rate, gone):
    race = ravine(rate)
    assert {racer for racer in RACERS if race.gone(racer)} == gone


def test_at_two_over_the_curvature_sgd_jumps_from_wall_to_wall():
    y = ravine(0.1).paths["sgd"][:, 1]
    assert np.allclose(np.abs(y), SURFACES["ravine"].start[1])
    assert (y[1:] * y[:-1] < 0).all()


@pytest.mark.parametrize(("units", "low", "high"), [(2, 0.7, 0.9), (3, 0.9, 1.0), (4, 0.9, 1.0)])
def test_three_lines_close_a_ring(units, low, high):
    playground = ch02.Playground(dataset="circles", depth=1, width=units, activation="tanh")
    playground.advance(200)
    assert low <= playground.data.right <= high


def test_a_one_may_move_up_or_down_but_not_aside():
    split = mnist()
    ones = split.x_test[split.y_test == 1].reshape(-1, 28, 28)

    def read_right(right, down):
        pictures = np.stack([moved(picture, right, down) for picture in ones])
        return np.mean(trained()(pictures.reshape(len(ones), -1)).argmax(axis=1) == 1)

    assert 0.55 < read_right(-1, 0) < 0.75
    assert read_right(-2, 0) < 0.1
    assert read_right(2, 0) < 0.25
    assert min(read_right(0, -2), read_right(0, 2)) > 0.7

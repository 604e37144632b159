"""What is particular to normalisation; parity and gradient checks are in test_every_model."""

import numpy as np
import pytest

from dlkit.models.dense import Linear, Sequential, Tanh
from dlkit.models.losses import MSELoss
from dlkit.models.normalisation import BatchNorm1d, LayerNorm
from dlkit.parity import compare, gradient_check, to_numpy, to_torch


def batch(rows=200, units=4, seed=0):
    rng = np.random.default_rng(seed)
    return 3 + 2 * rng.normal(size=(rows, units)) * np.arange(1, units + 1)


@pytest.mark.parametrize(("kind", "axis"), [(BatchNorm1d, 0), (LayerNorm, 1)])
def test_mean_0_and_variance_1_and_then_weight_and_bias(kind, axis):
    x = batch()
    layer = kind(4, dtype=float)
    y = layer(x)
    np.testing.assert_allclose(y.mean(axis=axis), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=axis), 1, rtol=1e-3)
    layer.weight[:], layer.bias[:] = (1, 2, 3, 4), (5, 6, 7, 8)
    np.testing.assert_allclose(layer(x), y * (1, 2, 3, 4) + (5, 6, 7, 8))


def test_batch_normalisation_forgets_scale_and_offset_of_the_weights_before_it():
    x, layer = batch(), BatchNorm1d(4, dtype=float)
    np.testing.assert_allclose(layer(100 * x - 7), layer(x), atol=1e-4)


def test_gradient_into_batch_normalisation_has_no_part_that_the_layer_would_undo():
    layer = BatchNorm1d(4, eps=1e-12, dtype=float)
    x = batch()
    layer(x)
    grad = layer.backward(np.random.default_rng(1).normal(size=x.shape))
    np.testing.assert_allclose(grad.sum(axis=0), 0, atol=1e-12)  # shifting x changes nothing
    np.testing.assert_allclose((grad * (x - x.mean(axis=0))).sum(axis=0), 0, atol=1e-9)  # scaling


def test_in_use_an_answer_does_not_hang_on_its_neighbours():
    layer = BatchNorm1d(4, dtype=float)
    for seed in range(100):
        layer(batch(seed=seed))
    x = batch(seed=1000)
    layer.eval()
    state = layer.state_dict()
    np.testing.assert_array_equal(layer(x)[:1], layer(x[:1]))
    np.testing.assert_array_equal(layer.running_var, state["running_var"])  # using measures nothing
    np.testing.assert_allclose(layer(x).mean(axis=0), 0, atol=0.3)  # the batches were alike
    np.testing.assert_allclose(layer(x).std(axis=0), 1, atol=0.2)


def test_running_averages_are_those_of_the_paper_and_of_torch():
    x, layer = batch(10), BatchNorm1d(4, momentum=0.25, dtype=float)
    layer(x)
    np.testing.assert_allclose(layer.running_mean, 0.25 * x.mean(axis=0))
    np.testing.assert_allclose(layer.running_var, 0.75 + 0.25 * x.var(axis=0, ddof=1))


@pytest.mark.parametrize("learning", [True, False])
def test_gradient_and_twin_agree_while_learning_and_in_use(learning):
    rng = np.random.default_rng(0)
    net = Sequential(
        Linear(5, 6, rng=rng, dtype=float),
        Tanh(),  # a bias right before the layer would have no gradient at all
        BatchNorm1d(6, dtype=float),
        Linear(6, 4, rng=rng, dtype=float),
        LayerNorm(4, dtype=float),
    )
    net(rng.normal(2, 3, size=(20, 5)))  # running averages of its own
    net.train(learning)
    x, target = rng.normal(size=(8, 5)), rng.normal(size=(8, 4))
    before = net.state_dict()
    gradient_check(net, MSELoss(), x, target).require(1e-6)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    report = compare(net, MSELoss(), x, target).require(1e-11)
    assert "2.running_var after 5 steps" in {row.name for row in report.rows}


def test_a_bias_right_before_batch_normalisation_is_taken_out_again():
    linear = Linear(5, 4, rng=np.random.default_rng(0), dtype=float)
    net = Sequential(linear, BatchNorm1d(4, dtype=float))
    x = np.random.default_rng(1).normal(size=(8, 5))
    before = net(x)
    net.backward(x[:, :4])
    np.testing.assert_allclose(net.gradients["0.bias"], 0, atol=1e-13)
    linear.bias += 100
    np.testing.assert_allclose(net(x), before, atol=1e-11)


@pytest.mark.parametrize("kind", [BatchNorm1d, LayerNorm])
def test_backward_parameters_fills_the_same_gradients(kind):
    layer, x = kind(4, dtype=float), batch()
    layer(x)
    layer.backward(x**2)
    full = {name: gradient.copy() for name, gradient in layer.gradients.items()}
    layer.backward_parameters(2 * x)
    assert not np.allclose(layer.gradients["weight"], full["weight"])
    layer.backward_parameters(x**2)
    for name, gradient in layer.gradients.items():
        np.testing.assert_array_equal(gradient, full[name])


@pytest.mark.parametrize("kind", [BatchNorm1d, LayerNorm])
def test_float32_stays_float32(kind):
    layer = kind(4)
    assert layer(batch()).dtype == np.float32
    assert layer.backward(batch().astype(np.float32)).dtype == np.float32
    assert {array.dtype for array in layer.state_dict().values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", [BatchNorm1d, LayerNorm])
def test_there_and_back_again(kind):
    layer = kind(4, eps=1e-3, dtype=float)
    layer(batch())
    layer.eval()
    back = to_numpy(to_torch(layer, "cpu"))
    assert back.eps == layer.eps
    assert not back.training
    np.testing.assert_array_equal(back(batch(seed=1)), layer(batch(seed=1)))


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match="features must be at least 1, got 0"):
        BatchNorm1d(0)
    with pytest.raises(ValueError, match="momentum must be between 0 and 1, got 2"):
        BatchNorm1d(3, momentum=2)
    with pytest.raises(ValueError, match="eps must be more than 0, got 0"):
        LayerNorm(3, eps=0)
    with pytest.raises(ValueError, match=r"x must have shape \(N, 3\), got \(2, 4\)"):
        LayerNorm(3)(np.ones((2, 4)))
    with pytest.raises(ValueError, match="at least 2 examples while learning, got 1"):
        BatchNorm1d(3)(np.ones((1, 3)))
    assert BatchNorm1d(3).eval()(np.ones((1, 3))).shape == (1, 3)

"""What is particular to the residual path; parity and gradient checks are in test_every_model."""

import numpy as np
import pytest

from dlkit.models.dense import Linear, ReLU, Sequential, mlp
from dlkit.models.initialisers import zeros
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.normalisation import BatchNorm1d
from dlkit.models.residual import Residual
from dlkit.parity import compare, gradient_check, to_numpy, to_torch


def net():
    rng = np.random.default_rng(0)
    block = (BatchNorm1d(5, dtype=float), ReLU(), Linear(5, 5, rng=rng, dtype=float))
    return Sequential(Residual(Sequential(*block)), Linear(5, 3, rng=rng, dtype=float))


def test_a_body_of_zeros_is_the_identity_both_ways():
    layer = Residual(Linear(4, 4, rng=np.random.default_rng(0), weight_init=zeros, dtype=float))
    x = np.random.default_rng(1).normal(size=(3, 4))
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer.backward(x), x)


def test_x_is_left_as_it_was():
    layer = Residual(ReLU())
    x = np.array([[-1.0, 2.0]])
    np.testing.assert_array_equal(layer(x), [[-1, 4]])
    np.testing.assert_array_equal(x, [[-1, 2]])
    np.testing.assert_array_equal(layer.backward(np.ones((1, 2))), [[1, 2]])


def test_inside_a_net_gradients_and_twin_agree_and_names_are_torchs():
    model, rng = net(), np.random.default_rng(2)
    x, y = rng.normal(size=(7, 5)), rng.integers(0, 3, 7)
    gradient_check(model, CrossEntropyLoss(), x, y).require(1e-6)
    compare(model, CrossEntropyLoss(), x, y).require(1e-11)
    twin = to_torch(model, "cpu")
    assert list(model.parameters) == [name for name, _ in twin.named_parameters()]
    assert list(model.buffers) == ["0.body.0.running_mean", "0.body.0.running_var"]


def test_backward_parameters_fills_the_same_gradients():
    model, grad = net(), np.random.default_rng(3).normal(size=(7, 3))
    model(np.random.default_rng(2).normal(size=(7, 5)))
    model.backward(grad)
    full = {name: gradient.copy() for name, gradient in model.gradients.items()}
    model.backward_parameters(grad)
    for name, gradient in model.gradients.items():
        np.testing.assert_array_equal(gradient, full[name])


def test_the_mode_reaches_the_body_and_comes_back_with_the_twin():
    model = net().eval()
    assert not model[0].body[0].training
    back = to_numpy(to_torch(model, "cpu"))
    assert not back.training
    assert not back[0].body[0].training
    x = np.random.default_rng(2).normal(size=(7, 5))
    np.testing.assert_array_equal(back(x), model(x))


def test_a_body_that_changes_the_shape_is_refused():
    with pytest.raises(ValueError, match=r"body must keep the shape of x, got \(2, 4\) → \(2, 3\)"):
        Residual(mlp((4, 3), rng=np.random.default_rng(0)))(np.ones((2, 4), np.float32))
    with pytest.raises(ValueError, match="body must be a Layer object"):
        Residual(ReLU)

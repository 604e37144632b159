"""The contract: names of parameters, buffers and children; learning or being used."""

import numpy as np
import pytest

from dlkit.models.dense import Linear, ReLU, Sequential, mlp
from dlkit.models.layer import Layer
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.train import numpy_step


class Scale(Layer):
    """Multiplies by its weight; counts the batches it has seen while learning."""

    parameter_names, buffer_names = ("weight",), ("seen",)

    def __init__(self):
        self.weight, self.seen = np.ones(3), np.zeros(1)

    def forward(self, x):
        self._x = x
        self.seen += self.training
        return x * self.weight

    def backward(self, grad_output):
        np.sum(grad_output * self._x, axis=0, out=self._gradient("weight"))
        return grad_output * self.weight


def net():
    return Sequential(Linear(4, 3, rng=np.random.default_rng(0)), ReLU(), Scale())


def test_a_buffer_is_kept_with_the_state_and_is_no_parameter():
    model, other = net(), net()
    model.forward(np.ones((2, 4)))
    assert "2.seen" not in model.parameters
    assert list(model.buffers) == ["2.seen"]
    other.load_state_dict(model.state_dict())
    assert other.layers[2].seen == 1
    with pytest.raises(ValueError, match=r"2\.seen"):
        other.load_state_dict(model.parameters)


def test_train_and_eval_reach_every_layer():
    model = Sequential(net(), net())
    assert model.training
    assert all(layer.training for layer in model.layers[0].layers)
    assert model.eval() is model
    assert not any(layer.training for inner in model.layers for layer in inner.layers)
    model.layers[0].forward(np.ones((2, 4)))
    assert model.layers[0].layers[2].seen == 0
    assert model.train().training
    assert model.layers[1].layers[0].training


def test_a_step_learns_even_after_a_validation_that_left_the_model_in_use():
    model = net().eval()
    step = numpy_step(model, CrossEntropyLoss(), SGD(model.parameters, 0.1))
    step(np.ones((2, 4), np.float32), np.array([0, 1]))
    assert model.training
    assert model.layers[2].seen == 1


def test_layers_may_go_forward_one_by_one_and_back_together():
    model = net()
    model(np.ones((5, 4)))
    a = np.ones((2, 4))
    for layer in model.layers:
        a = layer(a)
    assert model.backward(np.ones((2, 3))).shape == (2, 4)


def test_a_layer_of_ones_own_is_told_which_gradient_it_gets():
    layer = Scale()
    with pytest.raises(ValueError, match=r"Scale has given none yet: call forward\(x\)"):
        layer.backward(np.ones((2, 3)))
    layer.forward(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"grad_output must have shape \(2, 3\), got \(3,\)"):
        layer.backward(np.ones(3))
    assert layer.backward([[1, 2, 3], [4, 5, 6]]).shape == (2, 3)


def test_a_weight_that_was_exchanged_gets_a_gradient_of_its_shape():
    layer = Linear(4, 3, rng=np.random.default_rng(0))
    layer.backward(layer(np.ones((2, 4))))
    layer.weight, layer.bias = np.ones((5, 4), np.float32), np.zeros(5, np.float32)
    layer.backward(layer(np.ones((2, 4))))
    assert {name: g.shape for name, g in layer.gradients.items()} == {
        "weight": (5, 4),
        "bias": (5,),
    }


def test_the_twin_gets_the_same_mode():
    torch = pytest.importorskip("torch")
    from dlkit.parity import to_torch

    model = mlp((4, 3), rng=np.random.default_rng(0))
    assert to_torch(model, "cpu").training
    assert not to_torch(model.eval(), "cpu").training
    assert isinstance(to_torch(model), torch.nn.Sequential)

"""What is particular to dense nets; parity and gradient checks are in test_every_model."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlkit.models.dense import (
    Identity,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    mlp,
    sigmoid,
    softmax,
)
from dlkit.models.initialisers import fan_in_uniform, normal

logits = arrays(np.float64, (3, 4), elements=st.floats(-500, 500))


def test_linear_is_its_equation():
    layer = Linear(3, 2, rng=np.random.default_rng(0), dtype=float)
    x = np.random.default_rng(1).normal(size=(5, 3))
    expected = [
        [sum(x[n, i] * layer.weight[o, i] for i in range(3)) + layer.bias[o] for o in range(2)]
        for n in range(5)
    ]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-13)


def test_a_weight_and_its_gradient_lie_in_memory_as_transposes():
    layer = Linear(3, 2, rng=np.random.default_rng(0))
    other = copy.deepcopy(layer)
    other.load_state_dict(layer.state_dict())
    for array in (layer.weight, layer.gradients["weight"], other.weight):
        assert array.T.flags.c_contiguous
        assert not array.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_the_parameters_decides(dtype):
    net = mlp((4, 5, 3), rng=np.random.default_rng(0), dtype=dtype)
    output = net(np.ones((2, 4)))
    assert output.dtype == dtype
    assert net.backward(np.ones_like(output)).dtype == dtype
    assert {g.dtype for g in net.gradients.values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("kind", [Sigmoid, Tanh, ReLU, Identity])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(4,), (2, 4), (2, 3, 4, 5)])
def test_an_activation_keeps_shape_and_dtype(kind, dtype, shape):
    layer, x = kind(), np.linspace(-2, 2, np.prod(shape)).reshape(shape).astype(dtype)
    for array in (layer(x), layer.backward(np.ones(shape, dtype))):
        assert array.shape == shape
        assert array.dtype == dtype


@pytest.mark.parametrize("weight_init", [fan_in_uniform, normal(0.1)])
def test_the_bias_starts_as_in_torch_or_at_zero(weight_init):
    bias = Linear(4, 5000, rng=np.random.default_rng(0), weight_init=weight_init).bias
    assert np.ptp(bias) == (pytest.approx(1, abs=0.01) if weight_init is fan_in_uniform else 0)
    assert abs(bias.mean()) < 0.02  # from -1/√4 to 1/√4


def test_backward_twice_does_not_add_up():
    net = mlp((4, 5, 3), Tanh, rng=np.random.default_rng(0), dtype=float)
    output = net(np.ones((2, 4)))
    net.backward(np.ones_like(output))
    once = {name: g.copy() for name, g in net.gradients.items()}
    net.backward(np.ones_like(output))
    for name, gradient in net.gradients.items():
        np.testing.assert_array_equal(gradient, once[name])


def test_backward_parameters_fills_the_same_gradients():
    net = mlp((4, 5, 6, 3), Sigmoid, rng=np.random.default_rng(0), dtype=float)
    grad = np.random.default_rng(1).normal(size=net(np.ones((2, 4))).shape)
    net.backward(grad)
    full = {name: g.copy() for name, g in net.gradients.items()}
    for gradient in net.gradients.values():
        gradient[...] = np.nan
    net.backward_parameters(grad)
    for name, gradient in net.gradients.items():
        np.testing.assert_array_equal(gradient, full[name])


def test_the_gradient_of_the_data_is_not_made_where_nobody_asks_for_it():
    net = mlp((4, 5, 3), rng=np.random.default_rng(0))
    net[0].backward = None
    net.backward_parameters(np.ones_like(net(np.ones((2, 4)))))
    with pytest.raises(TypeError):
        net.backward(np.ones((2, 3)))


def test_names_and_shapes_are_those_of_torch():
    torch = pytest.importorskip("torch")
    ours = mlp((4, 5, 3), rng=np.random.default_rng(0))
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    assert {n: p.shape for n, p in ours.parameters.items()} == {
        n: tuple(p.shape) for n, p in theirs.named_parameters()
    }


def test_state_goes_back_and_a_wrong_state_changes_nothing():
    net, other = (mlp((4, 5, 3), rng=np.random.default_rng(seed)) for seed in (0, 1))
    other.load_state_dict(net.state_dict())
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(net(x), other(x))
    before = other.state_dict()
    bad = {name: np.zeros_like(array) for name, array in before.items()}
    bad["2.bias"] = np.zeros(7)
    with pytest.raises(ValueError, match=r"state\['2.bias'\] must have shape \(3,\), got \(7,\)"):
        other.load_state_dict(bad)
    with pytest.raises(ValueError, match="state must hold"):
        other.load_state_dict({})
    for name, array in other.parameters.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("bad", [np.ones(4), np.ones((2, 5)), np.ones((0, 4)), "text"])
def test_a_batch_of_another_shape_is_refused(bad):
    with pytest.raises(ValueError, match=r"^x must"):
        Linear(4, 3, rng=np.random.default_rng(0))(bad)


def test_impossible_sizes_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="in_features must be at least 1, got 0"):
        Linear(0, 3, rng=rng)
    with pytest.raises(ValueError, match="sizes must name an input and an output"):
        mlp((3,), rng=rng)
    with pytest.raises(ValueError, match="layers must be Layer objects"):
        Sequential(ReLU)


@pytest.mark.parametrize("activation", [ReLU(), "relu", None])
def test_an_activation_that_is_no_class_is_refused(activation):
    with pytest.raises(ValueError, match="activation must be a class such as ReLU, got"):
        mlp((4, 5, 3), activation, rng=np.random.default_rng(0))


@pytest.mark.parametrize("sizes", [784, "784", None, (3,)])
def test_sizes_that_name_no_two_layers_are_refused(sizes):
    with pytest.raises(ValueError, match="sizes must name an input and an output at least, got"):
        mlp(sizes, rng=np.random.default_rng(0))


def test_softmax_and_sigmoid_take_a_list():
    np.testing.assert_allclose(softmax([0, np.log(3)]), [0.25, 0.75])
    np.testing.assert_allclose(sigmoid([0, 0]), [0.5, 0.5])
    assert Sigmoid().forward(np.zeros((1, 2), np.float32)).dtype == np.float32


def test_a_state_that_is_no_dict_is_refused():
    net = mlp((4, 3), rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"state must be arrays by name, as from state_dict\(\)"):
        net.load_state_dict("net.safetensors")


@given(logits)
def test_softmax_gives_probabilities_whatever_the_logits(z):
    p = softmax(z)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


@given(logits, st.floats(-100, 100))
def test_softmax_ignores_a_constant_added_to_a_row(z, constant):
    np.testing.assert_allclose(softmax(z + constant), softmax(z), atol=1e-12)


@given(st.floats(-1e4, 1e4))
def test_sigmoid_is_symmetric_and_never_overflows(z):
    with np.errstate(over="raise"):
        assert sigmoid(np.float64(z)) + sigmoid(np.float64(-z)) == pytest.approx(1, abs=1e-15)


def test_softmax_never_overflows():
    with np.errstate(over="raise", invalid="raise"):
        np.testing.assert_allclose(softmax([[1e4, 1e4, -1e4]]), [[0.5, 0.5, 0]])


def test_relu_passes_nothing_at_the_kink():
    relu = ReLU()
    relu(np.array([[-1.0, 0.0, 2.0]]))
    assert relu.backward(np.ones((1, 3))).tolist() == [[0, 0, 1]]


def test_a_deep_net_without_activations_is_one_matrix():
    rng = np.random.default_rng(0)
    layers = [Linear(4, 4, rng=rng, weight_init=normal(1.0), dtype=float) for _ in range(5)]
    x = rng.normal(size=(3, 4))
    product = x
    for layer in layers:
        product = product @ layer.weight.T
    np.testing.assert_allclose(Sequential(*layers)(x), product, rtol=1e-12)


def test_repr_shows_the_shapes():
    assert repr(mlp((4, 5, 3), rng=np.random.default_rng(0))) == (
        "Sequential(Linear(weight (5, 4), bias (5,)), ReLU(), Linear(weight (3, 5), bias (3,)))"
    )

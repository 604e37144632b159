"""What is particular to convolution and pooling; parity and gradients: also in test_every_model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlkit.data import moved
from dlkit.models import convolution
from dlkit.models.convolution import AvgPool2d, Conv2d, Flatten, MaxPool2d
from dlkit.models.dense import Linear, ReLU, Sequential, Tanh
from dlkit.models.initialisers import zeros
from dlkit.models.losses import CrossEntropyLoss, MSELoss
from dlkit.parity import compare, gradient_check, to_numpy, to_torch

RNG = np.random.default_rng(0)
PICTURES = RNG.normal(size=(4, 1, 12, 12))


def by_definition(x, weight, bias, stride, padding):
    """The sum of the docstring, place by place."""
    x = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2])
    height, width = weight.shape[2:]
    rows = (x.shape[2] - height) // stride[0] + 1
    columns = (x.shape[3] - width) // stride[1] + 1
    z = np.empty((len(x), len(weight), rows, columns))
    for n, o, i, j in np.ndindex(z.shape):
        top, left = i * stride[0], j * stride[1]
        seen = x[n, :, top : top + height, left : left + width]
        z[n, o, i, j] = (weight[o] * seen).sum() + bias[o]
    return z


def small_net(dtype=float):
    """Every layer of this file in one net: 12 × 12 → 3 maps of 5 × 5 → 4 maps of 3 × 3 → 3."""
    rng = np.random.default_rng(1)
    return Sequential(
        Conv2d(1, 3, 4, padding=1, rng=rng, dtype=dtype),
        Tanh(),
        MaxPool2d(2),
        Conv2d(3, 4, 3, rng=rng, dtype=dtype),
        ReLU(),
        AvgPool2d(2, stride=1),
        Flatten(),
        Linear(16, 3, rng=rng, dtype=dtype),
    )


sizes = st.tuples(st.integers(1, 3), st.integers(1, 3))
shapes = st.fixed_dictionaries(
    {
        "channels": st.tuples(st.integers(1, 3), st.integers(1, 4)),
        "kernel": sizes,
        "stride": sizes,
        "padding": st.tuples(st.integers(0, 2), st.integers(0, 2)),
        "pixels": st.tuples(st.integers(3, 7), st.integers(3, 7)),
        "examples": st.integers(1, 3),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def example(case):
    """A layer and a batch of pictures."""
    rng = np.random.default_rng(case["seed"])
    settings = {"stride": case["stride"], "padding": case["padding"], "dtype": np.float64}
    layer = Conv2d(*case["channels"], case["kernel"], rng=rng, **settings)
    return layer, rng.normal(size=(case["examples"], case["channels"][0], *case["pixels"])), rng


@given(shapes)
def test_a_convolution_is_its_definition(case):
    layer, x, _ = example(case)
    expected = by_definition(x, layer.weight, layer.bias, layer.stride, layer.padding)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12, atol=1e-12)


@given(shapes)
def test_forward_and_backward_agree_with_torch(case):
    torch = pytest.importorskip("torch")
    layer, x, rng = example(case)
    twin, theirs = to_torch(layer, "cpu"), torch.tensor(x, requires_grad=True)
    z, their_z = layer(x), twin(theirs)
    grad_z = rng.normal(size=z.shape)
    their_z.backward(torch.tensor(grad_z))
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(z, their_z.detach().numpy(), **close)
    np.testing.assert_allclose(layer.backward(grad_z), theirs.grad.numpy(), **close)
    for name, gradient in layer.gradients.items():
        np.testing.assert_allclose(gradient, twin.get_parameter(name).grad.numpy(), **close)


@given(shapes)
@settings(max_examples=20)
def test_backward_agrees_with_finite_differences(case):
    layer, x, rng = example(case)
    target = rng.normal(size=layer(x).shape)
    gradient_check(layer, MSELoss(), x, target, entries=8).require(1e-7)


@given(shapes, st.sampled_from([MaxPool2d, AvgPool2d]))
def test_pooling_agrees_with_torch(case, kind):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(case["seed"])
    x = rng.integers(0, 3, (case["examples"], 2, *case["pixels"])).astype(float)  # many equals
    layer = kind(case["kernel"], case["stride"])
    twin, theirs = to_torch(layer, "cpu"), torch.tensor(x, requires_grad=True)
    y, their_y = layer(x), twin(theirs)
    grad_y = rng.normal(size=y.shape)
    their_y.backward(torch.tensor(grad_y))
    np.testing.assert_allclose(y, their_y.detach().numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.backward(grad_y), theirs.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kilobytes", [0, 1, 10**6])
def test_the_size_of_the_blocks_changes_nothing(kilobytes, monkeypatch):
    monkeypatch.setattr(convolution, "COLUMN_BYTES", 1024 * kilobytes)
    compare(small_net(), CrossEntropyLoss(), PICTURES, [0, 1, 2, 1]).require(1e-12)


def test_a_whole_net_agrees_with_finite_differences_and_with_torch():
    target = [0, 1, 2, 1]
    gradient_check(small_net(), CrossEntropyLoss(), PICTURES, target).require(1e-6)
    compare(small_net(), CrossEntropyLoss(), PICTURES, target, steps=20).require(1e-12)
    compare(small_net(np.float32), CrossEntropyLoss(), PICTURES, target).require(1e-4)


def test_backward_parameters_fills_the_same_gradients_and_nothing_adds_up():
    net = small_net()
    grad = RNG.normal(size=net(PICTURES).shape)
    net.backward(grad)
    full = {name: gradient.copy() for name, gradient in net.gradients.items()}
    net.backward_parameters(grad)
    for name, gradient in net.gradients.items():
        np.testing.assert_array_equal(gradient, full[name])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_the_parameters_decides(dtype):
    net = small_net(dtype)
    output = net(PICTURES)
    assert output.dtype == dtype
    assert net.backward(np.ones_like(output)).dtype == dtype
    assert {gradient.dtype for gradient in net.gradients.values()} == {np.dtype(dtype)}


def test_the_order_of_the_axes_in_memory_does_not_matter():
    layer = Conv2d(3, 2, 3, rng=np.random.default_rng(0), dtype=float)
    x = RNG.normal(size=(2, 3, 5, 6))
    for order in [(0, 1, 2, 3), (1, 2, 3, 0), (0, 2, 3, 1), (3, 2, 1, 0)]:
        turned = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        np.testing.assert_array_equal(layer(turned), layer(x))
        np.testing.assert_array_equal(Flatten()(turned), x.reshape(2, -1))


def test_neither_way_changes_what_it_is_given():
    net, x = small_net(), PICTURES.copy()
    grad = RNG.normal(size=net(x).shape)
    before = grad.copy()
    net.backward(grad)
    np.testing.assert_array_equal(x, PICTURES)
    np.testing.assert_array_equal(grad, before)


def test_a_shifted_picture_gives_a_shifted_map():
    layer = Conv2d(1, 2, 3, rng=np.random.default_rng(0), dtype=float)
    z = layer(PICTURES)
    shifted = layer(moved(PICTURES, right=1, down=2))
    np.testing.assert_array_equal(shifted[:, :, 2:, 1:], z[:, :, :-2, :-1])


def test_a_maximum_gives_its_blame_to_the_first_of_equals():
    pool = MaxPool2d(2)
    pool(np.ones((1, 1, 4, 4)))
    grad = pool.backward(np.arange(1.0, 5).reshape(1, 1, 2, 2))
    assert grad[0, 0].tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]


def test_names_shapes_and_start_are_those_of_torch():
    torch = pytest.importorskip("torch")
    ours = Conv2d(8, 200, (3, 5), rng=np.random.default_rng(0))
    theirs = torch.nn.Conv2d(8, 200, (3, 5))
    for name, parameter in theirs.named_parameters():
        mine = ours.parameters[name]
        assert mine.shape == tuple(parameter.shape)
        assert mine.std() == pytest.approx(float(parameter.detach().std()), rel=0.2)
        assert np.abs(mine).max() <= 1 / np.sqrt(8 * 15)
    plain = Conv2d(8, 2, 3, rng=np.random.default_rng(0), weight_init=zeros)
    assert not plain.bias.any()


def test_there_and_back_again():
    torch = pytest.importorskip("torch")
    net = small_net()
    back = to_numpy(to_torch(net, "cpu"))
    np.testing.assert_array_equal(back(PICTURES), net(PICTURES))
    assert repr(back) == repr(net)
    for odd in ({"groups": 2}, {"dilation": 2}, {"padding": "same"}, {"padding_mode": "circular"}):
        with pytest.raises(ValueError, match="a setting that dlkit's Conv2d does not know"):
            to_numpy(torch.nn.Conv2d(2, 2, 3, **odd))
    with pytest.raises(ValueError, match="no NumPy original"):
        to_numpy(torch.nn.Conv2d(2, 2, 3, bias=False))


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (np.ones((2, 5, 5)), r"x must have shape \(N, 1, H, W\), got \(2, 5, 5\)"),
        (np.ones((2, 3, 5, 5)), r"x must have shape \(N, 1, H, W\), got \(2, 3, 5, 5\)"),
        (np.ones((0, 1, 5, 5)), r"x must have shape \(N, 1, H, W\), got \(0, 1, 5, 5\)"),
        (np.ones((1, 1, 2, 5)), "x must have at least 3 × 3 pixels with its padding, got 2 × 5"),
        ("text", "x must hold real numbers"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        Conv2d(1, 2, 3, rng=np.random.default_rng(0))(bad)


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
def test_pooling_refuses_what_does_not_fit(kind):
    with pytest.raises(ValueError, match="x must have at least 3 × 3 pixels, got 2 × 5"):
        kind(3)(np.ones((1, 1, 2, 5)))
    with pytest.raises(ValueError, match=r"x must have shape \(N, C, H, W\)"):
        kind(3)(np.ones((4, 4)))
    with pytest.raises(ValueError, match="stride must be at least 1, got 0"):
        kind(3, stride=0)


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
def test_bytes_are_pooled_as_numbers(kind):
    x = np.full((1, 1, 4, 4), 200, np.uint8)
    y = kind(2)(x)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 2), 200))


def test_impossible_sizes_are_refused():
    rng = np.random.default_rng(0)
    for name in ("in_channels", "out_channels", "kernel_size", "stride"):
        sizes = {"in_channels": 1, "out_channels": 1, "kernel_size": 3, name: 0}
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
            Conv2d(**sizes, rng=rng)
    with pytest.raises(ValueError, match="padding must be at least 0, got -1"):
        Conv2d(1, 1, 3, padding=-1, rng=rng)
    with pytest.raises(ValueError, match="kernel_size must be a whole number or a pair of them"):
        Conv2d(1, 1, (3, 3, 3), rng=rng)
    with pytest.raises(ValueError, match="x must hold at least one example"):
        Flatten()(np.ones(3))


def test_repr_shows_the_sizes():
    rng = np.random.default_rng(0)
    assert repr(Conv2d(1, 6, 5, padding=2, rng=rng)) == (
        "Conv2d(1, 6, kernel_size=5, stride=1, padding=2)"
    )
    assert repr(MaxPool2d((2, 3))) == "MaxPool2d(kernel_size=(2, 3), stride=(2, 3))"
    assert repr(Flatten()) == "Flatten()"


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
def test_pooling_refuses_the_gradient_of_another_batch(kind):
    pool = kind(2)
    pool(np.ones((2, 3, 8, 8)))
    for shape in ((1, 3, 4, 4), (1, 1, 1, 1), (2, 48), (2, 3, 8, 8)):
        with pytest.raises(ValueError, match=r"grad_output must have shape \(2, 3, 4, 4\), got"):
            pool.backward(np.ones(shape))
    assert Conv2d(1.0, 2.0, 3.0, rng=np.random.default_rng(0)).weight.shape == (2, 1, 3, 3)

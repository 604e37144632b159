"""The comparisons themselves: they agree with what is right and find what is wrong."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from dlkit.models.dense import Linear, ReLU, Sequential, Tanh, mlp
from dlkit.models.layer import Layer
from dlkit.models.losses import CrossEntropyLoss, MSELoss
from dlkit.models.optimisers import SGD
from dlkit.parity import compare, default_device, difference, gradient_check, to_numpy, to_torch

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 5)), np.array([0, 1, 2, 1, 0, 2])


class ForgetsTheBias(Linear):
    def backward(self, grad_output):
        grad_x = super().backward(grad_output)
        self._gradient("bias")[...] = 0
        return grad_x


class ForgetsTheMask(ReLU):
    def backward(self, grad_output):
        return grad_output


def net(dtype=float, first=Linear, activation=Tanh):
    rng = np.random.default_rng(0)
    return Sequential(
        first(5, 7, rng=rng, dtype=dtype), activation(), Linear(7, 3, rng=rng, dtype=dtype)
    )


def test_twins_agree_to_the_last_digits():
    compare(net(), CrossEntropyLoss(), X, Y).require(1e-12)
    compare(net(np.float32), CrossEntropyLoss(), X, Y).require(1e-5)


def test_compare_leaves_the_model_alone():
    model = net()
    before = model.state_dict()
    compare(model, CrossEntropyLoss(), X, Y, optimiser=lambda p: SGD(p, 1.0))
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("model", "culprit"),
    [(net(first=ForgetsTheBias), "gradient of 0.bias"), (net(activation=ForgetsTheMask), "")],
)
def test_a_wrong_backward_is_found_by_differences(model, culprit):
    report = gradient_check(model, CrossEntropyLoss(), X, Y)
    assert report.largest > 0.01
    assert report.worst.name.startswith(culprit)
    with pytest.raises(AssertionError, match=r"received .*, expected "):
        report.require(1e-7)


def test_a_wrong_backward_is_found_by_the_twin():
    class Wrong(Tanh):
        def backward(self, grad_output):
            return grad_output * self._a

    from dlkit.parity import _twin

    _twin.register(Wrong)(lambda model: _twin.dispatch(Tanh)(Tanh()))
    report = compare(net(activation=Wrong), CrossEntropyLoss(), X, Y)
    assert report.largest > 0.01
    assert "gradient of 0.weight" in str(report)


def test_gradient_check_agrees_and_leaves_the_model_alone():
    model = net()
    before = model.state_dict()
    report = gradient_check(model, CrossEntropyLoss(), X, Y).require(1e-7)
    assert [row.name for row in report.rows] == ["gradient of x"] + [
        f"gradient of {name}" for name in model.parameters
    ]
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, before[name])


def test_gradient_check_can_take_a_sample():
    model = mlp((50, 40, 3), Tanh, rng=np.random.default_rng(0), dtype=float)
    x = np.random.default_rng(1).normal(size=(4, 50))
    calls = 0

    class Counting(CrossEntropyLoss):
        def forward(self, prediction, target):
            nonlocal calls
            calls += 1
            return super().forward(prediction, target)

    gradient_check(model, Counting(), x, [0, 1, 2, 0], entries=3).require(1e-7)
    assert calls == 1 + 2 * 3 * 5  # one for backward; two for each of 3 entries of 5 arrays


def test_a_gradient_check_that_is_stopped_leaves_the_model_alone():
    model, before = net(), net().state_dict()

    class Stopped(CrossEntropyLoss):
        calls = 0

        def forward(self, prediction, target):
            Stopped.calls += 1
            if Stopped.calls == 70:  # the entries of x are 60 calls
                raise KeyboardInterrupt
            return super().forward(prediction, target)

    with pytest.raises(KeyboardInterrupt):
        gradient_check(model, Stopped(), X, Y)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"entries": 0}, "entries must be at least 1, got 0"),
        ({"entries": 1.5}, "entries must be a whole number, got 1.5"),
        ({"rng": 7}, "rng must be a generator"),
    ],
)
def test_bad_settings_of_a_gradient_check_are_explained(settings, message):
    with pytest.raises(ValueError, match=message):
        gradient_check(net(), CrossEntropyLoss(), X, Y, **settings)


def test_an_original_is_no_module_of_torch():
    with pytest.raises(ValueError, match="module must be one of torch, got Sequential"):
        to_numpy(net())


def test_what_does_not_fit_is_said_by_the_original_and_not_by_torch():
    with pytest.raises(ValueError, match=r"x must have shape \(N, "):
        compare(net(), CrossEntropyLoss(), X[:, :-1], Y)
    with pytest.raises(ValueError, match="target must lie in 0 … "):
        compare(net(), CrossEntropyLoss(), X, np.full(len(X), 99))


def test_the_worst_of_some_entries_is_named_by_its_place_among_all():
    class OneWrong(Linear):
        def backward(self, grad_output):
            grad_x = super().backward(grad_output)
            self._gradient("weight")[2, 3] += 1
            return grad_x

    found = []
    for seed in range(6):
        layer = OneWrong(5, 3, rng=np.random.default_rng(0), dtype=float)
        rng = np.random.default_rng(seed)
        report = gradient_check(layer, CrossEntropyLoss(), X, Y, entries=7, rng=rng)
        found += [report.worst.index] if report.largest > 0.1 else []
    assert set(found) == {(2, 3)}


def test_gradient_check_demands_float64():
    with pytest.raises(ValueError, match=r"0.weight must be float64 for a check, got float32"):
        gradient_check(net(np.float32), CrossEntropyLoss(), X, Y)


def test_gradient_check_refuses_nan():
    with pytest.raises(ValueError, match="x must be finite"):
        gradient_check(net(), MSELoss(), X * np.nan, np.zeros((6, 3)))


def test_there_and_back_again():
    model = net()
    back = to_numpy(to_torch(model, "cpu"))
    np.testing.assert_array_equal(back(X), model(X))
    assert back.parameters["0.weight"].dtype == np.float64
    back.parameters["0.weight"][...] = 0
    assert model.parameters["0.weight"].any()  # a copy, not a view


def test_models_without_a_twin_are_refused():
    class Odd(Layer):
        pass

    with pytest.raises(ValueError, match="model has no torch twin"):
        to_torch(Odd())
    with pytest.raises(ValueError, match="module has no NumPy original"):
        to_numpy(torch.nn.Softplus())


@pytest.mark.parametrize(
    "odd",
    [
        nn.MaxPool2d(2, padding=1),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(2, dilation=2),
        nn.MaxPool2d(2, return_indices=True),
        nn.AvgPool2d(2, padding=1),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.AvgPool2d(2, divisor_override=1),
        nn.LayerNorm(4, bias=False),
        nn.LayerNorm(4, elementwise_affine=False),
        nn.LayerNorm((2, 3)),
        nn.BatchNorm1d(3, momentum=None),
        nn.BatchNorm1d(3, affine=False),
        nn.BatchNorm1d(3, track_running_stats=False),
        nn.Conv2d(1, 2, 3, dilation=2),
        nn.Conv2d(2, 2, 3, groups=2),
        nn.Conv2d(1, 2, 3, padding="same"),
        nn.Conv2d(1, 2, 3, padding_mode="reflect"),
        nn.Conv2d(1, 2, 3, bias=False),
        nn.Linear(3, 4, bias=False),
        nn.Flatten(1, 2),
    ],
    ids=str,
)
def test_a_setting_that_ours_has_not_is_not_passed_over(odd):
    with pytest.raises(ValueError, match=r"module has (a setting that dlkit|no NumPy original)"):
        to_numpy(odd)


def test_settings_that_ours_has_come_back():
    pools = nn.Sequential(nn.MaxPool2d(3, stride=2), nn.AvgPool2d((2, 3))).eval()
    assert [(p.kernel_size, p.stride) for p in to_numpy(pools).layers] == [
        ((3, 3), (2, 2)),
        ((2, 3), (2, 3)),
    ]
    norms = nn.Sequential(nn.BatchNorm1d(3, eps=0.1, momentum=0.3), nn.LayerNorm(3, eps=0.2))
    assert not to_numpy(nn.Dropout(0.3).eval()).training
    batch, layer = to_numpy(norms).layers
    assert (batch.eps, batch.momentum, layer.eps) == (0.1, 0.3, 0.2)


def test_default_device_is_one_that_torch_has():
    assert torch.zeros(1, device=default_device()).sum() == 0


def test_float64_stays_off_mps(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert default_device() == "mps"
    assert default_device(np.float64) == "cpu"
    assert to_torch(net()).get_parameter("0.weight").device.type == "cpu"


def test_a_nan_on_one_side_is_infinitely_far():
    assert difference("x", [1.0, np.nan], [1.0, 2.0]).absolute == np.inf
    assert difference("x", [1.0, np.nan], [1.0, np.nan]).absolute == 0
    assert difference("x", [0.0, 0.1], [0.0, 0.0]).relative == 0.1  # nothing to compare it with
    with pytest.raises(ValueError, match="x: shapes differ"):
        difference("x", [1.0], [[1.0]])


def test_the_report_is_a_table_in_a_notebook():
    html = compare(net(), CrossEntropyLoss(), X, Y)._repr_html_()
    assert "<table>" in html
    assert "gradient of 2.bias" in html


def test_numbers_that_differ_are_shown_so_that_they_differ():
    near, far = 0.1 + 1e-15, 0.2
    assert "received 0.1, expected 0.2 " in str(difference("w", [0.1], [far]))
    text = str(difference("w", [near], [0.1]))
    received, expected = re.findall(r"(?:received|expected) ([\d.]+)", text)
    assert received != expected

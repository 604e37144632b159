"""What is particular to dropout: its coins; parity and gradient checks are in test_every_model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlkit.models.dense import Linear, ReLU, Sequential
from dlkit.models.dropout import Dropout, draw_mask
from dlkit.models.losses import CrossEntropyLoss, MSELoss
from dlkit.models.optimisers import SGD
from dlkit.parity import compare, gradient_check, to_numpy, to_torch
from dlkit.train import Checkpoint, fit, numpy_step


def net(seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    return Sequential(
        Dropout(0.2, rng=rng),
        Linear(5, 40, rng=rng, dtype=dtype),
        ReLU(),
        Dropout(0.5, rng=rng),
        Linear(40, 3, rng=rng, dtype=dtype),
    )


@given(st.floats(0, 0.95), st.integers(0, 2**32 - 1))
def test_the_mask_has_mean_one_and_variance_p_over_one_minus_p(p, seed):
    mask = draw_mask(np.random.default_rng(seed), (100, 200), p, np.float64)
    assert np.isin(mask, [0, 1 / (1 - p)]).all()
    # Six standard deviations of the number of zeros, and ten zeros more where hardly any come.
    zeros = 6 * np.sqrt(p * (1 - p) * mask.size) + 10
    assert abs((mask == 0).sum() - p * mask.size) <= zeros
    assert abs(mask.mean() - 1) <= zeros / mask.size / (1 - p)
    mean, variance = 1 - (mask == 0).mean(), p / (1 - p)
    assert mask.var() == pytest.approx(mean * (1 - mean) / (1 - p) ** 2)
    assert abs(mask.var() - variance) <= zeros / mask.size / (1 - p) ** 2


def test_every_entry_has_a_coin_of_its_own_thrown_anew():
    layer = Dropout(0.5, rng=np.random.default_rng(0))
    first, second = layer(np.ones((50, 60))), layer(np.ones((50, 60)))
    for pair in ((first, second), (first[:25], first[25:]), (first[:, :30], first[:, 30:])):
        assert abs(np.corrcoef(*(side.ravel() for side in pair))[0, 1]) < 0.1


def test_in_use_nothing_happens():
    layer = Dropout(0.5, rng=np.random.default_rng(0))
    x = np.ones((4, 5))
    layer(x)
    layer.eval()
    before = layer.rng.bit_generator.state
    assert layer(x) is x
    assert layer.mask is None
    assert layer.backward(x) is x
    assert layer.rng.bit_generator.state == before
    layer.train()
    assert (layer(np.ones((40, 5))) == 0).any()


def test_a_held_mask_outlasts_a_look_at_the_whole_net():
    layer, x = Dropout(0.5, rng=np.random.default_rng(0)), np.ones((4, 5))
    first, layer.hold = layer(x), True
    np.testing.assert_array_equal(layer.eval()(x), x)
    np.testing.assert_array_equal(layer.train()(x), first)


def test_the_ends_of_p():
    x = np.ones((4, 5))
    np.testing.assert_array_equal(Dropout(0, rng=np.random.default_rng(0))(x), x)
    np.testing.assert_array_equal(Dropout(1, rng=np.random.default_rng(0))(x), 0)
    for p in (-0.1, 1.1, np.nan, "half"):
        with pytest.raises(ValueError, match=r"^p must be"):
            Dropout(p, rng=np.random.default_rng(0))


def test_a_held_mask_stays_and_a_mask_of_another_shape_is_refused():
    layer = Dropout(0.5, rng=np.random.default_rng(0))
    x = np.ones((4, 5))
    first = layer(x)
    layer.hold = True
    np.testing.assert_array_equal(layer(x), first)
    layer.mask = np.eye(4, 5)
    np.testing.assert_array_equal(layer(x), np.eye(4, 5))
    np.testing.assert_array_equal(layer.backward(3 * x), 3 * np.eye(4, 5))
    with pytest.raises(ValueError, match=r"mask must have shape \(2, 5\), got \(4, 5\)"):
        layer(np.ones((2, 5)))
    layer.hold = False
    assert layer(np.ones((2, 5))).shape == (2, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays_and_a_seed_drops_the_same_units_in_both(dtype):
    layer = Dropout(0.3, rng=np.random.default_rng(0))
    y = layer(np.ones((6, 7), dtype))
    assert y.dtype == dtype
    assert layer.backward(y).dtype == dtype
    np.testing.assert_array_equal(y[y != 0], dtype(1) / dtype(0.7))  # to the last digit
    other = Dropout(0.3, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(other(np.ones((6, 7))) == 0, y == 0)


@pytest.mark.parametrize("training", [True, False])
def test_a_net_with_dropout_agrees_with_its_twin_through_a_training(training):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(8, 5)), rng.integers(0, 3, 8)
    model = net().train(training)
    compare(model, CrossEntropyLoss(), x, y, steps=20).require(1e-12)
    assert not any(layer.hold for layer in (model[0], model[3]))  # it worked on copies


def test_the_comparison_finds_a_dropout_that_forgets_to_scale():
    class Forgets(Dropout):
        def forward(self, x):
            return super().forward(x) * (1 - self.p)

    from dlkit.parity import _twin

    _twin.register(Forgets)(lambda model: _twin.dispatch(Dropout)(model))
    model = net()
    model.layers = (*model.layers[:3], Forgets(0.5, rng=model[0].rng), model.layers[4])
    report = compare(model, MSELoss(), np.ones((8, 5)), np.ones((8, 3)))
    assert report.largest > 0.1


def test_the_gradient_check_holds_the_masks_and_lets_them_go():
    rng = np.random.default_rng(2)
    model = net()
    gradient_check(model, CrossEntropyLoss(), rng.normal(size=(6, 5)), [0, 1, 2, 0, 1, 2]).require(
        1e-7
    )
    x = np.ones((6, 5))
    assert (model(x) != model(x)).any()


def test_there_and_back_again():
    model = net().eval()
    back = to_numpy(to_torch(model, "cpu"))
    assert [layer.p for layer in (back[0], back[3])] == [0.2, 0.5]
    x = np.ones((6, 5))
    np.testing.assert_array_equal(back(x), model(x))
    assert not back.training


def test_with_one_generator_for_all_a_training_resumes_exactly(tmp_path):
    rng = np.random.default_rng(3)
    data = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)

    def trained(epochs, **settings):
        model, rng = net(), np.random.default_rng(4)
        model[0].rng = model[3].rng = rng
        optimiser = SGD(model.parameters, 0.1, momentum=0.9)
        path = settings.get("checkpoint")
        file = Checkpoint(path, model=model, optimiser=optimiser) if path else None
        step = numpy_step(model, CrossEntropyLoss(), optimiser)
        fit(step, data, epochs=epochs, batch_size=8, rng=rng, checkpoint=file, progress=False)
        return model.state_dict()

    path = tmp_path / "run.npz"
    trained(3, checkpoint=path)
    resumed, at_once = trained(6, checkpoint=path), trained(6)
    for name, array in at_once.items():
        np.testing.assert_array_equal(resumed[name], array)


def test_whole_numbers_are_scaled_too_and_no_input_is_refused():
    y = Dropout(0.2, rng=np.random.default_rng(0))(np.ones((5, 6), int))
    assert set(np.unique(y)) == {0, 1.25}
    with pytest.raises(ValueError, match=r"x is empty: its shape is \(0, 6\)"):
        Dropout(0.2, rng=np.random.default_rng(0))(np.ones((0, 6)))


def test_repr_says_how_many_are_dropped():
    assert repr(Dropout(0.25, rng=np.random.default_rng(0))) == "Dropout(p=0.25)"

"""What is particular to the optimisers; parity with torch is in test_every_model."""

import numpy as np
import pytest

from dlkit.models.optimisers import SGD, Adam, RMSprop

MAKERS = [
    lambda p: SGD(p, 0.1),
    lambda p: SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
    lambda p: RMSprop(p, 0.01),
    lambda p: Adam(p, 0.01),
]


def test_plain_sgd_contracts_a_parabola_by_the_known_factor():
    theta = np.array([3.0])
    optimiser = SGD({"theta": theta}, 0.1)
    for _ in range(10):
        optimiser.step({"theta": 4.0 * theta})  # L = 2 θ², so θ ← (1 - 4 η) θ
    assert theta[0] == pytest.approx(3 * 0.6**10)


def test_momentum_tends_to_one_over_one_minus_mu_times_the_step():
    theta = np.array([0.0])
    optimiser = SGD({"theta": theta}, 0.1, momentum=0.9)
    for _ in range(300):
        before = theta.copy()
        optimiser.step({"theta": np.array([1.0])})
    assert (before - theta)[0] == pytest.approx(0.1 / (1 - 0.9))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_first_step_of_adam_has_the_length_of_the_learning_rate(scale):
    theta = np.array([0.0])
    Adam({"theta": theta}, 0.01, epsilon=0).step({"theta": np.array([scale])})
    assert theta[0] == pytest.approx(-0.01)


@pytest.mark.parametrize("make", MAKERS)
def test_parameters_change_in_place_and_keep_their_dtype(make):
    theta = np.ones((2, 3), np.float32)
    optimiser = make({"theta": theta})
    optimiser.step({"theta": np.ones_like(theta)})
    assert optimiser.parameters["theta"] is theta
    assert theta.dtype == np.float32
    assert (theta < 1).all()


@pytest.mark.parametrize("make", MAKERS)
def test_state_goes_back_bit_by_bit(make):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(10, 4))
    first, second = np.ones(4), np.ones(4)
    one = make({"theta": first})
    for g in gradients[:5]:
        one.step({"theta": g})
    one.learning_rate /= 3
    state, middle = one.state_dict(), first.copy()
    for g in gradients[5:]:
        one.step({"theta": g})
    two = make({"theta": second})
    second[...] = middle
    two.load_state_dict(state)  # of then: what `one` did since has not changed it
    for g in gradients[5:]:
        two.step({"theta": g})
    np.testing.assert_array_equal(first, second)
    assert two.learning_rate == one.learning_rate


@pytest.mark.parametrize("make", MAKERS)
def test_the_gradients_are_left_as_they_are(make):
    gradient = np.full(4, 2.0)
    make({"theta": np.ones(4)}).step({"theta": gradient})
    np.testing.assert_array_equal(gradient, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: SGD(p, -0.1), "learning_rate must be at least 0, got -0.1"),
        (lambda p: SGD(p, float("nan")), "learning_rate must be a finite number"),
        (lambda p: SGD(p, 0.1, momentum=2), "momentum must be between 0 and 1, got 2"),
        (lambda p: Adam(p, betas=(0.9, 1.5)), r"betas\[1\] must be between 0 and 1"),
        (lambda p: Adam(p, betas=0.9), r"betas must be a pair such as \(0.9, 0.999\), got 0.9"),
        (lambda p: RMSprop({"theta": np.arange(3)}), "must be a float array"),
        (lambda p: SGD(list(p.values()), 0.1), "parameters must be arrays by name, as in model"),
    ],
)
def test_bad_settings_are_explained(make, message):
    with pytest.raises(ValueError, match=message):
        make({"theta": np.ones(3)})


def test_gradients_under_other_names_are_refused():
    with pytest.raises(ValueError, match=r"gradients must hold \['theta'\], got \['weight'\]"):
        SGD({"theta": np.ones(3)}, 0.1).step({"weight": np.ones(3)})


@pytest.mark.parametrize(
    "state",
    [
        Adam({"theta": np.ones(3)}).state_dict(),
        SGD({"theta": np.ones(3)}, 0.1).state_dict(),
        SGD({"theta": np.ones(4)}, 0.1, momentum=0.9).state_dict(),
        SGD({"weight": np.ones(3)}, 0.1, momentum=0.9).state_dict(),
        {"theta": np.ones(3)},
        {},
        "sgd.safetensors",
    ],
)
def test_the_state_of_another_optimiser_changes_nothing(state):
    optimiser = SGD({"theta": np.ones(3)}, 0.3, momentum=0.9)
    optimiser.step({"theta": np.ones(3)})
    with pytest.raises(ValueError, match=r"state must be from the state_dict\(\) of such an opt"):
        optimiser.load_state_dict(state)
    assert (optimiser.learning_rate, optimiser.steps) == (0.3, 1)
    assert optimiser.state["theta"]["velocity"].tolist() == [1, 1, 1]

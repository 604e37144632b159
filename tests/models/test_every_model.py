"""No public model class goes without a check against finite differences or against torch."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import dlkit.models
from dlkit.models.dense import Tanh, mlp
from dlkit.models.losses import MSELoss
from dlkit.parity import compare, difference, gradient_check
from tests.models.cases import COVERED, LAYERS, LOSSES, OPTIMISERS, OUTPUTS, SHAPES


def public_classes():
    """Every class that a module of dlkit.models defines under a public name."""
    modules = [
        importlib.import_module(f"dlkit.models.{module.name}")
        for module in pkgutil.iter_modules(dlkit.models.__path__)
    ]
    return {
        value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and name[0] != "_"
    }


def test_every_public_class_has_a_check():
    assert len(public_classes()) > 10  # the enumeration itself works
    missing = {kind.__qualname__ for kind in public_classes() - COVERED}
    assert not missing, f"add {missing} to tests/models/cases.py"


@pytest.mark.parametrize("kind", LAYERS)
def test_layer_agrees_with_finite_differences(kind, rng):
    layer = LAYERS[kind](rng)
    x = rng.normal(size=SHAPES.get(kind, (6, 5)))
    target = rng.normal(size=layer.forward(x).shape)
    gradient_check(layer, MSELoss(), x, target).require(1e-7)


@pytest.mark.parametrize("kind", LAYERS)
def test_layer_agrees_with_torch(kind, rng):
    layer = LAYERS[kind](rng)
    x = rng.normal(size=SHAPES.get(kind, (6, 5)))
    target = rng.normal(size=layer.forward(x).shape)
    compare(layer, MSELoss(), x, target).require(1e-12)


DRAWN = [kind for kind in LAYERS if "rng" in inspect.signature(kind).parameters]


@pytest.mark.parametrize("kind", DRAWN)
def test_a_seed_in_place_of_a_generator_gets_a_sentence(kind):
    with pytest.raises(ValueError, match="rng must be a generator"):
        LAYERS[kind](7)


@pytest.mark.parametrize("way", ["backward", "backward_parameters"])
@pytest.mark.parametrize("kind", LAYERS)
def test_a_gradient_without_an_output_or_of_another_shape_gets_a_sentence(kind, way, rng):
    layer, x = LAYERS[kind](rng), rng.normal(size=SHAPES.get(kind, (6, 5)))
    y = LAYERS[kind](rng).forward(x)
    with pytest.raises(ValueError, match=r"grad_output .* none yet: call forward\(x\)"):
        getattr(layer, way)(np.ones_like(y))
    y = layer.forward(x)
    before = {name: array.copy() for name, array in layer.gradients.items()}
    for bad in (0.5, None, y[:1], y[0], y.T[None]):
        with pytest.raises(ValueError, match=r"grad_output must (have shape|hold real)"):
            getattr(layer, way)(bad)
    for name, array in layer.gradients.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("kind", LOSSES)
def test_loss_agrees_with_both(kind, rng):
    model = mlp((5, 4, 3), Tanh, rng=rng, dtype=np.float64)
    x, target = rng.normal(size=(6, 5)), LOSSES[kind](rng)
    gradient_check(model, kind(), x, target).require(1e-7)
    compare(model, kind(), x, target).require(1e-12)


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_optimiser_agrees_with_torch(kind, rng):
    model = mlp((5, 4, 3), Tanh, rng=rng, dtype=np.float64)
    x, target = rng.normal(size=(6, 5)), rng.normal(size=(6, 3))
    compare(model, MSELoss(), x, target, optimiser=OPTIMISERS[kind], steps=20).require(1e-12)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_output_agrees_with_torch(kind, rng):
    received, expected = OUTPUTS[kind](rng)
    assert difference(kind.__name__, received, expected).relative < 1e-12

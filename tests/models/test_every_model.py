"""No public model class goes without a check against finite differences or against torch."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import dlkit.models
from dlkit.models.boltzmann import BoltzmannMachine
from dlkit.models.convolution import Conv2d
from dlkit.models.dbn import DBN, LabelledRBM
from dlkit.models.dense import Linear, Tanh, mlp
from dlkit.models.dqn import ReplayMemory
from dlkit.models.hopfield import Hopfield
from dlkit.models.lenet import MapConv2d, RadialBasis, Subsample
from dlkit.models.losses import MSELoss
from dlkit.models.neocognitron import CLayer, Neocognitron, SLayer
from dlkit.models.normalisation import BatchNorm1d, LayerNorm
from dlkit.models.perceptron import Perceptron
from dlkit.models.rbm import RBM, GaussianRBM
from dlkit.models.recurrent import GRU, LSTM, RNN
from dlkit.models.reservoir import EchoStateNetwork
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


WITH_DTYPE = {
    Linear: lambda **settings: Linear(5, 3, **settings),
    Conv2d: lambda **settings: Conv2d(1, 2, 3, **settings),
    MapConv2d: lambda **settings: MapConv2d(1, 2, 3, size=6, **settings),
    Subsample: lambda rng, dtype: Subsample(3, dtype=dtype),
    RadialBasis: lambda rng, dtype: RadialBasis(np.ones((4, 5)), dtype=dtype),
    BatchNorm1d: lambda rng, dtype: BatchNorm1d(5, dtype=dtype),
    LayerNorm: lambda rng, dtype: LayerNorm(5, dtype=dtype),
    RNN: lambda **settings: RNN(3, 4, **settings),
    LSTM: lambda **settings: LSTM(3, 4, **settings),
    GRU: lambda **settings: GRU(3, 4, **settings),
    RBM: lambda **settings: RBM(5, 4, **settings),
    GaussianRBM: lambda **settings: GaussianRBM(5, 4, **settings),
    LabelledRBM: lambda **settings: LabelledRBM(4, 3, 5, **settings),
    DBN: lambda **settings: DBN((5, 4), **settings),
    BoltzmannMachine: lambda **settings: BoltzmannMachine(4, 3, **settings),
    Hopfield: lambda rng, dtype: Hopfield(5, dtype=dtype),
    EchoStateNetwork: lambda **settings: EchoStateNetwork(2, 30, **settings),
    Perceptron: lambda rng, dtype: Perceptron(5, dtype=dtype),
    Neocognitron: lambda **settings: Neocognitron((2, 2, 2), **settings),
    SLayer: lambda **settings: SLayer(1, 2, 3, r=1.0, q=1.0, column=2, **settings),
    CLayer: lambda rng, dtype: CLayer(3, dtype=dtype),
}


def test_no_dtype_is_forgotten():
    takes = {
        kind
        for kind in public_classes()
        if "dtype" in inspect.signature(kind).parameters and "_torch" not in kind.__module__
    }
    assert takes - {ReplayMemory} == WITH_DTYPE.keys()  # observations may be bytes


@pytest.mark.parametrize("dtype", [int, bool, complex, str, object, "float33"])
@pytest.mark.parametrize("kind", WITH_DTYPE)
def test_a_dtype_that_cannot_learn_is_refused(kind, dtype, rng):
    WITH_DTYPE[kind](rng=rng, dtype="float64")
    with pytest.raises(ValueError, match=r"dtype must be a floating type such as np\.float32"):
        WITH_DTYPE[kind](rng=rng, dtype=dtype)


@pytest.mark.parametrize(
    "make",
    [
        lambda n, rng: Linear(n, n, rng=rng),
        lambda n, rng: mlp([n, n], rng=rng),
        lambda n, rng: Conv2d(n, n, n, rng=rng),
        lambda n, rng: BatchNorm1d(n),
        lambda n, rng: LSTM(n, n, rng=rng),
        lambda n, rng: RBM(n, n, rng=rng),
        lambda n, rng: LabelledRBM(n, n, n, rng=rng),
        lambda n, rng: DBN((n, n), rng=rng, labels=n),
        lambda n, rng: BoltzmannMachine(n, n, rng=rng),
        lambda n, rng: Hopfield(n),
        lambda n, rng: EchoStateNetwork(n, 10 * n, rng=rng),
    ],
)
def test_a_size_out_of_a_division_is_as_good_as_a_whole_one(make, rng):
    shapes = [array.shape for array in make(8 / 2, rng).state_dict().values()]
    assert shapes == [array.shape for array in make(4, rng).state_dict().values()]


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

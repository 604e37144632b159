"""An example of every public model class, for the checks in test_every_model.py.

A new class goes into the table of its kind: `gradient_check` and `compare` do the rest. A class
without a gradient goes into OUTPUTS, as a function that gives our numbers and torch's.
"""

import numpy as np

from dlkit.models.dense import Identity, Linear, ReLU, Sequential, Sigmoid, Tanh, mlp
from dlkit.models.layer import Layer, Model
from dlkit.models.losses import BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss
from dlkit.models.optimisers import SGD, Adam, Optimiser, RMSprop
from dlkit.models.perceptron import Perceptron, Threshold
from dlkit.parity import to_torch

CONTRACTS = {Model, Layer, Loss, Optimiser}
"""Classes that only say what their subclasses must do."""

LAYERS = {
    Linear: lambda rng: Linear(5, 3, rng=rng, dtype=np.float64),
    Sigmoid: lambda rng: Sigmoid(),
    Tanh: lambda rng: Tanh(),
    ReLU: lambda rng: ReLU(),
    Identity: lambda rng: Identity(),
    Sequential: lambda rng: mlp((5, 7, 4, 3), Tanh, rng=rng, dtype=np.float64),
}
"""Layer → an example that takes x (6, 5), in float64."""

LOSSES = {
    CrossEntropyLoss: lambda rng: rng.integers(0, 3, 6),
    MSELoss: lambda rng: rng.normal(size=(6, 3)),
    BCEWithLogitsLoss: lambda rng: rng.integers(0, 2, (6, 3)).astype(float),
}
"""Loss → targets for a prediction (6, 3)."""

OPTIMISERS = {
    SGD: lambda parameters: SGD(parameters, 0.1, momentum=0.9, weight_decay=0.01),
    RMSprop: lambda parameters: RMSprop(parameters, 0.01, weight_decay=0.01),
    Adam: lambda parameters: Adam(parameters, 0.01, weight_decay=0.01),
}
"""Optimiser → an example with every setting in use."""


def perceptron(rng):
    """The decision of a trained perceptron, and of its twin with the same weights."""
    import torch

    x = rng.normal(size=(6, 5))
    model = Perceptron(5).fit(x, np.where(x[:, 0] + x[:, 1] > 0, 1, -1))
    return model.decision(x), to_torch(model, "cpu")(torch.tensor(x))[:, 0].detach().numpy()


def threshold(rng):
    """A step at zero, beside torch's."""
    import torch

    x = np.append(rng.normal(size=9), 0.0)
    theirs = torch.heaviside(torch.tensor(x), torch.tensor(0.0, dtype=torch.float64))
    return Threshold().forward(x), theirs.numpy()


OUTPUTS = {Perceptron: perceptron, Threshold: threshold}
"""Class without a gradient → our output and torch's."""

COVERED = CONTRACTS | LAYERS.keys() | LOSSES.keys() | OPTIMISERS.keys() | OUTPUTS.keys()

"""Points on a plane, a small net of the chapter's own layers, and its training, pass by pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dlkit import data
from dlkit.models.dense import Identity, Linear, ReLU, Sigmoid, Tanh, mlp
from dlkit.models.losses import BCEWithLogitsLoss
from dlkit.models.optimisers import SGD

VIEW = 2.0  # the plane that is shown: -2 … 2 on both axes
ACTIVATIONS = {"tanh": Tanh, "ReLU": ReLU, "sigmoid": Sigmoid, "none": Identity}
OWN = "only my points"
EXAMPLES, TEST_SHARE = 300, 1 / 3

# Each set is scaled to fill about the same part of the plane.
DATASETS = {
    "moons": lambda **options: data.moons(**options),
    "circles": lambda **options: data.circles(**options),
    "spirals": lambda noise, **options: data.spirals(turns=1.5, noise=0.3 * noise, **options),
    "XOR": lambda **options: data.xor(**options),
    "blobs": lambda noise, **options: data.blobs(margin=0.15 - noise, spread=0.35, **options),
}
SCALES = {"circles": 1.5, "spirals": 1.7}

Points = Sequence[tuple[float, float, int]]


@dataclass(frozen=True, eq=False)
class Plane:
    """Points (N, 2) and labels (N,), 0 or 1, to learn from and to test with."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@lru_cache(maxsize=16)
def plane(dataset: str, noise: float, seed: int, points: Points) -> Plane:
    """A set of points, with a person's own ones added to those to learn from."""
    own = np.array([point[:2] for point in points], np.float32).reshape(-1, 2)
    labels = np.array([point[2] for point in points], np.int64)
    if dataset == OWN:
        return Plane(own, labels, np.empty((0, 2), np.float32), np.empty(0, np.int64))
    made = DATASETS[dataset](n=EXAMPLES, rng=seed, noise=noise, test_fraction=TEST_SHARE)
    scale = np.float32(SCALES.get(dataset, 1.0))
    x, x_test = (np.clip(scale * part, -VIEW, VIEW) for part in (made.x_train, made.x_test))
    return Plane(
        np.concatenate([x, own]), np.concatenate([made.y_train, labels]), x_test, made.y_test
    )


class Learner:
    """A net 2 → width → … → 1 and its optimiser; `epoch` goes once through the points."""

    def __init__(self, *, depth: int, width: int, activation: str, seed: int):
        self.rng = np.random.default_rng(seed)
        self.shape = (depth, width, activation)
        self.net = mlp((2, *[width] * depth, 1), ACTIVATIONS[activation], rng=self.rng)
        self.loss = BCEWithLogitsLoss()
        self.velocity = {name: np.zeros_like(p) for name, p in self.net.parameters.items()}

    def epoch(
        self,
        x: np.ndarray,
        y: np.ndarray,
        *,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
        batch_size: int,
    ) -> None:
        """Take one step of SGD for each batch of the shuffled points."""
        optimiser = SGD(
            self.net.parameters, learning_rate, momentum=momentum, weight_decay=weight_decay
        )
        for name, memory in optimiser.state.items():  # go on with the velocity reached so far
            if momentum:
                memory["velocity"] = self.velocity[name]
        order = self.rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            self.loss(self.net(x[batch]), y[batch, None])
            self.net.backward_parameters(self.loss.backward())
            optimiser.step(self.net.gradients)

    def measure(self, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """The mean loss on these points, and the share of them that is told right."""
        if not len(x):
            return np.nan, np.nan
        z = self.net(x)
        return self.loss(z, y[:, None]), float(((z[:, 0] > 0) == y).mean())

    def answers(self, x: np.ndarray) -> list[np.ndarray]:
        """What every hidden layer answers to points x, (N, width) each, and last z, (N, 1)."""
        found = []
        for layer in self.net.layers:
            x = layer(x)
            if not isinstance(layer, Linear):
                found.append(x)
        return [*found, x]

    def __deepcopy__(self, _) -> "Learner":
        """A twin that goes on exactly as this one will; what the layers keep of a batch is not
        copied, because the recording of a training holds hundreds of twins."""
        depth, width, activation = self.shape
        twin = Learner(depth=depth, width=width, activation=activation, seed=0)
        twin.net.load_state_dict(self.net.parameters)
        for name, velocity in self.velocity.items():
            twin.velocity[name][...] = velocity
        twin.rng.bit_generator.state = self.rng.bit_generator.state
        return twin

    @property
    def linears(self) -> list[Linear]:
        """The layers with weights, first to last."""
        return [layer for layer in self.net.layers if isinstance(layer, Linear)]

"""A net in training on few digits, as `OverfitOnPurpose` shows it, its cures and its numbers."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dlkit import data
from dlkit.models.dense import Linear, ReLU, Sequential
from dlkit.models.dropout import Dropout
from dlkit.models.initialisers import fan_in_uniform, zeros
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.models.regularisers import soft_threshold

BATCH, UPDATES, MOMENTUM = 50, 20, 0.9  # UPDATES in a step of the explorer: 1,000 digits
STEP = BATCH * UPDATES
PARTS = ("training", "validation", "test")
WATCHED = 24  # units of the first layer whose weights are shown
LARGEST_LOSS = 1e4


@lru_cache(maxsize=1)
def digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """2,000 digits to learn from, 1,000 to choose by, and the chapter's 2,000 to test with."""
    split = data.mnist()
    pictures = np.concatenate([split.x_train, split.x_test])
    labels = np.concatenate([split.y_train, split.y_test])
    ends = {"training": (0, 2000), "validation": (2000, 3000), "test": (3000, 5000)}
    return {name: (pictures[a:b], labels[a:b]) for name, (a, b) in ends.items()}


@dataclass(frozen=True)
class Cures:
    """What holds the net back: strengths of L2 and L1, shares of what is dropped."""

    l2: float = 0.0
    l1: float = 0.0
    units: float = 0.0
    pixels: float = 0.0

    def __str__(self) -> str:
        parts = [f"L2 {plain(self.l2)}"] if self.l2 else []
        parts += [f"L1 {plain(self.l1)}"] if self.l1 else []
        dropped = [f"{100 * self.units:.0f} % of units"] if self.units else []
        dropped += [f"{100 * self.pixels:.0f} % of pixels"] if self.pixels else []
        parts += [f"dropped: {', '.join(dropped)}"] if dropped else []
        return ", ".join(parts) or "no cure"


def plain(number: float) -> str:
    """0.00003 as it is: no powers of ten."""
    return f"{number:.5f}".rstrip("0").rstrip(".")


class Learner:
    """A net 784-width-width-10, the velocity of its weights, and how many steps they have gone.

    `updates` is how long the training will be: the learning rate falls in a straight line to 0.
    The order of the digits and the coins of dropout depend on the seed and the step alone.
    `numbers` is what was found out after the last step: `learning` is the mean loss of its
    minibatches, as they were learned, and there are a loss and a share of errors of the net in
    use for each of PARTS.
    """

    def __init__(self, examples: int, width: int, updates: int, seed: int):
        self.examples, self.width, self.updates, self.seed = examples, width, updates, seed
        self.net = self._build()
        self.velocity = {name: np.zeros_like(p) for name, p in self.net.parameters.items()}
        self.steps, self.cures, self.since = 0, Cures(), 0
        self.numbers = {"learning": np.nan} | self._measure()
        self.start = self.weights

    def _build(self, weight_init=fan_in_uniform) -> Sequential:
        rng = np.random.default_rng(self.seed)
        options = {"rng": rng, "weight_init": weight_init}
        width = self.width
        return Sequential(
            *(Linear(784, width, **options), ReLU(), Dropout(0, rng=rng)),
            *(Linear(width, width, **options), ReLU(), Dropout(0, rng=rng)),
            Linear(width, 10, **options),
        )

    @property
    def done(self) -> bool:
        """Whether the learning rate has come down to 0."""
        return self.steps * UPDATES >= self.updates

    @property
    def first(self) -> np.ndarray:
        """The weight of the first layer, (width, 784)."""
        return self.net.parameters["0.weight"]

    @property
    def weights(self) -> np.ndarray:
        """The first layer's weights of all pixels that have ink in a training digit: a copy.

        The others have no say in training: without a cure they stay as they began.
        """
        x, _ = digits()["training"]
        return self.first[:, (x[: self.examples] > 0).any(axis=0)].ravel()

    def step(self, learning_rate: float, cures: Cures) -> None:
        """Take the next UPDATES updates of SGD with momentum."""
        if cures != self.cures:
            self.cures, self.since = cures, self.steps * UPDATES
        x, y = digits()["training"]
        net, loss = self.net, CrossEntropyLoss()
        optimiser = SGD(net.parameters, 0.0, momentum=MOMENTUM, weight_decay=cures.l2)
        for name, memory in optimiser.state.items():  # go on with the velocity reached so far
            memory["velocity"] = self.velocity[name]
        coins = np.random.default_rng((self.seed, 1, self.steps))
        for layer in net.layers:
            if isinstance(layer, Dropout):
                layer.p, layer.rng = cures.units, coins
        seen = Dropout(cures.pixels, rng=coins)
        net.train()
        losses = []
        order = self._order()
        for update in range(UPDATES):
            batch = order[update * BATCH : (update + 1) * BATCH]
            losses.append(loss(net(seen(x[batch])), y[batch]))
            net.backward_parameters(loss.backward())
            past = (self.steps * UPDATES + update) / self.updates
            optimiser.learning_rate = learning_rate * (1 - past)
            optimiser.step(net.gradients)
            if cures.l1:  # momentum 0.9 makes each step 10 times as long
                for name, parameter in net.parameters.items():
                    if name.endswith("weight"):
                        amount = optimiser.learning_rate * cures.l1 / (1 - MOMENTUM)
                        soft_threshold(parameter, amount)
        self.steps += 1
        self.numbers = {"learning": float(np.mean(losses))} | self._measure()

    def _order(self) -> np.ndarray:
        """Which digits come next, (STEP,): every pass is shuffled anew."""
        if self.examples <= STEP:
            shuffle = np.random.default_rng((self.seed, 0, self.steps))
            passes = [shuffle.permutation(self.examples) for _ in range(STEP // self.examples)]
            return np.concatenate(passes)
        in_pass = self.examples // STEP
        shuffle = np.random.default_rng((self.seed, 0, self.steps // in_pass))
        return shuffle.permutation(self.examples)[self.steps % in_pass * STEP :][:STEP]

    def _measure(self) -> dict[str, float]:
        """Loss and share of errors of the net in use, with all units and pixels."""
        self.net.eval()
        numbers = {}
        for name in PARTS:
            x, y = digits()[name]
            if name == "training":
                x, y = x[: min(self.examples, 1000)], y[: min(self.examples, 1000)]
            z = self.net(x)
            numbers[f"{name} loss"] = max(float(CrossEntropyLoss()(z, y)), 0.0)
            numbers[f"{name} error"] = float(np.mean(z.argmax(axis=1) != y))
        return numbers

    def __deepcopy__(self, _) -> "Learner":
        """A twin that goes on exactly as this one will; what the layers keep of a batch is not
        copied, because the recording of a training holds many twins."""
        twin = Learner.__new__(Learner)
        twin.__dict__ |= self.__dict__
        twin.net = self._build(zeros)
        twin.net.load_state_dict(self.net.state_dict())
        twin.velocity = {name: velocity.copy() for name, velocity in self.velocity.items()}
        return twin

"""An RBM in training, as `CDTraining` shows it: its data, its settings, and what is measured."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dlkit import data
from dlkit.models.optimisers import SGD
from dlkit.models.partition import log_likelihood
from dlkit.models.rbm import RBM

DIGITS, BARS = "digits (MNIST)", "bars and stripes"
BATCH = 100
CHAINS = 100
MEASURED = 250  # pictures of each kind that are measured after a step
SHOWN = 10


@dataclass(frozen=True, eq=False)
class Pictures:
    """What an RBM learns from: `train` and `held_out`, (N, pixels) in 0 … 1.

    updates: of the weights in one step of the training; shown: pictures to look at, (10, pixels);
    best: the highest log-likelihood any model can reach, NaN where the machine is too large to
    know its own.
    """

    train: np.ndarray
    held_out: np.ndarray
    shown: np.ndarray
    shape: tuple[int, int]
    updates: int
    best: float = np.nan

    @property
    def exact(self) -> bool:
        """Whether the pictures are so small that their likelihood can be added up."""
        return not np.isnan(self.best)


@lru_cache(maxsize=16)
def pictures(dataset: str, examples: int) -> Pictures:
    """The first `examples` digits, held-out ones beside them; or all bars and stripes."""
    if dataset == BARS:
        split = data.bars_and_stripes()
        x, shape = split.x_train, split.images().shape[1:]
        _, counts = np.unique(x, axis=0, return_counts=True)
        p = counts / len(x)
        return Pictures(x, x[:0], x[1:31:3], shape, updates=50, best=float(p @ np.log(p)))
    split = data.mnist()
    one_each = [int(np.argmax(split.y_test == digit)) for digit in range(SHOWN)]
    return Pictures(
        split.x_train[:examples], split.x_test, split.x_test[one_each], (28, 28), updates=5
    )


class Learner:
    """An RBM, the velocity of its parameters, chains that run along, and its source of chance.

    The visible biases start at log(p / (1 - p)), p being how bright a pixel is on average
    (Hinton 2010, §8.1), the chains at pictures from the data. `updates` counts what was done;
    `numbers` is what was found out about the machine after the last step, see `_measure`.
    """

    def __init__(self, source: Pictures, hidden: int, seed: int):
        self.rng = np.random.default_rng(seed)
        self.rbm = RBM(source.train.shape[1], hidden, rng=self.rng)
        p = source.train.mean(axis=0)
        self.rbm.visible_bias[...] = np.log((p + 0.01) / (1.01 - p))
        self.velocity = {name: np.zeros_like(a) for name, a in self.rbm.parameters.items()}
        some = self.rng.integers(0, len(source.train), CHAINS)
        self.chain = (self.rng.random((CHAINS, len(p))) < source.train[some]).astype(np.float32)
        self.updates = 0
        self.numbers = self._measure(source)

    def learn(
        self,
        source: Pictures,
        *,
        method: str,
        k: int,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
        sparsity_cost: float,
        sparsity: float,
        **_,
    ) -> None:
        """Take the updates of one step of the training, each from a batch of its own."""
        rbm = self.rbm
        optimiser = SGD(rbm.parameters, learning_rate, momentum=momentum)
        for name, memory in optimiser.state.items():  # go on with the velocity reached so far
            if momentum:
                memory["velocity"] = self.velocity[name]
        pressure = (sparsity, sparsity_cost) if sparsity_cost else None
        before = rbm.weight
        for _ in range(source.updates):
            batch = source.train
            if len(batch) > BATCH:
                batch = batch[self.rng.integers(0, len(batch), BATCH)]
            chain = self.chain if method == "PCD" else None
            rbm.contrastive_divergence(batch, self.rng, k=k, chain=chain, sparsity=pressure)
            rbm.gradients["weight"][...] += weight_decay * rbm.weight  # biases do not decay
            before = rbm.weight.copy()
            optimiser.step(rbm.gradients)
            if chain is None:  # nothing is learned from these: they show what the machine dreams
                self.chain[:SHOWN] = rbm.gibbs(self.chain[:SHOWN], self.rng)
        self.updates += source.updates
        if not all(np.isfinite(a).all() for a in rbm.parameters.values()):
            raise ValueError(
                f"The weights have left the range of numbers: a learning rate of "
                f"{learning_rate:.3g} is too large here. Lower it and go on."
            )

        ratio = np.linalg.norm(rbm.weight - before) / np.linalg.norm(before)
        self.numbers = self._measure(source) | {"ratio": float(ratio)}

    def _measure(self, source: Pictures) -> dict[str, float]:
        """What can be said of the machine now; NaN for what cannot."""
        train, held_out = source.train[:MEASURED], source.held_out[:MEASURED]
        h = self.rbm.hidden_probabilities(train).mean(axis=0)
        free = float(self.rbm.free_energy(train).mean())
        free_held_out = float(self.rbm.free_energy(held_out).mean()) if len(held_out) else np.nan
        likelihood = log_likelihood(self.rbm, source.train).mean() if source.exact else np.nan
        return {
            "error": self._error(train),
            "held-out error": self._error(held_out),
            "free energy": free,
            "held-out free energy": free_held_out,
            "gap": free_held_out - free,
            "log-likelihood": float(likelihood),
            "on": float(h.mean()),
            "stuck": float(((h < 0.01) | (h > 0.99)).sum()),
            "ratio": np.nan,  # of the last update to the weights
        }

    def _error(self, v: np.ndarray) -> float:
        """Mean squared error of a pixel when v is reconstructed without chance."""
        return float(np.mean((self.rbm.reconstruct(v) - v) ** 2)) if len(v) else np.nan

    def __deepcopy__(self, _) -> "Learner":
        """A twin that goes on exactly as this one will; what is not needed for that stays behind,
        because the recording of a training holds many twins."""
        twin = object.__new__(Learner)
        twin.rng = np.random.default_rng()
        twin.rng.bit_generator.state = self.rng.bit_generator.state
        twin.rbm = object.__new__(RBM)
        for name, array in self.rbm.state_dict().items():
            setattr(twin.rbm, name, array)
        twin.velocity = {name: array.copy() for name, array in self.velocity.items()}
        twin.chain = self.chain.copy()
        twin.updates, twin.numbers = self.updates, self.numbers
        return twin

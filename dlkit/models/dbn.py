"""The deep belief net: RBMs stacked, each learning from the one below (Hinton, Osindero, Teh 2006).

The two uppermost layers form an RBM. Below it every layer only produces the next one down:

    p(v, h1, h2) = p(v | h1) p(h1, h2)

It learns from the bottom up, one RBM at a time, and what is below stays as it is:

    for layer, rbm in enumerate(dbn.rbms):
        step = cd_step(rbm, SGD(rbm.parameters, 0.1), rng)
        fit(step, (dbn.inputs(x, layer),), epochs=10, batch_size=100, rng=rng)
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import check_array, check_generator, check_labels, check_number
from dlkit.models.dense import Linear, Sequential, Sigmoid, sigmoid, softmax
from dlkit.models.initialisers import zeros
from dlkit.models.layer import Layer, Model
from dlkit.models.rbm import RBM, bernoulli, softplus


class LabelledRBM(RBM):
    """An RBM that sees features and a label: its last `labels` visible units are one softmax group.

    Exactly one unit of the group is on, so the machine models p(features, label), and p(label |
    features) is exact: only `labels` cases have to be compared (Hinton, Osindero, Teh 2006, §6).
    `weight` is (hidden, features + labels). Raises `ValueError` for fewer than 2 labels.
    """

    independent_bits = False

    def __init__(
        self,
        features: int,
        labels: int,
        hidden: int,
        *,
        rng: np.random.Generator,
        std: float = 0.01,
        dtype: DTypeLike = np.float32,
    ):
        features = int(check_number("features", features, low=1, whole=True))
        labels = int(check_number("labels", labels, low=2, whole=True))
        super().__init__(features + labels, hidden, rng=rng, std=std, dtype=dtype)
        self.labels = labels

    def visible_probabilities(self, h: ArrayLike) -> np.ndarray:
        """P(visible = 1 | h): a sigmoid for each feature, a softmax over the labels."""
        z = self._visible_input(self._hidden(h))
        return np.hstack([sigmoid(z[:, : -self.labels]), softmax(z[:, -self.labels :])])

    def free_energy(self, v: ArrayLike) -> np.ndarray:
        """F(features, label), as (N,). Raises `ValueError` where not exactly one label is on."""
        on = self._visible(v)[:, -self.labels :].sum(axis=1)
        if not np.allclose(on, 1, atol=1e-4):
            raise ValueError(
                f"v must have one label on in each row, got {on[np.abs(on - 1).argmax()]:g}"
            )
        return super().free_energy(v)

    def hidden_free_energy(self, h: ArrayLike) -> np.ndarray:
        """-log of the sum of e⁻ᴱ over all features and over the labels, one at a time, as (N,)."""
        h = self._hidden(h)
        z = self._visible_input(h)
        features, labels = softplus(z[:, : -self.labels]), z[:, -self.labels :]
        return -h @ self.hidden_bias - features.sum(axis=1) - np.logaddexp.reduce(labels, axis=1)

    def _draw_visible(self, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        v = bernoulli(p, rng)
        v[:, -self.labels :] = draw_one(p[:, -self.labels :], rng)
        return v

    def label_probabilities(self, features: np.ndarray) -> np.ndarray:
        """p(label | features), (N, labels), exact.

        -F(features, label) = b_label + Σ_j log(1 + e^z_j) + what all labels share.
        """
        w, label_w = self.weight[:, : -self.labels], self.weight[:, -self.labels :]
        features = check_array("features", features, ("N", w.shape[1]), dtype=w.dtype)
        z = features @ w.T + self.hidden_bias
        scores = np.stack([softplus(z + column).sum(axis=1) for column in label_w.T], axis=1)
        return softmax(scores + self.visible_bias[-self.labels :])


class DBN(Model):
    """A deep belief net with layers of `sizes` units, the pixels first (Hinton et al. 2006).

    `rbms` holds its RBMs from the bottom up; `rbms[k]` lies between layer k and layer k + 1. Its
    parameters are theirs, as `rbms.0.weight`. With `labels`, the uppermost RBM sees that many
    label units beside its features (a `LabelledRBM`): the net can then be asked for a label, and
    for a picture of one. Raises `ValueError` for fewer than two layers or a size below 1.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        rng: np.random.Generator,
        labels: int = 0,
        std: float = 0.01,
        dtype: DTypeLike = np.float32,
    ):
        self.sizes = check_sizes(sizes)
        self.labels = int(check_number("labels", labels, low=0, whole=True))
        pairs = list(pairwise(self.sizes))
        self.rbms = [RBM(below, above, rng=rng, std=std, dtype=dtype) for below, above in pairs]
        if labels:
            below, above = pairs[-1]
            self.rbms[-1] = LabelledRBM(below, labels, above, rng=rng, std=std, dtype=dtype)

    @property
    def children(self) -> dict[str, RBM]:
        return {f"rbms.{index}": rbm for index, rbm in enumerate(self.rbms)}

    def inputs(self, v: ArrayLike, layer: int, label: ArrayLike | None = None) -> np.ndarray:
        """What RBM `layer` learns from: the probabilities of its visible units, given the data v.

        Where that RBM has label units, they are taken from `label`, a class number for each
        example.
        """
        check_number("layer", layer, low=0, high=len(self.rbms) - 1, whole=True)
        below = self.up(v, layer)
        return self._with_label(below, label) if self._sees_label(layer) else below

    def up(
        self, v: ArrayLike, layers: int | None = None, label: ArrayLike | None = None
    ) -> np.ndarray:
        """Infer bottom-up: the probabilities of layer `layers` (by default the uppermost).

        One sweep, each layer given the one below: exact for a single RBM, an approximation above.
        v is (N, sizes[0]); without `label` no label unit is on.
        """
        layers = len(self.rbms) if layers is None else layers
        check_number("layers", layers, low=0, high=len(self.rbms), whole=True)
        check_has_labels(self.labels, label)
        a = check_array("v", v, ("N", self.sizes[0]), dtype=self.rbms[0].weight.dtype)
        for layer, rbm in enumerate(self.rbms[:layers]):
            a = rbm.hidden_probabilities(
                self._with_label(a, label) if self._sees_label(layer) else a
            )
        return a

    def down(self, h: ArrayLike, layer: int | None = None) -> np.ndarray:
        """Produce top-down: the probabilities of the pixels, given layer `layer` (the uppermost).

        Probabilities are passed on without sampling. h is (N, sizes[layer]).
        """
        layer = len(self.rbms) if layer is None else layer
        check_number("layer", layer, low=0, high=len(self.rbms), whole=True)
        a = check_array("h", h, ("N", self.sizes[layer]), dtype=self.rbms[0].weight.dtype)
        for rbm, size in zip(self.rbms[:layer][::-1], self.sizes[:layer][::-1], strict=True):
            a = rbm.visible_probabilities(a)[:, :size]
        return a

    def generate(
        self,
        n: int,
        rng: np.random.Generator,
        *,
        steps: int = 200,
        label: ArrayLike | None = None,
        start: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw n pictures (n, sizes[0]): `steps` of Gibbs sampling on top, then one pass down.

        With `label` (one class number, or n of them) the label units are held at it throughout.
        The chain starts at `start` (n, sizes[-2]), by default at random; the layers on the way
        down are sampled, and the pixels given as probabilities.
        """
        check_number("n", n, low=1, whole=True)
        features = self.top_chain(n, rng, steps=steps, label=label, start=start)
        for rbm in self.rbms[-2:0:-1]:
            features = rbm.sample_visible(features, rng)
        return self.rbms[0].visible_probabilities(features) if len(self.rbms) > 1 else features

    def top_chain(
        self,
        n: int,
        rng: np.random.Generator,
        *,
        steps: int,
        label: ArrayLike | None = None,
        start: np.ndarray | None = None,
    ) -> np.ndarray:
        """The features (n, sizes[-2]) after `steps` of Gibbs sampling in the uppermost RBM."""
        check_number("steps", steps, low=0, whole=True)
        check_has_labels(self.labels, label)
        top, size = self.rbms[-1], self.sizes[-2]
        dtype = top.weight.dtype
        if start is None:
            start = bernoulli(np.full((n, size), 0.5, dtype), rng)
        v = check_array("start", start, (n, size), dtype=dtype)
        clamped = None
        if label is not None:
            clamped = self._one_hot(np.full(n, label) if np.ndim(label) == 0 else label, n)
        if self.labels:
            even = np.full((n, self.labels), 1 / self.labels, dtype)
            v = np.hstack([v, draw_one(even, rng) if clamped is None else clamped])
        for _ in range(steps):
            v = top.sample_visible(top.sample_hidden(v, rng), rng)
            if clamped is not None:
                v[:, size:] = clamped
        return v[:, :size]

    def label_probabilities(self, v: ArrayLike) -> np.ndarray:
        """p(label | layer below the top) after one sweep up, (N, labels); needs label units."""
        top = self.rbms[-1]
        if not isinstance(top, LabelledRBM):
            raise ValueError("this net has no label units: make it with DBN(sizes, labels=10, …)")
        return top.label_probabilities(self.up(v, len(self.rbms) - 1))

    def unroll(self, classes: int, rng: np.random.Generator) -> Sequential:
        """The net as a classifier to be fine-tuned: Linear, Sigmoid, …, and a new Linear on top.

        Its weights are copies of the upward half; what produced pictures is left behind.
        """
        layers: list[Layer] = []
        for rbm, size in zip(self.rbms, self.sizes, strict=False):
            layers += [_linear(rbm.weight[:, :size], rbm.hidden_bias), Sigmoid()]
        dtype = self.rbms[0].weight.dtype
        return Sequential(*layers, Linear(self.sizes[-1], classes, rng=rng, dtype=dtype))

    def autoencoder(self) -> Sequential:
        """The net unrolled into an autoencoder: up, and down again with the transposed weights.

        Its output is z, whose sigmoid is the picture (train it with `BCEWithLogitsLoss`). Both
        halves are copies and may part in fine-tuning (Hinton and Salakhutdinov 2006).
        """
        stack = list(zip(self.rbms, self.sizes, strict=False))
        layers: list[Layer] = []
        for rbm, size in stack:
            layers += [_linear(rbm.weight[:, :size], rbm.hidden_bias), Sigmoid()]
        for rbm, size in reversed(stack):
            layers += [_linear(rbm.weight[:, :size].T, rbm.visible_bias[:size]), Sigmoid()]
        return Sequential(*layers[:-1])

    def _sees_label(self, layer: int) -> bool:
        return bool(self.labels) and layer == len(self.rbms) - 1

    def _with_label(self, features: np.ndarray, label: ArrayLike | None) -> np.ndarray:
        """The features with the label units beside them; without a label all of these are off."""
        if label is None:
            none = np.zeros((len(features), self.labels), features.dtype)
            return np.hstack([features, none])
        return np.hstack([features, self._one_hot(label, len(features))])

    def _one_hot(self, label: ArrayLike, n: int) -> np.ndarray:
        label = check_labels("label", label, n, self.labels)
        return np.eye(self.labels, dtype=self.rbms[-1].weight.dtype)[label]


def check_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return `sizes` as whole numbers if they are units of two layers at least, each of 1 or more.

    Raises `ValueError` otherwise.
    """
    if np.ndim(sizes) != 1 or len(sizes) < 2:
        raise ValueError(f"sizes must name two layers at least, got {sizes}")
    return tuple(int(check_number("sizes", n, low=1, whole=True)) for n in sizes)


def check_has_labels(labels: int, label: object) -> None:
    """Raise a `ValueError` where a `label` is given to a net that has no `labels` units for it."""
    if label is not None and not labels:
        raise ValueError("label needs a net with label units: DBN(sizes, labels=10, …)")


def draw_one(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One 1 in every row, drawn with these probabilities (N, K); the rest is 0."""
    edges = probabilities.cumsum(axis=1)
    check_generator("rng", rng)
    chosen = (rng.random((len(edges), 1), dtype=edges.dtype) * edges[:, -1:] > edges).sum(axis=1)
    return np.eye(edges.shape[1], dtype=edges.dtype)[chosen]


def _linear(weight: np.ndarray, bias: np.ndarray) -> Linear:
    """A linear layer that starts with copies of these."""
    outputs, inputs = weight.shape
    layer = Linear(
        inputs, outputs, rng=np.random.default_rng(0), weight_init=zeros, dtype=weight.dtype
    )
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer

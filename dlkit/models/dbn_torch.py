"""The twin of `dbn`: the same stack on torch (Hinton, Osindero, Teh 2006).

Names, shapes and equations are those of `dbn`. Chance comes from a `torch.Generator` on the net's
device, from None for torch's own, or from a NumPy generator, for comparison with the original.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from dlkit.check import check_number
from dlkit.models.dbn import check_has_labels, check_sizes
from dlkit.models.device_torch import default_device
from dlkit.models.rbm_torch import RBM, Source, bernoulli, draw, softplus


class LabelledRBM(RBM):
    """An RBM that sees features and a label: its last `labels` visible units are one softmax."""

    def __init__(
        self,
        features: int,
        labels: int,
        hidden: int,
        *,
        std: float = 0.01,
        device: str | torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ):
        at = {"device": device, "dtype": dtype, "generator": generator}
        features = int(check_number("features", features, low=1, whole=True))
        labels = int(check_number("labels", labels, low=2, whole=True))
        super().__init__(features + labels, hidden, std=std, **at)
        self.labels = labels

    def visible_probabilities(self, h: Tensor) -> Tensor:
        """P(visible = 1 | h): a sigmoid for each feature, a softmax over the labels."""
        z = self._visible_input(h)
        features, labels = z[:, : -self.labels], z[:, -self.labels :]
        return torch.hstack([features.sigmoid(), labels.softmax(dim=1)])

    def hidden_free_energy(self, h: Tensor) -> Tensor:
        """-log of the sum of e⁻ᴱ over all features and over the labels, one at a time, as (N,)."""
        z = self._visible_input(h)
        features, labels = softplus(z[:, : -self.labels]), z[:, -self.labels :]
        return -h @ self.hidden_bias - features.sum(dim=1) - labels.logsumexp(dim=1)

    def _draw_visible(self, p: Tensor, rng: Source) -> Tensor:
        features, labels = p[:, : -self.labels], p[:, -self.labels :]
        if rng is None or isinstance(rng, torch.Generator):
            return torch.hstack([bernoulli(features, rng), draw_one(labels, rng)])
        # The original draws a number for the label units too, and then does without them.
        return torch.hstack([bernoulli(p, rng)[:, : -self.labels], draw_one(labels, rng)])

    def label_probabilities(self, features: Tensor) -> Tensor:
        """p(label | features), (N, labels), exact; on a GPU all labels at once."""
        w, label_w = self.weight[:, : -self.labels], self.weight[:, -self.labels :]
        z = torch.addmm(self.hidden_bias, features, w.T)
        scores = torch.stack([softplus(z + column).sum(dim=1) for column in label_w.T], dim=1)
        return (scores + self.visible_bias[-self.labels :]).softmax(dim=1)


class DBN(nn.Module):
    """A deep belief net with layers of `sizes` units; `rbms` holds its RBMs from the bottom up.

    `device=None` picks CUDA, then MPS, then the CPU.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        labels: int = 0,
        std: float = 0.01,
        device: str | torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        self.sizes = check_sizes(sizes)
        self.labels = int(check_number("labels", labels, low=0, whole=True))
        device = device or default_device(dtype)
        at = {"std": std, "device": device, "dtype": dtype, "generator": generator}
        pairs = list(pairwise(self.sizes))
        rbms = [RBM(below, above, **at) for below, above in pairs[: -1 if labels else None]]
        if labels:
            below, above = pairs[-1]
            rbms.append(LabelledRBM(below, labels, above, **at))
        self.rbms: Sequence[RBM] = nn.ModuleList(rbms)  # pyright: ignore

    @torch.no_grad()
    def inputs(self, v: Tensor, layer: int, label: Tensor | None = None) -> Tensor:
        """What RBM `layer` learns from, given the data v (and `label` where it sees one)."""
        check_number("layer", layer, low=0, high=len(self.rbms) - 1, whole=True)
        below = self.up(v, layer)
        return self._with_label(below, label) if self._sees_label(layer) else below

    def up(self, v: Tensor, layers: int | None = None, label: Tensor | None = None) -> Tensor:
        """The probabilities of layer `layers` (by default the uppermost), from the bottom up."""
        layers = len(self.rbms) if layers is None else layers
        check_number("layers", layers, low=0, high=len(self.rbms), whole=True)
        check_has_labels(self.labels, label)
        for layer, rbm in enumerate(self.rbms[:layers]):
            v = rbm.hidden_probabilities(
                self._with_label(v, label) if self._sees_label(layer) else v
            )
        return v

    def down(self, h: Tensor, layer: int | None = None) -> Tensor:
        """The probabilities of the pixels, given layer `layer` (the uppermost)."""
        layer = len(self.rbms) if layer is None else layer
        check_number("layer", layer, low=0, high=len(self.rbms), whole=True)
        for k in reversed(range(layer)):
            h = self.rbms[k].visible_probabilities(h)[:, : self.sizes[k]]
        return h

    @torch.no_grad()
    def generate(
        self,
        n: int,
        rng: Source = None,
        *,
        steps: int = 200,
        label: Tensor | int | None = None,
        start: Tensor | None = None,
    ) -> Tensor:
        """Draw n pictures: `steps` of Gibbs sampling on top, then one pass down."""
        check_number("n", n, low=1, whole=True)
        features = self.top_chain(n, rng, steps=steps, label=label, start=start)
        for k in range(len(self.rbms) - 2, 0, -1):
            features = self.rbms[k].sample_visible(features, rng)
        return self.rbms[0].visible_probabilities(features) if len(self.rbms) > 1 else features

    @torch.no_grad()
    def top_chain(
        self,
        n: int,
        rng: Source = None,
        *,
        steps: int,
        label: Tensor | int | None = None,
        start: Tensor | None = None,
    ) -> Tensor:
        """The features (n, sizes[-2]) after `steps` of Gibbs sampling in the uppermost RBM."""
        check_number("steps", steps, low=0, whole=True)
        check_has_labels(self.labels, label)
        top, size, clamped = self.rbms[-1], self.sizes[-2], None
        v = start
        if v is None:
            v = bernoulli(top.weight.new_full((n, size), 0.5), rng)
        if self.labels:
            if label is not None:
                label = torch.as_tensor(label, device=v.device).expand(n)
                clamped = nn.functional.one_hot(label, self.labels).to(v.dtype)
            even = v.new_full((n, self.labels), 1 / self.labels)
            v = torch.hstack([v, draw_one(even, rng) if clamped is None else clamped])
        for _ in range(steps):
            v = top.sample_visible(top.sample_hidden(v, rng), rng)
            if clamped is not None:
                v[:, size:] = clamped
        return v[:, :size]

    @torch.no_grad()
    def label_probabilities(self, v: Tensor) -> Tensor:
        """p(label | layer below the top) after one sweep up, (N, labels)."""
        top = self.rbms[-1]
        if not isinstance(top, LabelledRBM):
            raise ValueError("this net has no label units: make it with DBN(sizes, labels=10)")
        return top.label_probabilities(self.up(v, len(self.rbms) - 1))

    def unroll(self, classes: int, generator: torch.Generator | None = None) -> nn.Sequential:
        """The net as a classifier to be fine-tuned, with a new Linear on top.

        torch's Linear cannot be told a generator: its start is drawn anew from this one.
        """
        layers: list[nn.Module] = []
        for rbm, size in zip(self.rbms, self.sizes, strict=False):
            layers += [_linear(rbm.weight[:, :size], rbm.hidden_bias), nn.Sigmoid()]
        weight = self.rbms[0].weight
        last = nn.Linear(self.sizes[-1], classes, device=weight.device, dtype=weight.dtype)
        if generator is not None:
            limit = self.sizes[-1] ** -0.5
            for parameter in last.parameters():
                nn.init.uniform_(parameter, -limit, limit, generator=generator)
        return nn.Sequential(*layers, last)

    def autoencoder(self) -> nn.Sequential:
        """The net unrolled into an autoencoder, whose output is z: up, and down again."""
        stack = list(zip(self.rbms, self.sizes, strict=False))
        layers: list[nn.Module] = []
        for rbm, size in stack:
            layers += [_linear(rbm.weight[:, :size], rbm.hidden_bias), nn.Sigmoid()]
        for rbm, size in reversed(stack):
            layers += [_linear(rbm.weight[:, :size].T, rbm.visible_bias[:size]), nn.Sigmoid()]
        return nn.Sequential(*layers[:-1])

    def _sees_label(self, layer: int) -> bool:
        return bool(self.labels) and layer == len(self.rbms) - 1

    def _with_label(self, features: Tensor, label: Tensor | None) -> Tensor:
        if label is None:
            return torch.hstack([features, features.new_zeros(len(features), self.labels)])
        units = nn.functional.one_hot(label, self.labels).to(features.dtype)
        return torch.hstack([features, units])


def draw_one(probabilities: Tensor, rng: Source = None) -> Tensor:
    """One 1 in every row, drawn with these probabilities (N, K); the rest is 0."""
    edges = probabilities.cumsum(dim=1)
    u = draw("uniform", edges[:, :1], rng)
    chosen = (u * edges[:, -1:] > edges).sum(dim=1)
    return nn.functional.one_hot(chosen, edges.shape[1]).to(edges.dtype)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A linear layer that starts with copies of these."""
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, device=weight.device, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer

"""The twin of `rbm`: the same machine on torch, for a GPU (Smolensky 1986, Hinton 2002).

Names, shapes and equations are those of `rbm`; differences are remarked where they stand. Chance
comes from a `torch.Generator` on the machine's own device, from None for torch's own, or from a
NumPy generator: then the twin draws the very numbers that the original draws, so that the two
can be compared step by step (slow, as the numbers are made on the CPU).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dlkit.check import check_number
from dlkit.models.device_torch import default_device
from dlkit.models.rbm import check_sparsity

Source = torch.Generator | np.random.Generator | None


class RBM(nn.Module):
    """E(v, h) = -b·v - c·h - h W v, every unit 0 or 1.

    `weight` (hidden, visible) starts at N(0, std²), the biases at zero. `device=None` picks CUDA,
    then MPS, then the CPU.
    """

    def __init__(
        self,
        visible: int,
        hidden: int,
        *,
        std: float = 0.01,
        device: str | torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        visible = int(check_number("visible", visible, low=1, whole=True))
        hidden = int(check_number("hidden", hidden, low=1, whole=True))
        check_number("std", std, low=0)
        if not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise ValueError(f"dtype must be a floating type such as torch.float32, got {dtype!r}")
        at = {"device": device or default_device(dtype), "dtype": dtype}
        weight = torch.empty(hidden, visible, **at).normal_(0, std, generator=generator)
        self.weight = nn.Parameter(weight)
        self.visible_bias = nn.Parameter(torch.zeros(visible, **at))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden, **at))

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """E(v, h) of each pair of rows, as (N,)."""
        return -v @ self.visible_bias - h @ self.hidden_bias - ((h @ self.weight) * v).sum(dim=1)

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v) = -b·v - Σⱼ log(1 + e^(c + W v)ⱼ), as (N,); autograd can go through it."""
        return -v @ self.visible_bias - softplus(self._hidden_input(v)).sum(dim=1)

    def hidden_free_energy(self, h: Tensor) -> Tensor:
        """-log Σᵥ e⁻ᴱ⁽ᵛ'ʰ⁾, as (N,)."""
        return -h @ self.hidden_bias - softplus(self._visible_input(h)).sum(dim=1)

    def hidden_probabilities(self, v: Tensor) -> Tensor:
        """P(hⱼ = 1 | v) = σ(c + W v)ⱼ, as (N, hidden)."""
        return self._hidden_input(v).sigmoid_()

    def visible_probabilities(self, h: Tensor) -> Tensor:
        """P(vᵢ = 1 | h) = σ(b + h W)ᵢ, as (N, visible)."""
        return self._visible_input(h).sigmoid_()

    def sample_hidden(self, v: Tensor, rng: Source = None) -> Tensor:
        """h drawn from P(h | v): 0 and 1, (N, hidden)."""
        return bernoulli(self.hidden_probabilities(v), rng)

    def sample_visible(self, h: Tensor, rng: Source = None) -> Tensor:
        """v drawn from P(v | h): 0 and 1, (N, visible)."""
        return self._draw_visible(self.visible_probabilities(h), rng)

    @torch.no_grad()
    def gibbs(self, v: Tensor, rng: Source = None, steps: int = 1) -> Tensor:
        """v after `steps` times v → h → v, all sampled (N, visible)."""
        check_number("steps", steps, low=0, whole=True)
        for _ in range(steps):
            v = self.sample_visible(self.sample_hidden(v, rng), rng)
        return v

    def reconstruct(self, v: Tensor) -> Tensor:
        """Visible probabilities from the hidden probabilities of v."""
        return self.visible_probabilities(self.hidden_probabilities(v))

    @torch.no_grad()  # the gradient is written by hand: CD is the gradient of no function
    def contrastive_divergence(
        self,
        v: Tensor,
        rng: Source = None,
        *,
        k: int = 1,
        chain: Tensor | None = None,
        sampled: bool = True,
        sparsity: tuple[float, float] | None = None,
    ) -> Tensor:
        """Fill `grad` of each parameter by CD-k, for any `torch.optim`; return the error.

        As in `rbm`. The mean squared reconstruction error stays on its device, as a tensor with
        one entry: nothing in here waits for the GPU. So shapes are looked at, and values are not.
        """
        check_number("k", k, low=1, whole=True)
        self._check_shape("v", v)
        h = self.hidden_probabilities(v)

        fantasy, fantasy_h, reconstruction = v, h, v
        if chain is not None:
            fantasy_h = self.hidden_probabilities(self._check_shape("chain", chain))
        for step in range(k):
            p = self.visible_probabilities(bernoulli(fantasy_h, rng))
            if step == 0:
                reconstruction = p
            fantasy = self._draw_visible(p, rng) if sampled else p
            fantasy_h = self.hidden_probabilities(fantasy)

        if self.weight.grad is None:
            self.weight.grad = torch.empty_like(self.weight)
        # Filled where it lies: -⟨h v⟩ of the data first, then that of the fantasies on top.
        gradient = self.weight.grad
        torch.addmm(gradient, h.T, v, beta=0, alpha=-1 / len(v), out=gradient)
        gradient.addmm_(fantasy_h.T, fantasy, alpha=1 / len(fantasy))
        self.visible_bias.grad = fantasy.mean(dim=0) - v.mean(dim=0)
        self.hidden_bias.grad = fantasy_h.mean(dim=0) - h.mean(dim=0)
        if sparsity is not None:
            target, cost = check_sparsity(sparsity)
            excess = cost * (h.mean(dim=0) - target)
            self.hidden_bias.grad += excess
            self.weight.grad += torch.outer(excess, v.mean(dim=0))

        if chain is not None:
            chain.copy_(fantasy)
            reconstruction = self.visible_probabilities(h)
        return nn.functional.mse_loss(reconstruction, v)

    def _hidden_input(self, v: Tensor) -> Tensor:
        return torch.addmm(self.hidden_bias, v, self.weight.T)

    def _visible_input(self, h: Tensor) -> Tensor:
        return torch.addmm(self.visible_bias, h, self.weight)

    def _draw_visible(self, p: Tensor, rng: Source) -> Tensor:
        return bernoulli(p, rng)

    def _check_shape(self, name: str, v: Tensor) -> Tensor:
        visible = len(self.visible_bias)
        if v.ndim != 2 or v.shape[1] != visible or not len(v):
            raise ValueError(f"{name} must have shape (N, {visible}), got {tuple(v.shape)}")
        return v


class GaussianRBM(RBM):
    """E(v, h) = ½ |v - b|² - c·h - h W v: real v with variance 1."""

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        return self._spring(v) - h @ self.hidden_bias - ((h @ self.weight) * v).sum(dim=1)

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v) = ½ |v - b|² - Σⱼ log(1 + e^(c + W v)ⱼ), as (N,)."""
        return self._spring(v) - softplus(self._hidden_input(v)).sum(dim=1)

    def hidden_free_energy(self, h: Tensor) -> Tensor:
        """-log ∫ e⁻ᴱ⁽ᵛ'ʰ⁾ dv, as (N,)."""
        push = h @ self.weight
        volume = 0.5 * len(self.visible_bias) * math.log(2 * math.pi)
        return (
            -h @ self.hidden_bias - push @ self.visible_bias - 0.5 * (push**2).sum(dim=1) - volume
        )

    def visible_probabilities(self, h: Tensor) -> Tensor:
        """The mean of P(v | h) = N(b + h W, 1), as (N, visible)."""
        return self._visible_input(h)

    def _draw_visible(self, p: Tensor, rng: Source) -> Tensor:
        return p + draw("normal", p, rng)

    def _spring(self, v: Tensor) -> Tensor:
        return 0.5 * ((v - self.visible_bias) ** 2).sum(dim=1)


def cd_step(
    rbm: RBM,
    optimiser: torch.optim.Optimizer,
    rng: Source = None,
    *,
    k: int = 1,
    persistent: bool = False,
    chain: Tensor | None = None,
    sampled: bool = True,
    sparsity: tuple[float, float] | None = None,
) -> Callable[[Tensor], Tensor]:
    """One step of learning for `fit(step, (v,), …)`, with the settings of `rbm.cd_step`."""

    def step(v: Tensor) -> Tensor:
        nonlocal chain
        if persistent and chain is None:
            chain = v.clone()
        error = rbm.contrastive_divergence(
            v, rng, k=k, chain=chain, sampled=sampled, sparsity=sparsity
        )
        optimiser.step()
        return error

    return step


def bernoulli(p: Tensor, rng: Source = None) -> Tensor:
    """1 with probability p and 0 otherwise, for each entry, in p's shape and dtype.

    `torch.bernoulli` does the same, four times as slowly on a CPU, and from numbers of its own.
    """
    return draw("uniform", p, rng).lt_(p)


def softplus(z: Tensor) -> Tensor:
    """log(1 + e^z); torch's own goes straight from z = 20 on, which float64 would notice."""
    return nn.functional.softplus(z, threshold=40)


def draw(kind: str, like: Tensor, rng: Source) -> Tensor:
    """Random numbers in the shape and dtype of `like`, and on its device."""
    if isinstance(rng, np.random.Generator):
        make: Any = rng.random if kind == "uniform" else rng.standard_normal
        numbers = make(tuple(like.shape), dtype=str(like.dtype).removeprefix("torch."))
        return torch.from_numpy(numbers).to(like.device)
    fill = Tensor.uniform_ if kind == "uniform" else Tensor.normal_
    return fill(torch.empty_like(like), generator=rng)

"""The echo state network (Jaeger 2001): a recurrent net of which only the readout learns.

Sequences are (T, N, D), as everywhere: T steps, N sequences, D numbers a step.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import check_array, check_dtype, check_generator, check_number
from dlkit.models.layer import Model


class EchoStateNetwork(Model):
    """A reservoir x_t = (1 - a) x_{t-1} + a·tanh(W_ih u_t + W_hh x_{t-1} + b) and y = readout.

    The weights of the reservoir are drawn once and stay: `weight_ih` (units, inputs) and `bias`
    (units,) from -input_scale … input_scale, `weight_hh` (units, units) from -1 … 1 with a share
    `density` of entries that are not 0, then scaled to the spectral radius. a is `leak`; 1 is no
    leak. The readout, y = c + W_out [u, x], is found by ridge regression: `readout` (outputs,
    inputs + units) and `readout_bias` (outputs,), None until `fit_readout`.

    A net whose states forget their start has the echo state property. It is certain where the
    largest singular value of `weight_hh` is below 1, and impossible, for inputs that may be zero
    (and no bias), where the spectral radius is above 1. Below 1, the usual choice, it nearly always
    holds.

    H. Jaeger, "The 'echo state' approach to analysing and training recurrent neural networks",
    2001; the leak and these scalings as in M. Lukoševičius, "A practical guide to applying echo
    state networks", 2012.
    """

    buffer_names = ("weight_ih", "weight_hh", "bias")

    def __init__(
        self,
        inputs: int,
        units: int,
        *,
        spectral_radius: float = 0.9,
        leak: float = 1.0,
        input_scale: float = 1.0,
        density: float = 0.1,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
    ):
        inputs = int(check_number("inputs", inputs, low=1, whole=True))
        units = int(check_number("units", units, low=1, whole=True))
        check_number("input_scale", input_scale, low=0)
        check_number("density", density, low=0, high=1)
        check_number("leak", leak, low=0, high=1)
        if leak == 0:
            raise ValueError("leak must be more than 0: with 0 the state never changes")
        self.inputs, self.units, self.leak = inputs, units, float(leak)
        check_generator("rng", rng)
        dtype = check_dtype(dtype)
        self.weight_ih = rng.uniform(-input_scale, input_scale, (units, inputs)).astype(dtype)
        self.bias = rng.uniform(-input_scale, input_scale, units).astype(dtype)
        weight = rng.uniform(-1, 1, (units, units))
        weight *= rng.random((units, units)) < density
        radius = np.abs(np.linalg.eigvals(weight)).max()
        if radius < 1e-9:
            raise ValueError(
                f"density={density:g} leaves {units} units without a loop, so no spectral radius"
                " can be given to them: choose more units or a higher density"
            )
        self._unscaled = weight / radius
        self.weight_hh = np.empty((units, units), dtype, order="F")  # x Wᵀ takes half the time
        self.spectral_radius = spectral_radius
        self.states = np.zeros((1, 1, units), dtype)  # of the last run, (T, N, units)
        self.readout: np.ndarray | None = None
        self.readout_bias: np.ndarray | None = None

    @property
    def state(self) -> np.ndarray:
        """Where the last run ended, (N, units); before the first, zeros for one sequence."""
        return self.states[-1]

    @property
    def spectral_radius(self) -> float:
        """The largest |eigenvalue| of `weight_hh`; set it, and the weights are scaled anew."""
        return self._radius

    @spectral_radius.setter
    def spectral_radius(self, radius: float) -> None:
        self._radius = float(check_number("spectral_radius", radius, low=0))
        self.weight_hh[...] = self._radius * self._unscaled

    def run(self, u: ArrayLike, state: ArrayLike | None = None) -> np.ndarray:
        """The states x (T, N, units) that the input u (T, N, inputs) drives the reservoir through.

        `state` (N, units) is where it begins, zeros if not given. They stay in `self.states`.
        """
        u = check_array("u", u, ("T", "N", self.inputs), dtype=self.weight_hh.dtype)
        x = self._begin(state, u.shape[1])
        states = self._drive(u)
        for driven in states:
            x = self._next(x, driven)
        self.states = states
        return states

    def fit_readout(
        self, u: ArrayLike, y: ArrayLike, *, washout: int = 100, ridge: float = 1e-6
    ) -> float:
        """Find the readout that maps u (T, N, inputs) to y (T, N, outputs); return its mean error.

        The first `washout` steps are left out: their states still echo the start. `ridge` is added
        to the diagonal of the normal equations and keeps the weights small; the constant c is free
        of it, as in scikit-learn's Ridge. The error is the mean square over the steps used.
        """
        kind = self.weight_hh.dtype
        u = check_array("u", u, ("T", "N", self.inputs), dtype=kind, finite=True)
        y = check_array("y", y, (*u.shape[:2], "outputs"), dtype=kind, finite=True)
        check_number("ridge", ridge, low=0)
        washout = int(check_number("washout", washout, low=0, whole=True))
        if washout >= len(u):
            raise ValueError(f"washout must be less than the {len(u)} steps of u, got {washout}")
        x = self._features(u, self.run(u))[washout:].reshape(-1, self.inputs + self.units)
        target = y[washout:].reshape(len(x), -1)
        mean_x, mean_y = x.mean(axis=0), target.mean(axis=0)
        x -= mean_x
        target = target - mean_y
        normal = x.T @ x
        normal[np.diag_indices_from(normal)] += ridge
        try:
            weight = np.linalg.solve(normal, x.T @ target)
        except np.linalg.LinAlgError:
            raise ValueError(
                "the states leave the readout undetermined: ridge must be > 0"
            ) from None
        self.readout = weight.T
        self.readout_bias = mean_y - mean_x @ weight
        return float(np.mean((x @ weight - target) ** 2))

    def predict(self, u: ArrayLike, state: ArrayLike | None = None) -> np.ndarray:
        """The readout y (T, N, outputs) while u drives the reservoir, from `state` or zeros."""
        u = check_array("u", u, ("T", "N", self.inputs), dtype=self.weight_hh.dtype)
        return self._read(self._features(u, self.run(u, state)))

    def free_run(self, u: ArrayLike, steps: int, state: ArrayLike | None = None) -> np.ndarray:
        """Follow u (T, N, inputs), then go on for `steps` with the own outputs as input.

        Returns these outputs (steps, N, inputs), the first of which is the answer to u's last step;
        `self.states` has the states that gave them. It begins in `state` (N, units), zeros if not
        given. Needs a readout with as many outputs as inputs, trained to predict the next input:
        raises `ValueError` otherwise.
        """
        steps = int(check_number("steps", steps, low=1, whole=True))
        u = check_array("u", u, ("T", "N", self.inputs), dtype=self.weight_hh.dtype)
        x = self.run(u, state)[-1]
        y = self._read(self._features(u[-1], x))
        if y.shape[1] != self.inputs:
            raise ValueError(
                f"free_run needs a readout with {self.inputs} outputs, as many as inputs,"
                f" got {y.shape[1]}"
            )
        states, outputs = np.empty((steps, *x.shape), x.dtype), np.empty((steps, *y.shape), y.dtype)
        states[0], outputs[0] = x, y
        for t in range(1, steps):
            states[t] = x = self._next(x, self._drive(y))
            outputs[t] = y = self._read(self._features(y, x))
        self.states = states
        return outputs

    def _begin(self, state: ArrayLike | None, n: int) -> np.ndarray:
        if state is None:
            return np.zeros((n, self.units), self.weight_hh.dtype)
        return check_array("state", state, (n, self.units), dtype=self.weight_hh.dtype)

    def _drive(self, u: np.ndarray) -> np.ndarray:
        """What an input (..., inputs) adds to each unit's sum, (..., units)."""
        driven = u @ self.weight_ih.T
        driven += self.bias
        return driven

    def _next(self, x: np.ndarray, driven: np.ndarray) -> np.ndarray:
        """x ← (1 − leak) x + leak tanh(driven + W x), (N, units), in the place of `driven`."""
        # For arrays so small, dot takes two thirds of the time of @, and every new one counts.
        driven += x.dot(self.weight_hh.T)
        np.tanh(driven, out=driven)
        driven *= self.leak
        driven += (1 - self.leak) * x
        return driven

    def _features(self, u: np.ndarray, states: np.ndarray) -> np.ndarray:
        """[u, x] of every step, (..., inputs + units)."""
        return np.concatenate([u, states], axis=-1)

    def _read(self, features: np.ndarray) -> np.ndarray:
        if self.readout is None or self.readout_bias is None:
            raise ValueError("the readout has not learned yet: call fit_readout first")
        return features.dot(self.readout.T) + self.readout_bias


def nrmse(prediction: ArrayLike, target: ArrayLike) -> float:
    """Root mean square error by the target's standard deviation: who says its mean has 1."""
    target = check_array("target", target, dtype=float)  # differences of bytes would overflow
    prediction = check_array("prediction", prediction, target.shape, dtype=float)
    spread = target.std()
    if spread == 0:
        raise ValueError("target must vary: the error is measured by its standard deviation")
    return float(np.sqrt(np.mean((prediction - target) ** 2)) / spread)

"""Recurrent layers: nets that read a sequence step by step and keep a state (Elman 1990).

A sequence is x (T, N, D): T steps, N sequences side by side, D numbers a step, as `torch.nn` has it
by default. `RNN`, `LSTM` and `GRU` return their hidden states h (T, N, H); parameters are named,
shaped and ordered as in `torch.nn`, which has the twins. What the input adds to all steps is one
matrix product, and so is what all steps add to a weight's gradient; only h waits for h.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import check_array, check_dtype, check_generator, check_number
from dlkit.models.layer import Layer

State = np.ndarray | tuple[np.ndarray, np.ndarray]
"""What goes from step to step: h (N, H), or for the LSTM h and c."""


class _Recurrent(Layer):
    """What the three cells share; backward is backpropagation through time (Werbos 1990).

    `forward(x, state=None)` starts from `state`, or from zeros, and leaves the last one in
    `state`. With `carry = True` it starts from where the last call ended: a long text may then come
    in pieces. No gradient passes from a piece to the one before, which is truncated
    backpropagation through time. `reset()` forgets the state.

    `backward(grad_outputs)` takes ∂L/∂h of all steps (T, N, H) and returns ∂L/∂x. It leaves
    ∂L/∂(state at the start) in `grad_state`, and the length of ∂L/∂(state after step t) over all
    sequences in `step_norms` (T,). All parameters start at U(-1/√H, 1/√H) as in torch. Raises
    `ValueError` when x or a state has another shape, and for what no call has left yet.
    """

    parameter_names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    gate_names: tuple[str, ...] = ("h",)
    carry = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ):
        check_number("input_size", input_size, low=1, whole=True)
        check_number("hidden_size", hidden_size, low=1, whole=True)
        check_generator("rng", rng)
        dtype = check_dtype(dtype)
        self.input_size, self.hidden_size = int(input_size), int(hidden_size)
        rows, bound = len(self.gate_names) * self.hidden_size, 1 / np.sqrt(hidden_size)
        shapes = ((rows, self.input_size), (rows, self.hidden_size), (rows,), (rows,))
        for name, shape in zip(self.parameter_names, shapes, strict=True):
            setattr(self, name, rng.uniform(-bound, bound, shape).astype(dtype))
        self.state: State | None = None
        self.grad_state: State | None = None
        self._arrays: dict[str, np.ndarray] = {}

    # Filled in by setattr above; named here for whoever reads.
    weight_ih_l0: np.ndarray
    weight_hh_l0: np.ndarray
    bias_ih_l0: np.ndarray
    bias_hh_l0: np.ndarray

    def reset(self) -> None:
        """Forget the state: the next sequence starts from zeros."""
        self.state = None

    def forward(self, x: np.ndarray, state: State | None = None) -> np.ndarray:
        dtype = self.weight_ih_l0.dtype
        x = check_array("x", x, ("T", "N", self.input_size), dtype=dtype)
        if state is None and self.carry:
            state = self.state
        steps, batch, _ = x.shape
        h = np.empty((steps + 1, batch, self.hidden_size), dtype)  # h[t] before step t
        self._start(h, state)
        self._x, self._h = x, h
        self._run(steps)
        return self._h[1:]

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        self.backward_parameters(grad_output)
        grad_x = self._flat(self._dz) @ self.weight_ih_l0
        return grad_x.reshape(self._x.shape)

    def backward_parameters(self, grad_output: np.ndarray) -> None:
        dz = self._dz = self._array("dz", len(self.bias_ih_l0))
        self._run_back(grad_output, dz)
        # Σ over the steps and the sequences, as one product each.
        np.matmul(self._flat(dz).T, self._flat(self._x), out=self._gradient("weight_ih_l0"))
        np.sum(dz, axis=(0, 1), out=self._gradient("bias_ih_l0"))
        self._hidden_gradients(dz)

    @property
    def step_norms(self) -> np.ndarray:
        """‖∂L/∂(state after step t)‖ of the last `backward`, (T,)."""
        states = self.step_gradients
        return np.sqrt(sum((g.astype(np.float64) ** 2).sum(axis=(1, 2)) for g in states))

    @property
    def step_gradients(self) -> tuple[np.ndarray, ...]:
        """∂L/∂h after each step of the last `backward`, (T, N, H); of an LSTM also ∂L/∂c."""
        return self._left("_grad_states", "backward(grad_output)")

    # --- what a cell says about itself

    def _start(self, h: np.ndarray, state: State | None) -> None:
        """Put the state before the first step in its place, h[0]."""
        h[0] = 0 if state is None else self._checked("state", state, h.shape[1])

    def _run(self, steps: int) -> None:
        """Compute `_h[1:]` and what `_run_back` needs; keep the last state."""
        raise NotImplementedError

    def _run_back(self, grad_outputs: np.ndarray, dz: np.ndarray) -> None:
        """Fill dz, ∂L/∂ of what the input is added to, from the last step to the first."""
        raise NotImplementedError

    def _hidden_gradients(self, dz: np.ndarray) -> None:
        """The gradients of what acts on h; dz is ∂L/∂ of what it is added to."""
        np.matmul(self._flat(dz).T, self._flat(self._h[:-1]), out=self._gradient("weight_hh_l0"))
        np.sum(dz, axis=(0, 1), out=self._gradient("bias_hh_l0"))

    # --- helpers

    def _input_products(self, scale: np.ndarray | float = 1.0) -> np.ndarray:
        """W x + b for all steps at once, rows times `scale`; (T, N, rows)."""
        z = self._array("z", len(self.bias_ih_l0))
        weight = self.weight_ih_l0.T * np.asarray(scale, z.dtype)
        np.matmul(self._flat(self._x), weight, out=self._flat(z))
        return z

    def _array(self, name: str, width: int | None = None) -> np.ndarray:
        """Room for (T, N, width), kept from call to call as long as the shape stays."""
        shape = (*self._x.shape[:2], self.hidden_size if width is None else width)
        array = self._arrays.get(name)
        if array is None or array.shape != shape:
            array = self._arrays[name] = np.empty(shape, self.weight_ih_l0.dtype)
        return array

    def _left(self, name: str, call: str) -> Any:
        """What the last such call has left under this name, or a `ValueError`."""
        if name not in self.__dict__:
            raise ValueError(f"{type(self).__name__} has nothing to look at yet: call {call} first")
        return self.__dict__[name]

    def _checked(self, name: str, state: ArrayLike, batch: int) -> np.ndarray:
        shape = (batch, self.hidden_size)
        return check_array(name, state, shape, dtype=self.weight_ih_l0.dtype)

    @staticmethod
    def _flat(array: np.ndarray) -> np.ndarray:
        """(T, N, K) as (T·N, K)."""
        return array.reshape(-1, array.shape[-1])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size})"


class RNN(_Recurrent):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh): the net of Elman (1990).

    Every unit hears every unit of the step before. Elman himself let the gradient go one step
    back; here it goes all the way.
    """

    def _run(self, steps):
        z, h, weight = self._input_products(), self._h, self.weight_hh_l0.T
        z += self.bias_ih_l0 + self.bias_hh_l0
        for t in range(steps):
            np.matmul(h[t], weight, out=h[t + 1])
            h[t + 1] += z[t]
            np.tanh(h[t + 1], out=h[t + 1])
        self.state = h[-1].copy()

    def _run_back(self, grad_outputs, dz):
        grad_h, h = self._array("grad_h"), self._h
        dh = np.zeros_like(h[0])
        for t in reversed(range(len(dz))):
            dh = np.add(dh, grad_outputs[t], out=grad_h[t])
            np.multiply(h[t + 1], h[t + 1], out=dz[t])
            np.subtract(1, dz[t], out=dz[t])  # tanh′ = 1 - tanh²
            dz[t] *= dh
            dh = dz[t] @ self.weight_hh_l0
        self.grad_state, self._grad_states = dh, (grad_h,)


class _Gated(_Recurrent):
    """A cell with gates, which can be looked at after `forward`."""

    @property
    def gates(self) -> dict[str, np.ndarray]:
        """The gates of the last `forward` by name, each (T, N, H)."""
        return dict(
            zip(self.gate_names, self._split(self._left("_gates", "forward(x)")), strict=True)
        )

    def _split(self, rows: np.ndarray) -> list[np.ndarray]:
        """Each gate's share of an array (…, gates · H), as views."""
        size = self.hidden_size
        return [rows[..., k * size : (k + 1) * size] for k in range(len(self.gate_names))]


class LSTM(_Gated):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), with forget gates (Gers 2000).

    i, f, o = σ(…) and g = tanh(…) of W_ih x_t + b_ih + W_hh h_{t-1} + b_hh, rows in the order
    i, f, g, o; c_t = f c_{t-1} + i g, and h_t = o tanh(c_t). A state is the pair (h, c). After
    `forward`, `gates` has the gates by name and `cells` is c, each (T, N, H) and good until the
    next call. `forget_bias` is added to the forget gate's b_ih at the start: with 1 or more the
    cell begins by remembering (Gers and others 2000); torch has 0.
    """

    gate_names = ("i", "f", "g", "o")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator,
        forget_bias: float = 0.0,
        dtype: DTypeLike = np.float32,
    ):
        super().__init__(input_size, hidden_size, rng=rng, dtype=dtype)
        forget = slice(self.hidden_size, 2 * self.hidden_size)
        self.bias_ih_l0[forget] += check_number("forget_bias", forget_bias)

    @property
    def cells(self) -> np.ndarray:
        """The cells after each step of the last `forward`, (T, N, H)."""
        return self._left("_c", "forward(x)")[1:]

    def _start(self, h, state):
        if state is not None and not (isinstance(state, tuple | list) and len(state) == 2):
            raise ValueError(f"state must be a pair (h, c), got {type(state).__name__}")
        first, cell = (None, None) if state is None else state
        super()._start(h, first)
        c = np.empty_like(h)
        c[0] = 0 if cell is None else self._checked("state[1]", cell, h.shape[1])
        self._c = c

    def _run(self, steps):
        # σ(z) = ½ tanh(½ z) + ½: one tanh serves all four gates, with ½ or 1 for each row.
        half, shift = self._halves()
        gates = self._gates = self._input_products(half)
        gates += half * (self.bias_ih_l0 + self.bias_hh_l0)
        h, c, weight = self._h, self._c, self.weight_hh_l0.T * half
        tanh_c, scratch = self._array("tanh_c"), np.empty_like(gates[0])
        part = np.empty_like(h[0])
        for t in range(steps):
            a = gates[t]
            a += np.matmul(h[t], weight, out=scratch)
            np.tanh(a, out=a)
            a *= half
            a += shift
            i, f, g, o = self._split(a)
            np.multiply(f, c[t], out=c[t + 1])
            c[t + 1] += np.multiply(i, g, out=part)
            np.tanh(c[t + 1], out=tanh_c[t])
            np.multiply(o, tanh_c[t], out=h[t + 1])
        self.state = h[-1].copy(), c[-1].copy()

    def _run_back(self, grad_outputs, dz):
        half, shift = self._halves()
        grad_h, grad_c = self._array("grad_h"), self._array("grad_c")
        slope, part = np.empty_like(dz[0]), np.empty_like(grad_h[0])
        dh, dc, tanh_c = np.zeros_like(part), np.zeros_like(part), self._arrays["tanh_c"]
        for t in reversed(range(len(dz))):
            i, f, g, o = self._split(self._gates[t])
            di, df, dg, do = self._split(dz[t])
            np.add(dh, grad_outputs[t], out=grad_h[t])
            np.multiply(grad_h[t], tanh_c[t], out=do)
            np.multiply(tanh_c[t], tanh_c[t], out=part)
            np.subtract(1, part, out=part)
            part *= o
            part *= grad_h[t]
            dc = np.add(dc, part, out=grad_c[t])
            np.multiply(dc, g, out=di)
            np.multiply(dc, self._c[t], out=df)
            np.multiply(dc, i, out=dg)
            np.subtract(self._gates[t], shift, out=slope)  # a = half tanh(half z) + shift, so
            slope *= slope  # ∂a/∂z = half² - (a - shift)²
            np.subtract(half**2, slope, out=slope)
            dz[t] *= slope
            dh = np.matmul(dz[t], self.weight_hh_l0, out=dh)
            dc = dc * f
        self.grad_state, self._grad_states = (dh, dc), (grad_h, grad_c)

    def _halves(self) -> tuple[np.ndarray, np.ndarray]:
        """½ and ½ for the rows of a σ gate, 1 and 0 for those of g, which is a plain tanh."""
        half = np.repeat(np.array([0.5, 0.5, 1, 0.5], self.bias_ih_l0.dtype), self.hidden_size)
        return half, 1 - half


class GRU(_Gated):
    """The gated recurrent unit (Cho and others 2014), in torch's form.

    r, z = σ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} +
    b_hn)), h_t = (1 - z) n + z h_{t-1}; rows in the order r, z, n. Two gates and no cell. (The
    paper has r inside the product, W_hn (r h_{t-1}), and z the other way round.) After `forward`,
    `gates` has r, z and n by name, each (T, N, H) and good until the next call.
    """

    gate_names = ("r", "z", "n")

    def _run(self, steps):
        size, h, weight = self.hidden_size, self._h, self.weight_hh_l0.T
        gates = self._gates = self._input_products()
        gates += self.bias_ih_l0
        memory, z_h = self._array("memory"), np.empty_like(gates[0])
        for t in range(steps):
            np.matmul(h[t], weight, out=z_h)
            z_h += self.bias_hh_l0
            memory[t] = z_h[:, 2 * size :]  # W_hn h + b_hn, before r
            rz, n = gates[t, :, : 2 * size], gates[t, :, 2 * size :]
            rz += z_h[:, : 2 * size]
            rz *= 0.5
            np.tanh(rz, out=rz)
            rz += 1
            rz *= 0.5
            r, z = rz[:, :size], rz[:, size:]
            n += r * memory[t]
            np.tanh(n, out=n)
            np.subtract(h[t], n, out=h[t + 1])
            h[t + 1] *= z
            h[t + 1] += n
        self.state = h[-1].copy()

    def _run_back(self, grad_outputs, dz):
        size, h, grad_h = self.hidden_size, self._h, self._array("grad_h")
        memory = self._arrays["memory"]
        dz_h = self._array("dz_h", 3 * size)  # as dz, but the new memory's share times r
        dh = np.zeros_like(h[0])
        for t in reversed(range(len(dz))):
            r, z, n = self._split(self._gates[t])
            dr, dz_, dn = self._split(dz[t])
            dh = np.add(dh, grad_outputs[t], out=grad_h[t])
            np.multiply(dh, (1 - z) * (1 - n * n), out=dn)
            np.multiply(dh, (h[t] - n) * z * (1 - z), out=dz_)
            np.multiply(dn, memory[t] * r * (1 - r), out=dr)
            dz_h[t] = dz[t]
            dz_h[t, :, 2 * size :] *= r
            dh = dh * z + dz_h[t] @ self.weight_hh_l0
        self.grad_state, self._grad_states = dh, (grad_h,)

    def _hidden_gradients(self, dz):
        super()._hidden_gradients(self._arrays["dz_h"])


class Bidirectional(Layer):
    """One layer reads forwards, the other backwards, and both are heard (Schuster, Paliwal 1997).

    Gives (T, N, 2H): at each step what the first knows of the past and the second of the future.
    Both layers are of one kind and size, and need the whole sequence: leave their `carry` off.
    Parameters are named as in torch, those of the second with `_reverse` at the end.
    """

    def __init__(self, ahead: _Recurrent, back: _Recurrent):
        for name, layer in (("ahead", ahead), ("back", back)):
            if not isinstance(layer, _Recurrent):
                raise ValueError(f"{name} must be an RNN, LSTM or GRU, got {layer!r}")
        if type(ahead) is not type(back) or repr(ahead) != repr(back):
            raise ValueError(f"both layers must be of one kind and size, got {ahead}, {back}")
        if ahead is back:
            raise ValueError("the two directions must be two layers, got the same one twice")
        self.ahead, self.back = ahead, back

    @property
    def children(self) -> Mapping[str, Layer]:
        return {"ahead": self.ahead, "back": self.back}

    def _of_children(self, kind):
        backwards = getattr(self.back, kind)
        return getattr(self.ahead, kind) | {f"{n}_reverse": a for n, a in backwards.items()}

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = check_array("x", x, ("T", "N", self.ahead.input_size))
        return np.concatenate([self.ahead(x), self.back(x[::-1])[::-1]], axis=-1)

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        ahead, back = self._halves(grad_output)
        return self.ahead.backward(ahead) + self.back.backward(back[::-1])[::-1]

    def backward_parameters(self, grad_output: np.ndarray) -> None:
        ahead, back = self._halves(grad_output)
        self.ahead.backward_parameters(ahead)
        self.back.backward_parameters(back[::-1])

    def _halves(self, grad_output: np.ndarray) -> list[np.ndarray]:
        """What is the first's and what the second's."""
        width = 2 * self.ahead.hidden_size
        return np.split(check_array("grad_output", grad_output, ("T", "N", width)), 2, axis=-1)

    def __repr__(self) -> str:
        return f"Bidirectional({self.ahead}, {self.back})"


class LastStep(Layer):
    """(T, N, H) → (N, H): what is known at the end, for one answer a sequence."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = check_array("x", x, ("T", "N", "H"))
        self._shape = x.shape
        return x[-1]

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        grad = np.zeros(self._shape, grad_output.dtype)
        grad[-1] = grad_output
        return grad


class EveryStep(Layer):
    """(T, N, H) → (T·N, H): each step of each sequence as an example, for an answer a step.

    A `Linear` and a loss may follow; row t·N + n belongs to step t of sequence n. The twin is
    `torch.nn.Flatten(0, 1)`.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = check_array("x", x, ("T", "N", "H"))
        self._shape = x.shape
        return x.reshape(-1, x.shape[-1])

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        return grad_output.reshape(self._shape)


def clip_gradients(gradients: Mapping[str, np.ndarray], max_norm: float) -> float:
    """Shorten all gradients together, in place, where their common length exceeds `max_norm`.

    Returns the length before (Pascanu, Mikolov, Bengio 2013). The direction stays. As torch's
    `clip_grad_norm_`, with its 10⁻⁶ in the denominator.
    """
    if not isinstance(gradients, Mapping):
        raise ValueError(
            f"gradients must be arrays by name, as in model.gradients, got {gradients!r}"
        )
    check_number("max_norm", max_norm, low=0, strict=True)
    norm = float(np.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients.values())))
    if norm > max_norm:
        for gradient in gradients.values():
            gradient *= max_norm / (norm + 1e-6)
    return norm

"""The Neocognitron: a net that learns to see without labels (Fukushima 1980).

Simple cells (S) find a feature, complex cells (C) find it wherever it lies near by, as in the cat's
visual cortex (Hubel and Wiesel 1962). All cells of one plane share their synapses, so they find the
same feature everywhere. Nothing is told to the net: in every column of cells the strongest wins,
and the plane of a winner learns what the winner saw.

    net = Neocognitron(rng=rng)
    net.learn(pictures, rng)            # pictures (N, 28, 28) or (N, 784), in 0 … 1; no labels
    net.forward(pictures)               # (N, 150): the last layer's C-cells, one for each plane
    net.winners(pictures)               # (N,): which of them is strongest, -1 where all are silent
    net.layers(pictures)                # U_S1, U_C1, U_S2, … as arrays (N, planes, height, width)
    net.modules[0].s.a                  # the synapses of the first S-layer: (16, 1, 5, 5)

K. Fukushima, "Neocognitron: a self-organizing neural network model for a mechanism of pattern
recognition unaffected by shift in position", Biological Cybernetics 36, 193-202, 1980. u, v, a, b,
c, d, q and r are the paper's. What differs: pictures of 28×28 and not 16×16, so C-layers are
thinned to every second cell; more planes in the later layers; columns that do not overlap; and each
layer learns when those before it are done.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import (
    check_array,
    check_between_0_and_1,
    check_dtype,
    check_generator,
    check_number,
)
from dlkit.models.layer import Model

ALPHA = 0.5  # how soon a C-cell saturates
AT_ONCE = 50  # pictures that go through the net together: memory stays small


class SLayer(Model):
    """S-cells: each plane looks for one feature in all places, and V-cells inhibit.

    u_S = r φ[(1 + Σ a u_C) / (1 + 2r / (1 + r) · b v) - 1],  v = √(Σ c u_C²),  φ[x] = max(x, 0)

    The inhibition is shunting: it divides. Where learning has made `a` and `b` large, that is
    r φ[(1 + r) / r · cos - 1], with the cosine between what the cell sees and what its plane has
    learned, each pixel weighted by c: a cell answers from a cosine of r / (1 + r) on. So r, the
    selectivity, says how much deviation is forgiven.

    `a` is (planes, in_planes, size, size), `b` (planes,). The fixed c falls off from the middle of
    the field and adds up to 1. In the beginning `a` is small and random and `b` is zero: a plane
    that has learned nothing answers weakly to everything, so it wins where no other plane answers.
    """

    parameter_names = ("a", "b")

    def __init__(
        self,
        in_planes: int,
        planes: int,
        size: int,
        *,
        r: float,
        q: float,
        column: int,
        padding: int = 0,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ):
        in_planes = int(check_number("in_planes", in_planes, low=1, whole=True))
        planes = int(check_number("planes", planes, low=1, whole=True))
        size = int(check_number("size", size, low=1, whole=True))
        self.r = check_number("r", r, low=0, strict=True)
        self.q = check_number("q", q, low=0, strict=True)
        self.column = int(check_number("column", column, low=1, whole=True))
        self.padding = int(check_number("padding", padding, low=0, whole=True))
        check_generator("rng", rng)
        dtype = check_dtype(dtype)
        self.c = (_falling(size, 0.5) / in_planes).astype(dtype)
        self.a = (0.01 * rng.random((planes, in_planes, size, size)) * self.c).astype(dtype)
        self.b = np.zeros(planes, dtype)
        self.wins = np.zeros(planes, int)  # how often each plane has been reinforced

    def forward(self, u: np.ndarray) -> np.ndarray:
        """u_S (N, planes, height, width), given u_C of the layer before, (N, in_planes, …)."""
        u = _planes(u, self.a.shape[1], self.a.shape[-1], self.padding, self.a.dtype)
        excitation = _weighted_sums(u, self.a, self.padding)
        power = (u**2).sum(axis=1, keepdims=True)
        self.v = np.sqrt(_weighted_sums(power, self.c[None, None], self.padding))
        inhibition = 2 * self.r / (1 + self.r) * self.b[:, None, None] * self.v
        return self.r * np.maximum((1 + excitation) / (1 + inhibition) - 1, 0)

    def reinforce(self, u: np.ndarray) -> dict[int, tuple[int, int]]:
        """Learn from one picture's u (1, in_planes, …): Δa = q c u_C and Δb = q v / 2.

        Returns the representatives, plane → (row, column): the strongest cell of every column, but
        of each plane only the strongest of these. A column is a square of `column` × `column`
        places, with the cells of all planes in it.
        """
        if len(u) != 1:
            raise ValueError(f"u must be one picture's, (1, in_planes, …), got {np.shape(u)}")
        answer, size = self.forward(u)[0], self.a.shape[-1]
        seen = np.pad(u[0], ((0, 0), *[(self.padding, self.padding)] * 2))
        chosen = _representatives(answer, self.column)
        for plane, (row, column) in chosen.items():
            field = seen[:, row : row + size, column : column + size]
            self.a[plane] += self.q * self.c * field
            self.b[plane] += self.q / 2 * self.v[0, 0, row, column]
            self.wins[plane] += 1
        return chosen


class CLayer:
    """C-cells: each answers when S-cells of its own plane near by do, and V-cells inhibit.

    u_C = ψ[(1 + Σ d u_S) / (1 + v) - 1],  v = the mean over all planes of Σ d u_S,
    ψ[x] = φ[x] / (α + φ[x]) with α = 0.5. The fixed d falls off from the middle and adds up to 1;
    `stride` is 2 where only every second cell is kept.
    """

    def __init__(
        self, size: int, *, stride: int = 1, padding: int = 0, dtype: DTypeLike = np.float32
    ):
        size = int(check_number("size", size, low=1, whole=True))
        self.stride = int(check_number("stride", stride, low=1, whole=True))
        self.padding = int(check_number("padding", padding, low=0, whole=True))
        self.d = _falling(size, 0.7).astype(check_dtype(dtype))

    def forward(self, u: np.ndarray) -> np.ndarray:
        """u_C (N, planes, height, width), given u_S of the same planes."""
        u = _planes(u, "planes", len(self.d), self.padding, self.d.dtype)
        n, planes = u.shape[:2]
        single = u.reshape(n * planes, 1, *u.shape[2:])
        pooled = _weighted_sums(single, self.d[None, None], self.padding, self.stride)
        pooled = pooled.reshape(n, planes, *pooled.shape[2:])
        inhibition = pooled.mean(axis=1, keepdims=True)
        x = np.maximum((1 + pooled) / (1 + inhibition) - 1, 0)
        return x / (ALPHA + x)


class Module(NamedTuple):
    """An S-layer and the C-layer that blurs it."""

    s: SLayer
    c: CLayer


class Neocognitron(Model):
    """Three modules of S- and C-cells over a picture of 28×28 pixels, learned without labels.

    planes, r, q: the number of planes, the selectivity and the speed of learning of each module.
    The layers are U_S1 28×28, U_C1 14×14, U_S2 14×14, U_C2 7×7, U_S3 3×3, and U_C3 one cell for
    each plane, which sees the whole picture. The selectivity suits many handwritten digits; for a
    few patterns learned by heart, as in the paper, more of it parts them better: (2.5, 2.5, 4).
    """

    def __init__(
        self,
        planes: Sequence[int] = (16, 60, 150),
        *,
        r: Sequence[float] = (1.7, 2.0, 3.5),
        q: Sequence[float] = (4.0, 16.0, 16.0),
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ):
        for name, values in {"planes": planes, "r": r, "q": q}.items():
            if np.shape(values) != (3,):
                raise ValueError(f"{name} must hold three numbers, got {values!r}")
        one, two, three = (
            {"planes": k, "r": r_, "q": q_, "rng": rng, "dtype": dtype}
            for k, r_, q_ in zip(planes, r, q, strict=True)
        )
        self.modules = (
            Module(
                SLayer(1, size=5, column=4, padding=2, **one),
                CLayer(7, stride=2, padding=3, dtype=dtype),
            ),
            Module(
                SLayer(planes[0], size=5, column=3, padding=2, **two),
                CLayer(5, stride=2, padding=2, dtype=dtype),
            ),
            Module(SLayer(planes[1], size=5, column=3, **three), CLayer(3, dtype=dtype)),
        )

    @property
    def children(self) -> dict[str, Model]:
        return {f"s{number}": module.s for number, module in enumerate(self.modules, start=1)}

    def learn(
        self,
        x: ArrayLike,
        rng: np.random.Generator,
        *,
        presentations: Sequence[int] = (300, 500, 1200),
    ) -> None:
        """Show pictures x, one at a time and drawn by `rng`: so many to each layer in its turn.

        x is (N, 28, 28) or (N, 784), in 0 … 1. No label is asked for. Raises `ValueError` for
        other shapes, NaN, or a number of presentations below 0.
        """
        pictures = self._pictures(x)
        check_generator("rng", rng)
        if np.shape(presentations) != (len(self.modules),):
            raise ValueError(f"presentations must hold three numbers, got {presentations!r}")
        counts = [
            int(check_number("presentations", count, low=0, whole=True)) for count in presentations
        ]
        for depth, count in enumerate(counts):
            order = np.concatenate(
                [rng.permutation(len(pictures)) for _ in range(-(-count // len(pictures)))] or [[]]
            )
            for i in order[:count].astype(int):
                u = pictures[i : i + 1]
                for module in self.modules[:depth]:
                    u = module.c.forward(module.s.forward(u))
                self.modules[depth].s.reinforce(u)

    def forward(self, x: ArrayLike) -> np.ndarray:
        """The answer of the last C-cells to pictures x, (N, planes), in 0 … 1."""
        return self.layers(x, last_only=True)[-1][:, :, 0, 0]

    def winners(self, x: ArrayLike) -> np.ndarray:
        """The plane whose last C-cell answers most, (N,); -1 where all are silent."""
        answer = self.forward(x)
        return np.where(answer.max(axis=1) > 0, answer.argmax(axis=1), -1)

    def layers(self, x: ArrayLike, *, last_only: bool = False) -> list[np.ndarray]:
        """What all cells answer: U_S1, U_C1, … U_C3, each (N, planes, height, width).

        With `last_only`, U_C3 alone: for many pictures, the others take much memory.
        """
        pictures = self._pictures(x)
        parts = []
        for start in range(0, len(pictures), AT_ONCE):
            u, answers = pictures[start : start + AT_ONCE], []
            for module in self.modules:
                answers.append(module.s.forward(u))
                answers.append(u := module.c.forward(answers[-1]))
            parts.append(answers[-1:] if last_only else answers)
        return [np.concatenate(layer) for layer in zip(*parts, strict=True)]

    def __call__(self, x: ArrayLike) -> np.ndarray:
        return self.forward(x)

    def _pictures(self, x: ArrayLike) -> np.ndarray:
        """x as (N, 1, 28, 28) in the dtype of the synapses."""
        x = check_array("x", x)
        if x.ndim == 4 and x.shape[1] == 1:
            x = x[:, 0]
        elif x.ndim == 2 and x.shape[1] == 784:
            x = x.reshape(-1, 28, 28)
        dtype = self.modules[0].s.a.dtype
        x = check_array("x", x, ("N", 28, 28), dtype=dtype, finite=True)
        return check_between_0_and_1("x", x)[:, None]


def _falling(size: int, least: float) -> np.ndarray:
    """Weights (size, size) that fall off with the distance from the middle and add up to 1.

    `least` is what is left in the corners, as a part of the middle.
    """
    along = np.arange(size) - (size - 1) / 2
    distance = np.hypot(along[:, None], along)
    weights = least ** (distance / max(distance.max(), 1))
    return weights / weights.sum()


def _planes(
    u: ArrayLike, planes: int | str, size: int, padding: int, dtype: DTypeLike
) -> np.ndarray:
    """u (N, planes, height, width), if a field of `size` × `size` fits on it with its padding."""
    u = check_array("u", u, ("N", planes, "height", "width"))
    if min(u.shape[2:]) + 2 * padding < size:
        raise ValueError(f"u must hold a field of {size} × {size} places, got {u.shape[2:]}")
    return u if u.dtype.kind == "f" else u.astype(dtype)  # squares of bytes would overflow


def _weighted_sums(u: np.ndarray, weights: np.ndarray, padding: int, stride: int = 1) -> np.ndarray:
    """Σ weights · u over the square field round each place: (N, K, height, width).

    u is (N, C, …), weights (K, C, size, size), and of every `stride` places one is kept. The
    fields of all places become the rows of one matrix, so the sums are one product of matrices.
    """
    planes, size = len(weights), weights.shape[-1]
    u = np.pad(u, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    fields = sliding_window_view(u, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]
    fields = fields.transpose(0, 2, 3, 1, 4, 5)
    n, height, width = fields.shape[:3]
    sums = fields.reshape(n, height * width, -1) @ weights.reshape(planes, -1).T
    return sums.transpose(0, 2, 1).reshape(n, planes, height, width)


def _representatives(answer: np.ndarray, column: int) -> dict[int, tuple[int, int]]:
    """The strongest cell of each column, and of these the strongest of each plane.

    answer is (planes, height, width). Silent columns have none.
    """
    planes, height, width = answer.shape
    rows, columns = -(-height // column), -(-width // column)
    whole = np.zeros((planes, rows * column, columns * column), answer.dtype)
    whole[:, :height, :width] = answer
    cells = whole.reshape(planes, rows, column, columns, column).transpose(1, 3, 0, 2, 4)
    cells = cells.reshape(rows * columns, -1)
    strength, winner = cells.max(axis=1), cells.argmax(axis=1)
    plane, place = np.divmod(winner, column * column)
    row = np.arange(rows * columns) // columns * column + place // column
    side = np.arange(rows * columns) % columns * column + place % column
    return {
        int(plane[i]): (int(row[i]), int(side[i]))
        for i in strength.argsort(kind="stable")  # the strongest last: it stays
        if strength[i] > 0
    }

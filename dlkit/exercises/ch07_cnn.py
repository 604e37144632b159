"""Exercises of chapter 07: sizes, convolution forwards and backwards, pooling, fields, a clinic.

Where an answer is off, the message names the usual suspect: a padding that was counted once, a
kernel turned round, the blame sent to all four pixels, a stride that comes too early.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from dlkit.data import digits
from dlkit.exercises.clinic import Clinic
from dlkit.exercises.exercise import Exercise, call, call_array, central, compare, wrong_if
from dlkit.models.convolution import Conv2d, Flatten, MaxPool2d, batch_first, batch_last
from dlkit.models.dense import Linear, ReLU, Sequential
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD
from dlkit.parity import gradient_check
from dlkit.train import numpy_step


class MapSize(Exercise):
    """How many places there are along one side."""

    hints = (
        "With its padding the side has size + 2 · padding pixels. The kernel's first place is at "
        "the left end; how far can it still be moved?",
        "By size + 2 · padding - kernel pixels. Each step is `stride` of them, and what is left "
        "over does not count: // divides so.",
        "The first place counts, too: add 1.",
    )
    praise = "Right: (size + 2 padding - kernel) // stride + 1."

    def examine(self, answer):
        cases = ((28, 5, 1, 0), (28, 5, 1, 2), (16, 5, 2, 2), (8, 3, 3, 0), (227, 11, 4, 0))
        for size, kernel, stride, padding in cases:
            got = _number("the size", call(answer, size, kernel, stride, padding))
            room = size + 2 * padding - kernel
            expected = room // stride + 1
            text = (
                f"For size {size}, kernel {kernel}, stride {stride}, padding {padding} you say "
                f"{got:g}"
            )
            suspects = {
                "divide the way that is left, then add the first place; not the sum": (room + 1)
                // stride,
                "the padding is on both sides, so it counts twice": (room - padding) // stride + 1,
                "count the first place, too: + 1": room // stride,
                "take the kernel off before you divide by the stride": (size + 2 * padding)
                // stride
                - kernel
                + 1,
                "a step that does not fit is not taken: round down": -(-room // stride) + 1,
                "that is no whole number: // drops what is left over": room / stride + 1,
                "the padding is missing": (size - kernel) // stride + 1,
                "the stride is missing": room + 1,
            }
            if got != expected:
                for words, value in suspects.items():
                    wrong_if(got == value, f"{text}: {words}.")
                wrong_if(True, f"{text}; lay the kernel on and count: {expected}.")

    @staticmethod
    def answer(size, kernel, stride, padding):
        return (size + 2 * padding - kernel) // stride + 1


class Convolve(Exercise):
    """The definition, for one channel."""

    hints = (
        "The map has H - k + 1 rows and W - k + 1 columns.",
        "Entry (i, j) is the sum of w times the k × k pixels whose upper left corner is (i, j): "
        "np.sum(w * x[i : i + k, j : j + k]).",
        "Two loops over the places are right. Without a loop over places: add up w[u, v] times "
        "the picture moved by (u, v), x[u : u + rows, v : v + columns], for all u and v.",
    )
    praise = "Right: a weighted sum of the pixels under the kernel, at every place."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(6, 8)), rng.normal(size=(3, 3))
        got = np.asarray(call(answer, x, w))
        wrong_if(
            got.shape == x.shape,
            "Your map is as large as the picture: without a padding the kernel must lie inside, "
            f"and {x.shape} becomes (4, 6).",
        )
        wrong_if(
            got.shape == (3, 5),
            "A row and a column of places are missing: the kernel's corner can stand at "
            "H - k + 1 rows, the first is 0 and the last H - k.",
        )
        got = call_array(answer, x, w, shape=(4, 6))
        z = _convolve(x, w)
        compare(
            "the map",
            got,
            z,
            {
                "your kernel is turned by 180°, as mathematicians do": _convolve(x, w[::-1, ::-1]),
                "rows and columns of the kernel have changed places": _convolve(x, w.T),
                "that is the mean of the products; take their sum": z / 9,
                "@ multiplies matrices; here each weight meets one pixel, w * x": _convolve(
                    x, np.tile(w.sum(axis=0), (3, 1)).T
                ),
            },
        )
        x, w = rng.normal(size=(5, 5)), rng.normal(size=(2, 2))
        compare(
            "the map of a kernel 2 × 2", call_array(answer, x, w, shape=(4, 4)), _convolve(x, w), {}
        )

    @staticmethod
    def answer(x, w):
        rows, columns = x.shape[0] - len(w) + 1, x.shape[1] - len(w) + 1
        z = np.zeros((rows, columns))
        for u, v in np.ndindex(w.shape):
            z += w[u, v] * x[u : u + rows, v : v + columns]
        return z


class Columns(Exercise):
    """The matrix that makes of a convolution a product."""

    hints = (
        "There is a row for each place (i, j), in the order (0, 0), (0, 1), … and in it the k² "
        "pixels x[i : i + k, j : j + k], row by row.",
        "x[i : i + k, j : j + k].ravel() is such a row; stack them with np.array([...]).",
        "Without a loop: sliding_window_view(x, (k, k)) has the shape (H', W', k, k), and "
        ".reshape(-1, k * k) makes of it the matrix.",
    )
    praise = "Right: now the whole map is this matrix times w.ravel()."

    def examine(self, answer):
        x, k = np.arange(20.0).reshape(4, 5) ** 2, 2
        got = np.asarray(call(answer, x, k))
        wrong_if(
            got.shape == (4, 12),
            "You give a column for each place; here it should be a row for each place, (12, 4).",
        )
        got = call_array(answer, x, k, shape=(12, 4))
        fair = np.array([x[i : i + 2, j : j + 2].ravel() for i in range(3) for j in range(4)])
        compare(
            "the matrix",
            got,
            fair,
            {
                "the pixels of a place come column by column; take them row by row": np.array(
                    [x[i : i + 2, j : j + 2].T.ravel() for i in range(3) for j in range(4)]
                ),
                "the places come column by column; take them row by row": np.array(
                    [x[i : i + 2, j : j + 2].ravel() for j in range(4) for i in range(3)]
                ),
                "your rows hold the pixels that one weight meets; reshaping does not "
                "transpose": fair.T.reshape(12, 4),
            },
        )
        x = np.random.default_rng(0).normal(size=(6, 6))
        w = np.random.default_rng(1).normal(size=(3, 3))
        got = call_array(answer, x, 3, shape=(16, 9)) @ w.ravel()
        compare("the product with a kernel 3 × 3", got, _convolve(x, w).ravel(), {})

    @staticmethod
    def answer(x, k):
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k))
        return windows.reshape(-1, k * k)


class KernelGradient(Exercise):
    """∂L/∂W of a convolution, for one channel."""

    hints = (
        "The weight W[u, v] was used at every place (i, j), each time with the pixel "
        "x[i + u, j + v]. What is ∂z[i, j] / ∂W[u, v]?",
        "It is that pixel. So ∂L/∂W[u, v] is the sum over all places of grad_z[i, j] times "
        "x[i + u, j + v].",
        "The picture moved by (u, v) is x[u : u + rows, v : v + columns], where (rows, columns) is "
        "the shape of grad_z: multiply by grad_z and add up.",
    )
    praise = "Right: a shared weight collects the blame of all places where it was used."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        x, grad_z = rng.normal(size=(7, 6)), rng.normal(size=(5, 4))
        got = call_array(answer, x, grad_z, shape=(3, 3))
        w = np.zeros((3, 3))
        expected = central(lambda w: float(np.sum(grad_z * _convolve(x, w))), w)
        compare(
            "the gradient",
            got,
            expected,
            {
                "that is the mean over the places; a weight that is used twenty times gets "
                "twenty blames": expected / grad_z.size,
                "it is turned by 180°: W[0, 0] met the pixels at the upper left": expected[
                    ::-1, ::-1
                ],
                "that is the blame of the first place alone; add up all places": grad_z[0, 0]
                * x[:3, :3],
                "rows and columns of the kernel have changed places": expected.T,
                "the sign is turned round: that is the way in which the loss falls": -expected,
            },
            "central differences say",
        )

    @staticmethod
    def answer(x, grad_z):
        rows, columns = grad_z.shape
        k = x.shape[0] - rows + 1
        grad_w = np.empty((k, k))
        for u, v in np.ndindex(k, k):
            grad_w[u, v] = np.sum(grad_z * x[u : u + rows, v : v + columns])
        return grad_w


class MaxPool(Exercise):
    """The largest of 2 × 2."""

    hints = (
        "x[:, :, 0::2, 0::2] are the upper left pixels of all windows at once. Which are the three "
        "others?",
        "np.maximum takes the larger of two arrays, entry by entry.",
        "Or: x.reshape(n, c, h // 2, 2, w // 2, 2) has an axis for the row in the window and one "
        "for the column; take .max over both.",
    )
    praise = "Right: a quarter of the pixels, and the strongest answer of each window."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(2, 4, 6, 8))
        got = np.asarray(call(answer, x))
        wrong_if(
            got.shape == (2, 4, 5, 7),
            "Your windows overlap: the result is (2, 4, 5, 7). Take every second place, stride 2.",
        )
        wrong_if(
            got.shape in ((2, 2, 3, 8), (1, 2, 6, 8), (2, 2, 6, 4)),
            f"The result has shape {got.shape}: pool the last two axes, rows and columns.",
        )
        got = call_array(answer, x, shape=(2, 4, 3, 4))
        windows = x.reshape(2, 4, 3, 2, 4, 2)
        compare(
            "the result",
            got,
            windows.max(axis=(3, 5)),
            {
                "that is the mean of each window": windows.mean(axis=(3, 5)),
                "that is the upper left pixel of each window": x[:, :, ::2, ::2],
                "that is the largest size, whatever its sign": np.abs(windows).max(axis=(3, 5)),
                "negative maxima have become 0": np.maximum(windows.max(axis=(3, 5)), 0),
            },
        )

    @staticmethod
    def answer(x):
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


class PoolBackward(Exercise):
    """Back through the largest of 2 × 2."""

    hints = (
        "y is one of the four pixels. If another of them changes a little, what happens to y?",
        "Nothing. The whole blame goes to the pixel that won, and 0 to the three others.",
        "Make y as large as x again with .repeat(2, axis=2).repeat(2, axis=3), and compare it with "
        "x; the same with grad_y.",
    )
    praise = "Right: the winner takes the blame."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        x = rng.permutation(2 * 3 * 4 * 6).reshape(2, 3, 4, 6) / 10.0  # no two are equal
        grad_y = rng.normal(size=(2, 3, 2, 3))
        got = call_array(answer, x, grad_y, shape=x.shape)

        def loss(x):
            return float(np.sum(grad_y * x.reshape(2, 3, 2, 2, 3, 2).max(axis=(3, 5))))

        wide = grad_y.repeat(2, axis=2).repeat(2, axis=3)
        expected = central(loss, x)
        compare(
            "the gradient",
            got,
            expected,
            {
                "all four pixels get the blame; only the one that won should": wide,
                "the blame is divided among four pixels, as for a mean": wide / 4,
                "it is multiplied by the pixel; the slope of a maximum is 1 at its winner": expected
                * x,
                "the losers get the blame": wide - expected,
                "that says who won; multiply by the blame": (expected != 0).astype(float),
            },
            "central differences say",
        )

    @staticmethod
    def answer(x, grad_y):
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))
        winner = x == y.repeat(2, axis=2).repeat(2, axis=3)
        return winner * grad_y.repeat(2, axis=2).repeat(2, axis=3)


class Parameters(Exercise):
    """What a convolution learns."""

    hints = (
        "Each of the maps that come out has a kernel for each of the channels that go in.",
        "A kernel has k · k weights. How many biases are there?",
    )
    praise = "Right: out · (in · k² + 1), whatever the size of the picture."

    def examine(self, answer):
        for k, inputs, outputs in ((5, 6, 16), (5, 1, 6), (3, 3, 64)):
            got = _number("the count", call(answer, k, inputs, outputs))
            text = f"For a kernel {k} × {k}, {inputs} channels in and {outputs} out you say {got:g}"
            weights = outputs * inputs * k * k
            suspects = {
                "the biases are missing, one for each map": weights,
                "there is one bias for each map that comes out, not for each kernel": weights
                + inputs * outputs,
                "there is one bias for each map that comes out, not for each channel in": weights
                + inputs,
                "a map has a kernel for each channel below": outputs * (k * k + 1),
                "a kernel has k · k weights": outputs * (inputs * k + 1),
                "a layer has more than one bias": weights + 1,
            }
            expected = weights + outputs
            if got != expected:
                for words, value in suspects.items():
                    wrong_if(got == value, f"{text}: {words}.")
                wrong_if(True, f"{text}; Conv2d({inputs}, {outputs}, {k}) has {expected:,}.")

    @staticmethod
    def answer(k, in_channels, out_channels):
        return out_channels * (in_channels * k * k + 1)


class ReceptiveField(Exercise):
    """How many pixels a unit sees along one side."""

    hints = (
        "Begin at the picture: a pixel sees 1 pixel, and neighbours are 1 pixel apart. Then go up, "
        "layer by layer, and keep both numbers.",
        "A kernel of k adds k - 1 steps, each as long as the distance of two neighbours of the "
        "layer *below*.",
        "After that the distance is multiplied by the layer's stride.",
    )
    praise = "Right: each layer adds (k - 1) times the strides of the layers below it."

    def examine(self, answer):
        cases = (
            ((3,), (1,)),
            ((3, 3, 3), (1, 1, 1)),
            ((5, 2, 5), (1, 2, 1)),
            ((5, 5), (2, 2)),
            ((5, 2, 5, 2), (1, 2, 1, 2)),
            ((11, 3, 5), (4, 2, 1)),
        )
        for kernels, strides in cases:
            got = _number("the field", call(answer, kernels, strides))
            below = np.cumprod((1, *strides))
            more = np.subtract(kernels, 1)
            expected = 1 + int(more @ below[:-1])
            text = f"For kernels {kernels} and strides {strides} you say {got:g}"
            suspects = {
                "a layer's own stride comes after its kernel, not before": 1
                + int(more @ below[1:]),
                "two fields that overlap do not add up: a kernel adds k - 1": int(np.sum(kernels)),
                "the strides are missing": 1 + int(more.sum()),
                "it is not a layer's own stride that counts: not its own, but the product of those "
                "below": 1 + int(more @ strides),
                "the strides of all layers below count, not only of the last": 1
                + int(more @ (1, *strides[:-1])),
                "begin with the 1 pixel that a pixel sees": int(more @ below[:-1]),
                "fields do not multiply": int(np.prod(kernels)),
            }
            if got != expected:
                for words, value in suspects.items():
                    wrong_if(got == value, f"{text}: {words}.")
                wrong_if(True, f"{text}, expected {expected}.")

    @staticmethod
    def answer(kernels, strides):
        field, distance = 1, 1
        for k, s in zip(kernels, strides, strict=True):
            field += (k - 1) * distance
            distance *= s
        return field


# --- The bug clinic ----------------------------------------------------------------------------

HEALTHY = "healthy"
PADDED_TWICE = "padding counted twice"
BLAMES_ALL = "pooling sends the blame to all four pixels"
NOT_TURNED = "kernels turned round on the way back"
ONE_PLACE = "a kernel learns from a single place"
MIXED = "flattening mixes the pictures of a batch"
FAULTS = (HEALTHY, PADDED_TWICE, BLAMES_ALL, NOT_TURNED, ONE_PLACE, MIXED)
BATCH, PASSES = 50, 15


class BlamesAll(MaxPool2d):
    """A seeded fault: every pixel of a window gets the blame of the winner."""

    def backward(self, grad_output):
        return grad_output.repeat(2, axis=2).repeat(2, axis=3)


class NotTurned(Conv2d):
    """A seeded fault: the blame of a pixel is collected with the kernel the wrong way round."""

    def backward(self, grad_output):
        right = self.weight
        self.weight = right[:, :, ::-1, ::-1].copy()
        try:
            return super().backward(grad_output)
        finally:
            self.weight = right


class OnePlace(Conv2d):
    """A seeded fault: the sum over the places is missing, only one of them counts."""

    def backward_parameters(self, grad_output):
        super().backward_parameters(grad_output)
        bias = self.gradients["bias"].copy()
        one = np.zeros_like(grad_output)
        one[:, :, 1, 1] = grad_output[:, :, 1, 1]
        super().backward_parameters(one)
        self.gradients["bias"][...] = bias


class Mixes(Flatten):
    """A seeded fault: the order of the axes in memory is taken for that of the batch."""

    def forward(self, x):
        self._shape = x.shape
        return batch_last(x).reshape(len(x), -1)

    def backward(self, grad_output):
        return batch_first(grad_output.reshape(*self._shape[1:], self._shape[0]))


@dataclass(frozen=True)
class Patient:
    """What the clinic measured of one program."""

    losses: np.ndarray  # the training loss of each pass
    errors: np.ndarray  # the test error after each pass, in per cent
    first_map: tuple[int, int]  # the size of the first maps
    parameters: int  # how many numbers it learns
    company: float  # how far the answer to a picture changes with the others of the batch
    gradients: dict[str, float]  # for each parameter, backward and central differences: relative


CLUES = {
    HEALTHY: "nothing is off: its maps, its count, its gradients and both curves.",
    PADDED_TWICE: "its curves are fine. How large should a map of an 8 × 8 picture be with a "
    "kernel 3 and padding 1?",
    BLAMES_ALL: "kernels and biases of both convolutions are off, so the blame is wrong already "
    "where it reaches the second one. What stands between it and the dense layer?",
    NOT_TURNED: "the second convolution's own gradients are right, those of the first are not: "
    "the blame is spoilt on the way through the second.",
    ONE_PLACE: "all biases are right, so the blame arrives. What is done with it for the kernels?",
    MIXED: "ask it about one picture alone, and then in company.",
}


class BugClinic(Clinic):
    """Six trainings of one small convolutional net; five have a fault each. Which is which?"""

    hints = (
        "Begin with the table, not with the curves. A net must give the same answer to a picture "
        "whatever else is in the batch.",
        "With kernel 3 and padding 1 a map is as large as its picture.",
        "Then go from the dense layer down: what is the first parameter whose gradient is off? "
        "A bias is right exactly if the blame that reaches its layer is right.",
    )
    praise = (
        "Right, all six. The one with turned kernels learned nearly as well as the healthy one: a "
        "net makes the best of a wrong gradient, and only a check of the gradient shows it."
    )
    answer = {  # noqa: RUF012
        "A": NOT_TURNED,
        "B": PADDED_TWICE,
        "C": MIXED,
        "D": ONE_PLACE,
        "E": HEALTHY,
        "F": BLAMES_ALL,
    }
    clues = CLUES

    def patient(self, fault):
        return _patient(fault)


@cache
def _patient(fault: str) -> Patient:
    """Train a net 8×8 → 8 maps → 16 maps → 10 with this fault on 600 digits, and examine it."""
    split, rng = digits(dtype=np.float64), np.random.default_rng(0)
    x, y = split.x_train[:600].reshape(-1, 1, 8, 8), split.y_train[:600]
    x_test = split.x_test.reshape(-1, 1, 8, 8)
    conv = {NOT_TURNED: NotTurned, ONE_PLACE: OnePlace}.get(fault, Conv2d)
    pool, flatten = (BlamesAll if fault == BLAMES_ALL else MaxPool2d), Flatten()
    settings: dict[str, Any] = {"rng": rng, "dtype": np.float64}
    padding, last = (2, 3) if fault == PADDED_TWICE else (1, 2)
    model = Sequential(
        conv(1, 8, 3, padding=padding, **settings),
        ReLU(),
        pool(2),
        conv(8, 16, 3, padding=padding, **settings),
        ReLU(),
        pool(2),
        Mixes() if fault == MIXED else flatten,
        Linear(16 * last * last, 10, **settings),
    )
    loss = CrossEntropyLoss()
    step, losses, errors = (
        numpy_step(model, loss, SGD(model.parameters, 0.05, momentum=0.9)),
        [],
        [],
    )
    before = gradient_check(model, loss, x[:7], y[:7], entries=20)
    for _ in range(PASSES):
        order = rng.permutation(len(x)).reshape(-1, BATCH)
        losses.append(np.mean([step(x[chosen], y[chosen]) for chosen in order]))
        errors.append(100 * np.mean(model(x_test).argmax(axis=1) != split.y_test))
    alone, together = model(x[:1])[0], model(x[:BATCH])[0]
    names = ("kernels 1", "biases 1", "kernels 2", "biases 2", "dense weights", "dense biases")
    return Patient(
        np.array(losses),
        np.array(errors),
        model[0](x[:1]).shape[2:],
        sum(parameter.size for parameter in model.parameters.values()),
        float(np.abs(alone - together).max()),
        {name: row.relative for name, row in zip(names, before.rows[1:], strict=True)},
    )


# --- What the checks share ---------------------------------------------------------------------


def _convolve(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.tensordot(np.lib.stride_tricks.sliding_window_view(x, w.shape), w)


def _number(name: str, value: Any) -> float:
    """`value` as one finite number, or `Wrong` with a sentence."""
    array = call_array(lambda: value)
    wrong_if(array.shape != (), f"Expected {name} as one number, got shape {array.shape}.")
    return float(array)


map_size = MapSize("07/map-size", "my_map_size")
convolve = Convolve("07/convolve", "my_convolve")
columns = Columns("07/columns", "my_columns")
kernel_gradient = KernelGradient("07/kernel-gradient", "my_kernel_gradient")
max_pool = MaxPool("07/max-pool", "my_max_pool")
pool_backward = PoolBackward("07/pool-backward", "my_pool_backward")
parameters = Parameters("07/parameters", "my_parameters")
receptive_field = ReceptiveField("07/receptive-field", "my_receptive_field")
bug_clinic = BugClinic("07/bug-clinic", "diagnosis")

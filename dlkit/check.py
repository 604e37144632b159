"""Bad input gets one sentence: which argument, what came, what was expected."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

Shape = tuple[int | str, ...]
Rng = np.random.Generator | int
"""A generator of random numbers, or a whole number to seed one."""


def check_array(
    name: str,
    value: ArrayLike,
    shape: Shape | None = None,
    *,
    dtype: np.dtype | type | None = None,
    finite: bool = False,
) -> np.ndarray:
    """Return `value` as an array of numbers, or raise a `ValueError` that a learner can act on.

    `shape` holds one entry per axis: a number that must match, or a letter for an axis of any
    length of at least 1, as in `("N", 784)`. `dtype` is what the array is converted to; without
    it numbers keep their type. With `finite`, NaN and infinity are refused.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} must be an array of numbers, but {error}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, got {array.dtype} ({short(value)})")
    if shape is not None and not _matches(array.shape, shape):
        raise ValueError(f"{name} must have shape {_show(shape)}, got {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    if finite and (where := not_finite(array)) is not None:
        raise ValueError(
            f"{name} must be finite, but {name}[{', '.join(map(str, where))}] is {array[where]}"
        )
    return array if dtype is None or array.dtype == dtype else array.astype(dtype)


def not_finite(array: np.ndarray) -> tuple[int, ...] | None:
    """Where the first NaN or infinity of an array stands; None if there is none."""
    if array.dtype.kind != "f":
        return None
    with np.errstate(all="ignore"):  # the sum alone tells nearly always, in half the time
        fine = np.isfinite(array.sum()) or np.isfinite(array).all()
    return None if fine else tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])


def check_labels(name: str, value: ArrayLike, length: int, classes: int) -> np.ndarray:
    """Return `value` as `length` whole numbers in 0 … classes - 1, or raise a `ValueError`."""
    labels = check_array(name, value, (length,), finite=True)
    if labels.dtype.kind == "f" and (labels != labels.round()).any():
        raise ValueError(f"{name} must be whole class numbers, got {labels[labels % 1 != 0][0]}")
    if labels.min() < 0 or labels.max() >= classes:
        odd = labels[(labels < 0) | (labels >= classes)][0]
        raise ValueError(f"{name} must lie in 0 … {classes - 1}, got {odd}")
    return labels.astype(np.intp, copy=False)


def check_generator(name: str, value: object) -> np.random.Generator:
    """Return `value` if it is a generator of random numbers; a seed is none."""
    if not isinstance(value, np.random.Generator):
        raise ValueError(
            f"{name} must be a generator such as np.random.default_rng(0), got {short(value)}"
        )
    return value


def check_rng(name: str, value: Rng) -> np.random.Generator:
    """Return `value` if it is a generator, or one that the whole number `value` has seeded."""
    if isinstance(value, np.random.Generator):
        return value
    return np.random.default_rng(int(check_number(name, value, low=0, whole=True)))


def check_dtype(dtype: DTypeLike) -> np.dtype:
    """Return `dtype` as NumPy's, or raise a `ValueError` if it is no floating type."""
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = None
    if kind is None or kind.kind != "f":
        raise ValueError(f"dtype must be a floating type such as np.float32, got {dtype!r}")
    return kind


def check_between_0_and_1(name: str, array: np.ndarray, hint: str = "") -> np.ndarray:
    """Return `array` if its numbers lie in 0 … 1, to rounding: NaN and bytes up to 255 do not."""
    low, high = array.min(), array.max()
    if not (low >= -1e-3 and high <= 1.001):
        raise ValueError(f"{name} must lie in 0 … 1, got {low:g} … {high:g}{hint}")
    return array


def check_number(
    name: str,
    value: float,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    strict: bool = False,
    whole: bool = False,
) -> float:
    """Return `value` if it is a finite number in low … high (without the ends, if `strict`)."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not abs(value) < np.inf or (whole and value != int(value)):
        kind = "a whole number" if whole else "a finite number"
        raise ValueError(f"{name} must be {kind}, got {short(value)}")
    if not (low < value < high if strict else low <= value <= high):
        if high == np.inf:
            wanted = f"{'more than' if strict else 'at least'} {low:g}"
        elif low == -np.inf:
            wanted = f"{'less than' if strict else 'at most'} {high:g}"
        else:
            wanted = f"between {low:g} and {high:g}" + (" (both excluded)" if strict else "")
        raise ValueError(f"{name} must be {wanted}, got {value:g}")
    return value


def check_parts(name: str, value: Any, count: int, wanted: str) -> Sequence[Any]:
    """Return `value` if it is a tuple or a list of so many parts; `wanted` says which."""
    if not isinstance(value, tuple | list) or len(value) != count:
        raise ValueError(f"{name} must be {wanted}, got {short(value)}")
    return value


def check_line(name: str, line: tuple[float, float, int]) -> tuple[float, float, int]:
    """Return `line` if it is (start, end, steps), straight from one number in 0 … 1 to another."""
    start, end, steps = check_parts(name, line, 3, "(start, end, steps)")
    check_number(f"{name}'s start", start, low=0, high=1)
    check_number(f"{name}'s end", end, low=0, high=1)
    check_number(f"{name}'s steps", steps, low=1, whole=True)
    return start, end, steps


def _matches(actual: tuple[int, ...], wanted: Shape) -> bool:
    if len(actual) != len(wanted):
        return False
    for axis, want in enumerate(wanted):  # `all(…)` and `zip(…, strict=True)` take twice as long
        if actual[axis] != want and not (isinstance(want, str) and actual[axis] > 0):
            return False
    return True


def _show(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def short(value: object) -> str:
    """The value as a sentence can hold it, on one line; a long one begins with its type."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{type(value).__name__}: {text[:57]}..."

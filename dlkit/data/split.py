"""What every data set looks like: a training part, a test part, and the names of the classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dlkit.check import check_array, check_dtype, check_number


@dataclass(frozen=True, eq=False)
class Split:
    """A data set, divided once and for all into a training part and a test part.

    x_train, x_test:  (N, D) inputs, float32 unless another dtype was asked for.
    y_train, y_test:  (N,) int64, the index of the class in `classes`.
    classes:          the classes' names.
    features:         the columns' names; empty for pictures, whose columns are pixels.
    image_shape:      (height, width) where a row is a picture.
    name, about:      what it is; where it comes from and under which licence.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]
    features: tuple[str, ...] = ()
    image_shape: tuple[int, int] | None = None
    name: str = "data"
    about: str = ""

    @property
    def x(self) -> np.ndarray:
        """(N, D) all inputs, the training part first."""
        return np.concatenate([self.x_train, self.x_test]) if len(self.x_test) else self.x_train

    @property
    def y(self) -> np.ndarray:
        """(N,) all labels, in the order of `x`."""
        return np.concatenate([self.y_train, self.y_test]) if len(self.y_test) else self.y_train

    def images(self, x: ArrayLike | None = None) -> np.ndarray:
        """(N, height, width): the rows of `x` as pictures; without `x`, the training pictures.

        Raises `ValueError` where the rows are not pictures, or have the wrong length.
        """
        if self.image_shape is None:
            raise ValueError(f"{self.name} has {self.x_train.shape[1]} features, but no pictures")
        height, width = self.image_shape
        rows = check_array("x", self.x_train if x is None else x)
        if rows.shape[-1] != height * width:
            raise ValueError(f"x must have rows of {height * width} pixels, got shape {rows.shape}")
        return rows.reshape(-1, height, width)

    def only(self, *classes: str | int) -> "Split":
        """The examples of these classes (names or indices), labelled 0, 1, … in the order given.

        Two digits of MNIST for a perceptron: `mnist().only(3, 8)`. Raises `ValueError` for an
        unknown class, a class named twice, or fewer than two.
        """
        wanted = [_class_index(c, self.classes) for c in classes]
        if len(set(wanted)) != len(wanted) or len(wanted) < 2:
            raise ValueError(f"classes must be at least two different ones, got {classes}")
        new_label = np.full(len(self.classes), -1, dtype=np.int64)
        new_label[wanted] = np.arange(len(wanted))
        train, test = new_label[self.y_train], new_label[self.y_test]
        return Split(
            self.x_train[train >= 0],
            train[train >= 0],
            self.x_test[test >= 0],
            test[test >= 0],
            tuple(self.classes[i] for i in wanted),
            self.features,
            self.image_shape,
            self.name,
            self.about,
        )

    def __repr__(self) -> str:
        size = self.x_train.shape[1]
        row = f"{size:,} number{'s' if size != 1 else ''}"
        if self.image_shape is not None:
            row += f" ({self.image_shape[0]} × {self.image_shape[1]} pixels)"
        counts = np.bincount(self.y, minlength=len(self.classes))
        classes = [f"{c} ({n:,})" for c, n in zip(self.classes, counts, strict=True)]
        lines = [
            f"{self.name}: {len(self.x_train):,} training and {len(self.x_test):,} test examples"
            f" of {row}, {self.x_train.dtype}",
            "classes:  " + ", ".join(classes),
        ]
        if self.features:
            more = ", …" if len(self.features) > 6 else ""
            lines.append("features: " + ", ".join(self.features[:6]) + more)
        if self.about:
            lines.append(self.about)
        return "\n".join(lines)


def signs(y: ArrayLike) -> np.ndarray:
    """Labels 0 and 1 as the -1 and +1 of the perceptron's rule, int64.

    Raises `ValueError` for any other label.
    """
    labels = check_array("y", y)
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"y must hold labels 0 and 1 only, got {np.unique(labels)[:10]}")
    return 2 * labels.astype(np.int64) - 1


def divide(
    x: np.ndarray,
    y: np.ndarray,
    *,
    test_fraction: float,
    rng: np.random.Generator | None,
    dtype: DTypeLike,
    classes: Sequence[str],
    features: Sequence[str] = (),
    image_shape: tuple[int, int] | None = None,
    name: str,
    about: str = "",
) -> Split:
    """Shuffle, and put `test_fraction` of the rows (rounded) into the test part.

    `rng=None` shuffles with a fixed seed. `RandomState` is used for that on purpose: its stream is
    frozen for good (NEP 19), so the split is the same with every version of NumPy.
    """
    check_number("test_fraction", test_fraction, low=0, high=0.9)
    order = np.random.RandomState(0).permutation(len(x)) if rng is None else rng.permutation(len(x))
    train = len(x) - round(test_fraction * len(x))
    x, y = x[order].astype(check_dtype(dtype)), y[order].astype(np.int64)
    return Split(
        x[:train],
        y[:train],
        x[train:],
        y[train:],
        tuple(classes),
        tuple(features),
        image_shape,
        name,
        about,
    )


def of_pictures(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    *,
    dtype: DTypeLike,
    classes: tuple[str, ...],
    name: str,
    about: str,
) -> Split:
    """Pictures of bytes (N, height, width), 0..255, as rows of numbers 0..1, with their labels."""

    def rows(images: np.ndarray) -> np.ndarray:
        return np.divide(images.reshape(len(images), -1), 255, dtype=check_dtype(dtype))

    return Split(
        rows(x_train),
        y_train.astype(np.int64),
        rows(x_test),
        y_test.astype(np.int64),
        classes,
        image_shape=x_train.shape[1:],
        name=name,
        about=about,
    )


def _class_index(name: str | int, classes: tuple[str, ...]) -> int:
    if isinstance(name, str) and name in classes:
        return classes.index(name)
    if type(name) is not bool and name in range(len(classes)):
        return int(name)
    raise ValueError(f"classes must be among {', '.join(classes)}, got {name!r}")

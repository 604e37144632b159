"""Tables of real measurements, from scikit-learn."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from dlkit.data.split import Split, divide


def iris(
    classes: Sequence[str] = ("setosa", "versicolor"),
    features: Sequence[str] | None = None,
    *,
    test_fraction: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> Split:
    """Fisher's irises: 50 flowers a species, lengths and widths in cm.

    `classes` are two or three of "setosa", "versicolor", "virginica", labelled in the order given.
    `features` are some of "sepal length", "sepal width", "petal length", "petal width"; None means
    all four. By default every flower is in the training part, as in Fisher's question: can a line
    part them? Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", 1936.
    """
    from sklearn.datasets import load_iris

    return _table(
        load_iris(),
        "iris",
        classes,
        features,
        test_fraction,
        dtype,
        "R. A. Fisher, 1936, measured by E. Anderson; from scikit-learn, which took it from UCI.",
    )


def breast_cancer(
    classes: Sequence[str] = ("benign", "malignant"),
    features: Sequence[str] | None = None,
    *,
    test_fraction: float = 0.25,
    dtype: DTypeLike = np.float32,
) -> Split:
    """Breast tumours: 569 biopsies, 30 measurements of cell nuclei; benign 0, malignant 1.

    The columns differ in scale by orders of magnitude: standardise them with the training part.
    Source: W. H. Wolberg, W. N. Street, O. L. Mangasarian, 1995.
    """
    from sklearn.datasets import load_breast_cancer

    return _table(
        load_breast_cancer(),
        "breast cancer",
        classes,
        features,
        test_fraction,
        dtype,
        "W. H. Wolberg, W. N. Street, O. L. Mangasarian, 1995; from scikit-learn, which took it"
        " from UCI.",
    )


def wine(
    classes: Sequence[str] = ("class_0", "class_1", "class_2"),
    features: Sequence[str] | None = None,
    *,
    test_fraction: float = 0.25,
    dtype: DTypeLike = np.float32,
) -> Split:
    """Wines of three growers in one Italian region: 178 bottles, 13 chemical measurements.

    Source: M. Forina and others, PARVUS, 1988.
    """
    from sklearn.datasets import load_wine

    return _table(
        load_wine(),
        "wine",
        classes,
        features,
        test_fraction,
        dtype,
        "M. Forina and others, 1988; from scikit-learn, which took it from UCI.",
    )


def _table(
    table,
    name: str,
    classes: Sequence[str],
    features: Sequence[str] | None,
    test_fraction: float,
    dtype: DTypeLike,
    about: str,
) -> Split:
    """The rows of some classes and the columns of some features of a scikit-learn table."""
    known = [str(column).removesuffix(" (cm)") for column in table.feature_names]
    wanted = known if features is None else list(features)
    if isinstance(features, str) or not wanted or not set(wanted) <= set(known):
        raise ValueError(f"features must be some of {', '.join(known)}, got {features!r}")
    if isinstance(classes, str):
        raise ValueError(f"classes must be at least two names, got {classes!r}")
    every_class = [str(c) for c in table.target_names]
    return divide(
        table.data[:, [known.index(column) for column in wanted]],
        table.target,
        test_fraction=test_fraction,
        rng=None,
        dtype=dtype,
        classes=every_class,
        features=wanted,
        name=name,
        about=about,
    ).only(*classes)

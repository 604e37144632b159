"""The tables hold the rows, columns and classes that were asked for."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from dlkit import data


def test_iris_by_default_is_two_species_in_four_measures():
    iris = data.iris()
    assert iris.x_train.shape == (100, 4)
    assert iris.x_test.shape == (0, 4)
    assert iris.classes == ("setosa", "versicolor")
    assert iris.features == ("sepal length", "sepal width", "petal length", "petal width")


def test_iris_columns_and_classes_in_the_order_asked_for():
    iris = data.iris(("virginica", "setosa"), ("petal width", "sepal length"))
    table = load_iris()
    for label, species in enumerate((2, 0)):
        ours = iris.x_train[iris.y_train == label]
        theirs = table.data[table.target == species][:, [3, 0]].astype(np.float32)
        np.testing.assert_array_equal(np.sort(ours, axis=0), np.sort(theirs, axis=0))


@pytest.mark.parametrize(
    ("load", "rows", "columns", "counts"),
    [
        (data.breast_cancer, 569, 30, [357, 212]),
        (data.wine, 178, 13, [59, 71, 48]),
    ],
)
def test_whole_tables(load, rows, columns, counts):
    split = load()
    assert split.x.shape == (rows, columns)
    assert np.bincount(split.y).tolist() == counts
    assert len(split.y_test) == round(0.25 * rows)
    np.testing.assert_array_equal(split.x_train, load().x_train)


def test_malignant_tumours_are_larger():
    split = data.breast_cancer(features=["mean radius"])
    assert split.x[split.y == 1].mean() > split.x[split.y == 0].mean() + 3


@pytest.mark.parametrize("features", ["petal width", [], ["petals"], ["petal width", "colour"]])
def test_bad_features(features):
    with pytest.raises(ValueError, match="features must be some of sepal length"):
        data.iris(features=features)


@pytest.mark.parametrize("classes", ["setosa", ["setosa"], ["setosa", "rose"]])
def test_bad_classes(classes):
    with pytest.raises(ValueError, match="classes must be"):
        data.iris(classes)

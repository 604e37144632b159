"""A split can be read, taken apart, and refuses what makes no sense."""

import numpy as np
import pytest

from dlkit import data


def test_repr_says_what_it_is():
    text = repr(data.mnist())
    assert "4,000 training and 1,000 test examples of 784 numbers (28 × 28 pixels)" in text
    assert "CC BY-SA 3.0" in text
    assert "features: sepal length" in repr(data.iris())
    assert max(map(len, repr(data.breast_cancer()).split("\n"))) < 130


def test_it_is_frozen():
    with pytest.raises(AttributeError):
        data.iris().x_train = 0


def test_x_and_y_are_both_parts_together():
    split = data.breast_cancer()
    assert split.x.shape == (569, 30)
    np.testing.assert_array_equal(split.y, np.r_[split.y_train, split.y_test])


def test_only_picks_and_renumbers_classes():
    mnist = data.mnist()
    pair = mnist.only(8, "3")
    assert pair.classes == ("8", "3")
    assert np.bincount(pair.y).tolist() == [500, 500]
    np.testing.assert_array_equal(
        pair.x_train[pair.y_train == 1], mnist.x_train[mnist.y_train == 3]
    )
    np.testing.assert_array_equal(pair.x_test[pair.y_test == 0], mnist.x_test[mnist.y_test == 8])


@pytest.mark.parametrize("classes", [(), (3,), (3, 3), (3, 10), (3, -1), (3, "three"), (True, 3)])
def test_only_refuses(classes):
    with pytest.raises(ValueError, match="classes must be"):
        data.mnist().only(*classes)


def test_images_of_a_table():
    with pytest.raises(ValueError, match="no pictures"):
        data.iris().images()


def test_images_of_wrong_length():
    with pytest.raises(ValueError, match="rows of 784 pixels"):
        data.mnist().images(np.zeros((2, 783)))


def test_signs():
    assert data.signs([0, 1, 1]).tolist() == [-1, 1, 1]
    with pytest.raises(ValueError, match="labels 0 and 1 only"):
        data.signs([0, 2])


@pytest.mark.parametrize("fraction", [-0.1, 0.95, float("nan"), "half"])
def test_bad_test_fraction(fraction):
    with pytest.raises(ValueError, match="test_fraction"):
        data.moons(rng=0, test_fraction=fraction)

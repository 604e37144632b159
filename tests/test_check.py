"""Bad input is named: the argument, what came, what was expected."""

import numpy as np
import pytest

from dlkit.check import (
    check_array,
    check_between_0_and_1,
    check_dtype,
    check_generator,
    check_labels,
    check_line,
    check_number,
)


def test_a_good_array_comes_back_in_the_wanted_dtype():
    array = check_array("x", [[1, 2], [3, 4]], ("N", 2), dtype=np.float32, finite=True)
    assert array.dtype == np.float32
    assert array.tolist() == [[1, 2], [3, 4]]


def test_an_array_of_the_right_dtype_is_not_copied():
    x = np.ones((2, 3), np.float32)
    assert check_array("x", x, ("N", 3), dtype=np.float32) is x


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(3), r"x must have shape \(N, 3\), got \(3,\)"),
        (np.ones((2, 4)), r"x must have shape \(N, 3\), got \(2, 4\)"),
        (np.ones((0, 3)), r"x must have shape \(N, 3\), got \(0, 3\)"),
        (["a", "b"], r"x must hold real numbers"),
        ([[1, 2, 3], [1, 2]], r"x must be an array of numbers"),
        (np.ones((1, 3), complex), r"x must hold real numbers, got complex128"),
        ([[1, 2, np.nan]], r"x must be finite, but x\[0, 2\] is nan"),
        (None, r"x must hold real numbers"),
    ],
)
def test_a_bad_array_is_explained(value, message):
    with pytest.raises(ValueError, match=message):
        check_array("x", value, ("N", 3), finite=True)


def test_an_empty_array_of_any_shape_is_refused():
    with pytest.raises(ValueError, match="x is empty"):
        check_array("x", [])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], r"y must lie in 0 … 2, got 3"),
        ([-1, 0], r"y must lie in 0 … 2, got -1"),
        ([0.5, 1], r"y must be whole class numbers, got 0.5"),
        ([0, 1, 2], r"y must have shape \(2,\), got \(3,\)"),
        ([np.nan, 1], r"y must be finite"),
    ],
)
def test_bad_labels_are_explained(labels, message):
    with pytest.raises(ValueError, match=message):
        check_labels("y", labels, 2, 3)


@pytest.mark.parametrize("value", [0, None, np.random, np.random.RandomState(0)])
def test_a_seed_is_no_generator(value):
    with pytest.raises(ValueError, match="rng must be a generator such as"):
        check_generator("rng", value)


@pytest.mark.parametrize("dtype", [int, bool, complex, str, object, "f9", 7, np.zeros(2)])
def test_a_dtype_without_fractions_is_refused(dtype):
    with pytest.raises(ValueError, match=r"dtype must be a floating type such as np\.float32, got"):
        check_dtype(dtype)


@pytest.mark.parametrize("dtype", [float, np.float32, "float16", np.dtype("f8")])
def test_a_floating_dtype_comes_back_as_numpys(dtype):
    assert check_dtype(dtype) == np.dtype(dtype)


def test_numbers_between_0_and_1_come_back_to_rounding():
    p = np.array([-1e-6, 0.5, 1 + 1e-6])
    assert check_between_0_and_1("p", p) is p


@pytest.mark.parametrize("bad", [[0, 255], [-1, 0], [np.nan, 0.5], [0, np.inf]])
def test_numbers_outside_0_and_1_are_explained(bad):
    with pytest.raises(ValueError, match=r"p must lie in 0 … 1, got .* \(scale it\)"):
        check_between_0_and_1("p", np.array(bad, float), " (scale it)")


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (-1, {"low": 0}, "n must be at least 0, got -1"),
        (0, {"low": 0, "strict": True}, "n must be more than 0, got 0"),
        (2, {"low": 0, "high": 1}, "n must be between 0 and 1, got 2"),
        (2, {"high": 1}, "n must be at most 1, got 2"),
        (1.5, {"whole": True}, "n must be a whole number, got 1.5"),
        (float("nan"), {}, "n must be a finite number, got nan"),
        ("3", {}, "n must be a finite number, got '3'"),
        (True, {}, "n must be a finite number, got True"),
        (np.complex128(1), {"low": 0}, "n must be a finite number, got"),
        (-np.inf, {}, "n must be a finite number, got -inf"),
        (10**30, {"high": 5}, r"n must be at most 5, got 1e\+30"),
    ],
)
def test_a_bad_number_is_explained(value, options, message):
    with pytest.raises(ValueError, match=message):
        check_number("n", value, **options)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (0.1, r"epsilon must be \(start, end, steps\), got 0.1"),
        ((1.0, 0.1), r"epsilon must be \(start, end, steps\), got \(1.0, 0.1\)"),
        ((2.0, 0.1, 10), "epsilon's start must be between 0 and 1, got 2"),
        ((1.0, None, 10), "epsilon's end must be a finite number, got None"),
        ((1.0, 0.1, 0), "epsilon's steps must be at least 1, got 0"),
    ],
)
def test_a_line_that_leads_nowhere_is_explained(line, message):
    with pytest.raises(ValueError, match=message):
        check_line("epsilon", line)
    assert check_line("epsilon", [1.0, 0.1, 10]) == (1.0, 0.1, 10)

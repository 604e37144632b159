"""Binary patterns that can all be listed, so that a model's probabilities can be added up too."""

import numpy as np
from numpy.typing import DTypeLike

from dlkit.check import check_dtype, check_number
from dlkit.data.split import Split


def bars_and_stripes(size: int = 4, *, dtype: DTypeLike = np.float32) -> Split:
    """Every picture of `size`×`size` whose columns (bars) or rows (stripes) are all on or all off.

    The 2·2^size rows of `x_train` are the whole distribution: a coin decides between bars and
    stripes, and one more coin for each column or row whether it is on. The blank and the full
    picture are both bars and stripes, so they are there twice, and 2·2^size - 2 pictures differ.
    `x_test` is empty. Raises `ValueError` for a size outside 1 … 10.

    D. MacKay, "Information Theory, Inference, and Learning Algorithms", 2003, chapter 43.
    """
    size = int(check_number("size", size, low=1, high=10, whole=True))
    on = np.arange(2**size)[:, None] >> np.arange(size)[::-1] & 1  # (2^size, size)
    stripes = np.repeat(on, size, axis=1)
    bars = np.tile(on, size)
    x = np.concatenate([bars, stripes]).astype(check_dtype(dtype))
    y = np.repeat([0, 1], len(on))
    return Split(
        x,
        y,
        x[:0],
        y[:0],
        ("bars", "stripes"),
        image_shape=(size, size),
        name="bars and stripes",
    )

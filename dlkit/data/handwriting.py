"""Handwritten digits: scikit-learn's 8×8, and MNIST in two sizes."""

import numpy as np
from numpy.typing import DTypeLike

from dlkit.data.files import asset, find
from dlkit.data.idx import read_idx
from dlkit.data.split import Split, divide, of_pictures

DIGITS = tuple("0123456789")

MNIST_ADDRESSES = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST_SHA256 = {  # without the .gz that the files' names end with
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
MNIST_ABOUT = (
    "Y. LeCun, C. Cortes, C. Burges, 1998; CC BY-SA 3.0 according to Keras' documentation,"
    " the authors' page states no licence."
)


def digits(*, test_fraction: float = 0.25, dtype: DTypeLike = np.float32) -> Split:
    """1,797 handwritten digits of 8×8 pixels: x (N, 64) in 0..1, labels 0..9, offline, at once.

    The split is fixed. Source: E. Alpaydin, C. Kaynak, 1998, as scikit-learn ships it.
    """
    from sklearn.datasets import load_digits  # slow to import: only who asks for it waits

    x, y = load_digits(return_X_y=True)
    return divide(
        np.asarray(x) / 16,
        np.asarray(y),
        test_fraction=test_fraction,
        rng=None,
        dtype=dtype,
        classes=DIGITS,
        image_shape=(8, 8),
        name="digits",
        about="E. Alpaydin, C. Kaynak, 1998; from scikit-learn, which took it from UCI.",
    )


def mnist(full: bool = False, *, dtype: DTypeLike = np.float32, progress: bool = True) -> Split:
    """MNIST: handwritten digits, x (N, 784) in 0..1 (28×28 pixels, white on black), labels 0..9.

    By default 4,000 training and 1,000 test examples that ship with the course: offline, at once.
    All 5,000 come from MNIST's training set, 500 a class, so the official test set stays unseen.

    `full=True` gives the official 60,000 and 10,000: found under the folder that the environment
    variable `DLKIT_DATA` names (in `mnist/`), then in the cache, then downloaded (12 MB, checked
    against its checksum). As float32 they take 220 MB of memory.

    Raises `DataError` with one sentence that says what to do if the files cannot be had.
    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
    document recognition", Proc. IEEE 1998.
    """
    if full:
        x_train, y_train, x_test, y_test = (
            read_idx(find(f"mnist/{name}.gz", sha256, MNIST_ADDRESSES, progress=progress))
            for name, sha256 in MNIST_SHA256.items()
        )
        name = "MNIST"
    else:
        with np.load(asset("data/mnist_5k.npz"), allow_pickle=False) as shipped:
            x_train, x_test = np.split(shipped["images"], [4000])
            y_train, y_test = np.split(shipped["labels"], [4000])
        name = "MNIST, 5,000 of its training pictures"
    return of_pictures(
        x_train, y_train, x_test, y_test, dtype=dtype, classes=DIGITS, name=name, about=MNIST_ABOUT
    )

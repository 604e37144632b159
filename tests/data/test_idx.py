"""Reading idx: what a writer wrote comes back; what is damaged is refused."""

import contextlib
import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlkit.data.files import DataError
from dlkit.data.idx import TYPES, decode_idx, read_idx

CODES = {np.dtype(name): code for code, name in TYPES.items()}
ARRAYS = st.sampled_from(list(CODES)).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(max_dims=4, min_side=0, max_side=6))
)


def encode(array):
    """The writer, from the format's description alone."""
    head = bytes([0, 0, CODES[array.dtype], array.ndim])
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@given(ARRAYS)
def test_round_trip(array):
    back = decode_idx(encode(array))
    assert back.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, array)
    assert back.flags.writeable


@given(ARRAYS, st.data())
def test_any_cut_is_noticed(array, data):
    content = encode(array)
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(ValueError):
        decode_idx(content[:length])


@given(st.binary(max_size=200))
def test_any_bytes_give_an_array_or_a_value_error(content):
    with contextlib.suppress(ValueError):
        assert isinstance(decode_idx(content), np.ndarray)


def test_bytes_too_many_are_noticed():
    with pytest.raises(ValueError, match="it has 15"):
        decode_idx(encode(np.zeros(6, np.uint8)) + b"\0")


@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_file_packed_or_plain(tmp_path, pack):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "some-idx3-ubyte").write_bytes(pack(encode(array)))
    np.testing.assert_array_equal(read_idx(tmp_path / "some-idx3-ubyte"), array)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", gzip.compress(b"hello"), gzip.compress(bytes(1000))[:-20], b"\x1f\x8b\x08junk"],
    ids=["empty", "text", "packed text", "cut gzip", "broken gzip"],
)
def test_damaged_file_is_one_sentence(tmp_path, content):
    path = tmp_path / "some-idx"
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as an idx file") as error:
        read_idx(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "nothing")

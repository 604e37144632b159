"""Texts to learn characters from: a novel that ships with the course, Shakespeare on request."""

import gzip
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from dlkit.check import check_array, check_labels, check_number
from dlkit.data.files import asset, find

SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SHAKESPEARE_ADDRESSES = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/",
)
SHORT = 100_000  # characters of Shakespeare without `full`


@dataclass(frozen=True, eq=False)
class Text:
    """A text and its characters as numbers.

    text:         the whole text.
    name, about:  what it is; where it comes from and under which licence.
    """

    text: str
    name: str = "text"
    about: str = ""

    def __post_init__(self):
        if not isinstance(self.text, str):
            raise ValueError(f"text must be a string, got {type(self.text).__name__}")

    @cached_property
    def symbols(self) -> str:
        """Every character that occurs, in the order of their codes: `symbols[i]` is number i."""
        return "".join(sorted(set(self.text)))

    @cached_property
    def codes(self) -> np.ndarray:
        """(characters,) int64, the whole text as numbers."""
        return self.encode(self.text)

    def encode(self, text: str) -> np.ndarray:
        """The numbers of the characters of `text`, (len(text),) int64.

        Raises `ValueError` for a character that this text never uses.
        """
        number = {symbol: i for i, symbol in enumerate(self.symbols)}
        try:
            return np.array([number[symbol] for symbol in text], np.int64)
        except KeyError as error:
            raise ValueError(f"{self.name} has no character {error.args[0]!r}") from None

    def decode(self, codes: ArrayLike) -> str:
        """The text that the numbers `codes` (T,) stand for; a `ValueError` for any other number."""
        codes = np.ravel(np.asarray(codes))
        if not codes.size:
            return ""
        numbers = check_labels("codes", codes, len(codes), len(self.symbols))
        return "".join(self.symbols[i] for i in numbers)

    def split(self, test_fraction: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
        """The codes of the first part, to learn from, and of the rest, to be tested on."""
        check_number("test_fraction", test_fraction, low=0, high=0.9)
        end = round(len(self.codes) * (1 - test_fraction))
        return self.codes[:end], self.codes[end:]

    def __repr__(self) -> str:
        about = f"\n{self.about}" if self.about else ""
        return (
            f"{self.name}: {len(self.text):,} characters, {len(self.symbols)} different ones{about}"
        )


def austen() -> Text:
    """Persuasion, a novel by Jane Austen (1818): 466,854 characters, offline, at once.

    The text is in the public domain. Lines are broken after about 70 characters.
    Source: Project Gutenberg, by way of the R package janeaustenr 1.0.0 (J. Silge).
    """
    with gzip.open(asset("data/persuasion.txt.gz"), "rt", encoding="utf-8", newline="") as file:
        text = file.read()
    return Text(
        text,
        "Persuasion",
        "Jane Austen, 1818; Project Gutenberg's text by way of janeaustenr. Public domain.",
    )


def tiny_shakespeare(full: bool = True, *, progress: bool = True) -> Text:
    """Passages of Shakespeare's plays, 1,115,394 characters; `full=False`: the first 100,000.

    Found under the folder that the environment variable `DLKIT_DATA` names (in
    `tiny-shakespeare/`), then in the cache, then downloaded (1.1 MB, checked against its checksum).
    Raises `DataError` with one sentence that says what to do if the file cannot be had.
    Source: A. Karpathy, char-rnn, 2015. The text is in the public domain.
    """
    path = find(
        "tiny-shakespeare/input.txt", SHAKESPEARE_SHA256, SHAKESPEARE_ADDRESSES, progress=progress
    )
    text = path.read_bytes().decode("utf-8")
    about = "From A. Karpathy's char-rnn, 2015. Public domain."
    return Text(text if full else text[:SHORT], "tiny Shakespeare", about)


def streams(codes: ArrayLike, n: int) -> np.ndarray:
    """Cut a text into n pieces of one length, side by side: (T, n), T = len(codes) // n.

    Column i goes on in the row below it, so a net that reads rows t … t + k and then t + k … can
    keep its state between the two, as truncated backpropagation through time does. What is left
    over at the end is dropped. Raises `ValueError` for more pieces than characters.
    """
    codes = np.ravel(check_array("codes", codes))
    n = int(check_number("n", n, low=1, high=len(codes), whole=True))
    length = len(codes) // n
    return np.ascontiguousarray(codes[: length * n].reshape(n, length).T)


def one_hot(codes: ArrayLike, classes: int, *, dtype: type = np.float32) -> np.ndarray:
    """Numbers of any shape as rows of `classes` with one 1: (…,) becomes (…, classes)."""
    codes = check_array("codes", codes)
    classes = int(check_number("classes", classes, low=1, whole=True))
    flat = check_labels("codes", codes.ravel(), codes.size, classes)
    return np.eye(classes, dtype=dtype)[flat].reshape(*codes.shape, classes)

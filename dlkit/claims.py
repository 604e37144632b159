"""Executable claims: what the text states is measured, shown, and fails the build if untrue."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from dlkit.check import short


class ClaimFailed(AssertionError):
    """The measurement does not bear the statement out."""


@dataclass(frozen=True)
class Claim:
    """A statement beside its evidence; notebooks show it as a box, terminals as text."""

    statement: str
    holds: bool
    evidence: str
    expected: str = ""

    @property
    def verdict(self) -> str:
        """In a word, so that colour is never the only sign."""
        return "holds" if self.holds else "FAILS"

    def __str__(self) -> str:
        lines = [f"Claim {self.verdict}: {self.statement}", f"  measured: {self.evidence}"]
        return "\n".join(lines + ([f"  expected: {self.expected}"] if self.expected else []))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        colour, sign = ("#009E73", "✓") if self.holds else ("#D55E00", "✗")
        expected = f"<br><b>expected</b> {escape(self.expected)}" if self.expected else ""
        return (
            f"<div role='note' style='border-left:4px solid {colour};padding:.3em .8em'>"
            f"<b>{sign} Claim {self.verdict}.</b> {escape(self.statement)}"
            f"<br><b>measured</b> {escape(self.evidence)}{expected}</div>"
        )


@dataclass(frozen=True)
class Band:
    """Measurements over several seeds, and the band in which each of them is expected to lie."""

    values: tuple[float, ...]
    low: float
    high: float
    unit: str = ""
    digits: int = 3

    @property
    def holds(self) -> bool:
        """Whether every measurement lies in the band."""
        return all(self.low <= value <= self.high for value in self.values)

    @property
    def evidence(self) -> str:
        """Mean, spread and each value."""
        each = ", ".join(map(self._show, self.values))
        mean, spread = float(np.mean(self.values)), float(np.std(self.values, ddof=1))
        return f"{self._show(mean)} ± {self._show(spread)} over {len(self.values)} seeds ({each})"

    @property
    def expected(self) -> str:
        """The band in words."""
        if np.isinf(self.high):
            return f"at least {self._show(self.low)} for every seed"
        if np.isinf(self.low):
            return f"at most {self._show(self.high)} for every seed"
        return f"between {self._show(self.low)} and {self._show(self.high)} for every seed"

    def _show(self, value: float) -> str:
        return f"{value:.{self.digits}g}{self.unit}"


def band(
    values: Sequence[float],
    low: float = -np.inf,
    high: float = np.inf,
    *,
    unit: str = "",
    digits: int = 3,
) -> Band:
    """The band low … high for what chance decides: `claim(statement, band(errors, 0.02, 0.06))`.

    The ends belong to the band. Raises `ValueError` for fewer than three values, since one seed
    proves nothing, and for a band that is empty or has no end.
    """
    try:
        numbers = tuple(map(float, values))
    except (TypeError, ValueError):
        raise ValueError(
            f"values must be a measurement for each seed, got {short(values)}"
        ) from None
    if len(numbers) < 3:
        raise ValueError(f"values must come from at least three seeds, got {len(numbers)}")
    if not low < high or (np.isinf(low) and np.isinf(high)):
        raise ValueError(f"low must be below high, and one of them finite, got {low} and {high}")
    return Band(numbers, low, high, unit, digits)


def claim(statement: str, holds: bool | Band, evidence: object = "", expected: str = "") -> None:
    """Show `statement` beside its measured `evidence`; raise `ClaimFailed` unless it `holds`.

    `holds` is a truth value that was just computed, or a `band`, which brings its own evidence
    and expectation. Raises `ValueError` if there is no statement or no evidence.
    """
    if isinstance(holds, Band):
        evidence = f"{evidence}: {holds.evidence}" if evidence else holds.evidence
        expected, holds = expected or holds.expected, holds.holds
    if not isinstance(holds, (bool, np.bool_)):
        raise ValueError(f"holds must be True, False or a band, got {holds!r}")
    if not statement or not str(evidence):
        raise ValueError("a claim needs a statement and the evidence that was measured for it")
    made = Claim(statement, bool(holds), str(evidence), expected)
    _show(made)
    if not made.holds:
        raise ClaimFailed(str(made))


def _show(made: Claim) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = display = None
    if display and get_ipython and get_ipython():
        display(made)
    else:
        print(made)

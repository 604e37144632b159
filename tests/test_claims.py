"""A claim shows its evidence, and fails when it does not hold."""

import numpy as np
import pytest

from dlkit.claims import Claim, ClaimFailed, band, claim


def test_a_claim_that_holds_is_shown(capsys):
    claim("14 of 16 functions are separable", np.bool_(True), "14 of 16", "14")
    shown = capsys.readouterr().out
    assert "Claim holds: 14 of 16" in shown
    assert "measured: 14 of 16" in shown
    assert "expected: 14" in shown


def test_a_claim_that_does_not_hold_is_shown_and_raises(capsys):
    with pytest.raises(ClaimFailed, match="measured: 13 of 16"):
        claim("14 of 16 functions are separable", False, "13 of 16")
    assert "Claim FAILS" in capsys.readouterr().out


def test_a_band_brings_its_own_evidence(capsys):
    claim("the error is small", band([4.1, 4.4, 4.2], 3, 5, unit=" %"))
    shown = capsys.readouterr().out
    assert "4.23 % ± 0.153 % over 3 seeds (4.1 %, 4.4 %, 4.2 %)" in shown
    assert "between 3 % and 5 % for every seed" in shown


@pytest.mark.parametrize("values", [[4.1, 5.1, 4.2], [4.1, np.nan, 4.2]])
def test_one_value_outside_breaks_the_band(values):
    with pytest.raises(ClaimFailed):
        claim("the error is small", band(values, 3, 5))


def test_the_ends_belong_to_the_band():
    claim("the error is small", band([3, 4, 5], 3, 5))
    claim("the error is the same", band([3, 3, 3], low=3))


def test_a_band_takes_words_of_ones_own_and_digits(capsys):
    claim("small", band([4.126, 4.4, 4.2], 3, 5, digits=4), "error", expected="as in the paper")
    shown = capsys.readouterr().out
    assert "measured: error: 4.242 ± 0.1417 over 3 seeds (4.126, 4.4, 4.2)" in shown
    assert "expected: as in the paper" in shown
    assert "between" not in shown


def test_one_sided_bands():
    assert band([1, 2, 3], low=0).expected == "at least 0 for every seed"
    assert band([1, 2, 3], high=9).expected == "at most 9 for every seed"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: band([1, 2], 0, 3), "at least three seeds, got 2"),
        (lambda: band([1, 2, 3], 3, 0), "low must be below high"),
        (lambda: band([1, 2, 3], 3, 3), "low must be below high"),
        (lambda: band([1, 2, 3]), "one of them finite"),
        (lambda: band(0.5, 0, 1), "values must be a measurement for each seed, got 0.5"),
        (lambda: band(None, 0, 1), "values must be a measurement for each seed, got None"),
        (lambda: band([[1, 2]] * 3, 0, 1), "values must be a measurement for each seed, got"),
        (lambda: claim("yes", 1, "one"), "holds must be True, False or a band"),
        (lambda: claim("yes", True), "a claim needs a statement and the evidence"),
        (lambda: claim("", True, "one"), "a claim needs a statement and the evidence"),
    ],
)
def test_bad_claims_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_html_is_escaped_and_says_the_verdict_in_words():
    html = Claim("a < b", False, "2 < 1", "1 < 2")._repr_html_()
    for text in ("a &lt; b", "2 &lt; 1", "1 &lt; 2", "FAILS"):
        assert text in html

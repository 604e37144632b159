"""What all bug clinics share, on a small one."""

import pytest

from dlkit.exercises.clinic import Clinic


class Ward(Clinic):
    answer = {"A": "cold", "B": "healthy"}  # noqa: RUF012
    clues = {"healthy": "it sings.", "cold": "it sneezes."}  # noqa: RUF012

    def patient(self, fault):
        return fault.upper()


@pytest.fixture
def ward():
    return Ward("00/ward")


def test_patients_by_letter(ward):
    assert ward.patients() == {"A": "COLD", "B": "HEALTHY"}


def test_right_and_not_attempted(ward):
    assert ward.check({"A": "cold", "B": "healthy"}).kind == "right"
    for blank in (..., {}, {"A": ..., "B": None}):
        assert ward.check(blank).kind == "not attempted"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"A": "healthy"}, "Patient A is not healthy: it sneezes."),
        ({"B": "cold"}, "Patient B does not have “cold”: it sings."),
        ({"A": "cold"}, "So far all right; still to come: B."),
        ({"C": "cold"}, "There is no patient 'C', only A, B."),
        ({"A": "flu"}, "'flu' is not on the list of faults: healthy; cold."),
        ({"A": ["cold"]}, "['cold'] is not on the list"),
        (["cold", "healthy"], 'Give a dict such as {"A": "healthy", …}, got list.'),
    ],
)
def test_what_is_wrong_is_said(ward, answer, words):
    feedback = ward.check(answer)
    assert feedback.kind == "wrong"
    assert words in feedback.text

"""Bug clinics: patients with one fault each, or none, to be told apart by what is measured."""

from collections.abc import Mapping
from typing import Any, ClassVar

from dlkit.exercises.exercise import Exercise, NotAttempted, short, wrong_if


class Clinic(Exercise):
    """Which patient has which fault? A subclass gives `answer`, `clues` and `patient`.

    `answer` names the fault of each patient by letter, `clues` has for each fault that can be
    named a sentence on how it shows, and `patient(fault)` makes a patient, once.
    """

    answer: ClassVar[Mapping[str, str]]
    clues: ClassVar[Mapping[str, str]]

    def patient(self, fault: str) -> Any:
        """What is known of a patient with this fault."""
        raise NotImplementedError

    def patients(self) -> dict[str, Any]:
        """All patients by letter, each made when first asked for (a few seconds for all)."""
        return {letter: self.patient(fault) for letter, fault in self.answer.items()}

    def examine(self, answer):
        wrong_if(
            not isinstance(answer, Mapping),
            f'Give a dict such as {{"A": "{next(iter(self.clues))}", …}}, '
            f"got {type(answer).__name__}.",
        )
        given = {k: v for k, v in answer.items() if v is not ... and v is not None}
        if not given:
            raise NotAttempted
        for letter, fault in given.items():
            wrong_if(
                letter not in self.answer,
                f"There is no patient {short(letter)}, only {', '.join(self.answer)}.",
            )
            wrong_if(
                fault not in tuple(self.clues),
                f"{short(fault)} is not on the list of faults: {'; '.join(self.clues)}.",
            )
        for letter, fault in given.items():
            truth = self.answer[letter]
            says = "is not healthy" if fault == "healthy" else f"does not have “{fault}”"
            wrong_if(fault != truth, f"Patient {letter} {says}: {self.clues[truth]}")
        missing = sorted(self.answer.keys() - given.keys())
        wrong_if(bool(missing), f"So far all right; still to come: {', '.join(missing)}.")

    def expects(self) -> str:
        return "a dict that names a fault for each patient"

"""Reports state what can be done with a job, and problems fit into a message."""

import pytest

from impasto_shared.errors import DaemonError, ErrorCode, ImpastoError, InvalidSettings
from impasto_shared.protocol.reports import (
    MAX_NAME_CHARACTERS,
    MAX_PROBLEM_CHARACTERS,
    JobReport,
    JobState,
    Problem,
)


def test_finished_states_are_final() -> None:
    assert [state for state in JobState if state.is_final] == [
        JobState.DONE,
        JobState.FAILED,
        JobState.CANCELLED,
    ]


@pytest.mark.parametrize(("step", "expected"), [(0, False), (1, False), (2, True)])
def test_picture_can_be_kept_from_the_second_step(step: int, expected: bool) -> None:
    assert JobReport("a" * 32, JobState.RUNNING, step=step).can_keep is expected


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ImpastoError("Odd."), Problem(ErrorCode.INTERNAL, "Odd.")),
        (
            InvalidSettings("size", "Too large."),
            Problem(ErrorCode.INVALID_SETTINGS, "Too large.", "size"),
        ),
        (
            DaemonError("Full.", ErrorCode.QUEUE_FULL),
            Problem(ErrorCode.QUEUE_FULL, "Full."),
        ),
    ],
)
def test_problem_has_code_text_and_field_of_the_error(
    error: ImpastoError, problem: Problem
) -> None:
    assert Problem.of(error) == problem


def test_long_texts_are_shortened_to_fit_into_a_message() -> None:
    problem = Problem.of(InvalidSettings("f" * 200, "t" * 2000))

    assert len(problem.message) == MAX_PROBLEM_CHARACTERS
    assert problem.message.endswith("t…")
    assert problem.field == "f" * MAX_NAME_CHARACTERS


def test_text_of_the_greatest_length_is_not_shortened() -> None:
    text = "t" * MAX_PROBLEM_CHARACTERS

    assert Problem.of(ImpastoError(text)).message == text

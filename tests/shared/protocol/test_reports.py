"""Reports state what can be done with a job, and problems fit into a message."""

from typing import Any

import pytest

from impasto_shared.errors import DaemonError, ErrorCode, ImpastoError, InvalidSettings
from impasto_shared.protocol.reports import (
    MAX_NAME_CHARACTERS,
    MAX_PROBLEM_CHARACTERS,
    JobReport,
    JobState,
    Limits,
    Metrics,
    Problem,
    ProblemValue,
    WorkerReport,
)
from impasto_shared.style import MAX_STYLES
from impasto_shared.text.sentences import LONGEST_VALUE, sentence


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


def test_problem_of_a_sentence_says_it_in_parts() -> None:
    said = sentence("picture-lost", reason="r" * 2 * LONGEST_VALUE)

    for problem in (
        Problem.of(ImpastoError(said)),
        Problem.saying(ErrorCode.INTERNAL, said),
    ):
        assert problem.reason == "picture-lost"
        assert problem.values == (ProblemValue("reason", "r" * LONGEST_VALUE),)


def test_error_without_a_text_is_a_problem() -> None:
    assert Problem.of(ImpastoError()) == Problem(ErrorCode.INTERNAL, "")


# A field that the other program's version does not send: nothing is known, or nothing has happened.
UNSENT: list[tuple[object, dict[str, Any]]] = [
    (
        JobReport("a" * 32, JobState.QUEUED),
        {"job": "a" * 32, "state": JobState.QUEUED, "client": "", "detached": False},
    ),
    (
        Limits(1, 2, 3),
        {
            "frame_bytes": 1,
            "pixels": 2,
            "queue": 3,
            "styles": MAX_STYLES,
            "queue_of_one": 64,
            "lease_s": 60.0,
        },
    ),
    (WorkerReport(), {}),
    (Metrics(), {}),
]


@pytest.mark.parametrize(("report", "known"), UNSENT)
def test_what_is_not_sent_is_nothing(report: object, known: dict[str, Any]) -> None:
    fields = vars(report)

    assert {name: fields[name] for name in known} == known
    assert all(not value for name, value in fields.items() if name not in known)

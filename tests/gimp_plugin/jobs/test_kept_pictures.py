import pytest

from impasto_gimp.jobs.kept_pictures import KeptPictures, PictureState, state_of, state_text
from impasto_shared.errors import ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import JobReport, JobState, Problem

JOB, OTHER = "a" * 32, "b" * 32
PAINTING = JobReport(JOB, JobState.RUNNING, step=5, steps=10, eta_s=42.0)
KEPT = JobReport(JOB, JobState.DONE, kept_s=7260.0)
FAILED = JobReport(JOB, JobState.FAILED, problem=Problem(ErrorCode.OUT_OF_MEMORY, "Too large."))
FORGOTTEN = JobReport(JOB, JobState.DONE)


class KeepingClient:
    """A client of a daemon that knows one job, and notes the requests."""

    def __init__(self, report: JobReport) -> None:
        self.report = report
        self.calls: list[str] = []

    def jobs(self) -> list[JobReport]:
        return [self.report]

    def fetch(self, job: str) -> Image:
        self.calls.append(f"fetch {job[0]}")
        return Image(1, 1, PixelFormat.RGB_U8, bytes(3))

    def cancel(self, job: str) -> JobReport:
        self.calls.append(f"cancel {job[0]}")
        return self.report

    def forget(self, job: str) -> None:
        self.calls.append(f"forget {job[0]}")


@pytest.mark.parametrize(
    ("report", "state", "text"),
    [
        (None, PictureState.UNKNOWN, " "),
        (PAINTING, PictureState.PAINTING, "Step 5 of 10, 42 s left"),
        (KEPT, PictureState.KEPT, "kept for 2 h 1 min"),
        (FAILED, PictureState.FAILED, "Too large."),
        (FORGOTTEN, PictureState.GONE, " "),
        (JobReport(JOB, JobState.CANCELLED), PictureState.GONE, " "),
    ],
)
def test_state_is_that_of_the_job(report: JobReport | None, state: PictureState, text: str) -> None:
    assert (state_of(report), state_text(report)) == (state, text)


def test_job_that_the_daemon_does_not_know_is_gone() -> None:
    reports = KeptPictures(KeepingClient(KEPT)).reports([JOB, OTHER])

    assert [state_of(reports[job]) for job in (JOB, OTHER)] == [
        PictureState.KEPT,
        PictureState.GONE,
    ]


def test_picture_is_fetched_once_until_another_is() -> None:
    client = KeepingClient(KEPT)
    pictures = KeptPictures(client)
    for job in (JOB, JOB, OTHER, JOB):
        pictures.picture(job)

    assert client.calls == ["fetch a", "fetch b", "fetch a"]


@pytest.mark.parametrize(
    ("report", "call"), [(PAINTING, "cancel a"), (KEPT, "forget a"), (FAILED, "forget a")]
)
def test_unfinished_picture_is_cancelled_and_a_finished_one_forgotten(
    report: JobReport, call: str
) -> None:
    client = KeepingClient(report)
    KeptPictures(client).forget(JOB, report)

    assert client.calls == [call]


@pytest.mark.parametrize("ended", [KEPT, JobReport(JOB, JobState.CANCELLED)])
def test_picture_that_was_finished_meanwhile_is_forgotten_too(ended: JobReport) -> None:
    client = KeepingClient(ended)
    KeptPictures(client).forget(JOB, PAINTING)

    assert client.calls == ["cancel a", "forget a"]

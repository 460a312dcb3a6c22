"""The `lab` command: each of its commands lives in `commands/`, and is imported when it is asked for."""

from __future__ import annotations

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    help="Where you are, what to do next, and help when you are stuck.",
)

SubmissionOption = Annotated[
    Path | None,
    typer.Option("--submission", envvar="LAB_SUBMISSION", help="A folder that holds app/; this repository by default."),
]


class Isolation(StrEnum):
    """How `lab grade` keeps submissions apart."""

    AUTO = "auto"
    NAMESPACES = "namespaces"
    USER = "user"
    NONE = "none"


ExerciseArgument = Annotated[str, typer.Argument(help="exercise1, or 1.")]


@app.callback(invoke_without_command=True)
def lab(context: typer.Context, submission: SubmissionOption = None) -> None:
    """Show your progress."""
    if context.invoked_subcommand is None:
        from graders.commands.progress import show_progress

        show_progress(submission)


@app.command()
def hint(
    check: Annotated[str | None, typer.Argument(help="Such as five_parallel; by default the next one.")] = None,
    level: Annotated[int | None, typer.Option(min=1, max=3, help="1 is vague, 3 nearly tells it.")] = None,
    submission: SubmissionOption = None,
) -> None:
    """Help with a check, a little plainer each time you ask."""
    from graders.commands.hint import show_hint

    show_hint(check, level, submission)


@app.command()
def watch(
    exercise: Annotated[str | None, typer.Argument(help="An exercise; the current one by default.")] = None,
    poll: Annotated[bool, typer.Option(help="Look for changes instead of being told (WSL, network drives).")] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Serve a page that refreshes itself as verdicts arrive.")
    ] = False,
    submission: SubmissionOption = None,
) -> None:
    """Grade the current exercise again at every save."""
    from graders.commands.watch import watch as run

    run(exercise, poll, submission, page)


@app.command()
def history(submission: SubmissionOption = None) -> None:
    """What your service measured from run to run, and which changes are more than noise."""
    from graders.commands.history import show_history

    show_history(submission)


@app.command()
def replay(
    check: Annotated[str | None, typer.Argument(help="Such as five_parallel; else the first that failed.")] = None,
    url: Annotated[str, typer.Option(help="Where your service runs, on this machine.")] = "http://127.0.0.1:8000",
    curl: Annotated[bool, typer.Option("--curl", help="Print the requests as curl lines; send nothing.")] = False,
) -> None:
    """Send the requests of a failed check again, to a service that you have started."""
    from graders.commands.replay import replay as run

    run(check, url, curl)


@app.command()
def doctor() -> None:
    """Look for what keeps the lab from working on this machine, and say what to do about it."""
    from graders.commands.doctor import examine

    examine()


class ListsExperiments(TyperCommand):
    """A command whose help names every experiment; their table is read only then."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, with the table at its end."""
        from graders.experiments.table import listed

        self.epilog = "\n\n".join(["Experiments:", *listed()])
        super().format_help(ctx, formatter)


@app.command(cls=ListsExperiments)
def experiment(
    name: Annotated[str, typer.Argument(help="Which experiment; they are listed below.")] = "handlers",
    ask: Annotated[bool, typer.Option(help="Ask for your predictions first.")] = True,
    exact: Annotated[bool, typer.Option(help="Draw each burst in exact time too (handlers only).")] = False,
) -> None:
    """Measure what a lesson talks about, after you have said what you expect."""
    from graders.commands.experiment import run

    run(name, ask, exact)


@app.command()
def solution(
    exercise: ExerciseArgument,
    force: Annotated[bool, typer.Option(help="Before you have passed.")] = False,
    submission: SubmissionOption = None,
) -> None:
    """Compare your files with the reference, once you have passed."""
    from graders.commands.solution import show_solution

    show_solution(exercise, force, submission)


@app.command()
def reset(
    files: Annotated[list[Path] | None, typer.Argument(help="Files to reset; all of the exercise by default.")] = None,
    exercise: Annotated[str, typer.Option(help="Whose files.")] = "exercise1",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put the files of one exercise back as they were at first; yours are kept in a backup."""
    from graders.commands.reset import reset as run

    run(files or [], exercise, yes)


@app.command()
def grade(
    paths: Annotated[list[Path], typer.Argument(help="Folders or archives: one submission each, or a whole class.")],
    out: Annotated[Path, typer.Option(help="The folder for the gradebook and the reports; continued if it exists.")],
    jobs: Annotated[int | None, typer.Option(min=1, help="Gradings at once; one more than cores by default.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for one submission.")] = 600.0,
    isolate: Annotated[Isolation, typer.Option(help="How submissions are kept apart.")] = Isolation.AUTO,
    exercises: Annotated[str | None, typer.Option(help="Such as 1,2; all by default.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="A Dask scheduler's address: grade on its workers.")] = None,
    columns: Annotated[str | None, typer.Option(help="A second CSV for a platform: HEADING=COLUMN,...")] = None,
    report: Annotated[
        list[str] | None, typer.Option(help="A further format for each report folder; repeat it.")
    ] = None,
) -> None:
    """Grade a class, unattended: a gradebook, and a report for each submission."""
    from graders.commands.grade import grade as run

    run(paths, out, jobs, timeout, isolate.value, exercises, scheduler, columns, report or [])


@app.command("gradescope-kit")
def gradescope_kit(
    out: Annotated[Path, typer.Option(help="The zip to write.")] = Path("autograder.zip"),
    exercises: Annotated[str | None, typer.Option(help="Such as 1,2; all by default.")] = None,
) -> None:
    """Write the autograder zip for a Gradescope assignment."""
    from graders.commands.kit import write_kit

    write_kit(out, exercises)


def main() -> None:
    """The console script; a terminal that cannot show a character gets its number, and no traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()


if __name__ == "__main__":
    main()

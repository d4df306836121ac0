"""The bare command `labkit`, and what all its commands share: groups, errors in one line, the terminal.

Exit codes: 0 done, 1 failed, 2 a wrong value or an unknown name, 130 stopped by Ctrl-C.
"""

import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from labkit.names import nearest

if TYPE_CHECKING:
    from rich.console import Console

STYLE = {"help_option_names": ["-h", "--help"]}


class _WithDefault(TyperGroup):
    """A group that takes arguments without the name of a command for those of its command `default`."""

    default = ""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command before arguments that begin with no command and ask for no help."""
        if not args or (args[0] not in self.commands and args[0] not in STYLE["help_option_names"]):
            is_path = bool(args) and ("/" in args[0] or os.sep in args[0])
            likely = nearest(args[0], self.commands, cutoff=0.75) if args and not is_path else None
            if likely:
                raise typer.BadParameter(f"there is no command {args[0]!r}; did you mean {likely!r}?", ctx)
            args = [self.default, *args]
        return super().parse_args(ctx, args)


def group(name: str, what: str, *, otherwise: str = "") -> typer.Typer:
    """A command with commands below it. Called without one, it shows its help, or runs the command `otherwise`."""
    return typer.Typer(
        name=name,
        cls=type("Group", (_WithDefault,), {"default": otherwise}) if otherwise else TyperGroup,
        help=what,
        no_args_is_help=not otherwise,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings=STYLE,
    )


app = group(
    "labkit",
    "3D networks for video: the course, its notebooks as experiments, data and networks.\n\n"
    "Start with `labkit doctor`, then `labkit course`, or `labkit run 01` for a single notebook.",
)


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command end with one line on stderr after an error or Ctrl-C; with --debug, with the whole traceback."""

    @functools.wraps(command)
    def plain(*args: Any, **kwargs: Any) -> None:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _warn
                command(*args, **kwargs)
        except KeyboardInterrupt as stop:
            # Jupyter's client leaves the task behind that waited for the kernel, and asyncio would print its traceback.
            logging.getLogger("asyncio").setLevel(logging.CRITICAL)
            say(f"labkit: {str(stop) or 'stopped'}")
            raise typer.Exit(130) from None
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise  # click ends quietly where the reader has gone, as `head` does
        except Exception as error:
            if os.environ.get("LABKIT_DEBUG"):
                raise
            asked = isinstance(error, ValueError | TypeError | LookupError | FileNotFoundError | FileExistsError)
            tell(error)
            raise typer.Exit(2 if asked else 1) from None

    return plain


def console(*, error: bool = False) -> "Console":
    """The terminal to print on. A file or pipe gets lines of `COLUMNS` characters where that is set, else of up to 200."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    wide = os.environ.get("COLUMNS", "")
    return Console(stderr=error, width=None if stream.isatty() else int(wide) if wide.isdigit() and int(wide) else 200)


def _show_version(asked: bool) -> None:
    if asked:
        from labkit import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["LABKIT_DEBUG"] = "1"


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning as one line, without its place in the code: the user typed a command."""
    say(f"labkit: warning: {message}")


def tell(error: Exception) -> None:
    """Print an error as one line on stderr."""
    say(f"labkit: {said(error)}")


def say(text: str, *, end: str = "\n") -> None:
    """Print words for the user on stderr. Control characters, quoted from somebody's file, do not reach the terminal."""
    from labkit.survey.publication.problems import plain_lines

    print(plain_lines(text), end=end, file=sys.stderr, flush=True)


def said(error: Exception) -> str:
    """The message of an error. An unforeseen error has its class before the message."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    foreseen = isinstance(error, ValueError | TypeError | LookupError | OSError | RuntimeError)
    foreseen |= type(error).__module__.startswith("labkit.")
    return str(error) if foreseen and str(error) else f"{type(error).__name__}: {error}"

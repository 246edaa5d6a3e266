"""What the tools have in common: messages and exit codes, progress, files that appear whole."""
import argparse
import contextlib
import errno
import io
import os
import re
import resource
import stat
import subprocess
import sys
import time

INTERNAL, USAGE, DATA, SYSTEM, MEMORY = 1, 2, 3, 4, 5

QUIET_SECONDS = 3          # what takes no longer shows no progress
TERMINAL_SECONDS = 0.3     # between two states of the progress line on a terminal,
LOG_SECONDS = 60           # and between two lines of a log
MOST_OPEN = 65536          # files at one time
MOST_NAMES = 100           # of columns in a message,
MOST_FILES = 3             # and of files

# What would move the cursor, hide text or turn it round: control characters, line separators,
# marks of direction (Unicode's Bidi_Control), and bytes that are no UTF-8.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e"
                         "\u2066-\u2069\ud800-\udfff]")
# Set for the interpreter that another one has started in its place.
IS_SECOND = os.environ.pop("SKYMEANS_SECOND_PYTHON", None) is not None


class Failure(Exception):
    """An expected failure: its exit code says whose fault it is, its text what to do."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors take one line, as all others."""

    def error(self, message):
        raise Failure(USAGE, f"bad command line: {message}; try --help")


def program():
    """As the user calls it: `skymeans plot` starts skymeans-plot."""
    return os.path.basename(sys.argv[0]).replace("skymeans-", "skymeans ", 1)


def clean(text):
    """A text from a file or a name, with nothing in it that a terminal would obey."""
    return UNPRINTABLE.sub("?", str(text))


def say(text):
    """The one line of stdout: what was done."""
    print(clean(text))


def warn(message):
    print(clean(f"{program()}: warning: {message}"), file=sys.stderr)


def reason(error):
    """The first line of what a library says, which may be a page."""
    lines = str(error).strip().splitlines()
    return " ".join(lines[0].split()) if lines else type(error).__name__


def some_of(names):
    """The first of some names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return " ".join(names[:MOST_NAMES]) + more


def some_files(paths, separator=", "):
    """Files in a message: each once, and the first ones by name."""
    names = list(dict.fromkeys(paths))
    more = f" and {len(names) - MOST_FILES} more" if len(names) > MOST_FILES else ""
    return separator.join(names[:MOST_FILES]) + more


def run_again(modules):
    """Under the interpreter that make uses, if this one lacks modules; returns if there is none."""
    finder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "find-python.sh")
    try:
        done = subprocess.run([finder, *modules], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=True)
        os.environ["SKYMEANS_SECOND_PYTHON"] = "1"
        python = done.stdout.strip()
        os.execv(python, [python, *sys.argv])
    except (OSError, subprocess.SubprocessError):
        os.environ.pop("SKYMEANS_SECOND_PYTHON", None)


@contextlib.contextmanager
def imports(*modules):
    """Around imports of these modules: another Python takes over if this one lacks some; if there
    is none, the program ends with advice."""
    try:
        yield
    except ImportError as error:
        if not IS_SECOND:
            run_again(modules)
        module = (error.name or "numpy").split(".")[0]
        print(f"{program()}: error: Python module missing ({module}): this python3 cannot import "
              f"it; install python3-{module}, on Debian then run /usr/bin/python3",
              file=sys.stderr)
        sys.exit(SYSTEM)


def allow_open_files():
    """As many as the system allows: catalogues of thousands of files are open at once."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN if most == resource.RLIM_INFINITY else min(most, MOST_OPEN)
    if now != resource.RLIM_INFINITY and now < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def main(run, output):
    """The exit code of run(arguments), which makes the output; a failure says one line."""
    try:
        allow_open_files()
        run(sys.argv[1:])
        return 0
    except Failure as failure:
        code, message = failure.code, str(failure)
    except MemoryError:
        code, message = MEMORY, (f"out of memory: the {output} does not fit; use a larger machine "
                                 "or smaller files")
    except OSError as error:
        code = SYSTEM
        message = f"cannot read ({error.filename}): {error.strerror}; check path and permissions"
        if isinstance(error, FileNotFoundError) and not set("./@") & set(str(error.filename)):
            message += ", or write what belongs to an option as one word, as in -c a,b"
    except KeyboardInterrupt:
        code = SYSTEM
        message = f"interrupted: no {output} was written; run the command again"
    except Exception as error:
        code, message = INTERNAL, f"internal error: {type(error).__name__}: {reason(error)}"
    print(clean(f"{program()}: error: {message}"), file=sys.stderr)
    return code


# --- input and output ---------------------------------------------------------------------------

def check_input(path):
    """The state of a file, which exists and is a regular one: a FIFO would be waited for."""
    state = os.stat(path)
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(state.st_mode):
        raise Failure(SYSTEM, f"no regular file ({path}): it is {kind_of(state)}; "
                              "write its content to a file first")
    return state


def kind_of(state):
    kinds = (stat.S_ISFIFO, "a FIFO"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device")
    return next((name for is_kind, name in kinds if is_kind(state.st_mode)), "a socket")


def expand_lists(paths):
    """Names of catalogues, with those that lists have, @FILE, in their places: one a line, without
    blanks around it, as the program reads them; lines that begin with # are comments."""
    found = []
    for path in paths:
        found += read_list(path[1:]) if path[:1] == "@" else [path]
    return found


def read_list(path):
    check_input(path)
    with open(path, "rb") as file:
        content = file.read()
    if b"\0" in content:
        raise Failure(DATA, f"not a list of files ({path}): it is no text; if it is a catalogue, name "
                            "it without the @")
    lines = [line.strip(b" \t\r") for line in content.split(b"\n")]
    names = [os.fsdecode(line) for line in lines if line and line[:1] != b"#"]
    if not names:
        raise Failure(DATA, f"empty list of files ({path}): none of its lines names a file; write "
                            "one name a line")
    return names


def check_output(path, overwrite, inputs=()):
    """Refuse now what could only fail after all the reading, or would destroy something."""
    if os.path.lexists(path) and not overwrite:
        raise Failure(USAGE, f"output exists ({path}): it would be lost; "
                             "add --overwrite or choose another name")
    if os.path.exists(path):
        state = os.stat(path)
        if not stat.S_ISREG(state.st_mode) and not stat.S_ISDIR(state.st_mode):
            raise Failure(USAGE, f"output is no regular file ({path}): it is {kind_of(state)}, which "
                                 "would be replaced; choose another name")
    check_apart(path, inputs)
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Failure(SYSTEM, f"cannot write ({path}): no folder {folder}; create it first")


def check_apart(output, inputs):
    """The output is none of the inputs, by whatever name or link."""
    state = os.stat(output) if os.path.exists(output) else None
    for path in inputs:
        if state and os.path.samestat(state, check_input(path)):
            raise Failure(USAGE, f"output is an input ({output}): {path} is the same file, which "
                                 "would be lost; choose another name")


@contextlib.contextmanager
def writing(path):
    """What fails here is the writing of `path`."""
    try:
        yield
    except OSError as error:
        raise Failure(SYSTEM, f"cannot write ({path}): {error.strerror}; "
                              "check the folder and its free space") from error


class Unfailing(io.FileIO):
    """A file whose writes never fail: HDF5 crashes on a full disk instead of saying so. The first
    failure is kept for check()."""

    def __init__(self, path, wanted):
        """Opens `path` to be renamed `wanted`, which messages name."""
        super().__init__(path, "w+")
        self.wanted, self.error = wanted, None

    def write(self, data):
        rest = memoryview(data).cast("B")
        try:
            while rest and not self.error:
                rest = rest[super().write(rest):]
        except OSError as error:
            self.error = error
        return len(memoryview(data).cast("B"))

    def truncate(self, size=None):
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size

    def check(self):
        with writing(self.wanted):
            if self.error:
                raise self.error


@contextlib.contextmanager
def whole_file(path):
    """A file beside `path`, to be written; when it is complete it is renamed, so `path` appears
    whole or not at all. Long work calls its check() now and then. A link stays one."""
    target = os.path.realpath(path) if os.path.islink(path) else path
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    with writing(path):
        file = Unfailing(temporary, path)
    try:
        yield file
        file.check()
        with writing(path):
            file.close()
            os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            file.close()
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def extension(path):
    return os.path.splitext(path)[1][1:].lower()


# --- progress -----------------------------------------------------------------------------------

class Progress:
    """How much of a long work is done: a line that changes on a terminal, few lines in a log."""

    def __init__(self, what):
        self.what = what
        self.is_terminal = sys.stderr.isatty()
        self.next = time.monotonic() + (QUIET_SECONDS if self.is_terminal else LOG_SECONDS)
        self.is_shown = False

    def show(self, share):
        now = time.monotonic()
        if now < self.next:
            return
        line = clean(f"{program()}: {self.what}: {100 * min(share, 1):.0f} %")
        if self.is_terminal:
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)
        self.next = now + (TERMINAL_SECONDS if self.is_terminal else LOG_SECONDS)
        self.is_shown = True

    def end(self):
        if self.is_shown and self.is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

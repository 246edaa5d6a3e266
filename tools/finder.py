"""What skymeans finds in an HDF5 file: tables, columns and where they are stored, by the program
itself (`skymeans info --json`), so that the tools see what a fit sees."""
import functools
import json
import os
import shutil
import subprocess
import time

from command import DATA, SYSTEM, Failure, check_input, reason

SECONDS = 600       # more than any file takes
MOST_BYTES = 60000  # of an argument: systems allow some 128 KB for each
# Open MPI fails to start now and then where another run of the same user starts or ends.
ATTEMPTS, WAIT_SECONDS = 4, 0.2
ERROR = b"skymeans: error: "
TOOLS = os.path.dirname(os.path.abspath(__file__))


def find_program():
    """$SKYMEANS, else the program beside these tools, as built or as installed, else in PATH."""
    asked = os.environ.get("SKYMEANS")
    beside = [os.path.join(TOOLS, *up, folder, "skymeans") for up, folder in (
        ([".."], "build"), ([".."], "bin"), (["..", ".."], "bin"), (["..", "..", ".."], "bin"))]
    for path in [asked] if asked else beside:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    found = None if asked else shutil.which("skymeans")
    if found:
        return found
    raise Failure(SYSTEM, f"no program skymeans ({asked or 'build/skymeans, PATH'}): it says what "
                          "is in HDF5 files; build it with make, or say where it is with SKYMEANS=")


def run_program(arguments):
    """Its exit code, stdout and stderr. Open MPI would start a daemon for a program that no launcher
    started; isolated it does not."""
    environment = {**os.environ, "OMPI_MCA_ess_singleton_isolated": "1"}
    program = find_program()
    try:
        done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              env=environment, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failure(SYSTEM, f"no answer ({program}): {SECONDS} seconds have passed; "
                              "try skymeans info with this file") from error
    except OSError as error:
        raise Failure(SYSTEM, f"cannot start ({program}): {reason(error)}; "
                              "build it with make, or say where it is with SKYMEANS=") from error
    return done.returncode, done.stdout, done.stderr


def refusal(code, said):
    """The program's own line of error."""
    lines = [line[len(ERROR):] for line in said.splitlines() if line.startswith(ERROR)]
    if lines:
        return Failure(code, lines[-1].decode("utf-8", "surrogateescape"))
    last = said.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
    return Failure(SYSTEM, f"the program failed (skymeans, exit code {code}): {last[0]}; "
                           "try skymeans info with this file")


def look(path, table=None, columns=None, is_transposed=False):
    """What `info --json` says of a file: all its tables, or those that `table` means, and the
    selection that -c makes. A Failure says what does not fit."""
    state = check_input(path)
    version = state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
    return ask(path, table, columns, is_transposed, version)


@functools.lru_cache(maxsize=64)
def ask(path, table, columns, is_transposed, version):
    """Of one version of a file the program is asked once."""
    assert version
    arguments = ["info", "--json"]
    arguments += ["-d", table] if table else []
    arguments += ["-c", columns] if columns is not None else []
    arguments += ["--transpose"] if is_transposed else []
    # A name is no option and no list of files.
    arguments.append(path if path[:1] not in "-@" else os.path.join(".", path))
    for attempt in range(ATTEMPTS):
        code, out, said = run_program([os.fsencode(argument) for argument in arguments])
        if not code or ERROR in said:
            break
        time.sleep(attempt * WAIT_SECONDS)  # MPI failed: the next start of it may succeed
    if code:
        raise refusal(code, said)
    try:
        return json.loads(out)
    except ValueError as error:
        raise Failure(SYSTEM, f"the program's answer is no JSON ({path}): {reason(error)}; "
                              "is SKYMEANS another program, or an old one?") from error


def tables_of(answer, dataset):
    """What to call the tables that -d means: those that a pattern fits are below each other."""
    paths = [table["path"] for table in answer["tables"]]
    return sorted(paths, key=os.fsencode) if dataset and len(paths) > 1 else [dataset]


def table_of(answer):
    """All that is known of the table that is meant; None if none is by itself."""
    tables = answer["tables"]
    name = answer["table"] or (tables[0]["path"] if len(tables) == 1 else None)
    return next((table for table in tables if table["path"] == name), None)


def selected(answer):
    """The columns of a selection; a computed one with those that it is computed from."""
    return [{**found, "inputs": answer["inputs"]} if found["computed"] else found
            for found in answer["selection"] or ()]


def select(path, table, items, is_transposed=False):
    """Columns for items of -c, each of which means one."""
    found = []
    for group in groups(items):
        chosen = selected(look(path, table, ",".join(group), is_transposed))
        if len(chosen) != len(group):
            raise Failure(DATA, f"other columns ({path}, {table}): a name stands for several "
                                "columns; give the catalogue of the fit")
        found += chosen
    return found


def groups(items):
    """Items in groups that fit into an argument."""
    group, size = [], 0
    for item in items:
        length = len(os.fsencode(item)) + 1
        if group and size + length > MOST_BYTES:
            yield group
            group, size = [], 0
        group.append(item)
        size += length
    if group:
        yield group


def as_item(name):
    """A name as -c takes it: in braces, if it could be read as something else."""
    is_plain = name and not any(letter in ",(){}+-*/^ <>=!&|[]" for letter in name)
    return name if is_plain else f"{{{name}}}"

"""Runs the tests that `make check` built and closes with one total line.

C tests (tests/unit) run under mpirun (MPIRUN, another one) on 1, 2, 3 and 4 ranks, but for
those that say otherwise in their first lines ("Ranks: 8", "Ranks, sanitized: 3"), sanitized ones on 1 and 3. Python tests
(tests/program, tests/oracle) run as they are; one by hand needs PYTHONPATH=tests/support. Each has a
timeout, after which it and everything it started is killed. Some run side by side, since much of their
time is waiting for processes to start; but many ranks, which wait for each other, run alone.
"""
import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from launcher import on_ranks

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
# Sanitizers look for errors of memory, which two numbers of ranks show as well as four.
IS_SANITIZED = BUILD.name == "sanitize"
RANKS = [1, 3] if IS_SANITIZED else [1, 2, 3, 4]
ALONE = ["env", "OMPI_MCA_ess_singleton_isolated=1"]  # starts without a daemon beside it
AT_ONCE = 4
TIMEOUT = 600  # seconds, for one run of one file
RANKS_LINE = re.compile(r"\bRanks: ([\d, ]+)\.")
SANITIZED_LINE = re.compile(r"\bRanks, sanitized: ([\d, ]+)\.")
CHECK_LINE = re.compile(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)")
UNITTEST_LINE = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
UNITTEST_COUNT = re.compile(r"(failures|errors|skipped|expected failures)=(\d+)")


def run(command, seconds):
    """Exit status, output, and seconds of processors of a command and of all that it waited for. It has
    a session folder of its own, which Open MPI would otherwise make or remove while another one needs
    it."""
    with tempfile.TemporaryDirectory(prefix="ompi-") as folder, \
            tempfile.TemporaryFile("w+", errors="replace") as said:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said,
                                   stderr=subprocess.STDOUT, start_new_session=True,
                                   env=os.environ | {"OMPI_MCA_orte_tmpdir_base": folder})
        killer = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
        killer.start()
        _, status, usage = os.wait4(process.pid, 0)
        is_late = not killer.is_alive()
        killer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        output = said.read() + (f"\ntimeout after {seconds} s" if is_late else "")
        return process.returncode, output, usage.ru_utime + usage.ru_stime


def count_check(output):
    """Tests that passed, failed and were skipped, by Check's closing line; None without one."""
    found = CHECK_LINE.search(output)
    if not found:
        return None
    total, failures, errors = map(int, found.groups())
    return total - failures - errors, failures + errors, 0


def count_unittest(output):
    """The same by the closing lines of Python's unittest."""
    found = UNITTEST_LINE.search(output)
    if not found:
        return None
    counts = {name: int(number) for name, number in UNITTEST_COUNT.findall(output[found.end():])}
    failed = counts.get("failures", 0) + counts.get("errors", 0)
    skipped = counts.get("skipped", 0)
    return int(found.group(1)) - failed - skipped, failed, skipped


def run_test(name, command, seconds, count):
    """Runs one test file, prints a line about it and what it said if it failed."""
    start = time.monotonic()
    status, output, cpu = run(command, seconds)
    passed, failed, skipped = count(output) or (0, 1, 0)
    if status != 0 and failed == 0:
        failed = 1
    lines = [f"{'ok  ' if failed == 0 else 'FAIL'} {name:32} {passed:4} passed {failed:3} failed "
             f"{skipped:3} skipped {time.monotonic() - start:7.1f} s, {cpu:6.1f} s of CPU"]
    lines += [output] if failed else []
    lines += [f"     skipped: {why}" for why in set(re.findall(r"skipped '(.*)'", output))]
    print("\n".join(lines), flush=True)
    return passed, failed, skipped


def ranks_of(path):
    """Numbers of ranks that a C test is run on."""
    text = path.read_text()[:1000]
    found = IS_SANITIZED and SANITIZED_LINE.search(text) or RANKS_LINE.search(text)
    return [int(number) for number in found.group(1).split(",")] if found else RANKS


def jobs(wanted, kind, ranks):
    """Ranks, and name, command, timeout and counter of each run; those of whole programs first, and of
    them the long texts, which as a rule take long, so that none is left alone in the end."""
    tests = ROOT / "tests"
    for path in sorted([*tests.glob("unit/test_*.c"), *tests.glob("program/test_*.py"),
                        *tests.glob("oracle/test_*.py")],
                       key=lambda path: (path.suffix != ".py", -path.stat().st_size)):
        if (wanted and path.stem != f"test_{wanted}") or (kind and path.suffix != f".{kind}"):
            continue
        if path.suffix == ".c":
            binary = BUILD / "tests" / path.stem
            for n in ranks or ranks_of(path):
                start = on_ranks(n) if n > 1 else ALONE
                yield n, (f"{path.stem} on {n}", [*start, str(binary)], TIMEOUT, count_check)
        else:
            yield 1, (path.name, [sys.executable, str(path), "-v"], TIMEOUT, count_unittest)


def take_signals():
    """What nohup, or a shell in the background, has ignored is ignored by all that is started here,
    and some tests send these signals. A handler is not inherited."""
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def main():
    take_signals()
    parser = argparse.ArgumentParser(description="run the tests")
    parser.add_argument("--test", help="only test_NAME")
    parser.add_argument("--kind", choices=["c", "py"], help="only unit or whole-program tests")
    parser.add_argument("--ranks", type=int, help="C tests on this number of ranks only")
    arguments = parser.parse_args()
    ranks = [arguments.ranks] if arguments.ranks else None
    found = list(jobs(arguments.test, arguments.kind, ranks))
    totals = [run_test(*job) for n, job in found if n > AT_ONCE]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        totals += pool.map(lambda job: run_test(*job), [job for n, job in found if n <= AT_ONCE])
    if not totals:
        sys.exit(f"no test is called {arguments.test}: see tests/unit/, tests/program/, tests/oracle/")
    passed, failed, skipped = map(sum, zip(*totals))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

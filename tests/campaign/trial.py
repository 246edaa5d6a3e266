"""One fault: a run in a folder of its own that something happens to, and what has to be true then.

Whatever is drawn comes from the number of the fault. When a signal meets the run depends on the
machine, too: it comes a drawn time after a drawn moment.
"""
import contextlib
import glob
import json
import os
import random
import re
import shutil
import subprocess
import time

import numpy as np

from program import Result, end_session, run, write_array, write_columns
from stopping import watched

# A catalogue, and what is asked of it: seconds of work, and each its own way through the program.
JOBS = {
    "plain": ["in.h5", "-k", 300, "--seeding-rows", "all", "--max-iterations", 12],
    "restarts": ["in.h5", "-k", 60, "--restarts", 3, "--seeding", "random", "--max-iterations", 15],
    "columns": ["a.h5", "b.h5", "-c", "x,y,x-y", "--weights", "w", "--id", "name", "--where", "y>-9",
                "--scale", "standard", "-k", 50, "--max-iterations", 15, "--distances", "--second",
                "--describe", "features", "--verify"],
    "several": ["in.h5", "-k", "20,40,60", "--max-iterations", 8],
}
PLACES = {"result": "out.h5", "metrics": "out.json", "state": "out.state", "scratch": "."}
OLD = b"old"
HALF_WRITTEN = re.compile(r"out\.(h5|json|state)\.\w{6}")


class Wrong(Exception):
    """What must not happen. It begins with a word: HANG, CRASH, LOST, WRONG, LEFT or UNSAID."""


def write_inputs(folder):
    random_numbers = np.random.default_rng(1)
    write_array(f"{folder}/in.h5", random_numbers.random((100_000, 3), dtype="f4"))
    for name, n in (("a", 30_000), ("b", 20_000)):
        columns = dict(zip("xy", random_numbers.normal(size=(2, n))))
        columns["y"][::50] = np.nan
        columns |= {"w": random_numbers.random(n), "name": np.arange(n).astype("S8")}
        write_columns(f"{folder}/{name}.h5", columns)


def answer_of(path):
    """All that is promised, but for the method, which may change on the way."""
    return {name: value for name, value in Result(path).answer().items() if name != "@algorithm"}


class Jobs:
    """The catalogues, and what each job gives if nothing happens to it."""

    def __init__(self, top):
        self.folder, self.whole = f"{top}/inputs", f"{top}/whole"
        for folder in (self.folder, self.whole):
            shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(self.folder)
        write_inputs(self.folder)
        shutil.copytree(self.folder, self.whole)
        self.answers = {job: self.fit(job, self.whole) for job in JOBS}

    @staticmethod
    def fit(job, folder, *options):
        finished = run("fit", *JOBS[job], "--tolerance", 0, "-o", f"{job}.h5", "--overwrite", *options,
                       folder=folder)
        if finished.code != 0:
            raise AssertionError(f"without any fault: {finished}")
        return answer_of(f"{folder}/{job}.h5")


# ---- moments -------------------------------------------------------------------------------------


def is_beside(trial, what):
    return glob.glob(f"{trial.path(what)}.??????")


def wait_for_writing(trial, going):
    going.wait_until(lambda: is_beside(trial, "result"))


def wait_for_closing(trial, going):
    wait_for_writing(trial, going)
    going.wait_until(lambda: not is_beside(trial, "result"))


# What the run is doing: what to wait for, and the most seconds after it.
MOMENTS = {
    "starting": (lambda trial, going: None, 0.8),
    "reading": (lambda trial, going: going.wait_for("features:"), 0.05),
    "seeding": (lambda trial, going: going.wait_for("features:"), 0.4),
    "iterating": (lambda trial, going: going.wait_for("iteration"), 0.4),
    "saving": (lambda trial, going: going.wait_until(lambda: is_beside(trial, "state")), 0.005),
    "writing": (wait_for_writing, 0.02),
    "closing": (wait_for_closing, 0.1),
}


class Trial:
    def __init__(self, number, jobs, top):
        self.number, self.jobs, self.folder = number, jobs, f"{top}/{number}"
        self.draw = random.Random(number)
        self.job, self.ranks = self.choose(sorted(JOBS)), self.choose([1, 2, 3, 4])
        self.manner = ["--algorithm", self.choose(["auto", "lloyd", "tree", "bounds", "neighbours"]),
                       "--kernel", self.choose(["auto", "auto", "reference"]),
                       "--threads", self.choose([1, 2])]
        self.is_mpirun_ended = False
        self.has_scratch, has_old = self.draw.random() < 0.25, self.draw.random() < 0.5
        self.places, self.notes, self.may_leave = dict(PLACES), [f"{self.job} on {self.ranks}"], []
        self.answers = [jobs.answers[self.job]]  # those that are right
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(jobs.folder, self.folder)
        self.inputs = set(os.listdir(self.folder))
        if has_old:
            self.write_old()

    def choose(self, list_of_some):
        return self.draw.choice(list_of_some)

    def note(self, *words):
        self.notes.append(" ".join(map(str, words)))

    def path(self, what):
        return os.path.join(self.folder, self.places[what])

    def write_old(self):
        for what in ("result", "metrics"):
            with open(self.path(what), "wb") as file:
                file.write(OLD)

    def put(self, what, folder):
        """Has the run write something to a folder of its own."""
        os.makedirs(f"{self.folder}/{folder}", exist_ok=True)
        is_old = what in ("result", "metrics") and os.path.exists(self.path(what))
        before, name = self.path(what), PLACES[what]
        self.places[what] = folder if name == "." else f"{folder}/{name}"
        self.has_scratch |= what == "scratch"
        if is_old:
            shutil.move(before, self.path(what))

    # ---- running ---------------------------------------------------------------------------------

    def arguments(self, *options):
        outputs = ["-o", self.places["result"], "--metrics", self.places["metrics"], "--checkpoint",
                   self.places["state"], "--checkpoint-interval", 0]
        scratch = ["--scratch", self.places["scratch"]] if self.has_scratch else []
        return ["fit", *JOBS[self.job], "--tolerance", 0, *outputs, *self.manner, *scratch,
                "--overwrite", "--verbose", *options]

    def begin(self, *options, **how):
        """A run that is watched, in a start of its own."""
        return watched(*self.arguments(*options), **{"ranks": self.ranks, "cwd": self.folder} | how)

    def wait_for_moment(self, going, names=tuple(MOMENTS)):
        name, part = self.choose(names), self.draw.random()
        wait, most_seconds = MOMENTS[name]
        wait(self, going)
        time.sleep(part * most_seconds)
        self.note(f"{name} + {part * most_seconds:.4f} s")

    def finish(self, going):
        """The finished run, of which no process may be left."""
        finished = going.finish()
        limit = time.monotonic() + 30
        while going.pids() and time.monotonic() < limit:
            time.sleep(0.05)
        if going.pids():
            end_session(going.process.pid)
            raise Wrong(f"HANG: ranks stay after the end of mpirun: {finished}")
        return finished

    # ---- what has to be true ---------------------------------------------------------------------

    def require(self, truth, kind, *what):
        if not truth:
            raise Wrong(f"{kind}: " + " ".join(map(str, what)))

    def check_answer(self, *finished):
        """The result is one of the right ones, as a whole."""
        self.require(os.path.exists(self.path("result")), "LOST", "no result", *finished)
        self.require(answer_of(self.path("result")) in self.answers, "WRONG", "answer", *finished)

    def check_result(self, *finished):
        """And so is the record of the run."""
        self.check_answer(*finished)
        if "no metrics, but the result is complete: " in "".join(run.err for run in finished):
            return
        self.require(os.path.exists(self.path("metrics")), "LOST", "no metrics", *finished)
        self.check_metrics()

    def check_metrics(self):
        with open(self.path("metrics"), "rb") as file:
            text = file.read()
        if text != OLD:
            record = json.loads(text)
            self.require(all(seconds >= 0 for phase in record["phases"].values()
                             for seconds in phase.values()), "WRONG", "negative times", text)

    def check_old(self, finished):
        """What has its final name is old, or whole; one gets it after the other."""
        for what, check in (("result", lambda: self.check_answer(finished)),
                            ("metrics", self.check_metrics)):
            with contextlib.suppress(FileNotFoundError):
                with open(self.path(what), "rb") as file:
                    is_old = file.read(len(OLD) + 1) == OLD
                if not is_old:
                    try:
                        check()
                    except (OSError, ValueError, KeyError) as error:
                        raise Wrong(f"WRONG: half a file {self.path(what)}: {error} {finished}") \
                            from None

    def check_left(self, finished, *allowed):
        """No other file is there than those that may be."""
        found = {os.path.relpath(os.path.join(folder, name), self.folder)
                 for folder, _, names in os.walk(self.folder) for name in names}
        known = self.inputs | {self.places[what] for what in ("result", "metrics")}
        known |= {self.places["state"] + ending for ending in allowed}
        left = {name for name in found - known if not any(re.fullmatch(pattern, name.split("/")[-1])
                                                          for pattern in self.may_leave)}
        self.require(not left, "LEFT", sorted(left), finished)

    def judge(self, finished, codes=(), is_killed=False):
        """What came of a run: right, stopped, killed, or an error of one of these codes. An mpirun that
        was killed, or stopped by a signal, has a code of its own."""
        self.note("code", finished.code)
        self.require(is_killed or finished.code >= 0, "CRASH", finished)
        if finished.code == 0:
            self.check_result(finished)
            self.check_left(finished)
            return "right"
        self.check_old(finished)
        n_errors = len(re.findall(r"^skymeans: error: [^\n]+: [^\n]+$", finished.err, re.MULTILINE))
        is_own_code = finished.code not in (*range(7), 75) or (self.is_mpirun_ended and finished.code == 1)
        if is_killed and is_own_code:
            self.may_leave.append(HALF_WRITTEN)
            self.check_left(finished, "", ".prev", ".lock")
            self.require(n_errors == 0, "UNSAID", "an error of a run that was killed", finished)
            return "killed"
        self.check_left(finished, "", ".prev")
        self.require(finished.code in codes, "UNSAID", "another code", finished)
        if finished.code == 75:
            self.require("skymeans: stopped early (" in finished.err and os.path.exists(
                self.path("state")), "LOST", "stopped without a checkpoint", finished)
            return "stopped"
        self.require(n_errors == 1, "UNSAID", n_errors, "errors", finished)
        return f"error {finished.code}"

    def run_again(self, *options):
        return run(*self.arguments(*options), ranks=self.choose([1, 2, 3]), folder=self.folder)

    def go_on(self, outcome):
        """The same command, on whatever ranks, when all is well again."""
        if outcome == "right":
            return outcome
        finished = self.run_again()
        self.require(finished.code == 0, "LOST", finished)
        self.check_result(finished)
        self.check_left(finished)
        return outcome


class Disk:
    """A small file system in memory, mounted on a folder."""

    def __init__(self, folder, size):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)

    def change(self, options):
        """True if it could be changed: not to read-only while a file is written."""
        return subprocess.run(["mount", "-o", f"remount,{options}", self.folder],
                              capture_output=True, check=False).returncode == 0

    def remove(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)


@contextlib.contextmanager
def disk_for(trial, what, size):
    """One that the run writes something to; old outputs take their part of it."""
    disk = Disk(f"{trial.folder}/small", size)
    try:
        trial.put(what, "small")
        yield disk
    finally:
        disk.remove()

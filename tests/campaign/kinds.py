"""The kinds of faults: what happens to a run. Each is a function of a trial that returns what came of
it; KINDS has them all, and how many of 50 faults are of which kind."""
import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import time

import h5py

from program import ROOT, Result, run_alone
from stopping import watched
from trial import HALF_WRITTEN, JOBS, MOMENTS, Wrong, answer_of, disk_for

STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGXCPU]


def victims_of(trial, going):
    """Some of the ranks, all of them, or what started them."""
    who, pids = trial.choose(["one", "some", "all", "mpirun"]), going.pids()
    trial.note("to", who)
    if who == "mpirun" or not pids:
        trial.is_mpirun_ended = trial.ranks > 1
        return [going.process.pid]
    count = {"one": 1, "some": (len(pids) + 1) // 2, "all": len(pids)}[who]
    return trial.draw.sample(pids, count)


def killed(trial):
    """Signals that end a run, or ask it to stop, once or again when it goes on."""
    for _ in range(trial.choose([1, 1, 2])):
        number = trial.choose([signal.SIGKILL] * len(STOPS) + STOPS)
        trial.note(number.name)
        with trial.begin() as going:
            trial.wait_for_moment(going)
            going.send(number, victims_of(trial, going))
            finished = trial.finish(going)
        outcome = trial.judge(finished, codes=[75], is_killed=True)
        if outcome == "right":
            break
    return trial.go_on(outcome)


def paused(trial):
    """Some ranks stand still for a while, and more than once."""
    with trial.begin() as going:
        trial.wait_for_moment(going)
        for _ in range(trial.choose([1, 2, 3])):
            pids = going.pids()
            pids = trial.draw.sample(pids, trial.draw.randint(0, len(pids)))
            going.send(signal.SIGSTOP, pids)
            time.sleep(trial.draw.uniform(0.01, 1.5))
            going.send(signal.SIGCONT, pids)
        return trial.judge(trial.finish(going))


# ---- disks ---------------------------------------------------------------------------------------


def full_disk(trial):
    """Of any size, from one that holds nothing."""
    most = {"result": 4e6, "metrics": 6e4, "state": 3e5, "scratch": 6e6}
    what = trial.choose(sorted(most))
    size = int(4096 * (most[what] / 4096) ** trial.draw.random())
    trial.note(what, "on", size, "bytes")
    with disk_for(trial, what, size) as disk:
        with trial.begin() as going:
            finished = trial.finish(going)
        outcome = trial.judge(finished, codes=[4])
        disk.change("size=64m")
        return trial.go_on(outcome)


def read_only(trial):
    """From some moment on nothing can be written, nor removed."""
    what = trial.choose(["result", "metrics", "state"])
    trial.note(what)
    trial.may_leave += [HALF_WRITTEN, r"out\.state\.lock"]
    with disk_for(trial, what, "64m") as disk:
        with trial.begin() as going:
            trial.wait_for_moment(going)
            going.wait_until(lambda: disk.change("ro"))
            trial.note("in time" if going.process.poll() is None else "too late")
            finished = trial.finish(going)
        outcome = trial.judge(finished, codes=[4])
        disk.change("rw")
        return trial.go_on(outcome)


def folder_removed(trial):
    """It is gone under the run, and comes back with what was in it, or empty."""
    what = trial.choose(["result", "metrics", "state", "scratch"])
    trial.note(what)
    trial.may_leave += [HALF_WRITTEN, r"out\.state(\.prev|\.lock)?"]
    trial.put(what, "small")
    here, gone = f"{trial.folder}/small", f"{trial.folder}.gone"
    shutil.rmtree(gone, ignore_errors=True)
    with trial.begin() as going:
        trial.wait_for_moment(going)
        os.rename(here, gone)
        finished = trial.finish(going)
    os.rename(gone, here)
    outcome = trial.judge(finished, codes=[4])
    if outcome != "right" and trial.choose([True, False]):
        shutil.rmtree(here)
        os.mkdir(here)
        trial.note("lost")
    return trial.go_on(outcome)


# ---- inputs and results that change --------------------------------------------------------------


def flip_values(trial, path):
    """Some bytes of a dataset are others, without that HDF5 could notice."""
    with h5py.File(path) as file:
        found = []
        file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
        data = trial.choose(found)
        first, size = data.id.get_offset(), data.id.get_storage_size()
    with open(path, "r+b") as file:
        for _ in range(trial.choose([1, 1000])):
            at = first + trial.draw.randrange(size)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << trial.draw.randrange(8)]))


def replace_input(trial, path):
    shutil.copyfile(path, f"{path}.new")
    flip_values(trial, f"{path}.new")
    os.replace(f"{path}.new", path)


def append_bytes(_, path):
    with open(path, "ab") as file:
        file.write(b"more")


CHANGES = {"flip": flip_values, "replace": replace_input, "append": append_bytes,
           "cut": lambda trial, path: os.truncate(path, int(os.path.getsize(path) *
                                                            trial.draw.random())),
           "remove": lambda _, path: os.remove(path), "touch": lambda _, path: os.utime(path)}


def add_new_answer(trial):
    """That of the changed values, if they can be fitted."""
    folder = f"{trial.folder}.new"
    shutil.copytree(trial.folder, folder)
    with contextlib.suppress(AssertionError):
        trial.answers.append(trial.jobs.fit(trial.job, folder))
    shutil.rmtree(folder)


def input_changed(trial):
    """The answer is that of the old values or of the new ones, and no mix of them."""
    change = trial.choose(sorted(CHANGES))
    name = trial.choose([word for word in JOBS[trial.job] if str(word).endswith(".h5")])
    path = f"{trial.folder}/{name}"
    trial.note(change, name)
    with trial.begin() as going:
        trial.wait_for_moment(going, ["starting", "reading", "reading", "seeding", *MOMENTS])
        CHANGES[change](trial, path)
        finished = trial.finish(going)
    right = list(trial.answers)
    if finished.code == 0 and change in ("flip", "replace"):
        add_new_answer(trial)
    outcome = trial.judge(finished, codes=[1, 3, 4])
    trial.answers = right
    shutil.copy2(f"{trial.jobs.folder}/{name}", path)
    if outcome == "right":
        return outcome
    if "the catalogue has changed" in trial.run_again().err:  # it is one of the other values
        for left in glob.glob(f"{trial.folder}/out.state*"):
            os.remove(left)
    return trial.go_on(outcome)


def damage(trial, path):
    """A bit, a sector, or the end of a file is lost."""
    size, how = os.path.getsize(path), trial.choose(["bit", "bit", "sector", "cut"])
    at = trial.draw.randrange(size)
    trial.note(how, "at", at, "of", size)
    if how == "cut":
        os.truncate(path, at)
        return
    with open(path, "r+b") as file:
        file.seek(at if how == "bit" else at // 512 * 512)
        bytes_there = file.read(1 if how == "bit" else 512)
        file.seek(-len(bytes_there), os.SEEK_CUR)
        file.write(bytes([bytes_there[0] ^ 1 << trial.draw.randrange(8)]) if how == "bit"
                   else bytes(len(bytes_there)))


def checkpoint_damaged(trial):
    """One that was damaged is not gone on from."""
    with trial.begin() as going:
        trial.wait_for_moment(going, ["iterating", "saving"])
        going.send(signal.SIGUSR1)
        finished = trial.finish(going)
    outcome = trial.judge(finished, codes=[75], is_killed=True)
    if outcome != "stopped":
        return trial.go_on(outcome)
    files = sorted(glob.glob(trial.path("state")) + glob.glob(trial.path("state") + ".prev"))
    for path in trial.draw.sample(files, trial.draw.randint(1, len(files))):
        damage(trial, path)
    again = trial.run_again()
    outcome = trial.judge(again, codes=[3])
    if outcome == "error 3":
        trial.require("checkpoint" in again.err, "UNSAID", again)
        for path in files:
            os.remove(path)
    return trial.go_on(outcome)


def result_damaged(trial):
    """It is refused, or read: `predict` then gives the labels of the fit, and what `verify` calls the same
    is what it was."""
    inputs = [word for word in JOBS[trial.job] if str(word).endswith(".h5")]
    whole = f"{trial.jobs.whole}/{trial.job}.h5"
    shutil.copy(whole, f"{trial.folder}/out.h5")
    damage(trial, f"{trial.folder}/out.h5")
    takes_centers = trial.job in ("plain", "columns")  # no restarts, one number of clusters
    what = trial.choose(["info", "verify", "predict", "compare"] + ["seeding"] * takes_centers)
    words = {"info": ["info", "out.h5"], "verify": ["verify", "out.h5", *inputs],
             "predict": ["predict", "out.h5", *inputs, "-o", "labels.h5"],
             "compare": ["compare", "out.h5", whole],
             "seeding": ["fit", *JOBS[trial.job], "--seeding", "out.h5", "--max-iterations", 1, "-o",
                         "labels.h5"]}[what]
    trial.note(what)
    finished = run_alone(*words, ranks=trial.choose([1, 2]), cwd=trial.folder)
    trial.note("code", finished.code)
    trial.require(finished.code in (0, 1, 3), "CRASH", finished)
    if finished.code != 0:
        trial.require(finished.err.count("skymeans: error: ") == 1, "UNSAID", finished)
        trial.require(not os.path.exists(f"{trial.folder}/labels.h5"), "LEFT", finished)
        return f"error {finished.code}"
    if what == "verify":
        check_verified(trial, whole, finished)
    elif what == "predict":
        labels = Result(f"{trial.folder}/labels.h5").labels
        trial.require((labels == Result(whole).labels).all(), "WRONG", "other labels", finished)
    return "right"


def check_verified(trial, whole, finished):
    """Labels, centers, sizes and inertia are what they were."""
    try:
        found, expected = Result(f"{trial.folder}/out.h5"), Result(whole)
    except (OSError, RuntimeError, KeyError) as error:
        raise Wrong(f"WRONG: verified, but can't be read: {error} {finished}") from None
    for name in ("labels", "centers", "sizes"):
        trial.require((found.data[name] == expected.data[name]).all(), "WRONG", "verified", name)
    trial.require(found.inertia == expected.inertia, "WRONG", "verified inertia")


# ---- others --------------------------------------------------------------------------------------


def same_checkpoint(trial):
    """Two jobs on one checkpoint: one works, the other one says so."""
    with trial.begin() as first, trial.begin(ranks=trial.choose([1, 2])) as second:
        done = [trial.finish(first), trial.finish(second)]
    outcomes = sorted({"right" if finished.code == 0 else f"error {finished.code}"
                       for finished in done})
    for finished in done:
        if finished.code != 0:
            trial.require(finished.code == 4 and finished.err.count("skymeans: error: ") == 1,
                          "UNSAID", finished)
    trial.note(*[finished.code for finished in done])
    trial.require(any(finished.code == 0 for finished in done), "LOST", *done)
    trial.check_result(done[0])
    trial.check_left(done)
    return " and ".join(outcomes)


def same_output(trial):
    """Two jobs of other random seeds write one result: it is that of one of them."""
    replaces = trial.choose([True, False])
    trial.note("to be replaced" if replaces else "not to be replaced")
    if not replaces:
        for what in ("result", "metrics"):
            if os.path.exists(trial.path(what)):
                os.remove(trial.path(what))
    other = f"{trial.folder}.other"
    shutil.copytree(trial.jobs.folder, other)
    trial.answers.append(trial.jobs.fit(trial.job, other, "--random-seed", 7))
    shutil.rmtree(other)
    command = [word for word in trial.arguments() if replaces or word != "--overwrite"]
    states = [[word if word != "out.state" else f"{name}.state" for word in command]
              for name in "ab"]
    states[1] += ["--random-seed", 7]
    with watched(*states[0], ranks=trial.choose([1, 2]), cwd=trial.folder) as first, \
            watched(*states[1], ranks=trial.choose([1, 2]), cwd=trial.folder) as second:
        done = [trial.finish(first), trial.finish(second)]
    codes = [finished.code for finished in done]
    trial.note(*codes)
    trial.require(sorted(codes) == ([0, 0] if replaces else [0, 2]), "UNSAID", *done)
    trial.check_result(*done)
    is_first = answer_of(trial.path("result")) == trial.answers[0]
    trial.require(replaces or 0 == codes[0 if is_first else 1], "WRONG", "the loser's result", *done)
    for left in glob.glob(f"{trial.folder}/[ab].state*"):
        if 2 in codes and not left.endswith(".lock"):
            os.remove(left)  # the loser's work may go on elsewhere
    trial.check_left(done)
    return "right" if codes == [0, 0] else "right and error 2"


def clock_set_back(trial):
    """The clock of the day jumps at some moment, by seconds or years; the run may be stopped, too."""
    seconds = trial.choose([1, 3600, 86400, 10 ** 9]) * trial.choose([1, 1, -1])
    after = trial.draw.uniform(0, 1.5)
    trial.note(f"{seconds} s back after {after:.3f} s")
    clock = {"LD_PRELOAD": trial.jobs.clock, "KM_CLOCK_BACK": str(seconds),
             "KM_CLOCK_AFTER": str(after)}
    is_stopped = trial.choose([True, False])
    with trial.begin("--max-hours", 1, **clock) as going:
        if is_stopped:
            trial.wait_for_moment(going, ["seeding", "iterating", "saving"])
            going.send(signal.SIGUSR1, going.pids()[:1])
        finished = trial.finish(going)
    return trial.go_on(trial.judge(finished, codes=[75] * is_stopped))


def node_lost(trial):
    """Of a Slurm cluster in namespaces: a node dies, its link is cut, or cut and mended."""
    log = f"{trial.folder}/slurm.log"
    with open(log, "w", encoding="utf-8") as file:
        code = subprocess.run([f"{ROOT}/tests/slurm/run.sh", "test_drawn_fault"], stdout=file,
                              stderr=file, check=False, env=os.environ | {
                                  "MAKEFLAGS": "", "KM_FAULT_NUMBER": str(trial.number)}).returncode
    with open(log, encoding="utf-8") as file:
        text = file.read()
    trial.note(*re.findall(r"drawn: (.*)$", text, re.MULTILINE))
    trial.require(code == 0, "LOST", text)
    return "right" if "Ran 1 test" in text else f"skipped: {text.strip()}"


# ---- the table -----------------------------------------------------------------------------------

IS_ROOT = os.geteuid() == 0
# Name: function, how many of 50, whether it can be tried here.
KINDS = {
    "killed": (killed, 12, True),
    "paused": (paused, 3, True),
    "disk full": (full_disk, 7, IS_ROOT),
    "disk read-only": (read_only, 4, IS_ROOT),
    "folder removed": (folder_removed, 4, True),
    "input changed": (input_changed, 7, True),
    "checkpoint damaged": (checkpoint_damaged, 4, True),
    "result damaged": (result_damaged, 3, True),
    "checkpoint shared": (same_checkpoint, 1, True),
    "output shared": (same_output, 2, True),
    "clock set back": (clock_set_back, 2, True),
    "node or link lost": (node_lost, 1, IS_ROOT),
}
IN_TURN = [name for name, (_, count, _) in KINDS.items() for _ in range(count)]
assert len(IN_TURN) == 50


def kind_of(number):
    """All kinds come soon, and the rare ones far apart: 50 and 37 have no common divisor."""
    return IN_TURN[number * 37 % 50]

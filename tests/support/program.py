"""Whole-program tests: running skymeans on ranks, catalogues for it, and what it left behind."""
import concurrent.futures
import contextlib
import hashlib
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

import h5py
import numpy as np

from launcher import on_ranks

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BINARY = os.path.join(ROOT, os.environ.get("BUILD", "build"), "skymeans")
# The program that fails on purpose. One whose result can't be written leaves the checkpoint of the
# iteration before the last: the way to stop after exactly so many iterations.
FAULTS = os.path.join(os.path.dirname(BINARY), "faults", "skymeans")
# Those that run many command lines in one start of MPI.
MANY = os.path.join(os.path.dirname(BINARY), "tests", "many")
MANY_FAULTS = os.path.join(os.path.dirname(BINARY), "faults", "many")
IS_SANITIZED = "sanitize" in BINARY  # such programs take more time and memory
# For one run; on a quiet machine few take more than one. Checks that last for hours wait longer.
SECONDS = int(os.environ.get("KM_SECONDS", "60"))
AT_ONCE = 5  # runs side by side: starting and stopping MPI is mostly waiting
# After a rank failed mpirun waits twice that many seconds, 1 by default, for the others to end.
# Rank 0 alone fails, and later than the others end (src/main.c), so this is waiting for nothing;
# but runs that are killed, or stopped through mpirun, need the default.
NO_WAITING = {"OMPI_MCA_odls_base_sigkill_timeout": "0"}

# ---- running -------------------------------------------------------------------------------------

SANITIZER_NOTICE = re.compile(r"^==\d+==WARNING: AddressSanitizer failed to allocate .*\n",
                              re.MULTILINE)
MPIRUN_NOTICE = re.compile(r"^-{40,}\n.*?^-{40,}\n", re.MULTILINE | re.DOTALL)


class Run:
    """A finished run: exit code, stdout, and what the program itself said on stderr."""

    def __init__(self, arguments, ranks, code, out, err):
        self.arguments, self.ranks, self.code, self.out = arguments, ranks, code, out
        err = SANITIZER_NOTICE.sub("", err)
        self.err = MPIRUN_NOTICE.sub("", err) if ranks > 1 else err

    def __str__(self):
        line = " ".join(map(str, self.arguments))
        return f"skymeans {line}\non {self.ranks} ranks: exit {self.code}\n{self.out}{self.err}"


def processes_of(leader):
    """All of its session, and all that those started: Open MPI gives each rank a process group of its
    own, MPICH a session."""
    links = {}  # parent and session by process
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8") as file:
            _, parent, _, session, *_ = file.read().rpartition(")")[2].split()
            links[int(name)] = int(parent), int(session)
    found, more = set(), {process for process, (_, session) in links.items() if session == leader}
    while more:
        found |= more
        more = {process for process, (parent, _) in links.items() if parent in more} - found
    return found


def end_session(leader):
    """Kills all processes of the leader of a session."""
    for process in processes_of(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def command_line(binary, ranks, cpus=None):
    """The program, alone or on several ranks."""
    start = ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []
    return [*start, *(on_ranks(ranks) if ranks > 1 else []), binary]


def environment(folder, omp_num_threads=None, **variables):
    """Variables for a run, whose session folder is its own: runs that end would otherwise remove it
    under those that begin. Not looking for fast networks saves 0.2 s a run on several ranks. Many runs
    share the cores, so waiting threads sleep."""
    others = {name: text for name, text in os.environ.items() if name != "OMP_NUM_THREADS"}
    if omp_num_threads is not None:
        variables["OMP_NUM_THREADS"] = str(omp_num_threads)
    return others | variables | {
        "OMPI_MCA_orte_tmpdir_base": folder, "OMPI_MCA_pml": "ob1", "OMP_WAIT_POLICY": "passive"}


@contextlib.contextmanager
def started(*arguments, ranks=1, cpus=None, binary=BINARY, cwd=None, **variables):
    """The program as the leader of a session of its own, none of which is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="ompi-") as folder:
        process = subprocess.Popen([*command_line(binary, ranks, cpus), *map(str, arguments)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, errors="replace", cwd=cwd,
                                   env=environment(folder, **variables), start_new_session=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                end_session(process.pid)
                process.communicate()


def run_alone(*arguments, ranks=1, seconds=SECONDS, **how):
    """Runs the program as its user would start it; too slow a run is a failure. It may use the CPUs of
    a set, by default all that there are, and as many threads as it finds right."""
    with started(*arguments, ranks=ranks, **NO_WAITING | how) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            end_session(process.pid)
            out, err = process.communicate()
            killed = Run(arguments, ranks, process.returncode, out, err)
            raise AssertionError(f"killed after {seconds} s: {killed}") from None
    return Run(arguments, ranks, process.returncode, out, err)


class Going:
    """The program on some ranks, in one start of MPI for all the runs of a test file (many.c)."""

    on = {}  # by the number of ranks, the program, and the environment
    starting = threading.Lock()

    def __init__(self, ranks, binary):
        self.ranks, self.lock, self.is_broken = ranks, threading.Lock(), False
        self.folder = tempfile.mkdtemp(prefix="many-")
        names = [os.path.join(self.folder, str(rank)) for rank in range(ranks)]
        for name in names:
            os.mkfifo(name)
        self.pipes = [os.open(name, os.O_RDWR) for name in names]
        with open(os.path.join(self.folder, "said"), "w") as said:
            self.process = subprocess.Popen(
                [*command_line(binary, ranks), self.folder], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=said, bufsize=0, env=environment(self.folder),
                start_new_session=True)
        unittest.addModuleCleanup(self.end)

    @classmethod
    def get(cls, ranks, binary):
        key = ranks, binary, frozenset(os.environ.items())
        with cls.starting:
            if key not in cls.on or cls.on[key].is_broken:
                cls.on[key] = cls(ranks, binary)
            return cls.on[key]

    def run(self, arguments, seconds, faults, folder):
        with self.lock:
            for name in ("out", "err"):
                self.open(name, "w").close()
            for pipe, fault in zip(self.pipes, faults):
                variables = [fault] if isinstance(fault, str) else fault or []
                words = [folder, *variables, "skymeans", *map(str, arguments)]
                os.write(pipe, b"".join(os.fsencode(word) + b"\0"
                                        for word in [str(len(words)), *words]))
            is_answered, *_ = select.select([self.process.stdout], [], [], seconds)
            answer = self.process.stdout.readline() if is_answered else b""
            said = [self.read(name) for name in ("out", "err")]
            if answer.strip().isdigit():  # MPICH's mpiexec itself may say there how it ended
                return Run(arguments, self.ranks, int(answer), *said)
            self.is_broken = True
            end_session(self.process.pid)
        why = f"{self.process.wait()} at once" if is_answered else f"nothing after {seconds} s"
        self.close_pipes()
        self.process.stdout.close()
        broken = Run(arguments, self.ranks, why, *said)
        raise AssertionError(f"no exit code: {broken}\n{self.read('said')}")

    def open(self, name, mode="r"):
        return open(os.path.join(self.folder, name), mode, errors="replace")

    def read(self, name):
        with self.open(name) as file:
            return file.read()

    def close_pipes(self):
        while self.pipes:
            os.close(self.pipes.pop())

    def end(self):
        """What it was started with ends well, too."""
        self.close_pipes()
        try:
            code = self.process.wait(SECONDS)
        finally:
            end_session(self.process.pid)
            self.process.stdout.close()
            said = self.read("said")
            shutil.rmtree(self.folder)
        if code != 0 and not self.is_broken:
            raise AssertionError(f"many on {self.ranks} ranks ended with {code}: {said}")
        self.is_broken = True


def run(*arguments, ranks=1, seconds=SECONDS, faults=None, folder=".", many=None, **how):
    """Runs the program in a folder, in one start of MPI with the other runs on as many ranks: so this
    says nothing of starting and ending, of memory, or of time. It may fail on purpose: `faults` has a
    variable of src/base/fault.h for all ranks, or one (or None, or several) for each. Whatever else is asked for
    needs a start of its own."""
    if how:
        return run_alone(*arguments, ranks=ranks, seconds=seconds, **how)
    going = Going.get(ranks, many or (MANY_FAULTS if faults else MANY))
    each = faults if isinstance(faults, list) else [faults] * ranks
    return going.run(arguments, seconds, each, os.path.abspath(folder))


def run_all(calls, at_once=AT_ONCE):
    """The results of calls without arguments, in their order, some of them side by side."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def run_many(calls):
    """What the program does with command lines, pairs of (arguments, ranks): in turn on each number of
    ranks, and these side by side."""
    done = {}

    def run_on(ranks):
        done.update({number: run(*arguments, ranks=n)
                     for number, (arguments, n) in enumerate(calls) if n == ranks})
    run_all([lambda n=n: run_on(n) for n in {n for _, n in calls}])
    return [done[number] for number in range(len(calls))]


# ---- what it says --------------------------------------------------------------------------------

# Phases that take more than a few seconds, on a busy machine.
PHASE_SAID = r"^(reading|ordering|seeding|[a-z ]+): ([0-9]+ %, )?[0-9.]+ (s|min|h) so far.*\n"
SUMMARY = {
    "catalogue": (r"^  catalogue +(.+), (\S+): (\d+) rows, (\d+) used, (\d+) dropped", 5),
    "result": (r"^  result +(.+)$", 1),
    "run": (r"^  run +(\d+) ranks? of (\d+) threads?, (?:lloyd|tree|bounds), (\S+) kernel, (float32|float64)$", 4),
    "stopped": (r"^  stopped +after (\d+) iterations?: (.+) \((converged|not converged)\)$", 3),
    "inertia": (r"^  inertia +(\S+)$", 1),
    "checksum": (r"^  checksum +([0-9a-f]{16})$", 1),
    "read": (r"^  read +([0-9.]+) MB at ([0-9.]+) GB/s$", 2),
}
CLUSTER = re.compile(r"^ +(\d+) +(\d+) +[0-9.]+%(?: +([0-9.]+|nan)%)?", re.MULTILINE)
RESTART = re.compile(r"^ +(\d+) +(\S+) +(\d+) +(-?[0-9.]+)(  \(kept\))?$", re.MULTILINE)
PHASE = re.compile(r"^  ([a-z]+) +([0-9.]+) +([0-9.]+) +([0-9.]+) +[0-9.]+%$", re.MULTILINE)


def parse_summary(out):
    """The closing summary: texts by name, sizes of clusters, (min, mean, max) of phases; of several
    fits how stable clusters are, and the lines about them."""
    summary = {}
    for name, (pattern, n_groups) in SUMMARY.items():
        found = re.search(pattern, out, re.MULTILINE)
        if not found:
            raise AssertionError(f"no line '{name}' in the summary:\n{out}")
        summary[name] = found.group(1) if n_groups == 1 else found.groups()
    summary["sizes"] = [int(size) for _, size, _ in CLUSTER.findall(out)]
    summary["stable"] = [float(share) for *_, share in CLUSTER.findall(out) if share]
    summary["restarts"] = RESTART.findall(out)
    summary["phases"] = {name: tuple(map(float, times)) for name, *times in PHASE.findall(out)}
    return summary


# ---- what it reads -------------------------------------------------------------------------------


def write_array(path, values, name="points", **layout):
    with h5py.File(path, "a") as file:
        file.create_dataset(name, data=values, **layout)


def write_columns(path, columns, form="table/columns/{}/data", units=None, **layout):
    """A column for each name in a dictionary; by default where vaex would have it."""
    with h5py.File(path, "a") as file:
        for name, values in columns.items():
            data = file.create_dataset(form.format(name), data=values, **layout)
            if units and name in units:
                data.attrs["units"] = units[name]


def blobs(n_rows, n_features, n_clusters=4, seed=1):
    """Rows around random places, in float64."""
    random = np.random.default_rng(seed)
    places = random.uniform(-10, 10, (n_clusters, n_features))
    return places[random.integers(0, n_clusters, n_rows)] + random.normal(
        size=(n_rows, n_features))


# ---- what it writes ------------------------------------------------------------------------------


DEPENDS_ON_MANNER = ("history/seconds", "history/distances", "history/most_distances")


class Result:
    """A result file in memory: datasets by path, attributes by path of their object."""

    def __init__(self, path):
        self.data, self.attributes = {}, {}
        with h5py.File(path, "r") as file:
            self.attributes[""] = dict(file.attrs)
            file.visititems(self.keep)
        for name, value in self.attributes[""].items():
            setattr(self, name, value)
        self.labels, self.centers, self.sizes = map(self.data.get, ("labels", "centers", "sizes"))

    def keep(self, name, item):
        self.attributes[name] = dict(item.attrs)
        if isinstance(item, h5py.Dataset):
            self.data[name] = item[()]

    def answer(self):
        """The bytes of all that is promised to be the same however it was computed."""
        promised = {name: values.tobytes() for name, values in self.data.items()
                    if name not in DEPENDS_ON_MANNER and not name.startswith("files/")}
        for item in ("", "centers", "model"):
            promised |= {f"{item}@{name}": np.array(value).tolist()
                         for name, value in self.attributes[item].items()}
        return promised

    def samples(self, features):
        """The features in the space of the fit, rounded as the program works with them."""
        model = self.attributes["model"]
        exponent = int(model["exponent"])
        values = (features - self.data["model/offset"]) * self.data["model/factor"]
        return np.ldexp(np.ldexp(values, -exponent).astype(model["precision"]).astype("f8"),
                        exponent)


def mix(bits):
    """km_mix of src/base/hash.c."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
    return bits ^ (bits >> np.uint64(31))


def checksum(labels, centers, inertia):
    """The checksum of a result, as src/cluster/answer.c has it."""
    golden = np.uint64(0x9e3779b97f4a7c15)
    with np.errstate(over="ignore"):
        rows = np.arange(len(labels), dtype="u8")
        total = mix(mix(rows + golden) ^ labels.astype("u4").astype("u8")).sum(dtype="u8")
        for bits in (np.append(centers, inertia) + 0.0).view("u8"):  # -0 becomes +0
            total = mix(total ^ bits) + golden
    return f"{int(total):016x}"


# ---- tests ---------------------------------------------------------------------------------------


class ProgramTest(unittest.TestCase):
    """Each test works in a folder of its own."""

    def setUp(self):
        self.addCleanup(os.chdir, os.getcwd())
        folder = tempfile.mkdtemp(prefix="skymeans-fit-")
        self.addCleanup(shutil.rmtree, folder)
        os.chdir(folder)

    def fit(self, catalogue, k, *options, output="out.h5", **how):
        """A fit that must succeed: its Run and its Result. Nothing but the output may appear."""
        before = set(os.listdir())
        finished = run("fit", catalogue, "-k", k, "-o", output, "--overwrite", *options, **how)
        self.assertEqual(finished.code, 0, finished)
        self.assertLessEqual({name for name in set(os.listdir()) - before
                              if name.startswith(output)}, {output})
        return finished, Result(output)

    def fit_all(self, fits):
        """Results of many fits: pairs of arguments and keywords of self.fit without the output."""
        done = run_all([lambda i=i, a=a, h=h: self.fit(*a, output=f"out{i}.h5", **h)
                        for i, (a, h) in enumerate(fits)])
        return [result for _, result in done]

    handed_on = set()  # exit codes, with the number of ranks

    def run_refused(self, code, arguments, ranks):
        """The first of each exit code in a file as its user would start it, for what a launcher hands
        on."""
        is_first = (code, ranks) not in self.handed_on
        self.handed_on.add((code, ranks))
        return (run_alone if is_first else run)(*arguments, ranks=ranks)

    def refuse(self, *cases, ranks=(1, 3)):
        """Runs that must fail, all in the same folder: (exit code, pattern, *arguments)."""
        before = contents()
        jobs = [(case, n) for case in cases for n in ranks]
        done = [self.run_refused(code, arguments, n) for (code, _, *arguments), n in jobs]
        for ((code, pattern, *_), n), finished in zip(jobs, done):
            with self.subTest(arguments=finished.arguments, ranks=n):
                self.assertEqual(finished.code, code, finished)
                self.assertEqual(finished.out, "", finished)
                said = re.sub(r"^skymeans: (features: -c|going on from) .*\n|" + PHASE_SAID, "",
                              finished.err, flags=re.MULTILINE)
                self.assertRegex(said, r"\Askymeans: error: [^\n]+\n\Z", finished)
                self.assertRegex(said, pattern)
        self.assertEqual(contents(), before)

    def check(self, result, features, weights=None):
        """All that the result says about itself and these features, one row each."""
        weights = np.ones(len(features)) if weights is None else weights.astype("f8")
        used = np.isfinite(features).all(axis=1)
        labels, k = result.labels, len(result.centers)
        self.assertEqual((result.n_rows, result.n_used, result.n_missing),
                         (len(features), used.sum(), (~used).sum()))
        np.testing.assert_array_equal(labels >= 0, used)
        self.assertEqual(labels[~used].tolist(), [-1] * (~used).sum())
        np.testing.assert_array_equal(result.sizes, np.bincount(labels[used], minlength=k))
        self.check_weights(result, labels[used], weights[used])
        self.assertEqual(result.checksum, checksum(labels, result.centers, result.inertia))
        self.check_geometry(result, result.samples(features[used].astype("f8")), labels[used],
                            weights[used])

    def check_weights(self, result, labels, weights):
        """Sums are exact for whole numbers; others are rounded to 2^-52 of the sum of all."""
        are_whole = (weights == np.floor(weights)).all()
        unit = 0 if are_whole else weights.sum() * 2.0 ** -51
        sums = np.bincount(labels, weights=weights, minlength=len(result.sizes))
        self.assertTrue((np.abs(result.data["weights"] - sums) <= result.sizes * unit).all())

    def check_geometry(self, result, samples, labels, weights):
        """Labels name the nearest center; inertia, centers and sizes agree with them."""
        centers = result.data["model/centers"]
        squares = sum((x[:, None] - c) ** 2 for x, c in zip(samples.T, centers.T))
        own = squares[np.arange(len(samples)), labels]
        eps = np.finfo(result.attributes["model"]["precision"]).eps
        reach = np.abs(samples).max() * eps  # centers are rounded before they are compared
        near = (len(samples.T) + 4) * (eps * own + reach * np.sqrt(own) + reach ** 2)
        self.assertTrue((own <= squares.min(axis=1) + near).all())
        np.testing.assert_allclose(result.inertia, (weights * own).sum(), rtol=1e-12,
                                   atol=(weights * ((1e-15 * samples) ** 2).T).sum())
        offset, factor = result.data["model/offset"], result.data["model/factor"]
        np.testing.assert_allclose((result.centers - offset) * factor, centers, rtol=1e-12,
                                   atol=1e-14 * np.abs(result.centers * factor).max())


def contents(top="."):
    """The hash of each file below a folder."""
    found = {}
    for folder, folders, names in os.walk(top):
        for name in names + folders:
            path = os.path.join(folder, name)
            found[path] = None
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    found[path] = hashlib.sha256(file.read()).hexdigest()
    return found

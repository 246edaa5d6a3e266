"""How fast catalogues are read from page cache: the phase `read` of a fit, on the slowest rank.

The same 3 million rows of 10 features in all layouts, on several numbers of ranks of one thread, against
the program as it was when all ranks read together (collectively, by HDF5 and MPI-IO), under each
setting of Open MPI that it was fast with in some case; the best of these counts. Contestants take
turns, and medians count. Beside it: the peak of memory against what --dry-run foresees, one rank of
two threads against two ranks, and plain preads of the same bytes, or inflating alone.

Variables choose less: LAYOUTS=range,gzip RANKS=1,8, and BEFORE=PROGRAM one that is built already.
"""

import json
import multiprocessing
import os
import re
import statistics
import subprocess
import time
import zlib

import h5py
import numpy as np

ROWS, FEATURES = 3_000_000, "abcdefghij"
FILE_ROWS = 5_000
RANKS = (1, 2, 3, 4, 8)
MOST = 1.3  # times as long as before is all right,
MOST_OF_THREADS = 1.2  # as ranks, for threads, and
MOST_OFF = 0.05  # of the memory that was foreseen
SLOW = 3  # times as long as the best setting: once is enough
PIECE = 8 << 20
SECONDS = 600  # for one run

BEFORE = "97e5b65"  # the last commit with collective reads
SETTINGS = {
    "default": {},
    "individual": {"OMPI_MCA_fcoll": "individual"},
    "romio321": {"OMPI_MCA_io": "romio321"},
}


# ---- layouts: functions that write values to an open file


def write_array(file, values):
    file["x"] = values


def write_chunks(file, values):
    file.create_dataset("x", data=values, chunks=(1 << 14, len(FEATURES)))


def write_columns(file, values):
    for j, name in enumerate(FEATURES):
        file[f"table/columns/{name}/data"] = values[:, j]


def write_compound(file, values):
    rows = np.empty(len(values), [(name, "f4") for name in FEATURES])
    for j, name in enumerate(FEATURES):
        rows[name] = values[:, j]
    file["table"] = rows


def write_view(file, values):
    """Big-endian rows in a file beside, as FITS has them and `import --in-place` describes them."""
    rows = np.empty(len(values), [(name, ">f4") for name in FEATURES])
    for j, name in enumerate(FEATURES):
        rows[name] = values[:, j]
    beside = rows_beside(file.filename.removesuffix(".part"))
    rows.tofile(beside)
    file.create_dataset("table", rows.shape, rows.dtype,
                        external=[(os.path.basename(beside), 0, rows.nbytes)])


def rows_beside(path):
    return path.removesuffix(".h5") + ".rows"


def write_gzip(file, values):
    for j, name in enumerate(FEATURES):
        file.create_dataset(
            f"table/{name}", data=values[:, j], chunks=(1 << 16,), compression=1, shuffle=True
        )


# Function, rows a file, and -c.
LAYOUTS = {
    "all": (write_array, ROWS, "0:10"),
    "range": (write_array, ROWS, "0:5"),
    "scattered": (write_array, ROWS, "0,4,9"),
    "columns": (write_columns, ROWS, ",".join(FEATURES)),
    "compound": (write_compound, ROWS, ",".join(FEATURES)),
    "view": (write_view, ROWS, ",".join(FEATURES)),
    "chunks": (write_chunks, ROWS, "0:10"),
    "gzip": (write_gzip, ROWS, ",".join(FEATURES)),
    "600 files": (write_array, FILE_ROWS, "0:10"),
}


def make_values():
    random = np.random.default_rng(5)
    values = np.empty((ROWS, len(FEATURES)), "f4")
    for first in range(0, ROWS, 100_000):
        values[first : first + 100_000] = random.standard_normal((100_000, len(FEATURES)))
    return values


def write_layout(values, layout, folder):
    """The paths of the files of a layout, in their order; those that are there stay."""
    write, rows, _ = LAYOUTS[layout]
    paths = []
    for first in range(0, ROWS, rows):
        path = os.path.join(folder, f"reading-{write.__name__[6:]}-{rows}-{first}.h5")
        if not os.path.exists(path):
            with h5py.File(path + ".part", "w") as file:
                write(file, values()[first : first + rows])
            os.rename(path + ".part", path)
        paths.append(path)
    return paths


def keep(make):
    """What make() gives, made when it is first asked for."""
    made = []
    return lambda: made[0] if made else made.append(make()) or made[0]


def into_page_cache(paths):
    for path in paths:
        with open(path, "rb") as file:
            while file.read(1 << 24):
                pass


# ---- the program as it was


def build_before(folder):
    """The program of the commit, or None and why not."""
    program = os.path.join(folder, "build", "skymeans")
    if os.path.exists(program):
        return program, None
    os.makedirs(folder, exist_ok=True)
    archive = subprocess.run(["git", "archive", BEFORE], capture_output=True)
    if archive.returncode:
        return None, f"git has no commit {BEFORE} here"
    print(f"building the program of {BEFORE} in {folder}", flush=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    built = subprocess.run(["make", "-s", "-C", folder, "-j2"], env=clean)
    return (program, None) if built.returncode == 0 else (None, f"{BEFORE} can't be built here")


def find_before(folder):
    if os.environ.get("BEFORE"):
        return os.environ["BEFORE"]
    try:
        program, why_not = build_before(folder)
    except OSError as error:
        program, why_not = None, str(error)
    if program is None:
        print(f"without comparison with the program before: {why_not}")
    return program


# ---- runs


def command_of(program, paths, layout, folder, threads=1):
    command = [program, "fit", *paths, "-c", LAYOUTS[layout][2], "-k", "2", "--max-iterations", "1"]
    command += ["--seeding", "random", "--threads", str(threads), "--overwrite"]
    return [*command, "-o", os.path.join(folder, "reading.h5")]


def run_fit(program, paths, layout, folder, ranks=1, threads=1, **setting):
    """The metrics of a fit; None if it failed, as some settings do."""
    metrics = os.path.join(folder, "reading.json")
    command = ["mpirun", "-n", str(ranks)] + command_of(program, paths, layout, folder, threads)
    finished = subprocess.run(
        [*command, "--quiet", "--metrics", metrics], capture_output=True, timeout=SECONDS,
        env=os.environ | setting,
    )
    if finished.returncode:
        return None
    with open(metrics, encoding="utf-8") as file:
        return json.load(file)


def foreseen_bytes(program, paths, layout, folder, ranks):
    command = command_of(program, paths, layout, folder) + ["--dry-run", "--ranks", str(ranks)]
    out = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    number, unit = re.search(r"^ +memory +([0-9.]+) (\wB) per rank", out, re.MULTILINE).groups()
    return float(number) * {"kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]


def take_turns(contestants, runs):
    """Metrics by contestant; those that fail or are slow are not run again. Each turn another one
    begins, since the first run after others' takes longer."""
    found = {name: [] for name in contestants}
    names = list(contestants)
    contestants[names[0]]()
    for turn in range(runs):
        firsts = [read_seconds(records[0]) for records in found.values() if records and records[0]]
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            run = contestants[name]
            first = found[name][0] if turn else None
            if turn and (first is None or read_seconds(first) > SLOW * min(firsts)):
                continue
            found[name].append(run())
    return {name: [record for record in records if record] for name, records in found.items()}


def read_seconds(record):
    return record["phases"]["read"]["max"]


def median_seconds(records):
    return statistics.median(map(read_seconds, records)) if records else None


# ---- plain twins: two processes


def read_plainly(path, first, size, barrier, seconds):
    memory = np.empty(size, np.uint8)
    descriptor = os.open(path, os.O_RDONLY)
    barrier.wait()
    start = time.perf_counter()
    view = memoryview(memory)
    for at in range(0, size, PIECE):
        os.preadv(descriptor, [view[at : at + PIECE]], first + at)
    seconds.put(time.perf_counter() - start)
    os.close(descriptor)


def time_of_preads(path):
    """The slower of two processes that read half of a file each into memory that they have just got:
    memory that was never touched takes most of the time, of skymeans, too."""
    barrier, seconds = multiprocessing.Barrier(2), multiprocessing.Queue()
    half = os.path.getsize(path) // 2
    readers = [
        multiprocessing.Process(target=read_plainly, args=(path, first, half, barrier, seconds))
        for first in (0, half)
    ]
    for reader in readers:
        reader.start()
    slowest = max(seconds.get() for _ in readers)
    for reader in readers:
        reader.join()
    return slowest


def time_of_inflating(path):
    """What two processors take for inflating alone: half of the time of one."""
    seconds = 0
    with h5py.File(path, "r") as file:
        for name in FEATURES:
            chunks = file[f"table/{name}"].id
            for i in range(chunks.get_num_chunks()):
                _, packed = chunks.read_direct_chunk(chunks.get_chunk_info(i).chunk_offset)
                start = time.perf_counter()
                zlib.decompress(packed)
                seconds += time.perf_counter() - start
    return seconds / 2


# ---- the tables


def note(is_too_much):
    return "  too much" if is_too_much else ""


def seconds_text(seconds):
    return f"{seconds:11.3f}" if seconds is not None else f"{'fails':>11}"


def bench_grid(layout, paths, ranks, program, before, folder, runs):
    """One line of the grid: the ratio to the best setting before, if there is one."""
    contestants = {"ours": lambda: run_fit(program, paths, layout, folder, ranks)}
    for name, setting in SETTINGS.items() if before else ():
        contestants[name] = lambda s=setting: run_fit(before, paths, layout, folder, ranks, **s)
    found = take_turns(contestants, runs)
    seconds = {name: median_seconds(records) for name, records in found.items()}
    peak = statistics.median(record["memory_peak_bytes"] for record in found["ours"])
    foreseen = foreseen_bytes(program, paths, layout, folder, ranks)
    times = "".join(map(seconds_text, seconds.values()))
    best = min((s for name, s in seconds.items() if name != "ours" and s is not None), default=None)
    ratio = seconds["ours"] / best if best else None
    text = f"{ratio:7.2f}" if ratio else " " * 7
    print(
        f"  {layout:10} {ranks:5} {times} {text} {peak / 1e6:9.1f} {foreseen / 1e6:9.1f}"
        f"{note(ratio and ratio > MOST)}"
        f"{note(abs(peak / foreseen - 1) > MOST_OFF).replace('too much', 'not as foreseen')}",
        flush=True,
    )
    return ratio


def bench_threads(layout, paths, program, folder, runs):
    """One rank of two threads, two ranks of one, and their ratio."""
    found = take_turns({
        "threads": lambda: run_fit(program, paths, layout, folder, 1, 2),
        "ranks": lambda: run_fit(program, paths, layout, folder, 2, 1),
    }, runs)
    threads, ranks = map(median_seconds, found.values())
    print(f"  {layout:10} {seconds_text(threads)}{seconds_text(ranks)} {threads / ranks:7.2f}"
          f"{note(threads / ranks > MOST_OF_THREADS)}", flush=True)


def bench_plain(layout, path, program, folder, runs):
    ours, plain = [], []
    stored = rows_beside(path) if layout == "view" else path
    for _ in range(runs):
        ours.append(read_seconds(run_fit(program, [path], layout, folder, 2)))
        plain.append(time_of_inflating(path) if layout == "gzip" else time_of_preads(stored))
    share = statistics.median(b / a for a, b in zip(ours, plain))
    print(f"  {layout:10} {seconds_text(statistics.median(ours))}"
          f"{seconds_text(statistics.median(plain))} {share:7.2f}"
          f"  {'inflating alone' if layout == 'gzip' else 'preads'}", flush=True)


def chosen(variable, choices, kind):
    wanted = os.environ.get(variable)
    return [kind(word) for word in wanted.split(",")] if wanted else list(choices)


def bench_reading(program, folder, runs):
    os.makedirs(folder, exist_ok=True)
    before = find_before(os.path.join(os.path.dirname(folder), "before"))
    values = keep(make_values)
    layouts = {name: write_layout(values, name, folder) for name in chosen("LAYOUTS", LAYOUTS, str)}
    for paths in layouts.values():
        into_page_cache(paths)
    print(f"\nreading {ROWS} x {len(FEATURES)} float32 from page cache, ranks of one thread: seconds "
          f"of the phase read, medians of {runs};\nratio: ours to the best of the program of "
          f"{BEFORE}, at most {MOST}; peak of memory and what was foreseen, MB per rank")
    names = "".join(f"{name:>11}" for name in ("ours", *(SETTINGS if before else ())))
    print(f"  {'':10} {'ranks':>5} {names} {'ratio':>7} {'peak':>9} {'foreseen':>9}")
    ratios = [bench_grid(layout, paths, ranks, program, before, folder, runs)
              for layout, paths in layouts.items() for ranks in chosen("RANKS", RANKS, int)]
    if any(ratios):
        print(f"  the largest ratio is {max(filter(None, ratios)):.2f}")
    print(f"\n  one rank of two threads, two ranks of one; ratio at most {MOST_OF_THREADS}")
    for layout, paths in layouts.items():
        bench_threads(layout, paths, program, folder, runs)
    print("\n  two ranks, two processes that do no more than they must, and their share")
    for layout in ("all", "columns", "compound", "view", "gzip"):
        if layout in layouts:
            bench_plain(layout, layouts[layout][0], program, folder, runs)

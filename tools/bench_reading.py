"""How fast catalogues are read: the phase `read` of skymeans on 2 ranks, from page cache, against plain
preads of the same bytes.

The rows are those of W1, in five layouts. The plain twin is two processes that each read their half
of the file into memory that they have just got, as skymeans does: at the end of both all values are in
memory, and memory that was never touched takes most of the time."""

import json
import multiprocessing
import os
import statistics
import subprocess
import time
import zlib

import h5py
import numpy as np

FEATURES = "abcde"
PIECE = 8 << 20


def write_layouts(array, folder):
    """Paths by layout; files that are there stay."""
    paths = {"array": array}
    for name, write in (("columns", write_columns), ("compound", write_compound), ("gzip", write_gzip)):
        paths[name] = os.path.join(folder, f"reading-{name}.h5")
        if not os.path.exists(paths[name]):
            with h5py.File(array, "r") as file, h5py.File(paths[name] + ".part", "w") as out:
                write(out, file["x"][:])
            os.rename(paths[name] + ".part", paths[name])
    return paths


def write_columns(file, values):
    for j, name in enumerate(FEATURES):
        file[f"table/columns/{name}/data"] = values[:, j]


def write_compound(file, values):
    rows = np.empty(len(values), [(name, "f4") for name in FEATURES])
    for j, name in enumerate(FEATURES):
        rows[name] = values[:, j]
    file["table"] = rows


def write_gzip(file, values):
    for j, name in enumerate(FEATURES):
        file.create_dataset(f"table/{name}", data=values[:, j], chunks=(1 << 18,), compression=1, shuffle=True)


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


def time_of_preads(path, n_bytes):
    """The slower of two processes that read half of so many bytes each."""
    barrier, seconds = multiprocessing.Barrier(2), multiprocessing.Queue()
    half = n_bytes // 2
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


def time_of_skymeans(path, program, folder):
    metrics = os.path.join(folder, "reading.json")
    command = ["mpirun", "-n", "2", program, "fit", path, "-k", "2", "--max-iterations", "1", "--threads", "1"]
    command += ["--seeding", "random", "-o", os.path.join(folder, "reading.h5"), "--overwrite", "--quiet"]
    subprocess.run([*command, "--metrics", metrics], check=True, stderr=subprocess.DEVNULL)
    with open(metrics, encoding="utf-8") as file:
        record = json.load(file)
    return record["phases"]["read"]["max"], record["bytes_read"], record["plan"]["reading"]


def bench_reading(array, program, folder, runs):
    print("\nreading the rows of W1 from page cache, 2 ranks: seconds, and the share of plain preads")
    for layout, path in write_layouts(array, folder).items():
        with open(path, "rb") as file:
            while file.read(1 << 24):  # into page cache
                pass
        n_bytes = time_of_skymeans(path, program, folder)[1]
        ours, plain = [], []
        for _ in range(runs):
            seconds, _, how = time_of_skymeans(path, program, folder)
            ours.append(seconds)
            plain.append(time_of_inflating(path) if layout == "gzip" else time_of_preads(path, n_bytes))
        ratio = statistics.median(b / a for a, b in zip(ours, plain))
        beside = "inflating alone" if layout == "gzip" else "preads"
        print(
            f"  {layout:10} {statistics.median(ours):7.3f} s   {beside} {statistics.median(plain):7.3f} s"
            f"   share {ratio:5.2f}   {how}",
            flush=True,
        )

#!/usr/bin/env python3
"""bench_python.py [--rounds N] [--iterations I]: what the Python module costs beside the C calls.

Rows of the shape of bench.py's W1, 4,000,000 x 5 float32 and 64 clusters, from given first centers.
The calls are skymeans_samples_create, skymeans_fit without a control, and the frees, from the same
array and with the same first centers; KMeans.fit is all that a user waits for. They take turns, and
the first of a round is the second of the next; medians count. How long KMeans.fit is outside of the
library's functions tells more than the difference of the two, which is less than their scatter.
Needs `make library`."""
import argparse
import pathlib
import statistics
import sys
import time
from ctypes import byref
from unittest import mock

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "python"))

import skymeans
from skymeans import library
from skymeans.rows import Rows

N, D, K = 4_000_000, 5, 64


def make_rows():
    random = np.random.default_rng(7)
    rows = random.normal(size=(N, D)).astype(np.float32)
    rows += (10 * random.random((K // 2, D))).astype(np.float32)[random.integers(0, K // 2, N)]
    return rows


def call_library(rows, first, iterations):
    """The checksum of a fit without the module."""
    samples, answer, summary = library.Handle(), library.Handle(), library.Summary()
    comm, struct = library.call("comm_alone"), Rows(rows).struct(None)
    problem = library.Problem(n_clusters=K, tolerance=0, max_iterations=iterations)
    problem.point(first_centers=first)
    library.try_call("samples_create", byref(samples), byref(struct), comm)
    library.try_call("fit", byref(answer), byref(problem), samples, None, None, comm)
    library.call("summarize", answer, byref(summary))
    library.call("answer_free", answer)
    library.call("samples_free", samples)
    return f"{summary.checksum:016x}"


inside = []  # seconds in functions of the library, of each fit by the module


def timed(call):
    def wrapper(*arguments):
        start = time.perf_counter()
        try:
            return call(*arguments)
        finally:
            inside[-1] += time.perf_counter() - start
    return wrapper


def call_module(rows, first, iterations):
    inside.append(0.0)
    with mock.patch.object(library, "call", timed(library.call)):
        return skymeans.KMeans(K, init=first, tol=0, max_iter=iterations).fit(rows).checksum_


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--iterations", type=int, default=20)
    arguments = parser.parse_args()
    rows = make_rows()
    first = rows[:: N // K][:K].astype(np.float64)
    seconds = {call_library: [], call_module: []}
    for number in range(arguments.rounds):
        found = set()
        for call, times in list(seconds.items())[:: 1 if number % 2 == 0 else -1]:
            start = time.perf_counter()
            found.add(call(rows, first, arguments.iterations))
            times.append(time.perf_counter() - start)
        assert len(found) == 1, found
    outside = statistics.median(all - part for all, part in zip(seconds[call_module], inside))
    plain, module = (statistics.median(times) for times in seconds.values())
    print(f"{arguments.iterations} iterations, medians of {arguments.rounds}: the calls {plain:.3f} s, "
          f"KMeans.fit {module:.3f} s, of which {1000 * outside:.1f} ms are outside of the library")


if __name__ == "__main__":
    main()

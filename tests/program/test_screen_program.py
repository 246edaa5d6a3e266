"""Whole-program tests of what a person sees on the screen.

Needs the Open MPI variables of the Makefile: `make check TEST=screen_program`.
"""
import json
import os
import re
import signal
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from launcher import is_open_mpi, on_ranks
from program import BINARY, SECONDS, ProgramTest, Result, blobs, run, write_array, write_columns

TIME = r"[0-9.]+ (?:s|min|h)"


def run_on_terminal(*command, until=None, **variables):
    """A program whose standard error is a terminal: exit code, and what came to that. It is killed
    when it has said what it was waited for."""
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stderr=theirs,
                          stdout=subprocess.DEVNULL, env=environment | variables) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
                if until is not None and re.search(until, text.decode(errors="replace")):
                    process.kill()
        except OSError:  # so Linux says that nobody has the other end any more
            pass
        os.close(ours)
        code = process.wait(timeout=SECONDS)
    return code, text.decode().replace("\r\n", "\n")


class Progress(ProgramTest):

    def setUp(self):
        super().setUp()
        write_array("in.h5", blobs(3000, 2))

    def command(self, *options, k=20):
        return [BINARY, "fit", "in.h5", "-k", k, "-o", "out.h5", "--overwrite", "--tolerance", 0,
                *options]

    def check_live(self, code, text, *patterns):
        """One line changed, in which all patterns stood, and at the end nothing is left of it."""
        self.assertEqual(code, 0, text)
        self.assertNotIn("\x1b", text)
        self.assertRegex(text, r"\r +\r")
        shown = text.split("\r")
        for line in shown[1:-1]:
            self.assertNotIn("\n", line)
            self.assertLess(len(line), 80)
        for pattern in patterns:
            self.assertTrue(any(re.match(pattern, line) for line in shown), (pattern, text))
        self.assertNotIn("iteration ", shown[0])
        self.assertNotRegex(shown[-1], "^iteration ")

    def check_lines(self, code, text):
        self.assertEqual(code, 0, text)
        self.assertNotIn("\r", text)
        self.assertRegex(text, rf"iteration +1   inertia [^\n]*, {TIME} so far")

    def test_a_line_changes_on_a_terminal(self):
        self.check_live(*run_on_terminal(*self.command()), rf"iteration 1: {TIME} so far")
        for n in (1, 3):  # MPICH gives ranks no terminal
            said = run_on_terminal(*on_ranks(n), *self.command())
            with self.subTest(ranks=n):
                if is_open_mpi():
                    self.check_live(*said, rf"iteration 1: {TIME} so far")
                else:
                    self.check_lines(*said)
        self.check_live(*run_on_terminal(*self.command("--restarts", 3)), "fit 1 of 3, iteration 1")

    def test_warnings_have_lines_of_their_own(self):
        code, text = run_on_terminal(*self.command("--max-iterations", 2))
        self.check_live(code, text)
        self.assertRegex(text, r"\r +\rskymeans: warning: not converged [^\r\n]*\n\Z")

    def test_lines_where_no_line_can_change(self):
        """Files, terminals that can't, and a launcher that puts something before each line."""
        self.check_lines(*run_on_terminal(*self.command(), TERM="dumb"))
        prefix = "--tag-output" if is_open_mpi() else "-prepend-rank"
        start, *ranks = on_ranks(2)
        self.check_lines(*run_on_terminal(start, prefix, *ranks, *self.command()))
        self.check_lines(*run_on_terminal("sh", "-c", 'exec "$@" 2>&1 | cat >&2', "sh",
                                          *on_ranks(2), *self.command()))
        for ranks in (1, 2):
            finished = run(*self.command()[1:], ranks=ranks)
            self.check_lines(finished.code, finished.err)

    def test_quiet(self):
        for start in ([], on_ranks(2)):
            self.assertEqual(run_on_terminal(*start, *self.command("-q")), (0, ""))

    def test_verbose(self):
        """A line an iteration, also on a terminal."""
        code, text = run_on_terminal(*self.command("-v", "--max-iterations", 4))
        self.assertEqual((code, re.findall(r"^iteration +(\d+) ", text, re.MULTILINE)),
                         (0, list("1234")))

    def test_time_left(self):
        """By the limit of iterations, if there are more."""
        for limit, left in ((10 ** 7, True), (1, False), (2 ** 63 - 1, False)):
            finished = run(*self.command("--max-iterations", limit)[1:])
            self.assertEqual(bool(re.search(rf"so far, at most {TIME} left$", finished.err,
                                            re.MULTILINE)), left, finished)

    def test_seeding_that_takes_seconds(self):
        write_array("large.h5", np.random.default_rng(1).random((100_000, 16)))
        said = rf"\rseeding: \d+ %, {TIME} so far, about {TIME} left"
        code, text = run_on_terminal(
            BINARY, "fit", "large.h5", "-k", 5000, "-o", "out.h5", "--threads", 1,
            "--seeding-rows", "all", "--kernel", "reference", until=said)
        self.assertEqual(code, -signal.SIGKILL, text)
        self.assertRegex(text, said)


class Summary(ProgramTest):

    def test_hint(self):
        """A line after a fit from one seeding that was drawn."""
        write_array("in.h5", blobs(100, 2))
        np.savetxt("first.txt", [[0, 0], [1, 1]])
        for k, options, is_hinted in ((2, [], True), (2, ["--restarts", 2], False), (1, [], False),
                                      (2, ["--seeding", "first.txt"], False)):
            finished, _ = self.fit("in.h5", k, *options)
            self.assertEqual(finished.out.count("--restarts"), is_hinted, finished)
        self.assertRegex(run("fit", "in.h5", "-k", 2, "-o", "hint.h5").out,
                         r"\n  hint: [^\n]{1,78}\n\Z")

    def test_checksum_of_labels(self):
        """It says what it is of, since a fit of the same rows has another."""
        write_array("in.h5", blobs(100, 2))
        _, fit = self.fit("in.h5", 2)
        finished = run("predict", "out.h5", "in.h5", "-o", "labels.h5", "--metrics", "out.json")
        self.assertEqual(finished.code, 0, finished)
        labels = Result("labels.h5")
        self.assertNotEqual(labels.checksum, fit.checksum)
        self.assertIn(f"  checksum    {labels.checksum}\n              (of labels and centers; ",
                      finished.out)
        with open("out.json", encoding="utf-8") as file:
            self.assertEqual(json.load(file)["result"]["checksum_of"], "labels and centers")


class Help(ProgramTest):

    def test_units_of_times(self):
        self.assertRegex(run("fit", "--help").out,
                         r"--checkpoint-interval MINUTES\n +minutes [^\n]*\[10\]\n +--max-hours HOURS ")

    def test_outputs_are_no_pipes(self):
        write_array("in.h5", blobs(100, 2))
        self.fit("in.h5", 2, output="model.h5")
        base = "fit", "in.h5", "-k", 2
        self.refuse(*[(2, r"bad name of an output \(-\): .*; name a file", *arguments) for arguments
                      in ((*base, "-o", "-"), (*base, "-o", "x.h5", "--metrics", "-"),
                          (*base, "-o", "x.h5", "--checkpoint", "-"),
                          ("predict", "model.h5", "in.h5", "-o", "-"),
                          ("predict", "model.h5", "in.h5", "-o", "x.h5", "--metrics", "-"))],
                    ranks=(1,))


class WhatCanNotBeUsed(ProgramTest):
    """Files that have nothing else: info and fit say what is there and why it can't be used."""

    def test_reasons(self):
        cases = {
            "cube": (np.zeros((2, 3, 4)), "/x", "it has 3 dimensions, and a table has one or two"),
            "complex": (np.zeros((9, 2), complex), "/x",
                        "it is a two-dimensional array of complex numbers, whose real .* parts"),
            "texts": (np.full(9, b"abc"), "/", "its columns are texts, no numbers"),
            "opaque": (np.zeros(9, "V8"), "/", r"none of its columns are numbers \(x: no number, "),
            "compounds": (np.zeros((9, 2), [("a", "f8")]), "/x",
                          "it is a two-dimensional array of compounds, and rows are of one")}
        for name, (values, *_) in cases.items():
            write_array(f"{name}.h5", values, name="x")
        cases["lists"] = None, "/", r"none of its columns are numbers \(x: lists of any length\)"
        with h5py.File("lists.h5", "w") as file:
            file.create_dataset("x", (5,), h5py.vlen_dtype("f8"))
        cases["sparse"] = None, "/x", "it is a sparse matrix, which has to be stored as a two-"
        for part in ("data", "indices", "indptr"):
            write_array("sparse.h5", np.arange(5), name=f"x/{part}")
        for name, (_, path, reason) in cases.items():
            with self.subTest(name=name):
                said = run("info", f"{name}.h5")
                self.assertEqual(said.code, 0, said)
                self.assertRegex(said.out, f"(?m)can't be used:\n    {path}: {reason}")
                self.refuse((3, rf"no table in the file \({name}.h5\): {path} can't be used: {reason}",
                             "fit", f"{name}.h5", "-k", 2, "-o", "out.h5"),
                            (3, reason, "fit", f"{name}.h5", "-d", "/x", "-k", 2, "-o", "out.h5"),
                            ranks=(1,))

    def test_complex_columns(self):
        """Their parts are columns, but not by default."""
        write_array("in.h5", np.arange(9) * 1j, name="x")
        self.assertIn("/x: table of 9 rows, 2 columns, complex numbers\n", run("info", "in.h5").out)
        self.refuse((3, r"no table by default .*: /x \(complex numbers\) is taken only by its name",
                     "fit", "in.h5", "-k", 2, "-o", "out.h5"), ranks=(1,))
        self.fit("in.h5", 2, "-d", "x", "-c", "r, i")


class ListsOfColumns(ProgramTest):

    def test_blanks_around_names(self):
        x, y = blobs(100, 2).T
        write_columns("in.h5", {"x": x, "y": y, " z ": x})
        write_array("array.h5", blobs(100, 4))
        for path, columns, features in (
                ("in.h5", "x, y", ["x", "y"]), ("in.h5", " x ,y[0]  ", ["x", "y"]),
                ("in.h5", "{ z }, {x}", [" z ", "x"]), ("array.h5", "0:2, 3", ["0", "1", "3"])):
            with self.subTest(columns=columns):
                _, result = self.fit(path, 2, "-c", columns)
                self.assertEqual(list(result.attributes["centers"]["features"]), features)
        self.refuse((2, "empty name .*-c 'a, b'", "fit", "in.h5", "-k", 2, "-o", "no.h5", "-c",
                     "x, ,y"), ranks=(1,))


if __name__ == "__main__":
    unittest.main()

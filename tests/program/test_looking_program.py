"""Whole-program tests of what only looks: `info`, --dry-run, --metrics and --verify.

Needs the Open MPI variables of the Makefile: `make check TEST=looking_program`.
"""
import gzip
import json
import os
import re
import shlex
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np
from astropy.table import Table

from program import (BINARY, IS_SANITIZED, ProgramTest, Result, blobs, contents, parse_summary,
                     run, run_all, run_alone, write_array, write_columns)
from schema import check_schema

KERNELS = ("reference", "avx2", "avxvnni", "avx512vl", "avx512", "avx512vnni", "neon")
METHODS = ("lloyd", "tree", "bounds", "neighbours")


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def write_bytes(path, data):
    with open(path, "wb") as file:
        file.write(data)


def write_attributes(item, attributes):
    """Attributes of any kind; an array of texts of any length is a list."""
    for name, value in attributes.items():
        if isinstance(value, list):
            item.attrs.create(name, value, dtype=h5py.string_dtype())
        else:
            item.attrs[name] = value


# ---- info ----------------------------------------------------------------------------------------


class InfoTest(ProgramTest):

    def info(self, path, **how):
        """What is said about a file; nothing is written, and nothing goes to stderr."""
        before = contents()
        finished = run("info", path, **how)
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(finished.err, "", finished)
        self.assertEqual(contents(), before)
        return finished.out

    def check_lines(self, out, *patterns):
        for pattern in patterns:
            self.assertRegex(out, re.compile(f"^{pattern}$", re.MULTILINE))

    def commands(self, out):
        """The printed command lines as words."""
        return [shlex.split(line) for line in re.findall("^    (skymeans fit .*)$", out,
                                                         re.MULTILINE)]

    def check_commands(self, path, *features):
        """Each command line works word by word, and takes these features."""
        commands = self.commands(self.info(path))
        self.assertEqual(len(commands), len(features))
        for i, (words, wanted) in enumerate(zip(commands, features)):
            words[words.index("-k") + 1] = "3"
            words[words.index("-o") + 1] = f"{i}.h5"
            with self.subTest(command=words):
                finished = run(*words[1:])
                self.assertEqual(finished.code, 0, finished)
                self.assertNotIn("features:", finished.err)
                result = Result(f"{i}.h5")
                self.assertEqual(list(result.attributes["centers"]["features"]), wanted)
                os.remove(f"{i}.h5")


class InfoTables(InfoTest):

    def test_columns(self):
        values = np.arange(300) % 100
        units = {"f4": "mag", "f8": "km / s"}
        for name in ("f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"):
            write_columns("in.h5", {name: values.astype(name)}, units=units)
        for name in (">f4", ">f8", ">i2", ">u8"):
            write_columns("in.h5", {"big" + name[1:]: values.astype(name)})
        write_columns("in.h5", {"chunked": values * 1.0}, chunks=(100,))
        write_columns("in.h5", {"packed": values * 1.0}, chunks=(50,), compression="gzip")
        write_columns("in.h5", {"text": np.full(300, b"text")})
        for ranks in (1, 3):
            out = self.info("in.h5", ranks=ranks)
            self.check_lines(
                out, "in.h5: 1 table", "  /table/columns: table of 300 rows, 17 columns",
                "    f4 +float32 +mag +contiguous", r"    f8 +float64 +km / s +contiguous",
                *[f"    {kind[0]}{size // 8} +{kind}{size} +contiguous"
                  for kind in ("int", "uint") for size in (8, 16, 32, 64)],
                "    bigf4 +float32 big-endian +contiguous",
                "    bigi2 +int16 big-endian +contiguous",
                "    bigu8 +uint64 big-endian +contiguous",
                "    chunked +float64 +chunks of 100 rows",
                "    packed +float64 +chunks of 50 rows, deflate",
                "    text +text of 4 bytes +contiguous")
        self.assertEqual(len(out.splitlines()), 2 + 1 + 17 + 1 + 1)
        floats = ["bigf4", "bigf8", "chunked", "f4", "f8", "packed"]
        self.check_commands("in.h5", floats)

    def test_arrays(self):
        write_array("in.h5", blobs(100, 3).astype("f4"))
        self.check_lines(self.info("in.h5"), "  /points: array of 100 rows, 3 columns",
                         "    every column +float32 +contiguous",
                         "    skymeans fit in.h5 -c 0:3 -k 8 -o result.h5")
        self.check_commands("in.h5", ["0", "1", "2"])
        write_array("one.h5", np.arange(5)[:, None].astype(">i4"), chunks=(2, 1), shuffle=True,
                    compression="gzip")
        self.check_lines(self.info("one.h5"), "  /points: array of 5 rows, 1 column",
                         "    every column +int32 big-endian +chunks of 2 rows, shuffle, deflate")
        self.check_commands("one.h5", ["0"])

    def test_packed_long_doubles(self):
        """Larger in memory than in the file."""
        values = blobs(300, 2)
        packed = h5py.h5t.NATIVE_LDOUBLE.copy()
        size = (packed.get_precision() + 7) // 8
        packed.set_size(size)
        with h5py.File("in.h5", "w") as file:
            data = h5py.h5d.create(file.id, b"points", packed,
                                   h5py.h5s.create_simple(values.shape))
            data.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        self.check_lines(self.info("in.h5"), f"    every column +float{8 * size} +contiguous")
        self.check_commands("in.h5", ["0", "1"])
        _, result = self.fit("in.h5", 3)
        self.check(result, values)

    def test_several_tables(self):
        write_array("in.h5", blobs(100, 2), name="a/array")
        write_array("in.h5", blobs(100, 2), name="it's an/array")
        write_columns("in.h5", {"x": np.arange(9.0), "y": np.arange(9.0)}, form="group/{}")
        write_columns("in.h5", {"x": np.arange(7.0)})
        write_array("in.h5", np.zeros((4, 2)), name="truth/centers")
        self.check_lines(self.info("in.h5"), "in.h5: 5 tables",
                         "  /table/columns: table of 7 rows, 1 column")
        self.check_commands("in.h5", ["0", "1"], ["x", "y"], ["0", "1"], ["x"], ["0", "1"])

    def test_units_where_vaex_has_them(self):
        write_columns("in.h5", {"x": np.zeros(5)})
        with h5py.File("in.h5", "a") as file:
            file["table/columns/x/data"].attrs["unit"] = "µm²"
        self.check_lines(self.info("in.h5"), "    x +float64 +µm² +contiguous")

    def test_what_authors_say(self):
        """Descriptions, formulas, and which rows there are, on one line each whatever is in them."""
        write_columns("in.h5", {"x": np.zeros(5), "y": np.zeros(5)}, units={"x": "mag"})
        with h5py.File("in.h5", "a") as file:
            file["table"].attrs["where"] = "x > 1\n"
            file["table/columns/x/data"].attrs["description"] = "apparent\x1b[31m"
            file["table/columns/y/data"].attrs.update({"formula": "-2.5*log10({f})",
                                                       "description": "of the star"})
            file["plain/where"], file["plain/z"] = np.zeros(3), np.zeros(3)
        out = self.info("in.h5")
        self.check_lines(out, "    only rows where x > 1.",
                         r"    x +float64 +mag +contiguous, description: apparent.\[31m",
                         r"    y +float64 +contiguous, description: of the star, "
                         r"formula: -2.5\*log10\({f}\)", "    z +float64 +contiguous")
        tables = {table["path"]: table for table in json.loads(
            run("info", "in.h5", "--json").out)["tables"]}
        self.assertEqual((tables["/table/columns"]["where"], tables["/plain"]["where"]),
                         ("x > 1\n", None))
        self.assertEqual([(column["description"], column["formula"])
                          for column in tables["/table/columns"]["columns"]],
                         [("apparent\x1b[31m", None), ("of the star", "-2.5*log10({f})")])

    def test_columns_without_floats(self):
        """The printed line works there, too, so it has to name columns."""
        write_columns("in.h5", {"n": np.arange(100), "m": np.arange(100) % 7})
        self.check_commands("in.h5", ["m", "n"])

    def test_odd_column_names(self):
        names = ["it's", "'", "''", '"q"', "$HOME", "`id`", "back\\slash", "{x}", "{", "}", "-c",
                 "a b", "a,b", "f(x", "é", "*", "!", "~", "#", "x[1]", "<&>", "%s", "=", "b-v"]
        write_columns("all.h5", {name: np.random.default_rng(1).random(50) for name in names})
        self.check_commands("all.h5", sorted(names, key=str.encode))
        for i, name in enumerate(names[::3]):
            write_columns(f"{i}-in.h5", {name: np.random.default_rng(1).random(50)})
            self.check_commands(f"{i}-in.h5", [name])

    def test_odd_file_names(self):
        for name in ("it's.h5", "a b.h5", "$x;&.h5", '"q".h5', "é.h5", "./-c"):
            write_array(name, blobs(50, 2))
            self.check_commands(name, ["0", "1"])

    def test_a_line_for_each_column(self):
        """Whatever is in names and units, they don't break lines or reach the terminal raw."""
        write_columns("in.h5", {"two\nlines": np.zeros(5), "\x1b[31mred": np.zeros(5)},
                      units={"two\nlines": "m\ns\t\x07"})
        out = self.info("in.h5")
        self.assertEqual(len(out.splitlines()), 2 + 1 + 2 + 1 + 1, out)
        self.assertNotRegex(out, r"[\x00-\x09\x0b-\x1f]")

    def test_units_of_wrong_types(self):
        with h5py.File("in.h5", "w") as file:
            units = [3.5, np.arange(2), np.array([b"a", b"b"]), ["a", "b"], file.ref,
                     np.array([file.ref], dtype=h5py.ref_dtype), h5py.Empty("f8"),
                     h5py.Empty("S1"), "x" * 5000, b"\xff\xfe", np.void(b"opaque"), "",
                     np.array((1, 2), dtype=[("a", "i4"), ("b", "f4")]), np.bytes_(b"m"), ["m"],
                     np.array(1, dtype=h5py.enum_dtype({"A": 1})), np.array([["m"]], dtype="S1")]
            for i, value in enumerate(units):
                data = file.create_dataset(f"t/c{i:02d}", data=np.random.default_rng(i).random(9))
                write_attributes(data, {"units": value})
        out = self.info("in.h5")
        self.check_lines(out, r"  /t: table of 9 rows, 17 columns", "    c00 +float64 +contiguous",
                         "    c13 +float64 +m +contiguous", "    c14 +float64 +m +contiguous")
        self.check_commands("in.h5", [f"c{i:02d}" for i in range(17)])

    def test_no_tables(self):
        with h5py.File("in.h5", "w") as file:
            file["cube"] = np.zeros((3, 3, 3))
            file["text"] = "text"
        for ranks in (1, 3):
            out = self.info("in.h5", ranks=ranks)
            self.assertRegex(out, r"\Ain.h5: .*without a table.*\n")
            self.check_lines(out, "    /cube: it has 3 dimensions, and a table has one or two")

    def test_huge_tables(self):
        for name, shape in (("wide.h5", (2, 10 ** 6)), ("long.h5", (10 ** 18, 1))):
            with h5py.File(name, "w") as file:
                file.create_dataset("p", shape=shape, dtype="f4", chunks=(2, 1))
            self.check_lines(self.info(name, seconds=5),
                             f"  /p: array of {shape[0]} rows, {shape[1]} columns?")


class InfoOthers(InfoTest):

    def test_other_kinds_of_files(self):
        table = Table({"a": [1.0, 2], "b": [3.0, 4]})
        for name in ("t.fits", "t.csv", "t.ecsv"):
            table.write(name)
        table.write("t.vot", format="votable")
        write_array("in.h5", blobs(500, 2), chunks=(100, 2))
        good = read_bytes("in.h5")
        write_bytes("in.h5.gz", gzip.compress(good))
        np.save("t.npy", np.zeros((3, 3)))
        write_bytes("empty.h5", b"")
        write_bytes("zeros.h5", bytes(5000))
        write_bytes("half.h5", good[:len(good) // 2])
        write_bytes("start.h5", good[:100])
        write_bytes("nearly.h5", good[:-1])
        os.mkdir("folder")
        os.symlink("gone", "dangling.h5")
        cases = [(code, rf"\({name}\):.*{pattern}", "info", name)
                 for code, name, pattern in (
                     (3, "t.fits", "a FITS file"), (3, "t.csv", "a text file"),
                     (3, "t.ecsv", "ECSV"), (3, "t.vot", "VOTable"),
                     (3, "in.h5.gz", "gzip"), (3, "t.npy", "NumPy"),
                     (3, "empty.h5", "empty"), (3, "zeros.h5", "binary"),
                     (3, "half.h5", "it ends after"), (3, "start.h5", "it ends after"),
                     (3, "nearly.h5", "it ends after"), (4, "folder", "a folder"),
                     (4, "none.h5", "No such file"), (4, "dangling.h5", "No such file"))]
        self.refuse(*cases, ranks=(1,))
        self.refuse(*cases[::5], ranks=(3,))

    def test_hdf5_behind_something_else(self):
        """Files with a user block are HDF5, too."""
        write_array("in.h5", blobs(100, 2))
        write_bytes("behind.h5", b"SIMPLE  =".ljust(512) + read_bytes("in.h5"))
        self.check_commands("behind.h5", ["0", "1"])

    def test_usage(self):
        self.refuse((2, "missing argument", "info"), (2, "too many", "info", "a.h5", "b.h5"),
                    (2, "-x", "info", "-x"), ranks=(1,))


class FullOutput(ProgramTest):
    def test_a_full_standard_output_is_noticed(self):
        write_array("in.h5", blobs(100, 2))
        for arguments in (["info", "in.h5"], ["--help"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([BINARY, *arguments], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, 4)
            self.assertRegex(done.stderr, r"\Askymeans: error: can't print [^\n]+\n\Z")


class InfoResults(InfoTest):

    def test_result(self):
        write_columns("in.h5", dict(zip("xy", blobs(500, 2).T)))
        for limit, why in ((1, "max-iterations"), (300, "")):
            _, result = self.fit("in.h5", 3, "--max-iterations", limit)
            for ranks in (1, 3):
                self.check_lines(
                    self.info("out.h5", ranks=ranks), "out.h5: a result of skymeans",
                    f"  inertia +{result.inertia:.10g}", f"  n_iterations +{result.n_iterations}",
                    f"  converged +{result.converged}", f"  stop_reason +{result.stop_reason}",
                    "  n_rows +500", "  n_used +500", "  n_missing +0",
                    f"  checksum +{result.checksum}", "  file +in.h5", "  dataset +/table/columns",
                    *self.table(result), "  command .* fit in.h5 -k 3 .*")
            self.assertIn(why, result.stop_reason)

    @staticmethod
    def table(result, more=""):
        """Patterns of the lines of the first clusters, with the first features."""
        return [rf" +{c} +{result.sizes[c]} +[0-9.]+%"
                + "".join(f" +{value:.6g}" for value in result.centers[c, :8]) + more
                for c in range(min(len(result.sizes), 20))]

    def test_units(self):
        write_columns("in.h5", dict(zip("xyz", blobs(50, 3).T)), units={"x": "mag", "z": "km / s"})
        _, result = self.fit("in.h5", 2)
        self.check_lines(self.info("out.h5"), "  cluster +size +share +x +y +z",
                         " +mag +km / s", *self.table(result))
        run("predict", "out.h5", "in.h5", "-o", "labels.h5")
        labels = Result("labels.h5")
        self.check_lines(self.info("labels.h5"), "labels.h5: a result of skymeans predict",
                         "  centers of +out.h5", f"  checksum +{labels.checksum}",
                         r" +\(of labels and centers; that of a fit .*\)", " +mag +km / s",
                         *self.table(result))

    def test_many_clusters(self):
        """The first 20 with their first 8 features, and how many more."""
        write_array("in.h5", blobs(300, 9))
        _, result = self.fit("in.h5", 25)
        out = self.info("out.h5")
        self.check_lines(
            out, "  cluster +size +share" + "".join(f" +{j}" for j in range(8)) + r"  \.\.\.",
            *self.table(result, r"  \.\.\."),
            r"  \.\.\. and 5 more clusters: /sizes and /centers in the result",
            r"  \.\.\. and 1 more feature: /centers in the result")
        self.assertLess(len(out.splitlines()), 50)

    @staticmethod
    def write_like_a_result(path, sizes=np.array([2, 3]), centers=None, **attributes):
        with h5py.File(path, "w") as file:
            file["centers"] = np.zeros((2, 2)) if centers is None else centers
            file["labels"] = np.zeros(5, "i4")
            if sizes is None:
                file.create_group("sizes")
            else:
                file["sizes"] = sizes
            file["provenance"] = 3
            write_attributes(file, {"checksum": "00"} | attributes)

    def test_wrong_types(self):
        """Files that look like results: said as far as it goes, or one message."""
        self.write_like_a_result("number.h5", checksum=5.5)
        self.write_like_a_result("texts.h5", inertia="text", n_iterations=np.array([1, 2]),
                                 stop_reason=3, converged=h5py.Empty("i8"))
        self.write_like_a_result("nan.h5", inertia=np.nan, converged=-1, checksum=["a", "b"])
        self.write_like_a_result("long.h5", stop_reason="x" * 9000, checksum=b"\xff")
        sizes = [7, np.zeros((3, 3)), None, np.array([b"a", b"b"]), np.zeros((2, 2, 2)),
                 np.zeros(0), np.zeros((3, 0)), h5py.Empty("f8"), np.array([np.nan, 1e300])]
        for i, value in enumerate(sizes):
            self.write_like_a_result(f"sizes{i}.h5", sizes=value)
        centers = [7, np.zeros((3, 3)), np.zeros((2, 0)), np.array([[b"a"], [b"b"]]),
                   np.zeros((2, 2, 2)), h5py.Empty("f8"), np.array([[np.nan], [-np.inf]])]
        for i, value in enumerate(centers):
            self.write_like_a_result(f"centers{i}.h5", centers=value)
        for name, value in (("features", ["\x1b[2J", "y"]), ("units", [b"a"] * 9), ("no", 1)):
            self.write_like_a_result(f"names-{name}.h5")
            with h5py.File(f"names-{name}.h5", "a") as file:
                file["centers"].attrs[name] = value
        for name in sorted(os.listdir()):
            with self.subTest(name=name):
                finished = run("info", name)
                may_fail = name.startswith(("sizes", "centers"))
                self.assertIn(finished.code, (0, 3) if may_fail else (0,))
                self.assertNotIn("\x1b", finished.out)
                self.assertIn(f"{name}: ", finished.out)
                expected = rf"skymeans: error: [^\n]*{name}[^\n]*\n" if finished.code else ""
                self.assertRegex(finished.err, rf"\A{expected}\Z", finished)


# ---- --dry-run -----------------------------------------------------------------------------------


PLAN = re.compile(r"""
skymeans: dry run, nothing is written

  catalogue   (?P<file>.+), (?P<table>\S+): (?P<rows>\d+) rows, [0-9.]+ MB
  features    (?P<d>\d+): (?P<names>.+)
  clusters    (?P<k>\d+)
  run         (?P<ranks>\d+) ranks? of (?:(?P<fewest>\d+) to )?(?P<most>\d+) rows, (?P<threads>\d+) threads? per rank
  method      (?P<method>lloyd|tree|bounds|neighbours)(?P<turns> \([a-z ]+\))?, (?P<kernel>\S+) kernel, (?P<precision>float32|float64)
  seeding     (?P<seeding>.+), random seed (?P<seed>\d+)
  samples     (?P<order>.+)
  memory      (?P<memory>[0-9.]+) MB per rank: program and libraries (?P<program>[0-9.]+), """
                  r"""samples (?P<samples>[0-9.]+), and the most of
              reading (?P<reading>[0-9.]+), ordering (?P<ordering>[0-9.]+), """
                  r"""seeding (?P<seeding_>[0-9.]+), fitting (?P<fitting>[0-9.]+), """
                  r"""writing (?P<writing>[0-9.]+)
(?:  node        (?P<node>\d+ ranks?: .+)
              --scratch DIR: then .+
)?  reading     (?P<values>[0-9.]+) MB of values, [0-9.]+ MB per rank
  time        not foretold without figures of a machine: --machine FILE
(?:  ranks       too many: .+
)?  slurm       #SBATCH --ntasks=(?P<tasks>\d+)
              #SBATCH --cpus-per-task=(?P<cpus>\d+)
              #SBATCH --mem-per-cpu=\d+M
""")
MEMORY = ("program", "samples", "reading", "ordering", "seeding_", "fitting", "writing")


class DryRun(ProgramTest):

    def plan(self, *arguments, **how):
        """The plan as a dictionary of texts; the folder stays as it is."""
        before = contents()
        finished = run("fit", *arguments, "--dry-run", **how)
        self.assertEqual(finished.code, 0, finished)
        self.assertRegex(finished.err, r"\A(skymeans: features: -c [^\n]*\n)?\Z")
        self.assertEqual(contents(), before)
        found = PLAN.fullmatch(finished.out)
        self.assertIsNotNone(found, finished)
        plan = found.groupdict()
        program, samples, *phases = [float(plan[name]) for name in MEMORY]
        self.assertAlmostEqual(float(plan["memory"]), program + samples + max(phases), delta=0.2,
                               msg=finished)
        return plan

    def check_plan(self, plan, **expected):
        self.assertEqual({name: plan[name] for name in expected},
                         {name: str(value) for name, value in expected.items()})

    def test_plan(self):
        write_columns("in.h5", dict(zip("xyz", blobs(1000, 3).T)))
        write_array("f4.h5", blobs(640, 20).astype("f4"))
        for ranks in (1, 3):
            plan = self.plan("in.h5", "-k", 4, "--random-seed", 7, "--seeding", "random",
                             "-c", "z,x", ranks=ranks)
            self.check_plan(plan, file="in.h5", table="/table/columns", rows=1000, d=2,
                            names="z x", k=4, ranks=ranks, precision="float64", seed=7,
                            seeding="random")
            self.assertIn(plan["kernel"], KERNELS)
        self.check_plan(plan, fewest=296, most=384)  # whole blocks of 64 rows
        plan = self.plan("f4.h5", "-k", 4)
        self.check_plan(plan, precision="float32", most=640, d=20,
                        names=" ".join(map(str, range(12))) + " ...")

    def test_nothing_is_written(self):
        write_array("in.h5", blobs(1000, 3))
        write_bytes("out.h5", b"old")
        for output in ("out.h5", "new.h5"):
            for ranks in (1, 3):
                self.plan("in.h5", "-k", 4, "-o", output, "--metrics", "new.json", ranks=ranks)
                self.plan("in.h5", "-k", 4, "-o", output, "--overwrite", ranks=ranks)

    def test_data_are_not_read(self):
        """A damaged chunk, of which a fit complains."""
        write_array("in.h5", blobs(3000, 2), chunks=(500, 2), compression="gzip")
        with h5py.File("in.h5", "r") as file:
            info = file["points"].id.get_chunk_info(2)
        data = bytearray(read_bytes("in.h5"))
        data[info.byte_offset:info.byte_offset + info.size] = b"\xff" * info.size
        write_bytes("in.h5", data)
        self.refuse((3, "can't read", "fit", "in.h5", "-k", 3, "-o", "out.h5"), ranks=(1,))
        self.plan("in.h5", "-k", 3)

    def test_large_file(self):
        with h5py.File("in.h5", "w") as file:
            file.create_dataset("p", shape=(3_000_000_000, 5), dtype="f4")
        for ranks in (1, 3):
            plan = self.plan("in.h5", "-k", 8, ranks=ranks, seconds=5)
            self.check_plan(plan, rows=3_000_000_000, d=5, precision="float32", ranks=ranks)
            self.assertGreater(float(plan["samples"]), 3e9 * 5 * 4 / 1e6 / ranks)
        plan = self.plan("in.h5", "-k", 8, "--ranks", 4096, seconds=5)
        self.check_plan(plan, ranks=4096)
        self.assertLess(int(plan["fewest"]), 3e9 / 4096)
        self.assertLess(3e9 / 4096, int(plan["most"]))
        self.assertLess(float(plan["memory"]), 100)

    def test_absurd_files(self):
        """As many rows as a header can claim: a plan, and out of memory at once."""
        shapes = {"f4": ("f4", 10 ** 18, 1), "two": ("f4", 10 ** 18, 2), "f8": ("f8", 10 ** 18, 1),
                  "most": ("i1", 2 ** 63 - 1, 1)}
        for name, (dtype, rows, d) in shapes.items():
            with h5py.File(name, "w") as file:
                file.create_dataset("p", shape=(rows, d), dtype=dtype, chunks=(2 ** 20, d))
        with h5py.File("wide", "w") as file:
            for name in "abcdefgh":
                file.create_dataset(f"t/{name}", shape=(10 ** 18,), dtype="f8", chunks=(2 ** 20,))
        names = "f4", "two", "f8", "most", "wide"
        refused = r"\Askymeans: error: (out of memory|too many rows for one rank)"
        self.refuse(*[(5, refused, "fit", name, "-k", 3, "-o", "out.h5")
                      for name in names])
        for name in names:
            with self.subTest(name=name):
                one, many = self.plan(name, "-k", 3), self.plan(name, "-k", 3, "--ranks", 10 ** 9)
                self.assertGreater(float(one["samples"]), 1e18 / 1e6)
                self.assertGreater(float(many["samples"]), 1e9 / 1e6)
                self.assertGreater(float(one["memory"]), float(many["memory"]))
        self.plan("f4", "-k", 2 ** 31 - 1, "--seeding-rows", "all")
        self.plan("wide", "-k", 2 ** 31 - 1, "--distances")

    def test_ranks(self):
        write_array("in.h5", blobs(1000, 3))
        self.check_plan(self.plan("in.h5", "-k", 4, "--ranks", 2, ranks=3), ranks=2)
        self.check_plan(self.plan("in.h5", "-k", 4, "--ranks", 4096), ranks=4096, fewest=0)
        base = "fit", "in.h5", "-k", 4
        self.refuse((2, "--ranks.*--dry-run", *base, "--ranks", 4, "-o", "out.h5"),
                    *[(2, "bad value", *base, "--dry-run", "--ranks", value)
                      for value in ("0", "-1", "x", "1e3", "2147483648")], ranks=(1,))

    def test_errors_of_a_real_run(self):
        """What a fit would refuse from headers and names, with the same words."""
        write_array("in.h5", blobs(100, 2))
        write_array("two.h5", blobs(100, 2), name="a")
        write_array("two.h5", blobs(100, 2), name="b")
        write_array("none.h5", np.zeros((0, 2)))
        write_bytes("text.h5", b"1 2\n")
        for code, *arguments in (
                (4, "gone.h5", "-k", 3), (3, "text.h5", "-k", 3), (3, "in.h5", "-k", 101),
                (3, "in.h5", "-k", 3, "-c", "7"), (3, "in.h5", "-k", 3, "-d", "x"),
                (3, "two.h5", "-k", 3), (3, "none.h5", "-k", 3), (2, "in.h5", "-k", 0),
                (2, "in.h5", "-k", 3, "--kernel", "x"), (2, "in.h5"),
                (2, "in.h5", "-k", 3, "--seeding-rows", 2),
                (4, "in.h5", "-k", 3, "--seeding", "gone.txt")):
            with self.subTest(arguments=arguments):
                real, dry = run_all([lambda a=a: run("fit", *arguments, *a)
                                     for a in (["-o", "out.h5"], ["--dry-run"])])
                self.assertEqual(real.code, code, real)
                self.assertEqual((dry.code, dry.err), (code, real.err))


@unittest.skipIf(IS_SANITIZED, "the sanitizer takes memory of its own")
class Memory(ProgramTest):
    """What a dry run says beforehand is what the rank that has most takes."""

    @staticmethod
    def write_in_pieces(path, names, shape, dtype):
        """Without many values in memory at once."""
        random = np.random.default_rng(1)
        with h5py.File(path, "w") as file:
            for name in names:
                data = file.create_dataset(name, shape, dtype)
                for first in range(0, len(data), 500_000):
                    data[first:first + 500_000] = random.random((500_000, *shape[1:]))

    def test_prediction(self):
        self.write_in_pieces("f4.h5", ["points"], (5_000_000, 6), "f4")
        self.write_in_pieces("f8.h5", "xyz", (3_000_000,), "f8")
        for path, ranks, k, *options in (
                ("f4.h5", 1, 8, "--distances"), ("f8.h5", 1, 8, "--weights", "z"),
                ("f4.h5", 1, 8, "--algorithm", "bounds"),
                ("f8.h5", 1, 8, "--seeding-rows", "all", "--restarts", 2),
                ("f8.h5", 1, 8, "--seeding", "kmeans-parallel"), ("f4.h5", 2, 8),
                ("f4.h5", 2, 150, "--algorithm", "tree"), ("f8.h5", 2, 150, "--weights", "z")):
            arguments = "fit", path, "-k", k, "--max-iterations", 2, "--threads", 1, *options
            dry, real = run_all([
                lambda: run_alone(*arguments, "--dry-run", "--ranks", ranks),
                lambda: run_alone(*arguments, "-o", "out.h5", "--metrics", "out.json",
                                  "--overwrite", ranks=ranks)])
            self.assertEqual((dry.code, real.code), (0, 0), real)
            with open("out.json", encoding="utf-8") as file:
                measured = json.load(file)["memory_peak_bytes"]
            with self.subTest(path=path, ranks=ranks, options=options):
                predicted = float(PLAN.fullmatch(dry.out)["memory"]) * 1e6
                self.assertLess(abs(predicted - measured), 0.05 * measured,
                                f"{predicted} predicted, {measured} measured")


    def test_memory_of_the_parent_does_not_count(self):
        """The system hands a process the peak of the one that started it."""
        write_array("in.h5", blobs(100, 2))
        np.ones(50_000_000).sum()
        finished = run_alone("fit", "in.h5", "-k", 3, "-o", "out.h5", "--metrics", "out.json")
        self.assertEqual(finished.code, 0, finished)
        with open("out.json", encoding="utf-8") as file:
            self.assertLess(json.load(file)["memory_peak_bytes"], 200e6)


# ---- --metrics -----------------------------------------------------------------------------------


PHASES = ["start", "open", "read", "order", "seed", "assign", "reduce", "wait", "update", "write"]


class Metrics(ProgramTest):

    def read(self, path):
        """JSON as the standard has it: UTF-8, no NaN, each key once."""
        def fail(text):
            raise AssertionError(f"{text} is no JSON")

        def unique(pairs):
            self.assertEqual(len(dict(pairs)), len(pairs))
            return dict(pairs)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.endswith("}\n"))
        return json.loads(text, parse_constant=fail, object_pairs_hook=unique)

    def measured_fit(self, catalogue, k, *options, metrics="out.json", **how):
        finished, result = self.fit(catalogue, k, *options, "--metrics", metrics, **how)
        return finished, result, self.read(metrics)

    def check_metrics(self, metrics, result):
        check_schema(self, metrics, "metrics.schema.json")
        self.assertEqual(list(metrics["phases"]), [name for name in PHASES
                                                   if name != "wait" or metrics["plan"]["ranks"] > 1])
        for name, spread in metrics["phases"].items():
            self.assertLessEqual(spread["min"], spread["mean"] * (1 + 1e-12), name)
            self.assertLessEqual(spread["mean"], spread["max"] * (1 + 1e-12), name)
        for name in ("iteration", "inertia", "shift", "relabeled", "seconds",
                     "distances", "most_distances"):
            self.assertEqual([item[name] for item in metrics["iterations"]],
                             result.data[f"history/{name}"].tolist(), name)
        for name in ("inertia", "n_iterations", "converged", "stop_reason", "n_rows", "n_used",
                     "n_missing", "checksum"):
            self.assertEqual(metrics["result"][name], result.attributes[""][name], name)
        self.check_setting(metrics, result.attributes["provenance"])

    def check_setting(self, metrics, provenance):
        """The result tells the same of where and with what it ran, and what it was told."""
        for name in ("command", "nodes", "ranks_per_node", "cores"):
            self.assertEqual(metrics[name], provenance[name], name)
        for name in ("hosts", "binding"):
            self.assertEqual(" ".join(metrics[name]), provenance[name], name)
        for name in ("git_commit", "mpi", "hdf5", "compiler"):
            self.assertEqual(metrics["versions"][name], provenance[name], name)
        self.assertEqual(metrics["versions"]["skymeans"], provenance["version"])
        for name in ("ranks", "threads", "restarts", "tolerance", "max_iterations"):
            self.assertEqual(metrics["plan"][name], provenance[name], name)
        self.assertEqual(metrics["ranks_per_node"], metrics["plan"]["ranks"])

    def test_contents(self):
        values = blobs(5000, 3)
        values[::7, 1] = np.nan
        write_array("f8.h5", values)
        write_array("f4.h5", values.astype("f4"), chunks=(100, 3), compression="gzip")
        np.savetxt("first.txt", values[1:5])
        for path, size in (("f8.h5", 8), ("f4.h5", 4)):
            for ranks, options in ((1, ["--tolerance", 0, "--random-seed", 2 ** 64 - 1]), (3, ["--max-iterations", 1]),
                                   (3, ["--seeding", "first.txt", "--verify", "--quiet"])):
                with self.subTest(path=path, ranks=ranks):
                    finished, result, metrics = self.measured_fit(path, 4, *options, ranks=ranks)
                    self.check_metrics(metrics, result)
                    plan = metrics["plan"]
                    self.assertEqual(
                        (plan["ranks"], plan["rows"], plan["features"], plan["clusters"],
                         plan["precision"], plan["seeding"]),
                        (ranks, 5000, 3, 4, f"float{8 * size}", result.seeding))
                    self.assertEqual(plan["random_seed"], str(result.random_seed))
                    self.assertEqual(metrics["bytes_read"], 5000 * 3 * size)
                    self.assertEqual(metrics["result"]["file"], "out.h5")
                    self.assertGreater(metrics["memory_peak_bytes"], 5e6)
                    self.assertLess(metrics["memory_peak_bytes"], 500e6)
                    if finished.out:
                        self.assertEqual(list(parse_summary(finished.out)["phases"]),
                                         list(metrics["phases"]))

    def test_times(self):
        """Seconds of the iterations are part of the phases, which are part of the run."""
        write_array("in.h5", blobs(100_000, 4))
        finished, _, metrics = self.measured_fit("in.h5", 16, "--max-iterations", 20)
        phases = {name: spread["max"] for name, spread in metrics["phases"].items()}
        iterations = sum(item["seconds"] for item in metrics["iterations"])
        self.assertLess(iterations, sum(phases.values()))
        self.assertLess(sum(phases.values()), metrics["seconds"])
        self.assertRegex(finished.out, rf"(?m)^  total +{metrics['seconds']:.4g} s since the start$")
        self.assertGreater(phases["assign"] + phases["reduce"] + phases["update"],
                           0.9 * iterations)
        self.assertLess(sum(phases.values()), 20)

    def test_extras(self):
        """What takes time besides, as the options are called; --second has distances, too."""
        write_array("in.h5", blobs(100, 2))
        for options, extras in (((), []), (("--verify", "--second"), ["distances", "second", "verify"]),
                                (("--describe", "features", "--scratch", "."), ["describe", "scratch"])):
            _, _, metrics = self.measured_fit("in.h5", 3, *options)
            check_schema(self, metrics, "metrics.schema.json")
            self.assertEqual(metrics["plan"]["extras"], extras)

    def test_infinite_inertia(self):
        """JSON has no infinity."""
        write_array("in.h5", 1e300 * blobs(100, 2))
        _, result, metrics = self.measured_fit("in.h5", 3)
        if np.isinf(result.inertia):
            self.assertIsNone(metrics["result"]["inertia"])

    def test_odd_names(self):
        for name in ('a"b', "back\\slash", "é ☃ 𝄞", "two\nlines", "\x01\x1f\x7f\t", "<script>",
                     "\udcff latin \udce9"):
            with self.subTest(name=name):
                write_array(f"{name}.h5", blobs(50, 2))
                finished = run("fit", f"{name}.h5", "-k", 2, "-o", f"{name}.out.h5",
                               "--metrics", f"{name}.json")
                self.assertEqual(finished.code, 0, finished)
                metrics = self.read(f"{name}.json")
                check_schema(self, metrics, "metrics.schema.json")
                if "\udcff" not in name:  # not UTF-8, so JSON can't have it
                    self.assertEqual(metrics["result"]["file"], f"{name}.out.h5")
                    self.assertIn(f"{name}.json", metrics["command"])
                self.assertEqual(metrics["plan"]["rows"], 50)

    def test_existing_file(self):
        write_array("in.h5", blobs(100, 2))
        write_bytes("old.json", b"precious")
        os.mkdir("folder")
        base = "fit", "in.h5", "-k", 3, "-o", "out.h5", "--metrics"
        self.refuse((2, "output exists.*old.json.*--overwrite", *base, "old.json"),
                    (2, "output exists.*in.h5", *base, "in.h5"),
                    (2, "output exists.*in.h5", *base, "./in.h5", "--overwrite"),
                    (2, "folder", *base, "folder", "--overwrite"),
                    (4, "none/out.json.*folder none", *base, "none/out.json"),
                    (4, "in.h5/out.json", *base, "in.h5/out.json"), (2, "bad value", *base, ""))
        _, result, metrics = self.measured_fit("in.h5", 3, metrics="old.json")
        self.check_metrics(metrics, result)

    def test_same_file_as_the_result(self):
        """One of them would be lost."""
        write_array("in.h5", blobs(100, 2))
        os.symlink(".", "here")
        for name in ("out.h5", "./out.h5", "here/out.h5", os.path.abspath("out.h5")):
            for options in ([], ["--overwrite"]):
                self.refuse((2, "out.h5", "fit", "in.h5", "-k", 3, "-o", "out.h5", "--metrics",
                             name, *options))


# ---- --verify ------------------------------------------------------------------------------------


class Verify(ProgramTest):

    def check_passed(self, *fits):
        """Fits with their options pass on 1 and 3 ranks, and say so."""
        jobs = [(fit, ranks) for fit in fits for ranks in (1, 3)]
        done = run_all([
            lambda i=i, fit=fit, ranks=ranks: self.fit(*fit, "--verify", output=f"out{i}.h5",
                                                       ranks=ranks)
            for i, (fit, ranks) in enumerate(jobs)])
        for (fit, ranks), (finished, _) in zip(jobs, done):
            with self.subTest(fit=fit, ranks=ranks):
                self.assertRegex(finished.out, r"(?m)^  verified +PASSED: ")
        return [result for _, result in done]

    def test_precisions_and_scales(self):
        values = blobs(2000, 3)
        values[::9, 1] = np.nan
        write_array("f8.h5", values)
        write_array("f4.h5", values.astype("f4"))
        self.check_passed(*[(path, 5, "--scale", scale, "--tolerance", tolerance)
                            for path in ("f4.h5", "f8.h5")
                            for scale, tolerance in (("none", 0), ("standard", 1e-4),
                                                     ("minmax", 0))])

    def test_empty_clusters(self):
        """Refilled at the first assignment, or empty for good."""
        write_array("in.h5", blobs(2000, 2))
        write_array("few.h5", np.tile([[0.0, 1], [1, 1], [2, 5]], (50, 1)))
        write_array("same.h5", np.ones((100, 2), "f4"))
        np.savetxt("far.txt", [[0, 0], [500, 500], [600, 600], [700, 700]])
        results = self.check_passed(
            ("in.h5", 4, "--seeding", "far.txt", "--max-iterations", 1),
            ("in.h5", 4, "--seeding", "far.txt"), ("in.h5", 4, "--max-iterations", 1),
            ("few.h5", 7), ("few.h5", 5, "--seeding", "random", "--max-iterations", 1),
            ("same.h5", 3), ("in.h5", 1))
        self.assertTrue((results[2].sizes > 0).all())
        self.assertIn(0, results[6].sizes)

    def test_hard_numbers(self):
        values = blobs(1000, 2)
        outlier = values.copy()
        outlier[7, 0] = 1e15
        cases = {"huge": values * 1e150, "tiny": values * 1e-300, "denormal": values * 1e-310,
                 "f4": (values * 1e30).astype("f4"), "f4-tiny": (values * 1e-40).astype("f4"),
                 "far": values + 1e12, "f4-far": (values + 1e6).astype("f4"), "outlier": outlier,
                 "mixed": values * [1e-150, 1e100], "i8": np.rint(values * 1e3).astype("i8") << 40}
        for name, data in cases.items():
            write_array(name, data)
        self.check_passed(*[(name, 4) for name in cases])

    def test_infinite_inertia(self):
        """Squares that no double holds: labels and centers are still right."""
        write_array("in.h5", 1e300 * blobs(1000, 2))
        self.check_passed(("in.h5", 4), ("in.h5", 4, "--scale", "standard"))


if __name__ == "__main__":
    unittest.main()

"""Whatever is in a file, tools read it or refuse it with one line: no internal error, no output that is
left, no escape sequence on a terminal: `make check TEST=fuzz_tools`.

Good files are changed at random, by their bytes or by what HDF5 stores; each case has a number, from which
it can be made again: KM_FUZZ=10000 tries so many, KM_FUZZ_CASE=123 only this one, and keeps its files.
Each runs in a process of its own. What HDF5 itself does to that process with a damaged file is counted,
and no failure; other formats have no such excuse."""
import collections
import contextlib
import gzip
import io
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import unittest
import warnings
from unittest import mock

import h5py
import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from tool import load_tool, skymeans, write_text

N_CASES = int(os.environ.get("KM_FUZZ", 250))
ONLY = os.environ.get("KM_FUZZ_CASE")
SECONDS, CPU_SECONDS, MEMORY = 100, 4, 8 << 30  # of a case, which as a rule takes less than one second
TOOLS = {name: load_tool(name) for name in ("import", "export", "plot")}
N_ROWS = 40
ODD_NUMBERS = [b"0", b"-1", b"1", b"nan", b"inf", b"1e999", b"99999999999999999999", b"", b"2147483648",
               b"1e5", b"007", b"0x10", b"T", b"'a'", b"\xc3\xa9", b"\x1b[31m", b"null", b"1 2", b"-0"]
ODD_VALUES = [0, -1, 2 ** 62, np.nan, b"\xff\xfe", "\x1b[2J", "x" * 300, np.zeros(0), np.arange(3),
              np.zeros((2, 2)), [b"a", b"bb"], np.bool_(True), np.float16(1), np.complex128(1j),
              h5py.Empty("f8"), np.array((1, 2.0), "i4, f8"), np.uint64(2 ** 64 - 1), "float64", "", "/"]

Case = collections.namedtuple("Case", "tool damaged arguments")
Outcome = collections.namedtuple("Outcome", "code signal err left")


# --- good files ---------------------------------------------------------------------------------

def make_table():
    random = np.random.default_rng(1)
    table = Table({"x": random.normal(size=N_ROWS) + 9 * (np.arange(N_ROWS) % 2),
                   "y": random.normal(size=N_ROWS).astype("f4"), "id": np.arange(N_ROWS) + 2 ** 40,
                   "name": [f"star {i}" for i in range(N_ROWS)], "flag": np.arange(N_ROWS) % 3 == 0},
                  units={"x": "mag", "y": "km/s"}, descriptions={"x": "brightness"})
    table["n"] = MaskedColumn(np.arange(N_ROWS, dtype="i2"), mask=np.arange(N_ROWS) % 7 == 0)
    return table


def make_fits(table):
    table.write("plain.fits")
    wide = table["x", "n"]
    wide["v"] = np.arange(3.0 * N_ROWS).reshape(-1, 3)
    hdus = [fits.PrimaryHDU(np.zeros((2, 3))), fits.table_to_hdu(wide), fits.table_to_hdu(table)]
    hdus[1].header["TSCAL2"], hdus[1].header["TZERO2"], hdus[1].header["TNULL2"] = 2.0, 1.0, 5
    fits.HDUList(hdus).writeto("several.fits")
    cells = np.array([np.arange(i % 4) for i in range(N_ROWS)], object)
    fits.BinTableHDU.from_columns([fits.Column("k", "J", array=np.arange(N_ROWS)),
                                   fits.Column("bits", "11X", array=np.eye(N_ROWS, 11, dtype=bool)),
                                   fits.Column("v", "PJ()", array=cells)]).writeto("variable.fits")
    fits.TableHDU.from_columns([fits.Column("a", "I6", array=np.arange(N_ROWS)),
                                fits.Column("b", "F9.3", array=np.ones(N_ROWS))]).writeto("text.fits")
    sky = fits.BinTableHDU.from_columns([fits.Column("T", "1024E", array=np.zeros((12, 1024)))])
    sky.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": 32})
    sky.writeto("sky.fits")


def make_texts(table):
    table.write("in.ecsv")
    table.write("in.csv")
    for form in ("tabledata", "binary", "binary2"):
        table["x", "y", "id", "name", "flag"].write(f"{form}.vot", format="votable", tabledata_format=form)
    write_text("in.dat", "2 5\n1 2 3 4 5\n6 7 nan 9 1e5\n")


def make_hdf5(table):
    table.write("astropy.h5", path="t", serialize_meta=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_inside("import", "plain.fits", "vaex.h5", "--derive", "s=x+y", "--where", "x < 100")
    with h5py.File("groups.h5", "w") as file:
        for name in ("x", "y", "id"):
            file[f"stars/{name}"] = np.asarray(table[name])
            file[f"stars/{name}"].attrs.update({"units": "mag", "_FillValue": np.float64(3)})
        file["stars/name"] = np.array(table["name"].tolist(), object)
        file["more/v"] = np.arange(3 * N_ROWS).reshape(N_ROWS, 3)
        file["link"] = h5py.SoftLink("/stars/x")
        file["stars/x"].make_scale("row")
    with h5py.File("array.h5", "w") as file:
        file.create_dataset("points", data=np.stack([table["x"], table["y"]], axis=1),
                            chunks=(7, 2), compression="gzip", shuffle=True)
    with h5py.File("frame.h5", "w") as file:
        frame = file.create_group("fixed")
        frame.attrs["pandas_type"] = np.bytes_("frame")
        frame["axis0"], frame["axis1"] = np.array([b"x", b"y"]), np.arange(N_ROWS)
        frame["block0_items"] = np.array([b"x", b"y"])
        frame["block0_values"] = np.stack([table["x"], table["y"]], axis=1)
    skymeans("fit", "groups.h5", "-d", "stars", "-c", "x,y", "-k", 3, "--id", "id", "--distances",
             "--missing-value", "y:-99", "-o", "result.h5")
    skymeans("predict", "result.h5", "groups.h5", "-d", "stars", "-o", "labels.h5")
    skymeans("fit", "array.h5", "-k", 2, "-o", "array-result.h5")


def good_files():
    table = make_table()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_fits(table)
        make_texts(table)
        make_hdf5(table)
    for name in ("plain.fits", "binary.vot"):
        with open(name, "rb") as file, gzip.open(f"{name}.gz", "wb") as packed:
            packed.write(file.read())
    write_text("list.txt", "# files\ngroups.h5\n")


# --- cases --------------------------------------------------------------------------------------

IMPORTED = ["plain.fits", "several.fits", "variable.fits", "text.fits", "sky.fits", "in.ecsv",
            "in.csv", "tabledata.vot", "binary.vot", "binary2.vot", "in.dat", "astropy.h5", "vaex.h5",
            "groups.h5", "array.h5", "frame.h5", "plain.fits.gz", "binary.vot.gz", "result.h5"]
JOINED = [("result.h5", "groups.h5"), ("labels.h5", "groups.h5"), ("array-result.h5", "array.h5"),
          ("result.h5", "@list.txt")]
WORDS = ["x", "y", "n", "{x}", "{no such", "name", "flag", "id", "1", "0.5", "1e999", "+", "-", "*", "/",
         "**", "%", "(", ")", "[", "]", "[0]", "[-1]", "==", "<", ">", "&", "|", "~", "sqrt", "where(",
         "isnan(", ",", "nan", "pi", "=", ":", "'", '"', "\\", "\n", "\0", "é", "\x1b", "lambda", "if",
         "not", "and", "in", "j", "9**9", "x.y", "@", "#", "$", "`", "all", "0:3", "{", "}", "()", "..."]


def pick(random, items):
    return items[int(random.integers(len(items)))]


def make_words(random):
    return "".join(pick(random, WORDS) + pick(random, ["", "", " "])
                   for _ in range(random.integers(1, 9))).replace("\0", "")


def import_case(random):
    name = pick(random, IMPORTED)
    arguments = [name, "out.h5"]
    if random.random() < 0.2:
        arguments += ["--derive", "q=sqrt(x)+y", "--missing-value", "5"]
    if name in ("several.fits", "groups.h5") and random.random() < 0.5:
        arguments += ["--hdu", "2"] if name == "several.fits" else ["-d", "stars"]
    return Case("import", name, arguments)


def words_case(random):
    name = pick(random, ["in.csv", "plain.fits", "groups.h5"])
    option = pick(random, ["--derive", "--where", "-c", "--missing-value", "-d", "--hdu"])
    words = make_words(random)
    return Case("import", None, [name, "out.h5", f"{option}=q={words}" if option == "--derive" else
                                 f"-c{words}" if option == "-c" else f"-d{words}" if option == "-d"
                                 else f"{option}={words}"])


def join_case(random):
    result, catalogue = pick(random, JOINED)
    tool = pick(random, ["export", "export", "plot"])
    output = "out.png" if tool == "plot" else "out." + pick(random, ["fits", "vot", "ecsv", "csv"])
    arguments = [result, catalogue, "-o", output]
    if tool == "export" and random.random() < 0.6:
        arguments += ["-c", pick(random, ["all", "x", "0", make_words(random)])]
    arguments += ["--force"] if random.random() < 0.5 else []
    damaged = pick(random, [result, result, catalogue.replace("@", "")])
    return Case(tool, damaged, arguments)


def make_case(random):
    kind = random.random()
    return import_case(random) if kind < 0.55 else join_case(random) if kind < 0.85 else \
        words_case(random)


# --- damage -------------------------------------------------------------------------------------

def damage(name, random):
    """A file is changed in some places."""
    if name.endswith(".h5") and random.random() < 0.6:
        return damage_objects(name, random)
    with open(name, "rb") as file:
        content = bytearray(file.read())
    if name.endswith(".h5"):
        content = damage_values(content, random)
    else:
        for _ in range(int(random.integers(1, 4))):
            content = damage_bytes(content, random, is_text=not name.endswith(".gz"))
    with open(name, "wb") as file:
        file.write(content)


def damage_bytes(content, random, is_text):
    size = max(len(content), 1)
    reach = min(size, pick(random, [600, 6000, size]))  # the head of a file decides most
    at, length = int(random.integers(reach)), int(random.integers(1, pick(random, [3, 30, 3000])))
    kind = int(random.integers(7 if is_text else 5))
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + content[at + length:]
    if kind == 2:
        return content[:at] + content[at:at + length] * 2 + content[at + length:]
    if kind == 3:
        content[at:at + length] = random.bytes(len(content[at:at + length]))
        return content
    if kind == 4:
        content[at:at + 1] = bytes([int(pick(random, [0, 1, 10, 32, 34, 44, 45, 127, 128, 255]))])
        return content
    found = list(re.finditer(rb"[-+.0-9eE]+" if kind == 5 else rb"[A-Za-z_]+", content[:reach]))
    if not found:
        return content
    start, end = pick(random, found).span()
    odd = pick(random, ODD_NUMBERS)
    if b"SIMPLE  =" in content[:80]:  # the cards of FITS keep their places
        odd = odd[:end - start].rjust(end - start)
    return content[:start] + odd + content[end:]


def damage_values(content, random):
    """Some bytes beyond the head of HDF5, without which no file is one."""
    for _ in range(int(random.integers(1, 20))):
        at = int(random.integers(96, len(content)))
        content[at] = pick(random, [0, 1, 255, content[at] ^ 1 << int(random.integers(8))])
    return content[:int(random.integers(len(content)))] if random.random() < 0.05 else content


def damage_objects(name, random):
    with h5py.File(name, "r+") as file:
        names = []
        file.visit(names.append)
        for _ in range(int(random.integers(1, 3))):
            path = pick(random, names)
            if path in file:
                damage_object(file, path, random)


def damage_object(file, path, random):
    kind, value = int(random.integers(5)), pick(random, ODD_VALUES)
    with contextlib.suppress(TypeError, ValueError, OSError, RuntimeError, KeyError):
        if kind == 0:
            del file[path]
        elif kind == 1:
            del file[path]
            file[path] = value
        elif kind == 2 and isinstance(file[path], h5py.Dataset) and file[path].ndim:
            values = file[path][:]
            del file[path]
            file[path] = pick(random, [values[:-1], values[..., None], values.ravel().astype("S5"),
                                       np.concatenate([values, values]), -values])
        elif kind == 3 and len(file[path].attrs):
            key = pick(random, sorted(file[path].attrs))
            file[path].attrs[key] = value
        elif kind == 4 and len(file.attrs):
            file.attrs[pick(random, sorted(file.attrs))] = value
            if file[path].attrs:
                del file[path].attrs[pick(random, sorted(file[path].attrs))]


# --- running ------------------------------------------------------------------------------------

def run_inside(tool, *arguments):
    """In this process: exit code and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with mock.patch.object(sys, "argv", [f"{tool}.py", *arguments]), \
            contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        return TOOLS[tool].main(), err.getvalue()


def run_case(case):
    """In a process of its own, which ends after some time, with all that it has started."""
    before = set(os.listdir())
    child = os.fork()
    if not child:
        end_with(case)
    state = wait(child)
    with open("said", encoding="utf-8", errors="surrogateescape") as file:
        err = file.read()
    os.remove("said")
    left = sorted(set(os.listdir()) - before - {"said"})
    if os.WIFSIGNALED(state):
        return Outcome(None, os.WTERMSIG(state), err, left)
    return Outcome(os.WEXITSTATUS(state), None, err, left)


def end_with(case):
    code = 99
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        silent = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(silent, 2)
        code, err = run_inside(case.tool, *case.arguments)
        with open("said", "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(err)
    except BaseException as error:  # whatever escapes from a tool
        with open("said", "w", encoding="utf-8", errors="replace") as file:
            file.write(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def wait(child):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found, state = os.waitpid(child, os.WNOHANG)
        if found:
            return state
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def fault_of(case, outcome):
    """What is wrong with an outcome; None if nothing is."""
    if outcome.signal:
        reads_hdf5 = case.damaged and case.damaged.endswith(".h5")
        return None if reads_hdf5 else f"ended by signal {outcome.signal}"
    lines = outcome.err.splitlines()
    errors = [line for line in lines if f"{case.tool}.py: error: " in line]
    if outcome.code not in (0, 2, 3, 4, 5):
        return f"exit code {outcome.code}"
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]|None\)|internal error", outcome.err):
        return "odd words"
    if outcome.code and (len(errors) != 1 or errors[0] != lines[-1] or outcome.left):
        return "not one line of error, or a file is left"
    return "errors with success" if not outcome.code and errors else None


class Fuzz(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(os.chdir, os.getcwd())
        cls.good = tempfile.mkdtemp(prefix="fuzz-good-")
        cls.addClassCleanup(shutil.rmtree, cls.good)
        os.chdir(cls.good)
        good_files()

    def run_number(self, number):
        random = np.random.default_rng(number)
        case = make_case(random)
        folder = tempfile.mkdtemp(prefix=f"fuzz-{number}-")
        try:
            for name in os.listdir(self.good):
                shutil.copy(os.path.join(self.good, name), folder)
            os.chdir(folder)
            if case.damaged:
                damage(case.damaged, random)
            return case, run_case(case)
        finally:
            os.chdir(self.good)
            if ONLY:
                print(f"files of case {number}: {folder}")
            else:
                shutil.rmtree(folder)

    def test_bad_files(self):
        outcomes, faults = collections.Counter(), []
        for number in [int(ONLY)] if ONLY else range(N_CASES):
            case, outcome = self.run_number(number)
            outcomes["read" if outcome.code == 0 else "refused" if outcome.code else
                     "ended by a signal in HDF5"] += 1
            fault = fault_of(case, outcome)
            if ONLY:
                print(case, outcome)
            if fault:
                faults.append(f"case {number}: {fault}: {case}\n{outcome}")
        print(f"{sum(outcomes.values())} bad files tried: " +
              ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())))
        self.assertEqual(faults, [], "\n".join(faults))
        if not ONLY:
            self.assertGreater(outcomes["read"], N_CASES // 20)
            self.assertGreater(outcomes["refused"], N_CASES // 4)

    def test_good_files(self):
        """Undamaged they are read, so that it is the damage that is refused."""
        cases = [Case("import", None, [name, "new.h5", *more]) for name, more in
                 [(name, ["-d", "stars"] if name == "groups.h5" else ["-d", "centers"]
                   if name == "result.h5" else []) for name in IMPORTED]]
        cases += [Case("export", None, [*pair, "-o", "new.fits", "-c", "all"]) for pair in JOINED]
        cases += [Case("plot", None, [*JOINED[0], "-o", "new.png"])]
        for case in cases:
            outcome = run_case(case)
            self.assertEqual(outcome.code, 0, (case, outcome))
            os.remove(outcome.left[0])


if __name__ == "__main__":
    unittest.main()

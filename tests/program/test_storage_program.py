"""The same values in all storage that HDF5 has, on 1 to 4 ranks (but for arrays on fewer, to save
time): the same result.

A storage is a function that writes values to a dataset and returns what a reader must find there,
which differs from them where a part was never written. Serial HDF5 (h5py) reads each dataset first
and must find the same. What the fit is compared with is a fit of a plain contiguous copy.
"""
import ctypes
import glob
import itertools
import os
import re
import sys
import unittest
import zlib
from unittest import mock

sys.dont_write_bytecode = True

import h5py
import numpy as np
from h5py import h5d, h5p, h5t, h5z

from program import (IS_SANITIZED, ProgramTest, Result, blobs, run, run_many, write_array,
                     write_columns)

N = 1000
CHUNK = 97, 2  # of rows and columns: neither divides what there is
VALUES = blobs(N, 3).astype("f4")
WRITTEN = slice(290, 582), slice(873, 970)  # rows of whole chunks: all that "in part" has
FILL = 9.5
FEW, RANKS = ((1, 3), (1, 3)) if IS_SANITIZED else ((2, 3), (1, 2, 3, 4))
FORMS = {"array": RANKS, "columns": FEW}  # and the numbers of ranks for each
OPTIONS = {"array": ["-d", "points"], "columns": ["-d", "stars", "-c", "a,b,c"],
           "compound": ["-d", "stars", "-c", "a,b,c"]}


def parts_of(values, form):
    """Datasets by path, as the values are in that form."""
    if form == "array":
        return {"points": values}
    if form == "columns":
        return {f"stars/{name}": column.copy() for name, column in zip("abc", values.T)}
    rows = np.zeros(N, [("id", "i2"), ("a", "f4"), ("b", "f4"), ("flag", "u1"), ("c", "f4")])
    rows["a"], rows["b"], rows["c"] = values.T
    return {"stars": rows}


def together(parts, form):
    """What was read of the datasets, as one array again."""
    if form == "columns":
        return np.stack(parts, axis=1)
    return parts[0] if form == "array" else np.stack([parts[0][name] for name in "abc"], axis=1)


# ---- datasets ------------------------------------------------------------------------------------


def library():
    """HDF5 as h5py has it loaded, for what h5py does not offer."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = re.findall(r"/\S*/libhdf5\S*\.so\S*", maps.read())
    return ctypes.CDLL(next(path for path in paths if "_hl" not in path))


def hid(item):
    return ctypes.c_int64(item.id)


def properties(**settings):
    """A list of creation properties: set_NAME is called with the arguments of each setting."""
    found = h5p.create(h5p.DATASET_CREATE)
    for name, arguments in settings.items():
        getattr(found, f"set_{name}")(*arguments)
    return found


def filled(values, fill):
    """What is read of such a dataset before anything is written."""
    return np.zeros_like(values) if fill is None else np.full_like(values, fill)


def create(file, name, values, dcpl=None, fillvalue=None, **how):
    """An empty dataset for such values."""
    if fillvalue is not None:
        how["fillvalue"] = np.full((), fillvalue, values.dtype)
    return file.create_dataset(name, values.shape, how.pop("dtype", values.dtype),
                               dcpl=dcpl or properties(), **how)


def chunk_for(values, rows=CHUNK[0]):
    return (rows, CHUNK[1])[:values.ndim]


def offsets(data):
    """Where the chunks of a dataset begin."""
    return list(itertools.product(*map(range, [0] * data.ndim, data.shape, data.chunks)))


def raw_chunk(data, values, offset):
    """A whole chunk in the type of the dataset, with zeros beyond its end."""
    block = values[tuple(slice(o, o + n) for o, n in zip(offset, data.chunks))]
    whole = np.zeros(data.chunks, data.dtype)
    whole[tuple(map(slice, block.shape))] = block
    return whole


def write_parts(data, values, fill):
    """Writes some chunks; the values with `fill` in all others."""
    expected = filled(values, fill)
    for rows in WRITTEN:
        data[rows] = expected[rows] = values[rows]
    return expected


# ---- filters: each a list of (name, arguments of set_NAME), and the type it is for ---------------

INTEGERS = np.dtype("i4")
NARROW = 12  # significant bits that the filter nbit keeps of an integer
FILTERS = {
    "deflate": ([("deflate", (4,))], None),
    "shuffle-deflate": ([("shuffle", ()), ("deflate", (4,))], None),
    "fletcher32": ([("fletcher32", ())], None),
    "deflate-fletcher32": ([("deflate", (4,)), ("fletcher32", ())], None),
    "scaleoffset-integers": ([("scaleoffset", (h5z.SO_INT, 0))], INTEGERS),
    "scaleoffset-floats": ([("scaleoffset", (h5z.SO_FLOAT_DSCALE, 3))], None),
    "nbit": ([("filter", (h5z.FILTER_NBIT,))], INTEGERS),
    "szip": ([("szip", (h5z.SZIP_NN_OPTION_MASK, 16))], None),
    "shuffle-szip": ([("shuffle", ()), ("szip", (h5z.SZIP_NN_OPTION_MASK, 16))], INTEGERS),
    "deflate-twice": ([("deflate", (1,)), ("deflate", (9,))], None),
}


def can_szip():
    return h5z.filter_avail(h5z.FILTER_SZIP) and \
        bool(h5z.get_filter_info(h5z.FILTER_SZIP) & h5z.FILTER_CONFIG_ENCODE_ENABLED)


def shuffled(data, size):
    return np.frombuffer(data, "u1").reshape(-1, size).T.tobytes()


ENCODE = {"shuffle": shuffled, "deflate": lambda data, size: zlib.compress(data)}


def encoded(data, size, filters, mask):
    """A chunk after the filters that the mask does not skip."""
    for i, (name, _) in enumerate(filters):
        if not mask >> i & 1:
            data = ENCODE[name](data, size)
    return data


def masks_of(filters):
    """All that skip something and leave what can be encoded here."""
    return [mask for mask in range(1, 1 << len(filters))
            if all(mask >> i & 1 or name in ENCODE for i, (name, _) in enumerate(filters))]


def skip_filters(data, values, filters):
    """Writes two of three chunks anew without some of the filters, or without all."""
    masks = masks_of(filters)
    for i, offset in enumerate(offsets(data)):
        if i % 3:
            mask = masks[i % len(masks)]
            chunk = raw_chunk(data, values, offset).tobytes()
            data.id.write_direct_chunk(offset, encoded(chunk, data.dtype.itemsize, filters, mask),
                                       filter_mask=mask)


def filtered(name, is_masked=False, is_partly=False, **how):
    """A storage with these filters, of which chunks may have skipped some."""
    filters, kind = FILTERS[name]

    def write(file, path, values):
        if kind:
            values = np.rint(values * 100).astype(kind)
        dtype = values.dtype
        if name == "nbit":
            narrow = h5t.STD_I32LE.copy()
            narrow.set_precision(NARROW)
            dtype = h5py.Datatype(narrow)
        dcpl = properties(chunk=[chunk_for(values)])
        for setting, arguments in filters:
            getattr(dcpl, f"set_{setting}")(*arguments)
        data = create(file, path, values, dcpl, dtype=dtype, **how)
        if is_partly:
            values = write_parts(data, values, how.get("fillvalue"))
        else:
            data[...] = values
        if is_masked:
            skip_filters(data, values, filters)
        if name == "scaleoffset-floats":
            return None
        return values

    return write


# ---- storages: functions of file, path and values ------------------------------------------------


def contiguous(file, path, values):
    create(file, path, values)[...] = values
    return values


def compact(file, path, values):
    create(file, path, values, properties(layout=[h5d.COMPACT]))[...] = values
    return values


def big_endian(file, path, values):
    create(file, path, values, dtype=values.dtype.newbyteorder(">"))[...] = values
    return values


def big_endian_masked(file, path, values):
    filters = FILTERS["shuffle-deflate"][0]
    dcpl = properties(chunk=[chunk_for(values)], shuffle=[], deflate=[1])
    data = create(file, path, values, dcpl, dtype=values.dtype.newbyteorder(">"))
    data[...] = values
    skip_filters(data, values, filters)
    return values


def allocated(when, fill=None, written=slice(None)):
    """Contiguous, allocated early, late or bit by bit; only some rows written."""
    def write(file, path, values):
        data = create(file, path, values, properties(alloc_time=[when]), fillvalue=fill)
        expected = filled(values, fill)
        if written is not None:
            data[written] = expected[written] = values[written]
        return expected

    return write


def chunked(fill=None, written=True, rows=CHUNK[0], maximum=None, **settings):
    """Chunks: all, those of some rows, or none at all."""
    def write(file, path, values):
        chunk = values.shape if rows == N else chunk_for(values, rows)
        data = create(file, path, values, properties(chunk=[chunk], **settings),
                      maxshape=maximum and maximum[:values.ndim], fillvalue=fill)
        if written is None:
            return filled(values, fill)
        if written == "in part":
            return write_parts(data, values, fill)
        data[...] = values
        return values

    return write


def resized_to(fill):
    """Cut short after it was filled, then made as long as before, with a gap of two chunks."""
    def write(file, path, values):
        data = create(file, path, values, properties(chunk=[chunk_for(values)], deflate=[1]),
                      maxshape=(None,) * values.ndim, fillvalue=fill)
        expected = filled(values, fill)
        data[...] = values
        data.resize(400, axis=0)
        data.resize(N, axis=0)
        expected[:400] = values[:400]
        data[700:] = expected[700:] = values[700:]
        return expected

    return write


def widened(file, path, values):
    """An array that got its last columns later, of which some rows were never written."""
    if values.ndim == 1:
        return chunked(maximum=(None,))(file, path, values)
    data = file.create_dataset(path, (N, 1), values.dtype, chunks=(97, 1), maxshape=(N, None))
    expected = np.zeros_like(values)
    data[...] = expected[:, :1] = values[:, :1]
    data.resize(values.shape)
    data[300:, 1:] = expected[300:, 1:] = values[300:, 1:]
    return expected


def unfiltered_edges(file, path, values):
    """H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS: those at the ends are stored as they are."""
    dcpl = properties(chunk=[chunk_for(values)], deflate=[4])
    if library().H5Pset_chunk_opts(hid(dcpl), ctypes.c_uint(2)) < 0:
        raise unittest.SkipTest("HDF5 has no H5Pset_chunk_opts")
    create(file, path, values, dcpl)[...] = values
    return values


def external(file, path, values):
    """In two files, the first of which begins with something else."""
    stem, rows, size = path.replace("/", "-"), 300, values[0].nbytes
    dcpl = properties()
    dcpl.set_external(f"{stem}-0.raw".encode(), 40, rows * size)
    dcpl.set_external(f"{stem}-1.raw".encode(), 0, (N - rows) * size)
    create(file, path, values, dcpl)[...] = values
    return values


def virtual(fill=None, gap=None, is_masked=False):
    """Rows of two other files, which may leave a gap, and whose chunks may have skipped filters."""
    first, last = gap or (333, 333)

    def write(file, path, values):
        stem = os.path.splitext(file.filename)[0] + path.replace("/", "-")
        layout = h5py.VirtualLayout(values.shape, values.dtype)
        for i, rows in enumerate((slice(0, first), slice(last, N))):
            part = values[rows]
            with h5py.File(f"{stem}-{i}.h5", "w") as other:
                filtered("deflate", is_masked)(other, "x", part)
            layout[rows] = h5py.VirtualSource(f"{stem}-{i}.h5", "x", part.shape, part.dtype)
        file.create_virtual_dataset(path, layout, fillvalue=fill)
        expected = filled(values, fill)
        expected[:first], expected[last:] = values[:first], values[last:]
        return expected

    return write


def virtual_here(file, path, values):
    """A view on a dataset of the same file."""
    file.create_dataset(f"hidden/of/{path}", data=values[::-1].copy())
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    source = h5py.VirtualSource(".", f"hidden/of/{path}", values.shape, values.dtype)
    for i in range(0, N, 100):
        layout[i:i + 100] = source[N - 100 - i:N - i]
    file.create_virtual_dataset(path, layout)
    return np.concatenate([values[::-1][N - 100 - i:N - i] for i in range(0, N, 100)])


def single_chunk(is_masked):
    """A whole dataset is one chunk, whose filters may have been skipped."""
    def write(file, path, values):
        data = create(file, path, values, properties(chunk=[values.shape], deflate=[4]))
        data[...] = values
        if is_masked:
            data.id.write_direct_chunk((0,) * values.ndim, values.tobytes(), filter_mask=1)
        return values

    return write


# ---- all of them: name, function, and how the file is opened -------------------------------------

EARLIEST, LATEST = {"libver": "earliest"}, {"libver": "latest"}
EARLY, LATE, BIT_BY_BIT = h5d.ALLOC_TIME_EARLY, h5d.ALLOC_TIME_LATE, h5d.ALLOC_TIME_INCR
SOME = slice(200, 600)

WHOLE = {
    "compact": (compact, {}),
    "big-endian": (big_endian, {}),
    "early": (allocated(EARLY), {}),
    "late": (allocated(LATE), {}),
    "bit by bit": (allocated(BIT_BY_BIT), {}),
    "early, some rows written": (allocated(EARLY, None, SOME), {}),
    "early, some rows written, fill value": (allocated(EARLY, FILL, SOME), {}),
    "early, nothing written": (allocated(EARLY, None, None), {}),
    "early, nothing written, fill value": (allocated(EARLY, FILL, None), {}),
    "late, some rows written": (allocated(LATE, None, SOME), {}),
    "late, some rows written, fill value": (allocated(LATE, FILL, SOME), {}),
    "late, nothing written": (allocated(LATE, None, None), {}),
    "late, nothing written, fill value": (allocated(LATE, FILL, None), {}),
    "late, some rows written, fill value is NaN": (allocated(LATE, np.nan, SOME), {}),
    "external": (external, {}),
    "user block": (contiguous, {"userblock_size": 4096}),
    "user block, chunks": (filtered("deflate", True), {"userblock_size": 512}),
}
VIRTUAL = {
    "virtual": (virtual(), LATEST),
    "virtual, gap": (virtual(None, (250, 400)), LATEST),
    "virtual, gap, fill value": (virtual(FILL, (250, 400)), LATEST),
    "virtual, gap is NaN": (virtual(np.nan, (250, 400)), LATEST),
    "virtual, filters skipped": (virtual(is_masked=True), LATEST),
    "virtual, of the same file": (virtual_here, LATEST),
}
FILTERED = {name: (filtered(name), {}) for name in FILTERS}
SKIPPED = {f"{name}, skipped": (filtered(name, True), {}) for name in FILTERS}
SZIP = {name: either.pop(name) for either in (FILTERED, SKIPPED) for name in list(either)
        if "szip" in name}
SKIPPED |= {f"{name}, skipped, newest format": (filtered(name, True), LATEST)
            for name in ("shuffle-deflate", "scaleoffset-integers")}
SKIPPED |= {"big-endian, skipped": (big_endian_masked, {})}
PARTLY = {
    "chunks": (chunked(written="in part"), {}),
    "chunks, fill value": (chunked(FILL, "in part"), {}),
    "chunks, fill value is NaN": (chunked(np.nan, "in part"), {}),
    "chunks, nothing written": (chunked(None, None), {}),
    "chunks, nothing written, fill value": (chunked(FILL, None), {}),
    "chunks, late": (chunked(FILL, "in part", alloc_time=[LATE]), {}),
    "chunks, early": (chunked(FILL, "in part", alloc_time=[EARLY]), {}),
    "deflate in part": (filtered("deflate", is_partly=True), {}),
    "deflate in part, fill value": (filtered("deflate", is_partly=True, fillvalue=FILL), {}),
    "deflate in part, skipped": (filtered("deflate", True, True, fillvalue=FILL), {}),
    "deflate, nothing written": (chunked(FILL, None, deflate=[4]), {}),
    "resized": (resized_to(FILL), {}),
    "resized, newest format": (resized_to(FILL), LATEST),
    "widened": (widened, {}),
    "widened, newest format": (widened, LATEST),
    "edges without filters": (unfiltered_edges, LATEST),
}
ONE, ALL = (None, 3), (None, None)  # unlimited dimensions
INDICES = {
    "B-tree": (chunked(), EARLIEST),
    "B-tree, deflate": (chunked(deflate=[4]), EARLIEST),
    "single chunk": (chunked(rows=N), LATEST),
    "implicit": (chunked(alloc_time=[EARLY]), LATEST),
    "implicit, in part": (chunked(FILL, "in part", alloc_time=[EARLY]), LATEST),
    "fixed array": (chunked(), LATEST),
    "fixed array, in part": (chunked(FILL, "in part"), LATEST),
    "fixed array, deflate, in part": (chunked(None, "in part", deflate=[4]), LATEST),
    "fixed array of many pages": (chunked(FILL, "in part", 1), LATEST),
    "extensible array": (chunked(maximum=ONE), LATEST),
    "extensible array, in part": (chunked(FILL, "in part", maximum=ONE), LATEST),
    "extensible array, deflate": (chunked(maximum=ONE, deflate=[4]), LATEST),
    "extensible array, deflate, in part": (
        chunked(None, "in part", maximum=ONE, deflate=[4]), LATEST),
    "B-tree v2": (chunked(maximum=ALL), LATEST),
    "B-tree v2, in part": (chunked(FILL, "in part", maximum=ALL), LATEST),
    "B-tree v2, deflate, in part": (chunked(None, "in part", maximum=ALL, deflate=[4]), LATEST),
    "single chunk, deflate": (single_chunk(False), LATEST),
    "single chunk, deflate, skipped": (single_chunk(True), LATEST),
}
COMPOUNDS = {name: STORAGES[name] for STORAGES in (WHOLE, VIRTUAL, SKIPPED, PARTLY, INDICES)
             for name in STORAGES if name in (
                 "compact", "late, nothing written", "early, some rows written", "external",
                 "user block", "virtual", "virtual, gap", "shuffle-deflate, skipped",
                 "fletcher32, skipped", "chunks", "chunks, nothing written", "deflate in part",
                 "edges without filters", "fixed array, deflate, in part",
                 "extensible array, in part", "single chunk, deflate, skipped")}
NO_ROWS = {
    "contiguous": (contiguous, {}),
    "late": (allocated(LATE, None, None), {}),
    "early": (allocated(EARLY, FILL, None), {}),
    "chunks": (chunked(maximum=ALL), {}),
    "chunks-newest": (chunked(maximum=ONE), LATEST),
    "deflate": (chunked(FILL, None, maximum=ALL, deflate=[4]), {}),
    "deflate-newest": (chunked(FILL, None, maximum=ONE, deflate=[4]), LATEST),
    "big-endian": (big_endian, {}),
}


# ---- tests ---------------------------------------------------------------------------------------


def read_serially(file, path, expected):
    """What h5py reads; that it is what was meant to be written is checked here."""
    found = file[path][...]
    if expected is not None:
        np.testing.assert_array_equal(found, expected, err_msg=f"h5py, {file.filename}, {path}")
    return found.astype(found.dtype.newbyteorder("="))


class StorageTest(ProgramTest):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.plain = {}  # names of copies by what they hold

    def write(self, name, storage, how, form):
        """A file with the values in a storage; what h5py reads in it, as an array."""
        with h5py.File(name, "w", **how) as file:
            expected = {path: storage(file, path, values)
                        for path, values in parts_of(VALUES, form).items()}
        with h5py.File(name, "r") as file:
            return together([read_serially(file, path, values)
                             for path, values in expected.items()], form)

    def copy(self, values):
        """The name of a file with a plain copy of the values."""
        key = values.dtype.str, values.tobytes()
        if key not in self.plain:
            name = f"plain{len(self.plain)}.h5"
            write_array(name, np.ascontiguousarray(values))
            self.plain[key] = name
        return self.plain[key]

    def outcomes(self, jobs):
        """The results of fits, or the messages of those that failed, of jobs: files, output, ranks and
        options. One rank has three threads, which read without HDF5 what they can, and two ranks
        have two each."""
        found = run_many([(["fit", *files, *options, "-k", 1, "-o", output, "--overwrite",
                            "--threads", {1: 3, 2: 2}.get(ranks, 1)], ranks)
                          for files, output, ranks, *options in jobs])
        return [self.outcome(finished, output) for finished, (_, output, *_) in zip(found, jobs)]

    def outcome(self, finished, output):
        said = re.sub(r"skymeans: warning: too many threads .*\n", "", finished.err)
        return f"exit {finished.code}: {said}" if finished.code else Result(output)

    def answers(self, jobs):
        """What the results say of all values and labels, or the messages."""
        return [result if isinstance(result, str) else
                (result.attributes["provenance"]["features_checksum"], result.checksum,
                 int(result.n_missing)) for result in self.outcomes(jobs)]

    def check(self, storages, forms=FORMS):
        """Every storage in both forms gives the answer of its copy, on any number of ranks."""
        jobs, written = [], {}
        for name, (storage, how) in storages.items():
            for form in forms:
                file = re.sub("[^a-z0-9]+", "-", f"{name} {form}".lower()) + ".h5"
                written[file] = name, form, self.copy(self.write(file, storage, how, form))
        copies = sorted(set(copy for *_, copy in written.values()))
        plain = dict(zip(copies, self.answers([([copy], f"out-{copy}", 1) for copy in copies])))
        for file, (name, form, _) in written.items():
            for ranks in forms[form]:
                more = ["--verify"] if ranks == 3 else []
                jobs.append(([file], f"out{ranks}-{file}", ranks, *OPTIONS[form], *more))
        for ([file], _, ranks, *_), answer in zip(jobs, self.answers(jobs)):
            name, form, copy = written[file]
            with self.subTest(storage=name, form=form, ranks=ranks):
                self.assertEqual(answer, plain[copy])


class Storage(StorageTest):

    def test_whole(self):
        self.check(WHOLE)

    def test_virtual(self):
        self.check(VIRTUAL)

    def test_filters(self):
        self.check(FILTERED)

    def test_skipped_filters(self):
        self.check(SKIPPED)

    def test_partly_allocated(self):
        self.check(PARTLY)

    def test_indices(self):
        self.check(INDICES)

    def test_compounds(self):
        self.check(COMPOUNDS, {"compound": (1, 4)})

    @unittest.skipUnless(can_szip(), "this HDF5 can't write szip")
    def test_szip(self):
        """Floats that szip can't make smaller are stored as they are."""
        self.check(SZIP)

    def test_no_rows(self):
        """Storage of nothing is no table to fit, and adds nothing to another file."""
        write_array("full.h5", VALUES)
        [plain] = self.answers([(["full.h5"], "plain.h5", 1)])
        for name, (storage, how) in NO_ROWS.items():
            with h5py.File(f"{name}.h5", "w", **how) as file:
                storage(file, "points", VALUES[:0])
        self.refuse(*((3, rf"no rows \({name}.h5\b", "fit", f"{name}.h5", "-k", 1, "-o", "o.h5")
                      for name in NO_ROWS), ranks=(1, 3))
        jobs = [(name, ranks) for name in NO_ROWS for ranks in FEW]
        found = self.outcomes([([f"{name}.h5", "full.h5", f"{name}.h5"], f"out-{name}-{ranks}.h5",
                                ranks) for name, ranks in jobs])
        for job, result in zip(jobs, found):
            with self.subTest(job=job):
                self.assertNotIsInstance(result, str, result)
                self.assertEqual((result.attributes["provenance"]["features_checksum"],
                                  result.checksum, int(result.n_missing)), plain)


def is_written():
    """The rows that `write_parts` writes."""
    found = np.zeros(N, bool)
    for rows in WRITTEN:
        found[rows] = True
    return found


class Undefined(StorageTest):
    """Never written, and the file says that no fill value stands for it: memory that nobody wrote
    may not become values. Such rows are missing, or the file is refused; which of the two does not
    depend on the number of ranks."""

    def check_undefined(self, file, form, known, results):
        answers = set()
        for ranks, result in zip(FORMS[form], results):
            with self.subTest(file=file, ranks=ranks):
                if isinstance(result, str):
                    self.assertRegex(result, r"\Aexit 3: (skymeans: features: .*\n)?"
                                     rf"skymeans: error: [^\n]+ \({file}, [^\n]+\n\Z")
                    answers.add("refused")
                else:
                    answers.add("missing")
                    np.testing.assert_array_equal(result.labels >= 0, known)
                    np.testing.assert_allclose(result.centers[0],
                                               VALUES[known].mean(axis=0, dtype="f8"), rtol=1e-6)
        self.assertEqual(len(answers), 1, file)

    def test_features(self):
        jobs = []
        for name, (settings, written, fill, is_null) in UNDEFINED.items():
            for form in FORMS:
                file = f"{name}-{form}.h5"
                with h5py.File(file, "w") as hdf5:
                    for path, values in parts_of(VALUES, form).items():
                        write_undefined(hdf5, path, values, settings, written, fill, is_null)
                jobs.append((file, form, is_written() if written else np.zeros(N, bool)))
        found = iter(self.outcomes([([file], f"out-{ranks}-{file}", ranks, *OPTIONS[form])
                                    for file, form, _ in jobs for ranks in FORMS[form]]))
        for file, form, known in jobs:
            self.check_undefined(file, form, known, [next(found) for _ in FORMS[form]])

    def write_beside(self, file, path, values):
        write_columns(file, dict(zip("abc", VALUES.T)))
        with h5py.File(file, "a") as hdf5:
            write_undefined(hdf5, path, values, {"chunk": [None], "fill_time": NEVER}, True, None,
                            False)

    def test_mask(self):
        """A value of which nobody knows whether it is one is missing."""
        self.write_beside("mask.h5", "table/columns/b/mask", np.zeros(N, "u1"))
        results = self.outcomes([(["mask.h5"], f"out{ranks}.h5", ranks, "-c", "a,b,c")
                                 for ranks in FORMS["array"]])
        self.check_undefined("mask.h5", "array", is_written(), results)

    def test_weights(self):
        self.write_beside("in.h5", "table/columns/w/data", np.ones(N, "f4"))
        self.refuse((3, r"\(in.h5, .*\bw\b", "fit", "in.h5", "-k", 1, "-o", "out.h5",
                     "-c", "a,b,c", "--weights", "w"), ranks=FEW)


NEVER = [h5d.FILL_TIME_NEVER]
# Properties, whether some rows are written, fill value, and whether that is undefined.
UNDEFINED = {
    "contiguous": ({"fill_time": NEVER}, False, None, False),
    "contiguous-fill": ({"fill_time": NEVER}, False, FILL, False),
    "contiguous-null": ({}, False, None, True),
    "chunks": ({"fill_time": NEVER, "chunk": [None]}, True, None, False),
    "chunks-fill": ({"fill_time": NEVER, "chunk": [None]}, True, FILL, False),
    "chunks-null": ({"chunk": [None]}, True, None, True),
    "chunks-nothing": ({"fill_time": NEVER, "chunk": [None]}, False, None, False),
    "deflate": ({"fill_time": NEVER, "chunk": [None], "deflate": [4]}, True, None, False),
    "deflate-nothing": ({"fill_time": NEVER, "chunk": [None], "deflate": [4]}, False, None, False),
}


def write_undefined(file, path, values, settings, written, fill, is_null):
    """A dataset without a fill value, in whole or in part never written."""
    if "chunk" in settings:
        settings = settings | {"chunk": [chunk_for(values)]}
    dcpl = properties(**settings)
    if is_null:
        none = ctypes.c_void_p()
        if library().H5Pset_fill_value(hid(dcpl), hid(h5t.py_create(values.dtype)), none) < 0:
            raise RuntimeError("H5Pset_fill_value")
    data = create(file, path, values, dcpl, fillvalue=fill)
    if written:
        write_parts(data, values, None)


# ---- beside the features -------------------------------------------------------------------------


BESIDE = 1, 3


class Beside(StorageTest):
    """Masks, weights and ids in such storage, beside plain features."""

    def write_beside(self, name, storage, path, values):
        """The file, and what h5py reads of the column beside the features."""
        with h5py.File(name, "w") as file:
            for letter, column in zip("abc", VALUES.T):
                file[f"table/columns/{letter}/data"] = column
            expected = storage(file, path, values)
        with h5py.File(name, "r") as file:
            return read_serially(file, path, expected)

    def results(self, names, *options):
        """The results of each file on some numbers of ranks."""
        jobs = [(name, ranks) for name in names for ranks in BESIDE]
        found = self.outcomes([([name], f"out-{ranks}-{name}", ranks, "-c", "a,b,c", *options)
                               for name, ranks in jobs])
        return zip(jobs, found)

    def test_masks(self):
        mask = (np.arange(N) % 7 == 3).astype("u1")
        expected = {}
        for i, storage in enumerate(beside(1)):
            is_missing = self.write_beside(f"{i}.h5", storage, "table/columns/b/mask", mask)
            expected[f"{i}.h5"] = is_missing == 0
        for (name, ranks), result in self.results(expected):
            with self.subTest(name=name, ranks=ranks):
                known = expected[name]
                if not known.any():
                    self.assertRegex(str(result), "exit 3: .*no usable row")
                    continue
                self.assertNotIsInstance(result, str, result)
                np.testing.assert_array_equal(result.labels >= 0, known)
                np.testing.assert_allclose(result.centers[0], VALUES[known].mean(0, "f8"),
                                           rtol=1e-6)

    def test_weights(self):
        weights = np.random.default_rng(3).integers(1, 100, N).astype("f4")
        expected = {}
        for i, storage in enumerate(beside(2)):
            found = self.write_beside(f"{i}.h5", storage, "table/columns/w/data", weights)
            write_columns(f"plain{i}.h5", dict(zip("abcw", [*VALUES.T, found])))
            expected[f"{i}.h5"] = f"plain{i}.h5"
        plain = {name: str(result) if isinstance(result, str) else result.checksum
                 for (name, ranks), result in self.results(expected.values(), "--weights", "w")
                 if ranks == 1}
        for (name, ranks), result in self.results(expected, "--weights", "w"):
            with self.subTest(name=name, ranks=ranks):
                self.assertNotIsInstance(result, str, result)
                self.assertEqual(result.checksum, plain[expected[name]])

    def check_ids(self, ids, storages):
        expected = {f"{i}.h5": self.write_beside(f"{i}.h5", storage, "table/columns/id/data", ids)
                    for i, storage in enumerate(storages)}
        for (name, ranks), result in self.results(expected, "--id", "id"):
            with self.subTest(name=name, ranks=ranks):
                self.assertNotIsInstance(result, str, result)
                self.assertEqual(result.data["ids"].tolist(), expected[name].tolist())

    def test_ids(self):
        self.check_ids(np.arange(N) * 2 ** 40 + 7, beside(-1))

    def test_texts_as_ids(self):
        texts = np.array([f"star {i}" for i in range(N)], "S9")
        self.check_ids(texts, [chunked(None, "in part"), chunked(None, None),
                               allocated(LATE, None, None), filtered("deflate", True),
                               chunked(None, "in part", deflate=[4])])

    def test_texts_of_any_length_as_ids(self):
        def some(file, path, values):
            data = file.create_dataset(path, (N,), h5py.string_dtype(), chunks=(97,))
            for rows in WRITTEN:
                data[rows] = values[rows]

        self.check_ids(np.array([f"star {i}" for i in range(N)], object), [some])

    def test_texts_of_a_file_that_is_named_twice(self):
        """HDF5 has it open once, whatever the handles."""
        rows = np.zeros(N, [("a", [("b", [("name", h5py.string_dtype()), ("x", "f8")])])])
        rows["a"]["b"]["x"] = np.arange(N)
        rows["a"]["b"]["name"] = [f"star {i}" for i in range(N)]
        for name in "one.h5", "two.h5":
            write_array(name, rows)
        for threads in 1, 2:
            finished = run("fit", "one.h5", "one.h5", "two.h5", "one.h5", "-k", 2, "-o", "out.h5",
                           "-c", "{a/b/x}", "--id", "a/b/name", "--threads", threads, "--overwrite")
            self.assertEqual(finished.code, 0, finished)
            self.assertEqual(Result("out.h5").data["ids"].tolist(),
                             [f"star {i}".encode() for i in range(N)] * 4)


def beside(fill):
    """Storages for a column beside the features, with and without this fill value."""
    return [contiguous, external, virtual(), filtered("shuffle-deflate", True),
            filtered("fletcher32", True), filtered("deflate", True, True),
            filtered("deflate", False, True, fillvalue=fill), chunked(None, "in part"),
            chunked(fill, "in part"), chunked(fill, None), allocated(LATE, fill, None),
            allocated(EARLY, fill, SOME), resized_to(fill), single_chunk(True)]


# ---- filters that HDF5 must load -----------------------------------------------------------------

PLUGINS = os.environ.get("HDF5_PLUGIN_PATH") or next(
    iter(sorted(glob.glob("/usr/lib/*/hdf5/serial/plugins"))), "")
# Number of the filter, and its parameters, with which it loses nothing.
LOADED = {
    "blosc with zstd": (32001, (0, 0, 0, 0, 5, 1, 5)),
    "blosc with lz4": (32001, (0, 0, 0, 0, 5, 2, 1)),
    "bzip2": (307, (9,)),
    "lz4": (32004, (0,)),
    "zfp": (32013, (5, 0, 0, 0, 0, 0)),
}
# What a file says of a filter that was not there when it was written is its number alone.
NUMBERS = {307: "bzip2", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp",
           32015: "zstd|zstandard"}


def loaded(number, parameters):
    def write(file, path, values):
        dcpl = properties(chunk=[chunk_for(values)], filter=[number, h5z.FLAG_OPTIONAL, parameters])
        create(file, path, values, dcpl)[...] = values
        return values

    return write


class Plugins(StorageTest):
    """Of filters that HDF5 does not bring along."""

    def search(self, folder):
        """Lets HDF5 look for plugins in this folder alone."""
        patch = mock.patch.dict(os.environ, HDF5_PLUGIN_PATH=os.path.abspath(folder))
        patch.start()
        self.addCleanup(patch.stop)

    def check_refused(self, datasets):
        """Datasets of in.h5 with names and numbers of their filters."""
        os.mkdir("no-plugins")
        self.search("no-plugins")
        words = r"(?=.*\b({number})\b)(?=.*({name}))(?=.*(HDF5_PLUGIN_PATH|h5repack))"
        self.refuse(*((3, r"(?i)(?=.*\(in.h5, [^)]*\b" + dataset + r"\b[^)]*\))" +
                       words.format(number=number, name=name),
                       "fit", "in.h5", "-d", dataset, "-k", 1, "-o", "out.h5")
                      for dataset, (name, number) in datasets.items()))

    def test_unknown(self):
        with h5py.File("in.h5", "w") as file:
            for number in [*NUMBERS, 40000]:
                dcpl = properties(chunk=[CHUNK], filter=[number, h5z.FLAG_OPTIONAL, (1, 2)])
                data = create(file, f"d{number}", VALUES, dcpl)
                for offset in offsets(data):
                    data.id.write_direct_chunk(offset, b"not encoded", filter_mask=0)
        self.check_refused({f"d{number}": (name, number)
                            for number, name in (NUMBERS | {40000: "40000"}).items()})

    def test_lzf(self):
        """The plugin of h5py is part of it; Debian's can't be loaded by parallel HDF5."""
        with h5py.File("in.h5", "w") as file:
            file.create_dataset("points", data=np.round(VALUES), chunks=CHUNK, compression="lzf")
        self.check_refused({"points": ("lzf", 32000)})

    def test_unknown_but_skipped(self):
        """No filter is needed where all chunks skipped it: the values, or the refusal."""
        with h5py.File("in.h5", "w") as file:
            dcpl = properties(chunk=[CHUNK], filter=[32015, h5z.FLAG_OPTIONAL, (1,)])
            data = create(file, "points", VALUES, dcpl)
            for offset in offsets(data):
                data.id.write_direct_chunk(offset, raw_chunk(data, VALUES, offset).tobytes(), 1)
        [plain] = self.answers([([self.copy(VALUES)], "plain.h5", 1)])
        for answer in self.answers([(["in.h5"], f"out{ranks}.h5", ranks) for ranks in RANKS]):
            if answer != plain:
                self.assertRegex(answer, r"\Aexit 3: .*\b32015\b")

    def test_loaded(self):
        """With the plugins of serial HDF5."""
        there = {name: number for name, (number, _) in LOADED.items()
                 if os.path.isdir(PLUGINS) and h5z.filter_avail(number)}
        if not there:
            self.skipTest("no plugins for HDF5: on Debian hdf5-filter-plugin and "
                          "hdf5-filter-plugin-{blosc,zfp}-serial")
        self.search(PLUGINS)
        self.check({name: (loaded(*LOADED[name]), {}) for name in there})


if __name__ == "__main__":
    unittest.main()

"""Values at a place in an HDF5 file: a dataset, a member of its compounds, some values of a row.

Only the type of what is read matters, so that odd types elsewhere in a file, or in other members of
the same compound, do no harm. Names are bytes, which need not be UTF-8."""
import argparse
import collections
import contextlib
import copy
import math
import os
import re
import stat

import h5py
import numpy as np
from h5py import h5d, h5i, h5s, h5t

from command import DATA, SYSTEM, Failure, clean

FLOATS = {h5t.IEEE_F16LE: "<f2", h5t.IEEE_F16BE: ">f2", h5t.IEEE_F32LE: "<f4",
          h5t.IEEE_F32BE: ">f4", h5t.IEEE_F64LE: "<f8", h5t.IEEE_F64BE: ">f8"}
FIELDS = {h5t.STD_B8LE: "u1", h5t.STD_B8BE: "u1", h5t.STD_B16LE: "<u2", h5t.STD_B16BE: ">u2",
          h5t.STD_B32LE: "<u4", h5t.STD_B32BE: ">u4", h5t.STD_B64LE: "<u8", h5t.STD_B64BE: ">u8"}

# How a value is read: its type in memory for HDF5 and for NumPy, and how many make an array.
ValueType = collections.namedtuple("ValueType", "memory dtype length")


def shown(name):
    """A name as the program shows it: what is not UTF-8 as the replacement character, a byte each."""
    escaped = name.decode("utf-8", "surrogateescape")
    return "".join("\ufffd" if "\udc80" <= letter <= "\udcff" else letter for letter in escaped)


def open_dataset(file, path):
    """The dataset that the program calls so."""
    where, names = file["/"].id, [name for name in path.split("/") if name]
    try:
        if "\ufffd" not in path:
            return with_external(file, where, path.encode("utf-8"))
        for i, name in enumerate(names):
            name = find_name(where, name)
            where = (with_external if i == len(names) - 1 else open_group)(file, where, name)
        return where
    except (KeyError, ValueError, TypeError, OSError, RuntimeError) as error:
        raise Failure(DATA, f"cannot open the dataset ({clean(file.filename)}, {path}): it is not "
                            "there any more, or damaged; look with skymeans info") from error


def open_group(_, where, name):
    return h5py.h5g.open(where, name)


def with_external(file, where, name):
    """A dataset whose external files are looked for as the program does: beside the HDF5 file or what
    that is a link to, then in the working directory, unless HDF5_EXTFILE_PREFIX says where."""
    first = None
    with contextlib.suppress(KeyError, OSError, RuntimeError, ValueError):
        dataset = h5d.open(where, name)
        creation = dataset.get_create_plist()
        if not creation.get_external_count() or os.environ.get("HDF5_EXTFILE_PREFIX"):
            return dataset
        first = os.fsdecode(creation.get_external(0)[0])
        del dataset  # HDF5 opens what is open only with the same folder
    for path in (file.filename, os.path.realpath(file.filename)):
        folder = os.path.dirname(path)
        if folder and (first is None or os.path.isfile(os.path.join(folder, first))):
            access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
            access.set_efile_prefix(os.fsencode(folder))
            with contextlib.suppress(KeyError, OSError, RuntimeError, ValueError):
                return h5d.open(where, name, access)
    return h5d.open(where, name)


def external_files(dataset):
    """(path, offset, bytes) of each file in external storage, where the program finds it."""
    creation = dataset.get_create_plist()
    for i in range(creation.get_external_count()):
        name, *where = creation.get_external(i)
        yield find_external(os.fsdecode(h5i.get_file_id(dataset).name), os.fsdecode(name)), *where


def find_external(file, name):
    asked = os.environ.get("HDF5_EXTFILE_PREFIX", "")
    if asked:
        return os.path.join(re.sub(r"^\$\{ORIGIN\}", lambda _: os.path.dirname(file) or ".", asked), name)
    paths = [os.path.join(os.path.dirname(path), name) for path in (file, os.path.realpath(file))]
    return next((path for path in paths if os.access(path, os.R_OK)), name)


class FollowExternal(argparse.Action):
    def __call__(self, *_):
        Place.follows_external = True


def add_follow_option(parser):
    Place.follows_external = False
    parser.add_argument("--follow-external", action=FollowExternal, nargs=0,
                        help="also read files outside of the catalogue's folder, if it refers to them")


def is_below(path, file):
    """Is it, or what it is a link to, below the folder of a file?"""
    folder = os.path.realpath(os.path.dirname(file) or ".")
    return os.path.realpath(path).startswith(os.path.join(folder, ""))


def check_place(file, path, dataset):
    """A stranger's file may not have any file read."""
    own = os.fsdecode(h5i.get_file_id(dataset).name)  # another one behind an external link
    names = [name for name, *_ in external_files(dataset)]
    for name in names if os.path.samefile(own, file.filename) else [own, *names]:
        if os.path.exists(name) and not is_below(name, file.filename):
            raise Failure(DATA, f"values elsewhere ({clean(file.filename)}, {path}): they are in "
                                f"{clean(name)}, which is not below the folder of the file; if you trust "
                                "the file, say --follow-external")


def check_external(file, path, dataset):
    """Are the files in external storage there, as long as they must be, and as they were when a view
    described them? HDF5 would give other values, or zeros."""
    where = f"{clean(file.filename)}, {path}"
    left = math.prod(dataset.shape or ()) * dataset.get_type().get_size()
    for name, offset, size in external_files(dataset):
        used, shown_name = min(size, left), clean(name)
        left -= used
        try:
            state = os.stat(name)
        except OSError as error:
            raise Failure(SYSTEM, f"incomplete dataset ({where}): its values are in {shown_name}: "
                                  f"{error.strerror}; put that where it was, or set "
                                  "HDF5_EXTFILE_PREFIX to its folder") from error
        if not stat.S_ISREG(state.st_mode):
            raise Failure(SYSTEM, f"incomplete dataset ({where}): its values are in {shown_name}, which is no "
                                  "regular file; put back the file that was there")
        if has_changed(dataset, state):
            raise Failure(DATA, f"values changed ({where}): {shown_name} has another size or time than "
                                "when it was described; describe it again with import.py --in-place")
        if state.st_size < offset + used:
            raise Failure(DATA, f"incomplete dataset ({where}): its values are in {shown_name}, which has "
                                f"{max(state.st_size - offset, 0)} of {used} bytes; was it copied "
                                "completely?")


def has_changed(dataset, state):
    """By the size and time that a view says. Archives and some disks keep whole seconds."""
    said = h5py.AttributeManager(h5py.Dataset(dataset))
    try:
        size, time = int(said["source_bytes"]), int(said["source_time"])
    except (KeyError, OSError, OverflowError, TypeError, ValueError):
        return False  # it is no view
    found = state.st_mtime_ns
    is_same_time = found == time or (found % 10**9 == 0 and found == time - time % 10**9)
    return state.st_size != size or not is_same_time


def find_name(group, wanted):
    """The bytes of a name of which only what is UTF-8 is known."""
    found = [name for name in group if shown(name) == wanted]
    if len(found) != 1:
        raise KeyError(wanted)
    return found[0]


# --- types --------------------------------------------------------------------------------------

def value_type(kind):
    """How values of this type of the file are read; None if they are neither numbers nor texts."""
    shape = ()
    if kind.get_class() == h5t.ARRAY:
        shape = kind.get_array_dims()
        kind = kind.get_super()
    found = single_type(kind)
    if found is None or (found[0] is None and shape):
        return None
    memory, dtype = found
    memory = h5t.array_create(memory, shape) if shape else memory
    return ValueType(memory, np.dtype(dtype), math.prod(shape))


def single_type(kind):
    """(type for HDF5, for NumPy) of one value. Texts of any length have no type for HDF5 alone."""
    number = kind.get_class()
    if number == h5t.INTEGER:
        return integer_type(kind)
    if number == h5t.BITFIELD:
        return next(((kind, dtype) for bits, dtype in FIELDS.items() if kind.equal(bits)), None)
    if number == h5t.FLOAT:
        return next(((kind, dtype) for ieee, dtype in FLOATS.items() if kind.equal(ieee)),
                    (h5t.NATIVE_DOUBLE, "f8"))
    if number == h5t.ENUM:  # as the number that is stored
        found = integer_type(kind.get_super())
        return found and (kind, found[1])
    if number == h5t.STRING and kind.is_variable_str():
        return None, h5py.string_dtype()
    if number == h5t.STRING:
        memory = kind.copy()
        memory.set_strpad(h5t.STR_NULLPAD)
        return memory, f"S{kind.get_size()}"
    return None


def integer_type(kind):
    size = kind.get_size()
    if size not in (1, 2, 4, 8) or kind.get_precision() != 8 * size:
        return h5t.NATIVE_DOUBLE, "f8"
    order = ">" if kind.get_order() == h5t.ORDER_BE else "<"
    return kind, f"{order}{'u' if kind.get_sign() == h5t.SGN_NONE else 'i'}{size}"


def find_member(kind, member):
    """(names from the outermost on, type) of a member of a compound, whose inner ones follow
    slashes; names may have slashes themselves. None if there is none."""
    if kind.get_class() != h5t.COMPOUND:
        return None
    for i in range(kind.get_nmembers()):
        name = kind.get_member_name(i)
        if shown(name) == member:
            return [name], kind.get_member_type(i)
        if member.startswith(shown(name) + "/"):
            inner = find_member(kind.get_member_type(i), member[len(shown(name)) + 1:])
            if inner:
                return [name, *inner[0]], inner[1]
    return None


def within(names, memory):
    """A compound that has only this member."""
    for name in reversed(names):
        outer = h5t.create(h5t.COMPOUND, memory.get_size())
        outer.insert(name, 0, memory)
        memory = outer
    return memory


# --- places -------------------------------------------------------------------------------------

class Place:
    """Values of the rows of a table: read() gives [rows][length]."""
    follows_external = False  # to files that are not below the folder of the catalogue

    def __init__(self, file, place):
        self.file, self.path = file, place["dataset"]
        self.first, self.length = place["position"], place["length"]
        self.is_transposed, self.is_bitmap = place["is_transposed"], place["is_bitmap"]
        self.dataset = open_dataset(file, self.path)
        if not self.follows_external:
            check_place(file, self.path, self.dataset)
        check_external(file, self.path, self.dataset)
        self.shape = self.dataset.shape
        self.names, kind = [], self.dataset.get_type()
        if place["member"] is not None:
            self.names, kind = find_member(kind, place["member"]) or ([], None)
        self.type = kind and value_type(kind)

    @property
    def whole(self):
        """What a place is a part of."""
        return self.file.filename, self.path, tuple(self.names), self.is_transposed

    @property
    def n_rows(self):
        """That are stored."""
        return self.shape[-1 if self.is_transposed else 0] * (8 if self.is_bitmap else 1)

    def other_files(self):
        """Paths of files that hold the values, if this one does not."""
        creation, names = self.dataset.get_create_plist(), []
        if creation.get_layout() == h5d.VIRTUAL:
            names = [creation.get_virtual_filename(i) for i in range(creation.get_virtual_count())]
        folder = os.path.dirname(self.file.filename)
        own = h5i.get_file_id(self.dataset).name  # another one behind an external link
        paths = [os.path.join(folder, os.fsdecode(name)) for name in names if name not in (".", b".")]
        paths += [path for path, *_ in external_files(self.dataset)]
        return [path for path in [os.fsdecode(own), *paths] if os.path.isfile(path)]

    def read(self, rows):
        if self.is_bitmap:
            return self.read_bits(rows)
        per_element = self.type.length
        first, end = self.first // per_element, -(-(self.first + self.length) // per_element)
        values = self.read_elements(rows, first, end)
        skipped = self.first - first * per_element
        return values[:, skipped:skipped + self.length]

    def read_bits(self, rows):
        """The lowest comes first, as Arrow has it; 0 where a value is missing."""
        packed = self.read_elements(slice(rows.start // 8, -(-rows.stop // 8)), 0, 1)
        bits = np.unpackbits(packed[:, 0].astype(np.uint8), bitorder="little")
        first = rows.start % 8
        return bits[first:first + rows.stop - rows.start, None] == 0

    def read_elements(self, rows, first, end):
        """Columns of the dataset from `first` to before `end`, each as many values as it has."""
        n_rows = rows.stop - rows.start
        start, count = (rows.start,), (n_rows,)
        if len(self.shape) == 2:
            start, count = (rows.start, first), (n_rows, end - first)
        if self.is_transposed:
            start, count = start[::-1], count[::-1]
        values = self.read_block(start, count)
        if self.is_transposed:
            values = np.moveaxis(values, 0, 1)
        return values.reshape(n_rows, math.prod(values.shape[1:]))

    def read_block(self, start, count):
        of_file, of_memory = self.dataset.get_space(), h5s.create_simple(count)
        if 0 in count:
            return np.zeros((*count, self.type.length), self.type.dtype)
        of_file.select_hyperslab(start, count)
        if self.type.memory is None:
            return self.read_texts(of_memory, of_file, count)
        memory = within(self.names, self.type.memory)
        room = np.empty((*count, memory.get_size()), np.uint8)
        self.dataset.read(of_memory, of_file, room, memory)
        return room.view(self.type.dtype)

    def read_texts(self, of_memory, of_file, count):
        """Texts of any length."""
        dtype = self.type.dtype
        if self.names:
            dtype = np.dtype([("text", dtype)])
        room = np.empty(count, dtype)
        memory = within(self.names, h5t.py_create(self.type.dtype)) if self.names else None
        self.dataset.read(of_memory, of_file, room, memory)
        values = room["text"] if self.names else room
        texts = [b"" if text in (None, 0) else text for text in values.ravel().tolist()]
        longest = max(map(len, texts), default=0)
        return np.array(texts, dtype=f"S{max(longest, 1)}").reshape(*count, 1)


def read_side_by_side(places, rows):
    """The first value of each of some places in one dataset; by itself where they are far apart."""
    first = min(place.first for place in places)
    end = max(place.first for place in places) + 1
    if end - first > 2 * len(places):
        for place in places:
            yield place.read(rows)[:, 0]
        return
    wide = copy.copy(places[0])
    wide.first, wide.length = first, end - first
    values = wide.read(rows)
    for place in places:
        yield values[:, place.first - first]

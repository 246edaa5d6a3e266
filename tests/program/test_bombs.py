"""Small files that ask tools for much: for other files, for the network, for more memory than there is.

Each is imported in a process of its own with a limit of memory and of time, and is refused with one line,
or read as what it holds.
"""
import gzip
import os
import socket
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True

import h5py
from astropy.io import fits

import test_fuzz_tools
from test_fuzz_tools import Case, fault_of, run_case
from tool import ToolTest, write_text

MEMORY, SECONDS = 1 << 30, 60  # beside what Python and its modules take
VOTABLE = """<?xml version="1.0"?>
{doctype}
<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE{nrows}>
<FIELD name="x" datatype="double"/><FIELD name="t" datatype="char" arraysize="{size}"/>
<DATA><TABLEDATA><TR><TD>1.5</TD><TD>{text}</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>
"""
SECRET = "471147.25"


def write_votable(doctype="", text="a", size="*", nrows=""):
    write_text("in.vot", VOTABLE.format(doctype=doctype, text=text, size=size, nrows=nrows))
    return "in.vot"


def laughs():
    """Ten of ten of ten of ..., a gigabyte of them."""
    lines = ['<!ENTITY a0 "ha">'] + [f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10)]
    return write_votable(f"<!DOCTYPE VOTABLE [{' '.join(lines)}]>", "&a9;")


def zeros():
    with gzip.open("in.csv.gz", "wb", compresslevel=1) as file:
        for _ in range(400):
            file.write(bytes(1 << 20))
    return "in.csv.gz"


def many_rows():
    """A header that promises a petabyte."""
    fits.BinTableHDU.from_columns([fits.Column("x", "D", array=[1.0])]).writeto("rows.fits")
    with open("rows.fits", "r+b") as file:
        data = file.read().replace(b"NAXIS2  =                    1", b"NAXIS2  =      125000000000000")
        file.seek(0)
        file.write(data)
    return "rows.fits"


def wide_cells():
    fits.BinTableHDU.from_columns([fits.Column("x", "D", array=[1.0])]).writeto("wide.fits")
    with open("wide.fits", "r+b") as file:
        data = file.read().replace(b"TFORM1  = 'D       '", b"TFORM1  = '9999999999999D'")
        file.seek(0)
        file.write(data)
    return "wide.fits"


def csv_of(text):
    write_text("in.csv", text)
    return "in.csv"


BOMBS = {
    "entities of entities": laughs,
    "zeros, packed": zeros,
    "a petabyte in a header": many_rows,
    "cells of terabytes": wide_cells,
    "texts of terabytes": lambda: write_votable(size="999999999999"),
    "rows that are not there": lambda: write_votable(nrows=' nrows="999999999999999"'),
    "a quote without an end": lambda: csv_of('x,y\n1,"' + "1,\n" * 3_000_000),
    "a number of a million digits": lambda: csv_of("x,y\n1," + "9" * 1_000_000 + "\n"),
}


class Bombs(ToolTest):

    def setUp(self):
        super().setUp()
        for name, value in (("MEMORY", MEMORY), ("SECONDS", SECONDS)):
            patch = mock.patch.object(test_fuzz_tools, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def import_it(self, name):
        case = Case("import", None, [name, "out.h5"])
        outcome = run_case(case)
        self.assertIsNone(fault_of(case, outcome), outcome)
        return outcome

    def test_bombs(self):
        for name, write in BOMBS.items():
            with self.subTest(bomb=name):
                outcome = self.import_it(write())
                if outcome.code == 0:
                    self.assertLess(os.path.getsize("out.h5"), 200e6)
                    os.remove("out.h5")

    def test_other_files(self):
        """No entity brings in what stands in another file."""
        write_text("secret.txt", SECRET)
        for kind in ("<!ENTITY e SYSTEM '{}'>", "<!ENTITY % p SYSTEM '{}'> %p;"):
            doctype = f"<!DOCTYPE VOTABLE [{kind.format('file://' + os.path.abspath('secret.txt'))}]>"
            with self.subTest(doctype=doctype):
                outcome = self.import_it(write_votable(doctype, "&e;"))
                self.assertNotIn(SECRET, outcome.err)
                if outcome.code == 0:
                    with h5py.File("out.h5") as file:
                        self.assertNotIn(SECRET.encode(), file["table/columns/t/data"][:].tolist())
                    os.remove("out.h5")

    def test_the_network(self):
        """Nobody is called who is named as an entity or as the grammar."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
            for doctype in (f"<!DOCTYPE VOTABLE SYSTEM '{url}'>",
                            f"<!DOCTYPE VOTABLE [<!ENTITY e SYSTEM '{url}'>]>"):
                outcome = self.import_it(write_votable(doctype, "&e;" if "ENTITY" in doctype else "a"))
                if outcome.code == 0:
                    os.remove("out.h5")
            server.setblocking(False)
            self.assertRaises(BlockingIOError, server.accept)


if __name__ == "__main__":
    unittest.main()

"""Where people's files come from: the table of docs/own-catalogue.md, each line a test.

A case is a line of that table and a function of writers.py that writes such a file. The command line of
the document runs as it stands, wild cards expanded by a shell; what it must give is the answer to the
plain array of the same values, or a refusal in one line. `test_sources_program.py --write` writes the
table into the document.
"""
import collections
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True

import numpy as np
from astropy.table import Table

import writers
from program import ROOT, ProgramTest, Result, run, run_all, write_array

DOCUMENT = os.path.join(ROOT, "docs", "own-catalogue.md")
HEAD = "| your file comes from | works | type this |"
REST = "-k 12 -o classes.h5"  # what the document leaves out of each line
NEEDS = {"netCDF-4": "netCDF4", "xarray": "xarray"}  # modules that may not be installed

# `says` is on stderr, or all that is there if the exit code is not 0.
Case = collections.namedtuple("Case", "source works line write ranks code says")


def case(source, works, line, write, ranks=1, code=0, says=None):
    return Case(source, works, line, write, ranks, code, says)


# ---- the cases -----------------------------------------------------------------------------------

CASES = [
    case("NumPy, h5py", "an array, a row a sample", "points.h5 -c 0:2,3", writers.array, 3),
    case("", "columns in a group, ids", "stars.h5 -c bp_rp,abs_mag --id source_id", writers.columns),
    case("", "structured arrays", "stars.h5 -c 'mag[1],z'", writers.compound, 3),
    case("", "more columns of the same rows in another file",
         "photometry.h5 -c g,r,redshifts.h5:/pz/z_mode", writers.two_files, 3),
    case("pandas", "`format='fixed'`", "stars.h5 -c bp_rp,abs_mag --id source_id",
         writers.pandas_fixed, 3),
    case("", "`format='table'`", "stars.h5 -d stars -c bp_rp,abs_mag --id source_id",
         writers.pandas_table),
    case("", "`data_columns=True`", "stars.h5 -c bp_rp,abs_mag --id source_id",
         writers.pandas_all_data_columns),
    case("", "an index has its name, or is called `index`",
         "stars.h5 -c bp_rp,abs_mag --id source_id", writers.pandas_index, 3),
    case("", "categories are their numbers, none is missing", "stars.h5 -c bp_rp,kind",
         writers.pandas_categories, says="numbers of categories"),
    case("", "times are nanoseconds since 1970, NaT is missing", "stars.h5 -c bp_rp,seen",
         writers.pandas_times),
    case("", "not: columns of several levels (MultiIndex)", "stars.h5", writers.pandas_levels,
         code=3, says=r"several levels \(MultiIndex\)"),
    case("PyTables", "tables, nested ones too",
         "stars.h5 -c 'phot/mag,phot/flux[2]' --id hip", writers.pytables_table),
    case("", "arrays", "points.h5 -c 0:3", writers.pytables_array, 3),
    case("", "not: times (`Time64Col`); store them as numbers", "stars.h5 -c mag,seen",
         writers.pytables_times, code=3, says="not a number .*column seen"),
    case("astropy", "tables with units and masks (`serialize_meta=True`)",
         "stars.h5 -c plx,g --id id", writers.astropy_table),
    case("vaex", "`export_hdf5`, with masks", "stars.h5 -c bp_rp,rv_nb --id source_id",
         writers.vaex, 3),
    case("Gadget, AREPO", "a kind of particles", "snap_063.hdf5 -d PartType0 -c Density,InternalEnergy",
         writers.gadget, 3),
    case("", "a snapshot in many files, some without that kind",
         "snap_063.*.hdf5 -d PartType0 -c Coordinates,Density --id ParticleIDs",
         writers.gadget_files, 3),
    case("SWIFT", "either name of a kind",
         "snap_0023.hdf5 -d GasParticles -c Densities,Temperatures --id ParticleIDs", writers.swift, 3),
    case("", "the virtual file of a snapshot in many",
         "snap_0023.hdf5 -d PartType0 -c Densities,Temperatures", writers.swift_virtual, 3),
    case("IllustrisTNG", "group catalogues: halos, or subhalos",
         "fof_subhalo_tab_099.*.hdf5 -d Subhalo "
         "-c 'SubhaloMass,SubhaloVelDisp,SubhaloStellarPhotometrics[4]'", writers.tng_groups, 3),
    case("", "snapshots", "snap_099.*.hdf5 -d PartType4 -c Coordinates,GFM_Metallicity",
         writers.tng_snapshot),
    case("SOAP", "columns of several groups; 0 where there were too few particles",
         "halo_properties_0077.hdf5 -c SO/200_crit/TotalMass,BoundSubhalo/MaximumCircularVelocity,"
         "SO/200_crit/Concentration --missing-value SO/200_crit/TotalMass:0 "
         "--id InputHalos/HaloCatalogueIndex", writers.soap, 3),
    case("OpenCosmo", "columns in `data`; -101 where there is no profile",
         "haloproperties.hdf5 -d data -c fof_halo_mass,sod_halo_cdelta --missing-value -101 "
         "--id fof_halo_tag", writers.open_cosmo),
    case("DESC", "object tables of a tract, a table a patch",
         "merged_tract_4850.hdf5 -d 'coadd_*' -c g_mag,r_mag --id id", writers.desc_fixed, 3),
    case("", "the same, as tables", "merged_tract_4850.hdf5 -d 'coadd_*' -c g_mag,r_mag --id id",
         writers.desc_table),
    case("", "cosmoDC2, a group a step",
         "z_*.step_all.healpix_9816.hdf5 -d '[0-9]*' "
         "-c redshift,LSST_filters/magnitude:LSST_g:observed", writers.desc_steps, 3),
    case("", "RAIL, TXPipe; 99 where nothing was seen",
         "test_dc2_9816.hdf5 -d photometry -c mag_u_lsst,mag_g_lsst,mag_r_lsst --missing-value 99 "
         "--id id", writers.photometry),
    case("Gaia in HDF5, a dataset a field", "missing integers are the fill value of their dataset",
         "GaiaSource_*.hdf5 -c bp_rp,rv_nb_transits --fill-is-missing --id source_id",
         writers.gaia, 3),
    case("", "thousands of files in a list",
         "@gaia.txt -c bp_rp,rv_nb_transits --fill-is-missing --id source_id", writers.gaia_list),
    case("PESummary (LIGO)", "the samples of an analysis",
         "GW150914.h5 -d C01:Mixed/posterior_samples -c chirp_mass,mass_ratio,chi_eff",
         writers.pesummary),
    case("netCDF-4", "packed numbers, fill values, valid ranges", "argo.nc -c TEMP,PSAL",
         writers.argo, 3),
    case("", "variables of two dimensions, and of groups",
         "stations.nc -c 'temp[1],temp[2],sun/flux'", writers.stations),
    case("", "numbers as they are stored", "argo.nc -c TEMP,PSAL --raw", writers.argo_raw),
    case("", "texts in letters, as ids", "argo.nc -c TEMP,PSAL --id WMO", writers.argo_letters,
         3),
    case("", "not: a variable that was not written as far as others of a growing dimension",
         "argo.nc -c TEMP,PSAL", writers.argo_growing, code=3, says="PSAL.*has 200 rows"),
    case("xarray", "variables of one dimension", "lightcurve.nc -c flux,colour", writers.xarray_file),
    case("AnnData", "a dense `X`", "cells.h5ad -d X", writers.cells_dense, 3),
    case("", "a matrix of `obsm`, ids of the cells", "cells.h5ad -d obsm/X_pca --id obs/_index",
         writers.cells_pca, 3),
    case("", "columns of `obs`", "cells.h5ad -d obs -c n_counts,pct_mito,n_umi", writers.cells_obs),
    case("", "categories are their numbers", "cells.h5ad -d obs -c n_counts,cell_type",
         writers.cells_types, says="numbers of categories"),
    case("", "not: a sparse `X`; take `obsm/X_pca`, or write it dense", "cells.h5ad -d X",
         writers.cells_sparse, code=3, says="sparse matrix"),
    case("Loom", "a column a cell", "cells.loom -d matrix --transpose --id col_attrs/CellID",
         writers.loom, 3),
    case("MATLAB", "`save -v7.3`: column vectors", "stars.mat -c color,mag", writers.matlab_vectors, 3),
    case("", "a matrix", "stars.mat -d catalogue --transpose -c 0:3", writers.matlab_matrix, 3),
    case("", "a structure", "stars.mat -d survey -c ra,dec", writers.matlab_structure),
    case("Octave", "`save -hdf5`: a matrix", "points.h5 -d points/value --transpose -c 0:3",
         writers.octave),
    case("R (rhdf5)", "a matrix", "stars.h5 -d points --transpose -c 0:3", writers.r_matrix),
    case("", "vectors; NA is missing, of integers too", "stars.h5 -c color,mag,n_obs",
         writers.r_vectors, 3),
    case("", "a data frame; NA of integers is not marked there",
         "stars.h5 -d stars -c color,n --missing-value n:-2147483648", writers.r_frame),
    case("Fortran, Julia", "arrays: the first index is the row", "points.h5 --transpose -c 0:3",
         writers.fortran, 3),
]

# What is not in the table: things that can't be used, and hints.
MORE = [
    case("MATLAB", "tables are objects of MATLAB", "stars.mat -c gaia", writers.matlab_objects, code=3,
         says="(table|object) of MATLAB"),
    case("", "sparse matrices", "stars.mat -d counts -c data", writers.matlab_objects, code=3,
         says="sparse matrix"),
    case("Octave", "a matrix without --transpose is worth a hint", "points.h5 -d points/value",
         writers.octave_as_stored, says="it was written by Octave"),
]

# What the two tables of the document about missing values and places tell to type: the line around it,
# and what must be used.
A, B, ROWS, GAPS, gappy = writers.A, writers.B, writers.ROWS, writers.GAPS, writers.gappy
TWO = np.column_stack([A, B])
PIECES = {
    "--missing-value -99 --missing-value parallax:0":
        ("in.h5 -d t -c w,parallax {}",
         np.column_stack([gappy(B), gappy(writers.C, ROWS % 7 == 0)])),
    "--fill-is-missing": ("fill.h5 -c z,n {}", np.column_stack([A, gappy(ROWS, GAPS | (ROWS == 7))])),
    "--raw": ("fill.h5 -c z,n {}", np.column_stack([A, np.where(GAPS, -1, ROWS)])),
    "part-*.h5": ("{} -d t -c z,w", TWO),
    "@list.txt": ("{} -d t -c z,w", TWO),
    "-d 'coadd_*'": ("coadds.h5 {} -c z,w", TWO),
    "-c z,mags/g": ("in.h5 -d t {}", TWO),
    "--id ancil/object_id": ("in.h5 -d t -c z,mags/g {}", TWO),
    "-c z,other.h5:/t/mag": ("in.h5 -d t {}", TWO),
    "--transpose": ("matrix.h5 {}", writers.VALUES),
}


# ---- the document --------------------------------------------------------------------------------


def words(line):
    """What a shell makes of a command line of the document."""
    shell = subprocess.run(["sh", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True,
                           check=True, timeout=60)
    return shell.stdout.split("\0")[:-1]


def table():
    """The lines of the document's table."""
    rows = [f"| {c.source} | {c.works} | `{c.line}` |" for c in CASES]
    return [HEAD, "|---|---|---|", *rows]


def lines_of_document():
    with open(DOCUMENT, encoding="utf-8") as file:
        return file.read().split("\n")


def place_of_table(lines):
    begin = lines.index(HEAD)
    return begin, begin + next(i for i, line in enumerate(lines[begin:]) if line[:1] != "|")


def write_document():
    lines = lines_of_document()
    begin, end = place_of_table(lines)
    lines[begin:end] = table()
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def commands():
    """The other command lines of the document, but for those of Slurm: number of ranks, arguments."""
    text = "\n".join(lines_of_document()).replace("\\\n", " ")
    found = re.findall(r"^    (mpirun -n \d+ )?skymeans (.+)$", text, re.MULTILINE)
    return [(2 if mpirun else 1, line) for mpirun, line in found]


def pieces():
    """What the last columns of the tables under '### ' tell to type, in backquotes."""
    text = "\n".join(lines_of_document())
    section = text[text.index("### Missing values"):text.index("### Compressed")]
    rows = re.findall(r"^\|.*\|(.*)\|$", section, re.MULTILINE)
    return [piece for row in rows for piece in re.findall("`([^`]+)`", row)]


class SourcesTest(ProgramTest):

    def check_fit(self, line, values, ranks=1):
        """A fit of the document gives the answer to the plain array of these values, and a label just
        where none is missing."""
        write_array("plain-array.h5", values)
        finished, plain = run_all([
            lambda: run(*words(f"fit {line} {REST} --overwrite"), ranks=ranks),
            lambda: run("fit", "plain-array.h5", "-k", 12, "-o", "plain-classes.h5")])
        os.remove("plain-array.h5")
        self.assertEqual((finished.code, plain.code), (0, 0), f"{finished}\n{plain}")
        result, plain = Result("classes.h5"), Result("plain-classes.h5")
        os.remove("plain-classes.h5")
        used = np.isfinite(values).all(axis=1)
        self.assertEqual((result.n_rows, result.n_used), (len(values), used.sum()), finished)
        self.assertEqual((result.labels >= 0).tolist(), used.tolist(), finished)
        self.assertEqual(result.labels.tolist(), plain.labels.tolist(), finished)
        self.assertEqual(result.checksum, plain.checksum, finished)
        return finished, result


class Document(SourcesTest):

    def test_it_has_the_cases(self):
        """No line of the document without a test, and no test without a line."""
        lines = lines_of_document()
        begin, end = place_of_table(lines)
        self.assertEqual(lines[begin:end], table(), "test_sources_program.py --write writes it")

    def test_pieces(self):
        """What it tells to type for missing values and rows in several places."""
        writers.pieces()
        self.assertEqual(sorted(pieces()), sorted(PIECES))
        for piece, (line, values) in PIECES.items():
            result = self.check_fit(line.format(piece), values, 2)[1]
            if "--id" in piece:
                self.assertEqual(result.data["ids"].tolist(), writers.IDS.tolist())

    def test_commands(self):
        """One after the other, as somebody who reads it would type them."""
        writers.columns()
        for name in "more-1.h5", "more-2.h5":
            shutil.copy("stars.h5", name)
        columns = [writers.A, writers.gappy(writers.B)]
        Table(columns, names=["bp_rp", "abs_mag"]).write("big.fits")
        subprocess.run([sys.executable, f"{ROOT}/tools/import.py", "--in-place", "big.fits",
                        "big.h5"], check=True, capture_output=True, timeout=60)
        self.assertGreater(len(commands()), 4)
        for ranks, line in commands():
            if line.startswith("fit ") and os.path.exists("classes.h5"):
                os.remove("classes.h5")
            finished = run(*words(line), ranks=ranks)
            self.assertEqual((finished.code, finished.err.count("warning")), (0, 0), finished)


# ---- the files -----------------------------------------------------------------------------------


class Sources(SourcesTest):

    def check_case(self, one):
        expected = one.write()
        values, ids = expected if isinstance(expected, tuple) else (expected, None)
        if one.code:
            self.refuse((one.code, one.says, *words(f"fit {one.line} {REST}")), ranks=(one.ranks,))
            return
        finished, result = self.check_fit(one.line, values, one.ranks)
        if ids is not None:
            self.assertEqual(result.data["ids"].tolist(), list(ids))
        if one.says:
            self.assertRegex(finished.err, one.says)


def lacks(source):
    """Why this can't be tried here."""
    if source in NEEDS and not has_module(NEEDS[source]):
        return f"{NEEDS[source]} is not installed"
    if source == "Octave" and not shutil.which("octave-cli"):
        return "Octave is not installed"
    return None


def has_module(name):
    try:
        __import__(name)
        return True
    except ImportError:
        return False


def add_tests():
    """A test for each case, called after its source and what it writes."""
    source = ""
    for one in CASES + MORE:
        source = one.source or source
        why = lacks(source)

        def test(self, one=one):
            self.check_case(one)

        test.__doc__ = f"{source}: {one.works}"
        name = re.sub(r"\W+", "_", f"test_{source}_{one.works}_{one.code}").lower()
        assert not hasattr(Sources, name)
        setattr(Sources, name, unittest.skip(why)(test) if why else test)


add_tests()

if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_document()
    else:
        unittest.main()

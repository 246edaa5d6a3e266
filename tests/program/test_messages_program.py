"""Every error and warning of the program, provoked from outside where that is possible.

All texts go to messages.txt in the build directory, to be read as a stranger would; each has to
have the form WHAT (WHERE): WHY; TRY. The formats are read from the sources, so that a new message
needs a row here, or a reason why it can't have one.
"""
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True

import h5py
import numpy as np

from program import BINARY, FAULTS, ROOT, ProgramTest, Run, blobs, run, run_all, write_array, \
    write_columns

NAMES = np.array([f"star {i}" for i in range(100)], object)
TEXTS = os.path.join(os.path.dirname(BINARY), "messages.txt")
LONG = "x/" * 2100


def fit_of(catalogue, *options):
    return "fit", catalogue, "-k", "3", "-o", "out.h5", "--overwrite", *options


def fit(*options):
    return fit_of("in.h5", *options)


def predict(catalogue, *options, model="fit.h5"):
    return "predict", model, catalogue, "-o", "out.h5", "--overwrite", *options


def survey(*options):
    return "generate", "m.h5", "--rows", "9", "--kind", "survey", *options


def save(checkpoint, *options):
    return fit("--checkpoint", checkpoint, "--checkpoint-interval", "0", *options)


# Exit code, how the message begins, and the command line that provokes it.
ROWS = [
    # the command line
    (2, "missing command"),
    (2, "unknown command (fti)", "fti", "in.h5"),
    (2, "missing argument: the file", "info"),
    (2, "too many arguments (b.h5)", "info", "a.h5", "b.h5"),
    (2, "too many arguments (x)", "probe", "x"),
    (2, "too many arguments (c.h5)", "compare", "a.h5", "b.h5", "c.h5"),
    (2, "missing argument: the catalogue", "fit", "-k", "3"),
    (2, "missing argument: the file to write", "generate", "--rows", "9"),
    (2, "missing argument: the number of rows", "generate", "m.h5"),
    (2, "missing argument: the number of columns", "generate", "m.h5", "--rows", "9"),
    (2, "too many arguments (b.h5): generate", "generate", "m.h5", "b.h5", "--rows", "9"),
    (2, "contradiction (--kind survey)", *survey("-k", "3")),
    (2, "contradiction (--kind survey --layout array)", *survey("--layout", "array")),
    (2, "bad value (--files 10): there are fewer rows", *survey("--files", "10")),
    (2, "bad value (--chunk-rows 900000000): a chunk",
     "generate", "m.h5", "--rows", "1000000000", "--kind", "survey", "--chunk-rows", "900000000"),
    (2, "bad value (--chunk-rows 1): a file",
     "generate", "m.h5", "--rows", "1000000000", "--kind", "survey", "--chunk-rows", "1"),
    (2, "missing argument: the number of clusters", "fit", "in.h5"),
    (2, "missing argument: the result file", "fit", "in.h5", "-k", "3"),
    (2, "missing argument: the result of a fit", "predict"),
    (2, "missing argument: the catalogue", "predict", "fit.h5"),
    (2, "missing argument: the file of the labels", "predict", "fit.h5", "in.h5"),
    (2, "missing argument: the result", "verify"),
    (2, "missing argument: the catalogue of the fit", "verify", "fit.h5"),
    (1, "verification FAILED (fit.h5, constant.h5): of what was checked", "verify", "fit.h5",
     "constant.h5"),
    (2, "unknown option (--scale)", *predict("in.h5", "--scale", "none")),
    (2, "bad name of an output (-)", "fit", "in.h5", "-k", "3", "-o", "-"),
    (2, "bad name of an output (-)", "generate", "-", "--rows", "9", "--kind", "survey"),
    (4, "can't open the file (pipe): it is a pipe", *fit_of("pipe")),
    (3, "values elsewhere (elsewhere.h5, /p)", *fit_of("elsewhere.h5")),
    (4, "incomplete dataset (gone.h5, /p): its values are in none.bin", *fit_of("gone.h5")),
    (3, "incomplete dataset (short.h5, /p): its values are in old.h5", *fit_of("short.h5")),
    (4, "incomplete dataset (piped.h5, /p): its values are in pipe, which is no", *fit_of("piped.h5")),
    (3, "values changed (changed.h5, /p): old.h5 has another size or time", *fit_of("changed.h5")),
    (2, "unknown option (--qqqqqq): no option", *fit("--qqqqqq", "none")),
    (2, "too many values (--missing-value 64)",
     *fit(*[word for i in range(65) for word in ("--missing-value", str(i))])),
    (2, "unknown option (-x)", *fit("-x")),
    (2, "unknown option (--sclae)", *fit("--sclae", "none")),
    (2, "unknown option (--seedings=random)", *fit("--seedings=random")),
    (2, "unknown option (--mi): names are written in full", *fit("--mi", "drop")),
    (2, "unknown option (--k): a letter", *fit("--k", "4")),
    (2, "two outputs in one file (./out.h5)", *fit("--metrics", "./out.h5")),
    (2, "two outputs in one file (./out.h5)", *fit("--checkpoint", "./out.h5")),
    (2, "missing value (-k)", "fit", "in.h5", "-o", "out.h5", "-k"),
    (2, "missing value (--scale)", *fit("--scale")),
    (2, "bad value (--verify yes)", *fit("--verify=yes")),
    (2, "bad value (--quiet=yes)", *fit("--quiet=yes")),
    (2, "bad value (--clusters many)", *fit("-k", "many")),
    (2, "bad value (--clusters 0)", *fit("-k", "0")),
    (2, "bad value (--seeding-rows few)", *fit("--seeding-rows", "few")),
    (2, "bad value (--random-seed -1)", *fit("--random-seed", "-1")),
    (2, "bad value (--tolerance nan)", *fit("--tolerance", "nan")),
    (2, "bad value (--scale big)", *fit("--scale", "big")),
    (2, "bad value (--output '')", *fit("-o", "")),
    (2, "bad value (--algorithm", *fit("--algorithm", "simplex")),
    (2, "bad value (--kernel fast)", *fit("--kernel", "fast")),
    (2, "bad value (--seeding-rows 2)", *fit("--seeding-rows", "2")),
    (2, "contradiction (--quiet --verbose)", *fit("--quiet", "--verbose")),
    (2, "contradiction (--ranks)", *fit("--ranks", "4")),
    (2, "a word too many (b)", *fit_of("named-in.h5", "-c", "a", "b")),
    (2, "empty name in the list of columns", *fit("-c", "0,,1")),
    (2, "bad value (--missing-value few)", *fit("--missing-value", "few")),
    (2, "bad value (--missing-value 7:-99)", *fit("--missing-value", "7:-99")),
    (2, "bad value (--factor 0:0): it takes", *fit("--factor", "0:0")),
    (2, "bad value (--factor 9:2): 9 is none", *fit("--factor", "9:2")),
    (2, "bad value (--factor 0:3): 0 has a factor already", *fit("--factor", "0:1", "--factor", "0:3")),
    (2, "contradiction (--sky-scale 3)", *fit("--sky-scale", "3")),
    (2, "bad value (--sky-scale 1e+300)", *fit("--sky", "0,1", "--sky-scale", "1e300")),
    (2, "bad value (--sky 0): a position", *fit("--sky", "0")),
    (2, "bad value (--factor sky_x:2)", *fit("--sky", "0,1", "--factor", "sky_x:2")),
    (3, "other units of a position (hours.h5, /table/columns)", *fit_of("hours.h5", "--sky", "ra,dec")),
    (3, "units of a position differ (turns.h5, /table/columns): it is in radians here",
     *fit_of("parsecs.h5", "turns.h5", "--sky", "x,y")),
    (3, "units of a position differ (angles.h5, /table/columns)",
     *fit_of("angles.h5", "--sky", "ra,dec")),
    (2, "bad expression (--where {0} > > 1, character 7, at '> 1')", *fit("--where", "{0} > > 1")),
    (2, "bad expression (--where {0}+1+1", *fit("--where", "{0}" + "+1" * 2100)),
    (2, "bad expression (-c ={0}+1): there is no name", *fit("-c", "={0}+1")),
    (2, "bad expression (--where, column {0:2}): it has 2 values", *fit("--where", "{0:2} > 1")),
    (2, "too long a name (-c {0}+1+1", *fit("-c", "{0}" + "+1" * 70)),
    (2, "a name twice (-c, a): it is given", *fit("-c", "a={0}+1,1,a={1}+1")),
    (3, "no usable row (in.h5, /points): of 100 rows --where", *fit("--where", "{0} < {0}")),
    # describing
    (2, "bad value (--order-by z)", *fit_of("named-in.h5", "--order-by", "z")),
    (2, "bad value (--missing-value z:-99): it names neither",
     *fit_of("named-in.h5", "-c", "x", "--describe", "y", "--missing-value", "z:-99")),
    (3, "other rows (uneven.h5)", *fit_of("uneven.h5", "-c", "a", "--describe", "b")),
    (3, "not a whole result (templates.h5, templates)", "info", "templates.h5"),
    (3, "not a whole result (neighbours.h5, neighbours)", "info", "neighbours.h5"),
    # comparing
    (3, "not a result (in.h5)", "compare", "in.h5", "fit.h5"),
    (3, "not a whole result (halved.h5)", "compare", "fit.h5", "halved.h5"),
    (3, "no labels (in.h5, /none)", "compare", "fit.h5", "in.h5:/none"),
    (3, "no label (ids2.h5, /half, row 0): 0.5", "compare", "fit.h5", "ids2.h5:/half"),
    (3, "no id (halves.h5, /ids, row 0): 0.5", "compare", "halves.h5", "numbered.h5"),
    (3, "rows do not match (fit.h5, short-labels.h5)", "compare", "fit.h5", "short-labels.h5"),
    (3, "ids do not match (numbered.h5, named-rows.h5)", "compare", "numbered.h5", "named-rows.h5"),
    (3, "ids occur twice (twice.h5", "compare", "numbered.h5", "twice.h5"),
    # outputs
    (2, "output exists (fit.h5)", "predict", "fit.h5", "in.h5", "-o", "fit.h5", "--overwrite"),
    (2, "output exists (in.h5)", *fit("-o", "in.h5")),
    (2, "output exists (in.h5)", *fit("--metrics", "in.h5")),
    (2, "output exists (old.h5)", "fit", "in.h5", "-k", "3", "-o", "old.h5"),
    (2, "output exists (folder)", *fit("-o", "folder")),
    (4, "can't write the file (x/x/x", *fit("-o", LONG)),
    (4, "can't write the file (folder/)", *fit("-o", "folder/")),
    (4, "can't write the file (none/out.h5)", *fit("-o", "none/out.h5")),
    (4, "can't write the file (in.h5/out.h5)", *fit("-o", "in.h5/out.h5")),
    (4, "can't write the file (none/m.json)", *fit("--metrics", "none/m.json")),
    (4, "can't write the file (none/state)", *fit("--checkpoint", "none/state")),
    # checkpoints
    (3, "damaged checkpoint (text.h5)", *fit("--checkpoint", "text.h5")),
    (3, "checkpoint of another version (newer)", *fit("--checkpoint", "newer")),
    (3, "checkpoint of another question (begun): it has 'feature 1: 1', and now there is none",
     *fit("--checkpoint", "begun", "-c", "0")),
    (3, "checkpoint of another question (begun): now there is 'hash of the factors: ",
     *fit("--checkpoint", "begun", "--factor", "0:2")),
    (3, "checkpoint of another question (begun): it has 'random-seed: 0', and now it is 'random-",
     *fit("--checkpoint", "begun", "--random-seed", "1")),
    (4, "can't read the checkpoint (loop)", *fit("--checkpoint", "loop")),
    (4, "can't read the figures of the machine (loop)", *fit("--machine", "loop")),
    (3, "no figures of a machine (in.h5): it has no number", *fit("--machine", "in.h5")),
    (3, "no figures of a machine (several.json): it is the record of a fit with several",
     *fit("--machine", "several.json")),
    (3, "no figures of a machine (.): it is no file", *fit("--machine", ".")),
    # scratch folders
    (4, "can't use scratch folder (none)", *fit("--scratch", "none")),
    (4, "can't use scratch folder (in.h5)", *fit("--scratch", ".:in.h5")),
    (2, "bad value (--scratch): a name is empty", *fit("--scratch", ".::.")),
    (2, "bad value (--scratch): there are more than 64", *fit("--scratch", ":".join(65 * ["."]))),
    (0, "scratch folder in memory (/dev/shm)", *fit("--scratch", "/dev/shm")),
    (4, "no room in scratch folder (.)", *fit_of("wide.h5", "--scratch", ".")),
    (0, "no use for hints (in.h5 and 1 more file)", *fit_of("in.h5", "constant.h5", "--mpi-info", "a=b")),
    # files that are read
    (4, "can't open the file (none.h5)", "info", "none.h5"),
    (4, "can't open the file (none.h5)", *fit_of("none.h5")),
    (4, "can't open the file (folder)", "info", "folder"),
    (4, "can't open the file (x/x/x", "info", LONG),
    (4, "can't open the file (x/x/x", *fit_of(LONG)),
    (4, f"can't open the file ({'n' * 220})", *fit_of("n" * 220)),
    (3, "not an HDF5 file (empty.h5)", *fit_of("empty.h5")),
    (3, "not an HDF5 file (text.h5)", *fit_of("text.h5")),
    (3, "not an HDF5 file (text.h5)", "info", "text.h5"),
    (3, "not an HDF5 file (in.fits): it looks like a FITS file; skymeans import --in-place in.fits in.h5",
     *fit_of("in.fits")),
    (3, "damaged HDF5 file (half.h5)", *fit_of("half.h5")),
    (3, "damaged HDF5 file (bad.h5)", *fit_of("bad.h5")),
    (3, "damaged HDF5 file (half.h5)", "info", "half.h5"),
    (3, "no table in the file (nothing.h5)", *fit_of("nothing.h5")),
    (3, "which table (two.h5)", *fit_of("two.h5")),
    (3, "which table (many.h5)", *fit_of("many.h5")),
    (3, "no such table (two.h5, dataset c)", *fit_of("two.h5", "-d", "c")),
    (3, "no such column (two.h5, column none): no table has it", *fit_of("two.h5", "-c", "none")),
    (3, "no rows (none-in.h5", *fit_of("none-in.h5")),
    (3, "more clusters than rows (in.h5", *fit("-k", "101")),
    (3, "no such column (in.h5, /points, column 2)", *fit("-c", "2")),
    (3, "no such column (table.h5, /table/columns, column bp_pr)",
     *fit_of("table.h5", "-c", "bp_pr")),
    (3, "not a number (table.h5, /table/columns, column name)", *fit_of("table.h5", "-c", "name")),
    (3, "no feature by default (int.h5, /table/columns)", *fit_of("int.h5")),
    (3, "can't read the catalogue (chunk.h5, /points, rows 0 to 99, rank 0)", *fit_of("chunk.h5")),
    (3, "can't read the dataset (odd.h5, ", "info", "odd.h5"),
    (3, "not a whole result (few.h5, sizes)", "info", "few.h5"),
    (3, "too many features (million.h5, /p)", *fit_of("million.h5")),
    (3, "too wide a row (million.h5, /p)", *fit_of("million.h5", "-c", "0,999999999")),
    (3, "too many rows (most.h5 and 1 more file)", *fit_of("most.h5", "most.h5")),
    (4, "incomplete virtual dataset (virtual.h5, /p): there is no file none.h5",
     *fit_of("virtual.h5")),
    (3, "incomplete virtual dataset (virtual-text.h5, /p): it takes values from text.h5",
     *fit_of("virtual-text.h5")),
    (3, "incomplete virtual dataset (virtual-in.h5, /p): its source has no dataset p",
     *fit_of("virtual-in.h5")),
    (5, "out of memory (samples of this rank)", *fit_of("wide.h5")),
    (5, "too many rows for one rank (1000000000000000000)", *fit_of("huge.h5")),
    # values
    (3, "missing value (nan.h5, /points, row 0, column 1)",
     *fit_of("nan.h5", "--missing", "error")),
    (3, "no usable row (nan.h5, /points)", *fit_of("nan.h5")),
    (3, "more clusters than usable rows (nan.h5, /points)",
     *fit_of("nan.h5", "-c", "0", "-k", "99")),
    (3, "values out of range (far.h5, /points, column 1)", *fit_of("far.h5")),
    (3, "values out of range (giant.h5, /points): the inertia",
     *fit_of("giant.h5", "--restarts", "2")),
    (0, "inertia out of range (out.h5): it is beyond that of doubles", *fit_of("giant.h5")),
    (3, "not a table (masked.h5, dataset /table/columns)", *fit_of("masked.h5")),
    (3, "not a table (uneven.h5, dataset /t)", *fit_of("uneven.h5")),
    (3, "not a table (things.h5, dataset cube): it has 3 dimensions",
     *fit_of("things.h5", "-d", "cube")),
    (3, "no table in the file (cubes.h5): /a can't be used: it has 3 dimensions",
     *fit_of("cubes.h5")),
    (3, "no table by default (complex.h5): /z", *fit_of("complex.h5")),
    (3, "can't use a column (masked.h5, /table/columns, column a): its mask",
     *fit_of("masked.h5", "-c", "a")),
    (3, "no such column (things.h5, /t, column pair[2]): pair has 2",
     *fit_of("things.h5", "-d", "t", "-c", "pair[2]")),
    (3, "can't use a column (things.h5, /t, column lost): it is a link to /nowhere",
     *fit_of("things.h5", "-d", "t", "-c", "x,lost")),
    (3, "columns are not equally long (uneven.h5, /t, column b)",
     *fit_of("uneven.h5", "-c", "a,b")),
    (3, "can't read the catalogue (filter.h5, /p, rows 0 to 99, rank 0): it is compressed by",
     *fit_of("filter.h5")),
    # columns by path, lists of files, patterns
    (3, f"too long a name (things.h5, /t, column /{'g' * 99}/{'h' * 99})",
     *fit_of("things.h5", "-c", f"x,/{'g' * 99}/{'h' * 99}")),
    (3, "no such column (named-in.h5, column z)", *fit_of("xyz.h5", "-c", "x,named-in.h5:z")),
    (2, "columns of another file (parsecs.h5)",
     *fit_of("xyz.h5", "named-in.h5", "-c", "x,parsecs.h5:x")),
    (4, "can't open the list of files (none.txt)", *fit_of("@none.txt")),
    (4, "can't read the list of files (folder)", *fit_of("@folder")),
    (3, "empty list of files (empty.h5)", *fit_of("@empty.h5")),
    (3, "not a list of files (in.h5)", *fit_of("@in.h5")),
    (3, "line too long (long.txt, line 2)", *fit("--seeding", "long.txt")),
    (3, "no such table (two.h5, dataset c*)", *fit_of("two.h5", "-d", "c*")),
    (3, "different columns (sorts.h5, /b)", *fit_of("sorts.h5", "-d", "?")),
    # several files, ids, other rows
    (4, "can't open the file (none.h5)", *fit("none.h5")),
    (3, "different columns (three.h5, /points)", *fit("three.h5")),
    (3, "no such column (three.h5, /points, column 7)", *fit_of("wide2.h5", "three.h5", "-c", "7")),
    (3, "too long a name (long.h5, /table/columns, column ", *fit_of("long.h5")),
    (3, "no such column (in.h5, /points, column name)", *fit("--id", "name")),
    (2, "bad value (--id 0:2)", *fit("--id", "0:2")),
    (3, "no such column (hip.h5, /table/columns, column zero): no name is near that",
     *fit_of("hip.h5", "-c", "zero")),
    (3, "no such column (hip.h5, /table/columns, column hi): the nearest name is 'hip'",
     *fit_of("hip.h5", "-c", "hi")),
    (0, "a condition without a comparison (--where hip)", *fit_of("hip.h5", "-c", "x", "--where", "hip")),
    (0, "rows without a position (poles.h5, 2 rows): a part is missing", *fit_of("poles.h5", "--sky", "ra,dec")),
    (3, "no labels (letters.nc, /name): it has several texts per row", "compare", "fit.h5",
     "letters.nc:/name"),
    (3, "too long an id (longid.h5)", *fit_of("longid.h5", "-c", "n", "--id", "name")),
    (3, "ids of different types (ids2.h5)",
     *fit_of("ids.h5", "ids2.h5", "-c", "n", "--id", "id")),
    (3, "not a result of a fit (in.h5)", *predict("in.h5", model="in.h5")),
    (3, "no such column (table.h5, /table/columns, column x)",
     *predict("table.h5", model="named.h5")),
    (3, "wrong number of features (three.h5, /points)", *predict("three.h5", model="named.h5")),
    # weights
    (2, "bad value (--weights 0:2)", *fit("--weights", "0:2")),
    (3, "no such column (in.h5, /points, column 2)", *fit("--weights", "2")),
    (3, "not a number (table.h5, /table/columns, column name)",
     *fit_of("table.h5", "--weights", "name")),
    (3, "no feature by default (table.h5, /table/columns)",
     *fit_of("table.h5", "--weights", "bp_rp")),
    (3, "bad weight (weights.h5, /table/columns, row 7, column one)",
     *fit_of("weights.h5", "-c", "x", "--weights", "one")),
    (3, "bad weights (weights.h5, /table/columns, column none)",
     *fit_of("weights.h5", "-c", "x", "--weights", "none")),
    (3, "more clusters than usable rows (weights.h5, /table/columns)",
     *fit_of("weights.h5", "-c", "x", "--weights", "two")),
    # first centers
    (2, "bad value (--restarts 2)", *fit("--restarts", "2", "--seeding", "few.txt")),
    (4, "can't open the first centers (none.txt)", *fit("--seeding", "none.txt")),
    (4, "can't open the first centers (folder)", *fit("--seeding", "folder")),
    (4, "can't open the first centers (socket)", *fit("--seeding", "socket")),
    (4, "can't read the first centers (/proc/self/mem)", *fit("--seeding", "/proc/self/mem")),
    (3, "wrong shape of the first centers (few.txt)", *fit("--seeding", "few.txt")),
    (3, "wrong number of values (ragged.txt, line 2)", *fit("--seeding", "ragged.txt")),
    (3, "wrong shape of the first centers (in.h5)", *fit("--seeding", "in.h5")),
    (3, "not a number (words.txt, line 2)", *fit("--seeding", "words.txt")),
    (3, "bad first centers (inf.h5, center 1, value 0)", *fit("--seeding", "inf.h5")),
    (3, "which first centers (two.h5, dataset /centers)", *fit("--seeding", "two.h5")),
    (3, "which first centers (two.h5, dataset /c)", *fit("--seeding", "two.h5:/c")),
    (3, "not an HDF5 file (few.txt)", *fit("--seeding", "few.txt:/c")),
    (3, "damaged HDF5 file (half.h5)", *fit("--seeding", "half.h5")),
    (3, "can't read the first centers (centers.h5", *fit("--seeding", "centers.h5")),
    # checkpoints
    (3, "damaged checkpoint (half.ck)", *fit("--checkpoint", "half.ck")),
    (2, "output exists (own.lock): it is no lock", *fit("--checkpoint", "own")),
    (4, "can't write the file (x/x/x", *fit("--checkpoint", LONG)),
    (3, "first centers of other features (named.h5, feature y)",
     *fit_of("named-in.h5", "-c", "x", "--seeding", "named.h5")),
    (3, "first centers of other features (named.h5, feature z)",
     *fit_of("xyz.h5", "-c", "x,y,z", "--seeding", "named.h5")),
    (3, "bad number in the model (zero.h5, /model/factor, feature 1)",
     *predict("in.h5", model="zero.h5")),
    (3, "no such centers (fit.h5, 5 clusters)", *predict("in.h5", "-k", "5")),
    (2, "bad value (--clusters 4,2..)", *fit("-k", "4,2..")),
    (2, "bad value (--choose silhouette)", *fit("--choose", "silhouette")),
    (2, "bad value (--bootstrap 3)", *fit("--bootstrap", "3")),
    (2, "bad value (--gap 3)", *fit("--gap", "3")),
    (2, "contradiction (--balance --second)", *fit("--balance", "count", "--second")),
    (2, "contradiction (--second, equal.h5)", *predict("in.h5", "--second", model="equal.h5")),
    (2, "bad value (--balance size)", *fit("--balance", "size")),
    (2, "bad value (--balance count)", *fit("-k", "2,3", "--balance", "count")),
    (2, "bad value (--choose stability)", *fit("-k", "2,3", "--choose", "stability")),
    (2, "bad value (--seeding named.h5)", *fit("-k", "2,3", "--seeding", "named.h5")),
    # warnings
    (0, "other units (named.h5, feature x)", *fit_of("parsecs.h5", "--seeding", "named.h5")),
    (0, "other units (parsecs.h5, column x)", *fit_of("named-in.h5", "parsecs.h5")),
    (0, "the same file twice (./in.h5)", *fit("./in.h5")),
    (0, "the same feature twice (in.h5, column 1)", *fit("-c", "1,0,1")),
    (0, "an id among the features (hip.h5, column hip)", *fit_of("hip.h5")),
    (0, "a position among the features (stars.h5, columns b, ra)", *fit_of("stars.h5")),
    (0, "a feature that counts rows (counted.h5, column 1)", *fit_of("counted.h5")),
    (0, "a constant feature (constant.h5, column 1)", *fit_of("constant.h5")),
    (0, "samples may be columns (matlab.h5, /points)", *fit_of("matlab.h5")),
    (0, "numbers of categories (things.h5, column kind)", *fit_of("things.h5", "-c", "x,kind")),
    (0, "numbers of categories (things.h5 and 1 more file, column kind)",
     *fit_of("things.h5", "more-things.h5", "-c", "x,kind")),
    (0, "fill value among the numbers (fill.h5, column 1): 1 row has -99", *fit_of("fill.h5")),
    (0, "no names (in.h5, /points)", *predict("in.h5", model="named.h5")),
    (0, "other units (parsecs.h5, column x)", *predict("parsecs.h5", model="named.h5")),
    (0, "not converged (out.h5)", *fit("--max-iterations", "1")),
    (0, "empty clusters (out.h5)", *fit_of("same.h5")),
    (0, "nothing to choose by (out.h5)", *fit_of("same.h5", "-k", "2,3", "--choose", "calinski-harabasz")),
    (0, "no order (--order-by none)", *fit_of("named-in.h5", "--describe", "none=x/0", "--order-by", "none")),
    (0, "stopped early (out.h5): the time limit ended it after", *fit("--max-hours", "1e-9")),
    (0, "stopped early (out.h5): the time limit ended it in fit 1 of 2",
     *fit("--max-hours", "1e-9", "--restarts", "2")),
    (0, "stopped early (out.h5): the time limit ended it after 1 of 2 numbers of clusters",
     *fit("-k", "2,3", "--max-hours", "1e-9")),
    (0, "clusters in two parts (out.h5)", *fit_of("parts.h5", "-k", "2", "--balance", "count")),
    (0, "damaged checkpoint (bad)", *fit("--checkpoint", "bad")),
]

# The same for the program that fails on purpose; before the command line the place of the failure,
# or the number of an allocation.
FAULT_ROWS = [
    (5, "out of memory (list of catalogues)", 2, *fit_of("@list.txt")),
    (1, "verification FAILED (in.h5, /points)", "read other values again", *fit("--verify")),
    (1, "verification FAILED (ids.h5, /table/columns/id/data, rows 0 to 99)",
     "read other values again", *fit_of("ids.h5", "-c", "n", "--id", "id", "--verify")),
    (4, "can't read the catalogue again to verify it (in.h5, /points, rows 0 to 99)",
     "read the rows again", *fit("--verify")),
    (4, "can't write the file (out.h5)", "create the output", *fit()),
    (4, "can't write the file (out.h5)", "sync the output", *fit()),
    (4, "can't give the file its final name (out.h5)", "name the output", *fit()),
    (4, "can't write the result (out.h5)", "write the contents", *fit()),
    (4, "can't write the result (out.h5, labels, rows 0 to 99, rank 0)", "write rows", *fit()),
    (4, "can't write the result (out.h5, ids)", "reserve ids", *fit_of("ids.h5", "-c", "n", "--id", "name")),
    (4, "can't write the result (out.h5, ids)", "compare ids", *fit_of("ids.h5", "-c", "n", "--id", "name")),
    (3, "not a result of a fit (fit.h5)", "read the model", *predict("in.h5")),
    (4, "can't write the metrics (m.json)", "write the metrics", *fit("--metrics", "m.json")),
    (4, "can't write the metrics (m.json)", "read the metrics back", *fit("--metrics", "m.json")),
    (4, "can't write the checkpoint (state1)", "write the checkpoint", *save("state1")),
    (4, "can't write the checkpoint (state2)", "read the checkpoint back", *save("state2")),
    (4, "can't write the checkpoint (state3)", "keep the checkpoint", *save("state3")),
    (4, "can't write the mock catalogue (m.h5)", "sync the mock", *survey()),
    (5, "out of memory (compressed rows of the mock)", "compress the mock",
     *survey("--compress", "9")),
    (5, "can't make threads (", "make a thread", *fit()),
    (4, "can't lock the checkpoint (state4.lock)", "write the lock", *save("state4")),
    (5, "can't make a thread (state5.lock)", "start touching the lock", *save("state5")),
]

# Formats without a row, by their beginning.
UNPROVOKED = {
    "unequal clusters": "takes rows so clustered that the fit does not converge, which is said, too",
    "while describing the clusters": "takes a signal at that moment; test_describe_program.py has it",
    "they are 0 in all rows": "part of another message, which says of what",
    "values out of range (column %s)": "the same, which says in which file",
    "it is compressed by": "the same",
    "%s": "what HDF5 says, for others to put into their messages",
    "bad figures of a machine (": "takes a whole description; test_planning_program.py has it",
    "out of memory (%s): use fewer iterations": "one allocation among many; test_faults_program.py has it",
    "out of memory (checkpoint)": "the same; test_checkpoint_files_program.py has it",
    "out of memory (%s): the contents": "the same; test_checkpoint_files_program.py has it",
    "can't open the file (%s): %s; run again": "HDF5 has no memory; test_calls_program.py has it",
    "damaged checkpoint (%s): its": "takes a right hash; test_checkpoint.c has it",
    "too many labels (%lld": "takes 2^30 of them",
    "out of memory (%lld rows): matching ids": "takes that many rows",
    "can't read (%s, %s)": "takes a damaged chunk; test_compare_program.py has it",
    "checkpoint in use": "takes two runs; test_lock_program.py has it",
    "checkpoint taken over": "takes two runs; test_lock_program.py has it",
    "waiting for a sign": "takes another machine; test_lock.c has it",
    "the catalogue has changed": "takes a new catalogue; test_checkpoint_files_program.py has it",
    "can't open the first centers (%s): %s; --seeding takes kmeans++, random, or a readable":
        "the check before the run finds it first",
    "can't print (standard output)": "test_looking_program.py has it",
    "can't read the result (%s, %s)": "test_looking_program.py has it",
    "damaged HDF5 file: its root group":
        "a file without a root group is not opened in the first place",
    "out of memory (ids": "the same; test_faults_program.py has it",
    "ids of an unknown type": "takes a type that HDF5 can't describe in 512 bytes",
    "file changed while it was read": "takes a change on the way; test_layouts_program.py has it",
    "too many rows to gather": "takes 2^31 rows drawn for the seeding",
    "one process is enough (": "takes a launcher; test_install_program.py has it",
    "can't start the tool (": "takes a tool that is broken; test_install_program.py has it",
    "separate runs (": "takes a launcher of another MPI; test_jobs_program.py plays one",
    "result perhaps not durable": "takes a folder that can be written but not synced",
    "catalogue perhaps not durable": "the same",
    "stopped by a signal": "takes a signal; test_generate_program.py has it",
    "out of memory (%s): %.6g MB of a scratch file": "takes a limit; test_scratch_program.py has it",
    "not a whole result (%s, choice)": "takes a damaged copy; test_choice_program.py has it",
    "not a whole result (%s, %s): %s": "takes a damaged copy; test_verify_program.py has it",
    "out of memory (fingerprint)": "one allocation among many; test_faults_program.py has it",
    "not described (": "another warning comes first; test_describe_program.py has it",
    "no metrics, but": "takes another file during the run; test_rough_program.py has it",
}

COMMAND_LINE = "where is the command line, which is short"
SAYS_WHAT = "why and what to try are one"

# Formats that may lack a part, by their beginning.
WITHOUT_WHERE = {"missing command": COMMAND_LINE, "missing argument": COMMAND_LINE}
WITHOUT_TRY = {
    "missing value (%s): see": SAYS_WHAT,
    "bad value (--%s %s): it takes": SAYS_WHAT,
    "bad value (%s): the option takes none": SAYS_WHAT,
    "bad value (%s %s): it takes one": SAYS_WHAT,
    "too many values (--%s %s)": SAYS_WHAT,
    "too many arguments (%s): compare takes": SAYS_WHAT,
    "bad value (--factor %s): it takes": SAYS_WHAT,
    "bad value (--missing-value %s): it takes": SAYS_WHAT,
    "contradiction (--quiet": SAYS_WHAT,
    "empty name in the list": SAYS_WHAT,
    "too many arguments (%s): info": SAYS_WHAT,
    "too many arguments (%s): generate": SAYS_WHAT,
    "no such table": SAYS_WHAT,
}

# Formats that are parts of other messages, by their beginning.
PARTS = "they are 0 in all rows", "after %lld iteration", "after fit", "in fit"

# ---- formats in the sources ----------------------------------------------------------------------

LITERAL = r'"((?:[^"\\]|\\.)*)"'
CALL = re.compile(rf'\bkm_(?:fail|warn)\([^";{{]*((?:{LITERAL}\s*)+)')
CONVERSION = re.compile(r"%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j|L)?[a-zA-Z]")
DEFINITIONS = {"error.c": "km_fail", "log.c": "km_warn"}


def formats():
    """Every format of an error or a warning: a set of texts. The engine's door has a test of its own,
    tests/unit/test_engine.c, since callers can do more than the program does."""
    found, n_calls = set(), 0
    for path in glob.glob(os.path.join(ROOT, "src", "**", "*.c"), recursive=True):
        if os.path.basename(os.path.dirname(path)) == "cluster":
            continue
        with open(path, encoding="utf-8") as file:
            code = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
        n_calls += len(re.findall(r"\bkm_(?:fail|warn)\(", code))
        n_calls -= os.path.basename(path) in DEFINITIONS
        for call in CALL.finditer(code):
            n_calls -= 1
            found.add("".join(re.findall(LITERAL, call.group(1))).replace('\\"', '"'))
    if n_calls != 0:
        raise AssertionError(f"{n_calls} calls of km_fail or km_warn have no format that is seen")
    return found


def format_of(message, all_formats):
    """The format with most words of its own among those that a message can come from."""
    fitting = [text for text in all_formats if re.fullmatch(
        ".*".join(re.escape(part) for part in CONVERSION.split(text)), message, re.DOTALL)]
    return max(fitting, key=lambda text: len(CONVERSION.sub("", text)), default="%s")


def begins_with_one_of(text, beginnings):
    return any(text == key if key == "%s" else text.startswith(key) for key in beginnings)


# ---- tests ---------------------------------------------------------------------------------------


class Messages(ProgramTest):

    def setUp(self):
        super().setUp()
        self.write_catalogues()
        self.write_odd_catalogues()
        self.write_models()
        self.write_damaged()
        self.write_first_centers()
        self.write_checkpoints()
        os.mkdir("folder")
        write_text("old.h5", "precious")
        write_text("empty.h5", "")
        write_text("text.h5", "x,y\n1,2\n")

    @staticmethod
    def write_catalogues():
        values = blobs(100, 2)
        write_array("in.h5", values)
        for name in "ab":
            write_array("two.h5", values[:3], name=name)
        for i in range(50):
            write_array("many.h5", values[:3], name=f"table-number-{i:02d}")
        write_columns("table.h5", {"bp_rp": values[:, 0], "name": np.full(100, b"text")})
        write_columns("masked.h5", {"a": values[:, 0]})
        write_array("masked.h5", np.zeros(99, bool), name="table/columns/a/mask")
        write_columns("int.h5", {"n": np.arange(100)})
        write_columns("longid.h5", {"n": np.arange(5.0)})
        with h5py.File("longid.h5", "a") as file:
            file.create_dataset("table/columns/name/data", dtype=h5py.string_dtype(),
                                data=["short"] * 4 + ["x" * (16 << 20)])
        write_columns("ids2.h5", {"n": np.arange(100.0), "id": np.arange(100.0)})
        write_columns("ids.h5", {"n": np.arange(100.0), "id": np.arange(100), "name": NAMES})
        write_columns("long.h5", {"n": values[:, 0], "x" * 126: values})
        write_array("uneven.h5", values[:, 0], name="t/a")
        write_array("uneven.h5", values[1:, 0], name="t/b")
        write_array("three.h5", np.ones((10, 3)))
        write_array("wide2.h5", np.ones((10, 8)))
        write_columns("angles.h5", {"ra": values[:, 0], "dec": values[:, 1]},
                      units={"ra": "rad", "dec": "deg"})
        write_columns("hours.h5", {"ra": values[:, 0], "dec": values[:, 1]},
                      units={"ra": "h", "dec": "deg"})
        write_columns("parts.h5", {"x": np.concatenate([np.linspace(left, left + 1, 100)
                                                        for left in (0, 5, 10)])})
        write_columns("parsecs.h5", {"x": values[:, 0], "y": values[:, 1]}, units={"x": "pc"})
        write_columns("turns.h5", {"x": values[:, 0], "y": values[:, 1]}, units={"x": "rad", "y": "rad"})
        write_array("same.h5", np.tile([[1.0, 2], [2, 3]], (50, 1)))
        write_array("counted.h5", np.column_stack([values[:, 0], np.arange(100) + 7]))
        write_array("constant.h5", np.column_stack([values[:, 0], np.full(100, 2.5)]))
        write_columns("hip.h5", {"x": values[:, 0], "hip": np.abs(values[:, 1])})
        write_columns("stars.h5", {"ra": values[:, 0], "b": values[:, 1]}, units={"b": "deg"})
        write_columns("xyz.h5", {name: values[:, 0] for name in "xyz"})
        write_array("n" * 220, values)
        write_array("none-in.h5", np.zeros((0, 2)))
        write_array("far.h5", [[0, -1.7e308], [0, 1.7e308], [0, 0]])
        with h5py.File("letters.nc", "w") as file:
            file["x"] = np.arange(100.0)
            file["name"] = NAMES.astype("S7").view("S1").reshape(100, 7)
        write_columns("poles.h5", {"ra": np.arange(100.0), "dec": np.r_[np.arange(88.0) - 80, 91, np.zeros(10), np.nan]})
        write_array("giant.h5", 1e160 * blobs(9, 2))
        values[:, 1] = np.nan
        values[50:, 0] = np.inf
        write_array("nan.h5", values)
        with h5py.File("nothing.h5", "w"):
            pass
        with h5py.File("huge.h5", "w") as file:
            file.create_dataset("p", shape=(10 ** 18, 2), dtype="f4", chunks=(2 ** 20, 2))
        with h5py.File("wide.h5", "w") as file:
            file.create_dataset("p", shape=(4 * 10 ** 9, 10 ** 5), dtype="f4", chunks=(1, 10 ** 5))
        with h5py.File("million.h5", "w") as file:
            file.create_dataset("p", shape=(2, 10 ** 9), dtype="f4", chunks=(1, 10 ** 5))
        with h5py.File("most.h5", "w") as file:
            file.create_dataset("p", shape=(2 ** 62 + 1, 1), dtype="i1", chunks=(2 ** 20, 1))
        for name, source in (("", "none.h5"), ("-text", "text.h5"), ("-in", "in.h5")):
            layout = h5py.VirtualLayout((100, 2), "f8")
            layout[:] = h5py.VirtualSource(source, "p", (100, 2))
            with h5py.File(f"virtual{name}.h5", "w", libver="latest") as file:
                file.create_virtual_dataset("p", layout)
        weights = {"x": blobs(100, 1)[:, 0]}
        for name, row, weight in (("one", 7, -1.0), ("none", 0, 0.0), ("two", slice(2), 1.0)):
            weights[name] = np.zeros(100)
            weights[name][row] = weight
        write_columns("weights.h5", weights)

    @staticmethod
    def write_odd_catalogues():
        """What is no table or column, or perhaps not meant as one, and what can't be decoded."""
        values = blobs(100, 2)
        write_text("list.txt", "in.h5\n")
        write_text("several.json", '{"plan": {}, "choice": {}}')
        write_array("sorts.h5", values, name="a")
        write_array("sorts.h5", values[:, :1], name="b")
        write_array("complex.h5", values[:, 0] + 1j * values[:, 1], name="z")
        write_array("matlab.h5", values)
        with h5py.File("matlab.h5", "a") as file:
            file["points"].attrs["MATLAB_class"] = np.bytes_("double")
        values[7, 1] = -99
        write_array("fill.h5", values, fillvalue=-99.0)
        for name in "ab":
            write_array("cubes.h5", np.zeros((2, 2, 2)), name=name)
        write_columns("things.h5", {"x": values[:, 0], "kind": np.arange(100) % 3}, form="t/{}")
        with h5py.File("things.h5", "a") as file:
            file["t/kind"].attrs["categories"] = "by number"
            file["t/lost"] = h5py.SoftLink("/nowhere")
            file["t/pair"] = np.zeros((100, 2))
            file["g" * 99 + "/" + "h" * 99] = np.arange(100.0)
            file["cube"] = np.zeros((2, 2, 2))
        shutil.copy("things.h5", "more-things.h5")
        with h5py.File("filter.h5", "w") as file:
            creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            creation.set_chunk((100, 2))
            creation.set_filter(32018, h5py.h5z.FLAG_OPTIONAL, ())
            data = h5py.h5d.create(file.id, b"p", h5py.h5t.NATIVE_DOUBLE,
                                   h5py.h5s.create_simple((100, 2)), creation)
            data.write_direct_chunk((0, 0), b"not encoded")

    @staticmethod
    def write_models():
        values = blobs(100, 2)
        write_columns("named-in.h5", {"x": values[:, 0], "y": values[:, 1]}, units={"x": "mag"})
        for catalogue, model in (("in.h5", "fit.h5"), ("named-in.h5", "named.h5")):
            run("fit", catalogue, "-k", "3", "-o", model)
        for name, ids in (("numbered", np.arange(100)), ("named-rows", NAMES.astype("S")),
                          ("halves", np.arange(100) + 0.5), ("twice", np.zeros(100, int)),
                          ("halved", np.arange(99))):
            shutil.copy("fit.h5", f"{name}.h5")
            write_array(f"{name}.h5", ids, name="ids")
        run("fit", "in.h5", "-k", "3", "--balance", "count", "-o", "equal.h5")
        shutil.copy("fit.h5", "templates.h5")
        write_array("templates.h5", np.zeros(3), name="templates/mean")
        shutil.copy("fit.h5", "neighbours.h5")
        write_array("neighbours.h5", np.zeros(3), name="neighbours/label")
        write_array("short-labels.h5", np.zeros(9, int), name="labels")
        write_array("ids2.h5", np.full(100, 0.5), name="half")
        shutil.copy("fit.h5", "zero.h5")
        with h5py.File("zero.h5", "a") as file:
            file["model/factor"][1] = 0

        os.mkfifo("pipe")
        for name, source in (("elsewhere", "/etc/hostname"), ("gone", "none.bin"),
                             ("short", "old.h5"), ("piped", "pipe")):
            with h5py.File(f"{name}.h5", "w") as file:
                file.create_dataset("p", (100, 2), "f8", external=[(source, 0, 1600)])
        with open("in.fits", "w") as file:
            file.write("SIMPLE  =                    T")
        shutil.copy("short.h5", "changed.h5")
        with h5py.File("changed.h5", "a") as file:
            file["p"].attrs.update(source_bytes=1, source_time=1)

    @staticmethod
    def write_damaged():
        with open("in.h5", "rb") as file:
            good = file.read()
        for name, data in (("half.h5", good[:len(good) // 2]),
                           ("bad.h5", good[:8] + b"\xff" * 88 + good[96:])):
            with open(name, "wb") as file:
                file.write(data)
        for name, rows in (("chunk.h5", 100), ("centers.h5", 3)):
            write_array(name, blobs(rows, 2), chunks=(rows, 2), compression="gzip")
            with h5py.File(name, "r") as file:
                info = file["points"].id.get_chunk_info(0)
            with open(name, "r+b") as file:
                file.seek(info.byte_offset)
                file.write(b"\xff" * info.size)
        with h5py.File("odd.h5", "w") as file:  # looks like a result
            file["centers"], file["labels"], file["sizes"] = np.zeros((2, 2)), np.zeros(5), 7
            file.attrs["checksum"] = "0"
        with h5py.File("few.h5", "w") as file:
            file["centers"], file["labels"], file["sizes"] = np.zeros((2, 2)), [0, 1, 1], [1, 2, 0]
            file.attrs["checksum"] = "0"

    @staticmethod
    def write_checkpoints():
        write_text("half.ck", "skymeans checkpoint 3\nand not all of it\n")
        write_text("own.lock", "precious")
        write_text("newer", "skymeans checkpoint 99\nand what that will have\n")
        os.symlink("loop", "loop")
        for name in ("begun", "bad"):
            run(*fit("--checkpoint", name, "--max-hours", "1e-9"))
        os.rename("bad", "bad.prev")
        write_text("bad", "skymeans checkpoint 3\nand nothing else\n")

    def write_first_centers(self):
        write_text("few.txt", "0 0\n1 1\n")
        write_text("long.txt", "0 0\n" + 99999 * "1 ")
        write_text("ragged.txt", "0 0\n1\n2 2\n")
        write_text("words.txt", "0 0\n1 one\n2 2\n")
        write_array("inf.h5", [[0, 0], [np.inf, 1], [2, 2]])
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind("socket")

    @staticmethod
    def run_with_fault(place, *arguments):
        name = "KM_FAULT_ALLOCATION" if isinstance(place, int) else "KM_FAULT"
        done = run(*arguments, faults=f"{name}={place}")
        return Run((*arguments, f"[{place}: fails]"), 1, done.code, done.out, done.err)

    @staticmethod
    def run_into_an_output_that_appears():
        """Outputs are checked before the features are said, and again at the end."""
        write_array("large.h5", blobs(200_000, 2))
        arguments = ["fit", "large.h5", "-k", "50", "-o", "new.h5", "--tolerance", "0",
                     "--max-iterations", "100"]
        with subprocess.Popen([BINARY, *arguments], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            err = process.stderr.readline()
            write_text("new.h5", "appears")
            out, rest = process.communicate(timeout=20)
        return Run(arguments, 1, process.returncode, out, err + rest)

    def provoke(self):
        """Pairs of expectation and run, each run with what it says."""
        rows = [(code, begin, lambda arguments=arguments: run(*arguments))
                for code, begin, *arguments in ROWS]
        rows += [(code, begin, lambda arguments=arguments: self.run_with_fault(*arguments))
                 for code, begin, *arguments in FAULT_ROWS if os.path.exists(FAULTS)]
        rows.append((2, "output exists (new.h5): it appeared",
                     self.run_into_an_output_that_appears))
        rows.append((0, "end of a job that is over (SLURM_JOB_END_TIME=1700000000)",
                     lambda: run(*fit(), SLURM_JOB_END_TIME="1700000000")))
        rows.append((0, "too many threads (2 per rank)",
                     lambda: run(*fit("--threads", "2"), cpus=[min(os.sched_getaffinity(0))])))
        return zip([row[:2] for row in rows], run_all([row[2] for row in rows]))

    def message_of(self, finished):
        """The text of the only error or warning, without its prefix."""
        kind = "error" if finished.code else "warning"
        found = re.findall("^skymeans: (error|warning): (.*)$", finished.err, re.MULTILINE)
        self.assertEqual([name for name, _ in found], [kind], finished)
        if finished.code:
            self.assertEqual(finished.err.splitlines()[-1], f"skymeans: error: {found[0][1]}")
        return found[0][1]

    def check_form(self, message, text):
        """WHAT (WHERE): WHY; TRY, of a message with this format."""
        where = "" if begins_with_one_of(text, WITHOUT_WHERE) else r" \(\S.*\S?\)"
        ending = r".*[^\s;]; \S.*[^\s.](?: \.\.\.)?"
        if begins_with_one_of(text, WITHOUT_TRY):
            ending = r"[^;]*\S"
        self.assertRegex(message, rf"\A[a-z][^(]*[a-zA-Z]{where}: \S{ending}\Z")
        self.assertNotRegex(message, r"\(null\)|%|\bSuccess\b|no reason|  |[\x00-\x1f\ufffd]")

    def test_all(self):
        all_formats, provoked, texts = formats(), set(), []
        for (code, begin), finished in self.provoke():
            with self.subTest(message=begin):
                self.assertEqual(finished.code, code, finished)
                message = self.message_of(finished)
                text = format_of(re.sub(r" \[rank \d+ of \d+\]$", "", message), all_formats)
                provoked.add(text)
                words = [str(word) for word in finished.arguments]
                command = " ".join(word if len(word) < 40 else word[:9] + "..." for word in words)
                texts.append(f"skymeans {command}\n  {code}: {message[:600]}\n")
                self.assertTrue(message.startswith(begin), f"{begin}\n{message}")
                self.check_form(message, text)
        with open(TEXTS, "w", encoding="utf-8") as file:
            file.writelines(texts)
        if os.path.exists(FAULTS):
            self.check_complete(all_formats, provoked)

    def test_troubleshooting(self):
        """docs/troubleshooting.md has every message by its beginning."""
        with open(os.path.join(ROOT, "docs", "troubleshooting.md"), encoding="utf-8") as file:
            page = " ".join(file.read().split())
        for text in sorted(formats()):
            beginning = re.split(r" \(|[:;%]", text)[0].strip()
            if not begins_with_one_of(text, PARTS):
                with self.subTest(message=text):
                    self.assertTrue(beginning in page, f"{beginning} is missing there")

    def check_complete(self, all_formats, provoked):
        """Every format has a row or a reason, and not both; no list has what isn't there."""
        reasoned = {text for text in all_formats if begins_with_one_of(text, UNPROVOKED)}
        provoked -= {"%s"}  # which any message comes from
        self.assertEqual(all_formats - provoked - reasoned, set(), "need a row")
        self.assertEqual(provoked & reasoned, set(), "have a row and a reason for having none")
        for listed in (UNPROVOKED, WITHOUT_WHERE, WITHOUT_TRY):
            for key in listed:
                self.assertTrue(any(begins_with_one_of(text, [key]) for text in all_formats),
                                f"no message begins with {key}")


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    unittest.main()

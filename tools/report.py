#!/usr/bin/env python3
"""A report of a clustering: one page of HTML that opens without network, or a table for MultiQC."""
import argparse
import contextlib
import json
import sys

import command
from command import DATA, Failure, Parser

with command.imports("h5py", "numpy", "matplotlib"):
    import report_page
    from catalogue import open_hdf5
    from check_rows import check_rows
    from fit_result import Fit
    from multiqc_table import make_table
    from places import add_follow_option
    from report_rows import sample_catalogue
    from result import Catalogue

TABLE = "_mqc.tsv"


def parse_command_line(arguments):
    parser = Parser(
        prog=command.program(), allow_abbrev=False,
        usage="%(prog)s RESULT.h5 [CATALOGUE...] -o REPORT [-c COLUMNS] [--metrics RECORD] "
              "[-d DATASET] [--transpose] [--force] [--follow-external] [--overwrite]",
        description="A report of a result of skymeans fit or predict.")
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("-o", dest="report", required=True, metavar="REPORT",
                        help="the report: .html, or NAME_mqc.tsv, a table that MultiQC joins with "
                             "those of other results")
    parser.add_argument("-c", dest="columns", metavar="COLUMNS",
                        help="what the corner plot shows: features, columns or expressions; features "
                             "for all of these; default: the first of them")
    parser.add_argument("--metrics", metavar="RECORD",
                        help="the record that the run wrote with --metrics: times of its phases")
    parser.add_argument("-d", dest="dataset", metavar="DATASET",
                        help="table or 2-D array inside the catalogue; default: that of the fit")
    parser.add_argument("--transpose", action="store_true",
                        help="a 2-D dataset holds a sample a column, as it was for the fit")
    parser.add_argument("--force", action="store_true",
                        help="go on even where labels do not fit the rows")
    add_follow_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace REPORT if it exists")
    options = parser.parse_intermixed_args(arguments)
    if not options.files:
        parser.error("RESULT.h5 is required")
    options.is_table = options.report.endswith(TABLE)
    if not options.is_table and command.extension(options.report) not in ("html", "htm"):
        parser.error(f"-o {options.report} does not end in .html or {TABLE}")
    options.result, *options.catalogues = options.files
    options.catalogues = command.expand_lists(options.catalogues)
    if options.columns is not None and not options.catalogues:
        parser.error("-c needs the catalogue")
    return options


def read_metrics(path):
    """The record of a run, as --metrics writes it; None if none is given."""
    if path is None:
        return None
    command.check_input(path)
    with open(path, "rb") as file:
        content = file.read()
    try:
        record = json.loads(content)
        phases = [(name, *(float(seconds[key]) for key in ("min", "mean", "max")))
                  for name, seconds in record["phases"].items()]
        return {"phases": phases, "memory": int(record["memory_peak_bytes"]),
                "checksum": record["result"].get("checksum")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(DATA, f"not a record of a run ({path}): {type(error).__name__}: "
                            f"{command.reason(error)}; give what --metrics wrote") from error


def check_metrics(fit, metrics, path):
    checksum = fit.said("checksum", "/")
    if metrics and checksum and metrics["checksum"] not in (None, checksum):
        raise Failure(DATA, f"the record of another run ({path}): its result has the checksum "
                            f"{metrics['checksum']}, {fit.path} has {checksum}; give that of this "
                            "run")


def run(arguments):
    options = parse_command_line(arguments)
    inputs = [options.result, *options.catalogues, *([options.metrics] if options.metrics else [])]
    command.check_output(options.report, options.overwrite, inputs)
    metrics = read_metrics(options.metrics)
    with contextlib.ExitStack() as stack:
        fit = Fit(options.result, open_hdf5(options.result, stack))
        check_metrics(fit, metrics, options.metrics)
        rows = None
        if options.catalogues and not options.is_table:
            catalogue = Catalogue(fit, options.catalogues, options, stack)
            check_rows(catalogue, options.force)
            rows = sample_catalogue(fit, catalogue, options.columns)
            command.check_apart(options.report, catalogue.paths)
        text = make_table(fit) if options.is_table else report_page.make_page(fit, rows, metrics)
    with command.whole_file(options.report) as file:
        file.write(text.encode("utf-8", "replace"))
    command.say(f"{fit.n_rows} rows, {len(fit.centers)} clusters: {options.report}")


def main():
    return command.main(run, "report")


if __name__ == "__main__":
    sys.exit(main())

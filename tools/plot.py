#!/usr/bin/env python3
"""Draw a clustering: its rows, centers and sizes, its convergence, its classes, the choice of k.

Files are read in bounded pieces, and many samples become counts on a raster, so the memory does
not depend on the number of rows.
"""
import argparse
import contextlib
import os
import sys
import textwrap
import warnings

import command
from command import USAGE, Failure, Parser

with command.imports("h5py", "numpy", "matplotlib"):
    import matplotlib

    import charts
    import figures
    from catalogue import open_hdf5
    from check_rows import check_rows
    from fit_result import Fit
    from panels import INK
    from places import add_follow_option
    from result import Catalogue
    from samples import split_items

SMALL_FONT = 8  # of figures for a journal
TITLE_WIDTH = 0.95  # of a line of it, in widths of the picture
MIN_INCHES, MAX_INCHES = 1, 60
STYLE = {
    "font.size": SMALL_FONT, "axes.edgecolor": "#8a8f98", "axes.labelcolor": INK,
    "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False,
    "axes.spines.right": False, "axes.titlesize": SMALL_FONT, "axes.titlelocation": "left",
    "legend.fontsize": 7, "legend.title_fontsize": 7, "pdf.fonttype": 42,
}
LARGE_STYLE = {**STYLE, "font.size": 10, "axes.titlesize": 10.5, "legend.fontsize": 9}

# What can be drawn: the function, and whether it needs the rows of the catalogue.
KINDS = {"overview": (figures.overview, True), "corner": (figures.corner, True),
         "panel": (figures.panel, True), "sky": (figures.sky, True),
         "choice": (charts.choice, False), "templates": (charts.templates, False),
         "convergence": (charts.convergence, False)}


# --- the picture --------------------------------------------------------------------------------

def headline(result, catalogues):
    more = " ..." if len(catalogues) > 1 else ""
    catalogue = command.clean(os.path.basename(catalogues[0])) + more
    used, n_rows = int(result.sizes.sum()), result.n_rows
    rows = f"{used:,} of {n_rows:,} rows" if used < n_rows else f"{n_rows:,} rows"
    others = ", ".join(f"{count:,} {why}" for why, count in result.counts() if count)
    words = [f"{catalogue}: {rows}{f' ({others})' if others else ''} in {len(result.centers)} clusters"]
    if "n_iterations" in result.facts:
        verb = "converged after" if result.facts.get("converged", True) else "stopped after"
        words.append(f"{verb} {result.facts['n_iterations']} iterations")
    if "inertia" in result.facts:
        words.append(f"inertia {result.facts['inertia']:.6g}")
    if len(result.features) > 3:
        words.append(f"first 3 of {len(result.features)} features")
    return ", ".join(words)


def add_title(figure, title, is_large):
    if title:
        title = command.clean(title)
        drawn = figure.suptitle(title.replace("$", r"\$"), x=0.012, ha="left",
                                fontsize=13 if is_large else 9)
        share = TITLE_WIDTH * figure.bbox.width / max(drawn.get_window_extent().width, 1)
        if share < 1:
            lines = textwrap.wrap(title, max(10, int(share * len(title))))
            drawn.set_text("\n".join(lines).replace("$", r"\$"))


def save(figure, path):
    with command.whole_file(path) as file:
        figure.savefig(file, format=command.extension(path))


# --- command line -------------------------------------------------------------------------------

def parse_command_line(arguments):
    parser = Parser(
        prog=command.program(), allow_abbrev=False,
        usage="%(prog)s RESULT.h5 [CATALOGUE...] -o PICTURE [--kind KIND] [-c COLUMNS | -x COLUMN "
              "-y COLUMN] [--size WIDTHxHEIGHT] [--title TEXT] [-d DATASET] [--transpose] [--force] "
              "[--follow-external] [--overwrite]",
        description="Draw a result of skymeans fit or predict over its catalogue.")
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("-o", dest="picture", required=True, metavar="PICTURE",
                        help="the picture: .png, .pdf, .svg")
    parser.add_argument("--kind", choices=KINDS, metavar="KIND",
                        help="overview (default: features, sizes, convergence), corner (default with "
                             "-c: all pairs of columns), panel (default with -x: two columns), sky "
                             "(positions, in Mollweide's projection); without a catalogue: choice "
                             "(of k), templates (of the classes), convergence")
    parser.add_argument("-c", dest="columns", metavar="COLUMNS",
                        help="corner: features, columns or expressions, as fit takes them; features "
                             "for all of these (default)")
    parser.add_argument("-x", metavar="COLUMN", help="panel: of the horizontal axis; sky: the right "
                                                     "ascension; default: ra, or a name like it")
    parser.add_argument("-y", metavar="COLUMN", help="panel: of the vertical axis; sky: the "
                                                     "declination")
    parser.add_argument("--size", type=parse_size, metavar="WIDTHxHEIGHT",
                        help="in inches, as 3.5x3; default: by kind, for a journal's column or page")
    parser.add_argument("--title", metavar="TEXT",
                        help="above the picture; '' for none; default: what was fitted, of an "
                             "overview, and none of others")
    parser.add_argument("-d", dest="dataset", metavar="DATASET",
                        help="table or 2-D array inside the catalogue; default: that of the fit")
    parser.add_argument("--transpose", action="store_true",
                        help="a 2-D dataset holds a sample a column, as it was for the fit")
    parser.add_argument("--force", action="store_true",
                        help="draw even where labels do not fit the rows")
    add_follow_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace PICTURE if it exists")
    options = parser.parse_intermixed_args(arguments)
    check_options(parser, options)
    options.result, *options.catalogues = options.files
    options.catalogues = command.expand_lists(options.catalogues)
    options.files = [options.result, *options.catalogues]
    options.wanted = wanted_columns(options)
    return options


def parse_size(text):
    width, _, height = text.partition("x")
    try:
        size = float(width), float(height)
    except ValueError:
        size = 0, 0
    if not all(MIN_INCHES <= length <= MAX_INCHES for length in size):
        raise argparse.ArgumentTypeError(f"{text} is not two lengths of {MIN_INCHES} to {MAX_INCHES} "
                                         "inches, as 3.5x3")
    return size


def check_options(parser, options):
    if not options.kind:
        has_axes = options.x is not None or options.y is not None
        options.kind = "panel" if has_axes else "corner" if options.columns else "overview"
    if (options.x is None) != (options.y is None):
        parser.error("-x and -y go together")
    if options.columns is not None and options.kind != "corner":
        parser.error(f"-c is for a corner plot, not for --kind {options.kind}")
    if options.x is not None and options.kind not in ("panel", "sky"):
        parser.error(f"-x and -y are for one panel or the sky, not for --kind {options.kind}")
    needs_rows = KINDS[options.kind][1]
    if not options.files or needs_rows and len(options.files) < 2:
        parser.error("RESULT.h5 and CATALOGUE are required" if needs_rows else
                     "RESULT.h5 is required")
    if command.extension(options.picture) not in ("png", "pdf", "svg"):
        parser.error(f"-o {options.picture} does not end in .png, .pdf or .svg")


def wanted_columns(options):
    """The columns that are asked for; None if none are."""
    if options.x is None:
        return None if options.columns is None else split_items(options.columns, "-c")
    wanted = [split_items(options.x, "-x"), split_items(options.y, "-y")]
    if any(len(items) != 1 for items in wanted):
        raise Failure(USAGE, "bad command line: -x and -y take one column each; try --help")
    return [wanted[0][0], wanted[1][0]]


@contextlib.contextmanager
def enough_room():
    """Where matplotlib warns that nothing is left for the axes, the picture is too small."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "constrained_layout not applied")
        try:
            yield
        except UserWarning as error:
            raise Failure(USAGE, "too small a picture (--size): labels leave no room for what is "
                                 "drawn; choose a larger one") from error


def run(arguments):
    options = parse_command_line(arguments)
    command.check_output(options.picture, options.overwrite, options.files)
    draw, needs_rows = KINDS[options.kind]
    is_overview = options.kind == "overview"
    with contextlib.ExitStack() as stack:
        fit = Fit(options.result, open_hdf5(options.result, stack))
        catalogue = None
        if needs_rows:
            catalogue = Catalogue(fit, options.catalogues, options, stack)
            check_rows(catalogue, options.force)
        with matplotlib.rc_context(LARGE_STYLE if is_overview else STYLE), enough_room():
            figure, n_rows = draw(fit, catalogue, options.wanted, options.size)
            title = headline(fit, options.catalogues) if is_overview else None
            add_title(figure, title if options.title is None else options.title, is_overview)
            command.check_apart(options.picture, catalogue.paths if catalogue else ())
            save(figure, options.picture)
    command.say(f"{n_rows} rows, {len(fit.centers)} clusters: {options.picture}")


def main():
    return command.main(run, "picture")


if __name__ == "__main__":
    sys.exit(main())

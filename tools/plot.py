#!/usr/bin/env python3
"""Draw a clustering: the samples in their colours, the centers, the sizes, the convergence.

Files are read in bounded pieces, and many samples become counts on a raster, so the memory does
not depend on the number of rows.
"""
import argparse
import contextlib
import os
import sys

import command
from command import DATA, Failure, Parser

with command.imports("h5py", "numpy", "matplotlib"):
    import h5py
    import matplotlib
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, MaxNLocator, StrMethodFormatter

    from catalogue import open_hdf5, reading, slices
    from check_rows import check_rows
    from panels import Density, Histogram, Markers, make_palette
    from result import Catalogue, Result

PIECE_ROWS = 1 << 20     # rows in memory at a time
SAMPLE_ROWS = 1 << 20    # rows that the axis ranges are taken from
MARKER_ROWS = 5000       # more rows than this are drawn as a density
NUMBERED_CLUSTERS = 40   # more centers than this get a dot without their number
QUANTILES = (0.001, 0.999)  # the axes show these of the rows whatever their outliers are,
REACH = 0.2              # further rows as far out as this part of their range,
MARGIN = 0.03            # and some air
DRAWN_FEATURES = 3
PAIRS = ([0, 1], [0, 2], [1, 2])  # features of each panel
INK = "#30343b"
STYLE = {
    "font.size": 10, "axes.edgecolor": "#8a8f98", "axes.labelcolor": INK, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 10.5, "axes.titlelocation": "left",
}

COUNTS = StrMethodFormatter("{x:,.0f}")



# --- reading ------------------------------------------------------------------------------------

class Fit(Result):
    """A result of fit, with what is drawn of it."""

    def __init__(self, path, file):
        with reading(path):
            for name in ("centers", "labels", "sizes", "history/iteration", "history/inertia",
                         "history/shift"):
                node = file.get(name)
                if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "if" \
                        or node.ndim != (2 if name == "centers" else 1):
                    raise Failure(DATA, f"not a result ({path}): it has no /{name} of numbers; "
                                        "give a file written by skymeans fit")
        super().__init__(path, file)
        with reading(path):
            self.sizes = file["sizes"][:]
            self.facts = {name: value for name, value in file.attrs.items()
                          if isinstance(value, (np.integer, np.floating))}
            self.history = {name: file["history"][name][:]
                            for name in ("iteration", "inertia", "shift")}
        if self.centers is None or 0 in self.centers.shape \
                or self.centers.shape != (len(self.sizes), len(self.features)):
            raise Failure(DATA, f"not a result ({path}, /centers): its shape, features and /sizes do "
                                "not agree; give a file written by skymeans fit")
        if len({values.shape for values in self.history.values()}) != 1:
            raise Failure(DATA, f"not a result ({path}, /history): its parts differ in length; "
                                "give a file written by skymeans fit")


class Samples:
    """The drawn features of all rows of all catalogue files, with their labels."""

    def __init__(self, result, catalogue):
        self.labels, self.n_clusters = result.labels, len(result.centers)
        drawn = result.features[:DRAWN_FEATURES]
        self.tables = [(part.path, catalogue.features(part, drawn))
                       for part in catalogue.parts if part.n_rows]
        self.n_rows = result.n_rows

    def pieces(self):
        """Values [rows][features] and labels [rows] of one bounded piece after the other."""
        first = 0
        for path, columns in self.tables:
            n_rows = columns[0].n_rows
            for rows in slices(n_rows, PIECE_ROWS):
                with reading(path):
                    values = np.stack([column.read_floats(rows) for column in columns], axis=1)
                    labels = self.labels[first + rows.start:first + rows.stop]
                if not np.all((labels >= -1) & (labels < self.n_clusters)):
                    raise Failure(DATA, "bad label (/labels): not the number of a cluster; "
                                        "the result is damaged")
                yield values, labels
            first += n_rows

    def ranges(self):
        """[features][low, high] of the clustered rows without the outliers, with a margin."""
        step = -(-self.n_rows // SAMPLE_ROWS) or 1
        sample = np.concatenate([values[::step][labels[::step] >= 0]
                                 for values, labels in self.pieces()])
        sample = sample[np.isfinite(sample).all(axis=1)]
        if not len(sample):
            raise Failure(DATA, "nothing to draw (/labels): no row of the result has a cluster; "
                                "check the fit")
        low, high = np.quantile(sample, QUANTILES, axis=0)
        reach = REACH * (high - low)
        low, high = np.maximum(low - reach, sample.min(0)), np.minimum(high + reach, sample.max(0))
        margin = np.where(high > low, MARGIN * (high - low), 0.5)
        return np.stack([low - margin, high + margin], axis=1)


# --- the picture --------------------------------------------------------------------------------

def draw_picture(result, samples, catalogue):
    figure = Figure(figsize=(12, 7), dpi=100, constrained_layout=True)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
    palette = make_palette(len(result.centers))
    sample_axes, size_axes, history_axes = lay_out(figure, len(result.features))
    figure.suptitle(headline(result, samples.n_rows, catalogue), fontsize=13, x=0.012, ha="left")
    draw_sizes(size_axes, result.sizes, palette)
    draw_history(history_axes, result.history)
    draw_samples(figure, sample_axes, result, samples, palette)
    return figure


def lay_out(figure, n_features):
    """Axes for the samples (three from three features on), the sizes, the convergence."""
    if n_features < 3:
        left, right = figure.add_gridspec(1, 2, width_ratios=[1.65, 1])
        samples, others = left.subgridspec(1, 1), right.subgridspec(2, 1)
    else:
        top, bottom = figure.add_gridspec(2, 1, height_ratios=[1.4, 1])
        samples, others = top.subgridspec(1, 3), bottom.subgridspec(1, 2)
    return [figure.add_subplot(cell) for cell in samples], *map(figure.add_subplot, others)


def draw_samples(figure, all_axes, result, samples, palette):
    ranges = samples.ranges()
    finish_axes(all_axes, result, ranges, palette)
    figure.draw_without_rendering()  # now the axes know their size in pixels
    if len(result.features) == 1:
        panels = [Histogram(all_axes[0], palette, ranges)]
    elif samples.n_rows <= MARKER_ROWS:
        panels = [Markers(axes, pair, palette) for axes, pair in zip(all_axes, PAIRS)]
    else:
        panels = [Density(axes, pair, palette, ranges) for axes, pair in zip(all_axes, PAIRS)]
    for values, labels in samples.pieces():
        for panel in panels:
            panel.add(values, labels)
    for panel in panels:
        panel.draw()


def finish_axes(all_axes, result, ranges, palette):
    names = [axis_label(*names) for names in zip(result.features, result.units)]
    if len(names) == 1:
        axes, = all_axes
        axes.set(xlabel=names[0], xlim=ranges[0], ylabel="rows")
        axes.yaxis.set_major_formatter(COUNTS)
        draw_centers(axes, result.centers[:, 0], np.full(len(result.centers), 0.96), palette,
                     axes.get_xaxis_transform())
        return
    for axes, (x, y) in zip(all_axes, PAIRS):
        is_magnitude = "mag" in result.features[y].lower()
        axes.set(xlabel=names[x], ylabel=names[y], xlim=ranges[x],
                 ylim=ranges[y][::-1] if is_magnitude else ranges[y])  # bright is up
        draw_centers(axes, result.centers[:, x], result.centers[:, y], palette, axes.transData)


def axis_label(feature, unit):
    name = f"column {feature}" if feature.isdecimal() else command.clean(feature)
    return (f"{name} [{command.clean(unit)}]" if unit else name).replace("$", r"\$")


def draw_centers(axes, x, y, palette, transform):
    """Discs with a white rim; those of outlying clusters are cut off and claim no space."""
    is_numbered = len(x) <= NUMBERED_CLUSTERS
    style = {"transform": transform, "clip_on": True, "in_layout": False}
    area = 170 if is_numbered else 26
    clusters = np.arange(len(x))
    for layer in np.split(clusters, len(x)) if is_numbered else [clusters]:
        style["zorder"] = 5 + layer[0]  # so that a disc hides the number of one below
        axes.scatter(x[layer], y[layer], s=1.5 * area, color="white", edgecolors=INK,
                     linewidths=0.8, **style)
        axes.scatter(x[layer], y[layer], s=area, color=palette[layer], linewidths=0, **style)
        if is_numbered:
            axes.text(x[layer[0]], y[layer[0]], layer[0], ha="center", va="center",
                      color="white", fontsize=9, fontweight="bold", **style)


def draw_sizes(axes, sizes, palette):
    """Bars by number, or by size if the numbers are too many to be shown at the centers."""
    number = np.arange(len(sizes))
    is_numbered = len(sizes) <= NUMBERED_CLUSTERS
    order = number if is_numbered else np.argsort(-sizes, kind="stable")
    axes.bar(number, sizes[order], width=0.8 if is_numbered else 1.0, color=palette[order])
    if sizes.max() > 300 * max(sizes.min(), 1):
        axes.set_yscale("log")
    else:
        axes.yaxis.set_major_formatter(COUNTS)
    axes.xaxis.set_major_locator(FixedLocator(number) if len(sizes) <= 12
                                 else MaxNLocator(integer=True))
    axes.set(title="Cluster sizes", xlabel="cluster" if is_numbered else "clusters by size",
             ylabel="rows", xlim=(-0.6, len(sizes) - 0.4))


def draw_history(axes, history):
    iteration, inertia, shift = (history[name] for name in ("iteration", "inertia", "shift"))
    style = {"marker": "o", "linewidth": 1.5, "markersize": 3 if len(iteration) <= 60 else 0}
    axes.plot(iteration, inertia, color="#3b75af", **style)
    axes.set(title="Convergence", xlabel="iteration")
    axes.set_ylabel("inertia", color="#3b75af")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if (shift > 0).any():  # the last one is often 0, which a logarithm leaves out
        right = axes.twinx()
        right.spines["right"].set_visible(True)
        right.semilogy(iteration, np.where(shift > 0, shift, np.nan), color="#e1812c", **style)
        right.set_ylabel("shift", color="#e1812c")


def headline(result, n_rows, catalogue):
    used = int(result.sizes.sum())
    rows = f"{used:,} of {n_rows:,} rows" if used < n_rows else f"{n_rows:,} rows"
    words = [f"{catalogue}: {rows} in {len(result.centers)} clusters"]
    if "n_iterations" in result.facts:
        verb = "converged after" if result.facts.get("converged", True) else "stopped after"
        words.append(f"{verb} {result.facts['n_iterations']} iterations")
    if "inertia" in result.facts:
        words.append(f"inertia {result.facts['inertia']:.6g}")
    if len(result.features) > 3:
        words.append(f"first 3 of {len(result.features)} features")
    return ", ".join(words).replace("$", r"\$")


def save(figure, path):
    with command.whole_file(path) as file:
        figure.savefig(file, format=command.extension(path))


# --- command line -------------------------------------------------------------------------------

def parse_command_line(arguments):
    parser = Parser(
        prog=command.program(), allow_abbrev=False,
        usage="%(prog)s RESULT.h5 CATALOGUE... -o PICTURE [-d DATASET] [--transpose] [--force] "
              "[--overwrite]",
        description="Draw a result of skymeans fit over its catalogue.")
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("-o", dest="picture", required=True, metavar="PICTURE",
                        help="the picture: .png, .pdf, .svg")
    parser.add_argument("-d", dest="dataset", metavar="DATASET",
                        help="table or 2-D array inside the catalogue; default: that of the fit")
    parser.add_argument("--transpose", action="store_true",
                        help="a 2-D dataset holds a sample a column, as it was for the fit")
    parser.add_argument("--force", action="store_true",
                        help="draw even where labels do not fit the rows")
    parser.add_argument("--overwrite", action="store_true", help="replace PICTURE if it exists")
    options = parser.parse_intermixed_args(arguments)
    if len(options.files) < 2:
        parser.error("RESULT.h5 and CATALOGUE are required")
    if command.extension(options.picture) not in ("png", "pdf", "svg"):
        parser.error(f"-o {options.picture} does not end in .png, .pdf or .svg")
    options.result, *options.catalogues = options.files
    options.catalogues = command.expand_lists(options.catalogues)
    options.files = [options.result, *options.catalogues]
    return options


def run(arguments):
    options = parse_command_line(arguments)
    command.check_output(options.picture, options.overwrite, options.files)
    with contextlib.ExitStack() as stack:
        result = Fit(options.result, open_hdf5(options.result, stack))
        catalogue = Catalogue(result, options.catalogues, options, stack)
        check_rows(catalogue, options.force)
        samples = Samples(result, catalogue)
        command.check_apart(options.picture, catalogue.paths)
        more = " ..." if len(options.catalogues) > 1 else ""
        name = command.clean(os.path.basename(options.catalogues[0])) + more
        with matplotlib.rc_context(STYLE):
            save(draw_picture(result, samples, name), options.picture)
    command.say(f"{samples.n_rows} rows, {len(result.centers)} clusters: {options.picture}")


def main():
    return command.main(run, "picture")


if __name__ == "__main__":
    sys.exit(main())

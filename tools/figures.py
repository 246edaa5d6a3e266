"""Figures of a clustering: each function makes one, of a result alone or of its rows as well."""
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

import command
from charts import COLUMN_INCHES, PAGE_INCHES, draw_history, draw_sizes
from command import DATA, Failure, some_files, warn
from finder import look, table_of
from panels import (CONTOUR_CLUSTERS, INK, Contours, Density, Histogram, Markers, letters_on,
                    make_palette, shape_of)
from samples import Samples, positions

MARKER_ROWS = 5000       # more rows than this are drawn as a density
NUMBERED_CLUSTERS = 40   # more centers than this get a dot without their number
DRAWN_FEATURES = 3       # by the overview
PAIRS = ([0, 1], [0, 2], [1, 2])  # features of each of its panels
CORNER_FEATURES = 8      # of the features; columns that are asked for may be
MOST_COLUMNS = 16
CORNER_BINS = 60
PANEL_INCHES = 1.75      # of a corner plot
COUNTS = StrMethodFormatter("{x:,.0f}")
# Places of legends: right of a panel, which in a corner plot is empty, or on top of it.
BESIDE = {"loc": "upper left", "bbox_to_anchor": (1.05, 1), "title": "cluster"}
ABOVE = {"loc": "lower right", "bbox_to_anchor": (1, 1)}


# --- figures ------------------------------------------------------------------------------------

def overview(fit, catalogue, wanted, size):
    """The first three features, the sizes, the convergence if there is one."""
    samples = Samples(fit, catalogue, fit.features[:DRAWN_FEATURES])
    figure = new_figure(size or (12, 7), dpi=100)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
    palette = make_palette(len(fit.centers))
    sample_axes, size_axes, *history_axes = lay_out(figure, len(fit.features), fit.history is not None)
    draw_sizes(size_axes, fit.sizes, palette, len(fit.centers) <= NUMBERED_CLUSTERS)
    if fit.history is not None:
        draw_history(history_axes[0], fit.history)
    ranges, medians = samples.survey()
    places = positions(samples, fit, medians)
    for axes, pair in zip(sample_axes, PAIRS):
        finish_axes(axes, samples, ranges, pair, palette, places)
    pairs = [] if len(samples.names) == 1 else list(zip(sample_axes, PAIRS))
    histograms = [(sample_axes[0], 0)] if not pairs else []
    panels = draw_samples(figure, samples, ranges, palette, pairs, histograms)
    add_legend(sample_axes[-1], [], palette, panels, **ABOVE)
    return figure, samples.n_rows


def lay_out(figure, n_features, has_history):
    """Axes for the samples (three from three features on), the sizes, the convergence."""
    n_others = 1 + has_history
    if n_features < 3:
        left, right = figure.add_gridspec(1, 2, width_ratios=[1.65, 1])
        samples, others = left.subgridspec(1, 1), right.subgridspec(n_others, 1)
    else:
        top, bottom = figure.add_gridspec(2, 1, height_ratios=[1.4, 1])
        samples, others = top.subgridspec(1, 3), bottom.subgridspec(1, n_others)
    return [figure.add_subplot(cell) for cell in samples], *map(figure.add_subplot, others)


def panel(fit, catalogue, wanted, size):
    """Two columns (or one, as a histogram), the rows of many as densities with contours."""
    items = (wanted or fit.features)[:2]
    samples = Samples(fit, catalogue, items)
    figure = new_figure(size or (COLUMN_INCHES, 3.2))
    axes = figure.add_subplot()
    ranges, medians = samples.survey()
    palette = make_palette(len(fit.centers))
    finish_axes(axes, samples, ranges, [0, 1], palette, positions(samples, fit, medians), 0.42)
    if len(samples.names) == 1:
        draw_samples(figure, samples, ranges, palette, [], [(axes, 0)])
    else:
        panels = draw_samples(figure, samples, ranges, palette, [(axes, [0, 1])], [], has_contours=True)
        add_legend(axes, [], palette, panels, **ABOVE)
    return figure, samples.n_rows


def corner(fit, catalogue, wanted, size):
    """Each column against each other one, and the distribution of each."""
    samples = Samples(fit, catalogue, wanted or some_features(fit))
    n = len(samples.names)
    if n > MOST_COLUMNS:
        raise Failure(DATA, f"too many columns (-c, {n}): a corner plot has at most {MOST_COLUMNS}; "
                            "choose some with -c")
    inches = max(COLUMN_INCHES, PANEL_INCHES * n)
    figure = new_figure(size or (inches, inches))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)
    grid = figure.subplots(n, n, squeeze=False)
    ranges, medians = samples.survey()
    palette = make_palette(len(fit.centers))
    places = positions(samples, fit, medians)
    pairs = []
    for row, column in np.ndindex(n, n):
        axes = grid[row, column]
        if column > row:
            axes.remove()
            continue
        if column < row:
            finish_axes(axes, samples, ranges, [column, row], palette, places, 0.3)
            pairs.append((axes, [column, row]))
        else:
            axes.set(xlim=ranges[row], xlabel=axis_label(samples, row), yticks=[])
            axes.spines["left"].set_visible(False)
        finish_corner(axes, row, column, n)
    panels = draw_samples(figure, samples, ranges, palette, pairs, [(grid[i, i], i) for i in range(n)],
                          has_contours=True, n_bins=CORNER_BINS)
    add_legend(grid[0, 0], numbered(fit), palette, panels, **BESIDE).set_in_layout(n == 1)
    figure.align_labels()
    return figure, samples.n_rows


def some_features(fit):
    if len(fit.features) > CORNER_FEATURES:
        warn(f"first {CORNER_FEATURES} of {len(fit.features)} features are drawn ({fit.path}); "
             "choose others with -c")
    return fit.features[:CORNER_FEATURES]


def finish_corner(axes, row, column, n):
    """Only the axes at the edges of a corner plot have labels."""
    axes.xaxis.set_major_locator(MaxNLocator(4, prune="both"))
    if row < n - 1:
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
    else:
        axes.tick_params(axis="x", labelrotation=45)
    if column < row:
        axes.yaxis.set_major_locator(MaxNLocator(4, prune="both"))
        if column > 0:
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)


def numbered(fit):
    """Clusters that have their number in a picture: none, if they are many."""
    return range(len(fit.centers) if len(fit.centers) <= NUMBERED_CLUSTERS else 0)


def add_legend(axes, clusters, palette, panels, **place):
    """Colours and markers, as drawn, of clusters and of rows without one."""
    has_markers = any(isinstance(panel, Markers) for panel in panels)
    has_grey = any(panel.has_grey for panel in panels)
    handles = [make_handle(cluster, palette[cluster], has_markers)
               for cluster in [*clusters, *([-1] if has_grey else [])]]
    legend = axes.legend(handles=handles, frameon=False, ncols=max(1, -(-len(handles) // 8)),
                         handlelength=1, columnspacing=1, borderpad=0, **place)
    legend.set_visible(bool(handles))
    return legend


def make_handle(cluster, colour, is_marker):
    label = f"{cluster}" if cluster >= 0 else "not clustered"
    if is_marker:
        return Line2D([], [], linestyle="none", marker=shape_of(cluster), color=colour, markersize=5,
                      markeredgewidth=0, label=label)
    return Patch(color=colour, linewidth=0, label=label)


def new_figure(size, dpi=200):
    return Figure(figsize=size, dpi=dpi, constrained_layout=True)


# --- parts of them ------------------------------------------------------------------------------

def draw_samples(figure, samples, ranges, palette, pairs, histograms, has_contours=False,
                 n_bins=120):
    """The rows, in panels of two columns each and histograms of one; the panels."""
    figure.draw_without_rendering()  # now the axes know their size in pixels
    is_few = samples.n_rows <= MARKER_ROWS
    panels = [Histogram(axes, palette, ranges, i, n_bins) for axes, i in histograms]
    for axes, pair in pairs:
        if is_few:
            panels.append(Markers(axes, pair, palette, 5 if has_contours else 16))
            continue
        panels.append(Density(axes, pair, palette, ranges))
        if has_contours and samples.n_clusters <= CONTOUR_CLUSTERS:
            panels.append(Contours(axes, pair, palette, ranges))
    for values, labels in samples.pieces():
        for each in panels:
            each.add(values, labels)
    for each in panels:
        each.draw()
    return panels


def finish_axes(axes, samples, ranges, pair, palette, places, scale=1.0):
    """Labels, ranges and centers; a single column is drawn as a histogram."""
    x, y = pair
    if len(samples.names) == 1:
        axes.set(xlabel=axis_label(samples, 0), xlim=ranges[0], ylabel="rows")
        axes.yaxis.set_major_formatter(COUNTS)
        draw_centers(axes, places[:, 0], np.full(len(places), 0.96), palette,
                     axes.get_xaxis_transform(), scale)
        return
    axes.set(xlabel=axis_label(samples, x), ylabel=axis_label(samples, y), xlim=ranges[x],
             ylim=ranges[y][::-1] if samples.downwards[y] else ranges[y])
    draw_centers(axes, places[:, x], places[:, y], palette, axes.transData, scale)


def axis_label(samples, column):
    name, unit = command.clean(samples.names[column]), command.clean(samples.units[column])
    name = f"column {name}" if name.isdecimal() else name
    return (f"{name} [{unit}]" if unit else name).replace("$", r"\$")


def draw_centers(axes, x, y, palette, transform, scale=1.0):
    """Discs with a white rim; those of outlying clusters are cut off and claim no space."""
    is_numbered = len(x) <= NUMBERED_CLUSTERS
    style = {"transform": transform, "clip_on": True, "in_layout": False}
    area = scale * (170 if is_numbered else 26)
    clusters = np.arange(len(x))
    for layer in np.split(clusters, len(x)) if is_numbered else [clusters]:
        style["zorder"] = 5 + layer[0]  # so that a disc hides the number of one below
        axes.scatter(x[layer], y[layer], s=1.5 * area, color="white", edgecolors=INK,
                     linewidths=0.8 * scale, **style)
        axes.scatter(x[layer], y[layer], s=area, color=palette[layer], linewidths=0, **style)
        if is_numbered:
            axes.text(x[layer[0]], y[layer[0]], layer[0], ha="center", va="center_baseline",
                      color=letters_on(palette[layer[0]]), fontsize=9 * scale ** 0.5,
                      fontweight="bold", **style)


# --- the sky ------------------------------------------------------------------------------------

SKY_NAMES = (("ra", "dec"), ("ra_deg", "dec_deg"), ("raj2000", "dej2000"), ("ra_icrs", "de_icrs"),
             ("alpha", "delta"), ("l", "b"), ("glon", "glat"))
DEGREES = {"rad": np.degrees(1), "radian": np.degrees(1), "h": 15, "hourangle": 15}
LEAST_COSINE = 1e-6  # near the poles the equation below loses its slope


class SkySamples(Samples):
    """Positions on the sphere, in Mollweide's projection."""

    def pieces(self):
        factors = [DEGREES.get(unit, 1) for unit in self.units]
        for values, labels in super().pieces():
            yield project(*(values * factors).T), labels


def project(longitude, latitude):
    """Mollweide's projection of degrees, with 0 in the middle and the east on the left, as one sees
    the sky: [rows][x, y], |x| <= 2, |y| <= 1."""
    longitude = (np.asarray(longitude) + 180) % 360 - 180
    latitude = np.radians(np.clip(latitude, -90, 90))
    angle = latitude.copy()  # of which angle + sin(angle) = pi sin(latitude); this is twice theta
    for _ in range(30):
        slope = np.maximum(1 + np.cos(angle), LEAST_COSINE)
        angle -= (angle + np.sin(angle) - np.pi * np.sin(latitude)) / slope
        angle = np.clip(angle, -np.pi, np.pi)
    return np.stack([-longitude / 90 * np.cos(angle / 2), np.sin(angle / 2)], axis=-1)


def sky(fit, catalogue, wanted, size):
    """Where the clusters are on the sky."""
    samples = SkySamples(fit, catalogue, wanted or find_position(catalogue))
    if len(samples.names) != 2:
        raise Failure(DATA, "not a position (-x, -y): right ascension and declination are two "
                            "columns")
    figure = new_figure(size or (PAGE_INCHES, 3.7))
    axes = figure.add_subplot()
    axes.set(xlim=(-2.02, 2.02), ylim=(-1.02, 1.02), aspect="equal")
    axes.set_axis_off()
    ranges = np.array([[-2.02, 2.02], [-1.02, 1.02]])
    palette = make_palette(len(fit.centers))
    panels = draw_samples(figure, samples, ranges, palette, [(axes, [0, 1])], [], has_contours=False)
    axes.set(xlim=ranges[0], ylim=ranges[1], aspect="equal")
    draw_graticule(axes)
    axes.text(0, -1.06, f"{axis_label(samples, 0)}, {axis_label(samples, 1)}", ha="center", va="top",
              fontsize=8, color=INK)
    add_legend(axes, numbered(fit), palette, panels, **BESIDE)
    return figure, samples.n_rows


def find_position(catalogue):
    """The columns that all catalogues call so."""
    part = next((part for part in catalogue.parts if part.n_rows), None)
    table = part and table_of(look(part.path, part.table, None, catalogue.is_transposed))
    names = {column["name"].lower(): column["name"] for column in (table or {}).get("columns", ())
             if column["name"]}
    for pair in SKY_NAMES:
        if set(pair) <= set(names):
            return [names[name] for name in pair]
    paths = some_files(part.path for part in catalogue.parts)
    raise Failure(DATA, f"no positions ({paths}): no columns ra "
                        "and dec; name them with -x and -y")


def draw_graticule(axes):
    for longitude in range(-180, 181, 60):
        line = project(np.full(181, longitude - 1e-9 * np.sign(longitude)), np.arange(-90, 91))
        is_edge = abs(longitude) == 180
        axes.plot(*line.T, color=INK if is_edge else "#9aa0a8", linewidth=0.8 if is_edge else 0.4,
                  zorder=4)
        if not is_edge:
            axes.text(*project([longitude], [0.0])[0], f"{longitude % 360}°", fontsize=6, zorder=5,
                      ha="center", va="bottom", color=INK)
    for latitude in (-60, -30, 0, 30, 60):
        longitudes = np.linspace(-180, 180 - 1e-9, 361)
        line = project(longitudes, np.full(361, float(latitude)))
        axes.plot(*line.T, color="#9aa0a8", linewidth=0.4, zorder=4)
        axes.text(*line[0] + [0.03, 0], f"{latitude}°".replace("-", "\u2212"), fontsize=6, va="center", color=INK)

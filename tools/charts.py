"""Charts of what a result says of itself: sizes, convergence, the choice of k, the classes."""
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, StrMethodFormatter

import command
from catalogue import text
from command import DATA, Failure
from panels import BLUE, INK, ORANGE, make_palette

COUNTS = StrMethodFormatter("{x:,.0f}")
MOST_TEMPLATES = 60  # small multiples
COLUMN_INCHES, PAGE_INCHES = 3.5, 7.1  # the widths of a journal's column and page

# Of /choice: the dataset, its title, and which value is the best.
CRITERIA = (("inertia", "Inertia", None), ("silhouette", "Silhouette", "largest"),
            ("calinski_harabasz", "Calinski-Harabasz", "largest"),
            ("davies_bouldin", "Davies-Bouldin", "smallest"),
            ("stability", "Stability", "largest"),
            ("coincidence", "Coincidence", "largest"),
            ("bootstrap", "Bootstrap", "largest"), ("gap", "Gap, with its error", None),
            ("gap_error", "Error of the gap", None))


def draw_sizes(axes, sizes, palette, is_numbered):
    """Bars by number, or by size if the numbers are too many to be shown at the centers."""
    number = np.arange(len(sizes))
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
    style = {"linewidth": 1.5, "markersize": 3 if len(iteration) <= 60 else 0}
    axes.plot(iteration, inertia, color=BLUE, marker="o", **style)
    axes.set(title="Convergence", xlabel="iteration")
    axes.set_ylabel("inertia", color=BLUE)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    if (shift > 0).any():  # the last one is often 0, which a logarithm leaves out
        right = axes.twinx()
        right.spines["right"].set_visible(True)
        right.semilogy(iteration, np.where(shift > 0, shift, np.nan), color=ORANGE, marker="s",
                       linestyle="--", **style)
        right.set_ylabel("shift", color=ORANGE)


def convergence(fit, catalogue, wanted, size):
    if fit.history is None:
        raise Failure(DATA, f"no convergence ({fit.path}): predict has no iterations; give the result "
                            "of the fit")
    figure = Figure(figsize=size or (COLUMN_INCHES, 2.6), dpi=200, constrained_layout=True)
    axes = figure.add_subplot()
    draw_history(axes, fit.history)
    axes.set_title("")
    return figure, fit.n_rows


# --- how many -----------------------------------------------------------------------------------

def read_choice(fit):
    """k and the criteria that were asked for, with their values for each, and the k that was kept; None
    if there is none."""
    group = fit.file.get("choice")
    if group is None:
        return None
    try:
        k, best = group["k"][:], int(group.attrs["best"])
        found = {name: group[name][:] for name, _, _ in CRITERIA if name in group}
        found = {name: values for name, values in found.items() if np.isfinite(values).any()}
        if k.ndim != 1 or any(values.shape != k.shape for values in found.values()):
            raise ValueError("its parts differ in length")
        if not found:
            raise ValueError("no criterion has a value")
        return k, found, int(k[best])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Failure(DATA, f"not a result ({fit.path}, /choice): {command.reason(error)}; "
                            "the file is damaged") from error


def choice(fit, catalogue, wanted, size):
    """How the criteria depend on the number of clusters."""
    choices = read_choice(fit)
    if choices is None:
        raise Failure(DATA, f"no choice of k ({fit.path}): only a fit with several numbers of clusters "
                            "has one; give several to fit, as -k 2..12, and its result")
    k, found, best = choices
    errors = {"gap": found.pop("gap_error", None)}
    shown = [each for each in CRITERIA if each[0] in found]
    n_columns = min(3, len(shown))
    n_lines = -(-len(shown) // n_columns)
    figure = Figure(figsize=size or (PAGE_INCHES, 2.0 * n_lines + 0.2), dpi=200,
                    constrained_layout=True)
    grid = figure.subplots(n_lines, n_columns, squeeze=False).ravel()
    for axes, (name, title, which) in zip(grid, shown):
        axes.errorbar(k, found[name], errors.get(name), color=BLUE, marker="o", markersize=3,
                      linewidth=1.2, capsize=2)
        axes.axvline(best, color=ORANGE, linewidth=1, linestyle="--")
        axes.set(title=f"{title} ({which})" if which else title, xlabel="clusters")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    grid[0].annotate(f"kept: {best}", (best, 1), xycoords=("data", "axes fraction"), fontsize=7,
                     xytext=(3, -8), textcoords="offset points", color=ORANGE)
    for axes in grid[len(shown):]:
        axes.remove()
    return figure, fit.n_rows


# --- what the classes are -----------------------------------------------------------------------

class Templates:
    """/templates of a result: statistics of some columns over the rows of each cluster."""

    NAMES = ("mean", "deviation", "min", "max", "quantiles", "n_missing")

    def __init__(self, fit):
        group = fit.file["templates"]
        try:
            attributes = {**group["mean"].attrs, **group.attrs}
            self.columns, self.units = (list(map(text, np.atleast_1d(attributes[name])))
                                        for name in ("columns", "units"))
            for name in self.NAMES:
                setattr(self, name, group[name][:])
        except (KeyError, TypeError, ValueError) as error:
            raise Failure(DATA, f"not a result ({fit.path}, /templates): {command.reason(error)}; "
                                "the file is damaged") from error
        shape = len(fit.centers), len(self.columns)
        if self.quantiles.shape != (*shape, 5) or len(self.units) != shape[1] or \
                any(getattr(self, name).shape != shape for name in self.NAMES if name != "quantiles"):
            raise Failure(DATA, f"not a result ({fit.path}, /templates): its shapes do not agree; "
                                "the file is damaged")
        self.n_valid = fit.sizes[:, None] - self.n_missing

    def scaled_quantiles(self):
        """[k][c][5] in deviations of all clustered rows from their mean."""
        weight = self.n_valid / np.maximum(self.n_valid.sum(axis=0), 1)
        mean, deviation = np.nan_to_num(self.mean), np.nan_to_num(self.deviation)
        middle = (weight * mean).sum(axis=0)
        variance = (weight * (deviation ** 2 + (mean - middle) ** 2)).sum(axis=0)
        deviation = np.where(variance > 0, np.sqrt(variance), 1)
        return (self.quantiles - middle[:, None]) / deviation[:, None]


def read_templates(fit):
    return Templates(fit) if "templates" in fit.file else None


def templates(fit, catalogue, wanted, size):
    """One small panel a cluster: where its rows are in each column, among all rows."""
    found = read_templates(fit)
    if found is None:
        raise Failure(DATA, f"no class templates ({fit.path}): only a fit that was asked for some has "
                            "them; add --describe COLUMNS to it")
    n_clusters = len(fit.centers)
    if n_clusters > MOST_TEMPLATES:
        raise Failure(DATA, f"too many clusters ({fit.path}, {n_clusters}): panels for at most "
                            f"{MOST_TEMPLATES} can be read; export.py --templates makes a table")
    n_columns = min(4, n_clusters)
    n_lines = -(-n_clusters // n_columns)
    inches = 0.55 + 0.2 * len(found.columns)
    figure = Figure(figsize=size or (PAGE_INCHES, inches * n_lines + 0.45), dpi=200,
                    constrained_layout=True)
    grid = figure.subplots(n_lines, n_columns, squeeze=False, sharex=True, sharey=True)
    palette, quantiles = make_palette(n_clusters), found.scaled_quantiles()
    for cluster, axes in enumerate(grid.ravel()):
        if cluster < n_clusters:
            title = f"{cluster}: {fit.sizes[cluster]:,} rows"
            draw_template(axes, quantiles[cluster], palette[cluster], title, found.columns)
        else:
            axes.set_axis_off()
    figure.supxlabel("standard deviations from the mean of all clustered rows; 5, 16, 50, 84, 95 %", fontsize=8)
    return figure, fit.n_rows


def draw_template(axes, quantiles, colour, title, names):
    place = np.arange(len(names))
    p5, p16, p50, p84, p95 = quantiles.T
    axes.axvline(0, color="#9aa0a8", linewidth=0.6)
    axes.hlines(place, p5, p95, color=colour, linewidth=1)
    axes.hlines(place, p16, p84, color=colour, linewidth=5)
    axes.plot(p50, place, "o", color="white", markeredgecolor=INK, markersize=4)
    names = [command.clean(name).replace("$", r"\$") for name in names]
    axes.set(title=title, yticks=place, yticklabels=names, ylim=(len(names) - 0.5, -0.5))

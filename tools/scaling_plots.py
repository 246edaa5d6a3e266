"""The plots of a scaling study. Colours are those of Okabe and Ito, which all eyes tell apart."""
import statistics

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
GREY = "#999999"
LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = "osD^vP"
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
         "axes.titlesize": 9.5, "axes.titlelocation": "left", "legend.frameon": False,
         "pdf.fonttype": 42, "axes.unicode_minus": False}
# What is stacked: the phases of the record in groups, and their colours.
PHASES = (("start, open", ("start", "open"), SKY), ("read", ("read",), BLUE),
          ("exchange, scale", ("order",), YELLOW), ("seeding", ("seed",), PURPLE),
          ("assign", ("assign",), GREEN), ("waiting", ("wait",), VERMILION),
          ("reduction", ("reduce",), ORANGE), ("write", ("update", "write", "checkpoint"), BLACK))
CROWDED = "hollow: more threads than cores"
MOST_ROOFS = 4


def phase_seconds(shape, name):
    """Of the mean rank; the median over runs."""
    return statistics.median(run.phases.get(name, 0.0) for run in shape.runs)


def make_figure(study, n_panels, title, width=4.2):
    figure = Figure(figsize=(width * n_panels, 3.6), layout="constrained")
    figure.suptitle(f"{title}\n{study.question}", fontsize=9.5, x=0.01, ha="left")
    return figure, figure.subplots(1, n_panels, squeeze=False)[0]


def core_axis(axes, study):
    cores = sorted({shape.cores for shape in study.shapes})
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(cores))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("cores that compute (ranks × threads)")


def plain_ticks(axis, digits):
    """On a logarithmic axis, with numbers as they are written."""
    axis.set_major_locator(LogLocator(subs=digits))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


# --- speed-up and efficiency ----------------------------------------------------------------------

def series(study):
    """Shapes by the name of their line: of equally many threads per rank; and of equally many ranks per
    node, where shapes of equally many cores would lie above each other on a line."""
    lines = {}
    for shape in study.shapes:
        cores = [other.cores for other in study.shapes if other.threads == shape.threads]
        name = f"{count(shape.threads, 'thread')} per rank"
        if len(set(cores)) < len(cores):
            name += f", {count(shape.ranks // shape.nodes, 'rank')} per node"
        lines.setdefault(name, []).append(shape)
    return lines


def count(number, what):
    return f"{number} {what}{'s' if number > 1 else ''}"


def draw_points(axes, shapes, spreads, style):
    """A line through medians, with bars from least to most; hollow where threads share cores."""
    x = [shape.cores * style["shift"] for shape in shapes]
    low, middle, high = np.array(spreads).T
    axes.errorbar(x, middle, [middle - low, high - middle], capsize=2.5, linewidth=1.3,
                  color=style["color"], linestyle=style["linestyle"])
    for is_hollow in (False, True):
        part = [i for i, shape in enumerate(shapes) if shape.is_crowded == is_hollow]
        axes.plot([x[i] for i in part], middle[part], linestyle="none", marker=style["marker"],
                  color=style["color"], markerfacecolor="white" if is_hollow else style["color"],
                  markersize=6 if style["linestyle"] == "-" else 3.5, zorder=3)


def draw_lines(axes, study, value, measures):
    """Of iterations with full lines, of whole runs with dashed ones."""
    handles = []
    for number, (name, shapes) in enumerate(series(study).items()):
        style = {"color": LINES[number % len(LINES)], "marker": MARKERS[number % len(MARKERS)]}
        shift = 2 ** (0.05 * number)  # beside each other, where cores are equal
        for what, linestyle in measures:
            draw_points(axes, shapes, [value(shape, what) for shape in shapes],
                        {**style, "linestyle": linestyle, "shift": shift})
        handles.append(Line2D([], [], linestyle="none", label=name, **style))
    handles += [Line2D([], [], color="#555555", linestyle=linestyle, label=label)
                for (_, linestyle), label in zip(measures, ("iterations", "whole run"))]
    if any(shape.is_crowded for shape in study.shapes):
        handles.append(Line2D([], [], linestyle="none", marker="o", color="#555555",
                              markerfacecolor="white", label=CROWDED))
    return handles


def draw_efficiency(axes, study, measures):
    handles = draw_lines(axes, study, lambda shape, what: [
        100 * share for share in study.efficiency(shape, what)], measures)
    axes.axhline(100, color=GREY, linewidth=1)
    axes.axhline(80, color=GREY, linewidth=0.8, linestyle=":")
    axes.text(1.0, 80, "80 %", color="#555555", fontsize=8, va="bottom", ha="right",
              transform=axes.get_yaxis_transform())
    axes.set_ylim(0, max(105, axes.get_ylim()[1]))
    axes.set(title=f"Efficiency against {study.base_cores} core"
             f"{'s' if study.base_cores > 1 else ''}", ylabel="efficiency (%)")
    core_axis(axes, study)
    return handles


def draw_strong(study, measures):
    figure, (left, right) = make_figure(study, 2, "Strong scaling")
    handles = draw_lines(left, study, study.speed_up, measures)
    ends = np.array([study.base_cores, study.shapes[-1].cores])
    left.plot(ends, ends, color=GREY, linewidth=1, zorder=1)
    left.annotate("ideal", ends[[1, 1]], (-4, 2), textcoords="offset points", ha="right",
                  color="#555555")
    left.set_yscale("log", base=2)
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.set(title="Speed-up", ylabel="speed-up (cores without losses)")
    core_axis(left, study)
    draw_efficiency(right, study, measures)
    figure.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=3, fontsize=8)
    return figure


def draw_weak(study, measures):
    figure, (axes,) = make_figure(study, 1, "Weak scaling", width=5.4)
    handles = draw_efficiency(axes, study, measures)
    figure.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, fontsize=8)
    return figure


# --- phases, iterations ---------------------------------------------------------------------------

def name_shapes(axes, study):
    axes.set_xticks(range(len(study.shapes)), [shape.name for shape in study.shapes],
                    rotation=0 if len(study.shapes) < 7 else 60)
    axes.set_xlabel("nodes × ranks per node × threads per rank")


def stack_phases(study):
    """Seconds [group][shape]; the last group is what is in no phase."""
    stack = [[sum(phase_seconds(shape, name) for name in names) for shape in study.shapes]
             for _, names, _ in PHASES]
    total = np.array([shape.median(lambda run: run.seconds) for shape in study.shapes])
    return np.array([*stack, np.maximum(total - np.sum(stack, axis=0), 0)])


def draw_phases(study):
    figure, (left, right) = make_figure(study, 2, "Where the time of a run goes (mean rank, median run)")
    stack = stack_phases(study)
    labels = [(name, colour) for name, _, colour in PHASES] + [("other", "#dddddd")]
    for axes, heights in ((left, stack), (right, 100 * stack / stack.sum(axis=0))):
        bottom = np.zeros(len(study.shapes))
        for height, (label, colour) in zip(heights, labels):
            if stack[[name for name, _ in labels].index(label)].any():
                axes.bar(range(len(bottom)), height, 0.72, bottom, color=colour, label=label)
            bottom += height
        name_shapes(axes, study)
    left.set(title="Seconds", ylabel="time (s)")
    right.set(title="Shares", ylabel="share of the run (%)", ylim=(0, 100))
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    return figure


def draw_iterations(study):
    """All iterations of all runs: box, median, and every one as a point."""
    figure, (axes,) = make_figure(study, 1, "Time per iteration", width=5.4)
    for place, shape in enumerate(study.shapes):
        times = 1e3 * np.array([seconds for run in shape.runs for seconds in run.iterations])
        colour = VERMILION if shape.is_crowded else BLUE
        axes.boxplot(times, positions=[place], widths=0.5, whis=(5, 95), showfliers=False,
                     medianprops={"color": colour, "linewidth": 1.8})
        spread = np.linspace(-0.2, 0.2, len(times)) if len(times) > 1 else np.zeros(1)
        axes.plot(place + spread, times, ".", color=colour, alpha=0.5, markersize=4,
                  markeredgewidth=0)
        first = 1e3 * np.array([run.iterations[0] for run in shape.runs])
        axes.plot(np.full(len(first), place + 0.36), first, marker=4, linestyle="none",
                  color=ORANGE, markersize=6)
    axes.set_yscale("log")
    plain_ticks(axes.yaxis, (1, 2, 3, 5, 7))
    axes.set(ylabel="time of an iteration (ms)")
    name_shapes(axes, study)
    handles = [Line2D([], [], marker=".", linestyle="none", color=BLUE, label="an iteration"),
               Line2D([], [], marker=4, linestyle="none", color=ORANGE,
                      label="the first of a run, with building the index")]
    if any(shape.is_crowded for shape in study.shapes):
        handles.append(Line2D([], [], marker=".", linestyle="none", color=VERMILION,
                              label="more threads than cores"))
    figure.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, fontsize=8)
    return figure


# --- roofline ---------------------------------------------------------------------------------------

def roof_of(shape):
    """Flop and bytes per second that the machine could do, and flop and bytes per second done, medians of
    runs; None if no run knows what `skymeans probe` measured. Of three flop per feature one is the
    addition of an FMA, of which the share tells."""
    runs = [run.rates for run in shape.runs
            if run.rates.get("fma_share") and run.rates.get("memory_share")]
    if not runs:
        return None
    return tuple(statistics.median(map(value, runs)) for value in (
        lambda rates: 2 * rates["flop_per_second"] / 3 / rates["fma_share"],
        lambda rates: rates["bytes_per_second"] / rates["memory_share"],
        lambda rates: rates["flop_per_second"], lambda rates: rates["bytes_per_second"]))


def some_shapes(shapes):
    """The first and last, and some between them."""
    if len(shapes) <= MOST_ROOFS:
        return shapes
    return [shapes[i] for i in np.linspace(0, len(shapes) - 1, MOST_ROOFS).round().astype(int)]


def draw_roofline(study):
    """None if no run knows the limits of its machine."""
    known = some_shapes([(shape, roof) for shape in study.shapes for roof in [roof_of(shape)] if roof])
    if not known:
        return None
    figure, (axes,) = make_figure(study, 1, "Roofline of assigning", width=5.4)
    done = [flop / size for _, (_, _, flop, size) in known]
    ridge = [flop / size for _, (flop, size, _, _) in known]
    reach = np.geomspace(min(done + ridge) / 4, max(done + ridge) * 4, 200)
    for number, (shape, (most_flop, most_bytes, flop, size)) in enumerate(known):
        colour = LINES[number % len(LINES)]
        if not shape.is_crowded:  # whose threads can't reach together what each was measured to do
            axes.plot(reach, 1e-9 * np.minimum(most_flop, most_bytes * reach), color=colour,
                      linewidth=1.2)
        axes.plot(flop / size, 1e-9 * flop, MARKERS[number % len(MARKERS)], color=colour,
                  markerfacecolor="white" if shape.is_crowded else colour, label=shape.name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_ticks(axes.xaxis, (1, 2, 5))
    plain_ticks(axes.yaxis, (1, 2, 5))
    axes.set(xlabel="flop per byte of samples and labels", ylabel="Gflop/s, all ranks together")
    figure.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4, fontsize=8,
                  title="nodes × ranks × threads; lines: FMA and memory measured by skymeans probe",
                  title_fontsize=8)
    return figure


def draw_all(study, per_iteration, whole_run):
    """Names and figures."""
    measures = ((per_iteration, "-"), (whole_run, "--"))
    if study.kind == "strong":
        yield "speed-up", draw_strong(study, measures)
    else:
        yield "efficiency", draw_weak(study, measures)
    yield "phases", draw_phases(study)
    yield "iterations", draw_iterations(study)
    roofline = draw_roofline(study)
    if roofline:
        yield "roofline", roofline

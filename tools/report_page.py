"""The page of a report: sections of HTML, each empty if the result has nothing for it."""
import base64
import html
import io
import json
import os

import matplotlib
import numpy as np

import charts
import command
from catalogue import text
from command import DATA, Failure
from figures import MOST_COLUMNS
from panels import INK, letters_on, make_palette

FOLDER = os.path.dirname(os.path.abspath(__file__))
MOST_CLUSTERS = 500   # in tables
MOST_PAIRS = 30       # of clusters that run into each other
MOST_VALUES = 200000  # of attributes, in letters
STYLE = {"font.size": 9, "axes.titlesize": 9, "axes.titlelocation": "left", "svg.fonttype": "none",
         "axes.edgecolor": "#8a8f98", "text.color": INK, "axes.labelcolor": INK,
         "axes.spines.top": False, "axes.spines.right": False, "font.family": "sans-serif"}
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style></head>
<body><main>
{body}
</main>
<script type="application/json" id="rows">{rows}</script>
<script>
{script}</script>
</body></html>
"""


def make_page(fit, rows, metrics):
    if rows and len(rows["names"]) > MOST_COLUMNS:
        raise Failure(DATA, f"too many columns (-c, {len(rows['names'])}): the corner plot has at "
                            f"most {MOST_COLUMNS}; choose some with -c")
    palette = make_palette(len(fit.centers))[:-1]
    if rows:
        rows["colours"] = list(map(matplotlib.colors.to_hex, palette))
        rows["letters"] = list(map(letters_on, palette))
    name = os.path.basename(fit.path)
    sections = [summary(fit, name), choice(fit), clusters(fit, palette), templates(fit),
                corner(rows), neighbours(fit), convergence(fit), phases(metrics), provenance(fit)]
    data = json.dumps(rows).replace("<", "\\u003c")  # no text may end the script
    return PAGE.format(title=safe(f"skymeans: {name}"), style=read_part("report.css"),
                       script=read_part("report.js"), rows=data, body="\n".join(sections))


def read_part(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def safe(words):
    return html.escape(command.clean(words))


def section(title, *parts):
    return f"<section><h2>{title}</h2>\n" + "\n".join(parts) + "</section>"


def table(header, lines, is_code=False):
    """Cells that are no Markup are texts."""
    cells = "".join(f"<th>{cell(name)}</th>" for name in header)
    rows = "".join("<tr>" + "".join(f"<td>{cell(value)}</td>" for value in line) + "</tr>\n"
                   for line in lines)
    kind = ' class="words"' if is_code else ""
    return f'<div class="wide"><table{kind}><thead><tr>{cells}</tr></thead><tbody>\n{rows}' \
           "</tbody></table></div>"


class Markup(str):
    """Text that is HTML already."""


def cell(value):
    if isinstance(value, Markup):
        return value
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}" if np.isfinite(value) else "–"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    return safe(value)


def picture(chart, fit, size, alternative):
    """A chart as an image, so that names inside of it don't meet those of another."""
    with matplotlib.rc_context(STYLE):
        figure, _ = chart(fit, None, None, size)
        file = io.BytesIO()
        figure.savefig(file, format="svg")
    code = base64.b64encode(file.getvalue()).decode("ascii")
    return f'<div class="wide"><img alt="{safe(alternative)}" ' \
           f'src="data:image/svg+xml;base64,{code}"></div>'


def named(names, units):
    return [f"{name} [{unit}]" if unit else name for name, unit in zip(names, units)]


# --- sections -----------------------------------------------------------------------------------

def summary(fit, name):
    used, facts = int(fit.sizes.sum()), fit.facts
    shown = [("rows", f"{fit.n_rows:,}"), ("clustered", f"{used:,}"),
             *((why, f"{count:,}") for why, count in fit.counts()),
             ("clusters", f"{len(fit.centers):,}"), ("features", f"{len(fit.features):,}")]
    if "inertia" in facts:
        shown.append(("inertia", f"{facts['inertia']:.6g}"))
    if "n_iterations" in facts:
        verb = "converged" if facts.get("converged", True) else "not converged"
        shown.append(("iterations", f"{facts['n_iterations']:,}, {verb}"))
    checksum = fit.said("checksum", "/")
    shown += [("checksum", checksum)] if checksum else []
    items = "".join(f"<div><dt>{key}</dt><dd>{safe(value)}</dd></div>" for key, value in shown)
    files = "".join(f"<li>{safe(file.name)}: {file.rows:,} rows</li>" for file in fit.files[:20])
    more = f"<li>and {len(fit.files) - 20:,} more files</li>" if len(fit.files) > 20 else ""
    model = fit.said("model")
    what = f"Labels by skymeans predict, for the centers of {model}, of" if model else \
        "A k-means clustering by skymeans of"
    return f"<header><h1>{safe(name)}</h1><p>{safe(what)}</p>" \
           f"<ul>{files}{more}</ul></header><dl>{items}</dl>"


def choice(fit):
    choices = charts.read_choice(fit)
    if choices is None:
        return ""
    k, criteria, best = choices
    titles = {name: title for name, title, _ in charts.CRITERIA}
    lines = [[Markup(f"<b>{number}</b>") if number == best else number,
              *(values[i] for values in criteria.values())] for i, number in enumerate(k)]
    return section("How many clusters", f"<p>Kept: k = {best}.</p>",
                   picture(charts.choice, fit, None, "criteria for each number of clusters"),
                   table(["k", *(titles[name] for name in criteria)], lines))


def clusters(fit, palette):
    used = max(int(fit.sizes.sum()), 1)
    order = np.arange(len(fit.sizes))
    note = ""
    if len(order) > MOST_CLUSTERS:
        order = np.argsort(-fit.sizes, kind="stable")[:MOST_CLUSTERS]
        note = f"<p>The largest {MOST_CLUSTERS} of {len(fit.sizes):,} clusters.</p>"
    lines = [[badge(i, palette), fit.sizes[i], f"{100 * fit.sizes[i] / used:.2f} %", *fit.centers[i]]
             for i in order]
    return section("Clusters and their centers", note,
                   table(["cluster", "rows", "share", *named(fit.features, fit.units)], lines))


def badge(cluster, palette):
    colour = matplotlib.colors.to_hex(palette[cluster])
    return Markup(f'<span class="badge" style="background:{colour};color:'
                  f'{letters_on(palette[cluster])}">{cluster}</span>')


def templates(fit):
    found = charts.read_templates(fit)
    if found is None:
        return ""
    palette = make_palette(len(fit.centers))
    parts = []
    if len(fit.centers) <= charts.MOST_TEMPLATES:
        parts.append(picture(charts.templates, fit, None, "quantiles of each cluster"))
    for i, name in enumerate(named(found.columns, found.units)):
        lines = [[badge(c, palette), found.mean[c, i], found.deviation[c, i], found.min[c, i],
                  *found.quantiles[c, i], found.max[c, i], found.n_missing[c, i]]
                 for c in range(min(len(fit.centers), MOST_CLUSTERS))]
        parts.append(f"<details{' open' if i == 0 else ''}><summary>{safe(name)}</summary>" + table(
            ["cluster", "mean", "deviation", "min", "5 %", "16 %", "50 %", "84 %", "95 %", "max",
             "missing"], lines) + "</details>")
    return section("What the classes are", *parts)


def corner(rows):
    if rows is None:
        return ""
    note = f"Each row shown stands for about {rows['n_rows'] / count(rows):.0f}. " \
        if count(rows) < 0.9 * rows["n_rows"] else ""
    return section("Rows", f"<p>{count(rows):,} of {rows['n_rows']:,} clustered rows. {note}"
                   "Point at a row to see its values, click a panel to enlarge it.</p>",
                   '<div id="corner"><canvas role="img" aria-label="corner plot of rows"></canvas>'
                   '<output id="tip" hidden></output></div>')


def count(rows):
    return len(base64.b64decode(rows["labels"])) // 4


def neighbours(fit):
    group = fit.file.get("neighbours")
    if group is None:
        return ""
    try:
        label, second, n_rows, borderline, share = (
            group[name][:] for name in ("label", "second", "rows", "borderline", "share"))
        threshold = float(group.attrs["threshold"])
        order = np.argsort(-borderline, kind="stable")[:MOST_PAIRS]
        palette = make_palette(len(fit.centers))
        lines = [[badge(label[i], palette), badge(second[i], palette), n_rows[i], borderline[i],
                  f"{100 * share[i]:.2f} %"] for i in order]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Failure(DATA, f"not a result ({fit.path}, /neighbours): {command.reason(error)}; the "
                            "file is damaged") from error
    return section("Borderline rows",
                   f"<p>{borderline.sum():,} rows are borderline: the distance to their center is "
                   f"more than {threshold:g} of that to the second nearest one.</p>",
                   table(["cluster", "second", "rows", "borderline", "share of cluster"], lines))


def convergence(fit):
    if fit.history is None or not len(fit.history["iteration"]):
        return ""
    return section("Convergence", picture(charts.convergence, fit, (6, 3), "inertia and shift"))


def phases(metrics):
    if metrics is None:
        return section("Times", "<p>A run keeps them with --metrics RECORD.json; give that record "
                                "to report.</p>")
    total = sum(line[3] for line in metrics["phases"]) or 1
    lines = [[name, *(f"{value:.4f}" for value in seconds), f"{100 * seconds[2] / total:.1f} %"]
             for name, *seconds in metrics["phases"]]
    return section("Times", table(["phase", "min [s]", "mean [s]", "max [s]", "share"], lines),
                   f"<p>{metrics['memory'] / 1e6:,.0f} MB on the rank that had most.</p>")


def provenance(fit):
    group = fit.file.get("provenance")
    values = dict(group.attrs) if group is not None else {}
    command_line = text(values.pop("command", "")) or "unknown"
    lines = [[name, said(value)] for name, value in sorted([*values.items(), *scaling(fit)])]
    return section("Provenance", '<pre id="command">' + safe(command_line[:MOST_VALUES]) + "</pre>",
                   '<button id="copy" type="button">Copy the command</button>',
                   table(["", ""], lines, is_code=True))


def scaling(fit):
    """What --scale said, and by what it and --factor made samples of features."""
    if fit.model is None:
        return
    yield "scale", fit.said("scale", "model") or "none"
    for name, numbers, default in (("factor", fit.model.factor, 1), ("offset", fit.model.offset, 0)):
        if (numbers != default).any():
            yield name, [f"{feature}: {number:.6g}" for feature, number in zip(fit.features, numbers)]


def said(value):
    if isinstance(value, (str, bytes)):
        return text(value)[:MOST_VALUES]
    values = np.atleast_1d(value)
    more = " ..." if values.size > 20 else ""
    return ", ".join(map(text, values.ravel()[:20].tolist())) + more

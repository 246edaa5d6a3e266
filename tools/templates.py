"""The class templates of a result as a table: a row a cluster."""
import numpy as np

from catalogue import reading, texts
from command import DATA, Failure
from few_rows import FewRows
from formats import WRITERS
from names import escape_latex, written_names

QUANTILES = ("p5", "p16", "p50", "p84", "p95")
LONGEST = "_deviation"  # of what follows the name of a column


class Templates:
    """What /templates of a result has: names, units and arrays [cluster][column]."""

    def __init__(self, result):
        group = result.file.get("templates")
        if group is None:
            raise Failure(DATA, f"no templates ({result.path}): the result has no /templates; run "
                                "the fit with --describe COLUMNS")
        with reading(result.path):
            self.names, self.units = texts(group.attrs["columns"]), texts(group.attrs["units"])
            self.values = {name: group[name][:] for name in ("mean", "deviation", "min", "max",
                                                             "n_missing")}
            self.quantiles = group["quantiles"][:]
            self.sizes = result.file["sizes"][:]

    def statistics(self, column):
        """(name, values [cluster]) of a column, in the order of the table."""
        quantiles = [(name, self.quantiles[:, column, i]) for i, name in enumerate(QUANTILES)]
        return [(name, self.values[name][:, column]) for name in ("mean", "deviation", "min")] + \
            quantiles + [("max", self.values["max"][:, column])]

    def clusters(self):
        return [("cluster", np.arange(len(self.sizes)), None), ("size", self.sizes, None)]

    def table(self, is_fits):
        """All statistics, each with its unit."""
        columns = self.clusters()
        for j, name in enumerate(written_names(self.names, is_fits, LONGEST)):
            columns += [(f"{name}_{statistic}", values, self.units[j] or None)
                        for statistic, values in self.statistics(j)]
            columns.append((f"{name}_missing", self.values["n_missing"][:, j].astype(np.int64), None))
        return FewRows(columns)

    def table_for_print(self):
        """Medians with the distances to the 16 and 84 % quantiles, as papers print them."""
        return FewRows(self.clusters() + [
            (name, [interval(*row) for row in self.quantiles[:, j, 1:4]], self.units[j] or None)
            for j, name in enumerate(written_names(self.names))])


def interval(low, median, high):
    """Three numbers with as many digits as the smaller distance needs for two of its own."""
    if np.isnan(median):
        return "--"
    distances = [distance for distance in (median - low, high - median) if distance > 0]
    digits = int(np.clip(1 - np.floor(np.log10(min(distances))), 0, 12)) if distances else 3
    return f"${median:.{digits}f}^{{+{high - median:.{digits}f}}}_{{-{median - low:.{digits}f}}}$"


def make_templates(result, extension):
    templates = Templates(result)
    return templates.table_for_print() if extension == "tex" else \
        templates.table(extension in ("fits", "fit"))


def write_latex(file, table):
    """A table in the style of Astronomy & Astrophysics."""
    headings = ["Cluster", "$N$", *(
        escape_latex(field.name + (f" ({field.unit})" if field.unit else ""))
        for field in table.fields[2:])]
    lines = [r"\begin{table}", rf"\begin{{tabular}}{{{'c' * len(headings)}}}", r"\hline \hline",
             latex_row(headings), r"\hline", *(latex_row(map(str, row)) for row in zip(*table.values)),
             r"\hline", r"\end{tabular}", r"\end{table}", ""]
    file.write("\n".join(lines).encode("utf-8"))


def latex_row(cells):
    return " & ".join(cells) + r" \\"


WRITERS_OF_TEMPLATES = {**WRITERS, "tex": write_latex}

"""The class templates of a result as a table: a row a cluster."""
import io

import numpy as np
from astropy.io.ascii import latexdicts
from astropy.table import Table

from catalogue import reading, texts
from command import DATA, Failure

QUANTILES = ("p5", "p16", "p50", "p84", "p95")
FORMATS = {"fits": "fits", "fit": "fits", "ecsv": "ascii.ecsv", "csv": "ascii.csv",
           "tex": "ascii.latex"}


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

    def table(self):
        """All statistics, each with its unit."""
        table = Table({"cluster": np.arange(len(self.sizes)), "size": self.sizes})
        for j, (name, unit) in enumerate(zip(self.names, self.units)):
            for statistic, values in self.statistics(j):
                table[f"{name}_{statistic}"] = values
                if unit:
                    table[f"{name}_{statistic}"].unit = unit
            table[f"{name}_missing"] = self.values["n_missing"][:, j].astype(np.int64)
        return table

    def table_for_print(self):
        """Medians with the distances to the 16 and 84 % quantiles, as papers print them."""
        table = Table({"Cluster": np.arange(len(self.sizes)), "$N$": self.sizes})
        for j, (name, unit) in enumerate(zip(self.names, self.units)):
            heading = escape(name) + (f" ({escape(unit)})" if unit else "")
            table[heading] = [interval(*row) for row in self.quantiles[:, j, 1:4]]
        return table


def escape(text):
    return "".join("\\" + letter if letter in "_&%$#{}" else letter for letter in text)


def interval(low, median, high):
    """Three numbers with as many digits as the smaller distance needs for two of its own."""
    if np.isnan(median):
        return "--"
    distances = [distance for distance in (median - low, high - median) if distance > 0]
    digits = int(np.clip(1 - np.floor(np.log10(min(distances))), 0, 12)) if distances else 3
    return f"${median:.{digits}f}^{{+{high - median:.{digits}f}}}_{{-{median - low:.{digits}f}}}$"


def write_templates(result, extension, file):
    templates = Templates(result)
    table = templates.table_for_print() if extension == "tex" else templates.table()
    if extension in ("fits", "fit"):
        content = io.BytesIO()
        table.write(content, format="fits")
        file.write(content.getvalue())
    else:
        content = io.StringIO()
        style = {"latexdict": latexdicts["AA"]} if extension == "tex" else {}
        table.write(content, format=FORMATS[extension], **style)
        file.write(content.getvalue().encode())
    return len(table), len(table.colnames)

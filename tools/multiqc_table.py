"""A row for a result in a table of MultiQC's custom content (https://docs.seqera.io/multiqc)."""
import os

import numpy as np

import command
from charts import read_choice

HEADER = """# id: "skymeans"
# section_name: "skymeans"
# description: "k-means clusterings of catalogues"
# plot_type: "table"
# pconfig:
#     id: "skymeans_table"
#     title: "skymeans: results"
"""


def make_table(fit):
    """The file's text. A criterion of the choice of k is that of the k that was kept."""
    facts = fit.facts
    row = {"Sample": os.path.splitext(os.path.basename(fit.path))[0], "rows": fit.n_rows,
           "used": int(fit.sizes.sum()), **dict(fit.counts()),
           "features": len(fit.features), "clusters": len(fit.centers),
           "smallest": int(fit.sizes.min()), "largest": int(fit.sizes.max()),
           "inertia": facts.get("inertia"), "iterations": facts.get("n_iterations"),
           "converged": facts.get("converged")}
    choice = read_choice(fit)
    if choice:
        k, criteria, best = choice
        row.update((name, values[list(k).index(best)]) for name, values in criteria.items()
                   if name != "inertia")
    known = {name: value for name, value in row.items() if value is not None and not is_nan(value)}
    return HEADER + "\t".join(known) + "\n" + "\t".join(map(as_field, known.values())) + "\n"


def is_nan(value):
    return isinstance(value, float) and np.isnan(value)


def as_field(value):
    return f"{value:.10g}" if isinstance(value, (float, np.floating)) else command.clean(value)

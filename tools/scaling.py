#!/usr/bin/env python3
"""A scaling study from the records of its runs: a table, and plots for a paper."""
import csv
import io
import os
import sys

import command
from command import Failure, Parser, SYSTEM

with command.imports("matplotlib"):
    import matplotlib

    import records
    from names import escape_latex
    from scaling_plots import STYLE, draw_all, phase_seconds

FORMATS = ("png", "pdf")


class Study:
    """Shapes from few cores to many, and what they are compared with."""

    def __init__(self, found):
        records.check_question(found)
        self.kind = records.find_kind(found)
        self.records = found
        self.shapes = records.group(found)
        fewest = [shape for shape in self.shapes if shape.cores == self.shapes[0].cores]
        self.bases = {what: min(shape.median(what) for shape in fewest)
                      for what in (per_iteration, whole_run)}
        self.base_cores = fewest[0].cores

    def speed_up(self, shape, what):
        """How many cores without losses would have been as fast (strong), least to most over runs."""
        share = self.efficiency(shape, what)
        return tuple(value * shape.cores for value in share)

    def efficiency(self, shape, what):
        """Against the fewest cores; that of the slowest, the median and the fastest run."""
        low, middle, high = shape.spread(what)
        ideal = self.bases[what]
        if self.kind == "strong":
            ideal *= self.base_cores / shape.cores
        return ideal / high, ideal / middle, ideal / low

    @property
    def question(self):
        plan = self.records[0].record["plan"]
        rows = f"{self.shapes[0].rows:,} rows" if self.kind == "strong" else \
            f"{self.shapes[0].rows // self.shapes[0].cores:,} rows per core"
        return (f"{rows}, {plan['features']} features, {plan['clusters']} clusters, "
                f"{plan['algorithm']}")


def per_iteration(run):
    return run.per_iteration


def whole_run(run):
    return run.seconds


# --- CSV: a line per run ------------------------------------------------------------------------

def list_run(run):
    """What a line of the CSV holds, by its heading."""
    record = run.record
    values = {"file": run.path, "nodes": run.nodes, "ranks": run.ranks, "threads": run.threads,
              "cores": run.cores, "crowded": int(run.is_crowded), "rows": run.rows,
              "iterations": len(run.iterations), "seconds": run.seconds,
              "seconds_per_iteration": run.per_iteration,
              "least_iteration": min(run.iterations), "most_iteration": max(run.iterations)}
    for name in sorted(run.phases):
        values |= {f"{name}_mean": run.phases[name], f"{name}_max": run.longest[name]}
    values |= {name: record.get(name) for name in (
        "bytes_read", "bytes_written", "bytes_reduced", "memory_peak_bytes", "energy_joules")}
    values |= {"distances_per_sample": run.distances_per_sample, **run.rates,
               "hosts": " ".join(run.hosts), "checksum": run.checksum}
    return values


def write_csv(runs):
    lines = [list_run(run) for run in runs]
    names = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


# --- the table: a line per shape ----------------------------------------------------------------

HEADINGS = ("nodes", "ranks", "threads per rank", "cores", "rows", "runs", "iteration, ms",
            "least to most, ms", "speed-up", "efficiency, %", "run, s", "run's efficiency, %",
            "waiting, %", "reduction, %")


def list_shape(study, shape):
    low, middle, high = (1e3 * value for value in shape.spread(per_iteration))
    iterating = sum(phase_seconds(shape, name) for name in ("assign", "reduce", "wait"))
    return (str(shape.nodes), str(shape.ranks), str(shape.threads),
            f"{shape.cores}{'*' if shape.is_crowded else ''}", str(shape.rows), str(len(shape.runs)),
            f"{middle:.4g}", f"{low:.4g} to {high:.4g}",
            f"{study.speed_up(shape, per_iteration)[1]:.2f}",
            f"{100 * study.efficiency(shape, per_iteration)[1]:.1f}",
            f"{shape.median(whole_run):.4g}",
            f"{100 * study.efficiency(shape, whole_run)[1]:.1f}",
            f"{100 * phase_seconds(shape, 'wait') / iterating:.1f}",
            f"{100 * phase_seconds(shape, 'reduce') / iterating:.1f}")


def notes(study):
    lines = [f"{study.kind.capitalize()} scaling: {study.question}. Medians of runs; efficiency "
             f"against {study.base_cores} core{'s' if study.base_cores > 1 else ''}; waiting and "
             "reduction as parts of assigning, reduction and waiting together, means over ranks."]
    if any(shape.is_crowded for shape in study.shapes):
        lines.append("* more threads than cores of the node")
    return lines


def write_markdown(study):
    rows = [HEADINGS, ["---:"] * len(HEADINGS)]
    rows += [[text.replace("*", r"\*") for text in list_shape(study, shape)]
             for shape in study.shapes]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", *(f"{line.replace('*', chr(92) + '*')}\n" for line in notes(study))])


def write_latex(study):
    """A tabular with rules of booktabs."""
    def line(cells):
        return " & ".join(map(escape_latex, cells)) + r" \\"
    return "\n".join([
        *(f"% {note}" for note in notes(study)), rf"\begin{{tabular}}{{{'r' * len(HEADINGS)}}}",
        r"\toprule", line(HEADINGS), r"\midrule",
        *(line(list_shape(study, shape)) for shape in study.shapes), r"\bottomrule",
        r"\end{tabular}", ""])


# --- files --------------------------------------------------------------------------------------

def make_files(study):
    """Names and contents of all files."""
    files = {"runs.csv": write_csv(study.records).encode(),
             "table.md": write_markdown(study).encode(), "table.tex": write_latex(study).encode()}
    with matplotlib.rc_context(STYLE):
        for name, figure in draw_all(study, per_iteration, whole_run):
            for kind in FORMATS:
                picture = io.BytesIO()
                figure.savefig(picture, format=kind, dpi=150, bbox_inches="tight")
                files[f"{name}.{kind}"] = picture.getvalue()
    return files


def write_files(folder, files, overwrite):
    for name in files:
        path = os.path.join(folder, name)
        if os.path.lexists(path) and not overwrite:
            command.check_output(path, overwrite)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise Failure(SYSTEM, f"cannot write ({folder}): {error.strerror}; choose another folder") \
            from error
    for name, content in files.items():
        with command.whole_file(os.path.join(folder, name)) as file:
            file.write(content)


# --- command line -------------------------------------------------------------------------------

def parse_command_line(arguments):
    parser = Parser(
        prog=command.program(), allow_abbrev=False,
        usage="%(prog)s RECORD|FOLDER... -o FOLDER [--overwrite]",
        description="Compare runs of skymeans fit on more and more cores, from the records that "
                    "--metrics wrote, such as those of jobs/scaling.sh. Writes runs.csv, table.md, "
                    "table.tex, and plots as PNG and PDF. Scaling is strong if all runs had the same "
                    "rows, weak if they had as many per core.")
    parser.add_argument("paths", nargs="+", metavar="RECORD|FOLDER",
                        help="records, or folders with records anywhere in them")
    parser.add_argument("-o", dest="folder", required=True, metavar="FOLDER",
                        help="where the files go; made if need be")
    parser.add_argument("--overwrite", action="store_true", help="replace files there")
    return parser.parse_intermixed_args(arguments)


def run(arguments):
    options = parse_command_line(arguments)
    study = Study(records.find_records(options.paths))
    unfinished = records.find_unfinished(options.paths)
    if unfinished:
        command.warn(f"the study is not complete ({command.some_of(unfinished)}): these steps failed "
                     "or were not reached; go on with jobs/scaling.sh")
    write_files(options.folder, make_files(study), options.overwrite)
    last = study.shapes[-1]
    command.say(f"{study.kind} scaling, {len(study.records)} runs, {study.base_cores} to {last.cores} "
                f"cores, efficiency {100 * study.efficiency(last, per_iteration)[1]:.0f} %: "
                f"{options.folder}")


def main():
    return command.main(run, "study")


if __name__ == "__main__":
    sys.exit(main())

"""Metrics records of fits for a scaling study: where they are, and what is compared of them."""
import json
import math
import os
import re
import statistics

from command import DATA, Failure, check_input, clean, some_files

# What must be equal, or the runs did not answer one question; names of members of the record.
QUESTION = [("plan", name) for name in (
    "clusters", "features", "precision", "algorithm", "kernel", "seeding", "random_seed", "restarts",
    "tolerance", "max_iterations", "scale", "raw", "fill_is_missing", "where", "expressions",
    "missing_values", "extras")] + [("versions", name) for name in (
        "skymeans", "git_commit", "mpi", "hdf5", "compiler")]
OF_FITS = {"bytes_reduced", "reductions", "assignments", "rates", "work"}  # predict has none of them
WORKPACKAGE = re.compile(r"\d{6}_\w+")  # how JUBE calls the folder of a step
EVENNESS = 0.01  # by which rows per core may differ in weak scaling


class Record:
    """One run: what is drawn and listed of it."""

    def __init__(self, path, record):
        self.path, self.record = path, record
        plan, result = record["plan"], record["result"]
        self.nodes, self.ranks_per_node = count(record["nodes"]), count(record["ranks_per_node"])
        self.ranks, self.threads = count(plan["ranks"]), count(plan["threads"])
        self.cores = self.ranks * self.threads
        self.rows, self.checksum = count(plan["rows"]), text(result["checksum"])
        self.asked = text(result["fingerprint"]).partition("-")[0]
        self.iterations = [number(row["seconds"]) for row in record["iterations"]]
        self.per_iteration = positive(sum(self.iterations)) / len(self.iterations)
        self.seconds = positive(record["seconds"])
        self.phases = {name: number(spread["mean"]) for name, spread in record["phases"].items()}
        self.longest = {name: number(spread["max"]) for name, spread in record["phases"].items()}
        positive(self.phases["assign"])
        self.rates = {name: number(rate) for name, rate in record["rates"].items()}
        self.distances_per_sample = number(record["work"]["distances_per_sample"])
        self.goes = count(record.get("goes", 1))
        self.hosts = texts(record["hosts"])
        self.versions = {name: text(version) for name, version in record["versions"].items()}
        self.is_crowded = self.ranks_per_node * self.threads > count_cores(texts(record["binding"]))

    @property
    def shape(self):
        return self.cores, self.nodes, self.ranks, self.threads


# A member of another kind is a mistake, where Python would go on.

def number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"{value!r} is no number from 0 on")
    return value


def positive(value):
    if not number(value):
        raise ValueError("0 is not positive")
    return value


def count(value):
    if not isinstance(value, int):
        raise ValueError(f"{value!r} is no whole number")
    return positive(value)


def text(value):
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def texts(values):
    if not isinstance(values, list):
        raise ValueError(f"{values!r} is no list")
    return [text(value) for value in values]


class Shape:
    """The runs on equally many nodes, ranks and threads."""

    def __init__(self, runs):
        self.runs = sorted(runs, key=lambda run: run.path)
        first = runs[0]
        self.nodes, self.ranks, self.threads = first.nodes, first.ranks, first.threads
        self.cores, self.rows = first.cores, first.rows
        self.is_crowded = any(run.is_crowded for run in runs)

    def spread(self, what):
        """The least, the median and the most of a number of each run."""
        values = [what(run) for run in self.runs]
        return min(values), statistics.median(values), max(values)

    def median(self, what):
        return self.spread(what)[1]

    @property
    def name(self):
        return f"{self.nodes}×{self.ranks // self.nodes}×{self.threads}"


def count_cores(masks):
    """Cores of a node: those in any of the masks of its ranks ("0-3,8")."""
    cores = set()
    for part in ",".join(masks).split(","):
        low, _, high = part.partition("-")
        cores.update(range(int(low), int(high or low) + 1))
    return len(cores)


# --- finding ------------------------------------------------------------------------------------

def read_record(path):
    """The record of a fit in a file; None if it is something else."""
    check_input(path)
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or OF_FITS.isdisjoint(value):
        return None
    if value.get("version") != 1:
        raise Failure(DATA, f"bad record ({path}): of version {clean(value.get('version'))}; use the "
                            "scaling.py of the program that wrote it")
    try:
        return Record(path, value)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise Failure(DATA, f"bad record ({path}): {type(error).__name__} {clean(error)}; "
                            "docs/metrics.md says what a record has") from error


def walk(folder):
    """Files named .json below a folder. JUBE links the folders of earlier steps: those are not
    followed."""
    found = []
    for place, folders, names in os.walk(folder, onerror=raise_error):
        folders.sort()
        found += [os.path.join(place, name) for name in sorted(names) if name.endswith(".json")]
    return found


def raise_error(error):
    raise error


def find_records(paths):
    found = []
    for path in paths:
        if os.path.isdir(path):
            found += [record for record in map(read_record, walk(path)) if record]
        else:
            record = read_record(path)
            if not record:
                raise Failure(DATA, f"not a record of a fit ({path}): it is not what fit --metrics "
                                    "writes; give such files, or folders with them")
            found.append(record)
    if not found:
        raise Failure(DATA, f"no records ({some_files(paths)}): there is no file that fit --metrics "
                            "wrote; has the study begun?")
    return list({os.path.realpath(record.path): record for record in found}.values())


def find_unfinished(paths):
    """Steps of studies by JUBE that failed or were not reached."""
    found = []
    for path in filter(os.path.isdir, paths):
        for place, folders, names in os.walk(path):
            if WORKPACKAGE.fullmatch(os.path.basename(place)):
                folders.clear()
                if "done" not in names:
                    found.append(place)
    return sorted(found)


# --- comparing ----------------------------------------------------------------------------------

def member(record, where):
    room, name = where
    return record.record[room].get(name)


def check_question(records):
    """All runs answered one question, each in one go."""
    first = records[0]
    for other in records[1:]:
        for where in QUESTION:
            here, there = member(first, where), member(other, where)
            if here != there:
                raise Failure(DATA, f"different questions ({first.path}, {other.path}): "
                                    f"{where[1].replace('_', ' ')} is {here} and {there}; give "
                                    "records of one question")
        if other.asked != first.asked:
            raise Failure(DATA, f"different questions ({first.path}, {other.path}): the first parts of their "
                                f"fingerprints, {first.asked} and {other.asked}, say that other options "
                                "decided the answer; give records of one question")
    for record in records:
        if record.goes != 1:
            raise Failure(DATA, f"not one run ({record.path}): the fit was interrupted, and its times "
                                "are sums; leave it out, or run it again")


def find_kind(records):
    """"strong" if all runs had the same rows, "weak" if they had as many per core."""
    if len({record.shape for record in records}) < 2:
        raise Failure(DATA, f"nothing to compare ({records[0].path}): all runs have as many nodes, "
                            "ranks and threads; add runs on more or fewer")
    if len({record.rows for record in records}) == 1:
        check_checksums(records)
        return "strong"
    shares = [record.rows / record.cores for record in records]
    if max(shares) <= (1 + EVENNESS) * min(shares):
        for shape in group(records):
            check_checksums(shape.runs)
        return "weak"
    by_rows = sorted(records, key=lambda record: record.rows)
    raise Failure(DATA, f"different questions ({by_rows[0].path}, {by_rows[-1].path}): "
                        f"{by_rows[0].rows} and {by_rows[-1].rows} rows, neither the same in all runs "
                        "nor per core; give records of strong or of weak scaling")


def check_checksums(records):
    first = records[0]
    for other in records[1:]:
        if other.checksum != first.checksum:
            raise Failure(DATA, f"different results ({first.path}, {other.path}): the checksum is "
                                f"{first.checksum} and {other.checksum}; these are different "
                                "catalogues, or a bug: see docs/exactness.md")


def group(records):
    """Shapes, from few cores to many."""
    shapes = {}
    for record in records:
        shapes.setdefault(record.shape, []).append(record)
    return [Shape(shapes[key]) for key in sorted(shapes)]

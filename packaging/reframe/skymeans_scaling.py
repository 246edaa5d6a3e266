"""A ReFrame test: one fit of a mock catalogue per number of nodes, weak scaling.

    reframe -C SITE.py -c packaging/reframe/skymeans_scaling.py -S skymeans=/path/to/skymeans -r

The fit must end with the iterations that were asked for, and its record must say so; how fast it was
goes to ReFrame's log. Records stay in its stage folders, for tools/scaling.py.
"""
import json
import os

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.builtins import parameter, performance_function, run_before, sanity_function, variable

ITERATIONS = 20


@rfm.simple_test
class SkymeansWeakScaling(rfm.RunOnlyRegressionTest):
    """250,000 rows of 8 columns per core that computes, 256 clusters."""
    descr = "weak scaling of skymeans"
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    skymeans = variable(str, value="skymeans")
    ranks_per_node = variable(int, value=1)
    threads_per_rank = variable(int, value=1)
    rows_per_core = variable(int, value=250000)
    nodes = parameter([1, 2, 4, 8])
    executable_opts = [
        "fit", "mock.h5", "--clusters", "256", "--seeding", "random", "--random-seed", "1",
        "--tolerance", "0", "--max-iterations", str(ITERATIONS), "--quiet", "--metrics",
        "metrics.json", "-o", "result.h5"]
    keep_files = ["metrics.json"]

    @run_before("run")
    def place(self):
        self.executable = self.skymeans
        self.num_tasks = self.nodes * self.ranks_per_node
        self.num_tasks_per_node = self.ranks_per_node
        self.num_cpus_per_task = self.threads_per_rank
        self.executable_opts += ["--threads", str(self.threads_per_rank)]

    @run_before("run")
    def make_mock(self):
        launch = " ".join(self.job.launcher.command(self.job))
        rows = self.rows_per_core * self.num_tasks * self.threads_per_rank
        self.prerun_cmds = [f"{launch} {self.skymeans} generate mock.h5 --rows {rows} --columns 8 "
                            "--clusters 256 --random-seed 1 --quiet"]
        self.postrun_cmds = ["rm -f mock.h5 result.h5"]

    def read_record(self):
        with open(os.path.join(self.stagedir, "metrics.json"), encoding="utf-8") as file:
            return json.load(file)

    @sanity_function
    def check_record(self):
        record = self.read_record()
        return sn.all([sn.assert_eq(record["plan"]["ranks"], self.num_tasks),
                       sn.assert_eq(record["result"]["n_iterations"], ITERATIONS),
                       sn.assert_eq(record["result"]["n_used"], record["plan"]["rows"])])

    @performance_function("s")
    def seconds_per_iteration(self):
        return sum(row["seconds"] for row in self.read_record()["iterations"]) / ITERATIONS

    @performance_function("s")
    def seconds(self):
        return self.read_record()["seconds"]

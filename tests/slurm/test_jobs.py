#!/usr/bin/env python3
"""The scripts of jobs/ on a Slurm cluster; run.sh starts it."""
import os
import pathlib
import re
import shutil
import tempfile
import unittest

import h5py
import numpy as np

from cluster import FAST, NODES, SCRATCH, SLOW, Cluster, Job, call, wait_for

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Many short fits from random seedings; 5000 x 16 numbers, 500 centers: 70 kB an iteration to sum.
FIT = ["points.h5", "-k", "500", "--tolerance", "0", "--seeding", "random", "--restarts", "12",
       "--threads", "1", "--checkpoint-interval", "0.02"]


def setUpModule():
    global cluster, project, expected
    cluster = Cluster()
    project = SCRATCH / "project"
    copy_jobs(project)
    with h5py.File(SCRATCH / "points.h5", "w") as file:
        file["points"] = np.random.default_rng(6).random((5000, 16))
    os.chdir(SCRATCH)
    call(ROOT / "build/skymeans", "fit", *FIT, "-o", "expected.h5", "-q")
    expected = checksum("expected.h5")


def copy_jobs(folder, site=""):
    """The scripts, with a site.sh, and the program, as if the project were in this folder."""
    shutil.copytree(ROOT / "jobs", folder / "jobs", ignore=shutil.ignore_patterns("site.sh"))
    os.symlink(ROOT / "build", folder / "build")
    if site:
        (folder / "jobs/site.sh").write_text(site)


def checksum(path):
    with h5py.File(path) as file:
        return file.attrs["checksum"]


class JobsTest(unittest.TestCase):
    """Each test works in a folder of its own, on an idle cluster. run.sh gives each class a cluster
    of its own, so that one of them need not wait for what takes Slurm a minute in another."""

    def setUp(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(tempfile.mkdtemp(dir=SCRATCH))
        os.symlink(SCRATCH / "points.h5", "points.h5")
        self.addCleanup(self.clean_up)

    def clean_up(self):
        call("scancel", "--user=root")
        cluster.limit(FAST)
        for number in set(NODES) - set(cluster.nodes):
            cluster.start_node(number)
        cluster.wait_until_idle()

    def submit(self, *words):
        return Job(call("sbatch", "--parsable", *words))

    def submit_fit(self, *options, script=None, fit=(*FIT, "-o", "out.h5")):
        return self.submit(*options, script or project / "jobs/fit.sbatch", *fit)

    def check_done(self, job, restarts=None, output="out.h5"):
        """The job completes, after that many restarts if it is known how many there must be."""
        facts = job.wait_for_end()
        self.assertEqual(facts["JobState"], "COMPLETED", job.log())
        if restarts is not None:
            self.assertEqual(int(facts["Restarts"]), restarts, job.log())
        self.assertEqual(checksum(output), expected, job.log())
        left = [name for name in os.listdir() if name.startswith(f"{output}.")]
        self.assertEqual(left, [], job.log())

    def wait_for_checkpoint(self, job, output="out.h5"):
        job.wait_for("a checkpoint", lambda _: os.path.exists(f"{output}.checkpoint"))


class TestLimits(JobsTest):
    """What Slurm does to jobs."""

    def test_time_limit(self):
        """One job is stopped by the signal; the other knows itself when its time is up."""
        cluster.limit(SLOW)
        jobs = []
        for signal in ("B:USR1@20", "B:CONT@1"):
            name = f"{len(jobs)}.h5"
            jobs.append((name, self.submit_fit("-N", "2", "--time=1", f"--signal={signal}",
                                               fit=(*FIT, "-o", name))))
        for name, job in jobs:
            job.wait_for("it queues up again", lambda facts: facts["Restarts"] != "0")
        cluster.limit(FAST)
        for name, job in jobs:
            self.check_done(job, output=name)
            self.assertIn("skymeans: going on from", job.log())
        self.assertIn("fit.sbatch: asked to stop", jobs[0][1].log())
        self.assertNotIn("fit.sbatch: asked to stop", jobs[1][1].log())

    def test_nodes_die(self):
        """Of one job the node that the script runs on, of another one the other; both go on with
        the nodes that are left."""
        cluster.limit(SLOW)
        first, last = [self.submit_fit("-N", "2", fit=(*FIT, "-o", f"{name}.h5"))
                       for name in ("first", "last")]
        self.wait_for_checkpoint(first, "first.h5")
        self.wait_for_checkpoint(last, "last.h5")
        cluster.kill_node(int(first.facts()["BatchHost"].removeprefix("node")))
        cluster.kill_node(int(re.findall(r"\d+", last.facts()["NodeList"])[-1]))
        for job in (first, last):
            job.wait_for("it queues up again", lambda facts: facts["Restarts"] != "0")
        cluster.limit(FAST)
        for job, output in ((first, "first.h5"), (last, "last.h5")):
            self.check_done(job, output=output)
            self.assertIn("skymeans: going on from", job.log())


class TestJobs(JobsTest):
    """What the scripts do with jobs."""

    def test_plain(self):
        job = self.submit_fit("-N", "4")
        self.check_done(job, restarts=0)
        self.assertIn("srun on node[1-4]", job.log())
        with h5py.File("out.h5") as file:
            self.assertEqual(int(file["provenance"].attrs["ranks"]), 4)

    def test_array(self):
        """Many k of one catalogue, and many catalogues, named in a file."""
        names = ["north", "south"]
        for name in names:
            os.symlink("points.h5", f"{name}.h5")
        pathlib.Path("names.txt").write_text("\n".join(names))
        script = project / "jobs/fit-array.sbatch"
        by_k = self.submit("-N", "1", "--array=5,500", script, *FIT, "-k", "{}", "-o", "k{}.h5")
        by_name = self.submit("-N", "1", "--array=1-2", script, "@names.txt", "{}.h5", *FIT[1:],
                              "-o", "{}-out.h5")
        for job, output in ((by_k, "k500.h5"), (by_name, "north-out.h5"),
                            (by_name, "south-out.h5")):
            wait_for(output, lambda output=output: os.path.exists(output))
        for task in (f"{by_k.number}_5", f"{by_k.number}_500", f"{by_name.number}_1",
                     f"{by_name.number}_2"):
            facts = Job(task).wait_for_end()
            self.assertEqual(facts["JobState"], "COMPLETED", Job(task).log())
        for output in ("k500.h5", "north-out.h5", "south-out.h5"):
            self.assertEqual(checksum(output), expected)
        with h5py.File("k5.h5") as file:
            self.assertEqual(file["centers"].shape, (5, 16))

    def test_array_task(self):
        """Only the task that was stopped queues up again, also if its number is the array's."""
        cluster.limit(SLOW)
        array = self.submit_fit("-N", "2", "--array=1,2", script=project / "jobs/fit-array.sbatch",
                                fit=(*FIT, "-o", "{}.h5"))
        tasks = {output: Job(f"{array.number}_{task}") for task, output in
                 ((1, "1.h5"), (2, "2.h5"))}
        for output, task in tasks.items():
            self.wait_for_checkpoint(task, output)
        stopped = next(output for output, task in tasks.items()
                       if task.facts()["JobId"] == array.number)
        call("scancel", "--batch", "--signal=USR1", tasks[stopped].number)
        tasks[stopped].wait_for("it queues up again", lambda facts: facts["Restarts"] != "0")
        cluster.limit(FAST)
        for output, task in tasks.items():
            self.check_done(task, restarts=int(output == stopped), output=output)

    def test_chain(self):
        """Three jobs: one is stopped, one finishes, and one finds nothing to do."""
        cluster.limit(SLOW)
        said = call(project / "jobs/restart-chain.sh", 3, "-N", "4", project / "jobs/fit.sbatch",
                    *FIT, "-o", "out.h5")
        jobs = [Job(number) for number in re.findall(r": (\d+)$", said, re.MULTILINE)]
        self.wait_for_checkpoint(jobs[0])
        call("scancel", "--batch", "--signal=USR1", jobs[0].number)
        facts = jobs[0].wait_for_end()
        self.assertEqual((facts["JobState"], facts["ExitCode"]), ("FAILED", "75:0"), jobs[0].log())
        cluster.limit(FAST)
        self.check_done(jobs[1], restarts=0)
        self.assertIn("skymeans: going on from", jobs[1].log())
        self.check_done(jobs[2], restarts=0)
        self.assertEqual(jobs[2].log(), "fit.sbatch: out.h5 is there\n")

    def test_mpirun(self):
        """A site has no srun for MPI; the signal comes through mpirun."""
        site = SCRATCH / "site"
        copy_jobs(site, "launcher='mpirun --bind-to none'\n")
        cluster.limit(SLOW)
        job = self.submit_fit("-N", "4", script=site / "jobs/fit.sbatch")
        self.wait_for_checkpoint(job)
        call("scancel", "--batch", "--signal=USR1", job.number)
        job.wait_for("it queues up again", lambda facts: facts["Restarts"] != "0")
        cluster.limit(FAST)
        self.check_done(job, restarts=1)
        self.assertIn("mpirun --bind-to none on node[1-4]", job.log())
        with h5py.File("out.h5") as file:
            self.assertEqual(int(file["provenance"].attrs["ranks"]), 4)

    def test_launcher(self):
        """srun alone starts no MPI, but does when told to use PMIx."""
        os.environ["SLURM_MPI_TYPE"] = "none"
        self.addCleanup(os.environ.pop, "SLURM_MPI_TYPE")
        job = self.submit_fit("-N", "3")
        self.check_done(job, restarts=0)
        self.assertIn("srun --mpi=pmix on node[1-3]", job.log())

    def test_no_more_tries(self):
        """Neither a cancelled job queues up again, nor one with bad data, nor after the last try."""
        site = SCRATCH / "impatient"
        copy_jobs(site, "tries=1\n")
        cluster.limit(SLOW)
        job = self.submit_fit("-N", "2", script=site / "jobs/fit.sbatch")
        self.wait_for_checkpoint(job)
        call("scancel", "--batch", "--signal=USR1", job.number)
        facts = job.wait_for_end()
        self.assertEqual((facts["JobState"], facts["ExitCode"]), ("FAILED", "75:0"), job.log())
        self.assertIn("the last of 1 tries", job.log())

        bad = self.submit_fit("-N", "2", fit=("points.h5", "-k", "9999", "-o", "out.h5"))
        facts = bad.wait_for_end()
        self.assertEqual((facts["JobState"], facts["ExitCode"], facts["Restarts"]),
                         ("FAILED", "3:0", "0"), bad.log())

        job = self.submit_fit("-N", "2")
        job.wait_for("it goes on", lambda _: "going on from" in job.log())
        call("scancel", job.number)
        facts = job.wait_for_end()
        cluster.wait_until_idle()
        self.assertEqual((job.facts()["JobState"], facts["Restarts"]), ("CANCELLED", "0"),
                         job.log())
        self.assertTrue(os.path.exists("out.h5.checkpoint"))


if __name__ == "__main__":
    unittest.main()

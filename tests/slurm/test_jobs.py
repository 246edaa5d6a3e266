#!/usr/bin/env python3
"""The scripts of jobs/ on a Slurm cluster; run.sh starts it."""
import csv
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import h5py
import numpy as np

from cluster import FAST, NODES, SCRATCH, SLOW, Cluster, Job, call, wait_for

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INSTALLED = SCRATCH.parent / "installed"  # by run.sh
STARTS = int(os.environ.get("STARTS", "20"))  # by srun, in the test of exit codes
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
        for number in cluster.nodes:
            cluster.link(number, "up")
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


    def test_short(self):
        """The job has less time than the signal's lead: it comes at once, and waits."""
        cluster.limit(SLOW)
        job = self.submit_fit("-N", "2", "--time=1")
        job.wait_for("it queues up again", lambda facts: facts["Restarts"] != "0")
        cluster.limit(FAST)
        self.check_done(job)
        log = job.log()
        self.assertRegex(log, r"asked to stop \d+ s after the start, \d+ s before the end: going on")
        self.assertLess(log.index("going on for"), log.index("fit.sbatch: asked to stop\n"))
        self.assertIn("skymeans: going on from", log)
        # More than the one iteration after which a signal at once would have stopped it.
        stops = re.findall(r"stopped early .*: (?:in|after) fit (\d+) of \d+(?:, after (\d+) )?", log)
        self.assertTrue(stops, log)
        self.assertNotIn(stops[0], [("1", "0"), ("1", "1")], log)


class TestDrawn(JobsTest):
    """A fault of tests/campaign, by its number."""

    def test_drawn_fault(self):
        """A node of a job dies, or its link is cut, for good or for a while."""
        draw = random.Random(int(os.environ.get("KM_FAULT_NUMBER", "1")))
        cluster.limit(SLOW)
        job = self.submit_fit("-N", str(draw.choice([2, 3])))
        self.wait_for_checkpoint(job)
        time.sleep(draw.uniform(0, 3))
        nodes = call("scontrol", "show", "hostnames", job.facts()["NodeList"]).split()
        number = int(draw.choice(nodes).removeprefix("node"))
        what = draw.choice(["dies", "cut", "cut a while"])
        print(f"drawn: node {number} of {len(nodes)}: {what}", flush=True)
        if what == "dies":
            cluster.kill_node(number)
        else:
            cluster.link(number, "down")
        if what == "cut a while":
            time.sleep(draw.uniform(0.2, 4))
            cluster.link(number, "up")
        else:
            job.wait_for("it queues up again", lambda facts: facts["Restarts"] != "0")
        cluster.limit(FAST)
        self.check_done(job)


class TestPreemption(JobsTest):
    """Jobs of another partition come first."""

    def test_preempted(self):
        """The fit is saved, queues up again by Slurm's own doing, and goes on afterwards."""
        cluster.limit(SLOW)
        job = self.submit_fit("-N", "4")
        self.wait_for_checkpoint(job)
        urgent = self.submit("-N", "4", "-p", "urgent", "-o", "urgent.log", "--wrap", "sleep 1")
        job.wait_for("it queues up again", lambda facts: facts["Restarts"] != "0")
        cluster.limit(FAST)
        self.assertEqual(urgent.wait_for_end()["JobState"], "COMPLETED")
        self.check_done(job)
        self.assertIn("skymeans: stopped early (out.h5.checkpoint)", job.log())
        self.assertIn("skymeans: going on from", job.log())


class TestCodes(JobsTest):
    """The program's exit codes through srun, which ends all tasks once one fails."""

    def test_codes(self):
        self.call_fit(0, "-o", "fit.h5")
        cases = [(2, ["-o", "fit.h5"]), (3, ["-o", "a.h5", "-k", "6000"]),
                 (4, ["-o", "none/a.h5"]),
                 (75, ["-o", "b.h5", "--checkpoint", "c", "--max-hours", "1e-9"])]
        for _ in range(STARTS // len(cases)):
            for code, words in cases:
                self.call_fit(code, *words)

    def call_fit(self, code, *words):
        """A start on four nodes."""
        done = subprocess.run(["srun", "-N4", "--kill-on-bad-exit=1", ROOT / "build/skymeans",
                               "fit", "points.h5", "-k", "5", "--threads", "1", *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env=os.environ | {"SLURM_PMIX_FENCE": "tree"}, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)


class TestJobs(JobsTest):
    """What the scripts do with jobs."""

    def test_plain(self):
        job = self.submit_fit("-N", "4")
        self.check_done(job, restarts=0)
        self.assertIn("srun on node[1-4]", job.log())
        with h5py.File("out.h5") as file:
            self.assertEqual(int(file["provenance"].attrs["ranks"]), 4)

    def test_names(self):
        """Names of folders, jobs and results are any bytes; options are written in any way."""
        folder = SCRATCH / "a b'$HOME\n \".sbatch\n   Command=" / "x.sbatch EndTime=2020-01-01T00:00:00 "
        folder.mkdir(parents=True)
        copy_jobs(folder)
        output = "out '$x\n\".h5"
        with open(output, "w", encoding="utf-8"):
            pass # an old result
        job = self.submit_fit("-N", "2", "-J", "x\n   Command=/none/fit.sbatch\n   EndTime=now y",
                              "-o", "job.log", script=folder / "jobs/fit.sbatch",
                              fit=(*FIT, "--overwrite", f"-qo{output}"))
        wait_for("it ends", lambda: call("squeue", "-h", "-j", job.number) == "")
        log = pathlib.Path("job.log").read_text(encoding="utf-8")
        self.assertEqual(log, "fit.sbatch: try 1 of 20: srun on node[1-2]\n")
        self.assertEqual(checksum(output), expected)
        self.assertEqual([name for name in os.listdir() if "checkpoint" in name], [])

    def test_old_result(self):
        """One that is to be replaced does not pass for the new one when the job begins again."""
        with h5py.File("out.h5", "w"):
            pass
        cluster.limit(SLOW)
        job = self.submit_fit("-N", "2", fit=(*FIT, "-oout.h5", "--overwrite"))
        self.wait_for_checkpoint(job)
        call("scancel", "--batch", "--signal=USR1", job.number)
        job.wait_for("it queues up again", lambda facts: facts["Restarts"] != "0")
        cluster.limit(FAST)
        self.check_done(job, restarts=1)

    def test_installed(self):
        """A copy of the script anywhere, and a program that is in PATH; or none."""
        os.mkdir("bin")
        shutil.copy(ROOT / "jobs/fit.sbatch", "my-fit.sbatch")
        shutil.copy(ROOT / "build/skymeans", "bin")
        path = os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        os.environ["PATH"] = f"{os.getcwd()}/bin:{path}"
        self.check_done(self.submit_fit("-N", "2", script="my-fit.sbatch"), restarts=0)
        os.remove("bin/skymeans")
        job = self.submit_fit("-N", "1", script="my-fit.sbatch")
        self.assertEqual(job.wait_for_end()["ExitCode"], "4:0", job.log())
        self.assertRegex(job.log(), r"\Afit.sbatch: no program [^\n]*\n\Z")

    def test_make_install(self):
        """The script and the program of `make install`, which are in no PATH."""
        script = INSTALLED / "share/skymeans/jobs/fit.sbatch"
        self.check_done(self.submit_fit("-N", "3", script=script), restarts=0)
        with h5py.File("out.h5") as file:
            self.assertIn("/installed/", file["provenance"].attrs["command"])
            self.assertEqual(int(file["provenance"].attrs["ranks"]), 3)

    def test_no_launcher(self):
        """Neither srun nor mpirun can start the program."""
        site = SCRATCH / "broken"
        copy_jobs(site, f"PATH={site}/bin:$PATH\n")
        (site / "bin").mkdir()
        for name in ("srun", "mpirun"):
            (site / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
            (site / "bin" / name).chmod(0o755)
        job = self.submit_fit("-N", "2", script=site / "jobs/fit.sbatch")
        self.assertEqual(job.wait_for_end()["ExitCode"], "4:0", job.log())
        self.assertRegex(job.log(), r"\Afit.sbatch: no launcher: [^\n]*\n\Z")

    def test_array(self):
        """Many k of one catalogue, and many catalogues, named in a file."""
        names = ["north", "south"]
        for name in names:
            os.symlink("points.h5", f"{name}.h5")
        pathlib.Path("names.txt").write_text("# fields\r\n\r\nnorth\r\n\n  # more\n south ")
        script = project / "jobs/fit-array.sbatch"
        by_k = self.submit("-N", "1", "--array=5,500", script, *FIT, "-k", "{}", "-o", "k{}.h5")
        by_name = self.submit("-N", "1", "--array=1-3", script, "@names.txt", "{}.h5", *FIT[1:],
                              "-o", "{}-out.h5")
        for job, output in ((by_k, "k500.h5"), (by_name, "north-out.h5"),
                            (by_name, "south-out.h5")):
            wait_for(output, lambda output=output: os.path.exists(output))
        for task in (f"{by_k.number}_5", f"{by_k.number}_500", f"{by_name.number}_1",
                     f"{by_name.number}_2"):
            facts = Job(task).wait_for_end()
            self.assertEqual(facts["JobState"], "COMPLETED", Job(task).log())
        third = Job(f"{by_name.number}_3")
        self.assertEqual(third.wait_for_end()["ExitCode"], "2:0", third.log())
        self.assertIn("no name with number 3 in names.txt: it has 2", third.log())
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

    def test_study(self):
        """Weak scaling on one, two and four nodes in one job, and what comes of its records."""
        study = (project / "jobs/scaling.yaml").read_text()
        for old, new in (("1x1x1;1x2x1;1x1x2;1x4x1", "1x1x1;2x1x1;4x1x1"), ('"1;2;3"', '"1"'),
                         ('weak, _: "250000"', 'weak, _: "1000"'), ("clusters 256", "clusters 5")):
            self.assertIn(old, study)
            study = study.replace(old, new)
        pathlib.Path("study.yaml").write_text(study)
        job = self.submit("-N", "4", project / "jobs/weak-scaling.sbatch", "study.yaml", "small")
        self.assertEqual(job.wait_for_end()["JobState"], "COMPLETED", job.log())
        said = call(ROOT / "tools/scaling.py", "study-weak", "-o", "figures")
        self.assertIn("weak scaling, 3 runs, 1 to 4 cores", said)
        with open("figures/runs.csv", newline="") as file:
            self.assertEqual([(run["nodes"], run["ranks"]) for run in csv.DictReader(file)],
                             [("1", "1"), ("2", "2"), ("4", "4")])

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

    def test_forgetful_launcher(self):
        """After USR1 it returns 0, as MPICH's mpiexec does."""
        site = SCRATCH / "forgetful"
        copy_jobs(site, f"launcher={site}/mpiexec\n")
        (site / "mpiexec").write_text("#!/bin/sh\nmpirun --bind-to none \"$@\" &\n"
                                      "trap 'kill -USR1 $!' USR1\ncode=138\n"
                                      "while [ $code = 138 ]; do wait $!; code=$?; done\n"
                                      "[ $code = 75 ] || exit $code\n")
        (site / "mpiexec").chmod(0o755)
        cluster.limit(SLOW)
        job = self.submit_fit("-N", "2", script=site / "jobs/fit.sbatch")
        self.wait_for_checkpoint(job)
        call("scancel", "--batch", "--signal=USR1", job.number)
        job.wait_for("it queues up again", lambda facts: facts["Restarts"] != "0")
        cluster.limit(FAST)
        self.check_done(job, restarts=1)

    def test_launcher(self):
        """srun alone starts no MPI, but does when told to use PMIx."""
        os.environ["SLURM_MPI_TYPE"] = "none"
        self.addCleanup(os.environ.pop, "SLURM_MPI_TYPE")
        job = self.submit_fit("-N", "3")
        self.check_done(job, restarts=0)
        self.assertIn("srun --mpi=pmix on node[1-3]", job.log())

    def test_order(self):
        """Ranks dealt to nodes in turns are numbered node by node."""
        done = subprocess.run(["srun", "--mpi=pmix", "-N", "4", "-n", "8", "--distribution=cyclic",
                               ROOT / "build/tests/test_comm"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("Failures: 0, Errors: 0", done.stdout)

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

"""What job scripts ask the program, and what it says under a launcher that its MPI does not know.

tests/slurm/ runs the scripts themselves on a cluster."""
import os
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True

from program import (BINARY, ROOT, SECONDS, ProgramTest, Result, blobs, processes_of, run, run_all,
                     started, write_array)

FIT = {"does": "fit", "output": "", "metrics": "", "checkpoint": "", "overwrite": "no"}
NAMES = "two words", "line\nend", "quotes'\"", "$HOME `date` \\", "\x1b[31m", "-k"


def explain(*words):
    """What the words mean for outputs, by name."""
    finished = run("fit", "--explain-outputs", *words)
    if finished.code != 0 or finished.err != "":
        raise AssertionError(finished)
    facts = finished.out.split("\0")
    assert facts.pop() == ""
    return dict(fact.split("=", 1) for fact in facts)


class Explained(ProgramTest):
    """fit --explain-outputs; there is no catalogue, and MPI does not start."""

    def test_forms(self):
        """Each way to write an option that the program understands."""
        for words, found in (
                ("-o out.h5", {"output": "out.h5"}),
                ("-oout.h5", {"output": "out.h5"}),
                ("-qo out.h5", {"output": "out.h5"}),
                ("-vqoout.h5", None),
                ("--output=out.h5", {"output": "out.h5"}),
                ("--output out.h5", {"output": "out.h5"}),
                ("-o a -o out.h5 -q", {"output": "out.h5"}),
                ("-o out.h5 --overwrite", {"output": "out.h5", "overwrite": "yes"}),
                ("-o out.h5 -- --overwrite", {"output": "out.h5"}),
                ("-o --overwrite", {"output": "--overwrite"}),
                ("-o out.h5 -d --check", {"output": "out.h5"}),
                ("-o out.h5 --checkpoint=c", {"output": "out.h5", "checkpoint": "c"}),
                ("-o out.h5 --checkpoint c --checkpoint-interval 1",
                 {"output": "out.h5", "checkpoint": "c"}),
                ("-o out.h5 --metrics m.json", {"output": "out.h5", "metrics": "m.json"}),
                ("-o out.h5 --dry-run", {"output": "out.h5", "does": "dry-run"}),
                ("--dry-run", {"does": "dry-run"}),
                ("--help", {"does": "help"})):
            with self.subTest(words=words):
                line = "in.h5", "-k", "3", *words.split()
                if found is None:
                    self.refuse((2, "contradiction", "fit", "--explain-outputs", *line), ranks=(1,))
                else:
                    self.assertEqual(explain(*line), FIT | found)

    def test_names(self):
        """Names of files come out as they went in."""
        for name in NAMES:
            with self.subTest(name=name):
                self.assertEqual(explain("in.h5", "-k", 3, f"-o{name}", f"--checkpoint={name}.c"),
                                 FIT | {"output": name, "checkpoint": f"{name}.c"})

    def test_mistakes(self):
        """They are refused as by the fit itself."""
        start = "fit", "--explain-outputs", "in.h5"
        self.refuse((2, "the result file", *start, "-k", "3"),
                    (2, "unknown option", *start, "-k", "3", "-o", "a", "--check", "b"),
                    (2, "bad value", *start, "-k", "x", "-o", "a"), ranks=(1,))

    def test_no_mpi(self):
        """It answers where MPI can't start."""
        finished = run("fit", "--explain-outputs", "--dry-run", "x", "-k", 3,
                       OMPI_MCA_btl="none", OMPI_MCA_pml="none")
        self.assertEqual(finished.code, 0, finished)


class Alone(ProgramTest):

    def test_no_daemon(self):
        """Open MPI would start one, which takes longer than the fit of a small catalogue."""
        write_array("in.h5", blobs(100_000, 3))
        seen = set()
        with started("fit", "in.h5", "-k", 50, "-o", "out.h5") as process:
            while process.poll() is None:
                seen |= processes_of(process.pid)
            self.assertEqual(process.returncode, 0, process.communicate())
        self.assertEqual(seen, {process.pid})

    def test_no_common_folder(self):
        """Of Open MPI's files, which would be one for all runs of a node: there may be no such folder."""
        write_array("in.h5", blobs(1000, 2))
        open("file", "w").close()
        for command in (["fit", "in.h5", "-k", "3", "-o", "out.h5", "-q"], ["info", "in.h5"]):
            finished = subprocess.run([BINARY, *command], capture_output=True, timeout=SECONDS, check=False,
                                      env=os.environ | {"OMPI_MCA_orte_tmpdir_base": "file/folder"})
            self.assertEqual((finished.returncode, finished.stderr), (0, b""))


class Launchers(ProgramTest):
    """N tasks, each alone in its world: what happens under another MPI's launcher."""

    def setUp(self):
        super().setUp()
        write_array("in.h5", blobs(200, 2))

    def test_first_goes_on(self):
        """One warning, one run, and no other task touches a file."""
        self.fit("in.h5", 3, output="fit.h5")
        for size, rank in (("PMI_SIZE", "PMI_RANK"), ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
                           ("FLUX_JOB_SIZE", "FLUX_TASK_RANK")):
            for words in (("fit", "in.h5", "-k", 3), ("predict", "fit.h5", "in.h5")):
                with self.subTest(size=size, command=words[0]):
                    self.check_tasks(words, f"{size}-{words[0]}.h5", size, rank)
        self.assertEqual(Result("PMI_SIZE-fit.h5").n_rows, 200)

    def check_tasks(self, words, output, size, rank):
        calls = [lambda r=r: run(*words, "-o", output, **{size: "3", rank: str(r)})
                 for r in (1, 2)]
        for other in run_all(calls):
            self.assertEqual((other.code, other.out, other.err), (0, "", ""), other)
        self.assertFalse(os.path.exists(output))
        first = run(*words, "-o", output, **{size: "3", rank: "0"})
        self.assertEqual(first.code, 0, first)
        self.assertEqual(first.err.count("warning: "), 1, first)
        self.assertRegex(first.err, rf"warning: separate runs \({size}=3\): [^\n]+ (Open MPI|MPICH) ")
        self.assertTrue(os.path.exists(output))

    def test_no_false_alarm(self):
        """One task, a batch script of many tasks, a shell in it, or ranks that know each other."""
        fit = "fit", "in.h5", "-k", 3, "--overwrite", "-o"
        for i, how in enumerate(({"PMI_SIZE": "1", "PMI_RANK": "0"},
                                 {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"},
                                 {"SLURM_NPROCS": "4", "SLURM_JOB_ID": "1"},
                                 {"ranks": 2})):
            with self.subTest(how=how):
                finished = run(*fit, f"{i}.h5", **how)
                self.assertEqual(finished.code, 0, finished)
                self.assertNotIn("warning", finished.err)


class Scripts(ProgramTest):
    """restart-chain.sh in front of an sbatch that only says what it was told."""

    def setUp(self):
        super().setUp()
        os.mkdir("bin")
        with open("bin/sbatch", "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\necho "$SKYMEANS_CHAIN $*" >>submitted\necho 7\n')
        os.chmod("bin/sbatch", 0o755)

    def chain(self, *words):
        """Exit code, what it says on stderr, and the jobs that it submitted."""
        if os.path.exists("submitted"):
            os.remove("submitted")
        done = subprocess.run([f"{ROOT}/jobs/restart-chain.sh", "2", "-N", "3", *words],
                              capture_output=True, text=True, timeout=SECONDS, check=False,
                              env=os.environ | {"PATH": f"{os.getcwd()}/bin:{os.environ['PATH']}",
                                                "SLURM_JOB_ID": "1"})
        jobs = []
        if os.path.exists("submitted"):
            with open("submitted", encoding="utf-8") as file:
                jobs = file.read().splitlines()
        return done.returncode, done.stderr, jobs

    @unittest.skipUnless(os.path.samefile(os.path.dirname(BINARY), f"{ROOT}/build"),
                         "the scripts take the program of build/")
    def test_chain(self):
        script = f"{ROOT}/jobs/fit.sbatch"
        words = script, "in.h5", "-k", "3", "-o", "out.h5"
        code, err, jobs = self.chain(*words)
        line = "-N 3 " + " ".join(words)
        self.assertEqual((code, err, jobs), (0, "", [
            f"1 --parsable --no-requeue {line}",
            f"1 --parsable --no-requeue --dependency=afterany:7 {line}"]))
        self.assertEqual(self.chain(f"{ROOT}/jobs/fit-array.sbatch", "in.h5", "-k", "{}",
                                    "-o", "{}.h5")[0], 0)
        with open("old.h5", "w", encoding="utf-8"):
            pass
        for said, *wrong in (("may replace a result", *words, "--overwrite"),
                             ("remove old.h5", script, "in.h5", "-k", "3", "-qo", "old.h5"),
                             ("the result file", script, "in.h5", "-k", "3"),
                             ("unknown option", *words, "--nope"),
                             ("ask for no fit", *words, "--dry-run"),
                             ("no script", "-k", "3"),
                             ("can't read the names", f"{ROOT}/jobs/fit-array.sbatch", "@none")):
            with self.subTest(said=said):
                code, err, jobs = self.chain(*wrong)
                self.assertEqual((code != 0, jobs), (True, []), err)
                self.assertRegex(err, rf"\A[^\n]*{said}[^\n]*\n\Z")


if __name__ == "__main__":
    unittest.main()

"""What job scripts ask the program, and what it says under a launcher that its MPI does not know.

tests/slurm/ runs the scripts themselves on a cluster."""
import os
import shutil
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


@unittest.skipUnless(os.path.samefile(os.path.dirname(BINARY), f"{ROOT}/build"),
                     "the scripts take the program of build/")
class Scripts(ProgramTest):
    """In front of a Slurm that only says what it was told, and runs what it should."""

    def setUp(self):
        super().setUp()
        os.mkdir("bin")
        for name, does in (("sbatch", 'echo "$SKYMEANS_CHAIN $*" >>submitted; echo 7'),
                           ("srun", 'exec "$@"'),
                           ("squeue", 'test "$5" != %o || echo "$COMMAND"')):
            with open(f"bin/{name}", "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\n{does}\n")
            os.chmod(f"bin/{name}", 0o755)

    def start(self, *command, cwd=None, **variables):
        """What a command returns and says, with SLURM_JOB_ID if it is given."""
        others = {name: text for name, text in os.environ.items() if not name.startswith("SLURM_")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=cwd,
                              stdin=subprocess.DEVNULL,
                              env=others | {"PATH": f"{os.getcwd()}/bin:{os.environ['PATH']}"} | variables)
        return done.returncode, done.stdout + done.stderr

    def job(self, script, *words, command=None, **variables):
        """A job of Slurm, which copies the script, and asked tells the command as it was typed."""
        shutil.copy(f"{ROOT}/jobs/{script}", "slurm_script")
        command = f"{command or f'{ROOT}/jobs/{script}'} {' '.join(words)}"
        return self.start("bash", f"{os.getcwd()}/slurm_script", *words,
                          **{"SLURM_JOB_ID": "1", "SLURM_SUBMIT_DIR": ROOT, "COMMAND": command} | variables)

    def test_places(self):
        """A script is named from the folder where it was submitted, by a link, or in its own folder. When the
        job ends Slurm does not say."""
        write_array("in.h5", blobs(200, 2))
        os.mkdir("x.sbatch")
        os.symlink(f"{ROOT}/jobs/fit.sbatch", "x.sbatch/link.sbatch")
        for command in ("jobs/fit.sbatch", f"{os.getcwd()}/x.sbatch/link.sbatch"):
            code, said = self.job("fit.sbatch", "in.h5", "-k", "3", "-q", "-o", "out.h5", command=command)
            self.assertEqual(code, 0, said)
            self.assertEqual(Result("out.h5").n_rows, 200)
            os.remove("out.h5")
        for kind in ("strong", "weak"):
            self.assertIn((4, f"scaling.sh: error: cannot read (none): no such file; copy {ROOT}/jobs/scaling.yaml\n"),
                          [self.job(f"{kind}-scaling.sbatch", "none", command=f"jobs/{kind}-scaling.sbatch")])
        code, said = self.start("bash", "fit.sbatch", "in.h5", "-k", "3", "-o", "out.h5", cwd=f"{ROOT}/jobs")
        self.assertEqual((code, said.split("\0")[:2]), (0, ["does=fit", "output=out.h5"]))

    def test_site(self):
        """Of site.sh only what it sets matters, not how strict its shell is."""
        write_array("in.h5", blobs(200, 2))
        os.mkdir("jobs")
        shutil.copy(f"{ROOT}/jobs/fit.sbatch", "jobs")
        with open("jobs/site.sh", "w", encoding="utf-8") as file:
            file.write(f"set -eu\nskymeans={BINARY}\n")
        code, said = self.job("fit.sbatch", "in.h5", "-k", "3", "-q", "-o", "out.h5", command="jobs/fit.sbatch",
                              SLURM_SUBMIT_DIR=os.getcwd())
        self.assertEqual((code, os.path.exists("out.h5")), (0, True), said)
        with open("jobs/site.sh", "a", encoding="utf-8") as file:
            file.write("tries=twenty\n")
        self.assertEqual(self.job("fit.sbatch", "in.h5", "-k", "3", "-o", "more.h5", command="jobs/fit.sbatch",
                                  SLURM_SUBMIT_DIR=os.getcwd()),
                         (2, f"fit.sbatch: tries=twenty in {os.getcwd()}/jobs/site.sh is no number\n"))

    def test_array(self):
        """Names count from 1, and comments are none."""
        for name, text in (("names", "# stars\r\n\n  north 1 \r\nsouth"), ("none", "\n# none\n")):
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
        for names, number, code, said in (("@names", "", 2, "no number: submit it with --array"),
                                          ("@names", "0", 2, "no name with number 0 in names: it has 2; say --array=1-2"),
                                          ("@names", "1", 4, r"can't open the file \(north 1.h5\)"),
                                          ("@names", "2", 4, r"can't open the file \(south.h5\)"),
                                          ("@names", "3", 2, "no name with number 3"),
                                          ("@none", "1", 2, "no names in none"),
                                          ("@bin", "1", 4, r"can't read the names \(bin\)")):
            with self.subTest(names=names, number=number):
                found, text = self.job("fit-array.sbatch", names, "{}.h5", "-k", "3", "-o", "{}-out.h5",
                                       SLURM_ARRAY_JOB_ID="1", SLURM_ARRAY_TASK_ID=number)
                self.assertEqual(found, code, text)
                self.assertRegex(text.splitlines()[-1], said)

    def test_old_result(self):
        """What is there before the first job of a chain is no result of the chain."""
        write_array("in.h5", blobs(200, 2))
        with open("out.h5", "w", encoding="utf-8"):
            pass
        for variables, code, said in (({}, 2, "output exists"), ({"SKYMEANS_CHAIN": "1"}, 2, "output exists"),
                                      ({"SKYMEANS_CHAIN": "2"}, 0, "out.h5 is there"),
                                      ({"SKYMEANS_CHAIN": "1", "SLURM_RESTART_COUNT": "1"}, 0, "out.h5 is there")):
            found, text = self.job("fit.sbatch", "in.h5", "-k", "3", "-o", "out.h5", **variables)
            self.assertEqual(found, code, text)
            self.assertIn(said, text)

    def chain(self, *words, number="2"):
        """Exit code, what it says, and the jobs that it submitted."""
        if os.path.exists("submitted"):
            os.remove("submitted")
        code, said = self.start(f"{ROOT}/jobs/restart-chain.sh", number, "-N", "3", *words, SLURM_JOB_ID="1")
        jobs = []
        if os.path.exists("submitted"):
            with open("submitted", encoding="utf-8") as file:
                jobs = file.read().splitlines()
        return code, said, jobs

    def test_chain(self):
        script = f"{ROOT}/jobs/fit.sbatch"
        words = script, "in.h5", "-k", "3", "-o", "out.h5"
        code, err, jobs = self.chain(*words)
        line = "-N 3 " + " ".join(words)
        self.assertEqual((code, err, jobs), (0, "job 1 of 2: 7\njob 2 of 2: 7\n", [
            f"1 --parsable --no-requeue {line}",
            f"2 --parsable --no-requeue --dependency=afterany:7 {line}"]))
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
        for number in ("0", "-1", "x"):
            self.assertEqual(self.chain(*words, number=number),
                             (2, "usage: restart-chain.sh NUMBER-OF-JOBS SBATCH-ARGUMENTS...\n", []))


if __name__ == "__main__":
    unittest.main()

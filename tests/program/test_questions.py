"""docs/questions.md is what its commands print: `make check TEST=questions`. With --write as its
argument this writes their output into the page."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from astropy.table import Table

sys.dont_write_bytecode = True

from tool import HIPPARCOS, PROGRAM, ROOT

PAGE = pathlib.Path(ROOT) / "docs" / "questions.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^\$ (?:.*\\\n)*.*\n", re.MULTILINE)
CHANGING = re.compile(r"^(  ended +).*$", re.MULTILINE)
ENDED = r"\g<1>2026-11-30T03:53:18Z"
SECONDS = 300


def run_command(command, folder):
    """What it prints, of which times are always the same."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2",
                   "PATH": os.path.dirname(PROGRAM) + os.pathsep + os.environ["PATH"]}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)
    if done.returncode:
        raise AssertionError(f"{command}\n{done.stdout}")
    return CHANGING.sub(ENDED, done.stdout)


def run_page(page):
    """The page with the output that its commands have now, their files, and the table of classes."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(HIPPARCOS, folder)

        def run_block(block):
            commands = COMMAND.findall(block[1])
            printed = [each + run_command(each[2:], folder) for each in commands]
            return "```console\n" + "".join(printed) + "```"

        now = BLOCK.sub(run_block, page)
        return now, set(os.listdir(folder)), Table.read(os.path.join(folder, "classes.fits"))


class Questions(unittest.TestCase):

    def test_page(self):
        page = PAGE.read_text(encoding="utf-8")
        self.assertEqual(len(re.findall(r"^\$ skymeans", page, re.MULTILINE)), 10)
        self.maxDiff = None
        now, files, classes = run_page(page)
        self.assertEqual(now, page, "run tests/program/test_questions.py --write")
        self.assertLessEqual({"figure.pdf", "classes.fits", "classes.tex", "classes.html"}, files)
        borderline = (classes["margin"] > 0.9).sum()
        self.assertEqual(re.findall(r"borderline: (\d+) rows|the\n(\d+) borderline", page),
                         [(str(borderline), ""), ("", str(borderline))])


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(run_page(PAGE.read_text(encoding="utf-8"))[0], encoding="utf-8")
    else:
        unittest.main()

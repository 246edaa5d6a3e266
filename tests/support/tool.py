"""For tests of tools: a tool's main() runs in this process, which saves starting Python."""
import contextlib
import importlib.util
import io
import os
import sys
import tempfile
import unittest
from unittest import mock

import h5py

from program import BINARY, ROOT, run

HIPPARCOS = os.path.join(ROOT, "data", "hipparcos.h5")


def load_tool(name):
    """A tool as a module; `import` is no name that Python could import."""
    path = os.path.join(ROOT, "tools", f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"{name}_tool", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROGRAM = BINARY
os.environ["SKYMEANS"] = PROGRAM

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tools"))


class ToolTest(unittest.TestCase):
    """Each test has a folder of its own, and works in it."""

    def setUp(self):
        self.addCleanup(os.chdir, os.getcwd())
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chdir(folder.name)

    def run_tool(self, tool, *arguments):
        """The exit code and what the tool wrote to stdout and stderr."""
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", [tool.__file__, *arguments]), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = tool.main()
        return code, out.getvalue(), err.getvalue()

    def succeed(self, tool, *arguments):
        """What a successful run says on stderr; its stdout is one line."""
        code, out, err = self.run_tool(tool, *arguments)
        self.assertEqual((code, out.count("\n")), (0, 1), err)
        self.last_line = out
        return err

    def refuse(self, code, pattern, tool, *arguments):
        """The run ends with this code, one line that matches, and no file more or changed."""
        before = self.contents()
        found, out, err = self.run_tool(tool, *arguments)
        self.assertEqual((found, out, err.count("\n")), (code, "", 1), err)
        place = "" if "bad command line" in err else r" \(.+\)"
        advice = ": choose one of these " if "no such table" in err else "; .+"
        self.assertRegex(err, rf"^(import|plot|report|export|scaling)\.py: error: .+{place}(: .+)?{advice}.*\n$")
        self.assertRegex(err, pattern)
        self.assertEqual(self.contents(), before)

    @staticmethod
    def contents():
        found = {}
        for folder, _, names in os.walk("."):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.join(folder, name)] = file.read()
        return found


def skymeans(*arguments):
    """Runs the program, which must succeed."""
    done = run(*arguments)
    if done.code:
        raise AssertionError(done)


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read_columns(path):
    with h5py.File(path, "r") as file:
        return {name: group["data"][:] for name, group in file["table/columns"].items()}

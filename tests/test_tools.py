#!/usr/bin/env python3
"""Tests of what tools have in common, and of the star catalogue: tests/test_tools.py."""
import os
import subprocess
import sys
import unittest

import numpy as np

from tool import HIPPARCOS, ROOT, ToolTest, read_columns

TOOLS = ("import", "plot", "export")


class StartingTools(ToolTest):

    def test_missing_module(self):
        """Without its site folder, Python has none of the modules."""
        for tool in TOOLS:
            done = subprocess.run([sys.executable, "-S", os.path.join(ROOT, "tools", f"{tool}.py")],
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (4, ""))
            self.assertRegex(done.stderr, rf"^{tool}.py: error: Python module missing \(h5py\): "
                             ".*; install python3-h5py.*/usr/bin/python3\n$")

    def test_help(self):
        for tool in TOOLS:
            path = os.path.join(ROOT, "tools", f"{tool}.py")
            self.assertTrue(os.access(path, os.X_OK))
            done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(f"usage: {tool}.py", done.stdout)


class Hipparcos(unittest.TestCase):

    def test_facts(self):
        columns = read_columns(HIPPARCOS)
        self.assertEqual({len(values) for values in columns.values()}, {118214})
        missing = {name: np.count_nonzero(np.isnan(values)) for name, values in columns.items()}
        self.assertEqual(missing, {
            "hip": 0, "ra_deg": 0, "dec_deg": 0, "vmag": 0, "b_v": 1277, "parallax_mas": 0,
            "parallax_error_mas": 515, "pm_ra_mas_yr": 262, "pm_dec_mas_yr": 262, "abs_mag": 5524})
        self.assertEqual(np.count_nonzero(columns["parallax_mas"] <= 0), 812)
        both = np.isfinite(columns["abs_mag"]) & np.isfinite(columns["b_v"])
        self.assertEqual(np.count_nonzero(both), 111794)
        sure = columns["parallax_mas"] > 5 * columns["parallax_error_mas"]
        np.testing.assert_array_equal(sure, np.isfinite(columns["abs_mag"]))
        np.testing.assert_allclose(  # the last bit of NumPy's logarithm depends on the processor
            columns["abs_mag"][sure],
            columns["vmag"][sure] + 5 * np.log10(columns["parallax_mas"][sure]) - 10,
            rtol=0, atol=1e-13)

    def test_a_star(self):
        """Sirius, HIP 32349: the brightest star, of absolute magnitude 1.45."""
        columns = read_columns(HIPPARCOS)
        sirius, = np.flatnonzero(columns["hip"] == 32349)
        self.assertEqual(np.argmin(columns["vmag"]), sirius)
        self.assertAlmostEqual(columns["abs_mag"][sirius], 1.45, delta=0.02)


if __name__ == "__main__":
    unittest.main()

"""Tests of tools/report.py, in a browser as well where there is one: `make check TEST=report`."""
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import h5py
import numpy as np

sys.dont_write_bytecode = True

from test_plot import PlotTest, blobs, write_templates
from tool import load_tool, skymeans, write_text

REPORT = load_tool("report")
report_rows = sys.modules["report_rows"]
BROWSER = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium"))), None)
SECONDS = 100
# Points at the first row, in the panel of the first two columns, and writes down what the page says.
POINTING = """<script>
const canvas = document.querySelector("#corner canvas"), box = canvas.getBoundingClientRect();
const data = JSON.parse(document.getElementById("rows").textContent);
const first = (code) => new Uint16Array(Uint8Array.from(atob(code), (c) => c.charCodeAt(0)).buffer)[0];
const size = (box.width - 62) / data.names.length, share = data.values.map((v) => first(v) / 65535);
const x = box.left + 62 + share[0] * (size - 6);
const y = box.top + size + 6 + (data.downwards[1] ? share[1] : 1 - share[1]) * (size - 6);
canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y }));
document.body.dataset.tip = document.getElementById("tip").textContent;
document.body.dataset.wide = document.documentElement.scrollWidth - window.innerWidth;
canvas.dispatchEvent(new MouseEvent("click", { clientX: x, clientY: y }));
document.body.dataset.height = canvas.getBoundingClientRect().height;
</script></body>"""
HOSTILE = "</script><script>document.body.dataset.state='taken'</script>"


class Page(html.parser.HTMLParser):
    """Texts, attributes that lead elsewhere, and tags left open."""

    def __init__(self, text):
        super().__init__()
        self.links, self.open, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.texts.append(data)


class ReportTest(PlotTest):

    def setUp(self):
        super().setUp()
        self.values, self.labels = blobs(3000, 3)
        self.names = ["b_v", HOSTILE, "gmag"]
        with h5py.File("in.h5", "w") as file:
            file["stars"] = self.values
        self.write_result(self.values, self.labels, ["0", "1", "2"], "/stars", ["mag", "", "<b>"])
        write_templates("result.h5", self.values, self.labels, self.names)
        with h5py.File("result.h5", "r+") as file:
            file.attrs["checksum"] = "0123456789abcdef"
            file["provenance"].attrs["command"] = "skymeans fit in.h5 -c '<i>'"
            file["ids"] = np.arange(3000) + 7000000
            file["distances"], file["second_distance"] = np.full(3000, 1.0), np.full(3000, 4.0)
            for name, values in (("label", [0, 1]), ("second", [1, 0]), ("rows", [50, 60]),
                                 ("borderline", [5, 9]), ("share", [0.1, 0.15])):
                file[f"neighbours/{name}"] = values
            file["neighbours"].attrs["threshold"] = 0.9
            file["choice/k"], file["choice/silhouette"] = [3, 4], [0.25, 0.5]
            file["choice/bootstrap"], file["choice/gap"] = [np.nan] * 2, [np.nan] * 2  # not asked for
            file["choice/stability"] = [1.0, np.nan]
            file.attrs.update({"n_missing": 17, "n_excluded": 1234, "n_undecided": 56})
            file["choice"].attrs["best"] = 1
        write_text("run.json", json.dumps({
            "phases": {"read": {"min": 1.0, "mean": 2.0, "max": 3.0}}, "memory_peak_bytes": 5000000,
            "result": {"checksum": "0123456789abcdef"}}))

    def report(self, *arguments):
        self.assertEqual(self.succeed(REPORT, "result.h5", *arguments), "")
        with open(arguments[-1], encoding="utf-8") as file:
            return file.read()


class Reports(ReportTest):

    def test_page_is_whole_and_alone(self):
        text = self.report("in.h5", "--metrics", "run.json", "-o", "r.html")
        page = Page(text)
        self.assertEqual(page.open, [])
        self.assertLess(len(text), 10e6)
        self.assertTrue(all(link.startswith("data:image/svg+xml;base64,") for link in page.links))
        self.assertEqual(len(page.links), 3)  # choice, templates, convergence
        self.assertIn("default-src 'none'", text)
        for words in ("How many clusters", "Kept: k = 4.", "What the classes are", "Borderline rows",
                      "14 rows are borderline", "skymeans fit in.h5 -c '<i>'", "Convergence",
                      "3.0000", "5 MB on the rank that had most.", HOSTILE):
            self.assertIn(words, " ".join(page.texts))
        self.assertNotIn(HOSTILE, text)

    def test_counts_and_choice(self):
        """What became of all rows; and of the criteria those that were asked for."""
        page = " ".join(Page(self.report("-o", "r.html")).texts)
        self.assertRegex(page, r"missing\s+17\s+excluded\s+1,234\s+undecided\s+56\s")
        self.assertRegex(page, r"k\s+Silhouette\s+Stability\s+3\s+0.25\s+1\s+4\s+0.5\s+–")
        for name in ("Bootstrap", "Gap"):
            self.assertNotIn(name, page)

    def test_result_of_predict(self):
        """It has no iterations, no inertia; how features were scaled is said for all results."""
        self.write_columns("two.h5", self.values, "xyz")
        skymeans("fit", "two.h5", "-c", "x,y,z", "-k", 3, "--scale", "standard", "--factor", "y:2", "-o",
                 "fit.h5")
        skymeans("predict", "fit.h5", "two.h5", "--where", "x > 0 || y / 0 > 1", "-o", "result.h5",
                 "--overwrite", "--metrics", "run.json")
        page = " ".join(Page(self.report("two.h5", "--metrics", "run.json", "-o", "r.html")).texts)
        deviation, mean = self.values.std(axis=0), self.values.mean(axis=0)
        factors = [f"{name}: {value:.6g}" for name, value in zip("xyz", [1, 2, 1] / deviation)]
        offsets = [f"{name}: {value:.6g}" for name, value in zip("xyz", mean)]
        n_used = (self.values[:, 0] > 0).sum()
        for words in (r"for the centers of fit.h5, of", rf"clustered\s+{n_used:,}\s",
                      rf"excluded\s+0\s+undecided\s+{3000 - n_used:,}\s", r"scale\s+standard",
                      rf"factor\s+{', '.join(factors)}\s", rf"offset\s+{', '.join(offsets)}\s",
                      r"Times\s", "MB on the rank that had most"):
            self.assertRegex(page, words)
        for words in ("Convergence", "inertia", "iterations"):
            self.assertNotIn(words, page)
        row = dict(zip(*(line.split("\t") for line in self.report("-o", "r_mqc.tsv").splitlines()[-2:])))
        self.assertEqual(row, {
            "Sample": "result", "rows": "3000", "used": str(n_used), "missing": "0", "excluded": "0",
            "undecided": str(3000 - n_used), "features": "3", "clusters": "3",
            "smallest": row["smallest"], "largest": row["largest"]})

    def test_rows(self):
        text = self.report("in.h5", "-o", "r.html")
        data = json.loads(re.search(r'id="rows">(.*?)</script>', text)[1])
        rows = decode(data["rows"], "f8").astype(int)
        self.assertEqual(data["ids"], [str(7000000 + row) for row in rows])
        self.assertTrue(np.array_equal(decode(data["labels"], "i4"), self.labels[rows]))
        self.assertEqual(set(decode(data["margins"], "f4")), {0.25})
        for column, code in enumerate(data["values"]):
            low, high = data["ranges"][column]
            shown = low + decode(code, "u2") / 65535 * (high - low)
            np.testing.assert_allclose(shown, self.values[rows, column], atol=(high - low) / 1e5)
        self.assertGreater(len(rows), 0.95 * (self.labels >= 0).sum())

    def test_without_catalogue(self):
        text = self.report("-o", "r.html")
        self.assertIn('id="rows">null</script>', text)
        self.assertNotIn("<canvas", text)

    def test_multiqc(self):
        header, names, row = self.report("-o", "r_mqc.tsv").rsplit("\n", 3)[:3]
        self.assertIn('# plot_type: "table"', header)
        found = dict(zip(names.split("\t"), row.split("\t")))
        self.assertEqual(found, {
            "Sample": "result", "rows": "3000", "used": str((self.labels >= 0).sum()),
            "missing": "17", "excluded": "1234", "undecided": "56",
            "features": "3", "clusters": "4", "smallest": str(np.bincount(self.labels + 1)[1:].min()),
            "largest": str(np.bincount(self.labels + 1)[1:].max()), "inertia": "11",
            "iterations": "4", "converged": "1", "silhouette": "0.5"})

    def test_multiqc_reads_it(self):
        program = shutil.which("multiqc")
        if not program:
            self.skipTest("multiqc is not installed")
        self.report("-o", "r_mqc.tsv")
        subprocess.run([program, "-q", "."], check=True, timeout=SECONDS, capture_output=True)
        with open("multiqc_data/multiqc_skymeans_table.txt", encoding="utf-8") as file:
            names, row = (line.split("\t") for line in file.read().splitlines())
        self.assertEqual(float(row[names.index("clusters")]), 4)

    def test_errors(self):
        for code, pattern, *arguments in (
                (2, "RESULT.h5 is required", "-o", "r.html"),
                (2, "does not end in .html", "result.h5", "-o", "r.txt"),
                (2, "-c needs the catalogue", "result.h5", "-c", "0", "-o", "r.html"),
                (3, "not a record of a run", "result.h5", "--metrics", "bad.json", "-o", "r.html"),
                (3, "the record of another run", "result.h5", "--metrics", "other.json", "-o",
                 "r.html"),
                (4, "No such file", "result.h5", "--metrics", "none.json", "-o", "r.html")):
            with self.subTest(pattern=pattern):
                write_text("bad.json", "[]")
                write_text("other.json", '{"phases": {}, "memory_peak_bytes": 1, '
                                         '"result": {"checksum": "f"}}')
                self.refuse(code, pattern, REPORT, *arguments)
        for name in ("choice/k", "templates/mean", "neighbours/label"):
            with h5py.File("result.h5", "r+") as file:
                values = file[name][:]
                del file[name]
            self.refuse(3, r"not a result \(result.h5, /" + name.split("/")[0], REPORT, "result.h5",
                        "-o", "r.html")
            with h5py.File("result.h5", "r+") as file:
                file[name] = values


@unittest.skipIf(BROWSER is None, "Chromium is not installed")
class Browser(ReportTest):
    """The page as a browser has it."""

    def look(self, path, width):
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
             "--dump-dom", f"file://{os.path.abspath(path)}"], capture_output=True, text=True,
            timeout=SECONDS, check=True)
        tag = re.search(r"<body ([^>]*)>", done.stdout)
        self.assertIsNotNone(tag, "the script of the page failed")
        return dict(re.findall(r'data-(\w+)="([^"]*)"', tag[1]))

    def test_pointing(self):
        text = self.report("in.h5", "-o", "r.html")
        write_text("p.html", text.replace("</body>", POINTING))
        for width in (1200, 390):
            with self.subTest(width=width):
                found = self.look("p.html", width)
                self.assertEqual(found["state"], "ready")
                self.assertLessEqual(int(found["wide"]), 0)  # nothing is beyond the edge
                self.assertRegex(found["tip"], r"^row \d+\nid 70\d+\ncluster [0-3]\n0 \[mag\]: ")
                row = int(re.match(r"row (\d+)", found["tip"])[1])
                value = float(re.search(r"^0 \[mag\]: (.*)$", found["tip"], re.MULTILINE)[1])
                self.assertAlmostEqual(value, self.values[row, 0], 2)
                self.assertIn("d1/d2: 0.250", found["tip"])
                self.assertGreater(float(found["height"]), 300)

    def test_without_catalogue(self):
        self.report("-o", "r.html")
        self.assertEqual(self.look("r.html", 390)["state"], "ready")


def decode(code, kind):
    return np.frombuffer(REPORT.report_page.base64.b64decode(code), np.dtype(kind))


if __name__ == "__main__":
    unittest.main()

"""Tests of tools/plot.py: `make check TEST=plot`."""
import os
import sys
import unittest
import warnings
from unittest import mock

import h5py
import numpy as np
from astropy.table import Table
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from tool import HIPPARCOS, ToolTest, load_tool, read_columns, skymeans, write_text

PLOT = load_tool("plot")
panels, figures, samples = (sys.modules[name] for name in ("panels", "figures", "samples"))


class PlotTest(ToolTest):

    def setUp(self):
        super().setUp()
        strict = warnings.catch_warnings()
        strict.__enter__()
        self.addCleanup(strict.__exit__, None, None, None)
        warnings.simplefilter("error")  # matplotlib warns of a layout that fails

    def write_result(self, values, labels, features, dataset, units=None):
        """result.h5 with the centers and sizes that the labels say, in the layout of a fit."""
        n_clusters = labels.max() + 1
        centers = np.stack([values[labels == c].mean(axis=0) for c in range(n_clusters)])
        with h5py.File("result.h5", "w") as file:
            file["centers"] = centers
            file["centers"].attrs["features"] = features
            file["centers"].attrs["units"] = units or [""] * len(features)
            file["labels"] = labels.astype("i4")
            file["sizes"] = np.bincount(labels[labels >= 0], minlength=n_clusters)
            file["history/iteration"] = np.arange(1, 5)
            file["history/inertia"] = np.array([40.0, 20.0, 12.0, 11.0])
            file["history/shift"] = np.array([1.0, 0.1, 0.01, 0.0])
            file.create_group("provenance").attrs["dataset"] = np.bytes_(dataset)
            file.attrs.update({"inertia": 11.0, "n_iterations": 4, "converged": 1})

    def write_columns(self, path, values, names):
        with h5py.File(path, "w") as file:
            for name, column in zip(names, values.T):
                file[f"table/columns/{name}/data"] = column

    def draw(self, *arguments):
        """The picture's pixels, and the matplotlib figure behind it."""
        drawn = []

        def keep(figure, path):
            drawn.append(figure)
            save(figure, path)

        save = PLOT.save
        with mock.patch.object(PLOT, "save", keep):
            self.assertEqual(self.succeed(PLOT, *arguments, "-o", "out.png", "--overwrite"), "")
        return imread("out.png")[..., :3], drawn[0]

    def plot(self, *arguments):
        """The same of an overview."""
        pixels, figure = self.draw(*arguments)
        self.assertEqual(pixels.shape, (700, 1200, 3))
        return pixels, figure

    def count_colour(self, pixels, colour):
        return np.count_nonzero((np.abs(pixels - np.array(colour)) < 0.01).all(axis=2))


def blobs(n_rows, n_features, n_clusters=4):
    """Rows around the corners of a square; some are in no cluster."""
    random = np.random.default_rng(1)
    labels = random.integers(-1, n_clusters, n_rows)
    corner = np.stack([10 * ((labels >> bit) & 1) for bit in range(n_features)], axis=1)
    return corner + random.normal(size=(n_rows, n_features)), labels


class PlotPictures(PlotTest):

    def check_common(self, pixels, figure, labels):
        *_, sizes, history, shift = figure.axes
        counts = np.bincount(labels[labels >= 0])
        self.assertEqual([bar.get_height() for bar in sizes.patches], list(counts))
        self.assertEqual(list(history.lines[0].get_ydata()), [40, 20, 12, 11])
        np.testing.assert_array_equal(shift.lines[0].get_ydata(), [1, 0.1, 0.01, np.nan])
        self.assertEqual(shift.get_yscale(), "log")
        for colour in panels.make_palette(len(counts))[:-1]:
            self.assertGreater(self.count_colour(pixels, colour), 2000)

    def test_one_feature(self):
        values, labels = blobs(3000, 1, 2)
        self.write_columns("in.h5", values, ["speed"])
        self.write_result(values, labels, ["speed"], "/table/columns", ["km / s"])
        pixels, figure = self.plot("result.h5", "in.h5")
        self.check_common(pixels, figure, labels)
        self.assertEqual(figure.axes[0].get_xlabel(), "speed [km / s]")
        self.assertEqual([text.get_text() for text in figure.axes[0].texts], ["0", "1"])

    def test_histogram_counts(self):
        values, labels = blobs(3000, 1, 2)
        panel = panels.Histogram(None, panels.make_palette(2), np.array([[-100.0, 100.0]]))
        panel.add(values, labels)
        self.assertEqual(list(panel.counts.sum(axis=1)), list(np.bincount(labels[labels >= 0])))

    def test_two_features_with_few_and_many_rows(self):
        for n_rows in (figures.MARKER_ROWS, figures.MARKER_ROWS + 1):
            with self.subTest(n_rows=n_rows):
                values, labels = blobs(n_rows, 2)
                self.write_columns("in.h5", values, ["b_v", "Abs_Mag"])
                self.write_result(values, labels, ["b_v", "Abs_Mag"], "/table/columns",
                                  ["mag", ""])
                pixels, figure = self.plot("result.h5", "in.h5")
                self.check_common(pixels, figure, labels)
                axes = figure.axes[0]
                self.assertEqual((axes.get_xlabel(), axes.get_ylabel()), ("b_v [mag]", "Abs_Mag"))
                bottom, top = axes.get_ylim()
                self.assertGreater(bottom, top)  # the bright ones are up
                self.assertLess(*axes.get_xlim())
                self.assertEqual([text.get_text() for text in axes.texts], list("0123"))
                self.assertEqual(bool(axes.images), n_rows > figures.MARKER_ROWS)

    def test_three_features_of_an_array(self):
        values, labels = blobs(20000, 5)
        with h5py.File("in.h5", "w") as file:
            file["survey/points"] = values.astype("f4")
            file["survey/other"] = np.zeros((3, 3))
        self.write_result(values[:, [4, 0, 1, 2]], labels, ["4", "0", "1", "2"], "/survey/points")
        pixels, figure = self.plot("result.h5", "in.h5")
        self.check_common(pixels, figure, labels)
        self.assertEqual([(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes[:3]],
                         [("column 4", "column 0"), ("column 4", "column 1"),
                          ("column 0", "column 1")])
        self.assertIn("first 3 of 4 features", figure.texts[0].get_text())

    def test_hundreds_of_clusters(self):
        values = np.random.default_rng(2).normal(size=(20000, 2))
        labels = np.arange(20000) % 300
        self.write_columns("in.h5", values, "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        _, figure = self.plot("result.h5", "in.h5")
        self.assertEqual(len(np.unique(panels.make_palette(300), axis=0)), 301)
        self.assertEqual(len(figure.axes[1].patches), 300)

    def test_pieces_and_files_do_not_matter(self):
        values, labels = blobs(20000, 2)
        self.write_columns("in.h5", values, "xy")
        self.write_columns("a.h5", values[:7000], "xy")
        self.write_columns("none.h5", values[:0], "xy")
        self.write_columns("b.h5", values[7000:], "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        whole, _ = self.plot("result.h5", "in.h5")
        with mock.patch.object(samples, "PIECE_ROWS", 999):
            pieces, _ = self.plot("result.h5", "a.h5", "none.h5", "b.h5")
        below_title = slice(40, None)  # which has the name of the file
        self.assertLess(np.abs(whole - pieces)[below_title].max(), 0.01)

    def test_rows_without_cluster_are_grey(self):
        values, labels = blobs(20000, 2, 1)
        values[labels < 0] += [10, 0]
        labels[:400] = 0
        values[:400] = [24, 20]  # so the axes reach beyond the grey
        self.write_columns("in.h5", values, "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        _, figure = self.plot("result.h5", "in.h5")
        image = np.asarray(figure.axes[0].images[0].get_array())
        right = image[:, int(0.75 * image.shape[1]):]
        painted = right[right.min(axis=2) < 1]
        self.assertGreater(len(painted), 10000)
        self.assertLess(painted.min(), 0.8)
        self.assertLess(np.median(np.ptp(painted, axis=1)), 0.01)

    def test_outliers_do_not_squash(self):
        values, labels = blobs(20000, 2)
        values[0], labels[0] = [1e9, -1e9], 0
        self.write_columns("in.h5", values, "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        _, figure = self.plot("result.h5", "in.h5")
        self.assertLess(np.ptp(figure.axes[0].get_xlim()), 40)

    def test_odd_catalogues(self):
        """Constant features, missing and masked values, one row, no iterations, any group."""
        values = np.array([[1.0, 5.0], [1.0, 5.0], [np.nan, np.inf], [1.0, -999.0]])
        labels = np.array([0, 0, -1, -1])
        with h5py.File("in.h5", "w") as file:
            file["cat/x"], file["cat/y"] = values.T
        self.write_result(values, labels, ["x", "y"], "/cat")
        with h5py.File("result.h5", "r+") as file:
            for name in ("iteration", "inertia", "shift"):
                del file["history"][name]
                file["history"][name] = np.zeros(0)
        self.plot("result.h5", "in.h5")
        with h5py.File("in.h5", "w") as file:
            file["rows"] = np.array([tuple(row) for row in values],
                                    dtype=[("x", "f4"), ("y", "f8")])
        self.plot("result.h5", "in.h5", "-d", "/rows")

    def test_compound_and_vaex_tables(self):
        """Their pictures are that of the same values, NaN where missing, in plain columns."""
        values, labels = blobs(6000, 2)
        is_missing = np.arange(6000) % 3 == 0
        labels = np.where(is_missing, -1, labels)
        self.write_result(np.nan_to_num(values), labels, ["x", "y"], "/table/columns")
        self.write_columns("in.h5", np.where(is_missing[:, None], np.nan, values), "xy")
        plain, _ = self.plot("result.h5", "in.h5")
        self.write_columns("vaex.h5", np.where(is_missing[:, None], 5, values), "xy")
        with h5py.File("vaex.h5", "r+") as file:
            for name in "xy":
                file[f"table/columns/{name}/mask"] = is_missing
        masked, _ = self.plot("result.h5", "vaex.h5")
        table = Table(list(np.where(is_missing[:, None], 5, values).T), names="xy", masked=True)
        table["x"].mask = table["y"].mask = is_missing
        table.write("compound.h5", path="stars", serialize_meta=True)
        compound, _ = self.plot("result.h5", "compound.h5", "-d", "stars")
        for picture in (masked, compound):
            self.assertLess(np.abs(picture - plain)[40:].max(), 0.01)  # below the file's name

    def test_dataset_choice(self):
        values, labels = blobs(100, 2)
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        with h5py.File("result.h5", "r+") as file:
            del file["provenance"].attrs["dataset"]
        self.write_columns("in.h5", values, "xy")
        with h5py.File("in.h5", "r+") as file:
            file["other"] = values
        self.plot("result.h5", "in.h5")
        with h5py.File("only.h5", "w") as file:
            file["group/x"], file["group/y"] = values.T
        self.plot("result.h5", "only.h5")
        with h5py.File("only.h5", "r+") as file:
            file["more/x"], file["more/y"] = values.T
        self.refuse(3, r"which table \(only.h5\): there are several; choose one with -d: /group .*, "
                    "/more .*", PLOT, "result.h5", "only.h5", "-o", "new.png")
        self.plot("result.h5", "only.h5", "-d", "group")

    def test_hipparcos(self):
        columns = read_columns(HIPPARCOS)
        values = np.stack([columns["b_v"], columns["abs_mag"]], axis=1)
        labels = np.where(np.isfinite(values).all(axis=1), (values[:, 0] > 0.8).astype(int), -1)
        self.write_result(values, labels, ["b_v", "abs_mag"], "/table/columns", ["mag", "mag"])
        pixels, figure = self.plot("result.h5", HIPPARCOS)
        self.check_common(pixels, figure, labels)
        self.assertIn("111,794 of 118,214 rows", figure.texts[0].get_text())

    def test_formats(self):
        values, labels = blobs(100, 2)
        self.write_columns("in.h5", values, "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        for name, magic in (("p.pdf", b"%PDF"), ("p.svg", b"<?xml"), ("P.PNG", b"\x89PNG")):
            self.succeed(PLOT, "result.h5", "in.h5", "-o", name)
            self.refuse(2, rf"output exists \({name}\)", PLOT, "result.h5", "in.h5", "-o", name)
            self.assertTrue(self.contents()[f"./{name}"].startswith(magic))
        self.assertEqual(sorted(os.listdir()), ["P.PNG", "in.h5", "p.pdf", "p.svg", "result.h5"])


class PlotErrors(PlotTest):

    def setUp(self):
        super().setUp()
        values, labels = blobs(100, 2)
        self.write_columns("in.h5", values, "xy")
        self.write_result(values, labels, ["x", "y"], "/table/columns")
        write_text("out.png", "precious")

    def check(self, code, pattern, *files):
        self.refuse(code, pattern, PLOT, *(files or ("result.h5", "in.h5")), "-o", "out.png",
                    "--overwrite")

    def test_usage(self):
        self.refuse(2, "required", PLOT)
        self.refuse(2, "required", PLOT, "result.h5", "in.h5")
        self.refuse(2, "required", PLOT, "result.h5", "-o", "out.png")
        self.refuse(2, "out.h5 does not end in", PLOT, "result.h5", "in.h5", "-o", "out.h5")

    def test_files(self):
        write_text("text.h5", "text")
        with open("in.h5", "rb") as whole, open("cut.h5", "wb") as cut:
            cut.write(whole.read()[:1500])
        self.check(4, r"\(nothing.h5\): No such file", "nothing.h5", "in.h5")
        self.check(4, r"\(nothing.h5\): No such file", "result.h5", "nothing.h5")
        self.check(4, r"\(b\): No such file .* one word, as in -c a,b$", "result.h5", "in.h5", "-c", "a", "b")
        self.check(3, r"not a readable HDF5 file \(text.h5\)", "result.h5", "text.h5")
        self.check(3, r"not a readable HDF5 file \(cut.h5\)", "result.h5", "cut.h5")
        self.check(3, r"not a result \(in.h5\): it has no /centers", "in.h5", "result.h5")
        self.refuse(4, "no folder nowhere", PLOT, "result.h5", "in.h5", "-o", "nowhere/out.png")
        os.mkdir("folder.png")
        self.refuse(4, "Is a directory", PLOT, "result.h5", "in.h5", "-o", "folder.png",
                    "--overwrite")

    def test_catalogue_of_another_fit(self):
        values, _ = blobs(99, 2)
        self.write_columns("short.h5", values, "xy")
        self.check(3, "labels 100 rows, the catalogue has 99", "result.h5", "short.h5")
        self.check(3, "the catalogue has 199", "result.h5", "in.h5", "short.h5")
        self.write_columns("names.h5", np.tile(values, (2, 1))[:100], "xz")
        self.check(3, r"no such column \(names.h5, /table/columns, column y\)",
                   "result.h5", "names.h5")
        with h5py.File("names.h5", "r+") as file:
            file["table/columns/y/data"] = np.full(100, b"text")
        self.check(3, r"not a number \(names.h5, /table/columns, column y\)",
                   "result.h5", "names.h5")
        with h5py.File("array.h5", "w") as file:
            file["points"] = np.zeros((100, 2))
        self.check(3, r"no such table \(array.h5, dataset /table/columns\): .* -d: /points",
                   "result.h5", "array.h5")
        self.check(3, r"no such column \(array.h5, /points, column x\)",
                   "result.h5", "array.h5", "-d", "points")

    def test_ragged_table(self):
        with h5py.File("in.h5", "r+") as file:
            del file["table/columns/y"]
            file["table/columns/y/data"] = np.zeros(50)
        self.check(3, r"columns are not equally long \(in.h5, /table/columns, column y\)")

    def test_damaged_results(self):
        with h5py.File("result.h5", "r+") as file:
            file["labels"][7] = 4
        self.check(3, r"bad label \(/labels\)")
        with h5py.File("result.h5", "r+") as file:
            file["labels"][:] = -1
        self.check(3, r"nothing to draw \(/labels\)")
        with h5py.File("result.h5", "r+") as file:
            del file["history/shift"]
        self.check(3, "it has no /history/shift")
        with h5py.File("result.h5", "r+") as file:
            file["history/shift"] = np.zeros(2)
        self.check(3, r"not a result \(result.h5, /history\)")
        with h5py.File("result.h5", "r+") as file:
            file["centers"].attrs["features"] = ["x"]
        self.check(3, r"not a result \(result.h5, /centers\)")


class Palette(unittest.TestCase):

    def test_colours_are_distinct_and_dark_enough(self):
        for n_clusters in (1, 9, 10, 40, 500):
            palette = panels.make_palette(n_clusters)
            self.assertEqual(palette.shape, (n_clusters + 1, 3))
            self.assertEqual(len(np.unique(palette, axis=0)), n_clusters + 1)
            self.assertEqual(tuple(palette[-1]), panels.GREY)
            self.assertLess(panels.brightness(palette[:-1]).max(), 0.8)
            self.assertTrue(np.all((palette >= 0) & (palette < to_rgb("white"))))

    def test_colour_blind_eyes_tell_them_apart(self):
        """Machado et al. 2009: how the colours look without red, green or blue cones."""
        eyes = (np.eye(3),
                [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                 [-0.003882, -0.048116, 1.051998]],
                [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                 [-0.011820, 0.042940, 0.968881]],
                [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                 [0.004733, 0.691367, 0.303900]])
        for n_clusters, least in ((6, 0.3), (9, 0.15)):
            linear = panels.make_palette(n_clusters)[:-1] ** 2.2
            for eye in eyes:
                seen = np.clip(linear @ np.transpose(eye), 0, 1) ** (1 / 2.2)
                apart = np.linalg.norm(seen[:, None] - seen, axis=2)
                self.assertGreater(apart[np.triu_indices(n_clusters, 1)].min(), least)


class PlotKinds(PlotTest):
    """Figures for a journal."""

    def setUp(self):
        super().setUp()
        self.values, self.labels = blobs(20000, 4)
        self.write_columns("in.h5", self.values, ["u_g", "gmag", "ra", "dec"])
        self.write_result(self.values[:, :2], self.labels, ["u_g", "gmag"], "/table/columns",
                          ["mag", "mag"])

    def test_panel(self):
        pixels, figure = self.draw("result.h5", "in.h5", "-x", "ra", "-y", "gmag")
        axes, = figure.axes
        self.assertEqual(pixels.shape, (640, 700, 3))
        self.assertEqual((axes.get_xlabel(), axes.get_ylabel()), ("ra", "gmag [mag]"))
        self.assertGreater(*axes.get_ylim())  # magnitudes go down
        self.assertEqual(figure.texts, [])
        self.assertEqual(len(axes.images), 1)
        contours = [each for each in axes.collections if type(each).__name__ in
                    ("QuadContourSet", "LineCollection") or each.get_linewidth()[0] in (0.6, 0.9)]
        self.assertGreaterEqual(len(contours), 4)  # of each cluster
        # Where no feature is, the disc is at the median of the rows.
        place = np.median(self.values[self.labels == 2, 2])
        self.assertAlmostEqual(axes.texts[2].get_position()[0], place, 2)

    def test_size_and_title(self):
        pixels, figure = self.draw("result.h5", "in.h5", "-x", "u_g", "-y", "gmag", "--size", "3x2",
                                   "--title", "Costs 5 $")
        self.assertEqual(pixels.shape, (400, 600, 3))
        self.assertEqual(figure.texts[0].get_text(), "Costs 5 \\$")
        _, figure = self.draw("result.h5", "in.h5", "--title", "")
        self.assertEqual(figure.texts, [])

    def test_all_features(self):
        """`features` among other columns."""
        _, figure = self.draw("result.h5", "in.h5", "-c", "dec,features")
        self.assertEqual([axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()],
                         ["u_g [mag]", "gmag [mag]"])
        self.assertEqual(figure.axes[0].get_xlabel() or figure.axes[-1].get_xlabel(), "gmag [mag]")

    def test_corner(self):
        _, figure = self.draw("result.h5", "in.h5", "-c", "u_g,gmag,dec")
        self.assertEqual(len(figure.axes), 6)
        labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]
        self.assertEqual(labels, [("", ""), ("", "gmag [mag]"), ("", ""), ("u_g [mag]", "dec"),
                                  ("gmag [mag]", ""), ("dec", "")])
        self.assertEqual(legend_of(figure.axes[0]), [*"0123", "not clustered"])

    def test_legends_are_as_rows_are_drawn(self):
        """Markers of few rows, else squares; the grey is explained where rows without a cluster are seen."""
        few, many = list("osD^"), ["square"] * 4
        for n_rows, is_seen, arguments, shapes in (
                (6000, True, ["-c", "u_g,gmag"], [*many, "square"]),
                (6000, False, ["--kind", "sky"], many),
                (6000, True, ["-x", "u_g", "-y", "gmag"], ["square"]),
                (900, True, ["-c", "u_g,gmag"], [*few, "."]), (900, False, ["-c", "u_g,gmag"], few),
                (900, True, ["-c", "u_g"], many), (900, True, ["--kind", "sky"], [*few, "."]),
                (900, True, [], ["."]), (900, False, [], [])):
            with self.subTest(n_rows=n_rows, is_seen=is_seen, arguments=arguments):
                self.write_columns("in.h5", self.values[:n_rows], ["u_g", "gmag", "ra", "dec"])
                labels = self.labels[:n_rows] if is_seen else np.arange(n_rows) % 4
                self.write_result(self.values[:n_rows, :2], labels, ["u_g", "gmag"], "/table/columns")
                _, figure = self.draw("result.h5", "in.h5", *arguments)
                axes = next(axes for axes in figure.axes if axes.get_legend())
                names = [*"0123", "not clustered"]
                self.assertEqual(legend_of(axes), names[:len(shapes)] if len(shapes) > 1 else
                                 names[4:4 + len(shapes)])
                self.assertEqual(axes.get_legend().get_visible(), bool(shapes))
                lines, patches = axes.get_legend().get_lines(), axes.get_legend().get_patches()
                self.assertEqual([line.get_marker() for line in lines] + ["square"] * len(patches),
                                 shapes)

    def test_contours_have_the_shares(self):
        random = np.random.default_rng(3)
        values = random.normal(size=(200000, 2))
        panel = panels.Contours(None, [0, 1], panels.make_palette(1), np.array([[-5, 5.0]] * 2))
        panel.add(values, np.zeros(len(values), int))
        low, high = panels.contour_levels(panel.counts[0])
        for level, share in ((low, 0.95), (high, 0.68)):
            counts = panel.counts[0]
            self.assertAlmostEqual(counts[counts >= level].sum() / counts.sum(), share, 2)

    def test_sky(self):
        _, figure = self.draw("result.h5", "in.h5", "--kind", "sky")
        self.assertIn("ra, dec", [text.get_text() for text in figure.axes[0].texts])
        corners = figures.project([0, 90, -90, 0, 0], [0, 0, 0, 90, -90])
        np.testing.assert_allclose(corners, [[0, 0], [-1, 0], [1, 0], [0, 1], [0, -1]], atol=1e-3)
        # Equal areas: the northern cap down to 30 degrees is a quarter of the sphere.
        latitude = np.degrees(np.arcsin(np.random.default_rng(4).uniform(-1, 1, 100000)))
        y = figures.project(np.zeros(100000), latitude)[:, 1]
        theta = np.arcsin(np.sort(y))
        area = (2 * theta + np.sin(2 * theta)) / np.pi  # of the ellipse below, from -1 to 1
        np.testing.assert_allclose(area, np.linspace(-1, 1, 100000), atol=0.02)

    def test_choice(self):
        self.refuse(3, "give several to fit", PLOT, "result.h5", "--kind", "choice", "-o", "new.png")
        with h5py.File("result.h5", "r+") as file:
            file["choice/k"] = np.arange(2, 7)
            for name in ("inertia", "silhouette", "davies_bouldin"):
                file[f"choice/{name}"] = np.arange(5.0)
            file["choice/stability"] = np.full(5, np.nan)
            file["choice"].attrs["best"] = 3
        _, figure = self.draw("result.h5", "--kind", "choice")
        self.assertEqual([axes.get_title("left") for axes in figure.axes],
                         ["Inertia", "Silhouette (largest)", "Davies-Bouldin (smallest)"])
        self.assertEqual(figure.axes[0].texts[0].get_text(), "kept: 5")
        with h5py.File("result.h5", "r+") as file:
            file["choice"].attrs["best"] = 9
        self.refuse(3, r"not a result \(result.h5, /choice\)", PLOT, "result.h5", "--kind", "choice",
                    "-o", "new.png")

    def test_templates(self):
        self.refuse(3, "add --describe", PLOT, "result.h5", "--kind", "templates", "-o", "new.png")
        write_templates("result.h5", self.values, self.labels, ["u_g", "gmag", "ra", "dec"])
        _, figure = self.draw("result.h5", "--kind", "templates")
        self.assertEqual(len(figure.axes), 4)
        medians = [axes.lines[1].get_xdata() for axes in figure.axes]
        used = self.values[self.labels >= 0]
        expected = [(np.median(self.values[self.labels == c], axis=0) - used.mean(0)) / used.std(0)
                    for c in range(4)]
        np.testing.assert_allclose(medians, expected)
        self.assertRegex(figure._supxlabel.get_text(), "^standard deviations from the mean")

    def test_results_of_predict(self):
        """What they have is drawn; one plot needs what they have not."""
        with h5py.File("result.h5", "r+") as file:
            del file["history"]
            for name in ("inertia", "n_iterations", "converged"):
                del file.attrs[name]
            file.attrs.update({"n_missing": 0, "n_excluded": 30, "n_undecided": 4})
        _, figure = self.draw("result.h5", "in.h5")
        self.assertEqual([axes.get_title("left") for axes in figure.axes], ["", "Cluster sizes"])
        used = (self.labels >= 0).sum()
        self.assertEqual(figure.texts[0].get_text(), f"in.h5: {used:,} of 20,000 rows "
                         "(30 excluded, 4 undecided) in 4 clusters")
        for kind in ("corner", "panel", "sky"):
            self.draw("result.h5", "in.h5", "--kind", kind)
        for kind, said in (("convergence", "predict has no iterations"), ("choice", "no choice of k"),
                           ("templates", "no class templates")):
            self.refuse(3, rf"no .* \(result.h5\): .*{said}|{said} \(result.h5\)", PLOT, "result.h5",
                        "--kind", kind, "-o", "new.png")

    def test_predict_draws_any_k(self):
        with h5py.File("in.h5", "r+") as file:
            del file["table/columns/ra"], file["table/columns/dec"]
        skymeans("fit", "in.h5", "-c", "u_g,gmag", "-k", "2..4", "-o", "fit.h5")
        for k in (2, 3, 4):
            skymeans("predict", "fit.h5", "in.h5", "--clusters", k, "-o", f"{k}.h5")
            _, figure = self.draw(f"{k}.h5", "in.h5")
            with h5py.File(f"{k}.h5") as file:
                counts = np.bincount(file["labels"][:], minlength=k)
            self.assertEqual([bar.get_height() for bar in figure.axes[1].patches], list(counts))

    def test_titles_fit(self):
        _, figure = self.draw("result.h5", "in.h5", "--title", "word " * 60)
        figure.draw_without_rendering()
        self.assertEqual(figure.texts[0].get_text().split(), ["word"] * 60)
        self.assertLess(figure.texts[0].get_window_extent().x1, 1200)

    def test_messages_name_few_files(self):
        for i in range(5):
            self.write_columns(f"{i}.h5", self.values[:4000, :2], ["u_g", "gmag"])
        files = [f"{i}.h5" for i in range(5)]
        few = r"\(0.h5, 1.h5, 2.h5 and 2 more\)"
        self.refuse(3, f"no positions {few}: no columns ra and dec", PLOT, "result.h5", *files,
                    "--force", "--kind", "sky", "-o", "new.png")
        self.refuse(3, r"no positions \(0.h5\): ", PLOT, "result.h5", *["0.h5"] * 5, "--force",
                    "--kind", "sky", "-o", "new.png")
        self.write_columns("4.h5", self.values[:1, :2], ["u_g", "gmag"])
        self.refuse(3, f"other rows {few}: the result labels 20000 rows, the catalogue has 16001", PLOT,
                    "result.h5", *files, "-o", "new.png")

    def test_convergence(self):
        _, figure = self.draw("result.h5", "--kind", "convergence")
        self.assertEqual(list(figure.axes[0].lines[0].get_ydata()), [40, 20, 12, 11])

    def test_usage(self):
        for pattern, *arguments in (
                ("-x and -y go together", "-x", "ra"),
                ("-c is for a corner plot", "-c", "ra", "--kind", "sky"),
                ("-x and -y are for one panel", "-x", "ra", "-y", "dec", "--kind", "templates"),
                ("take one column each", "-x", "ra,dec", "-y", "dec"),
                ("empty name in -c", "-c", "ra,,dec"),
                ("is not two lengths", "--size", "3"),
                ("is not two lengths", "--size", "3x900"),
                ("invalid choice", "--kind", "pie")):
            with self.subTest(pattern=pattern):
                self.refuse(2, pattern, PLOT, "result.h5", "in.h5", *arguments, "-o", "new.png")
        self.refuse(2, "too small a picture", PLOT, "result.h5", "in.h5", "-c", "u_g,gmag,ra,dec",
                    "--size", "1x1", "-o", "new.png")
        self.refuse(3, r"no such column \(in.h5, /table/columns, column nothing\)", PLOT,
                    "result.h5", "in.h5", "-c", "ra,nothing", "-o", "new.png")


def legend_of(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


class Downwards(PlotTest):
    """Which vertical axes go down, by tables of names."""

    def test_columns(self):
        is_magnitude = sys.modules["magnitudes"].is_magnitude
        for unit, are_down, names in (
                ("", True, "gmag Vmag mag MAG_AUTO mag_g phot_g_mean_mag psfMag_r W1mag umag0 mag[2] "
                           "abs_mag mags/g magnitude g-mag"),
                ("", False, "gmag-rmag bmag_vmag mag_g-mag_r g V M b_v u-g image_number magnetic magerr "
                            "e_Vmag gmag_err phot_g_mean_mag_error"),
                ("mag", True, "g V M M_V phot_g sb Hp gmag bright r_auto G"),
                ("mag", False, "b_v b-v u_g bp_rp J-Ks w1_w2 nuv_r f435w_f606w g_r_0 gmag-rmag g_err e_V "
                               "A_V ag_gspphot ebpminrp_gspphot e_bv ebv dm distmod colour"),
                ("mag(AB)", True, "g r_auto"), ("mag / arcsec2", True, "sb surface"),
                ("magnet", False, "g b"), ("mas", False, "g parallax")):
            for name in names.split():
                with self.subTest(name=name, unit=unit):
                    self.assertIs(is_magnitude(name, unit), are_down)

    def test_expressions(self):
        """What counts more magnitudes with plus than with minus goes down; without any the name decides."""
        with h5py.File("in.h5", "w") as file:
            for name in ("g", "i", "rmag", "parallax", "x", "u-g", "gmag-rmag", "ebv", "e_rmag"):
                file[f"t/{name}"] = np.arange(2.0)
                file[f"t/{name}"].attrs["units"] = "mag" if name in ("g", "i", "u-g", "ebv") else ""
        downwards = {
            "g": True, "rmag": True, "x": False, "{u-g}": False, "{gmag-rmag}": False,
            "g-i": False, "g-rmag": False, "-(g-i)": False, "g-i-0.3": False,
            "M=rmag+5*log10(parallax/100)": True, "5+5*log10(parallax)+g": True,
            "5*log10(parallax)": False, "g-3.1*ebv": True, "g-5*log10(1000/parallax)+5": True,
            "(g+rmag)/2": True, "0.3*g+0.7*rmag-i": False, "(g-rmag)-0.98*(rmag-i)": False,
            "g-1.9*(rmag-i)": True, "g+i": True, "15-g": False, "-g": False, "2*-g": False,
            "min(g,rmag,i)": True, "max(g,i)-i": False, "10^(-0.4*g)": False, "abs(g-i)": False,
            "g*x": False, "x*g": False, "x/g": False, "g/0": False, "2^2*g": True, "g>18": False,
            "y=x": False, "ymag=x+2": True, "ymag=g-i": False, "colour=g": True, "e_rmag^2": False,
            "sky_x(g,i)": False}
        table = sys.modules["finder"].look("in.h5", "t", ",".join(downwards))
        with h5py.File("in.h5") as file:
            result = mock.Mock(treatment=lambda feature=None: sys.modules["conventions"].PLAIN)
            catalogue = mock.Mock(result=result, open=None, paths=[])
            part = mock.Mock(file=file)
            for text, found in zip(downwards, sys.modules["finder"].selected(table)):
                with self.subTest(text=text):
                    column = sys.modules["result"].Catalogue.column(catalogue, part, found)
                    self.assertIs(sys.modules["magnitudes"].goes_down(column, column.unit),
                                  downwards[text])

    def test_pictures(self):
        """A colour of magnitudes goes up, an absolute magnitude down, whether feature or not."""
        values = np.random.default_rng(5).normal(20, 1, (100, 3))
        self.write_columns("in.h5", values, ["gmag", "rmag", "parallax"])
        skymeans("fit", "in.h5", "-c", "gmag-rmag,M=gmag+5*log10(parallax/100)", "-k", 2, "-o", "r.h5")
        for name, is_down in (("M", True), ("gmag-rmag", False), ("gmag", True), ("N=rmag-parallax", True)):
            with self.subTest(name=name):
                _, figure = self.draw("r.h5", "in.h5", "-x", "parallax", "-y", name)
                low, high = figure.axes[0].get_ylim()
                self.assertEqual(low > high, is_down)


def write_templates(path, values, labels, names):
    """/templates as fit --describe writes them."""
    groups = [values[labels == c] for c in range(labels.max() + 1)]
    with h5py.File(path, "r+") as file:
        file["templates/mean"] = [group.mean(0) for group in groups]
        file["templates/deviation"] = [group.std(0) for group in groups]
        file["templates/min"] = [group.min(0) for group in groups]
        file["templates/max"] = [group.max(0) for group in groups]
        file["templates/quantiles"] = np.stack(
            [np.quantile(group, [0.05, 0.16, 0.5, 0.84, 0.95], axis=0).T for group in groups])
        file["templates/n_missing"] = np.zeros((len(groups), len(names)), "i8")
        file["templates"].attrs["columns"] = names
        file["templates"].attrs["units"] = [""] * len(names)


if __name__ == "__main__":
    unittest.main()

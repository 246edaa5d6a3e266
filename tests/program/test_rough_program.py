"""Surroundings that are hostile or unlucky: files of strangers, outputs that are inputs, signals."""
import os
import resource
import signal
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True

import h5py

from launcher import is_open_mpi
from program import BINARY, ProgramTest, Result, blobs, run, started, write_array

VALUES = blobs(300, 2)


def fit(catalogue, *options):
    return "fit", catalogue, "-k", "3", "-o", "out.h5", *options


class Inputs(ProgramTest):
    """No input is ever replaced."""

    def test_first_centers_are_no_output(self):
        write_array("in.h5", VALUES)
        run("fit", "in.h5", "-k", 3, "-o", "before.h5")
        with open("centers.txt", "w", encoding="utf-8") as file:
            file.write("0 0\n1 1\n2 2\n")
        os.link("centers.txt", "other-name.txt")
        self.refuse(
            (2, "before.h5.*it is the input", "fit", "in.h5", "-k", 3, "-o", "before.h5",
             "--overwrite", "--seeding", "before.h5"),
            (2, "before.h5.*it is the input", "fit", "in.h5", "-k", 3, "-o", "before.h5",
             "--overwrite", "--seeding", "before.h5:/centers"),
            (2, "centers.txt.*it is the input", "fit", "in.h5", "-k", 3, "-o", "out.h5",
             "--metrics", "centers.txt", "--overwrite", "--seeding", "centers.txt"),
            (2, "other-name.txt.*it is the input", "fit", "in.h5", "-k", 3, "-o",
             "other-name.txt", "--overwrite", "--seeding", "centers.txt"))

    def test_what_a_catalogue_is_made_of_is_no_output(self):
        write_array("source.h5", VALUES)
        layout = h5py.VirtualLayout(VALUES.shape, "f8")
        layout[:] = h5py.VirtualSource("source.h5", "points", VALUES.shape)
        with h5py.File("virtual.h5", "w", libver="latest") as file:
            file.create_virtual_dataset("points", layout)
        with h5py.File("linked.h5", "w") as file:
            file["points"] = h5py.ExternalLink("source.h5", "points")
        VALUES.tofile("plain.bin")
        with h5py.File("external.h5", "w") as file:
            file.create_dataset("points", VALUES.shape, "f8", external=[("plain.bin", 0, h5py.h5f.UNLIMITED)])
        write_array("beside.h5", VALUES[:, 0], name="mag")
        cases = [("virtual.h5", "source.h5"), ("linked.h5", "source.h5"),
                 ("external.h5", "plain.bin")]
        self.refuse(*[(2, f"{output}.*it is the input", "fit", catalogue, "-d", "points", "-k", 3,
                       option, output, *(["-o", "out.h5"] if option != "-o" else []),
                       "--overwrite") for catalogue, output in cases
                      for option in ("-o", "--metrics", "--checkpoint")],
                    (2, "beside.h5.*it is the input", "fit", "source.h5", "-c",
                     "0,beside.h5:/mag", "-k", 3, "-o", "beside.h5", "--overwrite"))

    def test_links_to_pipes_stay(self):
        write_array("in.h5", VALUES)
        os.mkfifo("pipe")
        os.symlink("pipe", "link")
        self.refuse((2, "link.*not a regular file", "fit", "in.h5", "-k", 3, "-o", "link",
                     "--overwrite"),
                    (2, "output.*-.*can't be a pipe", "fit", "in.h5", "-k", 3, "-o", "-"),
                    (2, "output.*-.*can't be a pipe", *fit("in.h5", "--metrics", "-")))

    def test_pipes_are_not_waited_for(self):
        write_array("in.h5", VALUES)
        os.mkfifo("pipe")
        self.refuse((4, "pipe.*pipe or device", *fit("pipe")),
                    (4, "pipe.*pipe or device", "predict", "pipe", "in.h5", "-o", "out.h5"),
                    (4, "pipe", *fit("in.h5", "--seeding", "pipe")),
                    (4, "pipe.*pipe or device", "info", "pipe"))


class Elsewhere(ProgramTest):
    """A stranger's file may not read any file there is."""

    def setUp(self):
        super().setUp()
        os.makedirs("catalogue/below")
        VALUES.tofile("secret.bin")
        VALUES.tofile("catalogue/below/plain.bin")
        write_array("other.h5", VALUES)
        write_array("plain.h5", VALUES)

    @staticmethod
    def write_external(name, size=h5py.h5f.UNLIMITED, offset=0):
        with h5py.File("catalogue/in.h5", "w") as file:
            file.create_dataset("points", VALUES.shape, "f8", external=[(name, offset, size)])

    def checksum(self, *arguments, ranks=1):
        finished = run(*fit(*arguments, "--overwrite"), ranks=ranks)
        self.assertEqual(finished.code, 0, finished)
        return Result("out.h5").checksum

    def test_external_storage(self):
        plain = self.checksum("plain.h5")
        self.write_external("catalogue/below/plain.bin")
        for ranks in (1, 3):
            self.assertEqual(self.checksum("catalogue/in.h5", ranks=ranks), plain)
        os.remove("out.h5")
        self.write_external(os.path.abspath("secret.bin"))
        self.refuse((3, "values elsewhere.*in.h5.*secret.bin.*--follow-external",
                     *fit("catalogue/in.h5")))
        self.assertEqual(self.checksum("catalogue/in.h5", "--follow-external"), plain)

    def test_pipes(self):
        """They are not opened: that would wait for ever."""
        os.mkfifo("catalogue/pipe")
        self.write_external("catalogue/pipe")
        self.refuse((4, "incomplete dataset.*in.h5.*pipe, which is no regular file", *fit("catalogue/in.h5")))
        layout = h5py.VirtualLayout(VALUES.shape, "f8")
        layout[:] = h5py.VirtualSource("pipe", "points", VALUES.shape)
        with h5py.File("catalogue/in.h5", "w", libver="latest") as file:
            file.create_virtual_dataset("points", layout)
        self.refuse((3, "incomplete virtual dataset.*in.h5.*pipe, which is no whole", *fit("catalogue/in.h5")))

    def test_external_storage_that_is_not_whole(self):
        self.write_external("catalogue/below/short.bin")
        self.refuse((4, "incomplete dataset.*short.bin", *fit("catalogue/in.h5")))
        VALUES[:-1].tofile("catalogue/below/short.bin")
        self.refuse((3, "incomplete dataset.*short.bin.*4784 of 4800 bytes",
                     *fit("catalogue/in.h5")))
        self.write_external("catalogue/below/short.bin", offset=5000)
        self.refuse((3, "incomplete dataset.*short.bin, which has 0 of 4800 bytes", *fit("catalogue/in.h5")))

    def test_external_links(self):
        plain = self.checksum("plain.h5")
        os.remove("out.h5")
        with h5py.File("catalogue/in.h5", "w") as file:
            file["points"] = h5py.ExternalLink("../other.h5", "points")
        self.refuse((3, "values elsewhere.*other.h5.*--follow-external",
                     *fit("catalogue/in.h5", "-d", "points")))
        for ranks in (1, 3):
            self.assertEqual(self.checksum("catalogue/in.h5", "-d", "points", "--follow-external",
                                           ranks=ranks), plain)
        write_array("catalogue/below/other.h5", VALUES)
        with h5py.File("catalogue/in.h5", "w") as file:
            file["points"] = h5py.ExternalLink("below/other.h5", "points")
        self.assertEqual(self.checksum("catalogue/in.h5", "-d", "points"), plain)


class Lines(ProgramTest):
    """Texts of which a line is longer than memory: holes of a terabyte take no room on the disk."""

    def test_endless_lines(self):
        write_array("in.h5", VALUES)
        for name, begin in (("list", b"in.h5\n"), ("centers", b"0 0\n1 1\n"), ("ones", b"0 0\n")):
            with open(name, "wb") as file:
                file.write(begin + (b"1" * 2 ** 20 if name == "ones" else b""))
                file.truncate(2 ** 40)
        for words, *options in (
                (r"not a list of files \(list\): line 2 is too long", "@list"),
                (r"line too long \(centers, line 3\)", "in.h5", "--seeding", "centers"),
                (r"line too long \(ones, line 2\)", "in.h5", "--seeding", "ones")):
            finished = run(*fit(*options), ranks=2)
            self.assertEqual(finished.code, 3, finished)
            self.assertRegex(finished.err, rf"\A(skymeans: features[^\n]+\n)?skymeans: error: {words}"
                                           r"[^\n]+\n\Z")

    def test_long_lines_that_are_right(self):
        """Comments, blanks, and numbers in plain digits."""
        write_array("in.h5", VALUES)
        with open("list", "w", encoding="utf-8") as file:
            file.write("#" + 9000 * "-" + "\n" + 9000 * " " + "in.h5" + 9000 * " ")
        with open("centers", "w", encoding="utf-8") as file:
            file.write(f"{'0' * 999} 0.{'0' * 999} # {9000 * '-'}\n1 1\n2 2")
        finished = run(*fit("@list", "--seeding", "centers"), ranks=2)
        self.assertEqual(finished.code, 0, finished)

    def test_zero_bytes(self):
        """They don't end a line."""
        write_array("in.h5", VALUES)
        for name, text in (("centers", b"0 0\n1 1\0 5\n2 2\n"), ("list", b"in.h5\0more\n")):
            with open(name, "wb") as file:
                file.write(text)
        self.refuse((3, r"not a number \(centers, line 2\)", *fit("in.h5", "--seeding", "centers")),
                    (3, r"not a list of files \(list\): line 1 is no text", *fit("@list")))


class Signals(ProgramTest):

    def interrupt(self, number, *options):
        """Sends a signal once the first iteration was done."""
        write_array("in.h5", blobs(200_000, 4))
        with started("fit", "in.h5", "-k", 60, "-o", "out.h5", "--tolerance", 0, "--verbose",
                     "--max-iterations", 100_000, "--algorithm", "lloyd", *options) as process:
            for line in process.stderr:
                if line.startswith("iteration"):
                    break
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        return process.returncode, out + err

    def test_without_a_checkpoint_the_code_is_6(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            code, said = self.interrupt(number, "--overwrite")
            self.assertEqual(code, 6, said)
            self.assertIn("stopped early", said)
            self.assertNotIn("error", said)
            self.assertEqual(Result("out.h5").stop_reason, "signal")
            os.remove("in.h5")

    def test_hangup_and_time_of_the_processor_save_the_checkpoint(self):
        for number in (signal.SIGHUP, signal.SIGXCPU):
            code, said = self.interrupt(number, "--checkpoint", f"state{number}")
            self.assertEqual(code, 75, said)
            self.assertTrue(os.path.exists(f"state{number}"))
            self.assertFalse(os.path.exists("out.h5"))
            os.remove("in.h5")

    @unittest.skipUnless(is_open_mpi(), "MPICH itself needs a larger file to start")
    def test_too_large_a_file_is_an_error(self):
        """Of a limit on the size of files, which would end the process."""
        write_array("in.h5", blobs(100_000, 2))
        before = sorted(os.listdir())

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        process = subprocess.Popen([BINARY, *fit("in.h5")], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 4, err)
        self.assertRegex(err, r"skymeans: error: can't write the \w+ \(out.h5\): File too large")
        self.assertEqual(sorted(os.listdir()), before)


class Words(ProgramTest):

    def test_help_and_version(self):
        texts = {arguments: run(*arguments).out for arguments in
                 (("--help",), ("help",), ("--version",), ("-V",), ("version",), ("fit", "--help"),
                  ("help", "fit"))}
        self.assertEqual(texts["help",], texts["--help",])
        self.assertEqual(texts["-V",], texts["--version",])
        self.assertEqual(texts["version",], texts["--version",])
        self.assertEqual(texts["help", "fit"], texts["fit", "--help"])
        for line in texts["fit", "--help"].splitlines():
            self.assertNotRegex(line, r"[A-Z]{3}\]?[a-z]{4}")  # an argument and the text beside it
            self.assertLessEqual(len(line), 90)

    def test_nearest_options(self):
        self.refuse((2, r"--features.*nearest is --columns", *fit("in.h5", "--features", "x")),
                    (2, r"--n-clusters.*nearest is --clusters", *fit("in.h5", "--n-clusters")),
                    (2, r"--scalee.*nearest is --scale", *fit("in.h5", "--scalee")),
                    (2, r"--qqqq.*no option is called like that", *fit("in.h5", "--qqqq")))

    def test_names_of_strangers(self):
        """C1 controls, marks that turn the direction of writing, and bytes that are no UTF-8."""
        for name in ("a\x9bb.h5", "a\u202eb.h5", "a\u2066b.h5"):
            finished = run(*fit(name))
            self.assertIn("(a?b.h5)", finished.err)
        finished = run(*fit("a\u00e9b.h5"))
        self.assertIn("(a\u00e9b.h5)", finished.err)

    def test_metrics_that_can_not_be_named_are_a_warning(self):
        """Somebody takes their name while the fit runs."""
        write_array("in.h5", blobs(200_000, 2))
        with started("fit", "in.h5", "-k", 50, "-o", "out.h5", "--metrics", "out.json",
                     "--tolerance", 0, "--max-iterations", 100, "--verbose") as process:
            process.stderr.readline()
            os.mkdir("out.json")
            _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("skymeans: warning: no metrics, but the result is complete: ", err)
        self.assertEqual(sorted(os.listdir()), ["in.h5", "out.h5", "out.json"])
        self.assertEqual(len(Result("out.h5").labels), 200_000)


if __name__ == "__main__":
    unittest.main()

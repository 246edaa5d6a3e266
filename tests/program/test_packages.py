"""A release: the same bytes for the same commit, one version everywhere, and a build without git that
still knows its commit. `make deb`, `make check-builds` build it."""
import ast
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def call(*words, where=ROOT, **variables):
    return subprocess.run(list(map(str, words)), cwd=where, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, check=False, env=os.environ | variables)


def git(*words, where=ROOT):
    return call("git", "-c", "user.name=a", "-c", "user.email=a@b", *words, where=where).stdout.strip()


@unittest.skipUnless(git("rev-parse", "HEAD"), "not a checkout of git")
class Release(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="skymeans-release-")
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        git("clone", "--quiet", ROOT, self.top / "clone")
        self.clone = self.top / "clone"

    def release(self, name, *before, **variables):
        done = call(*before, self.clone / "packaging" / "release.sh", self.top / name, **variables)
        return done, self.top / name

    def made(self, name, *before, **variables):
        done, folder = self.release(name, *before, **variables)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return pathlib.Path(done.stdout.strip()), folder

    def check_refused(self, *words):
        done, folder = self.release("refused")
        self.assertEqual((done.returncode, done.stdout, folder.exists()), (1, "", False), done)
        self.assertEqual(done.stderr.count("\n"), 1)
        for word in ("release: ", *words):
            self.assertIn(word, done.stderr)

    def test_same_bytes(self):
        """Whenever and by whomever it is made."""
        first, folder = self.made("first")
        second, other = self.made("second", "sh", "-c", 'umask 077; exec "$0" "$@"', TZ="Asia/Tokyo",
                                  LC_ALL="C.UTF-8")
        names = sorted(os.listdir(folder))
        self.assertEqual(names, sorted(os.listdir(other)))
        for name in names:
            self.assertEqual((folder / name).read_bytes(), (other / name).read_bytes(), name)
        self.assertNotEqual(first, second)

    def test_recipes(self):
        """They have the version and the checksum of the tarball."""
        path, folder = self.made("first")
        version = path.name.removeprefix("skymeans-").removesuffix(".tar.gz")
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        for name in ("package.py", f"skymeans-{version}-foss-2024a.eb", "meta.yaml"):
            text = (folder / name).read_text()
            self.assertIn(checksum, text, name)
            self.assertIn(version, text, name)
            self.assertNotIn("@SHA256@", text, name)
            self.assertNotIn("@VERSION@", text, name)
            if not name.endswith("yaml"):
                ast.parse(text)
        self.assertEqual((folder / f"{path.name}.sha256").read_text(), f"{checksum}  {path.name}\n")

    def test_without_git(self):
        """The build knows its commit, although the folder lies within another repository."""
        path, _ = self.made("first")
        git("init", "--quiet", self.top)
        with tarfile.open(path) as archive:
            archive.extractall(self.top)
            self.assertEqual({member.uid for member in archive}, {0})
        unpacked = self.top / path.name.removesuffix(".tar.gz")
        self.assertFalse((unpacked / ".git").exists())
        said = call("make", "-n", "build/base/version.o", where=unpacked, MAKEFLAGS="", MPI="").stdout
        self.assertIn(f'KM_GIT_COMMIT=\'"{git("rev-parse", "HEAD")}"\'', said)
        self.assertEqual(json.loads((unpacked / "codemeta.json").read_text())["version"],
                         path.name.removeprefix("skymeans-").removesuffix(".tar.gz"))

    def test_refusals(self):
        """What is not committed, and a version that is not the same everywhere."""
        shutil.copy(self.clone / "LICENSE", self.clone / "another")
        self.check_refused("uncommitted changes")
        os.remove(self.clone / "another")
        header = self.clone / "src/base/version.h"
        for name in ("CITATION.cff", "tools/python/pyproject.toml", "packaging/debian/changelog"):
            text = (self.clone / name).read_text()
            (self.clone / name).write_text(text.replace("0.", "7."))
            git("commit", "--quiet", "-am", "x", where=self.clone)
            with self.subTest(name=name):
                self.check_refused(f"another version ({name})")
            git("reset", "--quiet", "--hard", "HEAD^", where=self.clone)
        header.write_text(header.read_text().replace("0.", "7."))
        git("commit", "--quiet", "-am", "x", where=self.clone)
        self.check_refused("another version (CHANGELOG.md)", "7.")


if __name__ == "__main__":
    unittest.main()

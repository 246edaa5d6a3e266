"""`make install`: what lies where, and that it works without the sources."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

from launcher import MPICC
from program import IS_SANITIZED, ROOT, ProgramTest, Result, run

SECONDS = 300  # for building the library
VERSION = re.search(r'KM_VERSION "(.*)"',
                    open(f"{ROOT}/src/base/version.h", encoding="utf-8").read()).group(1)
SONAME = f"libskymeans.so.{VERSION.partition('.')[0]}"
COMMANDS = ["fit", "predict", "info", "compare", "verify", "probe", "generate"]
TOOLS = ["import", "plot", "report", "export", "scaling"]
CALLER = """#include <skymeans.h>
#include <stdio.h>
int main(void) { return puts(skymeans_version()) < 0; }
"""
CMAKE = """cmake_minimum_required(VERSION 3.13)
project(caller {languages})
find_package(skymeans 0.2 REQUIRED)
get_target_property(library skymeans::skymeans IMPORTED_LOCATION)
get_target_property(include skymeans::skymeans INTERFACE_INCLUDE_DIRECTORIES)
message("library=${{library}} include=${{include}}")
add_executable(caller {source})
target_link_libraries(caller skymeans::skymeans)
"""
MODULE = """proc module-whatis {text} {}
proc conflict {name} {}
proc prepend-path {name path} { puts "$name $path" }
"""


def call(*words, **variables):
    """What a command prints; it must succeed, and without a word on stderr."""
    done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=SECONDS, check=False, env=os.environ | variables)
    if done.returncode or done.stderr:
        raise AssertionError(f"{words} returned {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def make(target, *settings):
    """Runs make as it was run for the tests, so that nothing is built anew."""
    words = shlex.split(os.environ.get("MAKEFLAGS", ""))
    flags = [word for word in words if re.match(r"\w+=", word)]
    environment = {name: text for name, text in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "-s", "-j2", "-C", ROOT, "--no-print-directory", target, *flags,
                           *settings], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS, check=False, env=environment)
    if done.returncode:
        raise AssertionError(f"make {target} {settings}: {done.stdout}{done.stderr}")


def files_below(top):
    return {os.path.relpath(os.path.join(folder, name), top)
            for folder, _, names in os.walk(top) for name in names}


def all_files(prefix, libdir):
    """What is to be there."""
    modules = {os.path.basename(path) for path in glob.glob(f"{ROOT}/tools/*.py")}
    modules |= {"report.css", "report.js"}
    modules -= {f"{tool}.py" for tool in TOOLS}
    docs = [f"docs/{path}" for path in files_below(f"{ROOT}/docs")]
    return {
        *(f"{libdir}/{name}" for name in (
            *(f"python3/site-packages/skymeans/{os.path.basename(path)}" for path in
              glob.glob(f"{ROOT}/tools/python/skymeans/*.py")),
            "python3/site-packages/skymeans/py.typed", f"libskymeans.so.{VERSION}", SONAME, "libskymeans.so", "libskymeans.a",
            "pkgconfig/skymeans.pc", "cmake/skymeans/skymeans-config.cmake",
            "cmake/skymeans/skymeans-config-version.cmake")),
        *(f"{prefix}/{name}" for name in (
            "bin/skymeans", "share/man/man1/skymeans.1",
            *(f"share/man/man1/skymeans-{name}.1" for name in COMMANDS),
            *(f"libexec/skymeans/skymeans-{name}" for name in TOOLS),
            *(f"libexec/skymeans/{name}" for name in (*modules, "find-python.sh")),
            *(f"share/doc/skymeans/{name}" for name in (
                *docs, "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff")),
            *(f"share/skymeans/jobs/{name}" for name in (
                "fit.sbatch", "fit-array.sbatch", "restart-chain.sh", "site.example.sh",
                "scaling.sh", "scaling.yaml", "strong-scaling.sbatch", "weak-scaling.sbatch")),
            "share/skymeans/data/hipparcos.h5", "share/skymeans/data/README.md",
            "share/bash-completion/completions/skymeans",
            f"share/modulefiles/skymeans/{VERSION}", "include/skymeans.h"))}


def setUpModule():
    """Installs once in a folder, and then moves that: only what names the place may mind."""
    if IS_SANITIZED:
        raise unittest.SkipTest("what is installed has no sanitizers")
    top = tempfile.mkdtemp(prefix="skymeans-install-")
    unittest.addModuleCleanup(shutil.rmtree, top)
    Place.first, Place.prefix = f"{top}/first", f"{top}/moved"
    make("install", f"PREFIX={Place.first}")
    Place.files = files_below(Place.first)
    os.rename(Place.first, Place.prefix)
    Place.binary = f"{Place.prefix}/bin/skymeans"
    Place.library = f"{Place.prefix}/lib/libskymeans.so"
    Place.data = f"{Place.prefix}/share/skymeans/data/hipparcos.h5"


class Place(ProgramTest):

    def succeed(self, *arguments, **how):
        finished = run(*arguments, binary=self.binary, **how)
        self.assertEqual(finished.code, 0, finished)
        return finished


class Files(Place):

    def test_prefix(self):
        self.assertEqual(self.files, {
            os.path.normpath(path) for path in all_files(".", "lib")})

    def test_elsewhere(self):
        """DESTDIR, and folders of libraries; what was installed goes again, and nothing else."""
        for setting, libdir in (("lib64", "opt/sky/lib64"), ("/other/lib", "other/lib")):
            with self.subTest(libdir=libdir):
                top = f"{os.getcwd()}/{os.path.basename(libdir)} root"
                settings = f"DESTDIR={top}", "PREFIX=/opt/sky", f"LIBDIR={setting}"
                make("install", *settings)
                self.assertEqual(files_below(top), all_files("opt/sky", libdir))
                os.mkdir(f"{top}/opt/sky/libexec/skymeans/__pycache__")
                site = f"{top}/opt/sky/share/skymeans/jobs/site.sh"
                shutil.copy(f"{ROOT}/jobs/site.example.sh", site)
                make("uninstall", *settings)
                self.assertEqual(files_below(top), {os.path.relpath(site, top)})
                self.assertFalse(os.path.exists(f"{top}/opt/sky/libexec/skymeans"))

    def test_bad_places(self):
        """What is no absolute path, or several, is refused, and nothing is written or removed."""
        here = os.getcwd()
        for settings in (["PREFIX=relative"], ["PREFIX=~/sky"], ["PREFIX="], [f"PREFIX={here}/a b"],
                         [f"PREFIX={here}/sky", "LIBDIR=a b"], [f"PREFIX={here}/sky", "PYTHONDIR=site"]):
            for target in ("install", "uninstall"):
                with self.subTest(settings=settings, target=target):
                    name, value = settings[-1].split("=")
                    value = f"{here}/sky/a b" if name == "LIBDIR" else value
                    message = rf"bad {name} \({value}\): it must be an absolute path without blanks"
                    self.assertRaisesRegex(AssertionError, message, make, target, *settings)
                    self.assertEqual(os.listdir(), [])

    def test_shared_library(self):
        dynamic = call("readelf", "-d", self.library)
        self.assertIn(f"Library soname: [{SONAME}]", dynamic)
        self.assertNotIn("hdf5", dynamic)
        self.assertNotIn(ROOT, call("readelf", "-d", self.library, self.binary))
        for path in (self.library, self.binary):
            self.assertNotIn("not found", call("ldd", path))
        exported = call("nm", "-D", "--defined-only", self.library).splitlines()
        self.assertEqual([line for line in exported if " skymeans_" not in line], [])

    def test_static_library(self):
        names = call("nm", "-g", "--defined-only", self.library[:-2] + "a")
        self.assertEqual([line for line in names.splitlines()
                          if " " in line and " skymeans_" not in line], [])

    def test_links(self):
        for name in (SONAME, "libskymeans.so"):
            self.assertEqual(os.readlink(f"{self.prefix}/lib/{name}"), f"libskymeans.so.{VERSION}")


class Callers(Place):
    """Other programs find the library."""

    def flags(self, *options):
        done = call("pkg-config", "--define-prefix", *options, "skymeans",
                    PKG_CONFIG_PATH=f"{self.prefix}/lib/pkgconfig")
        return shlex.split(done)

    @unittest.skipUnless(shutil.which("pkg-config"), "no pkg-config")
    def test_package(self):
        self.assertEqual(self.flags("--modversion"), [VERSION])
        self.assertEqual(self.flags("--cflags"), [f"-I{self.prefix}/include"])
        self.assertEqual(self.flags("--libs"), [f"-L{self.prefix}/lib", "-lskymeans"])
        self.assertEqual(self.flags("--static", "--libs")[2:], ["-fopenmp", "-lm"])

    @unittest.skipUnless(shutil.which("pkg-config"), "no pkg-config")
    def test_caller(self):
        """The same program with both libraries."""
        with open("caller.c", "w", encoding="utf-8") as file:
            file.write(CALLER)
        flags = self.flags("--cflags", "--libs")
        call(*MPICC, "-Wall", "-Werror", "caller.c", "-o", "shared", *flags)
        self.assertEqual(call("./shared", LD_LIBRARY_PATH=f"{self.prefix}/lib"), f"{VERSION}\n")
        static = [flag.replace("-lskymeans", "-l:libskymeans.a")
                  for flag in self.flags("--static", "--cflags", "--libs")]
        call(*MPICC, "-Wall", "-Werror", "caller.c", "-o", "static", *static)
        self.assertEqual(call("./static"), f"{VERSION}\n")

    @unittest.skipUnless(shutil.which("cmake"), "no cmake")
    def test_cmake(self):
        """Also in projects without C, where MPI has a library of its own for C++."""
        for languages, source in ("C", "caller.c"), ("CXX", "caller.cc"), ("C CXX", "caller.cc"):
            with self.subTest(languages=languages), tempfile.TemporaryDirectory() as folder:
                for name, text in (("CMakeLists.txt",
                                    CMAKE.format(languages=languages, source=source)),
                                   (source, CALLER)):
                    with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                        file.write(text)
                self.check_cmake(folder)

    def check_cmake(self, folder):
        done = subprocess.run(["cmake", "-S", folder, "-B", f"{folder}/build",
                               f"-DCMAKE_PREFIX_PATH={self.prefix}"], text=True,
                              capture_output=True, timeout=SECONDS, check=False)
        self.assertIn(f"library={self.library}.{VERSION} include={self.prefix}/include",
                      done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        call("cmake", "--build", f"{folder}/build", MAKEFLAGS="")
        self.assertEqual(call(f"{folder}/build/caller"), f"{VERSION}\n")

    @unittest.skipUnless(shutil.which("tclsh"), "no tclsh")
    def test_module(self):
        """The modulefile names the place of the installation."""
        with open("module.tcl", "w", encoding="utf-8") as file:
            file.write(f"{MODULE}source {self.prefix}/share/modulefiles/skymeans/{VERSION}\n")
        said = call("tclsh", "module.tcl", MANPATH="/x")
        paths = dict(line.split() for line in said.splitlines())
        self.assertEqual(paths["PATH"], f"{self.first}/bin")
        self.assertEqual(paths["LD_LIBRARY_PATH"], f"{self.first}/lib")
        self.assertEqual(paths["MANPATH"], f"{self.first}/share/man")
        self.assertEqual(paths["PYTHONPATH"], f"{self.first}/lib/python3/site-packages")

    def test_python(self):
        """The Python module finds the library and the program that it was installed with."""
        script = ("import skymeans, sys; classes = skymeans.fit(sys.argv[1], 3, columns='b_v'); "
                  "print(skymeans.library._library._name, skymeans.program._find_program(), "
                  "skymeans.KMeans(2).fit([[1.0], [2.0]]).inertia_)")
        said = call(sys.executable, "-B", "-c", script, self.data, SKYMEANS="",
                    PYTHONPATH=f"{self.prefix}/lib/python3/site-packages", OMPI_MCA_pml="ob1")
        self.assertEqual(said.split(), [f"{self.prefix}/lib/{SONAME}", self.binary, "0.0"])


class Words(Place):
    """Man pages and completion say what --help says."""

    def options(self, command):
        return re.findall(r"^  (?:-\w,|   ) (--[a-z-]+)", self.succeed(command, "--help").out, re.M)

    @unittest.skipUnless(shutil.which("man") or shutil.which("groff"), "neither man nor groff")
    def test_pages(self):
        render = (["man", "--warnings", "-l"] if shutil.which("man") else
                  ["groff", "-man", "-ww", "-Tascii", "-P-cbou"])
        folder = f"{self.prefix}/share/man/man1"
        pages = {name: call(*render, f"{folder}/{name}", MANWIDTH="80", LC_ALL="C")
                 for name in os.listdir(folder)}
        listed = re.findall(r"^  ([a-z]+) ", self.succeed("--help").out, re.MULTILINE)
        self.assertEqual(listed, [*COMMANDS, *TOOLS, "help", "version"])
        for name in (*COMMANDS, *TOOLS):
            self.assertRegex(pages["skymeans.1"], rf"(?m)^ +{name}\b")
        for command in COMMANDS:
            for option in self.options(command):
                self.assertRegex(pages[f"skymeans-{command}.1"], rf"(?m)^ +(-\w, )?{option}\b")

    def complete(self, *words):
        """What bash suggests for the last of some words."""
        script = (f". {self.prefix}/share/bash-completion/completions/skymeans\n"
                  "COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)); _skymeans\n"
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")
        return call("bash", "-c", script, "bash", "skymeans", *words).split()

    def test_completion(self):
        os.mkdir("folder")
        with open("file.h5", "w", encoding="utf-8"):
            pass
        self.assertEqual(self.complete("p"), ["predict", "probe", "plot"])
        self.assertEqual(self.complete("help", "i"), ["info", "import"])
        self.assertEqual(sorted(self.complete("info", "")), ["file.h5", "folder"])
        self.assertEqual(self.complete("plot", "fi"), ["file.h5"])
        self.assertEqual(self.complete("fit", "--max"), ["--max-iterations", "--max-hours"])
        self.assertEqual(self.complete("fit", "--scale", ""), ["none", "standard", "minmax", "robust"])
        self.assertEqual(self.complete("fit", "--scale", "=", "mi"), ["minmax"])
        self.assertEqual(self.complete("fit", "--scale", "="), ["none", "standard", "minmax", "robust"])
        self.assertEqual(self.complete("fit", "--verify", "=", "s"), ["sample"])
        self.assertEqual(self.complete("fit", "--verify", "f"), ["file.h5", "folder"])
        self.assertEqual(self.complete("fit", "-k", ""), [])
        self.assertEqual(self.complete("fit", "--algorithm", ""),
                         ["lloyd", "tree", "bounds", "neighbours", "auto"])
        self.assertEqual(self.complete("fit", "--seeding", "k"), ["kmeans++", "kmeans-parallel"])
        self.assertEqual(self.complete("fit", "--seeding", "fi"), ["file.h5"])
        for command in COMMANDS:
            self.assertEqual(sorted(self.complete(command, "--")),
                             sorted(self.options(command)))


class Steps(Place):
    """The first steps of README.md, from the place of the installation."""

    def test_steps(self):
        self.succeed("fit", self.data, "-c", "b_v,abs_mag", "--scale", "standard", "-k", 6,
                     "-o", "classes.h5", ranks=2)
        result = Result("classes.h5")
        self.assertIn(result.checksum, self.succeed("info", "classes.h5").out)
        self.succeed("predict", "classes.h5", self.data, "-o", "labels.h5")
        self.assertEqual(Result("labels.h5").labels.tolist(), result.labels.tolist())
        self.succeed("plot", "classes.h5", self.data, "-o", "classes.png")
        self.succeed("export", "classes.h5", self.data, "-o", "classes.csv")
        with open("classes.csv", encoding="utf-8") as file:
            self.assertEqual(file.readline(), "row,b_v,abs_mag,label\n")
        self.succeed("import", "classes.csv", "classes-in.h5")
        self.assertIn("abs_mag", self.succeed("info", "classes-in.h5").out)

    def test_tools(self):
        """They are found by whatever link the program is started, and name themselves as they were
        called; not on many processes."""
        os.symlink(self.binary, "link")
        for tool in TOOLS:
            for words in ([tool, "--help"], ["help", tool]):
                finished = run(*words, binary="./link")
                self.assertEqual((finished.code, finished.err), (0, ""), finished)
                self.assertRegex(finished.out, rf"\Ausage: skymeans {tool} ")
            wrong = run(tool, "--nope", binary=self.binary)
            self.assertEqual(wrong.code, 2, wrong)
            self.assertRegex(wrong.err, rf"\Askymeans {tool}: error: ")
        many = run("plot", "--help", binary=self.binary, ranks=3)
        self.assertEqual((many.code, many.out), (2, ""), many)
        self.assertRegex(many.err, r"\Askymeans: error: one process is enough \(plot\): 3 ")

    def test_broken_tool(self):
        tool = f"{self.prefix}/libexec/skymeans/skymeans-broken"
        with open(tool, "w", encoding="utf-8") as file:
            file.write("#!/none/python3\n")
        self.addCleanup(os.remove, tool)
        os.chmod(tool, 0o755)
        finished = run("broken", binary=self.binary)
        self.assertEqual((finished.code, finished.out), (4, ""), finished)
        self.assertRegex(finished.err, r"\Askymeans: error: can't start the tool "
                                       r"\(/.*/skymeans-broken\): No such [^\n]*; install Python 3")

    def test_no_tools(self):
        """Modules are none, nor is what lies elsewhere."""
        for name in ("catalogue", "nope", "../../../bin/skymeans", "Plot", ""):
            finished = run(name, binary=self.binary)
            self.assertEqual((finished.code, finished.out), (2, ""), finished)
            self.assertRegex(finished.err, r"\Askymeans: error: unknown command \(")


if __name__ == "__main__":
    unittest.main()

"""tools/find-hdf5.sh finds the HDF5 that was built for the compiler's own MPI, or says that there is
none. Both MPIs and their HDF5s are empty shells made here."""
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SECONDS = 60
OPEN_MPI, MPICH = "openmpi", "mpich"
MPIS = {OPEN_MPI: ("#define OPEN_MPI 1", "libmpi.so.40", "ompi_world"),
        MPICH: ("#define MPICH 1", "libmpich.so.12", "mpich_world")}
MPI_H = """{macro}
typedef int MPI_Comm, MPI_Info;
extern int {symbol};
#define MPI_COMM_WORLD {symbol}
#define MPI_INFO_NULL 0
int MPI_Init(int *, char ***);
"""
MPI_C = "#include <mpi.h>\nint {symbol};\nint MPI_Init(int *a, char ***b) {{ return !a + !b; }}\n"
HDF5_H = """#include <mpi.h>
#define H5_HAVE_PARALLEL 1
int H5Pset_fapl_mpio(int, MPI_Comm, MPI_Info);
"""
HDF5_C = """#include <hdf5.h>
int H5Pset_fapl_mpio(int a, MPI_Comm b, MPI_Info c) { return a + b + c + MPI_COMM_WORLD; }
"""


def call(*words):
    subprocess.run(words, check=True, timeout=SECONDS, stdin=subprocess.DEVNULL)


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def make_mpi(top, name):
    """Header, library and compiler of an MPI, as NAME/ and bin/mpicc.NAME."""
    macro, soname, symbol = MPIS[name]
    folder = f"{top}/{name}"
    library = soname.partition(".")[0].removeprefix("lib")
    write(f"{folder}/include/mpi.h", MPI_H.format(macro=macro, symbol=symbol))
    write(f"{folder}/mpi.c", MPI_C.format(symbol=symbol))
    call("cc", "-shared", "-fPIC", f"-I{folder}/include", f"-Wl,-soname,{soname}",
         f"{folder}/mpi.c", "-o", f"{folder}/{soname}")
    os.symlink(soname, f"{folder}/lib{library}.so")
    # As Open MPI's does, it adds nothing where no source is named.
    write(f"{top}/bin/mpicc.{name}", '#!/bin/sh\ncase " $* " in *.c" "*)'
          f' exec cc "$@" -I{folder}/include -L{folder} -Wl,-rpath,{folder} -l{library};; esac\n'
          'exec cc "$@"\n', 0o755)


def make_hdf5(top, name):
    """Parallel HDF5 for an MPI, in NAME/hdf5 and as a package of pkg-config; static in NAME/static."""
    folder, compiler = f"{top}/{name}/hdf5", f"{top}/bin/mpicc.{name}"
    write(f"{folder}/include/hdf5.h", HDF5_H)
    write(f"{folder}/hdf5.c", HDF5_C)
    for kind in ("lib", "static/lib"):
        os.makedirs(f"{folder}/{kind}")
    call(compiler, "-shared", "-fPIC", f"-I{folder}/include", f"{folder}/hdf5.c", "-o",
         f"{folder}/lib/libhdf5.so")
    call(compiler, "-c", f"-I{folder}/include", f"{folder}/hdf5.c", "-o", f"{folder}/hdf5.o")
    call("ar", "rc", f"{folder}/static/lib/libhdf5.a", f"{folder}/hdf5.o")
    os.symlink("../include", f"{folder}/static/include")
    write(f"{top}/packages/hdf5-{name}.pc",
          f"Name: HDF5\nDescription: HDF5\nVersion: 1\nCflags: -I{folder}/include -I{top}/{name}/"
          f"include\nLibs: -L{folder}/lib -Wl,-rpath,{folder}/lib -lhdf5 -L{top}/{name}\n")


class FindHdf5(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix="skymeans-build-")
        cls.addClassCleanup(shutil.rmtree, cls.top)
        for name in MPIS:
            make_mpi(cls.top, name)
        for name in MPIS:
            make_hdf5(cls.top, name)
        write(f"{cls.top}/bin/h5pcc", "#!/bin/sh\nexit 1\n", 0o755)

    def find(self, compiler, packages=tuple(MPIS), **variables):
        """Exit code, what it says, and the flags for the linker."""
        with tempfile.TemporaryDirectory() as folder:
            for name in packages:
                shutil.copy(f"{self.top}/packages/hdf5-{name}.pc", folder)
            done = subprocess.run(
                [f"{ROOT}/tools/find-hdf5.sh", f"{folder}/cflags", f"{folder}/libs"],
                capture_output=True, text=True, timeout=SECONDS, check=False,
                env={"PATH": f"{self.top}/bin:{os.environ['PATH']}", "CC": f"mpicc.{compiler}",
                     "PKG_CONFIG_LIBDIR": folder} | variables)
            libs = ""
            if os.path.exists(f"{folder}/libs"):
                with open(f"{folder}/libs", encoding="utf-8") as file:
                    libs = file.read()
        return done.returncode, done.stderr, libs

    def check_refused(self, found, *words):
        code, said, libs = found
        self.assertEqual((code, libs, said.count("\n")), (1, "", 1), said)
        for word in words:
            self.assertIn(word, said)

    def test_package(self):
        """Of several packages the one for this MPI."""
        for name in MPIS:
            with self.subTest(compiler=name):
                code, said, libs = self.find(name)
                self.assertEqual((code, said), (0, ""))
                self.assertIn(f"/{name}/hdf5/lib ", libs)

    def test_wrong_package(self):
        self.check_refused(self.find(MPICH, packages=[OPEN_MPI]), "for MPICH of CC=mpicc.mpich",
                           "(hdf5-openmpi)", "libhdf5-mpich-dev")
        self.check_refused(self.find(OPEN_MPI, packages=[MPICH]), "for Open MPI", "(hdf5-mpich)")
        self.check_refused(self.find(MPICH, packages=[]), "no parallel HDF5: run 'make deps'")

    def test_folder(self):
        """HDF5_DIR brings no header of MPI along, only a library that needs another."""
        for kind in ("hdf5", "hdf5/static"):
            for compiler in MPIS:
                for name in MPIS:
                    with self.subTest(compiler=compiler, hdf5=name, kind=kind):
                        folder = f"{self.top}/{name}/{kind}"
                        found = self.find(compiler, HDF5_DIR=folder)
                        if compiler == name:
                            self.assertEqual(found[:2], (0, ""))
                        elif kind == "hdf5" or name == OPEN_MPI:
                            self.check_refused(found, f"(HDF5_DIR={folder})", "another MPI")
        self.check_refused(self.find(MPICH, HDF5_DIR="/nonexistent"), "it is absent")


if __name__ == "__main__":
    unittest.main()

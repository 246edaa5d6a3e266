# A recipe for Spack 1.0 and later. Beside skymeans-@VERSION@.tar.gz:
#   spack repo create . skymeans; mkdir spack_repo/skymeans/packages/skymeans
#   cp package.py spack_repo/skymeans/packages/skymeans
#   spack repo add spack_repo/skymeans; spack install skymeans
import os

from spack_repo.builtin.build_systems.makefile import MakefilePackage

from spack.package import *


class Skymeans(MakefilePackage):
    """k-means for survey catalogues on MPI clusters: reads HDF5 in parallel, and gives the same bits
    on any number of ranks and threads."""

    manual_download = True
    url = f"file://{os.getcwd()}/skymeans-@VERSION@.tar.gz"

    license("BSD-3-Clause")

    version("@VERSION@", sha256="@SHA256@")

    variant("python", default=True, description="Tools that convert, draw and export; Python module")

    depends_on("c", type="build")
    depends_on("gmake@4.2:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("random123", type="build")
    depends_on("mpi@3:")
    depends_on("hdf5@1.10:+mpi")
    depends_on("zlib-api")

    with when("+python"):
        extends("python")
        depends_on("python@3.9:", type=("build", "run"))
        depends_on("py-numpy", type="run")
        depends_on("py-h5py", type="run")
        depends_on("py-astropy", type="run")
        depends_on("py-matplotlib", type="run")

    @property
    def settings(self):
        words = [
            f"CC={self.spec['mpi'].mpicc}",
            f"HDF5_DIR={self.spec['hdf5'].prefix}",
            f"PREFIX={self.prefix}",
        ]
        if self.spec.satisfies("+python"):
            words.append(f"PYTHONDIR={python_purelib}")
        return words

    @property
    def build_targets(self):
        return [*self.settings, "all", "library"]

    @property
    def install_targets(self):
        return [*self.settings, "install"]

    def check(self):
        """The tests want Check and Python, and start ranks, which a login node may refuse."""

"""Builds skymeans with other MPIs, compilers and flags, and compares their fits with those of the
program that `make` built: the same checksums, whatever built it. One line for each build.

usage: builds.py [NAME...]

The builds are made of a copy of the sources, as from a release: without git, in a folder with a blank,
under umask 077, in a German locale (where localedef can make one) and without HOME; they go to a folder
outside of it. Some tests in C have to pass, too.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import h5py

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / os.environ.get("BUILD", "build") / "skymeans"
SECONDS = 1800  # for one build
# Tests in C, by what starts ranks: another MPI is not about kernels.
TESTS = {"mpiexec.mpich": ["test_comm", "test_result"], "mpirun": ["test_kernels", "test_result"]}
HARDENED = ("-O2 -g -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection "
            "-fcf-protection -fPIE -Wformat -Werror=format-security")
# What make is told; variables; programs that have to be there, the last of which starts ranks.
BUILDS = {
    # Not optimized, for time.
    "mpich": (["MPI=mpich", "CFLAGS=-O0", "fast=-O0"], {}, ["mpicc.mpich", "mpiexec.mpich"]),
    "gcc -O0": (["CFLAGS=-O0", "fast=-O0"], {}, ["gcc", "mpirun"]),
    "gcc -O2": (["CFLAGS=-O2"], {}, ["gcc", "mpirun"]),
    "gcc -march=native": (["CFLAGS=-O3 -march=native"], {}, ["gcc", "mpirun"]),
    "gcc hardened": ([f"CFLAGS={HARDENED}", "LDFLAGS=-pie -Wl,-z,relro,-z,now,-z,noexecstack"], {},
                     ["gcc", "mpirun"]),
    "clang": ([], {"OMPI_CC": "clang-14"}, ["clang-14", "mpirun"]),
}
STARS = ROOT / "data" / "hipparcos.h5"
FITS = {
    "stars": [STARS, "-c", "b_v,abs_mag,vmag", "--scale", "standard", "-k", 50, "--weights",
              "parallax_mas", "--where", "parallax_mas > 0"],
    "sky": [STARS, "--sky", "ra_deg,dec_deg", "-k", 20],
    "reference": ["mock.h5", "-k", 40, "--seeding", "kmeans-parallel", "--kernel", "reference"],
    **{method: ["mock.h5", "-k", 40, "--algorithm", method] for method in ("bounds", "neighbours")},
}


def call(*words, seconds=120, **how):
    words = list(map(str, words))
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False,
                          stdin=subprocess.DEVNULL, **how)
    if done.returncode:
        sys.exit(f"builds: {' '.join(words)} returned {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def checksums(program, mpirun, ranks):
    """The checksum of each fit on each number of ranks, which these words start."""
    found = {}
    for name, words in FITS.items():
        for n in ranks:
            call(*mpirun, "-n", n, program, "fit", *words, "-o", "fit.h5", "--overwrite", "--quiet")
            with h5py.File("fit.h5") as file:
                found[f"{name} on {n}"] = file.attrs["checksum"]
    return found


def surroundings(**variables):
    """The variables of a build: no HOME, and the locale in which 1.5 is written 1,5."""
    done = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", "./de_DE.UTF-8"], check=False,
                          capture_output=True)
    german = {} if done.returncode else {"LOCPATH": os.getcwd(), "LC_ALL": "de_DE.UTF-8"}
    others = {name: text for name, text in os.environ.items()
              if name not in ("HOME", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "BUILD")}
    return others | german | {"SOURCE_DATE_EPOCH": "0"} | variables


def copy_sources(to):
    """The files that git knows of, as they are now."""
    for name in call("git", "-C", ROOT, "ls-files", "-z").split("\0")[:-1]:
        os.makedirs(os.path.dirname(f"{to}/{name}"), exist_ok=True)
        shutil.copy(ROOT / name, f"{to}/{name}")


def check(name, expected):
    """Is one build as it should be?"""
    settings, variables, needed = BUILDS[name]
    missing = [program for program in needed if not shutil.which(program)]
    if missing:
        print(f"skip {name}: needs {', '.join(missing)}")
        return True
    begin = time.monotonic()
    build = f"{os.getcwd()}/build"
    is_mpich, preloaded = name == "mpich", f"{build}/tests/yield.so"
    call("make", "-s", f"-j{os.cpu_count()}", "-C", "a blank", f"BUILD={build}", *settings, "all",
         *(f"{build}/tests/{test}" for test in TESTS[needed[-1]]), *([preloaded] if is_mpich else []),
         seconds=SECONDS, env=surroundings(**variables))
    mpirun = [needed[-1], *(["-genv", "LD_PRELOAD", preloaded] if is_mpich else [])]
    for test in TESTS[needed[-1]]:
        call(*mpirun, "-n", 2, f"{build}/tests/{test}", seconds=600)
    got = checksums(f"{build}/skymeans", mpirun, (1, 2, 4))
    wrong = [fit for fit in got if got[fit] != expected[f"{fit.split()[0]} on 2"]]
    shutil.rmtree(build)
    print(f"{'FAIL' if wrong else 'ok  '} {name:18} {len(got) - len(wrong)} of {len(got)} checksums equal, "
          f"{time.monotonic() - begin:6.1f} s {', '.join(wrong)}".rstrip(), flush=True)
    return not wrong


def main():
    names = sys.argv[1:] or list(BUILDS)
    unknown = [name for name in names if name not in BUILDS]
    if unknown:
        sys.exit(f"builds: unknown: {', '.join(unknown)}; there are {', '.join(BUILDS)}")
    with tempfile.TemporaryDirectory(prefix="skymeans-builds-") as folder:
        os.chdir(folder)
        os.umask(0o077)
        copy_sources("a blank")
        call(PROGRAM, "generate", "mock.h5", "--rows", 10000, "--columns", 6, "--clusters", 40,
             "--quiet")
        expected = checksums(PROGRAM, ["mpirun"], (2,))
        passed = [check(name, expected) for name in names]
        os.chdir(ROOT)
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()

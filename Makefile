# skymeans: README.md says what it is, `make help` what can be made.

ifeq ($(origin CC),default)
# MPI=mpich: another MPI beside the usual one, by the names that Debian gives its programs.
CC      := mpicc$(MPI:%=.%)
endif
PREFIX  := /usr/local
ifdef FUZZ
SANITIZE := 1
endif
BUILD   := build$(MPI:%=/%)$(if $(FUZZ),/fuzz,$(if $(SANITIZE),/sanitize))$(if $(SUMS),/sums-$(SUMS))
Q       := $(if $(V),,@)

# All cores compile, unless this make was told how many (-j), or has goals that follow each other.
ifeq ($(MAKELEVEL) $(words $(wordlist 2,9,$(MAKECMDGOALS))),0 0)
MAKEFLAGS += -j$(shell nproc)
endif

# ---- flags: every bit of a result is promised, so no contraction and no fast-math -----------------

CFLAGS   := $(if $(SANITIZE),-O1 -g1,-O3 -g)
warnings := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion \
            -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wpointer-arith -Wvla \
            $(if $(WERROR),-Werror)
exact    := -ffp-contract=off -fno-math-errno -fno-trapping-math
sanitize := $(if $(SANITIZE),-fsanitize=address -fsanitize=undefined -fno-omit-frame-pointer) \
            $(if $(FUZZ),-fsanitize=fuzzer-no-link)
sums     := $(if $(filter two,$(SUMS)),-DKM_SUMS_TWO)
flags    := -std=c17 -D_GNU_SOURCE -fopenmp -Isrc -Iinclude $(warnings) $(CFLAGS) $(exact) $(sanitize) \
            $(sums)
# The commit stands in a release, which may lie within some other repository.
commit    = $(or $(filter-out $$%,$(file <packaging/commit)),\
            $(shell git describe --always --dirty --exclude '*' 2>/dev/null),unknown)

# ---- instruction sets of the vectorised kernels; the program chooses among them when it starts ----
# Always -O3: less leaves their short arrays of vectors in memory, and they are 2.6 times slower. Not
# so with sanitizers, and without UBSan, with which each takes the compiler more than a minute. Where
# each variable is (-fvar-tracking) takes it as long as all the rest.

machine  := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
of_x86   := avx2 avxvnni avx512vl avx512 avx512vnni
vector   := $(if $(filter x86_64,$(machine)),$(of_x86)) $(if $(filter aarch64,$(machine)),neon)
avx512   := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma
fast     := $(if $(SANITIZE),-O1 -fno-sanitize=undefined,-O3) -fno-var-tracking
%/kernels/avx2.o:       extra := $(fast) -mavx2 -mfma
%/kernels/avxvnni.o:    extra := $(fast) -mavx2 -mfma -mavxvnni
%/kernels/avx512vl.o:   extra := $(fast) $(avx512) -mavx512vnni -mprefer-vector-width=256
%/kernels/avx512.o:     extra := $(fast) $(avx512) -mprefer-vector-width=512
%/kernels/avx512vnni.o: extra := $(fast) $(avx512) -mavx512vnni -mprefer-vector-width=512
%/kernels/neon.o:       extra := $(fast)
%/base/version.o:     extra  = -DKM_GIT_COMMIT='"$(commit)"'

# ---- the program -----------------------------------------------------------------------------------

# To measure what exact sums cost, SUMS=plain takes doubles instead, and SUMS=two always two words.
unused   := $(patsubst %,src/kernels/%.c,$(filter-out $(vector),$(of_x86) neon)) \
            $(if $(filter plain,$(SUMS)),src/assign/move.c,src/assign/move_plain.c)
sources  := $(filter-out $(unused),$(wildcard src/*/*.c))
objects  := $(sources:src/%.c=$(BUILD)/%.o)
library  := $(BUILD)/libskymeans.a
faulty   := $(patsubst src/%.c,$(BUILD)/faults/%.o,$(shell grep -l km_fault src/*/*.c))

.PHONY: all
all: $(BUILD)/skymeans

# Everything but main, for the program and for the tests.
$(library): $(objects)
	@echo "  AR    $@"
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# The program that can be made to fail: the library gives it only what knows nothing of that.
.PHONY: faults
faults: $(BUILD)/faults/skymeans
$(BUILD)/faults/skymeans: $(faulty)
$(faulty): extra := -DKM_FAULTS

$(BUILD)/skymeans $(BUILD)/faults/skymeans: $(BUILD)/main.o $(library)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) -fopenmp $(sanitize) $(LDFLAGS) -o $@ \
	    $(filter-out $(library),$^) $(library) $$(cat $(BUILD)/hdf5.libs) -lz -lm

define compile
@mkdir -p $(@D)
@echo "  CC    $<"
$(Q)$(CC) $(flags) $(extra) $(place) $$(cat $(BUILD)/hdf5.cflags) -MMD -MP -c -o $@ $<
endef
$(BUILD)/%.o: src/%.c $(BUILD)/hdf5.libs
	$(compile)
$(BUILD)/faults/%.o: src/%.c $(BUILD)/hdf5.libs
	$(compile)

# What is built with changes with these words, and when the commit changes, so does the version.
.PHONY: always
$(BUILD)/compiler: always
	@mkdir -p $(@D)
	@echo '$(CC) $(flags) $(HDF5_DIR) $(engine)' | cmp -s - $@ || echo '$(CC) $(flags) $(HDF5_DIR) $(engine)' >$@
$(BUILD)/commit: always
	@mkdir -p $(@D)
	@echo '$(commit)' | cmp -s - $@ || echo '$(commit)' >$@
$(BUILD)/base/version.o: $(BUILD)/commit

# Where parallel HDF5 is; says what is wrong if it isn't anywhere.
$(BUILD)/hdf5.libs: tools/find-hdf5.sh $(BUILD)/compiler
	@mkdir -p $(@D)
	@CC='$(CC)' tools/find-hdf5.sh $(BUILD)/hdf5.cflags $@

include packaging/install.mk

.PHONY: clean
clean:
	rm -rf build

# ---- set-up, demo and tests: from a fresh clone, by one command ------------------------------------

.PHONY: deps
deps:
	@tools/deps.sh $(MPI)

# As root, and with more ranks than cores, Open MPI wants to be told that this is meant. Ranks start
# faster if what they tell each other is in a plain table, and if hwloc looks for no graphics.
run_env := OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
           OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none \
           OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader \
           OMPI_MCA_oob_tcp_if_include=lo PMIX_MCA_gds=hash HWLOC_PLUGINS_PATH=/nonexistent \
           OMP_WAIT_POLICY=passive
mpirun  := mpirun$(MPI:%=.%)
# Looking for leaks is asked for by itself (LEAKS=1): now and then the search itself crashes.
ifdef SANITIZE
run_env += LSAN_OPTIONS=suppressions=$(CURDIR)/tests/support/lsan.supp:print_suppressions=0 \
           ASAN_OPTIONS=allocator_may_return_null=1:$(if $(LEAKS),fast_unwind_on_malloc=0,detect_leaks=0) \
           UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
endif

.PHONY: demo
demo: deps
	@$(MAKE) -s --no-print-directory all
	$(run_env) $(mpirun) -n 2 $(BUILD)/skymeans fit data/hipparcos.h5 -c b_v,abs_mag \
	    --scale standard -k 6 --random-seed 26 -o $(BUILD)/demo.h5 --overwrite
	@$$(tools/find-python.sh h5py numpy matplotlib) tools/plot.py \
	    $(BUILD)/demo.h5 data/hipparcos.h5 -o $(BUILD)/demo.png --overwrite
	@echo "The picture: $(BUILD)/demo.png"

# Builds for tests say little, and use all cores unless this make was told how many (-j).
quietly = -s --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

# The page of options, from the program's --help.
.PHONY: docs
docs: all
	@$$(tools/find-python.sh sys) docs/make-options.py

.PHONY: help
help:
	@echo 'make demo      set up, build, cluster data/hipparcos.h5, write the picture'
	@echo 'make check     set up, build, run all tests; TEST=slab RANKS=3 for one;'
	@echo '               KIND=c (py) unit (program) tests only; SANITIZE=1 under AddressSanitizer, UBSan;'
	@echo '               MPI=mpich with that MPI (MPI=openmpi)'
	@echo 'make check-faults  runs that are killed at 50 (KILLS=200) moments each way, for some minutes'
	@echo 'make check-campaign  1000 (FAULTS=) faults of 12 kinds, for hours; goes on where it was interrupted'
	@echo 'make check-calls   every call to the system, HDF5 or MPI fails once, for hours; STEP=10 for a tenth'
	@echo 'make check-oracle  2000 (CASES=) fits against k-means in exact rational numbers, from 100 (FIRST=) on'
	@echo 'make check-work    how many distances 4, 16 and 64 RANKS evaluate, against one'
	@echo 'make check-large   a read of more than 4 GiB; takes 5.2 GB of disk, 2 GB of memory'
	@echo 'make check-scratch  --scratch where memory is a quarter of the rows, for some minutes (root)'
	@echo 'make fuzz          hostile files, results, checkpoints and texts by libFuzzer, 120 SECONDS for each kind'
	@echo 'make check-long    10000 (RUNS=) runs, 1000 (STARTS=) starts and (CALLS=) calls of the library, for hours'
	@echo 'make check-memory  what --dry-run says of memory, in 200 (COUNT=50) runs of random shapes,'
	@echo '                   for some minutes'
	@echo 'make check-generate  a mock catalogue of 1000000000 (ROWS=) rows that is never whole on the disk,'
	@echo '                   for some minutes'
	@echo 'make check-import  the memory that importing files of 250 (MB=2000) MB takes, and tables'
	@echo '               of 100000 (COLUMNS=) columns'
	@echo 'make check-neon    the kernels of ARM processors, under qemu'
	@echo 'make check-builds  other MPIs, compilers and flags give the same checksums; make check-mpich for one'
	@echo 'make check-clients  results in h5dump, R, Octave, STILTS, h5wasm and others, which are installed'
	@echo 'make check-debian  make check in another Debian (SUITE=trixie), sid by default; WORDS=MPI=mpich (root)'
	@echo 'make check-arm     the program and tests in C for 64-bit ARM, under qemu'
	@echo 'make check-slurm   test jobs/ on a Slurm cluster made for it on this machine;'
	@echo '               TEST=chain for one, TEST=codes STARTS=100 for exit codes through srun'
	@echo 'make bench-before  against an earlier build; BEFORE=97e5b65 WORK=W3 RUNS=5'
	@echo 'make bench     speed against scikit-learn and FAISS; WORK=W4 RUNS=5 CONVERGE=1'
	@echo 'make scaling   a small study of strong and weak scaling on this machine, with table and plots'
	@echo 'make simulate  the engine on simulated machines (SimGrid): RANKS=64,1024 WORK=weak-W6 COSTS=1;'
	@echo '               make simulate-reductions: ways to add up over ranks, side by side'
	@echo 'make deps      only set up: install what is missing, or say what to install'
	@echo 'make           build/skymeans; CC=, CFLAGS=, HDF5_DIR= if need be; V=1 shows commands'
	@echo 'make lint      format, static checks, which room includes which'
	@echo 'make install   program, library, tools, man pages; to PREFIX=/usr/local, LIBDIR=lib64, DESTDIR='
	@echo 'make uninstall remove what make install put there'
	@echo 'make library   build/libskymeans.so, .a: the engine without the program'
	@echo 'make dist      build/dist/skymeans-VERSION.tar.gz of the commit, and recipes for Spack and others'
	@echo 'make deb       Debian packages of the commit, in build/deb; make check-deb builds, installs and tests'
	@echo '               them in a bare Debian 12 (root)'
	@echo 'make docs      docs/options.md from the --help of the program'
	@echo 'make clean     remove build/'

include tests/tests.mk tests/bench/bench.mk tests/simulate/simulate.mk

-include $(objects:.o=.d) $(faulty:.o=.d) $(BUILD)/main.d

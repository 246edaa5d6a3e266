# Tests, and checks that take longer: `make help` lists them, and the Makefile includes this file.

replays  := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/replay/fuzz_%,$(wildcard tests/fuzz/fuzz_*.c))
tests    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
# What compiles for ranks, and starts them; and the folder of what tests in Python share.
yield    := $(BUILD)/tests/yield.so
shared   := MPICC='$(CC)' $(MPI:%=MPIRUN=mpirun.%) \
            $(if $(filter mpich,$(MPI)),LD_PRELOAD='$(CURDIR)/$(yield)') \
            PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(CURDIR)/tests/support$(if $(PYTHONPATH),:$(PYTHONPATH))"

.PHONY: check check-programs programs
check: deps
	@$(MAKE) $(quietly) check-programs
	@$(run_env) $(shared) BUILD=$(BUILD) $$(tools/find-python.sh h5py numpy astropy matplotlib sklearn \
	    pandas tables jsonschema) tests/run.py $(if $(TEST),--test $(TEST)) $(if $(KIND),--kind $(KIND)) \
	    $(if $(RANKS),--ranks $(RANKS))

# What the tests run.
check-programs: all $(if $(filter py,$(KIND)),,$(tests)) \
    $(if $(filter c,$(KIND)),,faults many $(replays) $(if $(SANITIZE),,$(solib))) $(if $(filter mpich,$(MPI)),$(yield))

# These, and what `make lint` and `make install` want, so that those may go on side by side.
programs: check-programs library $(man) $(complete) $(BUILD)/bench_kernels

# The tests themselves take the compiler longer than it saves them, and are not what UBSan is for, of
# which one check is left so that its library is linked.
quickly  := -O1 $(if $(SANITIZE),-g1 -fno-sanitize=undefined -fsanitize=unreachable)

$(BUILD)/tests/%: tests/unit/%.c $(library)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(flags) $(quickly) -Itests/support $$(cat $(BUILD)/hdf5.cflags) \
	    $$(pkg-config --cflags check) -MMD -MP $(LDFLAGS) -o $@ $< $(library) $$(cat $(BUILD)/hdf5.libs) \
	    $$(pkg-config --libs check) -lz -lm

# Loaded into ranks of MPICH, which else keep the cores from each other.
$(yield): tests/support/yield.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(flags) -fPIC -shared -o $@ $<

# The programs that run many command lines in one start of MPI.
.PHONY: many
many: $(BUILD)/tests/many $(BUILD)/faults/many
$(BUILD)/faults/many: extra := -DKM_FAULTS
$(BUILD)/faults/many: $(faulty)
$(BUILD)/tests/many $(BUILD)/faults/many: tests/support/many.c src/main.c $(library)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(flags) $(extra) $$(cat $(BUILD)/hdf5.cflags) -MMD -MP $(LDFLAGS) -o $@ $< \
	    $(filter %.o,$^) $(library) $$(cat $(BUILD)/hdf5.libs) -lz -lm

# The scripts of jobs/ on a Slurm cluster of four nodes, made for this and gone after it. STARTS=100
# for more of those that try exit codes.
.PHONY: check-slurm
check-slurm:
	@tests/slurm/run.sh --can-run || exit 0; \
	tools/deps.sh slurm && $(MAKE) $(quietly) all $(BUILD)/tests/test_comm && \
	    tests/slurm/run.sh $(if $(TEST),test_$(TEST))

# Runs that are killed at many moments; KILLS=200 for more. Each run has a time limit of its own.
.PHONY: check-faults
check-faults: deps
	@$(MAKE) $(quietly) all faults many
	@$(run_env) $(shared) BUILD=$(BUILD) KM_KILLS=$(or $(KILLS),50) $$(tools/find-python.sh h5py numpy) \
	    tests/program/test_kills_program.py -v
	@$(run_env) $(shared) BUILD=$(BUILD) KM_ALL_SEEDINGS=1 $$(tools/find-python.sh h5py numpy) \
	    tests/program/test_faults_program.py -v Faults.test_every_allocation

# What goes on for hours gets the processor time that others leave, and waits longer for a run to end.
patient := KM_SECONDS=600

# Faults by number, from 1 to FAULTS, but for those that build/campaign/results.txt has already; ONLY="3 9"
# for some of them again. Those of nodes need Slurm (tools/deps.sh slurm).
.PHONY: check-campaign
check-campaign: deps
	@$(MAKE) $(quietly) all many
	@$(run_env) $(patient) $(shared) BUILD=$(BUILD) $$(tools/find-python.sh h5py numpy) \
	    tests/campaign/campaign.py $(if $(ONLY),--only $(ONLY),$(or $(FAULTS),1000))

# The n-th call fails; STEP=10 for every tenth.
.PHONY: check-calls
check-calls: deps
	@$(MAKE) $(quietly) all many
	@$(run_env) $(patient) $(shared) BUILD=$(BUILD) KM_CALLS=$(or $(STEP),1) $$(tools/find-python.sh h5py numpy) \
	    tests/program/test_calls_program.py -v

# libFuzzer draws what is read, under ASan and UBSan: all fuzzers, or FUZZER="layout result", each for
# SECONDS. What it learnt is in build/fuzz/corpus, and the input of a crash beside it.
fuzzers := $(or $(FUZZER),$(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
.PHONY: fuzz
fuzz: deps
	@tools/deps.sh fuzz
	@$(MAKE) $(quietly) all
	@OMPI_CC=clang $(MAKE) $(quietly) FUZZ=1 fuzz-now
.PHONY: fuzz-now
fuzz-now: $(fuzzers:%=$(BUILD)/fuzz_%)
	@$(run_env) FUZZ_SECONDS=$(or $(SECONDS),120) tests/fuzz/run.sh $(BUILD) build/skymeans $(fuzzers)

$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(library)
	@echo "  CC    $<"
	$(Q)$(CC) $(flags) -Itests/support $$(cat $(BUILD)/hdf5.cflags) -MMD -MP $(LDFLAGS) -fsanitize=fuzzer \
	    -o $@ $< $(library) $$(cat $(BUILD)/hdf5.libs) -lz -lm

# The same without libFuzzer: each gets the inputs of a folder once.
$(BUILD)/tests/replay/fuzz_%: tests/fuzz/fuzz_%.c $(library)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(flags) $(quickly) -DKM_REPLAY -Itests/support $$(cat $(BUILD)/hdf5.cflags) -MMD -MP $(LDFLAGS) \
	    -o $@ $< $(library) $$(cat $(BUILD)/hdf5.libs) -lz -lm

# CASES of fits against k-means in exact rational numbers, from number FIRST on.
.PHONY: check-oracle
check-oracle: deps
	@$(MAKE) $(quietly) all many
	@$(run_env) $(patient) $(shared) BUILD=$(BUILD) KM_CASES=$(or $(CASES),2000) KM_FIRST=$(or $(FIRST),100) \
	    $$(tools/find-python.sh h5py numpy) tests/oracle/test_oracle.py -v

# Many runs and calls, each as good as the first: RUNS in few starts of MPI, STARTS of their own, CALLS
# of the library, RACES of all methods; very many iterations; very many clusters on 8 ranks.
.PHONY: check-long
check-long: deps
	@$(MAKE) $(quietly) all many $(solib)
	@$(run_env) $(patient) $(shared) BUILD=$(BUILD) KM_RUNS=$(or $(RUNS),10000) KM_STARTS=$(or $(STARTS),1000) \
	    KM_CALLS=$(or $(CALLS),1000) KM_RACES=$(or $(RACES),500) $$(tools/find-python.sh h5py numpy) tests/program/long_haul.py -v

# A read of more than 4 GiB.
.PHONY: check-large
check-large: deps
	@$(MAKE) -s --no-print-directory all
	@$(run_env) $(shared) BUILD=$(BUILD) $$(tools/find-python.sh h5py numpy) tests/program/large.py -v

# A mock catalogue of ROWS rows x 8 columns in one file, of which pieces are dropped once they were
# checked, so that little of it is ever on the disk.
.PHONY: check-generate
check-generate: deps
	@$(MAKE) $(quietly) $(BUILD)/tests/huge_mock
	@$(run_env) mpirun -n 2 $(BUILD)/tests/huge_mock $(BUILD)/huge-mock.h5 $(or $(ROWS),1000000000)

# How well --dry-run foretells the memory of random shapes of runs: COUNT of them, from number FIRST
# on.
.PHONY: check-memory
check-memory: deps
	@$(MAKE) $(quietly) all
	@$(run_env) $(shared) BUILD=$(BUILD) $$(tools/find-python.sh h5py numpy) \
	    tests/program/memory_shapes.py $(or $(COUNT),200) --first $(or $(FIRST),0)

# Catalogues four times as large as memory.
.PHONY: check-scratch
check-scratch: deps
	@$(MAKE) $(quietly) all $(BUILD)/tests/disk_speed
	@$(run_env) $(shared) BUILD=$(BUILD) $$(tools/find-python.sh h5py numpy) tests/program/scratch.py -v

# The memory that tools/import.py needs for large files; MB=2000 for larger ones.
.PHONY: check-import
check-import: deps
	@$(shared) KM_IMPORT_MB=$(or $(MB),250) $$(tools/find-python.sh h5py numpy astropy) \
	    tests/program/test_import.py -v ImportMemory
	@$(shared) KM_IMPORT_COLUMNS=$(or $(COLUMNS),100000) $$(tools/find-python.sh h5py numpy astropy) \
	    tests/program/test_where.py -v ManyColumns

# How many distances up to 64 ranks evaluate; RANKS="8 128" for others.
.PHONY: check-work
check-work: deps
	@$(MAKE) $(quietly) all many
	@$(run_env) $(shared) BUILD=$(BUILD) KM_WORK_RANKS="$(or $(RANKS),4 16 64)" \
	    $$(tools/find-python.sh h5py numpy) tests/program/test_work_program.py -v

# Other MPIs, compilers and flags give the same checksums: all that are here, BUILDS="'gcc -O0' clang"
# some of them; MPICH by itself.
.PHONY: check-builds check-mpich
check-builds: deps
	@$(MAKE) $(quietly) all
	@$(run_env) BUILD=$(BUILD) $$(tools/find-python.sh h5py) tests/builds.py $(BUILDS)
check-mpich:
	@$(MAKE) --no-print-directory check-builds BUILDS=mpich

# Results in the programs that people read them with, which are installed first.
.PHONY: check-clients
check-clients:
	@tools/deps.sh clients
	@[ -d $(BUILD)/npm/node_modules/h5wasm ] || \
	    npm install --silent --no-fund --no-audit --prefix $(BUILD)/npm h5wasm
	@$(MAKE) $(quietly) all many
	@$(run_env) $(shared) BUILD=$(BUILD) NODE_PATH="$$(realpath $(BUILD)/npm/node_modules)" \
	    $$(tools/find-python.sh h5py numpy astropy pandas tables) \
	    tests/program/test_readers_program.py -v

# Program and tests for 64-bit ARM under qemu; TEST="tree sums" for some of those on one rank.
.PHONY: check-arm
check-arm:
	@tools/deps.sh neon chroot
	@$(MAKE) $(quietly) all
	@tests/aarch64.sh $(BUILD)/skymeans $(BUILD)/aarch64 $(TEST)

# make check in another Debian (SUITE=trixie, sid), with the WORDS of another make, as WORDS=MPI=mpich.
.PHONY: check-debian
check-debian:
	@tools/deps.sh chroot
	@tests/debian.sh $(or $(SUITE),sid) $(BUILD)/debian $(WORDS)

# The NEON kernels under qemu, where Debian's cross compiler is there.
.PHONY: check-neon
check-neon: deps
	@$(MAKE) $(quietly) $(library)
	@tests/unit/neon.sh $(library)

# Also looks at what the compiled files call, so they are made first; so is the bench of kernels,
# which no test would miss.
.PHONY: lint
lint:
	@$(MAKE) $(quietly) all library $(BUILD)/bench_kernels
	@BUILD=$(BUILD) tests/lint/lint.sh

-include $(tests:=.d) $(replays:=.d) $(fuzzers:%=$(BUILD)/fuzz_%.d)

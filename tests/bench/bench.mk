# How fast it is; the Makefile includes this file.

# WORK=W4 RUNS=5 for one line of the table, CONVERGE=1 to convergence.
.PHONY: bench
bench: deps
	@tools/deps.sh bench
	@$(MAKE) $(quietly) all
	@$(MAKE) $(quietly) all SUMS=plain
	@$(MAKE) $(quietly) all SUMS=two
	@$(MAKE) $(quietly) $(BUILD)/bench_kernels
	@$(run_env) $$(tools/find-python.sh h5py sklearn faiss) tests/bench/bench.py \
	    $(if $(WORK),--work $(WORK)) --runs $(or $(RUNS),3) $(if $(CONVERGE),--converge)

# This build against an earlier one: BEFORE=97e5b65 WORK=W3 RUNS=5
.PHONY: bench-before
bench-before: deps
	@tools/deps.sh bench
	@$(MAKE) $(quietly) all
	@$(run_env) $$(tools/find-python.sh h5py numpy) tests/bench/bench_before.py \
	    $(if $(BEFORE),--before $(BEFORE)) $(if $(WORK),--work $(WORK)) \
	    --runs $(or $(RUNS),5)

# A small study of strong and weak scaling, by JUBE; docs/scaling.md has one.
.PHONY: scaling
scaling: deps
	@tools/deps.sh scaling
	@$(MAKE) $(quietly) all
	@rm -rf $(BUILD)/scaling && mkdir -p $(BUILD)/scaling
	@cd $(BUILD)/scaling && for kind in strong weak; do \
	    $(run_env) $(CURDIR)/jobs/scaling.sh $$kind $(CURDIR)/jobs/scaling.yaml small && \
	    $$($(CURDIR)/tools/find-python.sh matplotlib) $(CURDIR)/tools/scaling.py scaling-$$kind \
	        -o $$kind || exit 1; \
	done
	@echo "Tables and plots: $(BUILD)/scaling/strong, $(BUILD)/scaling/weak"

$(BUILD)/bench_kernels: tests/bench/bench_kernels.c $(library)
	@echo "  LINK  $@"
	$(Q)$(CC) $(flags) -MMD -MP -o $@ $< $(library) -lz -lm

# Rows in and labels out against a fit: mpirun -n 2 build/bench_engine
$(BUILD)/bench_engine: tests/bench/bench_engine.c $(library)
	@echo "  LINK  $@"
	$(Q)$(CC) $(flags) -Itests/support -MMD -MP -o $@ $< $(library) $$(cat $(BUILD)/hdf5.libs) -lz -lm

# Second nearest centers against the final labels and distances: build/bench_second
$(BUILD)/bench_second: tests/bench/bench_second.c $(library)
	@echo "  LINK  $@"
	$(Q)$(CC) $(flags) -Itests/support -MMD -MP -o $@ $< $(library) $$(cat $(BUILD)/hdf5.libs) -lz -lm

# Expressions against plain reading: build/bench_expressions
$(BUILD)/bench_expressions: tests/bench/bench_expressions.c $(library)
	@echo "  LINK  $@"
	$(Q)$(CC) $(flags) $$(cat $(BUILD)/hdf5.cflags) -MMD -MP -o $@ $< $(library) $$(cat $(BUILD)/hdf5.libs) -lz -lm

-include $(BUILD)/bench_kernels.d $(BUILD)/bench_engine.d $(BUILD)/bench_second.d $(BUILD)/bench_expressions.d

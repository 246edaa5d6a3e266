# The engine on simulated machines (SimGrid's smpicc and smpirun); the Makefile includes this file.

# Its compiler would take any function that is called free for that of the C library. Arithmetic, which
# knows nothing of MPI, is that of the library.
simrooms  := $(filter-out src/kernels/% src/sums/%,$(engine))
simengine := $(simrooms:src/%.c=$(BUILD)/simulate/%.o) $(filter $(BUILD)/kernels/% $(BUILD)/sums/%,$(pic))
simdriver := tests/simulate/iteration.c tests/simulate/collectives.c
smpicc    := smpicc $(filter-out $(warnings),$(flags)) -DSMPI_NO_OVERRIDE_MALLOC

$(BUILD)/simulate/base/version.o: extra = -DKM_GIT_COMMIT='"$(commit)"'
$(BUILD)/simulate/%.o: src/%.c $(BUILD)/compiler
	@mkdir -p $(@D)
	@echo "  CC    $< (simulated)"
	$(Q)$(smpicc) $(extra) -MMD -MP -c -o $@ $<

$(BUILD)/simulate/iteration: $(simdriver) tests/support/random_values.h include/skymeans.h $(simengine)
	@echo "  LINK  $@"
	$(Q)$(smpicc) -DSIMULATED -Itests/support -o $@ $(simdriver) $(simengine) \
	    -Wl,--wrap=MPI_Exscan,--wrap=MPI_Allreduce -lm

$(BUILD)/simulate/reductions: tests/simulate/reductions.c
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(smpicc) -o $@ $<

# The same on real ranks.
$(BUILD)/iteration: tests/simulate/iteration.c $(library)
	@echo "  LINK  $@"
	$(Q)$(CC) $(flags) -Itests/support -MMD -MP -o $@ $< $(library) \
	    -Wl,--wrap=MPI_Allreduce -lm

$(BUILD)/reductions: tests/simulate/reductions.c $(BUILD)/compiler
	@echo "  LINK  $@"
	$(Q)$(CC) $(flags) -o $@ $<

# Weak and strong scaling on 256 simulated ranks; RANKS=64,1024,4096 WORK=weak-W6 REDUCTION=rdb for
# others. With COSTS=1 first measures what computing costs here.
.PHONY: simulate
simulate: deps
	@tools/deps.sh simulate
	@$(MAKE) $(quietly) $(BUILD)/iteration $(BUILD)/simulate/iteration
	@$(if $(COSTS),$(run_env) BUILD=$(BUILD) tests/simulate/simulate.py --costs)
	@$(run_env) BUILD=$(BUILD) tests/simulate/simulate.py $(if $(RANKS),--ranks $(RANKS)) \
	    $(if $(WORK),--work $(WORK)) $(if $(REDUCTION),--reduction $(REDUCTION))

# Ways to add up over ranks, side by side, on simulated ranks; on real ones: mpirun build/reductions.
.PHONY: simulate-reductions
simulate-reductions: deps
	@tools/deps.sh simulate
	@$(MAKE) $(quietly) $(BUILD)/reductions $(BUILD)/simulate/reductions
	@BUILD=$(BUILD) tests/simulate/simulate.py --reductions $(if $(RANKS),--ranks $(RANKS))

-include $(simrooms:src/%.c=$(BUILD)/simulate/%.d) $(BUILD)/iteration.d

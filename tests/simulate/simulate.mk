# The engine on simulated machines (SimGrid's smpicc, smpirun); the Makefile includes this file.

# Its compiler would take any function that is called free for that of the C library.
smpi     := $(engine:src/%.c=$(BUILD)/simulate/%.o)
smpicc   := smpicc $(filter-out $(warnings),$(flags)) -DSMPI_NO_OVERRIDE_MALLOC
driver   := tests/simulate/iteration.c
simdriver := $(driver) tests/simulate/collectives.c

$(BUILD)/simulate/base/version.o: extra = -DKM_GIT_COMMIT='"$(commit)"'
$(BUILD)/simulate/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC    $< (simulated)"
	$(Q)$(smpicc) $(extra) -MMD -MP -c -o $@ $<

$(BUILD)/simulate/iteration: $(simdriver) tests/support/random_values.h include/skymeans.h $(smpi)
	@echo "  LINK  $@"
	$(Q)$(smpicc) -DSIMULATED -Itests/support -o $@ $(simdriver) $(smpi) \
	    -Wl,--wrap=MPI_Exscan,--wrap=MPI_Allreduce -lm

# The same on real ranks.
$(BUILD)/iteration: $(driver) $(library)
	@echo "  LINK  $@"
	$(Q)$(CC) $(flags) -Itests/support -MMD -MP -o $@ $< $(library) -lm

-include $(smpi:.o=.d) $(BUILD)/iteration.d

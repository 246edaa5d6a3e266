# The engine on simulated machines (SimGrid's smpicc, smpirun); the Makefile includes this file.

# Its compiler takes any call that is called free for the function.
smpi     := $(engine:src/%.c=$(BUILD)/simulate/%.o)
smpicc   := smpicc $(filter-out $(warnings),$(flags)) -DSMPI_NO_OVERRIDE_MALLOC

$(BUILD)/simulate/base/version.o: extra = -DKM_GIT_COMMIT='"$(commit)"'
$(BUILD)/simulate/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC    $< (simulated)"
	$(Q)$(smpicc) $(extra) -MMD -MP -c -o $@ $<

$(BUILD)/simulate/iteration: tests/simulate/iteration.c $(smpi)
	@echo "  LINK  $@"
	$(Q)$(smpicc) -DSIMULATED -Itests/support -MMD -MP -o $@ $^ -lm

# The same on real ranks.
$(BUILD)/iteration: tests/simulate/iteration.c $(library)
	@echo "  LINK  $@"
	$(Q)$(CC) $(flags) -Itests/support -MMD -MP -o $@ $< $(library) -lm

-include $(smpi:.o=.d) $(BUILD)/simulate/iteration.d $(BUILD)/iteration.d

# The library, man pages, completion, and where `make install` puts everything.

LIBDIR   := lib
libdir   := $(if $(filter /%,$(LIBDIR)),$(LIBDIR),$(PREFIX)/$(LIBDIR))
# Any Python 3 takes the module, which finds the library three folders up from its own.
PYTHONDIR := $(libdir)/python3/site-packages
version  := $(shell sed -n 's/^\#define KM_VERSION "\(.*\)"$$/\1/p' src/base/version.h)
soname   := libskymeans.so.$(firstword $(subst ., ,$(version)))

# ---- the library ------------------------------------------------------------------------------------
# The engine. Its objects, which are also those of the program, may lie anywhere in memory. Names that
# are not public are hidden, so that they cannot clash with those of a caller.

rooms    := base comm sums kernels samples order seeding assign fit cluster
engine   := $(foreach room,$(rooms),$(filter src/$(room)/%,$(sources)))
pic      := $(engine:src/%.c=$(BUILD)/%.o)
solib    := $(BUILD)/libskymeans.so.$(version)
archive  := $(BUILD)/engine/libskymeans.a
OBJCOPY  := objcopy

$(pic): place := -fPIC -fvisibility=hidden

$(solib): $(pic) packaging/skymeans.map
	@echo "  LINK  $@"
	$(Q)$(CC) -shared $(CFLAGS) -fopenmp $(sanitize) $(LDFLAGS) -o $@ $(pic) -lm \
	    -Wl,-soname,$(soname),--version-script=packaging/skymeans.map,--no-undefined

$(archive): $(pic)
	@echo "  AR    $@"
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(LD) -r -o $(@D)/skymeans.o $^
	$(Q)$(OBJCOPY) --wildcard --keep-global-symbol='skymeans_*' $(@D)/skymeans.o
	$(Q)$(AR) rcs $@ $(@D)/skymeans.o

.PHONY: library
library: $(solib) $(archive)

# ---- man pages and completion, from the table of options --------------------------------------------

commands := fit predict info compare verify probe generate
man      := $(BUILD)/man/skymeans.1 $(commands:%=$(BUILD)/man/skymeans-%.1)
complete := $(BUILD)/packaging/completion.bash

$(BUILD)/documents: packaging/documents.c $(library)
	@echo "  CC    $<"
	$(Q)$(CC) $(flags) $$(cat $(BUILD)/hdf5.cflags) -MMD -MP $(LDFLAGS) -o $@ $< $(library) \
	    $$(cat $(BUILD)/hdf5.libs) -lz -lm

$(man): $(BUILD)/documents
	@mkdir -p $(@D)
	@$< man $(patsubst skymeans-%,%,$(filter skymeans-%,$(basename $(@F)))) >$@

$(complete): packaging/completion.bash $(BUILD)/documents
	@mkdir -p $(@D)
	@$(BUILD)/documents completion >$@
	@cat $< >>$@

# ---- files that name the place ----------------------------------------------------------------------

filled   := $(patsubst packaging/%.in,$(BUILD)/packaging/%,$(wildcard packaging/*.in))
below    := $(patsubst $(PREFIX)/%,$${prefix}/%,$(libdir))
up        = $(shell realpath -m --relative-to=$(libdir)/cmake/skymeans $(PREFIX))

$(filled): $(BUILD)/packaging/%: packaging/%.in always
	@mkdir -p $(@D)
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(below)|' -e 's|@VERSION@|$(version)|' \
	    -e 's|@MINOR@|$(basename $(version))|' -e 's|@SONAME@|$(soname)|' -e 's|@UP@|$(up)|' \
	    -e 's|@MODULES@|$(PREFIX)/share/modulefiles|' \
	    -e 's|@PYTHONDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(PYTHONDIR))|' $< >$@

# ---- what goes where: FILE:DESTINATION --------------------------------------------------------------

users    := import plot report export scaling
modules  := $(filter-out $(users:%=tools/%.py),$(wildcard tools/*.py)) tools/report.css tools/report.js
jobs     := $(wildcard jobs/*.sbatch) jobs/restart-chain.sh jobs/scaling.sh jobs/scaling.yaml \
    jobs/site.example.sh
into      = $(foreach file,$(2),$(file):$(1)/$(notdir $(file)))

installs := $(BUILD)/skymeans:$(PREFIX)/bin/skymeans \
    $(call into,$(libdir),$(solib) $(archive)) \
    $(call into,$(PREFIX)/include,include/skymeans.h) \
    $(BUILD)/packaging/skymeans.pc:$(libdir)/pkgconfig/skymeans.pc \
    $(call into,$(libdir)/cmake/skymeans,$(filter %.cmake,$(filled))) \
    $(foreach tool,$(users),tools/$(tool).py:$(PREFIX)/libexec/skymeans/skymeans-$(tool)) \
    $(call into,$(PREFIX)/libexec/skymeans,$(modules) tools/find-python.sh) \
    $(call into,$(PYTHONDIR)/skymeans,$(wildcard tools/python/skymeans/*.py) \
        tools/python/skymeans/py.typed) \
    $(call into,$(PREFIX)/share/man/man1,$(man)) \
    $(complete):$(PREFIX)/share/bash-completion/completions/skymeans \
    $(BUILD)/packaging/modulefile:$(PREFIX)/share/modulefiles/skymeans/$(version) \
    $(call into,$(PREFIX)/share/skymeans/jobs,$(jobs)) \
    $(call into,$(PREFIX)/share/skymeans/data,data/hipparcos.h5 data/README.md) \
    $(foreach file,README.md LICENSE CITATION.cff CHANGELOG.md $(shell find docs -type f), \
        $(file):$(PREFIX)/share/doc/skymeans/$(file))
links    := $(libdir)/libskymeans.so $(libdir)/$(soname)

# Files that name the place where they are would name another, and words of it would be places.
is_place  = $(and $(filter 1,$(words $(1))),$(filter /%,$(1)))
places    = $(foreach name,PREFIX libdir PYTHONDIR,$(if $(call is_place,$($(name))),,$(error \
    bad $(name:libdir=LIBDIR) ($($(name))): it must be an absolute path without blanks)))

# Folders that nothing else has files in.
own      := $(libdir)/cmake/skymeans $(PYTHONDIR)/skymeans $(addprefix $(PREFIX)/,libexec/skymeans \
    share/skymeans share/doc/skymeans share/modulefiles/skymeans)

.PHONY: install
install: all library $(man) $(complete) $(filled)
	$(places)@for pair in $(installs); do \
	    from=$${pair%%:*}; \
	    if [ -x $$from ]; then mode=755; else mode=644; fi; \
	    install -D -m $$mode $$from "$(DESTDIR)$${pair#*:}" || exit 1; \
	done
	@for link in $(links); do ln -sf $(notdir $(solib)) "$(DESTDIR)$$link" || exit 1; done
	@echo "installed: $(DESTDIR)$(PREFIX)"

# Python may have left compiled modules beside the tools.
.PHONY: uninstall
uninstall:
	$(places)@for pair in $(installs); do rm -f "$(DESTDIR)$${pair#*:}" || exit 1; done
	@for link in $(links); do rm -f "$(DESTDIR)$$link" || exit 1; done
	@for folder in "$(PREFIX)/libexec/skymeans" "$(PYTHONDIR)/skymeans"; do \
	    rm -rf "$(DESTDIR)$$folder/__pycache__"; \
	done
	@for folder in $(own); do \
	    [ ! -d "$(DESTDIR)$$folder" ] || find "$(DESTDIR)$$folder" -depth -type d -empty -delete; \
	done

# ---- releases and packages --------------------------------------------------------------------------

.PHONY: dist
dist:
	@packaging/release.sh $(BUILD)/dist

.PHONY: deb
deb:
	@tools/deps.sh deb
	@packaging/debian.sh $(BUILD)/deb

# These built, installed and tested in a bare Debian 12.
.PHONY: check-deb
check-deb: deb
	@tools/deps.sh autopkgtest
	@tests/autopkgtest.sh $(BUILD)/deb $(BUILD)/autopkgtest

-include $(BUILD)/documents.d

# winnow: build, test, install.   `make help` lists the targets.
#
# Every .c file under the five folders below belongs to the program; a file's rules are found, not listed. Exceptions: the
# sources of a late-loaded module (MODULES below) become build/modules/NAME.so instead.

VERSION := 0.1.0
BUILD   ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib/winnow
MANDIR  ?= $(PREFIX)/share/man
COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions

OPTIMISE ?= -O2 -g
Q := $(if $(V),,@)   # V=1 shows whole command lines
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes
SANITIZE ?=
# gcc 12 finds overreads that are none where a sanitizer keeps it from seeing lengths
WARNINGS += $(if $(SANITIZE),-Wno-stringop-overread)
CFLAGS   ?=
ALL_CFLAGS = -std=gnu11 $(OPTIMISE) $(WARNINGS) $(SANITIZE) -fPIC -pthread -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
             -DWINNOW_VERSION='"$(VERSION)"' -I. -I$(BUILD) $(CFLAGS)

# Libraries that are cheap to link at start; the others stand behind modules. Of libcrypto only SHA-256 and MD5 are used: linked
# statically they cost nothing, the shared library 1.5 ms at each start. They stay hidden from the modules' own libcrypto.
LIBS := -lzstd -lxxhash -ldeflate -lz -l:libcrypto.a -Wl,--exclude-libs,libcrypto.a -lpcre2-8 -lsqlite3 -lyaml -ljansson -lbrotlidec -lpsl -ldl -lm

MODULES := unicode codecs tar net onednn download
unicode_SOURCES := pipeline/base/unicode_module.c
unicode_LIBS    := -licui18n -licuuc
codecs_SOURCES  := $(wildcard crawl/image/codecs/*.c)
codecs_LIBS     := -ljpeg -lpng -lwebp -lwebpdemux -lgif -lavif -lm
tar_SOURCES     := shard/tar_module.c
tar_LIBS        := -larchive
net_SOURCES     := $(wildcard crawl/net/wire/*.c)
net_LIBS        := -lcurl -lcares -lssl
download_SOURCES := crawl/net/download_module.c
download_LIBS   := -lcurl
onednn_SOURCES  := filters/clip/matmul_onednn_module.c
onednn_LIBS     := -ldnnl -lgomp

# What `make deps` installs on Debian 12: to build, then to test.
PACKAGES := gcc make pkg-config libzstd-dev libxxhash-dev libdeflate-dev zlib1g-dev libssl-dev libpcre2-dev libsqlite3-dev \
            libyaml-dev libjansson-dev libbrotli-dev libpsl-dev libicu-dev libjpeg62-turbo-dev libpng-dev libwebp-dev \
            libgif-dev libavif-dev libdav1d-dev libarchive-dev libcurl4-openssl-dev libc-ares-dev libdnnl-dev \
            wordnet-base python3
TEST_PACKAGES := libcmocka-dev xxhash zstd sqlite3 clang libclang-rt-14-dev nginx-light wget

FOLDERS := pipeline crawl filters shard reports
find = $(sort $(shell find $(1) -name '$(2)' 2>/dev/null))
MODULE_SOURCES := $(foreach m,$(MODULES),$($(m)_SOURCES))
TRAINERS := $(call find,filters/language/train,*.c)
SOURCES := $(filter-out $(MODULE_SOURCES) $(TRAINERS),$(call find,$(FOLDERS),*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
MAIN    := $(BUILD)/pipeline/main.o
LIBRARY := $(BUILD)/libwinnow.a
PROGRAM := $(if $(filter build,$(BUILD)),winnow,$(BUILD)/winnow)
MODULE_FILES := $(foreach m,$(MODULES),$(if $(wildcard $($(m)_SOURCES)),$(BUILD)/modules/$(m).so))
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(call find,tests/unit,*_test.c))
DRIVERS    := $(patsubst %.c,$(BUILD)/%,$(call find,tests/unit,*_drive.c))
FUZZERS    := $(patsubst %.c,$(BUILD)/%,$(call find,tests/fuzz,*_fuzz.c))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all
all: $(PROGRAM) $(MODULE_FILES)   ## build ./winnow and its modules

$(PROGRAM): $(MAIN) $(LIBRARY)
	@echo "  link $@"
	$(Q)$(CC) $(ALL_CFLAGS) -rdynamic -o $@ $(MAIN) -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive $(LIBS)

$(LIBRARY): $(filter-out $(MAIN),$(OBJECTS))
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# With UBSan's checks of every access these unrolled kernels take as long to compile as a hundred other files; the portable ones keep them.
ifneq ($(findstring undefined,$(SANITIZE)),)
$(BUILD)/filters/clip/block_kernels_avx%.o: override CFLAGS += -fno-sanitize=undefined
endif

define module_rule
$(BUILD)/modules/$(1).so: $($(1)_SOURCES:%.c=$(BUILD)/%.o)
	@mkdir -p $$(@D)
	@echo "  link $$@"
	$(Q)$$(CC) $$(ALL_CFLAGS) -shared -o $$@ $$^ $($(1)_LIBS)
endef
$(foreach m,$(MODULES),$(eval $(call module_rule,$(m))))

# The words of WordNet (wordnet-base) and the closed classes, compiled into one table.
WORDNET ?= /usr/share/wordnet
$(BUILD)/generated/wordnet.h: filters/language/make_wordnet.py filters/language/word_table.py filters/lists/closed_classes.txt
	@mkdir -p $(@D)
	@echo "  make $@"
	$(Q)python3 -B filters/language/make_wordnet.py $(WORDNET) filters/lists/closed_classes.txt > $@
$(BUILD)/filters/language/wordnet.o: $(BUILD)/generated/wordnet.h
# Names: WordNet's instances and first names.
$(BUILD)/generated/gazetteer.h: filters/language/make_gazetteer.py filters/language/word_table.py filters/lists/first-names.txt filters/lists/hypernyms.txt
	@mkdir -p $(@D)
	@echo "  make $@"
	$(Q)python3 -B filters/language/make_gazetteer.py $(WORDNET) filters/lists/first-names.txt filters/lists/hypernyms.txt > $@
$(BUILD)/filters/language/gazetteer.o: $(BUILD)/generated/gazetteer.h
# What comes in by .incbin, which dependency files do not see.
$(BUILD)/shard/index_schema.o: schemas/index.sql
$(BUILD)/filters/clip/tokenizer_files.o: filters/clip/vocabulary/merges.u16.gz
$(BUILD)/reports/page_sources.o: reports/web/page.css reports/web/page.js

# The language models that come with winnow (filters/language/models) are made anew, bit for bit, from the corpora in LANGUAGE_DATA;
# filters/language/train/train.sh names them.
LANGUAGE_DATA ?= ../shared/data/lang
LANGUAGE_TOOLS := $(addprefix $(BUILD)/,train_english report_english train_language report_language)
$(LANGUAGE_TOOLS): $(BUILD)/%: $(BUILD)/filters/language/train/%.o $(BUILD)/filters/language/train/treebank.o \
                   $(BUILD)/filters/language/train/language_samples.o $(BUILD)/filters/language/train/write_linear.o $(LIBRARY)
	@echo "  link $@"
	$(Q)$(CC) $(ALL_CFLAGS) -rdynamic -o $@ $(filter %.o,$^) -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive $(LIBS)
.PHONY: train-language
train-language: $(LANGUAGE_TOOLS) ## train the language models and report what they reach (minutes)
	@filters/language/train/train.sh $(BUILD) $(LANGUAGE_DATA)

# ---- tests
$(BUILD)/tests/unit/%_test: $(BUILD)/tests/unit/%_test.o $(LIBRARY)
	@echo "  link $@"
	$(Q)$(CC) $(ALL_CFLAGS) -rdynamic -o $@ $< -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive $(LIBS) -lcmocka

# Vectors wider than the processor's are passed between functions of one file alone.
$(BUILD)/tests/unit/clip_wide_%_test.o: WARNINGS += -Wno-psabi

# Programs that end-to-end tests use to drive a library.
$(BUILD)/tests/unit/%_drive: $(BUILD)/tests/unit/%_drive.o $(LIBRARY)
	@echo "  link $@"
	$(Q)$(CC) $(ALL_CFLAGS) -rdynamic -o $@ $< -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive $(LIBS)

# Benches that drive the library.
$(BUILD)/bench/%_bench: $(BUILD)/tests/bench/%_bench.o $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  link $@"
	$(Q)$(CC) $(ALL_CFLAGS) -rdynamic -o $@ $< -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive $(LIBS)

# Fuzz targets need clang's libFuzzer; the library is built once more with it.
FUZZ_FLAGS := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
$(BUILD)/tests/fuzz/%_fuzz: $(BUILD)/tests/fuzz/%_fuzz.o $(LIBRARY)
	@echo "  link $@"
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -rdynamic -o $@ $< -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive $(LIBS)

$(BUILD)/tests/fault/inject.so: tests/fault/inject.c
	@mkdir -p $(@D)
	@echo "  link $@"
	$(Q)$(CC) -std=gnu11 -O1 -g -Wall -Wextra -D_GNU_SOURCE -fPIC -shared -o $@ $< -ldl

.PHONY: deps tests fuzzers check quick torture asan tsan fuzz bench interop demo lint install uninstall man clean help
tests: all $(UNIT_TESTS) $(DRIVERS) $(if $(SANITIZE),,$(BUILD)/tests/fault/inject.so)
fuzzers: $(MODULE_FILES) $(FUZZERS)

RUN_TESTS = python3 tests/run.py
# All cores, unless the caller said how many.
VARIANT = $(MAKE) --no-print-directory $(if $(findstring j,$(filter-out --%,$(MAKEFLAGS))),,-j$(shell nproc))

deps:                             ## install with apt what is missing, to build and to test
	@tests/deps.sh $(PACKAGES) $(TEST_PACKAGES)

quick: tests                      ## unit and end-to-end tests on the plain build
	@WINNOW=$(PROGRAM) $(RUN_TESTS) --build $(BUILD)

check: deps                       ## the whole gate: plain, ASan+UBSan, TSan, fuzzing for seconds, a short torture
	@$(VARIANT) tests
	@$(VARIANT) BUILD=build/asan SANITIZE="$(ASAN)" OPTIMISE="-O1 -g" tests
	@$(VARIANT) BUILD=build/tsan SANITIZE="$(TSAN)" OPTIMISE="-O1 -g" all
	@$(VARIANT) BUILD=build/fuzz CC=clang SANITIZE="$(FUZZ_FLAGS)" OPTIMISE= WARNINGS= fuzzers
	@$(RUN_TESTS) --build build --asan build/asan --tsan build/tsan --fuzz build/fuzz --fuzz-seconds 10 --torture short

ASAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
TSAN := -fsanitize=thread
asan:                             ## build with AddressSanitizer and UBSan and run all tests with them
	@$(VARIANT) BUILD=build/asan SANITIZE="$(ASAN)" OPTIMISE="-O1 -g" tests
	@$(RUN_TESTS) --asan build/asan
tsan:                             ## build with ThreadSanitizer and run the stages with threads
	@$(VARIANT) BUILD=build/tsan SANITIZE="$(TSAN)" OPTIMISE="-O1 -g" all
	@$(RUN_TESTS) --tsan build/tsan
fuzz:                             ## fuzz every target for FUZZ_SECONDS (default 300) over its corpus
	@$(VARIANT) BUILD=build/fuzz CC=clang SANITIZE="$(FUZZ_FLAGS)" OPTIMISE= WARNINGS= fuzzers
	@$(RUN_TESTS) --fuzz build/fuzz --fuzz-seconds $(or $(FUZZ_SECONDS),300)
torture: tests                    ## kills, flips and injected faults at full count
	@$(RUN_TESTS) --build $(BUILD) --torture full
bench: all                        ## ratios measured in one run; results to reports/bench
	@tests/bench/run.sh
interop: all                      ## read winnow's output with the real clients, in a virtual environment outside the tree
	@tests/interop/run.sh
demo: deps                        ## the whole pipeline on real pages and pictures, offline
	@$(VARIANT) all
	@tests/demo.sh
lint:                             ## clang's warnings, clang-tidy's bug finders, and the floors of DESIGN
	@tests/lint.sh

# ---- installing
PRESETDIR ?= $(PREFIX)/share/winnow/presets
LISTDIR   ?= $(PREFIX)/share/winnow/lists
CLIPDIR   ?= $(PREFIX)/share/winnow/clip
MODELDIR  ?= $(PREFIX)/share/winnow/models
man: all                          ## man pages and bash completion into build/
	@mkdir -p $(BUILD)/man
	@for c in $$(./$(PROGRAM) help --commands); do ./$(PROGRAM) help --man $$c > $(BUILD)/man/winnow-$$c.1 || exit 1; done
	@./$(PROGRAM) help --completion > $(BUILD)/winnow.bash
install: man                      ## install under PREFIX (default /usr/local); DESTDIR is honoured
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/winnow
	install -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(PRESETDIR) $(DESTDIR)$(LISTDIR) $(DESTDIR)$(CLIPDIR) $(DESTDIR)$(MODELDIR)
	install -m 644 $(MODULE_FILES) $(DESTDIR)$(LIBDIR)
	install -m 644 $(BUILD)/man/*.1 $(DESTDIR)$(MANDIR)/man1
	install -m 644 filters/presets/*.preset $(DESTDIR)$(PRESETDIR)
	install -m 644 filters/lists/*.txt $(DESTDIR)$(LISTDIR)
	install -d $(DESTDIR)$(CLIPDIR)/builtin
	install -m 644 $(filter-out %.py,$(wildcard filters/clip/builtin/*)) $(DESTDIR)$(CLIPDIR)/builtin
	install -d $(DESTDIR)$(CLIPDIR)/gantman
	install -m 644 $(filter-out %.py,$(wildcard filters/clip/gantman/*)) $(DESTDIR)$(CLIPDIR)/gantman
	install -d $(DESTDIR)$(CLIPDIR)/watermark
	install -m 644 $(wildcard filters/clip/watermark/*) $(DESTDIR)$(CLIPDIR)/watermark
	install -m 644 filters/language/models/*.model $(DESTDIR)$(MODELDIR)
	install -D -m 644 $(BUILD)/winnow.bash $(DESTDIR)$(COMPLETIONS)/winnow
uninstall:                        ## remove what install wrote
	rm -rf $(DESTDIR)$(PREFIX)/bin/winnow $(DESTDIR)$(LIBDIR) $(DESTDIR)$(MANDIR)/man1/winnow-*.1 \
	       $(DESTDIR)$(PREFIX)/share/winnow $(DESTDIR)$(COMPLETIONS)/winnow
clean:                            ## remove everything that was built
	rm -rf $(BUILD) winnow
help:                             ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

-include $(OBJECTS:.o=.d) $(MODULE_SOURCES:%.c=$(BUILD)/%.d) $(UNIT_TESTS:=.d) $(DRIVERS:=.d) $(FUZZERS:=.d)

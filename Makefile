# winnow: build, test, install.   `make help` lists the targets.
#
# Every .c file under the five folders below belongs to the program; a file's rules are found, not listed. Exceptions: the
# sources of a late-loaded module (MODULES below) become build/modules/NAME.so instead.

VERSION := 0.1.0
BUILD   ?= build
CC      ?= gcc
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib/winnow
MANDIR  ?= $(PREFIX)/share/man
COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions

OPTIMISE ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes
SANITIZE ?=
CFLAGS   ?=
ALL_CFLAGS = -std=gnu11 $(OPTIMISE) $(WARNINGS) $(SANITIZE) -fPIC -pthread -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
             -DWINNOW_VERSION='"$(VERSION)"' -I. -I$(BUILD) $(CFLAGS)

# Libraries that are cheap to link at start (measured: together under 3 ms); the others stand behind modules.
LIBS := -lzstd -lxxhash -ldeflate -lz -lcrypto -lpcre2-8 -lsqlite3 -lyaml -ljansson -lbrotlidec -lpsl -ldl -lm

MODULES := unicode codecs tar
unicode_SOURCES := pipeline/base/unicode_module.c
unicode_LIBS    := -licui18n -licuuc
codecs_SOURCES  := $(wildcard crawl/image/codecs/*.c)
codecs_LIBS     := -ljpeg -lpng -lwebp -lwebpdemux -lgif -lavif -lm
tar_SOURCES     := shard/tar_module.c
tar_LIBS        := -larchive

# What `make deps` installs on Debian 12: to build, then to test.
PACKAGES := gcc make pkg-config libzstd-dev libxxhash-dev libdeflate-dev zlib1g-dev libssl-dev libpcre2-dev libsqlite3-dev \
            libyaml-dev libjansson-dev libbrotli-dev libpsl-dev libicu-dev libjpeg62-turbo-dev libpng-dev libwebp-dev \
            libgif-dev libavif-dev libarchive-dev wordnet-base python3
TEST_PACKAGES := libcmocka-dev zstd sqlite3 clang libclang-rt-14-dev

FOLDERS := pipeline crawl filters shard reports
find = $(sort $(shell find $(1) -name '$(2)' 2>/dev/null))
MODULE_SOURCES := $(foreach m,$(MODULES),$($(m)_SOURCES))
SOURCES := $(filter-out $(MODULE_SOURCES),$(call find,$(FOLDERS),*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
MAIN    := $(BUILD)/pipeline/main.o
LIBRARY := $(BUILD)/libwinnow.a
PROGRAM := $(if $(filter build,$(BUILD)),winnow,$(BUILD)/winnow)
MODULE_FILES := $(foreach m,$(MODULES),$(if $(wildcard $($(m)_SOURCES)),$(BUILD)/modules/$(m).so))
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(call find,tests/unit,*_test.c))
FUZZERS    := $(patsubst %.c,$(BUILD)/%,$(call find,tests/fuzz,*_fuzz.c))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests-built
all: $(PROGRAM) $(MODULE_FILES)   ## build ./winnow and its modules

$(PROGRAM): $(MAIN) $(LIBRARY)
	$(CC) $(ALL_CFLAGS) -rdynamic -o $@ $(MAIN) -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive $(LIBS)

$(LIBRARY): $(filter-out $(MAIN),$(OBJECTS))
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define module_rule
$(BUILD)/modules/$(1).so: $($(1)_SOURCES:%.c=$(BUILD)/%.o)
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) -shared -o $$@ $$^ $($(1)_LIBS)
endef
$(foreach m,$(MODULES),$(eval $(call module_rule,$(m))))

# The words of WordNet (wordnet-base) and the closed classes, compiled into one table.
WORDNET ?= /usr/share/wordnet
$(BUILD)/generated/wordnet.h: filters/language/make_wordnet.py filters/lists/closed_classes.txt
	@mkdir -p $(@D)
	python3 filters/language/make_wordnet.py $(WORDNET) filters/lists/closed_classes.txt > $@
$(BUILD)/filters/language/wordnet.o: $(BUILD)/generated/wordnet.h

$(BUILD)/tests/unit/%_test: $(BUILD)/tests/unit/%_test.o $(LIBRARY)
	$(CC) $(ALL_CFLAGS) -rdynamic -o $@ $< -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive $(LIBS) -lcmocka

-include $(OBJECTS:.o=.d) $(MODULE_SOURCES:%.c=$(BUILD)/%.d) $(UNIT_TESTS:=.d)

/* The options that every row stage has. */
#include "pipeline/stage.h"

#define AT(field) offsetof(struct stage_options, field)

static const struct option table[] = {
    {"output", 'o', OPTION_TEXT, AT(output), .argument = "FILE|FOLDER/", .initial = "-", .neutral = true,
     .help = "written whole or not at all; a folder gets NNNNN.rows.zst and its manifest"},
    {"dropped", 'x', OPTION_TEXT, AT(dropped), .argument = "FILE", .neutral = true,
     .help = "keep the removed rows here, with rule, measured value and bound; a folder always keeps them"},
    {"threads", 't', OPTION_U64, AT(threads), .argument = "N", .initial = "0", .low = 0, .high = 1024, .neutral = true,
     .help = "workers; 0 = all cores; the output does not depend on it"},
    {"memory", 'm', OPTION_SIZE, AT(memory), .argument = "SIZE", .initial = "1G", .low = 1 << 20, .high = 0x1p50, .neutral = true,
     .help = "bounds windows, sorts and finished pictures; beyond it, spill"},
    {"tmp", 0, OPTION_TEXT, AT(tmp), .argument = "FOLDER", .neutral = true, .help = "where to spill; default $TMPDIR, else /tmp"},
    {"task", 0, OPTION_TEXT, AT(task), .argument = "I/N", .neutral = true, .help = "do share I of N, counted from 0"},
    {"limit", 0, OPTION_U64, AT(limit), .argument = "N", .initial = "0", .help = "stop after N rows are written; 0 = no limit"},
    {"tolerate", 0, OPTION_DOUBLE, AT(tolerate), .argument = "SHARE", .initial = "0.01", .low = 0, .high = 1, .neutral = true,
     .help = "share of the input that may be unreadable before the exit code is 3"},
    {"packs", 0, OPTION_TEXT, AT(packs), .argument = "FOLDER", .neutral = true,
     .help = "where the pictures' packs are; default 'packs' beside -o, or what the input's description says"},
    {"plain", 0, OPTION_FLAG, AT(plain), .neutral = true, .help = "write plain lines to standard output, as to a terminal"},
    {"plain-input", 0, OPTION_FLAG, AT(plain_input), .neutral = true, .help = "say nothing about input that winnow did not write"},
    {"quiet", 'q', OPTION_FLAG, AT(quiet), .neutral = true, .help = "no progress and no notices; losses and failures are still said"},
    {"force", 'f', OPTION_FLAG, AT(force), .neutral = true, .help = "do the work again even where a manifest says that it is done"},
    {0},
};

const struct option *stage_option_table(void) { return table; }

/* One table of options gives parsing, --help, the man page and shell completion.
 *
 * A command is one `struct command` in the file named after it; pipeline/commands.def lists them in groups. Its options are
 * entries that say everything about themselves once: name, type, default, help. Parsing fills a plain struct of the
 * command's own (each entry names the field by offset), validates, and does nothing else.
 *
 *     struct dedup_options { const char *by; bool mark; };
 *     static const struct option options[] = {
 *         {"by", 'b', OPTION_TEXT, offsetof(struct dedup_options, by), .argument = "KEY", .initial = "url+text",
 *          .help = "url, url+text, sha256, or column names joined by +"},
 *         {"mark", 0, OPTION_FLAG, offsetof(struct dedup_options, mark), .help = "drop nothing; add duplicate_of"},
 *         {0}};
 *
 * Ownership: texts point into argv or into the table; the structs and lists belong to the command line: options_free.
 */
#ifndef WINNOW_OPTIONS_H
#define WINNOW_OPTIONS_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

#include <stdio.h>

enum option_type {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char *; NULL without default */
    OPTION_FILE,   /* const char *: a file that is read; its content, not its name, stands in manifests */
    OPTION_CHOICE, /* const char *: one of `choices` */
    OPTION_U64,    /* uint64_t */
    OPTION_SIZE,   /* uint64_t bytes: 64k, 1.5G */
    OPTION_DOUBLE, /* double */
    OPTION_LIST,   /* struct option_list: may be given several times, and split at commas with `split` */
};

struct option_list {
    const char **items;
    size_t count;
};

struct option {
    const char *name;    /* long name without the dashes; NULL ends a table */
    char letter;         /* short name, 0 for none */
    enum option_type type;
    size_t offset;       /* of the field in the command's options struct */
    const char *argument; /* how help calls the value: FILE, N, KEY */
    const char *initial; /* the default, as one would type it; help prints it */
    const char *choices; /* OPTION_CHOICE: "none|zstd|gzip" */
    const char *help;    /* one line, no full stop */
    double low, high;    /* inclusive bounds of numbers where high > low */
    bool split;          /* OPTION_LIST: also split each value at commas */
    bool neutral;        /* does not change the output's bytes: stays out of manifests */
    bool hidden;         /* parsed, not shown: for tests */
};

struct stage;
struct command_line;

struct command {
    const char *name;
    const char *summary;     /* one line for `winnow`, no full stop */
    const char *arguments;   /* as in the usage line: "[OPTIONS] [ROWS...]" */
    const char *description; /* paragraphs for --help and the man page */
    const char *example;     /* one or more command lines that work in the repository root; run as a test */
    const char *see_also;    /* "filter, partition" */
    const struct option *options; /* NULL when there are none */
    size_t options_size;     /* of the options struct */
    const struct stage *stage; /* a row stage: harness options are added, and run defaults to stage_main */
    int (*run)(const struct command_line *line); /* returns an exit code; -1 = fail() said why */
};

/* What a command gets to see. */
struct command_line {
    const struct command *command;
    const void *options;        /* the command's options struct, filled */
    const void *stage_options;  /* struct stage_options; only a row stage looks at it */
    const char *const *arguments; /* what is left, in order */
    size_t argument_count;
    const struct option **given;  /* options that were on the command line */
    size_t given_count;
};

/* Parses argv (without program and command name). 0; 1 when --help was asked and printed; -1 with a usage sentence that
 * names the option and the nearest name. Options and arguments may be mixed; `--` ends the options; `-` is an argument. */
int options_parse(const struct command *command, int argc, char **argv, struct command_line *line);
void options_free(struct command_line *line); /* after a parse that returned 0 */

/* Whether the option `name` was on this command line rather than left at its default. */
bool options_given(const struct command_line *line, const char *name);

/* Appends the value of one option as it would be typed (without its name); nothing for an absent text. */
int options_value(struct buf *out, const struct option *option, const void *options);

void options_help(FILE *out, const struct command *command);
void options_man(FILE *out, const struct command *command, const char *version);

#endif

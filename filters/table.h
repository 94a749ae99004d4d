/* Filters, and rules made of them.
 *
 * A filter is one entry of the table in table.c: what it measures, the columns it reads, its parameters, its place in time,
 * and a `decide` that answers keep or drop with the value it measured. A rule is a filter with a name and values for its
 * parameters ("min_chars  text.chars  min=5"); rules stand in chains (chain.h), and presets are text files of rules
 * (preset.h). filter-rules are asked of a row in order; nothing here reads files of rows or prints.
 *
 * To add a filter: one entry in table.c, its `decide` (and `prepare` where it compiles a list or a pattern) in the folder of
 * what it looks at, and one test at its boundary in tests/unit/filter_*_test.c.
 *
 * Comparisons are exact: bounds are decimals, shares are pairs of integers, nothing is rounded (3.002 is over 3).
 */
#ifndef WINNOW_FILTERS_TABLE_H
#define WINNOW_FILTERS_TABLE_H

#include "filters/counts/kinds.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

#include <stdio.h>

struct chain;
struct filter_row;
struct rule;

/* When a rule can be asked, in order; `filter --at` names one. */
enum filter_place {
    PLACE_TEXT,   /* after extract: text and URL */
    PLACE_COUNTS, /* after count: how often a text or URL occurs */
    PLACE_DUP,    /* dedup by keys known before fetch */
    PLACE_IMAGE,  /* after fetch: header and bytes of the picture */
    PLACE_DUP2,   /* dedup by phash or sha256 */
    PLACE_SCORE,  /* after score */
    PLACE_LAST,   /* balancing over what is left */
    PLACES
};
const char *filter_place_name(enum filter_place place);
int filter_place_find(struct str name, enum filter_place *place); /* -1 with a usage sentence */

/* Which form of the row's text a filter reads (filter-rules §1). */
enum text_form {
    FORM_TEXT,   /* the column `text` */
    FORM_STORED, /* `text_raw` where the row has it, else `text`: the attribute as the page wrote it */
    FORM_LAION,  /* LAION's clean_text of the stored form (text/clean.h) */
    FORM_FOLDED, /* the stored form, runs of white space made one space, trimmed */
    FORM_REDCAPS, /* RedCaps' cleaning of the stored form (text/clean.h) */
    FORMS
};

/* What a word is (filter-rules §1). */
enum word_split {
    SPLIT_WS,   /* Python's str.split() */
    SPLIT_FT,   /* fastText: ASCII space, tab, LF, VT, FF, CR, NUL */
    SPLIT_NLP,  /* UAX #29 words, punctuation dropped; stands for a tagger's tokens */
    SPLIT_UNI,  /* the same, lower case: ALIGN's unigrams */
    SPLIT_OBEW, /* OBELICS' words: space, LF, tab; lower case; special characters stripped from both ends */
    SPLITS
};

enum filter_type {
    FILTER_COUNT,   /* whole number >= 0 */
    FILTER_DECIMAL, /* decimal number, exact to 9 places */
    FILTER_FLAG,    /* 0 or 1 */
    FILTER_CHOICE,  /* one of `choices` */
    FILTER_WORDS,   /* words separated by commas */
    FILTER_TEXT,    /* any text */
    FILTER_LIST,    /* a list in filters/lists (without .txt), or a path */
    FILTER_COLUMN,  /* name of a column of the rows */
};

struct filter_parameter {
    const char *name;    /* NULL ends a table */
    enum filter_type type;
    const char *initial; /* the default as one would type it; NULL = none */
    const char *unit;    /* "" where it has none */
    const char *choices; /* FILTER_CHOICE: "ws|ft|nlp" */
    const char *what;    /* one phrase */
};

enum filter_answer { FILTER_KEEP, FILTER_DROP };

enum measured_kind { MEASURED_NOTHING, MEASURED_COUNT, MEASURED_SHARE, MEASURED_NUMBER, MEASURED_TEXT };

/* What a filter found in a row. Texts point into the row or its arena and live until the next row begins. */
struct filter_result {
    enum filter_answer answer;
    enum measured_kind kind;
    uint64_t part, whole; /* COUNT: part. SHARE: part/whole */
    double number;
    struct str text;
};

/* What deciding costs: cheap rules are also asked of rows that an earlier rule dropped, so that "alone" is exact; costly ones
 * only of 1 % of those. */
enum filter_cost { FILTER_CHEAP, FILTER_COSTLY };

struct filter {
    const char *name; /* text.words */
    const char *what; /* one sentence: what it measures, when it keeps */
    enum filter_place place;
    enum filter_cost cost;
    const char *columns[3];                      /* columns it must have, besides those that parameters name */
    const struct filter_parameter *parameters;   /* NULL when it has none */
    int (*prepare)(struct chain *chain, struct rule *rule); /* compiles; may say why the rule is unserved. NULL: nothing */
    int (*decide)(const struct rule *rule, struct filter_row *row, struct filter_result *result); /* 0, -1 on failure */
    void (*release)(void *state);                /* of what prepare put into rule->state */
    const char *bound;                           /* what a dropped row is told where it is no number; prepare may say more */
    bool changes_text;                           /* sets the row's text (filter_row_set_text) */
    bool names_entities;                         /* sets the row's entities */
    bool finds;                                  /* what it measures is how much it found: added up */
    const char *unserved;                        /* decide is NULL: why, and what would serve it */
    const struct filter_learning *learning;      /* what it learns of all rows before it judges one (learn/learn.h); NULL */
    const char *done_by;                         /* decide is NULL and nothing is missing: the command that does it anyway */
};

/* A decimal number, exactly: units / scale, scale a power of ten up to 10^9. */
struct decimal {
    int64_t units, scale;
};
int decimal_parse(struct str s, struct decimal *out); /* -1 (no sentence) when s is no decimal of at most 9 places */

struct bounds {
    struct decimal low, high;
    bool has_low, has_high;
    bool strict; /* the bounds themselves are outside */
};
bool bounds_hold(const struct bounds *b, uint64_t part, uint64_t whole); /* of part / whole; whole > 0; exact */
bool bounds_hold_number(const struct bounds *b, double number);

struct rule_value {
    bool given; /* by the rule or by the filter's default */
    bool by_hand; /* assigned over what a preset says */
    struct str text; /* as typed */
    struct str carried_from; /* as the preset has it, where a bound for the built-in model took its place (calibration.h); empty */
    struct decimal number;
    bool flag;
    unsigned choice; /* index among `choices` */
};

enum { RULE_COLUMNS = 36, RULE_COUNTS = 2, RULE_NAME_MAX = 64 }; /* columns: of as many labels as a list of classes gives */
#define FILTER_LANGUAGE_COLUMN "language" /* what text.language told */

struct rule_count { /* a table of counts that a rule reads, and the bound that it asks about */
    enum count_kind kind;
    uint64_t over;
};

/* A rule. Made by chain_add(); everything it points to belongs to its chain. */
struct rule {
    const struct filter *filter;
    const char *name;
    struct rule_value *values;    /* one a parameter of the filter, then RULE_COMMON for every rule's */
    enum filter_place place;
    const char *provenance;       /* "paper", "code", "choice", "hand"; */
    const char *source;           /* what the preset says behind it */
    const char *file;             /* where it stands; NULL when typed by hand */
    unsigned line;
    bool left_out;                /* by --without */
    /* filled by chain_prepare: */
    const char *unserved;         /* why this version or this input cannot serve it; NULL when it is served */
    const char *substitute;       /* "sim_tiny for sim_b32": another model's scores that it reads, with the bounds carried over; NULL */
    const char *carried;          /* ", bound .3 of b32 -> ...": of its bounds alone; NULL */
    enum text_form form;          /* of parameters `form`, `split`, `of`, `min`, `max`, `strict`, where the filter has them */
    enum word_split split;
    bool raw_url;                 /* of=raw */
    struct bounds bounds;
    const char *bound;            /* the same as text: what a dropped row is told */
    size_t slots[RULE_COLUMNS];   /* where its columns lie in struct filter_row: filter->columns, then those of parameters */
    size_t slot_count;
    struct rule_count counts[RULE_COUNTS]; /* looked up in `lookups` (counts/rules.h) */
    size_t count_count;
    const struct count_lookups *lookups;   /* the chain's */
    size_t condition_slot;        /* if=COLUMN:VALUE|VALUE; SIZE_MAX without */
    struct str condition_values;
    void *state;                  /* of prepare */
};

const struct filter *filter_table(size_t *count);
const struct filter *filter_find(struct str name);               /* NULL: not there (no sentence) */
const char *filter_nearest(struct str name);                     /* for "did you mean"; NULL when nothing is near */
const struct filter_parameter *filter_parameter_common(size_t i); /* at, if, needs: of every filter; NULL behind the last */
int filter_measured(struct buf *out, const struct filter_result *result, const struct bounds *bounds); /* appends as text */
void filters_print_table(FILE *out);                             /* winnow help --filters */

#endif

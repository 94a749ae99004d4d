/* Numbers over the rows of a run, gathered in one pass: each row once, where it ended.
 *
 *     struct stats s;
 *     stats_gather(&s, &funnel);                     reads the rows of the corpus and every dropped file
 *     page_html(&s, …), page_json(&s, …), page_text(&s, …)
 *     stats_free(&s);
 *
 * The rows of the corpus are those of the last step that wrote any; a row that another step dropped stands in that step's dropped
 * file. So every row of the run comes once, and a row that ended at a step has been through all steps before. While a run goes
 * on, rows whose task of the last step is not done are missing: `complete` says so.
 *
 * Memory does not grow with the rows (stats_bins.h, stats_frequent.h, stats_groups.h say how): counts and histograms are exact;
 * frequent texts and numbers of different values are exact up to bounds, and carry their error beyond. The tables take at most
 * STATS_TABLES bytes; beside them stand what one frame of rows holds, about 200 kB for each rule that compares a number, and
 * what the funnel keeps of the manifests.
 */
#ifndef WINNOW_REPORTS_STATS_H
#define WINNOW_REPORTS_STATS_H

#include "reports/funnel.h"
#include "reports/mentions.h"
#include "reports/stats_bins.h"
#include "reports/stats_examples.h"
#include "reports/stats_groups.h"
#include "reports/stats_limits.h"
#include "reports/stats_frequent.h"

enum { ROW_KEPT, ROW_OTHER }; /* classes of the histograms below */
enum { MAP_KEPT, MAP_OTHER, MAP_PICTURE /* dropped by a rule about pictures: image.… */, MAP_CLASSES };
/* counts of frequent texts; hosts have all four */
enum { N_ROWS, N_KEPT, N_ASKED /* reached fetch */, N_GOT /* a picture came */ };

enum {
    STATS_TABLES = 200 << 20, /* bytes: every table full of the longest names, eight rules of dedup, and one table growing */
    STATS_SCORES = 64,    /* columns of scores */
    STATS_LABELS = 16,    /* columns of labels: the first ones */
    STATS_DUPLICATES = 8, /* rules of dedup */
    MAP_SIDE = 44, MAP_PER_OCTAVE = 4,
    KEPT_EXAMPLES = 16, DROPPED_EXAMPLES = 6,
};

struct stats_score { /* a float column: sim_…, p_… */
    char name[80];
    struct bins bins;
    bool limited;        /* a rule compares it with a limit: it stands among those */
    const char *part_of; /* the rule that compares its sum with another column; NULL */
};

struct stats_label { /* a column of words: zs_…, score_status, text_choice */
    char name[80];
    struct frequent values; /* texts, by rows */
    uint64_t rows;          /* that have one */
};

struct stats_rule { /* every rule that dropped rows, as counted from the rows */
    size_t step;
    const struct funnel_rule *rule;
    uint64_t rows;
    uint64_t mentioning[MENTION_KINDS]; /* of those: captions that name people, … */
    struct examples examples;
};

struct stats_duplicates { /* rows that dedup dropped, by the row that stays */
    size_t step;
    const struct funnel_rule *rule;
    struct groups groups;
    struct frequent largest;     /* texts, by rows dropped */
};

struct stats {
    const struct funnel *funnel;
    uint64_t rows, kept;       /* read; of those in the corpus */
    size_t last_step;          /* whose rows the corpus is; SIZE_MAX: no step wrote rows */
    size_t fetch_step;         /* SIZE_MAX: no fetch */
    bool complete;             /* all tasks of all steps are done */
    bool samples;              /* the corpus are samples in shards */
    uint64_t *ended;           /* rows read from the dropped files of each step */
    uint64_t bytes_read;       /* of row files, as stored */

    struct limits limits;
    struct stats_score scores[STATS_SCORES];
    size_t score_count;
    struct stats_label labels[STATS_LABELS];
    size_t label_count;

    struct bins words, chars;           /* of texts */
    struct bins bytes, aspect;          /* of pictures that came; width / height */
    struct bins short_side;
    double map_edges[MAP_SIDE + 1];     /* pixels */
    uint64_t map[MAP_SIDE][MAP_SIDE][MAP_CLASSES]; /* [width][height]; outer cells hold what lies beyond, too */
    uint64_t pictures, pictures_kept;   /* rows with a picture */
    uint64_t picture_bytes, picture_bytes_kept;

    struct frequent captions, text_sources, languages;
    struct frequent personal; /* kinds of personal data in captions (filters/language/pii.h), each once a caption */
    struct frequent hosts, domains, page_domains;
    struct frequent formats, sizes, http;
    struct groups texts, urls;
    uint64_t texts_empty;
    struct mentions mentions;
    uint64_t mentioning_kept[MENTION_KINDS];
    uint64_t (*mentioning_ended)[MENTION_KINDS]; /* by step, as `ended` */

    struct stats_duplicates duplicates[STATS_DUPLICATES];
    size_t duplicate_count;
    struct stats_rule *rules;           /* in the funnel's order; those with rows only have examples */
    size_t rule_count;
    struct examples kept_examples;

    char *packs;                        /* folder of the packs, where a row file names one */
};

/* `room`: most different texts of each kind that are kept count of; 0: the default. -1 with a sentence. */
int stats_gather(struct stats *s, const struct funnel *f, size_t room);
void stats_free(struct stats *s); /* may be called on a zeroed struct */

bool stats_label_tells(const struct stats_label *l); /* false: no row has one, or all scores are ok */
/* Rows whose captions name `kind`, that came as far as `step`; kind MENTION_KINDS: all rows. */
uint64_t stats_reached(const struct stats *s, size_t step, unsigned kind);

#endif

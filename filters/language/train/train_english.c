/* Trains the model of english.c: averaged perceptrons over hashed features, first of parts of speech, then of names.
 *
 *     train_english OUT.model --upos FILE... --entities FILE...
 *
 * Files are treebanks (treebank.h): only training parts belong here. Every run over the data sees each sentence in a casing
 * drawn anew. A table is the sum of several that were trained one after another, each in an order of its own. Names are learnt beside
 * parts of speech that are as wrong as those of unseen texts: a sentence's are told by a table that was trained without it.
 * The same files give the same bytes: all sums are of integers, all chance comes from fixed seeds.
 */
#include "filters/language/english_features.h"
#include "filters/language/train/treebank.h"
#include "filters/language/train/write_linear.h"
#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILES_MOST = 16, TOKENS_MOST = 4096, FINE = 1024 /* averages are integers of that many parts */ };
enum { UPOS_ROWS_LOG2 = 14, UPOS_MARGIN = 12, UPOS_TRAININGS = 3, UPOS_RUNS = 6 };
enum { FOLDS = 4, FOLD_RUNS = 4 }; /* tables of parts of speech that never saw a fourth of the sentences */
enum { NAMES_ROWS_LOG2 = 16, NAMES_MARGIN = 25, NAMES_TRAININGS = 5, NAMES_RUNS = 6, NAMES_BLIND = 10 /* of a hundred words, taken as never met */ };

struct table {
    unsigned rows_log2, columns;
    int32_t *weights, *sum; /* of the training that goes on; of those that ended: averages */
    int64_t *moves;         /* what the weights' average is behind: sum of change × step */
    int64_t step;
    int32_t margin;
};

struct trainer {
    struct table upos, folds[FOLDS], names;
    uint64_t random;
    struct treebank banks[FILES_MOST];
    const struct sentence **order;
    size_t sentences;
    struct buf text;
    struct token *tokens;
    struct english_word *words;       /* with two edges at both ends */
    struct facts_features *features;  /* the same */
    uint32_t (*shared)[ENGLISH_SHARED];
    uint16_t *matches;
    uint8_t *said; /* of a sentence: columns of parts of speech as told by the model */
};

/* ---- one decision */

struct decision {
    uint32_t features[ENGLISH_FEATURES_MOST];
    size_t count;
};

static void add_features(struct decision *d, const uint32_t *features, size_t count)
{
    for (size_t i = 0; i < count; i++) d->features[d->count++] = features[i];
}

static int32_t *row_of(const struct table *t, int32_t *rows, uint32_t feature)
{
    return rows + (size_t)(feature & ((1u << t->rows_log2) - 1)) * t->columns;
}

typedef int32_t columns_of_8 __attribute__((vector_size(32), aligned(4), may_alias));

static void sum_columns(const struct table *t, const struct decision *d, int32_t *sums)
{
    columns_of_8 sum[UPOS_COLUMNS / 8] = {{0}};
    for (size_t i = 0; i < d->count; i++) {
        const columns_of_8 *row = (const columns_of_8 *)row_of(t, t->weights, d->features[i]);
        for (unsigned k = 0; k < t->columns / 8; k++) sum[k] += row[k];
    }
    memcpy(sums, sum, t->columns * sizeof *sums);
}

static void move(struct table *t, const struct decision *d, unsigned column, int32_t by)
{
    for (size_t i = 0; i < d->count; i++) {
        int32_t *weight = row_of(t, t->weights, d->features[i]) + column;
        *weight += by;
        t->moves[weight - t->weights] += t->step * by;
    }
}

static unsigned best_of(const int32_t *sums, unsigned columns, const bool *allowed)
{
    unsigned best = columns;
    for (unsigned c = 0; c < columns; c++)
        if ((!allowed || allowed[c]) && (best == columns || sums[c] > sums[best])) best = c;
    return best;
}

/* What the table says; when it learns, and is wrong or right by less than the margin, the weights move. */
static unsigned decide(struct table *t, const struct decision *d, unsigned columns, const bool *allowed, unsigned truth, bool learn)
{
    int32_t sums[UPOS_COLUMNS];
    sum_columns(t, d, sums);
    unsigned said = best_of(sums, columns, allowed);
    if (!learn) return said;
    int32_t real = sums[truth];
    sums[truth] = INT32_MIN;
    unsigned rival = best_of(sums, columns, allowed);
    t->step++;
    if (rival < columns && rival != truth && sums[rival] + t->margin > real) {
        move(t, d, truth, 1);
        move(t, d, rival, -1);
    }
    return said;
}

/* ---- sentences */

/* A word as if it had never been met: what is left are its beginnings, endings and what lists know of it. */
static void forget(struct english_word *word, struct facts_features *features)
{
    features->of[PLACE_SELF][0] = facts_feature(FEATURE_LOWER, 0, 0);
    word->facts.lower = 0;
}

/* `blind`: how many words of a hundred are forgotten. */
static int describe(struct trainer *t, const struct sentence *s, enum recasing recasing, unsigned blind)
{
    if (s->count > TOKENS_MOST) return fail("a sentence of %zu tokens", s->count);
    if (sentence_recase(s, recasing, &t->text, t->tokens) < 0) return -1;
    struct case_count count = {0};
    const size_t edges[] = {0, 1, s->count + 2, s->count + 3};
    for (int i = 0; i < 4; i++) {
        t->words[edges[i]] = (struct english_word){facts_edge, SHAPE_EDGE};
        facts_edge_features(&t->features[edges[i]]);
    }
    struct english_word *words = t->words + 2;
    for (size_t i = 0; i < s->count; i++) {
        struct spelled spelled;
        facts_spell(str_of(t->text.p + t->tokens[i].start, t->tokens[i].end - t->tokens[i].start), &spelled);
        facts_of(&spelled, &words[i].facts);
        words[i].shape = spelled.shape;
        facts_count_case(&count, spelled.shape);
        facts_describe(&words[i].facts, str_of(spelled.lower, spelled.n), &t->features[i + 2]);
    }
    enum text_case text_case = facts_text_case(&count);
    for (size_t i = 0; i < s->count; i++) words[i].shape = english_shape(words[i].shape, text_case);
    english_match_names(buf_str(&t->text), t->tokens, words, s->count, t->matches);
    for (size_t i = 0; i < s->count; i++)
        if (next_random(&t->random) % 100 < blind) forget(&words[i], &t->features[i + 2]);
    for (size_t i = 0; i < s->count; i++) english_shared_features(&words[i], t->shared[i]);
    return 0;
}

static void add_common(const struct trainer *t, size_t i, struct decision *d)
{
    static const int from[PLACES] = {[PLACE_SELF] = 0, [PLACE_NEXT] = -1, [PLACE_PREVIOUS] = 1};
    d->count = 0;
    for (int place = 0; place < PLACES; place++) add_features(d, t->features[(ptrdiff_t)i + 2 + from[place]].of[place], facts_count[place]);
    add_features(d, t->shared[i], ENGLISH_SHARED);
}

/* Goes through a sentence as the tagger does. What was said stays in t->said. How many tokens were wrong. */
static size_t walk_upos(struct trainer *t, struct table *table, const struct sentence *s, bool learn)
{
    unsigned before = ENGLISH_EDGE, two_before = ENGLISH_EDGE;
    size_t wrong = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct decision d;
        uint32_t own[ENGLISH_UPOS_OWN];
        add_common(t, i, &d);
        english_upos_features(&t->words[i + 2], before, two_before, own);
        add_features(&d, own, ENGLISH_UPOS_OWN);
        unsigned truth = upos_column(s->tags[i]), said = decide(table, &d, UPOS_COLUMNS, NULL, truth, learn);
        wrong += upos_of_column(said, t->words[i + 2].shape) != s->tags[i];
        t->said[i] = (uint8_t)said;
        two_before = before;
        before = said;
    }
    return wrong;
}

static size_t walk_names(struct trainer *t, const struct sentence *s)
{
    struct english_named named = {.count = 0};
    struct english_history h = {ENTITY_NONE, ENTITY_NONE, 0};
    size_t wrong = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct decision d;
        uint32_t own[ENGLISH_NAMES_OWN], history[ENGLISH_NAMES_HISTORY];
        bool first = i == 0, last = i + 1 == s->count, allowed[ENTITY_COUNT];
        const struct english_word *word = &t->words[i + 2];
        struct english_around around = {first ? ENGLISH_EDGE : t->said[i - 1], t->said[i], last ? ENGLISH_EDGE : t->said[i + 1],
                                        first ? 0 : t->matches[i - 1], t->matches[i], last ? 0 : t->matches[i + 1]};
        h.earlier = english_named_find(&named, word->facts.lower);
        add_common(t, i, &d);
        english_names_features(word, &around, own);
        english_history_features(word, &around, &h, history);
        add_features(&d, own, ENGLISH_NAMES_OWN);
        add_features(&d, history, ENGLISH_NAMES_HISTORY);
        for (unsigned c = 0; c < ENTITY_COUNT; c++) allowed[c] = entity_may_follow(h.before, c) || c == s->tags[i];
        unsigned said = decide(&t->names, &d, ENTITY_COUNT, allowed, s->tags[i], true);
        wrong += said != s->tags[i];
        if (!entity_may_follow(h.before, said)) said = ENTITY_NONE;
        if (said) english_named_add(&named, word->facts.lower, said);
        h.two_before = h.before;
        h.before = said;
    }
    return wrong;
}

/* ---- runs over the data */

static void shuffle(struct trainer *t)
{
    for (size_t i = t->sentences; i > 1; i--) {
        size_t k = (size_t)(next_random(&t->random) % i);
        const struct sentence *other = t->order[i - 1];
        t->order[i - 1] = t->order[k];
        t->order[k] = other;
    }
}

static enum recasing draw_casing(struct trainer *t)
{
    enum { EACH = 15 /* of a hundred sentences */ };
    uint64_t x = next_random(&t->random) % 100;
    return x < EACH ? RECASE_LOWER : x < 2 * EACH ? RECASE_UPPER : x < 3 * EACH ? RECASE_TITLE : RECASE_NONE;
}

static unsigned fold_of(const struct sentence *s) /* the same for all treebanks that have the sentence */
{
    uint64_t hash = 0;
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0; k < s->forms[i].n; k++) hash = (hash ^ (unsigned char)s->forms[i].p[k]) * UINT64_C(0x100000001B3);
    return (unsigned)(hash >> 40) % FOLDS;
}

enum { NO_FOLD = FOLDS };
/* One training of a table of parts of speech, without the sentences of one fold. */
static int run_upos(struct trainer *t, struct table *table, unsigned without, int runs)
{
    size_t wrong = 0, tokens = 0;
    for (int r = 0; r < runs; r++) {
        wrong = tokens = 0;
        shuffle(t);
        for (size_t i = 0; i < t->sentences; i++) {
            const struct sentence *s = t->order[i];
            if (without != NO_FOLD && fold_of(s) == without) continue;
            if (describe(t, s, draw_casing(t), 0) < 0) return -1;
            wrong += walk_upos(t, table, s, true);
            tokens += s->count;
        }
    }
    fprintf(stderr, "parts of speech: %.2f %% of %zu tokens wrong\n", 100 * (double)wrong / (double)tokens, tokens);
    return 0;
}

static int run_names(struct trainer *t, int runs)
{
    size_t wrong = 0, tokens = 0;
    for (int r = 0; r < runs; r++) {
        wrong = tokens = 0;
        shuffle(t);
        for (size_t i = 0; i < t->sentences; i++) {
            const struct sentence *s = t->order[i];
            if (describe(t, s, draw_casing(t), NAMES_BLIND) < 0) return -1;
            walk_upos(t, &t->folds[fold_of(s)], s, false);
            wrong += walk_names(t, s);
            tokens += s->count;
        }
    }
    fprintf(stderr, "names: %.2f %% of %zu tokens wrong\n", 100 * (double)wrong / (double)tokens, tokens);
    return 0;
}

/* ---- tables */

static size_t cells(const struct table *t) { return ((size_t)1 << t->rows_log2) * t->columns; }

static int make_table(struct table *t, unsigned rows_log2, unsigned columns, int32_t margin)
{
    *t = (struct table){.rows_log2 = rows_log2, .columns = columns, .margin = margin};
    t->weights = calloc(cells(t), sizeof *t->weights);
    t->sum = calloc(cells(t), sizeof *t->sum);
    t->moves = calloc(cells(t), sizeof *t->moves);
    return t->weights && t->sum && t->moves ? 0 : fail_memory();
}

/* A training ended: the average of its weights over all steps joins the sum, and the next one begins from nothing. */
static void end_training(struct table *t)
{
    for (size_t i = 0; i < cells(t); i++) {
        t->sum[i] += (int32_t)((t->weights[i] * t->step - t->moves[i]) * FINE / t->step);
        t->weights[i] = 0;
        t->moves[i] = 0;
    }
    t->step = 0;
}

static void use_sum(struct table *t) { memcpy(t->weights, t->sum, cells(t) * sizeof *t->sum); }

static int load(struct trainer *t, const char *const *files, int count, enum treebank_kind kind)
{
    size_t total = 0;
    for (int i = 0; i < FILES_MOST; i++) {
        treebank_free(&t->banks[i]);
        t->banks[i] = (struct treebank){.count = 0};
    }
    for (int i = 0; i < count; i++) {
        if (treebank_read(&t->banks[i], files[i], kind) < 0) return -1;
        total += t->banks[i].count;
    }
    free(t->order);
    t->order = malloc((total + 1) * sizeof *t->order);
    if (!t->order) return fail_memory();
    t->sentences = 0;
    for (int i = 0; i < count; i++)
        for (size_t k = 0; k < t->banks[i].count; k++) t->order[t->sentences++] = &t->banks[i].sentences[k];
    return 0;
}

/* The table as int8 by one scale, by which its largest weight is 127: finer scales that cut the large ones off cost accuracy. */
static void narrow(const struct table *t, int8_t *out)
{
    int64_t most = 1;
    for (size_t i = 0; i < cells(t); i++) {
        int64_t size = t->sum[i] < 0 ? -(int64_t)t->sum[i] : t->sum[i];
        if (size > most) most = size;
    }
    for (size_t i = 0; i < cells(t); i++) {
        int64_t w = t->sum[i], q = ((w < 0 ? -w : w) * 127 + most / 2) / most;
        out[i] = (int8_t)(w < 0 ? -q : q);
    }
}

static int write_model(const struct trainer *t, const char *path)
{
    const struct table *tables[] = {&t->upos, &t->names};
    unsigned rows_log2 = t->upos.rows_log2 > t->names.rows_log2 ? t->upos.rows_log2 : t->names.rows_log2;
    size_t rows = (size_t)1 << rows_log2;
    int8_t *out = calloc(rows, ENGLISH_COLUMNS), *part = malloc(rows * UPOS_COLUMNS);
    char note[128];
    int n = snprintf(note, sizeof note, "model english\nupos_rows_log2 %u\nnames_rows_log2 %u\n", t->upos.rows_log2, t->names.rows_log2);
    if (!out || !part) return fail_memory();
    for (int k = 0; k < 2; k++) {
        const struct table *table = tables[k];
        narrow(table, part);
        for (size_t i = 0; i < (size_t)1 << table->rows_log2; i++)
            memcpy(out + i * ENGLISH_COLUMNS + (k ? UPOS_COLUMNS : 0), part + i * table->columns, table->columns);
    }
    int result = write_linear(path, rows_log2, ENGLISH_COLUMNS, str_of(note, (size_t)n), out);
    free(part);
    free(out);
    return result;
}

static int make_trainer(struct trainer *t)
{
    t->tokens = calloc(TOKENS_MOST, sizeof *t->tokens);
    t->words = calloc(TOKENS_MOST + 4, sizeof *t->words);
    t->features = calloc(TOKENS_MOST + 4, sizeof *t->features);
    t->shared = calloc(TOKENS_MOST, sizeof *t->shared);
    t->matches = calloc(TOKENS_MOST, sizeof *t->matches);
    t->said = calloc(TOKENS_MOST, 1);
    if (!t->tokens || !t->words || !t->features || !t->shared || !t->matches || !t->said) return fail_memory();
    buf_init(&t->text, 1 << 24);
    return 0;
}

static int train_upos(struct trainer *t)
{
    if (make_table(&t->upos, UPOS_ROWS_LOG2, UPOS_COLUMNS, UPOS_MARGIN) < 0) return -1;
    for (int i = 0; i < UPOS_TRAININGS; i++) {
        if (run_upos(t, &t->upos, NO_FOLD, UPOS_RUNS) < 0) return -1;
        end_training(&t->upos);
    }
    for (unsigned k = 0; k < FOLDS; k++) {
        struct table *fold = &t->folds[k];
        if (make_table(fold, UPOS_ROWS_LOG2, UPOS_COLUMNS, UPOS_MARGIN) < 0 || run_upos(t, fold, k, FOLD_RUNS) < 0) return -1;
        end_training(fold);
        use_sum(fold);
    }
    return 0;
}

static int train_names(struct trainer *t)
{
    if (make_table(&t->names, NAMES_ROWS_LOG2, NAMES_COLUMNS, NAMES_MARGIN) < 0) return -1;
    for (int i = 0; i < NAMES_TRAININGS; i++) {
        if (run_names(t, NAMES_RUNS) < 0) return -1;
        end_training(&t->names);
    }
    return 0;
}

static int train(int argc, char **argv)
{
    const char *files[2][FILES_MOST];
    int counts[2] = {0, 0}, kind = 0;
    if (argc < 4) return fail_usage("expected: train_english OUT.model --upos FILE... --entities FILE...");
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--upos") == 0) kind = 0;
        else if (strcmp(argv[i], "--entities") == 0) kind = 1;
        else if (counts[kind] == FILES_MOST) return fail_usage("more than %d files", FILES_MOST);
        else files[kind][counts[kind]++] = argv[i];
    }
    static struct trainer t = {.random = 20}; /* the seed */
    if (make_trainer(&t) < 0 || load(&t, files[0], counts[0], TREEBANK_UPOS) < 0 || train_upos(&t) < 0) return -1;
    if (load(&t, files[1], counts[1], TREEBANK_ENTITIES) < 0 || train_names(&t) < 0) return -1;
    return write_model(&t, argv[1]);
}

int main(int argc, char **argv)
{
    if (train(argc, argv) == 0) return 0;
    fprintf(stderr, "train_english: %s\n", fail_message());
    return 1;
}

/* Trains the model of english.c: averaged perceptrons over hashed features, first of parts of speech, then of entities.
 *
 *     train_english OUT.model --upos FILE... --entities FILE...
 *
 * Files are treebanks (treebank.h): only training parts belong here. Every run over the data sees each sentence in a casing
 * drawn anew. The same files give the same bytes: all sums are of integers, all chance comes from one fixed seed.
 */
#include "filters/language/english_features.h"
#include "filters/language/linear.h"
#include "filters/language/train/treebank.h"
#include "filters/language/train/write_linear.h"
#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS_LOG2 = 18, ROWS = 1 << ROWS_LOG2, UPOS_RUNS = 8, ENTITY_RUNS = 8, FILES_MOST = 16, UPOS_MARGIN = 12,
       ENTITY_MARGIN = 50, BLIND_UPOS = 0, BLIND_ENTITIES = 10 /* of a hundred words, taken as never met */ };

struct trainer {
    int32_t (*weights)[ENGLISH_COLUMNS]; /* [ROWS] */
    int64_t (*moves)[ENGLISH_COLUMNS];   /* what the weights' average is behind: sum of change × step */
    int64_t step;
    uint64_t random;
    struct treebank banks[FILES_MOST];
    const struct sentence **order;
    size_t sentences;
    struct buf text;
    struct token *tokens;
    struct facts *facts;  /* with two edges at both ends */
    struct facts_features *features, edge;
    uint32_t (*shared)[ENGLISH_SHARED];
    uint8_t *upos, *upos_other; /* of a sentence: as told by the model */
};

enum { TOKENS_MOST = 4096 };
enum walk { WALK_LEARN, WALK_TELL };

/* ---- one decision */

struct decision {
    uint32_t rows[ENGLISH_FEATURES_MOST];
    size_t count;
};

static void add_features(struct decision *d, const uint32_t *features, size_t count)
{
    for (size_t i = 0; i < count; i++) d->rows[d->count++] = features[i] & (ROWS - 1);
}

static void sum_columns(const struct trainer *t, const struct decision *d, unsigned from, unsigned columns, int64_t *sums)
{
    for (unsigned c = 0; c < columns; c++) sums[c] = 0;
    for (size_t i = 0; i < d->count; i++)
        for (unsigned c = 0; c < columns; c++) sums[c] += t->weights[d->rows[i]][from + c];
}

static void move(struct trainer *t, const struct decision *d, unsigned column, int32_t by)
{
    for (size_t i = 0; i < d->count; i++) {
        t->weights[d->rows[i]][column] += by;
        t->moves[d->rows[i]][column] += t->step * by;
    }
}

static unsigned best_of(const int64_t *sums, unsigned columns, const bool *allowed)
{
    unsigned best = columns;
    for (unsigned c = 0; c < columns; c++)
        if ((!allowed || allowed[c]) && (best == columns || sums[c] > sums[best])) best = c;
    return best;
}

/* What the model says; when it learns, and is wrong or right by less than the margin, the weights move. */
static unsigned decide(struct trainer *t, const struct decision *d, unsigned from, unsigned columns, const bool *allowed, unsigned truth,
                       bool learn)
{
    const int64_t margin = from == ENGLISH_ENTITY_COLUMN ? ENTITY_MARGIN : UPOS_MARGIN;
    int64_t sums[UPOS_COUNT];
    sum_columns(t, d, from, columns, sums);
    unsigned said = best_of(sums, columns, allowed);
    if (!learn) return said;
    int64_t real = sums[truth];
    sums[truth] -= margin;
    unsigned rival = best_of(sums, columns, allowed);
    t->step++;
    if (rival != truth && sums[rival] + margin > real) {
        move(t, d, from + truth, 1);
        move(t, d, from + rival, -1);
    }
    return said;
}

/* ---- sentences */

static struct english_place place_at(const struct trainer *t, size_t i)
{
    const struct facts *f = t->facts + 2 + i;
    return (struct english_place){f - 2, f - 1, f, f + 1, f + 2};
}

/* A word as if it had never been met: what is left are its shape, endings and what lists know of it. */
static void forget(struct facts *facts, struct facts_features *features)
{
    for (size_t i = 0; i < FACTS_SELF; i++)
        if (features->self[i] == facts_feature(FEATURE_LOWER, facts->lower, 0) ||
            features->self[i] == facts_feature(FEATURE_LOWER_SHAPE, facts->lower, facts->shape))
            features->self[i] = facts_feature(FEATURE_LOWER, 0, 0);
    facts->lower = 0;
}

/* `blind`: how many words of a hundred are forgotten. */
static int describe(struct trainer *t, const struct sentence *s, enum recasing recasing, unsigned blind)
{
    if (s->count > TOKENS_MOST) return fail("a sentence of %zu tokens", s->count);
    if (sentence_recase(s, recasing, &t->text, t->tokens) < 0) return -1;
    enum text_case text_case = facts_text_case(buf_str(&t->text), t->tokens, s->count);
    t->facts[0] = t->facts[1] = t->facts[s->count + 2] = t->facts[s->count + 3] = facts_edge;
    for (size_t i = 0; i < s->count; i++)
        facts_of(str_of(t->text.p + t->tokens[i].start, t->tokens[i].end - t->tokens[i].start), text_case, &t->facts[i + 2], &t->features[i]);
    for (size_t i = 0; i < s->count; i++)
        if (next_random(&t->random) % 100 < blind) forget(&t->facts[i + 2], &t->features[i]);
    for (size_t i = 0; i < s->count; i++) {
        struct english_place place = place_at(t, i);
        english_shared_features(&place, t->shared[i]);
    }
    return 0;
}

static void add_common(const struct trainer *t, size_t i, size_t count, struct decision *d)
{
    d->count = 0;
    add_features(d, t->features[i].self, FACTS_SELF);
    add_features(d, (i ? t->features[i - 1] : t->edge).before, FACTS_BEFORE);
    add_features(d, (i + 1 < count ? t->features[i + 1] : t->edge).after, FACTS_AFTER);
    add_features(d, t->shared[i], ENGLISH_SHARED);
}

/* Goes through a sentence as the tagger does. What was said stays in t->upos. How many tokens were wrong. */
static size_t walk_upos(struct trainer *t, const struct sentence *s, enum walk walk)
{
    unsigned before = ENGLISH_EDGE, two_before = ENGLISH_EDGE;
    size_t wrong = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct decision d;
        uint32_t own[ENGLISH_UPOS_OWN];
        struct english_place place = place_at(t, i);
        add_common(t, i, s->count, &d);
        english_upos_features(&place, before, two_before, own);
        add_features(&d, own, ENGLISH_UPOS_OWN);
        unsigned said = decide(t, &d, 0, UPOS_COUNT, NULL, s->tags[i], walk == WALK_LEARN);
        wrong += said != s->tags[i];
        t->upos[i] = (uint8_t)said;
        two_before = before;
        before = said;
    }
    return wrong;
}

/* Parts of speech as wrong as they are in texts that training never saw; those of training texts are nearly all right. */
static void spoil_upos(struct trainer *t, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t x = next_random(&t->random) % 100;
        if (t->upos[i] == UPOS_PROPN && x < 8) t->upos[i] = x < 6 ? UPOS_NOUN : UPOS_ADJ;
        else if ((t->upos[i] == UPOS_NOUN && x < 3) || (t->upos[i] == UPOS_ADJ && x < 3)) t->upos[i] = UPOS_PROPN;
    }
}

static struct str form(const struct trainer *t, size_t i)
{
    return str_of(t->text.p + t->tokens[i].start, t->tokens[i].end - t->tokens[i].start);
}

static size_t walk_entities(struct trainer *t, const struct sentence *s)
{
    struct english_named named = {.count = 0};
    struct english_tags tags = {.upos_before = ENGLISH_EDGE};
    size_t wrong = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct decision d;
        uint32_t own[ENGLISH_ENTITY_OWN];
        bool last = i + 1 == s->count, allowed[ENTITY_COUNT];
        struct english_place place = place_at(t, i);
        tags.upos = t->upos[i];
        tags.upos_after = last ? ENGLISH_EDGE : t->upos[i + 1];
        tags.pair_after = last ? 0 : english_pair(form(t, i), form(t, i + 1));
        tags.earlier = english_named_find(&named, t->facts[i + 2].lower);
        add_common(t, i, s->count, &d);
        english_entity_features(&place, &tags, own);
        add_features(&d, own, ENGLISH_ENTITY_OWN);
        for (unsigned c = 0; c < ENTITY_COUNT; c++) allowed[c] = entity_may_follow(tags.entity_before, c) || c == s->tags[i];
        unsigned said = decide(t, &d, ENGLISH_ENTITY_COLUMN, ENTITY_COUNT, allowed, s->tags[i], true);
        wrong += said != s->tags[i];
        if (!entity_may_follow(tags.entity_before, said)) said = ENTITY_NONE;
        if (said) english_named_add(&named, t->facts[i + 2].lower, said);
        tags.entity_two_before = tags.entity_before;
        tags.entity_before = said;
        tags.upos_before = tags.upos;
        tags.pair_before = tags.pair_after;
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
    switch (next_random(&t->random) % 20) {
    case 0: case 1: case 2: return RECASE_LOWER;
    case 3: case 4: case 5: return RECASE_UPPER;
    case 6: case 7: case 8: return RECASE_TITLE;
    default: return RECASE_NONE;
    }
}

static int run(struct trainer *t, bool entities, int runs)
{
    t->step = 0;
    for (int r = 0; r < runs; r++) {
        size_t wrong = 0, tokens = 0;
        shuffle(t);
        for (size_t i = 0; i < t->sentences; i++) {
            const struct sentence *s = t->order[i];
            if (describe(t, s, draw_casing(t), entities ? BLIND_ENTITIES : BLIND_UPOS) < 0) return -1;
            wrong += entities ? (walk_upos(t, s, WALK_TELL), spoil_upos(t, s->count), walk_entities(t, s)) : walk_upos(t, s, WALK_LEARN);
            tokens += s->count;
        }
        fprintf(stderr, "%s, run %d: %.2f %% of %zu tokens wrong\n", entities ? "entities" : "parts of speech", r + 1,
                100 * (double)wrong / (double)tokens, tokens);
    }
    return 0;
}

/* The average over all steps takes the place of the weights; parts of speech are told by averages when entities are learnt. */
static void average(struct trainer *t, unsigned from, unsigned columns)
{
    enum { FINE = 1024 }; /* averages are kept as integers of that many parts */
    for (size_t i = 0; i < ROWS; i++)
        for (unsigned c = from; c < from + columns; c++)
            t->weights[i][c] = (int32_t)((t->weights[i][c] * t->step - t->moves[i][c]) * FINE / t->step);
}

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

static int write_model(const struct trainer *t, const char *path)
{
    int8_t *rows = malloc((size_t)ROWS * ENGLISH_COLUMNS);
    if (!rows) return fail_memory();
    quantise(&t->weights[0][0], ROWS, ENGLISH_COLUMNS, 0, UPOS_COUNT, rows);
    quantise(&t->weights[0][0], ROWS, ENGLISH_COLUMNS, ENGLISH_ENTITY_COLUMN, ENTITY_COUNT, rows);
    int result = write_linear(path, ROWS_LOG2, ENGLISH_COLUMNS, STR("model english\n"), rows);
    free(rows);
    return result;
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
    t.weights = calloc(ROWS, sizeof *t.weights);
    t.moves = calloc(ROWS, sizeof *t.moves);
    t.tokens = calloc(TOKENS_MOST, sizeof *t.tokens);
    t.facts = calloc(TOKENS_MOST + 4, sizeof *t.facts);
    t.features = calloc(TOKENS_MOST, sizeof *t.features);
    t.shared = calloc(TOKENS_MOST, sizeof *t.shared);
    t.upos = calloc(TOKENS_MOST, 1);
    if (!t.weights || !t.moves || !t.tokens || !t.facts || !t.features || !t.shared || !t.upos) return fail_memory();
    buf_init(&t.text, 1 << 24);
    facts_edge_features(&t.edge);
    if (load(&t, files[0], counts[0], TREEBANK_UPOS) < 0 || run(&t, false, UPOS_RUNS) < 0) return -1;
    average(&t, 0, UPOS_COUNT);
    if (load(&t, files[1], counts[1], TREEBANK_ENTITIES) < 0 || run(&t, true, ENTITY_RUNS) < 0) return -1;
    average(&t, ENGLISH_ENTITY_COLUMN, ENTITY_COUNT);
    return write_model(&t, argv[1]);
}

int main(int argc, char **argv)
{
    if (train(argc, argv) == 0) return 0;
    fprintf(stderr, "train_english: %s\n", fail_message());
    return 1;
}

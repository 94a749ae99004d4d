/* Words that come again are remembered with the sums of their own features; what is left of a token are some twenty rows. */
#include "filters/language/english.h"

#include "filters/language/english_features.h"
#include "filters/language/linear.h"
#include "filters/language/gazetteer.h"
#include "filters/language/wordnet.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

const char *const upos_names[UPOS_COUNT] = {"ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN",
                                            "PUNCT", "SCONJ", "SYM", "VERB", "X"};
const char *const entity_names[ENTITY_COUNT] = {"", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"};

struct english {
    struct linear *model;
    linear_sum edge_before, edge_after;
    char digest[33];
};

struct known { /* a word and what its own features sum to */
    linear_sum self, before, after;
    struct facts facts;
};

enum { REMEMBERED = 4096, REMEMBERED_BYTES = 23 }; /* a megabyte and more: what a core's second-level cache holds */

struct english_work {
    struct known *words;      /* of the text, with two edges at both ends: room + 4 */
    struct english_token *tokens;
    size_t room;
    struct token *split;
    size_t split_room;
    struct known *remembered; /* REMEMBERED */
    struct remembered_name {
        uint8_t n, text_case;
        char bytes[REMEMBERED_BYTES - 1];
    } *names;
};

static struct english *english_new(struct linear *model)
{
    struct english *e = model ? aligned_alloc(64, (sizeof *e + 63) & ~(size_t)63) : NULL;
    if (!e || model->columns != ENGLISH_COLUMNS || !str_eq(linear_note(model, STR("model")), STR("english"))) {
        if (model && !e) fail_memory();
        else if (model) fail("a linear model, but none of English sentences");
        linear_close(model);
        free(e);
        return NULL;
    }
    *e = (struct english){.model = model};
    struct facts_features edge;
    facts_edge_features(&edge);
    linear_add(model, edge.before, FACTS_BEFORE, &e->edge_before);
    linear_add(model, edge.after, FACTS_AFTER, &e->edge_after);
    char all[128];
    int n = snprintf(all, sizeof all, "%s %s %s", model->digest, wordnet_digest(), gazetteer_digest());
    hash128_hex(hash_xxh3_128(str_of(all, (size_t)n), 0), e->digest);
    return e;
}

struct english *english_read(struct str bytes) { return english_new(linear_read(bytes)); }

struct english *english_open(const char *path)
{
    char own[LINEAR_PATH_MOST];
    if (!path && linear_find("english.model", own) < 0) return NULL;
    return english_new(linear_open(path ? path : own));
}

void english_close(struct english *e)
{
    if (!e) return;
    linear_close(e->model);
    free(e);
}

const char *english_digest(const struct english *e) { return e->digest; }

/* ---- room */

struct english_work *english_work_new(const struct english *e)
{
    struct english_work *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    w->remembered = aligned_alloc(64, REMEMBERED * sizeof *w->remembered);
    w->names = calloc(REMEMBERED, sizeof *w->names);
    if (!w->remembered || !w->names) {
        english_work_free(w);
        return fail_memory(), NULL;
    }
    (void)e;
    return w;
}

void english_work_free(struct english_work *w)
{
    if (!w) return;
    free(w->words);
    free(w->split);
    free(w->tokens);
    free(w->remembered);
    free(w->names);
    free(w);
}

static int make_split_room(struct english_work *w, size_t room)
{
    if (room <= w->split_room) return 0;
    free(w->split);
    w->split = malloc(room * sizeof *w->split);
    w->split_room = w->split ? room : 0;
    return w->split ? 0 : fail_memory();
}

static int make_room(struct english_work *w, size_t count)
{
    if (count <= w->room && w->words) return 0;
    if (count < 128) count = 128;
    free(w->words);
    free(w->tokens);
    w->words = aligned_alloc(64, (count + 4) * sizeof *w->words);
    w->tokens = malloc(count * sizeof *w->tokens);
    w->room = w->words && w->tokens ? count : 0;
    return w->room ? 0 : fail_memory();
}

/* ---- words */

static void know(const struct english *e, struct str word, enum text_case text_case, struct known *known)
{
    struct facts_features f;
    facts_of(word, text_case, &known->facts, &f);
    linear_prefetch(e->model, f.self, FACTS_SELF);
    linear_prefetch(e->model, f.before, FACTS_BEFORE);
    linear_prefetch(e->model, f.after, FACTS_AFTER);
    known->self = known->before = known->after = (linear_sum){0};
    linear_add(e->model, f.self, FACTS_SELF, &known->self);
    linear_add(e->model, f.before, FACTS_BEFORE, &known->before);
    linear_add(e->model, f.after, FACTS_AFTER, &known->after);
}

static void recall(const struct english *e, struct english_work *w, struct str word, enum text_case text_case, struct known *known)
{
    if (word.n > sizeof w->names->bytes) return know(e, word, text_case, known);
    size_t at = facts_feature((uint32_t)text_case, facts_hash(word), 0) % REMEMBERED;
    struct remembered_name *name = &w->names[at];
    if (name->n != word.n || name->text_case != text_case || memcmp(name->bytes, word.p, word.n) != 0) {
        know(e, word, text_case, &w->remembered[at]);
        name->n = (uint8_t)word.n;
        name->text_case = (uint8_t)text_case;
        memcpy(name->bytes, word.p, word.n);
    }
    *known = w->remembered[at];
}

static struct english_place place_at(const struct known *k) /* k has two neighbours on both sides, or an edge */
{
    return (struct english_place){&k[-2].facts, &k[-1].facts, &k[0].facts, &k[1].facts, &k[2].facts};
}

/* ---- decisions */

static unsigned best_column(const linear_sum *sum, unsigned from, unsigned count)
{
    unsigned best = 0;
    for (unsigned i = 1; i < count; i++)
        if ((*sum)[from + i] > (*sum)[from + best]) best = i;
    return best;
}

static unsigned best_entity(const linear_sum *sum, unsigned before)
{
    unsigned best = ENTITY_NONE;
    for (unsigned i = 1; i < ENTITY_COUNT; i++)
        if (entity_may_follow(before, i) && (*sum)[ENGLISH_ENTITY_COLUMN + i] > (*sum)[ENGLISH_ENTITY_COLUMN + best]) best = i;
    return best;
}

/* Every word's sum of what does not depend on tags; it takes the place of `self`. */
static void sum_neighbours(const struct english *e, struct known *words, size_t count)
{
    uint32_t f[2][ENGLISH_SHARED];
    for (size_t i = 0; i <= count; i++) { /* the next word's rows come from memory while this one's are added */
        if (i < count) {
            struct english_place place = place_at(&words[i]);
            english_shared_features(&place, f[i % 2]);
            linear_prefetch(e->model, f[i % 2], ENGLISH_SHARED);
        }
        if (i == 0) continue;
        linear_add(e->model, f[(i - 1) % 2], ENGLISH_SHARED, &words[i - 1].self);
    }
    for (size_t i = 0; i < count; i++)
        words[i].self += (i ? words[i - 1].before : e->edge_before) + (i + 1 < count ? words[i + 1].after : e->edge_after);
}

static void tag_upos(const struct english *e, struct known *words, struct english_token *tokens, size_t count)
{
    unsigned before = ENGLISH_EDGE, two_before = ENGLISH_EDGE;
    uint32_t f[ENGLISH_UPOS_OWN];
    for (size_t i = 0; i < count; i++) {
        struct english_place place = place_at(&words[i]);
        english_upos_features(&place, before, two_before, f);
        linear_sum sum = words[i].self;
        linear_add(e->model, f, ENGLISH_UPOS_OWN, &sum);
        two_before = before;
        before = best_column(&sum, 0, UPOS_COUNT);
        tokens[i].upos = (uint8_t)before;
    }
}

static struct str token_text(struct str text, const struct english_token *t) { return str_of(text.p + t->start, t->end - t->start); }

static void tag_entities(const struct english *e, struct str text, struct known *words, struct english_token *tokens, size_t count)
{
    struct english_named named = {.count = 0};
    struct english_tags t = {.upos_before = ENGLISH_EDGE};
    uint32_t f[ENGLISH_ENTITY_OWN];
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        struct english_place place = place_at(&words[i]);
        t.upos = tokens[i].upos;
        t.upos_after = last ? ENGLISH_EDGE : tokens[i + 1].upos;
        t.pair_after = last ? 0 : english_pair(token_text(text, &tokens[i]), token_text(text, &tokens[i + 1]));
        t.earlier = english_named_find(&named, words[i].facts.lower);
        english_entity_features(&place, &t, f);
        linear_sum sum = words[i].self;
        linear_add(e->model, f, ENGLISH_ENTITY_OWN, &sum);
        unsigned entity = best_entity(&sum, t.entity_before);
        tokens[i].entity = (uint8_t)entity;
        if (entity) english_named_add(&named, words[i].facts.lower, entity);
        t.entity_two_before = t.entity_before;
        t.entity_before = entity;
        t.upos_before = t.upos;
        t.pair_before = t.pair_after;
    }
}

int english_tag_split(const struct english *e, struct english_work *w, struct str text, const struct token *split, size_t n,
                      enum english_want want, const struct english_token **tokens)
{
    if (make_room(w, n) < 0) return -1;
    enum text_case text_case = facts_text_case(text, split, n);
    struct known *words = w->words + 2;
    for (size_t i = 0; i < n; i++) {
        recall(e, w, str_of(text.p + split[i].start, split[i].end - split[i].start), text_case, &words[i]);
        w->tokens[i] = (struct english_token){split[i].start, split[i].end, 0, 0};
    }
    w->words[0].facts = w->words[1].facts = words[n].facts = words[n + 1].facts = facts_edge;
    sum_neighbours(e, words, n);
    tag_upos(e, words, w->tokens, n);
    if (want == ENGLISH_ENTITIES) tag_entities(e, text, words, w->tokens, n);
    *tokens = w->tokens;
    return 0;
}

int english_tag(const struct english *e, struct english_work *w, struct str text, enum english_want want,
                const struct english_token **tokens, size_t *count)
{
    if (text.n > TOKENS_TEXT_MOST) text.n = utf8_cut(text, TOKENS_TEXT_MOST);
    if (make_split_room(w, tokens_room(text)) < 0) return -1;
    *count = tokens_split(text, w->split);
    return english_tag_split(e, w, text, w->split, *count, want, tokens);
}

/* Words that come again are remembered with the sums of their own features; what is left of a token are some twenty rows. */
#include "filters/language/english.h"

#include "filters/language/english_features.h"
#include "filters/language/english_tables.h"
#include "filters/language/linear.h"
#include "filters/language/gazetteer.h"
#include "filters/language/wordnet.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

const char *const upos_names[UPOS_COUNT] = {"ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN",
                                            "PUNCT", "SCONJ", "SYM", "VERB", "X"};
const char *const entity_names[ENTITY_COUNT] = {"", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"};


/* ---- the model */

struct english {
    struct tables tables;
    upos_sum edge_upos[PLACES]; /* what edges say of their neighbours */
    names_sum edge_names[PLACES];
    char digest[33];
};

enum { MARGIN = 2 /* edges at each end of a text */, AHEAD = 16 /* words that are asked of memory before the first is looked at */ };

/* Words are remembered in sets of two; the one that was not used last makes room. */
enum { SETS_LOG2 = 14, SETS = 1 << SETS_LOG2, WAYS = 2, REMEMBERED = SETS * WAYS, REMEMBERED_BYTES = 13 };
_Static_assert((int)REMEMBERED_BYTES <= (int)SPELLED_PADDED, "compared and kept with the zeros behind the word");
struct remembered {
    upos_sum upos[PLACES]; /* what the word says of itself and of its neighbours */
    struct facts facts;
    uint8_t n;             /* 0: none yet */
    bool has_names;        /* whether its place in `remembered_names` is filled */
    uint8_t last;          /* of a set's first: which one was used last */
    char bytes[REMEMBERED_BYTES];
};
struct remembered_names {
    names_sum names[PLACES];
} __attribute__((aligned(64)));

struct english_work {
    struct english_token *tokens;
    struct english_word *words; /* of the text, with MARGIN more at both ends */
    upos_sum *upos;             /* of every word what does not depend on tags; so many too */
    names_sum *names;
    uint16_t *matches;
    size_t room;
    struct token *split;
    size_t split_room;
    struct remembered *remembered;             /* REMEMBERED */
    struct remembered_names *remembered_names; /* REMEMBERED; NULL as long as nobody asked for names */
};

static void sum_upos(const struct tables *t, const struct facts_features *f, unsigned from, upos_sum *sums)
{
    for (unsigned place = from; place < PLACES; place++) tables_prefetch_upos(t, f->of[place], facts_count[place]);
    for (unsigned place = 0; place < PLACES; place++) {
        sums[place] = (upos_sum){.half = {{0}}};
        if (place >= from) tables_add_upos(t, f->of[place], facts_count[place], &sums[place]);
    }
}

static void sum_names(const struct tables *t, const struct facts_features *f, unsigned from, names_sum *sums)
{
    for (unsigned place = from; place < PLACES; place++) tables_prefetch_names(t, f->of[place], facts_count[place]);
    for (unsigned place = 0; place < PLACES; place++) {
        sums[place] = (names_sum){0};
        if (place >= from) tables_add_names(t, f->of[place], facts_count[place], &sums[place]);
    }
}

static struct english *english_new(struct linear *model)
{
    struct english *e = model ? aligned_alloc(64, (sizeof *e + 63) & ~(size_t)63) : NULL;
    if (!e || tables_fill(&e->tables, model) < 0) {
        if (model && !e) fail_memory();
        linear_close(model);
        free(e);
        return NULL;
    }
    struct facts_features edge;
    facts_edge_features(&edge);
    sum_upos(&e->tables, &edge, PLACE_NEXT, e->edge_upos);
    sum_names(&e->tables, &edge, PLACE_NEXT, e->edge_names);
    char all[128];
    int n = snprintf(all, sizeof all, "%s %s %s", model->digest, wordnet_digest(), gazetteer_digest());
    hash128_hex(hash_xxh3_128(str_of(all, (size_t)n), 0), e->digest);
    linear_close(model);
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
    tables_free(&e->tables);
    free(e);
}

const char *english_digest(const struct english *e) { return e->digest; }

/* ---- room */

static void *make_aligned(size_t bytes) { return aligned_alloc(64, (bytes + 63) & ~(size_t)63); }

struct english_work *english_work_new(const struct english *e)
{
    (void)e;
    _Static_assert(sizeof(struct remembered) == 128, "two lines of the cache");
    struct english_work *w = calloc(1, sizeof *w);
    if (!w || !(w->remembered = tables_memory(REMEMBERED * sizeof *w->remembered))) {
        free(w);
        return fail_memory(), NULL;
    }
    memset(w->remembered, 0, REMEMBERED * sizeof *w->remembered);
    return w;
}

static void free_room(struct english_work *w)
{
    free(w->words);
    free(w->upos);
    free(w->names);
    free(w->matches);
    free(w->tokens);
    w->room = 0;
}

void english_work_free(struct english_work *w)
{
    if (!w) return;
    free_room(w);
    free(w->split);
    free(w->remembered);
    free(w->remembered_names);
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

static int make_room(struct english_work *w, size_t count, bool names)
{
    if (names && !w->remembered_names && !(w->remembered_names = tables_memory(REMEMBERED * sizeof *w->remembered_names))) return fail_memory();
    if (count <= w->room && w->words) return 0;
    if (count < 128) count = 128;
    free_room(w);
    w->words = malloc((count + 2 * MARGIN) * sizeof *w->words);
    w->upos = make_aligned((count + 2 * MARGIN) * sizeof *w->upos);
    w->names = make_aligned((count + 2 * MARGIN) * sizeof *w->names);
    w->matches = malloc(count * sizeof *w->matches);
    w->tokens = malloc(count * sizeof *w->tokens);
    if (!w->words || !w->upos || !w->names || !w->matches || !w->tokens) return fail_memory();
    w->room = count;
    return 0;
}

/* ---- words */

struct recalled {
    const upos_sum *upos;
    const names_sum *names;
    const struct facts *facts;
};
struct unremembered { /* where a word lies that is too long to be remembered */
    upos_sum upos[PLACES];
    names_sum names[PLACES];
    struct facts facts;
};

static size_t set_of(const struct spelled *s) { return (s->hash * UINT32_C(0x9E3779B1) >> (32 - SETS_LOG2)) * WAYS; }

static struct recalled know_longer(const struct tables *t, const struct spelled *s, struct unremembered *word)
{
    struct facts_features f;
    facts_of(s, &word->facts);
    facts_describe(&word->facts, str_of(s->lower, s->n), &f);
    sum_upos(t, &f, PLACE_SELF, word->upos);
    sum_names(t, &f, PLACE_SELF, word->names);
    return (struct recalled){word->upos, word->names, &word->facts};
}

static bool is_it(const struct remembered *r, const struct spelled *s)
{
    return r->n == s->n && r->facts.lower == s->hash && memcmp(r->bytes, s->lower, REMEMBERED_BYTES) == 0;
}

static struct recalled recall(const struct tables *t, struct english_work *w, const struct spelled *s, bool names, struct unremembered *longer)
{
    if (s->n > REMEMBERED_BYTES) return know_longer(t, s, longer);
    struct facts_features f;
    struct remembered *set = &w->remembered[set_of(s)];
    unsigned way = is_it(&set[0], s) ? 0 : is_it(&set[1], s) ? 1 : WAYS;
    bool is_new = way == WAYS;
    if (is_new) way = !set->last;
    struct remembered *r = &set[way];
    struct remembered_names *n = names ? &w->remembered_names[r - w->remembered] : NULL;
    set->last = (uint8_t)way;
    if (is_new) {
        facts_of(s, &r->facts);
        r->n = s->n;
        r->has_names = false;
        memcpy(r->bytes, s->lower, REMEMBERED_BYTES);
    }
    if (is_new || (names && !r->has_names)) facts_describe(&r->facts, str_of(s->lower, s->n), &f);
    if (is_new) sum_upos(t, &f, PLACE_SELF, r->upos);
    if (names && !r->has_names) {
        sum_names(t, &f, PLACE_SELF, n->names);
        r->has_names = true;
    }
    return (struct recalled){r->upos, names ? n->names : NULL, &r->facts};
}

static void give(const struct recalled *r, upos_sum *upos, names_sum *names) /* to the sums of the word's place and its neighbours' */
{
    upos_add(&upos[0], &r->upos[PLACE_SELF]);
    upos_add(&upos[1], &r->upos[PLACE_NEXT]);
    upos_add(&upos[-1], &r->upos[PLACE_PREVIOUS]);
    if (!names) return;
    names[0] += r->names[PLACE_SELF];
    names[1] += r->names[PLACE_NEXT];
    names[-1] += r->names[PLACE_PREVIOUS];
}

/* Edges stand before the first word and behind the last; nobody reads the outer ones' sums. */
static void begin_sums(const struct english *e, struct english_work *w, size_t n, bool names)
{
    struct english_word edge = {facts_edge, SHAPE_EDGE}, *words = w->words;
    memset(w->upos, 0, (n + 2 * MARGIN) * sizeof *w->upos);
    if (names) memset(w->names, 0, (n + 2 * MARGIN) * sizeof *w->names);
    words[0] = words[1] = words[n + 2] = words[n + 3] = edge;
    upos_add(&w->upos[2], &e->edge_upos[PLACE_NEXT]);
    upos_add(&w->upos[n + 1], &e->edge_upos[PLACE_PREVIOUS]);
    if (!names) return;
    w->names[2] += e->edge_names[PLACE_NEXT];
    w->names[n + 1] += e->edge_names[PLACE_PREVIOUS];
}

static void spell_some(const struct english_work *w, struct str text, const struct token *split, size_t n, bool names, struct spelled *spelled)
{
    for (size_t i = 0; i < n; i++) {
        facts_spell(str_of(text.p + split[i].start, split[i].end - split[i].start), &spelled[i]);
        size_t set = set_of(&spelled[i]);
        for (size_t k = 0; k < WAYS; k++) {
            __builtin_prefetch(&w->remembered[set + k]);
            __builtin_prefetch(&w->remembered[set + k].facts);
            if (names) __builtin_prefetch(&w->remembered_names[set + k]);
        }
    }
}

/* Every word's facts, and the sums of what words say alone. */
static void sum_words(const struct tables *t, struct english_work *w, struct str text, const struct token *split, size_t n, bool names)
{
    struct spelled spelled[AHEAD];
    struct unremembered longer;
    struct case_count count = {0};
    for (size_t from = 0; from < n; from += AHEAD) {
        size_t some = n - from < AHEAD ? n - from : AHEAD;
        spell_some(w, text, split + from, some, names, spelled);
        for (size_t k = 0; k < some; k++) {
            size_t i = from + k;
            struct recalled r = recall(t, w, &spelled[k], names, &longer);
            w->words[MARGIN + i] = (struct english_word){*r.facts, spelled[k].shape};
            facts_count_case(&count, spelled[k].shape);
            give(&r, w->upos + MARGIN + i, names ? w->names + MARGIN + i : NULL);
            w->tokens[i] = (struct english_token){split[i].start, split[i].end, 0, 0};
        }
    }
    enum text_case text_case = facts_text_case(&count);
    for (size_t i = 0; i < n; i++) w->words[MARGIN + i].shape = english_shape(w->words[MARGIN + i].shape, text_case);
}

/* What neighbours say together, for both decisions. */
static void sum_shared(const struct tables *t, struct english_work *w, size_t n, bool names)
{
    uint32_t f[AHEAD][ENGLISH_SHARED];
    for (size_t from = 0; from < n; from += AHEAD) {
        size_t some = n - from < AHEAD ? n - from : AHEAD;
        for (size_t k = 0; k < some; k++) {
            english_shared_features(w->words + MARGIN + from + k, f[k]);
            tables_prefetch_upos(t, f[k], ENGLISH_SHARED);
            if (names) tables_prefetch_names(t, f[k], ENGLISH_SHARED);
        }
        for (size_t k = 0; k < some; k++) {
            tables_add_upos(t, f[k], ENGLISH_SHARED, w->upos + MARGIN + from + k);
            if (names) tables_add_names(t, f[k], ENGLISH_SHARED, w->names + MARGIN + from + k);
        }
    }
}

/* ---- decisions */

static unsigned best_column(const upos_sum *sum) /* the first of the largest */
{
#if defined(__SSE2__)
    __m128i low = (__m128i)sum->half[0], high = (__m128i)sum->half[1], most = _mm_max_epi16(low, high);
    most = _mm_max_epi16(most, _mm_shuffle_epi32(most, _MM_SHUFFLE(1, 0, 3, 2)));
    most = _mm_max_epi16(most, _mm_shuffle_epi32(most, _MM_SHUFFLE(2, 3, 0, 1)));
    most = _mm_max_epi16(most, _mm_shufflehi_epi16(_mm_shufflelo_epi16(most, _MM_SHUFFLE(2, 3, 0, 1)), _MM_SHUFFLE(2, 3, 0, 1)));
    __m128i equal = _mm_packs_epi16(_mm_cmpeq_epi16(low, most), _mm_cmpeq_epi16(high, most));
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(equal));
#else
    unsigned best = 0;
    for (unsigned i = 1; i < UPOS_COLUMNS; i++)
        if (sum->half[i / 8][i % 8] > sum->half[best / 8][best % 8]) best = i;
    return best;
#endif
}

static unsigned best_entity(const names_sum *sum, unsigned before)
{
    unsigned best = ENTITY_NONE;
    for (unsigned i = 1; i < ENTITY_COUNT; i++)
        if (entity_may_follow(before, i) && (*sum)[i] > (*sum)[best]) best = i;
    return best;
}

/* What a token's part of speech would be without the tags before it is right for most: rows for those tags are asked of memory long
 * before they are known. */
static void guess_upos(const struct tables *t, const struct english_work *w, size_t from, size_t n, uint8_t guesses[2 + AHEAD],
                       uint32_t features[AHEAD][ENGLISH_UPOS_OWN])
{
    for (size_t k = 0; k < n; k++) {
        guesses[2 + k] = (uint8_t)best_column(&w->upos[MARGIN + from + k]);
        english_upos_features(&w->words[MARGIN + from + k], guesses[1 + k], guesses[k], features[k]);
        tables_prefetch_upos(t, features[k], ENGLISH_UPOS_OWN);
    }
}

static void tag_upos(const struct tables *t, struct english_work *w, size_t n)
{
    uint8_t guesses[2 + AHEAD] = {ENGLISH_EDGE, ENGLISH_EDGE}, before = ENGLISH_EDGE, two_before = ENGLISH_EDGE;
    uint32_t f[AHEAD][ENGLISH_UPOS_OWN];
    for (size_t from = 0; from < n; from += AHEAD) {
        size_t some = n - from < AHEAD ? n - from : AHEAD;
        guesses[0] = two_before;
        guesses[1] = before;
        guess_upos(t, w, from, some, guesses, f);
        for (size_t k = 0; k < some; k++) {
            const struct english_word *word = w->words + MARGIN + from + k;
            if (guesses[1 + k] != before || guesses[k] != two_before) english_upos_features(word, before, two_before, f[k]);
            upos_sum sum = w->upos[MARGIN + from + k];
            tables_add_upos(t, f[k], ENGLISH_UPOS_OWN, &sum);
            two_before = before;
            before = (uint8_t)best_column(&sum);
            w->tokens[from + k].upos = (uint8_t)upos_of_column(before, word->shape);
        }
    }
}

static struct english_around around(const struct english_work *w, size_t i, size_t n)
{
    bool first = i == 0, last = i + 1 == n;
    return (struct english_around){
        first ? ENGLISH_EDGE : upos_column(w->tokens[i - 1].upos), upos_column(w->tokens[i].upos),
        last ? ENGLISH_EDGE : upos_column(w->tokens[i + 1].upos), first ? 0 : w->matches[i - 1], w->matches[i], last ? 0 : w->matches[i + 1]};
}

/* What does not depend on other names joins the sums; features that do are described as they are behind two tokens that name nothing. */
static void sum_around(const struct tables *t, struct english_work *w, size_t from, size_t some, size_t n,
                       uint32_t history[AHEAD][ENGLISH_NAMES_HISTORY])
{
    const struct english_history nothing = {ENTITY_NONE, ENTITY_NONE, 0};
    uint32_t f[AHEAD][ENGLISH_NAMES_OWN];
    for (size_t k = 0; k < some; k++) {
        const struct english_word *word = w->words + MARGIN + from + k;
        struct english_around a = around(w, from + k, n);
        english_names_features(word, &a, f[k]);
        english_history_features(word, &a, &nothing, history[k]);
        tables_prefetch_names(t, f[k], ENGLISH_NAMES_OWN);
        tables_prefetch_names(t, history[k], ENGLISH_NAMES_HISTORY);
    }
    for (size_t k = 0; k < some; k++) tables_add_names(t, f[k], ENGLISH_NAMES_OWN, w->names + MARGIN + from + k);
}

static void tag_names(const struct tables *t, struct english_work *w, struct str text, const struct token *split, size_t n)
{
    struct english_named named = {.count = 0};
    struct english_history h = {ENTITY_NONE, ENTITY_NONE, 0};
    uint32_t f[AHEAD][ENGLISH_NAMES_HISTORY];
    english_match_names(text, split, w->words + MARGIN, n, w->matches);
    for (size_t from = 0; from < n; from += AHEAD) {
        size_t some = n - from < AHEAD ? n - from : AHEAD;
        sum_around(t, w, from, some, n, f);
        for (size_t k = 0; k < some; k++) {
            const struct english_word *word = w->words + MARGIN + from + k;
            h.earlier = english_named_find(&named, word->facts.lower);
            if (h.before || h.two_before || h.earlier) {
                struct english_around a = around(w, from + k, n);
                english_history_features(word, &a, &h, f[k]);
            }
            names_sum sum = w->names[MARGIN + from + k];
            tables_add_names(t, f[k], ENGLISH_NAMES_HISTORY, &sum);
            unsigned entity = best_entity(&sum, h.before);
            w->tokens[from + k].entity = (uint8_t)entity;
            if (entity) english_named_add(&named, word->facts.lower, entity);
            h.two_before = h.before;
            h.before = entity;
        }
    }
}

int english_tag_split(const struct english *e, struct english_work *w, struct str text, const struct token *split, size_t n,
                      enum english_want want, const struct english_token **tokens)
{
    bool names = want == ENGLISH_ENTITIES;
    if (make_room(w, n, names) < 0) return -1;
    begin_sums(e, w, n, names);
    sum_words(&e->tables, w, text, split, n, names);
    sum_shared(&e->tables, w, n, names);
    tag_upos(&e->tables, w, n);
    if (names) tag_names(&e->tables, w, text, split, n);
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

/* A text goes through in four short loops, each over all of its words, so that the cache misses of one word overlap with
 * those of the next: split, hash and prefetch the word's slot, find its number and prefetch the pair's slot, count the pair. */
#include "filters/counts/ngrams.h"

#include "filters/counts/lexicon.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

enum {
    TEXT_BYTES_MAX = 64 << 10,
    LOWER_BYTES_MAX = 4 * TEXT_BYTES_MAX, /* lower-casing makes a code point at most thrice as long */
    PAIRS_LEAST = 1 << 17,                /* slots: more than twice the words of the longest text */
    NAMES_AT_ONCE = 1024,                 /* handed on under one lock: so many, or so many bytes of them */
    SPELLING_BYTES = 1 << 20,
};

/* ---- splitting */

struct ngram_words {
    struct buf lower;
    struct str *list;
    size_t count, room;
    struct unicode_words iterator;
};

struct ngram_words *ngram_words_new(void)
{
    struct ngram_words *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    buf_init(&w->lower, LOWER_BYTES_MAX);
    return w;
}

void ngram_words_free(struct ngram_words *w)
{
    if (!w) return;
    unicode_words_end(&w->iterator);
    buf_free(&w->lower);
    free(w->list);
    free(w);
}

static int make_room(struct ngram_words *w, size_t words)
{
    if (words <= w->room) return 0;
    struct str *list = realloc(w->list, words * sizeof *list);
    if (!list) return fail_memory();
    w->list = list;
    w->room = words;
    return 0;
}

enum { LETTER = 1, DIGIT = 2, LOW_LINE = 4 };
static const unsigned char kinds[256] = {['a' ... 'z'] = LETTER, ['0' ... '9'] = DIGIT, ['_'] = LOW_LINE};

/* UAX #29, WB6-7 and WB11-12: a.m., 3,5 and don't are one word. */
static bool joins(unsigned char before, unsigned char between, unsigned char after)
{
    if (kinds[before] & kinds[after] & LETTER) return between == '.' || between == '\'';
    if (kinds[before] & kinds[after] & DIGIT) return between == '.' || between == '\'' || between == ',' || between == ';';
    return false;
}

/* The words of lower-cased ASCII, as unicode_words has them. */
static size_t split_ascii(const unsigned char *p, size_t n, struct str *list)
{
    size_t count = 0, at = 0;
    for (;;) {
        while (at < n && !kinds[p[at]]) at++;
        if (at == n) return count;
        size_t from = at;
        unsigned seen = 0;
        for (;;) {
            while (at < n && kinds[p[at]]) seen |= kinds[p[at++]];
            if (at + 1 >= n || !joins(p[at - 1], p[at], p[at + 1])) break;
            at++;
        }
        if (seen != LOW_LINE) list[count++] = str_of((const char *)p + from, at - from);
    }
}

/* Lower-cases into `w`; whether all of it is ASCII. */
static bool lower_ascii(struct ngram_words *w, struct str s)
{
    unsigned char *to = (unsigned char *)w->lower.p, all = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        all |= c;
        to[i] = (unsigned char)(c | ((unsigned)(c - 'A') < 26u ? 0x20 : 0));
    }
    return all < 0x80;
}

static int split_unicode(struct ngram_words *w, struct str s)
{
    buf_clear(&w->lower);
    if (unicode_lower(&w->lower, s) < 0) return -1;
    struct str lower = buf_str(&w->lower), word;
    if (make_room(w, lower.n / 2 + 1) < 0 || unicode_words_begin(&w->iterator, lower) < 0) return -1;
    for (w->count = 0; w->count < w->room && (word = unicode_words_next(&w->iterator)).p;) w->list[w->count++] = word;
    return 0;
}

int ngram_words_split(struct ngram_words *w, struct str s, const struct str **list, size_t *count)
{
    if (s.n > TEXT_BYTES_MAX) return fail("a text of %zu bytes: more than %d", s.n, TEXT_BYTES_MAX);
    buf_clear(&w->lower);
    if (make_room(w, s.n / 2 + 1) < 0 || buf_reserve(&w->lower, s.n + 1) < 0) return -1;
    if (lower_ascii(w, s)) w->count = split_ascii((const unsigned char *)w->lower.p, s.n, w->list);
    else if (split_unicode(w, s) < 0) return -1;
    *list = w->list;
    *count = w->count;
    return 0;
}

/* ---- counting */

struct pair {
    uint64_t words; /* one more than first << 32 | second; 0: free */
    uint64_t count;
};

struct ngrams {
    struct groups *unigrams, *bigrams;
    struct ngram_words *split;
    struct lexicon lexicon;
    struct pair *pairs;
    size_t pair_count, pair_room, pair_most; /* slots in use, slots, slots allowed; powers of two */
    unsigned pair_shift;
    uint64_t *hashes; /* of the words of a text; then the words' numbers */
    size_t hash_room;
    uint64_t words_met, pairs_met;
    struct named_sum *names; /* NAMES_AT_ONCE of them, spelt in `spelling` */
    struct buf spelling;
};

struct ngrams *ngrams_new(struct groups *unigrams, struct groups *bigrams, size_t memory)
{
    struct ngrams *n = calloc(1, sizeof *n);
    if (!n) return fail_memory(), NULL;
    n->unigrams = unigrams;
    n->bigrams = bigrams;
    buf_init(&n->spelling, SPELLING_BYTES + 3 * LOWER_BYTES_MAX);
    n->names = calloc(NAMES_AT_ONCE, sizeof *n->names);
    n->split = ngram_words_new();
    size_t for_words = bigrams ? memory / 3 : memory;
    n->pair_most = PAIRS_LEAST;
    while (2 * n->pair_most * sizeof *n->pairs * 3 / 2 <= memory - for_words) n->pair_most *= 2; /* the last doubling holds both */
    if (n->names && n->split && lexicon_init(&n->lexicon, for_words) == 0) return n;
    if (!n->names) fail_memory();
    ngrams_free(n);
    return NULL;
}

void ngrams_free(struct ngrams *n)
{
    if (!n) return;
    ngram_words_free(n->split);
    lexicon_free(&n->lexicon);
    buf_free(&n->spelling);
    free(n->pairs);
    free(n->hashes);
    free(n->names);
    free(n);
}

uint64_t ngrams_words(const struct ngrams *n) { return n->words_met; }
uint64_t ngrams_pairs(const struct ngrams *n) { return n->pairs_met; }

/* Numbers are handed out in order, so their low bits carry what there is: a multiplication spreads them to the high ones. */
static inline size_t pair_slot(const struct ngrams *n, uint64_t words)
{
    return (size_t)((words ^ words >> 29) * UINT64_C(0x9E3779B97F4A7C15) >> n->pair_shift);
}

static int grow_pairs(struct ngrams *n)
{
    size_t room = n->pair_room ? 2 * n->pair_room : PAIRS_LEAST;
    struct pair *old = n->pairs, *pairs = calloc(room, sizeof *pairs);
    if (!pairs) return fail_memory();
    size_t old_room = n->pair_room;
    n->pairs = pairs;
    n->pair_room = room;
    n->pair_shift = 64 - (unsigned)__builtin_ctzll(room);
    for (size_t i = 0; i < old_room; i++) {
        if (!old[i].words) continue;
        size_t at = pair_slot(n, old[i].words);
        while (pairs[at].words) at = (at + 1) & (room - 1);
        pairs[at] = old[i];
    }
    free(old);
    return 0;
}

/* Half of the slots stay free: 1; 0 when the table is full. */
static int pair_room(struct ngrams *n, size_t pairs)
{
    while (n->pair_count + pairs > n->pair_room / 2) {
        if (n->pair_room == n->pair_most) return 0;
        if (grow_pairs(n) < 0) return -1;
    }
    return 1;
}

static inline void count_pair(struct ngrams *n, uint64_t words)
{
    for (size_t at = pair_slot(n, words);; at = (at + 1) & (n->pair_room - 1)) {
        struct pair *pair = &n->pairs[at];
        if (pair->words == words) {
            pair->count++;
            return;
        }
        if (pair->words) continue;
        *pair = (struct pair){words, 1};
        n->pair_count++;
        return;
    }
}

static int room_for(struct ngrams *n, size_t words, size_t bytes)
{
    if (words > n->hash_room) {
        free(n->hashes);
        n->hash_room = 0;
        n->hashes = malloc(2 * words * sizeof *n->hashes);
        if (!n->hashes) return fail_memory();
        n->hash_room = 2 * words;
    }
    int room = lexicon_room(&n->lexicon, words, bytes);
    if (room > 0 && n->bigrams) room = pair_room(n, words);
    if (room != 0) return room < 0 ? -1 : 0;
    if (ngrams_flush(n) < 0 || lexicon_room(&n->lexicon, words, bytes) < 0) return -1;
    return n->bigrams && pair_room(n, words) < 0 ? -1 : 0;
}

int ngrams_add(struct ngrams *n, struct str text)
{
    const struct str *words;
    size_t count;
    if (ngram_words_split(n->split, text, &words, &count) < 0) return -1;
    if (!count) return 0;
    if (room_for(n, count, n->split->lower.n > text.n ? n->split->lower.n : text.n) < 0) return -1;
    uint64_t *hashes = n->hashes;
    for (size_t i = 0; i < count; i++) {
        hashes[i] = lexicon_hash(&n->lexicon, words[i]);
        lexicon_prefetch(&n->lexicon, hashes[i]);
    }
    n->words_met += count;
    for (size_t i = 0; i < count; i++) {
        hashes[i] = lexicon_add(&n->lexicon, words[i], hashes[i]);
        if (!i || !n->bigrams) continue;
        hashes[i - 1] = (hashes[i - 1] << 32 | hashes[i]) + 1;
        __builtin_prefetch(&n->pairs[pair_slot(n, hashes[i - 1])], 1);
    }
    if (!n->bigrams) return 0;
    n->pairs_met += count - 1;
    for (size_t i = 0; i + 1 < count; i++) count_pair(n, hashes[i]);
    return 0;
}

/* ---- handing on */

static bool is_much(const struct ngrams *n, size_t names) { return names == NAMES_AT_ONCE || n->spelling.n >= SPELLING_BYTES; }

static int hand_on(struct ngrams *n, size_t *names)
{
    const char *p = n->spelling.p;
    for (size_t i = 0; i < *names; i++) { /* the bytes have stopped moving */
        n->names[i].name.p = p;
        p += n->names[i].name.n;
    }
    int result = groups_add_names(n->bigrams, n->names, *names);
    buf_clear(&n->spelling);
    *names = 0;
    return result;
}

static int flush_pairs(struct ngrams *n)
{
    size_t names = 0;
    for (size_t i = 0; i < n->pair_room; i++) {
        if (!n->pairs[i].words) continue;
        uint64_t words = n->pairs[i].words - 1;
        struct str first = lexicon_word(&n->lexicon, (uint32_t)(words >> 32)), second = lexicon_word(&n->lexicon, (uint32_t)words);
        if (buf_add(&n->spelling, first) < 0 || buf_byte(&n->spelling, ' ') < 0 || buf_add(&n->spelling, second) < 0) return -1;
        n->names[names++] = (struct named_sum){str_of(NULL, first.n + 1 + second.n), n->pairs[i].count};
        if (is_much(n, names) && hand_on(n, &names) < 0) return -1;
    }
    if (n->pairs) memset(n->pairs, 0, n->pair_room * sizeof *n->pairs);
    n->pair_count = 0;
    return hand_on(n, &names);
}

int ngrams_flush(struct ngrams *n)
{
    if (n->bigrams && flush_pairs(n) < 0) return -1;
    if (n->unigrams && groups_add_lexicon(n->unigrams, &n->lexicon) < 0) return -1;
    lexicon_clear(&n->lexicon);
    return 0;
}

/* Texts are gathered until there are some hundred words, which go through short loops together, so that the cache misses of one
 * word overlap with those of the others: hash it and ask for its slot, ask for its entry, find its number, ask for the pair's
 * slot, count the pair. */
#include "filters/counts/ngrams.h"

#include "filters/counts/lexicon.h"
#include "filters/text/eight.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"

#include <stdlib.h>

enum {
    TEXT_BYTES_MAX = 64 << 10,
    LOWER_GROWTH = 3,                              /* lower-casing makes no code point longer than that */
    GATHERED_WORDS = 128,                          /* their slots and entries fit in the first-level cache */
    GATHERED_BYTES = LEXICON_BYTES_LEAST,
    WORDS_MAX = GATHERED_WORDS + LOWER_GROWTH * TEXT_BYTES_MAX / 4 + 2, /* a word and what parts it take two bytes at least; of
                                                                          what grows in lower case, more */
    PAIRS_LEAST = 1 << 17,                         /* slots: twice the words */
    PAIRS_GROWTH = 4,                              /* by two, as much again would be moved and cleared */
    NAMES_AT_ONCE = 1024,                          /* handed on under one lock: so many, or so many bytes of them */
    SPELLING_BYTES = 1 << 20,
    ASKED_AT_ONCE = 32,                            /* pairs whose words are fetched together */
};
_Static_assert((int)WORDS_MAX <= (int)LEXICON_WORDS_LEAST && 2 * WORDS_MAX <= PAIRS_LEAST, "what is gathered always fits in empty tables");

/* ---- splitting */

/* Words of the texts gathered so far; an absent one stands behind each text. */
struct gathered {
    struct buf lower; /* GATHERED_BYTES are reserved: its bytes never move */
    struct str *words;
    size_t count;
    struct unicode_words iterator;
};

static int gathered_init(struct gathered *g)
{
    buf_init(&g->lower, GATHERED_BYTES);
    g->words = calloc(WORDS_MAX, sizeof *g->words);
    return g->words ? buf_reserve(&g->lower, GATHERED_BYTES) : fail_memory();
}

static void gathered_free(struct gathered *g)
{
    unicode_words_end(&g->iterator);
    buf_free(&g->lower);
    free(g->words);
}

static void gathered_clear(struct gathered *g)
{
    buf_clear(&g->lower);
    g->count = 0;
}

static bool gathered_has_room(const struct gathered *g, struct str text)
{
    return g->count < GATHERED_WORDS && g->lower.n + LOWER_GROWTH * text.n <= GATHERED_BYTES;
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

/* Capital letters of ASCII among eight bytes become small ones. */
static uint64_t lower_eight(uint64_t w)
{
    uint64_t low = w & ~HIGH, from_a = low + EACH(0x80 - 'A'), beyond_z = low + EACH(0x7F - 'Z');
    return w | (~w & (from_a ^ beyond_z) & HIGH) >> 2;
}

/* Lower-cases behind what is gathered; whether all of it is ASCII. */
static bool lower_ascii(struct gathered *g, struct str s)
{
    char *to = g->lower.p + g->lower.n;
    uint64_t all = 0;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w;
        memcpy(&w, s.p + i, 8);
        all |= w;
        w = lower_eight(w);
        memcpy(to + i, &w, 8);
    }
    for (; i < s.n; i++) {
        all |= (unsigned char)s.p[i];
        to[i] = ascii_lower(s.p[i]);
    }
    return !(all & HIGH);
}

static int gather_unicode(struct gathered *g, struct str s)
{
    size_t from = g->lower.n;
    struct str word;
    if (unicode_lower(&g->lower, s) < 0 || unicode_words_begin(&g->iterator, str_from_at(buf_str(&g->lower), from)) < 0) return -1;
    while ((word = unicode_words_next(&g->iterator)).p) {
        if (g->count == WORDS_MAX - 1) return fail("a text of more than %d words", WORDS_MAX);
        g->words[g->count++] = word;
    }
    return 0;
}

static int gather(struct gathered *g, struct str s)
{
    if (lower_ascii(g, s)) {
        g->count += split_ascii((const unsigned char *)g->lower.p + g->lower.n, s.n, g->words + g->count);
        g->lower.n += s.n;
    } else if (gather_unicode(g, s) < 0) {
        return -1;
    }
    g->words[g->count++] = STR_ABSENT;
    return 0;
}

/* ---- counting */

struct pair {
    uint64_t words; /* one more than first << 32 | second; 0: free */
    uint64_t count;
};

struct ngrams {
    struct groups *unigrams, *bigrams;
    struct gathered gathered;
    struct lexicon lexicon;
    struct pair *pairs;
    size_t pair_count, pair_room, pair_most; /* slots in use, slots, slots allowed; powers of two */
    unsigned pair_shift;
    uint64_t *hashes;        /* of the gathered words; then their numbers; then the pairs that they begin */
    struct named_sum *names; /* NAMES_AT_ONCE of them, spelt in `spelling` */
    struct buf spelling;
};

struct ngrams *ngrams_new(struct groups *unigrams, struct groups *bigrams, size_t memory)
{
    struct ngrams *n = calloc(1, sizeof *n);
    if (!n) return fail_memory(), NULL;
    n->unigrams = unigrams;
    n->bigrams = bigrams;
    buf_init(&n->spelling, SPELLING_BYTES + LOWER_GROWTH * 2 * TEXT_BYTES_MAX);
    n->names = calloc(NAMES_AT_ONCE, sizeof *n->names);
    n->hashes = calloc(WORDS_MAX, sizeof *n->hashes);
    size_t for_words = bigrams ? memory / 3 : memory;
    n->pair_most = PAIRS_LEAST;
    while (2 * n->pair_most * sizeof *n->pairs * 3 / 2 <= memory - for_words) n->pair_most *= 2; /* the last doubling holds both */
    if (!n->names || !n->hashes) fail_memory();
    else if (gathered_init(&n->gathered) == 0 && lexicon_init(&n->lexicon, for_words) == 0) return n;
    ngrams_free(n);
    return NULL;
}

void ngrams_free(struct ngrams *n)
{
    if (!n) return;
    gathered_free(&n->gathered);
    lexicon_free(&n->lexicon);
    buf_free(&n->spelling);
    free(n->pairs);
    free(n->hashes);
    free(n->names);
    free(n);
}

/* Numbers are handed out in order, so their low bits carry what there is: a multiplication spreads them to the high ones. */
static inline size_t pair_slot(const struct ngrams *n, uint64_t words)
{
    return (size_t)((words ^ words >> 29) * UINT64_C(0x9E3779B97F4A7C15) >> n->pair_shift);
}

static int grow_pairs(struct ngrams *n)
{
    size_t room = n->pair_room ? PAIRS_GROWTH * n->pair_room : PAIRS_LEAST;
    if (room > n->pair_most) room = n->pair_most;
    struct pair *old = n->pairs, *pairs = lexicon_table(room * sizeof *pairs);
    if (!pairs) return -1;
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

static int flush_tables(struct ngrams *n);

static int room_for(struct ngrams *n, size_t words, size_t bytes)
{
    int room = lexicon_room(&n->lexicon, words, bytes);
    if (room > 0 && n->bigrams) room = pair_room(n, words);
    if (room != 0) return room < 0 ? -1 : 0;
    if (flush_tables(n) < 0 || lexicon_room(&n->lexicon, words, bytes) < 0) return -1;
    return n->bigrams && pair_room(n, words) < 0 ? -1 : 0;
}

static void count_pairs(struct ngrams *n, size_t count)
{
    uint64_t *hashes = n->hashes;
    const struct str *words = n->gathered.words;
    size_t pairs = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        if (!words[i].p || !words[i + 1].p) continue;
        uint64_t pair = (hashes[i] << 32 | hashes[i + 1]) + 1;
        hashes[pairs++] = pair; /* behind no word that is still asked */
        __builtin_prefetch(&n->pairs[pair_slot(n, pair)], 1);
    }
    for (size_t i = 0; i < pairs; i++) count_pair(n, hashes[i]);
}

int ngrams_count_gathered(struct ngrams *n)
{
    const struct str *words = n->gathered.words;
    size_t count = n->gathered.count;
    uint64_t *hashes = n->hashes;
    if (!count || room_for(n, count, n->gathered.lower.n) < 0) return count ? -1 : 0;
    for (size_t i = 0; i < count; i++) {
        if (!words[i].p) continue;
        hashes[i] = lexicon_hash(&n->lexicon, words[i]);
        lexicon_prefetch(&n->lexicon, hashes[i]);
    }
    for (size_t i = 0; i < count; i++)
        if (words[i].p) lexicon_prefetch_entry(&n->lexicon, hashes[i]);
    for (size_t i = 0; i < count; i++)
        if (words[i].p) hashes[i] = lexicon_add(&n->lexicon, words[i], hashes[i]);
    if (n->bigrams) count_pairs(n, count);
    gathered_clear(&n->gathered);
    return 0;
}

int ngrams_add(struct ngrams *n, struct str text)
{
    if (text.n > TEXT_BYTES_MAX) return fail("a text of %zu bytes: more than %d", text.n, TEXT_BYTES_MAX);
    if (!gathered_has_room(&n->gathered, text) && ngrams_count_gathered(n) < 0) return -1;
    return gather(&n->gathered, text);
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

static int spell_pair(struct ngrams *n, const struct pair *pair, size_t *names)
{
    uint64_t words = pair->words - 1;
    struct str first = lexicon_word(&n->lexicon, (uint32_t)(words >> 32)), second = lexicon_word(&n->lexicon, (uint32_t)words);
    if (buf_add(&n->spelling, first) < 0 || buf_byte(&n->spelling, ' ') < 0 || buf_add(&n->spelling, second) < 0) return -1;
    n->names[(*names)++] = (struct named_sum){str_of(NULL, first.n + 1 + second.n), pair->count};
    return is_much(n, *names) ? hand_on(n, names) : 0;
}

static int flush_pairs(struct ngrams *n)
{
    size_t names = 0, asked = 0;
    const struct pair *some[ASKED_AT_ONCE];
    for (size_t i = 0; i < n->pair_room; i++) {
        const struct pair *pair = &n->pairs[i];
        if (pair->words) {
            lexicon_prefetch_word(&n->lexicon, (uint32_t)((pair->words - 1) >> 32));
            lexicon_prefetch_word(&n->lexicon, (uint32_t)(pair->words - 1));
            some[asked++] = pair;
        }
        if (asked < ASKED_AT_ONCE && i + 1 < n->pair_room) continue;
        for (size_t k = 0; k < asked; k++)
            if (spell_pair(n, some[k], &names) < 0) return -1;
        asked = 0;
    }
    if (n->pairs) memset(n->pairs, 0, n->pair_room * sizeof *n->pairs);
    n->pair_count = 0;
    return hand_on(n, &names);
}

static int flush_tables(struct ngrams *n)
{
    if (n->bigrams && flush_pairs(n) < 0) return -1;
    if (n->unigrams && groups_add_lexicon(n->unigrams, &n->lexicon) < 0) return -1;
    lexicon_clear(&n->lexicon);
    return 0;
}

int ngrams_flush(struct ngrams *n) { return ngrams_count_gathered(n) < 0 ? -1 : flush_tables(n); }

/* Names are needed while a vocabulary is read; afterwards ids alone count. */
#include "filters/clip/tokenizer_vocabulary.h"

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"

static const struct str end_of_word = STR("</w>");
static const struct str start_text = STR("<|startoftext|>"), end_text = STR("<|endoftext|>");

/* ---- names ---- */

struct name {
    struct str text; /* absent: an empty place */
    uint32_t id;
};

struct vocabulary_names {
    struct name *places; /* open addressing */
    size_t mask, n, most;
};

static size_t power_above(size_t n) /* at least twice n */
{
    size_t power = 16;
    while (power < 2 * n) power *= 2;
    return power;
}

struct vocabulary_names *vocabulary_names_new(size_t most)
{
    struct vocabulary_names *names = calloc(1, sizeof *names);
    size_t places = power_above(most);
    if (names) names->places = calloc(places, sizeof *names->places);
    if (!names || !names->places) {
        free(names);
        return fail_memory(), NULL;
    }
    names->mask = places - 1;
    names->most = most;
    return names;
}

void vocabulary_names_free(struct vocabulary_names *names)
{
    if (!names) return;
    free(names->places);
    free(names);
}

static struct name *place_of(const struct vocabulary_names *names, struct str text)
{
    size_t at = (size_t)hash_xxh3_128(text, 0).low & names->mask;
    while (names->places[at].text.p && !str_eq(names->places[at].text, text)) at = (at + 1) & names->mask;
    return &names->places[at];
}

int vocabulary_name(struct vocabulary_names *names, struct str text, uint32_t id)
{
    struct name *place = place_of(names, text);
    if (place->text.p) return fail("token %.*s stands twice", STR_ARG(text));
    if (names->n++ == names->most) return fail("more than %zu tokens", names->most);
    *place = (struct name){text, id};
    return 0;
}

bool vocabulary_id(const struct vocabulary_names *names, struct str text, uint32_t *id)
{
    const struct name *place = place_of(names, text);
    if (!place->text.p) return false;
    *id = place->id;
    return true;
}

/* ---- bytes ---- */

static bool stands_for_itself(unsigned byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

static uint32_t printable(unsigned byte) /* the character that files write for a byte */
{
    if (stands_for_itself(byte)) return byte;
    uint32_t others = 0;
    for (unsigned b = 0; b < byte; b++) others += !stands_for_itself(b);
    return 256 + others;
}

static struct str byte_symbol(unsigned byte, bool last, char text[8])
{
    uint32_t c = printable(byte); /* below U+0800 */
    size_t n = 0;
    if (c < 0x80) text[n++] = (char)c;
    else {
        text[n++] = (char)(0xC0 | c >> 6);
        text[n++] = (char)(0x80 | (c & 0x3F));
    }
    if (last) memcpy(text + n, end_of_word.p, end_of_word.n);
    return str_of(text, last ? n + end_of_word.n : n);
}

/* ---- the vocabulary ---- */

static size_t hash_pair(uint32_t left, uint32_t right)
{
    uint64_t x = ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15u; /* Fibonacci hashing: the upper bits are mixed */
    return (size_t)(x >> 32);
}

const struct merge *vocabulary_merge(const struct vocabulary *v, uint32_t left, uint32_t right)
{
    size_t at = hash_pair(left, right) & v->merges_mask;
    for (; v->merges[at].rank != UINT32_MAX; at = (at + 1) & v->merges_mask)
        if (v->merges[at].left == left && v->merges[at].right == right) return &v->merges[at];
    return NULL;
}

void vocabulary_free(struct vocabulary *v)
{
    free(v->merges);
    v->merges = NULL;
}

static int table_begin(struct vocabulary *v, size_t merges)
{
    size_t places = power_above(merges);
    v->merges = malloc(places * sizeof *v->merges);
    if (!v->merges) return fail_memory();
    memset(v->merges, 0xFF, places * sizeof *v->merges); /* every rank UINT32_MAX */
    v->merges_mask = places - 1;
    return 0;
}

static void table_add(struct vocabulary *v, struct merge m)
{
    size_t at = hash_pair(m.left, m.right) & v->merges_mask;
    while (v->merges[at].rank != UINT32_MAX && (v->merges[at].left != m.left || v->merges[at].right != m.right))
        at = (at + 1) & v->merges_mask;
    v->merges[at] = m; /* of two equal ones the last counts, as in the libraries */
}

int vocabulary_begin(struct vocabulary *v, const struct vocabulary_names *names, const char *file, size_t merges)
{
    if (merges > VOCABULARY_MOST) return fail("%s: %zu merges; at most %d are read", file, merges, VOCABULARY_MOST);
    for (unsigned byte = 0; byte < 256; byte++) {
        char inside[8], last[8];
        struct str symbol = byte_symbol(byte, false, inside), final = byte_symbol(byte, true, last);
        if (!vocabulary_id(names, symbol, &v->inside[byte]) || !vocabulary_id(names, final, &v->last[byte]))
            return fail("%s: no token for byte %u inside and at the end of a word (%.*s, %.*s): not CLIP's tokenizer", file,
                        byte, STR_ARG(symbol), STR_ARG(final));
    }
    if (!vocabulary_id(names, start_text, &v->start) || !vocabulary_id(names, end_text, &v->end))
        return fail("%s: no tokens <|startoftext|> and <|endoftext|>: not CLIP's tokenizer", file);
    for (size_t i = 0; i <= names->mask; i++)
        if (names->places[i].text.p && names->places[i].id >= v->size) v->size = names->places[i].id + 1;
    return table_begin(v, merges);
}

int vocabulary_add(struct vocabulary *v, const struct vocabulary_names *names, const char *file, struct str left,
                   struct str right, uint32_t rank)
{
    char both[1024];
    struct merge m = {.rank = rank};
    if (left.n + right.n > sizeof both) return fail("%s: merge %u: symbols over %zu bytes", file, rank, sizeof both);
    memcpy(both, left.p, left.n);
    memcpy(both + left.n, right.p, right.n);
    if (!vocabulary_id(names, left, &m.left) || !vocabulary_id(names, right, &m.right) ||
        !vocabulary_id(names, str_of(both, left.n + right.n), &m.result))
        return fail("%s: merge %u (%.*s %.*s): a symbol of it, or its result, is no token", file, rank, STR_ARG(left),
                    STR_ARG(right));
    table_add(v, m);
    return 0;
}

int vocabulary_add_literal(struct vocabulary *v, const char *file, struct str text, uint32_t id)
{
    if (text.n == 0 || text.n > LITERAL_BYTES_MOST || v->literals_n == LITERALS_MOST)
        return fail("%s: added token %.*s: at most %d of 1 to %d bytes are served", file, STR_ARG(text), LITERALS_MOST,
                    LITERAL_BYTES_MOST);
    struct literal *l = &v->literals[v->literals_n++];
    *l = (struct literal){.n = text.n, .id = id};
    memcpy(l->text, text.p, text.n);
    if (id >= v->size) v->size = id + 1;
    return 0;
}

/* ---- from pairs of ids ---- */

int vocabulary_from_pairs(struct vocabulary *v, struct str pairs)
{
    uint32_t merges = (uint32_t)(pairs.n / 4), id = 0;
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned byte = 0; byte < 256; byte++) {
            if (stands_for_itself(byte) != (pass == 0)) continue;
            v->inside[byte] = id;
            v->last[byte] = 256 + id++;
        }
    if (table_begin(v, merges) < 0) return -1;
    for (uint32_t rank = 0; rank < merges; rank++) {
        const unsigned char *p = (const unsigned char *)pairs.p + 4 * (size_t)rank;
        table_add(v, (struct merge){(uint32_t)(p[0] | p[1] << 8), (uint32_t)(p[2] | p[3] << 8), rank, 512 + rank});
    }
    v->start = 512 + merges;
    v->end = v->start + 1;
    v->size = v->end + 1;
    return vocabulary_add_literal(v, "", start_text, v->start) < 0 ? -1 : vocabulary_add_literal(v, "", end_text, v->end);
}

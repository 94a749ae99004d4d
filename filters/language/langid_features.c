#include "filters/language/langid_features.h"

#include "filters/language/letters.h"
#include "filters/language/linear.h"
#include "pipeline/base/utf8.h"

enum { BORDER = 1 };

static uint32_t mix(uint32_t hash, uint32_t c) { return (hash ^ c) * UINT32_C(0x9E3779B1) ^ hash >> 15; }
static uint32_t finish(uint32_t hash) { return (hash ^ hash >> 16) * UINT32_C(0x85EBCA6B) ^ hash >> 13; }

/* The n-grams that begin at `word`, to `longest` letters; without the single letter where it is of ASCII: those say nothing, and
 * borders less. Where the next one belongs. */
static inline uint32_t *add_ngrams(const uint32_t *word, unsigned longest, uint32_t *out)
{
    uint32_t hash = mix(2166136261u, word[0]);
    *out = finish(hash);
    out += word[0] > 0x7F;
    for (unsigned k = 1; k < longest; k++) {
        hash = mix(hash, word[k]);
        *out++ = finish(hash);
    }
    return out;
}

/* `word`: its letters between two borders. */
static void add_word(struct langid_seen *s, const uint32_t *word, unsigned n)
{
    uint32_t whole = 7, *begin = s->features + s->count, *out = begin;
    for (unsigned i = 0; i < n; i++) whole = mix(whole, word[i]);
    for (unsigned i = 0; i < n; i++) {
        if (n - i >= LANGID_NGRAM_MOST) out = add_ngrams(word + i, LANGID_NGRAM_MOST, out);
        else out = add_ngrams(word + i, n - i, out);
    }
    *out++ = finish(mix(whole, 77));
    unsigned added = (unsigned)(out - begin), room = LANGID_FEATURES_MOST - s->count;
    if (added > room) added = room;
    if (s->model) linear_prefetch(s->model, begin, added);
    s->count += added;
    s->letters += n - 2;
    s->words++;
}

void langid_see_begin(struct str text, const struct linear *model, struct langid_seen *s)
{
    s->count = s->letters = s->words = 0;
    s->rest = text;
    s->model = model;
}

void langid_see_more(struct langid_seen *s, unsigned least)
{
    uint32_t word[LANGID_WORD_MOST + 2] = {BORDER};
    struct str text = s->rest;
    unsigned n = 1;
    size_t at = 0;
    if (least > LANGID_FEATURES_MOST) least = LANGID_FEATURES_MOST;
    while (at < text.n && s->count < least) {
        uint32_t c = (unsigned char)text.p[at];
        if (c < 0x80) at++;
        else c = utf8_next(text, &at);
        bool letter = letters_is(c);
        if (letter || (c == '\'' && n > 1)) word[n++] = letters_lower(c);
        if ((letter || c == '\'') && n <= LANGID_WORD_MOST) continue;
        if (n > 1) {
            word[n] = BORDER;
            add_word(s, word, n + 1);
        }
        n = 1;
    }
    if (n > 1) { /* the text ends in a word */
        word[n] = BORDER;
        add_word(s, word, n + 1);
    }
    s->rest = str_from_at(text, at);
}

void langid_see(struct str text, struct langid_seen *s)
{
    langid_see_begin(text, NULL, s);
    langid_see_more(s, LANGID_FEATURES_MOST);
}

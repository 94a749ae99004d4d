#include "filters/language/langid_features.h"

#include "filters/language/letters.h"
#include "pipeline/base/utf8.h"

enum { BORDER = 1 };

static uint32_t mix(uint32_t hash, uint32_t c) { return (hash ^ c) * UINT32_C(0x9E3779B1) ^ hash >> 15; }
static uint32_t finish(uint32_t hash) { return (hash ^ hash >> 16) * UINT32_C(0x85EBCA6B) ^ hash >> 13; }

static void add(struct langid_seen *s, uint32_t hash)
{
    if (s->count < LANGID_FEATURES_MOST) s->features[s->count++] = finish(hash);
}

/* `word`: its letters between two borders. */
static void add_word(struct langid_seen *s, const uint32_t *word, unsigned n)
{
    uint32_t whole = 7;
    for (unsigned i = 0; i < n; i++) {
        uint32_t hash = 2166136261u;
        for (unsigned k = 0; k < LANGID_NGRAM_MOST && i + k < n; k++) {
            hash = mix(hash, word[i + k]);
            if (k > 0 || word[i] > 0x7F) add(s, hash); /* single ASCII letters say nothing, and borders less */
        }
        whole = mix(whole, word[i]);
    }
    add(s, mix(whole, 77));
    s->letters += n - 2;
    s->words++;
}

void langid_see(struct str text, struct langid_seen *s)
{
    uint32_t word[LANGID_WORD_MOST + 2] = {BORDER};
    unsigned n = 1;
    s->count = s->letters = s->words = 0;
    for (size_t at = 0; at < text.n && s->count < LANGID_FEATURES_MOST;) {
        uint32_t c = (unsigned char)text.p[at];
        if (c < 0x80) at++;
        else c = utf8_next(text, &at);
        if (letters_is(c) || (c == '\'' && n > 1)) word[n++] = letters_lower(c);
        if ((letters_is(c) || c == '\'') && n <= LANGID_WORD_MOST) continue;
        if (n > 1) {
            word[n] = BORDER;
            add_word(s, word, n + 1);
        }
        n = 1;
    }
    if (n > 1 && s->count < LANGID_FEATURES_MOST) {
        word[n] = BORDER;
        add_word(s, word, n + 1);
    }
}

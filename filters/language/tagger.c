/* The tagger `wordnet`: closed classes, capitals, and WordNet's counts. One look-up decides most words; endings cost a few. */
#include "filters/language/tagger.h"

#include "filters/language/wordnet.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

struct tagger {
    const char *digest; /* one kind of tagger so far: what differs between kinds stands here */
};

struct tagger *tagger_open(struct str name)
{
    if (name.n && !str_eq(name, STR("wordnet")))
        return fail_usage("there is no tagger '%.*s': 'wordnet' is the only one", STR_ARG(name)), NULL;
    struct tagger *tagger = malloc(sizeof *tagger);
    if (!tagger) return fail_memory(), NULL;
    tagger->digest = wordnet_digest();
    return tagger;
}

void tagger_close(struct tagger *tagger) { free(tagger); }
const char *tagger_digest(const struct tagger *tagger) { return tagger->digest; }

static unsigned first_classes(struct str word) /* of its first character: bits of enum unicode_class */
{
    size_t at = 0;
    return unicode_classes(utf8_next(word, &at));
}

/* Lower case, with ’ as '. False where the word is longer than any that WordNet has, or has other letters than ASCII's:
 * WordNet has none of those. */
static bool plain_lower(struct str word, char out[WORDNET_LONGEST + 1], struct str *lower)
{
    size_t n = 0;
    for (size_t i = 0; i < word.n; i++) {
        if (n == WORDNET_LONGEST) return false;
        if (str_starts(str_from_at(word, i), STR("\xE2\x80\x99"))) {
            out[n++] = '\'';
            i += 2;
        } else if ((unsigned char)word.p[i] < 0x80) {
            out[n++] = ascii_lower(word.p[i]);
        } else {
            return false;
        }
    }
    *lower = str_of(out, n);
    return true;
}

static uint16_t best_part(struct str lower, const struct wordnet_word *found)
{
    static const uint16_t tags[WORDNET_PARTS] = {TAG_NOUN, TAG_VERB, TAG_ADJECTIVE, TAG_ADVERB};
    unsigned best = WORDNET_NOUN;
    int64_t most = wordnet_score(lower, found, WORDNET_NOUN);
    for (unsigned part = WORDNET_VERB; part < WORDNET_PARTS; part++) {
        int64_t score = wordnet_score(lower, found, (enum wordnet_part)part);
        if (score > most) most = score, best = part;
    }
    return tags[best];
}

/* Cuts off what an apostrophe joined to the word: "dog's", "we're". True for "isn't". */
static bool cut_contraction(struct str *lower)
{
    static const struct str joined[] = {STR("'s"), STR("'re"), STR("'ve"), STR("'ll"), STR("'d"), STR("'m")};
    if (lower->n > 3 && str_ends(*lower, STR("n't"))) return true;
    for (size_t i = 0; i < sizeof joined / sizeof *joined; i++)
        if (lower->n > joined[i].n && str_ends(*lower, joined[i])) {
            lower->n -= joined[i].n;
            return false;
        }
    return false;
}

static uint16_t tag_word(struct str word, bool first)
{
    unsigned classes = first_classes(word);
    char bytes[WORDNET_LONGEST + 1];
    struct str lower;
    struct wordnet_word found;
    bool plain = plain_lower(word, bytes, &lower);
    if (plain && !wordnet_find(lower, &found) && memchr(lower.p, '\'', lower.n)) { /* "o'clock" was found whole */
        if (cut_contraction(&lower)) return TAG_VERB;
        wordnet_find(lower, &found);
    }
    if (plain && found.closed) return found.closed;
    if (!first && classes & UNICODE_UPPER) return TAG_NOUN | TAG_PROPER_NOUN;
    if (classes & UNICODE_DIGIT) return TAG_NUMBER;
    if (!plain) return TAG_NOUN;
    return best_part(lower, &found);
}

int tagger_tag(const struct tagger *tagger, const struct str *words, size_t count, uint16_t *tags)
{
    (void)tagger;
    for (size_t i = 0; i < count; i++) tags[i] = words[i].n ? tag_word(words[i], i == 0) : TAG_NOUN;
    return 0;
}

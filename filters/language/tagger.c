/* The taggers' door, and the tagger `wordnet`: closed classes, capitals, and WordNet's counts. One look-up decides most words;
 * endings cost a few. */
#include "filters/language/tagger.h"

#include "filters/language/english.h"
#include "filters/language/wordnet.h"
#include "pipeline/base/arena.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

struct tagger {
    const char *digest;
    struct english *english; /* NULL: `wordnet` */
};
struct tagger_work {
    struct english_work *english;
    struct unicode_words words; /* of `wordnet` */
};

struct tagger *tagger_open(struct str name)
{
    bool wordnet = str_eq(name, STR("wordnet"));
    if (name.n && !wordnet && !str_eq(name, STR("english")))
        return fail_usage("there is no tagger '%.*s': english and wordnet are", STR_ARG(name)), NULL;
    struct tagger *tagger = calloc(1, sizeof *tagger);
    if (!tagger) return fail_memory(), NULL;
    tagger->digest = wordnet_digest();
    if (wordnet) return tagger;
    if (!(tagger->english = english_open(NULL))) {
        free(tagger);
        return NULL;
    }
    tagger->digest = english_digest(tagger->english);
    return tagger;
}

void tagger_close(struct tagger *tagger)
{
    if (!tagger) return;
    english_close(tagger->english);
    free(tagger);
}

struct tagger_work *tagger_work_new(const struct tagger *tagger)
{
    struct tagger_work *work = calloc(1, sizeof *work);
    if (!work) return fail_memory(), NULL;
    if (tagger->english && !(work->english = english_work_new(tagger->english))) {
        free(work);
        return NULL;
    }
    return work;
}

void tagger_work_free(struct tagger_work *work)
{
    if (!work) return;
    english_work_free(work->english);
    unicode_words_end(&work->words);
    free(work);
}

const struct english *tagger_english(const struct tagger *tagger) { return tagger->english; }
struct english_work *tagger_english_work(struct tagger_work *work) { return work->english; }
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

static int words_of_wordnet(struct tagger_work *work, struct str text, struct str *list, size_t *count)
{
    if (unicode_words_begin(&work->words, text) < 0) return -1;
    for (struct str word; (word = unicode_words_next(&work->words)).p;) list[(*count)++] = word;
    return 0;
}

static uint16_t tag_of_upos(unsigned upos)
{
    static const uint16_t tags[UPOS_COUNT] = {
        [UPOS_ADJ] = TAG_ADJECTIVE, [UPOS_ADP] = TAG_PREPOSITION, [UPOS_ADV] = TAG_ADVERB, [UPOS_AUX] = TAG_VERB,
        [UPOS_CCONJ] = TAG_CONJUNCTION, [UPOS_DET] = TAG_DETERMINER, [UPOS_INTJ] = TAG_OTHER, [UPOS_NOUN] = TAG_NOUN,
        [UPOS_NUM] = TAG_NUMBER, [UPOS_PART] = TAG_OTHER, [UPOS_PRON] = TAG_PRONOUN, [UPOS_PROPN] = TAG_NOUN | TAG_PROPER_NOUN,
        [UPOS_PUNCT] = TAG_OTHER, [UPOS_SCONJ] = TAG_CONJUNCTION, [UPOS_SYM] = TAG_OTHER, [UPOS_VERB] = TAG_VERB, [UPOS_X] = TAG_OTHER};
    return tags[upos];
}

int tagger_tag_text(const struct tagger *tagger, struct tagger_work *work, struct str text, struct arena *arena, const struct str **words,
                    const uint16_t **tags, size_t *count)
{
    const struct english_token *tokens = NULL;
    size_t room = text.n / 2 + 1, n = 0; /* a word and what parts it take two bytes */
    if (tagger->english && english_tag(tagger->english, work->english, text, ENGLISH_UPOS, &tokens, &room) < 0) return -1;
    struct str *list = arena_alloc(arena, (room + 1) * sizeof *list);
    uint16_t *tagged = arena_alloc(arena, (room + 1) * sizeof *tagged);
    if (!list || !tagged) return -1;
    for (size_t i = 0; tokens && i < room; i++) {
        if (tokens[i].upos == UPOS_PUNCT) continue;
        list[n] = str_of(text.p + tokens[i].start, tokens[i].end - tokens[i].start);
        tagged[n++] = tag_of_upos(tokens[i].upos);
    }
    if (!tokens && !tagger->english && (words_of_wordnet(work, text, list, &n) < 0 || tagger_tag(tagger, list, n, tagged) < 0)) return -1;
    *words = list;
    *tags = tagged;
    *count = n;
    return 0;
}

/* Parts of speech: the door behind which taggers stand.
 *
 *     struct tagger *tagger = tagger_open(STR("english"));
 *     struct tagger_work *work = tagger_work_new(tagger);                       one a thread
 *     tagger_tag_text(tagger, work, text, &arena, &words, &tags, &count);
 *     if (tags[i] & TAG_NOUN) ...
 *
 * `english`, the one that is taken where none is named, is the trained tagger of english.h: words are its tokens without
 * punctuation, each has one part of speech (a proper noun both bits). Possessives ("his") are pronouns to it, as in Universal
 * Dependencies.
 *
 * With `wordnet` a word may have several tags: the closed classes overlap ("that": determiner, pronoun, conjunction), and rules that
 * ask whether a class is present are meant to be mild. A caller that wants one answer takes the lowest bit. Words are those of
 * UAX #29. It is for English and for the caption rules of CC3M, CC12M and COYO, which need determiner,
 * preposition and noun. In this order: (1) a word of a closed class (lists/closed_classes.txt) has that class; (2) a word that
 * begins with an upper- or titlecase letter and is not the text's first is a proper noun; (3) a word that begins with a digit
 * is a number; (4) else the part of speech with the largest score in WordNet (wordnet.h), ties to the noun, and what WordNet
 * lacks is a noun. "dog's" is taken as "dog", "isn't" as a verb.
 *
 * A tagger is constant after tagger_open and serves any number of threads.
 */
#ifndef WINNOW_TAGGER_H
#define WINNOW_TAGGER_H

#include "pipeline/base/str.h"

enum tag { /* make_wordnet.py has the same order */
    TAG_NOUN = 1,
    TAG_PROPER_NOUN = 2, /* always together with TAG_NOUN */
    TAG_PRONOUN = 4,
    TAG_DETERMINER = 8,
    TAG_PREPOSITION = 16,
    TAG_CONJUNCTION = 32,
    TAG_VERB = 64, /* auxiliaries too */
    TAG_ADJECTIVE = 128,
    TAG_ADVERB = 256,
    TAG_NUMBER = 512,
    TAG_OTHER = 1024, /* particles, interjections, symbols: of `english` alone */
};

struct tagger;

struct english;
struct english_work;
struct arena;
struct tagger_work;

struct tagger *tagger_open(struct str name); /* absent or empty: english. NULL with a sentence */
void tagger_close(struct tagger *tagger);    /* NULL is allowed */
/* Tags `count` words of one text that the caller has found, by `wordnet`: tags[i] gets bits of enum tag, never 0. Words are valid
 * UTF-8. 0, or -1 with a sentence. */
int tagger_tag(const struct tagger *tagger, const struct str *words, size_t count, uint16_t *tags);
struct tagger_work *tagger_work_new(const struct tagger *tagger); /* NULL with a sentence */
void tagger_work_free(struct tagger_work *work);                   /* NULL is allowed */
/* Finds the words of one text of valid UTF-8 and tags them; both lists lie in the arena. 0, or -1 with a sentence. */
int tagger_tag_text(const struct tagger *tagger, struct tagger_work *work, struct str text, struct arena *arena, const struct str **words,
                    const uint16_t **tags, size_t *count);
const struct english *tagger_english(const struct tagger *tagger); /* NULL: the tagger is another one */
struct english_work *tagger_english_work(struct tagger_work *work);
const char *tagger_digest(const struct tagger *tagger); /* of the data it answers from, for manifests: hexadecimal */

#endif

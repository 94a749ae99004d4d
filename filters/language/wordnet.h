/* WordNet's words, compiled in: which parts of speech a word can have, and how often it was met as each.
 *
 *     struct wordnet_word found;
 *     if (wordnet_find(STR("geese"), &found)) ... found.irregular[WORDNET_NOUN]
 *
 * make_wordnet.py makes the table at build time from Debian's wordnet-base (WordNet 3.0) and lists/closed_classes.txt. Words
 * are ASCII, lower case, without '_', '-' and '/'. Any thread; nothing is allocated.
 */
#ifndef WINNOW_WORDNET_H
#define WINNOW_WORDNET_H

#include "pipeline/base/str.h"

enum wordnet_part { WORDNET_NOUN, WORDNET_VERB, WORDNET_ADJECTIVE, WORDNET_ADVERB, WORDNET_PARTS };
enum { WORDNET_LONGEST = 63 }; /* bytes of a word */

struct wordnet_word {
    /* Ten times the sum of its senses' counts (cntlist.rev), and one; -1 where it is no entry (index.POS). */
    int32_t entry[WORDNET_PARTS];
    /* Where it is an irregular form (POS.exc): the sum of the scores of what it is a form of, itself not counted; else -1. */
    int32_t irregular[WORDNET_PARTS];
    uint16_t closed; /* bits of enum tag (tagger.h): its closed classes */
    uint8_t noun_file; /* lexicographer's file of its first sense as a noun (lexnames(5WN): 18 is "person"); 0 where it is no noun's entry */
};

bool wordnet_find(struct str lower, struct wordnet_word *found); /* false: not there, `found` says so too */
/* The score of a word as `part`, inflected or not: of its entry, and of what it is an irregular form of, else of all that
 * the part's endings leave (morphy(7WN): "landing" → "land"). 0 when it cannot be that part. */
int64_t wordnet_score(struct str lower, const struct wordnet_word *found, enum wordnet_part part);
/* The same of the noun that an ending is cut off from ("senators"); 0 for none. */
unsigned wordnet_noun_file(struct str lower, const struct wordnet_word *found);
const char *wordnet_digest(void); /* of the table: 32 hexadecimal digits of its SHA-256 */

#endif

/* Sets of words and phrases, and many strings sought at once.
 *
 * struct phrases answers "is one of these words, or runs of words, in that list of words"; struct substrings answers "does
 * one of these strings occur in that text", in one pass whatever the number of strings. Both are constant once made, serve
 * any thread, and refer to the bytes of their entries, which the caller keeps.
 */
#ifndef WINNOW_FILTERS_PHRASES_H
#define WINNOW_FILTERS_PHRASES_H

#include "pipeline/base/str.h"

struct phrases;
/* Entries whose words are parted by single spaces; a value may stand with each (NULL: all 0). NULL with a sentence. */
struct phrases *phrases_new(const struct str *entries, const uint64_t *values, size_t count);
void phrases_free(struct phrases *p);
size_t phrases_longest(const struct phrases *p);        /* words of the longest entry */
bool phrases_value(const struct phrases *p, struct str entry, uint64_t *value); /* of one entry as a whole; value may be NULL */
/* The first run of words that is an entry. `list`: slices of one text with exactly one byte between neighbours, so that a
 * run is a slice too. Absent when there is none. */
struct str phrases_find(const struct phrases *p, const struct str *list, size_t count);
/* How many words the longest run has that begins with the first of `list` and is an entry; 0: none. */
size_t phrases_run(const struct phrases *p, const struct str *list, size_t count);

struct substrings;
enum { SUBSTRINGS_BYTES_MAX = 64 << 10 }; /* of all entries together: the table has 4 bytes a state and class of bytes */
struct substrings *substrings_new(const struct str *entries, size_t count); /* NULL with a sentence */
void substrings_free(struct substrings *s);
struct str substrings_find(const struct substrings *s, struct str text); /* the occurrence that ends first; absent: none */

#endif

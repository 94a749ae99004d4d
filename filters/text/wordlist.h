/* Word lists: text files of one entry a line, blank lines and lines that begin with "# " left out, white space at both ends
 * trimmed. A tab parts an entry from a number (a count, a valence); entries without one have 0, further columns are not read. So
 * LDNOOBW's lists and VADER's lexicon are read as they are published; lists of counts as FrequencyWords has them ("word 12345") are
 * known by every line of the file being of that form; wordfreq's lists (wordfreq.h) by their first bytes, where the number is how often
 * the word stands in 10^9 words. Files in gzip are unpacked.
 */
#ifndef WINNOW_FILTERS_WORDLIST_H
#define WINNOW_FILTERS_WORDLIST_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

struct wordlist {
    struct buf text;     /* entries point into it */
    struct str *entries;
    double *numbers;     /* one an entry */
    size_t count;
};

enum { WORDLIST_BYTES_MAX = 1 << 30 };

static inline struct str wordlist_without_bom(struct str bytes) /* some editors begin a file with U+FEFF */
{
    return str_starts(bytes, STR("\xEF\xBB\xBF")) ? str_from_at(bytes, 3) : bytes;
}

int wordlist_read(struct wordlist *list, const char *path); /* -1: no such file, or not UTF-8: "path:line: ..." */
int wordlist_take(struct wordlist *list, struct buf *bytes, const char *name); /* the same of a file's bytes, which it takes over */
int wordlist_lower(struct wordlist *list); /* lower-cases every entry */
void wordlist_free(struct wordlist *list); /* may be called on a zeroed struct */

#endif

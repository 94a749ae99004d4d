/* MetaCLIP's entries: which of a list of strings a text holds (filter-rules §3, metaclip 2).
 *
 * The text is stripped, tab, LF and CR become spaces, each of , . ; : ? ! ` gets a space on both sides; an entry is held when
 * " entry " occurs in " text ": upper and lower case apart, no stems. With `worldwide` an entry needs no space on a side where
 * its outermost character is one of a script written without spaces (Han, kana, Thai, Lao, Burmese, Khmer, Tibetan) or
 * punctuation.
 *
 * The list is a file of an entry a line (text/wordlist.h), where a count may stand behind a tab.
 */
#ifndef WINNOW_FILTERS_ENTRY_LIST_H
#define WINNOW_FILTERS_ENTRY_LIST_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

struct entry_list {
    struct automaton *automaton;
    uint64_t *hashes; /* XXH3 of each entry as the list has it */
    uint64_t *counts; /* of texts that hold it: as the list says, 0 where it says nothing */
    size_t count;
};

struct entry_list *entry_list_read(const char *path, bool worldwide); /* NULL with a sentence */
void entry_list_free(struct entry_list *list);                        /* NULL is allowed */

enum { ENTRY_MATCHES_MAX = 1 << 18 };
/* The entries that a text holds, each once, ascending, as uint32_t appended to the empty `found`; *count of them. Of a text
 * with more than ENTRY_MATCHES_MAX occurrences the first are taken. `room` holds the text meanwhile. */
int entry_list_match(const struct entry_list *list, struct str text, struct buf *room, struct buf *found, size_t *count);

#endif

/* All occurrences of very many strings in a text, in one pass (Aho and Corasick).
 *
 * The states are numbered breadth first over the sorted strings, so that the children of a state have consecutive numbers and
 * one byte of label each: 21 bytes a state, 100 MB for half a million entries of ten bytes. Constant once made; any thread.
 */
#ifndef WINNOW_FILTERS_AUTOMATON_H
#define WINNOW_FILTERS_AUTOMATON_H

#include "pipeline/base/str.h"

struct automaton;
enum { AUTOMATON_STATES_MAX = 1 << 28 };

/* `strings` are not empty and strictly ascending by bytes. They may go afterwards. NULL with a sentence. */
struct automaton *automaton_new(const struct str *strings, size_t count);
void automaton_free(struct automaton *a); /* NULL is allowed */

struct automaton_scan {
    uint32_t state, hit; /* private */
    size_t at;           /* bytes of the text that are behind */
};
/* The next occurrence: the string's index, or SIZE_MAX at the end. The scan begins zeroed. At one place the longest comes first.
 * Of n bytes with m occurrences: O(n + m) steps, each a search among the children of a state. */
size_t automaton_next(const struct automaton *a, struct automaton_scan *scan, struct str text);

#endif

/* Whom a caption names: people, genders, nations, religions, by lists of words of winnow's own.
 *
 *     struct mentions m;
 *     mentions_open(&m);
 *     if (mentions_of(&m, text) >> MENTION_GENDERS & 1) …
 *     mentions_close(&m);
 *
 * The lists are filters/lists/mentions-people.txt and so on: English words, an entry one or two of them. A caption holds an entry
 * when its words stand in it, one behind the other, upper and lower case of ASCII letters alike. Words end at white space and at
 * punctuation, apostrophes and hyphens too ("women's" holds "women"). It tells which words occur, not what is meant by them, and
 * nothing of captions in other languages.
 */
#ifndef WINNOW_REPORTS_MENTIONS_H
#define WINNOW_REPORTS_MENTIONS_H

#include "pipeline/base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum mention { MENTION_PEOPLE, MENTION_GENDERS, MENTION_NATIONS, MENTION_RELIGIONS, MENTION_KINDS };
extern const char *const mention_names[MENTION_KINDS], *const mention_lists[MENTION_KINDS]; /* "people"; "mentions-people" */

struct mention_entry {
    uint64_t hash;   /* of the words; 0: free */
    uint32_t kinds;  /* bits of enum mention */
};
struct mentions {
    struct mention_entry *entries;
    size_t count, room;           /* room: a power of two */
    uint64_t sieve[1024];         /* a bit for each entry, by the lowest 16 bits of its hash: most words end here */
    unsigned char letters[256];   /* bytes of words in lower case; 0: it parts words, or begins what may (parts_words) */
    bool found[MENTION_KINDS];    /* the list is there and could be read */
};

int mentions_open(struct mentions *m);  /* -1: out of memory; a list that is not there is left out */
void mentions_close(struct mentions *m); /* may be called on a zeroed struct */
unsigned mentions_of(const struct mentions *m, struct str text); /* bits of enum mention */

#endif

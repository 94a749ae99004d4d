/* Who stays of each group of equal rows.
 *
 *     struct winners *w = winners_open(memory, folder);
 *     winners_add(w, &(struct candidate){.key = key, .rank = 0, .row = 17, .id = id});
 *     winners_seal(w);
 *     while ((got = winners_next(w, &loser)) > 0) ...      losers, by rising row
 *     winners_close(w);
 *
 * Call order: open add* (seal next*)? close; close may come at any time.
 *
 * (1) Of the candidates with one key the lowest rank wins; of equal ranks the lowest row. An outside candidate wins over every
 *     row and is never a loser; of several outside ones the least id is named.
 * (2) So the losers are a function of the set of candidates: memory, folder and the order of adding do not matter.
 * (3) Losers come by rising row, each once, and each names its winner: rows = winners + losers.
 *
 * Memory stays below `memory`; beyond it 65 bytes a row and 33 bytes a loser go to disk (base/extsort). One thread. Functions
 * that return int give -1 with a sentence: full disk, out of memory.
 */
#ifndef WINNOW_DEDUP_WINNERS_H
#define WINNOW_DEDUP_WINNERS_H

#include "pipeline/base/hash.h"

enum { WINNER_ID_BYTES = 16 };

struct candidate {
    struct hash128 key;
    uint64_t rank;  /* lowest wins */
    uint64_t row;   /* number of the row; unique among rows */
    bool outside;   /* not a row of this stream: it only wins. rank and row are not looked at */
    unsigned char id[WINNER_ID_BYTES];
};

struct loser {
    uint64_t row;
    bool to_outside; /* the winner is not a row of this stream */
    unsigned char winner[WINNER_ID_BYTES]; /* its id */
};

struct winners;

struct winners *winners_open(size_t memory, const char *folder); /* folder: where to spill, as for extsort_open. NULL on failure */
int winners_add(struct winners *w, const struct candidate *candidate);
int winners_seal(struct winners *w);
int winners_next(struct winners *w, struct loser *loser); /* 1 and a loser; 0 at the end; -1 */
void winners_close(struct winners *w);                    /* NULL is allowed */

/* Ranks: of numbers so that the lowest, or the highest, has the lowest rank; rows without a number come last. */
enum { RANK_FIRST = 0 };
#define RANK_LAST UINT64_MAX
uint64_t rank_of_unsigned(uint64_t value, bool highest_first);
uint64_t rank_of_double(double value, bool highest_first); /* finite */

#endif

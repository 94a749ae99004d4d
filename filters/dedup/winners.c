/* Two sorts: candidates by (key, outside first, rank, row), where the first of each key wins and all others become losers;
 * then the losers by row. The first sort gets three quarters of the memory, because its records are more and larger. */
#include "filters/dedup/winners.h"

#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <string.h>

/* A candidate as it is sorted, by memcmp: key 16, own 1, rank 8, row 8, id 16. */
enum { KEY_AT = 0, OWN_AT = 16, RANK_AT = 17, ROW_AT = 25, ID_AT = 33, CANDIDATE_BYTES = ID_AT + WINNER_ID_BYTES };
/* A loser: row 8, to outside 1, winner's id 16. */
enum { LOSER_ROW_AT = 0, LOSER_OUTSIDE_AT = 8, LOSER_ID_AT = 9, LOSER_BYTES = LOSER_ID_AT + WINNER_ID_BYTES };

struct winners {
    struct extsort *candidates; /* NULL once sealed */
    struct extsort *losers;
};

struct winners *winners_open(size_t memory, const char *folder)
{
    struct winners *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    w->candidates = extsort_open(memory / 4 * 3, folder, CANDIDATE_BYTES, NULL);
    w->losers = w->candidates ? extsort_open(memory / 4, folder, LOSER_BYTES, NULL) : NULL;
    if (w->losers) return w;
    winners_close(w);
    return NULL;
}

void winners_close(struct winners *w)
{
    if (!w) return;
    extsort_close(w->candidates);
    extsort_close(w->losers);
    free(w);
}

int winners_add(struct winners *w, const struct candidate *c)
{
    unsigned char record[CANDIDATE_BYTES];
    extsort_put_u64(record + KEY_AT, c->key.high);
    extsort_put_u64(record + KEY_AT + 8, c->key.low);
    record[OWN_AT] = !c->outside;
    extsort_put_u64(record + RANK_AT, c->outside ? 0 : c->rank);
    extsort_put_u64(record + ROW_AT, c->outside ? 0 : c->row);
    memcpy(record + ID_AT, c->id, WINNER_ID_BYTES);
    return extsort_add(w->candidates, record);
}

static int add_loser(struct winners *w, const unsigned char *candidate, const unsigned char *winner)
{
    unsigned char record[LOSER_BYTES];
    memcpy(record + LOSER_ROW_AT, candidate + ROW_AT, 8);
    record[LOSER_OUTSIDE_AT] = !winner[OWN_AT];
    memcpy(record + LOSER_ID_AT, winner + ID_AT, WINNER_ID_BYTES);
    return extsort_add(w->losers, record);
}

int winners_seal(struct winners *w)
{
    if (extsort_seal(w->candidates) < 0) return -1;
    unsigned char winner[CANDIDATE_BYTES];
    bool any = false;
    const void *next;
    int got;
    while ((got = extsort_next(w->candidates, &next)) > 0) {
        const unsigned char *candidate = next;
        if (!any || memcmp(candidate + KEY_AT, winner + KEY_AT, 16) != 0) {
            memcpy(winner, candidate, CANDIDATE_BYTES);
            any = true;
        } else if (candidate[OWN_AT] && add_loser(w, candidate, winner) < 0) {
            return -1;
        }
    }
    extsort_close(w->candidates);
    w->candidates = NULL;
    return got < 0 ? -1 : extsort_seal(w->losers);
}

int winners_next(struct winners *w, struct loser *loser)
{
    const void *next;
    int got = extsort_next(w->losers, &next);
    if (got <= 0) return got;
    const unsigned char *record = next;
    loser->row = extsort_get_u64(record + LOSER_ROW_AT);
    loser->to_outside = record[LOSER_OUTSIDE_AT];
    memcpy(loser->winner, record + LOSER_ID_AT, WINNER_ID_BYTES);
    return 1;
}

/* RANK_LAST is left to rows without a number: the two highest ranks of numbers fall together. */
static uint64_t directed(uint64_t rising, bool highest_first)
{
    uint64_t rank = highest_first ? ~rising : rising;
    return rank == RANK_LAST ? RANK_LAST - 1 : rank;
}

uint64_t rank_of_unsigned(uint64_t value, bool highest_first) { return directed(value, highest_first); }

uint64_t rank_of_double(double value, bool highest_first)
{
    if (value == 0) value = 0; /* -0 is 0 */
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return directed(bits >> 63 ? ~bits : bits | 1ull << 63, highest_first); /* IEEE 754 order as unsigned order */
}

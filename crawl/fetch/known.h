/* What became of each URL of a run from the web, so that no URL is asked for twice: however far apart the rows lie that show
 * it, they share one request, one decoding and one picture in the pack.
 *
 *     known_claim(known, job, wait) == KNOWN_MINE       ... ask, decode, store ...; known_settle(known, jobs, n)
 *                                      KNOWN_BEFORE     the job's outcome and picture are filled in
 *                                      KNOWN_ASKED      not with `wait`: another item is asking for it
 *     known_place(known, job, &lender)                  in emit, of a picture that is not the item's own
 *     known_keep(known, job)                            in emit, of the item's own jobs: from now on it is remembered
 *
 * A job that is claimed and not kept is in flight: it and its store stay where they are, and others read them. Whoever has
 * claimed jobs settles all of them before it waits for another's, so that nobody waits in a circle. Beyond those in flight,
 * of which there are as many as items at once hold, a URL costs no memory: its end lies in a temporary database. A URL is
 * known there by half of its SHA-256.
 *
 * Any thread may claim and settle; places and keeping belong to emit, in the order of items.
 */
#ifndef WINNOW_FETCH_KNOWN_H
#define WINNOW_FETCH_KNOWN_H

#include "crawl/fetch/jobs.h"

struct known;

/* `memory`: of the database's pages; `folder`: where what is beyond goes, NULL: the default. NULL with a sentence. */
struct known *known_open(uint64_t memory, const char *folder);
void known_close(struct known *known);

enum known_answer { KNOWN_FAILED = -1, KNOWN_MINE, KNOWN_BEFORE, KNOWN_ASKED };

enum known_answer known_claim(struct known *known, struct job *job, bool wait);

/* Jobs of the caller that are through; those without an outcome were not reached, and are anybody's again. */
void known_settle(struct known *known, struct job *const *jobs, size_t count);

/* Of a KNOWN_BEFORE job with a picture. 1: *lender, in flight, has it, packed or not. 0: the job has its place now. -1 with a
 * sentence. */
int known_place(struct known *known, struct job *job, struct job **lender);

int known_keep(struct known *known, struct job *job);

#endif

/* Clusters of 64-bit perceptual hashes: two hashes that differ in at most `distance` bits are in one cluster, and so are their
 * neighbours' neighbours (connected components).
 *
 *     struct neardup *n = neardup_open(4, memory, folder);
 *     neardup_add(n, hash); ...
 *     neardup_seal(n);
 *     uint64_t cluster = neardup_cluster(n, hash);        the least hash of its cluster
 *     neardup_close(n);
 *
 * (1) Exact: no pair is missed. Of two hashes that differ in at most d bits, one of any d+1 disjoint bands of bits is equal
 *     (multi-index hashing, Norouzi et al., CVPR 2012). So hashes are parted by each band in turn, and each part is looked at
 *     alone; large parts are parted again, by bands of the bits in which they still differ.
 * (2) The clusters depend on the set of hashes alone, and are named by their least member: no order, no memory decides.
 * (3) Work: equal hashes are one. A part whose hashes differ in at most d places altogether, or are in one cluster already, is
 *     done at once; and where parting takes more steps than comparing all pairs of the part would, the pairs are compared. So
 *     hashes made to fall into one band cost at most about twice all pairs of distinct ones, and hashes in dense heaps little.
 * (4) Memory: 20 bytes a distinct hash must fit into three eighths of `memory`, or seal says how much it needs. An eighth sorts
 *     what was added, on disk beyond it (base/extsort); half is left to the caller.
 *
 * One thread, but neardup_cluster once sealed: any. Functions that return int give -1 with a sentence.
 */
#ifndef WINNOW_DEDUP_NEARDUP_H
#define WINNOW_DEDUP_NEARDUP_H

#include "pipeline/base/str.h"

enum { NEARDUP_DISTANCE_MAX = 16 };

struct neardup;

struct neardup *neardup_open(unsigned distance, size_t memory, const char *folder); /* NULL with a sentence */
int neardup_add(struct neardup *n, uint64_t hash);
int neardup_seal(struct neardup *n);
uint64_t neardup_cluster(const struct neardup *n, uint64_t hash); /* of a hash that was added */
uint64_t neardup_steps(const struct neardup *n); /* comparisons and moves so far: for tests of (3) */
void neardup_close(struct neardup *n); /* NULL is allowed */

int neardup_parse(struct str hex, uint64_t *hash); /* 16 hexadecimal digits; -1, no sentence */

#endif

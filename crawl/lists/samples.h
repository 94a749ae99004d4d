/* The samples of a shard: runs of tar members with one key, as img2dataset and winnow write them.
 *
 *     struct shard_samples *s = shard_samples_open("00000.tar");
 *     while ((more = shard_samples_next(s, &sample)) > 0) ... sample.json, sample.offset ...
 *     shard_samples_close(s);
 *
 * A key is a member's path up to the first dot of its last part; what follows is the extension (webdataset's rule). Pictures
 * are passed over, not read. Plain, zstd and gzip shards; offsets count in the uncompressed tar.
 */
#ifndef WINNOW_LISTS_SAMPLES_H
#define WINNOW_LISTS_SAMPLES_H

#include "pipeline/base/str.h"

enum { SHARD_MEMBER_MAX = 8 << 20 }; /* bytes of KEY.json or KEY.txt; a row's JSON stays under 6.1 MiB */

struct shard_sample {
    struct str key;
    struct str json, text;   /* KEY.json, KEY.txt; absent without one, or when it is longer than SHARD_MEMBER_MAX */
    const char *format;      /* of the first picture, by its extension: "jpeg", "png", …; NULL when there is none */
    uint64_t offset, length; /* of the picture */
    uint64_t header;         /* where the sample's first member begins */
};

struct shard_samples;
struct shard_samples *shard_samples_open(const char *path); /* NULL with a sentence */
void shard_samples_close(struct shard_samples *s);          /* NULL is allowed */

/* 1; 0 at the end; -1 with a sentence when the tar is damaged or cut: what came before is good, a sample that the damage may
 * have shortened is left out. Slices live until the next call. */
int shard_samples_next(struct shard_samples *s, struct shard_sample *sample);
uint64_t shard_samples_offset(const struct shard_samples *s); /* how far it came in the uncompressed tar */
bool shard_samples_ended(const struct shard_samples *s);      /* after a 0: the tar has its end mark, so it is not cut */

#endif

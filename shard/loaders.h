/* What loaders want to know of a folder of shards before they open one: written into FOLDER.meta/, never beside the shards.
 *
 *     sizes.json   open_clip's {"00000.tar": 9999, …}
 *     wids.json    webdataset's index wids-shard-index-v1, for plain tars, which it maps into memory; its urls are relative to
 *                  the index
 */
#ifndef WINNOW_SHARD_LOADERS_H
#define WINNOW_SHARD_LOADERS_H

#include "pipeline/base/buf.h"

struct loader_shard {
    char name[32];          /* file name in the folder */
    uint64_t samples, size; /* size: bytes as stored */
};

/* Both append a whole file. `shards` are sorted by name. */
int loaders_sizes(struct buf *out, const struct loader_shard *shards, size_t count);
/* `folder`: path of the shards' folder, of which the last part stands in the urls. */
int loaders_wids(struct buf *out, struct str folder, const struct loader_shard *shards, size_t count);

#endif

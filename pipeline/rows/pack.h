/* Packs: plain tars of pictures that rows point into, between fetch and shard (schemas/FORMAT.md, packs).
 *
 *     struct pack pack;
 *     pack_init(&pack, "OUT/packs", "02-fetch-00000");      nothing is created before the first picture
 *     pack_add(&pack, STR("0-3-1-0.jpg"), bytes, &offset);
 *     pack_flush(&pack);                           before a row that names the offset is handed on
 *     pack_finish(&pack);                          the end mark; then stage_published(run, &pack.file, pictures)
 *     pack_close(&pack);
 *
 * A pack alone of all outputs stands under its final name from the start, since rows that point into it may already be on
 * their way through a pipe; one that no manifest names is unpublished. Two runs that write the same pack at once are told
 * so. Bytes depend on names and data alone. One thread.
 */
#ifndef WINNOW_PACK_H
#define WINNOW_PACK_H

#include "pipeline/base/file.h"

enum { PACK_NAME_BYTES = 100 }; /* of a member's name: the ustar field, without its prefix */

struct pack {
    struct file_out file;  /* fd is -1 until the first picture */
    char *path, *name;     /* FOLDER/STEM.tar; name points into path: what image_pack holds */
    struct buf waiting;    /* not yet written */
    uint64_t offset;       /* bytes of the tar so far, waiting ones included */
    uint64_t pictures;
};

int pack_init(struct pack *pack, const char *folder, const char *stem);
/* Adds a regular file; *offset: where its bytes begin in the tar. 0, or -1 with a sentence. */
int pack_add(struct pack *pack, struct str name, struct str bytes, uint64_t *offset);
int pack_flush(struct pack *pack);
int pack_finish(struct pack *pack); /* does nothing when there are no pictures */
void pack_close(struct pack *pack); /* frees; leaves the file; may be called twice, and on a zeroed struct */

#endif

/* The stored picture of a row: image_length bytes at image_offset of the file image_pack in a folder of packs.
 *
 *     struct pictures *p = pictures_open("OUT/packs", columns);
 *     pictures_read(p, row, &out);                 appends the bytes
 *     pictures_close(p);
 *
 * A pack is a plain tar, or a shard that was imported: then the offset counts in its uncompressed tar (shard/store.h). The
 * last few packs stay open. One thread a handle; several handles may read the same packs.
 */
#ifndef WINNOW_SHARD_PICTURES_H
#define WINNOW_SHARD_PICTURES_H

#include "pipeline/base/buf.h"
#include "pipeline/rows/batch.h"

enum { PICTURE_BYTES_MAX = 256 << 20 }; /* of one stored picture; fetch takes 20 MB by default; a frame holds it (store.c) */

struct pictures;

/* `folder` is copied. NULL with a sentence, also when a column is missing. */
struct pictures *pictures_open(const char *folder, const struct columns *columns);
void pictures_close(struct pictures *p); /* NULL is allowed */

/* Appends the picture of a row, exactly image_length bytes. -1 with a sentence when the row names none, the pack is missing,
 * cut or no plain name, or the bytes do not begin as the row's format does: the row has no picture, others may. */
int pictures_read(struct pictures *p, const struct row *row, struct buf *out);

/* Why the last pictures_read failed, for a list of losses: the pack's name as the row has it, and the offset. */
struct str pictures_pack(const struct pictures *p);
uint64_t pictures_offset(const struct pictures *p);

/* Whether bytes begin as a picture of this format does (`stored` or `format` of a row); true for formats not known here. */
bool picture_begins_as(struct str bytes, struct str format);

#endif

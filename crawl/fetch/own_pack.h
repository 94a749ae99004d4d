/* A pack of one's own: its name, and that it is nobody else's. Packs of many outputs lie in one folder, and rows of any of them
 * may point there for years: a pack is never written over for another output's sake.
 *
 *     own_pack_stem(&stem, "out/02-fetch/", "00003");        "02-fetch-00003": as the rows are called, seen from the pack folder
 *     if (own_pack_check("out/packs/02-fetch-00003.tar", "out/02-fetch/00003.json") < 0) return -1;
 */
#ifndef WINNOW_FETCH_OWN_PACK_H
#define WINNOW_FETCH_OWN_PACK_H

#include "pipeline/base/buf.h"

/* Writes the pack's name without ".tar". `folder`: of -o FOLDER/, its path with the '/', else NULL; `stem`: NNNNN in it, else
 * the path of the rows without their ending, or NULL for standard output. 0, or -1 out of memory. */
int own_pack_stem(struct buf *out, const char *folder, const char *stem);

/* Whether the pack at `path` may be written: it is not there, was never finished, or is an output of the manifest at
 * `manifest` (NULL: there is none). -1 with a sentence. */
int own_pack_check(const char *path, const char *manifest);

#endif

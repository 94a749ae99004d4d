/* Lists of ids, for keeping or dropping the rows they name: sorted, 16 bytes each, searched by halving.
 *
 * Two kinds of files: text with an id of 32 hexadecimal digits at the front of each line, compared with the column `id`; and
 * DataComp's subset files (NumPy, pairs of 64-bit numbers), compared with DataComp's uid: MD5 of text and URL as stored.
 */
#ifndef WINNOW_FILTERS_IDS_H
#define WINNOW_FILTERS_IDS_H

#include "pipeline/base/str.h"

enum { ID_BYTES = 16 };

struct ids {
    unsigned char (*list)[ID_BYTES]; /* rising, none twice */
    size_t count;
    bool datacomp; /* uids of DataComp and not ids of winnow's */
};

int ids_read(struct ids *ids, const char *path); /* -1 with a sentence; memory is 16 bytes an id, outside of --memory */
void ids_free(struct ids *ids);
bool ids_have(const struct ids *ids, const unsigned char id[ID_BYTES]);
int id_parse(struct str hex, unsigned char id[ID_BYTES]); /* 32 hexadecimal digits; -1 (no sentence) for anything else */
void id_datacomp(struct str text, struct str url, unsigned char id[ID_BYTES]); /* MD5(text, url) */

#endif

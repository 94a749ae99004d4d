/* Where the pictures lie that a crawl itself holds: from URL to response, sorted, outside memory. Every response is in it, since
 * a row may name a redirect, a page or a 404 just as well.
 *
 *     table = picture_table_open(memory, folder);
 *     picture_table_add(table, &picture);
 *     picture_table_write(table, &file, &rows);
 *     picture_table_close(table);
 *
 * It is written as a row file (schemas/FORMAT.md) of its own, with columns
 *     url_xxh3 src_file src_record warc_offset warc_length
 * in the order of url_xxh3, then place: so of several records of one URL the first in the crawl's order comes first, and
 * tables are merged like any sorted list. One thread.
 */
#ifndef WINNOW_PICTURE_TABLE_H
#define WINNOW_PICTURE_TABLE_H

#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"

struct picture {
    struct hash128 url;              /* XXH3-128, seed 0, of the URL as column `url` has it */
    uint64_t file, record;           /* src_file, src_record of the response */
    uint64_t offset, length;         /* of its record in the file as stored; length 0: not stored alone, the two cells are
                                        empty, and the file has to be searched */
};

struct picture_table;

struct picture_table *picture_table_open(size_t memory, const char *folder); /* as extsort_open(). NULL with a sentence */
void picture_table_close(struct picture_table *table);
int picture_table_add(struct picture_table *table, const struct picture *picture);
int picture_table_write(struct picture_table *table, struct file_out *out, uint64_t *rows); /* once; `out` stays open */

#endif

/* Finding rows in large row files without reading more than must be.
 *
 *     search_rows("02-filter/00000.dropped.zst", STR("http://example.org/a.jpg"), found, &context);
 *     search_dropped_id("02-filter/00000.dropped", id, found, &context);
 *
 * search_rows unpacks every frame, looks for the bytes as they are stored (escaped), and splits only the lines that hold them:
 * it runs at the speed of zstd. Whoever is called checks in which column they stand. search_dropped_id looks the id up in the
 * sorted STEM.ids and unpacks the frames that it names: a few reads, whatever the size of the file.
 *
 * `found` gets the columns and a row that lives during the call; it returns 0 to go on, 1 to stop, -1 after fail(). The searches
 * return the same: 0 at the end, 1 when `found` stopped them, -1 with a sentence.
 */
#ifndef WINNOW_REPORTS_SEARCH_H
#define WINNOW_REPORTS_SEARCH_H

#include "pipeline/rows/rows.h"

typedef int search_found(void *context, const struct columns *columns, const struct row *row);

/* An empty needle finds every row. */
int search_rows(const char *path, struct str needle, search_found *found, void *context);

/* `stem`: path of a dropped file without .zst; `id`: 32 hexadecimal digits. 0 also when STEM.ids is not there. */
int search_dropped_id(const char *stem, struct str id, search_found *found, void *context);

/* The cell of the column `name` as it is stored; absent when there is no such column. */
struct str search_cell(const struct columns *columns, const struct row *row, struct str name);

#endif

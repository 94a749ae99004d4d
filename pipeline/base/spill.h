/* Temporary files that nobody sees: opened in a folder, without a name, gone when closed or when the process dies.
 *
 *     struct spill spill;
 *     if (spill_open(&spill, folder) < 0) return -1;
 *     spill_add(&spill, bytes);                    at the end
 *     spill_read(&spill, 0, buffer, bytes.n);      from anywhere
 *     spill_close(&spill);
 *
 * Every function that returns int gives 0, or -1 with a sentence; a full disk says so, with what is free and what helps
 * (`cannot spill to '/scratch': …; give --tmp or more --memory`). Nothing is buffered: hand over large pieces. One thread.
 */
#ifndef WINNOW_SPILL_H
#define WINNOW_SPILL_H

#include "pipeline/base/str.h"

struct spill {
    int file;           /* -1 when closed */
    uint64_t size;      /* bytes written */
    const char *folder; /* for messages; the caller's, must outlive the spill */
};
#define SPILL_CLOSED ((struct spill){-1, 0, NULL})

const char *spill_folder(const char *wanted); /* `wanted`; where it is NULL: $TMPDIR, else /tmp */
int spill_open(struct spill *spill, const char *folder); /* NULL: spill_folder's choice */
int spill_add(struct spill *spill, struct str bytes);
int spill_read(const struct spill *spill, uint64_t at, void *buffer, size_t n); /* exactly n bytes */
void spill_forget(struct spill *spill, uint64_t at, uint64_t n); /* gives the space of a part back, where the file system can */
void spill_close(struct spill *spill);                           /* may be called twice */

#endif

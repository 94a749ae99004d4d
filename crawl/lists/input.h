/* A list's bytes, from a file or standard input, plain, gzip or zstd by its first bytes.
 *
 *     struct list_input in;
 *     if (list_input_open(&in, "pairs.tsv.gz") < 0) return -1;
 *     while ((more = list_input_more(&in, &pending)) > 0) ... take whole records out of `pending` ...
 *     list_input_close(&in);
 *
 * A compressed file that is damaged or cut ends there: list_input_more returns 0, and in.damage says what was wrong; all that
 * came out before is good.
 */
#ifndef WINNOW_LISTS_INPUT_H
#define WINNOW_LISTS_INPUT_H

#include "pipeline/base/buf.h"
#include "pipeline/base/hash.h"

enum {
    LIST_INPUT_STEP = 256 << 10, /* stored bytes read at once */
    LIST_INPUT_GAIN = 1 << 20,   /* plain bytes that one call gives at most */
};

struct list_input_private;
struct list_input {
    const char *name;         /* the path as given; "standard input" for "-" */
    uint64_t stored_size;     /* 0 for a pipe */
    uint64_t stored_read;     /* bytes used so far: where a damage stands */
    const char *damage;       /* NULL while all is well; static */
    struct hash_stream *hash; /* of the stored bytes read so far */
    struct list_input_private *own;
};

int list_input_open(struct list_input *in, const char *path); /* -1 with a sentence; `path` stays referenced */
int list_input_more(struct list_input *in, struct buf *out);  /* appends; 1, 0 at the end, -1 with a sentence */
void list_input_close(struct list_input *in);                 /* may be called twice, and on a zeroed struct */

#endif

/* Crawl files from the disk, a pipe or a range of a file, cut into chunks that can be parsed in parallel.
 *
 *     crawl_file_open(&file, "segment/CC-MAIN.warc.gz", &limits);
 *     while ((more = crawl_file_next(file, &chunk)) > 0) ...
 *     crawl_file_close(file);
 *
 * A chunk is cut where a record seems to start (crawl/warc/start.h), so that warc_chunk can read it by itself and warc_join
 * can check the cut. A file without such places (one gzip member for all, an unknown kind) comes in pieces whose `border` is
 * false, save the first. Serial: one thread a file.
 */
#ifndef WINNOW_CRAWL_FILE_H
#define WINNOW_CRAWL_FILE_H

#include "crawl/warc/unpack.h"

enum {
    CRAWL_CHUNK_BYTES = 1 << 20,     /* a chunk is cut at the first start behind so many … */
    CRAWL_CHUNK_BYTES_MAX = 4 << 20, /* … and anyhow here: what is larger is read by one thread, in a streaming way */
};

struct crawl_chunk {
    struct buf bytes;
    uint64_t offset;         /* of the first byte in the file */
    enum warc_kind kind;     /* of the file */
    enum warc_follow follow; /* what stands behind it */
    bool border;             /* a record seems to start at the first byte */
    bool first;              /* of the file */
};

void crawl_chunk_init(struct crawl_chunk *chunk);
void crawl_chunk_free(struct crawl_chunk *chunk);

struct crawl_file;

/* `entry`: a path, "-" for standard input, or "PATH OFFSET LENGTH" for a range, such as an index of a crawl gives. `chunk`:
 * bytes; 0 means CRAWL_CHUNK_BYTES. -1 with a sentence that does not name the file, as in what follows. */
int crawl_file_open(struct crawl_file **file, const char *entry, size_t chunk);
void crawl_file_close(struct crawl_file *file);

int crawl_file_next(struct crawl_file *file, struct crawl_chunk *chunk); /* 1; 0 at the end; -1. Even an empty file has one
                                                                            chunk, so that somebody says so */
const char *crawl_file_path(const struct crawl_file *file);
uint64_t crawl_file_begin(const struct crawl_file *file); /* the offset of its first chunk: 0, or where a range begins */

/* Splits "PATH OFFSET LENGTH"; the path is the whole entry when it does not end in two numbers. *length is UINT64_MAX for a
 * whole file. The path is a slice of `entry`. */
struct str crawl_entry_split(const char *entry, uint64_t *offset, uint64_t *length);

#endif

/* Responses that a crawl has recorded: from URL to body, out of WARC files, without the network.
 *
 *     recorded = recorded_open(memory, folder);
 *     recorded_name(recorded, "crawl.warc.gz");                      every file, in the crawl's order
 *     recorded_scan(recorded, 0, say, context);                      reads it, and notes where its responses lie; or
 *     recorded_table(recorded, "00000.pictures.zst");                takes what extract has noted, without reading it
 *     recorded_seal(recorded);
 *     reader = recorded_reader_new(recorded, limit);                 one a thread
 *     recorded_get(reader, url, &response);
 *
 * What is noted is the key of the URL and where the record lies: 44 bytes, sorted outside memory. Looking up is a search in
 * that list and one read of the record. Records that cannot be read alone (several in one gzip member; zstd with a
 * dictionary) and those of pipes are copied to a nameless temporary file while their file is read.
 *
 * (1) Of several responses of one URL the first in order counts: by file as named, then by record.
 * (2) URLs are compared as crawl/url writes them, without fragment.
 * (3) Redirects (301, 302, 303, 307, 308 with a Location) are followed, at most RECORDED_REDIRECTS_MAX, inside the files.
 */
#ifndef WINNOW_FETCH_RECORDED_H
#define WINNOW_FETCH_RECORDED_H

#include "pipeline/base/str.h"

enum { RECORDED_REDIRECTS_MAX = 5 };

enum recorded_status {
    RECORDED_OK,            /* a body with a status that means success */
    RECORDED_BAD_URL,       /* the row's URL is none that crawl/url takes */
    RECORDED_MISSING,       /* no response of this URL */
    RECORDED_HTTP,          /* a status that is neither success nor a redirect: http_status */
    RECORDED_REDIRECTS,     /* too many, or in a circle */
    RECORDED_BAD_LOCATION,  /* a redirect to something that is no http URL */
    RECORDED_LOST_REDIRECT, /* a redirect to a URL without a response */
    RECORDED_DAMAGED,       /* the record, or its HTTP head, can no longer be read */
    RECORDED_TOO_LONG,      /* the body is longer than the reader's limit */
};
const char *recorded_status_name(enum recorded_status status); /* "not_recorded"; for RECORDED_HTTP see http_status */

struct recorded_response {
    enum recorded_status status;
    unsigned http_status;  /* of the last response; 0 when there was none */
    unsigned redirects;    /* followed */
    struct str body;       /* without transfer and content codings; lives until the reader's next call */
};

struct recorded;
struct recorded_reader;

struct recorded *recorded_open(uint64_t memory, const char *folder); /* of the sort and its spills. NULL with a sentence */
void recorded_free(struct recorded *r);

/* Names a file: a path, "-" for standard input, or "PATH OFFSET LENGTH" for a range. 0 or -1. */
int recorded_name(struct recorded *r, const char *entry);
size_t recorded_names(const struct recorded *r);
const char *recorded_entry(const struct recorded *r, size_t file);
bool recorded_must_search(const struct recorded *r, size_t file); /* after the tables: a file that only recorded_scan can read */

/* Reads the file that was named as number `file` (from 0). Damage is passed to `say`, one call a loss, and passed over. */
typedef void recorded_say(void *context, const char *entry, uint64_t offset, const char *what);
int recorded_scan(struct recorded *r, size_t file, recorded_say *say, void *context);

/* Reads a table of pictures (crawl/input/picture_table.h); its src_file counts the files as named here. */
int recorded_table(struct recorded *r, const char *path);

int recorded_seal(struct recorded *r);
bool recorded_damaged(const struct recorded *r); /* a file that was read is no WARC, is cut, or holds no record */
uint64_t recorded_count(const struct recorded *r); /* URLs, after sealing */

/* `limit`: bytes of a body. NULL with a sentence. */
struct recorded_reader *recorded_reader_new(const struct recorded *r, size_t limit);
void recorded_reader_free(struct recorded_reader *reader);
int recorded_get(struct recorded_reader *reader, struct str url, struct recorded_response *response);

#endif

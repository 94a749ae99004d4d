/* Looking up and reading: the URL's place, the record there, its HTTP message, and on through redirects. */
#include "crawl/fetch/recorded_private.h"

#include "crawl/http/body.h"
#include "crawl/input/crawl_file.h"
#include "crawl/warc/stream.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RECORD_BYTES_MAX = WARC_HEAD_BYTES_MAX + WARC_BLOCK_BYTES + (1 << 20), /* as stored */
    OPEN_FILES = 4, /* a reader keeps these many open: rows in order stay within a file for long */
};

struct open_file {
    uint32_t file; /* as named; valid when fd >= 0 */
    int fd;
};

struct recorded_reader {
    const struct recorded *recorded;
    struct warc_stream *stream;
    struct http_body body;
    struct buf bytes;              /* the record as stored */
    struct url_parser parsers[2];  /* a redirect resolves against the other's result */
    struct open_file files[OPEN_FILES]; /* latest first */
    size_t limit;
};

const char *recorded_status_name(enum recorded_status status)
{
    static const char *const names[] = {
        [RECORDED_OK] = "ok",
        [RECORDED_BAD_URL] = "bad_url",
        [RECORDED_MISSING] = "not_recorded",
        [RECORDED_HTTP] = "http",
        [RECORDED_REDIRECTS] = "too_many_redirects",
        [RECORDED_BAD_LOCATION] = "bad_location",
        [RECORDED_LOST_REDIRECT] = "redirect_not_recorded",
        [RECORDED_DAMAGED] = "damaged_record",
        [RECORDED_TOO_LONG] = "too_many_bytes",
    };
    return names[status];
}

struct recorded_reader *recorded_reader_new(const struct recorded *r, size_t limit)
{
    struct recorded_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        fail_memory();
        return NULL;
    }
    reader->recorded = r;
    reader->limit = limit;
    for (int i = 0; i < OPEN_FILES; i++) reader->files[i].fd = -1;
    buf_init(&reader->bytes, RECORD_BYTES_MAX);
    http_body_init(&reader->body, limit + 1);
    reader->stream = warc_stream_new(NULL);
    if (reader->stream && url_parser_init(&reader->parsers[0]) == 0 && url_parser_init(&reader->parsers[1]) == 0) return reader;
    recorded_reader_free(reader);
    return NULL;
}

void recorded_reader_free(struct recorded_reader *reader)
{
    if (!reader) return;
    warc_stream_free(reader->stream);
    http_body_free(&reader->body);
    buf_free(&reader->bytes);
    url_parser_free(&reader->parsers[0]);
    url_parser_free(&reader->parsers[1]);
    for (int i = 0; i < OPEN_FILES; i++)
        if (reader->files[i].fd >= 0) close(reader->files[i].fd);
    free(reader);
}

/* ---- records */

static int open_entry(const char *entry)
{
    uint64_t offset, length;
    struct str part = crawl_entry_split(entry, &offset, &length);
    char *path = strndup(part.p, part.n);
    if (!path) return fail_memory();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail_errno("%s: cannot open", path);
    free(path);
    return fd;
}

/* The file's descriptor, -1 with a sentence. The one that was not used for the longest time is closed for it. */
static int file_of(struct recorded_reader *reader, uint32_t file)
{
    struct open_file *files = reader->files, wanted;
    int at = 0;
    while (at < OPEN_FILES - 1 && (files[at].fd < 0 || files[at].file != file)) at++;
    wanted = files[at];
    if (wanted.fd < 0 || wanted.file != file) {
        if (wanted.fd >= 0) close(wanted.fd);
        wanted = (struct open_file){file, open_entry(reader->recorded->entries[file])};
    }
    memmove(files + 1, files, (size_t)at * sizeof *files);
    files[0] = wanted;
    return wanted.fd;
}

/* Of the record's own bytes: its member, frame, or plain head. */
static enum warc_kind kind_of(struct str bytes)
{
    if (str_starts(bytes, STR("\x1f\x8b"))) return WARC_KIND_GZIP;
    if (str_starts(bytes, STR("\x28\xb5\x2f\xfd"))) return WARC_KIND_ZSTD;
    return WARC_KIND_PLAIN;
}

/* Parses a record that stands alone in reader->bytes. 1 and its block, 0 when it can no longer be read, -1. */
static int parse_record(struct recorded_reader *reader, uint64_t offset, struct str *block, bool *truncated)
{
    struct warc_record record;
    struct warc_loss loss;
    warc_stream_start(reader->stream, kind_of(buf_str(&reader->bytes)), offset);
    if (warc_stream_feed(reader->stream, buf_str(&reader->bytes), WARC_FILE_END) < 0) return -1;
    enum warc_event event = warc_stream_next(reader->stream, &record, &loss);
    if (event == WARC_EVENT_FAILED) return -1;
    if (event != WARC_EVENT_RECORD || !record.block.p) return 0;
    *block = record.block;
    *truncated = (record.oddities & WARC_TRUNCATED) != 0;
    return 1;
}

/* The HTTP message at a place. 1, 0 when it can no longer be read, -1. */
static int read_block(struct recorded_reader *reader, const struct recorded_place *place, struct str *block, bool *truncated)
{
    struct buf *bytes = &reader->bytes;
    buf_clear(bytes);
    if (place->length == 0 || place->length > bytes->ceiling) return 0;
    if (buf_reserve(bytes, (size_t)place->length) < 0) return -1;
    bytes->n = (size_t)place->length;
    if (place->spooled) {
        if (spill_read(&reader->recorded->spool, place->offset, bytes->p, bytes->n) < 0) return -1;
        *truncated = bytes->p[0] != 0;
        *block = str_from_at(buf_str(bytes), 1);
        return 1;
    }
    int fd = file_of(reader, place->file);
    if (fd < 0) return -1;
    if (file_pread(fd, bytes->p, bytes->n, place->offset) < 0) return 0; /* it shrank since it was read */
    return parse_record(reader, place->offset, block, truncated);
}

/* ---- responses */

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int take_body(struct recorded_reader *reader, const struct http_head *head, struct str block, bool truncated,
                     struct recorded_response *response)
{
    unsigned marks = 0;
    response->body = http_body_decode(&reader->body, head, str_from_at(block, head->size), truncated, &marks);
    if (!response->body.p) return -1;
    response->status = (marks & HTTP_BODY_LIMITED) || response->body.n > reader->limit ? RECORDED_TOO_LONG : RECORDED_OK;
    return 0;
}

/* The response of one URL. 1 when it redirects: *location; 0 when response->status is final; -1. */
static int get_one(struct recorded_reader *reader, const struct url *url, struct recorded_response *response, struct str *location)
{
    struct recorded_place place;
    struct http_head head;
    struct str block;
    bool truncated;
    response->status = response->redirects ? RECORDED_LOST_REDIRECT : RECORDED_MISSING;
    if (!recorded_find(reader->recorded, recorded_key(url), &place)) return 0;
    int got = read_block(reader, &place, &block, &truncated);
    if (got < 0) return -1;
    response->status = RECORDED_DAMAGED;
    if (got == 0 || http_head_parse(&head, block) < 0) return 0;
    response->http_status = head.status;
    if (head.status == 200 || head.status == 203) return take_body(reader, &head, block, truncated, response);
    response->status = RECORDED_HTTP;
    *location = head.location;
    return is_redirect(head.status) && location->p;
}

int recorded_get(struct recorded_reader *reader, struct str text, struct recorded_response *response)
{
    struct url url, base;
    struct str location;
    unsigned turn = 0;
    *response = (struct recorded_response){.status = RECORDED_BAD_URL};
    enum url_status parsed = url_parse(&reader->parsers[turn], &url, NULL, text, NULL);
    while (parsed == URL_OK) {
        int redirects = get_one(reader, &url, response, &location);
        if (redirects <= 0) return redirects;
        response->status = RECORDED_REDIRECTS;
        if (response->redirects++ == RECORDED_REDIRECTS_MAX) return 0;
        response->status = RECORDED_BAD_LOCATION;
        base = url;
        turn = !turn;
        parsed = url_parse(&reader->parsers[turn], &url, &base, location, NULL);
    }
    return parsed == URL_FAILED ? -1 : 0;
}

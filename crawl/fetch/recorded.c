/* The list of entries, sorted by URL key and order, in a nameless file that is mapped; then records by place.
 *
 *   sorted   key (16 bytes) order (8)  place (20)        all numbers big-endian, so that memcmp sorts
 *   mapped   key (16)                  place (20)        the first of each key
 *   place    file (4)  offset (8)  length (8)            file SPOOLED: of the temporary file
 */
#include "crawl/fetch/recorded.h"

#include "crawl/http/body.h"
#include "crawl/url/url.h"
#include "crawl/warc/stream.h"
#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    KEY_BYTES = 16,
    PLACE_BYTES = 20,
    SORTED_BYTES = KEY_BYTES + 8 + PLACE_BYTES,
    ENTRY_BYTES = KEY_BYTES + PLACE_BYTES,
    READ_BYTES = 4 << 20, /* of one read of a WARC file while adding */
    SKIPPABLE_ZSTD = 0x184D2A5D, /* a dictionary stands before the frames of such a file */
};
#define SPOOLED UINT32_MAX

struct source {
    char *path;
    int file;
    enum warc_kind kind;
};

struct place {
    uint32_t source;
    uint64_t offset, length;
};

struct recorded {
    struct extsort *sort;       /* until sealed */
    const char *folder;
    struct source *sources;
    uint32_t source_count;
    uint64_t order;             /* responses so far */
    bool damaged;               /* a file is no WARC, is cut, or holds no record */
    struct spill spool;         /* blocks of records that cannot be read alone; one byte before each: truncated or not */
    struct spill list;          /* sealed */
    const unsigned char *entries;
    uint64_t entry_count;
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

struct recorded *recorded_open(uint64_t memory, const char *folder)
{
    struct recorded *r = calloc(1, sizeof *r);
    if (!r) {
        fail_memory();
        return NULL;
    }
    r->folder = folder;
    r->spool = r->list = SPILL_CLOSED;
    r->sort = extsort_open((size_t)memory, folder, SORTED_BYTES, NULL);
    if (r->sort) return r;
    free(r);
    return NULL;
}

void recorded_free(struct recorded *r)
{
    if (!r) return;
    extsort_close(r->sort);
    if (r->entries) munmap((void *)(uintptr_t)r->entries, (size_t)r->entry_count * ENTRY_BYTES);
    spill_close(&r->spool);
    spill_close(&r->list);
    for (uint32_t i = 0; i < r->source_count; i++) {
        if (r->sources[i].file > STDIN_FILENO) close(r->sources[i].file);
        free(r->sources[i].path);
    }
    free(r->sources);
    free(r);
}

/* ---- keys and places */

static void put_key(unsigned char out[KEY_BYTES], const struct url *url)
{
    struct hash128 hash = hash_xxh3_128(url_without_fragment(url), 0);
    extsort_put_u64(out, hash.high);
    extsort_put_u64(out + 8, hash.low);
}

static void put_place(unsigned char out[PLACE_BYTES], const struct place *place)
{
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(place->source >> (24 - 8 * i));
    extsort_put_u64(out + 4, place->offset);
    extsort_put_u64(out + 12, place->length);
}

static struct place get_place(const unsigned char in[PLACE_BYTES])
{
    struct place place = {.offset = extsort_get_u64(in + 4), .length = extsort_get_u64(in + 12)};
    for (int i = 0; i < 4; i++) place.source = place.source << 8 | in[i];
    return place;
}

/* ---- adding */

struct adding {
    struct recorded *recorded;
    uint32_t source;
    bool copies;              /* this file's records are copied to the spool */
    uint64_t records;         /* of this file */
    struct url_parser parser;
    struct buf scratch;
    struct warc_stream *stream;
};

static int spool_block(struct recorded *r, const struct warc_record *record, struct place *place)
{
    if (r->spool.file < 0 && spill_open(&r->spool, r->folder) < 0) return -1;
    *place = (struct place){SPOOLED, r->spool.size, 1 + record->block.n};
    char truncated = (record->oddities & WARC_TRUNCATED) != 0;
    return spill_add(&r->spool, str_of(&truncated, 1)) < 0 ? -1 : spill_add(&r->spool, record->block);
}

static int add_record(struct adding *a, const struct warc_record *record)
{
    struct recorded *r = a->recorded;
    struct url url;
    if (record->type != WARC_TYPE_RESPONSE || !record->block.p) return 0;
    enum url_status status = url_parse(&a->parser, &url, NULL, warc_uri(record, &a->scratch), NULL);
    if (status == URL_FAILED) return -1;
    if (status != URL_OK) return 0; /* dns: and the like */
    struct place place = {a->source, record->offset, record->stored};
    unsigned char sorted[SORTED_BYTES];
    put_key(sorted, &url);
    extsort_put_u64(sorted + KEY_BYTES, r->order++);
    if ((a->copies || !record->stored) && spool_block(r, record, &place) < 0) return -1;
    put_place(sorted + KEY_BYTES + 8, &place);
    return extsort_add(r->sort, sorted);
}

static int take_events(struct adding *a, const char *path, recorded_say *say, void *context)
{
    struct warc_record record;
    struct warc_loss loss;
    for (;;) {
        switch (warc_stream_next(a->stream, &record, &loss)) {
        case WARC_EVENT_RECORD:
            a->records++;
            if (add_record(a, &record) < 0) return -1;
            break;
        case WARC_EVENT_LOSS:
            a->recorded->damaged |= loss.cut || loss.refused;
            if (say) say(context, path, loss.offset, loss.what);
            break;
        case WARC_EVENT_FAILED: return -1;
        case WARC_EVENT_MORE:
        case WARC_EVENT_END: return 0;
        }
    }
}

static int read_file(struct adding *a, struct source *source, recorded_say *say, void *context)
{
    char *bytes = malloc(READ_BYTES);
    if (!bytes) return fail_memory();
    int result = 0;
    bool first = true;
    warc_stream_start(a->stream, WARC_KIND_MORE, 0);
    for (ssize_t n = 1; n > 0 && result == 0; first = false) {
        do n = read(source->file, bytes, READ_BYTES);
        while (n < 0 && errno == EINTR);
        if (n < 0) result = fail_errno("%s: cannot read", source->path);
        uint32_t magic = 0;
        if (first && n >= 4) memcpy(&magic, bytes, 4);
        if (magic == htole32(SKIPPABLE_ZSTD)) a->copies = true;
        enum warc_follow follow = n > 0 ? WARC_CONTINUES : WARC_FILE_END;
        if (result == 0) result = warc_stream_feed(a->stream, str_of(bytes, n > 0 ? (size_t)n : 0), follow);
        if (result == 0) result = take_events(a, source->path, say, context);
    }
    source->kind = warc_stream_kind(a->stream);
    if (result == 0 && a->records == 0) a->recorded->damaged = true;
    free(bytes);
    return result;
}

static struct source *add_source(struct recorded *r, const char *path)
{
    struct source *longer = realloc(r->sources, (r->source_count + 1) * sizeof *longer);
    char *copy = strdup(path);
    if (longer) r->sources = longer;
    if (!longer || !copy) {
        free(copy);
        fail_memory();
        return NULL;
    }
    struct source *source = &longer[r->source_count++];
    *source = (struct source){.path = copy, .file = STDIN_FILENO};
    if (strcmp(path, "-") != 0 && (source->file = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
        fail_errno("%s: cannot open", path);
        return NULL;
    }
    return source;
}

int recorded_add(struct recorded *r, const char *path, recorded_say *say, void *context)
{
    struct source *source = add_source(r, path);
    if (!source) return -1;
    struct adding a = {.recorded = r, .source = r->source_count - 1};
    a.copies = lseek(source->file, 0, SEEK_CUR) < 0; /* a pipe cannot be read twice */
    buf_init(&a.scratch, WARC_LINE_BYTES_MAX * 3);
    a.stream = warc_stream_new(NULL);
    int result = !a.stream || url_parser_init(&a.parser) < 0 ? -1 : read_file(&a, source, say, context);
    warc_stream_free(a.stream);
    url_parser_free(&a.parser);
    buf_free(&a.scratch);
    return result;
}

/* Appends the first entry of each key to the list. */
static int write_list(struct recorded *r)
{
    struct buf block;
    buf_init(&block, 1 << 20);
    unsigned char last[KEY_BYTES];
    const void *found;
    int more = 0, result = 0;
    while (result == 0 && (more = extsort_next(r->sort, &found)) > 0) {
        const char *sorted = found;
        if (r->entry_count && memcmp(sorted, last, KEY_BYTES) == 0) continue;
        memcpy(last, sorted, KEY_BYTES);
        r->entry_count++;
        if (buf_add(&block, str_of(sorted, KEY_BYTES)) < 0 || buf_add(&block, str_of(sorted + KEY_BYTES + 8, PLACE_BYTES)) < 0)
            result = -1;
        if (block.n > (1 << 20) - 2 * ENTRY_BYTES) {
            result = spill_add(&r->list, buf_str(&block));
            buf_clear(&block);
        }
    }
    if (more == 0 && result == 0) result = spill_add(&r->list, buf_str(&block));
    buf_free(&block);
    return more < 0 ? -1 : result;
}

int recorded_seal(struct recorded *r)
{
    if (extsort_seal(r->sort) < 0 || spill_open(&r->list, r->folder) < 0 || write_list(r) < 0) return -1;
    extsort_close(r->sort);
    r->sort = NULL;
    if (!r->entry_count) return 0;
    void *map = mmap(NULL, (size_t)r->entry_count * ENTRY_BYTES, PROT_READ, MAP_SHARED, r->list.file, 0);
    if (map == MAP_FAILED) return fail_errno("cannot map the list of URLs");
    r->entries = map;
    return 0;
}

uint64_t recorded_count(const struct recorded *r) { return r->entry_count; }
bool recorded_damaged(const struct recorded *r) { return r->damaged; }

static bool find(const struct recorded *r, const struct url *url, struct place *place)
{
    unsigned char key[KEY_BYTES];
    put_key(key, url);
    uint64_t low = 0, high = r->entry_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const unsigned char *entry = r->entries + middle * ENTRY_BYTES;
        int order = memcmp(entry, key, KEY_BYTES);
        if (order == 0) return *place = get_place(entry + KEY_BYTES), true;
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return false;
}

/* ---- reading */

struct recorded_reader {
    const struct recorded *recorded;
    struct warc_stream *stream;
    struct http_body body;
    struct buf bytes;              /* the record as stored */
    struct url_parser parsers[2];  /* a redirect resolves against the other's result */
    size_t limit;
};

struct recorded_reader *recorded_reader_new(const struct recorded *r, size_t limit)
{
    struct recorded_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        fail_memory();
        return NULL;
    }
    reader->recorded = r;
    reader->limit = limit;
    buf_init(&reader->bytes, WARC_HEAD_BYTES_MAX + WARC_BLOCK_BYTES + (1 << 20));
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
    free(reader);
}

/* Feeds a record that stands alone in its bytes. 1 and its block, 0 when it can no longer be read, -1. */
static int parse_record(struct recorded_reader *reader, enum warc_kind kind, uint64_t offset, struct str *block, bool *truncated)
{
    struct warc_record record;
    struct warc_loss loss;
    warc_stream_start(reader->stream, kind, offset);
    if (warc_stream_feed(reader->stream, buf_str(&reader->bytes), WARC_FILE_END) < 0) return -1;
    enum warc_event event = warc_stream_next(reader->stream, &record, &loss);
    if (event == WARC_EVENT_FAILED) return -1;
    if (event != WARC_EVENT_RECORD || !record.block.p) return 0;
    *block = record.block;
    *truncated = (record.oddities & WARC_TRUNCATED) != 0;
    return 1;
}

/* The HTTP message at a place. 1, 0 when it can no longer be read, -1. */
static int read_block(struct recorded_reader *reader, const struct place *place, struct str *block, bool *truncated)
{
    const struct recorded *r = reader->recorded;
    buf_clear(&reader->bytes);
    if (place->length > reader->bytes.ceiling) return 0;
    if (buf_reserve(&reader->bytes, (size_t)place->length) < 0) return -1;
    reader->bytes.n = (size_t)place->length;
    if (place->source == SPOOLED) {
        if (spill_read(&r->spool, place->offset, reader->bytes.p, reader->bytes.n) < 0) return -1;
        *truncated = reader->bytes.p[0] != 0;
        *block = str_from_at(buf_str(&reader->bytes), 1);
        return 1;
    }
    const struct source *source = &r->sources[place->source];
    if (file_pread(source->file, reader->bytes.p, reader->bytes.n, place->offset) < 0) return 0; /* it shrank since */
    return parse_record(reader, source->kind, place->offset, block, truncated);
}

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

int recorded_get(struct recorded_reader *reader, struct str url, struct recorded_response *response)
{
    struct url at, base;
    unsigned turn = 0;
    *response = (struct recorded_response){.status = RECORDED_BAD_URL};
    enum url_status parsed = url_parse(&reader->parsers[turn], &at, NULL, url, NULL);
    while (parsed == URL_OK) {
        struct place place;
        struct str block;
        bool truncated;
        response->status = response->redirects ? RECORDED_LOST_REDIRECT : RECORDED_MISSING;
        if (!find(reader->recorded, &at, &place)) return 0;
        struct http_head head;
        int got = read_block(reader, &place, &block, &truncated);
        if (got < 0) return -1;
        response->status = RECORDED_DAMAGED;
        if (got == 0 || http_head_parse(&head, block) < 0) return 0;
        response->http_status = head.status;
        if (head.status == 200 || head.status == 203) return take_body(reader, &head, block, truncated, response);
        response->status = RECORDED_HTTP;
        if (!is_redirect(head.status) || !head.location.p) return 0;
        response->status = RECORDED_REDIRECTS;
        if (response->redirects++ == RECORDED_REDIRECTS_MAX) return 0;
        response->status = RECORDED_BAD_LOCATION;
        base = at;
        turn = !turn;
        parsed = url_parse(&reader->parsers[turn], &at, &base, head.location, NULL);
    }
    return parsed == URL_FAILED ? -1 : 0;
}

/* The list: noted in any order, sorted by URL key and place in the crawl, written to a nameless file and mapped.
 *
 *   noted    key (16 bytes)  file (4)  record (8)  offset (8)  length (8)      all big-endian, so that memcmp sorts
 *   listed   key (16)        file (4)              offset (8)  length (8)      the first of each key
 *
 * The highest bit of an offset says that it counts in the temporary file of copies. */
#include "crawl/fetch/recorded_private.h"

#include "crawl/input/crawl_file.h"
#include "crawl/warc/stream.h"
#include "pipeline/base/fail.h"
#include "pipeline/rows/rows.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
    KEY_BYTES = 16,
    NOTED_BYTES = KEY_BYTES + 4 + 8 + 8 + 8,
    LISTED_BYTES = KEY_BYTES + 4 + 8 + 8,
    BLOCK_BYTES = 1 << 20,        /* of the list, written at once */
    TABLE_BATCH_BYTES = 64 << 20, /* cells of one frame of a table of pictures */
};
#define SKIPPABLE_ZSTD STR("\x5d\x2a\x4d\x18") /* a dictionary stands before the frames of such a file */
#define SPOOLED ((uint64_t)1 << 63)

struct recorded *recorded_open(uint64_t memory, const char *folder)
{
    struct recorded *r = calloc(1, sizeof *r);
    if (!r) {
        fail_memory();
        return NULL;
    }
    r->folder = folder;
    r->spool = r->list = SPILL_CLOSED;
    r->sort = extsort_open((size_t)memory, folder, NOTED_BYTES, NULL);
    if (r->sort) return r;
    free(r);
    return NULL;
}

void recorded_free(struct recorded *r)
{
    if (!r) return;
    extsort_close(r->sort);
    if (r->found) munmap((void *)(uintptr_t)r->found, (size_t)r->found_count * LISTED_BYTES);
    spill_close(&r->spool);
    spill_close(&r->list);
    for (uint32_t i = 0; i < r->entry_count; i++) free(r->entries[i]);
    free(r->entries);
    free(r->search);
    free(r);
}

int recorded_name(struct recorded *r, const char *entry)
{
    char **longer = realloc(r->entries, (r->entry_count + 1) * sizeof *longer);
    if (!longer) return fail_memory();
    r->entries = longer;
    bool *search = realloc(r->search, (r->entry_count + 1) * sizeof *search);
    if (!search) return fail_memory();
    r->search = search;
    search[r->entry_count] = false;
    longer[r->entry_count] = strdup(entry);
    return longer[r->entry_count++] ? 0 : fail_memory();
}

size_t recorded_names(const struct recorded *r) { return r->entry_count; }
const char *recorded_entry(const struct recorded *r, size_t file) { return r->entries[file]; }
bool recorded_must_search(const struct recorded *r, size_t file) { return r->search[file]; }
bool recorded_damaged(const struct recorded *r) { return r->damaged; }
uint64_t recorded_count(const struct recorded *r) { return r->found_count; }

/* ---- noting */

static void put_u32(unsigned char out[4], uint32_t value)
{
    for (int i = 3; i >= 0; i--, value >>= 8) out[i] = (unsigned char)value;
}

static int note(struct recorded *r, struct hash128 key, uint32_t file, uint64_t record, uint64_t offset, uint64_t length)
{
    unsigned char noted[NOTED_BYTES];
    extsort_put_u64(noted, key.high);
    extsort_put_u64(noted + 8, key.low);
    put_u32(noted + 16, file);
    extsort_put_u64(noted + 20, record);
    extsort_put_u64(noted + 28, offset);
    extsort_put_u64(noted + 36, length);
    return extsort_add(r->sort, noted);
}

struct scan {
    struct recorded *recorded;
    uint32_t file;
    uint64_t records;
    bool copies; /* the file's records cannot be read again, or not alone */
    struct url_parser parser;
    struct buf scratch;
    struct warc_stream *stream;
};

/* Copies the record's HTTP message; its place is the one in the copy. */
static int spool(struct recorded *r, const struct warc_record *record, uint64_t *offset, uint64_t *length)
{
    if (r->spool.file < 0 && spill_open(&r->spool, r->folder) < 0) return -1;
    *offset = SPOOLED | r->spool.size;
    *length = 1 + record->block.n;
    char truncated = (record->oddities & WARC_TRUNCATED) != 0;
    return spill_add(&r->spool, str_of(&truncated, 1)) < 0 ? -1 : spill_add(&r->spool, record->block);
}

static int note_record(struct scan *s, const struct warc_record *record)
{
    struct url url;
    uint64_t offset = record->offset, length = record->stored, ordinal = s->records++;
    if (record->type != WARC_TYPE_RESPONSE || !record->block.p) return 0;
    enum url_status status = url_parse(&s->parser, &url, NULL, warc_uri(record, &s->scratch), NULL);
    if (status != URL_OK) return status == URL_FAILED ? -1 : 0; /* dns: and the like */
    if ((s->copies || !length) && spool(s->recorded, record, &offset, &length) < 0) return -1;
    return note(s->recorded, recorded_key(&url), s->file, ordinal, offset, length);
}

static int take_events(struct scan *s, recorded_say *say, void *context)
{
    struct warc_record record;
    struct warc_loss loss;
    for (;;) {
        switch (warc_stream_next(s->stream, &record, &loss)) {
        case WARC_EVENT_RECORD:
            if (note_record(s, &record) < 0) return -1;
            break;
        case WARC_EVENT_LOSS:
            s->recorded->damaged |= loss.cut || loss.refused;
            if (say) say(context, s->recorded->entries[s->file], loss.offset, loss.what);
            break;
        case WARC_EVENT_FAILED: return -1;
        case WARC_EVENT_MORE:
        case WARC_EVENT_END: return 0;
        }
    }
}

static int scan_chunks(struct scan *s, struct crawl_file *file, recorded_say *say, void *context)
{
    struct crawl_chunk chunk;
    crawl_chunk_init(&chunk);
    int more;
    while ((more = crawl_file_next(file, &chunk)) > 0) {
        if (chunk.first) {
            s->copies |= str_starts(buf_str(&chunk.bytes), SKIPPABLE_ZSTD);
            warc_stream_start(s->stream, chunk.offset ? chunk.kind : WARC_KIND_MORE, chunk.offset);
        }
        if (warc_stream_feed(s->stream, buf_str(&chunk.bytes), chunk.follow) < 0 || take_events(s, say, context) < 0) {
            more = -1;
            break;
        }
    }
    crawl_chunk_free(&chunk);
    return more;
}

int recorded_scan(struct recorded *r, size_t number, recorded_say *say, void *context)
{
    struct crawl_file *file = NULL;
    struct scan s = {.recorded = r, .file = (uint32_t)number, .copies = strcmp(r->entries[number], "-") == 0};
    buf_init(&s.scratch, WARC_LINE_BYTES_MAX * 3); /* %20 for each space */
    s.stream = warc_stream_new(NULL);
    int result = !s.stream || url_parser_init(&s.parser) < 0 || crawl_file_open(&file, r->entries[number], 0) < 0 ? -1 : 0;
    if (result == 0) result = scan_chunks(&s, file, say, context);
    if (result == 0 && s.records == 0) r->damaged = true;
    if (file) crawl_file_close(file);
    warc_stream_free(s.stream);
    url_parser_free(&s.parser);
    buf_free(&s.scratch);
    return result;
}

/* ---- tables of pictures */

static int parse_key(struct str hex, struct hash128 *key)
{
    uint64_t half[2] = {0, 0};
    if (hex.n != 32) return -1;
    for (size_t i = 0; i < 32; i++) {
        int digit = ascii_hex(hex.p[i]);
        if (digit < 0) return -1;
        half[i / 16] = half[i / 16] << 4 | (unsigned)digit;
    }
    *key = (struct hash128){half[0], half[1]};
    return 0;
}

static int note_rows(struct recorded *r, const struct batch *batch, const size_t at[5], const char *path)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct row *row = &batch->rows[i];
        struct hash128 key;
        uint64_t number[4];
        bool placed = row->cells[at[3]].n && row->cells[at[4]].n;
        int bad = parse_key(row->cells[at[0]], &key);
        for (size_t c = 0; c < (placed ? 4 : 2); c++) bad |= row_u64(row, at[c + 1], &number[c]);
        if (bad || (placed && number[2] >= SPOOLED)) return fail("%s: not a table of pictures: row %zu of a frame", path, i + 1);
        if (number[0] >= r->entry_count)
            return fail_usage("%s: a picture in file %llu of the crawl, but --from-warc names %u files: give it the crawl's whole list",
                              path, (unsigned long long)number[0], r->entry_count);
        if (!placed) {
            r->search[number[0]] = true;
            continue;
        }
        if (note(r, key, (uint32_t)number[0], number[1], number[2], number[3]) < 0) return -1;
    }
    return 0;
}

static int note_frames(struct recorded *r, struct rows_reader *rows, const size_t at[5], const char *path)
{
    struct rows_frame frame;
    struct batch batch;
    rows_frame_init(&frame);
    int more = batch_init(&batch, rows_columns(rows), TABLE_BATCH_BYTES);
    while (more >= 0 && (more = rows_read(rows, &frame)) > 0) {
        batch_reset(&batch);
        more = rows_decode(rows, &frame, &batch, 1);
        if (more == 0) more = note_rows(r, &batch, at, path);
    }
    batch_free(&batch);
    rows_frame_free(&frame);
    return more;
}

int recorded_table(struct recorded *r, const char *path)
{
    static const char *const names[5] = {"url_xxh3", "src_file", "src_record", "warc_offset", "warc_length"};
    const struct rows_open_options quiet = {.quiet_plain = true};
    struct rows_reader *rows = NULL;
    size_t at[5];
    if (rows_open(&rows, path, &quiet) < 0) return -1;
    int result = 0;
    for (size_t i = 0; i < 5 && result == 0; i++) {
        at[i] = columns_find(rows_columns(rows), str_from(names[i]));
        if (at[i] == SIZE_MAX) result = fail_usage("%s: not a table of pictures: no column '%s'", path, names[i]);
    }
    if (result == 0) result = note_frames(r, rows, at, path);
    rows_close(rows);
    return result;
}

/* ---- the list */

static int write_list(struct recorded *r)
{
    struct buf block;
    buf_init(&block, BLOCK_BYTES);
    unsigned char last[KEY_BYTES];
    const void *next;
    int more = 0, result = 0;
    while (result == 0 && (more = extsort_next(r->sort, &next)) > 0) {
        const char *noted = next;
        if (r->found_count && memcmp(noted, last, KEY_BYTES) == 0) continue;
        memcpy(last, noted, KEY_BYTES);
        r->found_count++;
        if (buf_add(&block, str_of(noted, KEY_BYTES + 4)) < 0 || buf_add(&block, str_of(noted + KEY_BYTES + 12, 16)) < 0) result = -1;
        if (block.n > BLOCK_BYTES - LISTED_BYTES) {
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
    if (!r->found_count) return 0;
    void *map = mmap(NULL, (size_t)r->found_count * LISTED_BYTES, PROT_READ, MAP_SHARED, r->list.file, 0);
    if (map == MAP_FAILED) return fail_errno("cannot map the list of URLs");
    r->found = map;
    return 0;
}

static struct recorded_place get_place(const unsigned char in[20])
{
    struct recorded_place place = {.offset = extsort_get_u64(in + 4), .length = extsort_get_u64(in + 12)};
    for (int i = 0; i < 4; i++) place.file = place.file << 8 | in[i];
    place.spooled = (place.offset & SPOOLED) != 0;
    place.offset &= ~SPOOLED;
    return place;
}

bool recorded_find(const struct recorded *r, struct hash128 key, struct recorded_place *place)
{
    unsigned char wanted[KEY_BYTES];
    extsort_put_u64(wanted, key.high);
    extsort_put_u64(wanted + 8, key.low);
    uint64_t low = 0, high = r->found_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const unsigned char *listed = r->found + middle * LISTED_BYTES;
        int order = memcmp(listed, wanted, KEY_BYTES);
        if (order == 0) return *place = get_place(listed + KEY_BYTES), true;
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return false;
}

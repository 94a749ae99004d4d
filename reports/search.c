/* The ids of a dropped file are 12-byte records, sorted: 8 bytes of the id, 4 of the frame's number (schemas/FORMAT.md §6). */
#include "reports/search.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FRAME_BYTES_MAX = ROWS_FRAME_BYTES + ROW_BYTES_MAX + 1,
    LINE_MEMORY = 16 << 20, /* of one split line: its cells */
    ID_PREFIX = 8,
    ID_RECORD = ID_PREFIX + 4,
    ID_DIGITS = 32,
};

struct str search_cell(const struct columns *columns, const struct row *row, struct str name)
{
    size_t at = columns_find(columns, name);
    return at == SIZE_MAX ? STR_ABSENT : row->cells[at];
}

/* ---- lines */

struct search {
    struct rows_reader *reader;
    struct rows_frame frame;
    struct batch batch; /* one line at a time */
    search_found *found;
    void *context;
};

static int search_open(struct search *s, const char *path, search_found *found, void *context)
{
    static const struct rows_open_options quiet = {.quiet_plain = true};
    *s = (struct search){.found = found, .context = context};
    rows_frame_init(&s->frame);
    if (rows_open(&s->reader, path, &quiet) < 0) return -1;
    return batch_init(&s->batch, rows_columns(s->reader), LINE_MEMORY);
}

static void search_close(struct search *s)
{
    batch_free(&s->batch);
    rows_frame_free(&s->frame);
    rows_close(s->reader);
}

static int take_line(struct search *s, struct str line)
{
    batch_reset(&s->batch);
    if (batch_split(&s->batch, line, 1) < 0) {
        fail_prefix("%s: ", rows_name(s->reader));
        return -1;
    }
    return s->batch.count ? s->found(s->context, s->batch.columns, &s->batch.rows[0]) : 0;
}

static int search_frame(struct search *s, struct str needle)
{
    if (s->frame.stored.n) {
        buf_clear(&s->frame.text);
        if (zframe_decompress(&s->frame.text, buf_str(&s->frame.stored), FRAME_BYTES_MAX) < 0) {
            fail_prefix("%s: frame %zu: ", rows_name(s->reader), s->frame.index);
            return -1;
        }
    }
    struct str rest = buf_str(&s->frame.text);
    int result = 0;
    while (rest.n && result == 0) {
        const char *hit = needle.n ? memmem(rest.p, rest.n, needle.p, needle.n) : rest.p;
        if (!hit) break;
        const char *start = memrchr(rest.p, '\n', (size_t)(hit - rest.p)), *end = memchr(hit, '\n', (size_t)(rest.p + rest.n - hit));
        start = start ? start + 1 : rest.p;
        end = end ? end + 1 : rest.p + rest.n;
        result = take_line(s, str_of(start, (size_t)(end - start)));
        rest = str_of(end, (size_t)(rest.p + rest.n - end));
    }
    return result;
}

int search_rows(const char *path, struct str needle, search_found *found, void *context)
{
    struct search s;
    int result = search_open(&s, path, found, context), more = 0;
    while (result == 0 && (more = rows_read(s.reader, &s.frame)) > 0) result = search_frame(&s, needle);
    search_close(&s);
    return more < 0 ? -1 : result;
}

/* ---- ids */

struct id_file {
    int fd;
    const char *path;
    uint64_t records;
};

static int read_record(const struct id_file *f, uint64_t index, unsigned char record[ID_RECORD])
{
    if (file_pread(f->fd, record, ID_RECORD, index * ID_RECORD) == 0) return 0;
    fail_prefix("%s: ", f->path);
    return -1;
}

/* The first record that is not smaller than the prefix. */
static int lower_bound(const struct id_file *f, const unsigned char prefix[ID_PREFIX], uint64_t *index)
{
    uint64_t low = 0, high = f->records;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        unsigned char record[ID_RECORD];
        if (read_record(f, middle, record) < 0) return -1;
        if (memcmp(record, prefix, ID_PREFIX) < 0) low = middle + 1;
        else high = middle;
    }
    *index = low;
    return 0;
}

static int search_one_frame(struct search *s, uint32_t frame, struct str id)
{
    if (rows_select_frames(s->reader, frame, (size_t)frame + 1) < 0) return -1;
    int more = rows_read(s->reader, &s->frame);
    return more > 0 ? search_frame(s, id) : more;
}

/* Frames that hold the id, each once: equal prefixes stand together, and behind them frames rise. */
static int search_frames(const struct id_file *f, const unsigned char prefix[ID_PREFIX], const char *rows_path, struct str id,
                         search_found *found, void *context)
{
    uint64_t at;
    struct search s;
    bool open = false;
    int result = lower_bound(f, prefix, &at);
    uint64_t last = UINT64_MAX;
    for (; result == 0 && at < f->records; at++) {
        unsigned char record[ID_RECORD];
        result = read_record(f, at, record);
        if (result < 0 || memcmp(record, prefix, ID_PREFIX) != 0) break;
        uint32_t frame = (uint32_t)record[8] << 24 | (uint32_t)record[9] << 16 | (uint32_t)record[10] << 8 | record[11];
        if (frame == last) continue;
        last = frame;
        if (!open) {
            result = search_open(&s, rows_path, found, context);
            open = true;
        }
        if (result == 0) result = search_one_frame(&s, frame, id);
    }
    if (open) search_close(&s);
    return result;
}

int search_dropped_id(const char *stem, struct str id, search_found *found, void *context)
{
    char ids_path[PATH_MAX], rows_path[PATH_MAX];
    if (snprintf(ids_path, sizeof ids_path, "%s.ids", stem) >= (int)sizeof ids_path ||
        snprintf(rows_path, sizeof rows_path, "%s.zst", stem) >= (int)sizeof rows_path)
        return fail("a path of more than %d bytes", PATH_MAX);
    unsigned char prefix[ID_PREFIX];
    for (size_t i = 0; i < ID_PREFIX && id.n == ID_DIGITS; i++)
        prefix[i] = (unsigned char)(ascii_hex(id.p[2 * i]) << 4 | ascii_hex(id.p[2 * i + 1]));
    if (id.n != ID_DIGITS) return fail_usage("'%.*s': an id has %d hexadecimal digits", STR_ARG(id), ID_DIGITS);
    struct id_file f = {.fd = open(ids_path, O_RDONLY | O_CLOEXEC), .path = ids_path};
    if (f.fd < 0) return errno == ENOENT ? 0 : fail_errno("%s: cannot open", ids_path);
    struct stat state;
    int result = fstat(f.fd, &state) < 0 ? fail_errno("%s: cannot read", ids_path) : 0;
    f.records = result == 0 ? (uint64_t)state.st_size / ID_RECORD : 0;
    if (result == 0) result = search_frames(&f, prefix, rows_path, id, found, context);
    close(f.fd);
    return result;
}

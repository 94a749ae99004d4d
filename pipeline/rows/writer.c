/* Writing row files: lines are gathered until a frame is full, frames are compressed wherever the caller likes, and put in
 * order. The frame borders depend on the lines alone, so the bytes do not depend on batches or threads. */
#include "pipeline/base/fail.h"
#include "pipeline/rows/rows.h"

#include <stdlib.h>

struct rows_writer {
    rows_write_function *write;
    void *context;
    struct columns columns;
    bool plain, header_done;
    struct buf text;         /* lines of the frame being filled */
    uint64_t text_rows;
    uint64_t rows;           /* put so far */
    struct hash_stream *hash;
    struct zframes frames;
    json_t *frame_rows;
};

void rows_out_frames_free(struct rows_out_frames *frames)
{
    for (size_t i = 0; i < frames->room; i++) {
        buf_free(&frames->list[i].text);
        buf_free(&frames->list[i].stored);
    }
    free(frames->list);
    *frames = (struct rows_out_frames){0};
}

static struct rows_out_frame *next_frame(struct rows_out_frames *frames)
{
    if (frames->count == frames->room) {
        size_t room = frames->room ? frames->room * 2 : 2;
        struct rows_out_frame *list = realloc(frames->list, room * sizeof *list);
        if (!list) return fail_memory(), NULL;
        memset(list + frames->room, 0, (room - frames->room) * sizeof *list);
        for (size_t i = frames->room; i < room; i++) {
            buf_init(&list[i].text, ROWS_FRAME_BYTES + ROW_BYTES_MAX + 1);
            buf_init(&list[i].stored, 2 * (ROWS_FRAME_BYTES + ROW_BYTES_MAX));
        }
        frames->list = list;
        frames->room = room;
    }
    struct rows_out_frame *frame = &frames->list[frames->count++];
    buf_clear(&frame->text);
    buf_clear(&frame->stored);
    frame->header = false;
    return frame;
}

int rows_writer_new(struct rows_writer **out, const struct columns *columns, rows_write_function *write, void *context, bool plain)
{
    struct rows_writer *w = calloc(1, sizeof *w);
    if (!w) return fail_memory();
    w->write = write;
    w->context = context;
    w->plain = plain;
    buf_init(&w->text, ROWS_FRAME_BYTES + ROW_BYTES_MAX + 1);
    w->hash = hash_stream_new();
    w->frame_rows = json_array();
    if (!w->hash || !w->frame_rows || columns_copy(&w->columns, columns) < 0) {
        rows_writer_free(w);
        return -1;
    }
    *out = w;
    return 0;
}

void rows_writer_free(struct rows_writer *w)
{
    if (!w) return;
    columns_free(&w->columns);
    buf_free(&w->text);
    hash_stream_free(w->hash);
    zframes_free(&w->frames);
    json_decref(w->frame_rows);
    free(w);
}

static int add_header(struct rows_writer *w, struct rows_out_frames *frames)
{
    if (w->header_done) return 0;
    struct rows_out_frame *frame = next_frame(frames);
    if (!frame) return -1;
    for (size_t i = 0; i < w->columns.count; i++)
        if ((i && buf_byte(&frame->text, '\t') < 0) || buf_add(&frame->text, str_from(w->columns.list[i].name)) < 0) return -1;
    if (buf_byte(&frame->text, '\n') < 0) return -1;
    frame->header = true;
    frame->rows = 0;
    w->header_done = true;
    return 0;
}

/* Hands the gathered lines over as a frame: the buffers change places, nothing is copied. */
static int cut_frame(struct rows_writer *w, struct rows_out_frames *frames)
{
    struct rows_out_frame *frame = next_frame(frames);
    if (!frame) return -1;
    struct buf swap = frame->text;
    frame->text = w->text;
    w->text = swap;
    frame->rows = w->text_rows;
    w->text_rows = 0;
    return 0;
}

static uint64_t count_lines(struct str s)
{
    uint64_t n = 0;
    for (const char *p = s.p, *end = s.p + s.n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++) n++;
    return n;
}

int rows_writer_add(struct rows_writer *w, struct str lines, uint64_t rows, struct rows_out_frames *frames)
{
    if (add_header(w, frames) < 0) return -1;
    while (w->text.n + lines.n >= ROWS_FRAME_BYTES) {
        /* the line that holds byte ROWS_FRAME_BYTES - 1 of the frame ends it */
        size_t from = ROWS_FRAME_BYTES - 1 - w->text.n;
        const char *end = memchr(lines.p + from, '\n', lines.n - from);
        size_t n = end ? (size_t)(end - lines.p) + 1 : lines.n;
        uint64_t lines_in_part = n == lines.n ? rows : count_lines(str_of(lines.p, n));
        if (buf_add(&w->text, str_of(lines.p, n)) < 0) return -1;
        w->text_rows += lines_in_part;
        rows -= lines_in_part;
        lines = str_from_at(lines, n);
        if (cut_frame(w, frames) < 0) return -1;
    }
    w->text_rows += rows;
    return buf_add(&w->text, lines);
}

int rows_writer_flush(struct rows_writer *w, struct rows_out_frames *frames)
{
    if (add_header(w, frames) < 0) return -1;
    return w->text.n ? cut_frame(w, frames) : 0;
}

int rows_frame_compress(const struct rows_writer *w, struct rows_out_frame *frame)
{
    return w->plain ? 0 : zframe_compress(&frame->stored, buf_str(&frame->text), ZFRAMES_LEVEL, &frame->frame);
}

int rows_writer_put(struct rows_writer *w, const struct rows_out_frame *frame)
{
    hash_stream_add(w->hash, buf_str(&frame->text));
    w->rows += frame->rows;
    if (w->plain) return w->write(w->context, buf_str(&frame->text));
    if (zframes_add(&w->frames, frame->frame) < 0) return -1;
    if (!frame->header && json_array_append_new(w->frame_rows, json_integer((json_int_t)frame->rows))) return fail_memory();
    return w->write(w->context, buf_str(&frame->stored));
}

static json_t *describe_columns(const struct columns *columns)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < columns->count; i++)
        json_array_append_new(list, json_pack("{s:s,s:s}", "name", columns->list[i].name, "type",
                                              column_type_name(columns->list[i].type)));
    return list;
}

int rows_writer_finish(struct rows_writer *w, json_t *about)
{
    if (w->plain) return 0;
    char hash[33];
    hash128_hex(hash_stream_value(w->hash), hash);
    json_t *object = json_object();
    int failed = json_object_update(object, about);
    failed |= json_object_set_new(object, "format", json_string(ROWS_FORMAT));
    failed |= json_object_set_new(object, "columns", describe_columns(&w->columns));
    failed |= json_object_set_new(object, "rows", json_integer((json_int_t)w->rows));
    failed |= json_object_set(object, "frame_rows", w->frame_rows);
    failed |= json_object_set_new(object, "xxh3_128", json_string(hash));
    char *text = failed ? NULL : json_dumps(object, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENSURE_ASCII);
    struct buf tail;
    buf_init(&tail, SIZE_MAX / 2);
    struct zframe frame;
    int result = text ? zframe_skippable(&tail, ROWS_DESCRIPTION_MAGIC, str_from(text), &frame) : fail_memory();
    if (result == 0) result = zframes_add(&w->frames, frame);
    if (result == 0) result = zframes_table(&tail, &w->frames);
    if (result == 0) result = w->write(w->context, buf_str(&tail));
    free(text);
    json_decref(object);
    buf_free(&tail);
    return result;
}

uint64_t rows_writer_rows(const struct rows_writer *w) { return w->rows; }
struct hash128 rows_writer_hash(const struct rows_writer *w) { return hash_stream_value(w->hash); }

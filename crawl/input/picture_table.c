#include "crawl/input/picture_table.h"

#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"
#include "pipeline/rows/rows.h"

#include <stdlib.h>

static const char *const names[] = {"url_xxh3", "src_file", "src_record", "warc_offset", "warc_length"};

enum { KEY_PARTS = 6, RECORD_BYTES = 8 * KEY_PARTS };

struct picture_table {
    struct extsort *sort;
};

struct picture_table *picture_table_open(size_t memory, const char *folder)
{
    struct picture_table *table = calloc(1, sizeof *table);
    if (!table) return fail_memory(), NULL;
    table->sort = extsort_open(memory, folder, RECORD_BYTES, NULL);
    if (table->sort) return table;
    free(table);
    return NULL;
}

void picture_table_close(struct picture_table *table)
{
    if (table) extsort_close(table->sort);
    free(table);
}

int picture_table_add(struct picture_table *table, const struct picture *p)
{
    const uint64_t parts[KEY_PARTS] = {p->url.high, p->url.low, p->file, p->record, p->offset, p->length};
    unsigned char record[RECORD_BYTES];
    for (size_t i = 0; i < KEY_PARTS; i++) extsort_put_u64(record + 8 * i, parts[i]);
    return extsort_add(table->sort, record);
}

static int format_line(struct buf *line, const unsigned char *record)
{
    uint64_t parts[KEY_PARTS];
    for (size_t i = 0; i < KEY_PARTS; i++) parts[i] = extsort_get_u64(record + 8 * i);
    char hex[33];
    hash128_hex((struct hash128){parts[0], parts[1]}, hex);
    if (buf_add(line, str_of(hex, 32)) < 0) return -1;
    bool placed = parts[KEY_PARTS - 1] != 0;
    for (size_t i = 2; i < KEY_PARTS; i++)
        if (buf_byte(line, '\t') < 0 || ((i < 4 || placed) && buf_u64(line, parts[i]) < 0)) return -1;
    return buf_byte(line, '\n');
}

static int write_bytes(void *context, struct str bytes) { return file_write(context, bytes); }

static int put_frames(struct rows_writer *writer, struct rows_out_frames *frames)
{
    for (size_t i = 0; i < frames->count; i++)
        if (rows_frame_compress(writer, &frames->list[i]) < 0 || rows_writer_put(writer, &frames->list[i]) < 0) return -1;
    frames->count = 0;
    return 0;
}

static int write_rows(struct picture_table *table, struct rows_writer *writer, struct rows_out_frames *frames, uint64_t *rows)
{
    struct buf lines;
    buf_init(&lines, 2 * ROWS_FRAME_BYTES);
    const void *record;
    int more = extsort_seal(table->sort);
    uint64_t count = 0;
    *rows = 0;
    while (more >= 0 && (more = extsort_next(table->sort, &record)) >= 0) {
        if (more && (count++, format_line(&lines, record) < 0)) more = -1;
        if (more == 0 || (more > 0 && lines.n >= ROWS_FRAME_BYTES)) {
            if (rows_writer_add(writer, buf_str(&lines), count, frames) < 0 || put_frames(writer, frames) < 0) more = -1;
            buf_clear(&lines);
            *rows += count;
            count = 0;
        }
        if (more == 0) break;
    }
    buf_free(&lines);
    return more < 0 ? -1 : 0;
}

int picture_table_write(struct picture_table *table, struct file_out *out, uint64_t *rows)
{
    struct rows_writer *writer = NULL;
    struct rows_out_frames frames = {0};
    struct columns columns;
    columns_init(&columns);
    int result = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names && result == 0; i++) result = columns_add(&columns, str_from(names[i]));
    if (result == 0) result = rows_writer_new(&writer, &columns, write_bytes, out, false);
    if (result == 0) result = write_rows(table, writer, &frames, rows);
    if (result == 0) result = rows_writer_flush(writer, &frames);
    if (result == 0) result = put_frames(writer, &frames);
    json_t *about = json_pack("{s:s}", "stage", "extract");
    if (result == 0) result = about ? rows_writer_finish(writer, about) : fail_memory();
    json_decref(about);
    rows_writer_free(writer);
    rows_out_frames_free(&frames);
    columns_free(&columns);
    return result;
}

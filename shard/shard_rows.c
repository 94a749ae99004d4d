/* The stage `shard`, what it tells of its samples: their rows, with shard, key and place in the tar, in FOLDER.meta. The index
 * is made from them. They rise by place like all rows: those of a shuffled block are written when all of it is. */
#include "pipeline/base/fail.h"
#include "shard/shard_private.h"

#include <stdlib.h>

enum { LINES_BYTES = 64 << 10, SAMPLE_COLUMNS = 4 };

static const char *const sample_columns[SAMPLE_COLUMNS] = {"shard", "key", "sample_offset", "sample_length"};

/* Where pictures lay before, and what is written anew. */
static bool stays_out(struct str name)
{
    static const char *const packs[] = {"image_pack", "image_offset", "image_length"};
    for (size_t i = 0; i < sizeof packs / sizeof *packs; i++)
        if (str_eq(name, str_from(packs[i]))) return true;
    for (size_t i = 0; i < SAMPLE_COLUMNS; i++)
        if (str_eq(name, str_from(sample_columns[i]))) return true;
    return false;
}

static int choose_columns(struct shard_rows *rows, const struct columns *in)
{
    rows->cells = calloc(in->count ? in->count : 1, sizeof *rows->cells);
    if (!rows->cells) return fail_memory();
    for (size_t i = 0; i < in->count; i++) {
        struct str name = str_from(in->list[i].name);
        if (stays_out(name)) continue;
        rows->cells[rows->cell_count++] = i;
        if (columns_add(&rows->columns, name) < 0) return -1;
    }
    for (size_t i = 0; i < SAMPLE_COLUMNS; i++)
        if (columns_add(&rows->columns, str_from(sample_columns[i])) < 0) return -1;
    return 0;
}

static int write_stored(void *context, struct str bytes) { return file_write(context, bytes); }

int shard_rows_open(struct stage_run *run)
{
    struct shard_rows *rows = &((struct shard *)run->state)->rows;
    char name[64];
    snprintf(name, sizeof name, "%s.rows.zst", run->output_stem);
    const char *path = shard_meta_path(run, name);
    buf_init(&rows->lines, 2 * ROW_BYTES_MAX + 2 * LINES_BYTES);
    buf_init(&rows->line, ROW_BYTES_MAX + 1);
    if (!path || choose_columns(rows, &run->in) < 0 || batch_init(&rows->batch, &run->in, 8 << 20) < 0) return -1;
    if (file_create(&rows->file, path) < 0) return -1;
    return rows_writer_new(&rows->writer, &rows->columns, write_stored, &rows->file, false);
}

/* Compresses and writes the frames that are full. */
static int put_frames(struct shard_rows *rows)
{
    for (size_t i = 0; i < rows->frames.count; i++) {
        struct rows_out_frame *frame = &rows->frames.list[i];
        if (rows_frame_compress(rows->writer, frame) < 0 || rows_writer_put(rows->writer, frame) < 0) return -1;
    }
    rows->frames.count = 0;
    return 0;
}

static int add_cells(struct shard *s, const struct row *row, const struct sample_at *at)
{
    struct shard_rows *rows = &s->rows;
    struct buf *line = &rows->lines;
    for (size_t i = 0; i < rows->cell_count; i++)
        if (buf_add(line, row->cells[rows->cells[i]]) < 0 || buf_byte(line, '\t') < 0) return -1;
    if (buf_u64(line, at->shard) < 0 || buf_byte(line, '\t') < 0) return -1;
    if (shard_sample_key(s, line, at->shard, at->index) < 0) return -1;
    return buf_printf(line, "\t%llu\t%llu\n", (unsigned long long)at->offset, (unsigned long long)at->length);
}

int shard_rows_add(struct shard *s, const struct row *row, const struct sample_at *at)
{
    struct shard_rows *rows = &s->rows;
    if (at->length == 0) return 0;
    buf_clear(&rows->lines);
    if (add_cells(s, row, at) < 0) return -1;
    s->rows_written++;
    if (rows_writer_add(rows->writer, buf_str(&rows->lines), 1, &rows->frames) < 0) return -1;
    return put_frames(rows);
}

int shard_rows_add_block(struct shard *s, const struct block *block)
{
    struct shard_rows *rows = &s->rows;
    for (size_t i = 0; i < shuffle_count(block->rows); i++) {
        if (block->at[i].length == 0) continue;
        batch_reset(&rows->batch);
        buf_clear(&rows->line);
        if (shuffle_line(block->rows, i, &rows->line) < 0 || batch_split(&rows->batch, buf_str(&rows->line), 1) < 0) return -1;
        if (shard_rows_add(s, &rows->batch.rows[0], &block->at[i]) < 0) return -1;
    }
    return 0;
}

int shard_rows_finish(struct stage_run *run)
{
    struct shard_rows *rows = &((struct shard *)run->state)->rows;
    if (rows_writer_flush(rows->writer, &rows->frames) < 0 || put_frames(rows) < 0) return -1;
    json_t *about = json_pack("{s:s,s:i}", "stage", run->line->command->name, "behaviour", run->stage->behaviour);
    int result = about ? rows_writer_finish(rows->writer, about) : fail_memory();
    json_decref(about);
    return result == 0 ? stage_publish(run, &rows->file, rows_writer_rows(rows->writer)) : -1;
}

void shard_rows_close(struct shard_rows *rows)
{
    rows_writer_free(rows->writer);
    rows_out_frames_free(&rows->frames);
    file_discard(&rows->file);
    columns_free(&rows->columns);
    batch_free(&rows->batch);
    buf_free(&rows->lines);
    buf_free(&rows->line);
    free(rows->cells);
}

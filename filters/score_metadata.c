/* What stands beside embeddings in clip-retrieval's layout: FOLDER/metadata/metadata_N.parquet, row i of row i of the .npy files.
 * image_path is the row's key, where it has one, else its id; caption its text; then its other columns, but where its picture lies in
 * packs, which no shard keeps. (spec: peers.md 3.4.) */
#include "filters/score.h"
#include "pipeline/base/fail.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static int write_part(void *context, struct str bytes) { return spill_add(context, bytes); }

static bool is_passed_over(struct str name)
{
    return str_starts(name, STR("image_")) && (str_eq(name, STR("image_pack")) || str_eq(name, STR("image_offset")) || str_eq(name, STR("image_length")));
}

static enum parquet_type type_of(const struct column *c)
{
    return c->type == COLUMN_UNSIGNED || c->type == COLUMN_SIGNED ? PARQUET_INT64 : c->type == COLUMN_FLOAT ? PARQUET_DOUBLE : PARQUET_TEXT;
}

static void add_column(struct score_metadata *m, const char *name, enum parquet_type type, size_t source)
{
    m->sources[m->count] = source;
    m->columns[m->count++] = (struct parquet_column){name, type};
}

int score_metadata_open(struct score_metadata *m, const struct columns *out, const char *tmp)
{
    size_t key = columns_find(out, STR("key")), text = columns_find(out, STR("text"));
    if (key == SIZE_MAX) key = columns_find(out, STR("id"));
    m->spill = SPILL_CLOSED;
    m->columns = calloc(out->count + 2, sizeof *m->columns);
    m->sources = calloc(out->count + 2, sizeof *m->sources);
    if (!m->columns || !m->sources) return fail_memory();
    add_column(m, "image_path", PARQUET_TEXT, key);
    add_column(m, "caption", PARQUET_TEXT, text);
    for (size_t i = 0; i < out->count; i++) {
        struct str name = str_from(out->list[i].name);
        bool taken = str_eq(name, STR("image_path")) || str_eq(name, STR("caption"));
        if (i != text && !taken && !is_passed_over(name)) add_column(m, out->list[i].name, type_of(&out->list[i]), i);
    }
    if (spill_open(&m->spill, tmp) < 0) return -1;
    return (m->parquet = parquet_open(m->columns, m->count, write_part, &m->spill)) ? 0 : -1;
}

int score_metadata_add(struct score_metadata *m, const struct row *row, struct arena *scratch)
{
    for (size_t i = 0; i < m->count; i++)
        if (parquet_cell(m->parquet, m->sources[i] == SIZE_MAX ? STR_ABSENT : row_text(row, m->sources[i], scratch)) < 0) return -1;
    m->rows++;
    return 0;
}

int score_metadata_publish(struct score_metadata *m, struct stage_run *run, const char *folder)
{
    char path[PATH_MAX];
    struct file_out out = {.fd = -1};
    if (score_npy_path(path, run, folder, "metadata/metadata_", ".parquet") < 0 || parquet_finish(m->parquet) < 0) return -1;
    if (file_create(&out, path) == 0 && score_npy_copy(&out, &m->spill) == 0) return stage_publish(run, &out, m->rows);
    file_discard(&out);
    return -1;
}

void score_metadata_close(struct score_metadata *m)
{
    if (!m->columns) return;
    parquet_close(m->parquet);
    spill_close(&m->spill);
    free(m->columns);
    free(m->sources);
}

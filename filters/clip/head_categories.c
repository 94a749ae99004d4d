#include "filters/clip/head_categories.h"

#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"

#include <jansson.h>
#include <libdeflate.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PACKED_MAX = 16 << 20, UNPACKED_MAX = 64 << 20, COLUMNS_MOST = 4096 };

static int unpack(struct buf *out, const char *path, struct str packed)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    size_t room = 1 << 20, got = 0;
    enum libdeflate_result result = LIBDEFLATE_INSUFFICIENT_SPACE;
    if (!d) return fail_memory();
    for (; result == LIBDEFLATE_INSUFFICIENT_SPACE && room <= UNPACKED_MAX; room *= 4)
        if (buf_reserve(out, room) < 0) break;
        else result = libdeflate_gzip_decompress(d, packed.p, packed.n, out->p, room, &got);
    libdeflate_free_decompressor(d);
    out->n = got;
    return result == LIBDEFLATE_SUCCESS ? 0 : fail("%s: not a gzip file of less than %d MiB", path, UNPACKED_MAX >> 20);
}

struct ranked {
    const char *text;
    uint32_t rank;
};

static int compare(const void *a, const void *b) { return strcmp(((const struct ranked *)a)->text, ((const struct ranked *)b)->text); }

static int read_column(struct category_column *c, const char *path, const char *name, json_t *list)
{
    uint64_t column;
    size_t n = json_array_size(list);
    if (str_to_u64(str_from(name), &column) < 0 || !json_is_array(list)) return fail("%s: '%s' is no column of texts", path, name);
    struct ranked *all = malloc((n + 1) * sizeof *all);
    c->texts = malloc((n + 1) * sizeof *c->texts);
    c->ranks = malloc((n + 1) * sizeof *c->ranks);
    int result = all && c->texts && c->ranks ? 0 : fail_memory();
    for (size_t i = 0; result == 0 && i < n; i++) {
        all[i] = (struct ranked){json_string_value(json_array_get(list, i)), (uint32_t)i + 1};
        if (!all[i].text) result = fail("%s: column %s: entry %zu is no text", path, name, i);
    }
    if (result == 0) qsort(all, n, sizeof *all, compare);
    for (size_t i = 0; result == 0 && i < n; i++) c->texts[i] = all[i].text, c->ranks[i] = all[i].rank;
    c->column = (size_t)column;
    c->count = n;
    free(all);
    return result;
}

static int read_columns(struct categories *c, const char *path)
{
    const char *name;
    json_t *list;
    size_t n = json_object_size(c->json);
    if (!json_is_object((json_t *)c->json) || n > COLUMNS_MOST) return fail("%s: no object of columns", path);
    c->columns = calloc(n + 1, sizeof *c->columns);
    if (!c->columns) return fail_memory();
    json_object_foreach ((json_t *)c->json, name, list)
        if (read_column(&c->columns[c->count++], path, name, list) < 0) return -1;
    return 0;
}

int categories_read(struct categories *c, const char *path)
{
    struct buf packed, text;
    json_error_t error;
    *c = (struct categories){.count = 0};
    buf_init(&packed, PACKED_MAX);
    buf_init(&text, UNPACKED_MAX);
    int result = buf_read_file(&packed, path);
    if (result == 0) result = unpack(&text, path, buf_str(&packed));
    if (result == 0) {
        c->digest = hash_xxh3_128(buf_str(&text), 0);
        c->json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
        result = c->json ? read_columns(c, path) : fail("%s: line %d: %s", path, error.line, error.text);
    }
    buf_free(&packed);
    buf_free(&text);
    return result;
}

void categories_free(struct categories *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->columns[i].texts);
        free(c->columns[i].ranks);
    }
    free(c->columns);
    json_decref(c->json);
    *c = (struct categories){.count = 0};
}

double category_rank(const struct category_column *column, float x)
{
    char text[64]; /* the largest float has 39 digits before the point */
    size_t low = 0, high = column->count;
    snprintf(text, sizeof text, "%f", (double)x);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(column->texts[middle], text);
        if (order == 0) return column->ranks[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return 0;
}

#include "filters/language/train/write_linear.h"

#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <stdlib.h>
#include <zstd.h>

static int32_t size_of(int32_t x) { return x < 0 ? -x : x; }
static int by_size(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

double quantise(const int32_t *weights, size_t rows, unsigned columns, unsigned from, unsigned count, int8_t *out)
{
    int32_t *sizes = malloc(rows * count * sizeof *sizes);
    if (!sizes) abort();
    size_t n = 0;
    for (size_t i = 0; i < rows; i++)
        for (unsigned c = from; c < from + count; c++)
            if (weights[i * columns + c]) sizes[n++] = size_of(weights[i * columns + c]);
    qsort(sizes, n, sizeof *sizes, by_size);
    int64_t scale = n ? sizes[n - 1 - n / 1000] : 1;
    free(sizes);
    for (size_t i = 0; i < rows; i++)
        for (unsigned c = from; c < from + count; c++) {
            int64_t w = weights[i * columns + c], q = ((w < 0 ? -w : w) * 100 + scale / 2) / scale;
            if (q > 127) q = 127;
            out[i * columns + c] = (int8_t)(w < 0 ? -q : q);
        }
    return (double)scale / 100;
}

static int add_number(struct buf *b, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        if (buf_byte(b, (char)(value >> 8 * i)) < 0) return -1;
    return 0;
}

static int write_packed(const char *path, struct str bytes)
{
    size_t room = ZSTD_compressBound(bytes.n);
    char *packed = malloc(room);
    if (!packed) return fail_memory();
    size_t n = ZSTD_compress(packed, room, bytes.p, bytes.n, 19);
    struct file_out out = {.fd = -1};
    int result = ZSTD_isError(n) ? fail("%s: %s", path, ZSTD_getErrorName(n)) : file_create(&out, path);
    if (result == 0) result = file_write(&out, str_of(packed, n));
    if (result == 0) result = file_publish(&out);
    file_discard(&out);
    free(packed);
    return result;
}

int write_linear(const char *path, unsigned rows_log2, unsigned columns, struct str note, const int8_t *rows)
{
    struct buf b;
    buf_init(&b, 1 << 30);
    int result = buf_add(&b, STR("winnow-linear 1\n"));
    if (result == 0) result = add_number(&b, rows_log2);
    if (result == 0) result = add_number(&b, columns);
    if (result == 0) result = add_number(&b, (uint32_t)note.n);
    if (result == 0) result = buf_add(&b, note);
    if (result == 0) result = buf_add(&b, str_of((const char *)rows, ((size_t)1 << rows_log2) * columns));
    if (result == 0) result = write_packed(path, buf_str(&b));
    buf_free(&b);
    return result;
}

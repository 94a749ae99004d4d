/* Reading hashed linear models, and finding those that come with winnow. */
#include "filters/language/linear.h"

#include "pipeline/base/buf.h"
#include "pipeline/base/cpu.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

enum { HUGE_PAGE = 2 << 20, HEAD = 28, PACKED_MOST = 64 << 20 };

static uint32_t number_at(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

void linear_add_portable(const struct linear *model, const uint32_t *features, size_t count, linear_sum *sums)
{
    for (size_t i = 0; i < count; i++) {
        if (i + LINEAR_AHEAD < count) __builtin_prefetch(linear_row_at(model, features[i + LINEAR_AHEAD]));
        const linear_row *row = linear_row_at(model, features[i]);
        for (unsigned b = 0; b < model->blocks; b++) sums[b] += __builtin_convertvector(row[b], linear_sum);
    }
}

static int unpack(struct str packed, struct buf *out)
{
    unsigned long long size = ZSTD_getFrameContentSize(packed.p, packed.n);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) return fail("no linear model: not one zstd frame with its size");
    if (size > out->ceiling) return fail("a linear model of %llu bytes: more than %zu are not read", size, out->ceiling);
    if (buf_reserve(out, (size_t)size + 1) < 0) return -1;
    size_t n = ZSTD_decompress(out->p, (size_t)size, packed.p, packed.n);
    if (ZSTD_isError(n) || n != size) return fail("a damaged linear model: %s", ZSTD_isError(n) ? ZSTD_getErrorName(n) : "it ends early");
    out->n = n;
    return 0;
}

static int fill(struct linear *m, struct str bytes)
{
    static const struct str magic = {"winnow-linear 1\n", 16};
    if (bytes.n < HEAD || !str_starts(bytes, magic)) return fail("no linear model: it does not begin with 'winnow-linear 1'");
    uint32_t log2 = number_at(bytes.p + 16), columns = number_at(bytes.p + 20), note = number_at(bytes.p + 24);
    if (log2 > LINEAR_ROWS_LOG2_MOST || columns < 1 || columns > LINEAR_COLUMNS_MOST || note > LINEAR_NOTE_MOST)
        return fail("a linear model of 2^%u rows, %u columns, a note of %u bytes: more than is read", log2, columns, note);
    size_t rows = (size_t)1 << log2;
    if (bytes.n != HEAD + (size_t)note + rows * columns) return fail("a damaged linear model: %zu bytes do not hold its rows", bytes.n);
    m->add = cpu_features() & CPU_AVX2 ? linear_add_avx2 : linear_add_portable;
    m->rows_log2 = log2;
    m->columns = columns;
    m->blocks = (columns + LINEAR_WIDTH - 1) / LINEAR_WIDTH;
    size_t stride = (size_t)m->blocks * LINEAR_WIDTH;
    size_t bytes_of_rows = (rows * stride + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    m->rows = aligned_alloc(HUGE_PAGE, bytes_of_rows);
    char *copy = malloc(note + 1);
    m->note = str_of(copy, note);
    if (!m->rows || !copy) return fail_memory();
    memcpy(copy, bytes.p + HEAD, note);
    madvise(m->rows, bytes_of_rows, MADV_HUGEPAGE); /* rows are asked for at random: small pages would cost a walk of the page table each */
    memset(m->rows, 0, rows * stride);
    const char *p = bytes.p + HEAD + note;
    for (size_t i = 0; i < rows; i++) memcpy((char *)m->rows + i * stride, p + i * columns, columns);
    hash128_hex(hash_xxh3_128(bytes, 0), m->digest);
    return 0;
}

struct linear *linear_read(struct str packed)
{
    struct buf bytes;
    buf_init(&bytes, HEAD + LINEAR_NOTE_MOST + ((size_t)LINEAR_COLUMNS_MOST << LINEAR_ROWS_LOG2_MOST));
    struct linear *m = calloc(1, sizeof *m);
    if (!m) return fail_memory(), NULL;
    if (unpack(packed, &bytes) < 0 || fill(m, buf_str(&bytes)) < 0) {
        linear_close(m);
        m = NULL;
    }
    buf_free(&bytes);
    return m;
}

struct linear *linear_open(const char *path)
{
    struct buf packed;
    buf_init(&packed, PACKED_MOST);
    bool read = buf_read_file(&packed, path) == 0;
    struct linear *m = read ? linear_read(buf_str(&packed)) : NULL;
    if (!m && read) fail_prefix("%s: ", path);
    buf_free(&packed);
    return m;
}

void linear_close(struct linear *m)
{
    if (!m) return;
    free(m->rows);
    free((void *)(uintptr_t)m->note.p);
    free(m);
}

struct str linear_note(const struct linear *m, struct str name)
{
    for (struct str rest = m->note; rest.n;) {
        struct str line = str_cut(&rest, '\n'), first = str_cut(&line, ' ');
        if (str_eq(first, name)) return line.p ? line : str_of(first.p + first.n, 0);
    }
    return STR_ABSENT;
}

int linear_find(const char *name, char *path)
{
    static const char *const places[] = {"filters/language/models", "../share/winnow/models", "../filters/language/models",
                                         "../../filters/language/models", "../../../filters/language/models",
                                         "../../../../filters/language/models"};
    const char *given = getenv("WINNOW_MODELS");
    if (given && snprintf(path, LINEAR_PATH_MOST, "%s/%s", given, name) < LINEAR_PATH_MOST && access(path, R_OK) == 0) return 0;
    char program[LINEAR_PATH_MOST];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = 0;
    char *slash = strrchr(program, '/');
    if (slash) *slash = 0;
    for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++)
        if (snprintf(path, LINEAR_PATH_MOST, "%s/%s/%s", program, places[i], name) < LINEAR_PATH_MOST && access(path, R_OK) == 0) return 0;
    return fail_usage("model '%s' is not installed: set WINNOW_MODELS to its folder", name);
}

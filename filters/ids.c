/* libcrypto's own MD5 functions, as base/hash takes its SHA-256: no provider is looked up. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "filters/ids.h"

#include "pipeline/base/fail.h"

#include <errno.h>
#include <openssl/md5.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 4096, NPY_HEADER_MAX = 64 << 10 };

int id_parse(struct str hex, unsigned char id[ID_BYTES])
{
    if (hex.n != 2 * ID_BYTES) return -1;
    for (size_t i = 0; i < ID_BYTES; i++) {
        int high = ascii_hex(hex.p[2 * i]), low = ascii_hex(hex.p[2 * i + 1]);
        if (high < 0 || low < 0) return -1;
        id[i] = (unsigned char)(high << 4 | low);
    }
    return 0;
}

void id_datacomp(struct str text, struct str url, unsigned char id[ID_BYTES])
{
    MD5_CTX md5;
    MD5_Init(&md5);
    MD5_Update(&md5, text.p ? text.p : "", text.n);
    MD5_Update(&md5, url.p ? url.p : "", url.n);
    MD5_Final(id, &md5);
}

static int add(struct ids *ids, size_t *room, const unsigned char id[ID_BYTES])
{
    if (ids->count == *room) {
        size_t more = *room ? *room * 2 : 1024;
        void *list = realloc(ids->list, more * sizeof *ids->list);
        if (!list) return fail_memory();
        ids->list = list;
        *room = more;
    }
    memcpy(ids->list[ids->count++], id, ID_BYTES);
    return 0;
}

static int read_lines(struct ids *ids, FILE *file, const char *path)
{
    char line[LINE_BYTES];
    size_t room = 0, number = 0;
    while (fgets(line, sizeof line, file)) {
        number++;
        struct str rest = str_from(line);
        if (rest.n + 1 == sizeof line && rest.p[rest.n - 1] != '\n')
            return fail_usage("%s:%zu: a line of over %d bytes", path, number, LINE_BYTES - 2);
        rest = str_trim(rest);
        struct str first = str_of(rest.p, 0);
        while (first.n < rest.n && !ascii_is_space(rest.p[first.n])) first.n++;
        if (first.n == 0 || (number == 1 && str_eq(first, STR("id")))) continue;
        unsigned char id[ID_BYTES];
        if (id_parse(first, id) < 0)
            return fail_usage("%s:%zu: '%.*s': expected 32 hexadecimal digits", path, number, STR_ARG(first));
        if (add(ids, &room, id) < 0) return -1;
    }
    return 0;
}

/* ---- .npy, version 1 or 2: magic, version, length of the header, the header (a Python dictionary), then the numbers */

static int read_npy_header(FILE *file, const char *path, uint64_t *count)
{
    unsigned char fixed[12];
    if (fread(fixed, 1, 10, file) != 10) return fail_usage("%s: a NumPy file without a header", path);
    size_t n = (size_t)fixed[8] | (size_t)fixed[9] << 8;
    if (fixed[6] >= 2) {
        if (fread(fixed + 10, 1, 2, file) != 2) return fail_usage("%s: a NumPy file without a header", path);
        n |= (size_t)fixed[10] << 16 | (size_t)fixed[11] << 24;
    }
    char *header = n <= NPY_HEADER_MAX ? malloc(n + 1) : NULL;
    if (!header || fread(header, 1, n, file) != n) {
        free(header);
        return fail_usage("%s: the NumPy header is cut or over %d bytes", path, NPY_HEADER_MAX);
    }
    header[n] = 0;
    struct str text = str_of(header, n);
    bool pairs = str_find(text, STR("[('f0', '<u8'), ('f1', '<u8')]")) != SIZE_MAX &&
                 str_find(text, STR("'fortran_order': False")) != SIZE_MAX;
    size_t shape = str_find(text, STR("'shape': ("));
    struct str number = shape == SIZE_MAX ? STR_ABSENT : str_from_at(text, shape + strlen("'shape': ("));
    size_t digits = 0;
    while (digits < number.n && ascii_is_digit(number.p[digits])) digits++;
    bool one_row = str_to_u64(str_of(number.p, digits), count) == 0 && str_starts(str_from_at(number, digits), STR(",)"));
    free(header);
    return pairs && one_row ? 0 : fail_usage("%s: not DataComp's: expected one row of pairs ('<u8', '<u8')", path);
}

static int read_npy(struct ids *ids, FILE *file, const char *path)
{
    uint64_t count;
    size_t room = 0;
    if (read_npy_header(file, path, &count) < 0) return -1;
    unsigned char pair[ID_BYTES], id[ID_BYTES];
    for (uint64_t i = 0; i < count; i++) {
        if (fread(pair, 1, ID_BYTES, file) != ID_BYTES)
            return fail_usage("%s: ends after %llu of %llu ids", path, (unsigned long long)i, (unsigned long long)count);
        for (int k = 0; k < 8; k++) id[k] = pair[7 - k], id[8 + k] = pair[15 - k]; /* little-endian halves */
        if (add(ids, &room, id) < 0) return -1;
    }
    return 0;
}

static int compare_ids(const void *a, const void *b) { return memcmp(a, b, ID_BYTES); }

static void sort(struct ids *ids)
{
    if (ids->count) qsort(ids->list, ids->count, sizeof *ids->list, compare_ids);
    size_t kept = 0;
    for (size_t i = 0; i < ids->count; i++)
        if (i == 0 || memcmp(ids->list[i], ids->list[kept - 1], ID_BYTES) != 0) memmove(ids->list[kept++], ids->list[i], ID_BYTES);
    ids->count = kept;
}

int ids_read(struct ids *ids, const char *path)
{
    static const char magic[6] = "\x93NUMPY";
    *ids = (struct ids){.count = 0};
    FILE *file = fopen(path, "rbe");
    if (!file) return fail_usage("%s: %s", path, strerror(errno));
    char first[sizeof magic];
    size_t got = fread(first, 1, sizeof first, file);
    ids->datacomp = got == sizeof first && memcmp(first, magic, sizeof magic) == 0;
    rewind(file);
    int result = ids->datacomp ? read_npy(ids, file, path) : read_lines(ids, file, path);
    if (result == 0 && ferror(file)) result = fail("%s: cannot read", path);
    fclose(file);
    if (result == 0) sort(ids);
    else ids_free(ids);
    return result;
}

void ids_free(struct ids *ids)
{
    free(ids->list);
    *ids = (struct ids){.count = 0};
}

bool ids_have(const struct ids *ids, const unsigned char id[ID_BYTES])
{
    return ids->count && bsearch(id, ids->list, ids->count, sizeof *ids->list, compare_ids);
}

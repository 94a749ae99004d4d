/* Lists of any bytes: cut at any record border they read like the whole, and JSON never reads beyond its end. The first byte
 * chooses the format, the second where to cut. */
#include "crawl/lists/json.h"
#include "crawl/lists/list.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good) abort();
}

struct sum { /* of what was read */
    uint64_t records, damaged, bytes, line;
};

static void read_all(struct sum *sum, const struct list_shape *shape, struct str bytes, uint64_t line)
{
    static const struct list_field fields[] = {{STR("a"), 0}, {STR("b"), 1}};
    static const struct str names[] = {STR("a"), STR("b")};
    struct arena scratch;
    arena_init(&scratch, 1 << 24);
    struct list_reader r = {.shape = *shape, .fields = fields, .names = names, .field_count = 2, .width = 2, .rest = bytes,
                            .line = line, .scratch = &scratch};
    struct str values[2];
    for (enum list_result got; (got = list_next(&r, values)) != LIST_END;) {
        sum->records++;
        sum->damaged += got == LIST_BAD;
        if (got == LIST_RECORD) sum->bytes += values[0].n + values[1].n;
        sum->line = sum->line * 31 + r.record_line;
    }
    arena_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct list_shape shapes[] = {{LIST_TSV, '\t'}, {LIST_CSV, ','}, {LIST_CSV, ' '}, {LIST_JSONL, 0}};
    if (size < 3 || size > 4096) return 0;
    const struct list_shape *shape = &shapes[data[0] % 4];
    size_t n = size - 2;
    char *copy = malloc(n);
    check(copy != NULL);
    memcpy(copy, data + 2, n);
    struct str bytes = str_of(copy, n);
    struct sum whole = {0}, parts = {0};
    read_all(&whole, shape, bytes, 1);
    struct list_cut all = list_cut(shape, bytes, true);
    check(all.bytes == n && all.records == whole.records);
    struct list_cut cut = list_cut(shape, str_of(copy, n * data[1] / 255), false);
    read_all(&parts, shape, str_of(copy, cut.bytes), 1);
    check(parts.records == cut.records);
    read_all(&parts, shape, str_from_at(bytes, cut.bytes), 1 + cut.lines);
    check(memcmp(&whole, &parts, sizeof whole) == 0);
    free(copy);
    return 0;
}

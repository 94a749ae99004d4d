/* A shuffled block: lines on disk, keys and offsets in memory, one sort. */
#include "shard/shuffle.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/spill.h"

#include <stdlib.h>

enum {
    WRITE_BYTES = 1 << 20,     /* lines are gathered to this before they are written */
    ROWS_MAX = 100 * 1000 * 1000, /* of a block: 4 GB of keys */
};

struct line {
    struct hash128 key;
    uint64_t offset;  /* in the spill */
    uint32_t bytes;   /* with its line feed */
    uint32_t added;   /* its number in the block */
};

struct shuffle {
    uint64_t seed;
    struct spill spill;
    struct buf waiting;    /* lines not yet written */
    struct line *lines;    /* in order of adding; sealed: in the seeded order */
    uint32_t *by_added;    /* sealed: index in `lines` of each row as added */
    size_t count, room;
};

struct hash128 shuffle_key(uint64_t seed, const struct place *place)
{
    const uint64_t parts[4] = {place->file, place->record, place->image, place->text};
    char bytes[32];
    for (unsigned i = 0; i < 32; i++) bytes[i] = (char)(parts[i / 8] >> 8 * (i % 8));
    return hash_xxh3_128(str_of(bytes, sizeof bytes), seed);
}

struct shuffle *shuffle_open(uint64_t seed, const char *folder)
{
    struct shuffle *s = calloc(1, sizeof *s);
    if (!s) return fail_memory(), NULL;
    s->seed = seed;
    s->spill = SPILL_CLOSED;
    buf_init(&s->waiting, WRITE_BYTES + 2 * ROW_BYTES_MAX);
    if (spill_open(&s->spill, folder) == 0) return s;
    shuffle_close(s);
    return NULL;
}

void shuffle_close(struct shuffle *s)
{
    if (!s) return;
    spill_close(&s->spill);
    buf_free(&s->waiting);
    free(s->lines);
    free(s->by_added);
    free(s);
}

static int write_waiting(struct shuffle *s)
{
    int result = spill_add(&s->spill, buf_str(&s->waiting));
    buf_clear(&s->waiting);
    return result;
}

int shuffle_add(struct shuffle *s, struct str line, const struct place *place)
{
    if (s->count == s->room) {
        size_t room = s->room ? s->room * 2 : 4096;
        struct line *lines = s->count >= ROWS_MAX ? NULL : realloc(s->lines, room * sizeof *lines);
        if (!lines) return s->count >= ROWS_MAX ? fail("a block of more than %d rows", ROWS_MAX) : fail_memory();
        s->lines = lines;
        s->room = room;
    }
    s->lines[s->count] = (struct line){shuffle_key(s->seed, place), s->spill.size + s->waiting.n, (uint32_t)line.n + 1,
                                       (uint32_t)s->count};
    s->count++;
    if (buf_add(&s->waiting, line) < 0 || buf_byte(&s->waiting, '\n') < 0) return -1;
    return s->waiting.n >= WRITE_BYTES ? write_waiting(s) : 0;
}

static int compare_lines(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = hash128_compare(x->key, y->key);
    return order ? order : (x->added > y->added) - (x->added < y->added);
}

int shuffle_seal(struct shuffle *s)
{
    if (write_waiting(s) < 0) return -1;
    buf_free(&s->waiting);
    s->by_added = malloc((s->count ? s->count : 1) * sizeof *s->by_added);
    if (!s->by_added) return fail_memory();
    if (s->count) qsort(s->lines, s->count, sizeof *s->lines, compare_lines);
    for (size_t i = 0; i < s->count; i++) s->by_added[s->lines[i].added] = (uint32_t)i;
    return 0;
}

size_t shuffle_count(const struct shuffle *s) { return s->count; }
size_t shuffle_at(const struct shuffle *s, size_t i) { return s->lines[i].added; }

int shuffle_line(const struct shuffle *s, size_t added, struct buf *out)
{
    const struct line *line = &s->lines[s->by_added[added]];
    if (buf_reserve(out, line->bytes) < 0 || spill_read(&s->spill, line->offset, out->p + out->n, line->bytes) < 0) return -1;
    out->n += line->bytes;
    return 0;
}

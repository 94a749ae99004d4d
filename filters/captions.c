#include "filters/captions.h"

#include "pipeline/base/buf.h"
#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/spill.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD = ID_BYTES + 8 /* offset of the text, big-endian: lines of an id stay in order */, BLOCK_BYTES = 1 << 20 };

struct captions {
    const char *bytes;
    size_t size;
    struct spill table;
    const unsigned char *records;
    size_t count;
};

static int map_file(struct captions *c, const char *path)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno("%s", path);
    int result = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? 0 : fail_usage("%s: no plain file: texts are looked up in it", path);
    void *bytes = result == 0 && about.st_size ? mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (bytes == MAP_FAILED) return fail_errno("%s: cannot be mapped", path);
    c->bytes = bytes;
    c->size = bytes ? (size_t)about.st_size : 0;
    return result;
}

static int sort_line(struct extsort *sort, const struct captions *c, struct str line)
{
    unsigned char record[RECORD];
    struct str text = line, id = str_cut(&text, '\t');
    if (!text.p) return fail_usage("no tab: expected an id, a tab, a text");
    if (id_parse(id, record) < 0) return fail_usage("'%.*s' is no id of 32 hexadecimal digits", (int)(id.n < 40 ? id.n : 40), id.p);
    extsort_put_u64(record + ID_BYTES, (uint64_t)(text.p - c->bytes));
    return extsort_add(sort, record);
}

static int sort_lines(struct extsort *sort, const struct captions *c, const char *path)
{
    struct str rest = str_of(c->bytes ? c->bytes : "", c->size);
    for (uint64_t number = 1; rest.n; number++) {
        struct str line = str_cut(&rest, '\n');
        if (!line.n || (number == 1 && str_starts(line, STR("id\t")))) continue;
        if (sort_line(sort, c, line) == 0) continue;
        if (!fail_is_memory()) fail_prefix("%s: line %llu: ", path, (unsigned long long)number);
        return -1;
    }
    return extsort_seal(sort);
}

/* The sorted records, in one mapped piece. */
static int write_table(struct captions *c, struct extsort *sort)
{
    struct buf block;
    const void *record;
    int got = 1;
    buf_init(&block, BLOCK_BYTES + RECORD);
    while (got > 0 && (got = extsort_next(sort, &record)) > 0) {
        if (buf_add(&block, str_of(record, RECORD)) < 0) got = -1;
        else if (block.n >= BLOCK_BYTES) got = spill_add(&c->table, buf_str(&block)) < 0 ? -1 : 1, buf_clear(&block);
    }
    if (got == 0 && block.n) got = spill_add(&c->table, buf_str(&block));
    buf_free(&block);
    if (got < 0 || !c->table.size) return got;
    void *records = mmap(NULL, (size_t)c->table.size, PROT_READ, MAP_PRIVATE, c->table.file, 0);
    if (records == MAP_FAILED) return fail_errno("a table of captions cannot be mapped");
    c->records = records;
    c->count = (size_t)c->table.size / RECORD;
    return 0;
}

struct captions *captions_open(const char *path, size_t memory, const char *tmp)
{
    struct captions *c = calloc(1, sizeof *c);
    struct extsort *sort = NULL;
    if (!c) return fail_memory(), NULL;
    c->table = SPILL_CLOSED;
    int result = map_file(c, path);
    if (result == 0 && !(sort = extsort_open(memory, tmp, RECORD, NULL))) result = -1;
    if (result == 0) result = sort_lines(sort, c, path);
    if (result == 0) result = spill_open(&c->table, tmp);
    if (result == 0) result = write_table(c, sort);
    extsort_close(sort);
    if (result == 0) return c;
    captions_close(c);
    return NULL;
}

void captions_close(struct captions *c)
{
    if (!c) return;
    if (c->records) munmap((void *)(uintptr_t)c->records, (size_t)c->table.size);
    if (c->bytes) munmap((void *)(uintptr_t)c->bytes, c->size);
    spill_close(&c->table);
    free(c);
}

static const unsigned char *record_at(const struct captions *c, size_t i) { return c->records + i * RECORD; }

size_t captions_find(const struct captions *c, const unsigned char id[ID_BYTES], struct str *lines, size_t most)
{
    size_t low = 0, high = c->count, n = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(record_at(c, middle), id, ID_BYTES) < 0) low = middle + 1;
        else high = middle;
    }
    for (; low < c->count && n < most && memcmp(record_at(c, low), id, ID_BYTES) == 0; low++) {
        size_t at = (size_t)extsort_get_u64(record_at(c, low) + ID_BYTES);
        struct str rest = str_of(c->bytes + at, c->size - at);
        lines[n++] = str_cut(&rest, '\n');
    }
    return n;
}

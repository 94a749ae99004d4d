/* APPNOTE 6.3: the end record is looked for from the file's end (section 4.3.16), then the directory is read entry by entry
 * (4.3.12) with the 64-bit sizes of its extra fields (4.5.3). */
#include "filters/clip/zip.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdlib.h>

#include "pipeline/base/fail.h"

enum {
    /* bytes before the variable parts */
    END_SIZE = 22, LOCATOR_SIZE = 20, END64_SIZE = 56, DIRECTORY_SIZE = 46, LOCAL_SIZE = 30,
    COMMENT_MOST = 0xFFFF,
    ENTRIES_MOST = 1 << 20, /* a large TorchScript archive has 3,000 */
    FLAG_ENCRYPTED = 1,
    EXTRA_ZIP64 = 1,
};
static const uint32_t narrow_none = 0xFFFFFFFFu; /* the number stands in the zip64 part */

static uint64_t little(struct str s, size_t at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = bytes; i-- > 0;) value = value << 8 | (unsigned char)s.p[at + i];
    return value;
}

static bool signature_at(struct str s, uint64_t at, const char *signature, uint64_t size)
{
    return s.n >= size && at <= s.n - size && memcmp(s.p + at, signature, 4) == 0;
}

bool zip_begins(struct str bytes) { return str_starts(bytes, STR("PK\3\4")); }

struct directory {
    uint64_t offset, size, entries;
};

static int find_directory(const struct zip *zip, struct directory *d)
{
    struct str s = zip->bytes;
    if (s.n < END_SIZE) return fail("%s: %zu bytes: too short for a zip file", zip->file, s.n);
    size_t at = s.n - END_SIZE, lowest = at > COMMENT_MOST ? at - COMMENT_MOST : 0;
    while (!(signature_at(s, at, "PK\5\6", END_SIZE) && at + END_SIZE + little(s, at + 20, 2) == s.n))
        if (at-- == lowest) return fail("%s: no zip directory at its end: cut off", zip->file);
    *d = (struct directory){little(s, at + 16, 4), little(s, at + 12, 4), little(s, at + 10, 2)};
    uint64_t part = little(s, at + 4, 2);
    if (at >= LOCATOR_SIZE && signature_at(s, at - LOCATOR_SIZE, "PK\6\7", LOCATOR_SIZE)) {
        uint64_t end64 = little(s, at - LOCATOR_SIZE + 8, 8);
        if (!signature_at(s, end64, "PK\6\6", END64_SIZE))
            return fail("%s: the zip64 end record is not where it should be", zip->file);
        struct str end = str_from_at(s, (size_t)end64);
        *d = (struct directory){little(end, 48, 8), little(end, 40, 8), little(end, 32, 8)};
        part = little(end, 16, 4);
    }
    if (part != 0) return fail("%s: a zip file in several parts", zip->file);
    if (d->offset > s.n || d->size > s.n - d->offset) return fail("%s: the zip directory lies outside the file", zip->file);
    if (d->entries > ENTRIES_MOST || d->entries > d->size / DIRECTORY_SIZE)
        return fail("%s: a zip directory of %" PRIu64 " entries in %" PRIu64 " bytes", zip->file, d->entries, d->size);
    return 0;
}

/* Size, packed size and offset that are too wide for 32 bits follow each other in the extra field, in this order. */
static int read_extra(const struct zip *zip, struct str extra, struct zip_entry *e)
{
    uint64_t *wide[] = {&e->size, &e->packed, &e->header};
    while (extra.n >= 4) {
        uint64_t id = little(extra, 0, 2), n = little(extra, 2, 2);
        if (n > extra.n - 4) break;
        struct str field = str_of(extra.p + 4, (size_t)n);
        for (unsigned i = 0; id == EXTRA_ZIP64 && i < 3; i++) {
            if (*wide[i] != narrow_none) continue;
            if (field.n < 8) return fail("%s: entry %.*s: its zip64 field is too short", zip->file, STR_ARG(e->name));
            *wide[i] = little(field, 0, 8);
            field = str_from_at(field, 8);
        }
        extra = str_from_at(extra, 4 + (size_t)n);
    }
    return 0;
}

static int read_entry(const struct zip *zip, struct str *rest, struct zip_entry *e)
{
    struct str s = *rest;
    if (!signature_at(s, 0, "PK\1\2", DIRECTORY_SIZE)) return fail("%s: the zip directory is damaged", zip->file);
    size_t name = (size_t)little(s, 28, 2), extra = (size_t)little(s, 30, 2), comment = (size_t)little(s, 32, 2);
    if (name + extra + comment > s.n - DIRECTORY_SIZE) return fail("%s: the zip directory is cut off", zip->file);
    *e = (struct zip_entry){
        .name = str_of(s.p + DIRECTORY_SIZE, name), .size = little(s, 24, 4), .packed = little(s, 20, 4),
        .header = little(s, 42, 4), .method = (unsigned)little(s, 10, 2), .flags = (unsigned)little(s, 8, 2),
        .crc = (uint32_t)little(s, 16, 4)};
    *rest = str_from_at(s, DIRECTORY_SIZE + name + extra + comment);
    return read_extra(zip, str_of(s.p + DIRECTORY_SIZE + name, extra), e);
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct zip_entry *)a)->name, ((const struct zip_entry *)b)->name);
}

int zip_open(struct zip *zip, const char *file, struct str bytes)
{
    struct directory d = {0};
    *zip = (struct zip){.file = file, .bytes = bytes};
    if (find_directory(zip, &d) < 0) return -1;
    struct str rest = str_of(bytes.p + d.offset, (size_t)d.size);
    zip->entries = malloc((size_t)(d.entries + 1) * sizeof *zip->entries);
    if (!zip->entries) return fail_memory();
    for (; zip->n < d.entries; zip->n++)
        if (read_entry(zip, &rest, &zip->entries[zip->n]) < 0) return -1;
    qsort(zip->entries, zip->n, sizeof *zip->entries, by_name);
    for (size_t i = 1; i < zip->n; i++)
        if (str_eq(zip->entries[i].name, zip->entries[i - 1].name))
            return fail("%s: entry %.*s stands twice", file, STR_ARG(zip->entries[i].name));
    return 0;
}

void zip_close(struct zip *zip)
{
    free(zip->entries);
    zip->entries = NULL;
    zip->n = 0;
}

const struct zip_entry *zip_find(const struct zip *zip, struct str name)
{
    struct zip_entry key = {.name = name};
    return zip->n ? bsearch(&key, zip->entries, zip->n, sizeof *zip->entries, by_name) : NULL;
}

/* Once an entry: many tensors may lie in one. */
static int check_intact(const struct zip *zip, const struct zip_entry *e, struct str content)
{
    if (e->intact || e->crc == 0) return 0;
    if (libdeflate_crc32(0, content.p, content.n) != e->crc)
        return fail("%s: entry %.*s: its content is not what the CRC in the zip directory says: damaged", zip->file, STR_ARG(e->name));
    zip->entries[e - zip->entries].intact = true;
    return 0;
}

int zip_stored(const struct zip *zip, const struct zip_entry *e, struct str *content)
{
    struct str s = zip->bytes;
    if (e->flags & FLAG_ENCRYPTED) return fail("%s: entry %.*s is encrypted", zip->file, STR_ARG(e->name));
    if (e->method != 0)
        return fail("%s: entry %.*s is compressed (method %u); torch stores it as it is", zip->file, STR_ARG(e->name),
                    e->method);
    if (!signature_at(s, e->header, "PK\3\4", LOCAL_SIZE))
        return fail("%s: entry %.*s is not where the zip directory says", zip->file, STR_ARG(e->name));
    uint64_t start = e->header + LOCAL_SIZE + little(s, (size_t)e->header + 26, 2) + little(s, (size_t)e->header + 28, 2);
    if (start > s.n || e->size > s.n - start || e->packed != e->size)
        return fail("%s: entry %.*s: %" PRIu64 " bytes reach outside the file", zip->file, STR_ARG(e->name), e->size);
    *content = str_of(s.p + start, (size_t)e->size);
    return check_intact(zip, e, *content);
}

/* Pictures out of packs. Rows name them by pack and offset in row order, so a handful of open packs serves any input. */
#include "shard/pictures.h"

#include "pipeline/base/fail.h"
#include "shard/store.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPEN_PACKS = 8, PACK_NAME_MAX = 255 /* of a file name on Linux */ };

struct open_pack {
    char name[PACK_NAME_MAX + 1];
    struct store *store; /* NULL: free */
    uint64_t used;       /* clock of the last use */
};

struct pictures {
    char *folder;
    size_t pack, offset, length, stored; /* columns; stored: SIZE_MAX where absent */
    struct open_pack open[OPEN_PACKS];
    uint64_t clock;
    struct arena scratch;
    char last_pack[PACK_NAME_MAX + 1];
    uint64_t last_offset;
};

static int find_column(const struct columns *columns, const char *name, size_t *at)
{
    *at = columns_find(columns, str_from(name));
    return *at == SIZE_MAX ? fail_usage("the rows have no column '%s': run 'winnow fetch' first", name) : 0;
}

struct pictures *pictures_open(const char *folder, const struct columns *columns)
{
    struct pictures *p = calloc(1, sizeof *p);
    if (!p || !(p->folder = strdup(folder))) {
        pictures_close(p);
        return fail_memory(), NULL;
    }
    arena_init(&p->scratch, 1 << 20);
    p->stored = columns_find(columns, STR("stored"));
    if (find_column(columns, "image_pack", &p->pack) < 0 || find_column(columns, "image_offset", &p->offset) < 0 ||
        find_column(columns, "image_length", &p->length) < 0) {
        pictures_close(p);
        return NULL;
    }
    return p;
}

void pictures_close(struct pictures *p)
{
    if (!p) return;
    for (size_t i = 0; i < OPEN_PACKS; i++) store_close(p->open[i].store);
    arena_free(&p->scratch);
    free(p->folder);
    free(p);
}

/* A bare file name: it cannot lead out of the folder. */
static bool is_bare_name(struct str name)
{
    return name.n > 0 && name.n <= PACK_NAME_MAX && !memchr(name.p, '/', name.n) && !memchr(name.p, 0, name.n) &&
           !str_eq(name, STR(".")) && !str_eq(name, STR(".."));
}

static struct store *pack_of(struct pictures *p, struct str name)
{
    struct open_pack *oldest = &p->open[0];
    for (size_t i = 0; i < OPEN_PACKS; i++) {
        struct open_pack *pack = &p->open[i];
        if (pack->store && str_eq(str_from(pack->name), name)) {
            pack->used = ++p->clock;
            return pack->store;
        }
        if (!pack->store || (oldest->store && pack->used < oldest->used)) oldest = pack;
    }
    char *path = NULL;
    if (asprintf(&path, "%s/%.*s", p->folder, STR_ARG(name)) < 0) return fail_memory(), NULL;
    struct store *store = store_open(path);
    free(path);
    if (!store) return NULL;
    store_close(oldest->store);
    *oldest = (struct open_pack){.store = store, .used = ++p->clock};
    memcpy(oldest->name, name.p, name.n);
    return store;
}

bool picture_begins_as(struct str bytes, struct str format)
{
    if (str_eq(format, STR("jpeg")) || str_eq(format, STR("jpg"))) return str_starts(bytes, STR("\xff\xd8"));
    if (str_eq(format, STR("png"))) return str_starts(bytes, STR("\x89PNG"));
    if (str_eq(format, STR("gif"))) return str_starts(bytes, STR("GIF8"));
    if (str_eq(format, STR("webp"))) return str_starts(bytes, STR("RIFF"));
    if (str_eq(format, STR("avif"))) return str_starts(str_from_at(bytes, 4), STR("ftyp"));
    return true;
}

int pictures_read(struct pictures *p, const struct row *row, struct buf *out)
{
    uint64_t length;
    size_t before = out->n;
    arena_reset(&p->scratch);
    struct str name = row_text(row, p->pack, &p->scratch);
    snprintf(p->last_pack, sizeof p->last_pack, "%.*s", STR_ARG(name));
    p->last_offset = 0;
    if (!is_bare_name(name)) return fail(name.n ? "image_pack is no bare file name" : "the row names no pack");
    if (row_u64(row, p->offset, &p->last_offset) < 0 || row_u64(row, p->length, &length) < 0)
        return fail("image_offset or image_length is no number");
    if (length == 0 || length > PICTURE_BYTES_MAX)
        return fail("image_length is %llu: 1 to %d are read", (unsigned long long)length, PICTURE_BYTES_MAX);
    struct store *store = pack_of(p, name);
    if (!store || store_read(store, p->last_offset, length, out) < 0) return -1;
    struct str format = p->stored == SIZE_MAX ? STR_ABSENT : row->cells[p->stored];
    if (picture_begins_as(str_from_at(buf_str(out), before), format)) return 0;
    out->n = before;
    return fail("no %.*s at this place of the pack", STR_ARG(format));
}

struct str pictures_pack(const struct pictures *p) { return str_from(p->last_pack); }
uint64_t pictures_offset(const struct pictures *p) { return p->last_offset; }

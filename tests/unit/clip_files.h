/* Model files made in memory, and temporary folders to put them in. */
#ifndef WINNOW_TESTS_CLIP_FILES_H
#define WINNOW_TESTS_CLIP_FILES_H

#include "pipeline/base/buf.h"
#include "tests/unit/shared.h"

#include <inttypes.h>
#include <sys/stat.h>

enum { MADE_MOST = 64 << 20 };

/* ---- safetensors: a header's text and the data behind it ---- */

static inline void make_safetensors(struct buf *out, const char *header, size_t data_bytes)
{
    size_t n = strlen(header);
    buf_init(out, MADE_MOST);
    for (unsigned i = 0; i < 8; i++) buf_byte(out, (char)((uint64_t)n >> (8 * i)));
    buf_add(out, str_from(header));
    for (size_t i = 0; i < data_bytes; i++) buf_byte(out, (char)i);
}

/* Tensor by tensor: safetensors_add appends entry and numbers, safetensors_end writes the file's bytes to `out`. */
struct safetensors_maker {
    struct buf header, data;
};

static inline void safetensors_begin(struct safetensors_maker *m)
{
    buf_init(&m->header, MADE_MOST);
    buf_init(&m->data, MADE_MOST);
    buf_byte(&m->header, '{');
}

static inline void safetensors_add(struct safetensors_maker *m, const char *name, const char *shape, const float *numbers,
                                   size_t n)
{
    buf_printf(&m->header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", m->header.n > 1 ? "," : "",
               name, shape, m->data.n, m->data.n + 4 * n);
    buf_add(&m->data, str_of((const char *)numbers, 4 * n));
}

static inline void safetensors_end(struct safetensors_maker *m, struct buf *out)
{
    buf_byte(&m->header, '}');
    buf_init(out, MADE_MOST);
    for (unsigned i = 0; i < 8; i++) buf_byte(out, (char)((uint64_t)m->header.n >> (8 * i)));
    buf_add(out, buf_str(&m->header));
    buf_add(out, buf_str(&m->data));
    buf_free(&m->header);
    buf_free(&m->data);
}

/* ---- zip, stored ---- */

struct zip_maker {
    struct buf file, directory;
    unsigned entries;
    bool wide; /* sizes and offsets in zip64 fields */
};

static inline void zip_number(struct buf *b, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++, value >>= 8) buf_byte(b, (char)value);
}

static inline void zip_begin(struct zip_maker *z, bool wide)
{
    *z = (struct zip_maker){.wide = wide};
    buf_init(&z->file, MADE_MOST);
    buf_init(&z->directory, MADE_MOST);
}

static inline void zip_add(struct zip_maker *z, const char *name, struct str content)
{
    size_t at = z->file.n, n = strlen(name);
    buf_add(&z->file, STR("PK\3\4\x14\0\0\0\0\0\0\0\0\0"));
    zip_number(&z->file, 0, 12); /* CRC and sizes: as writers that stream leave them */
    zip_number(&z->file, n, 2);
    zip_number(&z->file, 0, 2);
    buf_add(&z->file, str_from(name));
    buf_add(&z->file, content);
    buf_add(&z->directory, STR("PK\1\2\x14\0\x14\0\0\0\0\0\0\0\0\0"));
    zip_number(&z->directory, 0, 4);
    zip_number(&z->directory, z->wide ? UINT32_MAX : content.n, 4);
    zip_number(&z->directory, z->wide ? UINT32_MAX : content.n, 4);
    zip_number(&z->directory, n, 2);
    zip_number(&z->directory, z->wide ? 28 : 0, 2);
    zip_number(&z->directory, 0, 10);
    zip_number(&z->directory, z->wide ? UINT32_MAX : at, 4);
    buf_add(&z->directory, str_from(name));
    if (z->wide) {
        zip_number(&z->directory, 1, 2);
        zip_number(&z->directory, 24, 2);
        zip_number(&z->directory, content.n, 8);
        zip_number(&z->directory, content.n, 8);
        zip_number(&z->directory, at, 8);
    }
    z->entries++;
}

static inline struct str zip_end(struct zip_maker *z) /* lives until zip_free */
{
    size_t at = z->file.n, size = z->directory.n;
    buf_add(&z->file, buf_str(&z->directory));
    if (z->wide) {
        size_t end64 = z->file.n;
        buf_add(&z->file, STR("PK\6\6"));
        zip_number(&z->file, 44, 8);
        zip_number(&z->file, 0, 12);
        zip_number(&z->file, z->entries, 8);
        zip_number(&z->file, z->entries, 8);
        zip_number(&z->file, size, 8);
        zip_number(&z->file, at, 8);
        buf_add(&z->file, STR("PK\6\7\0\0\0\0"));
        zip_number(&z->file, end64, 8);
        zip_number(&z->file, 1, 4);
    }
    buf_add(&z->file, STR("PK\5\6\0\0\0\0"));
    zip_number(&z->file, z->wide ? 0xFFFF : z->entries, 2);
    zip_number(&z->file, z->wide ? 0xFFFF : z->entries, 2);
    zip_number(&z->file, z->wide ? UINT32_MAX : size, 4);
    zip_number(&z->file, z->wide ? UINT32_MAX : at, 4);
    zip_number(&z->file, 0, 2);
    return buf_str(&z->file);
}

static inline void zip_free(struct zip_maker *z)
{
    buf_free(&z->file);
    buf_free(&z->directory);
}

/* ---- folders ---- */

struct folder {
    char path[64];
};

static inline struct folder folder_new(void)
{
    struct folder f = {"/tmp/winnow-clip-XXXXXX"};
    if (!mkdtemp(f.path)) perror(f.path);
    return f;
}

static inline void folder_write(const struct folder *f, const char *name, struct str bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(bytes.p, 1, bytes.n, out) != bytes.n) perror(path);
    if (out) fclose(out);
}

static inline void folder_remove(const struct folder *f)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->path);
    if (system(command) != 0) perror(f->path);
}

/* Unpacks ../shared's small checkpoints: NAME/FILE for each. False when they are not there. */
static inline bool unpack_checkpoints(const struct folder *f)
{
    char command[8192];
    const char *path = shared_path("data/clip/checkpoints/checkpoints.tar.zst");
    if (!path) return false;
    snprintf(command, sizeof command, "zstd -dcq --long=27 '%s' | tar -x -C '%s'", path, f->path);
    return system(command) == 0;
}

#endif

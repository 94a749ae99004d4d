/* Manifests: written last, so that one that is there vouches for all that it names. */
#include "pipeline/manifest.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MANIFEST_BYTES_MAX = 256 << 20 };

int manifest_write(const char *path, json_t *manifest)
{
    char *body = json_dumps(manifest, JSON_SORT_KEYS | JSON_COMPACT);
    if (!body) return fail_memory();
    char hash[33];
    struct str before = str_of(body, strlen(body) - 1); /* without the closing brace */
    hash128_hex(hash_xxh3_128(before, 0), hash);
    struct file_out out;
    int result = file_create(&out, path);
    if (result == 0) {
        result = file_write(&out, before);
        if (result == 0) result = file_write(&out, STR(",\"xxh3_128\":\""));
        if (result == 0) result = file_write(&out, str_of(hash, 32));
        if (result == 0) result = file_write(&out, STR("\"}\n"));
        if (result == 0) result = file_publish(&out);
        file_discard(&out);
    }
    free(body);
    return result;
}

json_t *manifest_read(const char *path)
{
    struct buf text;
    buf_init(&text, MANIFEST_BYTES_MAX);
    json_t *manifest = NULL;
    static const struct str key = {",\"xxh3_128\":\"", 13};
    enum { TAIL = 13 + 32 + 3 };
    char hash[33] = "";
    if (buf_read_file(&text, path) < 0) {
        buf_free(&text);
        return NULL;
    }
    struct str s = buf_str(&text);
    if (s.n > TAIL && str_starts(str_from_at(s, s.n - TAIL), key)) hash128_hex(hash_xxh3_128(str_of(s.p, s.n - TAIL), 0), hash);
    if (s.n && !str_starts(s, STR("{\"behaviour\":"))) { /* the first of sorted keys */
        fail("%s: not a manifest such as NNNNN.json, or its first bytes are damaged", path);
    } else if (!*hash || memcmp(hash, s.p + s.n - TAIL + 13, 32) != 0) {
        fail("%s: damaged manifest: its hash does not fit; remove it and run again", path);
    } else {
        json_error_t error;
        manifest = json_loadb(s.p, s.n, 0, &error);
        if (!manifest) fail("%s: damaged manifest: %s", path, error.text);
    }
    buf_free(&text);
    return manifest;
}

static bool outputs_are_there(const char *path, json_t *manifest)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    size_t i;
    json_t *output;
    json_array_foreach(json_object_get(manifest, "outputs"), i, output) {
        char file[PATH_MAX];
        const char *name = json_string_value(json_object_get(output, "name"));
        uint64_t size;
        if (!name || snprintf(file, sizeof file, "%.*s%s", folder, path, name) >= (int)sizeof file) return false;
        if (file_size(file, &size) < 0 || size != (uint64_t)json_integer_value(json_object_get(output, "size"))) return false;
    }
    return true;
}

bool manifest_is_done(const char *path, json_t *expected)
{
    if (!file_exists(path)) return false;
    json_t *there = manifest_read(path);
    if (!there) return false;
    static const char *const keys[] = {"format", "stage", "behaviour", "parameters", "inputs", "task"};
    bool same = true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        same = same && json_equal(json_object_get(there, keys[i]), json_object_get(expected, keys[i]));
    same = same && outputs_are_there(path, there);
    json_decref(there);
    return same;
}

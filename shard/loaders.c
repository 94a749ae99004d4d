/* Indexes for other people's loaders. */
#include "shard/loaders.h"

#include "shard/sample.h"

int loaders_sizes(struct buf *out, const struct loader_shard *shards, size_t count)
{
    if (buf_byte(out, '{') < 0) return -1;
    for (size_t i = 0; i < count; i++)
        if (buf_printf(out, "%s\n    \"%s\": %llu", i ? "," : "", shards[i].name, (unsigned long long)shards[i].samples) < 0)
            return -1;
    return buf_add(out, count ? STR("\n}\n") : STR("}\n"));
}

int loaders_wids(struct buf *out, struct str folder, const struct loader_shard *shards, size_t count)
{
    while (folder.n && folder.p[folder.n - 1] == '/') folder.n--;
    for (size_t slash; (slash = str_find(folder, STR("/"))) != SIZE_MAX;) folder = str_from_at(folder, slash + 1);
    static const char head[] = "{\n    \"__kind__\": \"wids-shard-index-v1\",\n    \"wids_version\": 1,\n    \"name\": ";
    if (buf_add(out, str_from(head)) < 0 || sample_json_string(out, folder) < 0) return -1;
    if (buf_add(out, STR(",\n    \"shardlist\": [")) < 0) return -1;
    for (size_t i = 0; i < count; i++) {
        struct buf url; /* folders may be named in any script, shards are digits */
        buf_init(&url, folder.n + 64);
        int result = buf_printf(&url, "../%.*s/%s", STR_ARG(folder), shards[i].name);
        if (result == 0) result = buf_add(out, i ? STR(",\n        {\"url\": ") : STR("\n        {\"url\": "));
        if (result == 0) result = sample_json_string(out, buf_str(&url));
        if (result == 0)
            result = buf_printf(out, ", \"nsamples\": %llu, \"filesize\": %llu}", (unsigned long long)shards[i].samples,
                                (unsigned long long)shards[i].size);
        buf_free(&url);
        if (result < 0) return -1;
    }
    return buf_add(out, count ? STR("\n    ]\n}\n") : STR("]\n}\n"));
}

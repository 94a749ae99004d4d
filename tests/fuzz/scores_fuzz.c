/* Files that a score is given: the first byte says which. Lists of zero-shot classes; captions by id; a cache of embeddings. */
#include "filters/captions.h"
#include "filters/clip/cache.h"
#include "filters/clip/zeroshot.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void list(struct str text)
{
    struct zeroshot *z = zeroshot_parse("fuzz", STR("fuzz"), text);
    if (!z) return;
    if (zeroshot_take(z) < 1 || zeroshot_take(z) > zeroshot_classes(z)) abort();
    zeroshot_close(z);
}

/* Whatever is found lies in the file. */
static void captions(struct str text)
{
    char path[32];
    unsigned char id[ID_BYTES];
    struct str lines[4];
    int fd = memfd_create("captions", 0);
    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct captions *c = captions_open(path, 1 << 16, "/tmp");
    for (size_t at = 0; c && at + 32 <= text.n; at++) {
        if (id_parse(str_of(text.p + at, 32), id) < 0) continue;
        size_t n = captions_find(c, id, lines, 4);
        for (size_t i = 0; i < n; i++)
            if (lines[i].n > text.n || memchr(lines[i].p, '\n', lines[i].n)) abort();
    }
    captions_close(c);
    close(fd);
}

/* The key is the one that such a file's name must have, so that any header gets through. */
static void cache(struct str bytes)
{
    static const struct cache_key key = {.model = {1, 2}, .precision = "f32", .class = "cpu-avx2", .embed = 3, .width = 2};
    char folder[] = "/tmp/winnow-fuzz-XXXXXX", path[128], merged[128];
    static const float numbers[3] = {1, 2, 3};
    unsigned char name[CACHE_NAME];
    if (!mkdtemp(folder)) abort();
    struct cache_writer *w = cache_writer_open(folder, "0", &key, 1 << 16, "/tmp"); /* for the file's name */
    cache_name(name, STR("a"));
    if (!w || cache_writer_add(w, name, numbers, numbers) < 0 || cache_writer_publish(w) < 0) abort();
    cache_writer_close(w);
    struct cache_summary *sums;
    size_t count;
    if (cache_survey(folder, &sums, &count) < 0 || count != 1) abort();
    snprintf(path, sizeof path, "%s/%s-0.emb", folder, sums[0].key);
    snprintf(merged, sizeof merged, "%s/%s-merged.emb", folder, sums[0].key);
    free(sums);
    int fd = open(path, O_WRONLY | (bytes.n % 2 ? O_TRUNC : 0)); /* over a good file, or instead of it */
    if (fd < 0 || write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n) abort();
    close(fd);
    struct cache *c = cache_open(folder, &key);
    if (c) (void)cache_find(c, name);
    cache_close(c);
    if (cache_merge(folder, 1 << 16, "/tmp") < 0) abort();
    unlink(path);
    unlink(merged);
    if (rmdir(folder) < 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    struct str rest = str_of((const char *)data + 1, size - 1);
    if (data[0] % 3 == 0) list(rest);
    else if (data[0] % 3 == 1) captions(rest);
    else cache(rest);
    return 0;
}

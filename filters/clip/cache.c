#include "filters/clip/cache.h"

#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MOST = 100000, HEADER = 64, TRAILER = 16, KEY_DIGITS = 32 };

static const char magic[8] = "WNEMB1\n";

struct mapped {
    char *path;
    const unsigned char *bytes;
    size_t size;
    uint64_t records;
};

struct layout {
    unsigned char key[16];
    char hex[KEY_DIGITS + 1];
    uint32_t embed, width;
    size_t record; /* bytes */
};

struct cache {
    struct layout layout;
    struct mapped *files;
    size_t count;
};

void cache_name(unsigned char name[CACHE_NAME], struct str picture)
{
    unsigned char digest[32];
    hash_sha256(picture, digest);
    memcpy(name, digest, CACHE_NAME);
}

static int lay_out(struct layout *l, const struct cache_key *key)
{
    char text[256], model[33];
    if ((uint64_t)key->embed + key->width > CACHE_NUMBERS_MOST) return fail("embeddings of more than %d numbers", CACHE_NUMBERS_MOST);
    hash128_hex(key->model, model);
    int n = snprintf(text, sizeof text, "%s %s %s %u %u", model, key->precision, key->class, key->embed, key->width);
    struct hash128 h = hash_xxh3_128(str_of(text, (size_t)n), 0);
    hash128_hex(h, l->hex);
    extsort_put_u64(l->key, h.high);
    extsort_put_u64(l->key + 8, h.low);
    l->embed = key->embed;
    l->width = key->width;
    l->record = CACHE_NAME + ((size_t)key->embed + key->width) * sizeof(float);
    return 0;
}

/* ---- the bytes of a file */

static void put_header(const struct layout *l, unsigned char header[HEADER])
{
    memset(header, 0, HEADER);
    memcpy(header, magic, sizeof magic);
    memcpy(header + 8, l->key, 16);
    memcpy(header + 24, &l->embed, 4);
    memcpy(header + 28, &l->width, 4);
}

static void put_trailer(struct hash128 h, unsigned char trailer[TRAILER])
{
    memcpy(trailer, &h.low, 8);
    memcpy(trailer + 8, &h.high, 8);
}

static int check(const struct layout *l, struct mapped *m)
{
    unsigned char header[HEADER], trailer[TRAILER];
    put_header(l, header);
    if (m->size < HEADER + TRAILER || memcmp(m->bytes, header, HEADER) != 0) return fail("%s: not a cache of this model", m->path);
    size_t records = m->size - HEADER - TRAILER;
    if (records % l->record) return fail("%s: ends inside a record", m->path);
    put_trailer(hash_xxh3_128(str_of((const char *)m->bytes, m->size - TRAILER), 0), trailer);
    if (memcmp(m->bytes + m->size - TRAILER, trailer, TRAILER) != 0) return fail("%s: its hash does not agree", m->path);
    m->records = records / l->record;
    return 0;
}

static int map_file(const char *path, struct mapped *m)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno("%s", path);
    void *bytes = MAP_FAILED;
    if (fstat(fd, &about) == 0 && about.st_size > 0) bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED) return fail("%s: cannot be mapped", path);
    *m = (struct mapped){.path = strdup(path), .bytes = bytes, .size = (size_t)about.st_size};
    return m->path ? 0 : fail_memory();
}

static void unmap(struct mapped *m)
{
    if (m->bytes) munmap((void *)(uintptr_t)m->bytes, m->size);
    free(m->path);
    *m = (struct mapped){.path = NULL};
}

/* ---- reading */

static int add_file(struct cache *cache, const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct mapped m = {.path = NULL};
    struct mapped *files = realloc(cache->files, (cache->count + 1) * sizeof *files);
    if (!files) return fail_memory();
    cache->files = files;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return fail("%s: too long a path", folder);
    if (map_file(path, &m) == 0 && check(&cache->layout, &m) == 0) {
        cache->files[cache->count++] = m;
        return 0;
    }
    unmap(&m);
    if (fail_is_memory()) return -1;
    log_line("left aside: %s", fail_message());
    return 0;
}

static int list_files(const char *folder, const struct layout *l, char ***names, size_t *count)
{
    DIR *d = opendir(folder);
    struct dirent *entry;
    int result = 0;
    *names = NULL;
    *count = 0;
    if (!d) return errno == ENOENT ? 0 : fail_errno("%s", folder);
    while (result == 0 && (entry = readdir(d))) {
        struct str name = str_from(entry->d_name);
        if (!str_starts(name, str_of(l->hex, KEY_DIGITS)) || !str_ends(name, STR(".emb"))) continue;
        char **more = *count < FILES_MOST ? realloc(*names, (*count + 1) * sizeof *more) : NULL;
        if (!more) result = fail_memory();
        else *names = more;
        if (more && (more[*count] = strdup(entry->d_name))) ++*count;
    }
    closedir(d);
    return result;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

struct cache *cache_open(const char *folder, const struct cache_key *key)
{
    struct cache *cache = calloc(1, sizeof *cache);
    char **names = NULL;
    size_t count = 0;
    int result = cache ? lay_out(&cache->layout, key) : fail_memory();
    if (result == 0) result = list_files(folder, &cache->layout, &names, &count);
    for (size_t i = 0; result == 0 && i < count; i++) result = add_file(cache, folder, names[i]);
    free_names(names, count);
    if (result == 0) return cache;
    cache_close(cache);
    return NULL;
}

void cache_close(struct cache *cache)
{
    if (!cache) return;
    for (size_t i = 0; i < cache->count; i++) unmap(&cache->files[i]);
    free(cache->files);
    free(cache);
}

size_t cache_files(const struct cache *cache) { return cache->count; }

uint64_t cache_records(const struct cache *cache)
{
    uint64_t records = 0;
    for (size_t i = 0; i < cache->count; i++) records += cache->files[i].records;
    return records;
}

static const unsigned char *record_at(const struct cache *cache, const struct mapped *m, uint64_t i)
{
    return m->bytes + HEADER + i * cache->layout.record;
}

static const unsigned char *find_in(const struct cache *cache, const struct mapped *m, const unsigned char name[CACHE_NAME])
{
    uint64_t low = 0, high = m->records;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const unsigned char *record = record_at(cache, m, middle);
        int order = memcmp(record, name, CACHE_NAME);
        if (order == 0) return record;
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

const float *cache_find(const struct cache *cache, const unsigned char name[CACHE_NAME])
{
    const unsigned char *record = NULL;
    for (size_t i = 0; i < cache->count && !record; i++) record = find_in(cache, &cache->files[i], name);
    return record ? (const float *)(const void *)(record + CACHE_NAME) : NULL;
}

/* ---- writing */

struct cache_writer {
    struct layout layout;
    char *path;
    struct extsort *sort;
    unsigned char *record;
    uint64_t added;
};

struct cache_writer *cache_writer_open(const char *folder, const char *stem, const struct cache_key *key, size_t memory,
                                       const char *tmp)
{
    struct cache_writer *w = calloc(1, sizeof *w);
    int result = w ? lay_out(&w->layout, key) : fail_memory();
    if (result == 0 && asprintf(&w->path, "%s/%s-%s.emb", folder, w->layout.hex, stem) < 0) {
        w->path = NULL;
        result = fail_memory();
    }
    if (result == 0 && !(w->record = malloc(w->layout.record))) result = fail_memory();
    if (result == 0) result = (w->sort = extsort_open(memory, tmp, w->layout.record, NULL)) ? 0 : -1;
    if (result == 0) return w;
    cache_writer_close(w);
    return NULL;
}

int cache_writer_add(struct cache_writer *w, const unsigned char name[CACHE_NAME], const float *embedding, const float *pooled)
{
    size_t embed = w->layout.embed * sizeof *embedding;
    memcpy(w->record, name, CACHE_NAME);
    memcpy(w->record + CACHE_NAME, embedding, embed);
    memcpy(w->record + CACHE_NAME + embed, pooled, w->layout.width * sizeof *pooled);
    w->added++;
    return extsort_add(w->sort, w->record);
}

/* Adds what a file holds. */
static int add_records(struct cache_writer *w, const struct mapped *m)
{
    for (uint64_t i = 0; i < m->records; i++)
        if (extsort_add(w->sort, m->bytes + HEADER + i * w->layout.record) < 0) return -1;
    return 0;
}

static int keep_own(struct cache_writer *w)
{
    struct mapped m = {.path = NULL};
    if (!file_exists(w->path)) return 0;
    int result = map_file(w->path, &m);
    if (result == 0 && check(&w->layout, &m) == 0) result = add_records(w, &m);
    else result = fail_is_memory() ? -1 : 0; /* a damaged file is replaced */
    unmap(&m);
    return result;
}

static int write_sorted(struct cache_writer *w, struct file_out *out)
{
    unsigned char header[HEADER], trailer[TRAILER], last[CACHE_NAME];
    const void *record;
    bool any = false;
    int got;
    put_header(&w->layout, header);
    if (file_write(out, str_of((const char *)header, HEADER)) < 0 || extsort_seal(w->sort) < 0) return -1;
    while ((got = extsort_next(w->sort, &record)) > 0) {
        if (any && memcmp(last, record, CACHE_NAME) == 0) continue; /* the same picture, from another row or file */
        if (file_write(out, str_of(record, w->layout.record)) < 0) return -1;
        memcpy(last, record, CACHE_NAME);
        any = true;
    }
    if (got < 0) return -1;
    put_trailer(hash_stream_value(out->hash), trailer);
    return file_write(out, str_of((const char *)trailer, TRAILER));
}

static int publish(struct cache_writer *w)
{
    struct file_out out = {.fd = -1};
    int result = file_create(&out, w->path);
    if (result == 0) result = write_sorted(w, &out);
    if (result == 0) result = file_publish(&out);
    file_discard(&out);
    return result;
}

int cache_writer_publish(struct cache_writer *w)
{
    if (!w->added) return 0;
    return keep_own(w) < 0 ? -1 : publish(w);
}

void cache_writer_close(struct cache_writer *w)
{
    if (!w) return;
    extsort_close(w->sort);
    free(w->record);
    free(w->path);
    free(w);
}

int cache_merge(const char *folder, const struct cache_key *key, size_t memory, const char *tmp)
{
    struct cache *cache = cache_open(folder, key);
    struct cache_writer *w = cache ? cache_writer_open(folder, "merged", key, memory, tmp) : NULL;
    int result = w ? 0 : -1;
    size_t count = cache ? cache->count : 0;
    for (size_t i = 0; result == 0 && i < count; i++) result = add_records(w, &cache->files[i]);
    if (result == 0 && count) result = publish(w);
    for (size_t i = 0; result == 0 && i < count; i++)
        if (strcmp(cache->files[i].path, w->path) != 0) result = unlink(cache->files[i].path) < 0 ? fail_errno("%s", cache->files[i].path) : 0;
    cache_writer_close(w);
    cache_close(cache);
    return result < 0 ? -1 : (int)count;
}

#include "filters/clip/cache.h"

#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MOST = 100000, HEADER = 64, TRAILER = 16, KEY_DIGITS = 32, CHECK = 8, NUMBERS_AT = CACHE_NAME + CHECK };

static const char magic[8] = "WNEMB2\n";

struct mapped {
    char *path;
    const unsigned char *bytes;
    size_t size;
    uint64_t records;
    atomic_bool damaged; /* a record was met whose check does not agree */
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

static void set_record(struct layout *l, uint32_t embed, uint32_t width)
{
    l->embed = embed;
    l->width = width;
    l->record = NUMBERS_AT + ((size_t)embed + width) * sizeof(float);
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
    set_record(l, key->embed, key->width);
    return 0;
}

/* The layout that a file's own header says. */
static int lay_out_as(struct layout *l, const unsigned char header[HEADER])
{
    uint32_t embed, width;
    struct hash128 key = {.high = extsort_get_u64(header + 8), .low = extsort_get_u64(header + 16)};
    memcpy(&embed, header + 24, 4);
    memcpy(&width, header + 28, 4);
    if (memcmp(header, magic, sizeof magic) != 0 || (uint64_t)embed + width > CACHE_NUMBERS_MOST) return -1;
    memcpy(l->key, header + 8, 16);
    hash128_hex(key, l->hex);
    set_record(l, embed, width);
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

/* Header and size: what opening costs, however large the file is. */
static int check_shape(const struct layout *l, struct mapped *m)
{
    unsigned char header[HEADER];
    put_header(l, header);
    if (m->size < HEADER + TRAILER || memcmp(m->bytes, header, HEADER) != 0) return fail("%s: not a cache of this model", m->path);
    size_t records = m->size - HEADER - TRAILER;
    if (records % l->record) return fail("%s: ends inside a record", m->path);
    m->records = records / l->record;
    return 0;
}

/* Every byte. */
static int check_whole(const struct layout *l, struct mapped *m)
{
    unsigned char trailer[TRAILER];
    if (check_shape(l, m) < 0) return -1;
    put_trailer(hash_xxh3_128(str_of((const char *)m->bytes, m->size - TRAILER), 0), trailer);
    return memcmp(m->bytes + m->size - TRAILER, trailer, TRAILER) == 0 ? 0 : fail("%s: its hash does not agree", m->path);
}

/* Of a record: its name and numbers. */
static uint64_t check_of(const struct layout *l, const unsigned char *record)
{
    struct hash128 name = hash_xxh3_128(str_of((const char *)record, CACHE_NAME), 0);
    return hash_xxh3_128(str_of((const char *)record + NUMBERS_AT, l->record - NUMBERS_AT), name.low).low;
}

static bool record_is_whole(const struct layout *l, const unsigned char *record)
{
    uint64_t check;
    memcpy(&check, record + CACHE_NAME, sizeof check);
    return check == check_of(l, record);
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
    if (map_file(path, &m) == 0 && check_shape(&cache->layout, &m) == 0) {
        cache->files[cache->count++] = m;
        return 0;
    }
    unmap(&m);
    if (fail_is_memory()) return -1;
    log_line("left aside: %s", fail_message());
    return 0;
}

/* Files of a key; of all keys without one. */
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
        if ((l && !str_starts(name, str_of(l->hex, KEY_DIGITS))) || !str_ends(name, STR(".emb"))) continue;
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

/* Told once, by whichever thread meets it first. */
static const unsigned char *leave_aside(struct mapped *m)
{
    if (!atomic_exchange(&m->damaged, true)) log_line("left aside: %s: a record does not agree with its check", m->path);
    return NULL;
}

static const unsigned char *find_in(const struct cache *cache, struct mapped *m, const unsigned char name[CACHE_NAME])
{
    uint64_t low = 0, high = atomic_load_explicit(&m->damaged, memory_order_relaxed) ? 0 : m->records;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const unsigned char *record = record_at(cache, m, middle);
        int order = memcmp(record, name, CACHE_NAME);
        if (order == 0) return record_is_whole(&cache->layout, record) ? record : leave_aside(m);
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

const float *cache_find(const struct cache *cache, const unsigned char name[CACHE_NAME])
{
    const unsigned char *record = NULL;
    for (size_t i = 0; i < cache->count && !record; i++) record = find_in(cache, &cache->files[i], name);
    return record ? (const float *)(const void *)(record + NUMBERS_AT) : NULL;
}

/* ---- writing */

struct cache_writer {
    struct layout layout;
    char *path;
    struct extsort *sort;
    unsigned char *record;
    uint64_t added;
};

static struct cache_writer *open_writer(const char *folder, const char *stem, const struct layout *l, size_t memory, const char *tmp)
{
    struct cache_writer *w = calloc(1, sizeof *w);
    int result = w ? 0 : fail_memory();
    if (result == 0) w->layout = *l;
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

struct cache_writer *cache_writer_open(const char *folder, const char *stem, const struct cache_key *key, size_t memory,
                                       const char *tmp)
{
    struct layout l;
    return lay_out(&l, key) < 0 ? NULL : open_writer(folder, stem, &l, memory, tmp);
}

int cache_writer_add(struct cache_writer *w, const unsigned char name[CACHE_NAME], const float *embedding, const float *pooled)
{
    size_t embed = w->layout.embed * sizeof *embedding;
    memcpy(w->record, name, CACHE_NAME);
    memcpy(w->record + NUMBERS_AT, embedding, embed);
    memcpy(w->record + NUMBERS_AT + embed, pooled, w->layout.width * sizeof *pooled);
    const uint64_t check = check_of(&w->layout, w->record);
    memcpy(w->record + CACHE_NAME, &check, sizeof check);
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
    if (result == 0 && check_whole(&w->layout, &m) == 0) result = add_records(w, &m);
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

/* ---- whole folders */

struct survey {
    const char *folder;
    char **names; /* of the .emb files, sorted */
    size_t count;
};

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int survey_open(struct survey *s, const char *folder)
{
    *s = (struct survey){.folder = folder};
    if (!file_exists(folder)) return fail_usage("%s: no such folder", folder);
    int result = list_files(folder, NULL, &s->names, &s->count);
    if (result == 0 && s->count) qsort(s->names, s->count, sizeof *s->names, by_text);
    return result;
}

/* Maps file `i` and checks all of it; 1: whole, 0: damaged, with a sentence; -1. m is to be unmapped. */
static int survey_file(const struct survey *s, size_t i, struct mapped *m, struct layout *l)
{
    char path[PATH_MAX];
    *m = (struct mapped){.path = NULL};
    if (snprintf(path, sizeof path, "%s/%s", s->folder, s->names[i]) >= (int)sizeof path) return fail("%s: too long a path", s->folder);
    if (map_file(path, m) < 0) return fail_is_memory() ? -1 : 0;
    if (m->size < HEADER || lay_out_as(l, m->bytes) < 0) return fail("%s: no cache of this version", path), 0;
    if (strncmp(s->names[i], l->hex, KEY_DIGITS) != 0) return fail("%s: its key is %s: a renamed file is not found", path, l->hex), 0;
    return check_whole(l, m) == 0 ? 1 : 0;
}

static int add_summary(struct cache_summary **list, size_t *count, const struct layout *l, const struct mapped *m, bool whole)
{
    size_t at = 0;
    while (at < *count && strcmp((*list)[at].key, l->hex) != 0) at++;
    if (at == *count) {
        struct cache_summary *more = realloc(*list, (*count + 1) * sizeof *more);
        if (!more) return fail_memory();
        *list = more;
        more[(*count)++] = (struct cache_summary){.embed = l->embed, .width = l->width};
        memcpy(more[at].key, l->hex, sizeof more[at].key);
    }
    struct cache_summary *sum = &(*list)[at];
    sum->files++;
    sum->bytes += m->size;
    if (whole) sum->records += m->records;
    else sum->damaged++;
    return 0;
}

int cache_survey(const char *folder, struct cache_summary **list, size_t *count)
{
    struct survey s;
    int result = survey_open(&s, folder);
    *list = NULL;
    *count = 0;
    for (size_t i = 0; result == 0 && i < s.count; i++) {
        struct layout l = {.hex = "?"};
        struct mapped m;
        int whole = survey_file(&s, i, &m, &l);
        if (whole == 0) log_line("%s", fail_message());
        result = whole < 0 ? -1 : add_summary(list, count, &l, &m, whole > 0);
        unmap(&m);
    }
    free_names(s.names, s.count);
    return result;
}

/* Gathers the whole files of the key of file `from`; merged[i] says which they are. */
static int merge_key(const struct survey *s, size_t from, size_t memory, const char *tmp, bool *merged)
{
    struct cache_writer *w = NULL;
    char path[PATH_MAX];
    int result = 0, files = 0;
    for (size_t i = from; result == 0 && i < s->count; i++) {
        struct layout l = {.hex = "?"};
        struct mapped m;
        int whole = merged[i] || (w && strncmp(s->names[i], w->layout.hex, KEY_DIGITS) != 0) ? 2 : survey_file(s, i, &m, &l);
        if (whole == 2) continue;
        if (whole == 0) log_line("left aside: %s", fail_message());
        if (whole > 0 && !w && !(w = open_writer(s->folder, "merged", &l, memory, tmp))) whole = -1;
        result = whole < 0 || (whole && add_records(w, &m) < 0) ? -1 : 0;
        if (whole > 0) merged[i] = true, files++;
        unmap(&m);
        if (i == from && !w) return result; /* damaged: no key to gather */
    }
    if (result == 0 && w) result = publish(w);
    for (size_t i = from; result == 0 && w && i < s->count; i++) {
        if (!merged[i] || strncmp(s->names[i], w->layout.hex, KEY_DIGITS) != 0) continue;
        snprintf(path, sizeof path, "%s/%s", s->folder, s->names[i]);
        if (strcmp(path, w->path) != 0 && unlink(path) < 0) result = fail_errno("%s", path);
    }
    cache_writer_close(w);
    return result < 0 ? -1 : files;
}

int cache_merge(const char *folder, size_t memory, const char *tmp)
{
    struct survey s;
    int result = survey_open(&s, folder), files = 0;
    bool *merged = result == 0 ? calloc(s.count + 1, sizeof *merged) : NULL;
    if (result == 0 && !merged) result = fail_memory();
    for (size_t i = 0; result == 0 && i < s.count; i++) {
        int n = merged[i] ? 0 : merge_key(&s, i, memory, tmp, merged);
        files += n > 0 ? n : 0;
        result = n < 0 ? -1 : 0;
    }
    free(merged);
    free_names(s.names, s.count);
    return result < 0 ? -1 : files;
}

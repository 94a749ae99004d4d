/* Files are mapped privately and read-only; the parsers make slices of the mapping, and one sorted list serves the lookups. */
#include "filters/clip/weights.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filters/clip/npy.h"
#include "filters/clip/safetensors.h"
#include "filters/clip/torchzip.h"
#include "filters/clip/zip.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

enum {
    SHARDS_MOST = 1000,
    INDEX_MOST = 16 << 20 /* bytes of an index: a line a tensor */
};

struct mapping {
    char *path;
    void *p;
    size_t n;
};

struct weights {
    char *name, *folder;
    struct mapping *files;
    size_t files_n;
    struct tensor_list list;
};

static char *join(const char *folder, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0) return fail_memory(), NULL;
    return path;
}

static int map_file(struct mapping *m)
{
    struct stat about;
    int fd = open(m->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno("%s", m->path);
    int result = fstat(fd, &about) < 0 ? fail_errno("%s", m->path) : 0;
    if (result == 0 && !S_ISREG(about.st_mode)) result = fail("%s: not a file", m->path);
    if (result == 0 && about.st_size == 0) result = fail("%s: empty", m->path);
    if (result == 0) {
        m->n = (size_t)about.st_size;
        m->p = mmap(NULL, m->n, PROT_READ, MAP_PRIVATE, fd, 0);
        if (m->p == MAP_FAILED) {
            m->p = NULL;
            result = fail_errno("%s: map", m->path);
        }
    }
    close(fd);
    return result;
}

static int read_npy(const char *file, struct str bytes, struct tensor_list *list)
{
    struct tensor t;
    return npy_read(file, bytes, &t) < 0 ? -1 : tensor_list_add(list, &t);
}

static int read_mapped(const struct mapping *m, struct tensor_list *list)
{
    struct str bytes = str_of(m->p, m->n);
    if (npy_begins(bytes)) return read_npy(m->path, bytes, list);
    if (zip_begins(bytes)) return torchzip_read(m->path, bytes, list);
    if (str_starts(bytes, STR("\x80\x02")) || str_starts(bytes, STR("\x80\x04"))) /* a pickle alone */
        return fail("%s: torch's format before 1.6, which is not read: load it with torch and save it again", m->path);
    if (str_starts(bytes, STR("version https://git-lfs")))
        return fail("%s: a pointer of Git LFS, not the file: fetch it with git lfs pull", m->path);
    return safetensors_read(m->path, bytes, list);
}

static int add_file(struct weights *w, char *path) /* takes the path over */
{
    struct mapping *m = &w->files[w->files_n++];
    *m = (struct mapping){.path = path};
    return map_file(m) < 0 ? -1 : read_mapped(m, &w->list);
}

/* ---- shards ---- */

static int by_string(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The different file names of an index, sorted; they live in `map`. */
static int shard_names(const char *path, json_t *map, const char **names, size_t *n)
{
    const char *tensor;
    json_t *file;
    size_t all = 0;
    json_object_foreach (map, tensor, file) {
        const char *name = json_string_value(file);
        if (!name || !*name || strchr(name, '/')) return fail("%s: tensor %s: its file is no plain name", path, tensor);
        names[all++] = name;
    }
    qsort(names, all, sizeof *names, by_string);
    *n = 0;
    for (size_t i = 0; i < all; i++)
        if (!*n || strcmp(names[*n - 1], names[i]) != 0) names[(*n)++] = names[i];
    return *n <= SHARDS_MOST ? 0 : fail("%s: %zu files; at most %d are read", path, *n, SHARDS_MOST);
}

/* The index and the files say the same: each tensor lies in the file that the index names, and no other is there. */
static int check_index(const char *path, const struct weights *w, json_t *map)
{
    for (size_t i = 0; i < w->list.n; i++) {
        const struct tensor *t = &w->list.items[i];
        const char *name = json_string_value(json_object_getn(map, t->name.p, t->name.n));
        const char *slash = strrchr(t->file, '/');
        if (!name || strcmp(name, slash ? slash + 1 : t->file) != 0)
            return fail("%s: tensor %.*s: it lies in %s, the index says %s", path, STR_ARG(t->name), t->file,
                        name ? name : "nothing");
    }
    if (json_object_size(map) != w->list.n)
        return fail("%s: %zu tensors in the index, %zu in the files", path, json_object_size(map), w->list.n);
    return 0;
}

static int add_shards(struct weights *w, const char *path, json_t *map)
{
    size_t n = 0, tensors = json_object_size(map);
    const char **names = calloc(tensors + 1, sizeof *names);
    if (!names) return fail_memory();
    int result = shard_names(path, map, names, &n);
    if (result == 0 && !(w->files = calloc(n + 1, sizeof *w->files))) result = fail_memory();
    for (size_t i = 0; result == 0 && i < n; i++) {
        char *file = join(w->folder, names[i]);
        result = file ? add_file(w, file) : -1;
    }
    free(names);
    if (result == 0 && tensor_list_sort(&w->list) < 0) return fail_prefix("%s: ", path), -1;
    return result == 0 ? check_index(path, w, map) : -1;
}

static int open_index(struct weights *w, const char *path)
{
    struct buf text;
    json_error_t error;
    buf_init(&text, INDEX_MOST);
    int result = buf_read_file(&text, path);
    json_t *index = result < 0 ? NULL : json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);
    if (result == 0 && !index) result = fail("%s: line %d: %s", path, error.line, error.text);
    json_t *map = json_object_get(index, "weight_map");
    if (result == 0 && !json_object_size(map)) result = fail("%s: no weight_map", path);
    if (result == 0) result = add_shards(w, path, map);
    json_decref(index);
    buf_free(&text);
    return result;
}

/* ---- opening ---- */

static const char *const candidates[] = {
    /* in an OpenCLIP folder first, OpenCLIP's order */
    "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin", "open_clip_model.pt",
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt",
    "model.pth"};
enum { OPENCLIP_CANDIDATES = 4 };

/* The one file of a folder that can hold a model by its ending; NULL without a sentence when there is none or a choice. */
static char *only_file(const char *folder)
{
    static const char *const endings[] = {".pt", ".pth", ".bin", ".safetensors"};
    struct dirent *entry;
    char *found = NULL;
    DIR *d = opendir(folder);
    for (unsigned n = 0; d && (entry = readdir(d));) {
        bool fits = false;
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
            fits |= str_ends(str_from(entry->d_name), str_from(endings[i]));
        if (!fits) continue;
        free(found);
        found = n++ ? NULL : join(folder, entry->d_name);
    }
    if (d) closedir(d);
    return found;
}

static char *find_in_folder(const char *folder)
{
    char *config = join(folder, "open_clip_config.json");
    if (!config) return NULL;
    size_t i = file_exists(config) ? 0 : OPENCLIP_CANDIDATES;
    free(config);
    for (; i < sizeof candidates / sizeof *candidates; i++) {
        char *path = join(folder, candidates[i]);
        if (!path || file_exists(path)) return path;
        free(path);
    }
    char *only = only_file(folder);
    if (only) return only;
    fail("%s: no model file in this folder (model.safetensors, its index, pytorch_model.bin, open_clip_model.safetensors, …)",
         folder);
    return NULL;
}

static int set_names(struct weights *w, const char *path)
{
    struct stat about;
    if (stat(path, &about) < 0) return fail_errno("%s", path);
    w->name = S_ISDIR(about.st_mode) ? find_in_folder(path) : strdup(path);
    if (!w->name) return S_ISDIR(about.st_mode) ? -1 : fail_memory();
    const char *slash = strrchr(w->name, '/');
    w->folder = slash ? strndup(w->name, slash == w->name ? 1 : (size_t)(slash - w->name)) : strdup(".");
    return w->folder ? 0 : fail_memory();
}

static int open_single(struct weights *w)
{
    char *path = strdup(w->name);
    w->files = calloc(1, sizeof *w->files);
    if (!path || !w->files) {
        free(path);
        return fail_memory();
    }
    if (add_file(w, path) < 0) return -1;
    return tensor_list_sort(&w->list) < 0 ? (fail_prefix("%s: ", w->name), -1) : 0;
}

struct weights *weights_open(const char *path)
{
    struct weights *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    tensor_list_init(&w->list);
    int result = set_names(w, path);
    if (result == 0) result = str_ends(str_from(w->name), STR(".index.json")) ? open_index(w, w->name) : open_single(w);
    if (result == 0) return w;
    weights_close(w);
    return NULL;
}

void weights_close(struct weights *w)
{
    if (!w) return;
    tensor_list_free(&w->list);
    for (size_t i = 0; i < w->files_n; i++) {
        if (w->files[i].p) munmap(w->files[i].p, w->files[i].n);
        free(w->files[i].path);
    }
    free(w->files);
    free(w->name);
    free(w->folder);
    free(w);
}

const char *weights_name(const struct weights *w) { return w->name; }
const char *weights_folder(const struct weights *w) { return w->folder; }
size_t weights_count(const struct weights *w) { return w->list.n; }
const struct tensor *weights_at(const struct weights *w, size_t i) { return &w->list.items[i]; }
const struct tensor *weights_find(const struct weights *w, struct str name) { return tensor_list_find(&w->list, name); }

/* ---- the digest ---- */

static int add_elements(struct hash_stream *h, const struct tensor *t)
{
    if (tensor_row_major(t)) return hash_stream_add(h, t->data), 0;
    char *packed = malloc(t->count * tensor_type_size(t->type));
    if (!packed) return fail_memory();
    tensor_pack(t, packed);
    hash_stream_add(h, str_of(packed, t->count * tensor_type_size(t->type)));
    free(packed);
    return 0;
}

int weights_digest(const struct weights *w, struct hash128 *digest)
{
    struct hash_stream *h = hash_stream_new();
    if (!h) return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < w->list.n; i++) {
        const struct tensor *t = &w->list.items[i];
        char text[TENSOR_SHAPE_TEXT];
        hash_stream_add(h, str_of(t->name.p, t->name.n));
        hash_stream_add(h, str_of("", 1)); /* a NUL between name, type and shape */
        hash_stream_add(h, str_from(tensor_type_name(t->type)));
        hash_stream_add(h, str_from(tensor_shape_text(t, text)));
        result = add_elements(h, t);
    }
    *digest = hash_stream_value(h);
    hash_stream_free(h);
    return result;
}

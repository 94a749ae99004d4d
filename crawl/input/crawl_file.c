#include "crawl/input/crawl_file.h"

#include "pipeline/base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 << 10, /* at once; also how far behind a chunk the next start is usually found */
};

struct crawl_file {
    char *path;
    int fd;
    size_t chunk_bytes;
    struct warc_prober *prober;
    struct buf rest;       /* read, but not yet part of a chunk */
    uint64_t begin;        /* where the range begins */
    uint64_t left;         /* bytes of the range that are not read yet */
    uint64_t offset;       /* of the next chunk */
    enum warc_kind kind;
    bool kind_known, border, ended, done;
};

void crawl_chunk_init(struct crawl_chunk *chunk)
{
    *chunk = (struct crawl_chunk){.offset = 0};
    buf_init(&chunk->bytes, (size_t)WARC_FEED_BYTES_MAX);
}

void crawl_chunk_free(struct crawl_chunk *chunk) { buf_free(&chunk->bytes); }

struct str crawl_entry_split(const char *entry, uint64_t *offset, uint64_t *length)
{
    struct str whole = str_from(entry), rest = whole;
    uint64_t number[2];
    for (int i = 1; i >= 0; i--) {
        rest = str_trim(rest);
        size_t at = rest.n;
        while (at && ascii_is_digit(rest.p[at - 1])) at--;
        if (!at || !ascii_is_space(rest.p[at - 1]) || str_to_u64(str_from_at(rest, at), &number[i]) < 0) {
            *offset = 0;
            *length = UINT64_MAX;
            return whole;
        }
        rest.n = at;
    }
    *offset = number[0];
    *length = number[1];
    return str_trim(rest);
}

int crawl_file_open(struct crawl_file **file, const char *entry, size_t chunk)
{
    struct crawl_file *f = *file = calloc(1, sizeof *f);
    if (!f) return fail_memory();
    f->fd = -1;
    f->chunk_bytes = chunk ? chunk : CRAWL_CHUNK_BYTES;
    buf_init(&f->rest, (size_t)WARC_FEED_BYTES_MAX);
    struct str path = crawl_entry_split(entry, &f->begin, &f->left);
    f->path = strndup(path.p, path.n);
    f->prober = warc_prober_new();
    int result = f->path && f->prober ? 0 : fail_memory();
    if (result == 0) {
        bool standard_input = strcmp(f->path, "-") == 0;
        f->fd = standard_input ? dup(STDIN_FILENO) : open(f->path, O_RDONLY | O_CLOEXEC);
        if (f->fd < 0) result = fail_errno("cannot open");
        else if (f->begin && lseek(f->fd, (off_t)f->begin, SEEK_SET) < 0) result = fail_errno("cannot seek to offset %llu", (unsigned long long)f->begin);
        else if (!standard_input) posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    f->offset = f->begin;
    f->border = true;
    if (result < 0) crawl_file_close(f), *file = NULL;
    return result;
}

void crawl_file_close(struct crawl_file *f)
{
    if (!f) return;
    if (f->fd >= 0) close(f->fd);
    buf_free(&f->rest);
    warc_prober_free(f->prober);
    free(f->path);
    free(f);
}

const char *crawl_file_path(const struct crawl_file *f) { return f->path; }
uint64_t crawl_file_begin(const struct crawl_file *f) { return f->begin; }

/* Reads on until `to` holds `size` bytes or the file ends. */
static int read_up_to(struct crawl_file *f, struct buf *to, size_t size)
{
    if (to->n < size && buf_reserve(to, size - to->n) < 0) return -1;
    while (to->n < size && !f->ended) {
        size_t want = size - to->n < f->left ? size - to->n : (size_t)f->left;
        ssize_t got = want ? read(f->fd, to->p + to->n, want) : 0;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("cannot read at offset %llu", (unsigned long long)(f->offset + to->n));
        f->ended = got == 0;
        to->n += (size_t)got;
        f->left -= (uint64_t)got;
    }
    return 0;
}

static bool has_starts(enum warc_kind kind)
{
    return kind == WARC_KIND_PLAIN || kind == WARC_KIND_GZIP || kind == WARC_KIND_ZSTD;
}

/* Where to cut what is being read into `bytes`: *follow says whether a start was found there. */
static int find_cut(struct crawl_file *f, struct buf *bytes, size_t *cut, enum warc_follow *follow)
{
    /* behind a forced cut the next start ends the chunk, since everything before it is read by one thread */
    size_t at = f->border ? f->chunk_bytes : 1;
    size_t most = f->border && f->chunk_bytes < CRAWL_CHUNK_BYTES_MAX ? CRAWL_CHUNK_BYTES_MAX : f->chunk_bytes;
    *follow = WARC_CONTINUES;
    for (size_t size = at + READ_BYTES;; size += READ_BYTES) {
        if (read_up_to(f, bytes, size) < 0) return -1;
        int found = 0;
        if (at < bytes->n) {
            enum warc_kind kind;
            size_t start = at;
            found = warc_find_start(f->prober, f->kind, buf_str(bytes), at, f->ended, WARC_WANT_BORDER, &start, &kind);
            at = found == 0 ? bytes->n : start;
        }
        if (found <= 0 && !(f->ended || at > most)) continue;
        if (found <= 0 && f->ended) at = bytes->n, *follow = WARC_FILE_END;
        if (found > 0) *follow = WARC_BORDER;
        *cut = at;
        return 0;
    }
}

int crawl_file_next(struct crawl_file *f, struct crawl_chunk *chunk)
{
    if (f->done) return 0;
    struct buf swap = chunk->bytes;
    chunk->bytes = f->rest;
    f->rest = swap;
    buf_clear(&f->rest);
    chunk->first = !f->kind_known;
    if (!f->kind_known) {
        if (read_up_to(f, &chunk->bytes, WARC_KIND_BYTES) < 0) return -1;
        f->kind = warc_kind(f->prober, buf_str(&chunk->bytes), f->ended);
        f->kind_known = true;
        f->border = has_starts(f->kind);
    }
    size_t cut;
    if (has_starts(f->kind)) {
        if (find_cut(f, &chunk->bytes, &cut, &chunk->follow) < 0) return -1;
    } else {
        if (read_up_to(f, &chunk->bytes, f->chunk_bytes + 1) < 0) return -1;
        cut = chunk->bytes.n < f->chunk_bytes ? chunk->bytes.n : f->chunk_bytes;
        chunk->follow = f->ended && cut == chunk->bytes.n ? WARC_FILE_END : WARC_CONTINUES;
    }
    if (buf_add(&f->rest, str_from_at(buf_str(&chunk->bytes), cut)) < 0) return -1;
    chunk->bytes.n = cut;
    chunk->offset = f->offset;
    chunk->kind = f->kind;
    chunk->border = f->border;
    f->offset += cut;
    f->border = chunk->follow == WARC_BORDER;
    f->done = chunk->follow == WARC_FILE_END;
    return 1;
}

/* Tar through libarchive.
 *
 * Writing: with zero bytes a block libarchive keeps nothing back: header, data and padding reach the callback as they are
 * made, so the end of archive_write_finish_entry is a sample's border. One archive_entry serves all members; only name and
 * size change.
 *
 * Reading: only the tar format is enabled, no decompression (the caller feeds plain bytes). After a header has been read, the
 * position of the innermost stream is where the member's data begin. The process stays in the C locale, so names pass as the
 * bytes they are. */
#include "shard/tar_module.h"

#include "pipeline/base/fail.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

struct tar_writer {
    struct archive *archive;
    struct archive_entry *entry;
    tar_write_function *write;
    void *context;
    uint64_t offset;
    bool sink_failed; /* `write` has failed and left its own sentence */
    bool closing;
};

/* libarchive 3.6 leaks its output state once an archive has failed, so it never hears of a failure: what comes after one is
 * dropped here, and `sink_failed` is asked after each call. */
static la_ssize_t writer_callback(struct archive *archive, void *context, const void *bytes, size_t n)
{
    (void)archive;
    struct tar_writer *w = context;
    if (w->closing || w->sink_failed) return (la_ssize_t)n;
    if (w->write(w->context, str_of(bytes, n)) < 0) w->sink_failed = true;
    w->offset += n;
    return (la_ssize_t)n;
}

/* The outcome of a call to libarchive: 0, or -1 with a sentence. */
static int writer_result(const struct tar_writer *w, bool good, const char *what)
{
    if (w->sink_failed) return -1;
    if (good) return 0;
    const char *reason = archive_error_string(w->archive);
    return fail("cannot write %s of a tar: %s", what, reason ? reason : "unknown reason");
}

static void writer_close(struct tar_writer *w)
{
    w->closing = true; /* freeing writes an end mark otherwise */
    if (w->entry) archive_entry_free(w->entry);
    if (w->archive) archive_write_free(w->archive);
    free(w);
}

static struct tar_writer *writer_open(tar_write_function *write, void *context)
{
    struct tar_writer *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    w->write = write;
    w->context = context;
    w->archive = archive_write_new();
    w->entry = archive_entry_new();
    if (!w->archive || !w->entry) {
        writer_close(w);
        return fail_memory(), NULL;
    }
    if (archive_write_set_format_ustar(w->archive) != ARCHIVE_OK || archive_write_add_filter_none(w->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(w->archive, 0) != ARCHIVE_OK ||
        archive_write_open2(w->archive, w, NULL, writer_callback, NULL, NULL) != ARCHIVE_OK) {
        writer_result(w, false, "the head");
        writer_close(w);
        return NULL;
    }
    archive_entry_set_filetype(w->entry, AE_IFREG);
    archive_entry_set_perm(w->entry, 0444);
    archive_entry_set_mtime(w->entry, 0, 0);
    archive_entry_set_uid(w->entry, 0);
    archive_entry_set_gid(w->entry, 0);
    archive_entry_set_uname(w->entry, "winnow");
    archive_entry_set_gname(w->entry, "winnow");
    return w;
}

static int writer_add(struct tar_writer *w, struct str name, struct str data, uint64_t *offset)
{
    char terminated[TAR_NAME_LIMIT + 1];
    if (name.n == 0 || name.n > TAR_NAME_LIMIT)
        return fail("a tar member's name has %zu bytes: 1 to %d are allowed", name.n, TAR_NAME_LIMIT);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] <= ' ' || name.p[i] > '~')
            return fail("a tar member's name holds the byte 0x%02x", (unsigned char)name.p[i]);
        terminated[i] = name.p[i];
    }
    terminated[name.n] = 0;
    archive_entry_set_pathname(w->entry, terminated);
    archive_entry_set_size(w->entry, (la_int64_t)data.n);
    if (writer_result(w, archive_write_header(w->archive, w->entry) == ARCHIVE_OK, "a member's header") < 0) return -1;
    if (offset) *offset = w->offset;
    bool whole = data.n == 0 || archive_write_data(w->archive, data.p, data.n) == (la_ssize_t)data.n;
    if (writer_result(w, whole, "a member's data") < 0) return -1;
    return writer_result(w, archive_write_finish_entry(w->archive) == ARCHIVE_OK, "a member's padding");
}

static uint64_t writer_offset(const struct tar_writer *w) { return w->offset; }

static int writer_finish(struct tar_writer *w)
{
    int status = archive_write_close(w->archive);
    return writer_result(w, status == ARCHIVE_OK, "the end mark");
}

struct tar_reader {
    struct archive *archive;
    tar_read_function *read;
    tar_skip_function *skip;
    void *context;
    struct tar_member current;
    uint64_t last_end;  /* where the last member's padded data end */
    uint64_t passed;    /* members that were no regular files */
    bool source_failed; /* the callback has left its own sentence */
    bool at_end;
};

static la_ssize_t reader_callback(struct archive *archive, void *context, const void **bytes)
{
    struct tar_reader *r = context;
    struct str piece = STR_ABSENT;
    if (r->read(r->context, &piece) < 0) {
        r->source_failed = true;
        archive_set_error(archive, EIO, "the archive's bytes could not be read");
        return -1;
    }
    *bytes = piece.p;
    return (la_ssize_t)piece.n;
}

static la_int64_t skip_callback(struct archive *archive, void *context, la_int64_t bytes)
{
    (void)archive;
    struct tar_reader *r = context;
    return r->skip && bytes > 0 ? (la_int64_t)r->skip(r->context, (uint64_t)bytes) : 0;
}

static int reader_failed(const struct tar_reader *r)
{
    if (r->source_failed) return -1;
    const char *reason = archive_error_string(r->archive);
    long long at = archive_filter_bytes(r->archive, 0);
    return fail("damaged tar at byte %lld: %s", at, reason ? reason : "unknown reason");
}

static void reader_close(struct tar_reader *r)
{
    if (r->archive) archive_read_free(r->archive);
    free(r);
}

static struct tar_reader *reader_open(tar_read_function *read, tar_skip_function *skip, void *context)
{
    struct tar_reader *r = calloc(1, sizeof *r);
    if (!r) return fail_memory(), NULL;
    *r = (struct tar_reader){.read = read, .skip = skip, .context = context, .archive = archive_read_new()};
    if (!r->archive) {
        reader_close(r);
        return fail_memory(), NULL;
    }
    if (archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
        archive_read_open2(r->archive, r, NULL, reader_callback, skip_callback, NULL) != ARCHIVE_OK) {
        reader_failed(r);
        reader_close(r);
        return NULL;
    }
    return r;
}

/* A file whose bytes stand together: no folder, link, device, nor a sparse file with holes. */
static bool is_plain_file(struct archive_entry *entry)
{
    return archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry) && archive_entry_size_is_set(entry) &&
           archive_entry_sparse_count(entry) == 0;
}

static bool reader_has_end_mark(const struct tar_reader *r)
{
    return r->at_end && (uint64_t)archive_filter_bytes(r->archive, 0) >= r->last_end + TAR_BLOCK;
}

static int reader_next(struct tar_reader *r, struct tar_member *member)
{
    while (!r->at_end) {
        struct archive_entry *entry;
        int status = archive_read_next_header(r->archive, &entry);
        if (status == ARCHIVE_EOF) {
            r->at_end = true;
            break;
        }
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return reader_failed(r); /* ARCHIVE_RETRY: a damaged header */
        uint64_t offset = (uint64_t)archive_filter_bytes(r->archive, 0);
        uint64_t size = archive_entry_size(entry) > 0 ? (uint64_t)archive_entry_size(entry) : 0;
        r->last_end = offset + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
        if (!is_plain_file(entry)) {
            r->passed++;
            continue;
        }
        const char *name = archive_entry_pathname(entry);
        if (!name || strnlen(name, TAR_NAME_CEILING + 1) > TAR_NAME_CEILING)
            return fail("damaged tar at byte %llu: a member's name is missing or longer than %d bytes",
                        (unsigned long long)offset, TAR_NAME_CEILING);
        r->current = (struct tar_member){
            .name = str_from(name),
            .header = (uint64_t)archive_read_header_position(r->archive),
            .offset = offset,
            .size = size,
        };
        *member = r->current;
        return 1;
    }
    return 0;
}

static int reader_data(struct tar_reader *r, struct buf *out)
{
    size_t before = out->n, size = (size_t)r->current.size;
    if (buf_reserve(out, size) < 0) return -1;
    while (out->n - before < size) {
        la_ssize_t got = archive_read_data(r->archive, out->p + out->n, size - (out->n - before));
        if (got <= 0) {
            out->n = before;
            return got < 0 ? reader_failed(r) : fail("damaged tar: a member of %zu bytes is cut", size);
        }
        out->n += (size_t)got;
    }
    return 0;
}

static uint64_t reader_passed(const struct tar_reader *r) { return r->passed; }

static const char *version(void) { return archive_version_string(); }

extern const struct tar_module winnow_module_tar;
const struct tar_module winnow_module_tar = {
    .writer_open = writer_open,
    .writer_add = writer_add,
    .writer_offset = writer_offset,
    .writer_finish = writer_finish,
    .writer_close = writer_close,
    .reader_open = reader_open,
    .reader_next = reader_next,
    .reader_data = reader_data,
    .reader_passed = reader_passed,
    .reader_has_end_mark = reader_has_end_mark,
    .reader_close = reader_close,
    .version = version,
};

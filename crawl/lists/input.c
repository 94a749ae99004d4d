/* Reads stored bytes into one block and unpacks it as asked; gzip members and zstd frames may follow one another. */
#include "crawl/lists/input.h"

#include "pipeline/base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum form { FORM_UNKNOWN, FORM_PLAIN, FORM_GZIP, FORM_ZSTD };

struct list_input_private {
    int file;
    enum form form;
    bool at_end;                 /* the file has no more bytes */
    bool inside;                 /* a member or frame is open */
    struct str left;             /* of `stored`: read, not used */
    z_stream gzip;
    ZSTD_DCtx *zstd;
    char stored[LIST_INPUT_STEP];
};

int list_input_open(struct list_input *in, const char *path)
{
    bool pipe = strcmp(path, "-") == 0;
    *in = (struct list_input){.name = pipe ? "standard input" : path};
    in->own = calloc(1, sizeof *in->own);
    if (!in->own) return fail_memory();
    in->own->file = pipe ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (in->own->file < 0 || fstat(in->own->file, &about) < 0) {
        fail_errno("%s: cannot open", in->name);
        list_input_close(in);
        return -1;
    }
    in->stored_size = S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
    in->hash = hash_stream_new();
    if (in->hash) return 0;
    list_input_close(in);
    return -1;
}

void list_input_close(struct list_input *in)
{
    if (!in->own) return;
    if (in->own->file >= 0) close(in->own->file);
    if (in->own->form == FORM_GZIP) inflateEnd(&in->own->gzip);
    ZSTD_freeDCtx(in->own->zstd);
    free(in->own);
    hash_stream_free(in->hash);
    in->own = NULL;
    in->hash = NULL;
}

/* Fills the block, behind what is left in it; at_end when nothing came. */
static int read_stored(struct list_input *in)
{
    struct list_input_private *own = in->own;
    memmove(own->stored, own->left.p ? own->left.p : own->stored, own->left.n);
    ssize_t n;
    do n = read(own->file, own->stored + own->left.n, sizeof own->stored - own->left.n);
    while (n < 0 && errno == EINTR);
    if (n < 0) return fail_errno("%s: cannot read", in->name);
    hash_stream_add(in->hash, str_of(own->stored + own->left.n, (size_t)n));
    own->left = str_of(own->stored, own->left.n + (size_t)n);
    own->at_end = n == 0;
    return 0;
}

static int find_form(struct list_input *in)
{
    struct list_input_private *own = in->own;
    while (own->left.n < 4 && !own->at_end)
        if (read_stored(in) < 0) return -1;
    own->form = FORM_PLAIN;
    if (str_starts(own->left, STR("\x1F\x8B\x08"))) {
        if (inflateInit2(&own->gzip, 15 + 16) != Z_OK) {
            own->form = FORM_UNKNOWN;
            return fail_memory();
        }
        own->form = FORM_GZIP;
    } else if (str_starts(own->left, STR("\x28\xB5\x2F\xFD")) ||
               (own->left.n >= 4 && (own->left.p[0] & 0xF0) == 0x50 && str_eq(str_of(own->left.p + 1, 3), STR("\x2A\x4D\x18")))) {
        own->form = FORM_ZSTD;
        if (!(own->zstd = ZSTD_createDCtx())) return fail_memory();
    }
    return 0;
}

static void use(struct list_input *in, size_t n)
{
    in->own->left = str_from_at(in->own->left, n);
    in->stored_read += n;
}

static void more_gzip(struct list_input *in, struct buf *out, size_t room)
{
    struct list_input_private *own = in->own;
    if (!own->inside && own->left.p[0] == '\0') { /* tape programs pad with zeros */
        use(in, 1);
        return;
    }
    own->gzip.next_in = (unsigned char *)(uintptr_t)own->left.p;
    own->gzip.avail_in = (unsigned)own->left.n;
    own->gzip.next_out = (unsigned char *)out->p + out->n;
    own->gzip.avail_out = (unsigned)room;
    int result = inflate(&own->gzip, Z_NO_FLUSH);
    out->n += room - own->gzip.avail_out;
    use(in, own->left.n - own->gzip.avail_in);
    own->inside = result != Z_STREAM_END;
    if (result == Z_STREAM_END) inflateReset(&own->gzip);
    else if (result != Z_OK && result != Z_BUF_ERROR) in->damage = "damaged gzip data";
}

static void more_zstd(struct list_input *in, struct buf *out, size_t room)
{
    struct list_input_private *own = in->own;
    ZSTD_inBuffer from = {own->left.p, own->left.n, 0};
    ZSTD_outBuffer to = {out->p + out->n, room, 0};
    size_t result = ZSTD_decompressStream(own->zstd, &to, &from);
    out->n += to.pos;
    use(in, from.pos);
    own->inside = result != 0;
    if (!ZSTD_isError(result)) return;
    in->damage = ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge
                     ? "zstd with a window of more than 128 MiB (--long): unpack it with zstd -d --long=31"
                     : "damaged zstd data";
}

static void more_plain(struct list_input *in, struct buf *out, size_t room)
{
    size_t n = in->own->left.n < room ? in->own->left.n : room;
    memcpy(out->p + out->n, in->own->left.p, n);
    out->n += n;
    use(in, n);
}

/* At the file's end a decoder may still hold bytes; asked once more without input, it gives them or nothing. */
static int at_end(struct list_input *in, struct buf *out, size_t room)
{
    struct list_input_private *own = in->own;
    size_t before = out->n;
    if (own->form == FORM_GZIP && own->inside) {
        own->left = str_of(own->stored, 0);
        more_gzip(in, out, room);
    } else if (own->form == FORM_ZSTD && own->inside) {
        more_zstd(in, out, room);
    }
    if (out->n > before) return 1;
    if (own->inside && !in->damage) in->damage = "the file ends inside its compressed data";
    return 0;
}

int list_input_more(struct list_input *in, struct buf *out)
{
    struct list_input_private *own = in->own;
    if (buf_reserve(out, LIST_INPUT_GAIN) < 0) return -1;
    for (size_t before = out->n; !in->damage;) {
        if (own->form == FORM_UNKNOWN && find_form(in) < 0) return -1;
        if (own->left.n == 0 && !own->at_end && read_stored(in) < 0) return -1;
        if (own->left.n == 0) return at_end(in, out, LIST_INPUT_GAIN);
        if (own->form == FORM_GZIP) more_gzip(in, out, LIST_INPUT_GAIN);
        else if (own->form == FORM_ZSTD) more_zstd(in, out, LIST_INPUT_GAIN);
        else more_plain(in, out, LIST_INPUT_GAIN);
        if (out->n > before) return 1;
    }
    return 0;
}

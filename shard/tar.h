/* Tar archives, in and out.
 *
 * libarchive does the work behind the late-loaded module `tar`; this is the door. Writing gives plain ustar whose bytes
 * depend on names and data alone: whole-second time 0, mode 0444, owner winnow/winnow with number 0. Reading takes ustar,
 * pax and GNU archives (img2dataset puts a pax header before every member) and says where each member's bytes stand, so
 * that they can be read again without the archive's head.
 *
 *     struct tar_writer *w = tar_writer_open(add_to_buf, &out);
 *     tar_writer_add(w, STR("000000001.jpg"), picture, &offset);      `out` holds header, data and padding when it returns
 *     tar_writer_finish(w);  tar_writer_close(w);
 *
 *     struct tar_reader *r = tar_reader_open(next_piece, &file);
 *     while ((got = tar_reader_next(r, &member)) > 0) ... member.name, member.offset, member.size
 *     tar_reader_close(r);
 *
 * Offsets count bytes of the uncompressed archive. A handle belongs to one thread at a time; several may be open at once.
 */
#ifndef WINNOW_SHARD_TAR_H
#define WINNOW_SHARD_TAR_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

enum {
    TAR_BLOCK = 512,          /* bytes; headers and padding are multiples of it */
    TAR_NAME_CEILING = 4096,  /* bytes of a member's name that is read; longer ones are damage (PATH_MAX) */
    TAR_NAME_LIMIT = 100,     /* bytes of a member's name that is written: the ustar name field without its prefix */
};

/* ---- writing ---- */

struct tar_writer;

/* Takes the archive's next bytes; 0, or -1 with a sentence. The slice dies with the call. */
typedef int tar_write_function(void *context, struct str bytes);

/* NULL with a sentence when the module or memory is missing. Nothing is written yet. */
struct tar_writer *tar_writer_open(tar_write_function *write, void *context);

/* Adds one regular file. When it returns, every byte of the member, padding included, has gone to `write`, so a caller may
 * cut its own output there. `offset`, unless NULL, receives where the data begins. -1 with the sentence of `write`, or when
 * the name is empty, longer than TAR_NAME_LIMIT or not printable ASCII. */
int tar_writer_add(struct tar_writer *w, struct str name, struct str data, uint64_t *offset);

uint64_t tar_writer_offset(const struct tar_writer *w); /* bytes written so far */
int tar_writer_finish(struct tar_writer *w);            /* writes the end mark: two blocks of zeros; once, and last */
void tar_writer_close(struct tar_writer *w);            /* frees; NULL is allowed; writes nothing */

/* Bytes that a member of `size` data bytes takes in an archive that tar_writer_add writes. */
static inline uint64_t tar_member_bytes(uint64_t size)
{
    return TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

/* ---- reading ---- */

struct tar_reader;

struct tar_member {
    struct str name;  /* as stored, any bytes but NUL; lives until the next call */
    uint64_t header;  /* where the member begins, a pax header before it included */
    uint64_t offset;  /* where its data begins; they are contiguous */
    uint64_t size;    /* bytes of data */
};

/* Gives the archive's next bytes: sets `piece`, which lives until the next call, or an empty one at the end; 0, or -1 with a
 * sentence. */
typedef int tar_read_function(void *context, struct str *piece);

/* Passes over `bytes` bytes without giving them, as far as the source can; returns how many it passed (0 is always right).
 * May be NULL where it can do no better than reading. */
typedef uint64_t tar_skip_function(void *context, uint64_t bytes);

/* NULL with a sentence when the module or memory is missing, or the first bytes are no tar header. */
struct tar_reader *tar_reader_open(tar_read_function *read, tar_skip_function *skip, void *context);

/* The next regular file: 1. Folders, links, devices and sparse files are passed over (tar_reader_passed counts them). 0 at
 * the end of the archive; -1 with a sentence when it is damaged or cut: what came before is good, nothing comes after. */
int tar_reader_next(struct tar_reader *r, struct tar_member *member);

/* Appends the current member's data, whole; -1 when they are cut or exceed the ceiling of `out` (then nothing is added). */
int tar_reader_data(struct tar_reader *r, struct buf *out);

uint64_t tar_reader_passed(const struct tar_reader *r); /* members passed over so far */

/* After tar_reader_next has returned 0: whether the archive ended with its end mark. Without one it was cut at a member's
 * border, or written by a program that leaves the mark out. */
bool tar_reader_has_end_mark(const struct tar_reader *r);

void tar_reader_close(struct tar_reader *r); /* NULL is allowed */

const char *tar_library_version(void); /* "libarchive 3.6.2"; NULL with a sentence when the module is missing */

#endif

/* POSIX ustar by hand: a header of 512 bytes, the data, zeros up to the next 512; two blocks of zeros at the end. */
#include "pipeline/rows/pack.h"

#include "pipeline/base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    BLOCK = 512,
    WAITING_BYTES = 1 << 20,              /* written in pieces of at least this */
    WAITING_CEILING = (1 << 30) + (4 << 20), /* one picture, and what waits before it */
};
#define SIZE_LIMIT ((uint64_t)1 << 33) /* eleven octal digits */

int pack_init(struct pack *pack, const char *folder, const char *stem)
{
    *pack = (struct pack){.file = {.fd = -1}};
    buf_init(&pack->waiting, WAITING_CEILING);
    if (asprintf(&pack->path, "%s/%s.tar", folder, stem) < 0) {
        pack->path = NULL;
        return fail_memory();
    }
    pack->name = strrchr(pack->path, '/') + 1;
    return 0;
}

static int create(struct pack *pack)
{
    if (file_make_folders(pack->path) < 0) return -1;
    struct file_out *file = &pack->file;
    *file = (struct file_out){.fd = -1, .path = strdup(pack->path), .hash = hash_stream_new()};
    if (!file->path || !file->hash) return fail_memory();
    file->fd = open(pack->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file->fd < 0) return fail_errno("%s: cannot write", pack->path);
    if (flock(file->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) /* some file systems have no locks: go on */
        return fail("%s: another run is writing this pack: give this one another folder with --packs", pack->path);
    return ftruncate(file->fd, 0) < 0 ? fail_errno("%s: cannot empty it", pack->path) : 0;
}

static int make_header(unsigned char header[BLOCK], struct str name, uint64_t size)
{
    if (name.n == 0 || name.n > PACK_NAME_BYTES) return fail("'%.*s': a pack's names have 1 to %d bytes", STR_ARG(name), PACK_NAME_BYTES);
    if (size >= SIZE_LIMIT) return fail("'%.*s': over 8 GiB", STR_ARG(name));
    memset(header, 0, BLOCK);
    memcpy(header, name.p, name.n);
    char *field = (char *)header;
    memcpy(field + 100, "0000444", 8);
    memcpy(field + 108, "0000000", 8);
    memcpy(field + 116, "0000000", 8);
    snprintf(field + 124, 12, "%011llo", (unsigned long long)size);
    memcpy(field + 136, "00000000000", 12);
    memset(field + 148, ' ', 8);
    field[156] = '0';
    memcpy(field + 257, "ustar\00000", 8);
    memcpy(field + 265, "winnow", 6);
    memcpy(field + 297, "winnow", 6);
    unsigned sum = 0; /* of all bytes, the field itself as spaces */
    for (int i = 0; i < BLOCK; i++) sum += header[i];
    snprintf(field + 148, 8, "%06o", sum);
    return 0;
}

int pack_flush(struct pack *pack)
{
    if (!pack->waiting.n) return 0;
    struct str bytes = buf_str(&pack->waiting);
    hash_stream_add(pack->file.hash, bytes);
    pack->file.bytes += bytes.n;
    if (file_write_all(pack->file.fd, bytes, pack->path) < 0) return -1;
    buf_clear(&pack->waiting);
    return 0;
}

int pack_add(struct pack *pack, struct str name, struct str bytes, uint64_t *offset)
{
    static const char zeros[BLOCK];
    unsigned char header[BLOCK];
    if (pack->file.fd < 0 && create(pack) < 0) return -1;
    if (make_header(header, name, bytes.n) < 0) return -1;
    size_t padding = (BLOCK - bytes.n % BLOCK) % BLOCK;
    if (buf_add(&pack->waiting, str_of((const char *)header, BLOCK)) < 0 || buf_add(&pack->waiting, bytes) < 0 ||
        buf_add(&pack->waiting, str_of(zeros, padding)) < 0)
        return -1;
    *offset = pack->offset + BLOCK;
    pack->offset += BLOCK + bytes.n + padding;
    pack->pictures++;
    return pack->waiting.n >= WAITING_BYTES ? pack_flush(pack) : 0;
}

int pack_finish(struct pack *pack)
{
    static const char end[2 * BLOCK];
    if (!pack->pictures) return 0;
    pack->offset += sizeof end;
    return buf_add(&pack->waiting, str_of(end, sizeof end)) < 0 ? -1 : pack_flush(pack);
}

void pack_close(struct pack *pack)
{
    file_discard(&pack->file);
    buf_free(&pack->waiting);
    free(pack->path);
    pack->path = pack->name = NULL;
}

/* Temporary files without a name: O_TMPFILE, or mkostemp and unlink where the file system lacks it. */
#include "pipeline/base/spill.h"

#include "pipeline/base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { WRITE_AT_ONCE = 1 << 30 }; /* Linux moves at most 2 GiB less a page in one call */

const char *spill_folder(const char *wanted)
{
    if (wanted && *wanted) return wanted;
    const char *folder = getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

static int fail_spill(const struct spill *spill)
{
    int error = errno;
    if (error != ENOSPC && error != EDQUOT && error != EFBIG) return fail_errno("cannot spill to '%s'", spill->folder);
    struct statvfs fs;
    double mib = 1 << 20, free_mib = statvfs(spill->folder, &fs) == 0 ? (double)fs.f_bavail * (double)fs.f_frsize / mib : 0;
    errno = error;
    return fail("cannot spill to '%s': %s after %.1f MiB, %.1f MiB free; give --tmp or more --memory", spill->folder,
                error == EFBIG ? "file too large" : error == EDQUOT ? "quota used up" : "disk full", (double)spill->size / mib,
                free_mib);
}

int spill_open(struct spill *spill, const char *folder)
{
    *spill = (struct spill){-1, 0, spill_folder(folder)};
    spill->file = open(spill->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (spill->file >= 0) return 0;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return fail_spill(spill);
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/winnow-XXXXXX", spill->folder);
    if (n < 0 || (size_t)n >= sizeof path) return fail("cannot spill to '%s': path too long", spill->folder);
    spill->file = mkostemp(path, O_CLOEXEC);
    if (spill->file < 0) return fail_spill(spill);
    unlink(path);
    return 0;
}

int spill_add(struct spill *spill, struct str bytes)
{
    while (bytes.n) {
        size_t piece = bytes.n < WRITE_AT_ONCE ? bytes.n : WRITE_AT_ONCE;
        ssize_t n = pwrite(spill->file, bytes.p, piece, (off_t)spill->size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail_spill(spill);
        spill->size += (uint64_t)n;
        bytes = str_from_at(bytes, (size_t)n);
    }
    return 0;
}

int spill_read(const struct spill *spill, uint64_t at, void *buffer, size_t n)
{
    char *p = buffer;
    while (n) {
        ssize_t got = pread(spill->file, p, n < WRITE_AT_ONCE ? n : WRITE_AT_ONCE, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("cannot read back what was spilled to '%s'", spill->folder);
        if (got == 0) return fail("cannot read back what was spilled to '%s': the file became shorter", spill->folder);
        p += got;
        n -= (size_t)got;
        at += (uint64_t)got;
    }
    return 0;
}

void spill_forget(struct spill *spill, uint64_t at, uint64_t n)
{
    if (n) (void)fallocate(spill->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)n);
}

void spill_close(struct spill *spill)
{
    if (spill->file >= 0) close(spill->file);
    spill->file = -1;
}

#include "filters/model_sums.h"

#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUMS_BYTES_MAX = 1 << 20, DIGEST = 32 };

int model_file_sha256(const char *path, char hex[SHA256_HEX])
{
    struct stat about;
    unsigned char digest[DIGEST];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno("%s", path);
    void *bytes = NULL;
    int result = fstat(fd, &about) == 0 ? 0 : fail_errno("%s", path);
    if (result == 0 && about.st_size) bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) result = fail_errno("%s: cannot be mapped", path);
    close(fd);
    if (result < 0) return -1;
    hash_sha256(str_of(bytes ? bytes : "", (size_t)about.st_size), digest);
    if (bytes) munmap(bytes, (size_t)about.st_size);
    for (size_t i = 0; i < DIGEST; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

static int sums_path(const char *folder, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/SHA256SUMS", folder) < PATH_MAX ? 0 : fail("%s: too long a path", folder);
}

/* "HEX  NAME", "HEX *NAME" */
static bool is_line_of(struct str line, const char *name)
{
    return line.n > SHA256_HEX + 1 && (line.p[SHA256_HEX] == ' ' || line.p[SHA256_HEX] == '*') &&
           str_eq(str_from_at(line, SHA256_HEX + 1), str_from(name));
}

static int read_sums(const char *folder, struct buf *text)
{
    char path[PATH_MAX];
    if (sums_path(folder, path) < 0) return -1;
    return file_exists(path) ? buf_read_file(text, path) : 0;
}

int model_sums_find(const char *folder, const char *name, char hex[SHA256_HEX])
{
    struct buf text;
    buf_init(&text, SUMS_BYTES_MAX);
    int result = read_sums(folder, &text);
    for (struct str rest = buf_str(&text); result == 0 && rest.n;) {
        struct str line = str_cut(&rest, '\n');
        if (!is_line_of(line, name)) continue;
        snprintf(hex, SHA256_HEX, "%.*s", SHA256_HEX - 1, line.p);
        result = 1;
    }
    buf_free(&text);
    return result;
}

int model_sums_put(const char *folder, const char *name, const char hex[SHA256_HEX])
{
    char path[PATH_MAX];
    struct buf text, now;
    struct file_out out = {.fd = -1};
    buf_init(&text, SUMS_BYTES_MAX);
    buf_init(&now, SUMS_BYTES_MAX);
    int result = sums_path(folder, path) < 0 ? -1 : read_sums(folder, &text);
    for (struct str rest = buf_str(&text); result == 0 && rest.n;) {
        struct str line = str_cut(&rest, '\n');
        if (!is_line_of(line, name)) result = buf_printf(&now, "%.*s\n", STR_ARG(line));
    }
    if (result == 0) result = buf_printf(&now, "%s  %s\n", hex, name);
    if (result == 0) result = file_create(&out, path);
    if (result == 0) result = file_write(&out, buf_str(&now));
    if (result == 0) result = file_publish(&out);
    file_discard(&out);
    buf_free(&text);
    buf_free(&now);
    return result;
}

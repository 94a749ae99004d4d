/* The floor under `extract`: a bare libdeflate gunzip of crawl files, one thread, nothing kept.
 *
 *     cc -O2 -o build/gunzip tests/bench/gunzip.c -ldeflate && build/gunzip FILE...
 *
 * Prints the decompressed bytes. Every member is decompressed into the same buffer, as the fastest reader of records would.
 */
#include <fcntl.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEMBER_BYTES_MAX = 64 << 20 };

static char *read_whole(const char *path, size_t *size)
{
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) < 0) return NULL;
    char *bytes = malloc((size_t)status.st_size + 1);
    *size = 0;
    for (ssize_t n; bytes && (n = read(file, bytes + *size, (size_t)status.st_size - *size)) > 0;) *size += (size_t)n;
    close(file);
    return bytes;
}

int main(int count, char **paths)
{
    struct libdeflate_decompressor *gzip = libdeflate_alloc_decompressor();
    char *out = malloc(MEMBER_BYTES_MAX);
    unsigned long long total = 0;
    for (int i = 1; i < count; i++) {
        size_t size, used, given;
        char *bytes = read_whole(paths[i], &size);
        if (!bytes || !out || !gzip) return perror(paths[i]), 1;
        for (size_t at = 0; at < size; at += used, total += given)
            if (libdeflate_gzip_decompress_ex(gzip, bytes + at, size - at, out, MEMBER_BYTES_MAX, &used, &given) != LIBDEFLATE_SUCCESS)
                return fprintf(stderr, "%s: not gzip at %zu\n", paths[i], at), 1;
        free(bytes);
    }
    printf("%llu\n", total);
    libdeflate_free_decompressor(gzip);
    free(out);
    return 0;
}

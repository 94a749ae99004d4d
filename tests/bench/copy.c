/* The floor under `shard --compress none`: read the same bytes, hash them with XXH3-128, write them, flush them to disk.
 *
 *     cc -O2 -o build/bench/copy tests/bench/copy.c -lxxhash && build/bench/copy TO FROM...
 *
 * Every FROM becomes a file of the same name in folder TO, flushed when it ends, as a shard is. Prints the bytes.
 */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

enum { STEP_BYTES = 1 << 20 };

static int copy(const char *from, const char *to, char *bytes, unsigned long long *total)
{
    XXH3_state_t *hash = XXH3_createState();
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ssize_t n = -1;
    if (hash && in >= 0 && out >= 0 && XXH3_128bits_reset(hash) == XXH_OK) {
        while ((n = read(in, bytes, STEP_BYTES)) > 0) {
            XXH3_128bits_update(hash, bytes, (size_t)n);
            if (write(out, bytes, (size_t)n) != n) break;
            *total += (unsigned long long)n;
        }
        if (n == 0 && fsync(out) == 0) printf("%016llx\t", (unsigned long long)XXH3_128bits_digest(hash).high64);
        else n = -1;
    }
    close(in);
    close(out);
    XXH3_freeState(hash);
    return n == 0 ? 0 : -1;
}

int main(int count, char **paths)
{
    char *bytes = malloc(STEP_BYTES), to[4096];
    unsigned long long total = 0;
    for (int i = 2; i < count; i++) {
        snprintf(to, sizeof to, "%s/%s", paths[1], basename(paths[i]));
        if (!bytes || copy(paths[i], to, bytes, &total) < 0) return perror(paths[i]), 1;
    }
    printf("%llu\n", total);
    free(bytes);
    return 0;
}

/* Who owns a finished pack is what the manifest of the output at hand says: others' manifests are not looked for. One without
 * an end mark was left by a run that was interrupted, and no finished row points into it. */
#include "crawl/fetch/own_pack.h"

#include "pipeline/base/fail.h"
#include "pipeline/manifest.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { END_MARK = 1024 }; /* zeros that end a tar */

static struct str last_part(struct str path)
{
    while (path.n && path.p[path.n - 1] == '/') path.n--;
    size_t at = path.n;
    while (at && path.p[at - 1] != '/') at--;
    return str_from_at(path, at);
}

int own_pack_stem(struct buf *out, const char *folder, const char *stem)
{
    if (!stem) return buf_add(out, STR("fetch"));
    struct str parent = folder ? last_part(str_from(folder)) : STR_ABSENT;
    bool named = parent.n && !str_eq(parent, STR(".")) && !str_eq(parent, STR(".."));
    if (named && (buf_add(out, parent) < 0 || buf_byte(out, '-') < 0)) return -1;
    return buf_add(out, last_part(str_from(stem)));
}

static bool is_finished(const char *path, const struct stat *s)
{
    char end[END_MARK];
    int fd = s->st_size > END_MARK ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return false;
    bool zeros = pread(fd, end, sizeof end, s->st_size - END_MARK) == END_MARK;
    for (int i = 0; zeros && i < END_MARK; i++) zeros = end[i] == 0;
    close(fd);
    return zeros;
}

static bool is_output_of(const char *manifest, const struct stat *s)
{
    json_t *document = manifest && access(manifest, F_OK) == 0 ? manifest_read(manifest) : NULL, *output;
    const char *slash = document ? strrchr(manifest, '/') : NULL;
    bool found = false;
    size_t i;
    json_array_foreach(json_object_get(document, "outputs"), i, output) {
        char path[PATH_MAX];
        struct stat there;
        const char *name = json_string_value(json_object_get(output, "name"));
        int folder = slash && name && name[0] != '/' ? (int)(slash - manifest) + 1 : 0;
        if (!name || snprintf(path, sizeof path, "%.*s%s", folder, manifest, name) >= (int)sizeof path) continue;
        found |= stat(path, &there) == 0 && there.st_dev == s->st_dev && there.st_ino == s->st_ino;
    }
    json_decref(document);
    return found;
}

int own_pack_check(const char *path, const char *manifest)
{
    struct stat s;
    if (stat(path, &s) < 0 || !S_ISREG(s.st_mode) || !is_finished(path, &s) || is_output_of(manifest, &s)) return 0;
    return fail_usage("%s: finished, and not by an earlier run of this output: rows elsewhere may point into it: give --packs FOLDER or another -o, or remove it", path);
}

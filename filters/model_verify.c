#include "filters/model_verify.h"

#include "filters/clip/clip.h"
#include "filters/model_list.h"
#include "filters/model_sums.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct model_entry *published_as(const char *hex)
{
    size_t count;
    const struct model_entry *entries = model_entries(&count);
    for (size_t i = 0; i < count; i++)
        if (entries[i].sha256 && strcmp(entries[i].sha256, hex) == 0) return &entries[i];
    return NULL;
}

/* 1: wrong; 0: nothing against it; -1 with a sentence. */
static int judge(const char *folder, const char *name, const char *hex, char verdict[256])
{
    char noted[SHA256_HEX];
    const struct model_entry *same = published_as(hex), *namesake = model_entry_find(name);
    if (same) return snprintf(verdict, 256, "as published: %s", same->name), 0;
    if (namesake && namesake->sha256) return snprintf(verdict, 256, "DIFFERS from what was published under this name"), 1;
    int found = model_sums_find(folder, name, noted);
    if (found < 0) return -1;
    if (!found) return snprintf(verdict, 256, "nothing to compare it with"), 0;
    if (strcmp(noted, hex) == 0) return snprintf(verdict, 256, "as fetched; no digest is published"), 0;
    return snprintf(verdict, 256, "CHANGED since it was fetched"), 1;
}

static int verify_file(const char *folder, const char *name, size_t *wrong)
{
    char path[PATH_MAX], hex[SHA256_HEX], verdict[256];
    uint64_t size;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return fail("%s: too long a path", folder);
    if (file_size(path, &size) < 0 || model_file_sha256(path, hex) < 0) return -1;
    int result = judge(folder, name, hex, verdict);
    if (result < 0) return -1;
    *wrong += (size_t)result;
    printf("%s\t%llu\t%s\t%s\n", name, (unsigned long long)size, hex, verdict);
    return 0;
}

static int is_of_model(const struct dirent *entry)
{
    struct str name = str_from(entry->d_name);
    return entry->d_name[0] != '.' && !str_eq(name, STR("SHA256SUMS")) && !str_ends(name, STR(".part")) && !str_ends(name, STR(".part.from"));
}

static int verify_folder(const char *folder, size_t *wrong)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_of_model, alphasort), result = 0;
    if (count < 0) return fail_errno("%s", folder);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        struct stat about;
        int n = snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (result == 0 && n < (int)sizeof path && stat(path, &about) == 0 && S_ISREG(about.st_mode))
            result = verify_file(folder, names[i]->d_name, wrong);
        free(names[i]);
    }
    free(names);
    return result;
}

static int verify_files(const char *path, size_t *wrong)
{
    char folder[PATH_MAX];
    struct stat about;
    if (stat(path, &about) < 0) return fail_errno("%s", path);
    if (S_ISDIR(about.st_mode)) return verify_folder(path, wrong);
    const char *slash = strrchr(path, '/');
    int n = slash ? snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path) : snprintf(folder, sizeof folder, ".");
    if (n >= (int)sizeof folder) return fail("%s: too long a path", path);
    return verify_file(n ? folder : "/", slash ? slash + 1 : path, wrong);
}

int model_verify(const char *path)
{
    size_t wrong = 0;
    puts("file\tbytes\tsha256\tverdict");
    if (verify_files(path, &wrong) < 0) return -1;
    struct clip *clip = clip_open(path, &(struct clip_options){.precision = CLIP_F32, .threads = 2});
    if (!clip) return -1;
    clip_close(clip);
    return wrong ? fail("%s: %zu file%s not what %s should be", path, wrong, wrong == 1 ? " is" : "s are", wrong == 1 ? "it" : "they") : 0;
}

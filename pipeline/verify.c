/* The command `verify`: does what manifests say still hold? Every output is read whole and hashed; files in a run's step
 * folders that no manifest names are told too. */
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/manifest.h"
#include "pipeline/options.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

struct verify {
    struct name_list {
        char **list;
        size_t count;
    } named; /* paths that manifests name */
    uint64_t manifests, files, wrong, unnamed;
};

static int add_name(struct name_list *names, const char *path)
{
    char **list = realloc(names->list, (names->count + 1) * sizeof *list);
    char *copy = realpath(path, NULL);
    if (!copy) copy = strdup(path);
    if (list) names->list = list;
    if (!list || !copy) return free(copy), fail_memory();
    names->list[names->count++] = copy;
    return 0;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void tell(struct verify *v, const char *path, const char *state)
{
    printf("%s\t%s\n", path, state);
    v->wrong += strcmp(state, "whole") != 0;
}

static int check_output(struct verify *v, const char *folder, json_t *output)
{
    char path[PATH_MAX], hex[33];
    const char *name = json_string_value(json_object_get(output, "name")), *hash = json_string_value(json_object_get(output, "xxh3_128"));
    if (!name || !hash || snprintf(path, sizeof path, "%s%s", folder, name) >= (int)sizeof path) return fail("%s: an output without name or hash", folder);
    uint64_t size;
    struct hash128 value;
    v->files++;
    if (add_name(&v->named, path) < 0) return -1;
    if (!file_exists(path)) {
        tell(v, path, "missing");
        return 0;
    }
    if (file_content_hash(path, &size, &value) < 0) {
        tell(v, path, "cannot be read");
        return 0;
    }
    hash128_hex(value, hex);
    bool same = size == (uint64_t)json_integer_value(json_object_get(output, "size")) && strcmp(hex, hash) == 0;
    tell(v, path, same ? "whole" : "changed: its bytes are not those of the manifest");
    return 0;
}

static int check_manifest(struct verify *v, const char *path)
{
    json_t *manifest = manifest_read(path);
    v->manifests++;
    if (add_name(&v->named, path) < 0) return -1;
    if (!manifest) {
        log_fail();
        tell(v, path, "damaged manifest");
        return 0;
    }
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 0, path);
    size_t i;
    json_t *output;
    int result = 0;
    json_array_foreach(json_object_get(manifest, "outputs"), i, output)
        if (result == 0) result = check_output(v, folder, output);
    json_decref(manifest);
    return result;
}

/* Calls `each` for the entries of a folder whose name passes, sorted by name. */
static int each_entry(struct verify *v, const char *folder, bool (*passes)(const char *name), int (*each)(struct verify *, const char *))
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort), result = 0;
    if (n < 0) return errno == ENOENT ? 0 : fail_errno("%s: cannot read this folder", folder);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        if (result == 0 && entries[i]->d_name[0] != '.' && passes(entries[i]->d_name) &&
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < (int)sizeof path)
            result = each(v, path);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static bool is_manifest(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits >= 5 && strcmp(name + digits, ".json") == 0;
}
static bool is_step(const char *name)
{
    return (ascii_is_digit(name[0]) && ascii_is_digit(name[1]) && name[2] == '-') || strcmp(name, "shards.meta") == 0;
}
static bool may_be_unnamed(const char *name)
{
    return (ascii_is_digit(name[0]) && ascii_is_digit(name[1]) && name[2] == '-') || strcmp(name, "packs") == 0 || strcmp(name, "shards") == 0;
}
static bool any_name(const char *name) { return name[0] != 0; }

static int check_folder(struct verify *v, const char *folder) { return each_entry(v, folder, is_manifest, check_manifest); }

static int look_for_unnamed(struct verify *v, const char *path)
{
    char *real = realpath(path, NULL);
    if (real && !bsearch(&real, v->named.list, v->named.count, sizeof *v->named.list, compare_names)) {
        printf("%s\tunpublished: no manifest names it\n", path);
        v->unnamed++;
    }
    free(real);
    return 0;
}
static int look_in_folder(struct verify *v, const char *folder) { return each_entry(v, folder, any_name, look_for_unnamed); }

static int verify_one(struct verify *v, const char *path)
{
    struct stat s;
    if (stat(path, &s) < 0) return fail_usage("%s: neither an OUT nor a manifest", path);
    if (!S_ISDIR(s.st_mode)) return check_manifest(v, path);
    if (check_folder(v, path) < 0 || each_entry(v, path, is_step, check_folder) < 0) return -1;
    qsort(v->named.list, v->named.count, sizeof *v->named.list, compare_names);
    return each_entry(v, path, may_be_unnamed, look_in_folder);
}

static int verify_run(const struct command_line *line)
{
    struct verify v = {0};
    if (!line->argument_count) return fail_usage("expected an OUT or manifests");
    puts("file\tstate");
    int result = 0;
    for (size_t i = 0; i < line->argument_count && result == 0; i++) result = verify_one(&v, line->arguments[i]);
    for (size_t i = 0; i < v.named.count; i++) free(v.named.list[i]);
    free(v.named.list);
    if (result < 0) return -1;
    if (!v.manifests) return fail("%s: no manifest in it: nothing was published there", line->arguments[0]);
    if (v.wrong) fflush(stdout); /* before what is said of it; else main looks whether it arrived */
    if (v.wrong) return fail("%llu of %llu files are not what their manifests say", (unsigned long long)v.wrong,
                             (unsigned long long)(v.files + v.manifests));
    return EXIT_DONE;
}

const struct command command_verify = {
    .name = "verify",
    .summary = "read everything that manifests name and say whether it is whole",
    .arguments = "OUT|FOLDER|MANIFEST...",
    .description = "Reads every file that the manifests name, compares size and XXH3-128, and prints a line for each. Files that no "
                   "manifest names are told as unpublished: a task that was interrupted leaves packs behind. Exit code 1 when anything is "
                   "missing or changed.",
    .example = "winnow verify build/demo/OUT",
    .see_also = "view, status",
    .run = verify_run,
};

#include "crawl/fetch_recorded.h"

#include "crawl/input/crawl_file.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"

#include <inttypes.h>

enum { LIST_BYTES_MAX = 1 << 30 };

static void say_loss(void *context, const char *path, uint64_t offset, const char *what)
{
    const struct stage_run *run = context;
    if (!run->common->quiet) log_line("%s: offset %" PRIu64 ": %s", path, offset, what);
}

/* FILE, or @LIST: a file that names one on each line; '#' begins a remark. */
static int name_crawl_files(struct stage_run *run, struct recorded *recorded, const char *argument)
{
    if (argument[0] != '@') return recorded_name(recorded, argument);
    struct buf text;
    buf_init(&text, LIST_BYTES_MAX);
    int result = buf_read_file(&text, argument + 1);
    for (struct str rest = buf_str(&text); rest.p && result == 0;) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (!line.n || line.p[0] == '#') continue;
        char *entry = arena_c_string(stage_arena(run), line);
        result = entry ? recorded_name(recorded, entry) : -1;
    }
    buf_free(&text);
    return result;
}

/* For the manifest: a crawl file by its ends, a table by its content. */
static int note_crawl_file(struct stage_run *run, const char *entry)
{
    uint64_t offset, length, size;
    struct hash128 hash;
    struct str path = crawl_entry_split(entry, &offset, &length);
    if (str_eq(path, STR("-"))) return 0;
    const char *name = arena_c_string(stage_arena(run), path);
    return !name || file_ends_hash(name, &size, &hash) < 0 || stage_input(run, entry, size, hash) < 0 ? -1 : 0;
}

static int note_table(struct stage_run *run, const char *path)
{
    uint64_t size;
    struct hash128 hash;
    return file_content_hash(path, &size, &hash) < 0 || stage_input(run, stage_short_name(path), size, hash) < 0 ? -1 : 0;
}

/* Tables of pictures stand for the crawl files, which are then only read where a picture lies; save files that hold responses
 * which cannot be read alone. */
int fetch_open_recorded(struct stage_run *run, const struct fetch_options *o, struct recorded **opened)
{
    struct recorded *recorded = *opened = recorded_open(run->common->memory / 4, run->common->tmp);
    if (!recorded) return -1;
    for (size_t i = 0; i < o->from_warc.count; i++)
        if (name_crawl_files(run, recorded, o->from_warc.items[i]) < 0) return -1;
    for (size_t i = 0; i < o->pictures.count; i++)
        if (note_table(run, o->pictures.items[i]) < 0 || recorded_table(recorded, o->pictures.items[i]) < 0) return -1;
    for (size_t i = 0; i < recorded_names(recorded); i++)
        if (o->pictures.count && !recorded_must_search(recorded, i)) continue;
        else if (note_crawl_file(run, recorded_entry(recorded, i)) < 0 || recorded_scan(recorded, i, say_loss, run) < 0) return -1;
    return recorded_seal(recorded);
}

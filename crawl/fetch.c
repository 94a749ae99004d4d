/* The stage `fetch`: rows in, rows with pictures out.
 *
 * Rows that follow one another with the same URL are one job. The jobs of an item go to one pool of threads: look the URL up,
 * decode, turn, resize, encode; the finished file waits in the item's store. When the item's turn in order has come, its
 * pictures are added to the pack in the rows' order, and each row gets its place there.
 *
 * (1) Every row leaves: with status ok and a picture, or dropped under fetch.STATUS.
 * (2) Rows, and the pack, depend on the input and the options alone; threads and memory change only the time.
 * (3) Memory: half of --memory is room for decoding (a picture reserves what its header says it needs), a quarter is for
 *     finished pictures, which beyond it wait on disk, and a quarter for sorting the list of URLs at the start. */
#include "crawl/fetch/picture.h"
#include "crawl/fetch/pool.h"
#include "crawl/fetch/recorded.h"
#include "crawl/fetch/store.h"
#include "crawl/image/encode.h"
#include "crawl/input/crawl_file.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"
#include "pipeline/rows/pack.h"
#include "pipeline/stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LIST_BYTES_MAX = 1 << 30,
    LIMITED_SLICE = 64, /* jobs at once with --limit */
};

struct fetch_options {
    struct option_list from_warc, pictures;
    const char *resize, *format;
    uint64_t size, quality, max_bytes, max_pixels;
    bool enlarge, keep_bytes, keep_unchanged;
};

/* The columns that a row with a picture gets, in order. */
enum made { STATUS, HTTP_STATUS, BYTES, SHA256, FORMAT, WIDTH, HEIGHT, ORIENTATION, STORED, STORED_WIDTH, STORED_HEIGHT, PHASH,
            IMAGE_PACK, IMAGE_OFFSET, IMAGE_LENGTH, MADE };
static const char *const made_names[MADE] = {
    "status", "http_status", "bytes", "sha256", "format", "width", "height", "exif_orientation", "stored", "stored_width",
    "stored_height", "phash", "image_pack", "image_offset", "image_length",
};

/* One thread of the pool. */
struct fetcher {
    struct recorded_reader *reader;
    struct picture_maker maker;
};

struct fetch {
    const struct stage_run *run;
    struct picture_options picture;
    struct recorded *recorded;
    struct fetcher *fetchers;
    unsigned fetcher_count;
    struct pool *pool;
    struct room room;
    bool room_made;
    struct pack pack;
    size_t url;          /* input column */
    size_t made[MADE];   /* output columns */
};

/* One URL, and the rows of it that follow one another. */
struct job {
    struct str url;
    size_t first, rows;            /* of item->in */
    struct recorded_response response;
    struct picture picture;
    uint64_t bytes;                /* of the body */
    struct stored place;           /* of the file in the item's store */
};

struct item_jobs {
    struct store store;
    struct job *list; /* in the item's scratch */
    size_t count, done;
};

/* ---- setting up */

static int choose_picture_options(struct picture_options *p, const struct fetch_options *o)
{
    struct str modes = STR(RESIZE_MODE_CHOICES);
    unsigned mode = 0;
    while (!str_eq(str_cut(&modes, '|'), str_from(o->resize))) mode++; /* the option table admits no other */
    p->limits = image_limits_default;
    p->limits.bytes = o->max_bytes;
    p->limits.pixels = o->max_pixels;
    p->resize = (struct resize_options){.mode = (enum resize_mode)mode, .size = (uint32_t)o->size, .only_if_bigger = !o->enlarge};
    p->format = encode_format(str_from(o->format));
    p->quality = (int)o->quality;
    p->keep_bytes = o->keep_bytes;
    p->keep_unchanged = o->keep_unchanged;
    if (o->size > encode_side_most(p->format))
        return fail_usage("--size %" PRIu64 ": a %s has at most %" PRIu64 " pixels a side", o->size, o->format, encode_side_most(p->format));
    return 0;
}

static int add_columns(struct stage_run *run, struct fetch *fetch)
{
    fetch->url = columns_find(&run->in, STR("url"));
    for (int i = 0; i < MADE; i++) {
        struct str name = str_from(made_names[i]);
        fetch->made[i] = columns_find(&run->out, name); /* rows that were fetched before have it already */
        if (fetch->made[i] != SIZE_MAX) continue;
        fetch->made[i] = run->out.count;
        if (columns_add(&run->out, name) < 0) return -1;
    }
    return 0;
}

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
static int open_recorded(struct stage_run *run, struct fetch *fetch, const struct fetch_options *o)
{
    struct recorded *recorded = fetch->recorded = recorded_open(run->common->memory / 4, run->common->tmp);
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

static int open_fetchers(struct stage_run *run, struct fetch *fetch)
{
    fetch->fetchers = calloc(run->threads, sizeof *fetch->fetchers);
    if (!fetch->fetchers) return fail_memory();
    for (; fetch->fetcher_count < run->threads; fetch->fetcher_count++) {
        struct fetcher *fetcher = &fetch->fetchers[fetch->fetcher_count];
        picture_maker_init(&fetcher->maker);
        fetcher->reader = recorded_reader_new(fetch->recorded, fetch->picture.limits.bytes);
        if (!fetcher->reader) return -1;
    }
    return 0;
}

/* Named like the rows, so that tasks and steps have packs of their own. */
static int open_pack(struct stage_run *run, struct fetch *fetch)
{
    const char *stem = run->output_stem ? run->output_stem : "fetch", *slash = strrchr(stem, '/');
    return pack_init(&fetch->pack, run->packs, slash ? slash + 1 : stem);
}

static pool_job run_job;

static int fetch_open(struct stage_run *run)
{
    struct fetch *fetch = run->state;
    const struct fetch_options *o = run->options;
    fetch->run = run;
    if (o->from_warc.count == 0) return fail_usage("nothing to fetch from: give --from-warc FILE");
    if (choose_picture_options(&fetch->picture, o) < 0 || add_columns(run, fetch) < 0) return -1;
    if (open_pack(run, fetch) < 0) return -1;
    room_init(&fetch->room, run->common->memory / 2);
    fetch->room_made = true;
    if (open_recorded(run, fetch, o) < 0 || open_fetchers(run, fetch) < 0) return -1;
    fetch->pool = pool_new(run->threads, run_job, fetch);
    return fetch->pool ? 0 : -1;
}

static void *item_new(struct stage_run *run)
{
    struct item_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs) fail_memory();
    else store_init(&jobs->store, (size_t)(run->common->memory / 4 / (2 * (uint64_t)run->threads + 2)), run->common->tmp);
    return jobs;
}

static void item_free(void *user)
{
    struct item_jobs *jobs = user;
    store_free(&jobs->store);
    free(jobs);
}

/* ---- one URL, in a thread of the pool */

static int run_job(void *shared, void *list, size_t index, unsigned worker)
{
    struct fetch *fetch = shared;
    struct item_jobs *jobs = list;
    struct job *job = &jobs->list[jobs->done + index];
    struct fetcher *fetcher = &fetch->fetchers[worker];
    if (!fetch->run->common->limit && stage_stopping(fetch->run)) return fail("interrupted"); /* an item may take a minute */
    if (recorded_get(fetcher->reader, job->url, &job->response) < 0) return -1;
    if (job->response.status != RECORDED_OK) return 0;
    job->bytes = job->response.body.n;
    if (picture_make(&fetcher->maker, &fetch->picture, &fetch->room, job->response.body, &job->picture) < 0) return -1;
    return job->picture.status == IMAGE_OK ? store_put(&jobs->store, job->picture.file, &job->place) : 0;
}

/* ---- rows of an item */

static int make_jobs(const struct fetch *fetch, struct stage_item *item, struct item_jobs *jobs)
{
    jobs->count = jobs->done = 0;
    jobs->list = arena_alloc(&item->scratch, (item->in.count + 1) * sizeof *jobs->list);
    if (!jobs->list) return -1;
    for (size_t r = 0; r < item->in.count; r++) {
        struct str url = row_text(&item->in.rows[r], fetch->url, &item->scratch);
        if (jobs->count && str_eq(jobs->list[jobs->count - 1].url, url)) {
            jobs->list[jobs->count - 1].rows++;
            continue;
        }
        jobs->list[jobs->count++] = (struct job){.url = url, .first = r, .rows = 1};
    }
    return 0;
}

/* fetch.STATUS, with what was measured against which bound where there is one. */
static int drop_rows(struct stage_run *run, struct stage_item *item, const struct job *job)
{
    const struct fetch *fetch = run->state;
    char rule[64], measured[64] = "", bound[32] = "";
    const struct image_info *info = &job->picture.info;
    enum recorded_status from = job->response.status;
    if (from == RECORDED_HTTP) snprintf(rule, sizeof rule, "fetch.http_%u", job->response.http_status);
    else snprintf(rule, sizeof rule, "fetch.%s", from != RECORDED_OK ? recorded_status_name(from) : image_status_name(job->picture.status));
    if (from == RECORDED_HTTP) snprintf(measured, sizeof measured, "%u", job->response.http_status);
    if (from == RECORDED_OK && job->picture.status == IMAGE_TOO_MANY_PIXELS) {
        snprintf(measured, sizeof measured, "%" PRIu64, (uint64_t)info->width * info->height);
        snprintf(bound, sizeof bound, "%" PRIu64, fetch->picture.limits.pixels);
    } else if (from == RECORDED_OK && job->picture.status == IMAGE_TOO_LARGE) {
        snprintf(measured, sizeof measured, "%ux%u", info->width, info->height);
    } else if (from == RECORDED_TOO_LONG) {
        snprintf(bound, sizeof bound, "%zu", fetch->picture.limits.bytes);
    }
    for (size_t r = job->first; r < job->first + job->rows; r++)
        if (stage_drop(run, item, &item->in.rows[r], str_from(rule), str_from(measured), str_from(bound), STR_ABSENT) < 0) return -1;
    return 0;
}

static int set_cells(const struct fetch *fetch, struct batch *out, struct row *row, const struct job *job)
{
    const size_t *at = fetch->made;
    const struct picture *p = &job->picture;
    char sha256[65], phash[17];
    for (int i = 0; i < 32; i++) snprintf(sha256 + 2 * i, 3, "%02x", p->sha256[i]);
    snprintf(phash, sizeof phash, "%016" PRIx64, p->phash);
    return row_set(out, row, at[STATUS], STR("ok")) < 0 || row_set_u64(out, row, at[HTTP_STATUS], job->response.http_status) < 0 ||
                   row_set_u64(out, row, at[BYTES], job->bytes) < 0 || row_set(out, row, at[SHA256], str_from(sha256)) < 0 ||
                   row_set(out, row, at[FORMAT], str_from(image_format_name(p->info.format))) < 0 ||
                   row_set_u64(out, row, at[WIDTH], p->info.width) < 0 || row_set_u64(out, row, at[HEIGHT], p->info.height) < 0 ||
                   row_set_u64(out, row, at[ORIENTATION], p->info.orientation) < 0 ||
                   row_set(out, row, at[STORED], str_from(image_format_name(p->stored_format))) < 0 ||
                   row_set_u64(out, row, at[STORED_WIDTH], p->stored_width) < 0 ||
                   row_set_u64(out, row, at[STORED_HEIGHT], p->stored_height) < 0 ||
                   row_set(out, row, at[PHASH], str_from(phash)) < 0
               ? -1
               : 0;
}

static bool has_picture(const struct job *job)
{
    return job->response.status == RECORDED_OK && job->picture.status == IMAGE_OK;
}

/* All jobs; with --limit, slices of them until there are rows enough (what lies behind is cut off by the harness). */
static int run_jobs(const struct stage_run *run, struct fetch *fetch, struct item_jobs *jobs)
{
    uint64_t limit = run->common->limit, rows = 0;
    while (jobs->done < jobs->count) {
        size_t slice = jobs->count - jobs->done;
        if (limit && slice > LIMITED_SLICE) slice = LIMITED_SLICE;
        if (pool_run(fetch->pool, jobs, slice) < 0) return -1;
        for (size_t end = jobs->done + slice; jobs->done < end; jobs->done++)
            if (has_picture(&jobs->list[jobs->done])) rows += jobs->list[jobs->done].rows;
        if (limit && rows >= limit) jobs->count = jobs->done;
    }
    return 0;
}

static int fetch_work(struct stage_run *run, struct stage_item *item, unsigned worker)
{
    (void)worker;
    struct fetch *fetch = run->state;
    struct item_jobs *jobs = item->user;
    store_clear(&jobs->store);
    if (make_jobs(fetch, item, jobs) < 0 || run_jobs(run, fetch, jobs) < 0) return -1;
    for (size_t j = 0; j < jobs->count; j++) {
        const struct job *job = &jobs->list[j];
        if (!has_picture(job)) {
            if (drop_rows(run, item, job) < 0) return -1;
            continue;
        }
        for (size_t r = job->first; r < job->first + job->rows; r++) {
            struct row *row = batch_widen(&item->out, &item->in.rows[r], run->in.count);
            if (!row || set_cells(fetch, &item->out, row, job) < 0) return -1;
        }
    }
    return 0;
}

/* Writes the item's pictures to the pack, and their places into its rows. */
static int fetch_emit(struct stage_run *run, struct stage_item *item)
{
    struct fetch *fetch = run->state;
    struct item_jobs *jobs = item->user;
    const size_t *at = fetch->made;
    size_t r = 0;
    if (recorded_damaged(fetch->recorded)) stage_damaged(item); /* it is read before there are items */
    for (size_t j = 0; j < jobs->count; j++) {
        const struct job *job = &jobs->list[j];
        if (!has_picture(job)) continue;
        const struct place *place = &item->out.rows[r].place;
        char name[PACK_NAME_BYTES + 1];
        snprintf(name, sizeof name, "%" PRIu64 "-%" PRIu64 "-%" PRIu64 "-%" PRIu64 ".%s", place->file, place->record, place->image,
                 place->text, encode_extension(job->picture.stored_format));
        struct str bytes;
        uint64_t offset;
        if (store_get(&jobs->store, &job->place, &bytes) < 0 || pack_add(&fetch->pack, str_from(name), bytes, &offset) < 0) return -1;
        for (size_t end = r + job->rows; r < end; r++) {
            struct row *row = &item->out.rows[r];
            if (row_set(&item->out, row, at[IMAGE_PACK], str_from(fetch->pack.name)) < 0 ||
                row_set_u64(&item->out, row, at[IMAGE_OFFSET], offset) < 0 ||
                row_set_u64(&item->out, row, at[IMAGE_LENGTH], bytes.n) < 0)
                return -1;
        }
    }
    store_clear(&jobs->store);
    return pack_flush(&fetch->pack);
}

static int fetch_finish(struct stage_run *run)
{
    struct fetch *fetch = run->state;
    uint64_t pictures = fetch->pack.pictures;
    if (!pictures) return 0;
    return pack_finish(&fetch->pack) < 0 ? -1 : stage_published(run, &fetch->pack.file, pictures);
}

static void fetch_close(struct stage_run *run)
{
    struct fetch *fetch = run->state;
    pool_free(fetch->pool);
    for (unsigned i = 0; fetch->fetchers && i < run->threads; i++) {
        recorded_reader_free(fetch->fetchers[i].reader);
        picture_maker_free(&fetch->fetchers[i].maker);
    }
    free(fetch->fetchers);
    recorded_free(fetch->recorded);
    pack_close(&fetch->pack);
    if (fetch->room_made) room_free(&fetch->room);
}

#define AT(field) offsetof(struct fetch_options, field)
static const struct option options[] = {
    {"from-warc", 0, OPTION_LIST, AT(from_warc), .argument = "FILE", .neutral = true,
     .help = "take pictures from the responses in this WARC file, or those that @LIST names; may be repeated"},
    {"pictures", 0, OPTION_LIST, AT(pictures), .argument = "TABLE", .neutral = true,
     .help = "a table of pictures that extract wrote: files of --from-warc, the crawl's whole list, are then not searched"},
    {"resize", 0, OPTION_CHOICE, AT(resize), .choices = RESIZE_MODE_CHOICES, .initial = "keep_ratio_largest",
     .help = "how to resize: no|keep_ratio|center_crop|keep_ratio_largest|border"},
    {"size", 0, OPTION_U64, AT(size), .argument = "N", .initial = "512", .low = 1, .high = INT32_MAX, .help = "pixels that the mode's side gets"},
    {"enlarge", 0, OPTION_FLAG, AT(enlarge), .help = "resize smaller pictures too"},
    {"format", 0, OPTION_CHOICE, AT(format), .choices = ENCODE_FORMAT_CHOICES, .initial = "jpg", .help = "format of stored pictures: jpg|png|webp"},
    {"quality", 0, OPTION_U64, AT(quality), .argument = "N", .initial = "92", .low = 0, .high = 100, .help = "quality of jpg and webp"},
    {"keep-bytes", 0, OPTION_FLAG, AT(keep_bytes), .help = "store pictures as they came; they are decoded, but not changed"},
    {"keep-unchanged", 0, OPTION_FLAG, AT(keep_unchanged), .help = "the same for JPEGs that need neither turning nor resizing, with --format jpg"},
    {"max-bytes", 0, OPTION_SIZE, AT(max_bytes), .argument = "SIZE", .initial = "20000000", .low = 1, .high = 1 << 30, .help = "refuse longer files"},
    {"max-pixels", 0, OPTION_U64, AT(max_pixels), .argument = "N", .initial = "89478484", .low = 1, .high = UINT32_MAX,
     .help = "refuse pictures of more pixels, by their header"},
    {0},
};

static const struct stage stage = {
    .behaviour = 1,
    .needs = "url src_file src_record src_image src_text",
    .hint = "run 'winnow extract' first",
    .drops = true,
    .makes_packs = true,
    .run_size = sizeof(struct fetch),
    .open = fetch_open,
    .item_new = item_new,
    .item_free = item_free,
    .work = fetch_work,
    .emit = fetch_emit,
    .finish = fetch_finish,
    .close = fetch_close,
};

const struct command command_fetch = {
    .name = "fetch",
    .summary = "get each row's picture, check, turn, resize and pack it",
    .arguments = "[OPTIONS] --from-warc FILE [ROWS...]",
    .description = "Looks each row's URL up among the responses of WARC files: the first in order, through up to five recorded "
                   "redirects. The picture is decoded within limits, turned upright, laid over white where it is transparent, "
                   "resized and encoded, and goes into a pack beside the output, a plain tar; the row gets its place there, "
                   "and sizes, SHA-256 and perceptual hash of the original.\n\n"
                   "A row without a picture is dropped under the rule fetch.STATUS: not_recorded, http_404, not_an_image, "
                   "truncated, corrupt, too_many_pixels, unsupported_svg, and so on.",
    .example = "winnow extract tests/data/demo/demo.warc.gz | winnow fetch --from-warc tests/data/demo/demo.warc.gz -o build/example/pictures.rows.zst",
    .see_also = "extract, shard, image",
    .options = options,
    .options_size = sizeof(struct fetch_options),
    .stage = &stage,
};

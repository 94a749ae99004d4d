/* The stage `fetch`: rows in, rows with pictures out.
 *
 * Each distinct URL of an item is one job. The jobs of an item go to one pool of threads: look the URL up, or wait for its
 * body from the web; decode, turn, resize, encode; the finished file waits in the item's store. When the item's turn in order
 * has come, its pictures are added to the pack in the rows' order, and each row gets its place there. A URL of the web that
 * another item asks for, or asked for hours ago, is not asked for again (known.h).
 *
 * (1) Every row leaves: with status ok and a picture, or dropped under fetch.STATUS.
 * (2) Rows, and the pack, depend on the input, the options and what the web answers; threads and memory change only the time.
 * (3) Memory: half of --memory is room for decoding (a picture reserves what its header says it needs), a quarter is for
 *     finished pictures, which beyond it wait on disk, less a small share for URLs that were asked for, and a quarter for
 *     sorting a crawl's list of URLs at the start, or for bodies from the web. */
#include "crawl/fetch/known.h"
#include "crawl/fetch/options.h"
#include "crawl/fetch/own_pack.h"
#include "crawl/fetch_recorded.h"
#include "crawl/image/encode.h"
#include "crawl/robots/directives.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"
#include "pipeline/rows/pack.h"
#include "pipeline/stage.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LIMITED_SLICE = 64, /* jobs at once with --limit */
    WEB_ITEMS = 8,      /* items that wait for the web at the same time, at least: one slow host holds up its own item alone */
    BODY_ROOM = 512 << 10, /* memory for each connection: a body that finds no room is broken off and asked for again */
    KNOWN_SHARE = 32, /* of the memory, for known.h */
    AGENT_BYTES = 64,
    DROPPED_COLUMNS = 5,
};

/* The columns that a row with a picture gets, in order. */
enum made { STATUS, HTTP_STATUS, BYTES, SHA256, FORMAT, WIDTH, HEIGHT, ORIENTATION, STORED, STORED_WIDTH, STORED_HEIGHT, PHASH,
            IMAGE_PACK, IMAGE_OFFSET, IMAGE_LENGTH, MADE };
static const char *const made_names[MADE] = {
    "status", "http_status", "bytes", "sha256", "format", "width", "height", "exif_orientation", "stored", "stored_width",
    "stored_height", "phash", "image_pack", "image_offset", "image_length",
};

/* What a dropped row has at its end; before it, http_status. */
static const char *const dropped_names[DROPPED_COLUMNS] = {"rule", "measured", "bound", "also", "stage"};

/* One thread of the pool. */
struct fetcher {
    struct recorded_reader *reader;
    struct picture_maker maker;
};

struct fetch {
    const struct stage_run *run;
    struct picture_options picture;
    struct recorded *recorded; /* either this */
    struct web *web;           /* or these */
    struct known *known;
    struct optout *optout;
    char agent[AGENT_BYTES];
    bool heeds_pages;    /* page_robots counts */
    struct fetcher *fetchers;
    unsigned decoders, fetcher_count;
    struct pool *pool;
    struct room room;
    bool room_made;
    struct pack pack;
    struct outcome_sum sum;  /* of items that were handed on */
    size_t url, page_robots; /* input columns */
    size_t kept;             /* input columns that rows with pictures keep: all, or all but a dropped row's own */
    size_t rule;             /* of dropped rows: the first of the five */
    size_t made[MADE];   /* output columns */
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
    p->exact = o->exact_resize;
    p->format = encode_format(str_from(o->format));
    p->quality = (int)o->quality;
    p->keep_bytes = o->keep_bytes;
    p->keep_unchanged = o->keep_unchanged;
    if (o->size > encode_side_most(p->format))
        return fail_usage("--size %" PRIu64 ": a %s has at most %" PRIu64 " pixels a side", o->size, o->format, encode_side_most(p->format));
    return 0;
}

/* --retry: `out` gets its columns without those of dropped rows. */
static int take_dropped(struct stage_run *run, struct fetch *fetch)
{
    fetch->rule = run->in.count - (run->in.count < DROPPED_COLUMNS ? run->in.count : DROPPED_COLUMNS);
    for (size_t i = 0; i < DROPPED_COLUMNS; i++)
        if (columns_find(&run->in, str_from(dropped_names[i])) != fetch->rule + i)
            return fail_usage("--retry wants rows as fetch dropped them: the file of --dropped, or a folder's NNNNN.dropped.zst");
    /* rows that were fetched before have their http_status further to the front, and keep it */
    fetch->kept = fetch->rule - (columns_find(&run->in, STR("http_status")) + 1 == fetch->rule);
    columns_free(&run->out);
    columns_init(&run->out);
    for (size_t i = 0; i < fetch->kept; i++)
        if (columns_add(&run->out, str_from(run->in.list[i].name)) < 0) return -1;
    return 0;
}

static int add_columns(struct stage_run *run, struct fetch *fetch, bool retry)
{
    fetch->url = columns_find(&run->in, STR("url"));
    fetch->page_robots = columns_find(&run->in, STR("page_robots"));
    fetch->kept = run->in.count;
    if (retry && take_dropped(run, fetch) < 0) return -1;
    for (int i = 0; i < MADE; i++) {
        struct str name = str_from(made_names[i]);
        fetch->made[i] = columns_find(&run->out, name); /* rows that were fetched before have it already */
        if (fetch->made[i] != SIZE_MAX) continue;
        fetch->made[i] = run->out.count;
        if (columns_add(&run->out, name) < 0) return -1;
    }
    return 0;
}

static int open_fetchers(struct fetch *fetch)
{
    fetch->fetchers = calloc(fetch->decoders, sizeof *fetch->fetchers);
    if (!fetch->fetchers) return fail_memory();
    for (; fetch->fetcher_count < fetch->decoders; fetch->fetcher_count++) {
        struct fetcher *fetcher = &fetch->fetchers[fetch->fetcher_count];
        picture_maker_init(&fetcher->maker);
        if (!fetch->recorded) continue;
        fetcher->reader = recorded_reader_new(fetch->recorded, fetch->picture.limits.bytes);
        if (!fetcher->reader) return -1;
    }
    return 0;
}

static void url_arrived(struct web_list *list, struct web_url *url)
{
    const struct job *job = (const struct job *)(const void *)((const char *)url - offsetof(struct job, web));
    pool_ready(list->context, job->turn);
}

static bool is_stopping(void *run) { return stage_stopping(run); }

static int load_optout(struct fetch *fetch, const char *path)
{
    if (!path) return 0;
    fetch->optout = optout_new();
    if (!fetch->optout || optout_load(fetch->optout, path) < 0 || optout_seal(fetch->optout) < 0) {
        fail_prefix("--opt-out: ");
        return -1;
    }
    return 0;
}

static bool asks_for(const struct stage_run *run, const char *option)
{
    for (size_t i = 0; i < run->line->given_count; i++)
        if (strcmp(run->line->given[i]->name, option) == 0) return true;
    return false;
}

/* Bodies: half of the quarter while they come, half while they wait for a decoder. */
static int open_web(struct stage_run *run, struct fetch *fetch, const struct fetch_options *o)
{
    struct net_options options;
    const struct web_calls calls = {run, url_arrived, is_stopping};
    fetch->heeds_pages = !o->no_directives && fetch->page_robots != SIZE_MAX;
    if (fetch_agent(fetch->agent, sizeof fetch->agent, o->user_agent) < 0 || load_optout(fetch, o->opt_out) < 0 ||
        fetch_net_options(&options, o, fetch->agent, fetch->optout) < 0)
        return -1;
    options.memory = run->common->memory / 8;
    uint64_t fitting = options.memory / BODY_ROOM + 1;
    if (options.connections > fitting) {
        if (!run->common->quiet && asks_for(run, "connections"))
            log_line("--connections %u: --memory has room for the bodies of %" PRIu64 ", and no more are opened at a time: give %" PRIu64 "M",
                     options.connections, fitting, ((uint64_t)options.connections * BODY_ROOM * 8 >> 20) + 1);
        options.connections = (unsigned)fitting;
    }
    fetch->web = web_open(&options, &calls, run->common->memory / 8);
    if (fetch->web) fetch->known = known_open(run->common->memory / KNOWN_SHARE, run->common->tmp);
    return fetch->known ? 0 : -1;
}

/* Nobody asks the web by forgetting an option. */
static int check_source(const struct stage_run *run, const struct fetch_options *o)
{
    if (o->from_web && (o->from_warc.count || o->pictures.count)) return fail_usage("--from-web beside --from-warc: pictures have one source");
    if (!o->from_web && !o->from_warc.count) return fail_usage("nothing to fetch from: give --from-warc FILE, or --from-web");
    for (size_t i = 0; !o->from_web && i < run->line->given_count; i++)
        if (fetch_option_is_of_web(run->line->given[i])) return fail_usage("--%s says something of the web: give --from-web", run->line->given[i]->name);
    return 0;
}

/* Rows that flow on through a pipe are used up there; what lies in a file keeps its pictures. */
static bool rows_stay(const struct stage_run *run)
{
    struct stat s;
    return run->output_stem || (fstat(STDOUT_FILENO, &s) == 0 && S_ISREG(s.st_mode));
}

/* Without --packs the name alone makes it this output's own, and what is there is what an earlier run of it left. */
static int open_pack(struct stage_run *run, struct fetch *fetch)
{
    struct buf stem;
    buf_init(&stem, PATH_MAX);
    const char *name = own_pack_stem(&stem, run->output_folder, run->output_stem) == 0 ? buf_c_string(&stem) : NULL;
    int result = name ? pack_init(&fetch->pack, run->packs, name) : -1;
    buf_free(&stem);
    if (result < 0 || (run->output_stem && !run->common->packs) || !rows_stay(run)) return result;
    const char *manifest = run->output_stem ? arena_printf(stage_arena(run), "%s%s.json", run->output_folder ? run->output_folder : "", run->output_stem) : NULL;
    return own_pack_check(fetch->pack.path, manifest);
}

static pool_job run_job;

static int fetch_prepare(struct stage_run *run)
{
    struct fetch *fetch = run->state;
    const struct fetch_options *o = run->options;
    if (check_source(run, o) < 0) return -1;
    fetch->decoders = run->threads;
    if (o->from_web && run->threads < WEB_ITEMS) run->threads = WEB_ITEMS;
    return 0;
}

static int fetch_open(struct stage_run *run)
{
    struct fetch *fetch = run->state;
    const struct fetch_options *o = run->options;
    fetch->run = run;
    if (choose_picture_options(&fetch->picture, o) < 0 || add_columns(run, fetch, o->retry) < 0) return -1;
    if (open_pack(run, fetch) < 0) return -1;
    room_init(&fetch->room, run->common->memory / 2);
    fetch->room_made = true;
    if ((o->from_web ? open_web(run, fetch, o) : fetch_open_recorded(run, o, &fetch->recorded)) < 0 || open_fetchers(fetch) < 0) return -1;
    fetch->pool = pool_new(fetch->decoders, run_job, fetch);
    return fetch->pool ? 0 : -1;
}

static void *item_new(struct stage_run *run)
{
    const struct fetch *fetch = run->state;
    struct item_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs) return fail_memory(), NULL;
    if (fetch->web && url_parser_init(&jobs->parser) < 0) return free(jobs), NULL;
    store_init(&jobs->store, (size_t)((run->common->memory / 4 - run->common->memory / KNOWN_SHARE) / (2 * (uint64_t)run->threads + 2)), run->common->tmp);
    return jobs;
}

static void item_free(void *user)
{
    struct item_jobs *jobs = user;
    store_free(&jobs->store);
    url_parser_free(&jobs->parser);
    free(jobs);
}

/* ---- one URL, in a thread of the pool */

/* 1: there is a body; it lives until the reader's next call, or web_done. 0: there is none, or the job is not reached. */
static int find_body(struct fetch *fetch, struct fetcher *fetcher, struct job *job, struct str *body)
{
    if (fetch->web) {
        if (!job->web.answered) return web_failed(fetch->web);
        outcome_of_web(&job->outcome, &job->web.result);
        *body = buf_str(&job->web.result.body);
    } else {
        struct recorded_response response;
        if (recorded_get(fetcher->reader, job->url, &response) < 0) return -1;
        outcome_of_recorded(&job->outcome, &response, &fetch->picture.limits);
        *body = response.body;
    }
    return outcome_is_ok(&job->outcome);
}

static int make_picture(struct fetch *fetch, struct item_jobs *jobs, struct job *job, struct fetcher *fetcher)
{
    struct str body;
    int found = find_body(fetch, fetcher, job, &body);
    if (found <= 0) return found;
    job->bytes = body.n;
    if (picture_make(&fetcher->maker, &fetch->picture, &fetch->room, body, &job->picture) < 0) return -1;
    outcome_of_picture(&job->outcome, &job->picture, &fetch->picture.limits);
    return job_has_picture(job) ? store_put(&jobs->store, job->picture.file, &job->place) : 0;
}

static int run_job(void *shared, void *list, size_t index, unsigned worker)
{
    struct fetch *fetch = shared;
    struct item_jobs *jobs = list;
    struct job *job = jobs->turns[index];
    if (!fetch->run->common->limit && stage_stopping(fetch->run)) return fail("interrupted"); /* an item may take a minute */
    int result = make_picture(fetch, jobs, job, &fetch->fetchers[worker]);
    if (fetch->web) web_done(fetch->web, &job->web);
    return result;
}

/* ---- rows of an item */

static int look_at_rows(const struct fetch *fetch, struct stage_item *item, struct item_jobs *jobs)
{
    const struct fetch_options *o = fetch->run->options;
    jobs->row_count = item->in.count;
    jobs->rows = arena_alloc(&item->scratch, (jobs->row_count + 1) * sizeof *jobs->rows);
    if (!jobs->rows) return -1;
    for (size_t r = 0; r < jobs->row_count; r++) {
        const struct row *row = &item->in.rows[r];
        struct row_task *task = &jobs->rows[r];
        *task = (struct row_task){.url = row_text(row, fetch->url, &item->scratch)};
        if (o->retry && !outcome_rule_passes(row_text(row, fetch->rule, &item->scratch))) task->kind = ROW_STAYS;
        else if (fetch->heeds_pages) task->directives = directives_of(row_text(row, fetch->page_robots, &item->scratch), str_from(fetch->agent));
        if (task->directives) task->kind = ROW_PAGE_FORBIDS;
        if (fetch->web && task->kind == ROW_FETCH && jobs_normalise(jobs, &item->scratch, &task->url) < 0) return -1;
    }
    return jobs_make(jobs, &item->scratch);
}

static int drop_again(struct stage_run *run, struct stage_item *item, const struct row *row)
{
    const struct fetch *fetch = run->state;
    struct str said[DROPPED_COLUMNS];
    for (size_t i = 0; i < DROPPED_COLUMNS; i++) said[i] = row_text(row, fetch->rule + i, &item->scratch);
    return stage_drop(run, item, row, said[0], said[1], said[2], said[3]);
}

static int drop(struct stage_run *run, struct stage_item *item, const struct row *row, const struct outcome *outcome)
{
    char rule[OUTCOME_RULE_BYTES];
    outcome_rule(outcome, rule);
    if (stage_count(item, outcome_count_name(outcome->cause), 1) < 0) return -1;
    return stage_drop(run, item, row, str_from(rule), str_from(outcome->measured), str_from(outcome->bound), STR_ABSENT) < 0
               ? -1
               : stage_drop_cell(item, "http_status", outcome->http_status);
}

static int drop_forbidden(struct stage_run *run, struct stage_item *item, const struct row *row, unsigned directives)
{
    struct outcome outcome = {.status = "page_robots", .cause = NET_REFUSED};
    snprintf(outcome.measured, sizeof outcome.measured, "%s", directive_name((enum directive)directives));
    return drop(run, item, row, &outcome);
}

static int set_cells(const struct fetch *fetch, struct batch *out, struct row *row, const struct job *job)
{
    const size_t *at = fetch->made;
    const struct picture *p = &job->picture;
    char sha256[65], phash[17];
    for (int i = 0; i < 32; i++) snprintf(sha256 + 2 * i, 3, "%02x", p->sha256[i]);
    snprintf(phash, sizeof phash, "%016" PRIx64, p->phash);
    return row_set(out, row, at[STATUS], STR("ok")) < 0 || row_set_u64(out, row, at[HTTP_STATUS], job->outcome.http_status) < 0 ||
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

static int ask_web(struct stage_item *item, struct fetch *fetch, struct item_jobs *jobs, size_t count)
{
    struct web_url **urls = arena_alloc(&item->scratch, (count + 1) * sizeof *urls);
    size_t *order = arena_alloc(&item->scratch, (count + 1) * sizeof *order);
    if (!urls || !order) return -1;
    for (size_t i = 0; i < count; i++) {
        jobs->turns[i]->turn = i;
        urls[i] = &jobs->turns[i]->web;
    }
    struct pool_list waiting;
    struct web_list list = {.urls = urls, .count = count, .context = &waiting};
    pool_begin(fetch->pool, &waiting, jobs, count, order);
    web_ask(fetch->web, &list);
    int result = pool_wait(&waiting);
    for (size_t i = 0; i < count; i++) web_done(fetch->web, urls[i]); /* those that were left out after a failure */
    return result;
}

/* The first `count` of jobs->turns, which are this item's. */
static int run_turns(struct stage_item *item, struct fetch *fetch, struct item_jobs *jobs, size_t count)
{
    if (!fetch->web) return pool_run(fetch->pool, jobs, count);
    int result = ask_web(item, fetch, jobs, count);
    known_settle(fetch->known, jobs->turns, count);
    return result;
}

static enum known_answer claim(struct fetch *fetch, struct job *job, bool wait)
{
    enum known_answer answer = fetch->known ? known_claim(fetch->known, job, wait) : KNOWN_MINE;
    job->mine = answer == KNOWN_MINE;
    return answer;
}

/* What nobody asks for yet, together; then what others are asking for, one by one. */
static int run_slice(struct stage_item *item, struct fetch *fetch, struct item_jobs *jobs, size_t slice)
{
    struct job *first = &jobs->list[jobs->done];
    size_t mine = 0;
    int result = 0;
    for (size_t i = 0; i < slice && result == 0; i++) {
        enum known_answer answer = claim(fetch, &first[i], false);
        if (answer == KNOWN_MINE) jobs->turns[mine++] = &first[i];
        else if (answer == KNOWN_FAILED) result = -1;
    }
    if (result < 0) known_settle(fetch->known, jobs->turns, mine);
    else if (mine) result = run_turns(item, fetch, jobs, mine);
    for (size_t i = 0; i < slice && result == 0; i++) {
        if (first[i].outcome.status) continue;
        enum known_answer answer = claim(fetch, &first[i], true);
        jobs->turns[0] = &first[i];
        if (answer != KNOWN_BEFORE) result = answer == KNOWN_FAILED ? -1 : run_turns(item, fetch, jobs, 1); /* another's run failed */
    }
    return result;
}

/* All jobs; with --limit, slices of them until there are rows enough (what lies behind is cut off by the harness). */
static int run_jobs(struct stage_item *item, struct fetch *fetch, struct item_jobs *jobs)
{
    uint64_t limit = fetch->run->common->limit;
    while (jobs->done < jobs->count) {
        size_t slice = jobs->count - jobs->done;
        if (limit && slice > LIMITED_SLICE) slice = LIMITED_SLICE;
        if (run_slice(item, fetch, jobs, slice) < 0) return -1;
        jobs->done += slice;
        if (limit && jobs_rows_done(jobs) >= limit) break;
    }
    return 0;
}

static int add_row(struct stage_run *run, struct stage_item *item, const struct row *row, struct job *job)
{
    const struct fetch *fetch = run->state;
    struct item_jobs *jobs = item->user;
    jobs->out[item->out.count] = job;
    struct row *made = batch_widen(&item->out, row, fetch->kept);
    return !made || set_cells(fetch, &item->out, made, job) < 0 ? -1 : 0;
}

static int fetch_work(struct stage_run *run, struct stage_item *item, unsigned worker)
{
    (void)worker;
    struct fetch *fetch = run->state;
    struct item_jobs *jobs = item->user;
    store_clear(&jobs->store);
    if (look_at_rows(fetch, item, jobs) < 0 || run_jobs(item, fetch, jobs) < 0) return -1;
    for (size_t r = 0; r < jobs->row_count; r++) {
        const struct row_task *task = &jobs->rows[r];
        const struct row *row = &item->in.rows[r];
        struct job *job = &jobs->list[task->job];
        int result;
        if (task->kind == ROW_STAYS) result = drop_again(run, item, row);
        else if (task->kind == ROW_PAGE_FORBIDS) result = drop_forbidden(run, item, row, task->directives);
        else if (!job->outcome.status) break; /* --limit: nothing behind it was reached */
        else result = job_has_picture(job) ? add_row(run, item, row, job) : drop(run, item, row, &job->outcome);
        if (result < 0) return -1;
    }
    return 0;
}

/* In the order of the first rows that show them. */
static int pack_picture(struct fetch *fetch, struct job *job, const struct place *place)
{
    char name[PACK_NAME_BYTES + 1];
    struct str bytes;
    snprintf(name, sizeof name, "%" PRIu64 "-%" PRIu64 "-%" PRIu64 "-%" PRIu64 ".%s", place->file, place->record, place->image,
             place->text, encode_extension(job->picture.stored_format));
    if (store_get(job->store, &job->place, &bytes) < 0 || pack_add(&fetch->pack, str_from(name), bytes, &job->offset) < 0) return -1;
    job->packed = true;
    return 0;
}

/* Of a job whose picture another item may have, before or behind this one. */
static int find_place(struct fetch *fetch, struct job *job, const struct place *place)
{
    struct job *lender = job;
    if (!job->mine && known_place(fetch->known, job, &lender) < 0) return -1;
    if (lender && !lender->packed && pack_picture(fetch, lender, place) < 0) return -1;
    if (lender) job->offset = lender->offset;
    job->packed = true;
    return 0;
}

/* Writes the item's pictures to the pack, and their places into its rows. */
static int fetch_emit(struct stage_run *run, struct stage_item *item)
{
    struct fetch *fetch = run->state;
    struct item_jobs *jobs = item->user;
    const size_t *at = fetch->made;
    if (fetch->recorded && recorded_damaged(fetch->recorded)) stage_damaged(item); /* it is read before there are items */
    for (size_t r = 0; r < item->out.count; r++) {
        struct job *job = jobs->out[r];
        struct row *row = &item->out.rows[r];
        if (!job->packed && find_place(fetch, job, &row->place) < 0) return -1;
        if (row_set(&item->out, row, at[IMAGE_PACK], str_from(fetch->pack.name)) < 0 ||
            row_set_u64(&item->out, row, at[IMAGE_OFFSET], job->offset) < 0 ||
            row_set_u64(&item->out, row, at[IMAGE_LENGTH], job->place.n) < 0)
            return -1;
    }
    for (size_t i = 0; i < jobs->done; i++) {
        struct job *job = &jobs->list[i];
        if (!job->mine) continue;
        outcome_sum_add(&fetch->sum, &job->outcome);
        if (fetch->known && known_keep(fetch->known, job) < 0) return -1;
    }
    store_clear(&jobs->store);
    return pack_flush(&fetch->pack);
}

static int fetch_finish(struct stage_run *run)
{
    struct fetch *fetch = run->state;
    uint64_t pictures = fetch->pack.pictures;
    if (outcome_sum_judge(&fetch->sum, run->common->quiet) < 0) return -1;
    if (!pictures) return 0;
    return pack_finish(&fetch->pack) < 0 ? -1 : stage_published(run, &fetch->pack.file, pictures);
}

/* What the web cost. */
static int fetch_manifest(struct stage_run *run, json_t *manifest)
{
    const struct fetch *fetch = run->state;
    if (!fetch->web) return 0;
    struct net_counts c = web_counts(fetch->web);
    json_t *web = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "requests", (json_int_t)c.requests, "notice_requests", (json_int_t)c.notice_requests,
                            "retries", (json_int_t)c.retries, "redirects", (json_int_t)c.redirects, "refetched", (json_int_t)c.refetched,
                            "bytes", (json_int_t)c.bytes);
    return web && json_object_set_new(manifest, "web", web) == 0 ? 0 : fail_memory();
}

static void fetch_close(struct stage_run *run)
{
    struct fetch *fetch = run->state;
    web_close(fetch->web);
    pool_free(fetch->pool);
    known_close(fetch->known);
    for (unsigned i = 0; fetch->fetchers && i < fetch->decoders; i++) {
        recorded_reader_free(fetch->fetchers[i].reader);
        picture_maker_free(&fetch->fetchers[i].maker);
    }
    free(fetch->fetchers);
    recorded_free(fetch->recorded);
    optout_free(fetch->optout);
    pack_close(&fetch->pack);
    if (fetch->room_made) room_free(&fetch->room);
}

static const struct stage stage = {
    .behaviour = 6,
    .needs = "url src_file src_record src_image src_text",
    .hint = "run 'winnow extract' first",
    .drops = true,
    .drops_with = "http_status",
    .makes_packs = true,
    .run_size = sizeof(struct fetch),
    .prepare = fetch_prepare,
    .open = fetch_open,
    .item_new = item_new,
    .item_free = item_free,
    .work = fetch_work,
    .emit = fetch_emit,
    .finish = fetch_finish,
    .manifest = fetch_manifest,
    .close = fetch_close,
};

const struct command command_fetch = {
    .name = "fetch",
    .summary = "get each row's picture, check, turn, resize and pack it",
    .arguments = "[OPTIONS] --from-warc FILE|--from-web [ROWS...]",
    .description = "Looks each row's URL up among the responses of WARC files: the first in order, through up to five recorded "
                   "redirects. Or, with --from-web, asks the picture's host over HTTP: each distinct URL once, however "
                   "many rows show it, many hosts at a time, each politely: robots.txt, tdmrep.json, ai.txt, X-Robots-Tag and Retry-After "
                   "are obeyed, no private address is ever connected to, and whatever of this is switched off stands in the manifest.\n\n"
                   "The picture is decoded within limits, turned upright, laid over white where it is transparent, "
                   "resized and encoded, and goes into a pack beside the output, a plain tar; the row gets its place there, "
                   "and sizes, SHA-256 and perceptual hash of the original.\n\n"
                   "A row without a picture is dropped under the rule fetch.STATUS: not_recorded, http_404, robots, page_robots, "
                   "dns_no_host, connect_refused, stalled, not_an_image, truncated, corrupt, too_many_pixels, unsupported_svg, and so "
                   "on. The manifest counts them by cause: gone, refused, too_slow, too_big, not_a_picture, ours. --retry takes such "
                   "rows again and asks for those whose cause can pass: 'winnow fetch --from-web --retry ... 00000.dropped.zst'; "
                   "its rows and the first ones make one stream with 'winnow merge'.",
    .example = "winnow extract tests/data/demo/demo.warc.gz | winnow fetch --from-warc tests/data/demo/demo.warc.gz -o build/example/pictures.rows.zst",
    .see_also = "extract, shard, image",
    .options = fetch_option_table,
    .options_size = sizeof(struct fetch_options),
    .stage = &stage,
};

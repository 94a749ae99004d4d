/* The stage `extract`: crawl files become rows, one for each image with a text.
 *
 * `next` cuts files into chunks where records seem to start; `work` reads each chunk by itself with the fast reader; `emit`
 * checks in order that each cut was right, and reads with the tolerant reader what was not (crawl/warc/join.h). So the rows
 * are those of one reader going through the file, for any number of threads and any size of chunks.
 *
 * (1) A chunk's rows carry ordinals of records from its own start until `emit` knows how many came before.
 * (2) What `work` found counts only if `emit` takes it: so losses and counts wait in the item until then.
 * (3) A page at the end of what the fast reader could read moves on to the tolerant one: the next record may belong to it.
 */
#include "crawl/input/crawl_file.h"
#include "crawl/input/picture_table.h"
#include "crawl/page/follow.h"
#include "crawl/url/url.h"
#include "crawl/warc/chunk.h"
#include "crawl/warc/join.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/stage.h"

#include <stdlib.h>
#include <sys/stat.h>

struct extract_options {
    struct option_list texts;
    bool keep_empty;
    const char *prefer;
    uint64_t first_file, chunk, block;
};

static const struct option options[] = {
    {"text-sources", 0, OPTION_LIST, offsetof(struct extract_options, texts), .argument = "LIST", .initial = "alt", .split = true,
     .help = "where texts stand: alt, title, aria_label, data_image_title, figcaption, link_text, heading, og; each gives rows of its own"},
    {"keep-empty", 0, OPTION_FLAG, offsetof(struct extract_options, keep_empty), .help = "rows also for images whose alt is there but empty"},
    {"prefer", 0, OPTION_CHOICE, offsetof(struct extract_options, prefer), .argument = "URL", .choices = "src|largest", .initial = "src",
     .help = "which URL of an image: src as a browser would, or srcset's largest"},
    {"first-file", 0, OPTION_U64, offsetof(struct extract_options, first_file), .argument = "K", .initial = "0",
     .help = "src_file of the first input"},
    {"max-block", 0, OPTION_SIZE, offsetof(struct extract_options, block), .argument = "SIZE", .initial = "64M",
     .help = "larger records are skipped, and counted as lost", .low = 1 << 10, .high = 1 << 30},
    {"chunk", 0, OPTION_SIZE, offsetof(struct extract_options, chunk), .argument = "SIZE", .initial = "1M", .low = 1, .high = 4 << 20,
     .help = "bytes that a thread takes at once", .neutral = true, .hidden = true},
    {0},
};

/* In the order of DESIGN's list. */
#define COLUMNS(X)                                                                                                          \
    X(id) X(url) X(text) X(text_raw) X(url_raw) X(page_url) X(text_source) X(url_source) X(src_file) X(src_record) X(src_image) \
    X(src_text) X(warc_offset) X(warc_length) X(warc_date) X(page_charset) X(page_lang) X(page_robots) X(page_license)      \
    X(decl_width) X(decl_height)
enum column_number {
#define COLUMN_NUMBER(name) COLUMN_##name,
    COLUMNS(COLUMN_NUMBER)
#undef COLUMN_NUMBER
};

/* A page or record that could not be read, until it is known to count. */
struct lost {
    uint64_t offset;
    struct str what; /* in the item's scratch */
    struct lost *next;
};

/* A response in the crawl, where a picture may be, until it is known to count. */
struct found_picture {
    struct picture picture;
    struct found_picture *next;
};

struct extract_item {
    struct crawl_chunk chunk;
    size_t file;             /* index in run->inputs */
    const char *failure;     /* the file cannot be read: why */
    /* what work() found: */
    uint64_t read_to;        /* file offset */
    uint64_t records;
    uint64_t counts[FOLLOW_COUNTS], page_counts[PAGE_COUNTS];
    struct lost *lost, **lost_end;
    struct found_picture *pictures;
    struct page_follow waiting; /* the page that waits for its next record */
};

struct worker {
    struct warc_chunk *chunk;
    struct page_follow follow;
    struct url_parser urls;      /* for pictures */
};

struct extract {
    struct page_options page;
    struct warc_limits limits;
    struct worker *workers;      /* one a thread */
    struct worker serial;        /* of emit(); without a chunk */
    struct warc_join *join;
    struct picture_table *pictures; /* NULL when nobody asked for it */
    /* next(): */
    struct crawl_file *file;
    size_t next_file;
    uint64_t bytes_before, file_bytes; /* of earlier files, and read of this one, for progress */
    /* emit(): */
    uint64_t file_records;       /* read of the file at hand */
    bool file_lost;              /* something of it was reported already */
};

/* ---- rows */

/* What a sink needs: the page's rows go to item->out. */
struct target {
    struct stage_run *run;
    struct stage_item *item;
    struct worker *worker;
};

static uint64_t src_file(const struct stage_run *run, const struct extract_item *item)
{
    const struct extract_options *o = run->options;
    return o->first_file + run->first_input + item->file;
}

/* Cells that all rows of a page share. */
static int set_page_cells(struct batch *out, struct row *row, const struct follow_source *source, const struct page *page)
{
    const struct warc_record *record = source->record;
    char charset[64];
    int n = snprintf(charset, sizeof charset, "%s/%s", page->charset, page->charset_source);
    if (record->stored && (row_set_u64(out, row, COLUMN_warc_offset, record->offset) < 0 ||
                           row_set_u64(out, row, COLUMN_warc_length, record->stored) < 0)) return -1;
    if (row_set(out, row, COLUMN_page_url, page->url) < 0 || row_set(out, row, COLUMN_warc_date, record->date) < 0 ||
        row_set(out, row, COLUMN_page_charset, str_of(charset, (size_t)n)) < 0) return -1;
    if (page->lang.n && row_set(out, row, COLUMN_page_lang, page->lang) < 0) return -1;
    return page->robots.n ? row_set(out, row, COLUMN_page_robots, page->robots) : 0;
}

static int set_pair_cells(struct batch *out, struct row *row, const struct page_pair *pair)
{
    char id[33];
    hash_pair_id(pair->url, pair->text, id);
    const struct {
        enum column_number column;
        struct str value;
    } cells[] = {
        {COLUMN_id, str_of(id, 32)},         {COLUMN_url, pair->url},
        {COLUMN_text, pair->text},           {COLUMN_text_raw, pair->text_raw},
        {COLUMN_url_raw, pair->url_raw},     {COLUMN_text_source, str_from(pair->text_source)},
        {COLUMN_url_source, str_from(pair->url_source)}, {COLUMN_page_license, pair->license},
    };
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (cells[i].value.n && row_set(out, row, cells[i].column, cells[i].value) < 0) return -1;
    if (pair->width >= 0 && row_set_i64(out, row, COLUMN_decl_width, pair->width) < 0) return -1;
    return pair->height >= 0 ? row_set_i64(out, row, COLUMN_decl_height, pair->height) : 0;
}

static int add_page(void *context, const struct follow_source *source, const struct page *page)
{
    struct target *target = context;
    struct batch *out = &target->item->out;
    struct place place = {src_file(target->run, target->item->user), source->ordinal, 0, 0};
    struct str *shared = NULL; /* cells of the first row that hold for all */
    for (size_t i = 0; i < page->count; i++) {
        const struct page_pair *pair = &page->pair[i];
        struct row *row = batch_add(out);
        if (!row) return -1;
        if (shared) memcpy(row->cells, shared, out->columns->count * sizeof *shared);
        else if (row_set_place(out, row, place) < 0 || set_page_cells(out, row, source, page) < 0) return -1;
        if (!shared && !(shared = arena_alloc(&out->arena, out->columns->count * sizeof *shared))) return -1;
        if (i == 0) memcpy(shared, row->cells, out->columns->count * sizeof *shared);
        row->place = (struct place){place.file, place.record, pair->image, (uint64_t)pair->text_ordinal};
        if (row_set_u64(out, row, COLUMN_src_image, row->place.image) < 0 ||
            row_set_u64(out, row, COLUMN_src_text, row->place.text) < 0 || set_pair_cells(out, row, pair) < 0) return -1;
    }
    return 0;
}

static int lose_page(void *context, const struct follow_source *source, const char *what)
{
    struct target *target = context;
    struct extract_item *x = target->item->user;
    struct lost *lost = arena_alloc(&target->item->scratch, sizeof *lost);
    if (!lost) return -1;
    *lost = (struct lost){source->record->offset, arena_copy(&target->item->scratch, str_from(what)), NULL};
    *x->lost_end = lost;
    x->lost_end = &lost->next;
    return lost->what.p ? 0 : -1;
}

/* Notes a response for the table. One that cannot be read alone (several records in one member) gets no place there: whoever
 * looks it up searches its file. */
static int add_response(void *context, const struct follow_source *source)
{
    struct target *target = context;
    struct extract_item *x = target->item->user;
    struct url url;
    enum url_status status = url_parse(&target->worker->urls, &url, NULL, source->uri, NULL);
    if (status == URL_FAILED) return -1;
    if (status != URL_OK) return 0;
    struct found_picture *found = arena_alloc(&target->item->scratch, sizeof *found);
    if (!found) return -1;
    const struct warc_record *record = source->record;
    found->picture = (struct picture){hash_xxh3_128(url_without_fragment(&url), 0), src_file(target->run, x), source->ordinal,
                                      record->stored ? record->offset : 0, record->stored};
    found->next = x->pictures;
    x->pictures = found;
    return 0;
}

static struct follow_sink sink_of(struct target *target)
{
    const struct extract *s = target->run->state;
    return (struct follow_sink){target, add_page, s->pictures ? add_response : NULL, lose_page};
}

/* ---- next */

static void *item_new(struct stage_run *run)
{
    struct extract *s = run->state;
    struct extract_item *x = calloc(1, sizeof *x);
    if (!x) return fail_memory(), NULL;
    crawl_chunk_init(&x->chunk);
    if (page_follow_init(&x->waiting, &s->page, s->limits.block) == 0) return x;
    free(x);
    return NULL;
}

static void item_free(void *user)
{
    struct extract_item *x = user;
    if (!x) return;
    crawl_chunk_free(&x->chunk);
    page_follow_free(&x->waiting);
    free(x);
}

static int next(struct stage_run *run, struct stage_item *item)
{
    struct extract *s = run->state;
    const struct extract_options *o = run->options;
    struct extract_item *x = item->user;
    x->failure = NULL;
    for (;;) {
        if (!s->file) {
            if (s->next_file == run->input_count) return 0;
            x->file = s->next_file++;
            if (crawl_file_open(&s->file, run->inputs[x->file], (size_t)o->chunk) < 0) break;
        }
        x->file = s->next_file - 1;
        int more = crawl_file_next(s->file, &x->chunk);
        if (more < 0) break;
        if (more) {
            s->file_bytes = x->chunk.offset + x->chunk.bytes.n - crawl_file_begin(s->file);
            stage_progress(run, s->bytes_before + s->file_bytes);
            return 1;
        }
        s->bytes_before += s->file_bytes;
        s->file_bytes = 0;
        crawl_file_close(s->file);
        s->file = NULL;
    }
    x->failure = arena_c_string(&item->scratch, str_from(fail_message()));
    crawl_file_close(s->file);
    s->file = NULL;
    return x->failure ? 1 : -1;
}

/* ---- work */

static void clear_findings(struct stage_item *item)
{
    struct extract_item *x = item->user;
    batch_reset(&item->out);
    x->read_to = x->chunk.offset;
    x->records = 0;
    memset(x->counts, 0, sizeof x->counts);
    memset(x->page_counts, 0, sizeof x->page_counts);
    x->lost = NULL;
    x->lost_end = &x->lost;
    x->pictures = NULL;
    x->waiting.waits = false;
}

/* Moves a follower's counts to the item. */
static void take_counts(struct extract_item *x, struct page_follow *f)
{
    for (int i = 0; i < FOLLOW_COUNTS; i++) x->counts[i] += f->counts[i], f->counts[i] = 0;
    for (int i = 0; i < PAGE_COUNTS; i++) x->page_counts[i] += f->page_counts[i], f->page_counts[i] = 0;
}

static int work(struct stage_run *run, struct stage_item *item, unsigned number)
{
    struct extract *s = run->state;
    struct extract_item *x = item->user;
    struct worker *worker = &s->workers[number];
    clear_findings(item);
    if (x->failure || !x->chunk.border) return 0;
    struct target target = {run, item, worker};
    const struct follow_sink sink = sink_of(&target);
    struct warc_record record;
    enum warc_event event;
    warc_chunk_start(worker->chunk, x->chunk.kind, x->chunk.offset, buf_str(&x->chunk.bytes), x->chunk.follow);
    while ((event = warc_chunk_next(worker->chunk, &record)) == WARC_EVENT_RECORD) {
        if (page_follow_record(&worker->follow, &record, x->records++, &sink) < 0) return -1;
        if (page_follow_holds(&worker->follow)) warc_chunk_keep(worker->chunk);
    }
    x->read_to = warc_chunk_offset(worker->chunk);
    bool ended = event == WARC_EVENT_END && x->chunk.follow != WARC_CONTINUES;
    if (ended && page_follow_flush(&worker->follow, &sink) < 0) return -1;
    if (page_follow_holds(&worker->follow) && page_follow_move(&worker->follow, &x->waiting) < 0) return -1;
    take_counts(x, &worker->follow);
    return 0;
}

/* ---- emit */

static const char *path_of(const struct stage_run *run, const struct extract_item *x) { return run->inputs[x->file]; }

static int lose(struct stage_run *run, struct stage_item *item, const struct warc_loss *loss)
{
    struct extract *s = run->state;
    s->file_lost = true;
    if (loss->cut || loss->refused) stage_damaged(item);
    return stage_loss(item, path_of(run, item->user), "offset", loss->offset, "%s", loss->what);
}

/* The fast reader's findings count: its rows get their place in the file. */
static int take_findings(struct stage_run *run, struct stage_item *item)
{
    struct extract *s = run->state;
    struct extract_item *x = item->user;
    for (size_t i = 0; s->file_records && i < item->out.count; i++) {
        struct row *row = &item->out.rows[i];
        row->place.record += s->file_records;
        if (i && row[-1].place.record == row->place.record) row->cells[COLUMN_src_record] = row[-1].cells[COLUMN_src_record];
        else if (row_set_u64(&item->out, row, COLUMN_src_record, row->place.record) < 0) return -1;
    }
    for (struct found_picture *found = x->pictures; found; found = found->next) found->picture.record += s->file_records;
    if (x->waiting.waits) {
        x->waiting.ordinal += s->file_records;
        if (page_follow_move(&x->waiting, &s->serial.follow) < 0) return -1;
    }
    s->file_records += x->records;
    return 0;
}

/* Reads what the fast reader did not, or should not have. */
static int read_on(struct stage_run *run, struct stage_item *item, uint64_t from)
{
    struct extract *s = run->state;
    struct extract_item *x = item->user;
    struct target target = {run, item, &s->serial};
    const struct follow_sink sink = sink_of(&target);
    struct warc_record record;
    struct warc_loss loss;
    if (warc_join_feed(s->join, x->chunk.offset, buf_str(&x->chunk.bytes), from, x->chunk.follow) < 0) return -1;
    for (;;) {
        enum warc_event event = warc_join_next(s->join, &record, &loss);
        if (event == WARC_EVENT_FAILED) return -1;
        if (event == WARC_EVENT_MORE || event == WARC_EVENT_END) break;
        if (event == WARC_EVENT_LOSS) {
            if (lose(run, item, &loss) < 0) return -1;
            continue;
        }
        if (page_follow_record(&s->serial.follow, &record, s->file_records++, &sink) < 0) return -1;
        if (page_follow_holds(&s->serial.follow) && page_follow_copy(&s->serial.follow) < 0) return -1;
    }
    bool border = x->chunk.follow == WARC_BORDER && warc_join_takes(s->join, x->chunk.offset + x->chunk.bytes.n);
    if ((border || x->chunk.follow == WARC_FILE_END) && page_follow_flush(&s->serial.follow, &sink) < 0) return -1;
    take_counts(x, &s->serial.follow);
    return 0;
}

static int end_file(struct stage_run *run, struct stage_item *item)
{
    struct extract *s = run->state;
    if (s->file_records) return 0;
    stage_damaged(item);
    return s->file_lost ? 0 : stage_loss(item, path_of(run, item->user), "offset", 0, "no record in it, expected a WARC file");
}

static int report(struct stage_run *run, struct stage_item *item)
{
    struct extract *s = run->state;
    struct extract_item *x = item->user;
    for (const struct lost *lost = x->lost; lost; lost = lost->next)
        if (stage_loss(item, path_of(run, x), "offset", lost->offset, "%.*s", STR_ARG(lost->what)) < 0) return -1;
    for (const struct found_picture *found = x->pictures; found; found = found->next)
        if (picture_table_add(s->pictures, &found->picture) < 0) return -1;
    stage_read(item, x->counts[FOLLOW_RECORDS]);
    for (int i = 0; i < FOLLOW_COUNTS; i++)
        if (x->counts[i] && stage_count(item, follow_count_name((enum follow_count)i), x->counts[i]) < 0) return -1;
    for (int i = 0; i < PAGE_COUNTS; i++)
        if (x->page_counts[i] && stage_count(item, page_count_name((enum page_count)i), x->page_counts[i]) < 0) return -1;
    return 0;
}

static int emit(struct stage_run *run, struct stage_item *item)
{
    struct extract *s = run->state;
    struct extract_item *x = item->user;
    if (x->failure) {
        stage_damaged(item);
        return stage_loss(item, path_of(run, x), "offset", 0, "%s", x->failure);
    }
    if (x->chunk.first) {
        warc_join_begin(s->join, x->chunk.kind, x->chunk.offset);
        s->file_records = 0;
        s->file_lost = false;
    }
    if (warc_join_takes(s->join, x->chunk.offset)) {
        if (take_findings(run, item) < 0) return -1;
    } else {
        clear_findings(item);
    }
    if (read_on(run, item, x->read_to) < 0) return -1;
    if (x->chunk.follow == WARC_FILE_END && end_file(run, item) < 0) return -1;
    return report(run, item);
}

/* All files are read: the table of pictures. */
static int finish(struct stage_run *run)
{
    struct extract *s = run->state;
    if (!s->pictures) return 0;
    char *path = NULL;
    if (asprintf(&path, "%s%s.pictures.zst", run->output_folder, run->output_stem) < 0) return fail_memory();
    struct file_out file;
    uint64_t rows;
    int result = file_create(&file, path);
    free(path);
    if (result < 0) return -1;
    if (picture_table_write(s->pictures, &file, &rows) == 0) return stage_publish(run, &file, rows);
    file_discard(&file);
    return -1;
}

/* ---- open, close */

static int read_texts(const struct option_list *list, unsigned *texts)
{
    for (size_t i = 0; i < list->count; i++) {
        int text = page_text_find(str_from(list->items[i]));
        if (text < 0) return fail_usage("--text-sources: '%s' is none; 'winnow extract --help' lists them", list->items[i]);
        *texts |= 1u << text;
    }
    return 0;
}

/* Names an input in the manifest: 1 when it can be read, so far as is known; 0 when not; -1. */
static int name_input(struct stage_run *run, const char *entry, uint64_t *bytes)
{
    uint64_t offset, length, size = 0;
    struct hash128 hash = {0, 0};
    struct stat status;
    const char *path = arena_c_string(stage_arena(run), crawl_entry_split(entry, &offset, &length));
    if (!path) return -1;
    bool standard_input = strcmp(path, "-") == 0, there = standard_input || stat(path, &status) == 0;
    if (standard_input || (there && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)))
        return stage_input_pipe(run, entry) < 0 ? -1 : 1;
    bool readable = there && file_ends_hash(path, &size, &hash) == 0;
    if (!there) fail_errno("%s: cannot open", path);
    if (there && S_ISDIR(status.st_mode)) readable = false, fail("%s: a folder, expected a file", path);
    *bytes += length < size ? length : size;
    return stage_input(run, entry, size, hash) < 0 ? -1 : readable;
}

/* A file that cannot be read is told when its turn comes; none at all ends the run. */
static int name_inputs(struct stage_run *run)
{
    size_t readable = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < run->input_count; i++) {
        int result = name_input(run, run->inputs[i], &bytes);
        if (result < 0) return -1;
        readable += (size_t)result;
    }
    if (run->input_count && !readable) {
        fail_prefix("no input can be read: ");
        return -1;
    }
    stage_progress_total(run, bytes);
    return 0;
}

static int open_worker(const struct extract *s, struct worker *worker)
{
    return page_follow_init(&worker->follow, &s->page, s->limits.block) < 0 || url_parser_init(&worker->urls) < 0 ? -1 : 0;
}

static void close_worker(struct worker *worker)
{
    warc_chunk_free(worker->chunk);
    page_follow_free(&worker->follow);
    url_parser_free(&worker->urls);
}

static int open_extract(struct stage_run *run)
{
    static const char *const names[] = {
#define COLUMN_NAME(name) #name,
        COLUMNS(COLUMN_NAME)
#undef COLUMN_NAME
    };
    struct extract *s = run->state;
    const struct extract_options *o = run->options;
    if (!run->input_count && run->tasks == 1) return fail_usage("extract needs crawl files; 'winnow extract --help' shows how");
    if (read_texts(&o->texts, &s->page.texts) < 0) return -1;
    s->page.keep_empty = o->keep_empty;
    s->page.prefer_largest = strcmp(o->prefer, "largest") == 0;
    s->limits.block = (size_t)o->block;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (columns_add(&run->out, str_from(names[i])) < 0) return -1;
    s->join = warc_join_new(&s->limits);
    s->workers = calloc(run->threads, sizeof *s->workers);
    if (!s->join || !s->workers) return s->join ? fail_memory() : -1;
    if (run->output_folder && !(s->pictures = picture_table_open((size_t)(run->common->memory / 4), run->common->tmp))) return -1;
    if (open_worker(s, &s->serial) < 0) return -1;
    for (unsigned i = 0; i < run->threads; i++)
        if (open_worker(s, &s->workers[i]) < 0 || !(s->workers[i].chunk = warc_chunk_new(&s->limits))) return -1;
    return name_inputs(run);
}

static void close_extract(struct stage_run *run)
{
    struct extract *s = run->state;
    crawl_file_close(s->file);
    warc_join_free(s->join);
    picture_table_close(s->pictures);
    close_worker(&s->serial);
    for (unsigned i = 0; s->workers && i < run->threads; i++) close_worker(&s->workers[i]);
    free(s->workers);
}

static const struct stage stage = {
    .behaviour = 1,
    .needs = "",
    .source = true,
    .run_size = sizeof(struct extract),
    .open = open_extract,
    .item_new = item_new,
    .item_free = item_free,
    .next = next,
    .work = work,
    .emit = emit,
    .finish = finish,
    .close = close_extract,
};

const struct command command_extract = {
    .name = "extract",
    .summary = "read WARC files: a row for each image with a text",
    .arguments = "[OPTIONS] WARC...",
    .description =
        "Reads crawl files (WARC/1.0 and 1.1, plain, gzip or zstd) and writes a row for each image of their HTML pages that has a "
        "text: by default the alt attribute. URLs are absolute and normalised, texts are UTF-8 in NFC with white space folded.\n\n"
        "WARC is a path, - for standard input, @LIST for a file with an entry a line, or 'FILE OFFSET LENGTH' for a range of a file, "
        "as an index of a crawl gives. Damaged records are skipped, each with a line on standard error.",
    .example = "winnow extract tests/data/one-page.warc | winnow view --columns url,text",
    .see_also = "warc, filter, fetch",
    .options = options,
    .options_size = sizeof(struct extract_options),
    .stage = &stage,
};

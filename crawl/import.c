/* Other people's pairs become rows: lists (TSV, CSV, JSON lines), or the samples of shards, whose pictures stay where they are.
 *
 * `next` is serial: it cuts lists into pieces of whole records (crawl/lists/feed.h), or collects samples. `work` is parallel:
 * it reads the records and makes rows (crawl/lists/pair.h).
 *
 * (1) src_record is the record's number in its file, lost ones counted, so places do not depend on what is lost.
 * (2) A record without a usable URL, with another number of fields, or that does not fit a row is a loss with file and line. */
#include "crawl/lists/feed.h"
#include "crawl/lists/json.h"
#include "crawl/lists/pair.h"
#include "crawl/lists/samples.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/stage.h"

#include <stdlib.h>

enum {
    SAMPLES_A_PIECE = 256,
    SAMPLE_BYTES_A_PIECE = 1 << 20, /* of JSON and text; one sample may exceed it */
    WANTED_MAX = COLUMNS_MAX,
};

struct import_options {
    struct option_list columns;
    const char *format, *separator;
    bool header, shards;
    uint64_t first_file;
};

/* What a sample's JSON has under a name of its own (img2dataset's; winnow's shards have them too). The stored picture's size is
 * called width there, the original's original_width. */
static const char *const shard_fields[][2] = {
    {"url", "url"},       {"caption", "text"},           {"id", "id"},          {"page_url", "page_url"},
    {"warc_date", "warc_date"}, {"sha256", "sha256"},    {"original_width", "width"}, {"original_height", "height"},
    {"width", "stored_width"},  {"height", "stored_height"},
};
static const char list_columns[] = "id url text text_raw url_raw text_source src_file src_record src_image src_text";
static const char shard_columns[] = "id url text text_raw url_raw page_url text_source src_file src_record src_image src_text "
                                    "warc_date status sha256 width height stored stored_width stored_height image_pack "
                                    "image_offset image_length";

struct import {
    bool shards;
    struct list_wishes wishes;
    struct str names[WANTED_MAX];   /* of wanted fields */
    size_t places[WANTED_MAX];      /* of TSV and CSV without a header */
    size_t columns[WANTED_MAX];     /* of rows; SIZE_MAX for url, text and id, which pair_make() takes */
    size_t wanted, url, text, id;   /* the last three: index into names; SIZE_MAX where absent */
    struct pair_columns pair;
    size_t text_source, status, stored, pack, offset, length; /* columns */
    struct pair_maker *makers;      /* one a worker */

    /* of next(): the open file */
    struct list_feed *feed;
    struct shard_samples *samples;
    size_t next_input;
    bool open;
    uint64_t records;               /* samples of the shard, or pieces of the list, given so far */
    uint64_t bytes_done;            /* of files that are closed */
};

struct import_sample { /* slices into import_item.bytes, as offsets: bytes move while it grows */
    size_t json, json_n, text, text_n;
    bool has_json, has_text;
    const char *format;
    uint64_t offset, length, header;
};
struct import_item {
    const char *path;   /* of the file that the piece is from */
    uint64_t file;      /* src_file */
    struct list_piece list;
    struct buf bytes;   /* of samples: JSON and text */
    struct import_sample *samples; /* SAMPLES_A_PIECE of them; NULL for lists */
    size_t sample_count;
    uint64_t first_record;
    char *damage;       /* of a shard: why it ends here; NULL while all is well */
    uint64_t damage_at;
    bool nothing;       /* the file had no record */
};

/* ---- what is wanted */

static int add_columns(struct stage_run *run, const char *names)
{
    for (struct str rest = str_from(names); rest.p;)
        if (columns_add(&run->out, str_cut(&rest, ' ')) < 0) return -1;
    return 0;
}

static int want(struct import *im, struct str name, size_t place)
{
    if (im->wanted == WANTED_MAX) return fail_usage("--columns: more than %d", WANTED_MAX);
    im->names[im->wanted] = name;
    im->places[im->wanted] = place;
    im->columns[im->wanted++] = SIZE_MAX;
    return 0;
}

/* One entry of --columns: NAME, NAME=FIELD, or - for a field that is left out. */
static int want_entry(struct stage_run *run, struct import *im, const char *entry, size_t place)
{
    struct str field = str_from(entry), name = str_cut(&field, '=');
    if (str_eq(name, STR("-")) && !field.p) return 0;
    if (!field.p) field = name;
    size_t *own = str_eq(name, STR("url")) ? &im->url : str_eq(name, STR("text")) ? &im->text : NULL;
    if (own && (*own != SIZE_MAX || im->shards)) return fail_usage("--columns: %.*s is given twice", STR_ARG(name));
    if (own) {
        *own = im->wanted;
        return want(im, field, place);
    }
    if (columns_find(&run->out, name) != SIZE_MAX)
        return fail_usage("--columns: import makes the column %.*s itself; call it otherwise: my_%.*s=%.*s", STR_ARG(name),
                          STR_ARG(name), STR_ARG(field));
    if (want(im, field, place) < 0 || columns_add(&run->out, name) < 0) return -1;
    im->columns[im->wanted - 1] = run->out.count - 1;
    return 0;
}

static int want_shard_fields(struct stage_run *run, struct import *im)
{
    for (size_t i = 0; i < sizeof shard_fields / sizeof *shard_fields; i++) {
        struct str column = str_from(shard_fields[i][1]);
        size_t *own = str_eq(column, STR("url"))    ? &im->url
                      : str_eq(column, STR("text")) ? &im->text
                      : str_eq(column, STR("id"))   ? &im->id
                                                    : NULL;
        if (own) *own = im->wanted;
        if (want(im, str_from(shard_fields[i][0]), 0) < 0) return -1;
        if (!own) im->columns[im->wanted - 1] = columns_find(&run->out, column);
    }
    return 0;
}

static struct option_list entries_of(const struct import_options *o)
{
    static const char *pair[] = {"url", "text"};
    if (o->columns.count || o->shards) return o->columns;
    return (struct option_list){pair, 2};
}

static int find_wanted(struct stage_run *run, struct import *im)
{
    const struct import_options *o = run->options;
    im->url = im->text = im->id = SIZE_MAX;
    if (add_columns(run, im->shards ? shard_columns : list_columns) < 0) return -1;
    if (im->shards && want_shard_fields(run, im) < 0) return -1;
    const struct option_list entries = entries_of(o);
    for (size_t i = 0; i < entries.count; i++)
        if (want_entry(run, im, entries.items[i], i) < 0) return -1;
    if (im->url == SIZE_MAX) return fail_usage("--columns names no url: what is a pair's picture?");
    im->pair = (struct pair_columns){columns_find(&run->out, STR("id")), columns_find(&run->out, STR("url")),
                                     columns_find(&run->out, STR("text")), columns_find(&run->out, STR("text_raw")),
                                     columns_find(&run->out, STR("url_raw"))};
    im->text_source = columns_find(&run->out, STR("text_source"));
    im->status = columns_find(&run->out, STR("status"));
    im->stored = columns_find(&run->out, STR("stored"));
    im->pack = columns_find(&run->out, STR("image_pack"));
    im->offset = columns_find(&run->out, STR("image_offset"));
    im->length = columns_find(&run->out, STR("image_length"));
    return 0;
}

/* ---- opening */

static int find_shape(struct import *im, const struct import_options *o)
{
    static const char *const formats[] = {[LIST_TSV] = "tsv", [LIST_CSV] = "csv", [LIST_JSONL] = "jsonl"};
    im->wishes = (struct list_wishes){.format = -1, .header = o->header, .names = im->names, .places = im->places,
                                      .count = im->wanted, .width = entries_of(o).count};
    for (int i = 0; i < 3; i++)
        if (strcmp(o->format, formats[i]) == 0) im->wishes.format = i;
    if (!o->separator) return 0;
    char c = o->separator[0];
    if (!c || o->separator[1] || c == '\n' || c == '\r' || c == '"')
        return fail_usage("--separator '%s': expected one character, no quote or line end", o->separator);
    im->wishes.separator = c;
    return 0;
}

static struct str base_name(struct str path)
{
    const char *slash = memrchr(path.p, '/', path.n);
    return slash ? str_from_at(path, (size_t)(slash - path.p) + 1) : path;
}

/* Rows name a shard by its bare name, so all lie in one folder: that is the pack folder. */
static int find_shard_folder(struct stage_run *run)
{
    struct str folder = STR_ABSENT;
    for (size_t i = 0; i < run->input_count; i++) {
        struct str path = str_from(run->inputs[i]), own = str_of(path.p, path.n - base_name(path).n);
        if (str_eq(path, STR("-"))) return fail_usage("--shards needs files: rows point into them");
        if (folder.p && !str_eq(own, folder))
            return fail_usage("%s and %s lie in different folders: import each folder by itself, then winnow merge --renumber",
                              run->inputs[0], run->inputs[i]);
        folder = own;
    }
    if (!folder.p || run->common->packs) return 0;
    run->packs = folder.n ? arena_c_string(stage_arena(run), folder) : ".";
    return run->packs ? 0 : -1;
}

static int name_inputs(struct stage_run *run)
{
    uint64_t total = 0;
    for (size_t i = 0; i < run->input_count; i++) {
        uint64_t size;
        struct hash128 hash;
        if (strcmp(run->inputs[i], "-") == 0) continue;
        if (file_ends_hash(run->inputs[i], &size, &hash) < 0) return -1;
        if (stage_input(run, base_name(str_from(run->inputs[i])).p, size, hash) < 0) return -1;
        total += size;
    }
    stage_progress_total(run, total);
    return 0;
}

static int import_open(struct stage_run *run)
{
    struct import *im = run->state;
    const struct import_options *o = run->options;
    im->shards = o->shards;
    if (run->line->argument_count == 0) return fail_usage("no list: name TSV, CSV or JSON-lines files, @LIST, or - with --format");
    if (o->shards && (strcmp(o->format, "auto") != 0 || o->header || o->separator))
        return fail_usage("--shards: --format, --header and --separator are for lists");
    if (find_wanted(run, im) < 0 || find_shape(im, o) < 0) return -1;
    if (o->shards && find_shard_folder(run) < 0) return -1;
    im->makers = calloc(run->threads, sizeof *im->makers);
    if (!im->makers) return fail_memory();
    for (unsigned i = 0; i < run->threads; i++)
        if (pair_maker_init(&im->makers[i]) < 0) return -1;
    if (!o->shards && !(im->feed = list_feed_new(&im->wishes))) return -1;
    return name_inputs(run);
}

static void import_close(struct stage_run *run)
{
    struct import *im = run->state;
    for (unsigned i = 0; im->makers && i < run->threads; i++) pair_maker_free(&im->makers[i]);
    free(im->makers);
    list_feed_free(im->feed);
    shard_samples_close(im->samples);
}

static void item_free(void *user)
{
    struct import_item *piece = user;
    if (!piece) return;
    list_piece_free(&piece->list);
    buf_free(&piece->bytes);
    free(piece->samples);
    free(piece->damage);
    free(piece);
}

static void *item_new(struct stage_run *run)
{
    struct import_item *piece = calloc(1, sizeof *piece);
    if (!piece) return fail_memory(), NULL;
    list_piece_init(&piece->list);
    buf_init(&piece->bytes, (size_t)SAMPLE_BYTES_A_PIECE + 2 * (size_t)SHARD_MEMBER_MAX);
    if (!((const struct import_options *)run->options)->shards) return piece;
    piece->samples = calloc(SAMPLES_A_PIECE, sizeof *piece->samples);
    if (piece->samples) return piece;
    item_free(piece);
    return fail_memory(), NULL;
}

/* ---- next: pieces of lists */

/* A pipe's size and hash are known at its end. */
static int end_list(struct stage_run *run, struct import *im)
{
    const struct list_input *input = list_feed_input(im->feed);
    int result = 0;
    if (strcmp(run->inputs[im->next_input - 1], "-") == 0)
        result = stage_input(run, "-", input->stored_read, hash_stream_value(input->hash));
    im->bytes_done += input->stored_read;
    list_feed_close(im->feed);
    return result;
}

static int next_of_list(struct stage_run *run, struct import *im, struct import_item *piece)
{
    int more = list_feed_next(im->feed, &piece->list);
    if (more <= 0) return more < 0 ? -1 : end_list(run, im);
    im->records++; /* of lists only whether there are any */
    stage_progress(run, im->bytes_done + list_feed_input(im->feed)->stored_read);
    return 1;
}

/* ---- next: samples of shards */

static int keep_member(struct import_item *piece, struct str member, size_t *at, size_t *n, bool *has)
{
    *has = member.p != NULL;
    *at = piece->bytes.n;
    *n = member.n;
    return buf_add(&piece->bytes, member);
}

static int end_shard(struct import *im, struct import_item *piece, int more)
{
    const char *problem = more < 0 ? fail_message() : NULL;
    if (!problem && !shard_samples_ended(im->samples)) problem = "the tar ends without its end mark: it is cut";
    piece->damage_at = shard_samples_offset(im->samples);
    im->bytes_done += piece->damage_at;
    if (problem && !(piece->damage = strdup(problem))) return fail_memory();
    shard_samples_close(im->samples);
    im->samples = NULL;
    return piece->sample_count || problem;
}

static int next_of_shard(struct stage_run *run, struct import *im, struct import_item *piece)
{
    buf_clear(&piece->bytes);
    piece->first_record = im->records;
    for (piece->sample_count = 0; piece->sample_count < SAMPLES_A_PIECE && piece->bytes.n < SAMPLE_BYTES_A_PIECE;) {
        struct shard_sample sample;
        int more = shard_samples_next(im->samples, &sample);
        if (more <= 0) return end_shard(im, piece, more);
        struct import_sample *kept = &piece->samples[piece->sample_count++];
        *kept = (struct import_sample){
            .format = sample.format, .offset = sample.offset, .length = sample.length, .header = sample.header};
        im->records++;
        if (keep_member(piece, sample.json, &kept->json, &kept->json_n, &kept->has_json) < 0 ||
            keep_member(piece, sample.text, &kept->text, &kept->text_n, &kept->has_text) < 0)
            return -1;
    }
    stage_progress(run, im->bytes_done + shard_samples_offset(im->samples));
    return 1;
}

static int open_input(struct import *im, const char *path)
{
    im->records = 0;
    if (!im->shards) return list_feed_open(im->feed, path);
    im->samples = shard_samples_open(path);
    return im->samples ? 0 : -1;
}

static int import_next(struct stage_run *run, struct stage_item *item)
{
    struct import *im = run->state;
    struct import_item *piece = item->user;
    free(piece->damage);
    piece->damage = NULL;
    piece->nothing = false;
    while (im->open || im->next_input < run->input_count) {
        if (!im->open && open_input(im, run->inputs[im->next_input++]) < 0) return -1;
        piece->path = run->inputs[im->next_input - 1];
        piece->file = ((const struct import_options *)run->options)->first_file + run->first_input + im->next_input - 1;
        int more = im->shards ? next_of_shard(run, im, piece) : next_of_list(run, im, piece);
        im->open = im->shards ? im->samples != NULL : more > 0;
        if (more) return more;
        if (im->records == 0) {
            piece->nothing = true;
            return 1;
        }
    }
    return 0;
}

/* ---- work */

static bool fits_a_row(const struct row *row, size_t columns)
{
    size_t n = columns;
    for (size_t i = 0; i < columns; i++) n += row->cells[i].n;
    return n <= ROW_BYTES_MAX;
}

/* Fills a row from the wanted values; PAIR_LOST leaves it unfinished. */
static enum pair_result fill_row(const struct import *im, struct pair_maker *maker, struct stage_item *item, struct row *row,
                                 const struct str *values)
{
    struct pair pair = {.url = values[im->url]};
    if (im->text != SIZE_MAX) pair.text = values[im->text];
    if (im->id != SIZE_MAX) pair.id = values[im->id];
    enum pair_result result = pair_make(maker, &item->out, row, &im->pair, &pair);
    bool cut = maker->text_cut, odd = false;
    for (size_t i = 0; i < im->wanted && result == PAIR_MADE; i++)
        if (im->columns[i] != SIZE_MAX) result = pair_set(maker, &item->out, row, im->columns[i], values[i], &odd);
    if (result == PAIR_MADE && !fits_a_row(row, item->out.columns->count)) {
        maker->problem = "a row of more than 1 MiB";
        result = PAIR_LOST;
    }
    if (result != PAIR_MADE) return result;
    if (cut && stage_count(item, "text_cut", 1) < 0) return PAIR_FAILED;
    return odd && stage_count(item, "rows_with_odd_numbers", 1) < 0 ? PAIR_FAILED : PAIR_MADE;
}

static int make_list_row(const struct import *im, struct pair_maker *maker, struct stage_item *item,
                         const struct list_reader *r, const struct str *values)
{
    const struct import_item *piece = item->user;
    struct row *row = batch_add(&item->out);
    if (!row) return -1;
    switch (fill_row(im, maker, item, row, values)) {
    case PAIR_FAILED: return -1;
    case PAIR_LOST:
        item->out.count--;
        return stage_loss(item, piece->path, "line", r->record_line, "%s", maker->problem);
    case PAIR_MADE: break;
    }
    stage_read(item, 1);
    if (row_set(&item->out, row, im->text_source, STR("list")) < 0) return -1;
    return row_set_place(&item->out, row, (struct place){piece->file, r->record - 1, 0, 0});
}

static int work_on_list(const struct import *im, struct pair_maker *maker, struct stage_item *item)
{
    struct import_item *piece = item->user;
    struct list_reader *r = &piece->list.reader;
    r->scratch = &item->scratch;
    struct str *values = arena_alloc(&item->scratch, (im->wanted + 1) * sizeof *values);
    if (!values) return -1;
    enum list_result got = LIST_END;
    while (piece->list.bytes.n && (got = list_next(r, values)) != LIST_END) {
        int result = got == LIST_BAD ? stage_loss(item, piece->path, "line", r->record_line, "%s", r->problem)
                                     : make_list_row(im, maker, item, r, values);
        if (result < 0) return -1;
    }
    if (piece->list.lost && stage_loss(item, piece->path, "line", piece->list.lost_line, "%s", piece->list.lost) < 0) return -1;
    if (!piece->list.damage) return 0;
    stage_damaged(item);
    return stage_loss(item, piece->path, "offset", piece->list.damage_at, "%s", piece->list.damage);
}

/* What the JSON says; a caption that it lacks is KEY.txt. NULL, or why the sample has no row. */
static const char *read_sample(const struct import *im, struct stage_item *item, const struct import_sample *sample,
                               struct str *values)
{
    const struct import_item *piece = item->user;
    if (!sample->has_json) return "a sample without a .json of up to 8 MiB: its picture's URL is not known";
    if (!sample->format || sample->length == 0) return "a sample without a picture";
    struct str json = str_of(piece->bytes.p + sample->json, sample->json_n);
    const char *problem = json_pick(json, im->names, im->wanted, values, &item->scratch);
    if (problem || values[im->text].p || !sample->has_text) return problem;
    values[im->text] = str_of(piece->bytes.p + sample->text, sample->text_n);
    return NULL;
}

static int set_picture(const struct import *im, struct stage_item *item, struct row *row, const struct import_sample *sample)
{
    const struct import_item *piece = item->user;
    struct batch *b = &item->out;
    if (row_set(b, row, im->text_source, STR("shard")) < 0 || row_set(b, row, im->status, STR("ok")) < 0) return -1;
    if (row_set(b, row, im->stored, str_from(sample->format)) < 0) return -1;
    if (row_set(b, row, im->pack, base_name(str_from(piece->path))) < 0) return -1;
    return row_set_u64(b, row, im->offset, sample->offset) < 0 ? -1 : row_set_u64(b, row, im->length, sample->length);
}

static int make_shard_row(const struct import *im, struct pair_maker *maker, struct stage_item *item, size_t index,
                          struct str *values)
{
    const struct import_item *piece = item->user;
    const struct import_sample *sample = &piece->samples[index];
    const char *problem = read_sample(im, item, sample, values);
    struct row *row = problem ? NULL : batch_add(&item->out);
    if (!problem && !row) return -1;
    enum pair_result result = problem ? PAIR_LOST : fill_row(im, maker, item, row, values);
    if (result == PAIR_FAILED) return -1;
    if (result == PAIR_LOST) {
        item->out.count -= row != NULL;
        return stage_loss(item, piece->path, "offset", sample->header, "%s", problem ? problem : maker->problem);
    }
    stage_read(item, 1);
    if (set_picture(im, item, row, sample) < 0) return -1;
    return row_set_place(&item->out, row, (struct place){piece->file, piece->first_record + index, 0, 0});
}

static int work_on_samples(const struct import *im, struct pair_maker *maker, struct stage_item *item)
{
    const struct import_item *piece = item->user;
    struct str *values = arena_alloc(&item->scratch, im->wanted * sizeof *values);
    if (!values) return -1;
    for (size_t i = 0; i < piece->sample_count; i++)
        if (make_shard_row(im, maker, item, i, values) < 0) return -1;
    if (!piece->damage) return 0;
    stage_damaged(item);
    return stage_loss(item, piece->path, "offset", piece->damage_at, "%s", piece->damage);
}

static int import_work(struct stage_run *run, struct stage_item *item, unsigned worker)
{
    const struct import *im = run->state;
    const struct import_item *piece = item->user;
    if (piece->nothing) {
        stage_damaged(item);
        return stage_loss(item, piece->path, "offset", 0, "no record in it");
    }
    return im->shards ? work_on_samples(im, &im->makers[worker], item) : work_on_list(im, &im->makers[worker], item);
}

/* ---- the command */

static const struct option options[] = {
    {"columns", 'c', OPTION_LIST, offsetof(struct import_options, columns), .argument = "NAME[=FIELD],…",
     .split = true,
     .help = "what the fields are, in order, '-' for none; default url,text. With names: which are taken. Of shards: more of them"},
    {"format", 0, OPTION_CHOICE, offsetof(struct import_options, format), .initial = "auto", .choices = "auto|tsv|csv|jsonl",
     .help = "auto goes by the file's name, before .gz or .zst"},
    {"header", 0, OPTION_FLAG, offsetof(struct import_options, header),
     .help = "the first line of each TSV or CSV file names its fields"},
    {"separator", 0, OPTION_TEXT, offsetof(struct import_options, separator), .argument = "C",
     .help = "between fields; default a tab for TSV, a comma for CSV"},
    {"shards", 0, OPTION_FLAG, offsetof(struct import_options, shards),
     .help = "the arguments are shards (tar, also .zst or .gz): a row for each sample, its picture stays in the shard"},
    {"first-file", 0, OPTION_U64, offsetof(struct import_options, first_file), .argument = "K", .initial = "0", .high = 0x1p53,
     .help = "src_file of the first argument, so that several calls give unique places"},
    {0},
};

static const struct stage stage = {
    .behaviour = 1,
    .needs = "",
    .source = true,
    .run_size = sizeof(struct import),
    .open = import_open,
    .item_new = item_new,
    .item_free = item_free,
    .next = import_next,
    .work = import_work,
    .close = import_close,
};

const struct command command_import = {
    .name = "import",
    .summary = "make rows of other people's lists and shards",
    .arguments = "[OPTIONS] LIST... | --shards TAR...",
    .description =
        "Lists are TSV (no quotes, no escapes), CSV (RFC 4180; quoted fields may hold line ends) or JSON lines, plain or in gzip or "
        "zstd; - reads standard input and needs --format. Each record becomes a row with id and place; text_raw and url_raw keep "
        "what stood there where the row differs. A record whose URL is not http or https, whose number of fields is another than "
        "expected, or that does not fit a row is reported with file and line and counted as lost.\n\n"
        "Columns that winnow knows (width, sha256, page_url, …) may be given like the user's own; numbers must be numbers.\n\n"
        "Parquet comes through DuckDB: duckdb -c \"COPY (SELECT URL, TEXT FROM 'part.parquet') TO '/dev/stdout' (FORMAT csv, "
        "HEADER)\" | winnow import --format csv --header --columns url=URL,text=TEXT -\n\n"
        "With --shards the rows' image_pack is the shard itself, so that a corpus is filtered, scored and audited without fetching. "
        "All shards of a call lie in one folder. Ids in winnow's own shards are kept.",
    .example = "winnow import --columns url,text tests/data/pairs.tsv\n"
               "winnow import --header --columns url=URL,text=TEXT,width=WIDTH tests/data/pairs.csv",
    .see_also = "extract, fetch, filter, merge",
    .options = options,
    .options_size = sizeof(struct import_options),
    .stage = &stage,
};

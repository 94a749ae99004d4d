/* Reads until whole records are in sight, hands them over, and keeps the rest for the next piece. */
#include "crawl/lists/feed.h"

#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>

enum { PENDING_MAX = LIST_RECORD_MAX + 2 * LIST_INPUT_GAIN, ARENA_MAX = 64 << 20 };

struct list_feed {
    const struct list_wishes *wishes;
    struct list_input input;
    bool open, started;       /* started: byte order mark and header are behind */
    bool at_end;              /* of the input */
    bool skipping;            /* inside a record that is left out */
    struct list_shape shape;
    const struct list_field *fields; /* of the open file */
    size_t width;
    struct buf pending;       /* read, not handed over; begins at a record unless skipping */
    uint64_t line, record;    /* at pending's first byte */
    struct arena arena;       /* fields of all files, and names */
};

void list_piece_init(struct list_piece *piece)
{
    *piece = (struct list_piece){0};
    buf_init(&piece->bytes, PENDING_MAX);
}

void list_piece_free(struct list_piece *piece) { buf_free(&piece->bytes); }

struct list_feed *list_feed_new(const struct list_wishes *wishes)
{
    struct list_feed *feed = calloc(1, sizeof *feed);
    if (!feed) return fail_memory(), NULL;
    feed->wishes = wishes;
    buf_init(&feed->pending, PENDING_MAX);
    arena_init(&feed->arena, ARENA_MAX);
    return feed;
}

void list_feed_free(struct list_feed *feed)
{
    if (!feed) return;
    list_feed_close(feed);
    buf_free(&feed->pending);
    arena_free(&feed->arena);
    free(feed);
}

int list_format_of_name(struct str name)
{
    static const struct {
        struct str ending;
        int format;
    } endings[] = {{STR(".tsv"), LIST_TSV},     {STR(".tab"), LIST_TSV},      {STR(".csv"), LIST_CSV},
                   {STR(".jsonl"), LIST_JSONL}, {STR(".ndjson"), LIST_JSONL}, {STR(".json"), LIST_JSONL}};
    if (str_ends(name, STR(".gz"))) name.n -= 3;
    else if (str_ends(name, STR(".zst"))) name.n -= 4;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        struct str ending = endings[i].ending;
        if (name.n >= ending.n && str_eq_nocase(str_from_at(name, name.n - ending.n), ending)) return endings[i].format;
    }
    return -1;
}

static int find_shape(struct list_feed *feed, const char *path)
{
    int format = feed->wishes->format >= 0 ? feed->wishes->format : list_format_of_name(str_from(path));
    if (format < 0)
        return fail_usage("%s: its name does not say what it is: give --format tsv, csv or jsonl", feed->input.name);
    char separator = feed->wishes->separator ? feed->wishes->separator : format == LIST_CSV ? ',' : '\t';
    feed->shape = (struct list_shape){(enum list_format)format, separator};
    return 0;
}

int list_feed_open(struct list_feed *feed, const char *path)
{
    if (list_input_open(&feed->input, path) < 0) return -1;
    feed->open = true;
    feed->started = feed->at_end = feed->skipping = false;
    feed->line = 1;
    feed->record = 0;
    buf_clear(&feed->pending);
    return find_shape(feed, path);
}

void list_feed_close(struct list_feed *feed)
{
    if (feed->open) list_input_close(&feed->input);
    feed->open = false;
}

const struct list_input *list_feed_input(const struct list_feed *feed) { return &feed->input; }

static void drop_pending(struct list_feed *feed, size_t n)
{
    memmove(feed->pending.p, feed->pending.p + n, feed->pending.n - n);
    feed->pending.n -= n;
}

static int read_until(struct list_feed *feed, size_t bytes) /* or the end */
{
    while (feed->pending.n < bytes && !feed->at_end) {
        int more = list_input_more(&feed->input, &feed->pending);
        if (more < 0) return -1;
        feed->at_end = more == 0;
    }
    return 0;
}

/* ---- the beginning of a file */

static int find_field(const struct list_feed *feed, struct str wanted, const struct str *header, size_t width, size_t *place)
{
    size_t nearest = SIZE_MAX, distance = SIZE_MAX;
    for (*place = 0; *place < width; ++*place) {
        if (str_eq(header[*place], wanted)) return 0;
        size_t d = str_distance(header[*place], wanted);
        if (d < distance) nearest = *place, distance = d;
    }
    if (nearest == SIZE_MAX) return fail_usage("%s: its header has no field '%.*s'", feed->input.name, STR_ARG(wanted));
    return fail_usage("%s: its header has no field '%.*s'; the nearest is '%.*s'", feed->input.name, STR_ARG(wanted),
                      STR_ARG(header[nearest]));
}

/* Says for each wanted field where it stands, once the header (width fields) is known; NULL: there is none. */
static int place_fields(struct list_feed *feed, const struct str *header, size_t width)
{
    const struct list_wishes *wishes = feed->wishes;
    struct list_field *fields = arena_alloc(&feed->arena, (wishes->count + 1) * sizeof *fields);
    if (!fields) return -1;
    for (size_t i = 0; i < wishes->count; i++) {
        fields[i] = (struct list_field){.name = wishes->names[i]};
        if (header && find_field(feed, wishes->names[i], header, width, &fields[i].index) < 0) return -1;
        if (!header && wishes->places) fields[i].index = wishes->places[i];
    }
    feed->fields = fields;
    feed->width = width;
    return 0;
}

static int read_header(struct list_feed *feed)
{
    struct str *header = arena_alloc(&feed->arena, LIST_FIELDS_MAX * sizeof *header);
    if (!header || read_until(feed, LIST_PIECE_BYTES) < 0) return -1;
    if (feed->pending.n == 0) return place_fields(feed, NULL, feed->wishes->width); /* an empty file has no records either */
    size_t used, width = list_split(&feed->shape, buf_str(&feed->pending), header, LIST_FIELDS_MAX, &used, &feed->arena);
    if (width == SIZE_MAX) return fail("%s: a header of more than %d fields", feed->input.name, LIST_FIELDS_MAX);
    if (place_fields(feed, header, width) < 0) return -1;
    feed->line += list_cut(&feed->shape, str_of(feed->pending.p, used), true).lines;
    drop_pending(feed, used);
    return 0;
}

static int start_file(struct list_feed *feed)
{
    feed->started = true;
    if (read_until(feed, 3) < 0) return -1;
    if (str_starts(buf_str(&feed->pending), STR("\xEF\xBB\xBF"))) drop_pending(feed, 3);
    if (feed->shape.format != LIST_JSONL && feed->wishes->header) return read_header(feed);
    return place_fields(feed, NULL, feed->wishes->width);
}

/* ---- pieces */

/* Leaves out the rest of a record that is too long: true once its end is behind. */
static bool skip_record(struct list_feed *feed)
{
    size_t n = list_skip(buf_str(&feed->pending), 0);
    feed->skipping = n == SIZE_MAX;
    feed->line += !feed->skipping;
    drop_pending(feed, feed->skipping ? feed->pending.n : n);
    return !feed->skipping;
}

/* The record at hand does not end within the limit: its bytes so far go, then everything up to the next line feed. */
static void begin_skipping(struct list_feed *feed, struct list_piece *piece)
{
    piece->lost = feed->shape.format == LIST_CSV ? "a record of more than 4 MiB: a quote that is never closed?"
                                                 : "a record of more than 4 MiB";
    piece->lost_line = feed->line;
    for (size_t i = 0; i < feed->pending.n; i++) feed->line += feed->pending.p[i] == '\n';
    feed->record++;
    feed->skipping = true;
    buf_clear(&feed->pending);
}

static int fill_piece(struct list_feed *feed, struct list_piece *piece, struct list_cut cut)
{
    if (buf_add(&piece->bytes, str_of(feed->pending.p, cut.bytes)) < 0) return -1;
    piece->reader = (struct list_reader){.shape = feed->shape, .fields = feed->fields, .names = feed->wishes->names,
                                         .field_count = feed->wishes->count, .width = feed->width,
                                         .rest = buf_str(&piece->bytes), .line = feed->line, .record = feed->record};
    feed->line += cut.lines;
    feed->record += cut.records;
    drop_pending(feed, cut.bytes);
    return 0;
}

/* Finds whole records at the beginning of `pending`, reading on where there are none yet. */
static int find_records(struct list_feed *feed, struct list_cut *cut)
{
    for (size_t want = LIST_PIECE_BYTES;; want = feed->pending.n + 1) {
        if (read_until(feed, want) < 0) return -1;
        *cut = list_cut(&feed->shape, buf_str(&feed->pending), feed->at_end);
        if (cut->bytes || feed->at_end || feed->pending.n >= LIST_RECORD_MAX) return 0;
    }
}

int list_feed_next(struct list_feed *feed, struct list_piece *piece)
{
    buf_clear(&piece->bytes);
    piece->lost = piece->damage = NULL;
    if (!feed->started && start_file(feed) < 0) return -1;
    while (feed->skipping) {
        if (read_until(feed, 1) < 0) return -1;
        if (feed->pending.n == 0) break;
        skip_record(feed);
    }
    struct list_cut cut;
    if (find_records(feed, &cut) < 0) return -1;
    if (fill_piece(feed, piece, cut) < 0) return -1;
    if (cut.bytes == 0 && !feed->at_end) begin_skipping(feed, piece);
    if (cut.bytes || piece->lost) return 1;
    if (!feed->input.damage) return 0;
    piece->damage = feed->input.damage;
    piece->damage_at = feed->input.stored_read;
    feed->input.damage = NULL; /* said once */
    return 1;
}

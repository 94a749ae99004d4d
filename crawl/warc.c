/* The window `warc`: every record of crawl files, and every place where they are not as they should be. The tolerant reader
 * alone, since nothing here needs speed. */
#include "crawl/input/crawl_file.h"
#include "crawl/warc/stream.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/options.h"
#include "pipeline/rows/batch.h"

#include <stdio.h>

struct warc_options {
    uint64_t block;
    bool odd;
};

struct warc_window {
    const struct warc_options *options;
    struct warc_stream *stream;
    struct crawl_chunk chunk;
    struct buf line, uri;
    uint64_t records;   /* of the file at hand */
    bool damaged;       /* something was lost, in any file */
};

static const char header[] = "file\trecord\toffset\tinside\tlength\ttype\turl\tblock\toddities\n";
enum { LINE_BYTES_MAX = 64 << 20, WRITE_BYTES = 1 << 20 };

static int flush(struct warc_window *w)
{
    int result = file_write_all(1, buf_str(&w->line), "standard output");
    buf_clear(&w->line);
    return result;
}

static int add_oddities(struct buf *line, unsigned oddities)
{
    const char *separator = "";
    for (unsigned i = 0; i < WARC_ODDITY_COUNT; i++) {
        if (!(oddities >> i & 1)) continue;
        if (buf_printf(line, "%s%s", separator, warc_oddity_name(i)) < 0) return -1;
        separator = " ";
    }
    return 0;
}

/* `length` stays empty where no bytes of the file are this record alone. */
static int print_record(struct warc_window *w, struct str path, const struct warc_record *r)
{
    struct buf *line = &w->line;
    uint64_t number = w->records++;
    if (w->options->odd && !r->oddities) return 0;
    if (cell_escape(line, path) < 0) return -1;
    if (buf_printf(line, "\t%llu\t%llu\t%llu\t", (unsigned long long)number, (unsigned long long)r->offset, (unsigned long long)r->inside) < 0) return -1;
    if (r->stored && buf_u64(line, r->stored) < 0) return -1;
    if (buf_byte(line, '\t') < 0 || cell_escape(line, r->type_name) < 0 || buf_byte(line, '\t') < 0) return -1;
    if (cell_escape(line, warc_uri(r, &w->uri)) < 0 || buf_byte(line, '\t') < 0) return -1;
    if (buf_u64(line, r->oddities & WARC_SKIPPED ? r->length : r->block.n) < 0 || buf_byte(line, '\t') < 0) return -1;
    if (add_oddities(line, r->oddities) < 0 || buf_byte(line, '\n') < 0) return -1;
    return line->n > WRITE_BYTES ? flush(w) : 0;
}

static int print_loss(struct warc_window *w, struct str path, const struct warc_loss *loss)
{
    struct buf *line = &w->line;
    w->damaged = true;
    if (cell_escape(line, path) < 0 || buf_printf(line, "\t\t%llu\t\t\tlost\t\t\t", (unsigned long long)loss->offset) < 0) return -1;
    if (cell_escape(line, str_from(loss->what)) < 0 || buf_byte(line, '\n') < 0) return -1;
    return line->n > WRITE_BYTES ? flush(w) : 0;
}

static int read_chunk(struct warc_window *w, struct str path)
{
    struct warc_record record;
    struct warc_loss loss;
    if (warc_stream_feed(w->stream, buf_str(&w->chunk.bytes), w->chunk.follow == WARC_FILE_END ? WARC_FILE_END : WARC_CONTINUES) < 0) return -1;
    for (;;) {
        switch (warc_stream_next(w->stream, &record, &loss)) {
        case WARC_EVENT_RECORD:
            if (print_record(w, path, &record) < 0) return -1;
            break;
        case WARC_EVENT_LOSS:
            if (print_loss(w, path, &loss) < 0) return -1;
            break;
        case WARC_EVENT_FAILED: return -1;
        default: return 0;
        }
    }
}

static int read_file(struct warc_window *w, const char *entry)
{
    struct crawl_file *file;
    if (crawl_file_open(&file, entry, 0) < 0) return fail_prefix("%s: ", entry), -1;
    struct str path = str_from(crawl_file_path(file));
    w->records = 0;
    warc_stream_start(w->stream, WARC_KIND_MORE, crawl_file_begin(file));
    int more, result = 0;
    while (result == 0 && (more = crawl_file_next(file, &w->chunk)) != 0) {
        result = more < 0 ? -1 : read_chunk(w, path);
        if (more < 0) fail_prefix("%s: ", entry);
    }
    crawl_file_close(file);
    if (!w->records) w->damaged = true;
    return result;
}

static int warc_run(const struct command_line *line)
{
    if (line->argument_count == 0) return fail_usage("a file is missing: winnow warc FILE");
    struct warc_window w = {.options = line->options};
    crawl_chunk_init(&w.chunk);
    buf_init(&w.line, LINE_BYTES_MAX);
    buf_init(&w.uri, 3 * WARC_HEAD_BYTES_MAX);
    w.stream = warc_stream_new(&(struct warc_limits){.block = (size_t)w.options->block});
    int result = w.stream ? buf_add(&w.line, str_from(header)) : -1;
    for (size_t i = 0; i < line->argument_count && result == 0; i++) result = read_file(&w, line->arguments[i]);
    if (result == 0) result = flush(&w);
    warc_stream_free(w.stream);
    crawl_chunk_free(&w.chunk);
    buf_free(&w.line);
    buf_free(&w.uri);
    return result < 0 ? -1 : w.damaged ? EXIT_DAMAGED : EXIT_DONE;
}

static const struct option options[] = {
    {"odd", 0, OPTION_FLAG, offsetof(struct warc_options, odd), .help = "only records with oddities, and what was lost"},
    {"max-block", 0, OPTION_SIZE, offsetof(struct warc_options, block), .argument = "SIZE", .initial = "64M", .low = 1 << 10, .high = 1 << 30,
     .help = "larger records are skipped"},
    {0},
};

const struct command command_warc = {
    .name = "warc",
    .summary = "show the records of crawl files, and what is odd about them",
    .arguments = "[OPTIONS] WARC...",
    .description = "Prints a tab-separated line for each record, after a header: file, ordinal of the record, offset and length in the file as "
                   "stored, type, URL, bytes of its block, and every oddity. `inside` is where the record begins in the decompressed bytes from "
                   "that offset on; length is empty where no bytes of the file hold the record alone. What could not be read stands between the "
                   "records as type `lost`, with what was found and what was expected; then the exit code is 3.\n\n"
                   "WARC is a path, - for standard input, or 'FILE OFFSET LENGTH'.",
    .example = "winnow warc tests/data/one-page.warc",
    .see_also = "extract",
    .options = options,
    .options_size = sizeof(struct warc_options),
    .run = warc_run,
};

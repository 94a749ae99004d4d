/* The command `get`: samples by id, key or SQL condition: printed as rows, laid into a folder, or streamed as tar.
 *
 * First the numbers of all samples wanted, then one pass over them in rising order, so that each shard is opened once. Of a
 * shard only the bytes of the samples are read (shard/store.h): of a compressed one the frames that hold them. */
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/options.h"
#include "pipeline/rows/batch.h"
#include "shard/index_read.h"
#include "shard/store.h"
#include "shard/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LINES_BYTES = 256 << 10,        /* output is written in pieces of this */
    SAMPLE_BYTES_MAX = 1 << 30,     /* of one sample in its tar */
    LIST_BYTES_MAX = 1 << 30,       /* of a file of ids */
    EXTENSION_MAX = 8,
    PIECE_NAME_MAX = 64,
};

struct get_options {
    const char *shards, *where, *output;
    struct option_list columns;
    bool tar, force;
};

#define AT(field) offsetof(struct get_options, field)
static const struct option options[] = {
    {"where", 'w', OPTION_TEXT, AT(where), .argument = "SQL",
     .help = "samples for which an SQLite expression over their columns holds: \"width >= 512 AND page_lang = 'de'\""},
    {"output", 'o', OPTION_TEXT, AT(output), .argument = "FOLDER/|FILE.tar", .initial = "-",
     .help = "lay the members into a folder, or into one tar; without it the samples' rows are printed"},
    {"tar", 0, OPTION_FLAG, AT(tar), .help = "stream the samples as one tar to standard output"},
    {"columns", 'c', OPTION_LIST, AT(columns), .argument = "NAMES", .split = true, .help = "print these columns only"},
    {"shards", 0, OPTION_TEXT, AT(shards), .argument = "FOLDER", .help = "where the shards are; default what the index says"},
    {"force", 'f', OPTION_FLAG, AT(force), .help = "write over files that are there"},
    {0},
};

static volatile sig_atomic_t stop_signal; /* there is one run a process */

static void on_signal(int number) { stop_signal = number; }

struct get {
    const struct get_options *options;
    struct index_reader *index;
    struct numbers wanted;
    uint64_t missing;          /* ids that are not there */
    int *columns;              /* of the table `samples`, to be printed */
    int column_count;
    struct buf shards, shard_name, sample, out;
    struct store *store;
    uint64_t store_shard;
    struct file_out file;      /* standard output, or the tar */
};

/* ---- which samples */

static bool is_id_or_key(struct str s)
{
    bool digits = s.n > 0, hex = s.n == 32;
    for (size_t i = 0; i < s.n; i++) {
        digits &= ascii_is_digit(s.p[i]);
        hex &= ascii_hex(s.p[i]) >= 0;
    }
    return digits || hex;
}

static int want(struct get *g, struct str id)
{
    if (!is_id_or_key(id))
        return fail_usage("'%.*s': neither an id (32 hexadecimal digits), nor a key, nor an index that is there", STR_ARG(id));
    int found = index_reader_id(g->index, id, &g->wanted);
    if (found == 0) {
        log_line("%.*s: not in the corpus; 'winnow audit' tells why", STR_ARG(id));
        g->missing++;
    }
    return found < 0 ? -1 : 0;
}

static int want_list(struct get *g, const char *path)
{
    struct buf text;
    buf_init(&text, LIST_BYTES_MAX);
    int result = buf_read_input(&text, path);
    for (struct str rest = buf_str(&text); rest.p && rest.n && result == 0;) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (line.n) result = want(g, line);
    }
    buf_free(&text);
    return result;
}

static int choose(struct get *g, const char *const *arguments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *a = arguments[i];
        int result = strcmp(a, "-") == 0 ? want_list(g, a) : a[0] == '@' ? want_list(g, a + 1) : want(g, str_from(a));
        if (result < 0) return -1;
    }
    if (g->options->where && index_reader_where(g->index, g->options->where, &g->wanted) < 0) return -1;
    numbers_sort(&g->wanted);
    return 0;
}

/* ---- printing */

static int flush(struct get *g)
{
    int result = file_write(&g->file, buf_str(&g->out));
    buf_clear(&g->out);
    return result;
}

static int find_column(sqlite3_stmt *row, const char *name)
{
    for (int i = 0; i < sqlite3_column_count(row); i++)
        if (strcmp(sqlite3_column_name(row, i), name) == 0) return i;
    return -1;
}

/* Which columns are printed: those asked for, else all. Writes the header line, also where no sample follows. */
static int print_header(struct get *g, sqlite3_stmt *row)
{
    const struct option_list *asked = &g->options->columns;
    g->column_count = asked->count ? (int)asked->count : sqlite3_column_count(row);
    g->columns = calloc((size_t)g->column_count, sizeof *g->columns);
    if (!g->columns) return fail_memory();
    for (int i = 0; i < g->column_count; i++) {
        g->columns[i] = asked->count ? find_column(row, asked->items[i]) : i;
        if (g->columns[i] < 0) return fail_usage("--columns: '%s' is no column of samples", asked->items[i]);
        if (i && buf_byte(&g->out, '\t') < 0) return -1;
        if (buf_add(&g->out, str_from(sqlite3_column_name(row, g->columns[i]))) < 0) return -1;
    }
    return buf_byte(&g->out, '\n');
}

static int print_cell(struct buf *out, sqlite3_stmt *row, int column)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL: return 0;
    case SQLITE_INTEGER: return buf_i64(out, sqlite3_column_int64(row, column));
    case SQLITE_FLOAT: return buf_double(out, sqlite3_column_double(row, column));
    default: break;
    }
    const void *text = sqlite3_column_blob(row, column);
    return cell_escape(out, str_of(text, (size_t)sqlite3_column_bytes(row, column)));
}

static int print_sample(struct get *g, sqlite3_stmt *row)
{
    for (int i = 0; i < g->column_count; i++) {
        if (i && buf_byte(&g->out, '\t') < 0) return -1;
        if (print_cell(&g->out, row, g->columns[i]) < 0) return -1;
    }
    if (buf_byte(&g->out, '\n') < 0) return -1;
    return g->out.n >= LINES_BYTES ? flush(g) : 0;
}

/* ---- reading samples */

/* The folder of shards: --shards, else what the index says as seen from its own folder. */
static int find_shards(struct get *g)
{
    if (g->options->shards) {
        if (buf_add(&g->shards, str_from(g->options->shards)) < 0) return -1;
    } else {
        const char *path = index_reader_path(g->index), *slash = strrchr(path, '/');
        if (slash && buf_add(&g->shards, str_of(path, (size_t)(slash - path) + 1)) < 0) return -1;
        size_t before = g->shards.n;
        if (index_reader_fact(g->index, STR("shards"), &g->shards) < 0) return -1;
        if (g->shards.n == before) return fail_usage("%s: an index without shards", path);
    }
    return buf_byte(&g->shards, '/');
}

static int open_shard(struct get *g, uint64_t shard)
{
    if (g->store && g->store_shard == shard) return 0;
    store_close(g->store);
    g->store = NULL;
    buf_clear(&g->shard_name);
    if (!g->shards.n && find_shards(g) < 0) return -1;
    if (buf_add(&g->shard_name, buf_str(&g->shards)) < 0) return -1;
    if (index_reader_shard_name(g->index, shard, &g->shard_name) < 0) return -1;
    if (memchr(g->shard_name.p + g->shards.n, '/', g->shard_name.n - g->shards.n))
        return fail("%s: a shard whose name is no bare file name", index_reader_path(g->index));
    const char *path = buf_c_string(&g->shard_name);
    g->store = path ? store_open(path) : NULL;
    g->store_shard = shard;
    return g->store ? 0 : -1;
}

static int64_t number_at(sqlite3_stmt *row, const char *name)
{
    int column = find_column(row, name);
    return column < 0 ? -1 : sqlite3_column_int64(row, column);
}

/* The sample's bytes of its tar, in g->sample. */
static int read_sample(struct get *g, sqlite3_stmt *row)
{
    int64_t shard = number_at(row, "shard"), offset = number_at(row, "sample_offset"), length = number_at(row, "sample_length");
    if (shard < 0 || offset < 0 || length <= 0 || length > SAMPLE_BYTES_MAX || length % TAR_BLOCK)
        return fail("%s: a sample without a place in its shard", index_reader_path(g->index));
    buf_clear(&g->sample);
    if (open_shard(g, (uint64_t)shard) < 0) return -1;
    return store_read(g->store, (uint64_t)offset, (uint64_t)length, &g->sample);
}

static int give_sample(void *context, struct str *piece)
{
    struct str *rest = context;
    *piece = *rest;
    *rest = str_of("", 0);
    return 0;
}

/* A member's name is the key, a point, and an extension of small letters and digits. */
static bool is_member_of(struct str name, struct str key)
{
    struct str extension = str_from_at(name, key.n + 1);
    if (!str_starts(name, key) || name.n < key.n + 2 || name.p[key.n] != '.' || extension.n > EXTENSION_MAX) return false;
    for (size_t i = 0; i < extension.n; i++)
        if (!ascii_is_digit(extension.p[i]) && !(extension.p[i] >= 'a' && extension.p[i] <= 'z')) return false;
    for (size_t i = 0; i < key.n; i++)
        if (!ascii_is_digit(key.p[i])) return false;
    return key.n > 0;
}

typedef int member_function(struct get *g, struct str name, struct str data);

/* Calls `visit`, unless NULL, with each member of the sample in g->sample; proves that it is the sample that the row means. */
static int for_members(struct get *g, sqlite3_stmt *row, member_function *visit)
{
    int column = find_column(row, "key");
    const char *text = column < 0 ? NULL : (const char *)sqlite3_column_text(row, column);
    struct str key = str_from(text), rest = buf_str(&g->sample);
    struct tar_reader *r = tar_reader_open(give_sample, NULL, &rest);
    if (!r) return -1;
    struct tar_member member;
    int more, members = 0;
    while ((more = tar_reader_next(r, &member)) > 0) {
        if (!is_member_of(member.name, key)) more = fail("'%.*s' where sample %.*s should be", STR_ARG(member.name), STR_ARG(key));
        else if (member.offset > g->sample.n || member.size > g->sample.n - member.offset) more = fail("a member that is cut");
        else if (visit && visit(g, member.name, str_of(g->sample.p + member.offset, (size_t)member.size)) < 0) more = -1;
        if (more < 0) break;
        members++;
    }
    tar_reader_close(r);
    if (more == 0 && !members) more = fail("no member where sample %.*s should be", STR_ARG(key));
    if (more < 0) fail_prefix("%s: ", buf_c_string(&g->shard_name));
    return more;
}

/* ---- writing samples */

/* A file of the folder: written beside, then renamed, so that it is whole or not there. Not synced: it can be had again. */
static int lay_member(struct get *g, struct str name, struct str data)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s%.*s", g->options->output, STR_ARG(name));
    int m = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (n < 0 || m < 0 || n >= PATH_MAX || m >= PATH_MAX) return fail_usage("a path of more than %d bytes", PATH_MAX);
    if (!g->options->force && file_exists(path)) return fail_usage("%s: is there already: --force writes over it", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return fail_errno("%s: cannot write", temporary);
    int result = file_write_all(fd, data, temporary);
    if (close(fd) < 0 && result == 0) result = fail_errno("%s: cannot close", temporary);
    if (result == 0 && rename(temporary, path) < 0) result = fail_errno("%s: cannot rename to %s", temporary, path);
    if (result < 0) unlink(temporary);
    return result;
}

static int lay_sample(struct get *g, sqlite3_stmt *row)
{
    return read_sample(g, row) < 0 ? -1 : for_members(g, row, lay_member);
}

/* Shards and streams have the same members, so the bytes go through as they are. */
static int stream_sample(struct get *g, sqlite3_stmt *row)
{
    if (read_sample(g, row) < 0 || for_members(g, row, NULL) < 0) return -1;
    return file_write(&g->file, buf_str(&g->sample));
}

static int end_stream(struct get *g)
{
    static const char end_mark[2 * TAR_BLOCK];
    return file_write(&g->file, str_of(end_mark, sizeof end_mark));
}

/* ---- the command */

typedef int sample_function(struct get *g, sqlite3_stmt *row);

static int for_samples(struct get *g, sample_function *take)
{
    for (size_t i = 0; i < g->wanted.count; i++) {
        sqlite3_stmt *row;
        if (stop_signal) return fail("interrupted");
        if (index_reader_sample(g->index, g->wanted.list[i], &row) < 0 || take(g, row) < 0) return -1;
    }
    return 0;
}

static int print_all(struct get *g)
{
    if (file_create_stdout(&g->file) < 0 || print_header(g, index_reader_columns(g->index)) < 0) return -1;
    if (for_samples(g, print_sample) < 0) return -1;
    return flush(g);
}

static int stream_all(struct get *g, const char *path)
{
    if (!path && isatty(STDOUT_FILENO)) return fail_usage("a tar does not go to a terminal: give -o FILE.tar, or a pipe");
    if (path && !g->options->force && file_exists(path)) return fail_usage("%s: is there already: --force writes over it", path);
    if ((path ? file_create(&g->file, path) : file_create_stdout(&g->file)) < 0) return -1;
    if (for_samples(g, stream_sample) < 0 || end_stream(g) < 0) return -1;
    return file_publish(&g->file);
}

static int deliver(struct get *g)
{
    const char *o = g->options->output;
    struct str output = str_from(o);
    if (strcmp(o, "-") == 0) return g->options->tar ? stream_all(g, NULL) : print_all(g);
    if (g->options->tar) return fail_usage("--tar goes to standard output; -o FILE.tar writes a file");
    if (str_ends(output, STR("/"))) return file_make_folders(o) < 0 ? -1 : for_samples(g, lay_sample);
    if (str_ends(output, STR(".tar"))) return stream_all(g, o);
    return fail_usage("-o %s: expected a folder with a slash at its end, or a name that ends in .tar", o);
}

static int run_get(const struct command_line *line)
{
    const struct get_options *o = line->options;
    struct get g = {.options = o, .file = {.fd = -1}};
    const char *const *ids = line->arguments;
    size_t count = line->argument_count;
    bool names_index = count && file_exists(ids[0]); /* no id or key is the name of a file, save by intent */
    const char *index = names_index ? ids[0] : "index.sqlite";
    ids += names_index;
    count -= names_index;
    if (!names_index && count && !file_exists(index))
        return fail("%s: no such folder or index, and no index.sqlite here in which it could be an id or key", ids[0]);
    if (!count && !o->where) return fail_usage("name ids or keys, or give --where SQL; 'winnow get --help' shows how");
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    buf_init(&g.shards, 4 * PATH_MAX);
    buf_init(&g.shard_name, 5 * PATH_MAX);
    buf_init(&g.sample, SAMPLE_BYTES_MAX);
    buf_init(&g.out, LINES_BYTES + (64 << 20));
    g.index = index_reader_open(index);
    if (g.index) index_reader_stop_on(g.index, &stop_signal);
    int result = g.index ? choose(&g, ids, count) : -1;
    if (result == 0) result = deliver(&g);
    bool closed = result < 0 && file_closed_by_reader();
    file_discard(&g.file);
    store_close(g.store);
    index_reader_close(g.index);
    numbers_free(&g.wanted);
    free(g.columns);
    buf_free(&g.shards);
    buf_free(&g.shard_name);
    buf_free(&g.sample);
    buf_free(&g.out);
    if (closed) return EXIT_DONE;
    if (result < 0) return stop_signal ? EXIT_INTERRUPTED : -1;
    return g.missing ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_get = {
    .name = "get",
    .summary = "take samples out by id, key or condition: print, extract, stream",
    .arguments = "[OPTIONS] [OUT|INDEX] [ID|KEY|@FILE|-]...",
    .description = "Looks into the index of a run (OUT, or the file itself; default index.sqlite here) and prints the rows of the "
                   "samples, in the order of their keys; with -o FOLDER/ lays their members into a folder, with -o FILE.tar or "
                   "--tar makes one tar of them. Only the parts of the shards that hold them are read. @FILE and - (standard "
                   "input) hold an id or key a line. Exit code 1 says that some were not there.",
    .example = "winnow get build/demo/OUT --where 'stored_width >= 300' --columns key,url,text",
    .see_also = "index, audit",
    .options = options,
    .options_size = sizeof(struct get_options),
    .run = run_get,
};

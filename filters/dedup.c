/* Keeps one row of each group of equal rows.
 *
 * Pass 1 notes key, rank, number and id of every row (dedup/winners.h): the lowest rank of a key wins, of equal ranks the
 * earlier row. Pass 2 walks the input beside the losers, which come by rising row, and writes.
 *
 * (1) The winner depends on key, rank and row number alone, never on threads or memory.
 * (2) Output keeps the input's order.
 * (3) Kept + dropped + lost = read. A row without a key (rows/key.h) is kept.
 *
 * With --clusters the key of a row is the cluster that a table tells, which another dedup --distance made of all hashes there are.
 * With --distance a pass before them gathers the values of a perceptual hash (dedup/neardup.h); then the key of a row is the
 * name of its value's cluster.
 *
 * Memory: --memory; beyond it 65 bytes a row and 33 bytes a loser on disk, and a pipe is spooled for pass 2. */
#include "filters/dedup/neardup.h"
#include "filters/dedup/winners.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"
#include "pipeline/rows/key.h"
#include "pipeline/rows/key_map.h"
#include "pipeline/stage.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ID_DIGITS = 2 * WINNER_ID_BYTES,
    OUTSIDE_BATCH_BYTES_MAX = 512 << 20, /* cells of one frame of --against */
};

struct dedup_options {
    const char *by, *keep, *against, *clusters;
    bool mark;
    uint64_t seed, distance;
};

enum keep { KEEP_FIRST, KEEP_MAX, KEEP_MIN };

struct dedup {
    struct row_key key;
    struct neardup *near;  /* with --distance; `key` is then one column, of 16 hexadecimal digits */
    bool clustered;        /* its clusters are known */
    bool any_row, any_hash; /* of what it gathered */
    struct key_map *map;   /* with --clusters; NULL without */
    size_t id;             /* columns of the input */
    size_t rank;
    enum keep keep;
    size_t duplicate_of, cluster; /* columns of the output */
    bool widens;           /* one of them is new */
    struct str rule;       /* "dup.url" */
    struct winners *winners;
    bool sealed;
    uint64_t next_row;     /* number of the next row in order, over all inputs */
    struct loser loser;    /* the next one in order */
    bool any_loser;
};

/* What work() knows of a row before its turn comes. */
struct noted {
    struct candidate candidate; /* without the row number */
    bool keyed;
    uint64_t near; /* its perceptual hash, with --distance */
    bool damaged; /* its id is none: the row is a loss */
};
struct dedup_item {
    struct noted *rows; /* in the item's scratch, one a row of item->in */
};

/* ---- keys and ranks */

/* One more than a hexadecimal digit's value, 0 for what is none. A table, since the digits of ids are random: branches on them
 * cost 15 % of the whole run. */
static const unsigned char hex_plus_one[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static bool read_id(struct str cell, unsigned char id[WINNER_ID_BYTES])
{
    if (cell.n != ID_DIGITS) return false;
    bool good = true;
    for (size_t i = 0; i < WINNER_ID_BYTES; i++) {
        unsigned high = hex_plus_one[(unsigned char)cell.p[2 * i]], low = hex_plus_one[(unsigned char)cell.p[2 * i + 1]];
        good &= high && low;
        id[i] = (unsigned char)((high - 1) << 4 | (low - 1));
    }
    return good;
}

static uint64_t rank_of_row(const struct stage_run *run, const struct dedup *d, const struct row *row)
{
    bool highest_first = d->keep == KEEP_MAX;
    if (d->keep == KEEP_FIRST) return RANK_FIRST;
    if (run->in.list[d->rank].type == COLUMN_UNSIGNED) {
        uint64_t value;
        return row_u64(row, d->rank, &value) < 0 ? RANK_LAST : rank_of_unsigned(value, highest_first);
    }
    double value;
    return row_double(row, d->rank, &value) < 0 ? RANK_LAST : rank_of_double(value, highest_first);
}

static int parse_keep(const struct stage_run *run, struct dedup *d)
{
    const char *keep = ((const struct dedup_options *)run->options)->keep;
    struct str rest = str_from(keep), rule = str_cut(&rest, ':');
    if (!rest.p && str_eq(rule, STR("first"))) return 0;
    d->keep = str_eq(rule, STR("max")) ? KEEP_MAX : KEEP_MIN;
    if (!rest.p || (d->keep == KEEP_MIN && !str_eq(rule, STR("min"))))
        return fail_usage("--keep %s: expected first, max:COLUMN or min:COLUMN", keep);
    d->rank = columns_find(&run->in, rest);
    return d->rank == SIZE_MAX ? fail_usage("--keep %s: the rows have no column '%.*s'", keep, STR_ARG(rest)) : 0;
}

/* ---- keys: what the row holds, or the cluster of it */

static bool read_near(const struct dedup *d, size_t column, const struct row *row, uint64_t *hash)
{
    return d->near && neardup_parse(row->cells[column], hash) == 0;
}

/* The key of a row that is known by its own values, or by what stands for them; of a table of clusters only hashes are asked. */
static bool key_of_row(const struct dedup *d, const struct row_key *key, const struct row *row, struct arena *scratch, struct hash128 *hash)
{
    uint64_t near;
    if (d->map && neardup_parse(row->cells[key->columns[0]], &near) < 0) return false;
    if (!row_key_hash(key, row, scratch, hash)) return false;
    if (d->map) *hash = key_map_key(d->map, *hash);
    return true;
}

static struct hash128 key_of_cluster(const struct dedup *d, uint64_t hash)
{
    return (struct hash128){0, neardup_cluster(d->near, hash)};
}

/* ---- --against: rows of another file win over all */

static int add_outside_rows(struct dedup *d, const struct row_key *key, const struct batch *batch, size_t id, uint64_t first_row,
                            struct arena *scratch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct candidate c = {.outside = true};
        const struct row *row = &batch->rows[i];
        uint64_t near;
        if (d->near && !read_near(d, key->columns[0], row, &near)) continue;
        if (d->near && !d->clustered) {
            if (neardup_add(d->near, near) < 0) return -1;
            continue;
        }
        if (d->near) c.key = key_of_cluster(d, near);
        else if (!key_of_row(d, key, row, scratch, &c.key)) continue;
        if (!read_id(row->cells[id], c.id))
            return fail("row %llu: id '%.*s': expected %d lower-case hexadecimal digits", (unsigned long long)(first_row + i),
                        STR_ARG(row->cells[id]), ID_DIGITS);
        if (winners_add(d->winners, &c) < 0) return -1;
    }
    return 0;
}

static int read_outside(struct stage_run *run, struct dedup *d, struct rows_reader *reader)
{
    const struct dedup_options *o = run->options;
    const struct columns *columns = rows_columns(reader);
    struct row_key key;
    if (row_key_parse(&key, o->by, columns, o->seed) < 0) return -1;
    size_t id = columns_find(columns, STR("id"));
    if (id == SIZE_MAX) return fail_usage("the rows have no column 'id'");
    struct rows_frame frame;
    struct batch batch;
    struct arena scratch;
    rows_frame_init(&frame);
    arena_init(&scratch, OUTSIDE_BATCH_BYTES_MAX);
    int more = batch_init(&batch, columns, OUTSIDE_BATCH_BYTES_MAX);
    for (uint64_t row = 1; more == 0 && (more = rows_read(reader, &frame)) > 0; row += batch.count) {
        batch_reset(&batch);
        arena_reset(&scratch);
        more = rows_decode(reader, &frame, &batch, row);
        if (more == 0) more = add_outside_rows(d, &key, &batch, id, row, &scratch);
        if (more == 0 && stage_stopping(run)) more = fail("interrupted");
    }
    batch_free(&batch);
    arena_free(&scratch);
    rows_frame_free(&frame);
    return more;
}

static int add_outside(struct stage_run *run, struct dedup *d)
{
    const char *path = ((const struct dedup_options *)run->options)->against;
    struct rows_reader *reader;
    const struct rows_open_options options = {.quiet_plain = run->common->plain_input};
    if (rows_open(&reader, path, &options) < 0) return -1;
    int result = read_outside(run, d, reader);
    if (result < 0 && !stage_stopping(run)) fail_prefix("--against %s: ", path);
    rows_close(reader);
    return result;
}

/* ---- the stage */

static int add_mark(struct stage_run *run, struct dedup *d)
{
    const struct {
        const char *name;
        size_t *at;
    } marks[] = {{"duplicate_of", &d->duplicate_of}, {"cluster", d->near || d->map ? &d->cluster : NULL}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks && marks[i].at; i++) {
        *marks[i].at = columns_find(&run->in, str_from(marks[i].name)); /* marks of an earlier dedup stay, save where this one has some */
        if (*marks[i].at != SIZE_MAX) continue;
        if (columns_add(&run->out, str_from(marks[i].name)) < 0) return -1;
        *marks[i].at = run->out.count - 1;
        d->widens = true;
    }
    return 0;
}

static int dedup_prepare(struct stage_run *run)
{
    run->passes = ((const struct dedup_options *)run->options)->distance ? 3 : 2;
    return 0;
}

static bool is_clustering(const struct stage_run *run) { return run->pass + 3 == run->passes; }
static bool is_writing(const struct stage_run *run) { return run->pass + 1 == run->passes; }

static int open_near(struct stage_run *run, struct dedup *d)
{
    const struct dedup_options *o = run->options;
    d->cluster = SIZE_MAX;
    if (o->clusters) {
        if (o->distance) return fail_usage("--distance makes clusters, --clusters reads them: give one of the two");
        if (d->key.count != 1) return fail_usage("--clusters needs one column of perceptual hashes: --by phash");
        d->map = key_map_read(o->clusters, o->by, "cluster", o->seed, (size_t)run->common->memory / 2);
        return d->map ? 0 : -1;
    }
    if (!o->distance) return 0;
    if (d->key.count != 1) return fail_usage("--distance needs one column of perceptual hashes: --by phash");
    d->near = neardup_open((unsigned)o->distance, (size_t)run->common->memory, run->common->tmp);
    return d->near ? 0 : -1;
}

static int dedup_open(struct stage_run *run)
{
    const struct dedup_options *o = run->options;
    struct dedup *d = run->state;
    if (row_key_parse(&d->key, o->by, &run->in, o->seed) < 0) {
        fail_prefix("--by: ");
        return -1;
    }
    d->id = columns_find(&run->in, STR("id"));
    if (parse_keep(run, d) < 0 || open_near(run, d) < 0 || (o->mark && add_mark(run, d) < 0)) return -1;
    struct buf rule;
    buf_init(&rule, CELL_BYTES_MAX);
    int result = buf_printf(&rule, "dup.%s", o->by);
    if (result == 0) d->rule = arena_copy(stage_arena(run), buf_str(&rule));
    buf_free(&rule);
    if (result < 0 || !d->rule.p) return -1;
    d->winners = winners_open((size_t)run->common->memory / (d->near || d->map ? 2 : 1), run->common->tmp);
    if (!d->winners) return -1;
    return o->against ? add_outside(run, d) : 0;
}

static void dedup_close(struct stage_run *run)
{
    struct dedup *d = run->state;
    winners_close(d->winners);
    neardup_close(d->near);
    key_map_free(d->map);
}

static void *dedup_item_new(struct stage_run *run)
{
    (void)run;
    struct dedup_item *own = calloc(1, sizeof *own);
    if (!own) fail_memory();
    return own;
}

/* The name of the row's cluster, in digits[17] where it is computed; absent where the row has no hash. */
static struct str cluster_of(const struct dedup *d, const struct row *row, struct arena *scratch, char digits[17])
{
    uint64_t near;
    struct hash128 key;
    struct str value;
    if (neardup_parse(row->cells[d->key.columns[0]], &near) < 0) return STR_ABSENT;
    if (d->map) {
        bool found = row_key_hash(&d->key, row, scratch, &key) && key_map_find(d->map, key, &value);
        return found ? value : row->cells[d->key.columns[0]];
    }
    snprintf(digits, 17, "%016llx", (unsigned long long)neardup_cluster(d->near, near));
    return str_from(digits);
}

static int pass_row(const struct stage_run *run, const struct dedup *d, struct stage_item *item, const struct row *row)
{
    struct row *out = d->widens ? batch_widen(&item->out, row, run->in.count) : batch_pass(&item->out, row);
    char digits[17];
    if (!out) return -1;
    if (!((const struct dedup_options *)run->options)->mark || !(d->near || d->map)) return 0;
    struct str cluster = cluster_of(d, row, &item->scratch, digits);
    return cluster.p ? row_set(&item->out, out, d->cluster, cluster) : 0;
}

static int dedup_work(struct stage_run *run, struct stage_item *item, unsigned worker)
{
    (void)worker;
    const struct dedup *d = run->state;
    struct dedup_item *own = item->user;
    own->rows = arena_alloc(&item->scratch, (item->in.count + 1) * sizeof *own->rows);
    if (!own->rows) return -1;
    for (size_t i = 0; i < item->in.count; i++) {
        const struct row *row = &item->in.rows[i];
        struct noted *noted = &own->rows[i];
        *noted = (struct noted){0};
        noted->damaged = !read_id(row->cells[d->id], noted->candidate.id);
        if (is_writing(run)) {
            if (pass_row(run, d, item, row) < 0) return -1;
        } else {
            noted->keyed = d->near ? read_near(d, d->key.columns[0], row, &noted->near)
                                   : key_of_row(d, &d->key, row, &item->scratch, &noted->candidate.key);
            noted->candidate.rank = rank_of_row(run, d, row);
        }
    }
    return 0;
}

static int gather_near(struct dedup *d, const struct stage_item *item)
{
    const struct dedup_item *own = item->user;
    for (size_t i = 0; i < item->in.count; i++) {
        d->any_row = true;
        d->any_hash |= own->rows[i].keyed;
        if (own->rows[i].keyed && neardup_add(d->near, own->rows[i].near) < 0) return -1;
    }
    return 0;
}

/* All hashes were gathered: now rows of --against, too, have keys. */
static int cluster(struct stage_run *run, struct dedup *d)
{
    const struct dedup_options *o = run->options;
    if (!d->near || d->clustered) return 0;
    if (neardup_seal(d->near) < 0) return -1;
    if (d->any_row && !d->any_hash) log_line("no row has a perceptual hash, 16 hexadecimal digits, in its column '%s': none is near another: --by phash names fetch's", o->by);
    d->clustered = true;
    return o->against ? add_outside(run, d) : 0;
}

static int collect(struct dedup *d, struct stage_item *item)
{
    const struct dedup_item *own = item->user;
    uint64_t without_key = 0;
    for (size_t i = 0; i < item->in.count; i++, d->next_row++) {
        struct noted *noted = &own->rows[i];
        without_key += !noted->keyed;
        noted->candidate.row = d->next_row;
        if (d->near && noted->keyed) noted->candidate.key = key_of_cluster(d, noted->near);
        if (noted->keyed && !noted->damaged && winners_add(d->winners, &noted->candidate) < 0) return -1;
    }
    return without_key ? stage_count(item, "without_key", without_key) : 0;
}

static int next_loser(struct dedup *d)
{
    int got = winners_next(d->winners, &d->loser);
    d->any_loser = got > 0;
    return got < 0 ? -1 : 0;
}

static int report_damaged(struct stage_item *item, size_t index, struct str id)
{
    uint64_t number;
    const char *file = stage_input_row(item, index, &number);
    return stage_loss(item, file, "row", number, "id '%.*s': expected %d lower-case hexadecimal digits", STR_ARG(id), ID_DIGITS);
}

/* The row `index` has lost: marked and kept (1), or dropped (0). */
static int treat_loser(struct stage_run *run, struct dedup *d, struct stage_item *item, size_t index)
{
    const struct dedup_options *o = run->options;
    char digits[ID_DIGITS];
    struct buf winner = {.p = digits, .room = sizeof digits, .ceiling = sizeof digits};
    if (buf_hex(&winner, d->loser.winner, WINNER_ID_BYTES) < 0) return -1;
    if (o->mark) return row_set(&item->out, &item->out.rows[index], d->duplicate_of, buf_str(&winner)) < 0 ? -1 : 1;
    return stage_drop(run, item, &item->in.rows[index], d->rule, buf_str(&winner),
                      d->loser.to_outside ? STR("against") : str_from(o->keep), STR_ABSENT);
}

static int write_kept(struct stage_run *run, struct dedup *d, struct stage_item *item)
{
    const struct dedup_item *own = item->user;
    size_t kept = 0;
    for (size_t i = 0; i < item->in.count; i++, d->next_row++) {
        int keep = 1;
        if (own->rows[i].damaged) {
            if (report_damaged(item, i, item->in.rows[i].cells[d->id]) < 0) return -1;
            keep = 0;
        } else if (d->any_loser && d->loser.row == d->next_row) {
            keep = treat_loser(run, d, item, i);
            if (keep < 0 || next_loser(d) < 0) return -1;
        }
        if (keep) item->out.rows[kept++] = item->out.rows[i];
    }
    item->out.count = kept;
    return 0;
}

static int dedup_emit(struct stage_run *run, struct stage_item *item)
{
    struct dedup *d = run->state;
    if (is_clustering(run)) return gather_near(d, item);
    if (!is_writing(run)) return cluster(run, d) < 0 ? -1 : collect(d, item);
    if (!d->sealed) {
        d->sealed = true;
        d->next_row = 0;
        if (winners_seal(d->winners) < 0 || next_loser(d) < 0) return -1;
    }
    return write_kept(run, d, item);
}

#define AT(field) offsetof(struct dedup_options, field)

static const struct option options[] = {
    {"by", 'b', OPTION_TEXT, AT(by), .argument = "KEY", .initial = "url+text",
     .help = "what makes rows equal: names of columns joined by +, as url, url+text, sha256, phash"},
    {"keep", 'k', OPTION_TEXT, AT(keep), .argument = "RULE", .initial = "first",
     .help = "first, max:COLUMN or min:COLUMN; of equal rows the first"},
    {"against", 0, OPTION_FILE, AT(against), .argument = "ROWS", .help = "drop also what the row file ROWS holds"},
    {"clusters", 0, OPTION_FILE, AT(clusters), .argument = "ROWS", .help = "of a perceptual hash: its cluster, as --distance --mark wrote it for a table of hashes"},
    {"distance", 0, OPTION_U64, AT(distance), .argument = "BITS", .initial = "0", .low = 0, .high = NEARDUP_DISTANCE_MAX,
     .help = "of a perceptual hash: as near are equal, and so are their neighbours' neighbours"},
    {"mark", 0, OPTION_FLAG, AT(mark), .help = "drop nothing; add the column duplicate_of, and cluster with --distance"},
    {"seed", 0, OPTION_U64, AT(seed), .argument = "N", .initial = "0", .low = 0, .high = 0x1p63,
     .help = "seed of the 128-bit keys; the rows depend on it only where two keys collide"},
    {0},
};

static const struct stage stage_dedup = {
    .behaviour = 1,
    .needs = "id",
    .hint = "'winnow import' makes rows with ids of other people's lists",
    .drops = true,
    .passes = 2,
    .prepare = dedup_prepare,
    .run_size = sizeof(struct dedup),
    .open = dedup_open,
    .item_new = dedup_item_new,
    .item_free = free,
    .work = dedup_work,
    .emit = dedup_emit,
    .close = dedup_close,
};

const struct command command_dedup = {
    .name = "dedup",
    .summary = "keep one row of each group of equal rows",
    .arguments = "[OPTIONS] [ROWS...]",
    .description =
        "Keeps one row of each group of rows with equal keys, in input order; the others are dropped by the rule dup.KEY, and each "
        "names the id of the row that stays. Equality is exact: 128-bit hashes of the values as they are.\n\n"
        "A row that lacks a column of the key has no key and stays (an absent text counts as the empty text). With --keep "
        "max:COLUMN the row with the highest number there stays; rows without a number come last.\n\n"
        "--by phash --distance N makes near pictures one: those whose hashes differ in at most N of 64 bits, and whoever is joined to "
        "them by such steps. No pair is missed. With --mark the column cluster names each cluster by its least hash. 20 bytes a "
        "distinct hash must fit into three eighths of --memory.\n\n"
        "The same over many tasks: winnow count --what phashes makes a table of all hashes; dedup --by phash --distance N --mark over that "
        "table writes their clusters; given by --clusters, winnow partition --by phash brings each cluster into one bucket, and dedup --by "
        "phash on each bucket keeps what one task over all rows would. A hash that the table lacks is a cluster of its own.\n\n"
        "Memory does not grow with the input: beyond --memory, about 65 bytes a row go to --tmp. Rows in standard input are copied "
        "there too, since they are walked twice. For more than one machine: winnow partition, dedup on each bucket, winnow merge.",
    .example = "winnow dedup --by url --keep first tests/data/rows/small.rows.zst | winnow view --count",
    .see_also = "partition, filter, audit",
    .options = options,
    .options_size = sizeof(struct dedup_options),
    .stage = &stage_dedup,
};

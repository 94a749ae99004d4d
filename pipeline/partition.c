/* The stage `partition`: rows to N buckets by a key, so that equal keys meet in one bucket. Order is kept inside each bucket.
 * A bucket is floor(h · N / 2^64) for the high half h of the row's key (rows/key.h, seed 0): it depends on the row alone, never
 * on tasks or machines. With --clusters it is that of the key that stands for the row's. Rows without a key, which are nobody's equal, go to bucket 0. */
#include "pipeline/base/fail.h"
#include "pipeline/rows/key.h"
#include "pipeline/rows/key_map.h"
#include "pipeline/stage.h"

#include <stdio.h>

enum { BUCKETS_MAX = 4096 };

struct partition_options {
    const char *by, *clusters;
    uint64_t into;
};

struct partition {
    struct row_key key;
    struct key_map *clusters; /* NULL without */
    int first_output;
};

static int partition_open(struct stage_run *run)
{
    const struct partition_options *o = run->options;
    struct partition *p = run->state;
    if (row_key_parse(&p->key, o->by, &run->in, 0) < 0) return -1;
    if (o->clusters && !(p->clusters = key_map_read(o->clusters, o->by, "cluster", 0, (size_t)run->common->memory))) return -1;
    for (uint64_t i = 0; i < o->into; i++) {
        char suffix[32];
        snprintf(suffix, sizeof suffix, ".%05llu.rows.zst", (unsigned long long)i);
        int output = stage_output_add(run, suffix, &run->in);
        if (output < 0) return -1;
        if (i == 0) p->first_output = output;
    }
    return 0;
}

static void partition_close(struct stage_run *run) { key_map_free(((struct partition *)run->state)->clusters); }

static int partition_work(struct stage_run *run, struct stage_item *item, unsigned worker)
{
    (void)worker;
    const struct partition_options *o = run->options;
    const struct partition *p = run->state;
    for (size_t r = 0; r < item->in.count; r++) {
        const struct row *row = &item->in.rows[r];
        struct hash128 hash;
        uint64_t bucket = 0;
        bool keyed = row_key_hash(&p->key, row, &item->scratch, &hash);
        if (keyed && p->clusters) hash = key_map_key(p->clusters, hash);
        if (keyed) bucket = (uint64_t)((unsigned __int128)hash.high * o->into >> 64);
        if (!batch_pass(stage_out(item, p->first_output + (int)bucket), row)) return -1;
    }
    return 0;
}

static const struct option options[] = {
    {"by", 'b', OPTION_TEXT, offsetof(struct partition_options, by), .argument = "COLUMNS", .initial = "url",
     .help = "the key: column names joined by +"},
    {"clusters", 0, OPTION_FILE, offsetof(struct partition_options, clusters), .argument = "ROWS",
     .help = "rows with the key's column and the column cluster, which stands for the key: near pictures meet in one bucket"},
    {"into", 'n', OPTION_U64, offsetof(struct partition_options, into), .argument = "N", .initial = "16", .low = 1, .high = BUCKETS_MAX,
     .help = "number of buckets; each holds up to 1 MiB in memory"},
    {0},
};

static const struct stage stage_partition = {
    .behaviour = 1,
    .needs = "id",
    .hint = "winnow's rows have it",
    .buckets = true,
    .run_size = sizeof(struct partition),
    .open = partition_open,
    .work = partition_work,
    .close = partition_close,
};

const struct command command_partition = {
    .name = "partition",
    .summary = "spread rows over buckets by a key; equal keys meet in one bucket",
    .arguments = "[OPTIONS] -o FOLDER/ [ROWS...]",
    .description = "Writes FOLDER/NNNNN.BBBBB.rows.zst for each bucket B of task N. The bucket depends on the key alone, so that the "
                   "buckets of many tasks fit together; order is kept inside each. After a stage on every bucket, 'winnow merge' brings "
                   "the rows back into one order.",
    .example = "winnow partition --by url --into 4 -o build/example/parts/ tests/data/rows/small.rows.zst",
    .see_also = "merge, dedup",
    .options = options,
    .options_size = sizeof(struct partition_options),
    .stage = &stage_partition,
};

/* Building index.sqlite, whose tables schemas/index.sql declares.
 *
 *     struct index_builder *b = index_builder_open("OUT/index.sqlite", &sample_columns, &removed_columns);
 *     index_builder_stage(b, &stage) …   input, rule, count, loss, shard, sample, removed: in any order of kinds,
 *     index_builder_finish(b, &size);    in the order of their keys within a kind
 *     index_builder_close(b);
 *
 * The file is new: everything goes into PATH.tmp in one transaction without a journal, then the indices are made, SQLite's own
 * checks run, the file is synced and renamed. Until then PATH is untouched. The bytes depend on the calls alone (and on
 * SQLite's version, which stands in the file).
 *
 * (1) Samples with rising keys are appended; in another order (a shuffled corpus) they cost a search each.
 * (2) A src_file that no index_builder_input names gets a row without a name: every reference holds.
 *
 * One thread. Functions return 0, or -1 with a sentence; after that only close.
 */
#ifndef WINNOW_SHARD_INDEX_DB_H
#define WINNOW_SHARD_INDEX_DB_H

#include "pipeline/base/hash.h"
#include "pipeline/rows/batch.h"
#include "pipeline/rows/columns.h"

enum { INDEX_VERSION = 1 }; /* PRAGMA user_version */

struct index_builder;

/* `samples`, `removed`: columns of the rows that index_builder_sample and _removed will get, or NULL where none come. Columns
 * that say where a picture lies in a pack (image_pack, image_offset, image_length) stay out. The columns must outlive the
 * builder. NULL with a sentence on failure. */
struct index_builder *index_builder_open(const char *path, const struct columns *samples, const struct columns *removed);
void index_builder_close(struct index_builder *b); /* NULL is allowed; removes PATH.tmp where it was not published */

struct index_stage {
    uint64_t step, behaviour;
    struct str name, stage, parameters; /* parameters: a JSON object */
};
int index_builder_stage(struct index_builder *b, const struct index_stage *stage);

int index_builder_fact(struct index_builder *b, struct str name, struct str value); /* table corpus */
int index_builder_input(struct index_builder *b, uint64_t src_file, struct str name, uint64_t size, struct str hash);
int index_builder_count(struct index_builder *b, uint64_t step, struct str name, uint64_t value);
int index_builder_loss(struct index_builder *b, uint64_t step, struct str file, struct str unit, uint64_t at,
                       struct str reason);

struct index_rule {
    uint64_t step, position, removed;
    struct str rule;
    struct str filter, parameters, provenance, source, reason, substitute; /* absent becomes NULL */
    bool served, alone_known, alone_sampled;
    uint64_t alone;
};
int index_builder_rule(struct index_builder *b, const struct index_rule *rule);

struct index_shard {
    uint64_t shard, samples, size;
    struct str name, hash;
};
int index_builder_shard(struct index_builder *b, const struct index_shard *shard);

/* `row` has the columns given as `samples`, among them shard, key, sample_offset and sample_length. */
int index_builder_sample(struct index_builder *b, const struct row *row, struct arena *scratch);
/* `row` has the columns given as `removed`, among them rule. */
int index_builder_removed(struct index_builder *b, uint64_t step, const struct row *row, struct arena *scratch);

/* Makes the indices, checks references and pages, syncs and publishes. */
int index_builder_finish(struct index_builder *b);

extern const char index_schema[]; /* schemas/index.sql as it was when the program was built */

#endif

/* Counts over a whole corpus, as tables: the map over rows, and the reduce over parts of tables.
 *
 * Each worker counts what it can in memory (filters/counts): words and pairs of words in hash tables, other keys in a buffer
 * that is sorted and added up when it is full. What does not fit goes to one external sort a kind, and comes back by key.
 *
 * (1) A table depends on the multiset of the rows alone: threads, memory, frames, tasks and buckets do not change a byte.
 * (2) The reduce reads parts as rows: partition them by id, and a bucket's table is what one task over all rows would have
 *     written for its keys. */
#include "filters/counts/kinds.h"
#include "filters/counts/lexicon.h"
#include "filters/counts/ngrams.h"
#include "filters/counts/table.h"
#include "filters/url/authority.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/stage.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_ROOM = 4 << 20, HOST_BYTES_MAX = 64 << 10 };

struct count_options {
    struct option_list what;
    bool partial;
};

/* What one worker holds before it goes to the groups. */
struct count_worker {
    struct combiner *combiners[COUNT_KINDS]; /* NULL where the kind is not asked for, or has names */
    struct ngrams *ngrams;
    struct lexicon names[COUNT_KINDS];       /* of kinds with names, but words and pairs */
    struct buf room[2], folded[2], host;
};

struct count {
    struct count_want wants[COUNT_KINDS];
    size_t want_count;
    bool asked[COUNT_KINDS];
    struct groups *groups[COUNT_KINDS];
    struct count_table_about about[COUNT_KINDS]; /* in the order of wants; what was written */
    bool partial;
    bool from_parts;            /* the rows are a table's */
    size_t text, text_raw, url, sha256, phash, entities; /* columns of the input; SIZE_MAX where absent */
    size_t id, name, member, value;           /* of a table */
    struct count_worker *workers;
};

/* ---- what is asked */

static int parse_wants(struct stage_run *run, struct count *c)
{
    const struct count_options *o = run->options;
    if (!o->what.count) return fail_usage("nothing to count: give --what images-per-text,unigrams,…");
    for (size_t i = 0; i < o->what.count; i++) {
        struct count_want want;
        if (count_want_parse(str_from(o->what.items[i]), &want) < 0) return fail_prefix("--what: "), -1;
        if (c->asked[want.kind]) return fail_usage("--what: %s twice", count_kind_about(want.kind)->what);
        c->asked[want.kind] = true;
        c->wants[c->want_count++] = want;
    }
    return 0;
}

static int check_columns(const struct stage_run *run, enum count_kind kind)
{
    const struct count_kind_about *k = count_kind_about(kind);
    for (struct str rest = str_from(k->needs); rest.p;) {
        struct str name = str_cut(&rest, ' ');
        if (columns_find(&run->in, name) != SIZE_MAX) continue;
        const struct column_definition *d = column_definition(name);
        return fail_usage("--what %s needs column '%.*s': run 'winnow %s' first", k->what, STR_ARG(name), d ? d->stage : "import");
    }
    return 0;
}

/* ---- parts */

/* A part that kept no more than its bound asked for cannot answer a wider question. */
static int check_part(const struct count *c, const char *path)
{
    struct count_table_about about;
    if (strcmp(path, "-") == 0) return fail_usage("parts of tables are read from files, not from a pipe");
    if (count_table_look(path, &about) < 0) return -1;
    const struct count_want *want = &c->wants[0];
    const struct count_kind_about *k = count_kind_about(about.want.kind);
    if (c->want_count != 1 || want->kind != about.want.kind) return fail_usage("%s: a table of %s: give --what %s", path, k->what, k->what);
    if (!count_table_adds_up(&about))
        return fail_usage("%s: a finished table, which does not add up with others: count the parts with --partial", path);
    if (k->distinct && about.want.over && (!want->over || want->over > about.want.over))
        return fail_usage("%s: was counted to tell what is over %llu: --what %s:%llu or less", path,
                          (unsigned long long)about.want.over, k->what, (unsigned long long)about.want.over);
    return 0;
}

static int open_parts(struct stage_run *run, struct count *c, enum count_kind kind)
{
    const struct count_kind_about *k = count_kind_about(kind);
    if (!run->line->argument_count) return fail_usage("parts of tables are read from files, not from a pipe");
    for (size_t i = 0; i < run->line->argument_count; i++)
        if (check_part(c, run->line->arguments[i]) < 0) return -1;
    c->from_parts = true;
    c->id = columns_find(&run->in, STR("id"));
    c->name = k->name_column ? columns_find(&run->in, str_from(k->name_column)) : SIZE_MAX;
    c->member = columns_find(&run->in, STR(COUNT_MEMBER_COLUMN));
    c->value = columns_find(&run->in, str_from(k->column));
    return 0;
}

/* ---- opening */

static enum groups_form form_of(enum count_kind kind)
{
    const struct count_kind_about *k = count_kind_about(kind);
    return k->distinct ? GROUPS_MEMBERS : k->name_column ? GROUPS_NAMED_SUMS : GROUPS_SUMS;
}

static int open_worker(struct count *c, struct count_worker *w, size_t memory)
{
    size_t shares = c->want_count + (c->asked[COUNT_UNIGRAMS] || c->asked[COUNT_BIGRAMS] ? 6 : 0);
    for (int i = 0; i < 2; i++) buf_init(&w->room[i], TEXT_ROOM), buf_init(&w->folded[i], TEXT_ROOM);
    buf_init(&w->host, HOST_BYTES_MAX);
    if (c->from_parts && form_of(c->wants[0].kind) == GROUPS_NAMED_SUMS) return 0; /* names go to the groups at once */
    for (size_t i = 0; i < c->want_count; i++) {
        enum count_kind kind = c->wants[i].kind;
        bool named = form_of(kind) == GROUPS_NAMED_SUMS, words = kind == COUNT_UNIGRAMS || kind == COUNT_BIGRAMS;
        if (!named && !(w->combiners[kind] = combiner_new(c->groups[kind], memory / shares))) return -1;
        if (named && !words && lexicon_init(&w->names[kind], memory / shares) < 0) return -1;
    }
    if (!c->asked[COUNT_UNIGRAMS] && !c->asked[COUNT_BIGRAMS]) return 0;
    w->ngrams = ngrams_new(c->groups[COUNT_UNIGRAMS], c->groups[COUNT_BIGRAMS], memory / shares * 6);
    return w->ngrams ? 0 : -1;
}

static void close_worker(struct count_worker *w)
{
    for (int i = 0; i < COUNT_KINDS; i++) combiner_free(w->combiners[i]), lexicon_free(&w->names[i]);
    ngrams_free(w->ngrams);
    for (int i = 0; i < 2; i++) buf_free(&w->room[i]), buf_free(&w->folded[i]);
    buf_free(&w->host);
    *w = (struct count_worker){.ngrams = NULL};
}

static int count_open(struct stage_run *run)
{
    struct count *c = run->state;
    enum count_kind of_table;
    if (parse_wants(run, c) < 0) return -1;
    c->partial = ((const struct count_options *)run->options)->partial || run->tasks > 1;
    if (count_kind_of_columns(&run->in, &of_table)) {
        if (open_parts(run, c, of_table) < 0) return -1;
    } else {
        for (size_t i = 0; i < c->want_count; i++)
            if (check_columns(run, c->wants[i].kind) < 0) return -1;
    }
    c->text = columns_find(&run->in, STR("text"));
    c->text_raw = columns_find(&run->in, STR("text_raw"));
    c->url = columns_find(&run->in, STR("url"));
    c->sha256 = columns_find(&run->in, STR("sha256"));
    c->phash = columns_find(&run->in, STR("phash"));
    c->entities = columns_find(&run->in, STR("entities"));
    size_t memory = (size_t)run->common->memory;
    for (size_t i = 0; i < c->want_count; i++) {
        const struct count_want *want = &c->wants[i];
        c->groups[want->kind] = groups_open(form_of(want->kind), want->over ? want->over + 1 : 0, memory / 2 / c->want_count, run->common->tmp);
        if (!c->groups[want->kind]) return -1;
    }
    c->workers = calloc(run->threads, sizeof *c->workers);
    if (!c->workers) return fail_memory();
    for (unsigned i = 0; i < run->threads; i++)
        if (open_worker(c, &c->workers[i], memory / 2 / run->threads) < 0) return -1;
    return 0;
}

static void count_close(struct stage_run *run)
{
    struct count *c = run->state;
    for (unsigned i = 0; c->workers && i < run->threads; i++) close_worker(&c->workers[i]);
    free(c->workers);
    for (int i = 0; i < COUNT_KINDS; i++) groups_close(c->groups[i]);
}

/* ---- the map */

/* A row's keys and members; absent where the row has none. */
struct row_values {
    struct str text, folded, url, sha256, phash, entities;
};

static struct str value_of(const struct row *row, size_t column, struct arena *scratch)
{
    return column == SIZE_MAX ? STR_ABSENT : row_text(row, column, scratch);
}

static int read_values(const struct count *c, struct count_worker *w, const struct row *row, struct arena *scratch, struct row_values *v)
{
    struct str text = value_of(row, c->text, scratch), raw = value_of(row, c->text_raw, scratch);
    *v = (struct row_values){.url = value_of(row, c->url, scratch), .sha256 = value_of(row, c->sha256, scratch),
                             .phash = value_of(row, c->phash, scratch), .entities = value_of(row, c->entities, scratch)};
    if (counts_text(&w->room[0], text, raw, &v->text) < 0) return -1;
    return c->asked[COUNT_IMAGES_PER_TEXT_FOLDED] ? counts_text_folded(w->folded, text, raw, &v->folded) : 0;
}

static int count_name(struct count *c, struct count_worker *w, enum count_kind kind, struct str name)
{
    struct lexicon *names = &w->names[kind];
    if (!name.n) return 0;
    int room = lexicon_room(names, 1, name.n);
    if (room == 0) {
        if (groups_add_lexicon(c->groups[kind], names) < 0) return -1;
        lexicon_clear(names);
        room = lexicon_room(names, 1, name.n);
    }
    if (room < 0) return -1;
    lexicon_add(names, name, lexicon_hash(names, name));
    return 0;
}

static int count_host(struct count *c, struct count_worker *w, struct str url)
{
    struct str host = url_as_written(url).host;
    if (!host.n || host.n > HOST_BYTES_MAX) return 0;
    buf_clear(&w->host);
    if (buf_add(&w->host, host) < 0) return -1;
    for (size_t i = 0; i < host.n; i++) w->host.p[i] = ascii_lower(w->host.p[i]);
    return count_name(c, w, COUNT_HOSTS, buf_str(&w->host));
}

static int count_entities(struct count *c, struct count_worker *w, struct str entities)
{
    while (entities.n)
        if (count_name(c, w, COUNT_ENTITIES, str_cut(&entities, COUNT_ENTITY_SEPARATOR)) < 0) return -1;
    return 0;
}

static int count_member(struct count_worker *w, enum count_kind kind, struct str key, struct str member)
{
    if (!key.n || !member.n) return 0;
    return combiner_add_member(w->combiners[kind], hash_xxh3_128(key, 0), hash_xxh3_128(member, 0));
}

static int count_row(struct count *c, struct count_worker *w, const struct row_values *v)
{
    for (size_t i = 0; i < c->want_count; i++) {
        enum count_kind kind = c->wants[i].kind;
        int result = 0;
        switch (kind) {
        case COUNT_IMAGES_PER_TEXT: result = count_member(w, kind, v->text, v->url); break;
        case COUNT_IMAGES_PER_TEXT_FOLDED: result = count_member(w, kind, v->folded, v->url); break;
        case COUNT_TEXTS_PER_IMAGE: result = count_member(w, kind, v->url, v->text); break;
        case COUNT_TEXTS_PER_SHA256: result = count_member(w, kind, v->sha256, v->text); break;
        case COUNT_URLS: result = v->url.n ? combiner_add_count(w->combiners[kind], hash_xxh3_128(v->url, 0), 1) : 0; break;
        case COUNT_HOSTS: result = count_host(c, w, v->url); break;
        case COUNT_PHASHES: result = count_name(c, w, kind, v->phash); break;
        case COUNT_ENTITIES: result = count_entities(c, w, v->entities); break;
        case COUNT_UNIGRAMS: /* both at once, below */
        case COUNT_BIGRAMS:
        case COUNT_KINDS: break;
        }
        if (result < 0) return -1;
    }
    return w->ngrams && v->text.n ? ngrams_add(w->ngrams, v->text) : 0;
}

/* ---- the reduce */

static int add_part_row(struct count *c, struct count_worker *w, const struct row *row, struct arena *scratch)
{
    enum count_kind kind = c->wants[0].kind;
    struct hash128 key, member;
    uint64_t count;
    if (count_key_parse(row->cells[c->id], &key) < 0 || row_u64(row, c->value, &count) < 0) return -1;
    if (c->name != SIZE_MAX) return groups_add_name(c->groups[kind], key, row_text(row, c->name, scratch), count);
    if (c->member == SIZE_MAX) return combiner_add_count(w->combiners[kind], key, count);
    return count_key_parse(row->cells[c->member], &member) < 0 ? -1 : combiner_add_member(w->combiners[kind], key, member);
}

static int count_work(struct stage_run *run, struct stage_item *item, unsigned worker)
{
    struct count *c = run->state;
    struct count_worker *w = &c->workers[worker];
    for (size_t i = 0; i < item->in.count; i++) {
        const struct row *row = &item->in.rows[i];
        struct row_values values;
        if (c->from_parts) {
            if (add_part_row(c, w, row, &item->scratch) < 0) return fail("not a row of a table: '%.*s'", STR_ARG(row->line));
        } else if (read_values(c, w, row, &item->scratch, &values) < 0 || count_row(c, w, &values) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- the tables */

static int flush_worker(struct count *c, struct count_worker *w)
{
    for (int i = 0; i < COUNT_KINDS; i++) {
        if (w->combiners[i] && combiner_flush(w->combiners[i]) < 0) return -1;
        if (w->names[i].count && groups_add_lexicon(c->groups[i], &w->names[i]) < 0) return -1;
    }
    return w->ngrams ? ngrams_flush(w->ngrams) : 0;
}

static int write_table(struct stage_run *run, struct count *c, size_t i)
{
    struct count_table_about *about = &c->about[i];
    *about = (struct count_table_about){.want = c->wants[i], .partial = c->partial};
    struct groups *groups = c->groups[c->wants[i].kind];
    char *path = NULL;
    struct file_out file;
    if (groups_seal(groups, (size_t)run->common->memory / 2) < 0) return -1;
    if (asprintf(&path, "%s%s.%s.rows.zst", run->output_folder ? run->output_folder : "", run->output_stem,
                 count_kind_about(c->wants[i].kind)->what) < 0)
        return fail_memory();
    int result = file_create(&file, path);
    free(path);
    if (result < 0) return -1;
    if (count_table_write(groups, about, &file) == 0) result = stage_publish(run, &file, about->keys);
    else file_discard(&file), result = -1;
    groups_close(groups);
    c->groups[c->wants[i].kind] = NULL;
    return result;
}

static int count_finish(struct stage_run *run)
{
    struct count *c = run->state;
    for (unsigned i = 0; i < run->threads; i++) {
        if (flush_worker(c, &c->workers[i]) < 0) return -1;
        close_worker(&c->workers[i]);
    }
    for (size_t i = 0; i < c->want_count; i++)
        if (write_table(run, c, i) < 0) return -1;
    return 0;
}

static int count_manifest(struct stage_run *run, json_t *manifest)
{
    const struct count *c = run->state;
    json_t *tables = json_object();
    for (size_t i = 0; i < c->want_count; i++) {
        const struct count_table_about *a = &c->about[i];
        json_object_set_new(tables, count_kind_about(a->want.kind)->what,
                            json_pack("{s:I,s:I}", "keys", (json_int_t)a->keys, "total", (json_int_t)a->total));
    }
    return json_object_set_new(manifest, "tables", tables) ? fail_memory() : 0;
}

static const struct option options[] = {
    {"what", 'w', OPTION_LIST, offsetof(struct count_options, what), .argument = "WHAT[:K]", .split = true,
     .help = "what to count, separated by commas; with :K the table tells only what is over K"},
    {"partial", 0, OPTION_FLAG, offsetof(struct count_options, partial),
     .help = "write parts, which a further count adds up; so does --task"},
    {0}};

static const struct stage stage = {
    .behaviour = 1,
    .needs = "id",
    .hint = "'winnow import' makes rows of other people's lists",
    .buckets = true,
    .run_size = sizeof(struct count),
    .open = count_open,
    .work = count_work,
    .finish = count_finish,
    .manifest = count_manifest,
    .close = count_close,
};

const struct command command_count = {
    .name = "count",
    .summary = "count texts, pictures and words over a whole corpus, for rules that ask for it",
    .arguments = "[OPTIONS] -o FOLDER/ [ROWS...]",
    .description =
        "Writes FOLDER/NNNNN.WHAT.rows.zst, a table sorted by key, for each WHAT of --what; 'winnow filter --counts' reads them.\n\n"
        "images-per-text: distinct image URLs of each text, the text as extract made it (NFC, white space folded, case kept). "
        "images-per-text-folded: the same by the text as the page has it, runs of white space made one space. texts-per-image, "
        "texts-per-sha256: distinct texts of each image, which is known by its URL, or by its content. url-count: rows of each "
        "image URL. hosts: rows of each host. phashes: rows of each perceptual hash. entities: names in captions by what they stand "
        "for, from the column entities of 'winnow filter'. unigrams, bigrams: occurrences of words, and of two words next to each other: "
        "lower-cased UAX #29 words that hold a letter or digit. A row without a text, or without an image, is not counted.\n\n"
        "WHAT:K asks only what is over K: the table leaves other keys out, and of images or texts it tells K+1 for all that is "
        "more. Counts are exact, and a table depends on the rows alone: not on threads, memory, tasks or buckets.\n\n"
        "Over several machines: count --task i/N writes parts; winnow partition --by id brings equal keys together; count over a "
        "bucket's parts, with the same --what, adds them up. Memory stays within --memory; the rest goes to --tmp.",
    .example = "winnow count --what images-per-text,unigrams -o build/example/counts/ tests/data/rows/small.rows.zst",
    .see_also = "filter, partition",
    .options = options,
    .options_size = sizeof(struct count_options),
    .stage = &stage,
};

/* The window `vocabulary`: a list of entries out of tables of counts, as MetaCLIP made its own out of Wikipedia's (filter-rules.md §3,
 * metaclip 5): numbers, lists that are given, frequent words, pairs of words that go together. */
#include "filters/counts/lexicon.h"
#include "filters/counts/lookup.h"
#include "filters/counts/table.h"
#include "filters/text/wordlist.h"
#include "pipeline/base/arena.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBERS = 100, OUT_BYTES = 1 << 20, LEMMA_FILE_MAX = 256 << 20, HELD_LEAST = 1024 };

struct vocabulary_options {
    uint64_t unigrams_from, bigrams_from, most, memory;
    double pmi;
    struct option_list lists;
    const char *wordnet, *tmp;
};

/* An entry that waits for its rank: words by falling count, pairs by falling information; equal ones by their bytes. */
struct held {
    double rank;
    struct str name;
};

struct vocabulary {
    const struct vocabulary_options *options;
    const struct command_line *line;
    struct count_lookups *lookups;
    struct count_cache *cache;
    struct lexicon written; /* entries so far: each stands once in the list */
    uint64_t entries;
    struct arena names;
    struct held *held;
    size_t held_count, held_room;
    struct buf out;
};

/* ---- writing */

static int flush(struct vocabulary *v)
{
    if (v->out.n && fwrite(v->out.p, 1, v->out.n, stdout) != v->out.n) return fail_errno("standard output");
    buf_clear(&v->out);
    return 0;
}

static bool is_full(const struct vocabulary *v) { return v->options->most && v->entries >= v->options->most; }

static bool is_mark(struct str entry) /* of ASCII, and alone */
{
    return entry.n == 1 && entry.p[0] > ' ' && entry.p[0] < 0x7F && !ascii_is_alpha(entry.p[0]) && !ascii_is_digit(entry.p[0]);
}

static int add_entry(struct vocabulary *v, struct str entry)
{
    if (!entry.n || is_mark(entry) || is_full(v)) return 0;
    int room = entry.n > LEXICON_BYTES_LEAST ? 0 : lexicon_room(&v->written, 1, entry.n);
    if (room == 0) return fail("the list does not fit into --memory: give more, or --unigrams-from, --pmi and --most that leave fewer");
    if (room < 0) return -1;
    uint32_t number = lexicon_add(&v->written, entry, lexicon_hash(&v->written, entry));
    if (lexicon_count(&v->written, number) > 1) return 0;
    v->entries++;
    if (buf_add(&v->out, entry) < 0 || buf_byte(&v->out, '\n') < 0) return -1;
    return v->out.n > OUT_BYTES ? flush(v) : 0;
}

/* ---- what is given */

static int add_numbers(struct vocabulary *v)
{
    for (unsigned i = 0; i < NUMBERS; i++) {
        char digits[8];
        int n = snprintf(digits, sizeof digits, "%u", i);
        if (add_entry(v, str_of(digits, (size_t)n)) < 0) return -1;
    }
    return 0;
}

static int add_lists(struct vocabulary *v)
{
    for (size_t i = 0; i < v->options->lists.count; i++) {
        struct wordlist list = {.count = 0};
        int result = wordlist_read(&list, v->options->lists.items[i]);
        for (size_t k = 0; k < list.count && result == 0; k++) result = add_entry(v, list.entries[k]);
        wordlist_free(&list);
        if (result < 0) return -1;
    }
    return 0;
}

/* The first word of a line of WordNet's data files (wndb(5WN)): OFFSET FILE TYPE COUNT WORD …; as NLTK names the synset, that is in
 * lower case, and up to the first full stop, which is what MetaCLIP takes for the lemma: "u" for "u.s.a.". */
static int add_lemma(struct vocabulary *v, struct str line, struct buf *room)
{
    if (!line.n || line.p[0] == ' ') return 0; /* the licence */
    struct str word = line;
    for (int i = 0; i < 4; i++) str_cut(&word, ' ');
    word = str_cut(&word, ' ');
    word = str_cut(&word, '(');
    struct str lemma = str_cut(&word, '.');
    buf_clear(room);
    if (unicode_lower(room, lemma) < 0) return -1;
    for (size_t i = 0; i < room->n; i++)
        if (room->p[i] == '_') room->p[i] = ' ';
    return add_entry(v, buf_str(room));
}

static int add_wordnet(struct vocabulary *v)
{
    static const char *const parts[] = {"noun", "verb", "adj", "adv"};
    struct buf file, room;
    int result = 0;
    buf_init(&file, LEMMA_FILE_MAX);
    buf_init(&room, LEMMA_FILE_MAX);
    for (size_t i = 0; v->options->wordnet && i < 4 && result == 0; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/data.%s", v->options->wordnet, parts[i]) < 0) path = NULL;
        buf_clear(&file);
        result = path ? buf_read_file(&file, path) : fail_memory();
        free(path);
        for (struct str rest = buf_str(&file); rest.n && result == 0;) result = add_lemma(v, str_cut(&rest, '\n'), &room);
    }
    buf_free(&file);
    buf_free(&room);
    return result;
}

/* ---- what is counted */

static int hold(struct vocabulary *v, struct str name, double rank)
{
    if (v->held_count == v->held_room) {
        size_t room = v->held_room ? 2 * v->held_room : HELD_LEAST;
        struct held *held = room * sizeof *held > v->options->memory / 4 ? NULL : realloc(v->held, room * sizeof *held);
        if (!held) return fail("the list does not fit into --memory: give more, or --unigrams-from and --pmi that leave fewer");
        v->held = held;
        v->held_room = room;
    }
    name = arena_copy(&v->names, name);
    if (!name.p) return -1;
    v->held[v->held_count++] = (struct held){rank, name};
    return 0;
}

static int compare_held(const void *a, const void *b)
{
    const struct held *first = a, *second = b;
    return first->rank != second->rank ? (first->rank > second->rank ? -1 : 1) : str_compare(first->name, second->name);
}

static int add_held(struct vocabulary *v)
{
    int result = 0;
    if (v->held_count) qsort(v->held, v->held_count, sizeof *v->held, compare_held);
    for (size_t i = 0; i < v->held_count && result == 0; i++) result = add_entry(v, v->held[i].name);
    v->held_count = 0;
    arena_reset(&v->names);
    return result;
}

static int hold_word(struct vocabulary *v, const struct count_table_row *row)
{
    return row->count < v->options->unigrams_from ? 0 : hold(v, row->name, (double)row->count);
}

/* Pointwise mutual information as NLTK's BigramAssocMeasures.pmi: log2(n(ab) N) - log2(n(a) n(b)), N all words. */
static int hold_pair(struct vocabulary *v, const struct count_table_row *row)
{
    struct str second = row->name, first = str_cut(&second, ' ');
    uint64_t a, b;
    if (row->count < v->options->bigrams_from || !second.n) return 0;
    if (count_lookups_find(v->lookups, v->cache, COUNT_UNIGRAMS, hash_xxh3_128(first, 0), &a) < 0) return -1;
    if (count_lookups_find(v->lookups, v->cache, COUNT_UNIGRAMS, hash_xxh3_128(second, 0), &b) < 0) return -1;
    if (!a || !b) return 0;
    double all = (double)count_lookups_total(v->lookups, COUNT_UNIGRAMS);
    double pmi = log2((double)row->count * all) - log2((double)a * (double)b);
    return pmi < v->options->pmi ? 0 : hold(v, row->name, pmi);
}

static int add_counted(struct vocabulary *v, enum count_kind kind)
{
    for (size_t i = 0; i < v->line->argument_count && !is_full(v); i++) {
        const char *path = v->line->arguments[i];
        struct count_table_about about;
        struct count_table_reader *reader;
        struct count_table_row row;
        if (count_table_look(path, &about) < 0) return -1;
        if (about.want.kind != kind) continue;
        int got = count_table_open(&reader, path);
        while (got == 0 && (got = count_table_next(reader, &row)) > 0)
            got = kind == COUNT_UNIGRAMS ? hold_word(v, &row) : hold_pair(v, &row);
        count_table_close(reader);
        if (got < 0) return -1;
    }
    return add_held(v);
}

/* ---- the command */

static int check_tables(const struct vocabulary *v)
{
    for (size_t i = 0; i < v->line->argument_count; i++) {
        struct count_table_about about;
        if (count_table_look(v->line->arguments[i], &about) < 0) return -1;
        if (about.want.kind != COUNT_UNIGRAMS && about.want.kind != COUNT_BIGRAMS)
            return fail_usage("%s: a table of %s: expected unigrams or bigrams", v->line->arguments[i],
                              count_kind_about(about.want.kind)->what);
    }
    uint64_t most = count_lookups_have(v->lookups, COUNT_BIGRAMS) ? 0 : v->options->unigrams_from - 1;
    if (!count_lookups_have(v->lookups, COUNT_UNIGRAMS)) return fail_usage("no table of 'winnow count --what unigrams' is given");
    if (!count_lookups_answer(v->lookups, COUNT_UNIGRAMS, most))
        return fail_usage("the table of unigrams tells only what is over a bound: %s",
                          most ? "give --unigrams-from above it" : "pairs need all words counted");
    return 0;
}

static int make_list(struct vocabulary *v)
{
    const struct vocabulary_options *o = v->options;
    size_t memory = (size_t)o->memory;
    if (count_lookups_open(&v->lookups, v->line->arguments, v->line->argument_count) < 0 || check_tables(v) < 0) return -1;
    bool pairs = count_lookups_have(v->lookups, COUNT_BIGRAMS);
    if (pairs && count_lookups_load(v->lookups, 1u << COUNT_UNIGRAMS, memory / 4, o->tmp) < 0) return -1;
    if (!(v->cache = count_cache_new()) || lexicon_init(&v->written, memory / 4) < 0) return -1;
    arena_init(&v->names, memory / 4);
    if (add_numbers(v) < 0 || add_wordnet(v) < 0 || add_lists(v) < 0 || add_counted(v, COUNT_UNIGRAMS) < 0) return -1;
    return pairs && add_counted(v, COUNT_BIGRAMS) < 0 ? -1 : flush(v);
}

static int vocabulary_run(const struct command_line *line)
{
    struct vocabulary v = {.options = line->options, .line = line};
    if (!line->argument_count) return fail_usage("expected tables of 'winnow count --what unigrams,bigrams'");
    buf_init(&v.out, 2 * OUT_BYTES + LEXICON_BYTES_LEAST);
    int result = make_list(&v);
    count_lookups_close(v.lookups);
    count_cache_free(v.cache);
    lexicon_free(&v.written);
    arena_free(&v.names);
    free(v.held);
    buf_free(&v.out);
    return result < 0 ? -1 : EXIT_DONE;
}

#define AT(field) offsetof(struct vocabulary_options, field)

static const struct option options[] = {
    {"unigrams-from", 0, OPTION_U64, AT(unigrams_from), .argument = "N", .initial = "100", .low = 1, .high = 0x1p53,
     .help = "words that occur at least so often"},
    {"pmi", 0, OPTION_DOUBLE, AT(pmi), .argument = "BITS", .initial = "30", .low = -64, .high = 128,
     .help = "pairs whose pointwise mutual information is at least so much"},
    {"bigrams-from", 0, OPTION_U64, AT(bigrams_from), .argument = "N", .initial = "1", .low = 1, .high = 0x1p53,
     .help = "of these, pairs that occur at least so often"},
    {"list", 0, OPTION_LIST, AT(lists), .argument = "FILE", .help = "entries that come before the counted ones, one a line: titles, names"},
    {"wordnet", 0, OPTION_TEXT, AT(wordnet), .argument = "FOLDER",
     .help = "WordNet's data files, whose lemmas come first: /usr/share/wordnet"},
    {"most", 0, OPTION_U64, AT(most), .argument = "N", .initial = "500000", .low = 0, .high = 0x1p53, .help = "entries at most; 0: all"},
    {"memory", 'm', OPTION_SIZE, AT(memory), .argument = "SIZE", .initial = "1G", .low = 1 << 20, .high = 0x1p50,
     .help = "for entries and the table of words"},
    {"tmp", 0, OPTION_TEXT, AT(tmp), .argument = "FOLDER", .help = "where the table of words is sorted; default: $TMPDIR, else /tmp"},
    {0},
};

const struct command command_vocabulary = {
    .name = "vocabulary",
    .summary = "a list of entries out of tables of counts",
    .arguments = "[OPTIONS] TABLE...",
    .description =
        "TABLES are those of 'winnow count --what unigrams,bigrams'. Writes an entry a line, each once: the numbers 0 to 99; with "
        "--wordnet the lemmas of its synsets; the entries of each --list; words by falling count, from --unigrams-from on; pairs by falling pointwise "
        "mutual information, log2(n(ab) N / n(a) n(b)), from --pmi on. Single marks of ASCII are left out. The list depends on the "
        "counts alone, not on how many files they lie in.\n\n"
        "So MetaCLIP's 500,000 entries were made out of Wikipedia, whose texts, one a row, can be counted here; pairs of 30 bits need more "
        "than 10^9 words. The tables hold lower-case words: entries match texts as they are written, so names come through --list. "
        "Preset metaclip takes the list: winnow filter --preset metaclip --set match.list=FILE --set balance.list=FILE.",
    .example = "winnow count -q --force --what unigrams,bigrams -o build/example/counts/ tests/data/rows/small.rows.zst\n"
               "winnow vocabulary --unigrams-from 3 --pmi 6 build/example/counts/00000.*grams.rows.zst | tail -n +101",
    .see_also = "count, filter",
    .options = options,
    .options_size = sizeof(struct vocabulary_options),
    .run = vocabulary_run,
};

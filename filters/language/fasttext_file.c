/* Reading fastText's files. Everything that prediction indexes by is checked here, so that prediction need not. */
#include "filters/language/fasttext_file.h"

#include "pipeline/base/fail.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC = 793712314, CODES = 256, SUPERVISED = 3 };
#define COUNT_MOST INT64_C(4000000000000000000) /* of two such counts the sum still fits */

struct cursor {
    struct str rest;
    bool cut; /* something was asked beyond the end */
};

static const char *take(struct cursor *c, uint64_t bytes)
{
    if (bytes > c->rest.n) {
        c->cut = true;
        return NULL;
    }
    const char *p = c->rest.p;
    c->rest = str_of(c->rest.p + bytes, c->rest.n - (size_t)bytes);
    return p;
}

static uint64_t take_number(struct cursor *c, unsigned bytes)
{
    const unsigned char *p = (const unsigned char *)take(c, bytes);
    uint64_t value = 0;
    for (unsigned i = 0; p && i < bytes; i++) value |= (uint64_t)p[i] << 8 * i;
    return value;
}
static int32_t take_i32(struct cursor *c) { return (int32_t)(uint32_t)take_number(c, 4); }
static int64_t take_i64(struct cursor *c) { return (int64_t)take_number(c, 8); }

static int bad(const char *what) { return fail("no fastText model that can be read: %s", what); }

static int read_arguments(struct fasttext *m, struct cursor *c)
{
    if (take_i32(c) != MAGIC) return bad("it does not begin with fastText's magic number");
    int32_t version = take_i32(c);
    if (version != 11 && version != 12) return fail("fastText model of version %d: 11 and 12 are known", version);
    m->dim = take_i32(c);
    take(c, 4 * sizeof(int32_t)); /* ws, epoch, minCount, neg: of training */
    m->word_ngrams = take_i32(c);
    m->loss = take_i32(c);
    int32_t kind = take_i32(c);
    m->bucket = take_i32(c);
    m->minn = take_i32(c);
    m->maxn = version == 11 ? (take_i32(c), 0) : take_i32(c); /* as fastText: classifiers of version 11 had no n-grams */
    take(c, sizeof(int32_t) + sizeof(double)); /* lrUpdateRate, t */
    if (c->cut) return bad("it ends in its arguments");
    if (kind != SUPERVISED) return bad("it holds word vectors, no classifier");
    if (m->dim < 1 || m->dim > FASTTEXT_DIM_MOST) return fail("fastText model of dimension %d: 1 to %d are read", m->dim, FASTTEXT_DIM_MOST);
    if (m->loss < FASTTEXT_HIERARCHICAL || m->loss > FASTTEXT_ONE_VS_ALL) return fail("fastText model with unknown loss %d", m->loss);
    if (m->word_ngrams > FASTTEXT_NGRAM_MOST || m->maxn > FASTTEXT_NGRAM_MOST)
        return fail("fastText model of n-grams longer than %d", FASTTEXT_NGRAM_MOST);
    if (m->bucket < 0 || (m->bucket == 0 && (m->maxn > 0 || m->word_ngrams > 1))) return bad("it has n-grams and no buckets for them");
    return 0;
}

int64_t fasttext_entry(const struct fasttext *m, struct str token, uint32_t hash)
{
    for (uint32_t at = hash & m->slot_mask; m->slots[at]; at = (at + 1) & m->slot_mask)
        if (str_eq(m->entries[m->slots[at] - 1], token)) return m->slots[at] - 1;
    return -1;
}

static void add_slot(struct fasttext *m, uint32_t entry)
{
    uint32_t at = fasttext_hash(m->entries[entry]) & m->slot_mask;
    while (m->slots[at] && !str_eq(m->entries[m->slots[at] - 1], m->entries[entry])) at = (at + 1) & m->slot_mask;
    m->slots[at] = entry + 1; /* of two that are equal the later one is found, as in fastText */
}

static uint32_t slots_for(uint64_t count) /* a power of two, at most half full */
{
    uint32_t slots = 4;
    while (slots < 2 * count) slots *= 2;
    return slots;
}

static int read_entries(struct fasttext *m, struct cursor *c, int64_t **counts)
{
    uint32_t size = m->words + m->labels;
    m->entries = calloc(size, sizeof *m->entries);
    m->slot_mask = slots_for(size) - 1;
    m->slots = calloc((size_t)m->slot_mask + 1, sizeof *m->slots);
    *counts = calloc(m->labels, sizeof **counts);
    if (!m->entries || !m->slots || !*counts) return fail_memory();
    for (uint32_t i = 0; i < size; i++) {
        const char *end = c->rest.n ? memchr(c->rest.p, 0, c->rest.n) : NULL;
        if (!end) return bad("it ends in its dictionary");
        m->entries[i] = str_of(c->rest.p, (size_t)(end - c->rest.p));
        take(c, m->entries[i].n + 1);
        int64_t count = take_i64(c);
        uint64_t kind = take_number(c, 1);
        if (c->cut) return bad("it ends in its dictionary");
        if (kind != (i >= m->words)) return bad("words and labels of its dictionary are mixed");
        if (i >= m->words) (*counts)[i - m->words] = count;
        add_slot(m, i);
    }
    return 0;
}

static int read_kept(struct fasttext *m, struct cursor *c)
{
    if (m->kept > m->bucket || m->kept > (int64_t)(c->rest.n / 8)) return bad("it keeps more n-grams than it has room for");
    m->kept_mask = slots_for(m->kept > 0 ? (uint64_t)m->kept : 0) - 1;
    m->kept_slots = calloc((size_t)m->kept_mask + 1, sizeof *m->kept_slots);
    if (!m->kept_slots) return fail_memory();
    for (int64_t i = 0; i < m->kept; i++) {
        uint32_t from = (uint32_t)take_number(c, 4), to = (uint32_t)take_number(c, 4);
        if (c->cut) return bad("it ends in its list of kept n-grams");
        if (from > INT32_MAX || to > INT32_MAX) return bad("a kept n-gram has a negative row");
        uint32_t at = fasttext_kept_slot(m, from);
        while (m->kept_slots[at] && m->kept_slots[at] >> 32 != from + UINT64_C(1)) at = (at + 1) & m->kept_mask;
        m->kept_slots[at] = (from + UINT64_C(1)) << 32 | to;
    }
    return 0;
}

static int read_dictionary(struct fasttext *m, struct cursor *c, int64_t **counts)
{
    int32_t size = take_i32(c), words = take_i32(c), labels = take_i32(c);
    take_i64(c); /* tokens seen in training */
    m->kept = take_i64(c);
    if (c->cut) return bad("it ends in its dictionary");
    if (words < 0 || labels < 1 || size > FASTTEXT_ENTRIES_MOST || (int64_t)words + labels != size)
        return bad("the counts of its dictionary do not add up, or it has no label");
    if ((uint64_t)size > c->rest.n / 10) return bad("it ends in its dictionary"); /* an entry takes ten bytes and more */
    if (m->kept < -1) return bad("it keeps a negative number of n-grams");
    m->words = (uint32_t)words;
    m->labels = (uint32_t)labels;
    if (read_entries(m, c, counts) < 0) return -1;
    return read_kept(m, c);
}

static int read_quantised(struct fasttext_matrix *x, struct cursor *c)
{
    bool has_norms = take_number(c, 1) != 0;
    int64_t rows = take_i64(c), columns = take_i64(c);
    int32_t code_bytes = take_i32(c);
    if (c->cut || rows < 0 || columns < 1 || columns > FASTTEXT_DIM_MOST || code_bytes < 0) return bad("a quantised matrix has no size that can be");
    x->rows = (uint64_t)rows;
    x->columns = (uint32_t)columns;
    x->codes = (const unsigned char *)take(c, (uint64_t)code_bytes);
    int32_t dim = take_i32(c), parts = take_i32(c), width = take_i32(c), last = take_i32(c);
    if (c->cut) return bad("it ends in a matrix");
    if (dim != columns || parts < 1 || width < 1 || last < 1 || last > width || parts > dim || (int64_t)(parts - 1) * width + last != dim)
        return bad("a product quantiser's parts do not make up a row");
    if (rows > code_bytes || rows * parts != code_bytes) return bad("a quantised matrix has not one code a part and row");
    x->parts = (uint32_t)parts;
    x->width = (uint32_t)width;
    x->last_width = (uint32_t)last;
    x->centroids = take(c, (uint64_t)CODES * (uint64_t)dim * sizeof(float));
    if (has_norms) {
        x->norm_codes = (const unsigned char *)take(c, x->rows);
        dim = take_i32(c), parts = take_i32(c), width = take_i32(c), last = take_i32(c);
        if (!c->cut && (dim != 1 || parts != 1 || width != 1 || last != 1)) return bad("norms are quantised in more than one dimension");
        x->norms = take(c, CODES * sizeof(float));
    }
    return c->cut ? bad("it ends in a matrix") : 0;
}

static int read_matrix(struct fasttext_matrix *x, struct cursor *c, bool quantised)
{
    if (quantised) return read_quantised(x, c);
    int64_t rows = take_i64(c), columns = take_i64(c);
    if (c->cut || rows < 0 || columns < 1 || columns > FASTTEXT_DIM_MOST) return bad("a matrix has no size that can be");
    if ((uint64_t)rows > c->rest.n / ((uint64_t)columns * sizeof(float))) return bad("it ends in a matrix");
    x->rows = (uint64_t)rows;
    x->columns = (uint32_t)columns;
    x->data = take(c, x->rows * x->columns * sizeof(float));
    return 0;
}

/* Whether every row that a feature can name is there. */
static int check_rows(const struct fasttext *m)
{
    if (m->input.columns != (uint32_t)m->dim || m->output.columns != (uint32_t)m->dim)
        return bad("its matrices have not the dimension of its arguments");
    if (m->output.rows < m->labels) return bad("its output matrix has fewer rows than it has labels");
    bool ngrams = m->maxn > 0 || m->word_ngrams > 1;
    uint64_t needed = m->words + (m->kept < 0 && ngrams ? (uint64_t)m->bucket : 0);
    if (m->input.rows < needed) return bad("its input matrix has fewer rows than words and n-grams");
    for (uint64_t at = 0; m->kept > 0 && at <= m->kept_mask; at++)
        if (m->kept_slots[at] && (uint64_t)m->words + (uint32_t)m->kept_slots[at] >= m->input.rows)
            return bad("a kept n-gram names a row that its input matrix lacks");
    return 0;
}

/* The Huffman tree over the labels' counts, which fall: fastText's own two-finger walk, so that its ties fall as there. */
static int build_tree(struct fasttext *m, const int64_t *label_counts)
{
    size_t labels = m->labels, nodes = 2 * labels - 1;
    int64_t *counts = malloc(nodes * sizeof *counts);
    m->tree = malloc(nodes * sizeof *m->tree);
    if (!counts || !m->tree) {
        free(counts);
        return fail_memory();
    }
    for (size_t i = 0; i < nodes; i++) {
        counts[i] = i < labels ? label_counts[i] : INT64_C(1000000000000000); /* fastText's 1e15 */
        m->tree[i] = (struct fasttext_node){-1, -1};
    }
    size_t leaf = labels, node = labels; /* `leaf` is one above the next leaf */
    for (size_t i = labels; i < nodes; i++) {
        int32_t two[2];
        for (int j = 0; j < 2; j++) {
            bool take_leaf = leaf > 0 && (node >= i || counts[leaf - 1] < counts[node]);
            two[j] = take_leaf ? (int32_t)--leaf : (int32_t)node++;
        }
        m->tree[i] = (struct fasttext_node){two[0], two[1]};
        counts[i] = counts[two[0]] + counts[two[1]];
        if (counts[i] > COUNT_MOST) counts[i] = COUNT_MOST; /* of no real corpus */
    }
    free(counts);
    return 0;
}

static bool counts_fall(const int64_t *counts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (counts[i] < 0 || counts[i] > (i ? counts[i - 1] : COUNT_MOST)) return false;
    return true;
}

static int read_model(struct fasttext *m, struct str bytes)
{
    struct cursor c = {bytes, false};
    int64_t *counts = NULL;
    int result = read_arguments(m, &c);
    if (result == 0) result = read_dictionary(m, &c, &counts);
    bool quantised = false;
    if (result == 0) {
        quantised = take_number(&c, 1) != 0;
        result = !quantised && m->kept >= 0 ? bad("it is pruned and not quantised") : read_matrix(&m->input, &c, quantised);
    }
    if (result == 0) result = read_matrix(&m->output, &c, take_number(&c, 1) != 0 && quantised);
    if (result == 0) result = check_rows(m);
    if (result == 0 && m->loss == FASTTEXT_HIERARCHICAL) result = counts_fall(counts, m->labels) ? build_tree(m, counts) : bad("its labels' counts do not fall");
    free(counts);
    for (int i = 0; i < 513; i++) {
        float x = (float)(i * 2 * 8) / 512 - 8;
        m->sigmoid[i] = (float)(1.0 / (1.0 + exp(-(double)x)));
    }
    return result;
}

struct fasttext *fasttext_read(struct str bytes)
{
    struct fasttext *m = calloc(1, sizeof *m);
    if (!m) return fail_memory(), NULL;
    if (read_model(m, bytes) < 0) {
        fasttext_close(m);
        return NULL;
    }
    return m;
}

struct fasttext *fasttext_open(const char *path)
{
    struct fasttext *m = NULL;
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) {
        fail_errno("%s", path);
    } else if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        fail("%s: an empty file or no file, expected a fastText model", path);
    } else {
        size_t bytes = (size_t)status.st_size;
        void *mapped = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (mapped == MAP_FAILED) fail_errno("%s: mmap", path);
        else if (!(m = fasttext_read(str_of(mapped, bytes)))) munmap(mapped, bytes), fail_prefix("%s: ", path);
        else m->mapped = mapped, m->mapped_bytes = bytes;
    }
    if (fd >= 0) close(fd);
    return m;
}

void fasttext_close(struct fasttext *m)
{
    if (!m) return;
    if (m->mapped) munmap(m->mapped, m->mapped_bytes);
    free(m->entries);
    free(m->slots);
    free(m->kept_slots);
    free(m->tree);
    free(m);
}

size_t fasttext_labels(const struct fasttext *m) { return m->labels; }

/* Prediction: rows of words, of their character n-grams and of word n-grams are summed, and the mean asked of the output. */
#include "filters/language/fasttext.h"

#include "filters/language/fasttext_file.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

static const struct str LABEL = {"__label__", 9}, LINE_END = {"</s>", 4};

struct fasttext_work {
    float *hidden, *scores; /* dim; labels */
    struct pending {
        int32_t node;
        float score;
    } *stack;               /* of the tree walk: at most labels entries */
    struct buf word;        /* a token between '<' and '>' */
    uint32_t recent[FASTTEXT_NGRAM_MOST]; /* hashes of the last words, a ring */
    uint64_t recent_count;
    uint64_t rows;          /* summed so far */
};

struct fasttext_work *fasttext_work_new(const struct fasttext *m)
{
    struct fasttext_work *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    buf_init(&w->word, 64 << 20);
    w->hidden = malloc((size_t)m->dim * sizeof *w->hidden);
    w->scores = malloc(m->labels * sizeof *w->scores);
    w->stack = malloc(((size_t)m->labels + 1) * sizeof *w->stack);
    if (!w->hidden || !w->scores || !w->stack) {
        fasttext_work_free(w);
        return fail_memory(), NULL;
    }
    return w;
}

void fasttext_work_free(struct fasttext_work *w)
{
    if (!w) return;
    buf_free(&w->word);
    free(w->hidden);
    free(w->scores);
    free(w->stack);
    free(w);
}

static float float_at(const char *p, size_t i)
{
    float value;
    memcpy(&value, p + i * sizeof value, sizeof value);
    return value;
}

/* Where the codes of a part stand among the centroids, and how wide it is. */
static const char *centroid(const struct fasttext_matrix *x, uint32_t part, unsigned code, uint32_t *width)
{
    *width = part + 1 == x->parts ? x->last_width : x->width;
    return x->centroids + ((size_t)part * 256 * x->width + (size_t)code * *width) * sizeof(float);
}

static float row_norm(const struct fasttext_matrix *x, uint64_t row)
{
    return x->norm_codes ? float_at(x->norms, x->norm_codes[row]) : 1;
}

static void add_row(const struct fasttext *m, struct fasttext_work *w, uint64_t row)
{
    const struct fasttext_matrix *x = &m->input;
    w->rows++;
    if (x->data) {
        const char *p = x->data + row * x->columns * sizeof(float);
        for (uint32_t i = 0; i < x->columns; i++) w->hidden[i] += float_at(p, i);
        return;
    }
    float norm = row_norm(x, row);
    const unsigned char *codes = x->codes + row * x->parts;
    float *to = w->hidden;
    for (uint32_t part = 0, width; part < x->parts; part++, to += width) {
        const char *p = centroid(x, part, codes[part], &width);
        for (uint32_t i = 0; i < width; i++) to[i] += norm * float_at(p, i);
    }
}

static float dot_row(const struct fasttext_matrix *x, uint64_t row, const float *hidden)
{
    float sum = 0;
    if (x->data) {
        const char *p = x->data + row * x->columns * sizeof(float);
        for (uint32_t i = 0; i < x->columns; i++) sum += float_at(p, i) * hidden[i];
        return sum;
    }
    const unsigned char *codes = x->codes + row * x->parts;
    for (uint32_t part = 0, width; part < x->parts; part++, hidden += width) {
        const char *p = centroid(x, part, codes[part], &width);
        for (uint32_t i = 0; i < width; i++) sum += hidden[i] * float_at(p, i);
    }
    return sum * row_norm(x, row);
}

/* ---- features */

static void add_ngram(const struct fasttext *m, struct fasttext_work *w, uint32_t bucket)
{
    if (m->kept == 0) return;
    if (m->kept > 0) {
        uint32_t at = fasttext_kept_slot(m, bucket);
        while (m->kept_slots[at] && m->kept_slots[at] >> 32 != bucket + UINT64_C(1)) at = (at + 1) & m->kept_mask;
        if (!m->kept_slots[at]) return;
        bucket = (uint32_t)m->kept_slots[at];
    }
    add_row(m, w, (uint64_t)m->words + bucket);
}

static bool continues(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

static void add_character_ngrams(const struct fasttext *m, struct fasttext_work *w, struct str word)
{
    for (size_t i = 0; i < word.n; i++) {
        if (continues(word.p[i])) continue;
        uint32_t hash = UINT32_C(2166136261);
        size_t j = i;
        for (int32_t n = 1; j < word.n && n <= m->maxn; n++) {
            do hash = fasttext_hash_byte(hash, word.p[j++]);
            while (j < word.n && continues(word.p[j]));
            if (n >= m->minn && !(n == 1 && (i == 0 || j == word.n))) add_ngram(m, w, hash % (uint32_t)m->bucket);
        }
    }
}

/* The n-grams that end with the word whose hash comes now. */
static void add_word_ngrams(const struct fasttext *m, struct fasttext_work *w, uint32_t hash)
{
    if (m->word_ngrams < 2) return;
    w->recent[w->recent_count++ % FASTTEXT_NGRAM_MOST] = hash;
    for (uint64_t n = 2; n <= (uint64_t)m->word_ngrams && n <= w->recent_count; n++) {
        uint64_t value = 0;
        for (uint64_t i = w->recent_count - n; i < w->recent_count; i++) /* hashes count as signed, as there */
            value = value * UINT64_C(116049371) + (uint64_t)(int64_t)(int32_t)w->recent[i % FASTTEXT_NGRAM_MOST];
        add_ngram(m, w, (uint32_t)(value % (uint64_t)m->bucket));
    }
}

static int add_token(const struct fasttext *m, struct fasttext_work *w, struct str token)
{
    uint32_t hash = fasttext_hash(token);
    int64_t entry = fasttext_entry(m, token, hash);
    if (entry < 0 ? str_starts(token, LABEL) : entry >= m->words) return 0; /* a label in the text is no word of it */
    if (entry >= 0) add_row(m, w, (uint64_t)entry);
    if (m->maxn > 0 && !str_eq(token, LINE_END)) {
        buf_clear(&w->word);
        if (buf_byte(&w->word, '<') < 0 || buf_add(&w->word, token) < 0 || buf_byte(&w->word, '>') < 0) return -1;
        add_character_ngrams(m, w, buf_str(&w->word));
    }
    add_word_ngrams(m, w, hash);
    return 0;
}

static bool parts_words(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == 0; }

static int add_line(const struct fasttext *m, struct fasttext_work *w, struct str text)
{
    for (int32_t i = 0; i < m->dim; i++) w->hidden[i] = 0;
    w->rows = w->recent_count = 0;
    for (size_t at = 0; at < text.n;) {
        while (at < text.n && parts_words(text.p[at])) at++;
        size_t from = at;
        while (at < text.n && !parts_words(text.p[at])) at++;
        struct str token = str_of(text.p + from, at - from);
        if (token.n && add_token(m, w, token) < 0) return -1;
        if (str_eq(token, LINE_END)) break; /* fastText ends a line at this word too */
        if (at == text.n) return add_token(m, w, LINE_END);
    }
    return text.n ? 0 : add_token(m, w, LINE_END);
}

/* ---- answers */

static float log_of(float p) { return (float)log((double)p + 1e-5); }

/* The k best lie in a heap, the least at its top. Which of equals stay, and in what order, is decided by the steps of the heap; these
 * are those of libstdc++, since a sigmoid from a table gives many equals, and fastText's answers are theirs. */
struct best {
    struct fasttext_answer heap[FASTTEXT_ANSWERS_MOST + 1];
    int count, k;
};

static void sift_up(struct fasttext_answer *heap, int hole, struct fasttext_answer value)
{
    for (int parent = (hole - 1) / 2; hole > 0 && heap[parent].p > value.p; parent = (hole - 1) / 2) heap[hole] = heap[parent], hole = parent;
    heap[hole] = value;
}

/* The least goes to heap[last]; those before it are a heap again. */
static void take_least(struct fasttext_answer *heap, int last)
{
    struct fasttext_answer value = heap[last];
    int hole = 0, child = 0;
    heap[last] = heap[0];
    while (child < (last - 1) / 2) {
        child = 2 * (child + 1);
        if (heap[child].p > heap[child - 1].p) child--;
        heap[hole] = heap[child];
        hole = child;
    }
    if (last % 2 == 0 && child == (last - 2) / 2) {
        child = 2 * (child + 1);
        heap[hole] = heap[child - 1];
        hole = child - 1;
    }
    sift_up(heap, hole, value);
}

static bool is_full_above(const struct best *b, float score) { return b->count == b->k && score < b->heap[0].p; }

static void offer(struct best *b, struct str label, float score)
{
    if (is_full_above(b, score)) return;
    sift_up(b->heap, b->count, (struct fasttext_answer){label, score});
    if (b->count < b->k) b->count++;
    else take_least(b->heap, b->count);
}

static void sort_best(struct best *b) /* the best first */
{
    for (int last = b->count - 1; last > 0; last--) take_least(b->heap, last);
}

static struct str label_name(const struct fasttext *m, uint32_t label)
{
    struct str name = m->entries[m->words + label];
    return str_starts(name, LABEL) ? str_from_at(name, LABEL.n) : name;
}

bool fasttext_has_label(const struct fasttext *m, struct str label)
{
    for (uint32_t i = 0; i < m->labels; i++)
        if (str_eq(label_name(m, i), label)) return true;
    return false;
}

static void walk_tree(const struct fasttext *m, struct fasttext_work *w, struct best *best)
{
    const float least = log_of(0); /* fastText's own bound; a leaf below it could still rise above, by its 1e-5 */
    size_t depth = 0;
    w->stack[depth++] = (struct pending){(int32_t)(2 * m->labels - 2), 0};
    while (depth) {
        struct pending at = w->stack[--depth];
        if (at.score < least || is_full_above(best, at.score)) continue;
        struct fasttext_node node = m->tree[at.node];
        if (node.left < 0) {
            offer(best, label_name(m, (uint32_t)at.node), at.score);
            continue;
        }
        float right = dot_row(&m->output, (uint64_t)at.node - m->labels, w->hidden);
        right = (float)(1.0 / (double)(1 + expf(-right))); /* in float as there: near 1 its last bit decides among the rest */
        w->stack[depth++] = (struct pending){node.right, at.score + log_of(right)};
        w->stack[depth++] = (struct pending){node.left, at.score + log_of((float)(1.0 - (double)right))};
    }
}

static float table_sigmoid(const struct fasttext *m, float x)
{
    if (!(x >= -8)) return 0; /* NaN too */
    return x > 8 ? 1 : m->sigmoid[(size_t)((x + 8) * 512 / 8 / 2)];
}

static void ask_all(const struct fasttext *m, struct fasttext_work *w, struct best *best)
{
    bool softmax = m->loss == FASTTEXT_SOFTMAX;
    float most = -INFINITY, sum = 0;
    for (uint32_t i = 0; i < m->labels; i++) {
        w->scores[i] = dot_row(&m->output, i, w->hidden);
        if (w->scores[i] > most) most = w->scores[i];
    }
    for (uint32_t i = 0; i < m->labels; i++) {
        w->scores[i] = softmax ? expf(w->scores[i] - most) : table_sigmoid(m, w->scores[i]);
        sum += w->scores[i];
    }
    for (uint32_t i = 0; i < m->labels; i++) offer(best, label_name(m, i), log_of(softmax ? w->scores[i] / sum : w->scores[i]));
}

int fasttext_predict(const struct fasttext *m, struct fasttext_work *w, struct str text, struct fasttext_answer *best, int k)
{
    struct best found = {.k = k < FASTTEXT_ANSWERS_MOST ? k : FASTTEXT_ANSWERS_MOST};
    if (add_line(m, w, text) < 0) return -1;
    if (w->rows == 0) return 0;
    float share = 1 / (float)w->rows;
    for (int32_t i = 0; i < m->dim; i++) w->hidden[i] *= share;
    if (m->loss == FASTTEXT_HIERARCHICAL) walk_tree(m, w, &found);
    else ask_all(m, w, &found);
    sort_best(&found);
    for (int i = 0; i < found.count; i++) best[i] = (struct fasttext_answer){found.heap[i].label, expf(found.heap[i].p)};
    return found.count;
}

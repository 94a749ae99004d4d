/* Texts of rows: gathered, each different one embedded once, ranked by their cosine with the row's picture.
 *
 * A row's texts are its own, its captions of columns, its captions of the file, in this order; of equal ones the first counts, and
 * of equal cosines the first is the nearer. So what is chosen depends on the row and its captions alone. */
#include "filters/score.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"

#include <stdlib.h>

/* ---- opening */

static int find_caption_columns(struct stage_run *run, struct score *s, const struct score_options *o)
{
    for (size_t i = 0; i < o->captions.count; i++) {
        s->caption_columns[i] = columns_find(&run->in, str_from(o->captions.items[i]));
        if (s->caption_columns[i] != SIZE_MAX) continue;
        const char *near = columns_nearest(&run->in, str_from(o->captions.items[i]));
        return fail_usage("--captions: the rows have no column '%s'%s%s%s", o->captions.items[i], near ? "; did you mean " : "",
                          near ? near : "", near ? "?" : "");
    }
    return 0;
}

int score_texts_open(struct stage_run *run, struct score *s)
{
    const struct score_options *o = run->options;
    if (find_caption_columns(run, s, o) < 0) return -1;
    if (!o->captions_file) return 0;
    s->id = columns_find(&run->in, STR("id"));
    if (s->id == SIZE_MAX) return fail_usage("--captions-file is looked up by column 'id', which the rows lack");
    s->captions = captions_open(o->captions_file, run->common->memory / 4, run->common->tmp);
    return s->captions ? 0 : -1;
}

/* ---- gathering */

void score_texts_free(struct score_texts *t)
{
    void *const all[] = {t->begin, t->ranked, t->ranks, t->list, t->embeddings, t->todo};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    buf_free(&t->normal);
    *t = (struct score_texts){.count = 0};
}

static int make_row_room(struct score_texts *t, size_t rows)
{
    if (rows <= t->row_room) return 0;
    free(t->begin);
    free(t->ranks);
    t->begin = malloc((rows + 1) * sizeof *t->begin);
    t->ranks = malloc(rows * sizeof *t->ranks);
    t->row_room = t->begin && t->ranks ? rows : 0;
    return t->row_room ? 0 : fail_memory();
}

static int add(struct score_texts *t, struct str text, unsigned from)
{
    if (t->count == t->room) {
        size_t room = t->room ? 2 * t->room : 1024;
        struct score_text *list = realloc(t->list, room * sizeof *list);
        if (!list) return fail_memory();
        t->list = list;
        t->room = room;
    }
    t->list[t->count++] = (struct score_text){.text = text.n ? text : STR_ABSENT, .from = from};
    return 0;
}

/* A caption as a row's text is: it may come to stand there. */
static int add_caption(struct score_texts *t, struct str text, unsigned from, struct arena *scratch)
{
    buf_clear(&t->normal);
    if (unicode_text(&t->normal, str_of(text.p ? text.p : "", text.n < CELL_BYTES_MAX ? text.n : CELL_BYTES_MAX)) < 0) return -1;
    if (!t->normal.n) return 0;
    struct str copy = arena_copy(scratch, buf_str(&t->normal));
    return copy.p ? add(t, copy, from) : -1;
}

static int add_lines(const struct score *s, struct score_texts *t, const struct row *row, unsigned from, struct arena *scratch)
{
    struct str lines[SCORE_CAPTION_LINES_MOST];
    unsigned char id[ID_BYTES];
    if (id_parse(row->cells[s->id], id) < 0) return 0;
    size_t n = captions_find(s->captions, id, lines, SCORE_CAPTION_LINES_MOST);
    for (size_t i = 0; i < n; i++)
        if (add_caption(t, lines[i], from + (unsigned)i, scratch) < 0) return -1;
    return 0;
}

int score_texts_gather(const struct stage_run *run, struct stage_item *rows)
{
    const struct score *s = run->state;
    const struct score_options *o = run->options;
    struct score_texts *t = &((struct score_item *)rows->user)->texts;
    const unsigned columns = (unsigned)o->captions.count;
    if (make_row_room(t, rows->in.count) < 0) return -1;
    t->count = 0;
    for (size_t i = 0; i < rows->in.count; i++) {
        const struct row *row = &rows->in.rows[i];
        t->begin[i] = t->count;
        if (add(t, row_text(row, s->text, &rows->scratch), 0) < 0) return -1;
        for (unsigned k = 0; k < columns; k++)
            if (add_caption(t, row_text(row, s->caption_columns[k], &rows->scratch), k + 1, &rows->scratch) < 0) return -1;
        if (s->captions && add_lines(s, t, row, columns + 1, &rows->scratch) < 0) return -1;
    }
    t->begin[rows->in.count] = t->count;
    if (t->room <= t->embedded_room) return 0;
    free(t->embeddings);
    free(t->todo);
    free(t->ranked);
    t->embeddings = malloc(t->room * clip_embed(s->clip) * sizeof *t->embeddings);
    t->todo = malloc(t->room * sizeof *t->todo);
    t->ranked = malloc(t->room * sizeof *t->ranked);
    t->embedded_room = t->embeddings && t->todo && t->ranked ? t->room : 0;
    return t->embedded_room ? 0 : fail_memory();
}

static struct str key(const void *context, size_t i) { return ((const struct score_texts *)context)->list[i].text; }

int score_texts_find_first(struct score_texts *t, size_t *todo)
{
    *todo = 0;
    if (score_first(t->count, key, t, t->todo) < 0) return -1;
    for (size_t i = 0; i < t->count; i++) t->list[i].first = t->todo[i];
    for (size_t i = 0; i < t->count; i++)
        if (t->list[i].text.p && t->list[i].first == i) t->todo[(*todo)++] = i;
    return 0;
}

/* ---- ranks */

static bool came_before(const struct score_texts *t, size_t begin, size_t i)
{
    for (size_t k = begin; k < i; k++)
        if (t->list[k].text.p && t->list[k].first == t->list[i].first) return true;
    return false;
}

void score_texts_rank(const struct score *s, struct score_item *item, size_t row, const float *picture)
{
    struct score_texts *t = &item->texts;
    size_t begin = t->begin[row], n = 0, embed = clip_embed(s->clip), *ranked = t->ranked + begin;
    for (size_t i = begin; picture && i < t->begin[row + 1]; i++) {
        struct score_text *text = &t->list[i];
        if (!text->text.p || came_before(t, begin, i)) continue;
        text->cosine = clip_cosine(picture, t->embeddings + text->first * embed, embed);
        size_t at = n++;
        for (; at && t->list[ranked[at - 1]].cosine < text->cosine; at--) ranked[at] = ranked[at - 1];
        ranked[at] = i;
    }
    t->ranks[row] = n;
}

const struct score_text *score_texts_of(const struct score *s, const struct score_item *item, size_t row)
{
    const struct score_texts *t = &item->texts;
    const struct score_text *own = &t->list[t->begin[row]];
    if (s->choice_column != SIZE_MAX && t->ranks[row]) return &t->list[t->ranked[t->begin[row]]];
    return own->text.p ? own : NULL;
}

/* ---- cells */

/* "text", the caption's column, "captions.3" for the third line of the file. */
static int set_from(const struct stage_run *run, const struct score_text *text, struct batch *out, struct row *row, size_t column)
{
    const struct score_options *o = run->options;
    char name[48];
    if (!text->from) return row_set(out, row, column, str_from(o->text));
    if (text->from <= o->captions.count) return row_set(out, row, column, str_from(o->captions.items[text->from - 1]));
    int n = snprintf(name, sizeof name, "captions.%zu", text->from - o->captions.count);
    return row_set(out, row, column, str_of(name, (size_t)n));
}

static int set_choice(const struct stage_run *run, const struct score_item *item, size_t i, struct batch *out, struct row *row)
{
    const struct score *s = run->state;
    const struct score_texts *t = &item->texts;
    if (!t->ranks[i]) return row_set(out, row, s->choice_column, STR_ABSENT);
    const struct score_text *own = &t->list[t->begin[i]], *chosen = &t->list[t->ranked[t->begin[i]]];
    if (set_from(run, chosen, out, row, s->choice_column) < 0) return -1;
    if (!chosen->from) return 0;
    if (own->text.p && !row->cells[s->text_raw_out].n && row_set(out, row, s->text_raw_out, own->text) < 0) return -1;
    return row_set(out, row, s->text_out, chosen->text);
}

static int set_rank(const struct stage_run *run, struct score_item *item, size_t i, size_t rank, struct batch *out, struct row *row)
{
    const struct score *s = run->state;
    const struct score_texts *t = &item->texts;
    const struct score_rank *columns = &s->ranks[rank];
    if (rank >= t->ranks[i])
        return row_set(out, row, columns->text, STR_ABSENT) < 0 || row_set(out, row, columns->from, STR_ABSENT) < 0
                   ? -1 : row_set(out, row, columns->similarity, STR_ABSENT);
    const struct score_text *text = &t->list[t->ranked[t->begin[i] + rank]];
    buf_clear(&item->number);
    if (buf_float(&item->number, (float)text->cosine) < 0 || row_set(out, row, columns->similarity, buf_str(&item->number)) < 0) return -1;
    return row_set(out, row, columns->text, text->text) < 0 ? -1 : set_from(run, text, out, row, columns->from);
}

int score_texts_set(const struct stage_run *run, struct score_item *item, size_t i, struct batch *out, struct row *row)
{
    const struct score_options *o = run->options;
    for (size_t rank = 0; rank < o->rank; rank++)
        if (set_rank(run, item, i, rank, out, row) < 0) return -1;
    return o->choose_text ? set_choice(run, item, i, out, row) : 0;
}

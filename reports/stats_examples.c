#include "reports/stats_examples.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

void examples_free(struct examples *e)
{
    for (size_t i = 0; i < e->count; i++) free(e->list[i].own);
    e->count = 0;
}

static bool stands_before(const struct example *x, double distance, uint64_t hash)
{
    return x->distance < distance || (x->distance == distance && x->hash < hash);
}

static void take_out(struct examples *e, size_t at)
{
    free(e->list[at].own);
    memmove(&e->list[at], &e->list[at + 1], (--e->count - at) * sizeof *e->list);
}

struct example *examples_offer(struct examples *e, double distance, uint64_t hash, uint64_t same)
{
    if (!e->room || (e->count == e->room && stands_before(&e->list[e->count - 1], distance, hash))) return NULL;
    for (size_t i = 0; i < e->count; i++) {
        if (e->list[i].same != same) continue;
        if (e->list[i].hash == hash || stands_before(&e->list[i], distance, hash)) return NULL;
        take_out(e, i);
        break;
    }
    if (e->count == e->room) take_out(e, e->count - 1);
    size_t at = e->count++;
    for (; at > 0 && !stands_before(&e->list[at - 1], distance, hash); at--) e->list[at] = e->list[at - 1];
    e->list[at] = (struct example){.distance = distance, .hash = hash, .same = same, .step = SIZE_MAX};
    return &e->list[at];
}

static struct str cell_text(const struct row *row, size_t column, struct arena *scratch, size_t most)
{
    if (column == SIZE_MAX) return STR("");
    struct str text = row_text(row, column, scratch);
    if (text.n > most) text.n = utf8_cut(text, most);
    return text.p ? text : STR("");
}

static uint64_t cell_u64(const struct row *row, size_t column)
{
    uint64_t n = 0;
    return column != SIZE_MAX && row_u64(row, column, &n) == 0 ? n : 0;
}

int example_fill(struct example *x, const struct example_columns *at, const struct row *row, struct arena *scratch)
{
    struct {
        struct str *to;
        size_t column;
        size_t most;
    } const texts[] = {
        {&x->id, at->id, 64},        {&x->url, at->url, EXAMPLE_TEXT}, {&x->text, at->text, EXAMPLE_TEXT}, {&x->measured, at->measured, 200},
        {&x->also, at->also, 400},   {&x->rule, at->rule, 80},         {&x->pack, at->pack, 255},          {&x->key, at->key, 64},
    };
    size_t all = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) all += (*texts[i].to = cell_text(row, texts[i].column, scratch, texts[i].most)).n;
    x->text_points = at->text == SIZE_MAX ? 0 : utf8_count(row_text(row, at->text, scratch));
    char *own = x->own = malloc(all + 1);
    if (!own) return fail_memory();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct str *text = texts[i].to;
        if (text->n) memcpy(own, text->p, text->n);
        text->p = own;
        own += text->n;
    }
    bool sample = at->sample_length != SIZE_MAX;
    x->offset = cell_u64(row, sample ? at->sample_offset : at->offset);
    x->length = cell_u64(row, sample ? at->sample_length : at->length);
    x->shard = cell_u64(row, at->shard);
    x->width = cell_u64(row, at->width);
    x->height = cell_u64(row, at->height);
    return 0;
}

/* What a stage has to say: drops, counts, losses, messages. Workers gather them in their item; they are merged and printed
 * when the item's turn comes, so that every run says the same in the same order. */
#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"
#include "pipeline/base/utf8.h"
#include "pipeline/stage_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_BYTES = 2048 };

/* ---- tallies */

int tally_add(struct tally *t, struct str name, uint64_t n)
{
    for (size_t i = 0; i < t->count; i++)
        if (str_eq(name, str_from(t->list[i].name))) {
            t->list[i].n += n;
            return 0;
        }
    if (t->count == t->room) {
        size_t room = t->room ? t->room * 2 : 16;
        struct tally_entry *list = realloc(t->list, room * sizeof *list);
        if (!list) return fail_memory();
        t->list = list;
        t->room = room;
    }
    char *copy = strndup(name.p, name.n);
    if (!copy) return fail_memory();
    t->list[t->count++] = (struct tally_entry){copy, n};
    return 0;
}

int tally_merge(struct tally *t, const struct tally *from)
{
    for (size_t i = 0; i < from->count; i++)
        if (from->list[i].n && tally_add(t, str_from(from->list[i].name), from->list[i].n) < 0) return -1;
    return 0;
}

void tally_clear(struct tally *t)
{
    for (size_t i = 0; i < t->count; i++) t->list[i].n = 0;
}

void tally_free(struct tally *t)
{
    for (size_t i = 0; i < t->count; i++) free(t->list[i].name);
    free(t->list);
    *t = (struct tally){0};
}

/* ---- from workers */

int stage_drop(struct stage_run *run, struct stage_item *item, const struct row *row, struct str rule, struct str measured,
               struct str bound, struct str also)
{
    struct stage_private *own = run->own;
    struct batch *dropped = &item->own->dropped;
    if (tally_add(&item->own->rules, rule, 1) < 0) return -1;
    struct row *kept = batch_widen(dropped, row, run->in.count);
    if (!kept) return -1;
    const struct str values[5] = {rule, measured, bound, also, str_from(run->line->command->name)};
    for (int i = 0; i < 5; i++) {
        struct str value = values[i];
        value.n = utf8_cut(value, CELL_BYTES_MAX);
        if (row_set(dropped, kept, own->dropped_at[i], value) < 0) return -1;
    }
    return 0;
}

int stage_drop_cell(struct stage_item *item, const char *column, uint64_t value)
{
    struct batch *dropped = &item->own->dropped;
    struct row *row = &dropped->rows[dropped->count - 1];
    size_t at = columns_find(&item->own->run->own->dropped_columns, str_from(column));
    return value ? row_set_u64(dropped, row, at, value) : row_set(dropped, row, at, STR_ABSENT);
}

int stage_count(struct stage_item *item, const char *name, uint64_t n)
{
    return tally_add(&item->own->counts, str_from(name), n);
}

void stage_read(struct stage_item *item, uint64_t records) { item->own->records += records; }

void stage_damaged(struct stage_item *item) { item->own->damaged = true; }

static int forget_message(struct message message)
{
    free(message.text);
    free(message.where);
    return fail_memory();
}

/* Takes the texts over; those that could not be had are absent: `where` of a loss, or `text`. */
static int add_message(struct stage_item *item, struct message message)
{
    struct stage_item_private *own = item->own;
    if (!message.text || (message.loss && !message.where)) return forget_message(message);
    if (own->message_count == own->message_room) {
        size_t room = own->message_room ? own->message_room * 2 : 8;
        struct message *list = realloc(own->messages, room * sizeof *list);
        if (!list) return forget_message(message);
        own->messages = list;
        own->message_room = room;
    }
    own->messages[own->message_count++] = message;
    return 0;
}

int stage_loss(struct stage_item *item, const char *where, const char *unit, uint64_t offset, const char *format, ...)
{
    char text[MESSAGE_BYTES];
    int n = snprintf(text, sizeof text, "%s: %s %llu: ", where, unit, (unsigned long long)offset);
    if (n < 0 || n >= (int)sizeof text) n = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + n, sizeof text - (size_t)n, format, arguments);
    va_end(arguments);
    item->own->losses++;
    if (item->own->message_count >= 10 * LOSSES_LISTED) return 0; /* counted; nobody reads ten thousand lines of one item */
    return add_message(item, (struct message){strdup(text), strdup(where), offset, true});
}

int stage_say(struct stage_item *item, const char *format, ...)
{
    char text[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return add_message(item, (struct message){strdup(text), NULL, 0, false});
}

/* ---- when the item's turn comes */

static int list_loss(struct stage_private *own, const struct message *m)
{
    if (json_array_size(own->losses) >= LOSSES_LISTED) return 0;
    json_t *loss = json_pack("{s:s%,s:I,s:s%}", "file", m->where, strlen(m->where), "offset", (json_int_t)m->offset, "what", m->text,
                             strlen(m->text));
    if (!loss) { /* not UTF-8: what stands in the manifest is masked like what stands on the screen */
        struct buf where, text;
        buf_init(&where, 4 * MESSAGE_BYTES);
        buf_init(&text, 4 * MESSAGE_BYTES);
        log_mask(&where, str_from(m->where));
        log_mask(&text, str_from(m->text));
        loss = json_pack("{s:s%,s:I,s:s%}", "file", where.p, where.n, "offset", (json_int_t)m->offset, "what", text.p, text.n);
        buf_free(&where);
        buf_free(&text);
    }
    return loss && json_array_append_new(own->losses, loss) == 0 ? 0 : fail_memory();
}

int stage_item_report(struct stage_item *item)
{
    struct stage_item_private *ip = item->own;
    struct stage_private *own = ip->run->own;
    if (tally_merge(&own->rules, &ip->rules) < 0 || tally_merge(&own->counts, &ip->counts) < 0) return -1;
    own->records += ip->records;
    own->losses_total += ip->losses;
    own->damaged |= ip->damaged;
    int result = 0;
    for (size_t i = 0; i < ip->message_count; i++) {
        struct message *m = &ip->messages[i];
        if (m->loss || !ip->run->common->quiet) log_line("%s", m->text);
        if (m->loss && result == 0) result = list_loss(own, m);
        free(m->text);
        free(m->where);
    }
    ip->message_count = 0;
    ip->records = ip->losses = 0;
    ip->damaged = false;
    tally_clear(&ip->rules);
    tally_clear(&ip->counts);
    return result;
}

void stage_item_free(struct stage_item *item)
{
    struct stage_item_private *ip = item->own;
    batch_free(&item->in);
    batch_free(&item->out);
    arena_free(&item->scratch);
    if (!ip) return;
    if (ip->run->stage->item_free && item->user) ip->run->stage->item_free(item->user);
    rows_frame_free(&ip->frame);
    batch_free(&ip->dropped);
    for (size_t i = 0; ip->outputs && i < ip->run->own->output_count; i++) {
        if (i) batch_free(&ip->outputs[i].batch);
        buf_free(&ip->outputs[i].text);
        rows_out_frames_free(&ip->outputs[i].frames);
    }
    free(ip->outputs);
    for (size_t i = 0; i < ip->message_count; i++) {
        free(ip->messages[i].text);
        free(ip->messages[i].where);
    }
    free(ip->messages);
    tally_free(&ip->rules);
    tally_free(&ip->counts);
    free(ip);
    item->own = NULL;
}

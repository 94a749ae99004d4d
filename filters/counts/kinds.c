#include "filters/counts/kinds.h"

#include "filters/text/clean.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"
#include "pipeline/rows/batch.h"

#include <stdio.h>

static const struct count_kind_about kinds[COUNT_KINDS] = {
    [COUNT_IMAGES_PER_TEXT] = {"images-per-text", "images_per_text", NULL, "text url", true},
    [COUNT_IMAGES_PER_TEXT_FOLDED] = {"images-per-text-folded", "images_per_text_folded", NULL, "text url", true},
    [COUNT_TEXTS_PER_IMAGE] = {"texts-per-image", "texts_per_image", NULL, "text url", true},
    [COUNT_TEXTS_PER_SHA256] = {"texts-per-sha256", "texts_per_sha256", NULL, "text sha256", true},
    [COUNT_URLS] = {"url-count", "url_count", NULL, "url", false},
    [COUNT_HOSTS] = {"hosts", "host_count", "host", "url", false},
    [COUNT_PHASHES] = {"phashes", "phash_count", "phash", "phash", false},
    [COUNT_ENTITIES] = {"entities", "entity_count", "entity", "entities", false},
    [COUNT_UNIGRAMS] = {"unigrams", "unigram_count", "unigram", "text", false},
    [COUNT_BIGRAMS] = {"bigrams", "bigram_count", "bigram", "text", false},
};

const struct count_kind_about *count_kind_about(enum count_kind kind) { return &kinds[kind]; }

static int unknown_kind(struct str what)
{
    enum { SLIP = 3 }; /* letters amiss; with more, any short name is near */
    char all[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < COUNT_KINDS; i++)
        if (str_distance(what, str_from(kinds[i].what)) < SLIP)
            return fail_usage("'%.*s' cannot be counted; did you mean '%s'?", STR_ARG(what), kinds[i].what);
    for (size_t i = 0; i < COUNT_KINDS; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i == 0 ? "" : i + 1 < COUNT_KINDS ? ", " : " or ", kinds[i].what);
    return fail_usage("'%.*s' cannot be counted: expected %s", STR_ARG(what), all);
}

int count_kind_find(struct str what, enum count_kind *kind)
{
    for (int i = 0; i < COUNT_KINDS; i++)
        if (str_eq(what, str_from(kinds[i].what))) {
            *kind = (enum count_kind)i;
            return 0;
        }
    return unknown_kind(what);
}

bool count_kind_of_columns(const struct columns *columns, enum count_kind *kind)
{
    bool partial = columns_find(columns, STR(COUNT_MEMBER_COLUMN)) != SIZE_MAX;
    for (int i = 0; i < COUNT_KINDS; i++) {
        size_t count = 2u + (kinds[i].name_column != NULL) + partial;
        if (columns->count != count || (partial && !kinds[i].distinct)) continue;
        if (columns_find(columns, str_from(kinds[i].column)) != count - 1) continue;
        *kind = (enum count_kind)i;
        return true;
    }
    return false;
}

int count_want_parse(struct str text, struct count_want *want)
{
    struct str rest = text, what = str_cut(&rest, ':');
    want->over = 0;
    if (count_kind_find(what, &want->kind) < 0) return -1;
    if (rest.p && (str_to_u64(rest, &want->over) < 0 || want->over < 1 || want->over >= UINT32_MAX))
        return fail_usage("'%.*s': expected WHAT:K, K a whole number from 1 on", STR_ARG(text));
    return 0;
}

/* ---- forms of the text */

/* Rows of winnow's own are valid UTF-8; other people's may not be. */
static int valid(struct buf *room, struct str *text)
{
    if (utf8_valid(*text)) return 0;
    struct str damaged = *text;
    buf_clear(room);
    if (utf8_repair(room, damaged) < 0) return -1;
    *text = buf_str(room);
    return 0;
}

int counts_text(struct buf *room, struct str text, struct str text_raw, struct str *out)
{
    *out = text;
    if (text_raw.n == 0) {
        if (valid(room, out) < 0) return -1;
    } else {
        buf_clear(room);
        if (unicode_text(room, text_raw) < 0) return -1;
        *out = buf_str(room);
    }
    if (out->n > CELL_BYTES_MAX) out->n = utf8_cut(*out, CELL_BYTES_MAX);
    return 0;
}

int counts_text_folded(struct buf room[2], struct str text, struct str text_raw, struct str *out)
{
    *out = text_raw.n ? text_raw : text;
    if (valid(&room[0], out) < 0) return -1;
    if (clean_fold_keeps(*out)) return 0;
    if (clean_fold_space(&room[1], *out) < 0) return -1;
    *out = buf_str(&room[1]);
    return 0;
}

/* Tokens carry a fate each: stay, go, or begin a name that becomes a word. The steps only change fates; what is left is written
 * at the end. */
#include "filters/language/hypernyms.h"

#include "filters/language/gazetteer.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"

#include <stdlib.h>

struct piece {
    struct str form;
    uint8_t upos, entity;
    bool gone;
    uint8_t name;         /* tokens of the name that begins here; 0: none does */
    bool inside;          /* of a name that began before */
    struct str hypernym;  /* of the name that begins here; absent: it is not known */
    bool plural;          /* it stands for several */
    bool replaced;        /* the hypernym stands for it */
};

struct caption {
    struct piece *pieces;
    size_t count;
    const struct entity_table *table;
    size_t replaced;
};

static bool is(const struct piece *p, const char *word) { return str_eq_nocase(p->form, str_from(word)); }
static bool is_among(const struct piece *p, const char *words) /* parted and surrounded by single spaces */
{
    char key[24];
    if (p->form.n + 3 > sizeof key) return false;
    size_t n = 0;
    key[n++] = ' ';
    for (size_t i = 0; i < p->form.n; i++) key[n++] = ascii_lower(p->form.p[i]);
    key[n++] = ' ';
    key[n] = 0;
    return strstr(words, key) != NULL;
}

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i])) return false;
    return s.n > 0;
}

/* ---- names */

static bool is_month(const struct piece *p)
{
    return is_among(p, " january february march april may june july august september october november december jan feb mar apr jun jul aug sep "
                       "sept oct nov dec jan. feb. mar. apr. jun. jul. aug. sep. sept. oct. nov. dec. ");
}
static bool is_weekday(const struct piece *p) { return is_among(p, " monday tuesday wednesday thursday friday saturday sunday "); }

enum { NAME_BYTES = 256 };

/* The lower-cased tokens from `at` on, single spaces where the text has any ("jean-claude van damme", "washington, d.c."); empty when that is too
 * long. */
static struct str joined(const struct caption *c, size_t at, size_t tokens, char *bytes)
{
    size_t n = 0;
    for (size_t i = at; i < at + tokens; i++) {
        struct str form = c->pieces[i].form;
        if (n + form.n + 1 > NAME_BYTES) return str_of(bytes, 0);
        bool glued = i == at || c->pieces[i - 1].form.p + c->pieces[i - 1].form.n == form.p;
        if (!glued) bytes[n++] = ' ';
        for (size_t k = 0; k < form.n; k++) bytes[n++] = ascii_lower(form.p[k]);
    }
    return str_of(bytes, n);
}

static void begin_name(struct caption *c, size_t at, size_t tokens, struct str hypernym)
{
    c->pieces[at].name = (uint8_t)tokens;
    c->pieces[at].hypernym = hypernym;
    for (size_t i = at + 1; i < at + tokens; i++) c->pieces[i].inside = true;
}

static bool may_be_name(const struct piece *p) { return p->upos == UPOS_PROPN || p->entity != ENTITY_NONE; }

/* The longest name of the table that begins at a token; names are not looked for inside small words' runs but by the table. */
static size_t table_name(const struct caption *c, size_t at, struct str *hypernym)
{
    char bytes[NAME_BYTES];
    size_t most = c->count - at < ENTITY_WORDS_MOST ? c->count - at : ENTITY_WORDS_MOST;
    for (size_t n = most; n > 0; n--) {
        bool any = false;
        for (size_t i = at; i < at + n; i++) any |= may_be_name(&c->pieces[i]) || c->pieces[i].form.p[0] <= 'Z';
        if (any && (*hypernym = entity_table_find(c->table, joined(c, at, n, bytes))).n) return n;
    }
    return 0;
}

static size_t wordnet_name(const struct caption *c, size_t at, struct str *hypernym)
{
    char bytes[NAME_BYTES];
    size_t most = 0;
    while (at + most < c->count && most < ENTITY_WORDS_MOST && may_be_name(&c->pieces[at + most])) most++;
    for (size_t n = most; n > 0; n--) {
        struct name found;
        if (n == 1 && most > 1) break; /* one word of a longer name says nothing of it */
        if (gazetteer_find(joined(c, at, n, bytes), &found) && found.hypernym.n && n == most) {
            *hypernym = found.hypernym;
            return n;
        }
    }
    return 0;
}

static size_t tagged_name(const struct caption *c, size_t at, struct str *hypernym)
{
    unsigned entity = c->pieces[at].entity;
    size_t n = 0;
    if (entity % 2 == 1) {
        for (n = 1; at + n < c->count && c->pieces[at + n].entity == entity + 1; n++) {}
    } else if (c->pieces[at].upos == UPOS_PROPN) {
        while (at + n < c->count && c->pieces[at + n].upos == UPOS_PROPN && c->pieces[at + n].entity % 2 == 0) n++;
    }
    *hypernym = entity == ENTITY_B_PER ? STR("person") : STR_ABSENT;
    return n;
}

static bool is_quote(const struct piece *p) { return is_among(p, " ' \" `` '' \xE2\x80\x98 \xE2\x80\x99 \xE2\x80\x9C \xE2\x80\x9D ` "); }
static bool has_first(const struct piece *p, char first, char last) { return p->form.p[0] >= first && p->form.p[0] <= last; }

/* Words between quotation marks that all begin with a capital are a title, whatever the tagger takes them for; in a caption in which
 * no word begins otherwise capitals say nothing. */
static void name_titles(struct caption *c)
{
    bool small = false;
    for (size_t i = 0; i < c->count; i++) small |= has_first(&c->pieces[i], 'a', 'z');
    for (size_t i = 0; small && i < c->count; i++) {
        size_t end = i + 1;
        if (!is_quote(&c->pieces[i])) continue;
        while (end < c->count && end - i <= ENTITY_WORDS_MOST && has_first(&c->pieces[end], 'A', 'Z')) end++;
        if (end == c->count || !is_quote(&c->pieces[end])) continue;
        for (i++; i < end; i++) c->pieces[i].upos = UPOS_PROPN;
    }
}

static void find_names(struct caption *c)
{
    for (size_t i = 0; i < c->count;) {
        struct str hypernym = STR_ABSENT;
        size_t n = table_name(c, i, &hypernym);
        if (!n && may_be_name(&c->pieces[i]) && !is_month(&c->pieces[i]) && !is_weekday(&c->pieces[i])) {
            n = wordnet_name(c, i, &hypernym);
            if (!n) n = tagged_name(c, i, &hypernym);
        }
        if (n) begin_name(c, i, n < 255 ? n : 255, hypernym);
        i += n ? n : 1;
    }
}

static size_t piece_length(const struct caption *c, size_t i) { return c->pieces[i].name ? c->pieces[i].name : 1; }
static void drop(struct caption *c, size_t at)
{
    for (size_t i = at, n = piece_length(c, at); n > 0; n--, i++) c->pieces[i].gone = true;
}

static size_t next_kept(const struct caption *c, size_t at) /* the piece behind the one at `at` that stays; count: none */
{
    size_t i = at + piece_length(c, at);
    while (i < c->count && (c->pieces[i].gone || c->pieces[i].inside)) i++;
    return i;
}

static size_t kept_before(const struct caption *c, size_t at) /* SIZE_MAX: none */
{
    while (at > 0) {
        at--;
        if (!c->pieces[at].gone && !c->pieces[at].inside) return at;
    }
    return SIZE_MAX;
}

/* ---- (1) modifiers */

static bool is_number(const struct piece *p)
{
    if (p->upos == UPOS_NUM) return true;
    struct str s = p->form; /* "29th" */
    return s.n > 2 && ascii_is_digit(s.p[0]) && (str_ends(s, STR("th")) || str_ends(s, STR("st")) || str_ends(s, STR("nd")) || str_ends(s, STR("rd")));
}

static bool is_unit(const struct piece *p)
{
    return is_among(p, " km mm cm m kg g lb lbs oz ft feet foot inch inches mile miles meter meters metre metres mph kmh px mp mb gb % ");
}

static bool is_common_noun(const struct piece *p) { return p->upos == UPOS_NOUN && !p->name && !p->inside; }

/* In a caption whose other words are small, a capital shows that "British" belongs to the name behind it. */
static bool small_words(const struct caption *c)
{
    for (size_t i = 0; i < c->count; i++) {
        unsigned upos = c->pieces[i].upos;
        if ((upos == UPOS_NOUN || upos == UPOS_VERB || upos == UPOS_ADJ) && has_first(&c->pieces[i], 'a', 'z')) return true;
    }
    return false;
}

static void drop_modifiers(struct caption *c)
{
    bool small = small_words(c);
    for (size_t i = 0, end = 0; i < c->count; i += piece_length(c, i)) {
        bool begins = i >= end; /* names, numbers and units in a row, then a noun; within a row no other begins */
        if (begins) end = i;
        while (begins && end < c->count && (c->pieces[end].name || is_number(&c->pieces[end]) || (end > i && is_unit(&c->pieces[end]) && is_number(&c->pieces[end - 1]))))
            end += piece_length(c, end);
        if (begins && end > i && end < c->count && is_common_noun(&c->pieces[end])) {
            for (size_t k = i; k < end; k += piece_length(c, k)) drop(c, k);
            const struct piece *before = i > 1 ? &c->pieces[i - 1] : NULL; /* the first word has a capital anyway */
            if (small && before && c->pieces[i].name && before->upos == UPOS_ADJ && has_first(before, 'A', 'Z')) drop(c, i - 1);
        }
        size_t next = i + piece_length(c, i);
        if (is_number(&c->pieces[i]) && next < c->count && c->pieces[next].hypernym.n) drop(c, i); /* "the 29th American Film Festival" */
    }
}

/* ---- (2) dates, durations, places */

static bool is_year(const struct piece *p) { return p->form.n == 4 && all_digits(p->form) && (p->form.p[0] == '1' || p->form.p[0] == '2'); }
static bool is_day(const struct piece *p)
{
    return (p->form.n <= 2 && all_digits(p->form)) || (p->form.n <= 4 && is_number(p) && ascii_is_digit(p->form.p[0]));
}
static bool is_time_noun(const struct piece *p)
{
    return is_among(p, " second seconds minute minutes hour hours day days week weeks month months year years decade decades century centuries ");
}

/* Behind the date that begins at i; i where none does. One token that is a month ("may") and a lone weekday are none. */
static size_t date_end(const struct caption *c, size_t i)
{
    size_t end = i;
    bool month = false, year = false, day = false, weekday = false;
    while (end < c->count) {
        const struct piece *p = &c->pieces[end];
        if (!month && is_month(p)) month = true;
        else if (!weekday && is_weekday(p)) weekday = true;
        else if (!year && is_year(p)) year = true;
        else if (!day && is_day(p)) day = true;
        else if (end > i && is(p, ",") && end + 1 < c->count && (is_year(p + 1) || is_month(p + 1) || is_day(p + 1))) {}
        else break;
        end++;
    }
    return (month && (year || day)) || (weekday && (month || day)) || (year && !day && !month) ? end : i;
}

static bool brings_time(const struct piece *p) { return is_among(p, " in on at from since until during for of between after before circa "); }

static void drop_times(struct caption *c)
{
    for (size_t i = 0; i < c->count; i++) {
        size_t end = date_end(c, i);
        if (end == i && c->pieces[i].upos == UPOS_ADP && is_among(&c->pieces[i], " for during ") && i + 2 < c->count && is_number(&c->pieces[i + 1]) &&
            is_time_noun(&c->pieces[i + 2]))
            end = i + 3; /* "for 3 days" */
        if (end == i) continue;
        for (size_t k = i; k < end; k++) c->pieces[k].gone = true, c->pieces[k].name = 0, c->pieces[k].inside = false;
        size_t before = kept_before(c, i);
        if (before != SIZE_MAX && brings_time(&c->pieces[before])) drop(c, before);
        before = kept_before(c, i);
        if (before != SIZE_MAX && is(&c->pieces[before], ",")) drop(c, before);
        i = end - 1;
    }
}

static bool is_place(const struct caption *c, size_t i)
{
    const struct piece *p = &c->pieces[i];
    char bytes[NAME_BYTES];
    struct name found;
    if (!p->name) return false;
    if (p->entity == ENTITY_B_LOC || p->entity == ENTITY_I_LOC) return true;
    return gazetteer_find(joined(c, i, p->name, bytes), &found) && (found.kinds & NAME_PLACE);
}

static void drop_places(struct caption *c)
{
    for (size_t i = 0; i + 1 < c->count; i++) {
        if (c->pieces[i].gone || !is_among(&c->pieces[i], " in near at around off outside from ")) continue;
        size_t at = i + 1;
        if (c->pieces[at].upos == UPOS_DET && at + 1 < c->count && is_place(c, at + 1)) at++;
        if (!is_place(c, at)) continue;
        size_t end = at + c->pieces[at].name;
        while (end + 1 < c->count && is(&c->pieces[end], ",") && c->pieces[end + 1].name) end += 1 + c->pieces[end + 1].name; /* "Bristol, UK" */
        for (size_t k = i; k < end; k++) c->pieces[k].gone = true;
        i = end - 1;
    }
}

/* ---- (3) hypernyms */


/* What stood before a name and only there for it: an article, a title ("artist Duncan McKellar"). */
static void drop_before_name(struct caption *c, size_t at, bool hypernym)
{
    size_t before = kept_before(c, at);
    unsigned entity = c->pieces[at].entity;
    bool person = entity == ENTITY_NONE || entity == ENTITY_B_PER || entity == ENTITY_I_PER;
    if (hypernym && before != SIZE_MAX && before + 1 == at && is_common_noun(&c->pieces[before]) && person) {
        drop(c, before);
        before = kept_before(c, at);
    }
    if (before != SIZE_MAX && is_among(&c->pieces[before], " the a an ")) drop(c, before);
}

static void drop_unknown(struct caption *c, size_t at)
{
    size_t before = kept_before(c, at), after = next_kept(c, at);
    drop(c, at);
    if (before != SIZE_MAX && after < c->count && is_quote(&c->pieces[before]) && is_quote(&c->pieces[after])) drop(c, before), drop(c, after);
    drop_before_name(c, at, false);
    before = kept_before(c, at);
    if (before != SIZE_MAX && c->pieces[before].upos == UPOS_ADP) drop(c, before);
}

static void replace_names(struct caption *c)
{
    for (size_t i = 0; i < c->count; i += piece_length(c, i)) {
        if (!c->pieces[i].name || c->pieces[i].gone) continue;
        if (c->pieces[i].hypernym.n) {
            drop_before_name(c, i, true);
            c->pieces[i].replaced = true;
            c->replaced++;
        } else {
            drop_unknown(c, i);
        }
    }
}

/* ---- (4) what is said twice */

static bool same_name(const struct caption *c, size_t a, size_t b)
{
    return a != SIZE_MAX && b < c->count && c->pieces[a].name && c->pieces[b].name && str_eq(c->pieces[a].hypernym, c->pieces[b].hypernym);
}

static void join_coordinated(struct caption *c)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->pieces[i].gone || c->pieces[i].inside) continue;
        for (size_t link = next_kept(c, i); link < c->count; link = next_kept(c, i)) {
            if (!is_among(&c->pieces[link], " and , & ")) break;
            size_t other = next_kept(c, link);
            if (is(&c->pieces[link], ",") && other < c->count && is(&c->pieces[other], "and")) {
                drop(c, link);
                continue;
            }
            if (!same_name(c, i, other)) break;
            drop(c, link);
            drop(c, other);
            c->pieces[i].plural = true;
        }
    }
}

/* ---- writing */

static int add_word(struct buf *out, struct str word, bool plural)
{
    size_t from = out->n;
    if (unicode_lower(out, word) < 0) return -1;
    if (!plural) return 0;
    struct str w = str_of(out->p + from, out->n - from);
    if (str_eq(w, STR("person"))) {
        out->n = from;
        return buf_add(out, STR("people"));
    }
    char last = w.p[w.n - 1], before = w.n > 1 ? w.p[w.n - 2] : 0;
    if (str_ends(w, STR("man"))) {
        out->n -= 2;
        return buf_add(out, STR("en"));
    }
    if (last == 'y' && !strchr("aeiou", before)) {
        out->n--;
        return buf_add(out, STR("ies"));
    }
    return buf_add(out, last == 's' || last == 'x' || str_ends(w, STR("ch")) || str_ends(w, STR("sh")) ? STR("es") : STR("s"));
}

static bool sticks_left(struct str form)
{
    if (form.n == 1) return strchr(".,;:!?)%", form.p[0]) != NULL;
    return form.p[0] == '\'' || str_eq_nocase(form, STR("n't")) || str_eq(form, STR("..."));
}

/* "a" or "an", by the first letter of the word that follows now. */
static struct str article_for(struct str next)
{
    return next.n && strchr("aeiou", ascii_lower(next.p[0])) && !str_starts_nocase(next, STR("uni")) && !str_starts_nocase(next, STR("eu")) ? STR("an") : STR("a");
}

static bool is_mark(const struct piece *p) { return p->upos == UPOS_PUNCT && !is_quote(p); }

/* Marks that hang alone at an end, or two in a row, say nothing any more; the full stop at the end stays. */
static void drop_idle_marks(struct caption *c)
{
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < c->count; i++) {
        struct piece *p = &c->pieces[i];
        if (p->gone || p->inside) continue;
        if (is_mark(p) && (last == SIZE_MAX || is_mark(&c->pieces[last]))) {
            bool stop = is_among(p, " . ! ? ");
            if (last != SIZE_MAX && stop) drop(c, last);
            else {
                p->gone = true;
                continue;
            }
        }
        last = i;
    }
    while (last != SIZE_MAX && is_mark(&c->pieces[last]) && !is_among(&c->pieces[last], " . ! ? ... ) ")) {
        drop(c, last);
        last = kept_before(c, last);
    }
}

static int write_caption(const struct caption *c, struct buf *out)
{
    size_t start = out->n;
    bool glue = true, quoted = false;
    for (size_t i = 0; i < c->count; i++) {
        const struct piece *p = &c->pieces[i];
        if (p->gone || p->inside) continue;
        size_t next = next_kept(c, i);
        struct str word = p->name ? p->hypernym : p->form, following = STR_ABSENT;
        if (next < c->count) following = c->pieces[next].name ? c->pieces[next].hypernym : c->pieces[next].form;
        if (is_among(p, " a an ") && p->upos == UPOS_DET) word = article_for(following);
        bool contracted = i && c->pieces[i - 1].form.p + c->pieces[i - 1].form.n == p->form.p && !c->pieces[i - 1].gone; /* nothing stood between */
        bool quote = is_quote(p), closes = quote && quoted;
        quoted ^= quote;
        if (!glue && !contracted && !closes && !sticks_left(word) && buf_byte(out, ' ') < 0) return -1;
        if (add_word(out, word, p->name && p->plural) < 0) return -1;
        glue = out->n == start || str_eq(p->form, STR("(")) || (quote && !closes);
    }
    return 0;
}

static int write_entities(const struct caption *c, struct buf *out)
{
    for (size_t i = 0, n = 0; i < c->count; i++) {
        if (!c->pieces[i].replaced) continue;
        if (c->pieces[i].hypernym.n + 1 > out->ceiling - out->n) return 0; /* full */
        if ((n++ && buf_byte(out, ENTITY_SEPARATOR) < 0) || buf_add(out, c->pieces[i].hypernym) < 0) return -1;
    }
    return 0;
}

int hypernyms_apply(const struct entity_table *table, const struct english *english, struct english_work *work, struct str text,
                    struct buf *out, struct buf *entities, size_t *replaced)
{
    const struct english_token *tokens;
    struct caption c = {.table = table};
    if (english_tag(english, work, text, ENGLISH_ENTITIES, &tokens, &c.count) < 0) return -1;
    c.pieces = calloc(c.count + 1, sizeof *c.pieces);
    if (!c.pieces) return fail_memory();
    for (size_t i = 0; i < c.count; i++)
        c.pieces[i] = (struct piece){.form = str_of(text.p + tokens[i].start, tokens[i].end - tokens[i].start), .upos = tokens[i].upos,
                                     .entity = tokens[i].entity};
    name_titles(&c);
    find_names(&c);
    drop_modifiers(&c);
    drop_times(&c);
    drop_places(&c);
    replace_names(&c);
    join_coordinated(&c); /* drops pieces, and leaves their hypernyms */
    drop_idle_marks(&c);
    int result = entities && c.replaced ? write_entities(&c, entities) : 0;
    if (result == 0) result = write_caption(&c, out);
    *replaced = c.replaced;
    free(c.pieces);
    return result;
}

#include "reports/stats_private.h"

#include "crawl/url/domain.h"
#include "filters/language/pii.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

/* What every part of the counting wants to know of a row. */
struct seen {
    const struct row *row;
    size_t end;              /* SIZE_MAX: in the corpus */
    bool kept, asked, got;   /* asked: it reached fetch; got: it has a picture */
    uint64_t hash, same;     /* of the id; of the URL */
    double unsafe;
    uint64_t width;          /* pixels; 0: not known */
    struct str rule, also;
    struct stats_rule *by;   /* that dropped it; NULL: none, or none that the manifests name */
    struct str url, text, host, domain, page_domain;
    uint64_t text_hash, host_hash, domain_hash, page_hash;
};

int pass_open(struct pass *p, struct stats *s, size_t scratch)
{
    *p = (struct pass){.stats = s};
    arena_init(&p->scratch, scratch);
    p->domains = calloc(DOMAIN_CACHE, sizeof *p->domains);
    return p->domains ? 0 : fail_memory();
}

void pass_close(struct pass *p)
{
    arena_free(&p->scratch);
    free(p->domains);
}

static struct str cell(struct pass *p, const struct row *row, enum pass_column column)
{
    return p->at[column] == SIZE_MAX ? STR_ABSENT : row_text(row, p->at[column], &p->scratch);
}

static bool cell_u64(const struct pass *p, const struct row *row, enum pass_column column, uint64_t *n)
{
    return p->at[column] != SIZE_MAX && row_u64(row, p->at[column], n) == 0;
}

static int count_hashed(struct frequent *t, struct str text, uint64_t hash, const struct seen *s)
{
    return frequent_add(t, text, hash, (uint64_t[FREQUENT_COUNTS]){[N_ROWS] = 1, [N_KEPT] = s->kept, [N_ASKED] = s->asked, [N_GOT] = s->got});
}

static int count(struct frequent *t, struct str text, const struct seen *s) { return count_hashed(t, text, frequent_hash(text), s); }

static unsigned class_of(const struct seen *s) { return s->kept ? ROW_KEPT : ROW_OTHER; }

/* ---- texts */

/* Code points, and words between white space (unicode_is_space: as text.words with split=ws counts). */
static void measure_text(struct str text, uint64_t *chars, uint64_t *words)
{
    bool inside = false;
    *chars = *words = 0;
    for (size_t i = 0; i < text.n;) {
        unsigned char c = (unsigned char)text.p[i];
        bool space;
        if (c < 0x80) {
            space = c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f);
            i++;
        } else {
            space = unicode_is_space(utf8_next(text, &i));
        }
        ++*chars;
        *words += !space && !inside;
        inside = !space;
    }
}

/* "en" of "en-US, de": the first language that a page declares, in lower case. */
static struct str language_of(struct str declared, char room[9])
{
    size_t n = 0;
    while (n < declared.n && n < 8 && ascii_is_alpha(declared.p[n])) room[n] = ascii_lower(declared.p[n]), n++;
    bool ends = n == declared.n || !ascii_is_alpha(declared.p[n]);
    return n >= 2 && ends ? str_of(room, n) : STR("");
}

/* Kinds of personal data, in the words of a page; in the order of enum pii_kind. */
static const struct str personal_kinds[PII_KINDS] = {STR("e-mail address"), STR("bank account"), STR("card number"), STR("US social security number"),
                                                     STR("national number"), STR("IPv4 address"), STR("telephone number")};

static int take_personal_data(struct pass *p, const struct seen *s)
{
    struct pii_span spans[PII_SPANS_MOST];
    bool seen[PII_KINDS] = {false};
    for (size_t i = 0, n = pii_find(s->text, spans, PII_SPANS_MOST); i < n; i++) {
        enum pii_kind kind = spans[i].kind;
        if (!seen[kind] && count(&p->stats->personal, personal_kinds[kind], s) < 0) return -1;
        seen[kind] = true;
    }
    return 0;
}

static int take_text(struct pass *p, const struct seen *s)
{
    struct stats *stats = p->stats;
    uint64_t chars, words;
    char room[9];
    measure_text(s->text, &chars, &words);
    if (bins_add(&stats->chars, (double)chars, class_of(s)) < 0 || bins_add(&stats->words, (double)words, class_of(s)) < 0) return -1;
    if (s->text.n == 0) stats->texts_empty++;
    else if (count_hashed(&stats->captions, s->text, s->text_hash, s) < 0) return -1;
    if (groups_add(&stats->texts, s->text_hash) < 0 || take_personal_data(p, s) < 0) return -1;
    if (p->at[AT_TEXT_SOURCE] != SIZE_MAX && count(&stats->text_sources, cell(p, s->row, AT_TEXT_SOURCE), s) < 0) return -1;
    if (p->at[AT_PAGE_LANG] == SIZE_MAX) return 0;
    return count(&stats->languages, language_of(cell(p, s->row, AT_PAGE_LANG), room), s);
}

/* ---- hosts */

/* The host of a normalised URL, and what kind it is; empty when there is none. */
static struct str host_of(struct str url, enum url_host_kind *kind)
{
    size_t at = str_find(url, STR("://"));
    if (at == SIZE_MAX) return STR("");
    struct str rest = str_from_at(url, at + 3);
    size_t n = 0, from = 0;
    for (; n < rest.n && rest.p[n] != '/' && rest.p[n] != '?' && rest.p[n] != '#'; n++)
        if (rest.p[n] == '@') from = n + 1;
    struct str host = str_of(rest.p + from, n - from);
    if (host.n && host.p[0] == '[') {
        *kind = URL_IPV6;
        size_t end = str_find(host, STR("]"));
        return end == SIZE_MAX ? STR("") : str_of(host.p, end + 1);
    }
    for (size_t i = host.n; i-- > 0;)
        if (host.p[i] == ':') host.n = i;
    *kind = host.n && ascii_is_digit(host.p[host.n - 1]) ? URL_IPV4 : URL_DOMAIN; /* a domain that ends in a digit parses as an address */
    return host;
}

static struct str domain_of(struct pass *p, struct str host, uint64_t hash, enum url_host_kind kind)
{
    struct domain_cached *cached = &p->domains[hash % DOMAIN_CACHE];
    if (cached->hash != hash || (size_t)cached->at + cached->n > host.n) {
        struct str domain = url_registrable_domain(host, kind);
        *cached = (struct domain_cached){hash, (uint32_t)(domain.p - host.p), (uint32_t)domain.n};
    }
    return str_of(host.p + cached->at, cached->n);
}

static int take_hosts(struct pass *p, const struct seen *s)
{
    struct stats *stats = p->stats;
    if (groups_add(&stats->urls, s->same) < 0) return -1;
    if (s->host.n && (count_hashed(&stats->hosts, s->host, s->host_hash, s) < 0 || count_hashed(&stats->domains, s->domain, s->domain_hash, s) < 0)) return -1;
    return s->page_domain.n ? count_hashed(&stats->page_domains, s->page_domain, s->page_hash, s) : 0;
}

/* Where this row will be counted in the large tables: asked for early, since each is a miss in the caches. */
static void look_ahead(struct pass *p, struct seen *s)
{
    struct stats *stats = p->stats;
    enum url_host_kind kind = URL_DOMAIN;
    s->same = frequent_hash(s->url);
    groups_prefetch(&stats->urls, s->same);
    s->text_hash = frequent_hash(s->text);
    frequent_prefetch(&stats->captions, s->text_hash);
    groups_prefetch(&stats->texts, s->text_hash);
    s->host = host_of(s->url, &kind);
    s->host_hash = frequent_hash(s->host);
    frequent_prefetch(&stats->hosts, s->host_hash);
    if (s->host.n) s->domain = domain_of(p, s->host, s->host_hash, kind);
    s->domain_hash = frequent_hash(s->domain);
    frequent_prefetch(&stats->domains, s->domain_hash);
    struct str page = p->at[AT_PAGE_URL] == SIZE_MAX ? STR_ABSENT : host_of(cell(p, s->row, AT_PAGE_URL), &kind);
    if (page.n) s->page_domain = domain_of(p, page, frequent_hash(page), kind);
    s->page_hash = frequent_hash(s->page_domain);
    frequent_prefetch(&stats->page_domains, s->page_hash);
}

/* ---- pictures */

static size_t map_cell(const struct stats *s, uint64_t side)
{
    double v = (double)side;
    int i = (int)(log2(fmax(v, 1) / s->map_edges[0]) * MAP_PER_OCTAVE);
    if (i < 0) i = 0;
    if (i >= MAP_SIDE) i = MAP_SIDE - 1;
    while (i + 1 < MAP_SIDE && v >= s->map_edges[i + 1]) i++;
    while (i > 0 && v < s->map_edges[i]) i--;
    return (size_t)i;
}

static size_t add_digits(char *to, uint64_t n)
{
    char digits[20];
    size_t count = 0;
    do digits[count++] = (char)('0' + n % 10);
    while (n /= 10);
    for (size_t i = 0; i < count; i++) to[i] = digits[count - 1 - i];
    return count;
}

/* "640x480" */
static struct str size_text(uint64_t width, uint64_t height, char room[48])
{
    size_t n = add_digits(room, width);
    room[n++] = 'x';
    return str_of(room, n + add_digits(room + n, height));
}

static int take_picture(struct pass *p, const struct seen *s)
{
    struct stats *stats = p->stats;
    uint64_t width = s->width, height, bytes;
    stats->pictures++;
    stats->pictures_kept += s->kept;
    if (cell_u64(p, s->row, AT_BYTES, &bytes)) {
        stats->picture_bytes += bytes;
        stats->picture_bytes_kept += s->kept ? bytes : 0;
        if (bins_add(&stats->bytes, (double)bytes, class_of(s)) < 0) return -1;
    }
    if (p->at[AT_FORMAT] != SIZE_MAX && count(&stats->formats, cell(p, s->row, AT_FORMAT), s) < 0) return -1;
    if (!cell_u64(p, s->row, AT_HEIGHT, &height) || !height) return 0;
    char room[48];
    const char *const filter = s->by ? s->by->rule->filter : NULL;
    unsigned fate = s->kept ? MAP_KEPT : filter && strncmp(filter, "image.", 6) == 0 ? MAP_PICTURE : MAP_OTHER;
    stats->map[map_cell(stats, width)][map_cell(stats, height)][fate]++;
    if (count(&stats->sizes, size_text(width, height, room), s) < 0) return -1;
    if (bins_add(&stats->short_side, (double)(width < height ? width : height), class_of(s)) < 0) return -1;
    return bins_add(&stats->aspect, (double)width / (double)height, class_of(s));
}

static int take_scores(struct pass *p, struct seen *s)
{
    for (size_t i = 0; i < p->score_count; i++) {
        double value;
        if (row_double(s->row, p->scores[i].column, &value) < 0 || !isfinite(value)) continue;
        if (p->scores[i].unsafe) s->unsafe = fmax(s->unsafe, value);
        if (bins_add(&p->stats->scores[p->scores[i].score].bins, value, class_of(s)) < 0) return -1;
    }
    return 0;
}

static int take_labels(struct pass *p, const struct seen *s)
{
    for (size_t i = 0; i < p->label_count; i++) {
        struct str label = row_text(s->row, p->labels[i].column, &p->scratch);
        if (!label.n) continue;
        struct stats_label *to = &p->stats->labels[p->labels[i].label];
        to->rows++;
        if (count(&to->values, label, s) < 0) return -1;
    }
    return 0;
}

/* ---- how it ended */

static int fill(struct pass *p, struct example *x, const struct seen *s)
{
    if (!x) return 0;
    x->step = s->end;
    x->unsafe = s->unsafe;
    return example_fill(x, &p->example, s->row, &p->scratch);
}

static int take_duplicate(struct pass *p, const struct seen *s, const struct stats_rule *rule)
{
    for (size_t i = 0; i < p->stats->duplicate_count; i++) {
        struct stats_duplicates *d = &p->stats->duplicates[i];
        if (d->rule != rule->rule) continue;
        struct str stays = cell(p, s->row, AT_MEASURED);
        if (groups_add(&d->groups, hash_xxh3_128(stays, 0).low) < 0) return -1;
        return s->text.n ? count(&d->largest, s->text, s) : 0;
    }
    return 0;
}

static void add_mentions(uint64_t counts[MENTION_KINDS], unsigned mentions)
{
    for (unsigned kind = 0; kind < MENTION_KINDS; kind++) counts[kind] += mentions >> kind & 1;
}

static int take_end(struct pass *p, const struct seen *s)
{
    struct stats *stats = p->stats;
    unsigned mentions = mentions_of(&stats->mentions, s->text);
    add_mentions(s->kept ? stats->mentioning_kept : stats->mentioning_ended[s->end], mentions);
    if (s->kept) {
        stats->kept++;
        return fill(p, examples_offer(&stats->kept_examples, 0, s->hash, s->same), s);
    }
    stats->ended[s->end]++;
    if (!s->by) return 0;
    s->by->rows++;
    add_mentions(s->by->mentioning, mentions);
    if (take_duplicate(p, s, s->by) < 0) return -1;
    return fill(p, examples_offer(&s->by->examples, 0, s->hash, s->same), s);
}

/* The answers of servers: of pictures that came, and of fetch's own dropped rows, which name them in their rule. */
static int take_status(struct pass *p, const struct seen *s)
{
    struct str status = cell(p, s->row, AT_HTTP_STATUS);
    return s->got && status.n ? count(&p->stats->http, status, s) : 0;
}

static struct stats_rule *rule_of(struct pass *p, const struct seen *s)
{
    struct stats *stats = p->stats;
    for (size_t k = 0; k < stats->rule_count; k++) {
        size_t i = (p->rule_hint + k) % stats->rule_count;
        if (stats->rules[i].step != s->end || !str_eq(s->rule, str_from(stats->rules[i].rule->name))) continue;
        p->rule_hint = i;
        return &stats->rules[i];
    }
    return NULL;
}

int pass_row(struct pass *p, const struct row *row, size_t step)
{
    struct stats *stats = p->stats;
    arena_reset(&p->scratch);
    bool kept = step == SIZE_MAX;
    struct seen s = {.row = row, .end = step, .kept = kept, .rule = cell(p, row, AT_RULE), .also = cell(p, row, AT_ALSO),
                     .url = cell(p, row, AT_URL), .text = cell(p, row, AT_TEXT)};
    s.asked = stats->fetch_step != SIZE_MAX && (kept ? stats->last_step >= stats->fetch_step : step >= stats->fetch_step);
    s.got = cell_u64(p, row, AT_WIDTH, &s.width) && s.width > 0;
    s.hash = hash_xxh3_128(cell(p, row, AT_ID), 0).low;
    s.by = kept ? NULL : rule_of(p, &s);
    look_ahead(p, &s);
    stats->rows++;
    if (take_scores(p, &s) < 0 || take_labels(p, &s) < 0) return -1;
    struct limits_row l = {row, &p->example, s.end, s.rule, s.also, s.hash, s.same, s.unsafe};
    if (limits_row(&stats->limits, &l, &p->scratch) < 0) return -1;
    if (s.got && (take_picture(p, &s) < 0 || take_status(p, &s) < 0)) return -1;
    return take_text(p, &s) < 0 || take_hosts(p, &s) < 0 ? -1 : take_end(p, &s);
}

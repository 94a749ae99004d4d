/* One pass over the lines keeps two candidates: rules of groups for this crawler and rules of groups for everybody. At the
 * end one of them is thrown away, and the other is sorted so that the first pattern that matches decides. */
#include "crawl/robots/robots.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>

enum { RULES_FIRST = 16 }; /* room at first: a power of two */
enum { OWN, EVERYBODY, AUDIENCES };
enum key { KEY_OTHER, KEY_AGENT, KEY_ALLOW, KEY_DISALLOW, KEY_DELAY };

struct audience {
    struct robots robots;
    bool seen;      /* some group is for them */
    bool listening; /* the group at hand is for them */
};

struct parse {
    struct audience audience[AUDIENCES];
    struct str agent;
    bool in_rules; /* a rule has come since the last User-agent line: the next one begins a new group */
};

/* ---- lines */

/* Names as they are, and as they are often misspelt. */
static enum key key_of(struct str name)
{
    static const struct {
        const char *name;
        enum key key;
    } names[] = {
        {"user-agent", KEY_AGENT},   {"useragent", KEY_AGENT},    {"user agent", KEY_AGENT},  {"allow", KEY_ALLOW},
        {"disallow", KEY_DISALLOW},  {"dissallow", KEY_DISALLOW}, {"dissalow", KEY_DISALLOW}, {"disalow", KEY_DISALLOW},
        {"diasllow", KEY_DISALLOW},  {"disallaw", KEY_DISALLOW},  {"crawl-delay", KEY_DELAY}, {"crawldelay", KEY_DELAY},
        {"crawl delay", KEY_DELAY},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq_nocase(name, str_from(names[i].name))) return names[i].key;
    return KEY_OTHER;
}

/* "key: value", or "key value" where neither holds white space. */
static bool split_line(struct str line, struct str *key, struct str *value)
{
    line = str_trim(str_cut(&line, '#'));
    const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
    if (colon) {
        *key = str_trim(str_of(line.p, (size_t)(colon - line.p)));
        *value = str_trim(str_from_at(line, (size_t)(colon - line.p) + 1));
        return key->n > 0;
    }
    size_t n = 0;
    while (n < line.n && !ascii_is_space(line.p[n])) n++;
    *key = str_of(line.p, n);
    *value = str_trim(str_from_at(line, n));
    for (size_t i = 0; i < value->n; i++)
        if (ascii_is_space(value->p[i])) return false;
    return key->n > 0 && value->n > 0;
}

static struct str next_line(struct str *rest)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r') n++;
    struct str line = str_of(rest->p, n < ROBOTS_LINE_MAX ? n : ROBOTS_LINE_MAX);
    *rest = str_from_at(*rest, n + 1); /* of a CRLF an empty line is left */
    return line;
}

/* ---- groups and rules */

static bool speaks_to_all(struct str value) { return value.n && value.p[0] == '*' && (value.n == 1 || ascii_is_space(value.p[1])); }

/* The product token: letters, "-" and "_" up to the first other byte, so that "Foo/1.2" and "Foo Bar" speak to Foo. */
static struct str product_token(struct str value)
{
    size_t n = 0;
    while (n < value.n && (ascii_is_alpha(value.p[n]) || value.p[n] == '-' || value.p[n] == '_')) n++;
    return str_of(value.p, n);
}

static void take_agent(struct parse *p, struct str value)
{
    if (p->in_rules) p->audience[OWN].listening = p->audience[EVERYBODY].listening = p->in_rules = false;
    struct str token = product_token(value);
    struct audience *a = speaks_to_all(value) ? &p->audience[EVERYBODY]
                         : token.n && str_eq_nocase(token, p->agent) ? &p->audience[OWN] : NULL;
    if (a) a->seen = a->listening = true;
}

/* Not ASCII: as URLs have it. */
static int add_escaped(struct buf *out, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
    return buf_add(out, str_of(escape, 3));
}

static char upper_hex(char c) { return c >= 'a' && c <= 'f' ? (char)(c - 32) : c; }

/* Appends a pattern or path in the form in which they are compared: escapes in capitals; of a pattern (`escape`) also what
 * is not ASCII as escapes. */
static int add_normal(struct buf *out, struct str s, bool escape)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && i + 2 < s.n && ascii_hex(s.p[i + 1]) >= 0 && ascii_hex(s.p[i + 2]) >= 0) {
            char capitals[3] = {'%', upper_hex(s.p[i + 1]), upper_hex(s.p[i + 2])};
            if (buf_add(out, str_of(capitals, 3)) < 0) return -1;
            i += 2;
        } else {
            bool raw = !escape || (unsigned char)s.p[i] < 0x80;
            if ((raw ? buf_byte(out, s.p[i]) : add_escaped(out, (unsigned char)s.p[i])) < 0) return -1;
        }
    }
    return 0;
}

int robots_add(struct robots *r, struct str value, bool allow)
{
    if (r->count == 0 || (r->count >= RULES_FIRST && (r->count & (r->count - 1)) == 0)) { /* full: room doubles */
        size_t room = r->count ? r->count * 2 : (size_t)RULES_FIRST;
        struct robots_rule *larger = realloc(r->rules, room * sizeof *larger);
        if (!larger) return fail_memory();
        r->rules = larger;
    }
    size_t at = r->patterns.n;
    if (add_normal(&r->patterns, value, true) < 0) return -1;
    struct str pattern = str_from_at(buf_str(&r->patterns), at);
    bool wild = pattern.n && (memchr(pattern.p, '*', pattern.n) || pattern.p[pattern.n - 1] == '$');
    r->rules[r->count++] = (struct robots_rule){(uint32_t)at, (uint32_t)pattern.n, allow, wild};
    r->wild_count += wild;
    return 0;
}

/* Google's extension, which site owners rely on: "Allow: /dir/index.html" allows "/dir/" too. */
static int add_index_page(struct audience *a, struct str value)
{
    size_t slash = value.n;
    while (slash && value.p[slash - 1] != '/') slash--;
    if (!slash || !str_starts(str_from_at(value, slash), STR("index.htm"))) return 0;
    char folder[ROBOTS_LINE_MAX + 1];
    memcpy(folder, value.p, slash);
    folder[slash] = '$';
    return robots_add(&a->robots, str_of(folder, slash + 1), true);
}

static int take_rule(struct parse *p, struct str value, bool allow)
{
    p->in_rules = true;
    for (int i = 0; i < AUDIENCES && value.n; i++) {
        struct audience *a = &p->audience[i];
        if (!a->listening) continue;
        if (robots_add(&a->robots, value, allow) < 0 || (allow && add_index_page(a, value) < 0)) return -1;
    }
    return 0;
}

static void take_delay(struct parse *p, struct str value)
{
    double seconds;
    p->in_rules = true;
    if (str_to_double(value, &seconds) < 0 || seconds < 0) return;
    if (seconds > 86400) seconds = 86400;
    for (int i = 0; i < AUDIENCES; i++)
        if (p->audience[i].listening) p->audience[i].robots.crawl_delay_ms = (int64_t)(seconds * 1000);
}

static int take_line(struct parse *p, struct str line)
{
    struct str name, value;
    if (!split_line(line, &name, &value)) return 0;
    enum key key = key_of(name);
    if (key == KEY_AGENT) take_agent(p, value);
    if (key == KEY_DELAY) take_delay(p, value);
    return key == KEY_ALLOW || key == KEY_DISALLOW ? take_rule(p, value, key == KEY_ALLOW) : 0;
}

/* ---- the result */

static int compare_rules(const void *a, const void *b)
{
    const struct robots_rule *x = a, *y = b;
    if (x->n != y->n) return x->n > y->n ? -1 : 1;
    return x->allow != y->allow ? (x->allow ? -1 : 1) : 0;
}

static void finish(struct robots *r)
{
    if (r->count) qsort(r->rules, r->count, sizeof *r->rules, compare_rules);
}

void robots_init(struct robots *robots)
{
    *robots = (struct robots){.crawl_delay_ms = -1};
    buf_init(&robots->patterns, 6 * ROBOTS_BYTES_MAX); /* escapes triple, index pages double */
}

int robots_parse(struct robots *robots, struct str bytes, struct str agent)
{
    struct parse p = {.agent = agent};
    for (int i = 0; i < AUDIENCES; i++) robots_init(&p.audience[i].robots);
    if (bytes.n > ROBOTS_BYTES_MAX) bytes.n = ROBOTS_BYTES_MAX;
    if (str_starts(bytes, STR("\xEF\xBB\xBF"))) bytes = str_from_at(bytes, 3);
    int result = 0;
    while (bytes.n && result == 0) result = take_line(&p, next_line(&bytes));
    int chosen = p.audience[OWN].seen ? OWN : EVERYBODY;
    *robots = p.audience[chosen].robots;
    robots_free(&p.audience[!chosen].robots);
    if (result < 0) robots_free(robots);
    else finish(robots);
    return result;
}

void robots_free(struct robots *robots)
{
    buf_free(&robots->patterns);
    free(robots->rules);
    *robots = (struct robots){.crawl_delay_ms = -1};
}

size_t robots_memory(const struct robots *robots) { return robots->patterns.room + robots->count * sizeof *robots->rules; }

/* ---- matching */

/* Leftmost places for the parts between stars are enough: whatever a later place would allow, an earlier one does too. */
static bool wild_match(struct str pattern, struct str path)
{
    bool anchored = pattern.n && pattern.p[pattern.n - 1] == '$';
    if (anchored) pattern.n--;
    struct str part = str_cut(&pattern, '*');
    if (!str_starts(path, part)) return false;
    if (!pattern.p) return !anchored || path.n == part.n;
    path = str_from_at(path, part.n);
    while (pattern.p) {
        part = str_cut(&pattern, '*');
        if (!pattern.p && anchored) return str_ends(path, part);
        size_t at = str_find(path, part);
        if (at == SIZE_MAX) return false;
        path = str_from_at(path, at + part.n);
    }
    return true;
}

static bool decide(const struct robots *robots, struct str path)
{
    if (robots->wild_count && path.n > ROBOTS_WORK_MAX / robots->wild_count) return false;
    for (size_t i = 0; i < robots->count; i++) {
        const struct robots_rule *rule = &robots->rules[i];
        struct str pattern = str_of(robots->patterns.p + rule->at, rule->n);
        if (rule->wild ? wild_match(pattern, path) : str_starts(path, pattern)) return rule->allow;
    }
    return true;
}

bool robots_allows(const struct robots *robots, struct str target)
{
    if (!robots->count) return true;
    bool normal = true; /* as nearly all are */
    for (size_t i = 0; i < target.n && normal; i++) normal = target.p[i] != '%';
    if (normal) return decide(robots, target);
    struct buf path;
    buf_init(&path, SIZE_MAX / 4);
    bool allowed = add_normal(&path, target, false) == 0 && decide(robots, buf_str(&path)); /* no memory: better not */
    buf_free(&path);
    return allowed;
}

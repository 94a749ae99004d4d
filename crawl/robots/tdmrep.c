/* Locations become rules of robots.h, in the file's order; paths and locations are brought into one form before. */
#include "crawl/robots/tdmrep.h"

#include "pipeline/base/fail.h"

#include <jansson.h>

static bool is_unreserved(char c) { return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

/* Appends with escapes of unreserved characters undone; the bytes of `literal` become escapes, since bare they are wildcards. */
static int add_normal(struct buf *out, struct str s, const char *literal)
{
    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? ascii_hex(s.p[i + 1]) : -1, low = high < 0 ? -1 : ascii_hex(s.p[i + 2]);
        char c = (char)(low < 0 ? s.p[i] : high << 4 | low);
        int result = low >= 0 && !is_unreserved(c)   ? buf_add(out, str_of(s.p + i, 3))
                     : low < 0 && strchr(literal, c) ? buf_printf(out, "%%%02X", (unsigned)(unsigned char)c)
                                                     : buf_byte(out, c);
        if (result < 0) return -1;
        if (low >= 0) i += 2;
    }
    return 0;
}

/* Without scheme and host, and with the slash that begins a path. */
static int add_location(struct buf *out, struct str location)
{
    size_t host = str_find(location, STR("://"));
    if (host != SIZE_MAX) {
        location = str_from_at(location, host + 3);
        const char *slash = memchr(location.p, '/', location.n);
        location = slash ? str_from_at(location, (size_t)(slash - location.p)) : STR("/");
    }
    if (location.n && location.p[0] != '/' && location.p[0] != '*' && buf_byte(out, '/') < 0) return -1;
    bool ends = str_ends(location, STR("$"));
    location.n -= ends;
    return add_normal(out, location, "$") < 0 || (ends && buf_byte(out, '$') < 0) ? -1 : 0;
}

static bool is_reserved(const json_t *value)
{
    return json_is_true(value) || (json_is_integer(value) && json_integer_value(value) == 1) ||
           (json_is_string(value) && strcmp(json_string_value(value), "1") == 0);
}

static int add_rule(struct robots *rules, const json_t *object, struct buf *room)
{
    const json_t *location = json_object_get(object, "location");
    struct str text = json_is_string(location) ? str_trim(str_of(json_string_value(location), json_string_length(location))) : STR_ABSENT;
    buf_clear(room);
    if (!text.n || text.n > ROBOTS_LINE_MAX) return 0;
    return add_location(room, text) < 0 ? -1 : robots_add(rules, buf_str(room), !is_reserved(json_object_get(object, "tdm-reservation")));
}

int tdmrep_parse(struct robots *rules, struct str bytes)
{
    if (str_starts(bytes, STR("\xEF\xBB\xBF"))) bytes = str_from_at(bytes, 3);
    robots_init(rules);
    json_t *document = bytes.n && bytes.n <= TDMREP_BYTES_MAX ? json_loadb(bytes.p, bytes.n, 0, NULL) : NULL, *one;
    struct buf room;
    buf_init(&room, 4 * ROBOTS_LINE_MAX);
    size_t i;
    int result = json_is_object(document) ? add_rule(rules, document, &room) : 0;
    json_array_foreach(document, i, one)
        if (result == 0) result = add_rule(rules, one, &room);
    buf_free(&room);
    json_decref(document);
    if (result < 0) robots_free(rules);
    return result;
}

bool tdmrep_reserves(const struct robots *rules, struct str target)
{
    if (!rules->count) return false;
    struct buf path;
    buf_init(&path, SIZE_MAX / 4);
    bool reserved = add_normal(&path, target, "$*") < 0 || !robots_allows(rules, buf_str(&path)); /* no memory: better not */
    buf_free(&path);
    return reserved;
}

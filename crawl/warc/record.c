/* A head is read in one walk over its lines. Only a dozen fields matter to any reader, so the walk compares each name with
 * those of its length instead of building a table.
 */
#include "crawl/warc/record.h"

#include "pipeline/base/fail.h"

size_t warc_newlines(struct str s)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] == '\n' || s.p[n] == '\r')) n++;
    return n;
}

enum warc_head_status warc_head_find(struct str bytes, size_t *at, size_t *size, const char **why)
{
    while (*at < bytes.n) {
        struct str line = str_from_at(bytes, *at);
        const char *end = memchr(line.p, '\n', line.n);
        size_t n = end ? (size_t)(end - line.p) + 1 : line.n;
        *why = "a head line longer than 1 MiB";
        if (n > WARC_LINE_BYTES_MAX) return WARC_HEAD_BAD;
        *why = "a head longer than 4 MiB";
        if (*at + n > WARC_HEAD_BYTES_MAX) return WARC_HEAD_BAD;
        if (!end) return WARC_HEAD_MORE;
        *at += n;
        if (n == 1 || (n == 2 && line.p[0] == '\r')) {
            *size = *at;
            return WARC_HEAD_WHOLE;
        }
    }
    return WARC_HEAD_MORE;
}

/* "WARC/1.0": the bytes of the version at the start of s, 0 when there is none, SIZE_MAX when s is too short to say. */
static size_t version_size(struct str s)
{
    const struct str name = STR("WARC/");
    for (size_t i = 0; i < name.n; i++) {
        if (i == s.n) return SIZE_MAX;
        if (s.p[i] != name.p[i]) return 0;
    }
    size_t n = name.n, dots = 0, digits = 0;
    for (; n < s.n && n < 16; n++) {
        if (ascii_is_digit(s.p[n])) digits++;
        else if (s.p[n] == '.' && digits && !dots) dots = digits, digits = 0;
        else break;
    }
    if (n == s.n && n < 16) return SIZE_MAX;
    return dots && digits ? n : 0;
}

int warc_head_plausible(struct str bytes)
{
    size_t n = version_size(bytes);
    if (n == SIZE_MAX) return -1;
    if (!n) return 0;
    if (n < bytes.n && bytes.p[n] == '\r') n++;
    if (n == bytes.n) return -1;
    if (bytes.p[n++] != '\n') return 0;
    for (size_t start = n; n < WARC_PLAUSIBLE_BYTES; n++) {
        if (n == bytes.n) return -1;
        char c = bytes.p[n];
        if (c == ':') return n > start;
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != '_') return 0;
    }
    return 0;
}

static enum warc_type type_of(struct str name)
{
    static const struct {
        struct str name;
        enum warc_type type;
    } types[] = {
        {{"response", 8}, WARC_TYPE_RESPONSE},     {{"request", 7}, WARC_TYPE_REQUEST},
        {{"metadata", 8}, WARC_TYPE_METADATA},     {{"warcinfo", 8}, WARC_TYPE_WARCINFO},
        {{"resource", 8}, WARC_TYPE_RESOURCE},     {{"revisit", 7}, WARC_TYPE_REVISIT},
        {{"conversion", 10}, WARC_TYPE_CONVERSION}, {{"continuation", 12}, WARC_TYPE_CONTINUATION},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_eq_nocase(name, types[i].name)) return types[i].type;
    return WARC_TYPE_UNKNOWN;
}

/* Where the value of a field goes; NULL for fields that nobody here reads. */
static struct str *slot_of(struct warc_record *r, struct str name)
{
    switch (name.n) {
    case 9: return str_eq_nocase(name, STR("WARC-Type")) ? &r->type_name
                 : str_eq_nocase(name, STR("WARC-Date")) ? &r->date : NULL;
    case 12: return str_eq_nocase(name, STR("Content-Type")) ? &r->content_type : NULL;
    case 14: return str_eq_nocase(name, STR("WARC-Record-ID")) ? &r->record_id
                  : str_eq_nocase(name, STR("WARC-Truncated")) ? &r->truncated
                  : str_eq_nocase(name, STR("WARC-Refers-To")) ? &r->refers_to : NULL;
    case 15: return str_eq_nocase(name, STR("WARC-Target-URI")) ? &r->uri : NULL;
    case 18: return str_eq_nocase(name, STR("WARC-Concurrent-To")) ? &r->concurrent_to : NULL;
    case 28: return str_eq_nocase(name, STR("WARC-Identified-Payload-Type")) ? &r->payload_type : NULL;
    default: return NULL;
    }
}

/* A value that is absent in `slot_of`'s sense has p == NULL; an empty one points at its place. */
static void set_field(struct warc_record *r, struct str name, struct str value, struct str *length)
{
    struct str *slot = name.n == 14 && str_eq_nocase(name, STR("Content-Length")) ? length : slot_of(r, name);
    if (!slot) return;
    if (slot->p) r->oddities |= WARC_FIELD_TWICE;
    if (slot == length && length->p) return;
    *slot = value;
}

/* Cuts one field with its continuation lines off `rest`; false at the blank line. */
static bool next_field(struct warc_record *r, struct str *rest, struct str *name, struct str *value)
{
    struct str line = str_cut(rest, '\n');
    if (!str_ends(line, STR("\r"))) r->oddities |= WARC_BARE_LF;
    while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t')) {
        r->oddities |= WARC_FIELD_FOLDED;
        struct str more = str_cut(rest, '\n');
        line.n = (size_t)(more.p + more.n - line.p);
    }
    if (!str_trim(line).n) return false;
    const char *colon = memchr(line.p, ':', line.n);
    if (!colon) {
        r->oddities |= WARC_LINE_NO_COLON;
        *name = *value = STR_ABSENT;
        return true;
    }
    *name = str_trim(str_of(line.p, (size_t)(colon - line.p)));
    *value = str_trim(str_from_at(line, (size_t)(colon - line.p) + 1));
    return true;
}

static void note_uri(struct warc_record *r)
{
    struct str uri = r->uri;
    if (uri.n >= 2 && uri.p[0] == '<' && uri.p[uri.n - 1] == '>') r->oddities |= WARC_URI_BRACKETS;
    for (size_t i = 0; i < uri.n; i++)
        if ((unsigned char)uri.p[i] <= ' ') r->oddities |= WARC_URI_SPACES;
}

int warc_head_parse(struct warc_record *r, struct str head, const char **why)
{
    *r = (struct warc_record){.head = head};
    size_t n = version_size(head);
    *why = "no version after WARC/";
    if (n == 0 || n == SIZE_MAX) return -1;
    r->version = str_of(head.p, n);
    if (!str_eq(r->version, STR("WARC/1.0")) && !str_eq(r->version, STR("WARC/1.1"))) r->oddities |= WARC_VERSION;

    struct str rest = head, name, value, length = STR_ABSENT;
    if (!str_ends(str_cut(&rest, '\n'), STR("\r"))) r->oddities |= WARC_BARE_LF;
    while (rest.p && next_field(r, &rest, &name, &value)) set_field(r, name, value, &length);
    r->type = type_of(r->type_name);
    if (!r->type_name.p) r->oddities |= WARC_NO_TYPE;
    if (r->truncated.n) r->oddities |= WARC_TRUNCATED;
    note_uri(r);
    *why = length.p ? "a Content-Length that is not a plain number below 2^63" : "no Content-Length";
    return length.p && str_to_u64(length, &r->length) == 0 && r->length < (uint64_t)1 << 63 ? 0 : -1;
}

struct str warc_uri(const struct warc_record *record, struct buf *scratch)
{
    struct str uri = record->uri;
    if (record->oddities & WARC_URI_BRACKETS) uri = str_of(uri.p + 1, uri.n - 2);
    if (!(record->oddities & WARC_URI_SPACES)) return uri;
    buf_clear(scratch);
    uri = str_trim(uri);
    for (size_t i = 0; i < uri.n; i++) {
        if (uri.p[i] == '\r' || uri.p[i] == '\n') { /* a fold: its white space is part of it */
            while (i + 1 < uri.n && ascii_is_space(uri.p[i + 1])) i++;
            continue;
        }
        if (buf_add(scratch, uri.p[i] == ' ' ? STR("%20") : str_of(uri.p + i, 1)) < 0) return STR_ABSENT;
    }
    return buf_str(scratch);
}

const char *warc_oddity_name(unsigned bit)
{
    static const char *const names[] = {
#define WARC_ODDITY_NAME(name, text) text,
        WARC_ODDITIES(WARC_ODDITY_NAME)
#undef WARC_ODDITY_NAME
    };
    return bit < WARC_ODDITY_COUNT ? names[bit] : "";
}

struct str warc_block_field(struct str block, struct str name)
{
    while (block.p && block.n) {
        struct str line = str_cut(&block, '\n');
        if (line.n > name.n && line.p[name.n] == ':' && str_starts_nocase(line, name))
            return str_trim(str_from_at(line, name.n + 1));
    }
    return STR_ABSENT;
}

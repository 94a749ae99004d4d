#include "crawl/http/message.h"

/* "HTTP/1.1 200 OK": the protocol's name may be any token that begins so; the code is three digits. */
static int parse_status_line(struct http_head *head, struct str line)
{
    line = str_trim(line);
    struct str rest = line;
    if (str_starts_nocase(line, STR("HTTP")) || str_starts_nocase(line, STR("ICY"))) {
        size_t n = 0;
        while (n < line.n && !ascii_is_space(line.p[n])) n++;
        head->version = str_of(line.p, n);
        rest = str_trim(str_from_at(line, n));
    }
    unsigned status = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i >= rest.n || !ascii_is_digit(rest.p[i])) return -1;
        status = status * 10 + (unsigned)(rest.p[i] - '0');
    }
    if (status < 100 || (rest.n > 3 && !ascii_is_space(rest.p[3]))) return -1;
    head->status = status;
    return 0;
}

bool http_next_field(struct str *rest, struct str *name, struct str *value)
{
    while (rest->n) {
        struct str line = str_cut(rest, '\n');
        while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t')) { /* obs-fold, RFC 9112 §5.2 */
            struct str more = str_cut(rest, '\n');
            line.n = (size_t)(more.p + more.n - line.p);
        }
        const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
        if (!colon) continue;
        *name = str_trim(str_of(line.p, (size_t)(colon - line.p)));
        *value = str_trim(str_from_at(line, (size_t)(colon - line.p) + 1));
        if (name->n) return true;
    }
    return false;
}

bool http_next_element(struct str *rest, struct str *element)
{
    while (rest->n) {
        *element = str_trim(str_cut(rest, ','));
        if (element->n) return true;
    }
    return false;
}

static void add_value(struct http_values *values, struct str value)
{
    if (values->count < HTTP_REPEATS_MAX) values->value[values->count++] = value;
}

static void note_field(struct http_head *head, struct str name, struct str value)
{
    struct str *first = NULL;
    switch (name.n) {
    case 8:
        if (str_eq_nocase(name, STR("Location"))) first = &head->location;
        break;
    case 12:
        if (str_eq_nocase(name, STR("Content-Type"))) add_value(&head->content_type, value);
        else if (str_eq_nocase(name, STR("X-Robots-Tag"))) add_value(&head->robots, value);
        break;
    case 13:
        if (str_eq_nocase(name, STR("Last-Modified"))) first = &head->last_modified;
        break;
    case 15:
        if (str_eq_nocase(name, STR("tdm-reservation"))) first = &head->tdm_reservation;
        break;
    case 16:
        if (str_eq_nocase(name, STR("Content-Encoding"))) add_value(&head->content_encoding, value);
        else if (str_eq_nocase(name, STR("Content-Language"))) first = &head->content_language;
        break;
    case 17:
        if (str_eq_nocase(name, STR("Transfer-Encoding"))) add_value(&head->transfer_encoding, value);
        break;
    default: break;
    }
    if (first && !first->p) *first = value;
}

/* Where the body begins: behind the first empty line. *fields_end: where that line begins. */
static size_t head_size(struct str block, size_t from, size_t *fields_end)
{
    struct str rest = str_from_at(block, from);
    while (rest.n) {
        struct str line = str_cut(&rest, '\n');
        if (line.n > 1 || (line.n == 1 && line.p[0] != '\r')) continue;
        *fields_end = (size_t)(line.p - block.p);
        return rest.p ? (size_t)(rest.p - block.p) : block.n;
    }
    return *fields_end = block.n;
}

int http_head_parse(struct http_head *head, struct str block)
{
    *head = (struct http_head){.status = 0};
    size_t start = 0; /* blank lines before the status line, RFC 9112 §2.2 */
    while (start < block.n && (block.p[start] == '\r' || block.p[start] == '\n')) start++;
    struct str rest = str_from_at(block, start);
    if (parse_status_line(head, str_cut(&rest, '\n')) < 0) return -1;
    size_t fields = rest.p ? (size_t)(rest.p - block.p) : block.n, end;
    head->size = head_size(block, fields, &end);
    head->fields = str_of(block.p + fields, end - fields);
    struct str left = head->fields, name, value;
    while (http_next_field(&left, &name, &value)) note_field(head, name, value);
    return 0;
}

/* The body of every set of kernels. The including file defines
 *     KERNEL        attributes of each function (the target)
 *     BLOCK         bytes in a block, at most 32
 *     block         its type, with block_load(p), and block_is(b, c), block_at_most(b, c) giving a bit for each byte that
 *                   equals c, or is at most c (unsigned), the first byte in the lowest bit
 *     KERNELS_NAME, KERNELS   the name of the set and of the struct html_kernels that it fills
 *
 * A block is read only where all of it lies before `end`; what is left of the page goes byte by byte.
 */

static inline KERNEL size_t first(uint32_t bits) { return (size_t)__builtin_ctz(bits); }

/* bits of the bytes before `at`, and of those behind it; at < 32 */
static inline KERNEL uint32_t before(size_t at) { return (1u << at) - 1; }
static inline KERNEL uint32_t behind(size_t at) { return (uint32_t)~1u << at; }

static inline KERNEL const char *find_byte(const char *p, const char *end, char c)
{
    for (; end - p >= BLOCK; p += BLOCK) {
        uint32_t hits = block_is(block_load(p), c);
        if (hits) return p + first(hits);
    }
    while (p < end && *p != c) p++;
    return p;
}

static KERNEL const char *find_pair(const char *p, const char *limit, const char *end, char a, char b, char c)
{
    for (; p < limit && end - p >= BLOCK + 1; p += BLOCK) {
        block next = block_load(p + 1);
        uint32_t hits = block_is(block_load(p), a) & (block_is(next, b) | block_is(next, c));
        if (hits) {
            p += first(hits);
            return limit - p >= 2 ? p : limit;
        }
    }
    for (; limit - p >= 2; p++)
        if (*p == a && (p[1] == b || p[1] == c)) return p;
    return limit;
}

/* From the first byte of an attribute's name to behind it: to white space, `/`, `>` or `=`, which may be the first byte
 * only. */
static inline KERNEL const char *name_end(const char *p, const char *end)
{
    for (p++; end - p >= BLOCK; p += BLOCK) {
        block b = block_load(p);
        uint32_t hits = block_at_most(b, ' ') | block_is(b, '=') | block_is(b, '>') | block_is(b, '/');
        for (; hits; hits &= hits - 1) {
            const char *at = p + first(hits);
            if (*at > ' ' || html_is_space(*at)) return at; /* other controls belong to the name */
        }
    }
    while (p < end && !html_is_space(*p) && *p != '=' && *p != '>' && *p != '/') p++;
    return p;
}

static inline KERNEL const char *unquoted_end(const char *p, const char *end)
{
    for (; end - p >= BLOCK; p += BLOCK) {
        block b = block_load(p);
        uint32_t hits = block_at_most(b, ' ') | block_is(b, '>');
        for (; hits; hits &= hits - 1) {
            const char *at = p + first(hits);
            if (*at == '>' || html_is_space(*at)) return at;
        }
    }
    while (p < end && !html_is_space(*p) && *p != '>') p++;
    return p;
}

/* From behind `=`; the place behind the value, or NULL when the page ends in it. */
static inline KERNEL const char *read_value(const char *p, const char *end, struct str *value)
{
    while (p < end && html_is_space(*p)) p++;
    if (p == end) return NULL;
    if (*p == '"' || *p == '\'') {
        const char *close = find_byte(p + 1, end, *p);
        *value = str_of(p + 1, (size_t)(close - p - 1));
        return close == end ? NULL : close + 1;
    }
    const char *close = unquoted_end(p, end); /* at once for `a=>`, whose value is missing */
    *value = str_of(p, (size_t)(close - p));
    return close == end ? NULL : close;
}

static KERNEL enum html_tag_step next_attribute(const char **at, const char *end, struct html_attribute *out)
{
    const char *p = *at;
    for (; p < end; p++) {
        if (*p == '>') {
            *at = p + 1;
            return HTML_TAG_CLOSED;
        }
        if (*p == '/') {
            if (end - p < 2 || p[1] != '>') continue;
            *at = p + 2;
            return HTML_TAG_SELF_CLOSED;
        }
        if (!html_is_space(*p)) break;
    }
    *at = end;
    if (p == end) return HTML_TAG_CUT;
    const char *close = name_end(p, end);
    out->name = str_of(p, (size_t)(close - p));
    out->value = str_of(close, 0);
    for (p = close; p < end && html_is_space(*p);) p++;
    if (p == end) return HTML_TAG_CUT;
    if (*p == '=') {
        p = read_value(p + 1, end, &out->value);
        if (!p) return HTML_TAG_CUT;
    }
    *at = p;
    return HTML_TAG_ATTRIBUTE;
}

/* A quote opens a value only behind `=`, and `=` is that sign only behind a name. From a place between attributes, a
 * stretch without quotes, `>` and any `=` but its last byte, whose byte before is of a name, leads there for certain; all
 * else is left to next_attribute. */
static inline KERNEL enum html_tag_step skip_tag(const char **at, const char *end)
{
    const char *p = *at;
    struct html_attribute ignored;
    while (end - p >= BLOCK) {
        block b = block_load(p);
        uint32_t closes = block_is(b, '>'), equals = block_is(b, '=');
        uint32_t hits = closes | block_is(b, '"') | block_is(b, '\'');
        if (hits) {
            size_t hit = first(hits);
            equals &= before(hit);
            if (closes >> hit & 1) {
                bool slash = hit > 0 && p[hit - 1] == '/';
                if (!slash || !equals) { /* else it may be the end of a value without quotes */
                    *at = p + hit + 1;
                    return slash ? HTML_TAG_SELF_CLOSED : HTML_TAG_CLOSED;
                }
            } else if (hit >= 2 && equals == 1u << (hit - 1) && !html_is_space(p[hit - 2]) && p[hit - 2] != '/') {
                uint32_t same = block_is(b, p[hit]) & behind(hit);
                const char *close = same ? p + first(same) : find_byte(p + BLOCK, end, p[hit]);
                if (close == end) break;
                p = close + 1;
                continue;
            }
        }
        enum html_tag_step step = next_attribute(&p, end, &ignored);
        if (step != HTML_TAG_ATTRIBUTE) {
            *at = p;
            return step;
        }
    }
    enum html_tag_step step;
    do step = next_attribute(&p, end, &ignored);
    while (step == HTML_TAG_ATTRIBUTE);
    *at = p;
    return step;
}

/* Reads a tag's name from its first letter [HTML 13.2.5.8]: to white space, `/` or `>`. */
static inline KERNEL struct str tag_name(const char *p, const char *end)
{
    if (end - p >= BLOCK) {
        block b = block_load(p);
        uint32_t hits = block_at_most(b, ' ') | block_is(b, '>') | block_is(b, '/');
        if (hits) {
            const char *at = p + first(hits);
            if (*at > ' ' || html_is_space(*at)) return str_of(p, (size_t)(at - p)); /* other controls belong to the name */
        }
    }
    const char *start = p;
    while (p < end && !html_is_space(*p) && *p != '/' && *p != '>') p++;
    return str_of(start, (size_t)(p - start));
}

static inline KERNEL enum html_element element_of(struct str name, const char *end)
{
    if (end - name.p < 8) return html_element_of(name);
    uint64_t word = html_load8(name.p);
    if (name.n < 8) word &= ((uint64_t)1 << 8 * name.n) - 1;
    return html_element_of_word(word, name);
}

/* Behind the rest of a tag whose name ends at p; `end` if it is cut. Most have nothing but a `>` there. */
static inline KERNEL const char *pass_tag(const char *p, const char *end)
{
    if (p < end && *p == '>') return p + 1;
    skip_tag(&p, end);
    return p;
}

static KERNEL enum html_markup next_tag(const char *p, const char *end, const uint8_t wanted[HTML_COUNT], struct html_tag *out)
{
    for (;;) {
        p = find_byte(p, end, '<');
        out->start = p;
        if (end - p < 2) {
            out->start = end;
            return out->kind = HTML_NO_MARKUP;
        }
        bool ends = p[1] == '/';
        const char *name = p + 1 + ends;
        if (name == end || !ascii_is_alpha(*name)) {
            if (ends ? name < end : (*name == '!' || *name == '?')) return out->kind = HTML_DECLARATION;
            p++;
            continue;
        }
        out->kind = ends ? HTML_END_TAG : HTML_START_TAG;
        out->name = tag_name(name, end);
        out->element = element_of(out->name, end);
        if (wanted[out->element] & out->kind) return out->kind;
        p = pass_tag(name + out->name.n, end);
    }
}

const struct html_kernels KERNELS = {
    .name = KERNELS_NAME,
    .next_tag = next_tag,
    .find_byte = find_byte,
    .find_pair = find_pair,
    .skip_tag = skip_tag,
    .next_attribute = next_attribute,
};

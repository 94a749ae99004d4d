/* The body of every set of kernels. The including file defines
 *     KERNEL        attributes of each function (the target)
 *     BLOCK         bytes in a block: 64
 *     block         its type, with block_load(p) and four functions that give a bit for each byte, the first byte's the
 *                   lowest: block_is(b, c) equals c, block_quotes(b) is one of `"` and `'`, block_spaces(b) is at most
 *                   a space (unsigned), block_parts(b) is that or `/`
 *     KERNELS_NAME, KERNELS   the name of the set and of the struct html_kernels that it fills
 *
 * A block is read only where all of it lies before `end`; what is left of the page goes byte by byte.
 */

#define INLINE static inline __attribute__((always_inline)) KERNEL /* a call would spill the registers that hold constants */

INLINE size_t first(uint64_t bits) { return (size_t)__builtin_ctzll(bits); }

/* bits of the bytes before `at`, and of those behind it; at < 64 */
INLINE uint64_t before(size_t at) { return ((uint64_t)1 << at) - 1; }
INLINE uint64_t behind(size_t at) { return ~(uint64_t)1 << at; }

INLINE const char *find_byte(const char *p, const char *end, char c)
{
    for (; end - p >= BLOCK; p += BLOCK) {
        uint64_t hits = block_is(block_load(p), c);
        if (hits) return p + first(hits);
    }
    while (p < end && *p != c) p++;
    return p;
}

static KERNEL const char *find_pair(const char *p, const char *limit, const char *end, char a, char b, char c)
{
    for (; p < limit && end - p >= BLOCK + 1; p += BLOCK) {
        uint64_t hits = block_is(block_load(p), a);
        if (!hits) continue;
        block next = block_load(p + 1);
        hits &= block_is(next, b) | block_is(next, c);
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
INLINE const char *name_end(const char *p, const char *end)
{
    for (p++; end - p >= BLOCK; p += BLOCK) {
        block b = block_load(p);
        uint64_t hits = block_parts(b) | block_is(b, '=') | block_is(b, '>');
        for (; hits; hits &= hits - 1) {
            const char *at = p + first(hits);
            if (*at > ' ' || html_is_space(*at)) return at; /* other controls belong to the name */
        }
    }
    while (p < end && !html_is_space(*p) && *p != '=' && *p != '>' && *p != '/') p++;
    return p;
}

INLINE const char *unquoted_end(const char *p, const char *end)
{
    for (; end - p >= BLOCK; p += BLOCK) {
        block b = block_load(p);
        uint64_t hits = block_spaces(b) | block_is(b, '>');
        for (; hits; hits &= hits - 1) {
            const char *at = p + first(hits);
            if (*at == '>' || html_is_space(*at)) return at;
        }
    }
    while (p < end && !html_is_space(*p) && *p != '>') p++;
    return p;
}

/* From behind `=`; the place behind the value, or NULL when the page ends in it. */
INLINE const char *read_value(const char *p, const char *end, struct str *value)
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

/* Behind `<`, a tag's name, an attribute: as next_attribute goes, to behind the tag. */
static KERNEL enum html_tag_step skip_odd_tag(const char **at, const char *end)
{
    struct html_attribute ignored;
    enum html_tag_step step;
    do step = next_attribute(at, end, &ignored);
    while (step == HTML_TAG_ATTRIBUTE);
    return step;
}

/* Whether an odd number of bits is set up to and with each bit. */
INLINE uint64_t parity(uint64_t bits)
{
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    return bits ^ bits << 32;
}

/* The `>` that ends a tag, found without a look at its attributes; NULL where that may be wrong, or near the page's end.
 *
 * Without a quote before it, the first `>` is right. So it is with double quotes only, each pair behind `name=`, and no
 * other `=`: a byte then stands in a value if the quotes before it are odd, and the first `>` elsewhere ends the tag. The
 * tag goes on at the bits of `from` in the block *base, which becomes that of the `>`. `no_value` is where no `=` may
 * stand: NAME from a tag's `<` on (up to the first white space or `/`), EVERYWHERE in an end tag, NOWHERE behind the name. */
enum no_value { NOWHERE, NAME, EVERYWHERE };

INLINE const char *find_close(const char **base, uint64_t from, const char *end, enum no_value no_value)
{
    uint64_t in_value = 0, was_equals = 0, was_name = 0; /* of the byte before the block */
    uint64_t everywhere = 0 - (uint64_t)(no_value == EVERYWHERE), in_name = 0 - (uint64_t)(no_value == NAME);
    for (const char *p = *base; end - p >= BLOCK; p += BLOCK, from = ~(uint64_t)0) {
        block b = block_load(p);
        uint64_t closes = block_is(b, '>') & from, any = block_quotes(b) & from;
        if (closes && !in_value && !(any & before(first(closes)))) {
            *base = p;
            return p + first(closes);
        }
        uint64_t quotes = block_is(b, '"') & from, inside = parity(quotes) ^ in_value, out = from & ~inside;
        uint64_t equals = block_is(b, '=') & out;
        uint64_t parts = block_parts(b) & from, names = ~(parts | quotes);
        uint64_t odd = (quotes & inside) ^ (equals << 1 | was_equals);
        odd |= ((any ^ quotes) & out) | (equals & ~(names << 1 | was_name));
        odd |= equals & (everywhere | (in_name & (parts ^ (parts - 1))));
        closes &= out;
        if (closes) {
            *base = p;
            return odd & before(first(closes)) ? NULL : p + first(closes);
        }
        if (odd) return NULL;
        in_name &= 0 - (uint64_t)(parts == 0);
        in_value = 0 - (inside >> (BLOCK - 1) & 1);
        was_equals = equals >> (BLOCK - 1) & 1;
        was_name = names >> (BLOCK - 1) & 1;
    }
    return NULL;
}

static KERNEL enum html_tag_step skip_tag(const char **at, const char *end)
{
    const char *base = *at;
    const char *close = find_close(&base, ~(uint64_t)0, end, NOWHERE);
    if (!close || (close > *at && close[-1] == '/')) return skip_odd_tag(at, end); /* `a=b/>` does not close itself */
    *at = close + 1;
    return HTML_TAG_CLOSED;
}

/* Reads a tag's name from its first letter [HTML 13.2.5.8]: to white space, `/` or `>`. */
static KERNEL struct str tag_name(const char *p, const char *end)
{
    if (end - p >= BLOCK) {
        block b = block_load(p);
        uint64_t hits = block_parts(b) | block_is(b, '>');
        if (hits) {
            const char *at = p + first(hits);
            if (*at > ' ' || html_is_space(*at)) return str_of(p, (size_t)(at - p)); /* other controls belong to the name */
        }
    }
    const char *start = p;
    while (p < end && !html_is_space(*p) && *p != '/' && *p != '>') p++;
    return str_of(start, (size_t)(p - start));
}

static KERNEL enum html_element element_of(struct str name, const char *end)
{
    if (end - name.p < 8) return html_element_of(name);
    uint64_t word = html_load8(name.p);
    if (name.n < 8) word &= ((uint64_t)1 << 8 * name.n) - 1;
    return html_element_of_word(word, name);
}

/* What stands at a `<` that at least three bytes follow. */
enum { TEXT = 0, TAG = 1, STOP = 2 };

/* STOP if it is wanted, with *out filled; TAG for a tag that is not, TEXT for a `<` that is text. */
INLINE int look(const char *at, const char *end, const struct html_wanted *wanted, struct html_tag *out)
{
    bool ends = at[1] == '/';
    const char *name = at + 1 + ends;
    out->start = at;
    out->kind = HTML_DECLARATION;
    if (!ascii_is_alpha(*name)) return ends || *name == '!' || *name == '?' ? STOP : TEXT;
    out->kind = ends ? HTML_END_TAG : HTML_START_TAG;
    if (!(wanted->letters[html_two_letters(name)] & out->kind)) return TAG;
    out->name = tag_name(name, end);
    out->element = element_of(out->name, end);
    return wanted->element[out->element] & out->kind ? STOP : TAG;
}

static KERNEL const char *pass_odd_tag(const char *at, const char *end)
{
    struct str name = tag_name(at + 1 + (at[1] == '/'), end);
    const char *p = name.p + name.n;
    skip_odd_tag(&p, end);
    return p;
}

static KERNEL enum html_markup next_tag_near_end(const char *p, const char *end, const struct html_wanted *wanted,
                                                 struct html_tag *out)
{
    for (;;) {
        p = find_byte(p, end, '<');
        if (end - p < 4) { /* the longest that can stand here is `<a>`, and nothing comes behind */
            out->start = end;
            return out->kind = HTML_NO_MARKUP;
        }
        int found = look(p, end, wanted, out);
        if (found == STOP) return out->kind;
        p = found == TAG ? pass_odd_tag(p, end) : p + 1;
    }
}

/* Goes from block to block whatever it finds in them, so that no load waits for what an earlier one has found: `from` has
 * the bits of the bytes in the block that are still to come. */
static KERNEL enum html_markup next_tag(const char *p, const char *end, const struct html_wanted *wanted, struct html_tag *out)
{
    const char *base = p;
    uint64_t from = ~(uint64_t)0;
    while (end - base >= BLOCK + 4) {
        uint64_t opens = block_is(block_load(base), '<') & from;
        if (!opens) {
            base += BLOCK;
            from = ~(uint64_t)0;
            continue;
        }
        const char *at = base + first(opens);
        int found = look(at, end, wanted, out);
        if (found == STOP) return out->kind;
        from = behind(first(opens));
        if (found == TEXT) continue;
        const char *close = find_close(&base, from, end, at[1] == '/' ? EVERYWHERE : NAME);
        from = close ? behind((size_t)(close - base)) : ~(uint64_t)0;
        if (!close) base = pass_odd_tag(at, end);
    }
    return next_tag_near_end(from ? base + first(from) : base + BLOCK, end, wanted, out);
}

const struct html_kernels KERNELS = {
    .name = KERNELS_NAME,
    .next_tag = next_tag,
    .find_byte = find_byte,
    .find_pair = find_pair,
    .skip_tag = skip_tag,
    .next_attribute = next_attribute,
};

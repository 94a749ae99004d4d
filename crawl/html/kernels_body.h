/* The body of every set of kernels. The including file defines
 *     KERNEL        attributes of each function (the target)
 *     BLOCK         bytes in a block: 64
 *     block         its type, with block_load(p)
 *     splat         the type of a byte that stands everywhere in a register, with splat_of(c) and, as an initialiser,
 *                   SPLAT(c)
 *     parity(bits)  for each bit, whether an odd number of bits is set up to and with it
 *     HIDE(p)       nothing, or what makes the compiler forget where p points
 *     and three functions that give a bit for each byte of a block, the first byte's the lowest: block_is(b, c) equals c,
 *     block_either(b, c, d) is one of the two, block_parts(b, space, slash) is at most a space (unsigned) or a slash
 *     KERNELS_NAME, KERNELS   the name of the set and of the struct html_kernels that it fills
 *
 * A block is read only where all of it lies before `end`; what is left of the page goes byte by byte.
 */

#define INLINE static inline __attribute__((always_inline)) KERNEL /* small, and called for every tag */

INLINE size_t first(uint64_t bits) { return (size_t)__builtin_ctzll(bits); }

/* bits of the bytes before `at`, and of those behind it; at < 64 */
INLINE uint64_t before(size_t at) { return ((uint64_t)1 << at) - 1; }
INLINE uint64_t behind(size_t at) { return ~(uint64_t)1 << at; }

struct marks { /* what the kernels look for */
    splat open, close, twice, once, equals, space, slash;
};

INLINE const struct marks *marks_of(void)
{
    static const struct marks marks = {SPLAT('<'), SPLAT('>'), SPLAT('"'), SPLAT('\''), SPLAT('='), SPLAT(' '), SPLAT('/')};
    const struct marks *m = &marks;
    HIDE(m);
    return m;
}

INLINE const char *find_byte(const char *p, const char *end, char c)
{
    const splat all = splat_of(c);
    for (; end - p >= BLOCK; p += BLOCK) {
        uint64_t hits = block_is(block_load(p), all);
        if (hits) return p + first(hits);
    }
    while (p < end && *p != c) p++;
    return p;
}

static KERNEL const char *find_pair(const char *p, const char *limit, const char *end, char a, char b, char c)
{
    const splat first_byte = splat_of(a), second = splat_of(b), other = splat_of(c);
    for (; p < limit && end - p >= BLOCK + 1; p += BLOCK) {
        uint64_t hits = block_is(block_load(p), first_byte);
        if (!hits) continue;
        hits &= block_either(block_load(p + 1), second, other);
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
    const struct marks *m = marks_of();
    for (p++; end - p >= BLOCK; p += BLOCK) {
        block b = block_load(p);
        uint64_t hits = block_parts(b, m->space, m->slash) | block_either(b, m->equals, m->close);
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
    const struct marks *m = marks_of();
    for (; end - p >= BLOCK; p += BLOCK) {
        uint64_t hits = block_parts(block_load(p), m->space, m->close);
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

/* What skip_tag does, one attribute after another: right for every tag. */
static KERNEL enum html_tag_step skip_odd_tag(const char **at, const char *end)
{
    struct html_attribute ignored;
    enum html_tag_step step;
    do step = next_attribute(at, end, &ignored);
    while (step == HTML_TAG_ATTRIBUTE);
    return step;
}

/* The `>` that ends a tag, found without a look at its attributes; NULL where that may be wrong, or near the page's end.
 *
 * It is right where there are double quotes only, each pair behind `name=`, and no other `=`: a byte then stands in a value
 * if the quotes before it are odd, and the first `>` elsewhere ends the tag. The tag goes on at the bits of `from` in the
 * block *base, which becomes that of the `>`. `no_value` is where no `=` may stand: NAME from a tag's `<` on (up to the first
 * white space or `/`), EVERYWHERE in an end tag, NOWHERE behind the name. */
enum no_value { NOWHERE, NAME, EVERYWHERE };

static KERNEL const char *find_close(const char **base, uint64_t from, const char *end, enum no_value no_value)
{
    const struct marks *m = marks_of();
    uint64_t in_value = 0, was_equals = 0, was_name = 0; /* of the byte before the block */
    uint64_t everywhere = 0 - (uint64_t)(no_value == EVERYWHERE), in_name = 0 - (uint64_t)(no_value == NAME);
    for (const char *p = *base; end - p >= BLOCK; p += BLOCK, from = ~(uint64_t)0) {
        block b = block_load(p);
        uint64_t quotes = block_is(b, m->twice) & from, inside = parity(quotes) ^ in_value, out = from & ~inside;
        uint64_t closes = block_is(b, m->close) & out, equals = block_is(b, m->equals) & out;
        uint64_t parts = block_parts(b, m->space, m->slash) & from, names = ~(parts | quotes);
        uint64_t odd = (quotes & inside) ^ (equals << 1 | was_equals);
        odd |= (block_is(b, m->once) & out) | (equals & ~(names << 1 | was_name));
        odd |= equals & (everywhere | (in_name & (parts ^ (parts - 1))));
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

/* A tag's name from its first letter on [HTML 13.2.5.8], to white space, `/` or `>`, and its element. */
static KERNEL void read_name(const char *p, const char *end, struct html_tag *out)
{
    const uint64_t ones = ONES;
    if (end - p >= 8) {
        uint64_t word = html_load8(p), slash = word ^ ones * '/', close = word ^ ones * '>';
        uint64_t stops = ((word - ones * 0x21) & ~word) | ((slash - ones) & ~slash) | ((close - ones) & ~close);
        stops &= ones * 0x80; /* the lowest is right, and those above may be carried over */
        size_t n = stops ? first(stops) / 8 : 0;
        if (n && (p[n] > ' ' || html_is_space(p[n]))) { /* other controls belong to the name */
            out->name = str_of(p, n);
            out->element = html_element_of_word(word & (((uint64_t)1 << 8 * n) - 1), out->name);
            return;
        }
    }
    size_t n = 1;
    while (p + n < end && !html_is_space(p[n]) && p[n] != '/' && p[n] != '>') n++;
    out->name = str_of(p, n);
    out->element = html_element_of(out->name);
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
    read_name(name, end, out);
    return wanted->element[out->element] & out->kind ? STOP : TAG;
}

/* From a tag's `<` to behind it in the same way. */
static KERNEL const char *pass_odd_tag(const char *at, const char *end)
{
    struct html_tag tag;
    read_name(at + 1 + (at[1] == '/'), end, &tag);
    const char *p = tag.name.p + tag.name.n;
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
    const struct marks *m = marks_of();
    const char *base = p;
    uint64_t from = ~(uint64_t)0;
    while (end - base >= BLOCK + 4) {
        block b = block_load(base);
        uint64_t opens = block_is(b, m->open) & from;
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
        uint64_t closes = block_is(b, m->close) & from, quotes = block_either(b, m->twice, m->once) & from;
        if (closes && !(quotes & before(first(closes)))) { /* without a quote before it, the first `>` ends the tag */
            from = behind(first(closes));
            continue;
        }
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

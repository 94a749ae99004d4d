/* A state machine over a window of plain bytes. The window grows until the record that begins at `at` is decided, its slices
 * are handed out, and only the next call moves on; so a record needs no copy.
 *
 * The window asks the unpacker for bytes only when it needs them (`fill`). So a member's end is met exactly when all bytes
 * before it are in the window, and whether it ends a record (rule 1 of stream.h) is decided there. Positions in the window
 * are size_t; `base` + position is the absolute position in the plain bytes since the start.
 */
#include "crawl/warc/stream.h"

#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    NEWLINES_MAX = 64 << 10, /* after a block; beyond them the record is handed out without looking further */
    REST_LOOK = 256 << 10,   /* how far a member's end is looked for behind a record that does not fill it */
    DROP_BYTES = 1 << 20,    /* read bytes are dropped from the window when they are this many, or half of it */
};

enum state { KIND, BETWEEN, HEAD, BLOCK, AFTER, SEARCH, RESUME, DONE };

/* Why the window cannot grow for the record at hand. */
enum stop {
    STOP_NONE,
    STOP_BORDER,  /* a member ended; not decided yet whether a record may go on behind it */
    STOP_RECORD,  /* a member ended, and a record starts behind it */
    STOP_END,     /* the file ends, between members */
    STOP_STRANGE, /* bytes that are no member */
    STOP_CUT,
    STOP_DAMAGED,
};

enum fill { FILL_HAVE, FILL_STOP, FILL_MORE, FILL_FAILED };
enum fill_mode {
    FILL_BETWEEN, /* no record is open, or all of it is there: every member's end is a stop, */
    FILL_AFTER,   /* … and the edge of what was fed is, where a record starts behind it */
    FILL_RECORD,  /* only a member's end that ends a record too */
};

struct mark { /* a place in both the stored and the plain bytes */
    uint64_t offset, absolute;
};

struct warc_stream {
    size_t block_max;
    struct warc_prober *prober;
    struct warc_unpacker *unpacker;
    enum state state;
    enum stop stop;
    struct buf plain;      /* the window */
    size_t at;             /* BETWEEN: read so far; HEAD, BLOCK, AFTER: where the record begins; SEARCH: searched so far */
    uint64_t base;         /* absolute position of plain.p[0] */
    uint64_t gap;          /* absolute position of the end of the record before */
    struct mark member;    /* the last member start that the window crossed */
    struct mark own;       /* the same when the record at hand began; older ones do as well */
    bool own_member;       /* the record at hand begins its member */
    bool crossed;          /* the window crossed a member's end since the record began, … */
    struct mark crossing;  /* … first here */
    size_t head_at, head_size; /* of the record at hand */
    uint64_t length;       /* its Content-Length */
    size_t after;          /* AFTER: position behind the line ends seen so far */
    uint64_t search_end;   /* SEARCH: absolute position where a block that is skipped ends; UINT64_MAX when lost */
    bool search_inside;    /* SEARCH: plausible heads count (else only a member's end does) */
    struct warc_loss *loss; /* of the call at hand */
};

struct warc_stream *warc_stream_new(const struct warc_limits *limits)
{
    struct warc_stream *s = calloc(1, sizeof *s);
    if (!s) return fail_memory(), NULL;
    s->block_max = limits && limits->block ? limits->block : WARC_BLOCK_BYTES;
    buf_init(&s->plain, s->block_max + WARC_HEAD_BYTES_MAX + 4 * DROP_BYTES);
    s->prober = warc_prober_new();
    s->unpacker = s->prober ? unpack_new(s->prober) : NULL;
    if (!s->unpacker) {
        warc_stream_free(s);
        return NULL;
    }
    warc_stream_start(s, WARC_KIND_MORE, 0);
    return s;
}

void warc_stream_free(struct warc_stream *s)
{
    if (!s) return;
    unpack_free(s->unpacker);
    warc_prober_free(s->prober);
    buf_free(&s->plain);
    free(s);
}

static void begin_between(struct warc_stream *s, size_t at)
{
    s->state = BETWEEN;
    s->at = at;
    s->gap = s->base + at;
}

void warc_stream_start(struct warc_stream *s, enum warc_kind kind, uint64_t offset)
{
    unpack_start(s->unpacker, kind, offset);
    buf_clear(&s->plain);
    s->base = 0;
    s->stop = STOP_NONE;
    s->member = s->own = (struct mark){offset, 0};
    begin_between(s, 0);
    if (kind == WARC_KIND_MORE) s->state = KIND;
}

int warc_stream_feed(struct warc_stream *s, struct str bytes, enum warc_follow follow)
{
    return unpack_feed(s->unpacker, bytes, follow);
}

bool warc_stream_clean(const struct warc_stream *s)
{
    return s->state == BETWEEN && s->at == s->plain.n && unpack_idle(s->unpacker) &&
           (s->stop == STOP_NONE || s->stop == STOP_BORDER || s->stop == STOP_RECORD);
}

enum warc_kind warc_stream_kind(const struct warc_stream *s) { return unpack_kind(s->unpacker); }

/* ---- the window */

static bool is_plain(const struct warc_stream *s) { return unpack_kind(s->unpacker) == WARC_KIND_PLAIN; }

/* Where the byte at `at` stands in the file: itself, or the member that holds it. */
static uint64_t file_offset(const struct warc_stream *s, size_t at)
{
    if (is_plain(s)) return s->member.offset + (s->base + at - s->member.absolute);
    return s->member.absolute <= s->base + at ? s->member.offset : s->own.offset;
}

/* Moves the read part out of the window, save one byte: a search looks at the byte before. */
static void drop_read(struct warc_stream *s)
{
    if (s->at < 2 || (s->at < DROP_BYTES && s->at < s->plain.n / 2)) return;
    size_t gone = s->at - 1;
    memmove(s->plain.p, s->plain.p + gone, s->plain.n - gone);
    s->plain.n -= gone;
    s->base += gone;
    s->at = 1;
}

static void cross_border(struct warc_stream *s)
{
    s->stop = STOP_NONE;
    s->member = (struct mark){unpack_offset(s->unpacker), s->base + s->plain.n};
    if (!s->crossed) s->crossing = s->member;
    s->crossed = true;
}

/* Makes the window hold the bytes before `upto`. STOP: it cannot, s->stop says why. */
static enum fill fill(struct warc_stream *s, size_t upto, enum fill_mode mode)
{
    while (s->plain.n < upto) {
        if (s->stop == STOP_BORDER && mode == FILL_RECORD) {
            int start = unpack_border_is_start(s->unpacker);
            if (start < 0) return FILL_MORE;
            if (start) s->stop = STOP_RECORD;
            else cross_border(s);
        }
        if (s->stop != STOP_NONE) return FILL_STOP;
        switch (unpack_more(s->unpacker, &s->plain)) {
        case UNPACK_BYTES: break;
        case UNPACK_BORDER: s->stop = STOP_BORDER; break;
        case UNPACK_END: s->stop = STOP_END; break;
        case UNPACK_CUT: s->stop = STOP_CUT; break;
        case UNPACK_DAMAGED: s->stop = STOP_DAMAGED; break;
        case UNPACK_STRANGE: s->stop = STOP_STRANGE; break;
        case UNPACK_FAILED: return FILL_FAILED;
        case UNPACK_MORE:
            if (mode != FILL_AFTER || !is_plain(s) || unpack_follow(s->unpacker) != WARC_BORDER) return FILL_MORE;
            return FILL_STOP;
        }
    }
    return FILL_HAVE;
}

static struct str window(const struct warc_stream *s, size_t from, size_t to) { return str_of(buf_str(&s->plain).p + from, to - from); }

/* ---- saying what was lost */

static enum warc_event lose(struct warc_stream *s, uint64_t offset, bool record, bool cut)
{
    s->loss->offset = offset;
    s->loss->record = record;
    s->loss->cut = cut;
    s->loss->refused = false;
    return WARC_EVENT_LOSS;
}

/* The first bytes of `s` for a message: what cannot be printed becomes a dot. */
static void quote(char out[UNPACK_STRANGE_BYTES + 4], struct str s)
{
    size_t n = s.n < UNPACK_STRANGE_BYTES ? s.n : UNPACK_STRANGE_BYTES;
    for (size_t i = 0; i < n; i++) out[i] = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '.';
    memcpy(out + n, s.n > n ? "..." : "", s.n > n ? 4 : 1);
}

#define SAY(s, ...) snprintf((s)->loss->what, sizeof (s)->loss->what, __VA_ARGS__)

/* ---- the end of a record */

/* Where a plausible head stands in the window behind `from`, before `to`; SIZE_MAX when there is none. */
static size_t head_within(struct warc_stream *s, size_t from, size_t to)
{
    size_t at;
    enum warc_kind found;
    int result = warc_find_start(s->prober, WARC_KIND_PLAIN, window(s, from - 1, to), 1, true, WARC_WANT_RECORD, &at, &found);
    return result > 0 ? from - 1 + at : SIZE_MAX;
}

/* A block that runs to a record's start or a member's end holds the record's two line ends too. */
static size_t without_trailer(const struct warc_stream *s, size_t from, size_t to)
{
    for (int line_ends = 0; line_ends < 2 && to > from && s->plain.p[to - 1] == '\n'; line_ends++) {
        to--;
        if (to > from && s->plain.p[to - 1] == '\r') to--;
    }
    return to;
}

/* The stored bytes of the record at hand, if they hold nothing else. `alone`: nothing of its last member is behind it. */
static uint64_t stored_size(const struct warc_stream *s, size_t block_end, size_t next, bool alone)
{
    if (is_plain(s)) return next - s->at;
    if (!s->own_member) return 0;
    if (s->crossed && s->crossing.absolute >= s->base + block_end) return s->crossing.offset - s->own.offset;
    return alone ? unpack_offset(s->unpacker) - s->own.offset : 0;
}

/* Hands out the record at hand; the next one is looked for from `next` on. */
static enum warc_event hand_out(struct warc_stream *s, struct warc_record *r, size_t block_end, size_t next, unsigned oddities)
{
    const char *why;
    size_t block = s->at + s->head_size;
    warc_head_parse(r, window(s, s->at, block), &why);
    bool alone = s->stop != STOP_NONE && next == s->plain.n;
    r->block = oddities & WARC_SKIPPED ? STR_ABSENT : window(s, block, block_end);
    r->offset = is_plain(s) ? file_offset(s, s->at) : s->own.offset;
    r->inside = is_plain(s) ? 0 : s->base + s->at - s->own.absolute;
    r->stored = stored_size(s, block_end, next, alone);
    r->oddities |= oddities | (s->own_member && s->base + s->at > s->own.absolute ? WARC_BLANK_LINES : 0);
    if (!is_plain(s)) {
        if (s->crossed && s->crossing.absolute < s->base + block_end) r->oddities |= WARC_SPANS_MEMBERS;
        if (!r->stored && !(oddities & WARC_SKIPPED)) r->oddities |= WARC_SHARED_MEMBER;
    }
    begin_between(s, next);
    return WARC_EVENT_RECORD;
}

/* Whether plausible heads inside the block count when its length cannot be right: rule (3) of stream.h. */
static bool may_search_block(const struct warc_stream *s) { return is_plain(s) || !s->own_member; }

/* The bytes behind the block are not what should be there; hands out what may be trusted. */
static enum warc_event hand_out_misfit(struct warc_stream *s, struct warc_record *r, size_t block_end, size_t next)
{
    size_t block = s->at + s->head_size;
    size_t head = may_search_block(s) ? head_within(s, block, block_end) : SIZE_MAX;
    if (head != SIZE_MAX) return hand_out(s, r, without_trailer(s, block, head), head, WARC_LENGTH_LONG);
    return hand_out(s, r, block_end, next, WARC_EXTRA_AFTER);
}

/* The block is shorter than Content-Length: what stopped it decides. */
static bool end_short_block(struct warc_stream *s, struct warc_record *r, enum warc_event *event)
{
    size_t block = s->at + s->head_size, end = s->plain.n;
    if (s->stop == STOP_DAMAGED || s->stop == STOP_CUT) {
        begin_between(s, end); /* says so */
        return false;
    }
    size_t head = may_search_block(s) ? head_within(s, block, end) : SIZE_MAX;
    if (head != SIZE_MAX) {
        *event = hand_out(s, r, without_trailer(s, block, head), head, WARC_LENGTH_LONG);
        return true;
    }
    if (!is_plain(s)) {
        *event = hand_out(s, r, without_trailer(s, block, end), end, WARC_LENGTH_LONG);
        return true;
    }
    SAY(s, "the file ends inside a block: found %zu bytes, expected %llu", end - block, (unsigned long long)s->length);
    *event = lose(s, file_offset(s, s->at), true, true);
    begin_between(s, end);
    return true;
}

/* The block is over the ceiling: it is skipped, though for a plain file its length must be doubted. */
static enum warc_event skip_block(struct warc_stream *s, struct warc_record *r)
{
    size_t block = s->at + s->head_size, end = block + s->block_max;
    bool search = may_search_block(s);
    size_t head = search ? head_within(s, block, end) : SIZE_MAX;
    if (head != SIZE_MAX) return hand_out(s, r, without_trailer(s, block, head), head, WARC_LENGTH_LONG);
    uint64_t block_end = s->base + block + s->length;
    size_t searched = search ? (s->block_max > WARC_PLAUSIBLE_BYTES ? end - WARC_PLAUSIBLE_BYTES : block) : end;
    enum warc_event event = hand_out(s, r, block, searched, WARC_SKIPPED);
    r->stored = 0;
    s->search_end = block_end;
    s->search_inside = search;
    s->state = SEARCH;
    return event;
}

/* ---- one step of each state: true when *event is to be returned */

static bool fill_event(enum fill result, enum warc_event *event)
{
    *event = result == FILL_FAILED ? WARC_EVENT_FAILED : WARC_EVENT_MORE;
    return result == FILL_FAILED || result == FILL_MORE;
}

static bool refuse(struct warc_stream *s, const char *what, enum warc_event *event)
{
    SAY(s, "%s", what);
    *event = lose(s, 0, false, false);
    s->loss->refused = true;
    s->state = DONE;
    return true;
}

static bool step_kind(struct warc_stream *s, enum warc_event *event)
{
    struct str first = unpack_strange(s->unpacker);
    if (first.n == 0 && unpack_follow(s->unpacker) == WARC_FILE_END)
        return refuse(s, "the file is empty, expected WARC records", event);
    switch (unpack_find_kind(s->unpacker)) {
    case WARC_KIND_MORE: *event = WARC_EVENT_MORE; return true;
    case WARC_KIND_ARC:
        return refuse(s, "an ARC file (filedesc://), which winnow does not read: convert it to WARC first", event);
    case WARC_KIND_LZ4:
        return refuse(s, "an LZ4 frame, which winnow does not read: recompress it first (lz4 -dc FILE | gzip)", event);
    default: begin_between(s, 0); return false;
    }
}

/* The next start behind damage: true when there is something to return. */
static bool step_resume(struct warc_stream *s, enum warc_event *event)
{
    int found = unpack_resume(s->unpacker);
    *event = WARC_EVENT_MORE;
    s->state = found < 0 ? RESUME : DONE;
    if (found > 0) {
        cross_border(s);
        begin_between(s, s->plain.n);
    }
    return found < 0;
}

/* The stored bytes cannot be read on: says so, then goes to look for the next start. */
static enum warc_event lose_stored(struct warc_stream *s)
{
    char found[UNPACK_STRANGE_BYTES + 4];
    const char *member = unpack_kind(s->unpacker) == WARC_KIND_ZSTD ? "zstd frame" : "gzip member";
    uint64_t offset = unpack_member(s->unpacker);
    bool cut = s->stop == STOP_CUT;
    if (s->stop == STOP_DAMAGED) SAY(s, "damaged %s: %s", member, unpack_reason(s->unpacker));
    if (s->stop == STOP_STRANGE) {
        quote(found, unpack_strange(s->unpacker));
        if (unpack_kind(s->unpacker) == WARC_KIND_UNKNOWN) SAY(s, "found '%s', expected WARC/, gzip or zstd", found);
        else SAY(s, "found '%s' behind a %s, expected another or the file's end", found, member);
    }
    enum warc_event event = lose(s, offset, s->stop != STOP_STRANGE, false);
    s->state = RESUME;
    if (!cut) return event;
    step_resume(s, &(enum warc_event){0}); /* at the file's end it needs no more bytes */
    s->loss->cut = s->state == DONE;
    SAY(s, s->loss->cut ? "the file ends inside a %s" : "damaged %s: it has no end before the next record", member);
    return event;
}

static void begin_search(struct warc_stream *s, size_t from)
{
    s->at = from;
    s->search_end = UINT64_MAX;
    s->search_inside = true;
    s->state = SEARCH;
}

static void begin_record(struct warc_stream *s)
{
    if (s->member.absolute <= s->base + s->at) s->own = s->member;
    s->own_member = s->own.absolute >= s->gap;
    s->crossed = false;
    s->head_at = 0;
    s->state = HEAD;
}

/* The window ends inside a head, and cannot grow. Damage of the stored bytes tells of itself. */
static bool lose_cut_head(struct warc_stream *s, enum warc_event *event)
{
    bool told = s->stop == STOP_DAMAGED || s->stop == STOP_CUT;
    SAY(s, "record lost: the %s ends inside a head", s->stop == STOP_END ? "file" : "member");
    if (!told) *event = lose(s, file_offset(s, s->at), true, s->stop == STOP_END);
    begin_between(s, s->plain.n);
    return !told;
}

static bool step_between(struct warc_stream *s, enum warc_event *event)
{
    drop_read(s);
    s->at += warc_newlines(window(s, s->at, s->plain.n));
    if (s->at < s->plain.n) {
        if (fill_event(fill(s, s->at + 5, FILL_RECORD), event)) return true;
        struct str rest = window(s, s->at, s->plain.n);
        if (str_starts(rest, STR("WARC/"))) {
            begin_record(s);
            return false;
        }
        if (str_starts(STR("WARC/"), rest)) return lose_cut_head(s, event);
        if (fill_event(fill(s, s->at + UNPACK_STRANGE_BYTES + 1, FILL_RECORD), event)) return true;
        char found[UNPACK_STRANGE_BYTES + 4];
        quote(found, window(s, s->at, s->plain.n));
        SAY(s, "found '%s', expected WARC/", found);
        *event = lose(s, file_offset(s, s->at), false, false);
        begin_search(s, s->at + 1);
        return true;
    }
    switch (s->stop) {
    case STOP_BORDER: case STOP_RECORD: cross_border(s); return false;
    case STOP_END: s->state = DONE; return false;
    case STOP_STRANGE: case STOP_CUT: case STOP_DAMAGED: *event = lose_stored(s); return true;
    default: return fill_event(fill(s, s->at + 1, FILL_BETWEEN), event);
    }
}

static bool lose_head(struct warc_stream *s, const char *found, const char *expected, size_t search, enum warc_event *event)
{
    SAY(s, "record lost: found %s, expected %s", found, expected);
    *event = lose(s, file_offset(s, s->at), true, false);
    begin_search(s, search);
    return true;
}

static bool step_head(struct warc_stream *s, enum warc_event *event)
{
    const char *why;
    enum warc_head_status status;
    while ((status = warc_head_find(window(s, s->at, s->plain.n), &s->head_at, &s->head_size, &why)) == WARC_HEAD_MORE) {
        enum fill result = fill(s, s->plain.n + 1, FILL_RECORD);
        if (fill_event(result, event)) return true;
        if (result != FILL_HAVE) return lose_cut_head(s, event);
    }
    if (status == WARC_HEAD_BAD) return lose_head(s, why, "a shorter one", s->at + 5, event);
    struct warc_record record;
    if (warc_head_parse(&record, window(s, s->at, s->at + s->head_size), &why) < 0)
        return lose_head(s, why, "a head with a version and a length", s->at + s->head_size, event);
    s->length = record.length;
    s->state = BLOCK;
    return false;
}

static bool step_block(struct warc_stream *s, struct warc_record *r, enum warc_event *event)
{
    bool over = s->length > s->block_max;
    size_t block = s->at + s->head_size;
    enum fill result = fill(s, block + (over ? s->block_max + 1 : (size_t)s->length), FILL_RECORD);
    if (fill_event(result, event)) return true;
    if (result == FILL_STOP) return end_short_block(s, r, event);
    if (over) {
        *event = skip_block(s, r);
        return true;
    }
    s->after = block + (size_t)s->length;
    s->state = AFTER;
    return false;
}

static bool step_after(struct warc_stream *s, struct warc_record *r, enum warc_event *event)
{
    size_t block_end = s->at + s->head_size + (size_t)s->length;
    while (s->after - block_end < NEWLINES_MAX) {
        enum fill result = fill(s, s->after + 1, FILL_AFTER);
        if (fill_event(result, event)) return true;
        if (result == FILL_STOP) break;
        if (s->plain.p[s->after] != '\n' && s->plain.p[s->after] != '\r') {
            if (fill_event(fill(s, s->after + 5, FILL_RECORD), event)) return true;
            if (str_starts(window(s, s->after, s->plain.n), STR("WARC/"))) break;
            if (s->own_member && !is_plain(s)) { /* rule (4): the member must be whole */
                if (fill_event(fill(s, s->after + REST_LOOK, FILL_AFTER), event)) return true;
                if (s->stop == STOP_DAMAGED || s->stop == STOP_CUT) return begin_between(s, s->plain.n), false;
            }
            *event = hand_out_misfit(s, r, block_end, s->after);
            return true;
        }
        s->after++;
    }
    if ((s->stop == STOP_DAMAGED || s->stop == STOP_CUT) && s->after == s->plain.n && s->own_member) {
        begin_between(s, s->after); /* rule (4) */
        return false;
    }
    unsigned line_ends = 0;
    for (size_t i = block_end; i < s->after && line_ends < 3; i++) line_ends += s->plain.p[i] == '\n';
    unsigned oddity = line_ends < 2 ? WARC_NO_TRAILER : line_ends > 2 ? WARC_BLANK_LINES : 0;
    *event = hand_out(s, r, block_end, s->after, oddity);
    return true;
}

static bool step_search(struct warc_stream *s, enum warc_event *event)
{
    drop_read(s);
    size_t end = s->plain.n;
    bool ends = s->search_end <= s->base + end;
    if (ends) end = (size_t)(s->search_end - s->base);
    if (s->search_inside && s->at < end) {
        size_t at;
        enum warc_kind kind;
        bool whole = ends || s->stop != STOP_NONE;
        int found = warc_find_start(s->prober, WARC_KIND_PLAIN, window(s, s->at - 1, end), 1, whole, WARC_WANT_RECORD, &at, &kind);
        if (found > 0) {
            begin_between(s, s->at - 1 + at);
            return false;
        }
        s->at = found < 0 ? s->at - 1 + at : end;
    } else if (s->at < end) {
        s->at = end;
    }
    if (ends) {
        begin_between(s, end);
        return false;
    }
    enum fill result = fill(s, s->plain.n + 1, FILL_RECORD);
    if (fill_event(result, event)) return true;
    if (result == FILL_HAVE || s->at < s->plain.n) return false;
    bool cut = s->stop == STOP_END && s->search_end != UINT64_MAX;
    SAY(s, "the file ends inside a block of more than %zu bytes", s->block_max);
    if (cut) *event = lose(s, file_offset(s, s->at), false, true);
    begin_between(s, s->plain.n);
    return cut;
}

enum warc_event warc_stream_next(struct warc_stream *s, struct warc_record *record, struct warc_loss *loss)
{
    enum warc_event event = WARC_EVENT_END;
    bool ready = false;
    s->loss = loss;
    while (!ready) {
        switch (s->state) {
        case KIND: ready = step_kind(s, &event); break;
        case BETWEEN: ready = step_between(s, &event); break;
        case HEAD: ready = step_head(s, &event); break;
        case BLOCK: ready = step_block(s, record, &event); break;
        case AFTER: ready = step_after(s, record, &event); break;
        case SEARCH: ready = step_search(s, &event); break;
        case RESUME: ready = step_resume(s, &event); break;
        case DONE: event = WARC_EVENT_END; ready = true; break;
        }
    }
    s->loss = NULL;
    return event;
}

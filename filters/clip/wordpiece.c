/* A text is cleaned as a whole, then cut word by word; ASCII needs no Unicode module. */
#include "filters/clip/wordpiece.h"

#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

enum {
    FILE_MOST = 16 << 20,
    TEXT_MOST = 64 << 20,
    PIECES_MOST = 1 << 20,
    PIECE_BYTES_MOST = 400,
    WORD_CHARACTERS_MOST = 100, /* BERT's own bound; it also bounds the search for pieces */
};

struct piece {
    struct str text; /* without ## */
    bool behind;     /* the first of a word: written with ## */
};

struct wordpiece {
    char *file;
    struct piece *pieces;
    uint32_t count;
    uint32_t *table;    /* id + 1 by hash; 0: free */
    size_t table_size;  /* a power of two */
    size_t longest;     /* bytes of a piece at most */
    struct wordpiece_ids ids;
};

struct wordpiece_work {
    struct buf clean, parted;
};

/* ---- the vocabulary */

static size_t place_of(const struct wordpiece *p, struct str text, bool behind)
{
    return hash_xxh3_128(text, behind).low & (p->table_size - 1);
}

static size_t find_place(const struct wordpiece *p, struct str text, bool behind) /* the piece's, or a free one */
{
    size_t at = place_of(p, text, behind);
    while (p->table[at]) {
        const struct piece *found = &p->pieces[p->table[at] - 1];
        if (found->behind == behind && str_eq(found->text, text)) break;
        at = (at + 1) & (p->table_size - 1);
    }
    return at;
}

static int add_piece(struct wordpiece *p, const char *file, struct str line)
{
    unsigned number = p->count + 1;
    struct piece piece = {.text = line};
    if (p->count == PIECES_MOST) return fail("%s: more than %d pieces", file, PIECES_MOST);
    if (line.n > 2 && str_starts(line, STR("##"))) piece = (struct piece){str_from_at(line, 2), true};
    if (!line.n) return fail("%s: line %u: an empty piece", file, number);
    if (line.n > PIECE_BYTES_MOST) return fail("%s: line %u: a piece of over %d bytes", file, number, PIECE_BYTES_MOST);
    if (!utf8_valid(line)) return fail("%s: line %u: not UTF-8", file, number);
    size_t at = find_place(p, piece.text, piece.behind);
    if (p->table[at]) return fail("%s: line %u: the piece of line %u once more", file, number, p->table[at]);
    p->pieces[p->count] = piece;
    p->table[at] = ++p->count;
    if (piece.text.n > p->longest) p->longest = piece.text.n;
    return 0;
}

static int make_tables(struct wordpiece *p, struct str text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.n; i++) lines += text.p[i] == '\n';
    if (lines > PIECES_MOST + 1) lines = PIECES_MOST + 1;
    p->table_size = 16;
    while (p->table_size < 2 * lines) p->table_size *= 2;
    p->pieces = malloc(lines * sizeof *p->pieces);
    p->table = calloc(p->table_size, sizeof *p->table);
    return p->pieces && p->table ? 0 : fail_memory();
}

static int read_pieces(struct wordpiece *p, const char *file, struct str text)
{
    p->file = malloc(text.n + 1);
    if (!p->file || make_tables(p, text) < 0) return fail_memory();
    memcpy(p->file, text.p ? text.p : "", text.n);
    struct str rest = str_of(p->file, text.n);
    while (rest.n) {
        struct str line = str_cut(&rest, '\n');
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        if (add_piece(p, file, line) < 0) return -1;
    }
    if (p->ids.unknown < p->count && p->ids.start < p->count && p->ids.end < p->count) return 0;
    return fail("%s: %u pieces: the configuration names one beyond them", file, p->count);
}

struct wordpiece *wordpiece_parse(const char *file, struct str vocabulary, const struct wordpiece_ids *ids)
{
    struct wordpiece *p = calloc(1, sizeof *p);
    if (!p) return fail_memory(), NULL;
    p->ids = *ids;
    if (read_pieces(p, file, vocabulary) == 0) return p;
    wordpiece_close(p);
    return NULL;
}

struct wordpiece *wordpiece_open(const char *path, const struct wordpiece_ids *ids)
{
    struct buf text;
    buf_init(&text, FILE_MOST);
    struct wordpiece *p = buf_read_file(&text, path) == 0 ? wordpiece_parse(path, buf_str(&text), ids) : NULL;
    buf_free(&text);
    return p;
}

void wordpiece_close(struct wordpiece *p)
{
    if (!p) return;
    free(p->file);
    free(p->pieces);
    free(p->table);
    free(p);
}

uint32_t wordpiece_count(const struct wordpiece *p) { return p->count; }

struct wordpiece_work *wordpiece_work_new(void)
{
    struct wordpiece_work *work = calloc(1, sizeof *work);
    if (!work) return fail_memory(), NULL;
    buf_init(&work->clean, TEXT_MOST);
    buf_init(&work->parted, TEXT_MOST);
    return work;
}

void wordpiece_work_free(struct wordpiece_work *work)
{
    if (!work) return;
    buf_free(&work->clean);
    buf_free(&work->parted);
    free(work);
}

/* ---- cleaning */

static bool is_ideograph(uint32_t c)
{
    static const uint32_t ranges[][2] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},  {0x20000, 0x2A6DF},
                                         {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

static bool is_white(uint32_t c) { return c < 0x80 ? c == ' ' || c == '\t' || c == '\n' || c == '\r' : unicode_is_space(c); }

static bool is_dropped(uint32_t c)
{
    if (c < 0x80) return c < 0x20 || c == 0x7F;
    return c == UTF8_INVALID || c == 0xFFFD || !(unicode_classes(c) & UNICODE_PRINTABLE);
}

/* Control characters dropped, white space to spaces, spaces round ideographs. */
static int drop_controls(struct str text, struct buf *out)
{
    buf_clear(out);
    for (size_t at = 0; at < text.n;) {
        size_t begin = at;
        uint32_t c = utf8_next(text, &at);
        int result = 0;
        if (is_white(c)) result = buf_byte(out, ' ');
        else if (is_dropped(c)) continue;
        else if (is_ideograph(c)) result = buf_printf(out, " %.*s ", (int)(at - begin), text.p + begin);
        else result = buf_add(out, str_of(text.p + begin, at - begin));
        if (result < 0) return -1;
    }
    return 0;
}

static int drop_marks(struct str text, struct buf *out)
{
    buf_clear(out);
    for (size_t at = 0; at < text.n;) {
        size_t begin = at;
        uint32_t c = utf8_next(text, &at);
        if (c >= 0x80 && unicode_classes(c) & UNICODE_MARK) continue;
        if (buf_add(out, str_of(text.p + begin, at - begin)) < 0) return -1;
    }
    return 0;
}

/* The text as words are cut from it, in one of the work's buffers. */
static int clean(struct wordpiece_work *w, struct str text, struct str *out)
{
    if (!utf8_is_ascii(text) && unicode_ready() < 0) return -1;
    if (drop_controls(text, &w->clean) < 0) return -1;
    if (!utf8_is_ascii(buf_str(&w->clean))) {
        buf_clear(&w->parted);
        if (unicode_nfd(&w->parted, buf_str(&w->clean)) < 0 || drop_marks(buf_str(&w->parted), &w->clean) < 0) return -1;
    }
    buf_clear(&w->parted);
    if (unicode_lower(&w->parted, buf_str(&w->clean)) < 0) return -1;
    *out = buf_str(&w->parted);
    return 0;
}

/* ---- words and pieces */

static bool is_punctuation(uint32_t c)
{
    if (c < 0x80) return c > ' ' && c < 0x7F && !ascii_is_alpha((char)c) && !ascii_is_digit((char)c);
    return unicode_classes(c) & UNICODE_PUNCTUATION;
}

/* The next word, cut off the text's front: up to white space, or one mark of punctuation. Empty at the end. */
static struct str next_word(struct str *text)
{
    size_t at = 0, begin = 0;
    while (at < text->n) {
        size_t here = at;
        uint32_t c = utf8_next(*text, &at);
        bool white = is_white(c), mark = !white && is_punctuation(c);
        if (!white && !mark) continue;
        if (mark && here == begin) here = at; /* the mark itself is the word */
        if (here == begin) {
            begin = at;
            continue;
        }
        struct str word = str_of(text->p + begin, here - begin);
        *text = str_from_at(*text, here);
        return word;
    }
    struct str word = str_of(text->p + begin, text->n - begin);
    *text = str_of(text->p, 0);
    return word;
}

/* The longest piece that `rest` begins with; its bytes in *length, 0 when there is none. */
static uint32_t longest_piece(const struct wordpiece *p, struct str rest, bool behind, size_t *length)
{
    size_t n = rest.n < p->longest ? rest.n : utf8_cut(rest, p->longest);
    while (n) {
        uint32_t id = p->table[find_place(p, str_of(rest.p, n), behind)];
        if (id) return *length = n, id - 1;
        n = utf8_cut(rest, n - 1);
    }
    return *length = 0, 0;
}

/* Writes at most `most` pieces of a word and returns how many there are, of which those beyond `most` are not written. */
static size_t cut_word(const struct wordpiece *p, struct str word, uint32_t *ids, size_t most)
{
    size_t count = 0;
    bool too_long = word.n > WORD_CHARACTERS_MOST && utf8_count(word) > WORD_CHARACTERS_MOST;
    for (size_t at = 0, length; !too_long && at < word.n; at += length) {
        uint32_t id = longest_piece(p, str_from_at(word, at), at > 0, &length);
        if (!length) break;
        if (count < most) ids[count] = id;
        count++;
        if (at + length == word.n) return count;
    }
    ids[0] = p->ids.unknown;
    return 1;
}

int wordpiece_encode(const struct wordpiece *p, struct wordpiece_work *work, struct str text, uint32_t *ids, size_t most)
{
    size_t n = 1;
    struct str words;
    if (clean(work, text, &words) < 0) return -1;
    ids[0] = p->ids.start;
    for (struct str word; n + 1 < most && (word = next_word(&words)).n;) {
        size_t pieces = cut_word(p, word, ids + n, most - 1 - n);
        n = n + pieces < most - 1 ? n + pieces : most - 1;
    }
    ids[n++] = p->ids.end;
    return (int)n;
}

/* The window `language`: what the language tools say of each line of a file. */
#include "filters/language/english.h"
#include "filters/language/fasttext.h"
#include "filters/language/identify.h"
#include "filters/language/pii.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"
#include "pipeline/options.h"
#include "pipeline/rows/batch.h"

#include <stdio.h>

struct language_options {
    const char *model;
};

enum { FILE_MOST = 1 << 30, FLUSH_BYTES = 1 << 16 };

struct window {
    struct buf file, out, valid, spans;
    uint64_t line;
};

/* The next line as valid UTF-8, without its end; absent behind the last. */
static struct str next_line(struct window *w, struct str *rest)
{
    if (!rest->n) return STR_ABSENT;
    struct str line = str_cut(rest, '\n');
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    w->line++;
    if (utf8_valid(line)) return line;
    buf_clear(&w->valid);
    return utf8_repair(&w->valid, line) < 0 ? STR_ABSENT : buf_str(&w->valid);
}

static int flush(struct window *w, size_t above)
{
    if (w->out.n > above) {
        fwrite(w->out.p, 1, w->out.n, stdout);
        buf_clear(&w->out);
    }
    return 0;
}

/* Adds "line start end", the two in code points; *counted and *at go along the text, since spans come in order. */
static int add_span(struct window *w, struct str text, size_t start, size_t end, size_t *at, size_t *counted)
{
    *counted += utf8_count(str_of(text.p + *at, start - *at));
    size_t length = utf8_count(str_of(text.p + start, end - start));
    *at = start;
    return buf_printf(&w->out, "%llu\t%zu\t%zu\t", (unsigned long long)w->line, *counted, *counted + length);
}

/* ---- identify */

static int add_label(struct buf *out, struct str label, float p)
{
    if (buf_add(out, label) < 0 || buf_byte(out, '\t') < 0) return -1;
    return label.n ? buf_float(out, p) : 0;
}

static int identify_lines(struct window *w, const struct identifier *model, struct identifier_work *work)
{
    struct str rest = buf_str(&w->file), line;
    if (buf_add(&w->out, STR("label\tp\tlabel2\tp2\n")) < 0) return -1;
    while ((line = next_line(w, &rest)).p) {
        struct identified found;
        if (identifier_ask(model, work, line, 2, &found) < 0) return -1;
        if (add_label(&w->out, found.label, found.p) < 0 || buf_byte(&w->out, '\t') < 0) return -1;
        if (add_label(&w->out, found.second, found.p_second) < 0 || buf_byte(&w->out, '\n') < 0 || flush(w, FLUSH_BYTES) < 0) return -1;
    }
    return 0;
}

static int identify(struct window *w, const struct language_options *o)
{
    struct identifier *model = identifier_open(str_from(o->model));
    struct identifier_work *work = model ? identifier_work_new(model) : NULL;
    int result = work ? identify_lines(w, model, work) : -1;
    identifier_work_free(work);
    identifier_close(model);
    return result;
}

/* ---- tags */

static int tag_lines(struct window *w, const struct english *english, struct english_work *work)
{
    struct str rest = buf_str(&w->file), line;
    if (buf_add(&w->out, STR("line\tstart\tend\tform\tupos\tentity\n")) < 0) return -1;
    while ((line = next_line(w, &rest)).p) {
        const struct english_token *tokens;
        size_t count, at = 0, counted = 0;
        if (english_tag(english, work, line, ENGLISH_ENTITIES, &tokens, &count) < 0) return -1;
        for (size_t i = 0; i < count; i++) {
            const struct english_token *t = &tokens[i];
            if (add_span(w, line, t->start, t->end, &at, &counted) < 0 || cell_escape(&w->out, str_of(line.p + t->start, t->end - t->start)) < 0 ||
                buf_printf(&w->out, "\t%s\t%s\n", upos_names[t->upos], entity_names[t->entity]) < 0)
                return -1;
        }
        if (flush(w, FLUSH_BYTES) < 0) return -1;
    }
    return 0;
}

static int tags(struct window *w, const struct language_options *o)
{
    struct english *english = english_open(o->model);
    struct english_work *work = english ? english_work_new(english) : NULL;
    int result = work ? tag_lines(w, english, work) : -1;
    english_work_free(work);
    english_close(english);
    return result;
}

/* ---- pii */

static int pii(struct window *w, const struct language_options *o)
{
    (void)o;
    struct str rest = buf_str(&w->file), line;
    if (buf_add(&w->out, STR("line\tstart\tend\tkind\ttext\n")) < 0) return -1;
    while ((line = next_line(w, &rest)).p) {
        size_t most = pii_spans_most(line), at = 0, counted = 0;
        if (buf_reserve(&w->spans, most * sizeof(struct pii_span)) < 0) return -1;
        struct pii_span *spans = (struct pii_span *)(void *)w->spans.p;
        size_t count = pii_find(line, spans, most);
        for (size_t i = 0; i < count; i++)
            if (add_span(w, line, spans[i].start, spans[i].end, &at, &counted) < 0 ||
                buf_printf(&w->out, "%s\t", pii_names[spans[i].kind]) < 0 ||
                cell_escape(&w->out, str_of(line.p + spans[i].start, spans[i].end - spans[i].start)) < 0 || buf_byte(&w->out, '\n') < 0)
                return -1;
        if (flush(w, FLUSH_BYTES) < 0) return -1;
    }
    return 0;
}

/* ---- the command */

static const struct {
    const char *name;
    int (*run)(struct window *w, const struct language_options *o);
} windows[] = {{"identify", identify}, {"tags", tags}, {"pii", pii}};

static int language_run(const struct command_line *line)
{
    size_t which = 0, count = sizeof windows / sizeof *windows;
    if (line->argument_count != 2) return fail_usage("expected: winnow language identify|tags|pii FILE");
    while (which < count && strcmp(line->arguments[0], windows[which].name) != 0) which++;
    if (which == count) return fail_usage("no window 'language %s': identify, tags or pii", line->arguments[0]);
    struct window w = {.line = 0};
    buf_init(&w.file, FILE_MOST);
    buf_init(&w.out, FILE_MOST);
    buf_init(&w.valid, FILE_MOST);
    buf_init(&w.spans, (size_t)4 * FILE_MOST);
    const char *path = line->arguments[1];
    int result = buf_read_input(&w.file, path);
    if (result == 0) result = windows[which].run(&w, line->options);
    if (result == 0) flush(&w, 0);
    buf_free(&w.file);
    buf_free(&w.out);
    buf_free(&w.valid);
    buf_free(&w.spans);
    return result < 0 ? -1 : EXIT_DONE;
}

static const struct option options[] = {
    {"model", 0, OPTION_FILE, offsetof(struct language_options, model), .argument = "PATH",
     .help = "of identify: fastText's .bin or .ftz, or a model of winnow's; of tags: one of winnow's; the ones that come with winnow"},
    {0},
};

const struct command command_language = {
    .name = "language",
    .summary = "what the language tools say of each line of a file",
    .arguments = "[OPTIONS] identify|tags|pii FILE",
    .description =
        "FILE holds a text a line; - for standard input. Answers are tab-separated, with a header.\n\n"
        "identify: a row a line: the likeliest language and its probability, then the second. Beside codes of languages winnow's own "
        "model answers \"other\" (a language that it does not have) and \"unsure\". With --model a fastText classifier answers as fastText "
        "does.\n\n"
        "tags: a row an English token: line (from 1), start and end (code points of the line), the token, its part of speech "
        "(Universal Dependencies' UPOS), and B-PER, I-PER, B-ORG, I-ORG, B-LOC, I-LOC where it names a person, an organisation, a "
        "place.\n\n"
        "pii: a row a finding: line, start and end, kind (EMAIL, IBAN, CARD, SSN, ID, IPV4, PHONE), and the text.",
    .example = "winnow language tags tests/data/texts.txt",
    .see_also = "filter, model",
    .options = options,
    .options_size = sizeof(struct language_options),
    .run = language_run,
};

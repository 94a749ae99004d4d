/* The frame of the page, and what stands above all sections: the verdict. */
#include "reports/page_private.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { PLAN_LINE_MAX = 4 << 20, RECIPE_BYTES_MAX = 1 << 20 };

static const struct {
    const char *id, *title;
} sections[SECTIONS] = {
    [SECTION_FUNNEL] = {"funnel", "Funnel"},          [SECTION_LIMITS] = {"limits", "Limits"},
    [SECTION_PICTURES] = {"pictures", "Pictures"},    [SECTION_CAPTIONS] = {"captions", "Captions"},
    [SECTION_HOSTS] = {"hosts", "Hosts"},             [SECTION_FETCH] = {"fetch", "Fetch"},
    [SECTION_DUPLICATES] = {"duplicates", "Duplicates"}, [SECTION_LOSSES] = {"losses", "Input losses"},
    [SECTION_EXAMPLES] = {"examples", "Examples"},    [SECTION_REPRODUCE] = {"reproduce", "Reproduce"},
};

bool page_has(const struct page *p, enum section section)
{
    const struct stats *s = p->s;
    switch (section) {
    case SECTION_LIMITS: return s->rows > 0 && s->limits.count + s->score_count > 0;
    case SECTION_PICTURES: return s->pictures > 0;
    case SECTION_CAPTIONS:
    case SECTION_HOSTS:
    case SECTION_EXAMPLES: return s->rows > 0;
    case SECTION_FETCH: return s->fetch_step != SIZE_MAX;
    case SECTION_DUPLICATES: return s->duplicate_count > 0;
    default: return true;
    }
}

void page_section(struct page *p, enum section section)
{
    int number = 1; /* 1 is the summary */
    for (enum section i = SECTION_FUNNEL; i <= section; i++) number += page_has(p, i);
    html_f(&p->h, "<section id=\"%s\" aria-labelledby=\"h-%s\"><div class=\"head\"><h2 id=\"h-%s\"><span class=\"no\">%d</span>%s</h2><p class=\"lede\">",
           sections[section].id, sections[section].id, sections[section].id, number, sections[section].title);
}

void page_lede_end(struct page *p) { html_f(&p->h, "</p></div>\n"); }
void page_section_end(struct page *p) { html_f(&p->h, "</section>\n"); }

void page_table(struct page *p, const char *class, const char *caption, const struct page_column *columns, size_t count, bool sortable)
{
    html_f(&p->h, "<div class=\"scroll\"><table class=\"%s\"%s>", class, sortable ? " data-sort" : "");
    if (caption) html_f(&p->h, "<caption>%s</caption>", caption);
    html_f(&p->h, "<thead><tr>");
    for (size_t i = 0; i < count; i++) {
        if (columns[i].head[0]) html_f(&p->h, "<th scope=\"col\" class=\"%s\">%s</th>", columns[i].class, columns[i].head);
        else html_f(&p->h, "<td class=\"%s\"></td>", columns[i].class);
    }
    html_f(&p->h, "</tr></thead><tbody>\n");
}

void page_table_end(struct page *p) { html_f(&p->h, "</tbody></table></div>\n"); }

void page_anchor(struct page *p, char kind, size_t step, const char *rule)
{
    html_f(&p->h, "%c-%zu-", kind, step + 1);
    html_attribute(&p->h, str_from(rule));
}

/* ---- the verdict */

/* The last part of the folder's path; with the one before where it says only "OUT". */
static const char *run_name(const struct page *p)
{
    const char *path = p->path, *slash = strrchr(path, '/');
    if (!slash || slash == path || strcasecmp(slash + 1, "OUT") != 0) return slash && slash[1] ? slash + 1 : path;
    const char *before = slash;
    while (before > path && before[-1] != '/') before--;
    return before;
}

static uint64_t rows_first(const struct funnel *f)
{
    const struct funnel_step *first = &f->list[0];
    return first->reads_rows ? first->read : first->kept + first->dropped;
}

/* Rows that a run whose tasks are not all done has not brought to an end yet are in neither. */
static uint64_t dropped_all(const struct funnel *f)
{
    uint64_t n = 0;
    for (size_t i = 0; i < f->count; i++) n += f->list[i].dropped;
    return n;
}

static uint64_t losses_all(const struct funnel *f)
{
    uint64_t n = 0;
    for (size_t i = 0; i < f->count; i++) n += f->list[i].losses_total;
    return n;
}

static void say_verdict(struct page *p)
{
    struct html *h = &p->h;
    const struct funnel *f = p->f;
    uint64_t rows = rows_first(f), dropped = dropped_all(f), losses = losses_all(f);
    html_f(h, "<p class=\"verdict\">");
    if (rows == 0) {
        html_f(h, "<b>Nothing came in</b>: the input held no image with a text.");
    } else {
        html_f(h, "<b>");
        html_count(h, p->s->kept);
        html_f(h, " %s</b> kept%s of ", p->s->samples ? p->s->kept == 1 ? "sample" : "samples" : p->s->kept == 1 ? "row" : "rows", p->s->complete ? "" : " so far");
        html_count(h, rows);
        html_f(h, rows == 1 ? " row (" : " rows (");
        html_share(h, p->s->kept, rows);
        html_f(h, "). ");
        if (dropped == 0) html_f(h, "None was dropped.");
        else if (dropped == 1) html_f(h, "The other is stored with the rule that dropped it.");
        else html_f(h, "Each of the "), html_count(h, dropped), html_f(h, " others is stored with the rule that dropped it.");
    }
    if (losses) html_f(h, " "), html_count(h, losses), html_f(h, " %s of the input could not be read.", losses == 1 ? "piece" : "pieces");
    else html_f(h, " No input was damaged.");
    html_f(h, "</p>\n");
}

static int say_oddity(void *context, const char *sentence)
{
    struct page *p = context;
    html_f(&p->h, "<p>");
    html_c(&p->h, sentence);
    html_f(&p->h, "</p>");
    return 0;
}

static void say_oddities(struct page *p)
{
    size_t before = p->h.out->n;
    html_f(&p->h, "<div class=\"warn\">");
    size_t empty = p->h.out->n;
    funnel_oddities(p->f, say_oddity, p);
    if (p->h.out->n == empty) p->h.out->n = before;
    else html_f(&p->h, "</div>\n");
}

/* Where every row of the input ended, in one line. */
static void strip(struct page *p)
{
    struct html *h = &p->h;
    double rows = (double)rows_first(p->f);
    if (rows <= 0) return;
    html_f(h, "<div class=\"strip\" role=\"img\" aria-label=\"Where the rows ended: ");
    html_count(h, p->s->kept);
    html_f(h, " kept, the others dropped step by step\">");
    if (p->s->kept) {
        double share = (double)p->s->kept / rows;
        html_f(h, "<div class=\"keep%s\" style=\"flex:%.4f 1 0\"><i></i><span><b>", share < 0.07 ? " slim" : "", fmax(share, 1e-4));
        html_share(h, p->s->kept, (uint64_t)rows);
        html_f(h, "</b>%s</span></div>", p->s->samples ? "in the corpus" : "kept");
    }
    for (size_t i = p->f->count; i-- > 0;) {
        const struct funnel_step *s = &p->f->list[i];
        double share = (double)s->dropped / rows;
        if (!s->dropped) continue;
        html_f(h, "<div class=\"drop%s\" style=\"flex:%.4f 1 0\"><i></i><span><b>", share < 0.07 ? " slim" : share < 0.25 ? " mid" : "", fmax(share, 1e-4));
        html_share(h, s->dropped, (uint64_t)rows);
        html_f(h, "</b>");
        html_c(h, s->name);
        html_f(h, "</span></div>");
    }
    html_f(h, "</div>\n");
}

static void figure(struct page *p, uint64_t n, const char *noun, uint64_t part, uint64_t whole, const char *of)
{
    html_f(&p->h, "<div><dd>");
    html_count(&p->h, n);
    html_f(&p->h, "</dd><dt>%s<span>", noun);
    if (of && whole) html_share(&p->h, part, whole), html_f(&p->h, " %s", of);
    html_f(&p->h, "</span></dt></div>");
}

static uint64_t count_named(const struct funnel_step *s, const char *name)
{
    for (size_t i = 0; i < s->count_count; i++)
        if (strcmp(s->counts[i].name, name) == 0) return s->counts[i].n;
    return 0;
}

static void figures(struct page *p)
{
    const struct funnel *f = p->f;
    const struct funnel_step *first = &f->list[0];
    uint64_t rows = rows_first(f), pages = count_named(first, "pages");
    html_f(&p->h, "<dl class=\"figures\">");
    if (pages) {
        html_f(&p->h, "<div><dd>");
        html_count(&p->h, pages);
        html_f(&p->h, "</dd><dt>pages read<span>");
        html_count(&p->h, first->inputs);
        html_f(&p->h, first->inputs == 1 ? " file</span></dt></div>" : " files</span></dt></div>");
    }
    figure(p, rows, "rows", 0, 0, NULL);
    if (p->s->fetch_step != SIZE_MAX) {
        const struct funnel_step *fetch = &f->list[p->s->fetch_step];
        figure(p, fetch->read, "pictures asked for", fetch->read, rows, "of rows");
        figure(p, fetch->kept, "pictures received", fetch->kept, fetch->read, "of those");
    } else if (p->s->pictures) {
        figure(p, p->s->pictures, "pictures", p->s->pictures, rows, "of rows");
    }
    figure(p, p->s->kept, p->s->samples ? "samples kept" : "rows kept", p->s->kept, rows, "of rows");
    html_f(&p->h, "</dl>\n");
}

static void fact(struct page *p, const char *name) { html_f(&p->h, "<div><dt>%s</dt><dd>", name); }
static void fact_end(struct page *p) { html_f(&p->h, "</dd></div>"); }

static void facts_of_run(struct page *p)
{
    struct html *h = &p->h;
    const struct funnel_step *first = &p->f->list[0], *last = &p->f->list[p->f->count - 1];
    size_t rules = 0, stood_in = 0;
    uint64_t tasks = 0;
    for (size_t i = 0; i < p->s->rule_count; i++) stood_in += p->s->rules[i].rule->substitute && !p->s->rules[i].rule->unserved;
    for (size_t i = 0; i < p->s->rule_count; i++) rules += p->s->rules[i].rule->filter && !p->s->rules[i].rule->unserved && !p->s->rules[i].rule->done_by;
    for (size_t i = 0; i < p->f->count; i++) tasks += p->f->list[i].tasks_done;
    html_f(h, "<div><p class=\"sub\">Run</p><dl class=\"facts\">");
    fact(p, "input"), html_count(h, first->inputs), html_f(h, first->inputs == 1 ? " file, " : " files, "), html_bytes(h, first->input_bytes), fact_end(p);
    char preset[128] = "";
    for (size_t i = 0; i < p->f->count && !preset[0]; i++) {
        const char *name = p->f->list[i].parameters ? manifest_text(p->f->list[i].parameters, "preset") : NULL;
        if (name) snprintf(preset, sizeof preset, "%s", name);
    }
    if (preset[0]) fact(p, "preset"), html_c(&p->h, preset), fact_end(p);
    fact(p, "steps"), html_f(h, "%zu, ", p->f->count), html_count(h, tasks), html_f(h, tasks == 1 ? " task" : " tasks"), fact_end(p);
    fact(p, "filter rules"), html_f(h, "%zu asked", rules);
    if (stood_in) html_f(h, ", %zu on another model’s scores", stood_in);
    fact_end(p);
    fact(p, p->s->samples ? "shards" : "output"), html_bytes(h, last->output_bytes), fact_end(p);
    fact(p, "folder"), html_f(h, "<code>"), html_c(h, p->f->steps.out), html_f(h, "</code>"), fact_end(p);
    html_f(h, "</dl></div>\n");
}

/* A line of checks: what was compared, and how it came out; `bad` of `all` did not agree. */
static void check(struct page *p, const char *what, uint64_t bad, uint64_t all, const char *unit)
{
    html_f(&p->h, "<div><dt>%s</dt><dd%s>", what, bad ? " class=\"bad\"" : "");
    if (!bad) html_f(&p->h, "holds");
    else html_count(&p->h, bad), html_f(&p->h, " of "), html_count(&p->h, all), html_f(&p->h, " %s differ", unit);
    html_f(&p->h, "</dd></div>");
}

static void checks(struct page *p)
{
    const struct funnel *f = p->f;
    const struct stats *s = p->s;
    uint64_t sums = 0, counted = 0, rules = 0, asked = 0, disagree = 0, records = 0;
    for (size_t i = 0; i < f->count; i++) {
        const struct funnel_step *step = &f->list[i];
        sums += !step->aside && step->reads_rows && step->read != step->kept + step->dropped;
        counted += s->ended[i] != step->dropped;
        records += step->records;
    }
    counted += s->last_step != SIZE_MAX && s->kept != f->list[s->last_step].kept;
    for (size_t i = 0; i < s->rule_count; i++) rules += !s->rules[i].rule->marked && s->rules[i].rows != s->rules[i].rule->removed;
    for (size_t i = 0; i < s->limits.count; i++) asked += s->limits.list[i].rows, disagree += s->limits.list[i].disagree;
    html_f(&p->h, "<div><p class=\"sub\">Checked while writing this page</p><dl class=\"facts checks\">");
    check(p, "in = kept + dropped, at each step", sums, f->count, "steps");
    check(p, "rows in the files = rows in the manifests", counted, f->count + 1, "steps");
    check(p, "dropped rows, rule by rule, likewise", rules, s->rule_count, "rules");
    if (asked) check(p, "limits asked again of every row agree with its fate", disagree, asked, "answers");
    html_f(&p->h, "<div><dt>input that could not be read</dt><dd>");
    html_count(&p->h, losses_all(f));
    if (records) html_f(&p->h, " of "), html_count(&p->h, records), html_f(&p->h, " records");
    html_f(&p->h, "</dd></div></dl></div>");
}

static void summary(struct page *p)
{
    html_f(&p->h, "<header id=\"summary\"><p class=\"kind\">winnow report</p><h1>");
    html_c(&p->h, run_name(p));
    html_f(&p->h, "</h1>\n");
    say_verdict(p);
    say_oddities(p);
    strip(p);
    figures(p);
    html_f(&p->h, "<div class=\"two\">");
    facts_of_run(p);
    checks(p);
    html_f(&p->h, "</div></header>\n");
}

/* ---- contents */

static void key_figure(struct page *p, enum section section)
{
    const struct stats *s = p->s;
    switch (section) {
    case SECTION_FUNNEL: html_share(&p->h, s->kept, rows_first(p->f)); break;
    case SECTION_LIMITS: html_f(&p->h, "%zu", s->limits.count + s->score_count); break;
    case SECTION_PICTURES: html_short(&p->h, (double)s->pictures); break;
    case SECTION_CAPTIONS: html_short(&p->h, (double)groups_count(&s->texts)); break;
    case SECTION_HOSTS: html_short(&p->h, (double)s->domains.count); break;
    case SECTION_FETCH: html_share(&p->h, p->f->list[s->fetch_step].kept, p->f->list[s->fetch_step].read); break;
    case SECTION_DUPLICATES: {
        uint64_t dropped = 0;
        for (size_t i = 0; i < s->duplicate_count; i++) dropped += s->duplicates[i].rule->removed;
        html_short(&p->h, (double)dropped);
        break;
    }
    case SECTION_LOSSES: html_short(&p->h, (double)losses_all(p->f)); break;
    default: break;
    }
}

static void contents(struct page *p)
{
    html_f(&p->h, "<nav aria-label=\"Contents\"><p class=\"self\">");
    html_c(&p->h, run_name(p));
    html_f(&p->h, "</p><ol><li><a href=\"#summary\">Summary<span></span></a></li>");
    for (enum section i = SECTION_FUNNEL; i < SECTIONS; i++) {
        if (!page_has(p, i)) continue;
        html_f(&p->h, "<li><a href=\"#%s\">%s<span>", sections[i].id, sections[i].title);
        key_figure(p, i);
        html_f(&p->h, "</span></a></li>");
    }
    html_f(&p->h, "</ol></nav>\n");
}

/* ---- the whole */

/* The script is constant; its hash lets the browser run it and nothing else. */
static void head(struct page *p)
{
    unsigned char digest[32];
    hash_sha256(str_from(page_js), digest);
    html_f(&p->h, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
                  "script-src 'sha256-");
    html_base64(&p->h, str_of((const char *)digest, sizeof digest));
    html_f(&p->h, "'; base-uri 'none'; form-action 'none'\">\n<title>");
    html_attribute(&p->h, str_from(run_name(p)));
    html_f(&p->h, ": winnow report</title>\n<style>");
    html_str(&p->h, str_from(page_css));
    html_f(&p->h, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#funnel\">Skip to the funnel</a>\n<div class=\"page\">\n");
}

/* Takes over `line`: a step's first task is kept, of the others their number. */
static void take_plan_line(struct page *p, json_t *line)
{
    const char *step = manifest_text(line, "step");
    json_t *last = json_array_get(p->commands, json_array_size(p->commands) - 1);
    if (!step && !p->made_with) {
        p->made_with = line;
        return;
    }
    if (step && last && strcmp(step, manifest_text(last, "step")) == 0) {
        json_object_set_new(last, "tasks", json_integer(json_integer_value(json_object_get(last, "tasks")) + 1));
    } else if (step && json_is_array(json_object_get(line, "command"))) {
        json_object_set_new(line, "tasks", json_integer(1));
        json_array_append(p->commands, line);
    }
    json_decref(line);
}

/* A plan has a line a task, hundreds of thousands in a large run: none is kept that is not shown. One that is longer than a
 * command line can be is left out. */
static int read_plan(struct page *p)
{
    char path[4096], *line = malloc(PLAN_LINE_MAX);
    p->commands = json_array();
    if (!line || !p->commands) return free(line), fail_memory();
    snprintf(path, sizeof path, "%s/plan.jsonl", p->f->steps.out);
    FILE *file = fopen(path, "re");
    int result = file || errno == ENOENT ? 0 : fail_errno("%s: cannot open", path);
    while (file && fgets(line, PLAN_LINE_MAX, file)) {
        json_t *json = json_loads(line, 0, NULL);
        if (json) take_plan_line(p, json);
    }
    if (file && ferror(file)) result = fail_errno("%s: cannot read", path);
    if (file) fclose(file);
    free(line);
    return result;
}

static void read_recipe(struct page *p)
{
    char path[4096];
    buf_init(&p->recipe, RECIPE_BYTES_MAX);
    snprintf(path, sizeof path, "%s/recipe.yaml", p->f->steps.out);
    if (file_exists(path) && buf_read_file(&p->recipe, path) < 0) buf_clear(&p->recipe);
}

static void body(struct page *p)
{
    static void (*const parts[SECTIONS])(struct page *) = {
        [SECTION_FUNNEL] = page_funnel,         [SECTION_LIMITS] = page_limits, [SECTION_PICTURES] = page_of_pictures,
        [SECTION_CAPTIONS] = page_captions,     [SECTION_HOSTS] = page_hosts,   [SECTION_FETCH] = page_fetch,
        [SECTION_DUPLICATES] = page_duplicates, [SECTION_LOSSES] = page_losses, [SECTION_EXAMPLES] = page_examples,
        [SECTION_REPRODUCE] = page_reproduce,
    };
    head(p);
    contents(p);
    html_f(&p->h, "<main>\n");
    summary(p);
    for (enum section i = SECTION_FUNNEL; i < SECTIONS; i++)
        if (page_has(p, i)) parts[i](p);
    html_f(&p->h, "<footer>winnow " WINNOW_VERSION " · report of ");
    html_c(&p->h, run_name(p));
    html_f(&p->h, " · one file, no request to anywhere · bytes in powers of 1,000 · a row is one occurrence of an image with a text</footer>\n"
                  "</main>\n</div>\n<script>");
    html_str(&p->h, str_from(page_js));
    html_f(&p->h, "</script>\n</body>\n</html>\n");
}

int page_html(const struct funnel *f, const struct stats *s, const struct page_options *options, struct buf *out)
{
    struct page p = {.h.out = out, .f = f, .s = s, .options = options, .path = realpath(f->steps.out, NULL)};
    int result = p.path ? read_plan(&p) : fail_errno("%s: cannot open", f->steps.out);
    if (result == 0) read_recipe(&p);
    if (result == 0 && !(p.pictures = page_pictures_open(f, s))) result = -1;
    if (result == 0) body(&p);
    page_pictures_close(p.pictures);
    json_decref(p.made_with);
    json_decref(p.commands);
    free(p.path);
    buf_free(&p.recipe);
    return p.h.failed ? -1 : result;
}

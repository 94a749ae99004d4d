/* How it went: fetch, duplicates, losses, and how to do it again. */
#include "reports/page_private.h"

#include "crawl/net/status.h"

#include <stdio.h>

enum { LOSSES_LISTED = 15, INPUTS_LISTED = 15, CAPTION_POINTS = 100, GROUPS_LISTED = 10 };

/* ---- fetch */

/* The answer to "gone, refused, too slow, too big, not a picture, or ours to blame?": that of the network's list, or of the
 * picture's own decoder. */
static const char *cause_of(struct str rule, const char **meaning)
{
    enum net_status status;
    unsigned http = 0;
    struct str name = str_starts(rule, STR("fetch.")) ? str_from_at(rule, 6) : rule;
    *meaning = "";
    if (net_status_parse(name, &status, &http)) {
        *meaning = http ? "what the server answered" : net_status_meaning(status);
        return net_cause_name(net_status_cause(status, http));
    }
    static const struct {
        const char *name, *cause, *meaning;
    } others[] = {
        {"page_robots", "refused", "the page that shows the picture forbids its use"},
        {"not_recorded", "gone", "the crawl holds no response for this URL"},
        {"redirect_not_recorded", "gone", "a redirect leads to a URL that the crawl does not hold"},
        {"too_many_redirects", "gone", "more redirects than allowed, or a circle of them"},
        {"damaged_record", "gone", "the crawl’s record of the response is damaged"},
        {"too_many_bytes", "too big", "longer than the limit"},
        {"too_many_pixels", "too big", "more pixels than any picture may have"},
        {"too_many_scans", "too big", "a progressive JPEG of too many scans"},
        {"too_large", "too big", "its resized form would break a limit"},
        {"empty", "not a picture", "no bytes at all"},
        {"not_an_image", "not a picture", "no picture’s first bytes: HTML, text, PDF and the like"},
        {"truncated", "not a picture", "it ends before its pixels do"},
        {"corrupt", "not a picture", "it breaks its format’s rules"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (str_eq(name, str_from(others[i].name))) return *meaning = others[i].meaning, others[i].cause;
    if (str_starts(name, STR("unsupported_"))) return *meaning = "a format that is not decoded", "not a picture";
    return "other";
}

static void status_row(struct page *p, const char *cause, const char *name, const char *meaning, uint64_t n, uint64_t all, const char *class)
{
    html_f(&p->h, "<tr><th scope=\"row\"><code>");
    html_c(&p->h, name);
    html_f(&p->h, "</code></th><td>%s</td><td class=\"src\">", cause);
    html_c(&p->h, meaning);
    html_f(&p->h, "</td><td class=\"r\">");
    html_count(&p->h, n);
    html_f(&p->h, "</td><td class=\"r\">");
    html_column(&p->h, n, all);
    html_f(&p->h, "</td><td class=\"barcol\">");
    html_bar(&p->h, class, all ? (double)n / (double)all : 0, NULL, 0);
    html_f(&p->h, "</td></tr>\n");
}

static void causes(struct page *p, const struct funnel_step *fetch)
{
    static const char *const order[] = {"gone", "refused", "too slow", "too big", "not a picture", "ours", "other"};
    const char *meaning;
    html_f(&p->h, "<div class=\"strip\" role=\"img\" aria-label=\"How fetching ended\"><div class=\"keep\" style=\"flex:%.4f 1 0\"><i></i><span><b>",
           fetch->read ? (double)fetch->kept / (double)fetch->read : 0);
    html_share(&p->h, fetch->kept, fetch->read);
    html_f(&p->h, "</b>received</span></div>");
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        uint64_t n = 0;
        for (size_t k = 0; k < fetch->rule_count; k++)
            if (strncmp(cause_of(str_from(fetch->rules[k].name), &meaning), order[i], strlen(order[i])) == 0) n += fetch->rules[k].removed;
        if (!n) continue;
        double share = (double)n / (double)fetch->read;
        html_f(&p->h, "<div class=\"drop%s\" style=\"flex:%.4f 1 0\"><i></i><span><b>", share < 0.07 ? " slim" : share < 0.25 ? " mid" : "", share);
        html_share(&p->h, n, fetch->read);
        html_f(&p->h, "</b>%s</span></div>", order[i]);
    }
    html_f(&p->h, "</div>\n");
}

void page_fetch(struct page *p)
{
    static const struct page_column columns[] = {{"status", ""}, {"cause", ""}, {"meaning", "src"}, {"rows", "r"}, {"%", "r"}, {"", "barcol"}};
    const struct funnel_step *fetch = &p->f->list[p->s->fetch_step];
    page_section(p, SECTION_FETCH);
    if (!fetch->read) {
        html_f(&p->h, "No picture was asked for.");
        page_lede_end(p);
        page_section_end(p);
        return;
    }
    html_count(&p->h, fetch->kept);
    html_f(&p->h, " of ");
    html_count(&p->h, fetch->read);
    html_f(&p->h, " pictures came (");
    html_share(&p->h, fetch->kept, fetch->read);
    html_f(&p->h, ").");
    page_lede_end(p);
    causes(p, fetch);
    page_table(p, "", NULL, columns, 6, true);
    status_row(p, "–", "ok", "fetched, decoded, stored", fetch->kept, fetch->read, "keep");
    for (size_t k = 0; k < fetch->rule_count; k++) {
        const char *meaning, *cause = cause_of(str_from(fetch->rules[k].name), &meaning);
        status_row(p, cause, fetch->rules[k].name, meaning, fetch->rules[k].removed, fetch->read, "drop");
    }
    page_table_end(p);
    page_section_end(p);
}

/* ---- duplicates */

static void group_table(struct page *p, const struct stats_duplicates *d)
{
    static const char *const names[GROUP_SIZES] = {"", "2", "3 or 4", "5 to 9", "10 to 99", "100 to 999", "1,000 and more"};
    static const struct page_column columns[] = {{"rows in a group", ""}, {"groups", "r"}, {"rows", "r"}, {"dropped", "r"}, {"", "barcol"}};
    struct groups_by_size sizes;
    groups_sizes(&d->groups, 1, &sizes);
    uint64_t top = 1;
    for (int i = 0; i < GROUP_SIZES; i++) top = sizes.values[i] - sizes.groups[i] > top ? sizes.values[i] - sizes.groups[i] : top;
    html_f(&p->h, "<div>");
    page_table(p, "", "Groups of equal rows", columns, 5, false);
    for (int i = 1; i < GROUP_SIZES; i++) {
        if (!sizes.groups[i]) continue;
        html_f(&p->h, "<tr><th scope=\"row\">%s</th><td class=\"r\">", names[i]);
        html_about(&p->h, sizes.groups[i], d->groups.level > 0);
        html_f(&p->h, "</td><td class=\"r\">");
        html_about(&p->h, sizes.values[i], d->groups.level > 0);
        html_f(&p->h, "</td><td class=\"r\">");
        html_about(&p->h, sizes.values[i] - sizes.groups[i], d->groups.level > 0);
        html_f(&p->h, "</td><td class=\"barcol\">");
        html_bar(&p->h, "drop", (double)(sizes.values[i] - sizes.groups[i]) / (double)top, NULL, 0);
        html_f(&p->h, "</td></tr>\n");
    }
    page_table_end(p);
    html_f(&p->h, "</div>");
}

static void largest_groups(struct page *p, const struct stats_duplicates *d)
{
    static const struct page_column columns[] = {{"caption", "cap"}, {"dropped", "r"}, {"% of them", "r"}};
    html_f(&p->h, "<div>");
    page_table(p, "", "Captions of the rows dropped", columns, 3, false);
    for (size_t i = 0; i < d->largest.count && i < GROUPS_LISTED; i++) {
        const struct frequent_item *item = &d->largest.items[i];
        html_f(&p->h, "<tr><th scope=\"row\" class=\"cap\">");
        html_caption(&p->h, frequent_text(&d->largest, item), item->points, CAPTION_POINTS);
        html_f(&p->h, "</th><td class=\"r\">%s", item->missed ? "≥" NARROW : "");
        html_count(&p->h, item->n[N_ROWS]);
        html_f(&p->h, "</td><td class=\"r\">");
        html_column(&p->h, item->n[N_ROWS], d->rule->removed);
        html_f(&p->h, "</td></tr>\n");
    }
    page_table_end(p);
    html_f(&p->h, "</div>");
}

void page_duplicates(struct page *p)
{
    const struct stats *s = p->s;
    uint64_t dropped = 0;
    for (size_t i = 0; i < s->duplicate_count; i++) dropped += s->duplicates[i].rule->removed;
    page_section(p, SECTION_DUPLICATES);
    if (!dropped) html_f(&p->h, "No row repeats another.");
    else html_count(&p->h, dropped), html_f(&p->h, dropped == 1 ? " row repeats one that is there already." : " rows repeat others that are there already.");
    page_lede_end(p);
    for (size_t i = 0; i < s->duplicate_count; i++) {
        const struct stats_duplicates *d = &s->duplicates[i];
        if (!d->rule->removed) continue;
        html_f(&p->h, "<h3><code>");
        html_c(&p->h, d->rule->name);
        html_f(&p->h, "</code><span>");
        html_count(&p->h, d->rule->removed);
        html_f(&p->h, " rows, ");
        html_share(&p->h, d->rule->removed, p->f->list[d->step].read);
        html_f(&p->h, " of the step’s input</span></h3><div class=\"two\">");
        group_table(p, d);
        largest_groups(p, d);
        html_f(&p->h, "</div>\n");
    }
    page_section_end(p);
}

/* ---- losses */

void page_losses(struct page *p)
{
    static const struct page_column columns[] = {{"step", ""}, {"file", "cap"}, {"offset", "r"}, {"what", "cap"}};
    uint64_t all = 0;
    size_t shown = 0;
    for (size_t i = 0; i < p->f->count; i++) all += p->f->list[i].losses_total;
    page_section(p, SECTION_LOSSES);
    if (!all) html_f(&p->h, "No input was damaged: every record and row could be read.");
    else html_count(&p->h, all), html_f(&p->h, all == 1 ? " piece of the input could not be read; it was skipped, and the rest went on."
                                                        : " pieces of the input could not be read; they were skipped, and the rest went on.");
    page_lede_end(p);
    if (!all) {
        page_section_end(p);
        return;
    }
    page_table(p, "losses", NULL, columns, 4, false);
    for (size_t i = 0; i < p->f->count; i++)
        for (size_t k = 0; k < p->f->list[i].loss_count && shown < LOSSES_LISTED; k++, shown++) {
            const struct funnel_loss *loss = &p->f->list[i].losses[k];
            html_f(&p->h, "<tr><td class=\"nowrap\">");
            html_c(&p->h, p->f->list[i].name);
            html_f(&p->h, "</td><td class=\"cap\"><code>");
            html_c(&p->h, loss->file);
            html_f(&p->h, "</code></td><td class=\"r\">");
            html_count(&p->h, loss->offset);
            html_f(&p->h, "</td><td class=\"cap\">");
            html_c(&p->h, loss->what);
            html_f(&p->h, "</td></tr>\n");
        }
    page_table_end(p);
    if (all > shown) {
        html_f(&p->h, "<p class=\"foot\">and ");
        html_count(&p->h, all - shown);
        html_f(&p->h, " more: <code>report.json</code> beside this page lists the first %d of a step, the folder <code>log</code> all.</p>\n", FUNNEL_LOSSES_LISTED);
    }
    page_section_end(p);
}

/* ---- reproduce */

/* A word as a shell reads it back. */
static void shell_word(struct page *p, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";
    if (word[0] && word[strspn(word, plain)] == 0) {
        html_c(&p->h, word);
        return;
    }
    html_c(&p->h, "'");
    for (; *word; word++) {
        if (*word == '\'') html_c(&p->h, "'\\''");
        else {
            size_t n = strcspn(word, "'");
            html_text(&p->h, str_of(word, n));
            word += n - 1;
        }
    }
    html_c(&p->h, "'");
}

/* The first task of each step, and how many there are. */
static void commands(struct page *p)
{
    size_t i, k;
    json_t *line, *word;
    html_f(&p->h, "<h3>Commands<span>what <code>winnow run</code> ran; OUT is the folder of the run</span></h3><pre tabindex=\"0\">");
    json_array_foreach(p->commands, i, line) {
        json_int_t tasks = json_integer_value(json_object_get(line, "tasks"));
        json_array_foreach(json_object_get(line, "command"), k, word) {
            html_f(&p->h, k ? " " : "");
            if (json_is_string(word)) shell_word(p, json_string_value(word));
        }
        html_f(&p->h, "\n");
        if (tasks > 1) html_f(&p->h, "    # … %lld tasks like this one\n", (long long)tasks);
    }
    html_f(&p->h, "</pre>\n");
}

static void versions(struct page *p)
{
    json_t *value;
    const char *name;
    bool any = false;
    html_f(&p->h, "<dl class=\"facts\"><div><dt>made with</dt><dd>");
    json_object_foreach(p->made_with, name, value) {
        if (!json_is_string(value) || strcmp(name, "format") == 0) continue;
        html_f(&p->h, "%s", any ? " · " : "");
        html_c(&p->h, name);
        html_f(&p->h, " ");
        html_c(&p->h, json_string_value(value));
        any = true;
    }
    html_f(&p->h, "%s</dd></div></dl>\n", any ? "" : "not written down: the folder has no plan.jsonl");
}

static void steps_table(struct page *p)
{
    static const struct page_column columns[] = {{"step", ""}, {"tasks", "r"}, {"files in", "r"}, {"bytes in", "r"}, {"bytes out", "r"}, {"rows out", "r"}};
    page_table(p, "", "Steps", columns, 6, false);
    for (size_t i = 0; i < p->f->count; i++) {
        const struct funnel_step *s = &p->f->list[i];
        html_f(&p->h, "<tr><th scope=\"row\">");
        html_c(&p->h, s->name);
        html_f(&p->h, "</th><td class=\"r\">");
        html_count(&p->h, s->tasks_done);
        if (s->tasks_done != s->tasks) html_f(&p->h, " of "), html_count(&p->h, s->tasks);
        html_f(&p->h, "</td><td class=\"r\">");
        html_count(&p->h, s->inputs);
        html_f(&p->h, "</td><td class=\"r\">");
        html_bytes(&p->h, s->input_bytes);
        html_f(&p->h, "</td><td class=\"r\">");
        html_bytes(&p->h, s->output_bytes);
        html_f(&p->h, "</td><td class=\"r\">");
        html_count(&p->h, s->kept);
        html_f(&p->h, "</td></tr>\n");
    }
    page_table_end(p);
}

/* The input files of the first step, with what names them. */
static void inputs_table(struct page *p)
{
    static const struct page_column columns[] = {{"file", "cap"}, {"bytes", "r"}, {"XXH3-128 of its ends", "cap"}};
    const struct funnel_step *first = &p->f->list[0];
    size_t shown = 0, i;
    json_t *input;
    page_table(p, "inputs", "Input", columns, 3, false);
    for (size_t t = 0; t < p->f->steps.list[0].task_count && shown < INPUTS_LISTED; t++) {
        json_t *manifest = steps_manifest(&p->f->steps, 0, t);
        json_array_foreach(json_object_get(manifest, "inputs"), i, input) {
            const char *name = manifest_text(input, "name"), *hash = manifest_text(input, "xxh3_128");
            if (shown++ >= INPUTS_LISTED) break;
            html_f(&p->h, "<tr><th scope=\"row\" class=\"cap\"><code>");
            html_c(&p->h, name ? name : "");
            html_f(&p->h, "</code></th><td class=\"r\">");
            html_count(&p->h, manifest_u64(input, "size"));
            html_f(&p->h, "</td><td class=\"cap\"><code>");
            html_c(&p->h, hash ? hash : "");
            html_f(&p->h, "</code></td></tr>\n");
        }
        json_decref(manifest);
    }
    if (first->inputs > INPUTS_LISTED) {
        html_f(&p->h, "<tr><td class=\"quiet\" colspan=\"3\">and ");
        html_count(&p->h, first->inputs - INPUTS_LISTED);
        html_f(&p->h, " more, in the manifests of the first step</td></tr>\n");
    }
    page_table_end(p);
}

/* Which numbers are exact, and which stand for more than could be kept. */
static void counting(struct page *p)
{
    const struct stats *s = p->s;
    const struct {
        const char *name;
        bool sketched;
    } lists[] = {{"frequent captions", s->captions.floor > 0}, {"hosts", s->hosts.floor > 0}, {"domains", s->domains.floor > 0},
                 {"domains of pages", s->page_domains.floor > 0}, {"sizes", s->sizes.floor > 0},
                 {"numbers of different captions", s->texts.level > 0}, {"of different URLs", s->urls.level > 0}};
    size_t sketched = 0;
    html_f(&p->h, "<div><dt>counting</dt><dd>Counts, shares and histograms are exact; medians and quantiles have three digits. ");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].sketched) html_f(&p->h, "%s%s", sketched++ ? ", " : "Beyond what is kept count of, and so within bounds (≈, ≥): ", lists[i].name);
    for (size_t i = 0; i < s->limits.count; i++)
        if (s->limits.list[i].level) {
            html_f(&p->h, "%s", sketched++ ? "; from one row in " : "From one row in ");
            html_count(&p->h, UINT64_C(1) << s->limits.list[i].level);
            html_f(&p->h, ": <code>");
            html_c(&p->h, s->limits.list[i].rule->name);
            html_f(&p->h, "</code>");
        }
    html_f(&p->h, "%s</dd></div>", sketched ? "." : "The lists of captions, hosts, domains and sizes are, too.");
}

void page_reproduce(struct page *p)
{
    page_section(p, SECTION_REPRODUCE);
    html_f(&p->h, "The same input gives the same bytes, on any number of threads, tasks or machines of one processor class; only the web may answer otherwise another day.");
    page_lede_end(p);
    if (json_array_size(p->commands)) commands(p);
    if (p->recipe.n) {
        html_f(&p->h, "<h3>Recipe<span><code>recipe.yaml</code></span></h3><pre tabindex=\"0\">");
        for (struct str rest = buf_str(&p->recipe); rest.n;) {
            html_text(&p->h, str_cut(&rest, '\n'));
            html_f(&p->h, "\n");
        }
        html_f(&p->h, "</pre>\n");
    }
    html_f(&p->h, "<div class=\"two\"><div>");
    steps_table(p);
    html_f(&p->h, "</div><div>");
    inputs_table(p);
    html_f(&p->h, "</div></div>\n<h3>Programs and numbers</h3>");
    versions(p);
    html_f(&p->h, "<dl class=\"facts\"><div><dt>numbers</dt><dd><code>report.json</code> beside this page holds every number of it "
                  "(<code>winnow report --format json</code>); every dropped row lies in its step’s <code>.dropped.zst</code></dd></div>");
    counting(p);
    html_f(&p->h, "<div><dt>one row</dt><dd><code>winnow audit OUT ID</code> tells the story of a row from any id on this page</dd></div></dl>\n");
    page_section_end(p);
}

/* One row's path as a short story: what it is, where it came from, each step with what happened there, and its end. */
#include "reports/audit.h"

#include "pipeline/base/log.h"
#include "pipeline/base/utf8.h"

enum { VALUE_BYTES_SHOWN = 1000 };

/* ---- lines */

static int add_value(struct buf *out, struct str cell)
{
    struct str shown = str_of(cell.p, utf8_cut(cell, VALUE_BYTES_SHOWN));
    if (log_mask(out, shown) < 0) return -1;
    return shown.n < cell.n ? buf_printf(out, "… (%zu bytes)", cell.n) : 0;
}

static int add_line(struct audit *a, const char *label, struct str cell)
{
    if (!cell.n) return 0;
    return buf_printf(&a->out, "   %-12s", label) < 0 || add_value(&a->out, cell) < 0 || buf_byte(&a->out, '\n') < 0 ? -1 : 0;
}

static int begin_step(struct audit *a, size_t step)
{
    return buf_printf(&a->out, "   %-12s", a->steps.list[step].name);
}

/* ---- what the row is */

static int tell_source(struct audit *a, const struct find *f)
{
    struct buf *out = &a->out;
    const char *file = steps_input_name(&a->steps, f->place.file, &a->arena);
    struct str offset = find_cell(f, "warc_offset"), length = find_cell(f, "warc_length");
    if (buf_printf(out, "   %-12s", "source") < 0) return -1;
    if ((file ? log_mask(out, str_from(file)) : buf_printf(out, "file %llu of the inputs", (unsigned long long)f->place.file)) < 0) return -1;
    if (buf_printf(out, ", record %llu", (unsigned long long)f->place.record) < 0) return -1;
    if (offset.n && buf_printf(out, " (%.*s bytes at offset %.*s)", STR_ARG(length), STR_ARG(offset)) < 0) return -1;
    if (buf_printf(out, ", image %llu", (unsigned long long)f->place.image) < 0) return -1;
    return buf_printf(out, ", text %llu (%.*s)\n", (unsigned long long)f->place.text, STR_ARG(find_cell(f, "text_source")));
}

static int tell_page(struct audit *a, const struct find *f)
{
    struct str page = find_cell(f, "page_url"), date = find_cell(f, "warc_date");
    if (!page.n) return 0;
    if (buf_printf(&a->out, "   %-12s", "page") < 0 || add_value(&a->out, page) < 0) return -1;
    if (date.n && (buf_add(&a->out, STR(", crawled ")) < 0 || add_value(&a->out, date) < 0)) return -1;
    return buf_byte(&a->out, '\n');
}

/* ---- what happened in a step that it passed */

static size_t rules_asked(json_t *manifest)
{
    size_t i, asked = 0;
    json_t *rule;
    json_array_foreach(json_object_get(manifest, "filters"), i, rule)
        asked += !json_object_get(rule, "unserved") && !json_object_get(rule, "done_by");
    return asked;
}

static int tell_fetch(struct buf *out, const struct find *f)
{
    struct str format = find_cell(f, "format"), stored = find_cell(f, "stored");
    if (!format.n) return buf_add(out, STR("passed\n"));
    if (buf_printf(out, "fetched: %.*s, %.*s × %.*s, %.*s bytes", STR_ARG(format), STR_ARG(find_cell(f, "width")),
                   STR_ARG(find_cell(f, "height")), STR_ARG(find_cell(f, "bytes"))) < 0)
        return -1;
    return buf_printf(out, "; stored as %.*s, %.*s × %.*s\n", STR_ARG(stored), STR_ARG(find_cell(f, "stored_width")),
                      STR_ARG(find_cell(f, "stored_height")));
}

static int tell_passed(struct audit *a, const struct find *f, size_t step)
{
    json_t *manifest = a->manifests[step];
    const char *stage = manifest_text(manifest, "stage");
    struct str name = str_from(stage ? stage : "");
    if (begin_step(a, step) < 0) return -1;
    if (str_eq(name, STR("filter"))) {
        size_t asked = rules_asked(manifest);
        return buf_printf(&a->out, "passed %zu rule%s\n", asked, asked == 1 ? "" : "s");
    }
    if (str_eq(name, STR("fetch"))) return tell_fetch(&a->out, f);
    if (str_eq(name, STR("extract")) || str_eq(name, STR("import"))) return buf_add(&a->out, STR("written\n"));
    return buf_add(&a->out, str_eq(name, STR("dedup")) ? STR("kept\n") : STR("passed\n"));
}

/* ---- its end */

/* What became of the row that a duplicate lost to: it went on behind step `step`. */
static int tell_winner(struct audit *a, size_t step, struct str id)
{
    struct finds finds;
    finds_init(&finds, 1);
    struct buf *out = &a->out;
    int result = finds_of_id(&finds, &a->steps, step + 1, id);
    const struct find *kept = finds.count ? &finds.list[0] : NULL;
    if (result == 0 && kept && kept->end == FIND_SAMPLE) {
        result = buf_printf(out, "   %-12sthat one is sample %.*s\n", "", STR_ARG(find_cell(kept, "key")));
    } else if (result == 0 && kept && kept->end == FIND_DROPPED) {
        result = buf_printf(out, "   %-12sthat one was dropped later, in %s by ", "", a->steps.list[kept->step].name);
        if (result == 0) result = add_value(out, find_cell(kept, "rule"));
        if (result == 0) result = buf_byte(out, '\n');
    }
    finds_free(&finds);
    return result;
}

static int tell_rule_source(struct audit *a, json_t *rule)
{
    const char *filter = manifest_text(rule, "filter"), *from = manifest_text(rule, "provenance"), *source = manifest_text(rule, "source");
    if (!filter) return 0;
    if (buf_printf(&a->out, "   %-12sthe rule: ", "") < 0 || log_mask(&a->out, str_from(filter)) < 0) return -1;
    if (from && (buf_add(&a->out, STR("; ")) < 0 || log_mask(&a->out, str_from(from)) < 0)) return -1;
    if (source && *source && (buf_add(&a->out, STR(": ")) < 0 || log_mask(&a->out, str_from(source)) < 0)) return -1;
    return buf_byte(&a->out, '\n');
}

static int tell_dropped(struct audit *a, const struct find *f)
{
    struct str rule = find_cell(f, "rule"), measured = find_cell(f, "measured"), bound = find_cell(f, "bound"), also = find_cell(f, "also");
    bool duplicate = str_starts(rule, STR("dup.")) && measured.n == 32;
    struct buf *out = &a->out;
    if (begin_step(a, f->step) < 0 || buf_add(out, STR("dropped by ")) < 0 || add_value(out, rule) < 0) return -1;
    if (measured.n && (buf_add(out, duplicate ? STR(": equals ") : STR(": measured ")) < 0 || add_value(out, measured) < 0)) return -1;
    if (bound.n && (buf_add(out, duplicate ? STR(", which stays by ") : measured.n ? STR(", bound ") : STR(": bound ")) < 0 || add_value(out, bound) < 0))
        return -1;
    struct str http = find_cell(f, "http_status");
    if (http.n && !str_eq(http, measured) && (buf_add(out, STR(", HTTP status ")) < 0 || add_value(out, http) < 0)) return -1;
    if (buf_byte(out, '\n') < 0 || tell_rule_source(a, audit_rule(a, f->step, rule)) < 0) return -1;
    if (also.n && (buf_printf(out, "   %-12sit also fails: ", "") < 0 || add_value(out, also) < 0 || buf_byte(out, '\n') < 0)) return -1;
    return duplicate ? tell_winner(a, f->step, measured) : 0;
}

static int tell_sample(struct audit *a, const struct find *f)
{
    uint64_t shard = 0;
    str_to_u64(find_cell(f, "shard"), &shard);
    const char *path = steps_shard_path(&a->steps, shard, &a->arena);
    if (begin_step(a, f->step) < 0 || buf_printf(&a->out, "in the corpus: sample %.*s in ", STR_ARG(find_cell(f, "key"))) < 0) return -1;
    if ((path ? log_mask(&a->out, str_from(path)) : buf_printf(&a->out, "shard %llu, whose file is not there", (unsigned long long)shard)) < 0)
        return -1;
    return buf_printf(&a->out, ", %.*s bytes at offset %.*s of the tar\n", STR_ARG(find_cell(f, "sample_length")),
                      STR_ARG(find_cell(f, "sample_offset")));
}

static int tell_row(struct audit *a, const struct find *f)
{
    size_t next = f->step + 1;
    if (tell_passed(a, f, f->step) < 0) return -1;
    if (buf_printf(&a->out, "   %-12sis among the rows of ", "") < 0 || log_mask(&a->out, str_from(f->file)) < 0) return -1;
    if (next == a->steps.count) return buf_byte(&a->out, '\n');
    return buf_printf(&a->out, ", and not among what %s kept or dropped: it has not come there yet, or was lost there (winnow report lists "
                               "losses)\n", a->steps.list[next].name);
}

static const char *end_name(const struct audit *a, const struct find *f)
{
    if (f->end == FIND_ROW) return f->step + 1 == a->steps.count ? "kept so far" : "not at an end";
    return f->end == FIND_SAMPLE ? "in the corpus" : "dropped";
}

/* What rows with one id share is told once. */
static int tell_pair(struct audit *a, const struct find *f, const struct find *before)
{
    static const char *const columns[] = {"id", "url", "text"}, *const labels[] = {"id", "picture", "text"};
    bool known = before != NULL;
    for (size_t i = 0; i < 3; i++) known = known && str_eq(find_cell(f, columns[i]), find_cell(before, columns[i]));
    for (size_t i = 0; i < 3 && !known; i++)
        if (add_line(a, labels[i], find_cell(f, columns[i])) < 0) return -1;
    return 0;
}

static int tell(struct audit *a, const struct finds *finds, size_t index)
{
    const struct find *f = &finds->list[index];
    const struct place *p = &f->place;
    if (buf_printf(&a->out, "\n%zu. %s\n", index + 1, end_name(a, f)) < 0) return -1;
    if (tell_pair(a, f, index ? f - 1 : NULL) < 0 || tell_page(a, f) < 0 || tell_source(a, f) < 0) return -1;
    if (buf_printf(&a->out, "   %-12s%llu.%llu.%llu.%llu\n", "place", (unsigned long long)p->file, (unsigned long long)p->record,
                   (unsigned long long)p->image, (unsigned long long)p->text) < 0)
        return -1;
    for (size_t i = 0; i < f->step; i++)
        if (tell_passed(a, f, i) < 0) return -1;
    if (f->end == FIND_DROPPED) return tell_dropped(a, f);
    return f->end == FIND_SAMPLE ? tell_sample(a, f) : tell_row(a, f);
}

int audit_story(struct audit *a, const struct finds *finds, struct str subject)
{
    uint64_t all = finds->count + finds->more;
    if (log_mask(&a->out, subject) < 0 || buf_printf(&a->out, ": %llu row%s\n", (unsigned long long)all, all == 1 ? "" : "s") < 0) return -1;
    for (size_t i = 0; i < finds->count; i++) {
        arena_reset(&a->arena);
        if (tell(a, finds, i) < 0 || audit_flush(a) < 0) return -1;
    }
    if (finds->more && buf_printf(&a->out, "\n%llu more: --limit 0 tells all\n", (unsigned long long)finds->more) < 0) return -1;
    return audit_flush(a);
}

#include "crawl/page/follow.h"

#include "pipeline/base/fail.h"

const char *follow_count_name(enum follow_count count)
{
    static const char *const names[FOLLOW_COUNTS] = {
        [FOLLOW_RECORDS] = "records", [FOLLOW_RESPONSES] = "responses", [FOLLOW_REVISITS] = "revisits",
        [FOLLOW_NO_HTTP] = "responses_without_http", [FOLLOW_OTHER_STATUS] = "responses_of_other_status",
        [FOLLOW_PICTURES] = "pictures", [FOLLOW_PAGES] = "pages", [FOLLOW_PAGES_PARTIAL] = "pages_partial",
        [FOLLOW_PAGES_DETECTED] = "pages_with_detected_charset", [FOLLOW_BODIES_DAMAGED] = "bodies_damaged",
    };
    return names[count];
}

enum { COPY_BYTES_MAX = 256 << 20 };

int page_follow_init(struct page_follow *f, const struct page_options *options, size_t body_limit)
{
    *f = (struct page_follow){.waits = false};
    http_body_init(&f->body, body_limit);
    buf_init(&f->uri, WARC_HEAD_BYTES_MAX * 3);
    buf_init(&f->copy, COPY_BYTES_MAX);
    f->reader = page_reader_new(options);
    return f->reader ? 0 : -1;
}

void page_follow_free(struct page_follow *f)
{
    page_reader_free(f->reader);
    http_body_free(&f->body);
    buf_free(&f->uri);
    buf_free(&f->copy);
    f->reader = NULL;
}

/* Whether a metadata record speaks of the response before it. */
static bool belongs(const struct warc_record *metadata, const struct warc_record *response)
{
    if (metadata->type != WARC_TYPE_METADATA) return false;
    if (metadata->content_type.n && !str_starts_nocase(metadata->content_type, STR("application/warc-fields"))) return false;
    struct str id = response->record_id;
    if (id.n && (str_eq(metadata->concurrent_to, id) || str_eq(metadata->refers_to, id))) return true;
    return metadata->uri.n && str_eq(metadata->uri, response->uri);
}

static int finish(struct page_follow *f, struct str detected, const struct follow_sink *sink)
{
    f->waits = false;
    f->counts[FOLLOW_PAGES]++;
    f->counts[FOLLOW_PAGES_PARTIAL] += f->head.status != 200 || (f->record.oddities & WARC_TRUNCATED);
    f->counts[FOLLOW_PAGES_DETECTED] += detected.n > 0;
    const struct follow_source from = {&f->record, f->ordinal, f->clean_uri};
    const struct page_source source = {f->clean_uri, f->content, f->mime.charset, detected, &f->head};
    struct page page;
    if (page_read(f->reader, &source, &page) < 0) return fail_is_memory() ? -1 : sink->lost(sink->context, &from, fail_message());
    for (int i = 0; i < PAGE_COUNTS; i++) f->page_counts[i] += page.counts[i];
    return sink->page(sink->context, &from, &page);
}

/* The response's body without codings, once the head is known to be worth it. */
static int take_body(struct page_follow *f, const struct warc_record *record)
{
    unsigned marks;
    struct str body = str_from_at(record->block, f->head.size);
    f->content = http_body_decode(&f->body, &f->head, body, record->oddities & WARC_TRUNCATED, &marks);
    f->counts[FOLLOW_BODIES_DAMAGED] += (marks & HTTP_BODY_DAMAGED) != 0;
    return f->content.p ? 0 : -1;
}

static int take_response(struct page_follow *f, const struct warc_record *record, uint64_t ordinal, const struct follow_sink *sink)
{
    f->counts[FOLLOW_RESPONSES]++;
    f->record = *record;
    f->ordinal = ordinal;
    f->clean_uri = warc_uri(record, &f->uri);
    const struct follow_source from = {record, ordinal, f->clean_uri};
    if (record->oddities & WARC_SKIPPED) return sink->lost(sink->context, &from, "its block is over the limit: skipped; --max-block raises it");
    if (http_head_parse(&f->head, record->block) < 0) return f->counts[FOLLOW_NO_HTTP]++, 0;
    if (sink->response && sink->response(sink->context, &from) < 0) return -1;
    unsigned status = f->head.status;
    if (status != 200 && status != 203 && status != 206) return f->counts[FOLLOW_OTHER_STATUS]++, 0;
    f->mime = (struct mime){.charset = CHARSET_NONE};
    for (unsigned i = 0; i < f->head.content_type.count; i++) mime_update(&f->mime, f->head.content_type.value[i]);
    if (str_eq_nocase(f->mime.type, STR("image"))) {
        f->counts[FOLLOW_PICTURES]++;
        return 0;
    }
    if (take_body(f, record) < 0) return -1;
    f->waits = mime_page_is_html(record->payload_type, &f->mime, f->content);
    return 0;
}

int page_follow_record(struct page_follow *f, const struct warc_record *record, uint64_t ordinal, const struct follow_sink *sink)
{
    f->counts[FOLLOW_RECORDS]++;
    f->counts[FOLLOW_REVISITS] += record->type == WARC_TYPE_REVISIT;
    if (f->waits) {
        struct str detected = STR_ABSENT;
        if (belongs(record, &f->record)) detected = warc_block_field(record->block, STR("charset-detected"));
        if (finish(f, detected, sink) < 0) return -1;
    }
    return record->type == WARC_TYPE_RESPONSE ? take_response(f, record, ordinal, sink) : 0;
}

int page_follow_flush(struct page_follow *f, const struct follow_sink *sink)
{
    return f->waits ? finish(f, STR_ABSENT, sink) : 0;
}

/* A copy of the waiting record in `into`: it is parsed again, so that all slices point there. */
static int copy_to(const struct page_follow *f, struct page_follow *to)
{
    const struct warc_record old = f->record;
    struct buf joined;
    buf_init(&joined, COPY_BYTES_MAX);
    if (buf_add(&joined, old.head) < 0 || buf_add(&joined, old.block) < 0) return buf_free(&joined), -1;
    buf_free(&to->copy);
    to->copy = joined;
    const char *why;
    struct str bytes = buf_str(&to->copy);
    warc_head_parse(&to->record, str_of(bytes.p, old.head.n), &why);
    to->record.block = str_from_at(bytes, old.head.n);
    to->record.offset = old.offset;
    to->record.inside = old.inside;
    to->record.stored = old.stored;
    to->record.oddities = old.oddities;
    to->ordinal = f->ordinal;
    to->clean_uri = warc_uri(&to->record, &to->uri);
    http_head_parse(&to->head, to->record.block);
    to->mime = (struct mime){.charset = CHARSET_NONE};
    for (unsigned i = 0; i < to->head.content_type.count; i++) mime_update(&to->mime, to->head.content_type.value[i]);
    uint64_t damaged = to->counts[FOLLOW_BODIES_DAMAGED];
    int result = take_body(to, &to->record);
    to->counts[FOLLOW_BODIES_DAMAGED] = damaged; /* counted when it was first taken */
    return result;
}

int page_follow_copy(struct page_follow *f) { return copy_to(f, f); }

int page_follow_move(struct page_follow *from, struct page_follow *to)
{
    int result = copy_to(from, to);
    to->waits = result == 0;
    from->waits = false;
    return result;
}

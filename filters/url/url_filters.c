/* Rules over URLs. Hosts are compared in lower case; everything else as it is written, since published lists are. */
#include "filters/url/url_filters.h"

#include "filters/answers.h"
#include "filters/text/measure.h"
#include "filters/text/phrases.h"
#include "filters/url/authority.h"
#include "pipeline/base/fail.h"

#include <arpa/inet.h>
#include <libpsl.h>

/* of=url: what the row names; of=raw: what the page wrote, where that differs. */
struct str url_of_rule(const struct rule *rule, const struct filter_row *row)
{
    struct str url = rule->raw_url && row->cells[SLOT_URL_RAW].n ? row->cells[SLOT_URL_RAW] : row->cells[SLOT_URL];
    return url.p ? url : STR("");
}

int url_contains_prepare(struct chain *chain, struct rule *rule)
{
    struct entries entries;
    if (rule_entries(chain, rule, false, &entries) < 0) return -1;
    if (entries.count == 0) return rule_unserved(chain, rule, "needs list=FILE or words=");
    rule->state = substrings_new(entries.items, entries.count);
    return rule->state ? rule_set_bound(chain, rule, "no hit") : -1;
}

void url_contains_release(void *state) { substrings_free(state); }

int url_contains_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str hit = substrings_find(rule->state, url_of_rule(rule, row));
    return answer_text(result, !hit.p, hit);
}

int url_extension_prepare(struct chain *chain, struct rule *rule)
{
    return rule_set_bound(chain, rule, "one of %.*s", STR_ARG(rule_state_value(rule, "allow")->text));
}

int url_extension_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str path = url_as_written(url_of_rule(rule, row)).path, extension = STR("");
    for (size_t i = path.n; i-- > 0 && path.p[i] != '/';)
        if (path.p[i] == '.') {
            extension = str_from_at(path, i + 1);
            break;
        }
    bool allowed = false;
    for (struct str rest = ((const struct rule_value *)rule->state)->text; rest.p && !allowed;)
        allowed = str_eq_nocase(str_cut(&rest, ','), extension);
    return answer_text(result, allowed, extension);
}

int url_length_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    return answer_count(rule, result, measure_code_points(url_of_rule(rule, row)));
}

int url_host_length_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    return answer_count(rule, result, measure_code_points(url_as_written(url_of_rule(rule, row)).host));
}

int url_valid_prepare(struct chain *chain, struct rule *rule)
{
    struct rule_value *schemes = rule_state_value(rule, "schemes");
    return rule_set_bound(chain, rule, "an absolute URL of %.*s", STR_ARG(schemes->text));
}

int url_valid_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str url = url_of_rule(rule, row);
    return answer_text(result, url_django_valid(url, ((const struct rule_value *)rule->state)->text), url);
}

/* ---- hosts ---- */

int url_host_blocklist_prepare(struct chain *chain, struct rule *rule)
{
    struct entries entries;
    if (rule_entries(chain, rule, true, &entries) < 0) return -1;
    if (entries.count == 0) return rule_unserved(chain, rule, "needs list=FILE or words=");
    rule->state = phrases_new(entries.items, NULL, entries.count);
    return rule->state ? rule_set_bound(chain, rule, "host not listed") : -1;
}

/* Where the registrable domain begins in a lower-case host with a NUL behind; 0 for addresses and public suffixes. */
static size_t registrable_at(const char *host, size_t n)
{
    struct in_addr address;
    if (host[0] == '[' || inet_pton(AF_INET, host, &address) == 1) return 0;
    const char *domain = psl_registrable_domain(psl_builtin(), host);
    return domain && domain >= host && domain <= host + n ? (size_t)(domain - host) : 0;
}

/* The host, and each domain above it down to the registrable one: example.com lists www.example.com too. */
int url_host_blocklist_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    char host[256];
    struct str written = url_as_written(url_of_rule(rule, row)).host;
    size_t n = written.n < sizeof host ? written.n : 0; /* no listed host is longer than 253 */
    for (size_t i = 0; i < n; i++) host[i] = ascii_lower(written.p[i]);
    if (n && host[n - 1] == '.') n--;
    host[n] = 0;
    size_t last = n ? registrable_at(host, n) : 0;
    for (size_t at = 0; n && at <= last;) {
        bool listed = phrases_value(rule->state, str_of(host + at, n - at), NULL);
        if (listed) return answer_text(result, false, str_from_at(written, at));
        const char *dot = memchr(host + at, '.', n - at);
        if (!dot) break;
        at = (size_t)(dot - host) + 1;
    }
    return 0;
}

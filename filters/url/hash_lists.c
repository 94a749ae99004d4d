/* Lists of hashes, as partners hand them on who may not hand on what they name: of URLs, MD5 or SHA-256; of pictures' bytes, SHA-256. */
#include "filters/answers.h"
#include "filters/ids.h"
#include "filters/text/phrases.h"
#include "filters/url/url_filters.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"

#include <stdlib.h>

enum { MD5_DIGITS = 32, SHA256_DIGITS = 64 };

struct hash_list {
    struct phrases *entries;
    bool md5, sha256; /* there are such entries */
};

void hash_blocklist_release(void *state)
{
    struct hash_list *l = state;
    phrases_free(l->entries);
    free(l);
}

static int check_entries(const struct rule *rule, const struct entries *entries, bool of_bytes, struct hash_list *l)
{
    for (size_t i = 0; i < entries->count; i++) {
        struct str entry = entries->items[i];
        bool hex = true;
        for (size_t k = 0; k < entry.n; k++) hex = hex && ascii_hex(entry.p[k]) >= 0;
        if (!hex || (entry.n != SHA256_DIGITS && (of_bytes || entry.n != MD5_DIGITS)))
            return fail_usage("%s: '%.*s' is no %s in hexadecimal digits", rule->name, STR_ARG(entry), of_bytes ? "SHA-256" : "MD5 or SHA-256");
        l->md5 |= entry.n == MD5_DIGITS;
        l->sha256 |= entry.n == SHA256_DIGITS;
    }
    return 0;
}

static int prepare(struct chain *chain, struct rule *rule, bool of_bytes)
{
    struct entries entries;
    if (rule_entries(chain, rule, true, &entries) < 0) return -1;
    if (entries.count == 0) return rule_unserved(chain, rule, "needs list=FILE: a hash in hexadecimal digits a line");
    struct hash_list *l = calloc(1, sizeof *l);
    if (!l) return fail_memory();
    rule->state = l;
    if (check_entries(rule, &entries, of_bytes, l) < 0) return -1;
    l->entries = phrases_new(entries.items, NULL, entries.count);
    return l->entries ? rule_set_bound(chain, rule, "hash not listed") : -1;
}

int url_hash_blocklist_prepare(struct chain *chain, struct rule *rule) { return prepare(chain, rule, false); }
int image_hash_blocklist_prepare(struct chain *chain, struct rule *rule) { return prepare(chain, rule, true); }

static bool is_listed(const struct hash_list *l, const unsigned char *hash, unsigned bytes)
{
    static const char digits[] = "0123456789abcdef";
    char hex[SHA256_DIGITS];
    for (unsigned i = 0; i < bytes; i++) hex[2 * i] = digits[hash[i] >> 4], hex[2 * i + 1] = digits[hash[i] & 15];
    return phrases_value(l->entries, str_of(hex, (size_t)2 * bytes), NULL);
}

int url_hash_blocklist_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const struct hash_list *l = rule->state;
    struct str url = url_of_rule(rule, row);
    unsigned char hash[SHA256_DIGITS / 2];
    bool listed = false;
    if (l->md5) {
        id_datacomp(STR(""), url, hash); /* MD5 of no text and the URL: of the URL */
        listed = is_listed(l, hash, MD5_DIGITS / 2);
    }
    if (!listed && l->sha256) {
        hash_sha256(url, hash);
        listed = is_listed(l, hash, SHA256_DIGITS / 2);
    }
    return answer_text(result, !listed, listed ? url : STR(""));
}

int image_hash_blocklist_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    const struct hash_list *l = rule->state;
    struct str hash = rule_cell(rule, row, 0);
    if (!hash.n) return answer_text(result, false, STR("absent"));
    return answer_text(result, !phrases_value(l->entries, hash, NULL), hash);
}

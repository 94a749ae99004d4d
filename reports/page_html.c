#include "reports/page_html.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MARKS_SHOWN = 4 }; /* on one letter: no script writes more */

void html_str(struct html *h, struct str markup)
{
    if (!h->failed && buf_add(h->out, markup) < 0) h->failed = true;
}

void html_f(struct html *h, const char *format, ...)
{
    char small[1024], *large = NULL;
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int n = vsnprintf(small, sizeof small, format, list);
    if (n >= (int)sizeof small && vasprintf(&large, format, again) < 0) large = NULL, n = -1;
    va_end(again);
    va_end(list);
    if (n < 0) fail_memory(), h->failed = true;
    else html_str(h, str_of(large ? large : small, (size_t)n));
    free(large);
}

/* ---- text from outside */

/* Joiners stay: they shape letters, and turn nothing. Spaces of all widths stay too. */
static bool is_shown(uint32_t c)
{
    if (c >= 0x20 && c < 0x7f) return true;
    if (c == 0x200c || c == 0x200d) return true;
    if (c == 0x2028 || c == 0x2029 || c < 0xa0) return false;
    if (unicode_is_space(c)) return true;
    if (unicode_ready() == 0) return (unicode_classes(c) & UNICODE_PRINTABLE) != 0;
    bool turns = c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f);
    return !turns && c != 0xad && c != 0xfeff && c < 0xe0000;
}

static void add_point(struct html *h, uint32_t c, struct str bytes, bool chips)
{
    static const struct {
        char c;
        const char *reference;
    } escaped[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (size_t i = 0; i < sizeof escaped / sizeof *escaped; i++)
        if (c == (uint32_t)escaped[i].c) {
            html_str(h, str_from(escaped[i].reference));
            return;
        }
    if (c == UTF8_INVALID) html_str(h, STR("\ufffd"));
    else if (is_shown(c)) html_str(h, bytes);
    else html_f(h, chips ? "<span class=\"cp\">U+%04X</span>" : "U+%04X", (unsigned)c);
}

static void name_marks(struct html *h, size_t n, bool chips)
{
    html_f(h, chips ? "<span class=\"cp\">+%zu mark%s</span>" : "+%zu mark%s", n, n == 1 ? "" : "s");
}

/* Marks pile up above their letter: beyond a few they are counted, or they would be drawn over the lines around. */
static void add_text(struct html *h, struct str text, bool chips)
{
    bool have = unicode_ready() == 0;
    size_t marks = 0;
    for (size_t i = 0; i < text.n && !h->failed;) {
        size_t from = i;
        uint32_t c = utf8_next(text, &i);
        bool mark = have && c >= 0x300 && c != UTF8_INVALID && unicode_classes(c) & UNICODE_MARK;
        if (!mark && marks > MARKS_SHOWN) name_marks(h, marks - MARKS_SHOWN, chips);
        marks = mark ? marks + 1 : 0;
        if (marks <= MARKS_SHOWN) add_point(h, c, str_of(text.p + from, i - from), chips);
    }
    if (marks > MARKS_SHOWN) name_marks(h, marks - MARKS_SHOWN, chips);
}

void html_text(struct html *h, struct str text) { add_text(h, text, true); }
void html_attribute(struct html *h, struct str text) { add_text(h, text, false); }

/* Where to cut: behind `most` code points, not before a mark or joiner that belongs to the letter before. */
static size_t cut_at(struct str text, size_t most)
{
    size_t i = 0, points = 0;
    bool have = unicode_ready() == 0;
    while (i < text.n) {
        size_t from = i;
        uint32_t c = utf8_next(text, &i);
        bool belongs = c == 0x200d || (c >= 0xfe00 && c <= 0xfe0f) || (have && unicode_classes(c) & UNICODE_MARK);
        if (points++ >= most && (!belongs || points > most + 8)) return from;
    }
    return text.n;
}

void html_caption(struct html *h, struct str text, size_t points, size_t most)
{
    struct str shown = str_of(text.p, cut_at(text, most));
    size_t known = utf8_count(shown);
    bool cut = shown.n < text.n || known < points;
    html_f(h, "<bdi dir=\"auto\">");
    html_text(h, shown);
    html_f(h, "%s</bdi>", cut ? "…" : "");
    if (!cut) return;
    html_f(h, " <span class=\"more\">");
    html_count(h, points > known ? points : utf8_count(text));
    html_f(h, " characters</span>");
}

/* ---- numbers */

static void add_grouped(struct html *h, const char *digits)
{
    size_t n = strlen(digits), whole = strcspn(digits, ".");
    for (size_t i = 0; i < n; i++) {
        if (i && i < whole && (whole - i) % 3 == 0 && ascii_is_digit(digits[i - 1])) html_str(h, STR(","));
        html_str(h, str_of(digits + i, 1));
    }
}

void html_count(struct html *h, uint64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    add_grouped(h, text);
}

void html_about(struct html *h, uint64_t n, bool about)
{
    if (about) html_str(h, STR("≈"));
    html_count(h, n);
}

void html_share(struct html *h, uint64_t part, uint64_t whole)
{
    double p = whole ? 100 * (double)part / (double)whole : 0;
    if (!whole) html_str(h, STR("–"));
    else if (part == 0) html_str(h, STR("0" NARROW "%"));
    else if (p < 0.001) html_str(h, STR("&lt;" NARROW "0.001" NARROW "%"));
    else if (part == whole) html_str(h, STR("100" NARROW "%"));
    else if (p > 99.99) html_str(h, STR("&gt;" NARROW "99.99" NARROW "%"));
    else if (p > 99.9) html_f(h, "%.2f" NARROW "%%", p);
    else if (p >= 9.995) html_f(h, "%.1f" NARROW "%%", p);
    else if (p >= 0.995) html_f(h, "%.2f" NARROW "%%", p);
    else html_f(h, "%.2g" NARROW "%%", p);
}

void html_column(struct html *h, uint64_t part, uint64_t whole)
{
    double p = whole ? 100 * (double)part / (double)whole : 0;
    if (!whole) return;
    if (part == 0) html_str(h, STR("0"));
    else if (p < 0.05) html_str(h, STR("&lt;0.1"));
    else if (part != whole && p >= 99.95) html_str(h, STR("&gt;99.9"));
    else html_f(h, "%.1f", p);
}

void html_bytes(struct html *h, uint64_t n)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    double v = (double)n;
    if (n < 1000) {
        html_f(h, "%llu" NARROW "bytes", (unsigned long long)n);
        return;
    }
    size_t i = 0;
    for (v /= 1000; v >= 999.5 && i + 1 < sizeof units / sizeof *units; i++) v /= 1000;
    html_f(h, v >= 99.5 ? "%.0f" NARROW "%s" : v >= 9.995 ? "%.1f" NARROW "%s" : "%.2f" NARROW "%s", v, units[i]);
}

void html_value(struct html *h, double value, bool integer)
{
    char text[48];
    if (value < 0) html_str(h, STR("−"));
    double size = fabs(value);
    if (integer || size >= 1000) snprintf(text, sizeof text, "%.0f", size);
    else snprintf(text, sizeof text, "%.*g", size >= 1 ? 4 : 3, size);
    add_grouped(h, text);
}

void html_short(struct html *h, double value)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    const char *sign = value < 0 ? "−" : "";
    double size = fabs(value);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (size >= units[i].unit) {
            html_f(h, "%s%.3g%s", sign, size / units[i].unit, units[i].name);
            return;
        }
    html_f(h, "%s%.3g", sign, size);
}

void html_short_bytes(struct html *h, double value)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t i = 0;
    for (; value >= 1000 && i + 1 < sizeof units / sizeof *units; i++) value /= 1000;
    html_f(h, "%.3g" NARROW "%s", value, units[i]);
}

static bool is_number(struct str s)
{
    double value;
    return s.n && (ascii_is_digit(s.p[0]) || s.p[0] == '-' || s.p[0] == '.') && str_to_double(s, &value) == 0;
}

static void add_number(struct html *h, struct str s)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", STR_ARG(s));
    if (text[0] == '-') html_str(h, STR("−"));
    add_grouped(h, text + (text[0] == '-'));
}

void html_bound(struct html *h, const char *bound)
{
    static const struct {
        const char *written, *shown;
    } signs[] = {{">=", "≥"}, {"<=", "≤"}, {">", "&gt;"}, {"<", "&lt;"}};
    struct str s = str_from(bound);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        struct str rest = str_from_at(s, strlen(signs[i].written));
        if (!str_starts(s, str_from(signs[i].written)) || !is_number(rest)) continue;
        html_f(h, "%s" NARROW, signs[i].shown);
        add_number(h, rest);
        return;
    }
    size_t dots = str_find(s, STR(".."));
    if (dots != SIZE_MAX && is_number(str_of(s.p, dots)) && is_number(str_from_at(s, dots + 2))) {
        add_number(h, str_of(s.p, dots));
        html_str(h, STR(" to "));
        add_number(h, str_from_at(s, dots + 2));
        return;
    }
    for (bool first = true; s.p; first = false) { /* lists may break behind their commas */
        if (!first) html_str(h, STR(",<wbr>"));
        html_text(h, str_cut(&s, ','));
    }
}

void html_percent_at(struct html *h, double share)
{
    char text[32];
    snprintf(text, sizeof text, "%.2f", 100 * share);
    size_t n = strlen(text);
    while (n && text[n - 1] == '0') n--;
    if (n && text[n - 1] == '.') n--;
    html_f(h, "%.*s%%", (int)n, text);
}

void html_base64(struct html *h, struct str bytes)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n && !h->failed; i += 3) {
        size_t have = bytes.n - i < 3 ? bytes.n - i : 3;
        unsigned group = 0;
        char text[5] = "====";
        for (size_t k = 0; k < 3; k++) group = group << 8 | (k < have ? (unsigned char)bytes.p[i + k] : 0);
        for (size_t k = 0; k <= have; k++) text[k] = letters[group >> (18 - 6 * k) & 63];
        html_str(h, str_of(text, 4));
    }
}

static void add_bar_part(struct html *h, const char *class, double share)
{
    if (!(share > 0)) return;
    html_f(h, "<i class=\"%s\" style=\"width:", class);
    html_percent_at(h, fmin(share, 1));
    html_str(h, STR("\"></i>"));
}

void html_bar(struct html *h, const char *class, double share, const char *behind, double behind_share)
{
    html_str(h, STR("<span class=\"bar\" aria-hidden=\"true\">"));
    if (behind) add_bar_part(h, behind, behind_share);
    add_bar_part(h, class, share);
    html_str(h, STR("</span>"));
}

#include "crawl/net/when.h"

#include <time.h>

enum { DAY_MS = 86400000 };

/* Reads between `least` and `most` digits at the start of *s; -1 when there are fewer. */
static int take_number(struct str *s, size_t least, size_t most)
{
    int value = 0;
    size_t n = 0;
    while (n < s->n && n < most && ascii_is_digit(s->p[n])) value = value * 10 + (s->p[n++] - '0');
    if (n < least) return -1;
    *s = str_from_at(*s, n);
    return value;
}

static bool take(struct str *s, char c)
{
    if (!s->n || s->p[0] != c) return false;
    *s = str_from_at(*s, 1);
    return true;
}

static int take_month(struct str *s)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (s->n < 3) return -1;
    for (int m = 0; m < 12; m++) {
        if (!str_starts_nocase(*s, str_of(names + 3 * m, 3))) continue;
        *s = str_from_at(*s, 3);
        return m;
    }
    return -1;
}

static bool take_clock(struct str *s, struct tm *tm)
{
    tm->tm_hour = take_number(s, 2, 2);
    if (!take(s, ':')) return false;
    tm->tm_min = take_number(s, 2, 2);
    if (!take(s, ':')) return false;
    tm->tm_sec = take_number(s, 2, 2);
    return tm->tm_hour >= 0 && tm->tm_hour < 24 && tm->tm_min >= 0 && tm->tm_min < 60 && tm->tm_sec >= 0 && tm->tm_sec <= 60;
}

/* " 6 Nov 1994 08:49:37 GMT" or "06-Nov-94 08:49:37 GMT", behind the comma. */
static bool read_dated(struct str s, int64_t now, struct tm *tm)
{
    while (take(&s, ' ')) {}
    tm->tm_mday = take_number(&s, 1, 2);
    char between = s.n ? s.p[0] : 0;
    if ((between != ' ' && between != '-') || !take(&s, between)) return false;
    tm->tm_mon = take_month(&s);
    if (!take(&s, between)) return false;
    size_t before = s.n;
    int year = take_number(&s, 2, 4);
    if (before - s.n == 2) { /* RFC 9110: over 50 years ahead means the most recent past year with these digits */
        int this_year = (int)(1970 + now / 31556952);
        year += this_year / 100 * 100;
        if (year > this_year + 50) year -= 100;
    }
    tm->tm_year = year - 1900;
    return take(&s, ' ') && take_clock(&s, tm) && str_eq_nocase(str_trim(s), STR("GMT"));
}

/* "Nov  6 08:49:37 1994", behind the day's name. */
static bool read_asctime(struct str s, struct tm *tm)
{
    tm->tm_mon = take_month(&s);
    while (take(&s, ' ')) {}
    tm->tm_mday = take_number(&s, 1, 2);
    if (!take(&s, ' ') || !take_clock(&s, tm) || !take(&s, ' ')) return false;
    tm->tm_year = take_number(&s, 4, 4) - 1900;
    return str_trim(s).n == 0;
}

int when_http_date(struct str text, int64_t now, int64_t *seconds)
{
    struct tm tm = {.tm_isdst = 0};
    text = str_trim(text);
    const char *comma = text.n ? memchr(text.p, ',', text.n) : NULL;
    bool good = comma ? read_dated(str_from_at(text, (size_t)(comma - text.p) + 1), now, &tm)
                      : text.n > 4 && text.p[3] == ' ' && read_asctime(str_from_at(text, 4), &tm);
    if (!good || tm.tm_mon < 0 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_year < 70) return -1;
    *seconds = timegm(&tm);
    return 0;
}

int64_t when_retry_after(struct str value, struct str date, int64_t now)
{
    int64_t until, from;
    uint64_t seconds;
    value = str_trim(value);
    size_t digits = 0;
    while (digits < value.n && ascii_is_digit(value.p[digits])) digits++;
    if (value.n && digits == value.n) { /* a number that no uint64_t holds is long enough, too */
        return str_to_u64(value, &seconds) < 0 || seconds > DAY_MS / 1000 ? DAY_MS : (int64_t)seconds * 1000;
    }
    if (when_http_date(value, now, &until) < 0) return -1;
    if (!date.p || when_http_date(date, now, &from) < 0) from = now;
    if (until <= from) return 0;
    return until - from > DAY_MS / 1000 ? DAY_MS : (until - from) * 1000;
}

#include "crawl/robots/directives.h"

static const struct {
    const char *name;
    enum directive bit;
} known[] = {
    {"noai", DIRECTIVE_NOAI},       {"noimageai", DIRECTIVE_NOIMAGEAI},       {"noindex", DIRECTIVE_NOINDEX},
    {"none", DIRECTIVE_NOINDEX},    {"noimageindex", DIRECTIVE_NOIMAGEINDEX}, {"tdm-reservation", DIRECTIVE_TDM},
};

const char *directive_name(enum directive one)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((unsigned)one & (unsigned)known[i].bit) return known[i].name;
    return "";
}

static unsigned bit_of(struct str name)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].bit != DIRECTIVE_TDM && str_eq_nocase(name, str_from(known[i].name))) return known[i].bit;
    return 0;
}

/* Directives whose value stands behind a colon: their names are no agents. */
static bool takes_value(struct str name)
{
    static const char *const names[] = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq_nocase(name, str_from(names[i]))) return true;
    return false;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (ascii_is_space(s.p[i])) return false; /* "25 Jun 2030 15:00:00": a date holds colons too */
    return s.n > 0;
}

static bool concerns(struct str agent, struct str self)
{
    return str_eq(agent, STR("*")) || str_eq_nocase(agent, STR("robots")) || (self.n && str_eq_nocase(agent, self));
}

unsigned directives_of(struct str value, struct str agent)
{
    unsigned bits = 0;
    bool ours = true;
    while (value.n) {
        struct str element = str_trim(str_cut(&value, ','));
        const char *colon = element.n ? memchr(element.p, ':', element.n) : NULL;
        if (!colon) {
            if (ours) bits |= bit_of(element);
            continue;
        }
        struct str name = str_trim(str_of(element.p, (size_t)(colon - element.p)));
        struct str rest = str_trim(str_from_at(element, (size_t)(colon - element.p) + 1));
        if (str_eq_nocase(name, STR("tdm-reservation"))) {
            bits |= directives_of_tdm(rest);
        } else if (is_token(name) && !takes_value(name)) {
            ours = concerns(name, agent);
            if (ours) bits |= bit_of(rest);
        }
    }
    return bits;
}

unsigned directives_of_tdm(struct str value) { return str_eq(str_trim(value), STR("1")) ? DIRECTIVE_TDM : 0; }

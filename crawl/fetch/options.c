#include "crawl/fetch/options.h"

#include "crawl/image/encode.h"
#include "crawl/image/resize.h"
#include "pipeline/base/fail.h"

#include <stddef.h>
#include <stdint.h>

#define AT(field) offsetof(struct fetch_options, field)
const struct option fetch_option_table[] = {
    {"from-warc", 0, OPTION_LIST, AT(from_warc), .argument = "FILE", .neutral = true,
     .help = "take pictures from the responses in this WARC file, or those that @LIST names; may be repeated"},
    {"pictures", 0, OPTION_LIST, AT(pictures), .argument = "TABLE", .neutral = true,
     .help = "a table of pictures that extract wrote: files of --from-warc, the crawl's whole list, are then not searched"},
    {"from-web", 0, OPTION_FLAG, AT(from_web), .help = "ask the pictures' hosts over HTTP; needs --user-agent"},
    {"resize", 0, OPTION_CHOICE, AT(resize), .choices = RESIZE_MODE_CHOICES, .initial = "keep_ratio_largest",
     .help = "keep_ratio: the shorter side becomes --size; center_crop: so, and cut to a square; keep_ratio_largest: the longer side does; "
             "border: so, on a white square"},
    {"size", 0, OPTION_U64, AT(size), .argument = "N", .initial = "512", .low = 1, .high = INT32_MAX, .help = "pixels that the mode's side gets"},
    {"enlarge", 0, OPTION_FLAG, AT(enlarge), .help = "resize smaller pictures too"},
    {"exact-resize", 0, OPTION_FLAG, AT(exact_resize),
     .help = "decode every pixel of large JPEGs; else those that shrink to a third or less are decoded at a half, a quarter or an eighth"},
    {"format", 0, OPTION_CHOICE, AT(format), .choices = ENCODE_FORMAT_CHOICES, .initial = "jpg", .help = "format of stored pictures"},
    {"quality", 0, OPTION_U64, AT(quality), .argument = "N", .initial = "92", .low = 0, .high = 100, .help = "quality of jpg and webp"},
    {"keep-bytes", 0, OPTION_FLAG, AT(keep_bytes), .help = "store pictures as they came; they are decoded, but not changed"},
    {"keep-unchanged", 0, OPTION_FLAG, AT(keep_unchanged), .help = "the same for JPEGs that need neither turning nor resizing, with --format jpg"},
    {"max-bytes", 0, OPTION_SIZE, AT(max_bytes), .argument = "SIZE", .initial = "20000000", .low = 1, .high = 1 << 30, .help = "refuse longer files"},
    {"max-pixels", 0, OPTION_U64, AT(max_pixels), .argument = "N", .initial = "89478484", .low = 1, .high = UINT32_MAX,
     .help = "refuse pictures of more pixels, by their header"},
    /* ---- from the web */
    {"user-agent", 0, OPTION_TEXT, AT(user_agent), .argument = "TEXT",
     .help = "who asks, and how to reach you: 'NAME/VERSION (+https://… or mail)'; robots.txt is read for NAME"},
    {"retry", 0, OPTION_FLAG, AT(retry),
     .help = "ROWS are rows that fetch dropped: try those again whose cause can pass; the others stay dropped as they were"},
    {"timeout", 0, OPTION_U64, AT(timeout), .argument = "SECONDS", .initial = "60", .low = 1, .high = 86400, .help = "for one request, all of it"},
    {"retries", 0, OPTION_U64, AT(retries), .argument = "N", .initial = "2", .low = 0, .high = 20, .help = "further tries where a cause may pass"},
    {"redirects", 0, OPTION_U64, AT(redirects), .argument = "N", .initial = "5", .low = 0, .high = 20, .help = "redirects that are followed"},
    {"connections", 0, OPTION_U64, AT(connections), .argument = "N", .initial = "256", .low = 1, .high = 65536, .neutral = true,
     .help = "requests at a time; fewer where --memory is small"},
    {"per-host", 0, OPTION_U64, AT(per_host), .argument = "N", .initial = "2", .low = 1, .high = 1024, .help = "requests at a time to one host"},
    {"rate", 0, OPTION_DOUBLE, AT(rate), .argument = "N", .initial = "4", .low = 0, .high = 1e6,
     .help = "requests a second to one registrable domain; 0 = any"},
    {"dns", 0, OPTION_TEXT, AT(dns), .argument = "LIST", .neutral = true,
     .help = "name servers, ADDRESS[:PORT] with commas between; default those of /etc/resolv.conf"},
    {"proxy", 0, OPTION_TEXT, AT(proxy), .argument = "URL",
     .help = "ask this HTTP proxy; it resolves names itself, so private addresses behind them are not noticed"},
    {"ca", 0, OPTION_FILE, AT(ca), .argument = "FILE", .help = "certificates to trust, PEM; default the system's"},
    {"opt-out", 0, OPTION_FILE, AT(opt_out), .argument = "FILE",
     .help = "URLs, domains and all below them, or SHA-256 of such, one a line, that are not asked for; # begins a comment"},
    {"no-robots", 0, OPTION_FLAG, AT(no_robots), .help = "do not read robots.txt; recorded"},
    {"no-directives", 0, OPTION_FLAG, AT(no_directives),
     .help = "do not heed page_robots, X-Robots-Tag, tdm-reservation, tdmrep.json and ai.txt; recorded"},
    {"ports", 0, OPTION_CHOICE, AT(ports), .choices = "web|high", .initial = "web", .help = "web: 80 and 443; high: those from 1024 on too"},
    {"accept-network", 0, OPTION_LIST, AT(accept_network), .argument = "CIDR", .split = true,
     .help = "ask hosts in this private network too, such as 127.0.0.0/8; recorded"},
    {0},
};

bool fetch_option_is_of_web(const struct option *option)
{
    const struct option *first = fetch_option_table, *last;
    while (first->offset != AT(user_agent)) first++;
    for (last = first; last->name; last++) {}
    return option >= first && option < last;
}

/* ---- who asks */

static bool is_token_byte(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }

int fetch_agent(char *token, size_t room, const char *user_agent)
{
    if (!user_agent) return fail_usage("--from-web: say who asks with --user-agent 'NAME/VERSION (+https://… or mail)'");
    size_t n = 0;
    while (is_token_byte(user_agent[n])) n++;
    if (n == 0 || n >= room || (user_agent[n] && user_agent[n] != '/' && user_agent[n] != ' '))
        return fail_usage("--user-agent '%s': begin with a name of letters, '-' and '_', such as 'mybot/1.0 …': robots.txt calls it so",
                          user_agent);
    for (const char *p = user_agent; *p; p++)
        if (*p < ' ' || *p == 0x7f) return fail_usage("--user-agent: a byte that no header may hold"); /* also all that is not ASCII */
    if (!strchr(user_agent, '@') && !strstr(user_agent, "://"))
        return fail_usage("--user-agent '%s': add how you can be reached: a URL or a mail address", user_agent);
    memcpy(token, user_agent, n);
    token[n] = 0;
    return 0;
}

/* ---- the fetcher's options */

static int choose_servers(struct net_options *net, const struct fetch_options *o)
{
    if (o->dns) {
        if (names_servers_parse(net->servers, &net->server_count, str_from(o->dns)) == 0) return 0;
        fail_prefix("--dns: ");
        return -1;
    }
    if (o->proxy) { /* names are its business; only its own may need a server */
        if (names_servers_read(net->servers, &net->server_count, "/etc/resolv.conf") < 0) net->server_count = 0;
        return 0;
    }
    if (names_servers_read(net->servers, &net->server_count, "/etc/resolv.conf") == 0) return 0;
    fail_prefix("no name servers: give some with --dns: ");
    return -1;
}

static int choose_guard(struct guard *guard, const struct fetch_options *o)
{
    guard->high_ports = strcmp(o->ports, "high") == 0;
    for (size_t i = 0; i < o->accept_network.count; i++)
        if (guard_accept(guard, str_from(o->accept_network.items[i])) < 0) {
            fail_prefix("--accept-network: ");
            return -1;
        }
    return 0;
}

static unsigned at_most(unsigned a, unsigned b) { return a < b ? a : b; }

int fetch_net_options(struct net_options *net, const struct fetch_options *o, const char *agent, const struct optout *list)
{
    net_options_init(net);
    net->user_agent = o->user_agent;
    net->agent = agent;
    net->proxy = o->proxy;
    net->ca_file = o->ca;
    net->optout = list;
    net->ignore_robots = o->no_robots;
    net->ignore_tags = net->ignore_tdm = net->ignore_ai_txt = o->no_directives;
    net->polite.connections = (unsigned)o->per_host;
    net->polite.rate = o->rate;
    net->connections = (unsigned)o->connections;
    net->bytes_max = (size_t)o->max_bytes;
    net->deadline_ms = (unsigned)o->timeout * 1000;
    net->connect_ms = at_most(net->connect_ms, net->deadline_ms);
    net->stall_ms = at_most(net->stall_ms, net->deadline_ms);
    net->tries = 1 + (unsigned)o->retries;
    net->redirects = (unsigned)o->redirects;
    return choose_servers(net, o) < 0 || choose_guard(&net->guard, o) < 0 ? -1 : 0;
}

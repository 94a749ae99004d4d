/* robots.txt, tdmrep.json and a path, directives, dates: any bytes. The first byte splits the input into file and path. */
#include "crawl/net/when.h"
#include "crawl/robots/directives.h"
#include "crawl/robots/robots.h"
#include "crawl/robots/tdmrep.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    struct str all = str_of((const char *)data + 1, size - 1);
    size_t split = all.n * data[0] / 256;
    struct str file = str_of(all.p, split), path = str_from_at(all, split);
    struct robots robots;
    if (robots_parse(&robots, file, STR("winnow")) == 0) {
        bool first = robots_allows(&robots, path);
        if (robots_allows(&robots, path) != first) abort();
        if (robots.count == 0 && !first) abort();
        for (size_t i = 0; i < robots.count; i++)
            if ((size_t)robots.rules[i].at + robots.rules[i].n > robots.patterns.n || robots.rules[i].n == 0) abort();
        robots_free(&robots);
    }
    if (tdmrep_parse(&robots, file) == 0) {
        bool first = tdmrep_reserves(&robots, path);
        if (tdmrep_reserves(&robots, path) != first || (robots.count == 0 && first)) abort();
        robots_free(&robots);
    }
    if (directives_of(all, STR("winnow")) & ~(unsigned)DIRECTIVES_ALL) abort();
    int64_t wait = when_retry_after(file, path, 1700000000);
    if (wait < -1 || wait > 86400000) abort();
    return 0;
}

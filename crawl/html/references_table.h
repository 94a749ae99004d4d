/* Made by make_references.py: change that, not this. */
#ifndef WINNOW_HTML_REFERENCES_TABLE_H
#define WINNOW_HTML_REFERENCES_TABLE_H

#include <stdint.h>

struct html_reference {
    uint16_t at;     /* of its name in html_reference_names */
    uint8_t length;
    uint8_t bare;    /* counts without `;` too */
    uint32_t first, second; /* code points; second is 0 where there is one */
};

enum {
    HTML_REFERENCES = 2125,
    HTML_LONGEST_REFERENCE = 31,
    HTML_LONGEST_BARE = 6,
};

extern const struct html_reference html_references[HTML_REFERENCES]; /* in the order of their names' bytes */
extern const char html_reference_names[];

#endif

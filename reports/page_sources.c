/* reports/web/ inside the program: the page must not need a file beside it. */
#include "reports/page_private.h"

__asm__(".pushsection .rodata\n"
        ".global page_css\n.type page_css, @object\npage_css:\n.incbin \"reports/web/page.css\"\n.byte 0\n.size page_css, .-page_css\n"
        ".global page_js\n.type page_js, @object\npage_js:\n.incbin \"reports/web/page.js\"\n.byte 0\n.size page_js, .-page_js\n"
        ".popsection\n");

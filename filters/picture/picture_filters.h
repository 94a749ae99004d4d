/* What table.c's entries image.* decide by: columns that `fetch` reads from a picture's header before it decodes anything.
 * Width and height are the original's, before orientation and resizing, neither of which changes any of these rules. */
#ifndef WINNOW_FILTERS_PICTURE_FILTERS_H
#define WINNOW_FILTERS_PICTURE_FILTERS_H

#include "filters/text/text_filters.h"

FILTER_DECIDES(image_bytes_decide);    /* column bytes */
FILTER_PREPARES(image_format_prepare); /* column format */
FILTER_DECIDES(image_format_decide);
FILTER_DECIDES(image_min_side_decide); /* columns width, height */
FILTER_DECIDES(image_max_side_decide);
FILTER_DECIDES(image_aspect_decide);
FILTER_DECIDES(image_pixels_decide);
FILTER_PREPARES(image_phash_list_prepare); /* column phash */
FILTER_DECIDES(image_phash_list_decide);

#endif

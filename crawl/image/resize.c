/* Geometry of the modes, then one window of the scaled picture laid into the result. */
#include "crawl/image/resize.h"

#include "crawl/image/area.h"
#include "crawl/image/lanczos.h"

#include <math.h>

static uint64_t scaled_side(uint32_t side, double scale)
{
    double result = rint((double)side * scale); /* half to even: the rounding mode that every C program starts with */
    return result < 1 ? 1 : (uint64_t)result;
}

struct resize_plan resize_plan_for(const struct resize_options *options, uint32_t width, uint32_t height)
{
    struct resize_plan plan = {.resized_width = width, .resized_height = height, .width = width, .height = height};
    bool by_longer = options->mode == RESIZE_KEEP_RATIO_LARGEST || options->mode == RESIZE_BORDER;
    uint32_t size = options->size, reference = (width > height) == by_longer ? width : height;
    if (options->mode == RESIZE_NO || (options->only_if_bigger && reference <= size)) return plan;
    double scale = (double)size / reference;
    plan.changes = true;
    plan.filter = reference > size   ? RESIZE_FILTER_AREA
                  : reference < size ? RESIZE_FILTER_LANCZOS4
                                     : RESIZE_FILTER_NONE;
    if (plan.filter != RESIZE_FILTER_NONE) {
        plan.resized_width = scaled_side(width, scale);
        plan.resized_height = scaled_side(height, scale);
    }
    plan.width = plan.resized_width;
    plan.height = plan.resized_height;
    if (options->mode == RESIZE_CENTER_CROP) {
        plan.crop_x = (uint32_t)((plan.resized_width - size) / 2);
        plan.crop_y = (uint32_t)((plan.resized_height - size) / 2);
        plan.width = plan.height = size;
    } else if (options->mode == RESIZE_BORDER) {
        plan.pad_left = (uint32_t)((size - plan.resized_width) / 2);
        plan.pad_top = (uint32_t)((size - plan.resized_height) / 2);
        plan.width = plan.height = size;
    }
    return plan;
}

bool resize_fits(const struct resize_plan *plan, const struct image_limits *limits, uint64_t side_most)
{
    if (plan->width > side_most || plan->height > side_most) return false;
    return plan->resized_width <= limits->pixels / plan->resized_height && plan->width <= limits->pixels / plan->height;
}

static void copy_window(const struct image *image, const struct area_window *window)
{
    for (uint32_t y = 0; y < window->height; y++)
        memcpy(window->rgb + y * window->row_bytes,
               image->rgb + 3 * ((size_t)(window->y + y) * image->width + window->x), (size_t)window->width * 3);
}

int resize_apply(const struct image *image, const struct resize_plan *plan, struct image *result)
{
    if (image_set_size(result, (uint32_t)plan->width, (uint32_t)plan->height) < 0) return -1;
    uint32_t w = (uint32_t)plan->resized_width, h = (uint32_t)plan->resized_height;
    uint32_t shown_width = w < result->width ? w : result->width, shown_height = h < result->height ? h : result->height;
    size_t row_bytes = (size_t)result->width * 3;
    if (shown_width < result->width || shown_height < result->height) memset(result->rgb, 255, image_bytes(result));
    uint8_t *first = result->rgb + plan->pad_top * row_bytes + 3 * (size_t)plan->pad_left;
    struct area_window window = {plan->crop_x, plan->crop_y, shown_width, shown_height, first, row_bytes};
    if (plan->filter == RESIZE_FILTER_AREA) return area_means(image, w, h, &window);
    if (plan->filter == RESIZE_FILTER_LANCZOS4) {
        struct lanczos_window same = {window.x, window.y, window.width, window.height, window.rgb, window.row_bytes};
        return lanczos_scale(image, w, h, &same);
    }
    copy_window(image, &window);
    return 0;
}

#include "crawl/net/download.h"

#include "pipeline/base/module.h"

enum download_end download(const struct download *d)
{
    const struct download_ops *ops = module_open("download");
    return ops ? ops->download(d) : DOWNLOAD_STOPPED;
}

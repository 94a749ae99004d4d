#!/bin/bash
# reports/web/report.png: the top of the page of `make demo`, as the README shows it. Needs chromium and pngquant.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-build/demo/OUT}
page=$(mktemp -d)
trap 'rm -rf "$page"' EXIT
${WINNOW:-./winnow} report --format html -o "$page/index.html" "$out"
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1300,1090 --force-device-scale-factor=1.5 \
    --virtual-time-budget=2000 --screenshot="$page/page.png" "file://$page/index.html" 2> /dev/null
pngquant --force --strip --speed 1 --quality 60-95 --output reports/web/report.png "$page/page.png"

#!/bin/bash
# `make lint`: clang's warnings, clang-tidy's finders of bugs, cppcheck where it is installed, shellcheck likewise, and the floors
# of the house (tests/floors.py). Prints what is wrong with file and line; exit code 1 when anything is. Words after `lint.sh`
# are files to look at instead of all. Generated headers are made first.
set -uo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
flags=(-std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 '-DWINNOW_VERSION="lint"' -I. "-I$build")
warnings=(-Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wno-missing-field-initializers -Wno-string-concatenation
          -Wunreachable-code -Wassign-enum -Wimplicit-fallthrough -Werror)
# What finds bugs in plain C. Left out: checks that need to see other files, or the sizes of slices and matrices.
checks='-*,clang-analyzer-core.DivideZero,clang-analyzer-core.NullDereference,clang-analyzer-core.StackAddressEscape'
checks+=',clang-analyzer-deadcode.*,clang-analyzer-unix.*,-clang-analyzer-unix.MallocSizeof,clang-analyzer-security.FloatLoopCounter,misc-redundant-expression'
checks+=',bugprone-suspicious-memset-usage,bugprone-suspicious-semicolon,bugprone-suspicious-missing-comma,bugprone-suspicious-memory-comparison'
checks+=',bugprone-macro-repeated-side-effects,bugprone-infinite-loop,bugprone-signal-handler'
checks+=',bugprone-redundant-branch-condition,bugprone-assert-side-effect'
jobs=$(nproc)
status=0

if [ $# -gt 0 ]; then
    sources=("$@")
else
    make --no-print-directory BUILD="$build" "$build/generated/wordnet.h" >/dev/null || exit 1
    mapfile -t sources < <(find pipeline crawl filters shard reports tests/unit tests/fuzz tests/bench -name '*.c' | sort)
fi

each() { # one command for every source; a file's output stays together
    printf '%s\0' "${sources[@]}" | xargs -0 -P "$jobs" -I{} bash -c 'out=$("$@" 2>&1) || { printf "%s\n" "$out"; exit 1; }' - "$@" || status=1
}

python3 tests/floors.py || status=1
if command -v clang >/dev/null; then
    each clang -fsyntax-only "${flags[@]}" "${warnings[@]}" {}
else
    echo "lint: clang is not installed: 'make deps'" >&2
    status=1
fi
if command -v clang-tidy >/dev/null; then
    mapfile -t sources < <(printf '%s\n' "${sources[@]}" | grep -v '^pipeline/base/fail\.c$') # tests/lint.h redefines what it defines
    each clang-tidy --quiet --warnings-as-errors='*' "--checks=$checks" {} -- "${flags[@]}" -include tests/lint.h -Wno-unused-value
fi
if command -v cppcheck >/dev/null; then
    cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning --suppress=missingIncludeSystem -j "$jobs" -I. "-I$build" \
             --suppress=normalCheckLevelMaxBranches "${sources[@]}" || status=1
fi
if command -v shellcheck >/dev/null && [ $# -eq 0 ]; then
    find tests .ci -name '*.sh' -o -path .ci/run | xargs shellcheck || status=1
fi
[ $status -eq 0 ] && echo "lint: ${#sources[@]} files, nothing to say"
exit $status

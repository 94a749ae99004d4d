# What the emulated machine runs (emulate.py): one function a suite, for busybox' shell. `check` runs a command and counts its
# failure. $classes are the AVX-512 classes that unit tests walk; the others are tested elsewhere.
# shellcheck shell=dash disable=SC2155
failed=0
cd /winnow || exit
export WINNOW_SHARED=/shared HOME=/tmp

seconds() { cut -d' ' -f1 /proc/uptime; }

check()
{
    echo "== $*"
    local begun=$(seconds)
    if "$@"; then echo "== well ($begun to $(seconds) s): $*"; else
        echo "== FAILED (exit $?): $*"
        failed=$((failed + 1))
    fi
}

unit() { check env "WINNOW_TEST_CLASSES=$classes" "tests/unit/$1_test"; }

class_of_this_machine() { ./winnow model info tests/data/clip-tiny | sed -n 's/^class\t\([^\t]*\)\t.*/\1/p'; }

is() { [ "$1" = "$2" ] || { echo "found '$1', expected '$2'"; false; }; }

processor()
{
    grep -m1 'model name' /proc/cpuinfo
    grep -m1 flags /proc/cpuinfo | tr ' ' '\n' | grep -E 'avx|fma|f16c|amx' | tr '\n' ' '
    echo
    classes=$(class_of_this_machine)
    echo "class $classes"
    [ "$classes" = cpu-avx512_bf16 ] && classes="cpu-avx512 cpu-avx512_bf16"
}

resize()
{
    unit clip_preprocess
    unit image_resize
}

towers() { unit clip_tower; }
convolutions() { unit clip_convnet; }
products() { unit clip_matmul; }

# The class is found, is kept below what the environment allows, and is refused above what the processor has.
limits()
{
    local best=$(class_of_this_machine) limit
    for limit in SSE41:cpu-portable AVX2:cpu-avx2 AVX512_CORE:cpu-avx512 AVX512_CORE_VNNI:cpu-avx512; do
        check is "$(ONEDNN_MAX_CPU_ISA=${limit%:*} class_of_this_machine)" "${limit#*:}"
    done
    check is "$(WINNOW_CPU_WITHOUT=avx512 class_of_this_machine)" cpu-avx2
    check is "$(WINNOW_CPU_WITHOUT=avx2 class_of_this_machine)" cpu-portable
    [ "$best" = cpu-avx512_bf16 ] && check is "$(WINNOW_CPU_WITHOUT=avx512_vnni class_of_this_machine)" cpu-avx512
    [ "$best" = cpu-avx512 ] &&
        check is "$(./winnow model info --class cpu-avx512_bf16 tests/data/clip-tiny 2>&1 | grep -o 'this processor cannot serve.*')" \
            "this processor cannot serve the class cpu-avx512_bf16: its best is cpu-avx512"
}

# The plan names the class; a machine or an environment of another is refused until it is allowed, and then recorded (under
# "also", which comes first).
plans()
{
    local best=$(class_of_this_machine)
    cd /tmp || exit
    printf 'inputs: [/winnow/tests/data/one-page.warc]\nstages: [extract: , fetch: , score: {model: /winnow/tests/data/clip-tiny}]\n' > OUT.yaml
    check /winnow/winnow run -q -o OUT OUT.yaml
    check is "$(head -1 OUT/plan.jsonl | grep -o '"class":"[^"]*"')" "\"class\":\"$best\""
    rm OUT/03-score/00000.json
    check is "$(ONEDNN_MAX_CPU_ISA=AVX2 /winnow/winnow run -q -o OUT OUT.yaml 2>&1 | grep -o "scored in class $best")" "scored in class $best"
    check env ONEDNN_MAX_CPU_ISA=AVX2 /winnow/winnow run -q -o OUT --any-machine OUT.yaml
    check is "$(head -1 OUT/plan.jsonl | grep -o '"class":"[^"]*"' | tr '\n' ' ')" "\"class\":\"cpu-avx2\" \"class\":\"$best\" "
    cd /winnow || exit
}

# Equal bytes for 1, 2 and 7 threads in every class and precision. The cells' sums are printed, to be held against other machines
# of the class.
threads()
{
    local class precision n out
    for class in $classes; do
        for precision in f32 bf16 int8; do
            out="/tmp/3-$class-$precision"
            for n in 1 2 7; do
                check ./winnow score -q --model tests/data/clip-tiny --class "$class" --precision $precision --threads $n --packs /rows/packs \
                    --embeddings "$out-$n/e" -o "$out-$n/" /rows/2/00000.rows.zst
                check cmp "$out-1/00000.rows.zst" "$out-$n/00000.rows.zst"
            done
            echo "sum $class $precision $(./winnow view "$out-1/00000.rows.zst" | md5sum)"
        done
    done
}

embed_builtin() { ./winnow model embed builtin --class "$1" --precision "$2" --image tests/data/pictures/*.png > /tmp/built; }

# The built-in model: all its kernels together. Beside AVX2's numbers, and sums to be held against other machines of the class.
builtin()
{
    local class precision
    for class in cpu-avx2 $classes; do
        for precision in f32 bf16 int8; do
            check embed_builtin "$class" $precision
            sed 1d /tmp/built | cut -c1-110
            echo "sum $class $precision $(md5sum < /tmp/built)"
        done
    done
}

/* Model files: what is read, and what is refused with which words. */
#include "filters/clip/npy.h"
#include "filters/clip/safetensors.h"
#include "filters/clip/torchzip.h"
#include "filters/clip/weights.h"
#include "filters/clip/zip.h"
#include "pipeline/base/fail.h"
#include "tests/unit/clip_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

static void assert_says(const char *words)
{
    if (!strstr(fail_message(), words)) fail_msg("\"%s\" is not in: %s", words, fail_message());
}

static void assert_numbers(const struct weights *w, const char *name, size_t n, const float *expected)
{
    float out[64];
    const struct tensor *t = weights_find(w, str_from(name));
    assert_non_null(t);
    assert_int_equal(t->count, n);
    assert_int_equal(tensor_to_f32(t, out), 0);
    for (size_t i = 0; i < n; i++) assert_true(out[i] == expected[i]);
}
#define NUMBERS(...) sizeof((const float[]){__VA_ARGS__}) / sizeof(float), (const float[]){__VA_ARGS__}

/* ---- safetensors ---- */

static void assert_safetensors_refused(const char *header, size_t data_bytes, const char *words)
{
    struct buf file;
    struct tensor_list list;
    tensor_list_init(&list);
    make_safetensors(&file, header, data_bytes);
    assert_int_equal(safetensors_read("m.safetensors", buf_str(&file), &list), -1);
    assert_says("m.safetensors");
    assert_says(words);
    tensor_list_free(&list);
    buf_free(&file);
}

static void test_a_header_that_lies_is_refused(void **state)
{
    (void)state;
    struct tensor_list list;
    tensor_list_init(&list);
    assert_int_equal(safetensors_read("m.safetensors", STR("\x08\0\0"), &list), -1);
    assert_int_equal(safetensors_read("m.safetensors", STR("\xFF\0\0\0\0\0\0\0{}"), &list), -1);
    assert_says("cut off");
    assert_int_equal(safetensors_read("m.safetensors", STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}"), &list), -1);
    tensor_list_free(&list);
    assert_safetensors_refused("{", 0, "header");
    assert_safetensors_refused("[]", 0, "not a JSON object");
    assert_safetensors_refused("{\"a\":3}", 0, "tensor a");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "F8_E4M3");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "shape");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "shape");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":[0,4]}}",
                               4, "2^62");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
                               "9 dimensions");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"x\":1}}", 1, "field x");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                               "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "duplicate");
}

static void test_offsets_out_of_place_are_refused(void **state)
{
    (void)state;
    assert_safetensors_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "the 4 bytes");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "outside");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "outside");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "needs 8");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                               "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}", 6, "inside the tensor before");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                               "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}", 5, "gap");
    assert_safetensors_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 3, "belong to no tensor");
}

static void test_tensors_of_no_elements_and_scalars_are_read(void **state)
{
    (void)state;
    struct buf file;
    struct tensor_list list;
    float one;
    tensor_list_init(&list);
    make_safetensors(&file, "{\"__metadata__\":{\"format\":\"pt\"},"
                            "\"s\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
                            "\"e\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[1,1]}}   ", 1);
    assert_int_equal(safetensors_read("m", buf_str(&file), &list), 0);
    assert_int_equal(tensor_list_sort(&list), 0);
    assert_int_equal(list.n, 2);
    assert_int_equal(tensor_list_find(&list, STR("e"))->count, 0);
    assert_int_equal(tensor_to_f32(tensor_list_find(&list, STR("s")), &one), 0);
    assert_true(one == 0.0f);
    tensor_list_free(&list);
    buf_free(&file);
}

/* ---- numbers ---- */

static double half_by_definition(uint16_t h)
{
    int exponent = h >> 10 & 31;
    double fraction = h & 0x3FF, sign = h & 0x8000 ? -1 : 1;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

static void test_every_half_is_converted_exactly(void **state)
{
    (void)state;
    static uint16_t halves[65536];
    static float out[65536];
    size_t n = 0;
    for (uint32_t h = 0; h < 65536; h++)
        if ((h & 0x7C00) != 0x7C00) halves[n++] = (uint16_t)h;
    struct tensor t = {.name = STR("h"), .file = "m", .type = TENSOR_F16, .data = str_of((const char *)halves, 2 * n)};
    assert_int_equal(tensor_set_shape(&t, (const uint64_t[]){n}, 1), 0);
    assert_int_equal(tensor_to_f32(&t, out), 0);
    for (size_t i = 0; i < n; i++) {
        float expected = (float)half_by_definition(halves[i]);
        assert_memory_equal(&out[i], &expected, 4); /* -0 too */
    }
}

static void test_a_number_that_is_not_finite_is_named(void **state)
{
    (void)state;
    float numbers[1000] = {0}, out[1000];
    double wide = 1e300;
    numbers[777] = NAN;
    struct tensor t = {.name = STR("w"), .file = "m.safetensors", .type = TENSOR_F32,
                       .data = str_of((const char *)numbers, sizeof numbers)};
    assert_int_equal(tensor_set_shape(&t, (const uint64_t[]){10, 100}, 2), 0);
    assert_int_equal(tensor_to_f32(&t, out), -1);
    assert_string_equal(fail_message(), "m.safetensors: tensor w: element 777 is not a finite number");
    numbers[777] = INFINITY;
    assert_int_equal(tensor_to_f32(&t, out), -1);
    t.type = TENSOR_F64;
    t.data = str_of((const char *)&wide, 8);
    assert_int_equal(tensor_set_shape(&t, NULL, 0), 0);
    assert_int_equal(tensor_to_f32(&t, out), -1);
    assert_int_equal(tensor_to_f64(&t, (double *)(void *)numbers), 0);
}

/* ---- .npy ---- */

static int read_npy(const char *header, size_t data_bytes, struct tensor *t)
{
    static struct buf file;
    buf_free(&file);
    buf_init(&file, MADE_MOST);
    buf_add(&file, STR("\x93NUMPY\1\0"));
    zip_number(&file, strlen(header), 2);
    buf_add(&file, str_from(header));
    for (size_t i = 0; i < data_bytes; i++) buf_byte(&file, (char)i);
    return npy_read("m.npy", buf_str(&file), t);
}

static void assert_npy_refused(const char *header, size_t data_bytes, const char *words)
{
    struct tensor t;
    assert_int_equal(read_npy(header, data_bytes, &t), -1);
    assert_says("m.npy");
    assert_says(words);
}

static void test_npy_arrays_are_read_in_both_orders(void **state)
{
    (void)state;
    struct tensor t;
    float out[6];
    assert_int_equal(read_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }  \n", 6, &t), 0);
    assert_int_equal(tensor_to_f32(&t, out), 0);
    for (int i = 0; i < 6; i++) assert_true(out[i] == (float)i);
    assert_int_equal(read_npy("{'fortran_order': True, 'shape': (2,3), \"descr\": '|u1'}", 6, &t), 0);
    assert_int_equal(tensor_to_f32(&t, out), 0);
    const float turned[6] = {0, 2, 4, 1, 3, 5};
    assert_memory_equal(out, turned, sizeof turned);
    assert_int_equal(read_npy("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4, &t), 0);
    assert_int_equal(t.count, 1);
}

static void test_npy_objects_and_lies_are_refused(void **state)
{
    (void)state;
    assert_npy_refused("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, "type |O");
    assert_npy_refused("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", 4, "type >f4");
    assert_npy_refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, "a string expected");
    assert_npy_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 4, "need 8");
    assert_npy_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4, "whole number");
    assert_npy_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", 4, "2^62");
    assert_npy_refused("{'descr': '<f4', 'shape': (1,)}", 4, "missing");
    assert_npy_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", 4, "key x");
    assert_npy_refused("{'descr': '<f4", 4, "end of a string");
    assert_npy_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", 4, "nothing more");
}

/* ---- torch zips ---- */

static void test_good_archives_give_their_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *file, *tensor;
        size_t n;
        float numbers[8];
    } good[] = {
        {"ok_minimal", "weight", 8, {0, 1, 2, 3, 4, 5, 6, 7}}, {"ok_minimal", "bias", 1, {0.5f}},
        {"ok_transposed", "weight", 8, {0, 4, 1, 5, 2, 6, 3, 7}}, {"ok_shared_offset", "weight", 7, {0, 1, 2, 3, 4, 5, 6}},
        {"ok_shared_offset", "bias", 1, {7}}, {"half_storage", "weight", 8, {0, 1, 2, 3, 4, 5, 6, 7}},
        {"bfloat16_storage", "weight", 4, {1, 2, 3, 4}}};
    if (!shared_path("data/heads/hostile")) skip();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char relative[128];
        snprintf(relative, sizeof relative, "data/heads/hostile/%s.pth", good[i].file);
        struct weights *w = weights_open(shared_path(relative));
        if (!w) fail_msg("%s", fail_message());
        assert_numbers(w, good[i].tensor, good[i].n, good[i].numbers);
        weights_close(w);
    }
}

static void test_hostile_archives_are_refused_in_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *file, *words;
    } bad[] = {{"bad_deep_mark", "data.pkl is compressed"}, {"bad_global", "os.system"}, {"bad_huge_shape", "tensor weight"},
               {"bad_memo_get", "BINGET"}, {"bad_missing_storage", "data/7 is missing"}, {"bad_negative_stride", "stride"},
               {"bad_numel", "9 numbers in 32 bytes"}, {"bad_offset", "offset"}, {"bad_stack_underflow", "REDUCE"},
               {"bad_truncated_pickle", "cut off"}};
    if (!shared_path("data/heads/hostile")) skip();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char relative[128];
        snprintf(relative, sizeof relative, "data/heads/hostile/%s.pth", bad[i].file);
        assert_null(weights_open(shared_path(relative)));
        assert_says(bad[i].file);
        assert_says(bad[i].words);
        assert_null(strchr(fail_message(), '\n'));
    }
}

/* A pickle of opcodes as they stand, in an archive with one storage of four floats. */
static int read_pickle(struct str pickle, struct tensor_list *list, struct zip_maker *z, bool wide)
{
    static const float numbers[4] = {1, 2, 3, 4};
    zip_begin(z, wide);
    zip_add(z, "archive/data.pkl", pickle);
    zip_add(z, "archive/data/0", str_of((const char *)numbers, sizeof numbers));
    zip_add(z, "archive/version", STR("3\n"));
    tensor_list_init(list);
    return torchzip_read("m.pt", zip_end(z), list);
}

static void assert_pickle_refused(struct str pickle, const char *words)
{
    struct tensor_list list;
    struct zip_maker z;
    assert_int_equal(read_pickle(pickle, &list, &z, false), -1);
    assert_says("m.pt");
    assert_says(words);
    tensor_list_free(&list);
    zip_free(&z);
}

#define DICT "ccollections\nOrderedDict\n)R"
#define KEY(n, text) "X" n "\0\0\0" text
#define STORAGE "(" KEY("\x07", "storage") "ctorch\nFloatStorage\n" KEY("\x01", "0") KEY("\x03", "cpu") "K\x04tQ"
#define TENSOR(size, stride) \
    "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\0" size stride "\x89" DICT "tR"

static void test_wrapped_and_prefixed_state_dicts_are_found(void **state)
{
    (void)state;
    struct tensor_list list;
    struct zip_maker z;
    for (int wide = 0; wide < 2; wide++) {
        assert_int_equal(read_pickle(STR("\x80\x02}(" KEY("\x05", "epoch") "K\x20" KEY("\x0A", "state_dict") "}("
                                         KEY("\x0D", "module.weight") TENSOR("K\x02K\x02\x86", "K\x01K\x02\x86") "uu."),
                                     &list, &z, wide != 0), 0);
        assert_int_equal(list.n, 1);
        assert_true(str_eq(list.items[0].name, STR("weight")));
        float out[4];
        assert_int_equal(tensor_to_f32(&list.items[0], out), 0);
        const float expected[4] = {1, 3, 2, 4};
        assert_memory_equal(out, expected, sizeof expected);
        tensor_list_free(&list);
        zip_free(&z);
    }
}

static void test_modules_of_torchscript_name_their_tensors_by_path(void **state)
{
    (void)state;
    struct tensor_list list;
    struct zip_maker z;
    assert_int_equal(read_pickle(STR("\x80\x02" "c__torch__.a\nModel\n)\x81}(" KEY("\x08", "training") "\x89"
                                     KEY("\x02", "ln") "c__torch__.___torch_mangle_3\nNorm\n)\x81}("
                                     KEY("\x01", "w") TENSOR("K\x04\x85", "K\x01\x85") "ubub."), &list, &z, false), 0);
    assert_int_equal(list.n, 1);
    assert_true(str_eq(list.items[0].name, STR("ln.w")));
    tensor_list_free(&list);
    zip_free(&z);
}

static void test_opcodes_that_no_tensor_needs_are_refused_by_name(void **state)
{
    (void)state;
    assert_pickle_refused(STR("\x80\x02(cos\nsystem\n"), "os.system");
    assert_pickle_refused(STR("\x80\x02(S'id'\nios\nsystem\n."), "opcode STRING");
    assert_pickle_refused(STR("\x80\x02(ios\nsystem\n."), "opcode INST");
    assert_pickle_refused(STR("\x80\x04\x8c\x08" "builtins\x8c\x04" "eval\x93."), "builtins.eval");
    assert_pickle_refused(STR("\x80\x02\x82\x01."), "opcode EXT1");
    assert_pickle_refused(STR("\x80\x02" "ctorch._utils\n_rebuild_tensor_v2\n)\x81."), "opcode NEWOBJ");
    assert_pickle_refused(STR("\x80\x02\xFE."), "of no name");
    assert_pickle_refused(STR("\x80\x09."), "protocol");
    assert_pickle_refused(STR("\x80\x02" "N."), "no dictionary of tensors");
    assert_pickle_refused(STR("\x80\x02}."), "no dictionary of tensors");
    assert_pickle_refused(STR("\x80\x02" "cnumpy\nndarray\n."), "numpy.ndarray");
    assert_pickle_refused(STR("\x80\x02}(" KEY("\x01", "a")), "cut off before STOP");
}

static void test_strides_and_sizes_stay_inside_the_storage(void **state)
{
    (void)state;
    assert_pickle_refused(STR("\x80\x02}" KEY("\x01", "w") TENSOR("K\x02K\x02\x86", "K\x03K\x01\x86") "s."),
                          "out of the storage");
    assert_pickle_refused(STR("\x80\x02}" KEY("\x01", "w") TENSOR("K\x05\x85", "K\x00\x85") "s."), "shape [5]");
    assert_pickle_refused(STR("\x80\x02}" KEY("\x01", "w")
                              TENSOR("K\x02\x85", "\x8a\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F\x85") "s."), "out of the storage");
    assert_pickle_refused(STR("\x80\x02}" KEY("\x01", "w") TENSOR("K\x02\x85", "K\x01K\x01\x86") "s."), "strides");
}

/* A module that holds itself, and a tower of modules each holding the one below twice. */
static void test_pickles_that_grow_when_walked_are_bounded(void **state)
{
    (void)state;
    struct buf p;
    assert_pickle_refused(STR("\x80\x02" "c__torch__\nM\n)\x81q\0}" KEY("\x01", "a") "h\0sb."), "deep");
    buf_init(&p, MADE_MOST);
    buf_add(&p, STR("\x80\x02" "c__torch__\nM\nq\1)\x81q\0"));
    for (int level = 0; level < 31; level++)
        buf_add(&p, STR("h\1)\x81}(" KEY("\x01", "a") "h\0" KEY("\x01", "b") "h\0ubq\0"));
    buf_add(&p, STR("."));
    assert_pickle_refused(buf_str(&p), "values");
    buf_clear(&p);
    buf_add(&p, STR("\x80\x02"));
    for (int i = 0; i < 3000000; i++) buf_byte(&p, '(');
    assert_pickle_refused(buf_str(&p), "2^20");
    buf_free(&p);
}

static void test_zip_directories_that_lie_are_refused(void **state)
{
    (void)state;
    struct zip zip;
    struct zip_maker z;
    struct str content;
    zip_begin(&z, false);
    zip_add(&z, "a", STR("hello"));
    struct str file = zip_end(&z);
    assert_int_equal(zip_open(&zip, "m.pt", file), 0);
    assert_int_equal(zip_stored(&zip, zip_find(&zip, STR("a")), &content), 0);
    assert_true(str_eq(content, STR("hello")));
    zip_close(&zip);
    for (size_t n = 0; n < file.n; n++) { /* cut anywhere */
        if (zip_open(&zip, "m.pt", str_of(file.p, n)) == 0) fail_msg("cut at %zu", n);
        zip_close(&zip);
    }
    char *directory = memmem(z.file.p, z.file.n, "PK\1\2", 4);
    memcpy(directory + 16, "\x86\xA6\x10\x36", 4); /* the CRC of "hello" */
    assert_int_equal(zip_open(&zip, "m.pt", file), 0);
    assert_int_equal(zip_stored(&zip, zip_find(&zip, STR("a")), &content), 0);
    zip_close(&zip);
    directory[16] ^= 1;
    assert_int_equal(zip_open(&zip, "m.pt", file), 0);
    assert_int_equal(zip_stored(&zip, zip_find(&zip, STR("a")), &content), -1);
    assert_says("entry a: its content is not what the CRC");
    zip_close(&zip);
    memset(directory + 16, 0, 4);
    directory[24] = 100; /* larger than the file */
    directory[20] = 100;
    assert_int_equal(zip_open(&zip, "m.pt", file), 0);
    assert_int_equal(zip_stored(&zip, zip_find(&zip, STR("a")), &content), -1);
    assert_says("outside the file");
    zip_close(&zip);
    zip_free(&z);
    zip_begin(&z, false);
    zip_add(&z, "a", STR("1"));
    zip_add(&z, "a", STR("2"));
    assert_int_equal(zip_open(&zip, "m.pt", zip_end(&z)), -1);
    assert_says("twice");
    zip_close(&zip);
    zip_free(&z);
}

/* ---- weights ---- */

static void test_one_model_has_one_digest_in_every_kind_of_file(void **state)
{
    (void)state;
    struct folder f = folder_new();
    if (!unpack_checkpoints(&f)) {
        folder_remove(&f);
        skip();
    }
    struct hash128 digests[3];
    const char *const names[3] = {"hf-tiny-quick", "hf-tiny-quick-bin", "hf-tiny-gelu"};
    for (int i = 0; i < 3; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", f.path, names[i]);
        struct weights *w = weights_open(path);
        if (!w) fail_msg("%s", fail_message());
        assert_int_equal(weights_count(w), 110);
        assert_int_equal(weights_digest(w, &digests[i]), 0);
        weights_close(w);
    }
    assert_int_equal(hash128_compare(digests[0], digests[1]), 0);
    assert_int_not_equal(hash128_compare(digests[0], digests[2]), 0);
    folder_remove(&f);
}

static void test_an_index_and_its_files_must_agree(void **state)
{
    (void)state;
    struct folder f = folder_new();
    struct buf one, two;
    char path[256];
    make_safetensors(&one, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
    make_safetensors(&two, "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
    folder_write(&f, "1.safetensors", buf_str(&one));
    folder_write(&f, "2.safetensors", buf_str(&two));
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", f.path);
    static const struct {
        const char *map, *words; /* NULL: read */
    } cases[] = {{"{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}", NULL},
                 {"{\"a\":\"2.safetensors\",\"b\":\"1.safetensors\"}", "tensor a"},
                 {"{\"a\":\"1.safetensors\"}", NULL}, /* the second file is not opened */
                 {"{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\",\"c\":\"2.safetensors\"}", "3 tensors in the index"},
                 {"{\"a\":\"../1.safetensors\"}", "no plain name"}, {"{\"a\":\"3.safetensors\"}", "3.safetensors"},
                 {"{\"a\":7}", "no plain name"}, {"{}", "weight_map"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[512];
        snprintf(json, sizeof json, "{\"metadata\":{},\"weight_map\":%s}", cases[i].map);
        folder_write(&f, "model.safetensors.index.json", str_from(json));
        struct weights *w = weights_open(f.path);
        if (cases[i].words) {
            assert_null(w);
            assert_says(cases[i].words);
        } else if (!w) {
            fail_msg("%s", fail_message());
        } else {
            assert_string_equal(weights_name(w), path);
            assert_string_equal(weights_folder(w), f.path);
        }
        weights_close(w);
    }
    buf_free(&one);
    buf_free(&two);
    folder_remove(&f);
}

static void test_files_of_other_kinds_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *words;
    } cases[] = {{STR("\x80\x02}q\0."), "before 1.6"}, {STR("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"},
                 {STR(""), "empty"}, {STR("<html><body>"), "not safetensors"}, {STR("PK\3\4"), "zip"}};
    struct folder f = folder_new();
    char path[256];
    snprintf(path, sizeof path, "%s/m.bin", f.path);
    assert_null(weights_open(f.path));
    assert_says("no model file in this folder");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        folder_write(&f, "m.bin", cases[i].bytes);
        assert_null(weights_open(path));
        assert_says(path);
        assert_says(cases[i].words);
    }
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_header_that_lies_is_refused),
        cmocka_unit_test(test_offsets_out_of_place_are_refused),
        cmocka_unit_test(test_tensors_of_no_elements_and_scalars_are_read),
        cmocka_unit_test(test_every_half_is_converted_exactly),
        cmocka_unit_test(test_a_number_that_is_not_finite_is_named),
        cmocka_unit_test(test_npy_arrays_are_read_in_both_orders),
        cmocka_unit_test(test_npy_objects_and_lies_are_refused),
        cmocka_unit_test(test_good_archives_give_their_numbers),
        cmocka_unit_test(test_hostile_archives_are_refused_in_one_line),
        cmocka_unit_test(test_wrapped_and_prefixed_state_dicts_are_found),
        cmocka_unit_test(test_modules_of_torchscript_name_their_tensors_by_path),
        cmocka_unit_test(test_opcodes_that_no_tensor_needs_are_refused_by_name),
        cmocka_unit_test(test_strides_and_sizes_stay_inside_the_storage),
        cmocka_unit_test(test_pickles_that_grow_when_walked_are_bounded),
        cmocka_unit_test(test_zip_directories_that_lie_are_refused),
        cmocka_unit_test(test_one_model_has_one_digest_in_every_kind_of_file),
        cmocka_unit_test(test_an_index_and_its_files_must_agree),
        cmocka_unit_test(test_files_of_other_kinds_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

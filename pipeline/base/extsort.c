/* External merge sort of fixed-size records.
 *
 * Filling: records lie one after another in `records`; `places` holds one {first eight bytes, index} for each, and only these
 * are moved by the sort, so that most comparisons touch no record. When the memory is used up, the records go out in order as
 * one more run of the temporary file.
 * Merging: a heap of run readers, least record on top. When there are more runs than buffers, as many of the oldest runs as
 * needed become one new run at the end of the file, and their space is given back; then again, until the rest merge at once.
 */
#include "pipeline/base/extsort.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/spill.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    LARGEST_RECORD = 1 << 16,  /* bytes; larger ones belong in a file of their own, sorted by reference */
    FEWEST_RECORDS = 16,       /* a run and a buffer hold at least these, however little memory is given */
    FIRST_RECORDS = 1024,      /* the first allocation; doubles from there */
    MERGE_BUFFER = 64 << 10,   /* bytes a run in a merge: below it, seeks cost more than another pass */
    WRITE_BUFFER = 256 << 10,  /* bytes handed to the file at once; less where a quarter of the memory is less */
    LARGEST_BUFFER = 4 << 20,  /* above it, reading gets no faster */
    MOST_READERS = 4096,       /* runs merged at once; above it the heap costs more than another pass */
    SMALL_SORT = 16,           /* places; insertion sort below it */
    AHEAD = 12,                /* records asked for before they are handed out: they lie anywhere in memory */
};

struct place {
    uint64_t prefix; /* the record's first eight bytes as a big-endian number; 0 when `compare` rules */
    uint32_t index;  /* of the record in `records` */
};

struct run {
    uint64_t at, records; /* offset in the spill; how many */
};

struct reader {
    struct run left;        /* what of the run has not been read into the buffer */
    unsigned char *buffer;  /* buffer_records * record_size */
    size_t next, filled;    /* records of the buffer */
    uint64_t prefix;        /* of the current record, at buffer + next * record_size */
};

struct extsort {
    size_t record_size;
    int (*compare)(const void *, const void *);
    size_t write_room;      /* bytes of the write buffer */
    size_t memory;          /* bytes besides that: for records and places, or for the readers */
    const char *folder;
    uint64_t count;         /* records added */
    bool sealed, in_memory; /* in_memory: sealed, and nothing was spilled */

    unsigned char *records; /* room * record_size */
    struct place *places;   /* room */
    size_t filled, room, most; /* records; `most` is what memory allows */

    struct spill spill;
    struct run *runs;       /* live runs, oldest first */
    size_t run_count, run_room;

    struct reader *readers; /* of the merge in hand */
    struct reader **heap;   /* least record first; runs that are used up leave it */
    size_t heap_count;
    unsigned char *buffers; /* the readers' */
    size_t buffer_records;  /* a reader */
    bool advance;           /* the top's record has been handed out */
    size_t next;            /* in memory: the place to hand out next */
};

struct extsort *extsort_open(size_t memory, const char *folder, size_t record_size,
                             int (*compare)(const void *a, const void *b))
{
    if (record_size < 1 || record_size > LARGEST_RECORD)
        return fail("a record of %zu bytes cannot be sorted", record_size), NULL;
    struct extsort *sort = calloc(1, sizeof *sort);
    if (!sort) return fail_memory(), NULL;
    size_t write_room = WRITE_BUFFER < memory / 4 ? WRITE_BUFFER : memory / 4;
    *sort = (struct extsort){.record_size = record_size, .compare = compare, .memory = memory - write_room, .folder = folder};
    sort->write_room = write_room < FEWEST_RECORDS * record_size ? FEWEST_RECORDS * record_size : write_room;
    sort->spill = SPILL_CLOSED;
    sort->most = sort->memory / (record_size + sizeof(struct place));
    if (sort->most < FEWEST_RECORDS) sort->most = FEWEST_RECORDS;
    if (sort->most > UINT32_MAX) sort->most = UINT32_MAX;
    return sort;
}

static void release_records(struct extsort *sort)
{
    free(sort->records);
    free(sort->places);
    sort->records = NULL;
    sort->places = NULL;
    sort->filled = sort->room = 0;
}

static void release_readers(struct extsort *sort)
{
    free(sort->readers);
    free(sort->heap);
    free(sort->buffers);
    sort->readers = NULL;
    sort->heap = NULL;
    sort->buffers = NULL;
    sort->heap_count = 0;
    sort->advance = false;
}

void extsort_close(struct extsort *sort)
{
    if (!sort) return;
    release_records(sort);
    release_readers(sort);
    spill_close(&sort->spill);
    free(sort->runs);
    free(sort);
}

uint64_t extsort_count(const struct extsort *sort) { return sort->count; }
uint64_t extsort_spilled(const struct extsort *sort) { return sort->spill.size; }

static uint64_t prefix_of(const struct extsort *sort, const unsigned char *record)
{
    if (sort->compare) return 0;
    unsigned char head[8] = {0};
    memcpy(head, record, sort->record_size < 8 ? sort->record_size : 8);
    return extsort_get_u64(head);
}

static int compare_records(const struct extsort *sort, const unsigned char *a, const unsigned char *b)
{
    int order = sort->compare ? sort->compare(a, b) : 0;
    return order ? order : memcmp(a, b, sort->record_size);
}

/* --- sorting in memory: quicksort, heapsort where quicksort meets its bad case --- */

static inline bool before(const struct extsort *sort, struct place a, struct place b)
{
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return compare_records(sort, sort->records + (size_t)a.index * sort->record_size,
                           sort->records + (size_t)b.index * sort->record_size) < 0;
}

static inline void swap_places(struct place *a, struct place *b)
{
    struct place held = *a;
    *a = *b;
    *b = held;
}

static void insertion_sort(const struct extsort *sort, struct place *p, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct place held = p[i];
        size_t at = i;
        for (; at > 0 && before(sort, held, p[at - 1]); at--) p[at] = p[at - 1];
        p[at] = held;
    }
}

static void heap_sort(const struct extsort *sort, struct place *p, size_t n)
{
    for (size_t start = n / 2, end = n; end > 1;) { /* first builds the heap, then takes its greatest away */
        if (start > 0) start--;
        else swap_places(&p[0], &p[--end]);
        for (size_t parent = start, child; (child = 2 * parent + 1) < end; parent = child) {
            if (child + 1 < end && before(sort, p[child], p[child + 1])) child++;
            if (!before(sort, p[parent], p[child])) break;
            swap_places(&p[parent], &p[child]);
        }
    }
}

static void sort_places(const struct extsort *sort, struct place *p, size_t n, unsigned depth)
{
    while (n > SMALL_SORT) {
        if (depth-- == 0) {
            heap_sort(sort, p, n);
            return;
        }
        size_t middle = n / 2, last = n - 1; /* median of three to the middle: sorted input stays cheap */
        if (before(sort, p[middle], p[0])) swap_places(&p[middle], &p[0]);
        if (before(sort, p[last], p[middle])) {
            swap_places(&p[last], &p[middle]);
            if (before(sort, p[middle], p[0])) swap_places(&p[middle], &p[0]);
        }
        struct place pivot = p[middle];
        size_t left = 0, right = last;
        for (;;) { /* equal ones stop both sides: many equal records split evenly */
            while (before(sort, p[left], pivot)) left++;
            while (before(sort, pivot, p[right])) right--;
            if (left >= right) break;
            swap_places(&p[left++], &p[right--]);
        }
        size_t first_part = right + 1; /* neither none nor all: p[0] and p[last] have stopped the first round */
        if (first_part < n - first_part) { /* the smaller part by recursion: the stack stays logarithmic */
            sort_places(sort, p, first_part, depth);
            p += first_part;
            n -= first_part;
        } else {
            sort_places(sort, p + first_part, n - first_part, depth);
            n = first_part;
        }
    }
    insertion_sort(sort, p, n);
}

static void sort_memory(struct extsort *sort)
{
    unsigned depth = 2;
    for (size_t n = sort->filled; n > 1; n >>= 1) depth += 2;
    sort_places(sort, sort->places, sort->filled, depth);
}

/* --- runs --- */

static int add_run(struct extsort *sort, struct run run)
{
    if (sort->run_count == sort->run_room) {
        size_t room = sort->run_room ? 2 * sort->run_room : 16;
        struct run *runs = realloc(sort->runs, room * sizeof *runs);
        if (!runs) return fail_memory();
        sort->runs = runs;
        sort->run_room = room;
    }
    sort->runs[sort->run_count++] = run;
    return 0;
}

struct run_writer {
    struct extsort *sort;
    unsigned char *buffer;
    size_t used, room; /* bytes */
    struct run run;
};

static int run_begin(struct run_writer *writer, struct extsort *sort)
{
    *writer = (struct run_writer){.sort = sort, .room = sort->write_room, .run = {sort->spill.size, 0}};
    writer->buffer = malloc(writer->room);
    return writer->buffer ? 0 : fail_memory();
}

static int run_flush(struct run_writer *writer)
{
    struct str bytes = str_of((const char *)writer->buffer, writer->used);
    writer->used = 0;
    return spill_add(&writer->sort->spill, bytes);
}

static int run_add(struct run_writer *writer, const unsigned char *record)
{
    size_t size = writer->sort->record_size;
    if (writer->room - writer->used < size && run_flush(writer) < 0) return -1;
    memcpy(writer->buffer + writer->used, record, size);
    writer->used += size;
    writer->run.records++;
    return 0;
}

static int run_end(struct run_writer *writer, int status) /* frees the writer; the run counts when status is 0 */
{
    if (status == 0) status = run_flush(writer);
    free(writer->buffer);
    return status < 0 ? -1 : add_run(writer->sort, writer->run);
}

static int spill_memory(struct extsort *sort)
{
    if (sort->spill.file < 0 && spill_open(&sort->spill, sort->folder) < 0) return -1;
    sort_memory(sort);
    struct run_writer writer;
    if (run_begin(&writer, sort) < 0) return -1;
    int status = 0;
    for (size_t i = 0; i < sort->filled && status == 0; i++)
        status = run_add(&writer, sort->records + (size_t)sort->places[i].index * sort->record_size);
    sort->filled = 0;
    return run_end(&writer, status);
}

static int grow(struct extsort *sort)
{
    size_t room = sort->room ? 2 * sort->room : FIRST_RECORDS;
    if (room > sort->most) room = sort->most;
    unsigned char *records = realloc(sort->records, room * sort->record_size);
    if (records) sort->records = records;
    struct place *places = records ? realloc(sort->places, room * sizeof *places) : NULL;
    if (places) sort->places = places;
    if (!records || !places) return fail_memory();
    sort->room = room;
    return 0;
}

int extsort_add(struct extsort *sort, const void *record)
{
    if (sort->filled == sort->room) {
        if (sort->room < sort->most ? grow(sort) < 0 : spill_memory(sort) < 0) return -1;
    }
    memcpy(sort->records + sort->filled * sort->record_size, record, sort->record_size);
    sort->places[sort->filled] = (struct place){prefix_of(sort, record), (uint32_t)sort->filled};
    sort->filled++;
    sort->count++;
    return 0;
}

/* --- merging --- */

static const unsigned char *reader_record(const struct extsort *sort, const struct reader *reader)
{
    return reader->buffer + reader->next * sort->record_size;
}

static bool reader_before(const struct extsort *sort, const struct reader *a, const struct reader *b)
{
    if (a->prefix != b->prefix) return a->prefix < b->prefix;
    return compare_records(sort, reader_record(sort, a), reader_record(sort, b)) < 0;
}

static int reader_fill(struct extsort *sort, struct reader *reader) /* filled stays 0 when the run is used up */
{
    size_t n = sort->buffer_records;
    if (n > reader->left.records) n = (size_t)reader->left.records;
    reader->next = reader->filled = 0;
    if (n == 0) return 0;
    if (spill_read(&sort->spill, reader->left.at, reader->buffer, n * sort->record_size) < 0) return -1;
    reader->left.at += n * sort->record_size;
    reader->left.records -= n;
    reader->filled = n;
    reader->prefix = prefix_of(sort, reader->buffer);
    return 0;
}

static void sift_down(struct extsort *sort, size_t parent)
{
    struct reader **heap = sort->heap;
    for (size_t child; (child = 2 * parent + 1) < sort->heap_count; parent = child) {
        if (child + 1 < sort->heap_count && reader_before(sort, heap[child + 1], heap[child])) child++;
        if (!reader_before(sort, heap[child], heap[parent])) break;
        struct reader *held = heap[parent];
        heap[parent] = heap[child];
        heap[child] = held;
    }
}

static int merge_begin(struct extsort *sort, size_t run_count) /* of the oldest runs */
{
    size_t record_bytes = sort->record_size;
    sort->buffer_records = sort->memory / run_count / record_bytes;
    if (sort->buffer_records > LARGEST_BUFFER / record_bytes) sort->buffer_records = LARGEST_BUFFER / record_bytes;
    if (sort->buffer_records < FEWEST_RECORDS) sort->buffer_records = FEWEST_RECORDS;
    sort->readers = calloc(run_count, sizeof *sort->readers);
    sort->heap = calloc(run_count, sizeof(struct reader *));
    sort->buffers = malloc(run_count * sort->buffer_records * record_bytes);
    if (!sort->readers || !sort->heap || !sort->buffers) return fail_memory();
    for (size_t i = 0; i < run_count; i++) {
        struct reader *reader = &sort->readers[i];
        reader->left = sort->runs[i];
        reader->buffer = sort->buffers + i * sort->buffer_records * record_bytes;
        if (reader_fill(sort, reader) < 0) return -1;
        if (reader->filled) sort->heap[sort->heap_count++] = reader;
    }
    for (size_t i = sort->heap_count / 2; i-- > 0;) sift_down(sort, i);
    return 0;
}

static int merge_next(struct extsort *sort, const unsigned char **record) /* as extsort_next */
{
    if (sort->advance) {
        struct reader *top = sort->heap[0];
        if (++top->next < top->filled) top->prefix = prefix_of(sort, reader_record(sort, top));
        else if (reader_fill(sort, top) < 0) return -1;
        if (top->filled == 0) sort->heap[0] = sort->heap[--sort->heap_count];
        sort->advance = false;
        sift_down(sort, 0);
    }
    if (sort->heap_count == 0) return 0;
    *record = reader_record(sort, sort->heap[0]);
    sort->advance = true;
    return 1;
}

static int merge_oldest(struct extsort *sort, size_t run_count) /* into one new run */
{
    struct run_writer writer;
    if (run_begin(&writer, sort) < 0) return -1;
    int got, status = merge_begin(sort, run_count);
    const unsigned char *record;
    while (status == 0 && (got = merge_next(sort, &record)) != 0) status = got < 0 ? -1 : run_add(&writer, record);
    release_readers(sort);
    if (run_end(&writer, status) < 0) return -1;
    for (size_t i = 0; i < run_count; i++)
        spill_forget(&sort->spill, sort->runs[i].at, sort->runs[i].records * sort->record_size);
    sort->run_count -= run_count;
    memmove(sort->runs, sort->runs + run_count, sort->run_count * sizeof *sort->runs);
    return 0;
}

static size_t most_readers(const struct extsort *sort)
{
    size_t n = sort->memory / MERGE_BUFFER;
    return n < 2 ? 2 : n > MOST_READERS ? MOST_READERS : n;
}

int extsort_seal(struct extsort *sort)
{
    sort->sealed = true;
    if (sort->run_count == 0) {
        sort->in_memory = true;
        sort_memory(sort);
        return 0;
    }
    if (sort->filled && spill_memory(sort) < 0) return -1;
    release_records(sort);
    size_t most = most_readers(sort);
    while (sort->run_count > most) { /* just enough in the first merge that the later ones are full */
        size_t surplus = sort->run_count - most + 1;
        if (merge_oldest(sort, surplus < most ? surplus : most) < 0) return -1;
    }
    return merge_begin(sort, sort->run_count);
}

int extsort_next(struct extsort *sort, const void **record)
{
    if (!sort->sealed) return fail("extsort_next before extsort_seal");
    const unsigned char *found = NULL;
    int got = 0;
    if (!sort->in_memory) {
        got = merge_next(sort, &found);
    } else if (sort->next < sort->filled) {
        if (sort->next + AHEAD < sort->filled) {
            const unsigned char *ahead = sort->records + (size_t)sort->places[sort->next + AHEAD].index * sort->record_size;
            __builtin_prefetch(ahead);
            __builtin_prefetch(ahead + sort->record_size - 1);
        }
        found = sort->records + (size_t)sort->places[sort->next++].index * sort->record_size;
        got = 1;
    }
    if (got > 0) *record = found;
    return got;
}

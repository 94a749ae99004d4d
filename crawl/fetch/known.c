/* In flight: a table of jobs by URL. Kept: a table of SQLite, in a file that has no name any more; nothing reads it but this
 * process, so a record is its memory as it stands. */
#include "crawl/fetch/known.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/spill.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEY_BYTES = 16, LEAST_CACHE_KIB = 256 };

struct known {
    pthread_mutex_t lock;      /* of all below */
    pthread_cond_t settled;
    struct table in_flight;    /* struct job */
    sqlite3 *db;
    sqlite3_stmt *find, *insert;
    struct buf record;
    const char *folder;        /* for messages */
};

/* A record: this, `measured`, `bound`; behind them the picture, if there is one. */
struct head {
    const char *status;
    unsigned http_status;
    enum net_cause cause;
    uint64_t bytes, offset;
    size_t stored;
    size_t measured, bound; /* bytes */
};

static int database_failed(const struct known *known, const char *what)
{
    return fail("cannot %s URLs in '%s': %s; give --tmp another folder, with more room", what, known->folder,
                known->db ? sqlite3_errmsg(known->db) : "out of memory");
}

static int open_database(struct known *known, uint64_t memory)
{
    char path[PATH_MAX], cache[64];
    uint64_t kib = memory >> 10 > LEAST_CACHE_KIB ? memory >> 10 : LEAST_CACHE_KIB;
    int n = snprintf(path, sizeof path, "%s/winnow-XXXXXX", known->folder);
    if (n < 0 || (size_t)n >= sizeof path) return fail("cannot spill to '%s': path too long", known->folder);
    int file = mkostemp(path, O_CLOEXEC);
    if (file < 0) return fail_errno("cannot spill to '%s'", known->folder);
    close(file);
    snprintf(cache, sizeof cache, "PRAGMA cache_size = -%llu", (unsigned long long)kib);
    static const char schema[] = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                                 "BEGIN; CREATE TABLE known (url BLOB PRIMARY KEY, record BLOB) WITHOUT ROWID;";
    bool made = sqlite3_open_v2(path, &known->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
                sqlite3_exec(known->db, cache, NULL, NULL, NULL) == SQLITE_OK && sqlite3_exec(known->db, schema, NULL, NULL, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(known->db, "SELECT record FROM known WHERE url = ?", -1, &known->find, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(known->db, "INSERT OR REPLACE INTO known VALUES (?, ?)", -1, &known->insert, NULL) == SQLITE_OK;
    unlink(path);
    return made ? 0 : database_failed(known, "remember");
}

struct known *known_open(uint64_t memory, const char *folder)
{
    struct known *known = calloc(1, sizeof *known);
    if (!known) return fail_memory(), NULL;
    pthread_mutex_init(&known->lock, NULL);
    pthread_cond_init(&known->settled, NULL);
    table_init(&known->in_flight);
    buf_init(&known->record, sizeof(struct head) + sizeof(struct outcome) + sizeof(struct picture));
    known->folder = spill_folder(folder);
    if (open_database(known, memory) == 0) return known;
    known_close(known);
    return NULL;
}

void known_close(struct known *known)
{
    if (!known) return;
    sqlite3_finalize(known->find);
    sqlite3_finalize(known->insert);
    sqlite3_close(known->db);
    buf_free(&known->record);
    table_free(&known->in_flight);
    pthread_cond_destroy(&known->settled);
    pthread_mutex_destroy(&known->lock);
    free(known);
}

/* ---- records */

static void fill(struct job *job, struct str record)
{
    struct head head;
    memcpy(&head, record.p, sizeof head);
    record = str_from_at(record, sizeof head);
    job->outcome = (struct outcome){.status = head.status, .http_status = head.http_status, .cause = head.cause};
    memcpy(job->outcome.measured, record.p, head.measured);
    memcpy(job->outcome.bound, record.p + head.measured, head.bound);
    record = str_from_at(record, head.measured + head.bound);
    if (record.n) memcpy(&job->picture, record.p, sizeof job->picture);
    job->bytes = head.bytes;
    job->place.n = head.stored;
    job->offset = head.offset;
}

static int write_record(struct buf *out, const struct job *job)
{
    const struct outcome *o = &job->outcome;
    struct str measured = str_from(o->measured), bound = str_from(o->bound);
    struct head head;
    memset(&head, 0, sizeof head); /* its padding too is written */
    head.status = o->status;
    head.http_status = o->http_status;
    head.cause = o->cause;
    head.bytes = job->bytes;
    head.offset = job->offset;
    head.stored = job->place.n;
    head.measured = measured.n;
    head.bound = bound.n;
    struct picture picture = job->picture;
    picture.file = STR_ABSENT;
    buf_clear(out);
    if (buf_add(out, str_of((const char *)&head, sizeof head)) < 0 || buf_add(out, measured) < 0 || buf_add(out, bound) < 0) return -1;
    return job_has_picture(job) ? buf_add(out, str_of((const char *)&picture, sizeof picture)) : 0;
}

static int bind_url(sqlite3_stmt *statement, const struct job *job)
{
    unsigned char key[32];
    hash_sha256(job->url, key);
    return sqlite3_bind_blob(statement, 1, key, KEY_BYTES, SQLITE_TRANSIENT);
}

/* 1: the job is filled in. 0: nobody has kept it. */
static int find_kept(struct known *known, struct job *job)
{
    sqlite3_stmt *find = known->find;
    int step = bind_url(find, job) == SQLITE_OK ? sqlite3_step(find) : SQLITE_NOMEM;
    if (step == SQLITE_ROW) fill(job, str_of(sqlite3_column_blob(find, 0), (size_t)sqlite3_column_bytes(find, 0)));
    sqlite3_reset(find);
    return step == SQLITE_ROW ? 1 : step == SQLITE_DONE ? 0 : database_failed(known, "look up");
}

/* ---- claims */

static void fill_from(struct job *job, const struct job *lender)
{
    job->outcome = lender->outcome;
    job->picture = lender->picture;
    job->bytes = lender->bytes;
    job->place.n = lender->place.n;
}

static enum known_answer claim(struct known *known, struct job *job, bool wait)
{
    const struct job *other;
    while ((other = (struct job *)table_find(&known->in_flight, job->url)) && !other->settled) {
        if (!wait) return KNOWN_ASKED;
        pthread_cond_wait(&known->settled, &known->lock);
    }
    if (other) return fill_from(job, other), KNOWN_BEFORE;
    int found = find_kept(known, job);
    if (found) return found < 0 ? KNOWN_FAILED : KNOWN_BEFORE;
    return table_add(&known->in_flight, &job->node, job->url) < 0 ? KNOWN_FAILED : KNOWN_MINE;
}

enum known_answer known_claim(struct known *known, struct job *job, bool wait)
{
    pthread_mutex_lock(&known->lock);
    enum known_answer answer = claim(known, job, wait);
    pthread_mutex_unlock(&known->lock);
    return answer;
}

void known_settle(struct known *known, struct job *const *jobs, size_t count)
{
    pthread_mutex_lock(&known->lock);
    for (size_t i = 0; i < count; i++) {
        jobs[i]->settled = jobs[i]->outcome.status != NULL;
        if (!jobs[i]->settled) table_remove(&known->in_flight, &jobs[i]->node);
    }
    pthread_cond_broadcast(&known->settled);
    pthread_mutex_unlock(&known->lock);
}

int known_place(struct known *known, struct job *job, struct job **lender)
{
    pthread_mutex_lock(&known->lock);
    *lender = (struct job *)table_find(&known->in_flight, job->url);
    int kept = *lender ? 0 : find_kept(known, job);
    pthread_mutex_unlock(&known->lock);
    if (*lender) return 1;
    return kept == 1 ? 0 : kept < 0 ? -1 : fail("%.*s: its picture is lost", (int)job->url.n, job->url.p);
}

int known_keep(struct known *known, struct job *job)
{
    pthread_mutex_lock(&known->lock);
    table_remove(&known->in_flight, &job->node);
    sqlite3_stmt *insert = known->insert;
    int result = write_record(&known->record, job);
    if (result == 0) {
        bool kept = bind_url(insert, job) == SQLITE_OK &&
                    sqlite3_bind_blob64(insert, 2, known->record.p, known->record.n, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(insert) == SQLITE_DONE;
        if (!kept) result = database_failed(known, "remember");
        sqlite3_reset(insert);
    }
    pthread_mutex_unlock(&known->lock);
    return result;
}

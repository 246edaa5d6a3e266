/* Locks: who has one, when it is taken over, and when not. Each rank has one of its own. */
#include "base/error.h"
#include "base/timers.h"
#include "mock.h"
#include "mpi_check.h"
#include "process/lock.h"
#include "process/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const double LONG = 1000, SHORT = 0.3; /* seconds of patience: none is waited for, or all */
static const km_log silent = {.verbosity = KM_QUIET};

typedef struct place {
    mock_folder folder;
    char path[1100], name[1200];
} place;

static place place_create(void)
{
    place p = {.folder = mock_folder_create()};
    snprintf(p.path, sizeof p.path, "%s/%d", p.folder.path, km_comm_rank(MPI_COMM_WORLD));
    snprintf(p.name, sizeof p.name, "%s.lock", p.path);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
    return p;
}

static km_code take(km_lock *lock, const place *p, double patience, km_error *error)
{
    *error = (km_error){0};
    return km_lock_take(lock, p->path, patience, &silent, error);
}

static bool is_there(const place *p)
{
    return access(p->name, F_OK) == 0;
}

static void put_text(const place *p, const char *text)
{
    FILE *file = fopen(p->name, "w");
    fputs(text, file);
    fclose(file);
}

/* The text of a lock of ours, in which the line that begins with `key` has another value. */
static void put_changed(const place *p, const char *key, const char *value)
{
    km_lock lock;
    km_error error;
    char text[2 * KM_LOCK_SIZE] = "";
    ck_assert(take(&lock, p, LONG, &error) == KM_OK);
    snprintf(text, sizeof text, "\n%s ", key);
    const char *line = strstr(lock.text, text);
    ck_assert_ptr_nonnull(line++);
    snprintf(text, sizeof text, "%.*s%s %s%s", (int)(line - lock.text), lock.text, key, value,
             strchr(line, '\n'));
    km_lock_release(&lock);
    put_text(p, text);
}

/* Taken at once, and given back. */
static void check_taken(const place *p, double patience)
{
    km_lock lock;
    km_error error;
    const double start = km_now();
    const km_code code = take(&lock, p, patience, &error);
    ck_assert_msg(code == KM_OK, "%s", error.text);
    if (patience == LONG)
        ck_assert(km_now() - start < 10);
    else
        ck_assert(km_now() - start >= patience);
    ck_assert(is_there(p));
    km_lock_release(&lock);
    ck_assert(!is_there(p));
}

static void check_refused(const place *p, double patience, km_code code, const char *words)
{
    km_lock lock;
    km_error error;
    take(&lock, p, patience, &error);
    ck_assert_fails(error, code, words);
    km_lock_release(&lock);
    ck_assert(is_there(p));
}

START_TEST(one_has_it)
{
    place p = place_create();
    km_lock lock;
    km_error error;
    char words[64];
    ck_assert(take(&lock, &p, LONG, &error) == KM_OK && km_lock_is_mine(&lock));
    snprintf(words, sizeof words, "is at work on it");
    check_refused(&p, LONG, KM_SYSTEM, words);
    snprintf(words, sizeof words, "process %d on ", (int)getpid());
    check_refused(&p, LONG, KM_SYSTEM, words);
    km_lock_release(&lock);
    km_lock_release(&lock); /* once more does nothing */
    ck_assert(!is_there(&p));
    check_taken(&p, LONG);
    mock_folder_remove(&p.folder);
}
END_TEST

START_TEST(owners_of_this_machine_that_ended)
{
    place p = place_create();
    put_changed(&p, "pid", "1999999999");
    check_taken(&p, LONG);
    put_changed(&p, "start", "12"); /* the number has been given again */
    check_taken(&p, LONG);
    mock_folder_remove(&p.folder);
}
END_TEST

START_TEST(owners_elsewhere_that_give_no_sign)
{
    static const char *const others[][2] = {
        {"host", "elsewhere"}, {"boot", "another"}, {"space", "pid:[1]"}};
    place p = place_create();
    for (int i = 0; i < 3; i++) {
        put_changed(&p, others[i][0], others[i][1]);
        check_taken(&p, SHORT);
    }
    put_text(&p, ""); /* its owner ended before it wrote */
    check_taken(&p, SHORT);
    mock_folder_remove(&p.folder);
}
END_TEST

/* An owner elsewhere, which touches its lock. */
typedef struct sign {
    const place *p;
    int is_over;
} sign;

static void *give_signs(void *context)
{
    sign *s = context;
    const struct timespec nap = {.tv_nsec = 20000000};
    while (!__atomic_load_n(&s->is_over, __ATOMIC_RELAXED)) {
        utimensat(AT_FDCWD, s->p->name, NULL, 0);
        nanosleep(&nap, NULL);
    }
    return NULL;
}

START_TEST(owners_elsewhere_that_are_at_work)
{
    place p = place_create();
    sign s = {&p, 0};
    pthread_t thread;
    put_changed(&p, "host", "elsewhere");
    ck_assert_int_eq(pthread_create(&thread, NULL, give_signs, &s), 0);
    check_refused(&p, LONG / 100, KM_SYSTEM, " on elsewhere is at work on it");
    __atomic_store_n(&s.is_over, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    mock_folder_remove(&p.folder);
}
END_TEST

START_TEST(a_job_that_was_queued_again)
{
    place p = place_create();
    setenv("SLURM_JOB_ID", "4711", 1);
    put_changed(&p, "host", "elsewhere");
    check_taken(&p, SHORT); /* another step of the same job may be at work */
    put_changed(&p, "host", "elsewhere");
    setenv("SLURM_RESTART_COUNT", "1", 1);
    check_taken(&p, LONG);
    put_changed(&p, "host", "elsewhere");
    setenv("SLURM_JOB_ID", "4712", 1);
    setenv("SLURM_RESTART_COUNT", "2", 1);
    check_taken(&p, SHORT);
    setenv("SLURM_JOB_ID", "4713", 1);
    km_lock lock;
    km_error error;
    ck_assert(take(&lock, &p, LONG, &error) == KM_OK);
    check_refused(&p, LONG, KM_SYSTEM, ", job 4713 is at work on it");
    km_lock_release(&lock);
    mock_folder_remove(&p.folder);
}
END_TEST

START_TEST(what_is_no_lock_stays)
{
    place p = place_create();
    put_text(&p, "precious");
    check_refused(&p, SHORT, KM_USAGE, "it is no lock of skymeans");
    mock_folder_remove(&p.folder);
}
END_TEST

START_TEST(an_owner_gives_signs)
{
    place p = place_create();
    km_lock lock;
    km_error error;
    struct stat before, after;
    const struct timespec nap = {.tv_nsec = 10000000};
    const double start = km_now();
    ck_assert(take(&lock, &p, SHORT, &error) == KM_OK);
    ck_assert_int_eq(stat(p.name, &before), 0);
    do {
        nanosleep(&nap, NULL);
        ck_assert_int_eq(stat(p.name, &after), 0);
    } while (memcmp(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim) == 0 &&
             km_now() - start < 60);
    ck_assert(km_now() - start < 60);
    km_lock_release(&lock);
    mock_folder_remove(&p.folder);
}
END_TEST

START_TEST(an_owner_notices_another)
{
    place p = place_create();
    km_lock lock;
    km_error error;
    put_changed(&p, "host", "elsewhere");
    char other[1300];
    snprintf(other, sizeof other, "%s.other", p.name);
    rename(p.name, other);
    ck_assert(take(&lock, &p, LONG, &error) == KM_OK);
    unlink(p.name); /* somebody tidies up */
    ck_assert(km_lock_check(&lock, &error) == KM_OK && is_there(&p));
    rename(other, p.name);
    ck_assert(!km_lock_is_mine(&lock));
    km_lock_check(&lock, &error);
    ck_assert_fails(error, KM_SYSTEM, "checkpoint taken over (");
    ck_assert_fails(error, KM_SYSTEM, " on elsewhere goes on with it");
    km_lock_release(&lock);
    ck_assert(is_there(&p)); /* it is not ours */
    mock_folder_remove(&p.folder);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        one_has_it,
        owners_of_this_machine_that_ended,
        owners_elsewhere_that_give_no_sign,
        owners_elsewhere_that_are_at_work,
        a_job_that_was_queued_again,
        what_is_no_lock_stays,
        an_owner_gives_signs,
        an_owner_notices_another,
    };
    return SUITE_OF("lock", tests);
}

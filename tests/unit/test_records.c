/* What a run records of itself: waiting and communication, counts, energy. */
#include "fit/steps.h"
#include "mock.h"
#include "mpi_check.h"
#include "process/energy.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

/* ---- waiting --------------------------------------------------------------------------------- */

typedef struct reducing {
    running run;
    km_timers timers;
    double total; /* seconds in km_reduce */
} reducing;

static void reducing_begin(reducing *r)
{
    km_error error = {0};
    *r = (reducing){.run = {.comm = MPI_COMM_WORLD}};
    r->run.timers = &r->timers;
    km_totals_create(&r->run.totals, 2, 3, 1, false, &error);
    ck_assert_all(error.code == KM_OK);
}

/* Rank 0 comes `late` seconds later than the others. */
static void reduce_some(reducing *r, int count, double late)
{
    const struct timespec pause = {.tv_nsec = (long)(1e9 * late)};
    for (int i = 0; i < count; i++) {
        km_error error = {0};
        km_agree(MPI_COMM_WORLD, &error);
        if (late > 0 && km_comm_rank(MPI_COMM_WORLD) == 0)
            nanosleep(&pause, NULL);
        const double start = km_now();
        km_reduce(&r->run);
        r->total += km_now() - start;
    }
}

static bool is_same_everywhere(double value)
{
    double least = value, most = value;
    km_min_double(MPI_COMM_WORLD, &least, 1);
    km_max_double(MPI_COMM_WORLD, &most, 1);
    return least == most;
}

START_TEST(the_last_rank_does_not_wait)
{
    reducing r;
    reducing_begin(&r);
    reduce_some(&r, 1, 0);
    km_find_waiting(&r.run);
    const double *seconds = r.timers.seconds;
    double least = seconds[KM_PHASE_WAIT];
    km_min_double(MPI_COMM_WORLD, &least, 1);
    ck_assert_all(least == 0);
    ck_assert_all(seconds[KM_PHASE_REDUCE] > 0 && is_same_everywhere(seconds[KM_PHASE_REDUCE]));
    ck_assert_all(seconds[KM_PHASE_WAIT] + seconds[KM_PHASE_REDUCE] <= r.total);
    km_totals_free(&r.run.totals);
}
END_TEST

/* Other ranks wait for rank 0, unless they are themselves held up. */
START_TEST(ranks_wait_for_a_late_one)
{
    const double late = 0.05;
    const int count = 6;
    reducing r;
    reducing_begin(&r);
    reduce_some(&r, count, late);
    km_find_waiting(&r.run);
    double most = r.timers.seconds[KM_PHASE_WAIT];
    km_max_double(MPI_COMM_WORLD, &most, 1);
    const int n_ranks = km_comm_size(MPI_COMM_WORLD);
    ck_assert_all(n_ranks == 1 ? most == 0 : most > count * late / 2);
    km_totals_free(&r.run.totals);
}
END_TEST

START_TEST(reductions_are_counted)
{
    const int count = 2 * KM_REDUCTIONS_AT_ONCE + 5;
    reducing r;
    reducing_begin(&r);
    reduce_some(&r, count, 0);
    ck_assert_all(r.run.n_reductions == 5);
    km_find_waiting(&r.run);
    const double found = r.timers.seconds[KM_PHASE_WAIT] + r.timers.seconds[KM_PHASE_REDUCE];
    ck_assert_all(r.run.n_reductions == 0);
    ck_assert_all(found <= r.total && found > 0.5 * r.total - 0.1);
    ck_assert_all(r.timers.counts.reductions == count);
    ck_assert_all(r.timers.counts.bytes_reduced == count * 8 * r.run.totals.length);
    km_find_waiting(&r.run); /* nothing is left */
    ck_assert_all(found == r.timers.seconds[KM_PHASE_WAIT] + r.timers.seconds[KM_PHASE_REDUCE]);
    km_totals_free(&r.run.totals);
}
END_TEST

/* ---- energy ---------------------------------------------------------------------------------- */

static void put_text(const char *folder, const char *name, const char *text)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* A folder like /sys/class/powercap, of this rank alone. */
typedef struct powercap {
    mock_folder folder;
    char root[560];
} powercap;

static powercap powercap_create(void)
{
    powercap p = {.folder = mock_folder_create()};
    snprintf(p.root, sizeof p.root, "%s/%d", p.folder.path, km_comm_rank(MPI_COMM_WORLD));
    ck_assert(mkdir(p.root, 0700) == 0);
    return p;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static void powercap_remove(const powercap *p)
{
    nftw(p->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    mock_folder_remove(&p->folder);
}

static void put_zone(const powercap *p, const char *zone, const char *name, const char *energy)
{
    char folder[700];
    snprintf(folder, sizeof folder, "%s/%s", p->root, zone);
    mkdir(folder, 0700);
    put_text(folder, "name", name);
    put_text(folder, "energy_uj", energy);
    put_text(folder, "max_energy_range_uj", "1000000000\n");
}

START_TEST(energy_of_packages_and_memory)
{
    const powercap p = powercap_create();
    km_energy energy;
    put_zone(&p, "intel-rapl:0", "package-0\n", "5000000\n");
    put_zone(&p, "intel-rapl:0:0", "core\n", "1\n");
    put_zone(&p, "intel-rapl:0:1", "dram\n", "999000000\n");
    put_zone(&p, "intel-rapl:1", "package-1\n", "0\n");
    put_zone(&p, "intel-rapl:2", "psys\n", "3\n");
    put_zone(&p, "intel-rapl-mmio:0", "package-0\n", "5000000\n");
    km_energy_start(&energy, p.root);
    ck_assert_int_eq(energy.n_zones, 3);
    put_zone(&p, "intel-rapl:0", "package-0\n", "7000000\n"); /* 2 J */
    put_zone(&p, "intel-rapl:0:0", "core\n", "900000\n");
    put_zone(&p, "intel-rapl:0:1", "dram\n", "500000\n"); /* 1.5 J, past the end */
    put_zone(&p, "intel-rapl:2", "psys\n", "90000000\n");
    km_energy_read(&energy, 1000);
    ck_assert(energy.joules == 0); /* not yet due */
    km_energy_read(&energy, 0);
    ck_assert_double_eq_tol(energy.joules, 3.5, 1e-9);
    put_zone(&p, "intel-rapl:1", "package-1\n", "none\n");
    km_energy_read(&energy, 0);
    ck_assert_int_eq(energy.n_zones, 0); /* not known any more */
    powercap_remove(&p);
}
END_TEST

START_TEST(no_energy_is_told)
{
    const powercap p = powercap_create();
    km_energy energy;
    km_energy_start(&energy, "/nonexistent");
    ck_assert(energy.is_meter && energy.n_zones == 0);
    put_zone(&p, "intel-rapl:0", "package-0\n", "-1\n");
    km_energy_start(&energy, p.root);
    km_energy_read(&energy, 0);
    ck_assert(energy.n_zones == 0 && energy.joules == 0);
    powercap_remove(&p);
}
END_TEST

START_TEST(each_node_has_one_meter)
{
    int64_t n = km_comm_is_first_of_node(MPI_COMM_WORLD);
    const bool is_rank_0 = km_comm_rank(MPI_COMM_WORLD) == 0;
    ck_assert_all(!is_rank_0 || n == 1);
    km_sum_int64(MPI_COMM_WORLD, &n, 1);
    ck_assert_all(n == 1);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        the_last_rank_does_not_wait,   ranks_wait_for_a_late_one, reductions_are_counted,
        energy_of_packages_and_memory, no_energy_is_told,         each_node_has_one_meter,
    };
    return SUITE_OF("records", tests);
}

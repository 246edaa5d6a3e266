/* What every room stands on, which knows no other ranks. Ranks: 1. */
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/partition.h"
#include "base/precision.h"
#include "base/random.h"
#include "base/text.h"
#include "base/threads.h"
#include "base/timers.h"
#include "base/version.h"
#include "mock.h"
#include "mpi_check.h"
#include "process/output.h"
#include "process/status.h"

#include <Random123/philox.h>
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- slabs ---------------------------------------------------------------------------------- */

static int64_t blocks_of(int64_t rows)
{
    return rows / KM_BLOCK + (rows % KM_BLOCK > 0);
}

/* Every row in one slab, in rank order, whole blocks, and no two differ by more than one block. */
static void check_slabs(int64_t n_rows, int n_ranks)
{
    int64_t next = 0, fewest = INT64_MAX, most = 0;
    for (int rank = 0; rank < n_ranks; rank++) {
        const km_rows slab = km_slab(n_rows, n_ranks, rank);
        ck_assert_int_eq(slab.first, next);
        ck_assert_int_ge(slab.count, 0);
        ck_assert(slab.first % KM_BLOCK == 0 || slab.count == 0);
        if (slab.count > 0) {
            ck_assert_int_eq(km_slab_owner(n_rows, n_ranks, slab.first), rank);
            ck_assert_int_eq(km_slab_owner(n_rows, n_ranks, slab.first + slab.count - 1), rank);
        }
        const int64_t n_blocks = blocks_of(slab.count);
        fewest = n_blocks < fewest ? n_blocks : fewest;
        most = n_blocks > most ? n_blocks : most;
        next = slab.first + slab.count;
    }
    ck_assert_int_eq(next, n_rows);
    ck_assert_int_le(most - fewest, 1);
}

START_TEST(slabs_cover_all_rows_once)
{
    const int64_t rows[] = {0, 1, 63, 64, 65, 127, 128, 1000, 4096, 123456789};
    const int ranks[] = {1, 2, 3, 4, 5, 7, 64, 65, 1000};
    for (int i = 0; i < 10; i++)
        for (int r = 0; r < 9; r++)
            check_slabs(rows[i], ranks[r]);
}
END_TEST

START_TEST(slabs_work_up_to_the_largest_number)
{
    for (int64_t less = 0; less < 130; less++)
        for (int ranks = 1; ranks <= 1000; ranks = 3 * ranks + 1)
            check_slabs(INT64_MAX - less, ranks);
}
END_TEST

START_TEST(the_last_slab_of_many_ranks)
{
    const km_rows slab = km_slab(INT64_MAX, INT32_MAX, INT32_MAX - 1);
    ck_assert_int_eq(slab.first + slab.count, INT64_MAX);
    const km_rows none = km_slab(64, INT32_MAX, INT32_MAX - 1);
    ck_assert_int_eq(none.count, 0);
}
END_TEST

/* ---- random numbers ------------------------------------------------------------------------- */

/* Known answers of Random123 for philox2x64-10: counter, key, first word. */
START_TEST(philox_has_the_known_answers)
{
    const uint64_t ones = UINT64_MAX;
    const struct {
        uint64_t counter[2], key, first, second;
    } known[] = {
        {{0, 0}, 0, 0xca00a0459843d731u, 0x66c24222c9a845b5u},
        {{ones, ones}, ones, 0x65b021d60cd8310fu, 0x4d02f3222f86df20u},
        {{0x243f6a8885a308d3u, 0x13198a2e03707344u},
         0xa4093822299f31d0u,
         0x0a5e742c2997341cu,
         0xb0f883d38000de5du},
    };
    for (int i = 0; i < 3; i++) {
        const philox2x64_ctr_t counter = {{known[i].counter[0], known[i].counter[1]}};
        const philox2x64_ctr_t found = philox2x64(counter, (philox2x64_key_t){{known[i].key}});
        ck_assert(found.v[0] == known[i].first && found.v[1] == known[i].second);
    }
}
END_TEST

START_TEST(random_numbers_are_philox_of_index_and_purpose)
{
    const uint64_t values[] = {0, 1, 12345, UINT64_MAX};
    for (int s = 0; s < 4; s++)
        for (int i = 0; i < 4; i++)
            for (km_purpose purpose = KM_RANDOM_ROWS; purpose <= KM_RANDOM_DRAW; purpose++) {
                const philox2x64_ctr_t counter = {{values[i], (uint64_t)purpose}};
                const philox2x64_key_t key = {{values[s]}};
                ck_assert(km_random(values[s], purpose, values[i]) ==
                          philox2x64(counter, key).v[0]);
            }
}
END_TEST

/* Results of today's runs must come out of tomorrow's program. */
START_TEST(random_numbers_are_the_recorded_ones)
{
    ck_assert_uint_eq(km_random(0, KM_RANDOM_ROWS, 0), 0x1b765f3df9a469c1u);
    ck_assert_uint_eq(km_random(0, KM_RANDOM_DRAW, 0), 0x5199726ac33d4c7cu);
    ck_assert_uint_eq(km_random(26, KM_RANDOM_ROWS, 117954), 0xb5620aa6a75d3cb9u);
    ck_assert_uint_eq(km_random(UINT64_MAX, KM_RANDOM_DRAW, UINT64_MAX), 0x82749f47bcef47f6u);
}
END_TEST

START_TEST(random_below_is_the_upper_half_of_the_product)
{
    ck_assert_uint_eq(km_random_below(1, UINT64_MAX), 0);
    ck_assert_uint_eq(km_random_below(10, 0), 0);
    ck_assert_uint_eq(km_random_below(10, UINT64_MAX), 9);
    ck_assert_uint_eq(km_random_below(10, UINT64_MAX / 2), 4);
    ck_assert_uint_eq(km_random_below(UINT64_MAX, UINT64_MAX), UINT64_MAX - 1);
    ck_assert_uint_eq(km_random_below((uint64_t)1 << 63, 5), 2);
}
END_TEST

/* ---- hashes --------------------------------------------------------------------------------- */

START_TEST(label_hashes_add_up_in_any_order)
{
    uint64_t forward = 0, backward = 0, swapped = 0;
    for (int64_t i = 0; i < 1000; i++) {
        forward += km_hash_label(i, (int32_t)(i % 7));
        backward += km_hash_label(999 - i, (int32_t)((999 - i) % 7));
        swapped += km_hash_label(i, (int32_t)((i == 1 ? 2 : i == 2 ? 1 : i) % 7));
    }
    ck_assert(forward == backward);
    ck_assert(forward != swapped);
    ck_assert(km_hash_label(0, -1) != km_hash_label(0, 0));
    ck_assert(km_hash_label(1, 0) != km_hash_label(0, 1));
}
END_TEST

START_TEST(number_hashes_see_order_and_every_bit_but_not_the_sign_of_zero)
{
    const double zero = 0, negative_zero = -0.0, tiny = 5e-324, pair[] = {1, 2}, other[] = {2, 1};
    ck_assert(km_hash_doubles(7, &zero, 1) == km_hash_doubles(7, &negative_zero, 1));
    ck_assert(km_hash_doubles(7, &zero, 1) != km_hash_doubles(7, &tiny, 1));
    ck_assert(km_hash_doubles(7, &zero, 1) != km_hash_doubles(8, &zero, 1));
    ck_assert(km_hash_doubles(7, pair, 2) != km_hash_doubles(7, other, 2));
    ck_assert(km_hash_doubles(7, pair, 2) ==
              km_hash_doubles(km_hash_doubles(7, pair, 1), pair + 1, 1));
    ck_assert(km_hash_doubles(7, pair, 0) == 7);
}
END_TEST

/* The finaliser of splitmix64: the first outputs of the generator with seed 0. */
START_TEST(mix_is_that_of_splitmix64)
{
    ck_assert_uint_eq(km_mix(0x9e3779b97f4a7c15u), 0xe220a8397b1dcdafu);
    ck_assert_uint_eq(km_mix(2 * 0x9e3779b97f4a7c15u), 0x6e789e6aa1b965f4u);
    ck_assert_uint_eq(km_mix(0), 0);
}
END_TEST

/* ---- text ----------------------------------------------------------------------------------- */

START_TEST(whole_numbers_are_read_whole)
{
    int64_t value;
    ck_assert(km_parse_int64("0", &value) && value == 0);
    ck_assert(km_parse_int64("-17", &value) && value == -17);
    ck_assert(km_parse_int64("9223372036854775807", &value) && value == INT64_MAX);
    ck_assert(km_parse_int64("-9223372036854775808", &value) && value == INT64_MIN);
    const char *const bad[] = {"",
                               " 1",
                               "1 ",
                               "1x",
                               "x",
                               "1.5",
                               "1e3",
                               "nan",
                               "-",
                               "+",
                               "0x1",
                               "--1",
                               "\t1",
                               "1\n",
                               "9223372036854775808",
                               "100000000000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!km_parse_int64(bad[i], &value), "'%s' was taken", bad[i]);
}
END_TEST

START_TEST(unsigned_numbers_have_no_sign)
{
    uint64_t value;
    ck_assert(km_parse_uint64("0", &value) && value == 0);
    ck_assert(km_parse_uint64("18446744073709551615", &value) && value == UINT64_MAX);
    const char *const bad[] = {"",
                               " 1",
                               "1x",
                               "-1",
                               "-0",
                               "1 ",
                               "1.0",
                               "0x",
                               "18446744073709551616",
                               "100000000000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!km_parse_uint64(bad[i], &value), "'%s' was taken", bad[i]);
}
END_TEST

START_TEST(real_numbers_are_finite)
{
    double value;
    ck_assert(km_parse_double("1e-4", &value) && value == 1e-4);
    ck_assert(km_parse_double("-2.5", &value) && value == -2.5);
    ck_assert(km_parse_double(".5", &value) && value == 0.5);
    ck_assert(km_parse_double("1.7976931348623157e308", &value) && value == DBL_MAX);
    ck_assert(km_parse_double("5e-324", &value) && value == 5e-324);
    ck_assert(km_parse_double("1e-400", &value) && value == 0);
    const char *const bad[] = {"",  " 1", "1x",  "nan", "inf",   "-inf",   "infinity",
                               "e", "1e", "1,5", "--1", "1e400", "-1e400", "1 "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!km_parse_double(bad[i], &value), "'%s' was taken", bad[i]);
}
END_TEST

START_TEST(edit_distance_counts_edits)
{
    ck_assert_int_eq(km_edit_distance("", ""), 0);
    ck_assert_int_eq(km_edit_distance("abc", ""), 3);
    ck_assert_int_eq(km_edit_distance("", "abc"), 3);
    ck_assert_int_eq(km_edit_distance("kitten", "sitting"), 3);
    ck_assert_int_eq(km_edit_distance("Sunday", "SATURDAY"), 3);
    ck_assert_int_eq(km_edit_distance("tolerance", "tolerence"), 1);
    ck_assert_int_eq(km_edit_distance("overwrite", "ovewrite"), 1);
    ck_assert_int_eq(km_edit_distance("ab", "ba"), 2);
    ck_assert_int_eq(km_edit_distance("dec", "DEC"), 0);
}
END_TEST

START_TEST(long_names_are_entirely_different)
{
    char name[200], longest[64];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    ck_assert_int_eq(km_edit_distance(longest, longest), 0);
    ck_assert_int_eq(km_edit_distance(longest, ""), 63);
    ck_assert_int_ge(km_edit_distance(name, name), 63);
    ck_assert_int_ge(km_edit_distance(name, "a"), 63);
}
END_TEST

/* ---- memory and errors ---------------------------------------------------------------------- */

START_TEST(memory_is_aligned_and_zeroed_when_asked)
{
    const int64_t counts[] = {0, 1, 1000, 1000000};
    for (int i = 0; i < 4; i++) {
        km_error error = {0};
        double *memory = km_allocate(counts[i], sizeof *memory, "test", &error);
        double *zeroed = km_allocate_zeroed(counts[i], sizeof *zeroed, "test", &error);
        ck_assert(memory != NULL && zeroed != NULL && error.code == KM_OK);
        ck_assert((uintptr_t)memory % 64 == 0 && (uintptr_t)zeroed % 64 == 0);
        for (int64_t v = 0; v < counts[i]; v++)
            ck_assert(zeroed[v] == 0);
        free(memory);
        free(zeroed);
    }
}
END_TEST

START_TEST(sizes_that_overflow_are_out_of_memory)
{
    const struct {
        int64_t count;
        size_t size;
    } cases[] = {{INT64_MAX, 1}, {INT64_MAX, 8}, {INT64_MAX / 8 + 1, 8},
                 {1, SIZE_MAX},  {2, SIZE_MAX},  {(int64_t)1 << 32, (size_t)1 << 32},
                 {-1, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        km_error error = {0}, zeroed = {0};
        ck_assert_ptr_null(km_allocate(cases[i].count, cases[i].size, "great things", &error));
        ck_assert_ptr_null(
            km_allocate_zeroed(cases[i].count, cases[i].size, "great things", &zeroed));
        ck_assert(error.code == KM_MEMORY && zeroed.code == KM_MEMORY);
        ck_assert_ptr_nonnull(strstr(error.text, "great things"));
    }
}
END_TEST

START_TEST(the_first_error_wins)
{
    km_error error = {0};
    ck_assert(km_fail(&error, KM_DATA, "first %d", 1) == KM_DATA);
    ck_assert(km_fail(&error, KM_SYSTEM, "second") == KM_DATA);
    ck_assert(error.code == KM_DATA);
    ck_assert_str_eq(error.text, "first 1");
}
END_TEST

START_TEST(long_messages_are_cut)
{
    km_error error = {0};
    char text[sizeof error.text + 500];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    km_fail(&error, KM_DATA, "%s", text);
    ck_assert_uint_eq(strlen(error.text), sizeof error.text - 1);
}
END_TEST

/* ---- the rest ------------------------------------------------------------------------------- */

START_TEST(arithmetic_goes_back_to_ieee)
{
    fesetround(FE_UPWARD);
    km_threads_start(1);
    ck_assert_int_eq(fegetround(), FE_TONEAREST);
    volatile double smallest = DBL_MIN;
    smallest /= 2;
    ck_assert(smallest > 0); /* not flushed to zero */
}
END_TEST

#ifdef __x86_64__
START_TEST(denormals_come_back)
{
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040); /* flush to zero, and inputs too */
    km_threads_start(1);
    volatile double smallest = DBL_MIN;
    smallest /= 2;
    ck_assert(smallest > 0);
}
END_TEST
#endif

START_TEST(phases_have_names_and_timers_add_up)
{
    const char *const names[] = {"start",  "open", "read",   "order", "seed",      "assign",
                                 "reduce", "wait", "update", "write", "checkpoint"};
    km_timers timers = {0};
    for (km_phase phase = 0; phase < KM_N_PHASES; phase++)
        ck_assert_str_eq(km_phase_name(phase), names[phase]);
    const double start = km_now(), next = km_timer_add(&timers, KM_PHASE_READ, start);
    km_timer_add(&timers, KM_PHASE_READ, next - 5);
    ck_assert_double_ge(next, start);
    ck_assert_double_ge(timers.seconds[KM_PHASE_READ], 5);
    ck_assert_double_lt(timers.seconds[KM_PHASE_READ], 60);
    ck_assert(timers.seconds[KM_PHASE_SEED] == 0);
    const km_timers more = {.seconds = {[KM_PHASE_WRITE] = 2}, .counts = {1, 2, 3, 4}};
    km_timers_add_up(&timers, &more);
    km_timers_add_up(&timers, &more);
    ck_assert(timers.seconds[KM_PHASE_WRITE] == 4 && timers.counts.assignments == 2);
    ck_assert(timers.counts.distances == 4 && timers.counts.reductions == 6);
    ck_assert(timers.counts.bytes_reduced == 8);
}
END_TEST

START_TEST(times_are_said_in_the_unit_that_fits)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "0.0 s"},   {7.46, "7.5 s"},     {9.96, "10 s"},  {99.4, "99 s"},
                 {100, "2 min"}, {45 * 60, "45 min"}, {5970, "1.7 h"}, {36000, "10.0 h"}};
    char room[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(km_duration(cases[i].seconds, room, sizeof room), cases[i].text);
}
END_TEST

START_TEST(the_build_knows_itself)
{
    ck_assert_uint_gt(strlen(km_git_commit()), 0);
    ck_assert(strstr(km_compiler(), "gcc") != NULL || strstr(km_compiler(), "clang") != NULL);
    ck_assert(km_precision_size(KM_FLOAT32) == 4 && km_precision_size(KM_FLOAT64) == 8);
}
END_TEST

/* ---- files that appear whole or not at all -------------------------------------------------- */

static bool holds(const char *path, const char *text)
{
    char found[16] = "";
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    const size_t length = fread(found, 1, sizeof found - 1, file);
    fclose(file);
    return length == strlen(text) && strcmp(found, text) == 0;
}

/* Each rank alone, in a folder for all. */
static void create_with(km_output *output, const char *path, const char *text)
{
    km_error error = {0};
    ck_assert_int_eq(km_output_create(output, path, &error), KM_OK);
    mock_write_file(output->beside, text, strlen(text));
}

START_TEST(publishing_replaces_only_when_asked)
{
    const mock_folder folder = mock_folder_create();
    char path[600];
    km_output output = {0};
    km_error error = {0}, refused = {0};
    snprintf(path, sizeof path, "%s/to.%d", folder.path, km_comm_rank(MPI_COMM_WORLD));
    create_with(&output, path, "one");
    ck_assert_all(km_output_publish(&output, false, &error) == KM_OK);
    ck_assert_all(holds(path, "one") && output.beside[0] == '\0');
    create_with(&output, path, "two");
    km_output_publish(&output, false, &refused);
    ck_assert_fails(refused, KM_USAGE, "output exists");
    ck_assert_all(holds(path, "one") && holds(output.beside, "two"));
    ck_assert_all(km_output_publish(&output, true, &error) == KM_OK);
    ck_assert_all(holds(path, "two"));
    create_with(&output, path, "three");
    char beside[KM_PATH_SIZE];
    strcpy(beside, output.beside);
    km_output_discard(&output);
    ck_assert_all(holds(path, "two") && access(beside, F_OK) != 0);
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(a_planted_link_is_replaced_and_not_followed)
{
    const mock_folder folder = mock_folder_create();
    char path[600], victim[600];
    km_output output = {0};
    km_error error = {0}, refused = {0};
    snprintf(path, sizeof path, "%s/link.%d", folder.path, km_comm_rank(MPI_COMM_WORLD));
    snprintf(victim, sizeof victim, "%s/victim.%d", folder.path, km_comm_rank(MPI_COMM_WORLD));
    mock_write_file(victim, "precious", 8);
    ck_assert_int_eq(symlink(victim, path), 0);
    km_output_check(path, false, &refused);
    ck_assert_fails(refused, KM_USAGE, "output exists");
    create_with(&output, path, "one");
    ck_assert_all(km_output_publish(&output, true, &error) == KM_OK);
    ck_assert_all(holds(path, "one") && holds(victim, "precious"));
    mock_folder_remove(&folder);
}
END_TEST

START_TEST(outputs_that_can_not_be_are_refused_early)
{
    const mock_folder folder = mock_folder_create();
    char path[600];
    km_error no_folder = {0}, is_folder = {0}, slash = {0}, input = {0};
    snprintf(path, sizeof path, "%s/no/such/folder.h5", folder.path);
    km_output_check(path, true, &no_folder);
    ck_assert_fails(no_folder, KM_SYSTEM, path);
    km_output_check(folder.path, true, &is_folder);
    ck_assert_fails(is_folder, KM_USAGE, "not a regular file");
    snprintf(path, sizeof path, "%s/new/", folder.path);
    km_output_check(path, true, &slash);
    ck_assert_fails(slash, KM_SYSTEM, "names a folder");
    snprintf(path, sizeof path, "%s/in.%d", folder.path, km_comm_rank(MPI_COMM_WORLD));
    mock_write_file(path, "data", 4);
    km_output_check_input(path, path, &input);
    ck_assert_fails(input, KM_USAGE, "the input");
    mock_folder_remove(&folder);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        slabs_cover_all_rows_once,
        slabs_work_up_to_the_largest_number,
        the_last_slab_of_many_ranks,
        philox_has_the_known_answers,
        random_numbers_are_philox_of_index_and_purpose,
        random_numbers_are_the_recorded_ones,
        random_below_is_the_upper_half_of_the_product,
        label_hashes_add_up_in_any_order,
        number_hashes_see_order_and_every_bit_but_not_the_sign_of_zero,
        mix_is_that_of_splitmix64,
        whole_numbers_are_read_whole,
        unsigned_numbers_have_no_sign,
        real_numbers_are_finite,
        edit_distance_counts_edits,
        long_names_are_entirely_different,
        memory_is_aligned_and_zeroed_when_asked,
        sizes_that_overflow_are_out_of_memory,
        the_first_error_wins,
        long_messages_are_cut,
        arithmetic_goes_back_to_ieee,
#ifdef __x86_64__
        denormals_come_back,
#endif
        phases_have_names_and_timers_add_up,
        times_are_said_in_the_unit_that_fits,
        the_build_knows_itself,
        publishing_replaces_only_when_asked,
        a_planted_link_is_replaced_and_not_followed,
        outputs_that_can_not_be_are_refused_early,
    };
    return SUITE_OF("base", tests);
}

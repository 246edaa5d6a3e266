/* Hostile files through discovery, choice, opening and reading: whatever is in them, it ends with a
 * table or with one message, and nothing stays open. Ranks: 1. `make fuzz` goes on for long. */
#include "mpi_check.h"

#include "hostile_read.h"

enum { N_SEEDS = 150 };

static void try_seed(const mock_folder *folder, uint64_t seed, bool is_flipped)
{
    draw d = {.seed = seed};
    const char *path = mock_path(folder, "hostile.h5");
    hostile_write(&d, path);
    if (is_flipped)
        hostile_flip(&d, path);
    hostile_try(&d, path);
}

static void try_seeds(bool is_flipped)
{
    mock_folder folder = mock_folder_create();
    for (uint64_t seed = 0; seed < N_SEEDS; seed++)
        try_seed(&folder, seed, is_flipped);
    mock_folder_remove(&folder);
}

START_TEST(hostile_files_end_with_a_table_or_a_message)
{
    try_seeds(false);
}
END_TEST

START_TEST(so_do_hostile_files_with_changed_bytes)
{
    try_seeds(true);
}
END_TEST

Suite *make_suite(void)
{
    const TTest *const tests[] = {
        hostile_files_end_with_a_table_or_a_message,
        so_do_hostile_files_with_changed_bytes,
    };
    return SUITE_OF("fuzz", tests);
}

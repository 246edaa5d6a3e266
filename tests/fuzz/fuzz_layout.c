/* Discovery of tables, and reading them, in files that libFuzzer makes through HDF5 itself, so that
 * they are whole; some then have other texts. */
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_start(argc, argv);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    draw d = fuzz_draw(data, size);
    const char *path = mock_path(&folder, "hostile.h5");
    const bool is_flipped = draw_below(&d, 4) == 0;
    hostile_write(&d, path);
    if (is_flipped)
        hostile_flip(&d, path);
    hostile_try(&d, path);
    return 0;
}

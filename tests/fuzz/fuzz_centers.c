/* First centers in text: finite numbers of the shape that is asked for, or one message. */
#include "fuzz.h"

#include "catalogue/first_centers.h"

enum { MOST_CENTERS = 4, TEXT_SIZE = 20000 };

static const char *const words[] = {"1",      "-2.5",  "1e308", "1e309", "nan",          "inf",
                                    "0x1p-3", "+",     "-",     ".",     "e5",           ",",
                                    ";",      " ",     "\t",    "\n",    "\n",           "\n",
                                    "\r\n",   "#",     "# c",   "\v",    "\xef\xbb\xbf", "1,2",
                                    "1 2",    "1 2 3", "1_0",   "\x01",  "1e-400"};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_start(argc, argv);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_SIZE];
    double centers[MOST_CENTERS * MOST_CENTERS];
    draw d = fuzz_draw(data, size);
    const char *path = mock_path(&folder, "centers.txt");
    const km_first_centers asked = {.file = path,
                                    .n_clusters = 1 + (int64_t)draw_below(&d, MOST_CENTERS),
                                    .n_features = 1 + (int64_t)draw_below(&d, MOST_CENTERS)};
    km_error error = {0};
    fuzz_text(&d, words, sizeof words / sizeof *words, text, sizeof text);
    mock_write_file(path, text, strlen(text));
    if (km_first_centers_read(&asked, centers, MPI_COMM_WORLD, &error) != KM_OK) {
        check_error(0, &error);
        return 0;
    }
    for (int64_t i = 0; i < asked.n_clusters * asked.n_features; i++)
        ck_assert_msg(isfinite(centers[i]), "center %lld is not finite\n", (long long)i);
    return 0;
}

/* replay.h - gives a fuzzer each input of a folder once, without libFuzzer. For fuzz.h. */
#ifndef SKYMEANS_TESTS_REPLAY_H
#define SKYMEANS_TESTS_REPLAY_H

#include <dirent.h>

static void replay_file(const char *path)
{
    static uint8_t read[1 << 16];
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "can't open %s\n", path);
    const size_t size = fread(read, 1, sizeof read, file);
    ck_assert_msg(feof(file), "can't read all of %s\n", path);
    fclose(file);
    uint8_t *bytes = mock_memory((int64_t)size, 1); /* so that reading beyond their end is seen */
    memcpy(bytes, read, size);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

int main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    ck_assert(argc == 2);
    int n_inputs = 0;
    DIR *listing = opendir(argv[1]);
    ck_assert_msg(listing != NULL, "can't open %s\n", argv[1]);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        replay_file(path);
        n_inputs++;
    }
    closedir(listing);
    MPI_Finalize();
    fprintf(stderr, "%s: %d inputs\n", argv[1], n_inputs); /* some print a lot, to nowhere */
    return 0;
}

#endif

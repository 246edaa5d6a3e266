/* disk_speed FILE SIZE: bytes per second of reading every other piece of SIZE bytes of a file, many
 * at a time, past the memory of the system; for `make check-scratch`. */
#include "base/memory.h"
#include "base/timers.h"
#include "base/view.h"
#include "process/direct.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TOGETHER = 16, MOST_BYTES = 200 << 20 };

/* What is read is of no interest, so pieces share memory. */
static double measure_disk(int file, int64_t size, void *memory, km_direct *queue)
{
    const off_t end = lseek(file, 0, SEEK_END) - (off_t)size;
    int64_t n_read = 0;
    bool is_right = end > 0;
    const double start = km_now();
    for (off_t at = 0; at < end && n_read < MOST_BYTES && is_right; at += 2 * size) {
        is_right = km_direct_add(queue, file, false, memory, at, (size_t)size);
        if (n_read / size % TOGETHER == TOGETHER - 1)
            is_right = km_direct_start(queue) && is_right;
        n_read += size;
    }
    is_right = km_direct_finish(queue) && is_right;
    return is_right ? (double)n_read / (km_now() - start) : 0;
}

int main(int n_arguments, char **arguments)
{
    km_error error = {0};
    const int file = n_arguments == 3 ? open(arguments[1], O_RDONLY) : -1;
    const int64_t asked = n_arguments == 3 ? atoll(arguments[2]) / KM_DISK_PAGE : 0;
    const int64_t size = (asked > 0 ? asked : 1) * KM_DISK_PAGE;
    km_direct *queue = km_direct_create(&error);
    void *memory = aligned_alloc(KM_DISK_PAGE, (size_t)size);
    double rate = 0;
    if (file >= 0 && memory != NULL && queue != NULL) {
        km_direct_use(file);
        rate = measure_disk(file, size, memory, queue);
    }
    printf("%.0f\n", rate);
    free(memory);
    km_direct_free(queue);
    if (file >= 0)
        close(file);
    return rate > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Preloaded (LD_PRELOAD), it sets the clock of the day back by KM_CLOCK_BACK seconds, once
 * KM_CLOCK_AFTER seconds have passed since the process first asked for the time. Clocks that only
 * go on are not touched. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double seconds_of(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? atof(text) : 0;
}

static double elapsed(void)
{
    static double start;
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    const double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    if (start == 0)
        start = seconds;
    return seconds - start;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const int code = (int)syscall(SYS_clock_gettime, clock, now);
    if (code == 0 && clock == CLOCK_REALTIME && elapsed() >= seconds_of("KM_CLOCK_AFTER"))
        now->tv_sec -= (time_t)seconds_of("KM_CLOCK_BACK");
    return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec time_now;
    (void)zone;
    const int code = clock_gettime(CLOCK_REALTIME, &time_now);
    now->tv_sec = time_now.tv_sec;
    now->tv_usec = time_now.tv_nsec / 1000;
    return code;
}

time_t time(time_t *to)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to != NULL)
        *to = now.tv_sec;
    return now.tv_sec;
}

#include "process/signals.h"
#include "base/timers.h"

#include <signal.h>

static const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGXCPU};
static volatile sig_atomic_t noted_signal;
static double noted_time;

/* Job managers may deliver one signal twice, directly and through the launcher; a second one so
 * soon is ignored. */
static const double SECONDS_OF_ECHO = 0.1;

/* Notes the first signal; a later one has its default effect. */
static void note_signal(int signal_number)
{
    if (noted_signal == 0) {
        noted_time = km_now();
        noted_signal = signal_number;
    } else if (km_now() - noted_time > SECONDS_OF_ECHO) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
    }
}

void km_signals_watch(void)
{
    const struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction before;
        /* Signals that are ignored stay so, as SIGHUP under nohup. */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

void km_signals_start(void)
{
    signal(SIGXFSZ, SIG_IGN);
}

bool km_signal_came(void)
{
    return noted_signal != 0;
}

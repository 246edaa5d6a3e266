/* machine.h - what a machine can do: measured by `probe`, kept in a file, and what a run would take
 * on it. */
#ifndef SKYMEANS_MACHINE_H
#define SKYMEANS_MACHINE_H

#include "base/error.h"
#include "base/precision.h"
#include "cluster/cluster.h"
#include "comm/comm.h"

/* The time of a sum over all ranks, of messages of one size. */
enum { KM_MAX_MESSAGES = 16 };
typedef struct km_message_time {
    double bytes, seconds;
} km_message_time;

/* Seconds that a thread takes to compare a sample with a center. */
typedef struct km_comparing {
    double fixed, per_feature;
} km_comparing;

typedef struct km_machine {
    /* Of `probe`; all 0 if there is only a run. */
    int64_t n_ranks, n_nodes, n_threads; /* that measured it; threads per rank */
    double fma[2];                       /* per second and node, by km_precision */
    double memory;                       /* bytes read per second and node */
    km_comparing comparing[2];           /* by km_precision */
    /* Sums over so many ranks, by the size of the message. */
    int64_t n_messages, message_ranks;
    km_message_time messages[KM_MAX_MESSAGES];
    double reading; /* bytes per second from files to all ranks; 0: not known */
    /* Of a run: a thread's time per sample, center and feature; else 0. */
    double pair_seconds;
    char algorithm[24];
} km_machine;

/* Measures it on all ranks and threads; takes some seconds. Nodes and threads must be set.
 * Collective; the same on all ranks. KM_MEMORY, agreed. */
km_code km_machine_measure(km_machine *machine, const km_kernel *kernel, MPI_Comm comm,
                           km_error *error);

/* Adds to a machine what `probe` wrote, or somebody described likewise, or the figures of a run
 * from the record that --metrics wrote; what is known already stays. KM_SYSTEM if the file can't be
 * read, KM_DATA if it is neither. Local. */
km_code km_machine_read(km_machine *machine, const char *path, km_error *error);

/* The seconds of a sum over so many ranks: between measured sizes a straight line, and with the
 * logarithm of the number of ranks, as trees of messages take. 0 for one rank; negative if it isn't
 * known, since the machine was measured on one rank. Local. */
double km_machine_sum_seconds(const km_machine *machine, double bytes, double n_ranks);

/* What a fit would take on a machine, for a plan. Local. */
typedef struct km_forecast {
    double assigning, summing; /* seconds per iteration; summing is negative if not known */
    double reading;            /* seconds; negative if not known */
    bool compares_all;         /* every sample with every center, as methods need not do */
    double efficiency;         /* assigning / (assigning + summing) */
    int64_t enough_ranks;      /* with which the efficiency is 80 % or all of them are needed */
} km_forecast;

km_forecast km_forecast_make(const km_machine *machine, const km_plan *plan, double bytes_to_read);

#endif

/* exchange.h - samples on their way to other ranks. */
#ifndef SKYMEANS_ORDER_EXCHANGE_H
#define SKYMEANS_ORDER_EXCHANGE_H

#include "order/order.h"

typedef struct km_exchange {
    km_samples *samples;
    MPI_Comm comm;
    int n_ranks;
    int64_t n_rounds;
    int64_t n_new;        /* samples of this rank afterwards */
    uint32_t *owners;     /* [most samples], the ranks that get them, */
    uint32_t *slots;      /* [n_samples], where each is in what is sent in its round */
    int *counts, *starts; /* [n_rounds][n_ranks], of what is sent to each rank */
    int *received_counts; /* [n_rounds][n_ranks] */
    int *received_starts; /* [n_ranks], of one round */
    uint32_t *sent;       /* [words_of_round], of one */
    uint32_t *received;   /* and, when these have been counted, what comes of all rounds */
    void *values;         /* the samples' new values, if these are on a disk; else NULL */
} km_exchange;

/* Sends all samples to their owners. Labels, if not NULL, come last and stay in `received`.
 * Collective; KM_MEMORY, agreed. */
km_code km_send_samples(km_exchange *exchange, int32_t *labels, km_error *error);

#endif

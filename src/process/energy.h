/* energy.h - the energy that this node takes, where Linux tells it. Local.
 *
 * /sys/class/powercap has counters of the processors' packages and of memory. They count all that
 * runs on the node, and overflow after some minutes under load, so they are read now and then. */
#ifndef SKYMEANS_PROCESS_ENERGY_H
#define SKYMEANS_PROCESS_ENERGY_H

#include <stdbool.h>
#include <stdint.h>

enum { KM_MAX_ENERGY_ZONES = 64, KM_ENERGY_PATH = 160 };

typedef struct km_energy {
    bool is_meter; /* this rank reads the counters of its node; false until km_energy_start */
    int n_zones;   /* that can be read; 0: the energy is not known */
    char paths[KM_MAX_ENERGY_ZONES][KM_ENERGY_PATH];
    int64_t last[KM_MAX_ENERGY_ZONES], range[KM_MAX_ENERGY_ZONES]; /* microjoules */
    double joules;                                                 /* since the start */
    double read;                                                   /* a time of km_now() */
} km_energy;

#define KM_ENERGY_ROOT "/sys/class/powercap"

/* Finds the counters under `root`, and reads them. Those that can't be read, as most systems let
 * only root do, count as absent. */
void km_energy_start(km_energy *energy, const char *root);

/* Adds the energy since the last reading, if that is at least `interval` seconds ago. */
void km_energy_read(km_energy *energy, double interval);

#endif

/* The energy counters of powercap (Documentation/power/powercap in the sources of Linux). */
#include "process/energy.h"
#include "base/timers.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static bool read_counter(const char *zone, const char *name, int64_t *value)
{
    char path[KM_ENERGY_PATH + 32];
    long long number = 0;
    snprintf(path, sizeof path, "%s/%s", zone, name);
    FILE *file = fopen(path, "r");
    const bool is_read = file != NULL && fscanf(file, "%lld", &number) == 1 && number >= 0;
    if (file != NULL)
        fclose(file);
    *value = number;
    return is_read;
}

/* Packages and memory: the other zones are parts of packages, or, as psys, contain them. */
static bool is_counted(const char *zone)
{
    char path[KM_ENERGY_PATH + 32], name[32] = "";
    snprintf(path, sizeof path, "%s/name", zone);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    const bool is_read = fscanf(file, "%31s", name) == 1;
    fclose(file);
    return is_read && (strncmp(name, "package-", 8) == 0 || strcmp(name, "dram") == 0);
}

/* Zones "intel-rapl:0" and "intel-rapl:0:1" (so called on AMD, too); the same counters appear again
 * as "intel-rapl-mmio:0". */
static void add_zone(km_energy *energy, const char *root, const char *name)
{
    const int i = energy->n_zones;
    if (strncmp(name, "intel-rapl:", 11) != 0 || i == KM_MAX_ENERGY_ZONES)
        return;
    char *zone = energy->paths[i];
    const int length = snprintf(zone, KM_ENERGY_PATH, "%s/%s", root, name);
    if (length < KM_ENERGY_PATH && is_counted(zone) &&
        read_counter(zone, "energy_uj", &energy->last[i]) &&
        read_counter(zone, "max_energy_range_uj", &energy->range[i]))
        energy->n_zones++;
}

void km_energy_start(km_energy *energy, const char *root)
{
    *energy = (km_energy){.is_meter = true, .read = km_now()};
    DIR *folder = opendir(root);
    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        add_zone(energy, root, entry->d_name);
    closedir(folder);
}

void km_energy_read(km_energy *energy, double interval)
{
    const double now = km_now();
    if (energy->n_zones == 0 || now - energy->read < interval)
        return;
    energy->read = now;
    for (int i = 0; i < energy->n_zones; i++) {
        int64_t value;
        if (!read_counter(energy->paths[i], "energy_uj", &value)) {
            energy->n_zones = 0;
            return;
        }
        const int64_t more = value - energy->last[i];
        energy->joules += 1e-6 * (double)(more >= 0 ? more : more + energy->range[i]);
        energy->last[i] = value;
    }
}

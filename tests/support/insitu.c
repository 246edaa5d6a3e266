/* insitu.c - a simulation that clusters its own particles while it runs: mpirun insitu [FILES]
 *
 * Particles fall towards three masses. Each rank has those of a layer of space, and hands on
 * others. Every few steps they are clustered where they are, weighted by their mass and from the
 * centers of the time before. The checksum of the last clustering is printed; with FILES, each rank
 * writes its particles to FILES.rows.RANK, and the first centers to FILES.centers.RANK. */
#include <math.h>
#include <skymeans.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_PARTICLES = 20000, N_STEPS = 12, CLUSTER_EVERY = 4, N_CLUSTERS = 12 };

typedef struct particle {
    double position[3], mass, velocity[3];
} particle;

typedef struct simulation {
    MPI_Comm comm;
    MPI_Datatype type; /* a particle */
    int rank, n_ranks, n;
    particle *particles; /* [n], of this rank */
} simulation;

static double draw(unsigned long long *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (double)(*state >> 11) / 9007199254740992.0;
}

static void begin(simulation *s)
{
    MPI_Comm_dup(MPI_COMM_WORLD, &s->comm);
    MPI_Comm_rank(s->comm, &s->rank);
    MPI_Comm_size(s->comm, &s->n_ranks);
    MPI_Type_contiguous(sizeof(particle), MPI_BYTE, &s->type);
    MPI_Type_commit(&s->type);
    unsigned long long state = (unsigned long long)s->rank;
    s->n = N_PARTICLES / s->n_ranks;
    s->particles = calloc((size_t)s->n, sizeof *s->particles);
    for (particle *p = s->particles; p < s->particles + s->n; p++) {
        for (int j = 0; j < 3; j++)
            p->position[j] = draw(&state);
        p->mass = 0.5 + draw(&state);
    }
}

static void move(simulation *s)
{
    static const double masses[3][3] = {{0.2, 0.3, 0.5}, {0.3, 0.8, 0.4}, {0.4, 0.4, 0.7}};
    for (particle *p = s->particles; p < s->particles + s->n; p++) {
        for (int m = 0; m < 3; m++) {
            const double x = masses[m][0] - p->position[0], y = masses[m][1] - p->position[1];
            const double z = masses[m][2] - p->position[2];
            const double pull = 0.02 * pow(x * x + y * y + z * z + 0.01, -1.5);
            for (int j = 0; j < 3; j++)
                p->velocity[j] += pull * (masses[m][j] - p->position[j]);
        }
        for (int j = 0; j < 3; j++)
            p->position[j] += 0.02 * p->velocity[j];
    }
}

/* Hands particles of other layers on to the next rank, so that after some steps they are home. */
static void hand_on(simulation *s)
{
    const int next = (s->rank + 1) % s->n_ranks, before = (s->rank + s->n_ranks - 1) % s->n_ranks;
    int n_kept = 0, n_sent = 0, n_new = 0;
    particle *sent = malloc((size_t)(s->n + 1) * sizeof *sent);
    for (const particle *p = s->particles; p < s->particles + s->n; p++) {
        const double layer = fmin(fmax(p->position[0] * s->n_ranks, 0), s->n_ranks - 1);
        particle *to = (int)layer == s->rank ? &s->particles[n_kept++] : &sent[n_sent++];
        *to = *p;
    }
    MPI_Sendrecv(&n_sent, 1, MPI_INT, next, 0, &n_new, 1, MPI_INT, before, 0, s->comm,
                 MPI_STATUS_IGNORE);
    s->particles = realloc(s->particles, (size_t)(n_kept + n_new + 1) * sizeof *s->particles);
    MPI_Sendrecv(sent, n_sent, s->type, next, 1, s->particles + n_kept, n_new, s->type, before, 1,
                 s->comm, MPI_STATUS_IGNORE);
    s->n = n_kept + n_new;
    free(sent);
}

/* What the last clustering began with, for a look by other means. */
static void write_files(const simulation *s, const double *centers, const char *files)
{
    char path[1024];
    snprintf(path, sizeof path, "%s.rows.%d", files, s->rank);
    FILE *rows = fopen(path, "wb");
    snprintf(path, sizeof path, "%s.centers.%d", files, s->rank);
    FILE *text = fopen(path, "w");
    if (rows == NULL || text == NULL)
        MPI_Abort(s->comm, 1);
    fwrite(s->particles, sizeof(particle), (size_t)s->n, rows);
    for (int i = 0; i < 3 * N_CLUSTERS; i++)
        fprintf(text, "%.17g%c", centers[i], i % 3 < 2 ? ' ' : '\n');
    fclose(rows);
    fclose(text);
}

/* Clusters the particles where they are; `answer` is the one before, or NULL, and then the new. */
static void cluster(const simulation *s, skymeans_answer **answer, const char *files)
{
    skymeans_problem problem = SKYMEANS_PROBLEM(N_CLUSTERS);
    skymeans_rows rows = SKYMEANS_ROWS;
    skymeans_answer *before = *answer;
    skymeans_samples *samples;
    skymeans_error error;
    rows.n_rows = s->n;
    rows.n_features = 3;
    rows.type = SKYMEANS_FLOAT64;
    rows.values = s->particles[0].position;
    rows.weights = &s->particles[0].mass;
    rows.row_stride = rows.weight_stride = sizeof(particle);
    problem.first_centers = before != NULL ? skymeans_centers(before) : NULL;
    if (skymeans_samples_create(&samples, &rows, s->comm, &error) != SKYMEANS_OK ||
        skymeans_fit(answer, &problem, samples, NULL, NULL, s->comm, &error) != SKYMEANS_OK) {
        fprintf(stderr, "%s\n", error.text);
        MPI_Abort(s->comm, error.code);
    }
    if (files != NULL && before != NULL)
        write_files(s, skymeans_centers(before), files);
    skymeans_samples_free(samples);
    skymeans_answer_free(before);
}

int main(int argc, char **argv)
{
    simulation s;
    skymeans_answer *answer = NULL;
    skymeans_summary summary = SKYMEANS_SUMMARY;
    MPI_Init(&argc, &argv);
    begin(&s);
    for (int step = 1; step <= N_STEPS; step++) {
        move(&s);
        hand_on(&s);
        if (step % CLUSTER_EVERY == 0)
            cluster(&s, &answer, step == N_STEPS && argc > 1 ? argv[1] : NULL);
    }
    skymeans_summarize(answer, &summary);
    if (s.rank == 0)
        printf("%016llx\n", (unsigned long long)summary.checksum);
    skymeans_answer_free(answer);
    free(s.particles);
    MPI_Type_free(&s.type);
    MPI_Comm_free(&s.comm);
    MPI_Finalize();
    return 0;
}

/* The program, run many times in one start of MPI, which takes longer than a small fit.
 *
 * usage: many FOLDER: each rank reads from the named pipe FOLDER/RANK, until nobody may write there
 * any more. Each run is the number of words that follow, the folder to work in, variables of the
 * environment (NAME=TEXT), and a command line; each of these ends with a zero byte. What the ranks
 * say is appended to FOLDER/out and FOLDER/err; when all have ended, rank 0 prints the exit code. A
 * crash ends everything. */
#include "base/fault.h"
#include "command/command.h"

static int is_started(void *a, void *b, int wanted, int *provided)
{
    (void)a, (void)b;
    *provided = wanted;
    return 0;
}

static int goes_on(void)
{
    return 0;
}

#define MPI_Init_thread is_started
#define MPI_Finalize    goes_on
#define H5close         goes_on
#define nanosleep(a, b) (void)(a) /* for ranks that end */
#define main            run_once
int run_once(int argc, char **argv);
#include "main.c"
#undef main
#undef nanosleep
#undef H5close
#undef MPI_Finalize
#undef MPI_Init_thread

#include <fcntl.h>
#include <unistd.h>

static _Noreturn void give_up(const char *what)
{
    perror(what);
    MPI_Abort(MPI_COMM_WORLD, 99);
    abort();
}

static void say_to(int stream, const char *name)
{
    const int file = open(name, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (file < 0 || dup2(file, stream) < 0)
        give_up(name);
    close(file);
}

/* To open it without waiting, and then to wait for what is written. */
static FILE *open_pipe(int rank)
{
    char name[16];
    snprintf(name, sizeof name, "%d", rank);
    const int file = open(name, O_RDONLY | O_NONBLOCK);
    if (file < 0 || fcntl(file, F_SETFL, 0) < 0)
        give_up(name);
    return fdopen(file, "r");
}

/* Which the caller frees; NULL at the end. */
static char *next_word(FILE *from)
{
    char *word = NULL;
    size_t room = 0;
    if (getdelim(&word, &room, '\0', from) > 0)
        return word;
    free(word);
    return NULL;
}

/* A folder and a command line, with NULL at the end, which the caller frees; NULL if there are no
 * more. */
static char **next_run(FILE *from, int *n)
{
    char *count = next_word(from);
    *n = count != NULL ? atoi(count) : 0;
    char **words = *n > 0 ? calloc((size_t)*n + 1, sizeof *words) : NULL;
    for (int i = 0; words != NULL && i < *n; i++)
        words[i] = next_word(from);
    free(count);
    return words;
}

static int run_with_variables(char **words, int n)
{
    int i = 0;
    for (; strchr(words[i], '=') != NULL; i++)
        putenv(words[i]);
#ifdef KM_FAULTS
    km_fault_start();
#endif
    const int code = run_once(n - i, words + i);
    while (i-- > 0) {
        char *name = strndup(words[i], strcspn(words[i], "="));
        unsetenv(name); /* while the words are as they were, else it would not find them */
        free(name);
    }
    return code;
}

static int run_there(char **words, int n)
{
    say_to(STDOUT_FILENO, "out");
    say_to(STDERR_FILENO, "err");
    if (chdir(words[0]) != 0)
        give_up(words[0]);
    const int code = run_with_variables(words + 1, n - 1);
    fflush(NULL);
    MPI_Barrier(MPI_COMM_WORLD);
    return code;
}

static void free_words(char **words, int n)
{
    for (int i = 0; i < n; i++)
        free(words[i]);
    free(words);
}

int main(int argc, char **argv)
{
    int provided, rank, n;
    const km_launch launch = km_launch_find();
    km_launch_alone(&launch);
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc != 2 || chdir(argv[1]) != 0)
        give_up("many FOLDER");
    FILE *from = open_pipe(rank);
    const int answers = dup(STDOUT_FILENO);
    for (char **words; (words = next_run(from, &n)) != NULL; free_words(words, n)) {
        const int code = run_there(words, n);
        if (chdir(argv[1]) != 0)
            give_up(argv[1]);
        if (rank == 0)
            dprintf(answers, "%d\n", code);
    }
    fclose(from);
    H5close();
    MPI_Finalize();
    return 0;
}

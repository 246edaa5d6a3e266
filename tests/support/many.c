/* The program, run many times in one start of MPI, which takes longer than a small fit.
 *
 * usage: many FILE: each line has a number, and the words of a command line, all separated by tabs.
 * What the ranks say goes to NUMBER.out and NUMBER.err in the folder where it was started, the exit
 * code to NUMBER.code. A crash ends all: the code of that run and of those after it is not there.
 */
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
#define main            run_once
int run_once(int argc, char **argv);
#include "main.c"
#undef main
#undef H5close
#undef MPI_Finalize
#undef MPI_Init_thread

#include <fcntl.h>
#include <unistd.h>

enum { MOST_WORDS = 256 };

static void say_to(int stream, const char *number, const char *ending)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", number, ending);
    const int file = open(name, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (file < 0 || dup2(file, stream) < 0)
        MPI_Abort(MPI_COMM_WORLD, 99);
    close(file);
}

static void note_code(const char *number, int code)
{
    char name[64];
    snprintf(name, sizeof name, "%s.code", number);
    FILE *file = fopen(name, "w");
    if (file == NULL || fprintf(file, "%d\n", code) < 0 || fclose(file) != 0)
        MPI_Abort(MPI_COMM_WORLD, 99);
}

static void run_line(char *line, bool is_first)
{
    char *words[MOST_WORDS + 1];
    int n_words = 0;
    char *rest = line;
    for (char *word; n_words < MOST_WORDS && (word = strsep(&rest, "\t\n")) != NULL;)
        words[n_words++] = word;
    words[--n_words] = NULL; /* what follows the end of the line */
    const char *number = words[0];
    words[0] = "skymeans";
    say_to(STDOUT_FILENO, number, "out");
    say_to(STDERR_FILENO, number, "err");
    const int code = run_once(n_words, words);
    fflush(NULL);
    MPI_Barrier(MPI_COMM_WORLD);
    if (is_first)
        note_code(number, code);
}

int main(int argc, char **argv)
{
    int provided, rank;
    FILE *lines = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (lines == NULL)
        return 99;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, lines) > 0)
        run_line(line, rank == 0);
    free(line);
    fclose(lines);
    H5close();
    MPI_Finalize();
    return 0;
}

/* Is stderr watched by a person? Launchers of MPI give each rank a pipe for its stderr, and copy
 * what comes out to their own stderr; so what matters is where the launcher's leads. */

#include "process/log.h"

#include <errno.h> /* the name of the program */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { USUAL_WIDTH = 80 };

/* The launchers of Open MPI 3 to 5, and of MPICH with the processes that it starts on each node. */
static const char *const launchers[] = {"mpirun",        "mpiexec",         "orterun", "prterun",
                                        "mpiexec.hydra", "hydra_pmi_proxy", NULL};

/* Options by which a launcher adds something to each line, or writes output to files. */
static const char *const changes[] = {
    "tag-output", "timestamp-output",       "output-filename", "output",
    "xml",        "merge-stderr-to-stdout", "prepend-rank",    "prepend-pattern",
    "l",          "errfile-pattern",        "errfile",         NULL};
static const char *const change_variables[] = {
    "OMPI_MCA_orte_tag_output", "OMPI_MCA_orte_timestamp_output", "OMPI_MCA_orte_output_filename",
    "OMPI_MCA_orte_xml_output", "MPIEXEC_PREPEND_RANK",           NULL};

static bool is_word_in(const char *text, const char *const *list)
{
    while (*list != NULL && strcmp(*list, text) != 0)
        list++;
    return *list != NULL;
}

/* Reads the beginning of a file in /proc about a process, and ends it with a zero byte. */
static size_t read_about(pid_t process, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)process, name);
    FILE *file = fopen(path, "r");
    const size_t length = file != NULL ? fread(text, 1, size - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    text[length] = '\0';
    return length;
}

/* The parent of a process, and its name; 0 if there is none. */
static pid_t find_parent(pid_t process, char *name, size_t size)
{
    char text[512];
    long parent = 0;
    read_about(process, "stat", text, sizeof text);
    const char *end = strrchr(text, ')'); /* the name before it may contain anything */
    if (end == NULL || sscanf(end, ") %*c %ld", &parent) != 1 || parent <= 1)
        return 0;
    read_about((pid_t)parent, "comm", name, size);
    name[strcspn(name, "\n")] = '\0';
    return (pid_t)parent;
}

/* Does a launcher, by its command line, pass the output of ranks on unchanged? */
static bool passes_output_unchanged(pid_t launcher)
{
    char words[16384];
    const size_t length = read_about(launcher, "cmdline", words, sizeof words);
    if (length == 0 || length == sizeof words - 1)
        return false;
    for (const char *word = words; word < words + length; word += strlen(word) + 1) {
        const char *name = strrchr(word, '/');
        if (strcmp(name != NULL ? name + 1 : word, program_invocation_short_name) == 0)
            return true; /* the rest is our own command line */
        if (word[0] == '-' && is_word_in(word + strspn(word, "-"), changes))
            return false;
    }
    return true;
}

static bool leads_to_terminal(pid_t process)
{
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/2", (long)process);
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length <= 0)
        return false;
    target[length] = '\0';
    return strncmp(target, "/dev/pts/", 9) == 0 || strncmp(target, "/dev/tty", 8) == 0 ||
           strcmp(target, "/dev/console") == 0;
}

/* Does a launcher on this node copy the pipe of this process to a terminal? */
static bool is_shown_by_launcher(void)
{
    char name[64];
    struct stat status;
    pid_t launcher = 0;
    if (fstat(STDERR_FILENO, &status) != 0 ||
        !(S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)))
        return false;
    for (const char *const *variable = change_variables; *variable != NULL; variable++)
        if (getenv(*variable) != NULL)
            return false;
    for (pid_t next = find_parent(getpid(), name, sizeof name);
         next > 0 && is_word_in(name, launchers); next = find_parent(next, name, sizeof name)) {
        launcher = next;
        if (!passes_output_unchanged(launcher))
            return false;
    }
    return launcher > 0 && leads_to_terminal(launcher);
}

bool km_is_watched(void)
{
    const char *kind = getenv("TERM");
    if (kind != NULL && strcmp(kind, "dumb") == 0)
        return false;
    return isatty(STDERR_FILENO) == 1 || is_shown_by_launcher();
}

int km_terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return USUAL_WIDTH;
}

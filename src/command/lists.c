/* Lists of catalogues, @FILE: one file per line, as ls and find print them. Rank 0 reads them. */
#include "base/error.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/command.h"
#include "process/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names one after the other, each ended by a zero byte. */
typedef struct names {
    char *text;
    int64_t n_bytes, count;
} names;

static void add_name(names *n, const char *name, km_error *error)
{
    const char *c = name;
    do {
        char *grown = km_grow(n->text, n->n_bytes, 1, "list of catalogues", error);
        if (grown == NULL)
            return;
        n->text = grown;
        n->text[n->n_bytes++] = *c;
    } while (*c++ != '\0');
    n->count++;
}

/* Cuts blanks from both ends of a line, and the carriage return that Windows adds. */
static char *trim_line(char *line)
{
    static const char BLANKS[] = " \t\r\n";
    line += strspn(line, BLANKS);
    size_t length = strlen(line);
    while (length > 0 && strchr(BLANKS, line[length - 1]) != NULL)
        line[--length] = '\0';
    return line;
}

static void add_lines(names *n, FILE *file, const char *path, km_error *error)
{
    enum { MAX_LINE = 16 * KM_PATH_SIZE }; /* lines may also be long comments */
    km_line line = {.what = "list of catalogues"};
    km_line_kind kind = KM_LINE;
    const int64_t n_before = n->count;
    while (error->code == KM_OK && (kind = km_line_read(&line, file, MAX_LINE, error)) == KM_LINE) {
        const char *name = trim_line(line.text);
        if (name[0] != '\0' && name[0] != '#')
            add_name(n, name, error);
    }
    if (kind == KM_LINE_TOO_LONG || kind == KM_LINE_NO_TEXT)
        km_fail(error, KM_DATA,
                "not a list of files (%s): line %lld %s; if it is a catalogue, name it without "
                "the @",
                path, (long long)line.number,
                kind == KM_LINE_NO_TEXT ? "is no text" : "is too long for the name of a file");
    if (error->code == KM_OK && (kind == KM_LINE_NOT_READ || km_fault("read a list of files")))
        km_fail(error, KM_SYSTEM,
                "can't read the list of files (%s): %s; give a text file with one name a line",
                path, strerror(errno));
    if (error->code == KM_OK && n->count == n_before)
        km_fail(error, KM_DATA,
                "empty list of files (%s): none of its lines names a file; write one name a line",
                path);
    free(line.text);
}

static void add_list(names *n, const char *path, km_error *error)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        km_fail(error, KM_SYSTEM,
                "can't open the list of files (%s): %s; check its path (a catalogue whose name "
                "begins with @ is ./@...)",
                path, strerror(errno));
        return;
    }
    add_lines(n, file, path, error);
    fclose(file);
}

static bool has_list(const km_options *options)
{
    for (int64_t f = 0; f < options->inputs.n_paths; f++)
        if (options->inputs.paths[f][0] == '@')
            return true;
    return false;
}

/* Gives all ranks the names that rank 0 has, and lets the options point to them. */
static void share_names(km_story *s, names *n)
{
    int64_t sizes[2] = {n->n_bytes, n->count};
    km_broadcast(s->comm, 0, sizes, sizeof sizes);
    if (n->text == NULL)
        n->text = km_allocate(sizes[0], 1, "list of catalogues", &s->error);
    s->catalogue_text = n->text;
    s->catalogues = km_allocate(sizes[1], sizeof *s->catalogues, "list of catalogues", &s->error);
    if (km_agree(s->comm, &s->error) != KM_OK)
        return;
    km_broadcast(s->comm, 0, n->text, sizes[0]);
    const char *name = n->text;
    for (int64_t f = 0; f < sizes[1]; f++, name += strlen(name) + 1)
        s->catalogues[f] = name;
    s->options.inputs.paths = s->catalogues;
    s->options.inputs.n_paths = sizes[1];
}

km_code km_expand_lists(km_story *s)
{
    names n = {NULL, 0, 0};
    const km_options *options = &s->options;
    if (!has_list(options))
        return KM_OK;
    for (int64_t f = 0; f < options->inputs.n_paths && s->error.code == KM_OK; f++) {
        if (km_comm_rank(s->comm) > 0)
            break;
        if (options->inputs.paths[f][0] == '@')
            add_list(&n, options->inputs.paths[f] + 1, &s->error);
        else
            add_name(&n, options->inputs.paths[f], &s->error);
    }
    if (km_agree(s->comm, &s->error) == KM_OK)
        share_names(s, &n);
    else
        free(n.text);
    return s->error.code;
}

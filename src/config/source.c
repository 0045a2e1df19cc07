/*
 * The files of a configuration, and those that they include.
 *
 * Each file is parsed by a parser and a lexer of its own, which calls the next one for an include.
 * So no block reaches from one file into another, and a missing brace is an error of the file that
 * misses it. Rejected: flex's stack of buffers, where a "}" in one file can close what another
 * opened.
 */
#include "config/parse.h"

#include "base/mem.h"
#include "config/grammar.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

/* A NUL: no part of the language, and everything that comes behind it would be misread. */
static bool has_nul(struct config_source *source)
{
    size_t at = span_find(span_of(source->content, source->len), '\0');

    if (at == source->len) {
        return false;
    }
    struct config_place place = {source->name, 1, 1};
    for (size_t i = 0; i < at; i++) {
        place.column++;
        if (source->content[i] == '\n') {
            place.line++;
            place.column = 1;
        }
    }
    config_error(source->parser, place, "the byte 0x00: this is not a text file");
    return true;
}

/* Parse source->content, which two more octets follow. */
static void source_parse(struct config_source *source)
{
    struct span content = span_of(source->content, source->len);

    if (source->parent == NULL) {
        source->parser->begin = (struct config_place){source->name, 1, 1};
    }
    if (has_nul(source)) {
        return;
    }
    memset(source->content + source->len, 0, 2);
    if (span_begins_nocase(content, SPAN(BYTE_ORDER_MARK))) {
        memset(source->content, ' ', sizeof(BYTE_ORDER_MARK) - 1);
    }
    source->line = 1;
    source->column = 1;
    source->begin = true;
    if (!config_lexer_open(source) || config_yyparse(source) == 2) {
        config_error_memory(source->parser);
    }
    config_lexer_close(source);
    config_end_block(source->parser);
}

/* Read all of `fd` into source->content. False where it could not, which has been reported. */
static bool source_read(struct config_source *source, int fd, struct config_place place)
{
    size_t size = 0;

    for (;;) {
        if (size - source->len < 4) {
            size_t larger = size == 0 ? 16384 : 2 * size;
            char *content = mem_realloc(source->content, larger);
            if (content == NULL) {
                config_error_memory(source->parser);
                return false;
            }
            source->content = content;
            size = larger;
        }
        ssize_t n = read(fd, source->content + source->len, size - source->len - 2);
        if (n == 0) {
            return true;
        }
        if (n < 0 && errno != EINTR) {
            config_error(source->parser, place, "%s cannot be read: %s", source->name,
                         strerror(errno));
            return false;
        }
        source->len += n > 0 ? (size_t)n : 0;
        if (source->len > CONFIG_FILE_MAX) {
            config_error(source->parser, place, "%s is larger than %d MiB", source->name,
                         CONFIG_FILE_MAX >> 20);
            return false;
        }
    }
}

/* Is this file among those that are being read? */
static bool source_recurs(const struct config_source *source)
{
    for (const struct config_source *above = source->parent; above != NULL; above = above->parent) {
        if (above->device == source->device && above->inode == source->inode) {
            return true;
        }
    }
    return false;
}

static void source_read_and_parse(struct config_source *source, struct config_place place)
{
    struct stat status;
    int fd = open(source->name, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) != 0) {
        config_error(source->parser, place, "%s cannot be read: %s", source->name, strerror(errno));
        goto out;
    }
    source->device = status.st_dev;
    source->inode = status.st_ino;
    if (source_recurs(source)) {
        config_error(source->parser, place, "%s includes itself", source->name);
        goto out;
    }
    if (source_read(source, fd, place)) {
        source_parse(source);
    }
out:
    if (fd >= 0) {
        close(fd);
    }
}

/* `parent` and `place`: the include that names the file; NULL and no line for the first. */
static void read_file(struct config_parser *parser, const struct config_source *parent,
                      const char *path, struct config_place place)
{
    struct config_source *source = mem_zalloc(sizeof(*source));

    if (source == NULL) {
        config_error_memory(parser);
        return;
    }
    source->parser = parser;
    source->parent = parent;
    source->depth = parent != NULL ? parent->depth + 1 : 1;
    source->name = config_string(parser, span_str(path));
    if (source->name != NULL) {
        source_read_and_parse(source, place);
    }
    mem_free(source->content);
    mem_free(source);
}

void config_read_file(struct config_parser *parser, const char *path)
{
    read_file(parser, NULL, path, (struct config_place){.file = "ehlogate"});
}

void config_read_content(struct config_parser *parser, const char *name, struct span content)
{
    struct config_source *source = mem_zalloc(sizeof(*source));

    if (source == NULL) {
        config_error_memory(parser);
        return;
    }
    source->parser = parser;
    source->depth = 1;
    source->name = config_string(parser, span_str(name));
    source->content = mem_alloc(content.len + 2);
    source->len = content.len;
    if (source->content == NULL || source->name == NULL) {
        config_error_memory(parser);
    } else {
        if (content.len > 0) {
            memcpy(source->content, content.ptr, content.len);
        }
        source_parse(source);
    }
    mem_free(source->content);
    mem_free(source);
}

/* ---- include ---- */

/* A relative pattern is relative to the file that has it: the place from which the daemon was
 * started says nothing about where its configuration is. */
char *config_relative_path(const struct config_source *source, struct span file)
{
    const char *slash = strrchr(source->name, '/');
    size_t dir = file.len > 0 && file.ptr[0] == '/' ? 0
                 : slash != NULL                    ? (size_t)(slash - source->name) + 1
                                                    : 0;
    char *path = mem_alloc(dir + file.len + 1);

    if (path == NULL) {
        config_error_memory(source->parser);
        return NULL;
    }
    memcpy(path, source->name, dir);
    if (file.len > 0) {
        memcpy(path + dir, file.ptr, file.len);
    }
    path[dir + file.len] = '\0';
    return path;
}

/* A directory that is not there holds no file, as an empty one; one that cannot be read may. */
static int include_failed(const char *path, int error)
{
    (void)path;
    return error != ENOENT && error != ENOTDIR;
}

void config_include(struct config_source *source, const struct config_word *pattern)
{
    glob_t found = {.gl_pathc = 0};

    if (!source->parser->follow) {
        config_error(source->parser, pattern->place,
                     "include: there is no file to which this would be relative");
        return;
    }
    if (source->depth >= CONFIG_DEPTH_MAX) {
        config_error(source->parser, pattern->place,
                     "include: more than %d files that include one another", CONFIG_DEPTH_MAX);
        return;
    }
    char *path = config_relative_path(source, pattern->text);
    if (path == NULL) {
        return;
    }
    int result = glob(path, 0, include_failed, &found);
    if (result == GLOB_NOMATCH) {
        config_error(source->parser, pattern->place, "include: there is no file %s", path);
    } else if (result == GLOB_NOSPACE) {
        config_error_memory(source->parser);
    } else if (result != 0) {
        config_error(source->parser, pattern->place, "include: %s cannot be read: %s", path,
                     strerror(errno));
    }
    for (size_t i = 0; result == 0 && i < found.gl_pathc; i++) {
        read_file(source->parser, source, found.gl_pathv[i], pattern->place);
    }
    globfree(&found);
    mem_free(path);
}

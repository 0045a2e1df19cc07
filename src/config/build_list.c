/*
 * Lists: what `list` does, and the reading of their files, at the start and whenever one has
 * changed.
 *
 * A list is built after the last statement, and built anew as a whole: rules look into a slot, in
 * which the new one takes the place of the old one.
 */
#include "config/parse.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config_list *find(struct config *config, struct span name)
{
    for (struct config_list *list = config->lists; list != NULL; list = list->next) {
        if (span_equal(span_str(list->name), name)) {
            return list;
        }
    }
    return NULL;
}

static struct config_list *append(struct config_parser *parser, const char *name,
                                  struct config_place place)
{
    struct config_list **end = &parser->config->lists;
    struct config_list *list = arena_alloc(&parser->config->arena, sizeof(*list));

    if (list == NULL || name == NULL) {
        config_error_memory(parser);
        return NULL;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    list->name = name;
    list->place = place;
    *end = list;
    return list;
}

struct config_list *config_find_list(struct config_parser *parser, const struct config_word *name)
{
    struct config_list *list = find(parser->config, name->text);

    return list != NULL ? list : append(parser, config_string(parser, name->text), name->place);
}

void config_begin_list(struct config_parser *parser, const char *name, struct config_place place)
{
    struct config_list *list = name[0] != '\0' ? find(parser->config, span_str(name)) : NULL;

    if (list != NULL && list->defined) {
        config_error_twice(parser, CONFIG_LIST, name, place, list->place);
        list = NULL;
    }
    if (list == NULL) {
        list = append(parser, name, place);
    }
    if (list != NULL) {
        list->defined = true;
        list->place = place;
    }
    parser->list = list;
}

void config_add_entries(struct config_parser *parser, const struct config_words *entries)
{
    struct config_list_entry **end = &parser->list->entries;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    for (const struct config_word *word = entries->first; word != NULL; word = word->next) {
        struct config_list_entry *entry = arena_alloc(&parser->config->arena, sizeof(*entry));
        const char *text = config_string(parser, word->text);
        if (entry == NULL || text == NULL) {
            config_error_memory(parser);
            return;
        }
        *entry = (struct config_list_entry){NULL, span_of(text, word->text.len), word->place};
        *end = entry;
        end = &entry->next;
    }
}

void config_add_list_file(struct config_source *source, const struct config_word *path)
{
    struct config_parser *parser = source->parser;
    struct config_list_file **end = &parser->list->files;

    if (!parser->follow) {
        config_error(parser, path->place, "list: there is no file to which this would be relative");
        return;
    }
    char *relative = config_relative_path(source, path->text);
    struct config_list_file *file = arena_alloc(&parser->config->arena, sizeof(*file));
    const char *name = relative != NULL ? config_string(parser, span_str(relative)) : NULL;
    mem_free(relative);
    if (file == NULL || name == NULL) {
        config_error_memory(parser);
        return;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    file->path = name;
    file->place = path->place;
    *end = file;
}

/* ---- files ---- */

static struct config_stamp stamp_of(const struct stat *status)
{
    return (struct config_stamp){
        (uint64_t)status->st_dev, (uint64_t)status->st_ino, (uint64_t)status->st_size,
        (uint64_t)status->st_mtim.tv_sec * 1000000000u + (uint64_t)status->st_mtim.tv_nsec,
        (uint64_t)status->st_ctim.tv_sec * 1000000000u + (uint64_t)status->st_ctim.tv_nsec};
}

static bool read_all(int fd, struct span *content_r, size_t size)
{
    unsigned char *content = mem_alloc(size + 1);
    size_t used = 0;

    while (content != NULL && used < size) {
        ssize_t n = read(fd, content + used, size - used);
        if (n < 0 && errno != EINTR) {
            mem_free(content);
            return false;
        }
        if (n == 0) {
            break;
        }
        used += n > 0 ? (size_t)n : 0;
    }
    errno = content == NULL ? ENOMEM : 0;
    *content_r = span_of(content, used);
    return content != NULL;
}

/* All of the file, which the caller frees, and its stamp from before it was read: what changes it
 * meanwhile gives it another. False where it cannot be read, which has been reported. */
static bool read_list_file(struct config_parser *parser, struct config_list_file *file,
                           struct span *content_r)
{
    struct stat status;
    /* Without waiting for the other end of what may be a pipe. */
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok = false;

    file->stamp = (struct config_stamp){.size = 0};
    if (fd < 0 || fstat(fd, &status) != 0) {
        config_error(parser, file->place, "list: %s cannot be read: %s", file->path,
                     strerror(errno));
    } else if (!S_ISREG(status.st_mode) || status.st_size > CONFIG_LIST_FILE_MAX) {
        config_error(parser, file->place, "list: %s is %s", file->path,
                     S_ISREG(status.st_mode) ? "larger than 1 GiB" : "not a file");
        file->stamp = stamp_of(&status);
    } else {
        file->stamp = stamp_of(&status);
        ok = read_all(fd, content_r, (size_t)status.st_size);
        if (!ok && errno == ENOMEM) {
            config_error_memory(parser);
        } else if (!ok) {
            config_error(parser, file->place, "list: %s cannot be read: %s", file->path,
                         strerror(errno));
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* ---- building ---- */

static bool build_entries(struct config_parser *parser, const struct config_list *list,
                          struct policy_list *built)
{
    const char *what;
    bool ok = true;

    for (const struct config_list_entry *entry = list->entries; entry != NULL;
         entry = entry->next) {
        int result = policy_list_add(built, entry->text, &what);
        if (result == 0) {
            config_error_memory(parser);
            return false;
        }
        if (result < 0) {
            config_error(parser, entry->place, "list %s: \"%.*s\": %s", list->name,
                         SPAN_ARG(entry->text), what);
            ok = false;
        }
    }
    return ok;
}

/* A foreign text as far as an error shows it: a list may be any file. */
static const char *shown_entry(struct span entry, char *text_r, size_t size)
{
    size_t used = 0;

    for (; used < entry.len && used + 4 < size; used++) {
        unsigned char c = entry.ptr[used];
        text_r[used] = c < ' ' || c > '~' ? '?' : (char)c;
    }
    snprintf(text_r + used, size - used, "%s", used < entry.len ? "…" : "");
    return text_r;
}

static bool build_file(struct config_parser *parser, struct config_list_file *file,
                       struct policy_list *built)
{
    struct span content = span_of(NULL, 0);
    struct policy_list_error error;
    char shown[64];

    if (!read_list_file(parser, file, &content)) {
        return false;
    }
    int result = policy_list_parse(built, content, &error);
    if (result == 0) {
        config_error_memory(parser);
    } else if (result < 0) {
        config_error(parser, (struct config_place){file->path, error.line, 1}, "\"%s\": %s",
                     shown_entry(error.entry, shown, sizeof(shown)), error.what);
    }
    mem_free((void *)content.ptr);
    return result > 0;
}

/* Build the list and put it in its slot. False, and the slot as it was, where it has an error. */
static bool build(struct config_parser *parser, struct config_list *list)
{
    struct policy_list *built = policy_list_new();

    if (built == NULL) {
        config_error_memory(parser);
        return false;
    }
    bool ok = build_entries(parser, list, built);
    for (struct config_list_file *file = list->files; file != NULL && !parser->out_of_memory;
         file = file->next) {
        ok = build_file(parser, file, built) && ok;
    }
    if (ok && !parser->out_of_memory && !policy_list_finish(built)) {
        config_error_memory(parser);
    }
    if (!ok || parser->out_of_memory) {
        policy_list_free(&built);
        return false;
    }
    struct policy_list *old = (struct policy_list *)list->list;
    list->list = built;
    policy_list_free(&old);
    return true;
}

static void error_undefined(struct config_parser *parser, const struct config_list *list)
{
    char hint[CONFIG_HINT_MAX];
    struct config_near near = config_near_begin(span_str(list->name));

    for (const struct config_list *l = parser->config->lists; l != NULL; l = l->next) {
        if (l->defined) {
            config_near_offer(&near, span_str(l->name));
        }
    }
    config_error(parser, list->place, "there is no list \"%s\"; expected list %s { … }%s",
                 list->name, list->name, config_near_hint(&near, hint));
}

void config_link_lists(struct config_parser *parser)
{
    for (struct config_list *list = parser->config->lists; list != NULL && !parser->out_of_memory;
         list = list->next) {
        if (list->defined) {
            (void)build(parser, list);
        } else {
            error_undefined(parser, list);
        }
    }
}

/* ---- reading anew ---- */

static bool has_changed(const struct config_list *list)
{
    for (const struct config_list_file *file = list->files; file != NULL; file = file->next) {
        struct stat status;
        struct config_stamp now = {.size = 0};
        if (stat(file->path, &status) == 0) {
            now = stamp_of(&status);
        }
        if (memcmp(&now, &file->stamp, sizeof(now)) != 0) {
            return true;
        }
    }
    return false;
}

static void forget_stamps(const struct config_list *list)
{
    for (struct config_list_file *file = list->files; file != NULL; file = file->next) {
        file->stamp = (struct config_stamp){.size = 0};
    }
}

bool config_lists_refresh(struct config *config, FILE *errors)
{
    struct config_parser parser = {.config = config, .errors = errors};
    bool ok = true;

    for (struct config_list *list = config->lists; list != NULL; list = list->next) {
        if (!has_changed(list) || build(&parser, list)) {
            continue;
        }
        if (parser.out_of_memory) {
            fprintf(errors, "list %s: out of memory\n", list->name);
            parser.out_of_memory = false;
            forget_stamps(list); /* to try again the next time */
        }
        ok = false;
    }
    return ok;
}

/*
 * What the statements outside of policies do.
 *
 * A function that meets an error reports it and leaves the configuration as it was; a block with
 * an error still exists, so that what refers to it does not become a second error.
 */
#include "config/parse.h"

#include <grp.h>
#include <pwd.h>

enum { NAME_MAX_OCTETS = 63, HOSTNAME_MAX_OCTETS = 255, SECONDS_MAX = 24 * 60 * 60 };

void config_words_add(struct config_parser *parser, struct config_words *words,
                      struct config_word word)
{
    struct config_word *copy = arena_alloc(&parser->config->arena, sizeof(*copy));

    if (copy == NULL) {
        config_error_memory(parser);
        return;
    }
    *copy = word;
    copy->next = NULL;
    if (words->last != NULL) {
        words->last->next = copy;
    } else {
        words->first = copy;
    }
    words->last = copy;
}

char *config_string(struct config_parser *parser, struct span text)
{
    char *copy = arena_string(&parser->config->arena, text);

    if (copy == NULL) {
        config_error_memory(parser);
    }
    return copy;
}

/* Note a statement that may stand once in its block. False where it stood before. */
bool config_once(struct config_parser *parser, const char *statement, const char *name,
                 struct config_place place)
{
    bool in_block = parser->backend != NULL || parser->listener != NULL || parser->policy != NULL;
    struct config_seen **list = in_block ? &parser->block_seen : &parser->top_seen;

    for (const struct config_seen *seen = *list; seen != NULL; seen = seen->next) {
        bool same_name = (name == NULL && seen->name == NULL) ||
                         (name != NULL && seen->name != NULL &&
                          span_equal(span_str(name), span_str(seen->name)));
        if (same_name && span_equal(span_str(statement), span_str(seen->statement))) {
            config_error(parser, place, "\"%s%s%s\" stands twice; the first is at %s:%u:%u",
                         statement, name != NULL ? " " : "", name != NULL ? name : "",
                         seen->place.file, seen->place.line, seen->place.column);
            return false;
        }
    }
    struct config_seen *seen = arena_alloc(&parser->config->arena, sizeof(*seen));
    if (seen == NULL) {
        config_error_memory(parser);
        return false;
    }
    *seen = (struct config_seen){*list, statement, name, place};
    *list = seen;
    return true;
}

static bool hostname_is_valid(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = name.ptr[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '.' && c != '_') {
            return false;
        }
    }
    return name.len > 0 && name.len <= HOSTNAME_MAX_OCTETS;
}

void config_set_hostname(struct config_parser *parser, const struct config_word *value,
                         struct config_place place)
{
    if (!config_once(parser, "hostname", NULL, place)) {
        return;
    }
    if (!hostname_is_valid(value->text)) {
        config_error(parser, value->place,
                     "hostname: \"%.*s\" is not a host name; expected letters, digits, \"-\" and "
                     "\".\", at most %d octets",
                     SPAN_ARG(value->text), HOSTNAME_MAX_OCTETS);
        return;
    }
    parser->config->hostname = config_string(parser, value->text);
}

void config_set_user(struct config_parser *parser, const struct config_word *value,
                     struct config_place place)
{
    if (!config_once(parser, "user", NULL, place)) {
        return;
    }
    char *name = config_string(parser, value->text);
    if (name != NULL && getpwnam(name) == NULL) {
        config_error(parser, value->place, "user: this machine has no user \"%s\"", name);
    }
    parser->config->user = name;
}

void config_set_group(struct config_parser *parser, const struct config_word *value,
                      struct config_place place)
{
    if (!config_once(parser, "group", NULL, place)) {
        return;
    }
    char *name = config_string(parser, value->text);
    if (name != NULL && getgrnam(name) == NULL) {
        config_error(parser, value->place, "group: this machine has no group \"%s\"", name);
    }
    parser->config->group = name;
}

void config_set_workers(struct config_parser *parser, const struct config_word *value,
                        struct config_place place)
{
    static const struct config_range range = {.what = "workers", .min = 1, .max = 1024};
    uint64_t number;

    if (config_once(parser, "workers", NULL, place) &&
        config_read_count(parser, value, &range, &number)) {
        parser->config->workers = (unsigned)number;
    }
}

void config_set_sessions(struct config_parser *parser, const struct config_word *value,
                         struct config_place place)
{
    static const struct config_range range = {.what = "sessions", .min = 1, .max = 1000000};
    uint64_t number;

    if (config_once(parser, "sessions", NULL, place) &&
        config_read_count(parser, value, &range, &number)) {
        parser->config->sessions = (unsigned)number;
    }
}

void config_set_drain(struct config_parser *parser, const struct config_word *value,
                      struct config_place place)
{
    static const struct config_range range = {
        .what = "drain", .min = 0, .max = (uint64_t)SECONDS_MAX * 1000};
    uint64_t ms;

    if (!config_once(parser, "drain", NULL, place) ||
        !config_read_time(parser, value, &range, &ms)) {
        return;
    }
    if (ms % 1000 != 0) {
        config_error(parser, value->place, "drain: %.*s is not a whole number of seconds",
                     SPAN_ARG(value->text));
        return;
    }
    parser->config->drain = (unsigned)(ms / 1000);
}

void config_set_log(struct config_parser *parser, const struct config_word *what,
                    const struct config_word *value, struct config_place place)
{
    static const char *const whats[] = {"format", "file", NULL};
    static const char *const formats[] = {[LOG_TEXT] = "text", [LOG_JSON] = "json", NULL};
    int found = config_find_word(parser, what, whats, "log");

    if (found < 0 || !config_once(parser, "log", whats[found], place)) {
        return;
    }
    if (found == 1) {
        parser->config->log_file = config_string(parser, value->text);
        return;
    }
    int format = config_find_word(parser, value, formats, "log format");
    if (format >= 0) {
        parser->config->log_format = (enum log_format)format;
    }
}

/* ---- blocks ---- */

/* The name in a block's head, or "" and an error. */
static const char *block_name(struct config_parser *parser, enum config_block block,
                              const struct config_words *head, struct config_place place)
{
    const struct config_word *name = head->first;

    if (name == NULL) {
        if (!head->bad) {
            config_error(parser, place, "a %s needs a name: expected %s NAME {",
                         config_block_name(block), config_block_name(block));
        }
        return "";
    }
    if (name->next != NULL) {
        config_error(parser, name->next->place, "expected \"{\" behind the %s's name, got \"%.*s\"",
                     config_block_name(block), SPAN_ARG(name->next->text));
    }
    if (name->text.len == 0 || name->text.len > NAME_MAX_OCTETS) {
        config_error(parser, name->place, "a %s's name has 1 to %d octets, this one has %zu",
                     config_block_name(block), NAME_MAX_OCTETS, name->text.len);
    }
    return config_string(parser, name->text);
}

void config_error_twice(struct config_parser *parser, enum config_block block, const char *name,
                        struct config_place place, struct config_place first)
{
    config_error(parser, place, "%s \"%s\" is defined twice; the first is at %s:%u:%u",
                 config_block_name(block), name, first.file, first.line, first.column);
}

static void begin_backend(struct config_parser *parser, const char *name, struct config_place place)
{
    struct config_backend **end = &parser->config->backends;

    for (; *end != NULL; end = &(*end)->next) {
        if (name[0] != '\0' && span_equal(span_str((*end)->name), span_str(name))) {
            config_error_twice(parser, CONFIG_BACKEND, name, place, (*end)->place);
        }
    }
    struct config_backend *backend = arena_alloc(&parser->config->arena, sizeof(*backend));
    if (backend == NULL) {
        config_error_memory(parser);
        return;
    }
    backend->name = name;
    backend->place = place;
    *end = backend;
    parser->backend = backend;
}

static void begin_listener(struct config_parser *parser, const char *name,
                           struct config_place place)
{
    struct config_listener **end = &parser->config->listeners;

    for (; *end != NULL; end = &(*end)->next) {
        if (name[0] != '\0' && span_equal(span_str((*end)->name), span_str(name))) {
            config_error_twice(parser, CONFIG_LISTENER, name, place, (*end)->place);
        }
    }
    struct config_listener *listener = arena_alloc(&parser->config->arena, sizeof(*listener));
    if (listener == NULL) {
        config_error_memory(parser);
        return;
    }
    listener->name = name;
    listener->place = place;
    *end = listener;
    parser->listener = listener;
}

static void begin_policy(struct config_parser *parser, const char *name, struct config_place place)
{
    struct config_policy **end = &parser->config->policies;

    for (; *end != NULL; end = &(*end)->next) {
        if (name[0] != '\0' && span_equal(span_str((*end)->name), span_str(name))) {
            config_error_twice(parser, CONFIG_POLICY, name, place, (*end)->place);
        }
    }
    struct config_policy *policy = arena_alloc(&parser->config->arena, sizeof(*policy));
    if (policy == NULL) {
        config_error_memory(parser);
        return;
    }
    policy->name = name;
    policy->place = place;
    policy_edit_begin(&parser->edit, &policy->policy, &policy_profiles[0]);
    parser->edit.origin = &policy->origin;
    *end = policy;
    parser->policy = policy;
    parser->edited = false;
}

void config_begin_block(struct config_parser *parser, enum config_block block,
                        const struct config_words *head, struct config_place place)
{
    const char *name = block_name(parser, block, head, place);

    parser->block_seen = NULL;
    parser->errors_before = parser->error_count;
    if (name == NULL) {
        return; /* memory is out */
    }
    if (block == CONFIG_BACKEND) {
        begin_backend(parser, name, place);
    } else if (block == CONFIG_LISTENER) {
        begin_listener(parser, name, place);
    } else if (block == CONFIG_LIST) {
        config_begin_list(parser, name, place);
    } else {
        begin_policy(parser, name, place);
    }
}

void config_end_block(struct config_parser *parser)
{
    bool bad = parser->error_count > parser->errors_before;

    if (parser->backend != NULL) {
        parser->backend->bad = bad;
    }
    if (parser->listener != NULL) {
        parser->listener->bad = bad;
    }
    parser->backend = NULL;
    parser->listener = NULL;
    parser->policy = NULL;
    parser->list = NULL;
    parser->block_seen = NULL;
}

void config_no_block(struct config_parser *parser, enum config_block block,
                     struct config_place place)
{
    config_error(parser, place, "expected \"{\" and the statements of the %s",
                 config_block_name(block));
    config_end_block(parser);
}

/* ---- their statements ---- */

/* Read an address; reports why not. Returns how many there are for it. */
static size_t read_addr(struct config_parser *parser, const struct config_word *word, bool passive,
                        const char *text, struct net_addr *addrs_r)
{
    const char *reason = NULL;
    size_t count = net_addr_parse(text, passive, addrs_r, CONFIG_ADDRS_MAX, &reason);

    if (count == 0) {
        config_error(parser, word->place, "\"%s\" is not an address: %s", text, reason);
    }
    return count;
}

void config_add_server(struct config_parser *parser, const struct config_word *addr)
{
    struct net_addr addrs[CONFIG_ADDRS_MAX];
    struct config_server **end = &parser->backend->servers;
    struct config_server *server = arena_alloc(&parser->config->arena, sizeof(*server));
    char *text = config_string(parser, addr->text);

    if (server == NULL || text == NULL) {
        config_error_memory(parser);
        return;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = server;
    server->text = text;
    server->place = addr->place;
    size_t count = read_addr(parser, addr, false, text, addrs);
    if (count == 0) {
        return;
    }
    server->addrs = arena_alloc(&parser->config->arena, count * sizeof(*addrs));
    if (server->addrs == NULL) {
        config_error_memory(parser);
        return;
    }
    memcpy(server->addrs, addrs, count * sizeof(*addrs));
    server->addr_count = count;
}

static void append_listen(struct config_parser *parser, const char *text,
                          const struct net_addr *addr, struct config_place place)
{
    struct config_listen **end = &parser->listener->addrs;
    struct config_listen *listen = arena_alloc(&parser->config->arena, sizeof(*listen));

    if (listen == NULL) {
        config_error_memory(parser);
        return;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    listen->text = text;
    listen->addr = *addr;
    listen->place = place;
    *end = listen;
}

void config_add_listen(struct config_parser *parser, const struct config_words *addrs)
{
    struct net_addr found[CONFIG_ADDRS_MAX];

    for (const struct config_word *word = addrs->first; word != NULL; word = word->next) {
        char *text = config_string(parser, word->text);
        if (text == NULL) {
            return;
        }
        size_t count = read_addr(parser, word, true, text, found);
        if (count == 0) {
            /* So that the listener does not seem to lack the statement. */
            found[0] = (struct net_addr){.len = 0};
            count = 1;
        }
        for (size_t i = 0; i < count; i++) {
            append_listen(parser, text, &found[i], word->place);
        }
    }
}

void config_add_reference(struct config_parser *parser, enum config_block kind,
                          const struct config_word *name, struct config_place place)
{
    if (!config_once(parser, config_block_name(kind), NULL, place)) {
        return;
    }
    struct config_reference *reference = arena_alloc(&parser->config->arena, sizeof(*reference));
    char *text = config_string(parser, name->text);
    if (reference == NULL || text == NULL) {
        config_error_memory(parser);
        return;
    }
    *reference =
        (struct config_reference){parser->references, parser->listener, text, kind, name->place};
    parser->references = reference;
}

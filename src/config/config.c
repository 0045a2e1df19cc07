/*
 * A configuration from a file, from memory, or from the options of the command line.
 */
#include "config/config.h"

#include "base/mem.h"
#include "config/parse.h"

enum { SESSIONS = 10000, DRAIN_SECONDS = 30 };

static bool parser_begin(struct config_parser *parser_r, FILE *errors)
{
    *parser_r = (struct config_parser){.errors = errors, .follow = true};
    parser_r->config = mem_zalloc(sizeof(*parser_r->config));
    if (parser_r->config == NULL) {
        fputs("ehlogate: out of memory\n", errors);
        return false;
    }
    parser_r->config->sessions = SESSIONS;
    parser_r->config->drain = DRAIN_SECONDS;
    return true;
}

/* Check what has been read and hand it over; NULL where there was any error. */
static struct config *parser_end(struct config_parser *parser)
{
    struct config *config = parser->config;

    /* Where the file could not be read at all, that it has no listener is no news. */
    if (!parser->out_of_memory && (parser->begin.file != NULL || parser->error_count == 0)) {
        config_link(parser);
    }
    if (parser->out_of_memory) {
        fputs("ehlogate: out of memory while reading the configuration\n", parser->errors);
    }
    if (parser->out_of_memory || parser->error_count > 0) {
        config_free(&config);
    }
    return config;
}

struct config *config_load(const char *path, FILE *errors)
{
    struct config_parser parser;

    if (!parser_begin(&parser, errors)) {
        return NULL;
    }
    parser.config->file = config_string(&parser, span_str(path));
    config_read_file(&parser, path);
    return parser_end(&parser);
}

struct config *config_parse(const char *name, struct span content, FILE *errors)
{
    struct config_parser parser;

    if (!parser_begin(&parser, errors)) {
        return NULL;
    }
    parser.follow = false;
    config_read_content(&parser, name, content);
    return parser_end(&parser);
}

/* ---- from options ---- */

static struct config_word option_word(const char *option, const char *value)
{
    return (struct config_word){.text = span_str(value), .place = {.file = option}};
}

static void quick_blocks(struct config_parser *parser, const struct config_quick *quick)
{
    struct config_word name = option_word("--listen", "default");
    struct config_words head = {.first = &name, .last = &name};

    config_begin_block(parser, CONFIG_BACKEND, &head, name.place);
    for (const char *const *addr = quick->backend; parser->backend != NULL && *addr != NULL;
         addr++) {
        struct config_word word = option_word("--backend", *addr);
        config_add_server(parser, &word);
    }
    config_end_block(parser);

    config_begin_block(parser, CONFIG_LISTENER, &head, name.place);
    if (parser->listener != NULL) {
        for (const char *const *addr = quick->listen; *addr != NULL; addr++) {
            struct config_word word = option_word("--listen", *addr);
            struct config_words words = {.first = &word, .last = &word};
            config_add_listen(parser, &words);
        }
        struct config_word policy =
            option_word("--profile", quick->profile != NULL ? quick->profile : "esmtp");
        config_add_reference(parser, CONFIG_BACKEND, &name, name.place);
        config_add_reference(parser, CONFIG_POLICY, &policy, policy.place);
    }
    config_end_block(parser);
}

struct config *config_from_options(const struct config_quick *quick, FILE *errors)
{
    struct config_parser parser;

    if (!parser_begin(&parser, errors)) {
        return NULL;
    }
    quick_blocks(&parser, quick);
    if (quick->hostname != NULL) {
        struct config_word hostname = option_word("--hostname", quick->hostname);
        config_set_hostname(&parser, &hostname, hostname.place);
    }
    parser.config->workers = quick->workers;
    parser.config->log_format = quick->log_format;
    return parser_end(&parser);
}

void config_free(struct config **config)
{
    if (*config != NULL) {
        for (struct config_policy *policy = (*config)->policies; policy != NULL;
             policy = policy->next) {
            policy_rules_free(&policy->policy.rules);
        }
        for (struct config_list *list = (*config)->lists; list != NULL; list = list->next) {
            struct policy_list *mine = (struct policy_list *)list->list;
            policy_list_free(&mine);
        }
        arena_free(&(*config)->arena);
        mem_free(*config);
        *config = NULL;
    }
}

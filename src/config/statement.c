/*
 * The words that begin a statement, by the block in which they stand: the lexer's tokens, the
 * errors and their hints come out of this table.
 */
#include "config/parse.h"

#include "config/grammar.h"

enum { IN_TOP = 1 << CONFIG_TOP, IN_BACKEND = 1 << CONFIG_BACKEND };
enum { IN_LISTENER = 1 << CONFIG_LISTENER, IN_POLICY = 1 << CONFIG_POLICY };
enum { IN_LIST = 1 << CONFIG_LIST };

static const struct statement {
    const char *name;
    int token; /* 0: of a later version */
    unsigned blocks;
    enum config_block opens;  /* where it stands at the top */
    const char *const *words; /* the first of which follows; NULL: any */
} statements[] = {
    {"include", INCLUDE, IN_TOP, CONFIG_TOP, NULL},
    {"hostname", HOSTNAME, IN_TOP, CONFIG_TOP, NULL},
    {"user", USER, IN_TOP, CONFIG_TOP, NULL},
    {"group", GROUP, IN_TOP, CONFIG_TOP, NULL},
    {"workers", WORKERS, IN_TOP, CONFIG_TOP, NULL},
    {"sessions", SESSIONS, IN_TOP, CONFIG_TOP, NULL},
    {"drain", DRAIN, IN_TOP, CONFIG_TOP, NULL},
    {"log", LOG, IN_TOP, CONFIG_TOP, NULL},
    {"backend", BACKEND, IN_TOP | IN_LISTENER, CONFIG_BACKEND, NULL},
    {"listener", LISTENER, IN_TOP, CONFIG_LISTENER, NULL},
    {"policy", POLICY, IN_TOP | IN_LISTENER, CONFIG_POLICY, NULL},
    {"list", LIST, IN_TOP, CONFIG_LIST, NULL},
    {"file", FILE_, IN_LIST, CONFIG_TOP, NULL},
    {"server", SERVER, IN_BACKEND, CONFIG_TOP, NULL},
    {"listen", LISTEN, IN_LISTENER, CONFIG_TOP, NULL},
    {"profile", PROFILE, IN_POLICY, CONFIG_TOP, NULL},
    {"banner", BANNER, IN_POLICY, CONFIG_TOP, policy_banner_words},
    {"ehlo", EHLO, IN_POLICY, CONFIG_TOP, policy_ehlo_words},
    {"starttls", STARTTLS, IN_POLICY, CONFIG_TOP, policy_starttls_words},
    {"command", COMMAND, IN_POLICY, CONFIG_TOP, policy_command_words},
    {"keyword", KEYWORD, IN_POLICY, CONFIG_TOP, policy_keyword_words},
    {"framing", FRAMING, IN_POLICY, CONFIG_TOP, policy_framing_words},
    {"enforce", ENFORCE, IN_POLICY, CONFIG_TOP, policy_check_words},
    {"relax", RELAX, IN_POLICY, CONFIG_TOP, policy_check_words},
    {"forward", FORWARD, IN_POLICY, CONFIG_TOP, policy_forward_words},
    {"limit", LIMIT, IN_POLICY, CONFIG_TOP, NULL},
    {"timeout", TIMEOUT, IN_POLICY, CONFIG_TOP, NULL},
    {"when", WHEN, IN_POLICY, CONFIG_TOP, NULL},

    /* What the language will have (design section 4): a file that already uses it deserves a
     * better answer than "unknown". */
    {"tls", 0, IN_BACKEND | IN_LISTENER, CONFIG_TOP, NULL},
    {"identity", 0, IN_BACKEND, CONFIG_TOP, NULL},
};
enum { STATEMENTS = sizeof(statements) / sizeof(statements[0]) };

static const char *const block_names[CONFIG_BLOCKS] = {
    [CONFIG_TOP] = "top",       [CONFIG_BACKEND] = "backend", [CONFIG_LISTENER] = "listener",
    [CONFIG_POLICY] = "policy", [CONFIG_LIST] = "list",
};

const char *config_block_name(enum config_block block)
{
    return block_names[block];
}

static const struct statement *statement_find(struct span word)
{
    for (unsigned i = 0; i < STATEMENTS; i++) {
        if (span_equal_nocase(word, span_str(statements[i].name))) {
            return &statements[i];
        }
    }
    return NULL;
}

bool config_statement_opens(struct span word)
{
    const struct statement *found = statement_find(word);
    return found != NULL && found->opens != CONFIG_TOP;
}

bool config_statement_expected(struct span word, char *text_r, size_t size)
{
    const struct statement *found = statement_find(word);
    char words[256];

    if (found == NULL || found->words == NULL) {
        return false;
    }
    /* `also` is no treatment of its own, so it is not among the words of the policy. */
    bool also = found->words == policy_command_words || found->words == policy_keyword_words;
    config_list_words(found->words, words, sizeof(words));
    snprintf(text_r, size, "%s%s", also ? "also, " : "", words);
    return true;
}

int config_statement_token(enum config_block block, struct span word, enum config_block *opens_r)
{
    const struct statement *found = statement_find(word);

    *opens_r = CONFIG_TOP;
    if (found == NULL || (found->blocks >> block & 1) == 0) {
        return 0;
    }
    if (block == CONFIG_TOP) {
        *opens_r = found->opens;
    }
    return found->token;
}

/* "a backend or a listener block" */
static void describe_blocks(unsigned blocks, char *text_r, size_t size)
{
    size_t used = 0;

    text_r[0] = '\0';
    if ((blocks & IN_TOP) != 0) {
        snprintf(text_r, size, "outside of all blocks");
        return;
    }
    for (unsigned block = CONFIG_BACKEND; block < CONFIG_BLOCKS && used < size; block++) {
        if ((blocks >> block & 1) != 0) {
            int n = snprintf(text_r + used, size - used, "%s a %s block", used > 0 ? " or" : "in",
                             block_names[block]);
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

static void report_misplaced(struct config_source *source, const struct statement *found)
{
    char where[128];

    describe_blocks(found->blocks, where, sizeof(where));
    if (source->block == CONFIG_TOP) {
        config_error(source->parser, source->place, "\"%s\" stands %s, not outside of one",
                     found->name, where);
    } else if (found->opens != CONFIG_TOP) {
        config_error(source->parser, source->place,
                     "a %s block cannot stand in a %s block; is a \"}\" missing? The %s block of "
                     "line %u is still open",
                     found->name, block_names[source->block], block_names[source->block],
                     source->block_place.line);
    } else {
        config_error(source->parser, source->place, "\"%s\" stands %s, not in a %s block",
                     found->name, where, block_names[source->block]);
    }
}

static void report_unknown(struct config_source *source, struct span word)
{
    char expected[512], hint[CONFIG_HINT_MAX];
    size_t used = 0;
    unsigned count = 0;
    struct config_near near = config_near_begin(word);

    expected[0] = '\0';
    for (unsigned i = 0; i < STATEMENTS && used < sizeof(expected); i++) {
        if (statements[i].token != 0 && (statements[i].blocks >> source->block & 1) != 0) {
            int n = snprintf(expected + used, sizeof(expected) - used, "%s%s", used > 0 ? ", " : "",
                             statements[i].name);
            used += n > 0 ? (size_t)n : 0;
            count++;
            config_near_offer(&near, span_str(statements[i].name));
        }
    }
    bool top = source->block == CONFIG_TOP;
    config_error(source->parser, source->place, "unknown statement \"%.*s\"%s%s%s; expected %s%s%s",
                 SPAN_ARG(word), top ? "" : " in a ", top ? "" : block_names[source->block],
                 top ? "" : " block", count > 1 ? "one of " : "", expected,
                 config_near_hint(&near, hint));
}

void config_statement_unknown(struct config_source *source, struct span word)
{
    const struct statement *found = statement_find(word);

    if (found == NULL) {
        report_unknown(source, word);
    } else if (found->token == 0) {
        config_error(source->parser, source->place, "\"%s\" is not in this version of ehlogate",
                     found->name);
    } else {
        report_misplaced(source, found);
    }
}

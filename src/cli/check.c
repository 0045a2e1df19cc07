/*
 * `ehlogate check`: is a configuration valid, and what does each listener take from senders?
 *
 * Errors go to stderr and the exit status is 78 (EX_CONFIG), so that it can stand before a reload.
 */
#include "cli/cli.h"

#include "config/config.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

enum { COLUMNS = 100, LABEL = 13 };

static const char details[] =
    "  -c, --config FILE  the configuration to read\n"
    "      --help         this text\n"
    "\n"
    "Prints for each listener where it listens, its backend and policy, and what that policy\n"
    "takes from senders. Exit status 0, or 78 with every error on stderr.\n";

static const struct option known[] = {
    {"config", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Words behind a label, in lines of at most COLUMNS. */
struct paragraph {
    size_t column;
    bool begun;
};

static struct paragraph paragraph_begin(const char *label)
{
    printf("  %-*s", LABEL - 2, label);
    return (struct paragraph){.column = LABEL};
}

static void paragraph_word(struct paragraph *p, struct span word, const char *between)
{
    if (!p->begun) {
        between = "";
    }
    size_t width = strlen(between) + word.len;
    if (p->begun && p->column + width + 1 > COLUMNS) {
        printf("%s\n%*s%.*s", between, LABEL, "", SPAN_ARG(word));
        p->column = LABEL + word.len;
    } else {
        printf("%s%s%.*s", between, p->begun ? " " : "", SPAN_ARG(word));
        p->column += width + 1;
    }
    p->begun = true;
}

static void paragraph_end(void)
{
    putchar('\n');
}

static struct span verb_name(unsigned verb)
{
    return smtp_verb_info((enum smtp_verb)verb)->name;
}

static struct span keyword_name(unsigned keyword)
{
    return smtp_keyword_info((enum smtp_keyword)keyword)->name;
}

static unsigned table_count(const uint8_t *treatment, unsigned words, uint8_t action)
{
    unsigned count = 0;

    for (unsigned i = 1; i < words; i++) {
        count += treatment[i] == action;
    }
    return count;
}

/* One line for each treatment but the first, which allows: "hidden: A, B" or, for the one that
 * words have which are not known, "hidden: all but" those that are allowed. */
static void print_table(const char *label, const uint8_t *treatment, unsigned words,
                        const char *const *done, struct span (*name)(unsigned))
{
    for (uint8_t action = 1; done[action] != NULL; action++) {
        bool others = treatment[0] == action;
        uint8_t listed = others ? 0 : action;
        unsigned count = table_count(treatment, words, listed);
        if (count == 0 && !others) {
            continue;
        }
        struct paragraph p = paragraph_begin(label);
        paragraph_word(&p, span_str(done[action]), "");
        const char *between = ":";
        if (others) {
            paragraph_word(&p, count == 0 ? SPAN("all") : SPAN("all but"), between);
            between = "";
        }
        for (unsigned i = 1; i < words; i++) {
            if (treatment[i] == listed) {
                paragraph_word(&p, name(i), between);
                between = ",";
            }
        }
        paragraph_end();
        label = "";
    }
}

static void print_ehlo(const struct policy *policy)
{
    static const char *const keywords_done[] = {"allowed", "hidden", "masked", NULL};
    static const char *const instead[] = {[POLICY_COMMAND_REFUSE] = "refused",
                                          [POLICY_COMMAND_MASK] = "sent to the server as X…X",
                                          [POLICY_COMMAND_NOOP] = "sent to the server as NOOP",
                                          [POLICY_COMMAND_DROP] = "dropped"};
    uint8_t command = policy->command[SMTP_VERB_EHLO];
    const char *how = command != POLICY_COMMAND_ALLOW      ? instead[command]
                      : policy->ehlo == POLICY_EHLO_REFUSE ? "refused"
                                                           : NULL;

    if (how != NULL) {
        printf("  %-*s%s: senders have no ESMTP service (TLS, AUTH, SIZE, DSN, …)\n", LABEL - 2,
               "ehlo", how);
    } else if (policy->ehlo == POLICY_EHLO_AS_HELO) {
        printf("  %-*staken for HELO: senders have no ESMTP service (TLS, AUTH, SIZE, DSN, …)\n",
               LABEL - 2, "ehlo");
    } else {
        uint8_t verdicts[SMTP_KEYWORDS];
        for (unsigned i = 0; i < SMTP_KEYWORDS; i++) {
            verdicts[i] = (uint8_t)policy_keyword_verdict(policy, (enum smtp_keyword)i);
        }
        print_table("keywords", verdicts, SMTP_KEYWORDS, keywords_done, keyword_name);
    }
}

static void print_policy(const struct policy *policy)
{
    static const char *const commands_done[] = {"allowed",   "refused", "masked",
                                                "made NOOP", "dropped", NULL};
    static const char *const starttls_done[] = {
        [POLICY_STARTTLS_PASS] = "passed: what follows it is relayed unseen",
        [POLICY_STARTTLS_HIDE] = "hidden",
        [POLICY_STARTTLS_REQUIRE] = "required, and passed: what follows it is relayed unseen",
    };
    uint8_t verdicts[SMTP_VERB_WORDS];

    print_ehlo(policy);
    printf("  %-*s%s\n", LABEL - 2, "starttls", starttls_done[policy->starttls]);
    for (unsigned i = 0; i < SMTP_VERB_WORDS; i++) {
        verdicts[i] = (uint8_t)policy_command_verdict(policy, (enum smtp_verb)i);
    }
    print_table("commands", verdicts, SMTP_VERB_WORDS, commands_done, verb_name);
}

static void print_listener(const struct config_listener *listener)
{
    printf("\nlistener %s\n", listener->name);
    struct paragraph p = paragraph_begin("listen");
    const char *last = NULL;
    for (const struct config_listen *listen = listener->addrs; listen != NULL;
         listen = listen->next) {
        /* One text may stand for several addresses. */
        if (last == NULL || !span_equal(span_str(last), span_str(listen->text))) {
            paragraph_word(&p, span_str(listen->text), ",");
        }
        last = listen->text;
    }
    paragraph_end();

    printf("  %-*s%s: ", LABEL - 2, "backend", listener->backend->name);
    for (const struct config_server *server = listener->backend->servers; server != NULL;
         server = server->next) {
        printf("%s%s", server->text, server->next != NULL ? ", " : "\n");
    }
    printf("  %-*s%s (profile %s)\n", LABEL - 2, "policy", listener->policy->name,
           listener->policy->policy.profile);
    print_policy(&listener->policy->policy);
}

static int check(const char *path)
{
    struct config *config = config_load(path, stderr);

    if (config == NULL) {
        return EX_CONFIG;
    }
    printf("%s: ok\n", path);
    for (const struct config_listener *listener = config->listeners; listener != NULL;
         listener = listener->next) {
        print_listener(listener);
    }
    config_free(&config);
    return EX_OK;
}

int cli_check(int argc, char **argv)
{
    const char *path = NULL;
    int what;

    opterr = 0;
    optind = 1;
    while ((what = getopt_long(argc, argv, ":c:h", known, NULL)) != -1) {
        if (what == 'h') {
            return cli_help("check", details);
        }
        if (what != 'c') {
            return cli_option_error("check", known, what, argv);
        }
        if (path != NULL) {
            return cli_usage_error("check", "-c is given twice");
        }
        path = optarg;
    }
    if (optind < argc) {
        return cli_usage_error("check", "unexpected argument %s", argv[optind]);
    }
    if (path == NULL) {
        return cli_usage_error("check", "-c FILE is missing");
    }
    return check(path);
}

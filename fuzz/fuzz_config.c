/*
 * The configuration language on any bytes. Beside what the sanitizers see:
 *   - there are errors where there is no configuration, and none where there is one;
 *   - each error is a line of its own with a place, free of control characters;
 *   - every policy that was read can be printed and read back as the same policy, rules included.
 *
 * No file is read (config_parse() follows no include) and no name is looked up: the address parser
 * has a fuzzer of its own, so the one here takes whatever has a colon.
 */
#include "config/parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

size_t net_addr_parse(const char *text, bool passive, struct net_addr *addrs_r, size_t max,
                      const char **error_r)
{
    (void)passive;
    if (max == 0 || strchr(text, ':') == NULL) {
        *error_r = "there is no colon";
        return 0;
    }
    addrs_r[0] = (struct net_addr){.len = sizeof(addrs_r[0].in), .in = {.sin_family = AF_INET}};
    addrs_r[0].in.sin_port = (in_port_t)strlen(text);
    return 1;
}

uint16_t net_addr_port(const struct net_addr *addr)
{
    return addr->in.sin_port;
}

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_config: %s\n", what);
        abort();
    }
}

static struct config *parse(struct span text, char **errors_r)
{
    size_t len = 0;
    FILE *errors = open_memstream(errors_r, &len);

    require(errors != NULL, "out of memory");
    struct config *config = config_parse("f", text, errors);
    require(fclose(errors) == 0, "out of memory");
    return config;
}

static void check_errors(const char *errors)
{
    bool begin = true;

    for (const char *c = errors; *c != '\0'; c++) {
        require(!begin || strncmp(c, "f:", 2) == 0, "an error without its place");
        require(*c == '\n' || (unsigned char)*c >= ' ', "a control character in an error");
        begin = *c == '\n';
    }
    require(begin, "an error that is no line");
}

static void print_quoted(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    }
    fputc('"', out);
}

/* The rules as text; "" where there are none. */
static char *rules_text(const struct policy *policy)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    require(out != NULL, "out of memory");
    if (policy->rules != NULL) {
        policy_rules_print(policy->rules, out, "");
    }
    require(fclose(out) == 0, "out of memory");
    return text;
}

static void check_rules(const struct policy *expected, const struct policy *got)
{
    char *a = rules_text(expected), *b = rules_text(got);

    require(strcmp(a, b) == 0, "printed rules are other ones");
    free(a);
    free(b);
}

static void check_policy(const struct config *of, const struct config_policy *policy)
{
    char *text = NULL, *errors = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    struct policy expected, got;

    require(out != NULL, "out of memory");
    fputs("listener l { listen a:1; backend b; policy p }; backend b { server a:1 }\n", out);
    for (const struct config_list *list = of->lists; list != NULL; list = list->next) {
        fputs("list ", out);
        print_quoted(list->name, out);
        fputs(" { }\n", out);
    }
    fputs("policy p {\n", out);
    policy_print(&policy->policy, out, "");
    fputs("}\n", out);
    require(fclose(out) == 0, "out of memory");
    struct config *config = parse(span_of(text, len), &errors);
    require(config != NULL, "a printed policy is not valid");
    memcpy(&expected, &policy->policy, sizeof(expected));
    memcpy(&got, &config->policies->policy, sizeof(got));
    require((got.banner_text == NULL) == (expected.banner_text == NULL) &&
                (got.banner_text == NULL || strcmp(got.banner_text, expected.banner_text) == 0),
            "a printed policy has another banner");
    got.banner_text = expected.banner_text = NULL;
    got.profile = expected.profile = NULL;
    check_rules(&expected, &got);
    got.rules = expected.rules = NULL;
    require(memcmp(&got, &expected, sizeof(got)) == 0, "a printed policy is another one");
    config_free(&config);
    free(errors);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { CHECKED = 4 }; /* policies of one input: more find no more */
    char *errors = NULL;
    struct config *config = parse(span_of(data, size), &errors);
    unsigned checked = 0;

    require((config == NULL) == (errors[0] != '\0'), "errors and result do not agree");
    check_errors(errors);
    for (const struct config_policy *policy = config != NULL ? config->policies : NULL;
         policy != NULL && checked < CHECKED; policy = policy->next, checked++) {
        check_policy(config, policy);
    }
    config_free(&config);
    free(errors);
    return 0;
}

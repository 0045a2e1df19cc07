/*
 * The configuration language on any bytes. Beside what the sanitizers see:
 *   - there are errors where there is no configuration, and none where there is one;
 *   - each error is a line of its own with a place, free of control characters;
 *   - every policy that was read can be printed and read back as the same policy.
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

static void check_policy(const struct config_policy *policy)
{
    char *text = NULL, *errors = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    struct policy expected, got;

    require(out != NULL, "out of memory");
    fputs("listener l { listen a:1; backend b; policy p }; backend b { server a:1 }\n", out);
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
        check_policy(policy);
    }
    config_free(&config);
    free(errors);
    return 0;
}

/*
 * An ASA configuration of any bytes. Beside what the sanitizers see:
 *   - there is a configuration where there are no errors, and none where there are;
 *   - each error is a line of its own with the file's name, free of control characters;
 *   - what comes out is valid, whatever went in.
 *
 * No name is looked up: the address parser has a fuzzer of its own, so the one here takes whatever
 * has a colon.
 */
#include "asa/asa.h"
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
        fprintf(stderr, "fuzz_asa: %s\n", what);
        abort();
    }
}

static void check_errors(const char *errors)
{
    bool begin = true;

    for (const char *c = errors; *c != '\0'; c++) {
        require(!begin || strncmp(c, "f:", 2) == 0, "an error without its place");
        require(*c == '\n' || (*c >= ' ' && *c <= '~'), "an error is not printable");
        begin = *c == '\n';
    }
    require(begin, "an error that is no line");
}

static void check_configuration(const char *text, size_t len)
{
    char *errors = NULL;
    size_t errors_len = 0;
    FILE *out = open_memstream(&errors, &errors_len);

    require(out != NULL, "out of memory");
    struct config *config = config_parse("out", span_of(text, len), out);
    require(fclose(out) == 0, "out of memory");
    if (config == NULL) {
        fprintf(stderr, "%s\n%s", text, errors);
    }
    require(config != NULL, "what comes out is not valid");
    config_free(&config);
    free(errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = NULL, *errors = NULL;
    size_t text_len = 0, errors_len = 0;
    FILE *out = open_memstream(&text, &text_len);
    FILE *err = open_memstream(&errors, &errors_len);

    require(out != NULL && err != NULL, "out of memory");
    enum asa_result result = asa_import("f", span_of(data, size), out, err);
    require(fclose(out) == 0 && fclose(err) == 0, "out of memory");
    require((result == ASA_ERRORS) == (text_len == 0), "output and result do not agree");
    require((result == ASA_WHOLE) == (errors_len == 0), "errors and result do not agree");
    check_errors(errors);
    if (text_len > 0) {
        check_configuration(text, text_len);
    }
    free(text);
    free(errors);
    return 0;
}

/*
 * Rules on any bytes: what can be read is evaluated, printed and read back. Beside what the
 * sanitizers see:
 *   - rules that were printed and read back print the same, are asked at the same stages and hold
 *     for the same facts;
 *   - evaluation asks for no memory.
 *
 * The first half of the input, up to a NUL, is the statements of a policy; what follows is the
 * facts.
 */
#include "base/mem.h"
#include "config/parse.h"
#include "policy/expr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_expr: %s\n", what);
        abort();
    }
}

static struct config *parse(struct span rules)
{
    static FILE *null;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (null == NULL) {
        null = fopen("/dev/null", "w");
    }
    require(out != NULL && null != NULL, "out of memory");
    fputs("list l { 10.0.0.0/8, ::1, .a, b@c, d }\nlist m { }\n"
          "backend b { server 127.0.0.1:25 }\nlistener l { listen 127.0.0.1:0; backend b }\n"
          "policy p {\n",
          out);
    fwrite(rules.ptr, 1, rules.len, out);
    fputs("\n}\n", out);
    require(fclose(out) == 0, "out of memory");
    struct config *config = config_parse("f", span_of(text, len), null);
    free(text);
    return config;
}

static char *print(const struct policy_rules *rules)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    require(out != NULL, "out of memory");
    policy_rules_print(rules, out, "");
    require(fclose(out) == 0, "out of memory");
    return text;
}

/* The next octets of the facts: as many as the first one says. */
static struct span cut(struct span *rest)
{
    size_t len = rest->len > 0 ? rest->ptr[0] % 32 : 0;

    if (rest->len == 0) {
        return *rest;
    }
    *rest = span_from(*rest, 1);
    len = len < rest->len ? len : rest->len;
    struct span text = span_head(*rest, len);
    *rest = span_from(*rest, len);
    return text;
}

static uint64_t cut_number(struct span *rest)
{
    struct span text = cut(rest);
    uint64_t number = 0;

    for (size_t i = 0; i < text.len; i++) {
        number = number << 8 | text.ptr[i];
    }
    return number;
}

enum { HEADERS = 4 };

static void fill(struct facts *facts, struct policy_header_value headers[HEADERS], struct span rest)
{
    *facts = (struct facts){.headers = headers, .header_values = HEADERS};
    for (uint32_t i = 0; i < HEADERS; i++) {
        headers[i] = (struct policy_header_value){i % 3, cut(&rest)};
    }
    for (const struct policy_field *field = policy_fields; field->name != NULL; field++) {
        char *at = (char *)facts + field->offset;
        if (field->type == POLICY_TYPE_FLAG) {
            *(bool *)at = cut_number(&rest) % 2 == 1;
        } else if (field->type == POLICY_TYPE_NUMBER || field->type == POLICY_TYPE_SIZE) {
            *(uint64_t *)(void *)at = cut_number(&rest);
        } else if (field->type == POLICY_TYPE_TEXT) {
            *(struct span *)(void *)at = cut(&rest);
        } else if (field->type == POLICY_TYPE_ADDRESS) {
            struct span octets = cut(&rest);
            struct policy_address *address = (struct policy_address *)(void *)at;
            memcpy(address->octets, octets.ptr, octets.len < 16 ? octets.len : 16);
            address->known = octets.len > 0;
        }
    }
}

static void check_same(const struct policy_rules *a, const struct policy_rules *b,
                       const struct facts *facts)
{
    struct policy_rule *const *first, *const *second;
    size_t count = policy_rules_list(a, &first);

    require(policy_rules_list(b, &second) == count, "another number of rules");
    for (size_t i = 0; i < count; i++) {
        struct policy_eval one = {.facts = facts}, two = {.facts = facts};
        require(first[i]->stage == second[i]->stage, "another stage");
        mem_fail_at(0);
        bool holds = policy_expr_holds(first[i]->expr, &one);
        require(mem_requests() == 0, "evaluation asks for memory");
        require(policy_expr_holds(second[i]->expr, &two) == holds, "another verdict");
        require(one.exceeded == two.exceeded, "another limit");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    size_t end = span_find(input, '\0');
    struct config *config = parse(span_head(input, end));

    if (config == NULL || config->policies == NULL || config->policies->policy.rules == NULL) {
        config_free(&config);
        return 0;
    }
    const struct policy_rules *rules = config->policies->policy.rules;
    struct policy_header_value headers[HEADERS];
    struct facts facts;
    char *text = print(rules);
    struct config *again = parse(span_str(text));
    require(again != NULL, "printed rules are not valid");
    struct policy_rule *const *list;
    if (policy_rules_list(rules, &list) > 0) {
        char *text_again = print(again->policies->policy.rules);
        require(strcmp(text, text_again) == 0, "printed rules are other ones");
        free(text_again);
        fill(&facts, headers, span_from(input, end < size ? end + 1 : end));
        check_same(rules, again->policies->policy.rules, &facts);
    }
    config_free(&again);
    config_free(&config);
    free(text);
    return 0;
}

/*
 * Lines of an EHLO reply, and parameters, of any octets. Beside what the sanitizers see: reading
 * comes to an end, and what is cut off stands within the input.
 */
#include "smtp/keyword.h"
#include "smtp/verb.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_keyword: %s\n", what);
        abort();
    }
}

static void check_param(const struct smtp_param *param, struct span in)
{
    require(param->name.len > 0 && param->name.ptr >= in.ptr, "a parameter without name");
    require(param->value.ptr == NULL || param->value.len > 0, "a parameter with an empty value");
    require(param->value.ptr == NULL || param->value.ptr + param->value.len <= in.ptr + in.len,
            "a value beyond the line");
    require(smtp_param_keyword(param, false) < SMTP_KEYWORDS &&
                smtp_param_keyword(param, true) < SMTP_KEYWORDS,
            "a keyword that is none");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct span rest = in;
    struct smtp_param param;
    size_t left = size + 1;
    int more;

    enum smtp_keyword keyword = smtp_keyword_of_line(in);
    require(keyword < SMTP_KEYWORDS, "a keyword that is none");
    require(keyword == SMTP_KEYWORD_UNKNOWN || size >= 3, "a keyword of nothing");
    require(smtp_keyword_find(in) < SMTP_KEYWORDS, "a keyword that is none");
    require(smtp_verb_find(in) < SMTP_VERB_WORDS, "a verb that is none");
    require(smtp_keyword_nearest(in) > SMTP_KEYWORD_UNKNOWN, "no keyword is the nearest");
    require(smtp_verb_nearest(in) > SMTP_VERB_UNKNOWN, "no verb is the nearest");
    while ((more = smtp_param_next(&rest, &param)) > 0) {
        check_param(&param, in);
        require(rest.len < left, "no end of parameters");
        left = rest.len;
    }
    require(more == 0 ? rest.len == 0 : param.name.len > 0, "an error about nothing");
    return 0;
}

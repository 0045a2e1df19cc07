/*
 * Addresses of any octets. Beside what the sanitizers see: the parts of a good one make it up; put
 * into angle brackets it is good again and the same; it has no octet that could end a command or
 * hide in one.
 */
#include "smtp/path.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_path: %s\n", what);
        abort();
    }
}

static void check(const struct smtp_path *path)
{
    size_t len = path->local.len + (path->domain.len > 0 ? 1 + path->domain.len : 0);
    unsigned char *bracketed = malloc(path->text.len + 2);
    struct smtp_path again;

    require(path->text.len == len, "parts that do not make up the address");
    for (size_t i = 0; i < path->text.len; i++) {
        require(path->text.ptr[i] >= ' ' && path->text.ptr[i] != 0x7f, "a control character");
    }
    require(path->domain.len == 0 || (path->literal ? smtp_literal_valid(path->domain)
                                                    : smtp_domain_valid(path->domain, true)),
            "a domain that is none");
    bracketed[0] = '<';
    memcpy(bracketed + 1, path->text.ptr, path->text.len);
    bracketed[path->text.len + 1] = '>';
    struct span rest = span_of(bracketed, path->text.len + 2);
    require(smtp_path_parse(&rest, true, true, &again) == SMTP_PATH_OK && rest.len == 0 &&
                span_equal(again.text, path->text) && again.utf8 == path->utf8 &&
                again.quoted == path->quoted && again.literal == path->literal,
            "an address that is another one in angle brackets");
    free(bracketed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    struct smtp_path path;

    enum smtp_path_error error = smtp_path_parse(&rest, true, true, &path);
    require(smtp_path_error_text(error)[0] != '\0', "an error without a text");
    require(rest.len <= size && rest.ptr + rest.len == data + size, "a rest that is not the end");
    if (error == SMTP_PATH_OK) {
        check(&path);
    }
    smtp_domain_valid(span_of(data, size), size % 2 == 0);
    smtp_literal_valid(span_of(data, size));
    smtp_utf8_valid(span_of(data, size));
    return 0;
}

/*
 * Lists on any bytes, against a list that is nothing but its entries in a row. The first line of
 * the input is a text that is asked about, the second an address in octets, the rest a list file.
 */
#include "policy/address.h"
#include "policy/list.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_list: %s\n", what);
        abort();
    }
}

static struct span cut_line(struct span *rest)
{
    size_t len = span_find(*rest, '\n');
    struct span line = span_head(*rest, len);

    *rest = span_from(*rest, len < rest->len ? len + 1 : len);
    return line;
}

static struct span without_dot(struct span text)
{
    return text.len > 1 && text.ptr[text.len - 1] == '.' ? span_head(text, text.len - 1) : text;
}

static bool ends_in(struct span text, struct span end)
{
    return text.len >= end.len && span_equal_nocase(span_from(text, text.len - end.len), end);
}

/* What list.h says of one entry. */
static bool entry_has(struct span entry, struct span text)
{
    text = without_dot(text);
    entry = without_dot(entry);
    size_t begin = text.len;
    while (begin > 0 && text.ptr[begin - 1] != '@') {
        begin--;
    }
    struct span domain = span_from(text, begin);
    if (entry.ptr[0] == '.' &&
        (ends_in(domain, entry) || span_equal_nocase(domain, span_from(entry, 1)))) {
        return true;
    }
    if (entry.ptr[0] == '@' && begin > 0 && span_equal_nocase(span_from(text, begin - 1), entry)) {
        return true;
    }
    return span_equal_nocase(text, entry);
}

/* The lines as list files have them. */
static bool plain_search(struct span text, struct span asked, const struct policy_address *address,
                         bool *has_address_r)
{
    bool found = false;

    *has_address_r = false;
    if (span_begins_nocase(text, SPAN("\xEF\xBB\xBF"))) {
        text = span_from(text, 3);
    }
    while (text.len > 0) {
        struct span line = cut_line(&text);
        struct policy_network network;
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        for (size_t i = 0; i < line.len; i++) {
            if (line.ptr[i] == '#' && (i == 0 || ascii_is_blank(line.ptr[i - 1]))) {
                line.len = i;
            }
        }
        line = span_trim(line);
        if (line.len == 0) {
            continue;
        }
        /* "1" is a word, and no network in any notation. */
        if (policy_network_parse(line, &network)) {
            *has_address_r = *has_address_r || policy_network_has(&network, address);
        } else {
            found = found || entry_has(line, asked);
        }
    }
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    struct span asked = cut_line(&rest), octets = cut_line(&rest);
    struct policy_address address = {.known = octets.len > 0};
    struct policy_list *list = policy_list_new();
    struct policy_list_error error;
    bool has_address;

    memcpy(address.octets, octets.ptr, octets.len < 16 ? octets.len : 16);
    require(list != NULL, "out of memory");
    int result = policy_list_parse(list, rest, &error);
    require(result != 0, "out of memory");
    require((result < 0) == (error.what != NULL), "an error without a word");
    if (result > 0) {
        require(policy_list_finish(list), "out of memory");
        bool has = plain_search(rest, asked, &address, &has_address);
        require(policy_list_has_text(list, asked) == has, "another answer about a text");
        require(policy_list_has_address(list, &address) == has_address,
                "another answer about an address");
    }
    policy_list_free(&list);
    return 0;
}

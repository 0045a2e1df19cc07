/*
 * IP addresses and networks as text (RFC 4291 section 2.2, RFC 4632).
 */
#include "policy/address.h"

/* Four decimal numbers without leading zeros, which some readers take for octal. */
static bool parse_v4(struct span text, unsigned char *octets_r)
{
    for (unsigned i = 0; i < 4; i++) {
        size_t len = span_find(text, '.');
        uint64_t value;
        bool last = len == text.len;
        if (last != (i == 3) || len > 3 || (len > 1 && text.ptr[0] == '0') ||
            !span_number(span_head(text, len), &value) || value > 255) {
            return false;
        }
        octets_r[i] = (unsigned char)value;
        text = span_from(text, last ? len : len + 1);
    }
    return true;
}

static int hex_digit(unsigned char c)
{
    c = ascii_lower(c);
    return ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One to four hexadecimal digits. */
static bool parse_group(struct span text, unsigned char *octets_r)
{
    unsigned value = 0;

    if (text.len == 0 || text.len > 4) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0) {
            return false;
        }
        value = value << 4 | (unsigned)digit;
    }
    octets_r[0] = (unsigned char)(value >> 8);
    octets_r[1] = (unsigned char)value;
    return true;
}

/* Groups with ":" between them, the last two perhaps as IPv4, into `octets_r`. Their octets, or -1.
 */
static int parse_groups(struct span text, unsigned char octets_r[16])
{
    int used = 0;

    while (text.len > 0) {
        size_t len = span_find(text, ':');
        struct span group = span_head(text, len);
        bool last = len == text.len;
        if (last && span_find(group, '.') < group.len) {
            return used <= 12 && parse_v4(group, octets_r + used) ? used + 4 : -1;
        }
        if (used > 14 || !parse_group(group, octets_r + used)) {
            return -1;
        }
        used += 2;
        text = span_from(text, last ? len : len + 1);
        if (!last && text.len == 0) {
            return -1;
        }
    }
    return used;
}

static bool parse_v6(struct span text, unsigned char octets_r[16])
{
    unsigned char tail[16] = {0};
    size_t gap = 0;

    while (gap + 1 < text.len && !(text.ptr[gap] == ':' && text.ptr[gap + 1] == ':')) {
        gap++;
    }
    memset(octets_r, 0, 16);
    if (gap + 1 >= text.len) {
        return parse_groups(text, octets_r) == 16;
    }
    struct span before = span_head(text, gap);
    int head_len = span_find(before, '.') < before.len ? -1 : parse_groups(before, octets_r);
    int tail_len = parse_groups(span_from(text, gap + 2), tail);
    if (head_len < 0 || tail_len < 0 || head_len + tail_len > 14) {
        return false;
    }
    memcpy(octets_r + 16 - tail_len, tail, (size_t)tail_len);
    return true;
}

static void mask(unsigned char octets[16], unsigned prefix)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned bits = prefix > 8 * i ? prefix - 8 * i : 0;
        unsigned kept = bits >= 8 ? 0xff : 0xffu & 0xff00u >> bits;
        octets[i] = (unsigned char)(octets[i] & kept);
    }
}

bool policy_network_parse(struct span text, struct policy_network *network_r)
{
    size_t slash = span_find(text, '/');
    struct span address = span_head(text, slash);
    unsigned char *octets = network_r->address.octets;
    bool v6 = span_find(address, ':') < address.len;
    uint64_t prefix = v6 ? 128 : 32;

    if (slash < text.len) {
        struct span digits = span_from(text, slash + 1);
        uint64_t most = prefix;
        if (digits.len > 3 || (digits.len > 1 && digits.ptr[0] == '0') ||
            !span_number(digits, &prefix) || prefix > most) {
            return false;
        }
    }
    if (v6 && !parse_v6(address, octets)) {
        return false;
    }
    if (!v6) {
        memset(octets, 0, 10);
        memset(octets + 10, 0xff, 2);
        if (!parse_v4(address, octets + 12)) {
            return false;
        }
    }
    network_r->address.known = true;
    network_r->prefix = (unsigned)prefix + (v6 ? 0 : 96);
    mask(octets, network_r->prefix);
    return true;
}

bool policy_network_has(const struct policy_network *network, const struct policy_address *address)
{
    unsigned char octets[16];

    memcpy(octets, address->octets, 16);
    mask(octets, network->prefix);
    return address->known && memcmp(octets, network->address.octets, 16) == 0 &&
           (network->prefix >= 96 || !policy_address_is_v4(address));
}

bool policy_address_is_v4(const struct policy_address *address)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(address->octets, mapped, sizeof(mapped)) == 0;
}

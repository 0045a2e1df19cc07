/*
 * IP addresses and networks as text. Here and not with net/addr.h, whose are those of the machine's
 * sockets and its resolver.
 */
#ifndef POLICY_ADDRESS_H
#define POLICY_ADDRESS_H

#include "policy/field.h"

/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32" (RFC 4291 section 2.2). */
struct policy_network {
    struct policy_address address; /* bits behind the prefix are 0 */
    unsigned prefix;               /* bits of the 128, so 96 more than an IPv4 prefix says */
};
bool policy_network_parse(struct span text, struct policy_network *network_r);

/* An IPv6 network, ::/0 included, has no IPv4 address. */
bool policy_network_has(const struct policy_network *network, const struct policy_address *address);

/* IPv4, as ::ffff:a.b.c.d? */
bool policy_address_is_v4(const struct policy_address *address);

#endif

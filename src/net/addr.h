/*
 * Socket addresses: "192.0.2.1:25", "[2001:db8::1]:25", "mail.example.net:25", "unix:/path".
 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include "base/span.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct net_addr {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
};

/* Longest text of an address, with its NUL. */
enum { NET_ADDR_TEXT = 128 };

/* Read an address; host names are looked up (blocking), all their addresses are returned. Returns
 * how many were written to `addrs_r` (at most `max`); 0 with a reason in `*error_r` (static text)
 * otherwise. `passive`: "*" and an empty host stand for every local address. */
size_t net_addr_parse(const char *text, bool passive, struct net_addr *addrs_r, size_t max,
                      const char **error_r) __attribute__((warn_unused_result));

/* "192.0.2.1:25", "[2001:db8::1]:25" or "unix:/path", into `text_r` of NET_ADDR_TEXT bytes. */
void net_addr_format(const struct net_addr *addr, char *text_r);

/* The host alone, as Postfix logs it: "192.0.2.1", "2001:db8::1"; "unix" for a unix socket. IPv4
 * in IPv6 (::ffff:192.0.2.1) is written as IPv4. */
void net_addr_format_host(const struct net_addr *addr, char *text_r);

uint16_t net_addr_port(const struct net_addr *addr); /* 0 for unix */

#endif

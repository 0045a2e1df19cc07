/*
 * Socket addresses as text:
 *
 *     address   = "unix:" path | host ":" port
 *     host      = IPv4 | "[" IPv6 [ "%" zone ] "]" | name | "*" | ""     the last two when passive
 *     port      = 1*DIGIT                                                0 only when passive
 *
 * Service names in place of a port were rejected: "smtp" would hide which of 25, 465 and 587 is
 * meant.
 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>

enum { HOST_MAX = 255 };

static size_t parse_unix(struct span path, struct net_addr *addrs_r, const char **error_r)
{
    struct sockaddr_un *un = &addrs_r[0].un;

    if (path.len == 0 || path.ptr[0] != '/') {
        *error_r = "the path of a unix socket must begin with /";
        return 0;
    }
    if (path.len >= sizeof(un->sun_path)) {
        *error_r = "the path of a unix socket may have 107 characters at most";
        return 0;
    }
    addrs_r[0] = (struct net_addr){0};
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.ptr, path.len);
    addrs_r[0].len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    return 1;
}

/* Take "host:port" apart; brackets are cut off. */
static bool split(struct span text, struct span *host_r, struct span *port_r, const char **error_r)
{
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t close = span_find(text, ']');
        if (close == text.len) {
            *error_r = "\"[\" without \"]\"";
            return false;
        }
        *host_r = span_of(text.ptr + 1, close - 1);
        *port_r = span_from(text, close + 1);
        if (host_r->len == 0 || span_find(*host_r, ':') == host_r->len) {
            *error_r = "an IPv6 address must stand in the brackets";
            return false;
        }
    } else {
        size_t colon = span_find(text, ':');
        *host_r = span_head(text, colon);
        *port_r = span_from(text, colon);
        if (port_r->len > 0 && span_find(span_from(*port_r, 1), ':') < port_r->len - 1) {
            *error_r = "an IPv6 address must stand in brackets: [2001:db8::1]:25";
            return false;
        }
    }
    if (port_r->len < 2 || port_r->ptr[0] != ':') {
        *error_r = "a port is missing: host:port";
        return false;
    }
    *port_r = span_from(*port_r, 1);
    return true;
}

static bool parse_port(struct span text, bool passive, uint16_t *port_r, const char **error_r)
{
    uint64_t port;

    if (!span_number(text, &port) || port > UINT16_MAX) {
        *error_r = "the port must be a number of at most 65535";
        return false;
    }
    if (port == 0 && !passive) {
        *error_r = "port 0 cannot be connected to";
        return false;
    }
    *port_r = (uint16_t)port;
    return true;
}

/* Take the addresses of the lookup in the order in which the resolver prefers them, each once. */
static size_t collect(const struct addrinfo *found, uint16_t port, struct net_addr *addrs_r,
                      size_t max)
{
    size_t count = 0;

    for (; found != NULL && count < max; found = found->ai_next) {
        struct net_addr *addr = &addrs_r[count];
        if (found->ai_family != AF_INET && found->ai_family != AF_INET6) {
            continue;
        }
        *addr = (struct net_addr){.len = found->ai_addrlen};
        memcpy(&addr->any, found->ai_addr, found->ai_addrlen);
        if (found->ai_family == AF_INET) {
            addr->in.sin_port = htons(port);
        } else {
            addr->in6.sin6_port = htons(port);
        }
        bool known = false;
        for (size_t i = 0; i < count; i++) {
            known = known || span_equal(span_of(&addrs_r[i].any, addrs_r[i].len),
                                        span_of(&addr->any, addr->len));
        }
        count += !known;
    }
    return count;
}

size_t net_addr_parse(const char *text, bool passive, struct net_addr *addrs_r, size_t max,
                      const char **error_r)
{
    struct span all = span_str(text), host, port_text;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    struct addrinfo *found = NULL;
    char name[HOST_MAX + 1];
    uint16_t port;

    if (span_begins_nocase(all, SPAN("unix:"))) {
        return parse_unix(span_from(all, 5), addrs_r, error_r);
    }
    if (!split(all, &host, &port_text, error_r) ||
        !parse_port(port_text, passive, &port, error_r)) {
        return 0;
    }
    bool every = host.len == 0 || span_equal(host, SPAN("*"));
    if (every && !passive) {
        *error_r = "a host is missing: host:port";
        return 0;
    }
    if (host.len > HOST_MAX) {
        *error_r = "the host name is too long";
        return 0;
    }
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    hints.ai_flags =
        (passive ? AI_PASSIVE : 0) | (span_find(host, ':') < host.len ? AI_NUMERICHOST : 0);
    /* With neither host nor service getaddrinfo() finds nothing. */
    int error = getaddrinfo(every ? NULL : name, "0", &hints, &found);
    if (error != 0) {
        *error_r = gai_strerror(error);
        return 0;
    }
    size_t count = collect(found, port, addrs_r, max);
    freeaddrinfo(found);
    if (count == 0) {
        *error_r = "the host has no IPv4 or IPv6 address";
    }
    return count;
}

/* The numeric host; IPv4 in IPv6 as IPv4. True where it is IPv6. */
static bool format_ip(const struct net_addr *addr, char *text_r)
{
    const struct in6_addr *in6 = &addr->in6.sin6_addr;
    char zone[IF_NAMESIZE];

    if (addr->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &addr->in.sin_addr, text_r, NET_ADDR_TEXT);
        return false;
    }
    if (IN6_IS_ADDR_V4MAPPED(in6)) {
        inet_ntop(AF_INET, in6->s6_addr + 12, text_r, NET_ADDR_TEXT);
        return false;
    }
    inet_ntop(AF_INET6, in6, text_r, NET_ADDR_TEXT);
    if (addr->in6.sin6_scope_id != 0 && if_indextoname(addr->in6.sin6_scope_id, zone) != NULL) {
        size_t len = strlen(text_r);
        snprintf(text_r + len, NET_ADDR_TEXT - len, "%%%s", zone);
    }
    return true;
}

void net_addr_format(const struct net_addr *addr, char *text_r)
{
    char host[NET_ADDR_TEXT];

    switch (addr->any.sa_family) {
    case AF_INET:
    case AF_INET6:
        snprintf(text_r, NET_ADDR_TEXT, format_ip(addr, host) ? "[%.110s]:%u" : "%.110s:%u", host,
                 net_addr_port(addr));
        break;
    case AF_UNIX:
        snprintf(text_r, NET_ADDR_TEXT, "unix:%.*s", (int)sizeof(addr->un.sun_path) - 1,
                 addr->un.sun_path);
        break;
    default:
        snprintf(text_r, NET_ADDR_TEXT, "unknown");
        break;
    }
}

void net_addr_format_host(const struct net_addr *addr, char *text_r)
{
    switch (addr->any.sa_family) {
    case AF_INET:
    case AF_INET6:
        format_ip(addr, text_r);
        break;
    case AF_UNIX:
        snprintf(text_r, NET_ADDR_TEXT, "unix");
        break;
    default:
        snprintf(text_r, NET_ADDR_TEXT, "unknown");
        break;
    }
}

uint16_t net_addr_port(const struct net_addr *addr)
{
    switch (addr->any.sa_family) {
    case AF_INET:
        return ntohs(addr->in.sin_port);
    case AF_INET6:
        return ntohs(addr->in6.sin6_port);
    default:
        return 0;
    }
}

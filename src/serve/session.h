/*
 * A session: one client's connection, the server's connection behind it, and the gate between.
 *
 * An idle session is this struct and its gate: no buffer, no timer of its own in the kernel.
 */
#ifndef SERVE_SESSION_H
#define SERVE_SESSION_H

#include "base/buf.h"
#include "serve/worker.h"

#include <assert.h>

enum session_state {
    SESSION_OPEN,      /* the gate works */
    SESSION_FLUSHING,  /* the gate is done; the client has not taken all of its last reply */
    SESSION_LINGERING, /* we have said our last; what the client still sends is dropped */
    SESSION_CLOSED,    /* to be freed at the end of the event */
};

enum {
    SESSION_LOG_LINES = 1000,        /* most lines of a session beside those of its messages, */
    SESSION_LOG_MASKS = 20,          /* and most of masked commands, which cost a client nothing */
    SESSION_CONNECT_LOOK = 1000,     /* ms until a silent server is looked at: is it connected? */
    SESSION_FLUSH = 30000,           /* ms for a client to take our last reply */
    SESSION_LINGER = 5000,           /* ms that a client may go on sending after our last reply, */
    SESSION_LINGER_DRAIN = 1000,     /* the same when the daemon is ending, */
    SESSION_LINGER_OCTETS = 4 << 20, /* and how much of it is dropped before the connection is */
};

/* What is still to be told to the gate. They wait here while the output of another call is on its
 * way, and are done in this order. */
enum session_todo {
    SESSION_TODO_CONNECT = 1 << 0,     /* it asked for a server */
    SESSION_TODO_CONNECTED = 1 << 1,   /* here is one */
    SESSION_TODO_UNREACHABLE = 1 << 2, /* there is none */
    SESSION_TODO_LOST_CLIENT = 1 << 3,
    SESSION_TODO_LOST_SERVER = 1 << 4,
};

struct session_side {
    ev_io io;       /* its fd is -1 while there is no connection */
    struct buf in;  /* read, but not consumed by the gate */
    struct buf out; /* written by the gate, but not taken by the kernel */
    bool eof;       /* it has closed, or is lost: not read any more */
    bool paused;    /* it has sent something that the gate did not want yet: not read for now */
};

/* The client's address, without the room that a unix socket's path would take. */
union session_peer {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct session {
    struct worker *worker; /* borrowed */
    struct session *next, **link;
    const struct config_listener *listener; /* borrowed */
    const struct config_server *server;     /* borrowed; the one connected, or being tried */
    struct gate *gate;                      /* owned; NULL unless SESSION_OPEN */
    uint64_t id;
    uint64_t armed; /* when the timer fires; UINT64_MAX while it is not started */
    uint64_t until; /* connecting, flushing, lingering: when this comes to its end */
    ev_timer timer;
    struct session_side side[2]; /* GATE_CLIENT, GATE_SERVER */
    union session_peer peer;
    uint32_t dropped;       /* octets while lingering */
    uint16_t address;       /* which one of the server's addresses */
    uint16_t logged;        /* lines of a kind that the client can have as often as it likes */
    uint8_t state;          /* enum session_state */
    uint8_t todo;           /* enum session_todo */
    uint8_t reach;          /* how much is received at once, see relay_room() */
    uint8_t masks_logged;   /* of those, masked commands */
    uint8_t framing_logged; /* bit e: enum smtp_body_event e was logged for this message */
    bool connecting;        /* the server's connection is being opened */
    bool looked;            /* the server was silent for SESSION_CONNECT_LOOK */
    bool linger;            /* after flushing */
};
static_assert(sizeof(struct session) <= 384, "an idle session stays small");

/* session.c: beginnings and ends */

/* Begin a session on an accepted connection, which is owned from here on. */
void session_begin(struct worker *worker, const struct config_listener *listener, int fd,
                   const union session_peer *peer);

/* Answer an accepted connection with one line, "421 4.3.2 host TEXT", and close it. */
void session_refuse(struct worker *worker, const struct config_listener *listener, int fd,
                    const union session_peer *peer, const char *text);

/* The daemon is ending: let the session end with a 421 as soon as that loses nothing. */
void session_drain(struct session *s);

/* End it now, whatever it is doing, and free it. */
void session_stop(struct session *s);

/* The one place where a session's state changes. */
void session_enter(struct session *s, enum session_state state);

/* Carry out what the gate asked for in its last call; its output has been sent. */
void session_requests(struct session *s, unsigned requests);

/* Trouble of our own: the session ends without a word, the process goes on. `why` is logged. */
void session_fail(struct session *s, const char *why);

/* To be called last in every event: tells the gate what waits to be told, watches what is now to
 * be watched, and frees the session where it is closed. */
void session_settle(struct session *s);

/* relay.c: bytes between the sockets and the gate */

/* Prepare worker->out for a call of the session's gate. */
struct gate_out *relay_begin(struct session *s);

/* Send the output of a gate call, then carry out its requests. */
void relay_deliver(struct session *s);

/* Show the gate what is kept for it, until nothing moves any more. */
void relay_kept(struct session *s);

/* Watch each side for what can now be done about it. */
void relay_watch(struct session *s);

/* A side's socket is ready. */
void relay_ready(struct ev_loop *loop, ev_io *io, int events);

/* backend.c: the server's connection */

/* Try the backend's servers in order, beginning with the first. */
void backend_connect(struct session *s);

/* The server has shown that it is connected, or that it is not: `error` is an errno. */
void backend_opened(struct session *s);
void backend_failed(struct session *s, int error);

/* The time for connecting is over, or for a look at how it goes. */
void backend_timeout(struct session *s);

void backend_close(struct session *s);

/* linger.c: the end of the client's connection */

/* The client's socket is ready in SESSION_FLUSHING or SESSION_LINGERING. */
void linger_ready(struct session *s, int events);

#endif

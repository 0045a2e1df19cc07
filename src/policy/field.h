/*
 * The catalogue of fields: what a rule can ask about, and when it is known.
 *
 * One table (field.c) makes the parser, its type errors, `ehlogate fields` and the manual. A
 * field's value stands at its offset in struct facts, which the engine fills before it asks for a
 * stage's verdict; what belongs to a later stage is undefined until then and no rule of this stage
 * reads it.
 */
#ifndef POLICY_FIELD_H
#define POLICY_FIELD_H

#include "base/span.h"

/* When the engine asks. A rule is asked at the earliest stage at which all its fields are known
 * (see policy_field_stages()), each time that stage comes: once a session, a command, a recipient,
 * a part. */
enum policy_stage {
    POLICY_STAGE_CONNECT,  /* the client is connected; the server is not yet dialled */
    POLICY_STAGE_COMMAND,  /* each command, before anything else is done with it */
    POLICY_STAGE_HELO,     /* HELO or EHLO */
    POLICY_STAGE_AUTH,     /* AUTH */
    POLICY_STAGE_MAIL,     /* MAIL */
    POLICY_STAGE_RCPT,     /* each RCPT */
    POLICY_STAGE_DATA,     /* DATA, or the first BDAT of a message */
    POLICY_STAGE_HEADER,   /* the message's header is complete */
    POLICY_STAGE_PART,     /* a MIME part's header is complete; the message itself is the first */
    POLICY_STAGE_MESSAGE,  /* the message is complete, its end not yet told to the server */
    POLICY_STAGE_GREETING, /* the server's greeting has come */
    POLICY_STAGE_OFFER,    /* each line of the server's EHLO reply */
    POLICY_STAGE_REPLY,    /* each reply of the server */
};
enum { POLICY_STAGES = POLICY_STAGE_REPLY + 1 };

enum policy_type {
    POLICY_TYPE_FLAG,    /* `tls`, `not tls` */
    POLICY_TYPE_NUMBER,  /* = != < <= > >= */
    POLICY_TYPE_SIZE,    /* the same, of octets: 512, 64K, 10M, 1G */
    POLICY_TYPE_TEXT,    /* = != (letters folded), ~ !~, in LIST */
    POLICY_TYPE_ADDRESS, /* = != in LIST: an IP address against addresses and networks */
    POLICY_TYPE_HEADER,  /* header("Name"): text, any of the fields of that name */
};
enum { POLICY_TYPES = POLICY_TYPE_HEADER + 1 };

/* An IP address; IPv4 as ::ffff:a.b.c.d. */
struct policy_address {
    unsigned char octets[16];
    bool known; /* false for a unix socket */
};

/* The header fields that rules name, as the engine kept them: `name` is an index into
 * policy_rules.headers. */
struct policy_header_value {
    uint32_t name;
    struct span value;
};

/* In the order of the catalogue, which is worth the padding: there is one where rules are asked. */
struct facts { /* NOLINT(clang-analyzer-optin.performance.Padding) */
    /* the connection */
    struct policy_address client_address;
    uint64_t client_port;
    struct span client_name; /* empty while none is known */
    struct span listener;
    uint64_t session_sessions; /* sessions of this worker that the client's address has open */
    uint64_t session_errors;   /* commands refused so far */
    uint64_t session_commands;
    uint64_t session_bytes; /* octets that the client has sent */
    uint64_t session_messages;
    /* TLS as far as it is known: only where the gateway ends it */
    bool tls;
    struct span tls_version, tls_cipher, tls_sni, tls_client;
    /* the command */
    struct span verb; /* in capitals; the word itself where it is unknown */
    struct span command_line;
    uint64_t command_length;
    bool command_unknown;
    bool command_syntax;   /* its arguments are malformed */
    bool command_sequence; /* it is out of sequence, as far as that is certain */
    /* HELO */
    struct span helo; /* its argument */
    bool helo_literal, helo_syntax;
    bool esmtp; /* EHLO */
    /* AUTH */
    struct span auth_mechanism;
    bool auth; /* a 235 was given */
    uint64_t auth_failures;
    /* the envelope */
    struct span mail_from; /* "" for <> */
    struct span mail_local, mail_domain;
    uint64_t mail_length;
    uint64_t mail_size;                                     /* SIZE=, 0 where none */
    struct span mail_body, mail_ret, mail_auth, mail_envid; /* parameters; empty where none */
    bool mail_smtputf8, mail_requiretls, mail_route, mail_special;
    struct span rcpt_to, rcpt_local, rcpt_domain;
    uint64_t rcpt_length;
    uint64_t rcpt_count;        /* RCPT of this transaction, this one counted */
    uint64_t rcpt_rejected;     /* refused by the server in this transaction */
    uint64_t rcpt_domain_count; /* recipients so far in this recipient's domain */
    struct span rcpt_notify, rcpt_orcpt;
    bool rcpt_route, rcpt_percent, rcpt_quoted, rcpt_special;
    /* the server */
    struct span greeting;      /* its first line's text */
    struct span offer;         /* one EHLO keyword's line */
    struct span offer_keyword; /* its word */
    uint64_t reply_code;
    struct span reply_enhanced, reply_text;
    /* the message */
    uint64_t message_size;
    uint64_t header_length, header_line_length, header_field_length, header_count;
    uint64_t header_received, header_to_count;
    const struct policy_header_value *headers; /* borrowed */
    uint32_t header_values;
    uint64_t body_length, body_line_length;
    bool body_8bit, body_bare_cr, body_bare_lf, body_nul;
    /* the part */
    struct span mime_type;     /* "image/png" */
    struct span mime_encoding; /* "base64" */
    uint64_t mime_depth, mime_parts;
    struct span mime_anomaly; /* the names of the anomalies so far, separated by blanks */
    bool mime_malformed;
    struct span attachment_name, attachment_extension; /* in small letters, without dot */
    uint64_t attachment_length;                        /* of its name */
    uint64_t attachment_count;
};

struct policy_field {
    const char *name; /* "rcpt.count" */
    enum policy_type type;
    enum policy_stage stage; /* where it becomes known */
    bool each;               /* of one recipient or part of several: not known after its stage */
    uint16_t offset;         /* in struct facts */
    const char *about;
    const char *example; /* a condition: `rcpt.count > 100` */
};
extern const struct policy_field policy_fields[]; /* ends with name NULL; by name's first part */

const struct policy_field *policy_field_find(struct span name);
const struct policy_field *policy_field_nearest(struct span name);

/* The stages at which the field has its value, bit by enum policy_stage: from its own on, as far as
 * what the client does is concerned; the server's greeting, EHLO lines and replies are known only
 * while they come. */
uint16_t policy_field_stages(const struct policy_field *field);

extern const char *const policy_stage_words[]; /* "connect", …, by enum policy_stage */
extern const char *const policy_type_words[];  /* "flag", …, by enum policy_type */

/* The operators of each type: "= != < <= > >="; "" for a flag, which has none. */
extern const char *const policy_type_operators[];

#endif

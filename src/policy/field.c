/*
 * The catalogue of fields: one table for the parser, its errors, `ehlogate fields` and the manual.
 */
#include "policy/field.h"

#include <assert.h>

#define AT(member) offsetof(struct facts, member)

static_assert(sizeof(struct facts) <= UINT16_MAX, "an offset fits");

/* clang-format off */
const struct policy_field policy_fields[] = {
    /* the connection */
    {"client.address", POLICY_TYPE_ADDRESS, POLICY_STAGE_CONNECT, false, AT(client_address),
     "the client's IP address",
     "client.address in blocked"},
    {"client.name", POLICY_TYPE_TEXT, POLICY_STAGE_CONNECT, false, AT(client_name),
     "the client's host name; empty while none is known",
     "client.name ~ \"\\.dyn\\.\"i"},
    {"client.port", POLICY_TYPE_NUMBER, POLICY_STAGE_CONNECT, false, AT(client_port),
     "the client's port",
     "client.port < 1024"},
    {"client.sessions", POLICY_TYPE_NUMBER, POLICY_STAGE_CONNECT, false, AT(session_sessions),
     "sessions of this worker that the client's address has open, this one counted",
     "client.sessions > 10"},
    {"listener", POLICY_TYPE_TEXT, POLICY_STAGE_CONNECT, false, AT(listener),
     "the name of the listener",
     "listener = submission"},

    /* the session so far */
    {"session.bytes", POLICY_TYPE_SIZE, POLICY_STAGE_COMMAND, false, AT(session_bytes),
     "octets that the client has sent, up to the command and its line",
     "session.bytes > 1G"},
    {"session.commands", POLICY_TYPE_NUMBER, POLICY_STAGE_COMMAND, false, AT(session_commands),
     "commands that the client has given, this one counted",
     "session.commands > 1000"},
    {"session.errors", POLICY_TYPE_NUMBER, POLICY_STAGE_COMMAND, false, AT(session_errors),
     "commands of the client that were refused so far, by whomever",
     "session.errors >= 5"},
    {"session.messages", POLICY_TYPE_NUMBER, POLICY_STAGE_COMMAND, false, AT(session_messages),
     "messages that the server has taken",
     "session.messages >= 100"},
    {"tls", POLICY_TYPE_FLAG, POLICY_STAGE_COMMAND, false, AT(tls),
     "the session is encrypted, and the gateway ends the encryption",
     "not tls and verb = AUTH"},
    {"tls.cipher", POLICY_TYPE_TEXT, POLICY_STAGE_COMMAND, false, AT(tls_cipher),
     "its cipher",
     "tls.cipher ~ \"CBC\""},
    {"tls.client", POLICY_TYPE_TEXT, POLICY_STAGE_COMMAND, false, AT(tls_client),
     "the subject of the client's certificate; empty without one",
     "tls.client = \"\""},
    {"tls.sni", POLICY_TYPE_TEXT, POLICY_STAGE_COMMAND, false, AT(tls_sni),
     "the server name that the client asked for",
     "tls.sni != \"mx.example.net\""},
    {"tls.version", POLICY_TYPE_TEXT, POLICY_STAGE_COMMAND, false, AT(tls_version),
     "its version: TLSv1.2, TLSv1.3",
     "tls.version = TLSv1.2"},
    {"auth", POLICY_TYPE_FLAG, POLICY_STAGE_COMMAND, false, AT(auth),
     "the client has authenticated",
     "verb = MAIL and not auth"},
    {"auth.failures", POLICY_TYPE_NUMBER, POLICY_STAGE_COMMAND, false, AT(auth_failures),
     "attempts to authenticate that the server refused",
     "auth.failures >= 3"},

    /* a command */
    {"verb", POLICY_TYPE_TEXT, POLICY_STAGE_COMMAND, false, AT(verb),
     "the command's first word; in capitals where it is a known one",
     "verb = VRFY"},
    {"command.length", POLICY_TYPE_SIZE, POLICY_STAGE_COMMAND, false, AT(command_length),
     "octets of the command's line with its CRLF",
     "command.length > 512"},
    {"command.line", POLICY_TYPE_TEXT, POLICY_STAGE_COMMAND, false, AT(command_line),
     "the line without its CRLF",
     "command.line ~ \"[^ -~]\""},
    {"command.sequence", POLICY_TYPE_FLAG, POLICY_STAGE_COMMAND, false, AT(command_sequence),
     "the command is out of sequence, as far as that is certain",
     "command.sequence"},
    {"command.syntax", POLICY_TYPE_FLAG, POLICY_STAGE_COMMAND, false, AT(command_syntax),
     "its arguments are malformed",
     "command.syntax"},
    {"command.unknown", POLICY_TYPE_FLAG, POLICY_STAGE_COMMAND, false, AT(command_unknown),
     "its verb is not a known one",
     "command.unknown"},

    /* HELO, EHLO */
    {"esmtp", POLICY_TYPE_FLAG, POLICY_STAGE_HELO, false, AT(esmtp),
     "the client said EHLO",
     "not esmtp"},
    {"helo", POLICY_TYPE_TEXT, POLICY_STAGE_HELO, false, AT(helo),
     "the argument of HELO or EHLO",
     "helo = localhost"},
    {"helo.literal", POLICY_TYPE_FLAG, POLICY_STAGE_HELO, false, AT(helo_literal),
     "it is an address in brackets",
     "helo.literal"},
    {"helo.syntax", POLICY_TYPE_FLAG, POLICY_STAGE_HELO, false, AT(helo_syntax),
     "it is neither a domain name nor an address in brackets",
     "helo.syntax"},

    /* AUTH */
    {"auth.mechanism", POLICY_TYPE_TEXT, POLICY_STAGE_AUTH, false, AT(auth_mechanism),
     "the mechanism of AUTH, in capitals",
     "auth.mechanism = LOGIN and not tls"},

    /* MAIL */
    {"mail.auth", POLICY_TYPE_TEXT, POLICY_STAGE_MAIL, false, AT(mail_auth),
     "its parameter AUTH=",
     "mail.auth != \"\""},
    {"mail.body", POLICY_TYPE_TEXT, POLICY_STAGE_MAIL, false, AT(mail_body),
     "its parameter BODY=",
     "mail.body = BINARYMIME"},
    {"mail.domain", POLICY_TYPE_TEXT, POLICY_STAGE_MAIL, false, AT(mail_domain),
     "the domain of the sender's address",
     "mail.domain in blocked"},
    {"mail.envid", POLICY_TYPE_TEXT, POLICY_STAGE_MAIL, false, AT(mail_envid),
     "its parameter ENVID=",
     "mail.envid ~ \"[^!-~]\""},
    {"mail.from", POLICY_TYPE_TEXT, POLICY_STAGE_MAIL, false, AT(mail_from),
     "the sender's address; empty for <>",
     "mail.from ~ \"@spam\\.example$\"i"},
    {"mail.length", POLICY_TYPE_SIZE, POLICY_STAGE_MAIL, false, AT(mail_length),
     "octets of the sender's address",
     "mail.length > 320"},
    {"mail.local", POLICY_TYPE_TEXT, POLICY_STAGE_MAIL, false, AT(mail_local),
     "its local part",
     "mail.local = root"},
    {"mail.requiretls", POLICY_TYPE_FLAG, POLICY_STAGE_MAIL, false, AT(mail_requiretls),
     "its parameter REQUIRETLS is there",
     "mail.requiretls"},
    {"mail.ret", POLICY_TYPE_TEXT, POLICY_STAGE_MAIL, false, AT(mail_ret),
     "its parameter RET=",
     "mail.ret = FULL"},
    {"mail.route", POLICY_TYPE_FLAG, POLICY_STAGE_MAIL, false, AT(mail_route),
     "the sender's address has a source route",
     "mail.route"},
    {"mail.size", POLICY_TYPE_SIZE, POLICY_STAGE_MAIL, false, AT(mail_size),
     "its parameter SIZE=; 0 where there is none",
     "mail.size > 50M"},
    {"mail.smtputf8", POLICY_TYPE_FLAG, POLICY_STAGE_MAIL, false, AT(mail_smtputf8),
     "its parameter SMTPUTF8 is there",
     "mail.smtputf8"},
    {"mail.special", POLICY_TYPE_FLAG, POLICY_STAGE_MAIL, false, AT(mail_special),
     "the sender's address has characters that shells or old mailers act on",
     "mail.special"},

    /* RCPT */
    {"rcpt.count", POLICY_TYPE_NUMBER, POLICY_STAGE_RCPT, false, AT(rcpt_count),
     "RCPT commands of this transaction, this one counted",
     "rcpt.count > 100"},
    {"rcpt.domain", POLICY_TYPE_TEXT, POLICY_STAGE_RCPT, true, AT(rcpt_domain),
     "the domain of the recipient's address",
     "rcpt.domain not in ours"},
    {"rcpt.domain.count", POLICY_TYPE_NUMBER, POLICY_STAGE_RCPT, true, AT(rcpt_domain_count),
     "recipients of this transaction in this recipient's domain, this one counted",
     "rcpt.domain.count > 20"},
    {"rcpt.length", POLICY_TYPE_SIZE, POLICY_STAGE_RCPT, true, AT(rcpt_length),
     "octets of the recipient's address",
     "rcpt.length > 320"},
    {"rcpt.local", POLICY_TYPE_TEXT, POLICY_STAGE_RCPT, true, AT(rcpt_local),
     "its local part",
     "rcpt.local = postmaster"},
    {"rcpt.notify", POLICY_TYPE_TEXT, POLICY_STAGE_RCPT, true, AT(rcpt_notify),
     "its parameter NOTIFY=",
     "rcpt.notify ~ \"SUCCESS\"i"},
    {"rcpt.orcpt", POLICY_TYPE_TEXT, POLICY_STAGE_RCPT, true, AT(rcpt_orcpt),
     "its parameter ORCPT=",
     "rcpt.orcpt != \"\""},
    {"rcpt.percent", POLICY_TYPE_FLAG, POLICY_STAGE_RCPT, true, AT(rcpt_percent),
     "the local part has a % or !, which old mailers relay by",
     "rcpt.percent"},
    {"rcpt.quoted", POLICY_TYPE_FLAG, POLICY_STAGE_RCPT, true, AT(rcpt_quoted),
     "the local part stands in quotes",
     "rcpt.quoted"},
    {"rcpt.rejected", POLICY_TYPE_NUMBER, POLICY_STAGE_RCPT, false, AT(rcpt_rejected),
     "recipients of this transaction that the server has refused",
     "rcpt.rejected > 10"},
    {"rcpt.route", POLICY_TYPE_FLAG, POLICY_STAGE_RCPT, true, AT(rcpt_route),
     "the recipient's address has a source route",
     "rcpt.route"},
    {"rcpt.special", POLICY_TYPE_FLAG, POLICY_STAGE_RCPT, true, AT(rcpt_special),
     "the recipient's address has characters that shells or old mailers act on",
     "rcpt.special"},
    {"rcpt.to", POLICY_TYPE_TEXT, POLICY_STAGE_RCPT, true, AT(rcpt_to),
     "the recipient's address",
     "rcpt.to = \"abuse@example.net\""},

    /* the message's header */
    {"header", POLICY_TYPE_HEADER, POLICY_STAGE_HEADER, false, AT(headers),
     "the value of a header field of that name, unfolded; of each where there are several",
     "header(\"Subject\") ~ \"viagra\"i"},
    {"header.count", POLICY_TYPE_NUMBER, POLICY_STAGE_HEADER, false, AT(header_count),
     "header fields",
     "header.count > 500"},
    {"header.field.length", POLICY_TYPE_SIZE, POLICY_STAGE_HEADER, false, AT(header_field_length),
     "octets of the longest header field, its folded lines together",
     "header.field.length > 16K"},
    {"header.length", POLICY_TYPE_SIZE, POLICY_STAGE_HEADER, false, AT(header_length),
     "octets of the header",
     "header.length > 64K"},
    {"header.line.length", POLICY_TYPE_SIZE, POLICY_STAGE_HEADER, false, AT(header_line_length),
     "octets of the header's longest line",
     "header.line.length > 998"},
    {"header.received", POLICY_TYPE_NUMBER, POLICY_STAGE_HEADER, false, AT(header_received),
     "Received fields",
     "header.received > 50"},
    {"header.to.count", POLICY_TYPE_NUMBER, POLICY_STAGE_HEADER, false, AT(header_to_count),
     "addresses in To and Cc",
     "header.to.count > 200"},

    /* a part of the message; the message itself is the first */
    {"attachment.count", POLICY_TYPE_NUMBER, POLICY_STAGE_PART, false, AT(attachment_count),
     "attachments so far, this one counted",
     "attachment.count > 20"},
    {"attachment.extension", POLICY_TYPE_TEXT, POLICY_STAGE_PART, true, AT(attachment_extension),
     "the extension of the attachment's name, in small letters and without dot",
     "attachment.extension in dangerous"},
    {"attachment.length", POLICY_TYPE_SIZE, POLICY_STAGE_PART, true, AT(attachment_length),
     "octets of its name",
     "attachment.length > 255"},
    {"attachment.name", POLICY_TYPE_TEXT, POLICY_STAGE_PART, true, AT(attachment_name),
     "the attachment's name, decoded; empty where the part has none",
     "attachment.name ~ \"\\.(exe|scr)$\"i"},
    {"mime.depth", POLICY_TYPE_NUMBER, POLICY_STAGE_PART, true, AT(mime_depth),
     "parts that this one is within",
     "mime.depth > 10"},
    {"mime.encoding", POLICY_TYPE_TEXT, POLICY_STAGE_PART, true, AT(mime_encoding),
     "the part's transfer encoding: 7bit, base64",
     "mime.encoding = binary"},
    {"mime.parts", POLICY_TYPE_NUMBER, POLICY_STAGE_PART, false, AT(mime_parts),
     "parts so far that have no parts of their own, this one counted",
     "mime.parts > 500"},
    {"mime.type", POLICY_TYPE_TEXT, POLICY_STAGE_PART, true, AT(mime_type),
     "the part's type, in small letters",
     "mime.type = \"application/x-msdownload\""},

    /* the message as a whole */
    {"body.8bit", POLICY_TYPE_FLAG, POLICY_STAGE_MESSAGE, false, AT(body_8bit),
     "an octet above 127 was in it",
     "body.8bit and mail.body = 7BIT"},
    {"body.bare.cr", POLICY_TYPE_FLAG, POLICY_STAGE_MESSAGE, false, AT(body_bare_cr),
     "a CR without LF was in it",
     "body.bare.cr"},
    {"body.bare.lf", POLICY_TYPE_FLAG, POLICY_STAGE_MESSAGE, false, AT(body_bare_lf),
     "an LF without CR was in it",
     "body.bare.lf"},
    {"body.length", POLICY_TYPE_SIZE, POLICY_STAGE_MESSAGE, false, AT(body_length),
     "octets behind the header",
     "body.length = 0"},
    {"body.line.length", POLICY_TYPE_SIZE, POLICY_STAGE_MESSAGE, false, AT(body_line_length),
     "octets of the longest line behind the header",
     "body.line.length > 998"},
    {"body.nul", POLICY_TYPE_FLAG, POLICY_STAGE_MESSAGE, false, AT(body_nul),
     "a NUL was in it",
     "body.nul"},
    {"message.size", POLICY_TYPE_SIZE, POLICY_STAGE_MESSAGE, false, AT(message_size),
     "octets of the message",
     "message.size > 25M"},
    {"mime.anomaly", POLICY_TYPE_TEXT, POLICY_STAGE_MESSAGE, false, AT(mime_anomaly),
     "what breaks MIME's grammar: names, separated by blanks",
     "mime.anomaly ~ \"boundary\""},
    {"mime.malformed", POLICY_TYPE_FLAG, POLICY_STAGE_MESSAGE, false, AT(mime_malformed),
     "anything breaks MIME's grammar",
     "mime.malformed"},

    /* the server */
    {"greeting", POLICY_TYPE_TEXT, POLICY_STAGE_GREETING, false, AT(greeting),
     "the server's greeting: its first line without the code",
     "greeting ~ \"Exchange\"i"},
    {"offer", POLICY_TYPE_TEXT, POLICY_STAGE_OFFER, false, AT(offer),
     "a line of the server's EHLO reply without the code",
     "offer ~ \"^AUTH.* LOGIN\"i"},
    {"offer.keyword", POLICY_TYPE_TEXT, POLICY_STAGE_OFFER, false, AT(offer_keyword),
     "the keyword of that line",
     "offer.keyword = STARTTLS"},
    {"reply.code", POLICY_TYPE_NUMBER, POLICY_STAGE_REPLY, false, AT(reply_code),
     "the code of the server's reply",
     "reply.code = 550"},
    {"reply.enhanced", POLICY_TYPE_TEXT, POLICY_STAGE_REPLY, false, AT(reply_enhanced),
     "its enhanced code",
     "reply.enhanced = 5.7.1"},
    {"reply.text", POLICY_TYPE_TEXT, POLICY_STAGE_REPLY, false, AT(reply_text),
     "the text of its first line, without codes",
     "reply.text ~ \"blocked\"i"},

    {.name = NULL},
};
/* clang-format on */

const char *const policy_stage_words[] = {
    [POLICY_STAGE_CONNECT] = "connect",   [POLICY_STAGE_COMMAND] = "command",
    [POLICY_STAGE_HELO] = "helo",         [POLICY_STAGE_AUTH] = "auth",
    [POLICY_STAGE_MAIL] = "mail",         [POLICY_STAGE_RCPT] = "rcpt",
    [POLICY_STAGE_DATA] = "data",         [POLICY_STAGE_HEADER] = "header",
    [POLICY_STAGE_PART] = "part",         [POLICY_STAGE_MESSAGE] = "message",
    [POLICY_STAGE_GREETING] = "greeting", [POLICY_STAGE_OFFER] = "offer",
    [POLICY_STAGE_REPLY] = "reply",       [POLICY_STAGES] = NULL,
};

const char *const policy_type_words[] = {
    [POLICY_TYPE_FLAG] = "flag", [POLICY_TYPE_NUMBER] = "number",   [POLICY_TYPE_SIZE] = "size",
    [POLICY_TYPE_TEXT] = "text", [POLICY_TYPE_ADDRESS] = "address", [POLICY_TYPE_HEADER] = "header",
    [POLICY_TYPES] = NULL,
};

const char *const policy_type_operators[] = {
    [POLICY_TYPE_FLAG] = "",
    [POLICY_TYPE_NUMBER] = "= != < <= > >=",
    [POLICY_TYPE_SIZE] = "= != < <= > >=",
    [POLICY_TYPE_TEXT] = "= != ~ !~ in",
    [POLICY_TYPE_ADDRESS] = "= != in",
    [POLICY_TYPE_HEADER] = "= != ~ !~ in",
    [POLICY_TYPES] = NULL,
};

const struct policy_field *policy_field_find(struct span name)
{
    for (const struct policy_field *field = policy_fields; field->name != NULL; field++) {
        if (span_equal_nocase(name, span_str(field->name))) {
            return field;
        }
    }
    return NULL;
}

const struct policy_field *policy_field_nearest(struct span name)
{
    const struct policy_field *best = policy_fields;
    size_t distance = SIZE_MAX;

    for (const struct policy_field *field = policy_fields; field->name != NULL; field++) {
        size_t d = span_distance(name, span_str(field->name));
        if (d < distance) {
            distance = d;
            best = field;
        }
    }
    return best;
}

#define BIT(stage) (1u << (POLICY_STAGE_##stage))

/* Is it made of the recipient's address alone? */
static bool is_of_recipient(const struct policy_field *field)
{
    static const uint16_t of[] = {AT(rcpt_domain),  AT(rcpt_length), AT(rcpt_local),
                                  AT(rcpt_percent), AT(rcpt_quoted), AT(rcpt_special),
                                  AT(rcpt_to)};

    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        if (field->offset == of[i]) {
            return true;
        }
    }
    return false;
}

uint16_t policy_field_stages(const struct policy_field *field)
{
    enum {
        MESSAGE = BIT(MESSAGE),
        PART = BIT(PART) | MESSAGE,
        HEADER = BIT(HEADER) | PART,
        DATA = BIT(DATA) | HEADER,
        RCPT = BIT(RCPT) | DATA | BIT(REPLY),
        MAIL = BIT(MAIL) | RCPT,
        AUTH = BIT(AUTH) | MAIL,
        HELO = BIT(HELO) | AUTH | BIT(OFFER),
        COMMAND = BIT(COMMAND) | HELO,
        CONNECT = BIT(CONNECT) | COMMAND | BIT(GREETING),
    };
    static const uint16_t known[POLICY_STAGES] = {
        [POLICY_STAGE_CONNECT] = CONNECT,
        [POLICY_STAGE_COMMAND] = COMMAND,
        [POLICY_STAGE_HELO] = HELO,
        [POLICY_STAGE_AUTH] = AUTH,
        [POLICY_STAGE_MAIL] = MAIL,
        [POLICY_STAGE_RCPT] = RCPT,
        [POLICY_STAGE_DATA] = DATA,
        [POLICY_STAGE_HEADER] = HEADER,
        [POLICY_STAGE_PART] = PART,
        [POLICY_STAGE_MESSAGE] = MESSAGE,
        [POLICY_STAGE_GREETING] = BIT(GREETING),
        [POLICY_STAGE_OFFER] = BIT(OFFER),
        [POLICY_STAGE_REPLY] = BIT(REPLY),
    };
    /* A reply answers one recipient, of which the address is kept, and the message goes to all of
     * them. */
    unsigned own = 1u << field->stage | (is_of_recipient(field) ? BIT(REPLY) : 0);

    return field->each ? (uint16_t)(known[field->stage] & own) : known[field->stage];
}

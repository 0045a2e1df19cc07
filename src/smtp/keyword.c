/*
 * The table of EHLO keywords (IANA "SMTP Service Extensions", as of 2025, then those that are not
 * registered) and the table of the parameters that they bring to MAIL and RCPT.
 */
#include "smtp/keyword.h"

#define ROW(id, word, source, what, ...)                                                           \
    [SMTP_KEYWORD_##id] = {.name = {(const unsigned char *)(word), sizeof(word) - 1},              \
                           .rfc = (source),                                                        \
                           .about = (what),                                                        \
                           __VA_ARGS__}

static const struct smtp_keyword_info keywords[] = {
    ROW(UNKNOWN, "", "", "a keyword that is not known"),
    ROW(8BITMIME, "8BITMIME", "RFC 6152", "bodies with octets above 127", .mail = 17),
    ROW(ATRN, "ATRN", "RFC 2645", "authenticated change of roles"),
    ROW(AUTH, "AUTH", "RFC 4954", "authentication", .mail = 500),
    ROW(BINARYMIME, "BINARYMIME", "RFC 3030", "bodies without line structure"),
    ROW(BURL, "BURL", "RFC 4468", "submission by reference"),
    ROW(CHECKPOINT, "CHECKPOINT", "RFC 1845", "restart of a broken transaction"),
    ROW(CHUNKING, "CHUNKING", "RFC 3030", "bodies in chunks of announced size"),
    ROW(CONNEG, "CONNEG", "RFC 4141", "negotiation of content", .rcpt = 7),
    ROW(CONPERM, "CONPERM", "RFC 4141", "permission to convert content", .mail = 8),
    ROW(DELIVERBY, "DELIVERBY", "RFC 2852", "delivery by a deadline", .mail = 17),
    ROW(DSN, "DSN", "RFC 3461", "delivery status notifications", .mail = 107, .rcpt = 500),
    ROW(ENHANCEDSTATUSCODES, "ENHANCEDSTATUSCODES", "RFC 2034", "enhanced status codes"),
    ROW(ETRN, "ETRN", "RFC 1985", "remote start of a queue"),
    ROW(EXPN, "EXPN", "RFC 5321", "expansion of mailing lists"),
    ROW(FUTURERELEASE, "FUTURERELEASE", "RFC 4865", "delivery not before a time", .mail = 34),
    ROW(HELP, "HELP", "RFC 5321", "help texts"),
    ROW(LIMITS, "LIMITS", "RFC 9422", "announcement of the server's limits"),
    ROW(MT_PRIORITY, "MT-PRIORITY", "RFC 6710", "priorities of messages", .mail = 15),
    ROW(MTRK, "MTRK", "RFC 3885", "message tracking", .mail = 40),
    ROW(NO_SOLICITING, "NO-SOLICITING", "RFC 3865", "marks of solicitation", .mail = 1007),
    ROW(ONEX, "ONEX", "sendmail", "single transaction"),
    ROW(PIPELINING, "PIPELINING", "RFC 2920", "commands in groups"),
    ROW(REQUIRETLS, "REQUIRETLS", "RFC 8689", "TLS required on the whole path", .mail = 11),
    ROW(RRVS, "RRVS", "RFC 7293", "only if the recipient is still the same", .rcpt = 33),
    ROW(SAML, "SAML", "RFC 821", "delivery to terminal and mailbox"),
    ROW(SEND, "SEND", "RFC 821", "delivery to a terminal"),
    ROW(SIZE, "SIZE", "RFC 1870", "announcement of message sizes", .mail = 26),
    ROW(SMTPUTF8, "SMTPUTF8", "RFC 6531", "addresses and headers in UTF-8", .mail = 10),
    ROW(SOML, "SOML", "RFC 821", "delivery to terminal or mailbox"),
    ROW(STARTTLS, "STARTTLS", "RFC 3207", "encryption"),
    ROW(SUBMITTER, "SUBMITTER", "RFC 4405", "responsible submitter", .mail = 266),
    ROW(TURN, "TURN", "RFC 821", "change of roles"),
    ROW(UTF8SMTP, "UTF8SMTP", "RFC 5336", "addresses in UTF-8, experimental"),
    ROW(VERB, "VERB", "sendmail", "verbose replies"),
    ROW(VRFY, "VRFY", "RFC 5321", "verification of users"),
    ROW(PIPECONNECT, "PIPECONNECT", "Exim", "commands before the greeting"),
    ROW(PRDR, "PRDR", "Exim", "a reply for each recipient after the body", .mail = 5),
    ROW(XVERP, "XVERP", "Postfix VERP_README", "variable envelope return paths", .mail = 9),
    ROW(XCLIENT, "XCLIENT", "Postfix XCLIENT_README", "replacing the client's identity"),
    ROW(XFORWARD, "XFORWARD", "Postfix XFORWARD_README", "telling the original client"),
    ROW(X_EXPS, "X-EXPS", "Exchange", "authentication between Exchange servers"),
    ROW(XEXCH50, "XEXCH50", "MS-XEXCH50", "properties between Exchange servers"),
    ROW(X_LINK2STATE, "X-LINK2STATE", "Exchange", "routing state between Exchange servers"),
    ROW(X_ANONYMOUSTLS, "X-ANONYMOUSTLS", "Exchange", "encryption between Exchange servers"),
    ROW(X_RCPTLIMIT, "X-RCPTLIMIT", "Sun Messaging Server", "announcement of a recipient limit"),
    ROW(XRDST, "XRDST", "Exchange", "routing destination between Exchange servers"),
    ROW(XSHADOW, "XSHADOW", "Exchange", "mirroring between Exchange servers"),
    ROW(XPROXY, "XPROXY", "Exchange", "proxying between Exchange servers"),
    ROW(XOORG, "XOORG", "Exchange", "originator's organisation"),
    ROW(XADR, "XADR", "Sun Messaging Server", "routing of addresses"),
    ROW(XSTA, "XSTA", "Sun Messaging Server", "status"),
    ROW(XCIR, "XCIR", "Sun Messaging Server", "circuits"),
    ROW(XGEN, "XGEN", "Sun Messaging Server", "channel state"),
    ROW(XUSR, "XUSR", "sendmail", "initial submission"),
};
_Static_assert(sizeof(keywords) / sizeof(keywords[0]) == SMTP_KEYWORDS, "a row for every keyword");

/* The parameters of MAIL and RCPT (IANA "SMTP Service Extension Parameters"). BODY stands for its
 * values 7BIT and 8BITMIME; smtp_param_keyword() knows BINARYMIME. */
static const struct {
    struct span name;
    bool mail, rcpt;
    enum smtp_keyword keyword;
} params[] = {
#define PARAM(word, in_mail, in_rcpt, announced)                                                   \
    {                                                                                              \
        {(const unsigned char *)(word), sizeof(word) - 1}, in_mail, in_rcpt,                       \
            SMTP_KEYWORD_##announced                                                               \
    }
    PARAM("SIZE", true, false, SIZE),
    PARAM("BODY", true, false, 8BITMIME),
    PARAM("SMTPUTF8", true, false, SMTPUTF8),
    PARAM("RET", true, false, DSN),
    PARAM("ENVID", true, false, DSN),
    PARAM("NOTIFY", false, true, DSN),
    PARAM("ORCPT", false, true, DSN),
    PARAM("AUTH", true, false, AUTH),
    PARAM("REQUIRETLS", true, false, REQUIRETLS),
    PARAM("BY", true, false, DELIVERBY),
    PARAM("HOLDFOR", true, false, FUTURERELEASE),
    PARAM("HOLDUNTIL", true, false, FUTURERELEASE),
    PARAM("MT-PRIORITY", true, false, MT_PRIORITY),
    PARAM("MTRK", true, false, MTRK),
    PARAM("SOLICIT", true, false, NO_SOLICITING),
    PARAM("SUBMITTER", true, false, SUBMITTER),
    PARAM("RRVS", false, true, RRVS),
    PARAM("CONPERM", true, false, CONPERM),
    PARAM("CONNEG", false, true, CONNEG),
    PARAM("TRANSID", true, false, CHECKPOINT),
    PARAM("ALT-ADDRESS", true, true, UTF8SMTP),
    PARAM("PRDR", true, false, PRDR),
    PARAM("XVERP", true, false, XVERP),
    PARAM("XOORG", true, false, XOORG),
    PARAM("XRDST", false, true, XRDST),
    PARAM("XSHADOW", true, false, XSHADOW),
#undef PARAM
};

const struct smtp_keyword_info *smtp_keyword_info(enum smtp_keyword keyword)
{
    return &keywords[keyword];
}

enum smtp_keyword smtp_keyword_find(struct span word)
{
    for (unsigned k = SMTP_KEYWORD_FIRST; k < SMTP_KEYWORDS; k++) {
        if (span_equal_nocase(word, keywords[k].name)) {
            return (enum smtp_keyword)k;
        }
    }
    /* The names under which Exim announced PIPECONNECT before it settled. */
    if (span_equal_nocase(word, SPAN("X_PIPE_CONNECT")) ||
        span_equal_nocase(word, SPAN("PIPE_CONNECT"))) {
        return SMTP_KEYWORD_PIPECONNECT;
    }
    return SMTP_KEYWORD_UNKNOWN;
}

enum smtp_keyword smtp_keyword_of_line(struct span text)
{
    struct span word = span_word(&text);
    return smtp_keyword_find(span_head(word, span_find(word, '=')));
}

enum smtp_keyword smtp_keyword_nearest(struct span word)
{
    enum smtp_keyword best = SMTP_KEYWORD_FIRST;

    for (unsigned k = SMTP_KEYWORD_FIRST; k < SMTP_KEYWORDS; k++) {
        if (span_distance(word, keywords[k].name) < span_distance(word, keywords[best].name)) {
            best = (enum smtp_keyword)k;
        }
    }
    return best;
}

/* esmtp-param   = esmtp-keyword ["=" esmtp-value]
 * esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
 * esmtp-value   = 1*(%d33-60 / %d62-126)       any visible character but "="
 * RFC 6531 section 3.3 adds UTF-8 to the value. Since RFC 4954 and RFC 3461 values are xtext, which
 * excludes "=" too, and servers accept "=" in base64 mail (AUTH=), it is accepted here. */
int smtp_param_next(struct span *rest, struct smtp_param *param_r)
{
    struct span word = span_word(rest);

    if (word.len == 0) {
        return 0;
    }
    size_t equals = span_find(word, '=');
    param_r->name = span_head(word, equals);
    param_r->value = span_of(NULL, 0);
    if (equals < word.len) {
        param_r->value = span_from(word, equals + 1);
    }
    for (size_t i = 0; i < param_r->name.len; i++) {
        unsigned char c = param_r->name.ptr[i];
        if (!ascii_is_alnum(c) && (c != '-' || i == 0)) {
            param_r->name = word;
            return -1;
        }
    }
    if (param_r->name.len == 0 || (equals < word.len && param_r->value.len == 0)) {
        param_r->name = word;
        return -1;
    }
    return 1;
}

enum smtp_keyword smtp_param_keyword(const struct smtp_param *param, bool rcpt)
{
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        if ((rcpt ? params[i].rcpt : params[i].mail) &&
            span_equal_nocase(param->name, params[i].name)) {
            bool binary = params[i].keyword == SMTP_KEYWORD_8BITMIME &&
                          span_equal_nocase(param->value, SPAN("BINARYMIME"));
            return binary ? SMTP_KEYWORD_BINARYMIME : params[i].keyword;
        }
    }
    return SMTP_KEYWORD_UNKNOWN;
}

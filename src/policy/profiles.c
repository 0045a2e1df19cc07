/*
 * The profiles (design section 5; docs/profiles.md has what each does on the wire).
 *
 * Written as code that makes a policy, and not as configuration text that is parsed at start-up:
 * this layer has no parser, and a profile that does not compile should not compile.
 * `ehlogate profiles` prints each as text, and a test reads that text back.
 */
#include "policy/policy.h"

struct words {
    const uint8_t *list;
    unsigned count;
};
#define WORDS(...)                                                                                 \
    (struct words)                                                                                 \
    {                                                                                              \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                     \
    }

/* The minimum implementation of RFC 821 section 4.5.1, which is also all that a PIX lets pass. */
#define SEVEN                                                                                      \
    SMTP_VERB_HELO, SMTP_VERB_MAIL, SMTP_VERB_RCPT, SMTP_VERB_DATA, SMTP_VERB_RSET,                \
        SMTP_VERB_NOOP, SMTP_VERB_QUIT

static void set_others(uint8_t *table, unsigned words, uint8_t treatment)
{
    memset(table, treatment, words);
}

static void set_words(uint8_t *table, struct words words, uint8_t treatment)
{
    for (unsigned i = 0; i < words.count; i++) {
        table[words.list[i]] = treatment;
    }
}

static void set_numbers(struct policy *p)
{
    for (const struct policy_number_info *i = policy_limit_infos; i->name != NULL; i++) {
        policy_number_set(i, &p->limits, i->standard);
    }
    for (const struct policy_number_info *i = policy_timeout_infos; i->name != NULL; i++) {
        policy_number_set(i, &p->timeouts, i->standard);
    }
}

/* What all profiles but `observe` have: strict framing, since the others are there to protect and
 * a smuggled message passes every other protection. A long line is only logged: no server mistakes
 * it for the end of a message, and much honest mail has them. */
static void make_common(struct policy *p)
{
    set_numbers(p);
    policy_set_framing(p, SMTP_BODY_BARE_CR, POLICY_FRAMING_REFUSE);
    policy_set_framing(p, SMTP_BODY_BARE_LF, POLICY_FRAMING_REFUSE);
    policy_set_framing(p, SMTP_BODY_NUL, POLICY_FRAMING_REFUSE);
    policy_set_framing(p, SMTP_BODY_LONG_LINE, POLICY_FRAMING_LOG);
}

static void make_observe(struct policy *p)
{
    make_common(p);
    p->banner = POLICY_BANNER_PASS;
    p->ehlo = POLICY_EHLO_PASS;
    p->starttls = POLICY_STARTTLS_PASS;
    p->verbatim = true;
    set_others(p->command, SMTP_VERB_WORDS, POLICY_COMMAND_ALLOW);
    set_others(p->keyword, SMTP_KEYWORDS, POLICY_KEYWORD_ALLOW);
    policy_set_framing(p, SMTP_BODY_BARE_CR, POLICY_FRAMING_LOG);
    policy_set_framing(p, SMTP_BODY_BARE_LF, POLICY_FRAMING_LOG);
    policy_set_framing(p, SMTP_BODY_NUL, POLICY_FRAMING_LOG);

    /* No limit of ours may be met before one of the client's or the server's. */
    p->limits.command_line = 32768;
    p->limits.auth_line = 32768;
    p->limits.reply_line = 4096;
    p->limits.reply_lines = 10000;
    p->limits.recipients = 0;
    p->limits.errors = 0;
    p->timeouts.connect = 30 * 1000;
    p->timeouts.greeting = 3600 * 1000;
    p->timeouts.command = 3600 * 1000;
    p->timeouts.reply = 3600 * 1000;
    p->timeouts.data_block = 3600 * 1000;
    p->timeouts.data_end = 3600 * 1000;
}

/* Keywords beside those allowed here are hidden, since what they stand for is refused below (ATRN,
 * ETRN, EXPN, ONEX, SAML, SEND, SOML, TURN, VERB, VRFY), is not carried by this gateway
 * (CHECKPOINT, PIPECONNECT: both change who speaks when; PRDR: one reply a recipient behind the
 * final dot; UTF8SMTP: the experiment before SMTPUTF8), lets the server fetch what the sender names
 * (BURL), or is a private matter between servers that trust each other (XCLIENT, X-EXPS, …). */
static void make_esmtp(struct policy *p)
{
    make_common(p);
    p->banner = POLICY_BANNER_HIDE;
    p->ehlo = POLICY_EHLO_PASS;
    p->starttls = POLICY_STARTTLS_PASS;
    p->checks = POLICY_CHECK_SEQUENCE | POLICY_CHECK_PIPELINING | POLICY_CHECK_PARAMETERS |
                POLICY_CHECK_SYNTAX;
    set_others(p->command, SMTP_VERB_WORDS, POLICY_COMMAND_REFUSE);
    set_words(p->command,
              WORDS(SEVEN, SMTP_VERB_EHLO, SMTP_VERB_BDAT, SMTP_VERB_HELP, SMTP_VERB_AUTH,
                    SMTP_VERB_STARTTLS),
              POLICY_COMMAND_ALLOW);
    /* A browser that was talked into posting to port 25 must not get as far as a second line. */
    set_words(p->command, WORDS(SMTP_VERB_GET, SMTP_VERB_POST, SMTP_VERB_CONNECT),
              POLICY_COMMAND_DROP);
    set_others(p->keyword, SMTP_KEYWORDS, POLICY_KEYWORD_HIDE);
    set_words(p->keyword,
              WORDS(SMTP_KEYWORD_8BITMIME, SMTP_KEYWORD_AUTH, SMTP_KEYWORD_BINARYMIME,
                    SMTP_KEYWORD_CHUNKING, SMTP_KEYWORD_CONNEG, SMTP_KEYWORD_CONPERM,
                    SMTP_KEYWORD_DELIVERBY, SMTP_KEYWORD_DSN, SMTP_KEYWORD_ENHANCEDSTATUSCODES,
                    SMTP_KEYWORD_FUTURERELEASE, SMTP_KEYWORD_HELP, SMTP_KEYWORD_LIMITS,
                    SMTP_KEYWORD_MT_PRIORITY, SMTP_KEYWORD_MTRK, SMTP_KEYWORD_NO_SOLICITING,
                    SMTP_KEYWORD_PIPELINING, SMTP_KEYWORD_REQUIRETLS, SMTP_KEYWORD_RRVS,
                    SMTP_KEYWORD_SIZE, SMTP_KEYWORD_SMTPUTF8, SMTP_KEYWORD_STARTTLS,
                    SMTP_KEYWORD_SUBMITTER),
              POLICY_KEYWORD_ALLOW);
}

/* STARTTLS is hidden by name as well: it then needs two statements to open what the seven commands
 * close, and a mistake in one of them opens nothing. */
static void make_seven(struct policy *p, enum policy_command others)
{
    make_common(p);
    p->starttls = POLICY_STARTTLS_HIDE;
    set_others(p->command, SMTP_VERB_WORDS, (uint8_t)others);
    set_words(p->command, WORDS(SEVEN), POLICY_COMMAND_ALLOW);
    set_others(p->keyword, SMTP_KEYWORDS, POLICY_KEYWORD_HIDE);
}

static void make_rfc821(struct policy *p)
{
    make_seven(p, POLICY_COMMAND_REFUSE);
    p->banner = POLICY_BANNER_HOST;
    p->ehlo = POLICY_EHLO_REFUSE;
    p->checks = POLICY_CHECK_SEQUENCE | POLICY_CHECK_PIPELINING | POLICY_CHECK_PARAMETERS |
                POLICY_CHECK_SYNTAX;
}

/* The device leaves every check to the server: it cannot produce a reply of its own. */
static void make_pix_mailguard(struct policy *p)
{
    make_seven(p, POLICY_COMMAND_NOOP);
    p->banner = POLICY_BANNER_MASK;
    p->ehlo = POLICY_EHLO_PASS;
}

static void make_pix_mailguard_4_4(struct policy *p)
{
    make_pix_mailguard(p);
    p->banner = POLICY_BANNER_MASK_ALL;
}

/* The fifteen commands and the keywords that captures show in the clear. VRFY is a command that
 * passes and a keyword that is masked: the captures have it so. */
static void make_asa_esmtp(struct policy *p)
{
    make_common(p);
    p->banner = POLICY_BANNER_MASK_ALL;
    p->ehlo = POLICY_EHLO_PASS;
    p->starttls = POLICY_STARTTLS_HIDE;
    set_others(p->command, SMTP_VERB_WORDS, POLICY_COMMAND_MASK);
    set_words(p->command,
              WORDS(SEVEN, SMTP_VERB_AUTH, SMTP_VERB_EHLO, SMTP_VERB_ETRN, SMTP_VERB_HELP,
                    SMTP_VERB_SAML, SMTP_VERB_SEND, SMTP_VERB_SOML, SMTP_VERB_VRFY),
              POLICY_COMMAND_ALLOW);
    set_others(p->keyword, SMTP_KEYWORDS, POLICY_KEYWORD_MASK);
    set_words(p->keyword,
              WORDS(SMTP_KEYWORD_8BITMIME, SMTP_KEYWORD_AUTH, SMTP_KEYWORD_BINARYMIME,
                    SMTP_KEYWORD_DSN, SMTP_KEYWORD_ENHANCEDSTATUSCODES, SMTP_KEYWORD_ETRN,
                    SMTP_KEYWORD_PIPELINING, SMTP_KEYWORD_SIZE),
              POLICY_KEYWORD_ALLOW);
}

const struct policy_profile policy_profiles[] = {
    {"esmtp", "protection with ESMTP kept: the default", make_esmtp},
    {"observe", "alters nothing, logs what is irregular", make_observe},
    {"rfc821", "the seven commands of RFC 821 and no other", make_rfc821},
    {"pix-mailguard", "as a Cisco PIX 5.1 or later with fixup protocol smtp", make_pix_mailguard},
    {"pix-mailguard-4.4", "as a Cisco PIX 4.4: not a character of the banner is left",
     make_pix_mailguard_4_4},
    {"asa-esmtp", "as a Cisco ASA with the default map of inspect esmtp", make_asa_esmtp},
    {NULL, NULL, NULL},
};

const struct policy_profile *policy_profile_find(struct span name)
{
    for (const struct policy_profile *profile = policy_profiles; profile->name != NULL; profile++) {
        if (span_equal(name, span_str(profile->name))) {
            return profile;
        }
    }
    return NULL;
}

void policy_begin(struct policy *policy_r, const struct policy_profile *profile)
{
    memset(policy_r, 0, sizeof(*policy_r));
    policy_r->profile = profile->name;
    profile->make(policy_r);
}

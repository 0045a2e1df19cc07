/*
 * Headers: fields (RFC 5322 sections 2.2, 3.6 and 4.5), what is counted of the message's own, and
 * where a header ends.
 *
 *   field = name *WSP ":" value CRLF *(WSP value CRLF)        name = 1*(%d33-57 / %d59-126)
 *
 * A line that is none ends the header and belongs to the body, as mail servers have it. Some mail
 * readers go on with the header behind such a line; the anomaly is there for whoever minds. The
 * exception is mbox's "From " before a message's first field, which servers take off.
 */
#include "mail/private.h"

/* What is to be done with a field, and those that a header has once at most. */
enum known {
    KNOWN_NONE,
    KNOWN_CONTENT_TYPE,
    KNOWN_CONTENT_DISPOSITION,
    KNOWN_CONTENT_ENCODING,
    KNOWN_ADDRESSES, /* To, Cc */
    KNOWN_RECEIVED,
    KNOWN_ONCE,
};

struct known_field {
    struct span name;
    enum known known;
    bool once;
};

static const struct known_field known_fields[] = {
    {SPAN("Content-Type"), KNOWN_CONTENT_TYPE, true},
    {SPAN("Content-Disposition"), KNOWN_CONTENT_DISPOSITION, true},
    {SPAN("Content-Transfer-Encoding"), KNOWN_CONTENT_ENCODING, true},
    {SPAN("To"), KNOWN_ADDRESSES, true},
    {SPAN("Cc"), KNOWN_ADDRESSES, true},
    {SPAN("Received"), KNOWN_RECEIVED, false},
    {SPAN("MIME-Version"), KNOWN_ONCE, true},
    {SPAN("Content-ID"), KNOWN_ONCE, true},
    {SPAN("Content-Description"), KNOWN_ONCE, true},
    {SPAN("Date"), KNOWN_ONCE, true},
    {SPAN("From"), KNOWN_ONCE, true},
    {SPAN("Sender"), KNOWN_ONCE, true},
    {SPAN("Reply-To"), KNOWN_ONCE, true},
    {SPAN("Bcc"), KNOWN_ONCE, true},
    {SPAN("Message-ID"), KNOWN_ONCE, true},
    {SPAN("In-Reply-To"), KNOWN_ONCE, true},
    {SPAN("References"), KNOWN_ONCE, true},
    {SPAN("Subject"), KNOWN_ONCE, true},
};
enum { KNOWN_FIELDS = sizeof(known_fields) / sizeof(known_fields[0]) };
_Static_assert(KNOWN_FIELDS <= 32, "a bit for each");

/* KNOWN_FIELDS where it is none of them. */
static unsigned find_known(struct span name)
{
    unsigned i = 0;

    while (i < KNOWN_FIELDS && (known_fields[i].name.len != name.len ||
                                !span_begins_nocase(name, known_fields[i].name))) {
        i++;
    }
    return i;
}

static enum known known_of(unsigned index)
{
    return index < KNOWN_FIELDS ? known_fields[index].known : KNOWN_NONE;
}

/* How long the name is that a field's line begins with, and where its colon stands: behind it, and
 * behind blanks where the syntax is obsolete. False where the line is no field. */
static bool split(struct span line, uint32_t *name_len_r, uint32_t *colon_r)
{
    size_t len = 0;

    while (len < line.len && line.ptr[len] > ' ' && line.ptr[len] < 127 && line.ptr[len] != ':') {
        len++;
    }
    size_t colon = len;
    while (colon < line.len && ascii_is_blank(line.ptr[colon])) {
        colon++;
    }
    *name_len_r = (uint32_t)len;
    *colon_r = (uint32_t)colon;
    return len > 0 && colon < line.len && line.ptr[colon] == ':';
}

/* Count what a To or Cc says (RFC 5322 section 3.4): commas between addresses, not those in quoted
 * strings, comments and routes; "group: …;" is none by itself. */
static void count_octet(struct mail_addresses *a, unsigned char c)
{
    a->commas += c == ',' && a->commas < UINT32_MAX;
    if (a->escaped) {
        a->escaped = false;
    } else if (c == '\\') {
        a->escaped = true;
    } else if (a->quoted) {
        a->quoted = c != '"';
    } else if (a->comment > 0) {
        a->comment += c == '(' && a->comment < UINT32_MAX;
        a->comment -= c == ')';
    } else if (c == '(') {
        a->comment = 1;
    } else if (c == '>') {
        a->angle = false;
    } else if (a->angle) {
        return;
    } else if (c == ',' || c == ';') {
        a->count += a->something && a->count < UINT32_MAX;
        a->something = false;
    } else if (c == ':') {
        a->something = false;
    } else if (!ascii_is_blank(c) && c != '\r') {
        a->quoted = c == '"';
        a->angle = c == '<';
        a->something = true;
    }
}

static void count_addresses(struct mail_addresses *a, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        count_octet(a, s.ptr[i]);
    }
}

/* The field has ended. Where a quote or bracket in it was never closed, the commas behind that
 * count all the same. */
static uint32_t addresses_end(const struct mail_addresses *a)
{
    bool open = a->quoted || a->comment > 0 || a->angle;
    uint32_t count = open ? a->commas : a->count;

    return count + ((a->something || open) && count < UINT32_MAX);
}

void mail_header_begin(struct mail *mail, bool top, bool message)
{
    mail->in_header = true;
    mail->top = top;
    mail->message = message;
    mail->first = true;
    mail->field = mail->folded = false;
    mail->text.len = mail->names.len = 0;
    mail->part.encoding = MAIL_ENCODING_7BIT;
    mail->part.boundary_kind = MAIL_BOUNDARY_NONE;
    mail->part.attachment = false;
    mail->part.name_count = mail->part.type_len = mail->part.boundary_len = 0;
    mail->part.seen = 0;
}

static void judge_content(struct mail *mail, enum known known, struct span value, bool again)
{
    switch (known) {
    case KNOWN_CONTENT_TYPE:
        mail_content_type(mail, value, again);
        break;
    case KNOWN_CONTENT_DISPOSITION:
        mail_content_disposition(mail, value);
        break;
    case KNOWN_CONTENT_ENCODING:
        mail_content_encoding(mail, value, again);
        break;
    case KNOWN_NONE:
    case KNOWN_ADDRESSES:
    case KNOWN_RECEIVED:
    case KNOWN_ONCE:
        break;
    }
}

static void count_field(struct mail *mail, enum known known, struct span value)
{
    struct mail_counts *counts = &mail->counts;

    mail_bump(&counts->fields);
    mail_raise(&counts->header_field_max, mail->field_octets);
    if (known == KNOWN_RECEIVED) {
        mail_bump(&counts->received);
    }
    if (known == KNOWN_ADDRESSES) {
        if (!mail->field_long) {
            mail->addresses = (struct mail_addresses){0};
            count_addresses(&mail->addresses, value);
        }
        uint32_t more = addresses_end(&mail->addresses);
        counts->to_addresses +=
            more < UINT32_MAX - counts->to_addresses ? more : UINT32_MAX - counts->to_addresses;
    }
}

/* The field under way is complete. */
static void field_end(struct mail *mail)
{
    struct span text = mail_text_span(&mail->text);
    struct mail_event event = {.kind = MAIL_EVENT_FIELD, .top = mail->top};

    if (!mail->field) {
        return;
    }
    mail->field = false;
    event.name = span_head(text, mail->name_len);
    event.value = span_trim(span_from(text, mail->colon + 1));
    unsigned index = find_known(event.name);
    enum known known = known_of(index);
    bool once = index < KNOWN_FIELDS && known_fields[index].once;
    if (mail->top) {
        count_field(mail, known, event.value);
    }
    if (mail->top || mail->part_count < MAIL_PARTS_MAX) {
        mail->tell(mail->context, &event);
    }
    if (mail->colon > mail->name_len) {
        mail_anomaly(mail, MAIL_ANOMALY_FIELD_OBSOLETE);
    }
    if (mail->field_long) {
        mail_anomaly(mail, MAIL_ANOMALY_FIELD_LONG);
    }
    bool again = once && (mail->part.seen >> index & 1) != 0;
    if (again) {
        mail_anomaly(mail, MAIL_ANOMALY_FIELD_TWICE);
    }
    judge_content(mail, known, event.value, again);
    mail->part.seen |= once ? 1U << index : 0;
}

void mail_header_line_begin(struct mail *mail, unsigned char first)
{
    mail->folded = mail->field && ascii_is_blank(first);
    if (!mail->folded) {
        field_end(mail);
        mail->text.len = 0;
        mail->field_long = mail->counting = false;
        mail->field_octets = 0;
    }
}

void mail_header_over(struct mail *mail, struct span over)
{
    if (!mail->field_long) {
        struct span text = mail_text_span(&mail->text);
        uint32_t name_len, colon;
        mail->field_long = true;
        mail->counting = mail->top && split(text, &name_len, &colon) &&
                         known_of(find_known(span_head(text, name_len))) == KNOWN_ADDRESSES;
        if (mail->counting) {
            mail->addresses = (struct mail_addresses){0};
            count_addresses(&mail->addresses, span_from(text, colon + 1));
        }
    }
    if (mail->counting) {
        count_addresses(&mail->addresses, over);
    }
}

/* The header has ended, with an empty line or without; the last `beyond` octets are not its. */
static void header_end(struct mail *mail, uint64_t beyond)
{
    field_end(mail);
    mail->in_header = false;
    if (mail->top) {
        mail->counts.header_size = mail->counts.size - beyond;
        mail->tell(mail->context, &(struct mail_event){.kind = MAIL_EVENT_HEADER_END});
    }
    mail_part_end(mail);
    mail->top = false;
    if (mail->text.size > 1024) {
        mail_text_free(&mail->text);
    }
}

void mail_header_cut(struct mail *mail)
{
    mail_anomaly(mail, MAIL_ANOMALY_NO_HEADER_END);
    header_end(mail, mail->line_size);
}

/* A line that is no field. It is the body's first, and may well be the boundary that the header has
 * just declared. */
static void no_field(struct mail *mail)
{
    struct mail_text line = mail->text;

    mail_anomaly(mail, MAIL_ANOMALY_FIELD_SYNTAX);
    mail->text = (struct mail_text){0};
    header_end(mail, mail->line_size);
    mail_text_free(&mail->text);
    mail->text = line;
    if (mail->in_header) {
        /* The header of a message within: it begins with this line, which is no field of it. */
        no_field(mail);
        return;
    }
    mail_raise(&mail->counts.body_line_max, mail->line_len);
    (void)mail_delimiter(mail);
}

void mail_header_line_end(struct mail *mail)
{
    struct span line = mail_text_span(&mail->text);

    if (!mail->top) {
        mail_raise(&mail->counts.body_line_max, mail->line_len);
    }
    if (mail->folded) {
        mail->field_octets += mail->line_len;
    } else if (mail->line_len == 0) {
        header_end(mail, 0);
        return;
    } else if (mail_delimiter(mail)) {
        return;
    } else if (split(line, &mail->name_len, &mail->colon)) {
        mail->field = true;
        mail->field_octets = mail->line_len;
    } else if (!mail->message || !mail->first ||
               !(span_begins_nocase(line, SPAN("From ")) ||
                 span_begins_nocase(line, SPAN(">From ")))) {
        no_field(mail);
        return;
    } else {
        mail_anomaly(mail, MAIL_ANOMALY_FIELD_SYNTAX);
    }
    mail->first = false;
    if (mail->top) {
        mail_raise(&mail->counts.header_line_max, mail->line_len);
    }
}

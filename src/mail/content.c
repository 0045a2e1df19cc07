/*
 * What a part is: Content-Type, Content-Transfer-Encoding (RFC 2045) and Content-Disposition
 * (RFC 2183).
 *
 *   content-type = type "/" subtype *(";" parameter)
 *   disposition  = token *(";" parameter)
 *
 * A part has as many names as readers could show: Content-Disposition's filename and Content-Type's
 * name, each plain and in the coding of RFC 2231. Which one a reader takes is its own affair, so
 * all are kept that differ. The order is that of the better readers: RFC 2231's form before the
 * plain one (RFC 6266 section 4.3 says so for HTTP), filename before name.
 */
#include "mail/private.h"

enum rank { RANK_FILENAME = 0, RANK_NAME = 2 };

/* The longest value that is put together before its encoded words are decoded. */
enum { JOINED_MAX = 4 * MAIL_NAME_MAX };

static void keep_name(struct mail *mail, struct span name, unsigned rank)
{
    struct mail_part *part = &mail->part;
    size_t at = mail->names.len;
    size_t kept = 0;

    if (name.len == 0) {
        return;
    }
    for (unsigned i = 0; i < part->name_count; i++) {
        if (span_equal(span_of(mail->names.ptr + part->names[i].at, part->names[i].len), name)) {
            part->names[i].rank =
                (uint8_t)(rank < part->names[i].rank ? rank : part->names[i].rank);
            return;
        }
    }
    if (part->name_count == MAIL_NAMES_MAX) {
        mail_anomaly(mail, MAIL_ANOMALY_PARAMETER);
    } else if (mail_text_add(&mail->names, name, MAIL_NAMES_SIZE, &kept)) {
        part->names[part->name_count++] = (struct mail_name){
            .at = (uint16_t)at, .len = (uint16_t)name.len, .rank = (uint8_t)rank};
    } else {
        mail->failed = true;
    }
}

/* Every name that the parameter gives. */
static void keep_names(struct mail *mail, const struct mail_param *param, unsigned rank)
{
    unsigned char joined[JOINED_MAX], decoded[MAIL_NAME_MAX];

    for (unsigned i = 0; i < param->count; i += mail_param_run(param, i)) {
        bool plain = param->segments[i].number == MAIL_SEGMENT_PLAIN;
        struct line value = line_in(joined, sizeof(joined));
        struct line name = line_in(decoded, sizeof(decoded));
        bool extended = false;
        bool good = mail_param_value(param, i, &value, &extended);
        if (extended) {
            line_put(&name, line_span(&value));
        } else if (!mail_words(&name, line_span(&value))) {
            mail_anomaly(mail, MAIL_ANOMALY_ENCODED_WORD);
        }
        if (!good || value.cut || name.cut) {
            mail_anomaly(mail, MAIL_ANOMALY_PARAMETER);
        }
        keep_name(mail, line_span(&name), rank + plain);
    }
}

/* Every octet one that RFC 2046 section 5.1.1 allows? */
static bool is_boundary(struct span s)
{
    if (s.len == 0 || s.len > 70 || s.ptr[s.len - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_alnum(s.ptr[i]) && !mail_is_of(SPAN("'()+_,-./:=? "), s.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* The plain form counts before RFC 2231's, as nobody writes a boundary in that. */
static void keep_boundary(struct mail *mail, const struct mail_param *param)
{
    unsigned char buffer[MAIL_BOUNDARY_MAX];
    struct line out = line_in(buffer, sizeof(buffer));
    bool extended = false;

    if (param->count == 0) {
        return;
    }
    if (!mail_param_value(param, 0, &out, &extended) || mail_param_run(param, 0) < param->count) {
        mail_anomaly(mail, MAIL_ANOMALY_PARAMETER);
    }
    struct span boundary = line_span(&out);
    if (!is_boundary(boundary) || out.cut) {
        mail_anomaly(mail, MAIL_ANOMALY_BOUNDARY_SYNTAX);
    }
    mail->part.boundary_kind = out.cut ? MAIL_BOUNDARY_UNUSABLE : MAIL_BOUNDARY_GIVEN;
    /* "Trailing white space must be presumed to have been added by a gateway, and deleted." */
    boundary = span_trim_right(boundary);
    mail->part.boundary_len = (uint8_t)boundary.len;
    if (boundary.len > 0) {
        memcpy(mail->part.boundary, boundary.ptr, boundary.len);
    }
}

/* The type in small letters, in `buffer`; text/plain where it is no type (RFC 2045 section 5.2). */
static struct span read_type(struct mail_cursor *at, unsigned char buffer[MAIL_TYPE_MAX])
{
    struct line type = line_in(buffer, MAIL_TYPE_MAX);

    mail_skip(at);
    struct span major = mail_token(at);
    mail_skip(at);
    bool slash = at->rest.len > 0 && at->rest.ptr[0] == '/';
    if (slash) {
        at->rest = span_from(at->rest, 1);
        mail_skip(at);
    }
    struct span minor = slash ? mail_token(at) : (struct span){0};
    line_put(&type, major);
    line_put(&type, SPAN("/"));
    line_put(&type, minor);
    if (major.len == 0 || minor.len == 0 || type.cut) {
        at->bad = true;
        return SPAN("text/plain");
    }
    for (size_t i = 0; i < type.len; i++) {
        buffer[i] = ascii_lower(buffer[i]);
    }
    return line_span(&type);
}

void mail_content_type(struct mail *mail, struct span value, bool again)
{
    struct mail_cursor at = {.rest = value};
    struct mail_param params[] = {{.name = SPAN("name")}, {.name = SPAN("boundary")}};
    unsigned char buffer[MAIL_TYPE_MAX];
    struct span type = read_type(&at, buffer);

    mail_params(&at, params, 2);
    if (at.bad) {
        mail_anomaly(mail, MAIL_ANOMALY_PARAMETER);
    }
    if (!again) {
        memcpy(mail->part.type, type.ptr, type.len);
        mail->part.type_len = (uint8_t)type.len;
        if (span_begins_nocase(type, SPAN("multipart/"))) {
            keep_boundary(mail, &params[1]);
        }
    }
    keep_names(mail, &params[0], RANK_NAME);
}

void mail_content_disposition(struct mail *mail, struct span value)
{
    struct mail_cursor at = {.rest = value};
    struct mail_param filename = {.name = SPAN("filename")};

    mail_skip(&at);
    struct span disposition = mail_token(&at);
    at.bad = at.bad || disposition.len == 0;
    /* "Unrecognized disposition types should be treated as attachment." */
    mail->part.attachment =
        mail->part.attachment || !span_equal_nocase(disposition, SPAN("inline"));
    mail_params(&at, &filename, 1);
    if (at.bad) {
        mail_anomaly(mail, MAIL_ANOMALY_PARAMETER);
    }
    keep_names(mail, &filename, RANK_FILENAME);
}

void mail_content_encoding(struct mail *mail, struct span value, bool again)
{
    struct mail_cursor at = {.rest = value};
    enum mail_encoding encoding = 0;

    mail_skip(&at);
    struct span said = mail_token(&at);
    mail_skip(&at);
    while (encoding < MAIL_ENCODING_OTHER &&
           !span_equal_nocase(said, span_str(mail_encoding_name(encoding)))) {
        encoding++;
    }
    if (encoding == MAIL_ENCODING_OTHER || at.rest.len > 0) {
        mail_anomaly(mail, MAIL_ANOMALY_ENCODING);
    }
    if (!again) {
        mail->part.encoding = encoding;
    }
}

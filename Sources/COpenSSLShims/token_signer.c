#define _GNU_SOURCE
#include "slipway_token.h"
#include "token_key.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTIONS_MAX = 4, CKR_PIN_INCORRECT = 0xA0, CKR_PIN_LOCKED = 0xA4 };

typedef struct section {
    const unsigned char *bytes;
    size_t length;
} section;

static int receive(int descriptor, unsigned char *bytes, size_t length) {
    size_t done = 0;
    while (done < length) {
        ssize_t count = read(descriptor, bytes + done, length - done);
        if (count > 0) {
            done += (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            return 0;
        }
    }
    return 1;
}

static size_t length_at(const unsigned char *bytes) {
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

static void put_length(unsigned char *bytes, size_t length) {
    for (int index = 0; index < 4; index += 1) {
        bytes[index] = (unsigned char)(length >> (24 - 8 * index));
    }
}

// The next frame without its length; NULL at the end of the stream. The caller frees it.
static unsigned char *receive_frame(int descriptor, size_t *length) {
    unsigned char prefix[4];
    if (!receive(descriptor, prefix, sizeof prefix)) return NULL;
    *length = length_at(prefix);
    if (*length == 0 || *length > SLIPWAY_TOKEN_FRAME_MAX) return NULL;
    // One byte more, so that the last section can be ended like a text.
    unsigned char *frame = OPENSSL_malloc(*length + 1);
    if (frame == NULL) return NULL;
    frame[*length] = 0;
    if (receive(descriptor, frame, *length)) return frame;
    OPENSSL_free(frame);
    return NULL;
}

// How many sections the frame has; -1 where it does not hold together.
static int take_sections(const unsigned char *frame, size_t length, section *sections) {
    size_t position = 1;
    int count = 0;
    while (position < length) {
        if (count == SECTIONS_MAX || length - position < 4) return -1;
        size_t size = length_at(frame + position);
        position += 4;
        if (size > length - position) return -1;
        sections[count] = (section){.bytes = frame + position, .length = size};
        position += size;
        count += 1;
    }
    return count;
}

// As a text of its own; NULL where it has a zero inside.
static char *text_of(const section *one) {
    if (memchr(one->bytes, 0, one->length) != NULL) return NULL;
    char *text = OPENSSL_malloc(one->length + 1);
    if (text == NULL) return NULL;
    memcpy(text, one->bytes, one->length);
    text[one->length] = 0;
    return text;
}

static int send_frame(int descriptor, char kind, const section *sections, int count) {
    size_t length = 1;
    for (int index = 0; index < count; index += 1) length += 4 + sections[index].length;
    unsigned char *frame = OPENSSL_malloc(4 + length);
    if (frame == NULL) return 0;
    put_length(frame, length);
    frame[4] = (unsigned char)kind;
    size_t position = 5;
    for (int index = 0; index < count; index += 1) {
        put_length(frame + position, sections[index].length);
        position += 4;
        if (sections[index].length > 0) {
            memcpy(frame + position, sections[index].bytes, sections[index].length);
        }
        position += sections[index].length;
    }
    size_t done = 0;
    while (done < position) {
        ssize_t written = write(descriptor, frame + done, position - done);
        if (written > 0) {
            done += (size_t)written;
        } else if (errno != EINTR) {
            break;
        }
    }
    OPENSSL_free(frame);
    return done == position;
}

// Whether the token refused the PIN. Libraries that are not libcrypto's own number their errors as
// PKCS#11 does; a TPM speaks of an authorization, in what the provider adds to its error.
static int speaks_of_pin(unsigned long code, const char *reason, const char *data) {
    if (ERR_GET_LIB(code) < ERR_LIB_USER) return 0;
    int number = ERR_GET_REASON(code);
    int by_number = number >= CKR_PIN_INCORRECT && number <= CKR_PIN_LOCKED;
    return (by_number && (reason == NULL || strstr(reason, "PIN") != NULL))
        || strstr(data, "authorization") != NULL;
}

// What the queue of errors comes to, by reasons alone: what engines add to them is not ours to know
// free of secrets. The first reason is the cause, the rest is who heard of it.
static void send_failure(int descriptor, const char *otherwise) {
    const char *word = otherwise;
    const char *sentence = "no reason given";
    unsigned long code;
    int first = 1;
    const char *data;
    int flags;
    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        const char *reason = ERR_reason_error_string(code);
        int is_pin = speaks_of_pin(code, reason, (flags & ERR_TXT_STRING) != 0 ? data : "");
        if (is_pin) word = SLIPWAY_TOKEN_PIN;
        if (reason != NULL && (first || is_pin)) {
            sentence = reason;
            first = 0;
        }
    }
    section sections[] = {
        {.bytes = (const unsigned char *)word, .length = strlen(word)},
        {.bytes = (const unsigned char *)sentence, .length = strlen(sentence)},
    };
    if (!send_frame(descriptor, SLIPWAY_TOKEN_FAILURE, sections, 2)) _exit(EXIT_FAILURE);
}

static EVP_PKEY *open_key(const section *sections) {
    char *texts[4] = {NULL, NULL, NULL, NULL};
    int whole = 1;
    for (int index = 0; index < 4; index += 1) {
        texts[index] = text_of(&sections[index]);
        whole = whole && texts[index] != NULL;
    }
    EVP_PKEY *key = NULL;
    if (whole) {
        token_address address = {
            .uri = texts[0], .module = texts[1], .providers = texts[2], .pin = texts[3],
        };
        key = token_key_open(&address);
    }
    for (int index = 0; index < 4; index += 1) {
        if (texts[index] != NULL) OPENSSL_clear_free(texts[index], sections[index].length + 1);
    }
    return key;
}

static void confine(void) {
    struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    int done = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0
        && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
        && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &none) == 0;
    if (!done) _exit(EXIT_FAILURE);
    umask(077);
}

static void serve_signatures(int descriptor, EVP_PKEY *key) {
    size_t length;
    unsigned char *frame;
    while ((frame = receive_frame(descriptor, &length)) != NULL) {
        section sections[SECTIONS_MAX];
        if (frame[0] != SLIPWAY_TOKEN_SIGN || take_sections(frame, length, sections) != 2) return;
        char *digest = text_of(&sections[0]);
        if (digest == NULL) return;
        size_t count = 0;
        unsigned char *signature =
            token_key_sign(key, digest, sections[1].bytes, sections[1].length, &count);
        OPENSSL_free(digest);
        OPENSSL_free(frame);
        if (signature == NULL) {
            send_failure(descriptor, SLIPWAY_TOKEN_FAILED);
            continue;
        }
        section answer = {.bytes = signature, .length = count};
        if (!send_frame(descriptor, SLIPWAY_TOKEN_SIGNATURE, &answer, 1)) return;
        OPENSSL_free(signature);
        ERR_clear_error();
    }
}

void slipway_token_serve(int descriptor) {
    confine();
    // Ended by _exit alone: what modules do at exit may hang like anything else they do.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    size_t length;
    unsigned char *frame = receive_frame(descriptor, &length);
    section sections[SECTIONS_MAX];
    if (frame == NULL || frame[0] != SLIPWAY_TOKEN_OPEN
        || take_sections(frame, length, sections) != 4) {
        _exit(EXIT_FAILURE);
    }
    EVP_PKEY *key = open_key(sections);
    OPENSSL_clear_free(frame, length + 1);
    if (key == NULL) {
        send_failure(descriptor, SLIPWAY_TOKEN_ABSENT);
        _exit(EXIT_SUCCESS);
    }
    unsigned char *encoded = NULL;
    int count = i2d_PUBKEY(key, &encoded);
    if (count <= 0) {
        send_failure(descriptor, SLIPWAY_TOKEN_FAILED);
        _exit(EXIT_SUCCESS);
    }
    section answer = {.bytes = encoded, .length = (size_t)count};
    if (!send_frame(descriptor, SLIPWAY_TOKEN_KEY, &answer, 1)) _exit(EXIT_FAILURE);
    OPENSSL_free(encoded);
    ERR_clear_error();
    serve_signatures(descriptor, key);
    _exit(EXIT_SUCCESS);
}

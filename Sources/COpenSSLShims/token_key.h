// A key that an engine or a provider of libcrypto holds, opened by its URI.
#ifndef SLIPWAY_TOKEN_KEY_H
#define SLIPWAY_TOKEN_KEY_H

#include <openssl/evp.h>
#include <stddef.h>

// How the key is reached. Texts end with a zero; none is NULL.
typedef struct token_address {
    // `pkcs11:…` (RFC 7512), `org.openssl.engine:ENGINE:KEY`, or whatever a provider's store takes.
    const char *uri;
    // The PKCS#11 module of `pkcs11:`; empty: as the engine or provider is configured.
    const char *module;
    // Providers to load, separated by commas; with any, the URI is theirs and no engine is asked.
    const char *providers;
    const char *pin;
} token_address;

// NULL where it cannot be opened; then libcrypto's error queue says why.
EVP_PKEY *token_key_open(const token_address *address);

// Signs a digest: ECDSA, or RSASSA-PKCS1-v1_5. The signature is the caller's to OPENSSL_free; NULL
// on failure.
unsigned char *token_key_sign(
    EVP_PKEY *key, const char *digest, const unsigned char *bytes, size_t length, size_t *count);

#endif

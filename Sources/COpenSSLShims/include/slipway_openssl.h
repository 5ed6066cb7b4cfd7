#ifndef SLIPWAY_OPENSSL_H
#define SLIPWAY_OPENSSL_H
// What libcrypto offers as a macro or a variadic function, and Swift therefore cannot call. What is
// beside it for keys on tokens is in slipway_token.h.
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>

// EVP_EC_gen, EVP_RSA_gen and EVP_PKEY_Q_keygen; NULL on failure.
EVP_PKEY *slipway_ec_key_make(const char *curve);
EVP_PKEY *slipway_rsa_key_make(size_t bits);
EVP_PKEY *slipway_ed25519_key_make(void);

// BIO_get_mem_data: where the BIO's bytes are, for as long as it lives.
const unsigned char *slipway_bio_bytes(BIO *bio, size_t *count);

// OPENSSL_free and OPENSSL_clear_free.
void slipway_free(void *bytes);
void slipway_clear_free(void *bytes, size_t count);

// OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT); whether it was granted.
int slipway_libcrypto_outlives_exit(void);

// X509_new_ex in a library context without any algorithm: d2i_X509 leaves the public key of such a
// certificate undecoded. Elsewhere it decodes it by a search through all decoders, which takes 180
// of 200 us. NULL on failure.
X509 *slipway_unread_certificate(void);

// prctl(PR_SET_DUMPABLE, 0) and a core limit of 0; whether both were granted.
int slipway_forbid_core_files(void);
#endif

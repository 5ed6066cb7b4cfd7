#include "slipway_openssl.h"
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <pthread.h>

EVP_PKEY *slipway_ec_key_make(const char *curve) { return EVP_EC_gen(curve); }

EVP_PKEY *slipway_rsa_key_make(size_t bits) { return EVP_RSA_gen(bits); }

EVP_PKEY *slipway_ed25519_key_make(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); }

const unsigned char *slipway_bio_bytes(BIO *bio, size_t *count) {
    char *bytes = NULL;
    long length = BIO_get_mem_data(bio, &bytes);
    if (length <= 0 || bytes == NULL) {
        *count = 0;
        return NULL;
    }
    *count = (size_t)length;
    return (const unsigned char *)bytes;
}

int slipway_libcrypto_outlives_exit(void) {
    return OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

void slipway_free(void *bytes) { OPENSSL_free(bytes); }

void slipway_clear_free(void *bytes, size_t count) { OPENSSL_clear_free(bytes, count); }

static OSSL_LIB_CTX *without_algorithms = NULL;
static pthread_once_t without_algorithms_once = PTHREAD_ONCE_INIT;

static void make_without_algorithms(void) {
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    // Without the null provider the default one would come by itself (OSSL_PROVIDER(3)).
    if (context != NULL && OSSL_PROVIDER_load(context, "null") == NULL) {
        OSSL_LIB_CTX_free(context);
        context = NULL;
    }
    without_algorithms = context;
}

X509 *slipway_unread_certificate(void) {
    if (pthread_once(&without_algorithms_once, make_without_algorithms) != 0) return NULL;
    return X509_new_ex(without_algorithms, NULL);
}

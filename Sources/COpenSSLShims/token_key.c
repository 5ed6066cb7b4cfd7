// Engines are deprecated since OpenSSL 3.0 and are still how most tokens are reached.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "token_key.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <string.h>

// Whoever asks for the PIN is given it, once: a token locks itself after a few wrong ones, and a
// library that asks again has had the first refused.
typedef struct pin_once {
    const char *pin;
    int given;
} pin_once;

static int give_pin(char *buffer, int size, int writing, void *data) {
    (void)writing;
    pin_once *once = data;
    size_t length = strlen(once->pin);
    if (once->given || length == 0 || length > (size_t)size) return -1;
    once->given = 1;
    memcpy(buffer, once->pin, length);
    return (int)length;
}

static EVP_PKEY *open_in_engine(const char *name, const char *key, const token_address *address) {
    ENGINE *engine = ENGINE_by_id(name);
    if (engine == NULL) return NULL;
    // Either by its own command or by the UI method, so that a wrong PIN is offered once.
    char command[] = "PIN";
    int by_command = ENGINE_ctrl(engine, ENGINE_CTRL_GET_CMD_FROM_NAME, 0, command, NULL) > 0;
    // How the engine was looked for before it was found is no cause of what may go wrong now.
    ERR_clear_error();
    int ready = 1;
    if (address->module[0] != 0) {
        ready = ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", address->module, 0);
    }
    if (ready && by_command && address->pin[0] != 0) {
        ready = ENGINE_ctrl_cmd_string(engine, command, address->pin, 0);
    }
    if (!ready || !ENGINE_init(engine)) {
        ENGINE_free(engine);
        return NULL;
    }
    pin_once once = {.pin = by_command ? "" : address->pin, .given = 0};
    UI_METHOD *method = UI_UTIL_wrap_read_pem_callback(give_pin, 0);
    EVP_PKEY *private = method == NULL ? NULL : ENGINE_load_private_key(engine, key, method, &once);
    UI_destroy_method(method);
    // The key holds a reference of its own to the engine.
    ENGINE_finish(engine);
    ENGINE_free(engine);
    return private;
}

static int load_providers(const char *names) {
    // Naming one unloads the one that is there by default, which hashes and verifies.
    if (OSSL_PROVIDER_load(NULL, "default") == NULL) return 0;
    char name[64];
    while (*names != 0) {
        size_t length = strcspn(names, ",");
        if (length == 0 || length >= sizeof name) return 0;
        memcpy(name, names, length);
        name[length] = 0;
        if (OSSL_PROVIDER_load(NULL, name) == NULL) return 0;
        names += length;
        if (*names == ',') names += 1;
    }
    return 1;
}

static EVP_PKEY *open_in_store(const token_address *address) {
    if (!load_providers(address->providers)) return NULL;
    pin_once once = {.pin = address->pin, .given = 0};
    UI_METHOD *method = UI_UTIL_wrap_read_pem_callback(give_pin, 0);
    if (method == NULL) return NULL;
    EVP_PKEY *key = NULL;
    OSSL_STORE_CTX *store = OSSL_STORE_open(address->uri, method, &once, NULL, NULL);
    if (store != NULL) {
        if (OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1) {
            while (key == NULL && !OSSL_STORE_eof(store)) {
                OSSL_STORE_INFO *item = OSSL_STORE_load(store);
                if (item == NULL) {
                    if (OSSL_STORE_error(store)) break;
                    continue;
                }
                if (OSSL_STORE_INFO_get_type(item) == OSSL_STORE_INFO_PKEY) {
                    key = OSSL_STORE_INFO_get1_PKEY(item);
                }
                OSSL_STORE_INFO_free(item);
            }
        }
        OSSL_STORE_close(store);
    }
    UI_destroy_method(method);
    return key;
}

EVP_PKEY *token_key_open(const token_address *address) {
    static const char engine_scheme[] = "org.openssl.engine:";
    if (address->providers[0] != 0) return open_in_store(address);
    if (strncmp(address->uri, "pkcs11:", 7) == 0) {
        return open_in_engine("pkcs11", address->uri, address);
    }
    if (strncmp(address->uri, engine_scheme, sizeof engine_scheme - 1) == 0) {
        const char *rest = address->uri + sizeof engine_scheme - 1;
        size_t length = strcspn(rest, ":");
        char name[64];
        if (length == 0 || length >= sizeof name || rest[length] != ':') return NULL;
        memcpy(name, rest, length);
        name[length] = 0;
        return open_in_engine(name, rest + length + 1, address);
    }
    return open_in_store(address);
}

unsigned char *token_key_sign(
    EVP_PKEY *key, const char *digest, const unsigned char *bytes, size_t length, size_t *count
) {
    const EVP_MD *algorithm = EVP_get_digestbyname(digest);
    if (algorithm == NULL || (size_t)EVP_MD_get_size(algorithm) != length) return NULL;
    unsigned char *signature = NULL;
    // By the provider that has the key: another can take over but its public half.
    char query[96] = "";
    const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key);
    if (provider != NULL) {
        snprintf(query, sizeof query, "?provider=%s", OSSL_PROVIDER_get0_name(provider));
    }
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, query);
    if (context != NULL && EVP_PKEY_sign_init(context) == 1
        && (!EVP_PKEY_is_a(key, "RSA")
            || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1)
        && EVP_PKEY_CTX_set_signature_md(context, algorithm) == 1
        && EVP_PKEY_sign(context, NULL, count, bytes, length) == 1
        && (signature = OPENSSL_malloc(*count)) != NULL
        && EVP_PKEY_sign(context, signature, count, bytes, length) != 1) {
        OPENSSL_free(signature);
        signature = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return signature;
}

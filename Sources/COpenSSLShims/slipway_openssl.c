#include "slipway_openssl.h"
#include <openssl/crypto.h>
int slipway_openssl_linked(void) { return OpenSSL_version_num() != 0; }

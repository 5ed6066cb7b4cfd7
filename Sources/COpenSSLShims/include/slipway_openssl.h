#ifndef SLIPWAY_OPENSSL_H
#define SLIPWAY_OPENSSL_H
#include <stddef.h>
int slipway_openssl_linked(void);
#endif

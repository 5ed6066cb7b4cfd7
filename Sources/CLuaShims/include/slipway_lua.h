#ifndef SLIPWAY_LUA_H
#define SLIPWAY_LUA_H
int slipway_lua_linked(void);
#endif

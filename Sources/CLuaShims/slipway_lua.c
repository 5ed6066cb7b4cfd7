#include "slipway_lua.h"
#include <lua.h>
int slipway_lua_linked(void) { return LUA_VERSION_NUM; }

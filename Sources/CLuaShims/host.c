// What a hook can reach outside itself: a question, a time, a log, and JSON text.
#include "sandbox.h"

#include <string.h>

static int allowlist_contains(lua_State *L) {
    sandbox *box = sandbox_of(L);
    size_t list_bytes = 0, serial_bytes = 0;
    luaL_checktype(L, 1, LUA_TSTRING);
    luaL_checktype(L, 2, LUA_TSTRING);
    const char *list = lua_tolstring(L, 1, &list_bytes);
    const char *serial = lua_tolstring(L, 2, &serial_bytes);
    if (box->lookups >= box->call->limits.lookups_max) {
        return luaL_error(
            L, "more than %d allowlist look-ups in one call",
            (int)box->call->limits.lookups_max);
    }
    box->lookups += 1;
    sandbox_charge(L, SANDBOX_LOOKUP_STEPS);
    int found = box->call->lookup == NULL ? -1
        : box->call->lookup(box->call->context, list, list_bytes, serial, serial_bytes);
    // The callback has returned: no frame but Lua's and ours is left to jump over.
    if (found < 0) return luaL_error(L, "the allowlist could not be asked");
    lua_pushboolean(L, found);
    return 1;
}

static int time_now(lua_State *L) {
    lua_pushinteger(L, sandbox_of(L)->call->time_seconds);
    return 1;
}

// One line of log from all arguments. Control characters become spaces, so that a line stays a
// line; what does not fit is dropped and counted.
static int write_log(lua_State *L) {
    sandbox *box = sandbox_of(L);
    slipway_hook_result *result = box->result;
    const slipway_hook_limits *limits = &box->call->limits;
    int count = lua_gettop(L);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (int index = 1; index <= count; index += 1) {
        if (index > 1) luaL_addchar(&buffer, ' ');
        size_t bytes = 0;
        sandbox_text(L, index, &bytes);
        sandbox_charge_bytes(L, bytes);
        luaL_addvalue(&buffer);
    }
    luaL_pushresult(&buffer);
    size_t bytes = 0;
    const char *text = lua_tolstring(L, -1, &bytes);
    if (box->log_lines >= limits->log_lines_max
        || bytes + 1 > limits->log_bytes_max - result->log_bytes) {
        if (result->log_lines_dropped < UINT32_MAX) result->log_lines_dropped += 1;
        return 0;
    }
    char *place = result->log + result->log_bytes;
    for (size_t index = 0; index < bytes; index += 1) {
        unsigned char byte = (unsigned char)text[index];
        *place++ = byte < 0x20 || byte == 0x7F ? ' ' : (char)byte;
    }
    *place = '\n';
    result->log_bytes += bytes + 1;
    box->log_lines += 1;
    return 0;
}

static int json_decode(lua_State *L) {
    size_t bytes = 0;
    const char *text = luaL_checklstring(L, 1, &bytes);
    sandbox_json_decode(L, text, bytes);
    return 1;
}

static int json_encode(lua_State *L) {
    luaL_checkany(L, 1);
    sandbox_json_encode(L, 1, sandbox_of(L)->call->limits.memory_bytes_max);
    lua_pushlstring(L, sandbox_of(L)->out, sandbox_of(L)->out_bytes);
    return 1;
}

void sandbox_open_host(lua_State *L) {
    static const luaL_Reg allowlist[] = {{"contains", allowlist_contains}, {NULL, NULL}};
    static const luaL_Reg time[] = {{"now", time_now}, {NULL, NULL}};
    static const luaL_Reg json[] = {
        {"decode", json_decode}, {"encode", json_encode}, {NULL, NULL},
    };
    luaL_newlib(L, allowlist);
    lua_setfield(L, -2, "allowlist");
    luaL_newlib(L, time);
    lua_setfield(L, -2, "time");
    luaL_newlib(L, json);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_setfield(L, -2, "json");
    lua_pushcfunction(L, write_log);
    lua_setfield(L, -2, "log");
}

// What a hook can reach outside itself: a question, a time, a log, and JSON text.
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

// Asks the service, and pushes its answer. Both texts are on the stack at 1 and 2; the second may
// be missing.
static int ask(lua_State *L, slipway_hook_question question) {
    sandbox *box = sandbox_of(L);
    size_t first_bytes = 0, second_bytes = 0;
    const char *first = lua_tolstring(L, 1, &first_bytes);
    const char *second = lua_tolstring(L, 2, &second_bytes);
    if (box->lookups >= box->call->limits.lookups_max) {
        return luaL_error(
            L, "more than %d questions in one call", (int)box->call->limits.lookups_max);
    }
    box->lookups += 1;
    sandbox_charge(L, SANDBOX_LOOKUP_STEPS);
    free(box->reply);
    box->reply = NULL;
    size_t bytes = 0;
    int failed = box->call->ask == NULL ? -1
        : box->call->ask(
            box->call->context, question, first, first_bytes, second != NULL ? second : "",
            second_bytes, &box->reply, &bytes);
    // The callback has returned: no frame but Lua's and ours is left to jump over.
    if (failed != 0 || box->reply == NULL) {
        return luaL_error(
            L, question <= SLIPWAY_HOOK_ALLOWLIST_GET
                ? "the allowlist could not be asked" : "the registry could not be asked");
    }
    sandbox_json_decode(L, box->reply, bytes);
    // The answer "there is none" is nil, as a script expects it: `if not entry then`.
    if (lua_islightuserdata(L, -1)) lua_pushnil(L);
    return 1;
}

static int allowlist_contains(lua_State *L) {
    luaL_checktype(L, 1, LUA_TSTRING);
    luaL_checktype(L, 2, LUA_TSTRING);
    return ask(L, SLIPWAY_HOOK_ALLOWLIST_CONTAINS);
}

static int allowlist_get(lua_State *L) {
    luaL_checktype(L, 1, LUA_TSTRING);
    luaL_checktype(L, 2, LUA_TSTRING);
    return ask(L, SLIPWAY_HOOK_ALLOWLIST_GET);
}

static int registry_thing(lua_State *L) {
    luaL_checktype(L, 1, LUA_TSTRING);
    lua_settop(L, 1);
    return ask(L, SLIPWAY_HOOK_REGISTRY_THING);
}

static int registry_count(lua_State *L) {
    luaL_checktype(L, 1, LUA_TSTRING);
    lua_Integer most = luaL_checkinteger(L, 2);
    luaL_argcheck(L, most >= 1 && most <= SANDBOX_COUNT_MAX, 2, "a number from 1 to 100000");
    lua_settop(L, 1);
    lua_pushfstring(L, "%I", (LUAI_UACINT)most);
    return ask(L, SLIPWAY_HOOK_REGISTRY_COUNT);
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

// The claim's facts as a table of the script's own: it may alter it, and nobody sees that.
static void open_claim(lua_State *L) {
    const slipway_hook_call *call = sandbox_of(L)->call;
    if (call->claim != NULL) sandbox_json_decode(L, call->claim, call->claim_bytes);
    else lua_newtable(L);
    lua_setfield(L, -2, "claim");
}

void sandbox_open_host(lua_State *L) {
    static const luaL_Reg allowlist[] = {
        {"contains", allowlist_contains}, {"get", allowlist_get}, {NULL, NULL},
    };
    static const luaL_Reg registry[] = {
        {"count", registry_count}, {"thing", registry_thing}, {NULL, NULL},
    };
    static const luaL_Reg json[] = {
        {"decode", json_decode}, {"encode", json_encode}, {NULL, NULL},
    };
    luaL_newlib(L, allowlist);
    lua_setfield(L, -2, "allowlist");
    luaL_newlib(L, registry);
    lua_setfield(L, -2, "registry");
    luaL_newlib(L, json);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_setfield(L, -2, "json");
    lua_pushcfunction(L, write_log);
    lua_setfield(L, -2, "log");
    open_claim(L);
}

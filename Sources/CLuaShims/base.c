// The basic functions of the environment: Lua's own where they are harmless, ours where not.
#include "sandbox.h"

#include <limits.h>
#include <string.h>

// Marks a metatable whose owner gave it a __metatable field; a light userdata key no script can
// make.
static const char protected_key = 0;
// Of the registry's table of those that a chain of metatables leads to.
static const char led_to_key = 0;

const char *sandbox_text(lua_State *L, int index, size_t *bytes) {
    index = lua_absindex(L, index);
    if (luaL_callmeta(L, index, "__tostring")) {
        if (!lua_isstring(L, -1)) luaL_error(L, "'__tostring' must return a string");
        return lua_tolstring(L, -1, bytes);
    }
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
    case LUA_TSTRING: lua_pushvalue(L, index); break;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false"); break;
    case LUA_TNIL: lua_pushliteral(L, "nil"); break;
    // The one light userdata there is stands for JSON's null.
    case LUA_TLIGHTUSERDATA: lua_pushliteral(L, "null"); break;
    // Anything else would show an address, which differs from run to run.
    default: lua_pushstring(L, luaL_typename(L, index)); break;
    }
    return lua_tolstring(L, -1, bytes);
}

static int base_tostring(lua_State *L) {
    luaL_checkany(L, 1);
    sandbox_text(L, 1, NULL);
    return 1;
}

// Once the budget is spent or memory has run out, errors pass through: pcall would otherwise be a
// way to go on for ever.
static int after_call(lua_State *L, int status) {
    if (status == LUA_ERRMEM) return sandbox_spend(L, SLIPWAY_HOOK_OUT_OF_MEMORY);
    if (sandbox_of(L)->spent != SLIPWAY_HOOK_RETURNED) return lua_error(L);
    if (status == LUA_OK) return 0;
    // Catching is not one instruction: Lua has looked through the code for the name of what was at
    // fault, and through all calls for how much of the stack is still needed.
    lua_Debug record;
    int calls = SANDBOX_CALLS_PER_STEP;
    while (calls < INT_MAX / 2 && lua_getstack(L, calls, &record) != 0) calls *= 2;
    size_t source = sandbox_of(L)->call->source_bytes;
    sandbox_charge(
        L, (uint64_t)calls / SANDBOX_CALLS_PER_STEP + source / SANDBOX_SOURCE_BYTES_PER_STEP);
    return 0;
}

// Lua's own walks up as many calls as it is told to.
static int base_error(lua_State *L) {
    lua_Integer level = luaL_optinteger(L, 2, 1);
    lua_settop(L, 1);
    if (level > 0 && level <= SANDBOX_ERROR_LEVEL_MAX && lua_type(L, 1) == LUA_TSTRING) {
        luaL_where(L, (int)level);
        lua_pushvalue(L, 1);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int base_pcall(lua_State *L) {
    luaL_checkany(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    after_call(L, status);
    if (status != LUA_OK) {
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    luaL_checkstack(L, 1, NULL);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    return lua_gettop(L);
}

// The handler is called once the error has unwound, like any other function. Lua calls it at the
// point of the error and again for each error in it, which a script can make last; and what that
// is for, a traceback, is not to be had here.
static int base_xpcall(lua_State *L) {
    luaL_checktype(L, 2, LUA_TFUNCTION);
    int arguments = lua_gettop(L) - 2;
    lua_pushvalue(L, 1);
    lua_insert(L, 3);
    int status = lua_pcall(L, arguments, LUA_MULTRET, 0);
    after_call(L, status);
    if (status != LUA_OK) {
        lua_pushvalue(L, 2);
        lua_insert(L, -2);
        lua_call(L, 1, 1);
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    luaL_checkstack(L, 1, NULL);
    lua_pushboolean(L, 1);
    lua_replace(L, 2);
    return lua_gettop(L) - 1;
}

void sandbox_protect(lua_State *L) {
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushboolean(L, 1);
    lua_rawsetp(L, -2, &protected_key);
}

// Raises for what the metatable at 2 may not have; in a fixed order, since a table's own depends on
// addresses, and an error's text is something that a script can decide by.
//
// __gc runs with the budget's hook off, __close meets defects of Lua 5.4.4, __len lies to loops,
// and __mode shows when the collector ran. A __call that is no function is asked for its own
// __call, in a circle without end.
static void check_metamethods(lua_State *L) {
    static const char *const refused[] = {"__gc", "__close", "__len", "__mode"};
    for (size_t index = 0; index < sizeof refused / sizeof *refused; index += 1) {
        lua_pushstring(L, refused[index]);
        if (lua_rawget(L, 2) != LUA_TNIL) {
            luaL_error(L, "a hook's metatable may not have '%s'", refused[index]);
        }
        lua_pop(L, 1);
    }
    lua_pushliteral(L, "__call");
    int call = lua_rawget(L, 2);
    if (call != LUA_TNIL && call != LUA_TFUNCTION) {
        luaL_error(L, "a hook's '__call' must be a function");
    }
    lua_pop(L, 1);
}

// How many tables are asked one after the other for a field of the table on the top of the stack.
static size_t chain_links(lua_State *L, const char *event) {
    size_t links = 0;
    lua_pushvalue(L, -1);
    while (links < SANDBOX_LINKS_MAX && lua_getmetatable(L, -1)) {
        sandbox_charge(L, 1);
        lua_pushstring(L, event);
        lua_rawget(L, -2);
        lua_copy(L, -1, -3);
        lua_pop(L, 2);
        if (!lua_istable(L, -1)) break;
        links += 1;
    }
    lua_pop(L, 1);
    return links;
}

// Keeps the longest chain there can be. The chain that begins with an object is counted when it
// gets its metatable; where chains lead to that object already, they grow by as much.
static void note_chain(lua_State *L, const char *event) {
    sandbox *box = sandbox_of(L);
    lua_pushvalue(L, 1);
    size_t links = chain_links(L, event);
    lua_pop(L, 1);
    if (links == 0) return;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &led_to_key) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &led_to_key);
    }
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) != LUA_TNIL) links += box->links;
    lua_pop(L, 1);
    lua_pushstring(L, event);
    lua_rawget(L, 3);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    if (links > SANDBOX_LINKS_MAX) links = SANDBOX_LINKS_MAX;
    if (links > box->links) box->links = links;
}

// Copies the metamethods of the table at 2 to the one at 3. A check of the table that was handed
// over would be worth nothing, since a field can be added to it afterwards; nobody can reach the
// copy.
static void copy_metamethods(lua_State *L) {
    sandbox_charge_walk(L);
    for (lua_pushnil(L); lua_next(L, 2);) {
        sandbox_charge(L, sandbox_price(L));
        const char *event = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        if (strncmp(event, "__", 2) == 0) {
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, 3);
        }
        lua_pop(L, 1);
    }
}

// The object gets a private copy of the metamethods, which is at 3.
static int base_setmetatable(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    lua_settop(L, 2);
    if (lua_getmetatable(L, 1)) {
        lua_rawgetp(L, -1, &protected_key);
        if (lua_toboolean(L, -1)) return luaL_error(L, "cannot change a protected metatable");
        lua_settop(L, 2);
    }
    if (lua_isnil(L, 2)) {
        lua_setmetatable(L, 1);
        return 1;
    }
    check_metamethods(L);
    lua_newtable(L);
    copy_metamethods(L);
    lua_pushliteral(L, "__metatable");
    lua_rawget(L, 3);
    if (lua_isnil(L, -1)) {
        // What getmetatable answers: the table the script knows.
        lua_pushliteral(L, "__metatable");
        lua_pushvalue(L, 2);
        lua_rawset(L, 3);
    } else {
        lua_pushboolean(L, 1);
        lua_rawsetp(L, 3, &protected_key);
    }
    lua_settop(L, 3);
    lua_pushvalue(L, 3);
    lua_setmetatable(L, 1);
    note_chain(L, "__index");
    note_chain(L, "__newindex");
    lua_settop(L, 1);
    return 1;
}

// Every metatable there is has a __metatable field, so none is ever handed out itself.
static int base_getmetatable(lua_State *L) {
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__metatable") == LUA_TNIL) lua_pushnil(L);
    return 1;
}

static int base_tonumber(lua_State *L) {
    sandbox_charge_bytes(L, lua_type(L, 1) == LUA_TSTRING ? lua_rawlen(L, 1) : 0);
    lua_CFunction original = lua_tocfunction(L, lua_upvalueindex(1));
    return original(L);
}

void sandbox_open_base(lua_State *L) {
    static const char *const taken[] = {
        "assert", "ipairs", "rawequal", "rawget", "rawlen", "rawset", "select", "type",
    };
    static const luaL_Reg ours[] = {
        {"error", base_error}, {"getmetatable", base_getmetatable}, {"next", sandbox_next},
        {"pairs", sandbox_pairs}, {"pcall", base_pcall}, {"setmetatable", base_setmetatable},
        {"tostring", base_tostring}, {"xpcall", base_xpcall}, {NULL, NULL},
    };
    // Leaves the table of globals, which the environment replaces.
    lua_pushcfunction(L, luaopen_base);
    lua_call(L, 0, 1);
    for (size_t index = 0; index < sizeof taken / sizeof *taken; index += 1) {
        lua_getfield(L, -1, taken[index]);
        lua_setfield(L, -3, taken[index]);
    }
    lua_getfield(L, -1, "tonumber");
    lua_pushcclosure(L, base_tonumber, 1);
    lua_setfield(L, -3, "tonumber");
    lua_pop(L, 1);
    luaL_setfuncs(L, ours, 0);
    lua_pushliteral(L, LUA_VERSION);
    lua_setfield(L, -2, "_VERSION");
}

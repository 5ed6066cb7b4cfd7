// Traversal in a fixed order. Lua's own depends on addresses, and a hook that depends on addresses
// cannot be replayed.
#include "sandbox.h"

#include <math.h>
#include <string.h>

enum { KIND_NUMBER = 0, KIND_STRING = 1, KIND_BOOLEAN = 2 };

// Reads the key on the stack; raises for a key that has no place in any fixed order.
static sandbox_key read_key(lua_State *L, int index) {
    sandbox_key key = {0};
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        key.kind = KIND_NUMBER;
        if (lua_isinteger(L, index)) {
            key.integer = lua_tointeger(L, index);
            key.number = NAN;
        } else {
            key.number = lua_tonumber(L, index);
        }
        break;
    case LUA_TSTRING:
        key.kind = KIND_STRING;
        key.text = lua_tolstring(L, index, &key.bytes);
        break;
    case LUA_TBOOLEAN:
        key.kind = KIND_BOOLEAN;
        key.integer = lua_toboolean(L, index);
        break;
    default:
        // Without the key's type: which key is met first depends on addresses.
        luaL_error(L, "only keys that are numbers, strings or booleans have a fixed order");
    }
    return key;
}

static int sign(bool less, bool more) { return less ? -1 : more ? 1 : 0; }

// A float key is never a whole number, since Lua turns those into integers; NaN, which no key is,
// marks the integers.
static int compare_mixed(lua_Integer integer, lua_Number number) {
    if (number >= 9223372036854775808.0) return -1;
    if (number < -9223372036854775808.0) return 1;
    return integer <= (lua_Integer)floor(number) ? -1 : 1;
}

static int compare(const sandbox_key *left, const sandbox_key *right) {
    if (left->kind != right->kind) return sign(left->kind < right->kind, true);
    if (left->kind == KIND_STRING) {
        size_t shared = left->bytes < right->bytes ? left->bytes : right->bytes;
        int order = memcmp(left->text, right->text, shared);
        return order != 0 ? order : sign(left->bytes < right->bytes, left->bytes > right->bytes);
    }
    bool left_float = left->kind == KIND_NUMBER && !isnan(left->number);
    bool right_float = right->kind == KIND_NUMBER && !isnan(right->number);
    if (left_float && right_float) {
        return sign(left->number < right->number, left->number > right->number);
    }
    if (left_float) return -compare_mixed(right->integer, left->number);
    if (right_float) return compare_mixed(left->integer, right->number);
    return sign(left->integer < right->integer, left->integer > right->integer);
}

// Heapsort: no memory of its own, and no input that makes it slow. (The C library's qsort may read
// /proc to decide how much memory to take, which the worker's system call filter forbids.)
static void sift(sandbox_key *keys, size_t root, size_t count) {
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count) return;
        if (child + 1 < count && compare(&keys[child], &keys[child + 1]) < 0) child += 1;
        if (compare(&keys[root], &keys[child]) >= 0) return;
        sandbox_key moved = keys[root];
        keys[root] = keys[child];
        keys[child] = moved;
        root = child;
    }
}

static void sort(sandbox_key *keys, size_t count) {
    for (size_t root = count / 2; root > 0; root -= 1) sift(keys, root - 1, count);
    for (size_t end = count; end > 1; end -= 1) {
        sandbox_key moved = keys[0];
        keys[0] = keys[end - 1];
        keys[end - 1] = moved;
        sift(keys, 0, end - 1);
    }
}

lua_Integer sandbox_push_sorted_keys(lua_State *L, int index) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, 6, NULL);
    lua_Integer count = 0;
    size_t bytes = 0;
    // Twice: once to count, once to copy.
    sandbox_charge_walk(L);
    sandbox_charge_walk(L);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING) bytes += lua_rawlen(L, -2);
        count += 1;
        sandbox_charge(L, sandbox_price(L));
    }
    // What sorting costs: each key is looked at once for each doubling of their number.
    uint64_t rounds = 1;
    for (lua_Integer rest = count; rest > 1; rest /= 2) rounds += 1;
    sandbox_charge(L, rounds * ((uint64_t)count + bytes / SANDBOX_BYTES_PER_STEP));

    // The table keeps the keys alive while the script removes them from its own.
    lua_createtable(L, count < INT32_MAX ? (int)count : 0, 0);
    sandbox_key *keys = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *keys, 0);
    lua_Integer slot = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        keys[slot] = read_key(L, -2);
        slot += 1;
        keys[slot - 1].slot = slot;
        lua_pushvalue(L, -2);
        lua_rawseti(L, -5, slot);
    }
    sort(keys, (size_t)count);
    return count;
}

// Upvalues: the table, its keys, their order, how many there are, how many have been handed out.
static int next_pair(lua_State *L) {
    const sandbox_key *keys = lua_touserdata(L, lua_upvalueindex(3));
    lua_Integer count = lua_tointeger(L, lua_upvalueindex(4));
    lua_Integer position = lua_tointeger(L, lua_upvalueindex(5));
    lua_settop(L, 0);
    while (position < count) {
        lua_rawgeti(L, lua_upvalueindex(2), keys[position].slot);
        position += 1;
        lua_pushvalue(L, -1);
        // A key that the loop's body has removed is passed over.
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
            lua_pushinteger(L, position);
            lua_replace(L, lua_upvalueindex(5));
            return 2;
        }
        lua_settop(L, 0);
        sandbox_charge(L, 1);
    }
    lua_pushinteger(L, position);
    lua_replace(L, lua_upvalueindex(5));
    lua_pushnil(L);
    return 1;
}

int sandbox_pairs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    lua_Integer count = sandbox_push_sorted_keys(L, 1);
    lua_pushinteger(L, count);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_pair, 5);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

// The smallest key above the one given, found by looking at all of them: next is for asking
// whether a table is empty, pairs for walking through it.
int sandbox_next(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bool first = lua_isnil(L, 2);
    sandbox_key after = {0};
    if (!first) after = read_key(L, 2);
    lua_pushnil(L);
    sandbox_key best = {0};
    bool found = false;
    sandbox_charge_walk(L);
    // Paid first and for every key, so that the cost does not tell in what order they were met.
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        sandbox_charge(L, sandbox_price(L));
        sandbox_charge_bytes(L, lua_type(L, -2) == LUA_TSTRING ? lua_rawlen(L, -2) : 0);
    }
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        sandbox_key key = read_key(L, -2);
        if (!first && compare(&key, &after) <= 0) continue;
        if (found && compare(&key, &best) >= 0) continue;
        best = key;
        found = true;
        lua_pushvalue(L, -2);
        lua_replace(L, 3);
    }
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    lua_settop(L, 3);
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}

// The table library. It reads and writes tables directly, never through metamethods: a loop whose
// length a script can lie about is not a loop one can pay for. Each step costs as much as an
// instruction does: to find an element Lua may have to pass all others that share its place.
#include "sandbox.h"

#include <limits.h>

static lua_Integer check_table(lua_State *L, int index) {
    luaL_checktype(L, index, LUA_TTABLE);
    return (lua_Integer)lua_rawlen(L, index);
}

static int table_concat(lua_State *L) {
    lua_Integer count = check_table(L, 1);
    size_t separator_bytes = 0;
    const char *separator = luaL_optlstring(L, 2, "", &separator_bytes);
    lua_Integer index = luaL_optinteger(L, 3, 1);
    lua_Integer last = luaL_optinteger(L, 4, count);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    while (index <= last) {
        sandbox_charge(L, sandbox_price(L));
        lua_rawgeti(L, 1, index);
        if (!lua_isstring(L, -1)) {
            return luaL_error(
                L, "invalid value (at index %I) in table for 'concat'", (LUAI_UACINT)index);
        }
        if (lua_type(L, -1) == LUA_TNUMBER) sandbox_charge(L, SANDBOX_FLOAT_STEPS);
        size_t bytes = 0;
        lua_tolstring(L, -1, &bytes);
        sandbox_charge_bytes(L, bytes + separator_bytes);
        luaL_addvalue(&buffer);
        // Not by counting on: the last index there is has none behind it.
        if (index == last) break;
        luaL_addlstring(&buffer, separator, separator_bytes);
        index += 1;
    }
    luaL_pushresult(&buffer);
    return 1;
}

static int table_insert(lua_State *L) {
    lua_Integer place = check_table(L, 1) + 1;
    switch (lua_gettop(L)) {
    case 2: break;
    case 3: {
        lua_Integer position = luaL_checkinteger(L, 2);
        luaL_argcheck(
            L, position >= 1 && position <= place, 2, "position out of bounds");
        for (; place > position; place -= 1) {
            sandbox_charge(L, sandbox_price(L));
            lua_rawgeti(L, 1, place - 1);
            lua_rawseti(L, 1, place);
        }
        break;
    }
    default: return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    lua_rawseti(L, 1, place);
    return 0;
}

static int table_remove(lua_State *L) {
    lua_Integer count = check_table(L, 1);
    lua_Integer position = luaL_optinteger(L, 2, count);
    if (lua_gettop(L) > 1) {
        luaL_argcheck(
            L, position == count || (position >= 1 && position <= count + 1), 2,
            "position out of bounds");
    }
    lua_rawgeti(L, 1, position);
    for (; position < count; position += 1) {
        sandbox_charge(L, sandbox_price(L));
        lua_rawgeti(L, 1, position + 1);
        lua_rawseti(L, 1, position);
    }
    lua_pushnil(L);
    lua_rawseti(L, 1, position);
    return 1;
}

static int table_move(lua_State *L) {
    check_table(L, 1);
    lua_Integer from = luaL_checkinteger(L, 2);
    lua_Integer last = luaL_checkinteger(L, 3);
    lua_Integer to = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    check_table(L, target);
    if (last >= from) {
        luaL_argcheck(
            L, from > 0 || last < LUA_MAXINTEGER + from, 3, "too many elements to move");
        lua_Integer count = last - from + 1;
        luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
        bool upwards = to > last || to <= from || target != 1;
        for (lua_Integer done = 0; done < count; done += 1) {
            sandbox_charge(L, sandbox_price(L));
            lua_Integer offset = upwards ? done : count - 1 - done;
            lua_rawgeti(L, 1, from + offset);
            lua_rawseti(L, target, to + offset);
        }
    }
    lua_pushvalue(L, target);
    return 1;
}

static int table_pack(lua_State *L) {
    int count = lua_gettop(L);
    sandbox_charge(L, (uint64_t)count);
    lua_createtable(L, count, 1);
    lua_insert(L, 1);
    for (int index = count; index >= 1; index -= 1) lua_rawseti(L, 1, index);
    lua_pushinteger(L, count);
    lua_setfield(L, 1, "n");
    return 1;
}

static int table_unpack(lua_State *L) {
    lua_Integer count = check_table(L, 1);
    lua_Integer first = luaL_optinteger(L, 2, 1);
    lua_Integer last = luaL_optinteger(L, 3, count);
    if (first > last) return 0;
    if ((lua_Unsigned)last - (lua_Unsigned)first >= SANDBOX_VALUES_MAX) {
        return luaL_error(L, "table.unpack gives at most %d values", SANDBOX_VALUES_MAX);
    }
    int values = (int)(last - first) + 1;
    luaL_checkstack(L, values, NULL);
    sandbox_charge(L, (uint64_t)values * sandbox_price(L) / SANDBOX_VALUES_PER_STEP);
    for (int index = 0; index < values; index += 1) lua_rawgeti(L, 1, first + index);
    return values;
}

// Whether the value at `left` in the table at stack place `source` sorts before that at `right`.
static bool is_before(lua_State *L, int source, lua_Integer left, lua_Integer right) {
    sandbox_charge(L, sandbox_price(L));
    bool by_function = lua_isfunction(L, 2);
    if (by_function) lua_pushvalue(L, 2);
    lua_rawgeti(L, source, left);
    lua_rawgeti(L, source, right);
    bool before;
    if (by_function) {
        lua_call(L, 2, 1);
        before = lua_toboolean(L, -1);
        lua_pop(L, 1);
    } else {
        before = lua_compare(L, -2, -1, LUA_OPLT);
        lua_pop(L, 2);
    }
    return before;
}

static void copy(lua_State *L, int source, lua_Integer from, int target, lua_Integer to) {
    sandbox_charge(L, sandbox_price(L));
    lua_rawgeti(L, source, from);
    lua_rawseti(L, target, to);
}

// Merges the runs start..<middle and middle..<end; stack places, positions from 1.
static void merge(
    lua_State *L, int source, int target, lua_Integer start, lua_Integer middle, lua_Integer end
) {
    lua_Integer left = start, right = middle;
    for (lua_Integer place = start; place < end; place += 1) {
        bool take_right = left == middle
            || (right < end && is_before(L, source, right, left));
        copy(L, source, take_right ? right++ : left++, target, place);
    }
}

// A merge sort on copies: it is stable, so its result depends on nothing but the input (Lua's own
// picks pivots by the clock), it cannot be made slow, and an error leaves the table as it was.
static int table_sort(lua_State *L) {
    lua_Integer count = check_table(L, 1);
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    luaL_argcheck(L, count < INT_MAX / 4, 1, "array too big");
    if (count < 2) return 0;
    lua_createtable(L, (int)count, 0);
    lua_createtable(L, (int)count, 0);
    for (lua_Integer index = 1; index <= count; index += 1) copy(L, 1, index, 3, index);
    int source = 3, target = 4;
    for (lua_Integer width = 1; width < count; width *= 2) {
        for (lua_Integer start = 1; start <= count; start += 2 * width) {
            lua_Integer middle = start + width < count + 1 ? start + width : count + 1;
            lua_Integer end = start + 2 * width < count + 1 ? start + 2 * width : count + 1;
            merge(L, source, target, start, middle, end);
        }
        int swapped = source;
        source = target;
        target = swapped;
    }
    for (lua_Integer index = 1; index <= count; index += 1) copy(L, source, index, 1, index);
    return 0;
}

void sandbox_open_tables(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"concat", table_concat}, {"insert", table_insert}, {"move", table_move},
        {"pack", table_pack}, {"remove", table_remove}, {"sort", table_sort},
        {"unpack", table_unpack}, {NULL, NULL},
    };
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "table");
}

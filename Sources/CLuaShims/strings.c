// The string library, math and utf8. Functions whose cost grows with their arguments pay for it.
#include "sandbox.h"

#include <stdio.h>
#include <string.h>

// A function of Lua's own that walks over its string arguments once. The original is the upvalue.
static int charged(lua_State *L) {
    size_t bytes = 0;
    for (int index = 1; index <= lua_gettop(L); index += 1) {
        if (lua_type(L, index) == LUA_TSTRING) bytes += lua_rawlen(L, index);
    }
    sandbox_charge_bytes(L, bytes);
    lua_CFunction original = lua_tocfunction(L, lua_upvalueindex(1));
    return original(L);
}

// string.char and utf8.char, which pay for each character and can make zeros.
static int characters(lua_State *L) {
    for (int index = 1; index <= lua_gettop(L); index += 1) {
        if (lua_tointeger(L, index) == 0) sandbox_of(L)->zeroed = true;
    }
    sandbox_charge(L, (uint64_t)lua_gettop(L));
    return charged(L);
}

// The remainder of floats far apart is a long division.
static int math_fmod(lua_State *L) {
    if (!lua_isinteger(L, 1) || !lua_isinteger(L, 2)) sandbox_charge(L, SANDBOX_REMAINDER_STEPS);
    return charged(L);
}

// A position as string.sub understands it: negative counts from the end.
static size_t from_start(lua_Integer position, size_t bytes) {
    if (position > 0) return (size_t)position;
    if (position == 0) return 1;
    if (position < -(lua_Integer)bytes) return 1;
    return bytes + (size_t)position + 1;
}

static size_t up_to(lua_Integer position, size_t bytes) {
    if (position > (lua_Integer)bytes) return bytes;
    if (position >= 0) return (size_t)position;
    if (position < -(lua_Integer)bytes) return 0;
    return bytes + (size_t)position + 1;
}

static int string_byte(lua_State *L) {
    size_t bytes = 0;
    const char *text = luaL_checklstring(L, 1, &bytes);
    lua_Integer start = luaL_optinteger(L, 2, 1);
    size_t first = from_start(start, bytes);
    size_t last = up_to(luaL_optinteger(L, 3, start), bytes);
    if (first > last) return 0;
    size_t count = last - first + 1;
    if (count > SANDBOX_VALUES_MAX) {
        return luaL_error(L, "string.byte gives at most %d values", SANDBOX_VALUES_MAX);
    }
    luaL_checkstack(L, (int)count, NULL);
    sandbox_charge(L, count / SANDBOX_VALUES_PER_STEP);
    for (size_t index = 0; index < count; index += 1) {
        lua_pushinteger(L, (unsigned char)text[first - 1 + index]);
    }
    return (int)count;
}

static int string_rep(lua_State *L) {
    size_t bytes = 0, separator_bytes = 0;
    const char *text = luaL_checklstring(L, 1, &bytes);
    lua_Integer count = luaL_checkinteger(L, 2);
    const char *separator = luaL_optlstring(L, 3, "", &separator_bytes);
    if (count <= 0 || bytes + separator_bytes == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    size_t most = sandbox_of(L)->call->limits.memory_bytes_max;
    if ((uint64_t)count > most / (bytes + separator_bytes)) {
        return luaL_error(L, "the repeated string would be too large");
    }
    size_t total = (size_t)count * bytes + (size_t)(count - 1) * separator_bytes;
    sandbox_charge(L, (uint64_t)count);
    sandbox_charge_bytes(L, total);
    luaL_Buffer buffer;
    char *place = luaL_buffinitsize(L, &buffer, total);
    for (; count > 0; count -= 1) {
        memcpy(place, text, bytes);
        place += bytes;
        if (count > 1) {
            memcpy(place, separator, separator_bytes);
            place += separator_bytes;
        }
    }
    luaL_pushresultsize(&buffer, total);
    return 1;
}

// Room for the longest number: 1e308 in full with 99 decimals.
#define FORMATTED_BYTES_MAX 512
// '%', five flags, two digits of width, '.', two of precision, "ll", the conversion, the end.
#define SPECIFIER_BYTES_MAX 20

typedef struct specifier {
    char text[SPECIFIER_BYTES_MAX];
    size_t length;
    bool plain;
} specifier;

static const char *digits(const char *place, specifier *spec) {
    for (int count = 0; count < 2 && *place >= '0' && *place <= '9'; count += 1) {
        spec->text[spec->length++] = *place++;
    }
    return place;
}

// Reads what stands between '%' and the conversion. `place` is in a terminated string.
static const char *read_specifier(lua_State *L, const char *place, specifier *spec) {
    const char *start = place;
    spec->length = 0;
    spec->text[spec->length++] = '%';
    for (int count = 0; count < 5 && *place != '\0' && strchr("-+ #0", *place); count += 1) {
        spec->text[spec->length++] = *place++;
    }
    place = digits(place, spec);
    if (*place == '.') {
        spec->text[spec->length++] = *place++;
        place = digits(place, spec);
    }
    if ((*place >= '0' && *place <= '9') || (*place != '\0' && strchr("-+ #", *place))) {
        luaL_error(L, "string.format: the conversion is too long");
    }
    spec->plain = place == start;
    return place;
}

static void add_text(lua_State *L, luaL_Buffer *buffer, int argument, const specifier *spec) {
    size_t bytes = 0;
    const char *text = sandbox_text(L, argument, &bytes);
    sandbox_charge_bytes(L, bytes);
    bool precise = memchr(spec->text, '.', spec->length) != NULL;
    if (spec->plain || (!precise && bytes >= 100)) {
        // Longer than any width can ask for.
        luaL_addvalue(buffer);
        return;
    }
    if (strlen(text) != bytes) luaL_argerror(L, argument, "string contains zeros");
    char form[SPECIFIER_BYTES_MAX + 2];
    snprintf(form, sizeof form, "%.*ss", (int)spec->length, spec->text);
    char formatted[FORMATTED_BYTES_MAX];
    int length = snprintf(formatted, sizeof formatted, form, text);
    lua_pop(L, 1);
    luaL_addlstring(buffer, formatted, length > 0 ? (size_t)length : 0);
}

static void add_number(
    lua_State *L, luaL_Buffer *buffer, int argument, const specifier *spec, char conversion
) {
    char form[SPECIFIER_BYTES_MAX + 4];
    char formatted[FORMATTED_BYTES_MAX];
    int prefix = (int)spec->length;
    int length = 0;
    switch (conversion) {
    case 'd': case 'i': case 'o': case 'x': case 'X':
        snprintf(form, sizeof form, "%.*sll%c", prefix, spec->text, conversion);
        length = snprintf(
            formatted, sizeof formatted, form, (long long)luaL_checkinteger(L, argument));
        break;
    default:
        sandbox_charge(L, SANDBOX_FLOAT_STEPS);
        snprintf(form, sizeof form, "%.*s%c", prefix, spec->text, conversion);
        length = snprintf(formatted, sizeof formatted, form, luaL_checknumber(L, argument));
        break;
    }
    // Digits are dearer than bytes that are copied.
    sandbox_charge(L, (uint64_t)(length > 0 ? length : 0) / 4);
    luaL_addlstring(buffer, formatted, length > 0 ? (size_t)length : 0);
}

// Lua's own but for %p and %s of a table, which show addresses, and %q, which is for writing code.
static int string_format(lua_State *L) {
    size_t bytes = 0;
    const char *place = luaL_checklstring(L, 1, &bytes);
    const char *end = place + bytes;
    int count = lua_gettop(L), argument = 1;
    sandbox_charge_bytes(L, bytes);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    while (place < end) {
        if (*place != '%') {
            luaL_addchar(&buffer, *place++);
            continue;
        }
        place += 1;
        if (*place == '%') {
            luaL_addchar(&buffer, *place++);
            continue;
        }
        specifier spec;
        place = read_specifier(L, place, &spec);
        char conversion = *place++;
        argument += 1;
        if (argument > count) return luaL_argerror(L, argument, "no value");
        switch (conversion) {
        case 's': add_text(L, &buffer, argument, &spec); break;
        case 'c': {
            char byte = (char)luaL_checkinteger(L, argument);
            if (byte == '\0') sandbox_of(L)->zeroed = true;
            luaL_addchar(&buffer, byte);
            break;
        }
        case 'd': case 'i': case 'o': case 'x': case 'X':
        case 'a': case 'A': case 'e': case 'E': case 'f': case 'F': case 'g': case 'G':
            add_number(L, &buffer, argument, &spec, conversion);
            break;
        default:
            return luaL_error(L, "string.format: no conversion '%%%c' in hooks", conversion);
        }
    }
    luaL_pushresult(&buffer);
    return 1;
}

// Copies functions and constants out of a library of Lua's own, whose table is on the top, into
// the table below it; a function by way of the one that charges for it.
static void take(lua_State *L, const char *const *names, lua_CFunction charge) {
    for (; *names != NULL; names += 1) {
        lua_getfield(L, -1, *names);
        if (lua_isfunction(L, -1)) lua_pushcclosure(L, charge, 1);
        lua_setfield(L, -3, *names);
    }
}

static void open_library(lua_State *L, lua_CFunction open) {
    lua_newtable(L);
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
}

// Without math.random, whose seed is the clock, and without the functions whose last digit is the
// C library's own affair.
static const char *const math_names[] = {
    "abs", "ceil", "floor", "huge", "max", "maxinteger", "min", "mininteger", "modf", "pi",
    "sqrt", "tointeger", "type", "ult", NULL,
};
static const char *const remainder_names[] = {"fmod", NULL};
// utf8.codes accepts stray continuation bytes in Lua 5.4.4; codepoint spreads a whole string over
// the stack.
static const char *const utf8_names[] = {"charpattern", "len", "offset", NULL};
static const char *const string_names[] = {"len", "lower", "reverse", "sub", "upper", NULL};
static const char *const character_names[] = {"char", NULL};

void sandbox_open_strings(lua_State *L) {
    static const luaL_Reg ours[] = {
        {"byte", string_byte}, {"find", sandbox_find}, {"format", string_format},
        {"gmatch", sandbox_gmatch}, {"gsub", sandbox_gsub}, {"match", sandbox_match},
        {"rep", string_rep}, {NULL, NULL},
    };
    open_library(L, luaopen_math);
    take(L, math_names, charged);
    take(L, remainder_names, math_fmod);
    lua_pop(L, 1);
    lua_setfield(L, -2, "math");

    open_library(L, luaopen_utf8);
    take(L, utf8_names, charged);
    take(L, character_names, characters);
    lua_pop(L, 1);
    lua_setfield(L, -2, "utf8");

    open_library(L, luaopen_string);
    take(L, string_names, charged);
    take(L, character_names, characters);
    lua_pop(L, 1);
    luaL_setfuncs(L, ours, 0);
    // The metatable of all strings: methods only, and out of the script's reach. It replaces the
    // one that luaopen_string made, and with it the arithmetic on strings.
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    sandbox_protect(L);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
    lua_setfield(L, -2, "string");
}

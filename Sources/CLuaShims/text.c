// The helpers `text` and `time`: what serial numbers, check digits and shifts need, and what would
// be slow or wrong when each hook writes it anew. All are functions of their arguments alone.
#include "sandbox.h"

#include <string.h>

static const char *checked(lua_State *L, int index, size_t *bytes) {
    luaL_checktype(L, index, LUA_TSTRING);
    const char *text = lua_tolstring(L, index, bytes);
    sandbox_charge_bytes(L, *bytes);
    return text;
}

static bool is_space(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

static int text_trim(lua_State *L) {
    size_t bytes = 0;
    const char *text = checked(L, 1, &bytes);
    while (bytes > 0 && is_space(*text)) {
        text += 1;
        bytes -= 1;
    }
    while (bytes > 0 && is_space(text[bytes - 1])) bytes -= 1;
    lua_pushlstring(L, text, bytes);
    return 1;
}

static int text_starts(lua_State *L) {
    size_t bytes = 0, part_bytes = 0;
    const char *text = checked(L, 1, &bytes);
    const char *part = checked(L, 2, &part_bytes);
    lua_pushboolean(L, bytes >= part_bytes && memcmp(text, part, part_bytes) == 0);
    return 1;
}

static int text_ends(lua_State *L) {
    size_t bytes = 0, part_bytes = 0;
    const char *text = checked(L, 1, &bytes);
    const char *part = checked(L, 2, &part_bytes);
    lua_pushboolean(
        L, bytes >= part_bytes && memcmp(text + bytes - part_bytes, part, part_bytes) == 0);
    return 1;
}

// The parts between separators, which are one byte or more and no pattern.
static int text_split(lua_State *L) {
    size_t bytes = 0, separator_bytes = 0;
    const char *text = checked(L, 1, &bytes);
    const char *separator = checked(L, 2, &separator_bytes);
    luaL_argcheck(L, separator_bytes > 0, 2, "a separator of at least one character");
    lua_newtable(L);
    lua_Integer count = 0;
    size_t start = 0;
    for (size_t place = 0; place + separator_bytes <= bytes;) {
        sandbox_charge(L, 1);
        if (memcmp(text + place, separator, separator_bytes) != 0) {
            place += 1;
            continue;
        }
        lua_pushlstring(L, text + start, place - start);
        lua_rawseti(L, -2, count += 1);
        place += separator_bytes;
        start = place;
    }
    lua_pushlstring(L, text + start, bytes - start);
    lua_rawseti(L, -2, count + 1);
    return 1;
}

static int text_is_digits(lua_State *L) {
    size_t bytes = 0;
    const char *text = checked(L, 1, &bytes);
    bool all = bytes > 0;
    for (size_t index = 0; all && index < bytes; index += 1) all = is_digit(text[index]);
    lua_pushboolean(L, all);
    return 1;
}

// Whether the last digit is the check digit of those before it (ISO/IEC 7812-1, annex B).
static int text_luhn(lua_State *L) {
    size_t bytes = 0;
    const char *text = checked(L, 1, &bytes);
    unsigned sum = 0;
    bool valid = bytes >= 2;
    for (size_t index = 0; valid && index < bytes; index += 1) {
        char byte = text[bytes - 1 - index];
        valid = is_digit(byte);
        unsigned digit = (unsigned)(byte - '0') << (index % 2);
        sum = (sum + (digit > 9 ? digit - 9 : digit)) % 10;
    }
    lua_pushboolean(L, valid && sum == 0);
    return 1;
}

// The remainder by 97 of a text of digits and letters, a letter being 10 to 35 (ISO/IEC 7064,
// MOD 97-10): 1 for a text whose last two digits are its check characters. nil for other texts.
static int text_mod97(lua_State *L) {
    size_t bytes = 0;
    const char *text = checked(L, 1, &bytes);
    unsigned remainder = 0;
    for (size_t index = 0; index < bytes; index += 1) {
        char byte = text[index];
        if (is_digit(byte)) {
            remainder = (remainder * 10 + (unsigned)(byte - '0')) % 97;
        } else if (byte >= 'A' && byte <= 'Z') {
            remainder = (remainder * 100 + (unsigned)(byte - 'A') + 10) % 97;
        } else {
            bytes = 0;
        }
    }
    if (bytes == 0) lua_pushnil(L);
    else lua_pushinteger(L, remainder);
    return 1;
}

void sandbox_open_text(lua_State *L) {
    static const luaL_Reg text[] = {
        {"ends", text_ends}, {"isDigits", text_is_digits}, {"luhn", text_luhn},
        {"mod97", text_mod97}, {"split", text_split}, {"starts", text_starts},
        {"trim", text_trim}, {NULL, NULL},
    };
    luaL_newlib(L, text);
    lua_setfield(L, -2, "text");
}

static int time_now(lua_State *L) {
    lua_pushinteger(L, sandbox_of(L)->call->time_seconds);
    return 1;
}

static void set_field(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

// Seconds since 1970 as a date and time of day in UTC. Howard Hinnant's days_to_civil, which counts
// in eras of 400 years from 1 March; weekday 1 is Monday (ISO 8601).
static int time_utc(lua_State *L) {
    lua_Integer seconds = luaL_checkinteger(L, 1);
    luaL_argcheck(
        L, seconds >= 0 && seconds <= SANDBOX_TIME_MAX, 1, "seconds from 1970 to 9999");
    lua_Integer days = seconds / 86400, rest = seconds % 86400;
    lua_Integer shifted = days + 719468;
    lua_Integer era = shifted / 146097, day_of_era = shifted % 146097;
    lua_Integer year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    lua_Integer day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    lua_Integer month = (5 * day_of_year + 2) / 153;
    lua_createtable(L, 0, 7);
    set_field(L, "day", day_of_year - (153 * month + 2) / 5 + 1);
    set_field(L, "month", month < 10 ? month + 3 : month - 9);
    set_field(L, "year", year_of_era + era * 400 + (month >= 10));
    set_field(L, "hour", rest / 3600);
    set_field(L, "minute", rest / 60 % 60);
    set_field(L, "second", rest % 60);
    set_field(L, "weekday", (days + 3) % 7 + 1);
    return 1;
}

void sandbox_open_time(lua_State *L) {
    static const luaL_Reg time[] = {{"now", time_now}, {"utc", time_utc}, {NULL, NULL}};
    luaL_newlib(L, time);
    lua_setfield(L, -2, "time");
}

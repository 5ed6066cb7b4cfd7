// JSON (RFC 8259) to Lua values and back. null is json.null, a light userdata of NULL, since nil
// cannot be a table's value.
#include "sandbox.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Longer numbers than anybody writes.
#define NUMBER_BYTES_MAX 64

typedef struct reader {
    lua_State *L;
    const char *start, *place, *end;
} reader;

static void read_value(reader *r, int depth);

static int refuse(reader *r, const char *what) {
    return luaL_error(
        r->L, "JSON: %s at byte %I", what, (LUAI_UACINT)(r->place - r->start + 1));
}

static void skip_space(reader *r) {
    while (r->place < r->end && strchr(" \t\r\n", *r->place) != NULL && *r->place != '\0') {
        r->place += 1;
    }
}

static bool take(reader *r, char byte) {
    if (r->place >= r->end || *r->place != byte) return false;
    r->place += 1;
    return true;
}

static void read_literal(reader *r, const char *literal) {
    size_t bytes = strlen(literal);
    if ((size_t)(r->end - r->place) < bytes || memcmp(r->place, literal, bytes) != 0) {
        refuse(r, "unexpected text");
    }
    r->place += bytes;
}

static void read_digits(reader *r) {
    const char *start = r->place;
    while (r->place < r->end && *r->place >= '0' && *r->place <= '9') r->place += 1;
    if (r->place == start) refuse(r, "expected a digit");
}

// The grammar is checked here, since Lua's own conversion takes hexadecimals and spaces too.
static void read_number(reader *r) {
    const char *start = r->place;
    take(r, '-');
    if (!take(r, '0')) read_digits(r);
    if (take(r, '.')) read_digits(r);
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+')) take(r, '-');
        read_digits(r);
    }
    size_t bytes = (size_t)(r->place - start);
    if (bytes >= NUMBER_BYTES_MAX) refuse(r, "a number too long");
    sandbox_charge(r->L, SANDBOX_FLOAT_STEPS / 4);
    char text[NUMBER_BYTES_MAX];
    memcpy(text, start, bytes);
    text[bytes] = '\0';
    if (lua_stringtonumber(r->L, text) == 0) refuse(r, "not a number");
}

static unsigned read_hex(reader *r) {
    unsigned value = 0;
    for (int count = 0; count < 4; count += 1) {
        int byte = r->place < r->end ? *r->place : 0;
        unsigned digit;
        if (byte >= '0' && byte <= '9') digit = (unsigned)(byte - '0');
        else if (byte >= 'a' && byte <= 'f') digit = (unsigned)(byte - 'a') + 10;
        else if (byte >= 'A' && byte <= 'F') digit = (unsigned)(byte - 'A') + 10;
        else return (unsigned)refuse(r, "expected four hex digits");
        value = value << 4 | digit;
        r->place += 1;
    }
    return value;
}

static void add_scalar(luaL_Buffer *buffer, unsigned scalar) {
    if (scalar == 0) sandbox_of(buffer->L)->zeroed = true;
    if (scalar < 0x80) {
        luaL_addchar(buffer, (char)scalar);
        return;
    }
    if (scalar < 0x800) {
        luaL_addchar(buffer, (char)(0xC0 | scalar >> 6));
    } else {
        if (scalar < 0x10000) {
            luaL_addchar(buffer, (char)(0xE0 | scalar >> 12));
        } else {
            luaL_addchar(buffer, (char)(0xF0 | scalar >> 18));
            luaL_addchar(buffer, (char)(0x80 | (scalar >> 12 & 0x3F)));
        }
        luaL_addchar(buffer, (char)(0x80 | (scalar >> 6 & 0x3F)));
    }
    luaL_addchar(buffer, (char)(0x80 | (scalar & 0x3F)));
}

static void read_escape(reader *r, luaL_Buffer *buffer) {
    char kind = r->place < r->end ? *r->place++ : '\0';
    switch (kind) {
    case '"': case '\\': case '/': luaL_addchar(buffer, kind); return;
    case 'b': luaL_addchar(buffer, '\b'); return;
    case 'f': luaL_addchar(buffer, '\f'); return;
    case 'n': luaL_addchar(buffer, '\n'); return;
    case 'r': luaL_addchar(buffer, '\r'); return;
    case 't': luaL_addchar(buffer, '\t'); return;
    case 'u': break;
    default: refuse(r, "an unknown escape"); return;
    }
    unsigned scalar = read_hex(r);
    if (scalar >= 0xD800 && scalar < 0xDC00) {
        if (!take(r, '\\') || !take(r, 'u')) refuse(r, "a lone surrogate");
        unsigned low = read_hex(r);
        if (low < 0xDC00 || low > 0xDFFF) refuse(r, "a lone surrogate");
        scalar = 0x10000 + ((scalar - 0xD800) << 10) + (low - 0xDC00);
    } else if (scalar >= 0xDC00 && scalar < 0xE000) {
        refuse(r, "a lone surrogate");
    }
    add_scalar(buffer, scalar);
}

static void read_string(reader *r) {
    r->place += 1;
    luaL_Buffer buffer;
    luaL_buffinit(r->L, &buffer);
    for (;;) {
        const char *run = r->place;
        while (r->place < r->end && *r->place != '"' && *r->place != '\\'
               && (unsigned char)*r->place >= 0x20) {
            r->place += 1;
        }
        luaL_addlstring(&buffer, run, (size_t)(r->place - run));
        if (take(r, '"')) break;
        if (!take(r, '\\')) refuse(r, "an unfinished string");
        read_escape(r, &buffer);
    }
    luaL_pushresult(&buffer);
}

static void read_object(reader *r, int depth) {
    r->place += 1;
    lua_newtable(r->L);
    skip_space(r);
    if (take(r, '}')) return;
    for (;;) {
        skip_space(r);
        if (r->place >= r->end || *r->place != '"') refuse(r, "expected a key");
        read_string(r);
        sandbox_charge(r->L, 1);
        skip_space(r);
        if (!take(r, ':')) refuse(r, "expected ':'");
        read_value(r, depth);
        lua_rawset(r->L, -3);
        skip_space(r);
        if (take(r, '}')) return;
        if (!take(r, ',')) refuse(r, "expected ',' or '}'");
    }
}

static void read_array(reader *r, int depth) {
    r->place += 1;
    lua_newtable(r->L);
    skip_space(r);
    if (take(r, ']')) return;
    for (lua_Integer index = 1;; index += 1) {
        read_value(r, depth);
        lua_rawseti(r->L, -2, index);
        skip_space(r);
        if (take(r, ']')) return;
        if (!take(r, ',')) refuse(r, "expected ',' or ']'");
    }
}

static void read_value(reader *r, int depth) {
    if (depth >= SANDBOX_JSON_DEPTH_MAX) refuse(r, "nested too deep");
    sandbox_charge(r->L, 1);
    luaL_checkstack(r->L, 4, "JSON");
    skip_space(r);
    switch (r->place < r->end ? *r->place : '\0') {
    case '{': read_object(r, depth + 1); break;
    case '[': read_array(r, depth + 1); break;
    case '"': read_string(r); break;
    case 't': read_literal(r, "true"); lua_pushboolean(r->L, 1); break;
    case 'f': read_literal(r, "false"); lua_pushboolean(r->L, 0); break;
    case 'n': read_literal(r, "null"); lua_pushlightuserdata(r->L, NULL); break;
    default: read_number(r); break;
    }
}

void sandbox_json_decode(lua_State *L, const char *text, size_t bytes) {
    sandbox_charge_bytes(L, bytes);
    reader r = {.L = L, .start = text, .place = text, .end = text + bytes};
    read_value(&r, 0);
    skip_space(&r);
    if (r.place != r.end) refuse(&r, "unexpected text");
}

typedef struct writer {
    lua_State *L;
    sandbox *box;
    size_t bytes_max;
} writer;

static void put(writer *w, const char *bytes, size_t count) {
    sandbox *box = w->box;
    if (count > w->bytes_max - box->out_bytes) {
        luaL_error(w->L, "JSON: more than %I bytes", (LUAI_UACINT)w->bytes_max);
    }
    if (count > box->out_capacity - box->out_bytes) {
        size_t capacity = (box->out_bytes + count) * 2;
        char *grown = realloc(box->out, capacity);
        if (grown == NULL) sandbox_spend(w->L, SLIPWAY_HOOK_OUT_OF_MEMORY);
        box->out = grown;
        box->out_capacity = capacity;
    }
    memcpy(box->out + box->out_bytes, bytes, count);
    box->out_bytes += count;
}

static void put_text(writer *w, const char *text) { put(w, text, strlen(text)); }

static void write_string(writer *w, int index) {
    size_t bytes = 0;
    const char *text = lua_tolstring(w->L, index, &bytes);
    sandbox_charge_bytes(w->L, bytes);
    put_text(w, "\"");
    const char *end = text + bytes, *run = text;
    for (; text < end; text += 1) {
        unsigned char byte = (unsigned char)*text;
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        sandbox_charge(w->L, 4);
        put(w, run, (size_t)(text - run));
        char escape[8];
        int length = byte >= 0x20 ? snprintf(escape, sizeof escape, "\\%c", byte)
                                  : snprintf(escape, sizeof escape, "\\u%04x", byte);
        put(w, escape, (size_t)length);
        run = text + 1;
    }
    put(w, run, (size_t)(end - run));
    put_text(w, "\"");
}

static void write_number(writer *w, int index) {
    char text[NUMBER_BYTES_MAX];
    sandbox_charge(w->L, lua_isinteger(w->L, index) ? 1 : SANDBOX_FLOAT_STEPS);
    if (lua_isinteger(w->L, index)) {
        snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(w->L, index));
    } else {
        lua_Number number = lua_tonumber(w->L, index);
        if (!isfinite(number)) luaL_error(w->L, "JSON: infinity and NaN have no JSON form");
        snprintf(text, sizeof text, "%.17g", number);
    }
    put_text(w, text);
}

static void write_value(writer *w, int index, int depth);

// A table whose keys are 1 to n is an array, one whose keys are strings an object, and the empty
// one an object; the members of an object come in the order of their keys.
static void write_table(writer *w, int index, int depth) {
    lua_State *L = w->L;
    if (depth >= SANDBOX_JSON_DEPTH_MAX) luaL_error(L, "JSON: nested too deep, or in a circle");
    luaL_checkstack(L, 8, "JSON");
    lua_Integer count = sandbox_push_sorted_keys(L, index);
    const sandbox_key *keys = lua_touserdata(L, -1);
    int snapshot = lua_gettop(L) - 1;
    lua_Integer length = (lua_Integer)lua_rawlen(L, index);
    bool array = count > 0 && length == count;
    put_text(w, array ? "[" : "{");
    for (lua_Integer position = 0; position < count; position += 1) {
        if (position > 0) put_text(w, ",");
        if (array) {
            lua_rawgeti(L, index, position + 1);
        } else {
            lua_rawgeti(L, snapshot, keys[position].slot);
            if (lua_type(L, -1) != LUA_TSTRING) {
                luaL_error(
                    L, "JSON: a table's keys must be all strings, or the numbers 1 to its length");
            }
            write_string(w, -1);
            put_text(w, ":");
            lua_rawget(L, index);
        }
        write_value(w, lua_gettop(L), depth + 1);
        lua_pop(L, 1);
    }
    put_text(w, array ? "]" : "}");
    lua_pop(L, 2);
}

static void write_value(writer *w, int index, int depth) {
    sandbox_charge(w->L, 1);
    switch (lua_type(w->L, index)) {
    case LUA_TNIL:
    case LUA_TLIGHTUSERDATA: put_text(w, "null"); break;
    case LUA_TBOOLEAN: put_text(w, lua_toboolean(w->L, index) ? "true" : "false"); break;
    case LUA_TNUMBER: write_number(w, index); break;
    case LUA_TSTRING: write_string(w, index); break;
    case LUA_TTABLE: write_table(w, index, depth); break;
    default: luaL_error(w->L, "JSON: a %s has no JSON form", luaL_typename(w->L, index));
    }
}

void sandbox_json_encode(lua_State *L, int index, size_t bytes_max) {
    sandbox *box = sandbox_of(L);
    box->out_bytes = 0;
    writer w = {.L = L, .box = box, .bytes_max = bytes_max};
    write_value(&w, lua_absindex(L, index), 0);
}

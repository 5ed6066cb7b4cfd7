// Lua patterns (reference manual 6.4.1) with a step for everything that is looked at, so that a
// pattern which backtracks for ever ends with the budget instead. Lua's own matcher runs as one
// instruction, out of the count hook's sight.
#define _GNU_SOURCE
#include "sandbox.h"

#include <ctype.h>
#include <string.h>

#define CAPTURES_MAX 32
// How deep the matcher recurses; each level is a frame of the C stack.
#define MATCH_DEPTH_MAX 200
// Steps are taken from the budget in lots.
#define STEPS_PER_CHARGE 64

#define CAPTURE_OPEN (-1)
#define CAPTURE_POSITION (-2)

typedef struct matcher {
    lua_State *L;
    const char *source, *source_end, *pattern_end;
    int depth, level;
    uint64_t steps;
    struct {
        const char *start;
        ptrdiff_t bytes;
    } captures[CAPTURES_MAX];
} matcher;

static const char *match(matcher *m, const char *s, const char *p);

static void settle(matcher *m) {
    uint64_t steps = m->steps;
    m->steps = 0;
    sandbox_charge(m->L, steps);
}

static void step(matcher *m, size_t steps) {
    m->steps += steps;
    if (m->steps >= STEPS_PER_CHARGE) settle(m);
}

// Where the single-character class at `p` ends. Lua strings are terminated, so looking at the byte
// behind the last is allowed.
static const char *class_end(matcher *m, const char *p) {
    const char *start = p;
    switch (*p++) {
    case '%':
        if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (ends with '%%')");
        return p + 1;
    case '[':
        if (*p == '^') p += 1;
        // The first character of a set stands for itself, ']' included.
        do {
            if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (missing ']')");
            if (*p++ == '%') {
                if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (missing ']')");
                p += 1;
            }
        } while (p == m->pattern_end || *p != ']');
        step(m, (size_t)(p - start) / 4);
        return p + 1;
    default: return p;
    }
}

static bool in_class(int c, int class) {
    bool result;
    switch (tolower(class)) {
    case 'a': result = isalpha(c); break;
    case 'c': result = iscntrl(c); break;
    case 'd': result = isdigit(c); break;
    case 'g': result = isgraph(c); break;
    case 'l': result = islower(c); break;
    case 'p': result = ispunct(c); break;
    case 's': result = isspace(c); break;
    case 'u': result = isupper(c); break;
    case 'w': result = isalnum(c); break;
    case 'x': result = isxdigit(c); break;
    default: return class == c;
    }
    return isupper(class) ? !result : result;
}

// `p` at the '[' of a set, `last` at its ']'.
static bool in_set(matcher *m, int c, const char *p, const char *last) {
    step(m, (size_t)(last - p) / 4);
    bool within = true;
    if (p[1] == '^') {
        within = false;
        p += 1;
    }
    while (++p < last) {
        if (*p == '%') {
            p += 1;
            if (in_class(c, (unsigned char)*p)) return within;
        } else if (p[1] == '-' && p + 2 < last) {
            p += 2;
            if ((unsigned char)p[-2] <= c && c <= (unsigned char)*p) return within;
        } else if ((unsigned char)*p == c) {
            return within;
        }
    }
    return !within;
}

static bool single(matcher *m, const char *s, const char *p, const char *end) {
    step(m, 1);
    if (s >= m->source_end) return false;
    int c = (unsigned char)*s;
    switch (*p) {
    case '.': return true;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[': return in_set(m, c, p, end - 1);
    default: return (unsigned char)*p == c;
    }
}

// %bxy
static const char *balanced(matcher *m, const char *s, const char *p) {
    if (m->pattern_end - p < 2) {
        luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    }
    if (s >= m->source_end || *s != *p) return NULL;
    char open = p[0], close = p[1];
    int depth = 1;
    while (++s < m->source_end) {
        step(m, 1);
        if (*s == close) {
            depth -= 1;
            if (depth == 0) return s + 1;
        } else if (*s == open) {
            depth += 1;
        }
    }
    return NULL;
}

static const char *longest(matcher *m, const char *s, const char *p, const char *end) {
    ptrdiff_t count = 0;
    while (single(m, s + count, p, end)) count += 1;
    for (; count >= 0; count -= 1) {
        const char *result = match(m, s + count, end + 1);
        if (result != NULL) return result;
    }
    return NULL;
}

static const char *shortest(matcher *m, const char *s, const char *p, const char *end) {
    for (;;) {
        const char *result = match(m, s, end + 1);
        if (result != NULL) return result;
        if (!single(m, s, p, end)) return NULL;
        s += 1;
    }
}

static const char *open_capture(matcher *m, const char *s, const char *p, ptrdiff_t kind) {
    if (m->level >= CAPTURES_MAX) luaL_error(m->L, "too many captures");
    m->captures[m->level].start = s;
    m->captures[m->level].bytes = kind;
    m->level += 1;
    const char *result = match(m, s, p);
    if (result == NULL) m->level -= 1;
    return result;
}

static const char *close_capture(matcher *m, const char *s, const char *p) {
    int index = m->level - 1;
    while (index >= 0 && m->captures[index].bytes != CAPTURE_OPEN) index -= 1;
    if (index < 0) luaL_error(m->L, "invalid pattern capture");
    m->captures[index].bytes = s - m->captures[index].start;
    const char *result = match(m, s, p);
    if (result == NULL) m->captures[index].bytes = CAPTURE_OPEN;
    return result;
}

static const char *repeated_capture(matcher *m, const char *s, char digit) {
    int index = digit - '1';
    if (index < 0 || index >= m->level || m->captures[index].bytes == CAPTURE_OPEN) {
        luaL_error(m->L, "invalid capture index %%%d", index + 1);
    }
    ptrdiff_t bytes = m->captures[index].bytes;
    if (bytes < 0 || bytes > m->source_end - s) return NULL;
    step(m, (size_t)bytes / SANDBOX_BYTES_PER_STEP + 1);
    return memcmp(m->captures[index].start, s, (size_t)bytes) == 0 ? s + bytes : NULL;
}

// %f[set]: between a character outside the set and one inside; both ends of the text count as '\0'.
static bool at_frontier(matcher *m, const char *s, const char *p, const char *end) {
    int before = s == m->source ? 0 : (unsigned char)s[-1];
    int here = s == m->source_end ? 0 : (unsigned char)*s;
    return !in_set(m, before, p, end - 1) && in_set(m, here, p, end - 1);
}

// The items that are not a single character with a suffix. True where `p` was one: then *s and *p
// stand behind it, or *s is NULL for "does not match".
static bool match_special(matcher *m, const char **s, const char **p) {
    char kind = (*p)[1];
    if (kind == 'b') {
        *s = balanced(m, *s, *p + 2);
        *p += 4;
        return true;
    }
    if (kind == 'f') {
        *p += 2;
        if (**p != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
        const char *end = class_end(m, *p);
        if (!at_frontier(m, *s, *p, end)) *s = NULL;
        *p = end;
        return true;
    }
    if (kind >= '0' && kind <= '9') {
        *s = repeated_capture(m, *s, kind);
        *p += 2;
        return true;
    }
    return false;
}

// The end of the match of `p` at `s`, or NULL. Loops where it can and recurses where it must.
static const char *match_here(matcher *m, const char *s, const char *p) {
    while (p != m->pattern_end) {
        step(m, 1);
        switch (*p) {
        case '(':
            return p[1] == ')' ? open_capture(m, s, p + 2, CAPTURE_POSITION)
                               : open_capture(m, s, p + 1, CAPTURE_OPEN);
        case ')': return close_capture(m, s, p + 1);
        case '$':
            if (p + 1 == m->pattern_end) return s == m->source_end ? s : NULL;
            break;
        case '%':
            if (match_special(m, &s, &p)) {
                if (s == NULL) return NULL;
                continue;
            }
            break;
        default: break;
        }
        const char *end = class_end(m, p);
        switch (end < m->pattern_end ? *end : '\0') {
        case '*': return longest(m, s, p, end);
        case '+': return single(m, s, p, end) ? longest(m, s + 1, p, end) : NULL;
        case '-': return shortest(m, s, p, end);
        case '?':
            if (single(m, s, p, end)) {
                const char *result = match(m, s + 1, end + 1);
                if (result != NULL) return result;
            }
            p = end + 1;
            break;
        default:
            if (!single(m, s, p, end)) return NULL;
            s += 1;
            p = end;
        }
    }
    return s;
}

static const char *match(matcher *m, const char *s, const char *p) {
    if (m->depth == 0) luaL_error(m->L, "pattern too complex");
    m->depth -= 1;
    const char *result = match_here(m, s, p);
    m->depth += 1;
    return result;
}

static void prepare(
    matcher *m, lua_State *L, const char *source, size_t bytes, const char *pattern_end
) {
    m->L = L;
    m->source = source;
    m->source_end = source + bytes;
    m->pattern_end = pattern_end;
    m->depth = MATCH_DEPTH_MAX;
    m->level = 0;
    m->steps = 0;
}

static void push_capture(matcher *m, int index, const char *start, const char *end) {
    if (index >= m->level) {
        if (index > 0) luaL_error(m->L, "invalid capture index %%%d", index + 1);
        lua_pushlstring(m->L, start, (size_t)(end - start));
        return;
    }
    ptrdiff_t bytes = m->captures[index].bytes;
    if (bytes == CAPTURE_OPEN) luaL_error(m->L, "unfinished capture");
    if (bytes == CAPTURE_POSITION) {
        lua_pushinteger(m->L, m->captures[index].start - m->source + 1);
    } else {
        lua_pushlstring(m->L, m->captures[index].start, (size_t)bytes);
    }
}

// All captures, or the whole match where there are none and `start` is given.
static int push_captures(matcher *m, const char *start, const char *end) {
    int count = m->level == 0 && start != NULL ? 1 : m->level;
    luaL_checkstack(m->L, count, "too many captures");
    for (int index = 0; index < count; index += 1) push_capture(m, index, start, end);
    return count;
}

static bool is_plain(const char *pattern, size_t bytes) {
    for (size_t index = 0; index < bytes; index += 1) {
        if (pattern[index] != '\0' && strchr("^$*+?.([%-", pattern[index]) != NULL) return false;
    }
    return true;
}

static int find_plain(
    lua_State *L, const char *source, size_t bytes, size_t start, const char *needle,
    size_t needle_bytes
) {
    const char *found = needle_bytes == 0 ? source + start
        : memmem(source + start, bytes - start, needle, needle_bytes);
    if (found == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - source + 1);
    lua_pushinteger(L, found - source + (lua_Integer)needle_bytes);
    return 2;
}

static int find_or_match(lua_State *L, bool find) {
    size_t bytes = 0, pattern_bytes = 0;
    const char *source = luaL_checklstring(L, 1, &bytes);
    const char *pattern = luaL_checklstring(L, 2, &pattern_bytes);
    lua_Integer init = luaL_optinteger(L, 3, 1);
    size_t start = 0;
    if (init > 0) {
        start = (size_t)init - 1;
    } else if (init < 0 && init >= -(lua_Integer)bytes) {
        start = bytes - (size_t)-init;
    }
    if (start > bytes) {
        lua_pushnil(L);
        return 1;
    }
    sandbox_charge_bytes(L, bytes - start);
    sandbox_charge_bytes(L, pattern_bytes);
    if (find && (lua_toboolean(L, 4) || is_plain(pattern, pattern_bytes))) {
        return find_plain(L, source, bytes, start, pattern, pattern_bytes);
    }
    matcher m;
    prepare(&m, L, source, bytes, pattern + pattern_bytes);
    bool anchored = *pattern == '^';
    if (anchored) pattern += 1;
    for (const char *s = source + start; s <= m.source_end; s += 1) {
        m.level = 0;
        const char *end = match(&m, s, pattern);
        if (end != NULL) {
            settle(&m);
            if (!find) return push_captures(&m, s, end);
            lua_pushinteger(L, s - source + 1);
            lua_pushinteger(L, end - source);
            return push_captures(&m, NULL, NULL) + 2;
        }
        if (anchored) break;
    }
    settle(&m);
    lua_pushnil(L);
    return 1;
}

int sandbox_find(lua_State *L) { return find_or_match(L, true); }
int sandbox_match(lua_State *L) { return find_or_match(L, false); }

// Upvalues: the source, the pattern, where to go on, where the last match ended (both as offsets;
// -1 for no match yet).
static int next_match(lua_State *L) {
    size_t bytes = 0, pattern_bytes = 0;
    const char *source = lua_tolstring(L, lua_upvalueindex(1), &bytes);
    const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_bytes);
    lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
    matcher m;
    prepare(&m, L, source, bytes, pattern + pattern_bytes);
    const char *s = source + lua_tointeger(L, lua_upvalueindex(3));
    for (; s <= m.source_end; s += 1) {
        m.level = 0;
        const char *end = match(&m, s, pattern);
        if (end != NULL && end - source != last) {
            settle(&m);
            lua_pushinteger(L, end - source);
            lua_copy(L, -1, lua_upvalueindex(3));
            lua_replace(L, lua_upvalueindex(4));
            return push_captures(&m, s, end);
        }
    }
    settle(&m);
    lua_pushinteger(L, (lua_Integer)bytes + 1);
    lua_replace(L, lua_upvalueindex(3));
    return 0;
}

int sandbox_gmatch(lua_State *L) {
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_pushinteger(L, 0);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, next_match, 4);
    return 1;
}

static void add_replacement(matcher *m, luaL_Buffer *buffer, const char *start, const char *end) {
    size_t bytes = 0;
    const char *text = lua_tolstring(m->L, 3, &bytes);
    sandbox_charge_bytes(m->L, bytes);
    for (size_t index = 0; index < bytes; index += 1) {
        if (text[index] != '%') {
            luaL_addchar(buffer, text[index]);
            continue;
        }
        index += 1;
        char kind = index < bytes ? text[index] : '\0';
        if (kind == '%') {
            luaL_addchar(buffer, '%');
        } else if (kind == '0') {
            luaL_addlstring(buffer, start, (size_t)(end - start));
        } else if (kind >= '1' && kind <= '9') {
            push_capture(m, kind - '1', start, end);
            luaL_tolstring(m->L, -1, NULL);
            lua_remove(m->L, -2);
            luaL_addvalue(buffer);
        } else {
            luaL_error(m->L, "invalid use of '%%' in replacement string");
        }
    }
}

// What replaces the match of start..<end; the buffer must have nothing above it on the stack.
static void add_value(matcher *m, luaL_Buffer *buffer, const char *start, const char *end) {
    lua_State *L = m->L;
    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(m, start, end), 1);
        break;
    case LUA_TTABLE:
        push_capture(m, 0, start, end);
        sandbox_charge(L, sandbox_price(L));
        lua_gettable(L, 3);
        break;
    default: add_replacement(m, buffer, start, end); return;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(buffer, start, (size_t)(end - start));
    } else if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    } else {
        luaL_addvalue(buffer);
    }
}

int sandbox_gsub(lua_State *L) {
    size_t bytes = 0, pattern_bytes = 0;
    const char *source = luaL_checklstring(L, 1, &bytes);
    const char *pattern = luaL_checklstring(L, 2, &pattern_bytes);
    int kind = lua_type(L, 3);
    luaL_argexpected(
        L, kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION
            || kind == LUA_TTABLE, 3, "string/function/table");
    if (kind == LUA_TNUMBER) luaL_checkstring(L, 3);
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)bytes + 1);
    bool anchored = *pattern == '^';
    matcher m;
    prepare(&m, L, source, bytes, pattern + pattern_bytes);
    if (anchored) pattern += 1;
    lua_Integer count = 0;
    const char *s = source, *last = NULL;
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    while (count < most) {
        m.level = 0;
        const char *end = match(&m, s, pattern);
        if (end != NULL && end != last) {
            count += 1;
            settle(&m);
            add_value(&m, &buffer, s, end);
            s = last = end;
        } else if (s < m.source_end) {
            luaL_addchar(&buffer, *s++);
        } else {
            break;
        }
        if (anchored) break;
    }
    settle(&m);
    luaL_addlstring(&buffer, s, (size_t)(m.source_end - s));
    luaL_pushresult(&buffer);
    lua_pushinteger(L, count);
    return 2;
}

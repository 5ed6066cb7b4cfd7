// The sandbox itself: memory, budget, and the one protected call everything happens in.
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

// Keeps what an instruction's price is made of. A fresh block without a kind and of the right size
// is the hash part of a table that grows, for which Lua has counted the whole table's entries.
static void note_block(sandbox *box, bool fresh, size_t kind, size_t bytes) {
    if (fresh && kind == LUA_TSTRING) {
        if (bytes > box->longest) box->longest = bytes;
        return;
    }
    if (bytes > box->widest) box->widest = bytes;
    if (!fresh || kind != 0) return;
    size_t entries = bytes / SANDBOX_ENTRY_BYTES;
    if (bytes % SANDBOX_ENTRY_BYTES != 0 || (entries & (entries - 1)) != 0) return;
    box->budget -= (int64_t)(box->widest / SANDBOX_COUNTED_BYTES_PER_STEP);
    if (entries > box->entries) box->entries = entries;
}

// Lua asks again after a full collection when it is refused, so a refusal is not yet the end; the
// error that follows a second refusal is. Growing also costs steps: a script that copies megabytes
// with one instruction pays for the megabytes.
static void *allocate(void *context, void *block, size_t old_bytes, size_t bytes) {
    sandbox *box = context;
    // Without a block, old_bytes names the kind of object instead (Lua manual, lua_Alloc).
    size_t held = block != NULL ? old_bytes : 0;
    if (bytes == 0) {
        free(block);
        box->used -= held;
        return NULL;
    }
    if (bytes > held) {
        if (bytes - held > box->call->limits.memory_bytes_max - box->used) {
            box->budget -= (int64_t)(box->used / SANDBOX_COLLECTED_BYTES_PER_STEP);
            return NULL;
        }
        box->budget -= (int64_t)(bytes / SANDBOX_BYTES_PER_STEP);
        note_block(box, block == NULL, old_bytes, bytes);
    }
    void *moved = realloc(block, bytes);
    // Lua relies on shrinking to succeed.
    if (moved == NULL) return bytes <= held ? block : NULL;
    box->used = box->used - held + bytes;
    if (box->used > box->peak) box->peak = box->used;
    return moved;
}

// How many values a call has behind its '...', or a library function as its arguments, to the next
// power of two: each is one more that a single instruction copies. A frame of Lua's own has fewer
// than 256 places, so that only a library function's answers to that many.
static void note_arguments(lua_State *L, lua_Debug *record) {
    sandbox *box = sandbox_of(L);
    int places = 256, behind = SANDBOX_ARGUMENTS_PER_STEP;
    while (lua_getlocal(L, record, places) != NULL) {
        lua_pop(L, 1);
        places *= 2;
    }
    while (lua_getlocal(L, record, -behind) != NULL) {
        lua_pop(L, 1);
        behind *= 2;
    }
    if (places > 256 && (size_t)places > box->arguments) box->arguments = (size_t)places;
    if (behind > SANDBOX_ARGUMENTS_PER_STEP && (size_t)behind > box->arguments) {
        box->arguments = (size_t)behind;
    }
}

static void count(lua_State *L, lua_Debug *record) {
    sandbox *box = sandbox_of(L);
    if (record->event == LUA_HOOKCALL || record->event == LUA_HOOKTAILCALL) {
        note_arguments(L, record);
        return;
    }
    if (record->event == LUA_HOOKLINE) {
        size_t line = record->currentline > 0 ? (size_t)record->currentline : 0;
        if (line >= 1 && line <= box->call->lines_count) box->call->lines[line - 1] = 1;
        box->budget -= 1;
    } else {
        box->budget -= lua_gethookcount(L) * (int64_t)sandbox_price(L);
    }
    if (box->spent != SLIPWAY_HOOK_RETURNED || box->budget <= 0) {
        sandbox_spend(L, SLIPWAY_HOOK_OUT_OF_INSTRUCTIONS);
    }
}

int sandbox_spend(lua_State *L, slipway_hook_status status) {
    sandbox *box = sandbox_of(L);
    if (box->spent == SLIPWAY_HOOK_RETURNED) box->spent = status;
    // From here on every single instruction raises again, so that a script which catches the error
    // and goes on is unwound all the same.
    lua_sethook(L, count, LUA_MASKCOUNT, 1);
    return luaL_error(L, "the budget is spent");
}

void sandbox_charge(lua_State *L, uint64_t steps) {
    sandbox *box = sandbox_of(L);
    if (box->spent != SLIPWAY_HOOK_RETURNED || box->budget <= 0
        || steps >= (uint64_t)box->budget) {
        box->budget = 0;
        sandbox_spend(L, SLIPWAY_HOOK_OUT_OF_INSTRUCTIONS);
    }
    box->budget -= (int64_t)steps;
}

void sandbox_charge_bytes(lua_State *L, size_t bytes) {
    sandbox_charge(L, bytes / SANDBOX_BYTES_PER_STEP + 1);
}

// The interpreter does not say which instruction it counts, so each costs what the dearest would:
// comparing the longest strings, finding an entry behind all others, following the longest chain,
// copying the most arguments, taking a remainder.
uint64_t sandbox_price(lua_State *L) {
    const sandbox *box = sandbox_of(L);
    size_t bytes = box->zeroed ? SANDBOX_ZEROED_BYTES_PER_STEP : SANDBOX_COMPARED_BYTES_PER_STEP;
    return 1 + box->longest / bytes + box->entries / SANDBOX_ENTRIES_PER_STEP
        + box->links / SANDBOX_LINKS_PER_STEP + box->arguments / SANDBOX_ARGUMENTS_PER_STEP
        + (box->divides ? SANDBOX_REMAINDER_PRICE : 0);
}

void sandbox_charge_walk(lua_State *L) {
    sandbox_charge(L, sandbox_of(L)->widest / SANDBOX_WALKED_BYTES_PER_STEP);
}

// Whether the text has a zero in it, or an escape that may stand for one ("\0", "\x00", "\u{0}").
static bool may_make_zeros(const char *text, size_t bytes) {
    for (size_t index = 0; index < bytes; index += 1) {
        if (text[index] == '\0') return true;
        if (text[index] != '\\') continue;
        index += 1;
        if (index >= bytes) return false;
        if (text[index] == '0' || text[index] == 'x' || text[index] == 'u') return true;
    }
    return false;
}

// Where a long bracket that opens at `start` has been closed again; `start` where none opens there
// (Lua 5.4 Reference Manual, 3.1).
static size_t after_long_bracket(const char *text, size_t bytes, size_t start) {
    size_t index = start + 1;
    while (index < bytes && text[index] == '=') index += 1;
    if (index >= bytes || text[index] != '[') return start;
    size_t level = index - start - 1;
    for (index += 1; index < bytes; index += 1) {
        if (text[index] != ']') continue;
        size_t equals = 0;
        while (index + 1 + equals < bytes && text[index + 1 + equals] == '=') equals += 1;
        size_t end = index + 1 + equals;
        if (equals == level && end < bytes && text[end] == ']') return end + 1;
        // Another bracket may begin where this one did not end.
        index = end - 1;
    }
    return bytes;
}

// Whether a '%' stands in the text as an operator, and not in a text or a comment.
static bool takes_remainders(const char *text, size_t bytes) {
    size_t index = 0;
    while (index < bytes) {
        char here = text[index];
        if (here == '%') return true;
        if (here == '"' || here == '\'') {
            for (index += 1; index < bytes && text[index] != here; index += 1) {
                if (text[index] == '\\') index += 1;
            }
            index += 1;
            continue;
        }
        bool is_comment = here == '-' && index + 1 < bytes && text[index + 1] == '-';
        if (is_comment) index += 2;
        if (index < bytes && text[index] == '[') {
            size_t end = after_long_bracket(text, bytes, index);
            if (end > index) {
                index = end;
                continue;
            }
        }
        if (!is_comment) {
            index += 1;
            continue;
        }
        while (index < bytes && text[index] != '\n' && text[index] != '\r') index += 1;
    }
    return false;
}

// A name that is neither the script's nor ours: said at once, rather than a nil that fails later.
static int unknown_name(lua_State *L) {
    size_t bytes = 0;
    const char *name = sandbox_text(L, 2, &bytes);
    return luaL_error(L, "unknown name '%s'", name);
}

static void open_environment(lua_State *L) {
    lua_createtable(L, 0, 32);
    sandbox_open_base(L);
    sandbox_open_strings(L);
    sandbox_open_tables(L);
    sandbox_open_text(L);
    sandbox_open_time(L);
    sandbox_open_host(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "_G");
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, unknown_name);
    lua_setfield(L, -2, "__index");
    sandbox_protect(L);
    lua_setmetatable(L, -2);
    // What lua_load gives a chunk as its _ENV.
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}

// Pushes the script as a function, without the byte order mark that an editor may have put before
// it and that Lua's own loader of files passes over too.
static void load_script(lua_State *L) {
    sandbox *box = sandbox_of(L);
    const slipway_hook_call *call = box->call;
    const char *source = call->source;
    size_t bytes = call->source_bytes;
    if (bytes >= 3 && memcmp(source, "\xEF\xBB\xBF", 3) == 0) {
        source += 3;
        bytes -= 3;
    }
    lua_pushfstring(L, "=%s", call->name);
    // Text only: the loader of binary chunks trusts its input.
    int status = luaL_loadbufferx(L, source, bytes, lua_tostring(L, -1), "t");
    if (status == LUA_ERRSYNTAX) box->result->status = SLIPWAY_HOOK_NOT_LUA;
    if (status != LUA_OK) lua_error(L);
}

static int run_protected(lua_State *L) {
    sandbox *box = sandbox_of(L);
    const slipway_hook_call *call = box->call;
    open_environment(L);
    // What the script is charged with begins here.
    box->budget = (int64_t)call->limits.instructions_max;
    box->peak = box->used;
    box->longest = box->entries = box->links = box->arguments = box->widest = 0;
    box->zeroed = box->zeroed || may_make_zeros(call->source, call->source_bytes);
    box->divides = takes_remainders(call->source, call->source_bytes);
    int lines = call->lines != NULL ? LUA_MASKLINE : 0;
    lua_sethook(L, count, LUA_MASKCOUNT | LUA_MASKCALL | lines, SANDBOX_COUNT_STEP);

    load_script(L);
    lua_call(L, 0, 1);
    if (!lua_isfunction(L, -1)) {
        return luaL_error(
            L, "%s: the script must return a function, not %s", call->name, luaL_typename(L, -1));
    }
    if (call->request == NULL) return 0;

    sandbox_json_decode(L, call->request, call->request_bytes);
    lua_call(L, 1, 1);
    sandbox_json_encode(L, -1, call->limits.answer_bytes_max);
    return 0;
}

static void set_text(slipway_hook_result *result, const char *text, size_t bytes) {
    result->text = malloc(bytes > 0 ? bytes : 1);
    if (result->text == NULL) return;
    memcpy(result->text, text, bytes);
    result->text_bytes = bytes;
}

// Why a call failed, in words. What lua_pcall left on the stack is any value at all; only a string
// is looked at, which converts nothing and so cannot raise.
static void explain(lua_State *L, sandbox *box, int status) {
    slipway_hook_result *result = box->result;
    if (status == LUA_ERRMEM && box->spent == SLIPWAY_HOOK_RETURNED) {
        box->spent = SLIPWAY_HOOK_OUT_OF_MEMORY;
    }
    if (box->spent != SLIPWAY_HOOK_RETURNED) {
        result->status = box->spent;
        const char *text = box->spent == SLIPWAY_HOOK_OUT_OF_MEMORY
            ? "the script used up its memory" : "the script used up its instructions";
        set_text(result, text, strlen(text));
        return;
    }
    if (result->status != SLIPWAY_HOOK_NOT_LUA) result->status = SLIPWAY_HOOK_RAISED;
    if (lua_type(L, -1) == LUA_TSTRING) {
        size_t bytes = 0;
        const char *text = lua_tolstring(L, -1, &bytes);
        set_text(result, text, bytes);
    } else {
        const char *text = "the script raised an error that is not a string";
        set_text(result, text, strlen(text));
    }
}

void slipway_hook_run(const slipway_hook_call *call, slipway_hook_result *result) {
    memset(result, 0, sizeof *result);
    sandbox box = {.call = call, .result = result, .budget = INT64_MAX / 2};
    result->log = malloc(call->limits.log_bytes_max > 0 ? call->limits.log_bytes_max : 1);
    lua_State *L = result->log != NULL ? lua_newstate(allocate, &box) : NULL;
    if (L == NULL) {
        const char *text = "there is no memory to run the script in";
        result->status = SLIPWAY_HOOK_OUT_OF_MEMORY;
        set_text(result, text, strlen(text));
        return;
    }
    *(sandbox **)lua_getextraspace(L) = &box;
    lua_gc(L, LUA_GCINC, 0, 0, 0);
    // Neither of these can raise: a light C function needs no memory.
    lua_pushcfunction(L, run_protected);
    int status = lua_pcall(L, 0, 0, 0);
    if (status != LUA_OK) {
        explain(L, &box, status);
    } else {
        set_text(result, box.out != NULL ? box.out : "", box.out_bytes);
    }
    int64_t left = box.budget > 0 ? box.budget : 0;
    int64_t granted = (int64_t)call->limits.instructions_max;
    result->instructions = (uint64_t)(granted > left ? granted - left : 0);
    result->memory_bytes_peak = box.peak;
    lua_close(L);
    free(box.out);
    free(box.reply);
}

// The compiled chunk grows in the sandbox's output, which an error cannot leak.
static int keep_chunk(lua_State *L, const void *part, size_t bytes, void *context) {
    (void)L;
    sandbox *box = context;
    if (box->out_capacity - box->out_bytes < bytes) {
        size_t capacity = (box->out_capacity + bytes) * 2;
        char *moved = realloc(box->out, capacity);
        if (moved == NULL) return 1;
        box->out = moved;
        box->out_capacity = capacity;
    }
    if (bytes > 0) memcpy(box->out + box->out_bytes, part, bytes);
    box->out_bytes += bytes;
    return 0;
}

static int compile_protected(lua_State *L) {
    sandbox *box = sandbox_of(L);
    load_script(L);
    if (lua_dump(L, keep_chunk, box, 0) != 0) return luaL_error(L, "no memory for the chunk");
    return 0;
}

void slipway_hook_compile(
    const char *name, const char *source, size_t source_bytes, size_t memory_bytes_max,
    slipway_hook_result *result
) {
    memset(result, 0, sizeof *result);
    slipway_hook_call call = {
        .name = name, .source = source, .source_bytes = source_bytes,
        .limits = {.memory_bytes_max = memory_bytes_max},
    };
    sandbox box = {.call = &call, .result = result, .budget = INT64_MAX / 2};
    lua_State *L = lua_newstate(allocate, &box);
    if (L == NULL) {
        const char *text = "there is no memory to compile the script in";
        result->status = SLIPWAY_HOOK_OUT_OF_MEMORY;
        set_text(result, text, strlen(text));
        return;
    }
    *(sandbox **)lua_getextraspace(L) = &box;
    lua_pushcfunction(L, compile_protected);
    int status = lua_pcall(L, 0, 0, 0);
    if (status != LUA_OK) explain(L, &box, status);
    else set_text(result, box.out != NULL ? box.out : "", box.out_bytes);
    lua_close(L);
    free(box.out);
}

void slipway_hook_result_free(slipway_hook_result *result) {
    free(result->text);
    free(result->log);
    memset(result, 0, sizeof *result);
}

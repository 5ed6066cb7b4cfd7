// What the parts of the sandbox share. Private to this target.
#ifndef SLIPWAY_SANDBOX_H
#define SLIPWAY_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "slipway_lua.h"

// How often the interpreter's own instructions are counted.
#define SANDBOX_COUNT_STEP 64
// A library function that walks over bytes, and the allocator, pay one step for this many.
#define SANDBOX_BYTES_PER_STEP 16
// What one instruction may cost beyond itself (sandbox_price), a step for each this many of:
// bytes of two strings that are compared,
#define SANDBOX_COMPARED_BYTES_PER_STEP 2048
// the same where strings have zeros in them, between which Lua compares piece by piece,
#define SANDBOX_ZEROED_BYTES_PER_STEP 64
// entries of a table that a script has made to share one place (whole numbers have no secret hash),
#define SANDBOX_ENTRIES_PER_STEP 128
// tables in a chain of __index or __newindex,
#define SANDBOX_LINKS_PER_STEP 16
// and arguments that '...' copies.
#define SANDBOX_ARGUMENTS_PER_STEP 32
// What each instruction of a script that has a '%' costs besides: one of floats that are far apart
// is a long division.
#define SANDBOX_REMAINDER_PRICE 32
// Lua gives up a chain after so many (ltm.h, MAXTAGLOOP).
#define SANDBOX_LINKS_MAX 2000
// Of an entry in a table's hash part (lobject.h, Node).
#define SANDBOX_ENTRY_BYTES 24
// The most values that a library function spreads over the stack, and what it pays for them.
#define SANDBOX_VALUES_MAX 250
#define SANDBOX_VALUES_PER_STEP 4
// Walking over a whole table pays for places that are empty, at so many bytes a step.
#define SANDBOX_WALKED_BYTES_PER_STEP 32
// Lua counts a table's entries before it lets its hash part grow.
#define SANDBOX_COUNTED_BYTES_PER_STEP 256
// A full collection, which Lua makes before it takes a refusal of memory for an answer.
#define SANDBOX_COLLECTED_BYTES_PER_STEP 32
// A caught error: Lua walks over the calls it ends, and over the code to name what was at fault.
#define SANDBOX_CALLS_PER_STEP 8
#define SANDBOX_SOURCE_BYTES_PER_STEP 32
// Writing a float in decimal, and the remainder of two.
#define SANDBOX_FLOAT_STEPS 16
#define SANDBOX_REMAINDER_STEPS 128
// How far up `error` looks for the line it names.
#define SANDBOX_ERROR_LEVEL_MAX 64
// How deep JSON may nest; the codec recurses.
#define SANDBOX_JSON_DEPTH_MAX 64
// A question leaves the process; it is paid for like this many instructions.
#define SANDBOX_LOOKUP_STEPS 1000
// 31 December 9999, 23:59:59.
#define SANDBOX_TIME_MAX 253402300799
// The most that registry.count counts to.
#define SANDBOX_COUNT_MAX 100000

typedef struct sandbox {
    const slipway_hook_call *call;
    slipway_hook_result *result;
    // Memory, in bytes.
    size_t used, peak;
    // The most there has been in this call, of what an instruction's cost depends on: the longest
    // string, in bytes; whether strings have zeros in them; entries that one table has room for;
    // links of a chain of metatables; arguments behind a '...'.
    size_t longest, entries, links, arguments;
    bool zeroed;
    // Whether a '%' stands in the script, other than in texts and comments.
    bool divides;
    // Of the largest block that is no string: no part of any table is larger.
    size_t widest;
    // Steps left; at zero the script has ended, whatever it catches.
    int64_t budget;
    // Set once a budget is spent; from then on nothing but unwinding happens.
    slipway_hook_status spent;
    uint32_t lookups, log_lines;
    // The JSON encoder's output. It belongs to the sandbox so that an error cannot leak it.
    char *out;
    size_t out_bytes, out_capacity;
    // The answer to the last question, for the same reason.
    char *reply;
} sandbox;

static inline sandbox *sandbox_of(lua_State *L) { return *(sandbox **)lua_getextraspace(L); }

// Takes steps from the budget, and raises where there are none left.
void sandbox_charge(lua_State *L, uint64_t steps);
// The same for walking over bytes.
void sandbox_charge_bytes(lua_State *L, size_t bytes);
// What one instruction, or whatever compares, indexes or steps as one does, costs at most.
uint64_t sandbox_price(lua_State *L);
// To be paid before a walk over a whole table.
void sandbox_charge_walk(lua_State *L);
// Marks the state as spent and raises. No script can catch it (see base.c, pcall).
int sandbox_spend(lua_State *L, slipway_hook_status status);

// Puts the metatable on the top of the stack out of every script's reach.
void sandbox_protect(lua_State *L);

// Each fills in a part of the environment, whose table is on the top of the stack.
void sandbox_open_base(lua_State *L);
void sandbox_open_strings(lua_State *L);
void sandbox_open_tables(lua_State *L);
void sandbox_open_host(lua_State *L);
void sandbox_open_text(lua_State *L);
void sandbox_open_time(lua_State *L);

// Pushes the value's text as `tostring` gives it: never an address.
const char *sandbox_text(lua_State *L, int index, size_t *bytes);

// pairs and next in a fixed order: numbers, then strings by their bytes, then booleans.
typedef struct sandbox_key {
    int kind;
    lua_Integer integer;
    lua_Number number;
    const char *text;
    size_t bytes;
    lua_Integer slot;
} sandbox_key;
// Pushes a table with the keys of the table at `index`, then a userdata with their order.
lua_Integer sandbox_push_sorted_keys(lua_State *L, int index);
int sandbox_pairs(lua_State *L);
int sandbox_next(lua_State *L);

// find, match, gmatch and gsub (patterns.c).
int sandbox_find(lua_State *L);
int sandbox_match(lua_State *L);
int sandbox_gmatch(lua_State *L);
int sandbox_gsub(lua_State *L);

// Pushes the value of a JSON text; raises where it is none.
void sandbox_json_decode(lua_State *L, const char *text, size_t bytes);
// Writes the value at `index` to `out`, replacing what was there; raises where it has no JSON form.
void sandbox_json_encode(lua_State *L, int index, size_t bytes_max);

#endif

// The hook sandbox: one call runs one script once, in a Lua state of its own that is thrown away
// afterwards. Every Lua function that can raise is called in here, below one lua_pcall, so that no
// longjmp ever crosses a Swift frame.
#ifndef SLIPWAY_LUA_H
#define SLIPWAY_LUA_H

#include <stddef.h>
#include <stdint.h>

typedef enum slipway_hook_status {
    // The script returned; the text is its answer as JSON.
    SLIPWAY_HOOK_RETURNED = 0,
    // The others failed; the text says how.
    SLIPWAY_HOOK_NOT_LUA = 1,
    SLIPWAY_HOOK_RAISED = 2,
    SLIPWAY_HOOK_OUT_OF_INSTRUCTIONS = 3,
    SLIPWAY_HOOK_OUT_OF_MEMORY = 4,
} slipway_hook_status;

typedef struct slipway_hook_limits {
    // Interpreter instructions and library steps.
    uint64_t instructions_max;
    size_t memory_bytes_max;
    size_t answer_bytes_max;
    size_t log_bytes_max;
    uint32_t log_lines_max;
    uint32_t lookups_max;
} slipway_hook_limits;

// What a script can ask the service, each with up to two texts.
typedef enum slipway_hook_question {
    // allowlist.contains(list, serial): true or false.
    SLIPWAY_HOOK_ALLOWLIST_CONTAINS = 0,
    // allowlist.get(list, serial): the entry's fields, or null.
    SLIPWAY_HOOK_ALLOWLIST_GET = 1,
    // registry.thing(name): the thing's fields, or null.
    SLIPWAY_HOOK_REGISTRY_THING = 2,
    // registry.count(query, most): a number no larger than the second text says.
    SLIPWAY_HOOK_REGISTRY_COUNT = 3,
} slipway_hook_question;

// Answers a question with one JSON value, in memory from malloc that the caller frees. Returns 0,
// or -1 where it could not be answered. The strings are not terminated. Must not touch the Lua
// state; the caller raises for it once it has returned.
typedef int (*slipway_hook_ask)(
    void *context, slipway_hook_question question, const char *first, size_t first_bytes,
    const char *second, size_t second_bytes, char **answer, size_t *answer_bytes);

typedef struct slipway_hook_call {
    // What errors call the script; terminated.
    const char *name;
    const char *source;
    size_t source_bytes;
    // The request as one JSON value. NULL only loads the script and looks at what it returns.
    const char *request;
    size_t request_bytes;
    // The table `claim`, as one JSON object; NULL for an empty one.
    const char *claim;
    size_t claim_bytes;
    // What time.now() says.
    int64_t time_seconds;
    slipway_hook_limits limits;
    slipway_hook_ask ask;
    void *context;
    // Where not NULL: one byte for each line of the source, counted from 1, set to 1 when the line
    // was run. For tests of hooks; a line costs as much as an instruction more.
    uint8_t *lines;
    size_t lines_count;
} slipway_hook_call;

typedef struct slipway_hook_result {
    slipway_hook_status status;
    // The answer or the cause; not terminated.
    char *text;
    size_t text_bytes;
    // What the script logged, each line ended by a line feed.
    char *log;
    size_t log_bytes;
    uint32_t log_lines_dropped;
    uint64_t instructions;
    uint64_t memory_bytes_peak;
} slipway_hook_result;

// Runs the call to its end. The result is filled in whatever happens, and is the caller's to free.
void slipway_hook_run(const slipway_hook_call *call, slipway_hook_result *result);
void slipway_hook_result_free(slipway_hook_result *result);

// Compiles the script without running it: the text is the compiled chunk with its line numbers
// (Lua 5.4's own format, to be read and never to be loaded), or what is wrong with the script. The
// compiler's memory is bounded by `memory_bytes_max`.
void slipway_hook_compile(
    const char *name, const char *source, size_t source_bytes, size_t memory_bytes_max,
    slipway_hook_result *result);

#endif

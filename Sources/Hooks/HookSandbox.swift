import CLuaShims
import Fleet

/// How one run of a script ended: its answer as JSON text, or the reason there is none.
struct SandboxResult: Hashable, Sendable {
    enum Status: String, Sendable {
        case returned, notLua, raised, outOfInstructions, outOfMemory
    }
    let status: Status
    let text: [UInt8]
    let log: [String]
    let cost: HookOutcome.Cost
}

/// Runs one script once, in a fresh Lua state inside this process. It stops what a script does by
/// accident or by malice in Lua; what it does to Lua itself, the process around it must stop, so
/// only a `HookWorker` and tests use this.
enum HookSandbox {
    /// Answers whether a list holds a serial; nil where that could not be found out.
    typealias Lookup = (_ list: String, _ serial: String) -> Bool?

    static func run(_ call: WorkerCall, lookup: Lookup) -> SandboxResult {
        withoutActuallyEscaping(lookup) { escaping in
            let context = LookupContext(ask: escaping)
            return withExtendedLifetime(context) { Self.run(call, context: context) }
        }
    }

    private static func run(_ call: WorkerCall, context: LookupContext) -> SandboxResult {
        var result = slipway_hook_result()
        defer { slipway_hook_result_free(&result) }
        let start = slipway_thread_cpu_nanoseconds()
        // A pointer to an empty array may be nil, which means "no request" in C.
        let source = call.source.isEmpty ? [UInt8(ascii: " ")] : call.source
        let request = call.request.map { $0.isEmpty ? [UInt8(ascii: " ")] : $0 }
        call.script.withCString { name in
            source.withUnsafeBytes { source in
                Self.withOptionalBytes(request) { request in
                    var settings = slipway_hook_call()
                    settings.name = name
                    settings.source = source.baseAddress?.assumingMemoryBound(to: CChar.self)
                    settings.source_bytes = source.count
                    settings.request = request.baseAddress?.assumingMemoryBound(to: CChar.self)
                    settings.request_bytes = request.count
                    settings.time_seconds = call.timeSeconds
                    settings.limits = Self.limits(call)
                    settings.lookup = Self.lookup
                    settings.context = Unmanaged.passUnretained(context).toOpaque()
                    slipway_hook_run(&settings, &result)
                }
            }
        }
        let elapsed = slipway_thread_cpu_nanoseconds() - start
        return SandboxResult(
            status: Self.status(result.status),
            text: Self.text(result),
            log: Self.log(result),
            cost: HookOutcome.Cost(
                instructions: Int(clamping: result.instructions),
                bytes: Int(clamping: result.memory_bytes_peak),
                microseconds: Int(elapsed / 1000)))
    }

    private static func withOptionalBytes(
        _ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        guard let bytes else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        bytes.withUnsafeBytes(body)
    }

    private static func limits(_ call: WorkerCall) -> slipway_hook_limits {
        slipway_hook_limits(
            instructions_max: UInt64(clamping: min(call.instructionsMax, Int.max / 4)),
            memory_bytes_max: max(call.memoryBytesMax, HookLimits.memoryBytesMin),
            answer_bytes_max: HookLimits.answerBytesMax, log_bytes_max: HookLimits.logBytesMax,
            log_lines_max: UInt32(HookLimits.logLinesMax),
            lookups_max: UInt32(HookLimits.lookupsMax))
    }

    /// A script may raise a text as long as its memory; a cause is for one line of a log.
    private static func text(_ result: slipway_hook_result) -> [UInt8] {
        let text = UnsafeRawBufferPointer(start: result.text, count: result.text_bytes)
        return result.status == SLIPWAY_HOOK_RETURNED
            ? Array(text) : Array(text.prefix(HookLimits.causeBytesMax))
    }

    private static func status(_ status: slipway_hook_status) -> SandboxResult.Status {
        switch status {
        case SLIPWAY_HOOK_RETURNED: .returned
        case SLIPWAY_HOOK_NOT_LUA: .notLua
        case SLIPWAY_HOOK_OUT_OF_INSTRUCTIONS: .outOfInstructions
        case SLIPWAY_HOOK_OUT_OF_MEMORY: .outOfMemory
        default: .raised
        }
    }

    private static func log(_ result: slipway_hook_result) -> [String] {
        let bytes = UnsafeRawBufferPointer(start: result.log, count: result.log_bytes)
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        // Every line is ended, so there is an empty rest behind the last.
        lines.removeLast()
        if result.log_lines_dropped > 0 {
            lines.append("(\(result.log_lines_dropped) more lines dropped)")
        }
        return lines
    }

    /// Called from C with no Lua frame above it that could jump: the jump, where there is one,
    /// happens after this has returned.
    private static let lookup: slipway_hook_lookup = { context, list, listBytes, serial, bytes in
        guard let context, let list, let serial else { return -1 }
        let asker = Unmanaged<LookupContext>.fromOpaque(context).takeUnretainedValue()
        let listText = UnsafeRawBufferPointer(start: list, count: listBytes)
        let serialText = UnsafeRawBufferPointer(start: serial, count: bytes)
        guard let listName = String(validating: listText, as: UTF8.self),
            let serialNumber = String(validating: serialText, as: UTF8.self)
        else { return -1 }
        switch asker.ask(listName, serialNumber) {
        case true?: return 1
        case false?: return 0
        case nil: return -1
        }
    }
}

/// Carries a closure through C.
private final class LookupContext {
    let ask: HookSandbox.Lookup

    init(ask: @escaping HookSandbox.Lookup) { self.ask = ask }
}

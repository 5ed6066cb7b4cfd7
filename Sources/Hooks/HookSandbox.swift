import CLuaShims
import Fleet
import Glibc
import JSON

/// How one run of a script ended: its answer as JSON text, or the reason there is none.
struct SandboxResult: Hashable, Sendable {
    enum Status: String, Sendable {
        case returned, notLua, raised, outOfInstructions, outOfMemory
    }
    let status: Status
    let text: [UInt8]
    let log: [String]
    let cost: HookOutcome.Cost
    /// The lines that were run, ascending, where the call asked for them.
    var lines: [Int] = []
}

/// Runs one script once, in a fresh Lua state inside this process. It stops what a script does by
/// accident or by malice in Lua; what it does to Lua itself, the process around it must stop, so
/// only a `HookWorker` and tests use this.
enum HookSandbox {
    /// Answers a question; nil where it could not be answered.
    typealias Lookup = (HookQuestion) -> JSONValue?

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
        var lines = [UInt8](
            repeating: 0, count: call.traced ? source.count { $0 == 0x0A } + 1 : 0)
        call.script.withCString { name in
            source.withUnsafeBytes { source in
                Self.withOptionalBytes(request, call.claim, &lines) { request, claim, lines in
                    var settings = slipway_hook_call()
                    settings.name = name
                    settings.source = source.baseAddress?.assumingMemoryBound(to: CChar.self)
                    settings.source_bytes = source.count
                    settings.request = request.baseAddress?.assumingMemoryBound(to: CChar.self)
                    settings.request_bytes = request.count
                    settings.claim = claim.baseAddress?.assumingMemoryBound(to: CChar.self)
                    settings.claim_bytes = claim.count
                    settings.time_seconds = call.timeSeconds
                    settings.limits = Self.limits(call)
                    settings.ask = Self.ask
                    settings.lines = lines.baseAddress
                    settings.lines_count = lines.count
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
                microseconds: Int(elapsed / 1000)),
            lines: lines.indices.filter { lines[$0] != 0 }.map { $0 + 1 })
    }

    /// No request, and no lines to watch, are pointers to nothing.
    private static func withOptionalBytes(
        _ bytes: [UInt8]?, _ more: [UInt8], _ lines: inout [UInt8],
        _ body: (
            UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeMutableBufferPointer<UInt8>
        ) -> Void
    ) {
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        more.withUnsafeBytes { more in
            lines.withUnsafeMutableBufferPointer { lines in
                let watched = lines.isEmpty ? .init(start: nil, count: 0) : lines
                let more = more.isEmpty ? none : more
                guard let bytes else { return body(none, more, watched) }
                bytes.withUnsafeBytes { body($0, more, watched) }
            }
        }
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
    private static let ask: slipway_hook_ask = {
        context, kind, first, firstBytes, second, secondBytes, answer, answerBytes in
        guard let context, let first, let second, let answer, let answerBytes else { return -1 }
        let asker = Unmanaged<LookupContext>.fromOpaque(context).takeUnretainedValue()
        let texts = [
            UnsafeRawBufferPointer(start: first, count: firstBytes),
            UnsafeRawBufferPointer(start: second, count: secondBytes),
        ].compactMap { String(validating: $0, as: UTF8.self) }
        guard texts.count == 2, let question = Self.question(kind, texts[0], texts[1]),
            let value = asker.ask(question)
        else { return -1 }
        let bytes = JSONPrinter.bytes(value)
        guard let place = malloc(max(1, bytes.count)) else { return -1 }
        for (index, byte) in bytes.enumerated() {
            place.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
        }
        answer.pointee = place.assumingMemoryBound(to: CChar.self)
        answerBytes.pointee = bytes.count
        return 0
    }

    private static func question(
        _ kind: slipway_hook_question, _ first: String, _ second: String
    ) -> HookQuestion? {
        switch kind {
        case SLIPWAY_HOOK_ALLOWLIST_CONTAINS: .allowlistContains(list: first, serial: second)
        case SLIPWAY_HOOK_ALLOWLIST_GET: .allowlistGet(list: first, serial: second)
        case SLIPWAY_HOOK_REGISTRY_THING: .registryThing(name: first)
        case SLIPWAY_HOOK_REGISTRY_COUNT:
            Int(second).map { .registryCount(query: first, most: $0) }
        default: nil
        }
    }
}

/// Carries a closure through C.
private final class LookupContext {
    let ask: HookSandbox.Lookup

    init(ask: @escaping HookSandbox.Lookup) { self.ask = ask }
}

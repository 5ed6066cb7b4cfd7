import Fleet
import Glibc
import JSON
import Testing

@testable import Hooks

/// The pool and real worker processes. Serialized, because some count this process's descriptors.
@Suite(.serialized) struct HookPoolTests {
    private static let allow = "return function() return {allowProvisioning = true} end"

    @Test func workerGivesUpWhatItDoesNotNeed() async throws {
        let pool = HookFixtures.pool()
        _ = await pool.run(try HookFixtures.script(Self.allow), request: try HookFixtures.request())
        #expect(pool.containments == [WorkerContainment(process: true, systemCalls: true)])
        let pid = try #require(pool.processIDs.first)
        let status = try #require(ProcessFiles.text("/proc/\(pid)/status"))
        #expect(status.contains("NoNewPrivs:\t1"))
        #expect(status.contains("Seccomp:\t2"))
        #expect(status.contains("CapEff:\t0000000000000000"))
        #expect(ProcessFiles.text("/proc/\(pid)/environ") == "")
        #expect(ProcessFiles.descriptors(of: pid) == ["0", "1", "2", "3"])
        await pool.shutdown()
    }

    @Test func overridesReasonAndLogArrive() async throws {
        let pool = HookFixtures.pool()
        let allowed = await pool.run(
            try HookFixtures.script(
                """
                return function(request)
                    log("for", request.clientId, request.parameters)
                    return {
                        allowProvisioning = true,
                        parameterOverrides = { Site = request.parameters.SerialNumber .. "-lab" },
                    }
                end
                """), request: try HookFixtures.request())
        #expect(allowed.verdict == .allowed(parameterOverrides: ["Site": "unit-1-lab"]))
        #expect(allowed.log == ["for client-1 table"])
        let cost = try #require(allowed.cost)
        #expect(cost.instructions > 0)
        #expect(cost.bytes > 0)
        let denied = await pool.run(
            try HookFixtures.script(
                "return function() return {allowProvisioning = false, denyReason = 'no'} end"),
            request: try HookFixtures.request())
        #expect(denied.verdict == .denied(reason: "no"))
        await pool.shutdown()
    }

    @Test func lookupsAreAnsweredAndRecorded() async throws {
        let pool = HookFixtures.pool()
        let outcome = await pool.run(
            try HookFixtures.script(
                """
                return function()
                    local known = allowlist.contains("demo", "unit-1")
                    local unknown = allowlist.contains("demo", "unit-2")
                    local nowhere = allowlist.contains("other", "unit-1")
                    local unsayable = allowlist.contains("demo", " \\n")
                    return {allowProvisioning =
                        known and not unknown and not nowhere and not unsayable}
                end
                """), request: try HookFixtures.request())
        #expect(outcome.verdict == .allowed(parameterOverrides: [:]))
        let demo = try AllowlistName("demo")
        #expect(
            outcome.reads == [
                .init(list: demo, serial: "unit-1", version: 7, found: true),
                .init(list: demo, serial: "unit-2", version: 7, found: false),
                .init(
                    list: try AllowlistName("other"), serial: "unit-1", version: nil, found: false),
                .init(list: demo, serial: " \u{FFFD}", version: nil, found: false),
            ])
        await pool.shutdown()
    }

    @Test func unanswerableLookupFailsWhateverTheScriptMakesOfIt() async throws {
        let failure = FleetError(.internalFailure, "the disk is gone")
        let pool = HookFixtures.pool(lookup: FixedAllowlist(failure: failure))
        let outcome = await pool.run(
            try HookFixtures.script(
                """
                return function()
                    pcall(allowlist.contains, "demo", "unit-1")
                    return {allowProvisioning = true}
                end
                """), request: try HookFixtures.request())
        #expect(
            outcome.verdict
                == .failed(cause: "the allowlist could not be asked: the disk is gone"))
        await pool.shutdown()
    }

    @Test func lookupThatNeverAnswersTimesOut() async throws {
        struct Silent: AllowlistLookup {
            func contains(
                _ list: AllowlistName, _ serial: String
            ) async throws(FleetError) -> (found: Bool, version: Int?) {
                await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
                return (true, nil)
            }
        }
        let settings = HookSettings(
            workers: 1, deadlineMilliseconds: 100,
            waitMillisecondsMax: HookFixtures.deadlineMilliseconds)
        let pool = HookFixtures.pool(settings, lookup: Silent())
        let outcome = await pool.run(
            try HookFixtures.script(
                "return function() return {allowProvisioning = allowlist.contains('demo', 'x')} end"
            ), request: try HookFixtures.request())
        #expect(outcome.verdict == .timedOut)
        await pool.shutdown()
    }

    /// Two workers, and three calls of a hook whose question nobody answers: one worker is left.
    @Test func oneHookLeavesAWorkerToTheOthers() async throws {
        let silence = Silence()
        let settings = HookSettings(
            workers: 2, deadlineMilliseconds: HookFixtures.deadlineMilliseconds,
            waitMillisecondsMax: HookFixtures.deadlineMilliseconds)
        let pool = HookFixtures.pool(settings, lookup: silence)
        let asking = try HookFixtures.script(
            "return function() return {allowProvisioning = allowlist.contains('demo', 'x')} end",
            name: "asking")
        let request = try HookFixtures.request()
        async let first = pool.run(asking, request: request)
        async let second = pool.run(asking, request: request)
        async let third = pool.run(asking, request: request)
        await silence.isAsked()
        for _ in 0..<3 {
            let other = await pool.run(
                try HookFixtures.script(Self.allow, name: "other"), request: request)
            #expect(other.verdict == .allowed(parameterOverrides: [:]))
        }
        silence.end()
        for outcome in await [first, second, third] {
            #expect(outcome.verdict == .allowed(parameterOverrides: [:]))
        }
        await pool.shutdown()
    }

    /// Two workers, and two hooks whose questions nobody answers: a third is served all the same,
    /// by a spare worker, and those that last have the spares only from then on.
    @Test func hooksThatLastDelayNobodyElse() async throws {
        let silence = Silence()
        let settings = HookSettings(
            workers: 2, deadlineMilliseconds: HookFixtures.deadlineMilliseconds,
            waitMillisecondsMax: HookFixtures.deadlineMilliseconds)
        let pool = HookFixtures.pool(settings, lookup: silence)
        let source =
            "return function() return {allowProvisioning = allowlist.contains('demo', 'x')} end"
        let request = try HookFixtures.request()
        let lasting = try ["one", "two"].map { try HookFixtures.script(source, name: $0) }
        async let first = pool.run(lasting[0], request: request)
        async let second = pool.run(lasting[1], request: request)
        await silence.isAsked(times: 2)
        for _ in 0..<3 {
            let other = await pool.run(
                try HookFixtures.script(Self.allow, name: "other"), request: request)
            #expect(other.verdict == .allowed(parameterOverrides: [:]))
        }
        silence.end()
        for outcome in await [first, second] {
            #expect(outcome.verdict == .allowed(parameterOverrides: [:]))
        }
        await pool.shutdown()
    }

    /// A list that answers nobody until it is told to.
    private final class Silence: AllowlistLookup {
        private let (asked, noteAsked) = AsyncStream.makeStream(of: Void.self)
        private let (ended, noteEnded) = AsyncStream.makeStream(of: Void.self)

        func isAsked(times: Int = 1) async {
            var left = times
            for await _ in self.asked {
                left -= 1
                if left == 0 { return }
            }
        }
        func end() { self.noteEnded.finish() }

        func contains(
            _ list: AllowlistName, _ serial: String
        ) async throws(FleetError) -> (found: Bool, version: Int?) {
            self.noteAsked.yield()
            for await _ in self.ended {}
            return (true, 7)
        }
    }

    @Test func deadlineKillsTheWorkerAndTheNextCallIsServed() async throws {
        let settings = HookSettings(
            workers: 1, deadlineMilliseconds: 500,
            waitMillisecondsMax: HookFixtures.deadlineMilliseconds, instructionsMax: Int.max)
        let pool = HookFixtures.pool(settings)
        try await self.serve(on: pool)
        let first = try #require(pool.processIDs.first)
        let outcome = await pool.run(
            try HookFixtures.script("return function() while true do end end"),
            request: try HookFixtures.request())
        #expect(outcome.verdict == .timedOut)
        #expect(outcome.cost == nil)
        #expect(kill(first, 0) != 0, "the late worker is reaped")
        try await self.serve(on: pool)
        #expect(pool.processIDs != [first])
        await pool.shutdown()
    }

    /// A busy machine may be late with an honest call as well, where the deadline is short for the
    /// sake of another one. Then it is made again.
    private func serve(on pool: HookPool) async throws {
        let script = try HookFixtures.script(Self.allow)
        var verdict = HookOutcome.Verdict.timedOut
        for _ in 0..<100 where verdict == .timedOut {
            verdict = await pool.run(script, request: try HookFixtures.request()).verdict
        }
        #expect(verdict == .allowed(parameterOverrides: [:]))
    }

    @Test func workerKilledFromOutsideIsReplaced() async throws {
        let pool = HookFixtures.pool()
        let script = try HookFixtures.script(Self.allow)
        _ = await pool.run(script, request: try HookFixtures.request())
        let first = try #require(pool.processIDs.first)
        kill(first, SIGKILL)
        // Whoever finds the corpse is served by its successor.
        let found = await pool.run(script, request: try HookFixtures.request())
        #expect(found.verdict == .allowed(parameterOverrides: [:]))
        let next = await pool.run(script, request: try HookFixtures.request())
        #expect(next.verdict == .allowed(parameterOverrides: [:]))
        #expect(!pool.processIDs.contains(first))
        await pool.shutdown()
    }

    @Test func nothingStaysForTheNextCall() async throws {
        let pool = HookFixtures.pool()
        let spoiler = try HookFixtures.script(
            """
            return function()
                string.format = nil
                table.insert = function() error("mine") end
                _G.allowlist = { contains = function() return true end }
                left = "behind"
                return {allowProvisioning = true}
            end
            """)
        let judge = try HookFixtures.script(
            """
            return function()
                local t = {}
                table.insert(t, string.format("%d", 1))
                return {allowProvisioning = rawget(_G, "left") == nil and t[1] == "1"
                    and not allowlist.contains("demo", "unit-9")}
            end
            """)
        for script in [spoiler, judge] {
            let outcome = await pool.run(script, request: try HookFixtures.request())
            #expect(outcome.verdict == .allowed(parameterOverrides: [:]))
        }
        await pool.shutdown()
    }

    /// One call has the worker and another waits, and neither ends before the rest are refused.
    @Test func fullQueueRefusesAtOnce() async throws {
        let silence = Silence()
        let settings = HookSettings(
            workers: 1, callsWaitingMax: 1, deadlineMilliseconds: HookFixtures.deadlineMilliseconds,
            waitMillisecondsMax: HookFixtures.deadlineMilliseconds)
        let pool = HookFixtures.pool(settings, lookup: silence)
        let asking = try HookFixtures.script(
            "return function() return {allowProvisioning = allowlist.contains('demo', 'x')} end")
        let request = try HookFixtures.request()
        let verdicts = await withTaskGroup(of: HookOutcome.Verdict.self) { group in
            for _ in 0..<6 { group.addTask { await pool.run(asking, request: request).verdict } }
            var verdicts: [HookOutcome.Verdict] = []
            for await verdict in group {
                verdicts.append(verdict)
                if verdicts.count == 4 { silence.end() }
            }
            return verdicts
        }
        #expect(verdicts.prefix(4).allSatisfy { $0 == .busy })
        #expect(verdicts.contains(.allowed(parameterOverrides: [:])))
        await pool.shutdown()
    }

    @Test func callsAreServedByEveryWorker() async throws {
        let settings = HookSettings(
            workers: 3, deadlineMilliseconds: HookFixtures.deadlineMilliseconds,
            waitMillisecondsMax: HookFixtures.deadlineMilliseconds)
        let pool = HookFixtures.pool(settings)
        let script = try HookFixtures.script(Self.allow)
        let request = try HookFixtures.request()
        let allowed = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<60 {
                group.addTask {
                    await pool.run(script, request: request).verdict
                        == .allowed(parameterOverrides: [:])
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(allowed == 60)
        await pool.shutdown()
    }

    @Test func shutdownRefusesKillsAndReaps() async throws {
        let settings = HookSettings(
            workers: 2, deadlineMilliseconds: HookFixtures.deadlineMilliseconds,
            waitMillisecondsMax: HookFixtures.deadlineMilliseconds, instructionsMax: Int.max)
        let pool = HookFixtures.pool(settings)
        let request = try HookFixtures.request()
        _ = await pool.run(try HookFixtures.script(Self.allow), request: request)
        let processes = pool.processIDs
        let loop = try HookFixtures.script("return function() while true do end end")
        async let running = pool.run(loop, request: request)
        async let other = pool.run(loop, request: request)
        async let waiting = pool.run(loop, request: request)
        await pool.shutdown()
        for verdict in await [running.verdict, other.verdict, waiting.verdict] {
            guard case .failed = verdict else {
                Issue.record("ended as \(verdict)")
                continue
            }
        }
        for pid in processes { #expect(kill(pid, 0) != 0) }
        #expect(pool.processIDs.isEmpty)
        let late = await pool.run(loop, request: request)
        #expect(late.verdict == .failed(cause: "the service is stopping"))
    }

    @Test(arguments: ["/nonexistent/slipway", "/bin/true", "/bin/cat"])
    func aWorkerThatCannotBeHadIsNoFaultOfScriptOrDevice(path: String) async throws {
        let pool = HookPool(
            settings: HookFixtures.settings, program: .init(path: path, arguments: []),
            lookup: FixedAllowlist())
        let outcome = await pool.run(
            try HookFixtures.script(Self.allow), request: try HookFixtures.request())
        #expect(outcome.verdict == .busy)
        #expect(outcome.log.first?.contains("hook worker") == true)
        let checked = await pool.check(try HookFixtures.script(Self.allow))
        #expect(checked?.contains("hook worker") == true)
        await pool.shutdown()
    }

    @Test func checkFindsWhatIsWrongWithoutRunningTheHook() async throws {
        let pool = HookFixtures.pool()
        #expect(await pool.check(try HookFixtures.script(Self.allow)) == nil)
        #expect(
            await pool.check(try HookFixtures.script("return function() error('never') end")) == nil
        )
        let syntax = await pool.check(try HookFixtures.script("return function("))
        #expect(syntax?.hasPrefix("probe:1: ") == true)
        let shape = await pool.check(try HookFixtures.script("return {}"))
        #expect(shape?.contains("must return a function") == true)
        let size = await pool.check(
            try HookFixtures.script(
                String(repeating: "-", count: Limits.hookSourceBytesMax + 1)))
        #expect(size?.contains("more than 65536 bytes") == true)
        await pool.shutdown()
    }
}

/// What the kernel says about a process.
enum ProcessFiles {
    static func text(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }

    static func descriptors(of pid: Int32) -> [String] {
        guard let folder = opendir("/proc/\(pid)/fd") else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

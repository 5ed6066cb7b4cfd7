import Fleet
package import JSON

/// What `slipway hook check` says of a script without running it.
package struct HookFinding: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case syntax, forbiddenName, undeclaredGlobal, globalAssignment, missingReturn, closeVariable
        case tooLarge
        // Of a webhook's description.
        case unknownMember, missingMember, wrongMember
    }
    package let kind: Kind
    /// Counted from 1.
    package let line: Int
    /// Counted from 1, in bytes; nil where only the line is known.
    package var column: Int?
    package let message: String

    package var json: JSONValue {
        var object: JSONObject = ["kind": .string(self.kind.rawValue), "line": .int(self.line)]
        object["column"] = self.column.map { .int($0) }
        object["message"] = .string(self.message)
        return .object(object)
    }

    /// `LINE: KIND: MESSAGE`, with the column where it is known.
    package var text: String {
        let place = self.column.map { "\(self.line):\($0)" } ?? "\(self.line)"
        return "\(place): \(self.kind.rawValue): \(self.message)"
    }
}

/// Checks scripts on the compiled form, so that comments, strings and locals cannot mislead it.
package enum HookLint {
    /// Names of plain Lua that hooks do without, and what there is instead.
    private static let forbidden: [String: String] = [
        "os": "a hook sees no clock and no system; time.now() is the request's time",
        "io": "a hook has no files", "debug": "a hook cannot look into Lua",
        "package": "a hook is one file", "require": "a hook is one file",
        "load": "a hook makes no code", "loadstring": "a hook makes no code",
        "loadfile": "a hook is one file", "dofile": "a hook is one file",
        "coroutine": "a hook has no coroutines",
        "collectgarbage": "a hook does not see the collector",
        "print": "log(...) writes to the service's log",
    ]

    /// - Returns: what is wrong, by line; nothing where nothing is.
    package static func findings(name: String, source: String) -> [HookFinding] {
        guard source.utf8.count <= Limits.hookSourceBytesMax else {
            return [
                HookFinding(
                    kind: .tooLarge, line: 1,
                    message: "the script has \(source.utf8.count) bytes; at most "
                        + "\(Limits.hookSourceBytesMax)")
            ]
        }
        let chunk: LuaChunk
        do throws(LuaChunk.Failure) { chunk = try LuaChunk(name: name, source: source) } catch {
            switch error {
            case .notLua(let message): return [Self.syntax(message, name: name)]
            case .unreadable:
                return [
                    HookFinding(
                        kind: .syntax, line: 1, message: "the compiled script cannot be read")
                ]
            }
        }
        let known = Self.knownNames
        let declared = Set(chunk.functions.flatMap { $0.globals(set: true).map(\.name) })
        var findings: [HookFinding] = []
        for function in chunk.functions {
            findings += Self.names(in: function, known: known, declared: declared)
            for (index, word) in function.code.enumerated()
            where word.operation == LuaOperation.toBeClosed {
                findings.append(
                    HookFinding(
                        kind: .closeVariable, line: function.line(index),
                        message: "a variable with <close> is not allowed"))
            }
        }
        findings += HookReturns(chunk).findings
        var seen: Set<HookFinding> = []
        return findings.filter { seen.insert($0).inserted }.sorted {
            ($0.line, $0.message) < ($1.line, $1.message)
        }
    }

    /// The lines on which something can run; empty for what is no Lua.
    package static func executableLines(name: String, source: String) -> [Int] {
        (try? LuaChunk(name: name, source: source))?.executableLines ?? []
    }

    /// Lua says "name:line: what".
    private static func syntax(_ message: String, name: String) -> HookFinding {
        guard message.hasPrefix("\(name):") else {
            return HookFinding(kind: .syntax, line: 1, message: message)
        }
        let rest = message.dropFirst(name.count + 1)
        let digits = rest.prefix { $0.isNumber }
        return HookFinding(
            kind: .syntax, line: Int(digits) ?? 1,
            message: rest.dropFirst(digits.count + 2).trimmed)
    }

    private static func names(
        in function: LuaChunk.Function, known: [String: Set<String>], declared: Set<String>
    ) -> [HookFinding] {
        var findings: [HookFinding] = []
        for use in function.globals(set: true) {
            findings.append(
                HookFinding(
                    kind: .globalAssignment, line: use.line,
                    message: known[use.name] == nil
                        ? "'\(use.name)' is assigned as a global; make it local"
                        : "'\(use.name)' is the sandbox's; call a variable of your own otherwise"))
        }
        for use in function.globals(set: false) {
            if let members = known[use.name] {
                guard let member = use.member, !members.isEmpty, !members.contains(member) else {
                    continue
                }
                findings.append(
                    HookFinding(
                        kind: .forbiddenName, line: use.line,
                        message: "there is no '\(use.name).\(member)' in a hook"))
            } else if let hint = Self.forbidden[use.name] {
                findings.append(
                    HookFinding(
                        kind: .forbiddenName, line: use.line,
                        message: "'\(use.name)' is not allowed: \(hint)"))
            } else if !declared.contains(use.name) {
                findings.append(
                    HookFinding(
                        kind: .undeclaredGlobal, line: use.line,
                        message: "'\(use.name)' is declared nowhere"))
            }
        }
        return findings
    }

    /// The environment's names, each with its members; asked of the sandbox itself.
    private static let knownNames: [String: Set<String>] = {
        let script = HookScript(
            name: HookName(checked: "names"),
            source: """
                return function()
                    local names = {}
                    for name, value in pairs(_G) do
                        names[name] = {}
                        if type(value) == "table" and name ~= "_G" and name ~= "claim" then
                            for member in pairs(value) do names[name][member] = true end
                        end
                    end
                    return names
                end
                """, digest: "", createdAt: UnixTime(milliseconds: 0))
        let call = WorkerCall(
            script: script, settings: HookSettings(workers: 1))
        let result = HookSandbox.run(call) { _ in nil }
        guard let names = try? JSONParser.parse(result.text).objectValue else { return [:] }
        var known: [String: Set<String>] = [:]
        for (name, members) in names.members {
            known[name] = Set(members.objectValue?.keys.map { $0 } ?? [])
        }
        return known
    }()
}

extension Substring {
    fileprivate var trimmed: String {
        String(self.drop { $0 == " " })
    }
}

extension LuaChunk.Function {
    struct GlobalUse {
        let name: String
        let member: String?
        let line: Int
    }

    func line(_ instruction: Int) -> Int {
        self.lines.indices.contains(instruction) ? self.lines[instruction] : self.lineDefined
    }

    /// The globals that are read, or set. A global is a field of the upvalue `_ENV`.
    func globals(set: Bool) -> [GlobalUse] {
        self.code.indices.compactMap { index in
            guard let name = self.global(at: index, set: set) else { return nil }
            return GlobalUse(
                name: name, member: set ? nil : self.member(of: self.code[index], after: index),
                line: self.line(index))
        }
    }

    /// The global that the instruction reads, or sets; nil where it does not.
    func global(at index: Int, set: Bool) -> String? {
        let word = self.code[index]
        let (table, key) =
            set ? (word.argumentA, word.argumentB) : (word.argumentB, word.argumentC)
        if word.operation == (set ? LuaOperation.setGlobal : LuaOperation.getGlobal) {
            return self.isEnvironment(upvalue: table) ? self.constant(key) : nil
        }
        // An operand numbers 256 constants and short ones; a function that has more, or longer
        // ones, puts environment and name into registers first (lcode.c, luaK_indexed).
        guard word.operation == (set ? LuaOperation.setIndexed : LuaOperation.getIndexed),
            let origin = self.writer(of: table, before: index),
            self.code[origin].operation == LuaOperation.getUpvalue,
            self.isEnvironment(upvalue: self.code[origin].argumentB)
        else { return nil }
        return self.text(inRegister: key, before: index)
    }

    /// What is read of a global right after it.
    private func member(of word: UInt32, after index: Int) -> String? {
        for next in self.code.indices.dropFirst(index + 1).prefix(3) {
            let step = self.code[next]
            if step.operation == LuaOperation.getField, step.argumentB == word.argumentA {
                return self.constant(step.argumentC)
            }
            if step.operation == LuaOperation.getIndexed, step.argumentB == word.argumentA {
                return self.text(inRegister: step.argumentC, before: next)
            }
            // Only the loading of the member's own name may come between.
            guard
                step.operation == LuaOperation.loadConstant
                    || step.operation == LuaOperation.loadConstantExtra
                    || step.operation == LuaOperation.extraArgument
            else { return nil }
        }
        return nil
    }

    private func isEnvironment(upvalue: Int) -> Bool {
        self.upvalues.indices.contains(upvalue) && self.upvalues[upvalue] == "_ENV"
    }

    private func constant(_ number: Int) -> String? {
        self.constants.indices.contains(number) ? self.constants[number] : nil
    }

    /// The instruction that gave the register its value.
    func writer(of register: Int, before index: Int) -> Int? {
        self.code[..<index].lastIndex {
            $0.argumentA == register && !LuaOperation.readsOnly.contains($0.operation)
                && $0.operation != LuaOperation.extraArgument
        }
    }

    private func text(inRegister register: Int, before index: Int) -> String? {
        guard let origin = self.writer(of: register, before: index) else { return nil }
        let word = self.code[origin]
        if word.operation == LuaOperation.loadConstant { return self.constant(word.argumentBx) }
        guard word.operation == LuaOperation.loadConstantExtra, origin + 1 < self.code.count
        else { return nil }
        return self.constant(self.code[origin + 1].argumentAx)
    }
}

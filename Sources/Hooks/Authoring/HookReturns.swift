/// Whether a script returns a hook, and every way through the hook an answer.
///
/// What is said here is certain: of a value that comes out of a call or a variable nothing is
/// known, and nothing is said.
struct HookReturns {
    private let chunk: LuaChunk
    /// A local function that is only ever one function: the main function's registers that are
    /// written once, by making it, and that no other function sets.
    private let helpers: [Int: LuaChunk.Function]

    init(_ chunk: LuaChunk) {
        self.chunk = chunk
        let main = chunk.main
        var writes: [Int: Int] = [:]
        for word in main.code where !LuaOperation.readsOnly.contains(word.operation) {
            // Of these two the first argument is no register at all.
            guard word.operation != LuaOperation.prepareArguments,
                word.operation != LuaOperation.extraArgument
            else { continue }
            for register in word.writtenRegisters { writes[register, default: 0] += 1 }
        }
        let set = Set(chunk.functions.flatMap(\.upvaluesSet))
        var helpers: [Int: LuaChunk.Function] = [:]
        for word in main.code where word.operation == LuaOperation.closure {
            guard writes[word.argumentA] == 1, main.functions.indices.contains(word.argumentBx)
            else { continue }
            helpers[word.argumentA] = main.functions[word.argumentBx]
        }
        // By name: one that is set somewhere may be another of that name, and is left alone too.
        for function in main.functions {
            for (name, source) in zip(function.upvalues, function.upvalueSources)
            where source.isRegister && set.contains(name) { helpers[source.index] = nil }
        }
        self.helpers = helpers
    }

    var findings: [HookFinding] {
        let main = self.chunk.main
        let ends = main.code.indices.dropLast().filter {
            LuaOperation.returns.contains(main.code[$0].operation)
        }
        guard !ends.isEmpty else {
            return [
                Self.missing(
                    main.line(main.code.count - 1),
                    "the file returns nothing; it must end with 'return function(request)'")
            ]
        }
        var findings: [HookFinding] = []
        for end in ends {
            if main.isPlainValue(returnedAt: end) {
                findings.append(
                    Self.missing(
                        main.line(end),
                        "the file returns no function; it must end with 'return function(request)'")
                )
            }
            if let hook = main.closure(returnedAt: end) { findings += self.findings(of: hook) }
        }
        return findings
    }

    /// The hook's own returns, and those of the local functions whose answer it hands on.
    private func findings(of hook: LuaChunk.Function) -> [HookFinding] {
        var findings: [HookFinding] = []
        var seen: Set<Int> = []
        var rest = [hook]
        while let function = rest.popLast() {
            guard seen.insert(function.number).inserted else { continue }
            let flow = LuaFlow(function)
            for end in flow.returns {
                if let message = Self.fault(of: function, at: end, flow) {
                    findings.append(Self.missing(function.line(end), message))
                }
            }
            for call in flow.handedOn {
                if let helper = self.helper(calledBy: function, at: call) { rest.append(helper) }
            }
        }
        return findings
    }

    /// What is wrong with the return at `end`; nil where nothing is, or nobody can tell.
    private static func fault(
        of function: LuaChunk.Function, at end: Int, _ flow: LuaFlow
    ) -> String? {
        if function.code[end].argumentB == 1 {
            return end == function.code.count - 1
                ? "the function that begins on line \(function.lineDefined) can end without an "
                    + "answer, which denies the device"
                : "'return' gives no answer here, which denies the device"
        }
        switch flow.constant(returnedAt: end) {
        case LuaOperation.loadNil?: return "'return nil' is no answer, which denies the device"
        case .some:
            return "a value is returned that is no table, which denies the device"
        case nil: return nil
        }
    }

    /// The local function that is called at `call` in place of a return.
    private func helper(
        calledBy function: LuaChunk.Function, at call: Int
    ) -> LuaChunk.Function? {
        guard let origin = function.writer(of: function.code[call].argumentA, before: call),
            function.code[origin].operation == LuaOperation.getUpvalue
        else { return nil }
        let number = function.code[origin].argumentB
        guard function.upvalueSources.indices.contains(number),
            function.upvalueSources[number].isRegister, function.isDefinedInMain
        else { return nil }
        return self.helpers[function.upvalueSources[number].index]
    }

    private static func missing(_ line: Int, _ message: String) -> HookFinding {
        HookFinding(kind: .missingReturn, line: max(1, line), message: message)
    }
}

extension UInt32 {
    /// The registers that an instruction which writes any writes.
    fileprivate var writtenRegisters: ClosedRange<Int> {
        self.operation == LuaOperation.loadNil
            ? self.argumentA...self.argumentA + self.argumentB : self.argumentA...self.argumentA
    }
}

extension LuaChunk.Function {
    /// The names of what the function sets in those around it.
    fileprivate var upvaluesSet: [String] {
        self.code.compactMap { word in
            guard word.operation == LuaOperation.setUpvalue,
                self.upvalues.indices.contains(word.argumentB)
            else { return nil }
            return self.upvalues[word.argumentB]
        }
    }

    /// The function that the return at `end` gives, where it is one that was made here.
    fileprivate func closure(returnedAt end: Int) -> LuaChunk.Function? {
        var register = self.code[end].argumentA
        for index in self.code[..<end].indices.reversed() {
            let word = self.code[index]
            guard word.argumentA == register else { continue }
            if word.operation == LuaOperation.move {
                register = word.argumentB
            } else if word.operation == LuaOperation.closure,
                self.functions.indices.contains(word.argumentBx)
            {
                return self.functions[word.argumentBx]
            }
        }
        return nil
    }

    /// Whether the return at `end` gives something that was made as anything but a function:
    /// a constant, a table, the result of an operator. What comes out of a call or a variable may
    /// be one.
    fileprivate func isPlainValue(returnedAt end: Int) -> Bool {
        // A count of one more than the values; the main function takes any number of arguments, so
        // that its returns have one (lcode.c, luaK_finish).
        guard self.code[end].argumentB != 1 else { return true }
        guard let origin = self.writer(of: self.code[end].argumentA, before: end) else {
            return false
        }
        return LuaOperation.makesPlainValues.contains(self.code[origin].operation)
    }
}

/// The ways through a compiled function: what can be reached from its beginning.
struct LuaFlow {
    private let function: LuaChunk.Function
    private let reached: Set<Int>
    /// Instructions that something jumps to.
    private let targets: Set<Int>

    init(_ function: LuaChunk.Function) {
        self.function = function
        var reached: Set<Int> = []
        var targets: Set<Int> = []
        var rest = [0]
        while let index = rest.popLast() {
            guard function.code.indices.contains(index), reached.insert(index).inserted else {
                continue
            }
            let next = function.successors(of: index)
            targets.formUnion(next.filter { $0 != index + 1 })
            rest += next
        }
        self.reached = reached
        self.targets = targets
    }

    /// The returns that can be reached, the one included that the compiler puts behind every
    /// function's end; but not those behind a call whose answer is handed on as it is.
    var returns: [Int] {
        self.reached.filter { LuaOperation.returns.contains(self.function.code[$0].operation) }
            .sorted()
    }

    /// The calls whose answer is the function's own.
    var handedOn: [Int] {
        self.reached.filter { self.function.code[$0].operation == LuaOperation.tailCall }.sorted()
    }

    /// The operation that loads the constant which the return at `end` gives; nil where it gives
    /// something else, or may have been reached in another way.
    func constant(returnedAt end: Int) -> Int? {
        let code = self.function.code
        guard code[end].argumentB != 0 else { return nil }
        let register = code[end].argumentA
        var index = end
        while index > 0, !self.targets.contains(index) {
            index -= 1
            let word = code[index]
            guard LuaOperation.loads.contains(word.operation) else { return nil }
            let last = word.operation == LuaOperation.loadNil ? word.argumentB : 0
            guard (word.argumentA...word.argumentA + last).contains(register) else { continue }
            return word.operation == LuaOperation.move ? nil : word.operation
        }
        return nil
    }
}

extension LuaChunk.Function {
    fileprivate func successors(of index: Int) -> [Int] {
        let word = self.code[index]
        let next = index + 1
        switch word.operation {
        case LuaOperation.returns, LuaOperation.tailCall: return []
        case LuaOperation.call where self.callsError(at: index): return []
        case LuaOperation.jump: return [next + word.jump]
        case LuaOperation.tests: return [next, next + 1]
        case LuaOperation.falseAndSkip: return [next + 1]
        case LuaOperation.forLoop, LuaOperation.genericLoop:
            return [next, next - word.argumentBx]
        case LuaOperation.forPrepare: return [next, next + word.argumentBx + 1]
        case LuaOperation.genericPrepare: return [next + word.argumentBx]
        default: return [next]
        }
    }

    /// `error(...)` does not come back.
    private func callsError(at index: Int) -> Bool {
        let register = self.code[index].argumentA
        for earlier in self.code[..<index].indices.reversed() {
            let word = self.code[earlier]
            guard word.argumentA == register, word.operation != LuaOperation.jump else { continue }
            return self.global(at: earlier, set: false) == "error"
        }
        return false
    }
}

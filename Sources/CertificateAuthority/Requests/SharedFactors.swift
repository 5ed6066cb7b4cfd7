package import Fleet
import SwiftASN1

/// Finds RSA moduli that share a prime, among all of them at once: the mark of devices that made
/// their keys before they had gathered randomness (Heninger et al., "Mining Your Ps and Qs").
///
/// Bernstein's batch GCD: with P the product of all moduli, the sum D of all P/n is P/n modulo each
/// modulus n, and has a divisor in common with n where n shares one with another. The fraction D/P
/// goes down the tree of products: times what stands beside a node, without its whole part, it is
/// the node's own (Bernstein, "Scaled remainder trees"). The cost grows with the 1.6th power of
/// their number. More moduli than fit one tree are taken block against block, so that memory, and
/// the size of the largest number, stay bounded.
package enum SharedFactors {
    /// How far it has come, in units of work of no meaning by themselves.
    package typealias Progress = (_ done: Int, _ of: Int) -> Void

    /// What one tree is made of: 122,000 RSA-2048 moduli, which take 600 MB. Its largest number has
    /// twice as many, and libcrypto's largest 2^29.
    package static let runBitsMax = (1 << 28) - (1 << 24)

    /// - Parameters:
    ///   - moduli: big-endian magnitudes, none of them zero. One that is there twice shares all.
    ///   - runBits: at most `runBitsMax`.
    ///   - progress: told after each step of the work.
    /// - Returns: the positions of those that share a factor with another, ascending.
    /// - Throws: `FleetError.internalFailure` with libcrypto's reason.
    package static func positions(
        in moduli: [[UInt8]], runBits: Int = Self.runBitsMax,
        progress: @escaping Progress = { _, _ in }
    ) throws(FleetError) -> [Int] {
        guard moduli.count > 1 else { return [] }
        let arithmetic = try BigArithmetic()
        let runs = Self.runs(over: moduli, runBits)
        let work = runs.reduce(0) { $0 + FactorTree.work(leaves: $1.count) }
        var done = 0
        var found: Set<Int> = []
        for run in runs {
            var tree = FactorTree(arithmetic) { step in
                done += step
                progress(done, work)
            }
            try tree.build(run.map { moduli[$0] })
            for position in try tree.sharing() { found.insert(run[position]) }
        }
        return found.sorted()
    }

    /// Every two positions are in one of the runs together.
    private static func runs(over moduli: [[UInt8]], _ runBits: Int) -> [[Int]] {
        let sizes = moduli.map { 8 * $0.count }
        guard sizes.reduce(0, +) > runBits else { return [Array(moduli.indices)] }
        var blocks: [[Int]] = []
        var room = 0
        for (position, bits) in sizes.enumerated() {
            if blocks.isEmpty || bits > room {
                blocks.append([])
                room = runBits / 2
            }
            blocks[blocks.count - 1].append(position)
            room -= bits
        }
        return blocks.indices.flatMap { first in
            blocks.indices.dropFirst(first + 1).map { blocks[first] + blocks[$0] }
        }
    }
}

/// Products of moduli, two and two, up to the product of all.
private struct FactorTree {
    /// Bits that a fraction has beyond its node's. Each level doubles what is wrong in the last
    /// place, and there are fewer levels than half as many.
    private static let guardBits = 64
    /// By so much the inverse of the whole is more exact than is asked of the first fraction.
    private static let inverseGuardBits = 128

    private let arithmetic: BigArithmetic
    private let step: (Int) -> Void
    private var levels: [[BigNumber]] = []
    /// D, of the level that was built last.
    private var sums: [BigNumber] = []

    /// - Parameter step: told how much of `work(leaves:)` was done.
    init(_ arithmetic: BigArithmetic, step: @escaping (Int) -> Void) {
        self.arithmetic = arithmetic
        self.step = step
    }

    /// A product of numbers twice as long costs three times as much.
    private static func cost(level: Int) -> Int {
        (0..<level).reduce(1) { product, _ in 3 * product }
    }

    private static func costOfBuilding(level: Int) -> Int { 3 * Self.cost(level: level - 1) }
    private static func costOfInverse(level: Int) -> Int { 6 * Self.cost(level: level) }
    private static func costOfDescending(level: Int) -> Int { 2 * Self.cost(level: level) }

    static func work(leaves: Int) -> Int {
        var (count, level, sum) = (leaves, 0, 0)
        while count > 1 {
            sum += count * Self.costOfDescending(level: level)
            count = (count + 1) / 2
            level += 1
            sum += count * Self.costOfBuilding(level: level)
        }
        return sum + Self.costOfInverse(level: level)
    }

    mutating func build(_ moduli: [[UInt8]]) throws(FleetError) {
        var below: [BigNumber] = []
        self.sums = []
        for modulus in moduli {
            below.append(try BigNumber(modulus))
            self.sums.append(try BigNumber(powerOfTwo: 0))
        }
        self.levels = [below]
        while below.count > 1 {
            var (products, sums): ([BigNumber], [BigNumber]) = ([], [])
            for index in stride(from: 0, to: below.count, by: 2) {
                if index + 1 < below.count {
                    let (left, right) = (below[index], below[index + 1])
                    products.append(try self.arithmetic.product(left, right))
                    sums.append(
                        try self.arithmetic.sum(
                            self.arithmetic.product(self.sums[index], right),
                            self.arithmetic.product(self.sums[index + 1], left)))
                } else {
                    products.append(below[index])
                    sums.append(self.sums[index])
                }
                self.step(Self.costOfBuilding(level: self.levels.count))
            }
            self.levels.append(products)
            (below, self.sums) = (products, sums)
        }
    }

    /// D/P without its whole part, in units of 2 to the power of minus P's bits and the guard's.
    private mutating func first() throws(FleetError) -> BigNumber {
        guard let product = self.levels.last?.first, let sum = self.sums.first else {
            throw FleetError(.internalFailure, "a tree of moduli has no root")
        }
        self.sums = []
        let inverse = try self.arithmetic.inverse(
            of: self.arithmetic.up(product, Self.inverseGuardBits))
        let fraction = try self.arithmetic.down(
            self.arithmetic.product(sum, inverse),
            product.bits + Self.inverseGuardBits - Self.guardBits)
        self.step(Self.costOfInverse(level: self.levels.count - 1))
        return try self.arithmetic.low(fraction, product.bits + Self.guardBits)
    }

    /// - Returns: positions among the moduli that the tree was built of.
    mutating func sharing() throws(FleetError) -> [Int] {
        var fractions = [try self.first()]
        while let above = self.levels.popLast(), let level = self.levels.last {
            var next: [BigNumber] = []
            for (index, number) in level.enumerated() {
                let fraction = fractions[index / 2]
                let beside = index ^ 1
                if beside < level.count {
                    let bits = above[index / 2].bits
                    let whole = try self.arithmetic.product(fraction, level[beside])
                    next.append(
                        try self.arithmetic.down(
                            self.arithmetic.low(whole, bits + Self.guardBits),
                            bits - number.bits))
                } else {
                    next.append(fraction)
                }
                self.step(Self.costOfDescending(level: self.levels.count - 1))
            }
            fractions = next
            if self.levels.count == 1 { return try self.sharing(level, fractions) }
        }
        return []
    }

    /// For each modulus, what is left of D: its fraction times itself, rounded.
    private func sharing(
        _ moduli: [BigNumber], _ fractions: [BigNumber]
    ) throws(FleetError) -> [Int] {
        var found: [Int] = []
        for (index, modulus) in moduli.enumerated() {
            let bits = modulus.bits + Self.guardBits
            let half = try BigNumber(powerOfTwo: bits - 1)
            let rest = try self.arithmetic.down(
                self.arithmetic.sum(
                    self.arithmetic.product(fractions[index], modulus), half), bits)
            if try self.arithmetic.share(rest, modulus) { found.append(index) }
        }
        return found
    }
}

extension CertificateFacts {
    /// The modulus of an RSA key, big-endian without leading zeros; nil for any other key.
    package var rsaModulus: [UInt8]? {
        guard let bits = self.rsaPublicKey, let key = try? DER.parse(bits),
            var numbers = DERFields(key),
            let modulus = numbers.next(.integer)?.primitiveBytes
        else { return nil }
        let magnitude = Array(modulus.drop { $0 == 0 })
        return magnitude.isEmpty ? nil : magnitude
    }

    /// The bits of an RSA key; nil for any other key.
    private var rsaPublicKey: ArraySlice<UInt8>? {
        guard let node = try? DER.parse(self.publicKeyDER), var fields = DERFields(node),
            let algorithm = fields.next(), let bits = fields.next()?.wholeBitStringBytes,
            var names = DERFields(algorithm),
            names.next()?.objectIdentifier == OID.rsaEncryption
        else { return nil }
        return bits
    }

    /// Why nobody should trust the certificate's key; nil where nothing speaks against it.
    package var keyWeakness: (kind: KeyWeakness, reason: String)? {
        do throws(FleetError) {
            _ = try SubjectKey(der: self.publicKeyDER, rules: KeyRules(allowsEd25519: true))
            return nil
        } catch {
            let flaw = self.rsaPublicKey.flatMap { try? RSAModulus.flaw(subjectPublicKey: $0) }
            return (flaw?.weakness ?? .unsound, error.message)
        }
    }
}

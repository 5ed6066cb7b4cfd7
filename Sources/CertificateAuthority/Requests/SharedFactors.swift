import COpenSSL
package import Fleet
import SwiftASN1

/// Finds RSA moduli that share a prime, among all of them at once: the mark of devices that made
/// their keys before they had gathered randomness (Heninger et al., "Mining Your Ps and Qs").
///
/// Bernstein's batch GCD: the product of all moduli is reduced down a tree modulo the square of
/// each. libcrypto divides as one does on paper, so that the cost still grows with n², but by
/// single words and not by whole GCDs. More moduli than fit one tree are taken block against block,
/// so that memory, and the size of the largest number, stay bounded.
package enum SharedFactors {
    /// How far it has come, in units of work of no meaning by themselves.
    package typealias Progress = (_ done: Int, _ of: Int) -> Void

    /// Two blocks of certificates' largest keys (`CertificateFacts.bytesMax`) multiply to less than
    /// libcrypto's largest number, 2^29 bits.
    package static let blockModuliMax = 2000

    /// - Parameters:
    ///   - moduli: big-endian magnitudes, none of them zero. One that is there twice shares all.
    ///   - blockModuli: how many make a block, at most `blockModuliMax`.
    ///   - progress: told after each multiplication and each reduction.
    /// - Returns: the positions of those that share a factor with another, ascending.
    /// - Throws: `FleetError.internalFailure` with libcrypto's reason.
    package static func positions(
        in moduli: [[UInt8]], blockModuli: Int = Self.blockModuliMax,
        progress: @escaping Progress = { _, _ in }
    ) throws(FleetError) -> [Int] {
        guard moduli.count > 1 else { return [] }
        guard let context = BN_CTX_new() else { throw Self.failure }
        defer { BN_CTX_free(context) }
        let runs = Self.runs(over: moduli.count, blockModuli)
        let work = runs.reduce(0) { $0 + FactorTree.work(leaves: $1.count) }
        var done = 0
        var found: Set<Int> = []
        for run in runs {
            var tree = FactorTree(context: context) { step in
                done += step
                progress(done, work)
            }
            defer { tree.free() }
            try tree.build(run.map { moduli[$0] })
            for position in try tree.sharing() { found.insert(run[position]) }
        }
        return found.sorted()
    }

    /// Every two positions are in one of the runs together.
    private static func runs(over count: Int, _ block: Int) -> [[Int]] {
        guard count > 2 * block else { return [Array(0..<count)] }
        let blocks = stride(from: 0, to: count, by: block).map {
            Array($0..<min($0 + block, count))
        }
        return blocks.indices.flatMap { first in
            blocks.indices.dropFirst(first + 1).map { blocks[first] + blocks[$0] }
        }
    }

    fileprivate static var failure: FleetError {
        LibcryptoError.take("compare RSA moduli").asFleetError
    }
}

/// Products of moduli, two and two, up to the product of all. Owns every number that it holds.
private struct FactorTree {
    private let context: OpaquePointer
    private let step: (Int) -> Void
    private var levels: [[OpaquePointer]] = []
    private var remainders: [OpaquePointer] = []

    /// - Parameter step: told how much of `work(leaves:)` was done.
    init(context: OpaquePointer, step: @escaping (Int) -> Void) {
        self.context = context
        self.step = step
    }

    func free() {
        for level in self.levels { for number in level { BN_free(number) } }
        for number in self.remainders { BN_free(number) }
    }

    /// Multiplying and dividing cost the square of a number's length.
    private static func cost(level: Int) -> Int { 1 << (2 * level) }

    static func work(leaves: Int) -> Int {
        var (count, level, sum) = (leaves, 0, 0)
        while count > 1 {
            sum += count * Self.cost(level: level)
            count = (count + 1) / 2
            level += 1
            sum += count * Self.cost(level: level)
        }
        return sum
    }

    mutating func build(_ moduli: [[UInt8]]) throws(FleetError) {
        self.levels = [[]]
        for modulus in moduli {
            guard let number = BN_bin2bn(modulus, Int32(modulus.count), nil) else {
                throw SharedFactors.failure
            }
            self.levels[0].append(number)
        }
        while let below = self.levels.last, below.count > 1 {
            self.levels.append([])
            let top = self.levels.count - 1
            for index in stride(from: 0, to: below.count, by: 2) {
                guard let number = BN_new() else { throw SharedFactors.failure }
                self.levels[top].append(number)
                let isPair = index + 1 < below.count
                guard
                    isPair
                        ? BN_mul(number, below[index], below[index + 1], self.context) == 1
                        : BN_copy(number, below[index]) != nil
                else { throw SharedFactors.failure }
                self.step(Self.cost(level: top))
            }
        }
    }

    /// Down the tree, what is above modulo the square of what is here; then, for each modulus n,
    /// gcd(n, (P mod n²) / n), which is 1 where n shares nothing.
    /// - Returns: positions among the moduli that the tree was built of.
    mutating func sharing() throws(FleetError) -> [Int] {
        guard let product = self.levels.last?.first, let first = BN_dup(product) else {
            throw SharedFactors.failure
        }
        self.remainders = [first]
        for (depth, level) in self.levels.enumerated().dropLast().reversed() {
            let above = self.remainders
            self.remainders = []
            defer { for number in above { BN_free(number) } }
            for (index, number) in level.enumerated() {
                guard let rest = BN_new() else { throw SharedFactors.failure }
                self.remainders.append(rest)
                guard BN_sqr(rest, number, self.context) == 1,
                    BN_div(nil, rest, above[index / 2], rest, self.context) == 1
                else { throw SharedFactors.failure }
                self.step(Self.cost(level: depth))
            }
        }
        guard let common = BN_new() else { throw SharedFactors.failure }
        defer { BN_free(common) }
        var found: [Int] = []
        for (index, modulus) in (self.levels.first ?? []).enumerated() {
            guard BN_div(common, nil, self.remainders[index], modulus, self.context) == 1,
                BN_gcd(common, common, modulus, self.context) == 1
            else { throw SharedFactors.failure }
            if BN_is_one(common) != 1 { found.append(index) }
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

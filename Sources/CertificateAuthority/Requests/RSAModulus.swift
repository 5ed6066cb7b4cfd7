import COpenSSL
import Fleet
import SwiftASN1

/// An RSA public key's modulus, of an acceptable size and without the marks of a bad generator.
struct RSAModulus: Sendable {
    /// F4, the only exponent accepted: smaller ones break with sloppy padding, others are a sign of
    /// a home-made generator.
    static let exponent: [UInt8] = [0x01, 0x00, 0x01]
    /// How many steps of Fermat's method find primes that were drawn too close together.
    private static let fermatRounds = 100
    private static let smallPrimeMax = 751

    let bitCount: Int

    /// What is wrong with a key that can be read.
    struct Flaw {
        let weakness: KeyWeakness
        let reason: String
    }

    /// - Parameter bits: `RSAPublicKey` (RFC 8017 A.1.1).
    init(subjectPublicKey bits: ArraySlice<UInt8>) throws(FleetError) {
        guard let (modulus, exponent) = Self.parts(of: bits), let leading = modulus.first
        else { throw SubjectKey.refusal("it is no RSAPublicKey (RFC 8017 A.1.1)") }
        self.bitCount = modulus.count * 8 - leading.leadingZeroBitCount
        if let flaw = try Self.flaw(modulus, exponent) { throw SubjectKey.refusal(flaw.reason) }
    }

    /// nil for a sound key, and for what is no key.
    static func flaw(subjectPublicKey bits: ArraySlice<UInt8>) throws(FleetError) -> Flaw? {
        guard let (modulus, exponent) = Self.parts(of: bits) else { return nil }
        return try Self.flaw(modulus, exponent)
    }

    private static func parts(
        of bits: ArraySlice<UInt8>
    ) -> (modulus: ArraySlice<UInt8>, exponent: ArraySlice<UInt8>)? {
        guard let node = try? DER.parse(bits), var fields = DERFields(node),
            let modulus = Self.unsigned(fields.next()), let exponent = Self.unsigned(fields.next()),
            fields.isAtEnd()
        else { return nil }
        return (modulus, exponent)
    }

    private static func flaw(
        _ modulus: ArraySlice<UInt8>, _ exponent: ArraySlice<UInt8>
    ) throws(FleetError) -> Flaw? {
        let bitCount = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
        guard bitCount >= KeyRules.rsaBitsMin else {
            return Flaw(
                weakness: .shortModulus,
                reason: "RSA with \(bitCount) bits is weak: at least \(KeyRules.rsaBitsMin)")
        }
        guard bitCount <= KeyRules.rsaBitsMax else {
            return Flaw(
                weakness: .unsound,
                reason: "RSA with \(bitCount) bits is more than \(KeyRules.rsaBitsMax)")
        }
        guard exponent.elementsEqual(Self.exponent) else {
            let isSmall = exponent.count < Self.exponent.count
            return Flaw(
                weakness: isSmall ? .smallExponent : .unsound,
                reason: "its RSA exponent is not 65537")
        }
        return try Self.examine(modulus)
    }

    /// The magnitude of a positive INTEGER, without its sign byte.
    private static func unsigned(_ node: ASN1Node?) -> ArraySlice<UInt8>? {
        guard let node, node.identifier == .integer, let bytes = node.primitiveBytes,
            let first = bytes.first, first < 0x80
        else { return nil }
        // DER: no more leading zero than the sign needs (X.690 8.3.2).
        if first == 0, bytes.count == 1 || bytes[bytes.startIndex + 1] < 0x80 { return nil }
        return first == 0 ? bytes.dropFirst() : bytes
    }

    private static func examine(
        _ modulus: ArraySlice<UInt8>
    ) throws(FleetError) -> Flaw? {
        let copy = Array(modulus)
        guard let number = BN_bin2bn(copy, Int32(copy.count), nil) else {
            throw LibcryptoError.take("read an RSA modulus").asFleetError
        }
        defer { BN_free(number) }
        let residues = Self.residues(of: number)
        for (prime, residue) in zip(Self.smallPrimes, residues) where residue == 0 {
            return Flaw(
                weakness: .smallFactor, reason: "its RSA modulus is divisible by \(prime)")
        }
        if Self.smellsOfROCA(residues) {
            return Flaw(
                weakness: .roca, reason: "its RSA modulus has the ROCA pattern (CVE-2017-15361)")
        }
        if try Self.hasClosePrimes(number) {
            return Flaw(
                weakness: .closePrimes,
                reason: "its RSA primes are too close together (CVE-2022-26320)")
        }
        return nil
    }

    private static let smallPrimes: [UInt] = (2...Self.smallPrimeMax).filter { candidate in
        !(2..<candidate).contains { $0 * $0 <= candidate && candidate.isMultiple(of: $0) }
    }.map(UInt.init)

    /// Runs of `smallPrimes` whose product is a word's half, which `BN_mod_word` divides by fast:
    /// a long division for each run, and the rest is words.
    private static let primeRuns: [(product: UInt, primes: [UInt])] =
        Self.smallPrimes.reduce(into: []) { runs, prime in
            if let last = runs.last, last.product * prime <= UInt(UInt32.max) {
                runs[runs.count - 1] = (last.product * prime, last.primes + [prime])
            } else {
                runs.append((prime, [prime]))
            }
        }

    /// Modulo each of `smallPrimes`.
    private static func residues(of modulus: OpaquePointer) -> [UInt] {
        Self.primeRuns.flatMap { run in
            let rest = BN_mod_word(modulus, run.product)
            return run.primes.map { rest % $0 }
        }
    }

    /// For each prime up to 167, whether a power of 65537 can leave that residue: the flawed
    /// generator made only primes of that form, and a sound modulus passes all 38 tests by a chance
    /// of about 2^-30 (Nemec et al., "The Return of Coppersmith's Attack", section 3). The index
    /// is that of the prime among `smallPrimes`.
    private static let generatedResidues: [(index: Int, isGenerated: [Bool])] =
        Self.smallPrimes.enumerated().filter { (3...167).contains($0.element) }.map { entry in
            var isGenerated = [Bool](repeating: false, count: Int(entry.element))
            var power: UInt = 1
            while !isGenerated[Int(power)] {
                isGenerated[Int(power)] = true
                power = power * 65_537 % entry.element
            }
            return (entry.offset, isGenerated)
        }

    private static func smellsOfROCA(_ residues: [UInt]) -> Bool {
        Self.generatedResidues.allSatisfy { $0.isGenerated[Int(residues[$0.index])] }
    }

    /// Fermat: n = a² - b² = (a + b)(a - b) is found at once where b is small, by trying
    /// a = floor(sqrt(n)) + 1 and those after it.
    private static func hasClosePrimes(_ modulus: OpaquePointer) throws(FleetError) -> Bool {
        guard let context = BN_CTX_new() else {
            throw LibcryptoError.take("allocate").asFleetError
        }
        defer { BN_CTX_free(context) }
        BN_CTX_start(context)
        defer { BN_CTX_end(context) }
        // BN_CTX_get fails for good after its first failure: the last one speaks for all.
        guard let first = BN_CTX_get(context), let rest = BN_CTX_get(context),
            let root = BN_CTX_get(context), let check = BN_CTX_get(context)
        else { throw LibcryptoError.take("allocate").asFleetError }
        guard Self.squareRoot(modulus, into: first, context), BN_add_word(first, 1) == 1,
            BN_sqr(rest, first, context) == 1, BN_sub(rest, rest, modulus) == 1
        else { throw LibcryptoError.take("examine an RSA modulus").asFleetError }
        // b² = a² - n grows by 2a + 1, which grows by 2: that b² is no square is seen, for all but
        // one in 400, in what a single word holds of both.
        var square = BN_mod_word(rest, Self.sieve)
        var step = (2 * BN_mod_word(first, Self.sieve) + 1) % Self.sieve
        for round in 0..<Self.fermatRounds {
            if Self.mayBeSquare(square) {
                guard BN_copy(rest, first) != nil, BN_add_word(rest, UInt(round)) == 1,
                    BN_sqr(rest, rest, context) == 1, BN_sub(rest, rest, modulus) == 1,
                    Self.squareRoot(rest, into: root, context), BN_sqr(check, root, context) == 1
                else { throw LibcryptoError.take("examine an RSA modulus").asFleetError }
                if BN_cmp(check, rest) == 0 { return true }
            }
            square = (square + step) % Self.sieve
            step = (step + 2) % Self.sieve
        }
        return false
    }

    /// Coprime, and small enough that `BN_mod_word` divides by their product at once.
    private static let squareModuli: [UInt] = [64, 63, 65, 11, 17, 19]
    private static let sieve: UInt = Self.squareModuli.reduce(1, *)
    private static let squareResidues: [(modulus: UInt, isSquare: [Bool])] =
        Self.squareModuli.map { modulus in
            let squares = Set((0..<modulus).map { $0 * $0 % modulus })
            return (modulus, (0..<modulus).map { squares.contains($0) })
        }

    /// - Parameter number: modulo `sieve`.
    private static func mayBeSquare(_ number: UInt) -> Bool {
        Self.squareResidues.allSatisfy { $0.isSquare[Int(number % $0.modulus)] }
    }

    /// floor(sqrt(number)) by Newton's method from above.
    private static func squareRoot(
        _ number: OpaquePointer, into result: OpaquePointer, _ context: OpaquePointer
    ) -> Bool {
        BN_CTX_start(context)
        defer { BN_CTX_end(context) }
        guard let quotient = BN_CTX_get(context) else { return false }
        if BN_is_zero(number) == 1 { return BN_set_word(result, 0) == 1 }
        BN_zero_ex(result)
        guard BN_set_bit(result, (BN_num_bits(number) + 1) / 2) == 1 else { return false }
        while true {
            guard BN_div(quotient, nil, number, result, context) == 1 else { return false }
            if BN_cmp(quotient, result) >= 0 { return true }
            guard BN_add(result, result, quotient) == 1, BN_rshift1(result, result) == 1 else {
                return false
            }
        }
    }
}

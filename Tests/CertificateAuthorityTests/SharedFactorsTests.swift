import Testing

@testable import CertificateAuthority
@testable import Fleet

/// Batch GCD against Euclid, over moduli whose primes are known.
@Suite struct SharedFactorsTests {
    /// The greatest below 2^32.
    private static let primes: [UInt64] = [
        4_294_967_291, 4_294_967_279, 4_294_967_231, 4_294_967_197, 4_294_967_189,
    ]

    private static func bytes(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0.drop { $0 == 0 }) }
    }

    private static func divisor(_ first: UInt64, _ second: UInt64) -> UInt64 {
        second == 0 ? first : Self.divisor(second, first % second)
    }

    /// Every pair by itself.
    private static func slowly(_ moduli: [UInt64]) -> [Int] {
        moduli.indices.filter { one in
            moduli.indices.contains {
                $0 != one && Self.divisor(moduli[one], moduli[$0]) != 1
            }
        }
    }

    /// Of five digits, which have a divisor below 115 or none.
    private static let smallPrimes: [UInt64] = (10_000...13_000).filter { number in
        !(2...114).contains { number.isMultiple(of: $0) }
    }

    @Test func twoKeysWithOnePrimeAreFoundAmongOthers() throws {
        let (p, q, r, s, t) = (
            Self.primes[0], Self.primes[1], Self.primes[2], Self.primes[3], Self.primes[4]
        )
        #expect(try SharedFactors.positions(in: [p * q, s * t, p * r].map(Self.bytes)) == [0, 2])
        #expect(try SharedFactors.positions(in: [p * q, s * t].map(Self.bytes)) == [])
        #expect(try SharedFactors.positions(in: [p * q, q * r].map(Self.bytes)) == [0, 1])
    }

    @Test func noneAndOneShareNothing() throws {
        #expect(try SharedFactors.positions(in: []) == [])
        #expect(try SharedFactors.positions(in: [Self.bytes(35)]) == [])
    }

    @Test func modulusThatIsThereTwiceSharesAll() throws {
        let product = Self.bytes(Self.primes[0] * Self.primes[1])
        let other = Self.bytes(Self.primes[2] * Self.primes[3])
        #expect(try SharedFactors.positions(in: [product, other, product]) == [0, 2])
    }

    @Test func keyThatSharesBothPrimesWithTwoOthersIsFound() throws {
        let (p, q, r, s) = (Self.primes[0], Self.primes[1], Self.primes[2], Self.primes[3])
        let moduli = [p * q, p * r, q * s].map(Self.bytes)
        #expect(try SharedFactors.positions(in: moduli) == [0, 1, 2])
    }

    /// Odd counts, whole blocks (of one, two and five), blocks that are not full, and no blocks.
    @Test(arguments: [2, 3, 7, 16, 33, 100], [64, 128, 320, SharedFactors.runBitsMax])
    func treesAndBlocksFindWhatEuclidFinds(count: Int, runBits: Int) throws {
        let primes = Self.smallPrimes
        let entropy = SeededEntropy(UInt64(count * 10_000 + runBits))
        let moduli = (0..<count).map { _ in
            primes[entropy.below(primes.count)] * primes[entropy.below(primes.count)]
        }
        var last = (done: 0, of: 0)
        let found = try SharedFactors.positions(in: moduli.map(Self.bytes), runBits: runBits) {
            done, work in
            #expect(done > last.done && done <= work)
            last = (done, work)
        }
        #expect(found == Self.slowly(moduli))
        #expect(last.done == last.of && last.of > 0)
    }

    // MARK: Arithmetic

    /// As on paper, by octets.
    private static func product(_ one: [UInt8], _ other: [UInt8]) -> [UInt8] {
        var sum = [UInt32](repeating: 0, count: one.count + other.count)
        for (index, first) in one.reversed().enumerated() {
            for (offset, second) in other.reversed().enumerated() {
                sum[index + offset] += UInt32(first) * UInt32(second)
                sum[index + offset + 1] += sum[index + offset] >> 8
                sum[index + offset] &= 0xFF
            }
        }
        for index in sum.indices.dropLast() {
            sum[index + 1] += sum[index] >> 8
            sum[index] &= 0xFF
        }
        return sum.reversed().map { UInt8(truncatingIfNeeded: $0) }
    }

    /// Equal lengths, nearly equal ones, one much longer than the other, nothing; and more words
    /// than libcrypto is given at once.
    @Test(arguments: [0, 1, 40, 100, 131], [1, 33, 100, 129])
    func productsAreThoseOfPaper(words: Int, others: Int) throws {
        let entropy = SeededEntropy(UInt64(words * 10_000 + others))
        let (one, other) = (entropy.bytes(count: 8 * words), entropy.bytes(count: 8 * others))
        let expected = try BigNumber(Self.product(one, other))
        for wordsMax in [BigArithmetic.wordsMax, 40] {
            let arithmetic = try BigArithmetic(wordsMax: wordsMax)
            let product = try arithmetic.product(BigNumber(one), BigNumber(other))
            #expect(try arithmetic.difference(product, expected).bits == 0)
        }
    }

    /// A few units from what a division would give.
    @Test(arguments: [1, 500, 600, 3001])
    func anInverseTimesItsNumberIsNearlyThePower(bytes: Int) throws {
        let arithmetic = try BigArithmetic()
        let number = try BigNumber([0x9D] + SeededEntropy(7).bytes(count: bytes - 1))
        let power = try BigNumber(powerOfTwo: 2 * number.bits)
        let inverse = try arithmetic.inverse(of: number)
        let rest = try arithmetic.difference(power, arithmetic.product(inverse, number))
        #expect(rest.bits <= number.bits + 8)
    }

    @Test func modulusIsReadFromACertificateAsOpensslPrintsIt() throws {
        let folder = try TemporaryFolder()
        try folder.openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "rsa.key", "-out",
            "rsa.pem", "-subj", "/CN=rsa")
        let printed = try folder.openssl("x509", "-in", "rsa.pem", "-noout", "-modulus")
        let facts = try CertificateFacts(pem: folder.read("rsa.pem"))
        let modulus = try #require(facts.rsaModulus)
        #expect(printed.lowercased() == "modulus=\(modulus.hex)\n")
        #expect(facts.keyWeakness == nil)
        #expect(try Deployment.shared.get().root.certificate.rsaModulus == nil)
    }
}
